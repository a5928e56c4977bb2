//! A lock between processes: a file that is locked as a whole, for as long as its [`Lock`] lives.
//!
//! The system ties the lock to the open file, of which a child that is forked has a copy, if only until it becomes another program. So a lock is let go of expressly,
//! and not by closing the file, or whoever takes it next would find it taken; and a child never lets go of its parent's.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result};
use crate::files::uninterrupted;

#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
    held: bool,
    process: u32,
}

impl Lock {
    /// A lock on a file, which is made if there is none; none if somebody else has it.
    pub(super) fn take(path: &Path) -> Result<Option<Lock>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // Whoever may open it may lock it.
            options.mode(0o600);
        }
        let file = options.open(path).map_err(|e| Error::io("open", path, e))?;
        let tried = uninterrupted(|| match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) => Err(e),
        });
        let held = tried.map_err(|e| Error::io("lock", path, e))?;
        let lock = Lock { path: path.to_path_buf(), file, held, process: std::process::id() };
        Ok(held.then_some(lock))
    }

    /// Writes into the file whose it is, for whoever finds it locked.
    pub(super) fn sign(&mut self) {
        let _ = self.file.set_len(0).and_then(|()| self.file.rewind());
        let _ = writeln!(self.file, "{}", self.process);
    }

    /// An error for whoever does not hold it any more: a forked child, or a writer that could not take it back.
    pub(super) fn check(&self) -> Result<()> {
        let what = if self.process != std::process::id() {
            "this writer belongs to the process that forked this one; open the store anew"
        } else if !self.held {
            "this writer has lost its lock; open the store anew"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorCode::StoreLocked, what).with_path(&self.path))
    }

    /// Lets go of it for a while.
    pub(super) fn let_go(&mut self) -> Result<()> {
        self.check()?;
        uninterrupted(|| self.file.unlock()).map_err(|e| Error::io("unlock", &self.path, e))?;
        self.held = false;
        Ok(())
    }

    /// Takes it back, as soon as nobody else has it.
    pub(super) fn take_back(&mut self) -> Result<()> {
        uninterrupted(|| self.file.lock()).map_err(|e| Error::io("lock", &self.path, e))?;
        self.held = true;
        self.sign();
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.check().is_ok() {
            // Closing the file does it, too, unless a child has it.
            let _ = uninterrupted(|| self.file.unlock());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_free_when_it_is_let_go_of_whoever_else_has_the_file_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let mut lock = Lock::take(&path).unwrap().unwrap();
        assert!(Lock::take(&path).unwrap().is_none());
        // As a child has it that was just forked.
        let copy = lock.file.try_clone().unwrap();
        lock.let_go().unwrap();
        assert_eq!(lock.check().unwrap_err().code(), ErrorCode::StoreLocked);
        drop(Lock::take(&path).unwrap().unwrap());
        lock.take_back().unwrap();
        assert!(Lock::take(&path).unwrap().is_none());
        drop(lock);
        assert!(Lock::take(&path).unwrap().is_some());
        drop(copy);
    }

    #[test]
    fn it_says_whose_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::fs::write(&path, "something longer than a number").unwrap();
        Lock::take(&path).unwrap().unwrap().sign();
        let said = std::fs::read_to_string(&path).unwrap();
        assert_eq!(said.trim().parse(), Ok(std::process::id()));
    }
}
