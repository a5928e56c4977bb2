//! Files named on the command line, opened the same way by every verb that reads uploads.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::wording;

/// Names on the command line that mean stdin.
pub(crate) const STDIN: &str = "-";

/// Opens the files of one run, stdin at most once.
#[derive(Debug, Default)]
pub(crate) struct Opener {
    stdin_taken: bool,
}

impl Opener {
    /// For a run that has read stdin already, if `stdin_taken`.
    pub(crate) fn new(stdin_taken: bool) -> Opener {
        Opener { stdin_taken }
    }

    /// A regular file, or stdin for `-`. The error is a clause that goes behind the file's name.
    pub(crate) fn open(&mut self, path: &Path) -> Result<Box<dyn Read>, String> {
        if path.as_os_str() == STDIN {
            if std::mem::replace(&mut self.stdin_taken, true) {
                return Err("stdin was read already; name it once".into());
            }
            return Ok(Box::new(io::stdin().lock()));
        }
        let cannot = |error: io::Error| wording::cannot_read(&error);
        // Asked before opening: opening a pipe would wait for its writer.
        let kind = fs::metadata(path).map_err(cannot)?;
        if kind.is_dir() {
            return Err(
                "a directory; name files (`tamis scan` judges all files below a directory)".into(),
            );
        }
        if !kind.is_file() {
            return Err("not a regular file; pipe it in and name it `-`".into());
        }
        Ok(Box::new(File::open(path).map_err(cannot)?))
    }
}
