//! Actions and modes: the words a policy answers with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result, shown};

/// What the platform is told to do with an upload. Ordered: a stronger action is greater.
///
/// ```
/// use tamis::policy::Action;
/// assert!(Action::Block > Action::Review && Action::Review > Action::Allow);
/// assert_eq!("review".parse::<Action>()?, Action::Review);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Action {
    /// Store and publish it.
    Allow = 0,
    /// Do not publish it until a person has decided.
    Review = 1,
    /// Refuse it.
    Block = 2,
}

impl Action {
    /// Every action, the weakest first.
    pub const ALL: [Action; 3] = [Action::Allow, Action::Review, Action::Block];

    /// The name used in policies and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Allow => "allow",
            Action::Review => "review",
            Action::Block => "block",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Action {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Action::ALL.into_iter().find(|a| a.name() == text).ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!("{:?} is not an action; expected allow, review or block", shown(text)),
            )
        })
    }
}

/// Whether a policy's actions take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Mode {
    /// Every upload is allowed; the judgement says what enforcing would have done.
    Observe = 0,
    /// The actions take effect.
    Enforce = 1,
}

impl Mode {
    /// Both modes.
    pub const ALL: [Mode; 2] = [Mode::Observe, Mode::Enforce];

    /// The name used in policies and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Observe => "observe",
            Mode::Enforce => "enforce",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Mode::ALL.into_iter().find(|m| m.name() == text).ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!("{:?} is not a mode; expected observe or enforce", shown(text)),
            )
        })
    }
}
