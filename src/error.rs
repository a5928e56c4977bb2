//! The one error type. Its codes are numbers that C, Python and PHP share; they never change meaning.

use std::fmt::{self, Write};
use std::io;
use std::path::{Path, PathBuf};

/// Result with the crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The enumeration and [`ErrorCode::ALL`] from one table.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $number:literal $name:literal,)+) => {
        /// What kind of thing went wrong. The numbers are stable: one is never reused for another meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u32)]
        pub enum ErrorCode {
            $($(#[$doc])* $code = $number,)+
        }

        impl ErrorCode {
            /// Every code, in the order of their numbers.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$code,)+];

            /// The code's stable name, such as `store-locked`: for logs, and for languages whose users expect names.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorCode::$code => $name,)+ }
            }

            /// The code with that number, if there is one.
            pub fn from_number(number: u32) -> Option<ErrorCode> {
                ErrorCode::ALL.iter().copied().find(|code| code.number() == number)
            }
        }
    };
}

codes! {
    /// An argument is outside its documented range.
    InvalidArgument = 1 "invalid-argument",
    /// The operating system refused to read or write.
    Io = 2 "io",
    /// The file or directory does not exist.
    NotFound = 3 "not-found",
    /// The file's mode or kind is not safe to use (world-readable, group-writable, a directory, ...), or access is denied.
    Permissions = 4 "permissions",
    /// Tamis cannot do this on this system.
    Unsupported = 5 "unsupported",
    /// The caller asked the work to stop. Nothing of it is left behind.
    Stopped = 6 "stopped",
    /// The change is in place, but the system could not say that it has reached the disk: it may be lost if the power fails now. Doing the
    /// same again is safe.
    Durability = 7 "durability",
    /// The file is not a Tamis set at all.
    SetForeign = 10 "set-foreign",
    /// The set file is shorter or longer than its header says.
    SetTruncated = 11 "set-truncated",
    /// The set file was written for a newer major version of the format.
    SetVersion = 12 "set-version",
    /// The set file is damaged: a checksum or a bound does not hold.
    SetCorrupt = 13 "set-corrupt",
    /// The set file holds a critical section that this version does not know.
    SetSection = 14 "set-section",
    /// The set would exceed a bound of the format; split it.
    SetTooLarge = 15 "set-too-large",
    /// A hash list cannot be read at all (single bad rows are reported, not errors).
    List = 20 "list",
    /// The policy file is not valid.
    Policy = 30 "policy",
    /// The store directory does not have the expected shape.
    Store = 40 "store",
    /// Another process is writing to the store.
    StoreLocked = 41 "store-locked",
    /// The worker process could not be started, or is not one.
    Worker = 50 "worker",
    /// An update was refused: its signatures are missing, wrong, too few or not by the keys that its list is pinned to.
    UpdateSignature = 60 "update-signature",
    /// An update was refused: it is older than one that was seen.
    UpdateRollback = 61 "update-rollback",
    /// An update was refused: it says something else under a number that was used before.
    UpdateConflict = 62 "update-conflict",
    /// An update was refused: its maker's date for its end has passed.
    UpdateExpired = 63 "update-expired",
    /// An update was refused: it speaks of another list than the one it may speak of.
    UpdateForeign = 64 "update-foreign",
    /// An update was refused: it would match a harmless file that the operator keeps for this purpose.
    UpdateCanary = 65 "update-canary",
    /// An update was refused: its list would grow beyond the bound.
    UpdateGrowth = 66 "update-growth",
    /// An update was refused: its list would shrink beyond the bound.
    UpdateShrinkage = 67 "update-shrinkage",
    /// An update was refused: it lists a flat picture, which would match every blank page.
    UpdateFlatPicture = 68 "update-flat-picture",
    /// An update was refused: it lists the digest of the empty file.
    UpdateEmptyDigest = 69 "update-empty-digest",
    /// An update was refused: it lists something else that no set takes.
    UpdatePoison = 70 "update-poison",
    /// An update was refused: its number is at or below what was merged into the base.
    UpdateStale = 71 "update-stale",
    /// An update was refused: it is not signed, and its list takes only signed ones.
    UpdateUnsigned = 72 "update-unsigned",
    /// An update was refused: what describes it cannot be read, or contradicts itself.
    UpdateMalformed = 73 "update-malformed",
    /// An update cannot be applied yet: a file that it names is not there, or not as long as it will be, or too many of the numbers before its own are missing. Usually something is
    /// still being copied.
    UpdateIncomplete = 74 "update-incomplete",
    /// A defect of Tamis itself, caught at the boundary. Please report it.
    Internal = 90 "internal",
}

