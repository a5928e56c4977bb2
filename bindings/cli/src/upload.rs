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
    /// What else can be done with a directory.
    instead: &'static str,
}

impl Opener {
    /// For a run that judges, and that has read stdin already, if `stdin_taken`.
    pub(crate) fn judging(stdin_taken: bool) -> Opener {
        Opener { stdin_taken, instead: " (`tamis scan` judges all files below a directory)" }
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
        // Asked before opening, which does something to some devices; and again, since the file may have been exchanged in between.
        regular(&fs::metadata(path).map_err(cannot)?, self.instead)?;
        let file = open_unwaiting(path).map_err(cannot)?;
        regular(&file.metadata().map_err(cannot)?, self.instead)?;
        Ok(Box::new(file))
    }
}

fn regular(metadata: &fs::Metadata, instead: &str) -> Result<(), String> {
    match metadata {
        m if m.is_file() => Ok(()),
        m if m.is_dir() => Err(format!("a directory; expected a file: name its files{instead}")),
        _ => Err("not a regular file; pipe it in and name it `-`".into()),
    }
}

/// Opens a file for reading. Of a pipe that nobody writes to it opens the end, and does not wait for the other.
fn open_unwaiting(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.read(true).open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_in_place_of_a_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let refused = Opener::default().open(&pipe).map(|_| ()).unwrap_err();
        assert!(refused.contains("pipe it in"), "{refused}");
        // As if it had come there after it was looked at.
        let (done, waited) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(open_unwaiting(&pipe).unwrap()));
        let opened = waited.recv_timeout(std::time::Duration::from_secs(60));
        let opened = opened.expect("it waits for the pipe's writer");
        assert!(regular(&opened.metadata().unwrap(), "").is_err());
    }
}
