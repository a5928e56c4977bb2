//! Rejected rows: some of them on stderr, all of them in the file that `--rejects` names.

use std::io::Write;
use std::path::Path;

use serde_json::json;
use tamis::import::Rejection;

use crate::Failure;
use crate::progress::Progress;
use crate::wording::count;

/// Rows of one list that are shown on stderr.
const SHOWN: u64 = 20;

/// Where rejected rows go.
pub(crate) struct Rejects<'f> {
    file: Option<&'f mut dyn Write>,
    /// Of the list that is read now.
    count: u64,
    /// The first time that the file could not be written.
    failed: Option<std::io::Error>,
}

impl Rejects<'_> {
    pub(crate) fn new(file: Option<&mut dyn Write>) -> Rejects<'_> {
        Rejects { file, count: 0, failed: None }
    }

    pub(super) fn take(&mut self, list: &Path, rejection: &Rejection, progress: &Progress) {
        self.count += 1;
        let Rejection { line, cause, message, .. } = rejection;
        if self.count <= SHOWN {
            progress.remark(format_args!("{}:{line}: {cause}: {message}", list.display()));
        }
        let Some(file) = self.file.as_mut().filter(|_| self.failed.is_none()) else { return };
        let row = json!({ "file": list.to_string_lossy(), "line": line, "cause": cause.name(), "message": message });
        self.failed = writeln!(file, "{row}").err();
    }

    /// Ends the account of one list.
    pub(super) fn end_of_list(&mut self, list: &Path, progress: &Progress) {
        if let Some(more) = self.count.checked_sub(SHOWN).filter(|more| *more > 0) {
            let more = count(more, "more rejected row");
            let hint = match self.file {
                Some(_) => "all are in the file that --rejects names",
                None => "give --rejects FILE to keep them all",
            };
            progress.remark(format_args!("{}: {more}; {hint}", list.display()));
        }
        self.count = 0;
    }

    /// The file must be whole. `nothing`: what is said if it is not.
    pub(crate) fn finish(self, nothing: &str) -> Result<(), Failure> {
        match self.failed {
            Some(error) => Err(Failure::new(format!(
                "--rejects: cannot write the rejected rows: {error} ({nothing})"
            ))),
            None => Ok(()),
        }
    }
}
