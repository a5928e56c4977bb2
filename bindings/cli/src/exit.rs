//! The exit status: 1 if anything is blocked, else 2 on an error, else 3 if anything goes to review, else 0.

use std::process::ExitCode;

use tamis::Action;

/// What has happened so far in this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exit {
    blocked: bool,
    error: bool,
    review: bool,
}

impl Exit {
    pub(crate) const SUCCESS: Exit = Exit { blocked: false, error: false, review: false };
    pub(crate) const ERROR: Exit = Exit { blocked: false, error: true, review: false };

    pub(crate) fn note(&mut self, action: Action) {
        self.blocked |= action == Action::Block;
        self.review |= action == Action::Review;
    }

    pub(crate) fn note_error(&mut self) {
        self.error = true;
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Exit { blocked: true, .. } => 1,
            Exit { error: true, .. } => 2,
            Exit { review: true, .. } => 3,
            _ => 0,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_outranks_an_error_and_an_error_a_review() {
        let mut exit = Exit::default();
        assert_eq!(exit.code(), 0);
        exit.note(Action::Allow);
        assert_eq!(exit.code(), 0);
        exit.note(Action::Review);
        assert_eq!(exit.code(), 3);
        exit.note_error();
        assert_eq!(exit.code(), 2);
        exit.note(Action::Block);
        assert_eq!(exit.code(), 1);
    }
}