impl ErrorCode {
    /// The code's stable number.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Whether something that was brought is refused for what it is, so that the same again is refused again until something else comes: an update
    /// ([`ErrorCode::UpdateSignature`] and its kin, the numbers 60 to 89) or a set (10 to 19).
    ///
    /// ```
    /// use tamis::ErrorCode;
    /// assert!(ErrorCode::UpdateIncomplete.is_refusal() && ErrorCode::SetTruncated.is_refusal());
    /// assert!(!ErrorCode::StoreLocked.is_refusal() && !ErrorCode::Io.is_refusal());
    /// ```
    pub fn is_refusal(self) -> bool {
        matches!(self.number(), 10..=19 | 60..=89)
    }
}

/// An error that says what to do: which file, which field or line, what was expected and what was found.
///
/// ```
/// let error = "sha-0".parse::<tamis::fingerprint::Algorithm>().unwrap_err();
/// assert_eq!(error.code(), tamis::ErrorCode::InvalidArgument);
/// ```
#[derive(Debug)]
pub struct Error {
    code: ErrorCode,
    message: String,
    path: Option<PathBuf>,
    source: Option<io::Error>,
}

impl Error {
    /// An error with a code and a sentence that says what to do.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Error { code, message: message.into(), path: None, source: None }
    }

    /// An error of the operating system while doing `what` ("read", "create", "sync") to `path`.
    pub fn io(what: &str, path: &Path, source: io::Error) -> Self {
        let code = match source.kind() {
            io::ErrorKind::NotFound => ErrorCode::NotFound,
            io::ErrorKind::PermissionDenied => ErrorCode::Permissions,
            _ => ErrorCode::Io,
        };
        let message = match code {
            ErrorCode::NotFound => {
                format!("cannot {what} it: there is nothing of that name; check the path")
            }
            ErrorCode::Permissions => {
                format!(
                    "cannot {what} it: permission denied; run as its owner or as a member of its group"
                )
            }
            _ => match source.kind() {
                io::ErrorKind::NotADirectory => {
                    format!("cannot {what} it: a file stands where a directory is expected")
                }
                io::ErrorKind::IsADirectory => {
                    format!("cannot {what} it: a directory; expected a file")
                }
                _ => format!("cannot {what} it: {source}"),
            },
        };
        Error { code, message, path: Some(path.to_path_buf()), source: Some(source) }
    }

    /// The same error, naming the file it is about.
    #[must_use]
    pub fn with_path(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.to_path_buf());
        self
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What went wrong and what to do, without the file.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The file it is about, where there is one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => {
                let path = path.to_string_lossy();
                path.chars().map(visible).try_for_each(|c| f.write_char(c))?;
                write!(f, ": {}", self.message)
            }
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|e| e as _)
    }
}

/// Foreign text, such as the name of a file or of an item, as it may be shown on a terminal or stand in a log: what nobody would see, or what changes how the rest
/// is seen (control characters, and the categories Cf, Zl and Zp of Unicode), is a question mark. Messages of this crate are so already.
///
/// ```
/// assert_eq!(tamis::plain("gif\u{200b}ct\u{1b}[2J"), "gif?ct?[2J");
/// ```
pub fn plain(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// A character of foreign text as it may be shown: what nobody would see, or what changes how the rest is seen, is a question mark.
pub(crate) fn visible(c: char) -> char {
    if is_unseen(c) { '?' } else { c }
}

/// Whether a character has no look of its own: control characters, and those of the general categories Cf, Zl and Zp of Unicode 16 (formats, separators of lines and of
/// paragraphs), which turn the direction of a text, end a line, or make two texts that look alike differ.
pub(crate) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// What a parser says of foreign text, as it may be shown: it may quote that, which may be long.
pub(crate) fn complaint(error: &impl fmt::Display) -> String {
    error.to_string().chars().take(200).map(visible).collect()
}

/// Foreign text as it may be shown in a message: short, and without characters that cannot be seen.
pub(crate) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(40).map(visible).collect();
    if text.chars().nth(40).is_some() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// New codes fall where they belong by their numbers, and their names say so.
    #[test]
    fn the_codes_are_numbered_by_kind() {
        assert!(ErrorCode::ALL.is_sorted_by(|a, b| a.number() < b.number()));
        for code in ErrorCode::ALL.iter().copied() {
            let name = format!("{code:?}");
            let refusal = name.starts_with("Update") || name.starts_with("Set");
            assert_eq!(code.is_refusal(), refusal, "{name}");
        }
    }

    #[test]
    fn what_is_shown_can_be_seen() {
        let path = Path::new("x\n2026-11-22 tamis: all well\x1b[2J\u{202e}\u{2028}y");
        let error = Error::new(ErrorCode::Io, "cannot read it").with_path(path);
        assert_eq!(error.to_string(), "x?2026-11-22 tamis: all well?[2J??y: cannot read it");
        assert_eq!(error.path(), Some(path), "as it is for programs");
        assert_eq!(shown("gif\u{200b}ct \u{2066}\u{e0001}\u{ad}ü\u{feff}"), "gif?ct ???ü?");
        assert!(!['a', 'ü', ' ', '\u{a0}', '\u{3000}', '語', '😀', '?'].into_iter().any(is_unseen));
    }
}
