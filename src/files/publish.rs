//! Publishing a file: a draft beside it, which is written, synced and renamed. The room's docs have the steps.
//!
//! Whoever was told `Durability` may do the same again: a new draft is written, and nothing is taken over from the one before, of which the system may have lost a part without
//! another word.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result};

use super::{Identity, uninterrupted};

/// How often a draft is created anew when somebody takes it away in the very moment.
const ATTEMPTS: usize = 16;

/// The name under which a file is written before it is published: in the same directory, so that renaming is atomic,
/// and hidden, so that nobody takes it for a set.
pub fn draft_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.draft", std::process::id()))
}

/// Writes a file by `write` and publishes it at `path`, with mode 0640 less the process's umask.
///
/// # Errors
/// [`ErrorCode::Io`] and its kin; a full disk leaves the old file as it was and nothing beside it. [`ErrorCode::StoreLocked`] if another thread, or a
/// process of the same number in another container, is publishing a file at this path just now. [`ErrorCode::Durability`] if the new file is in place but
/// may not survive a power failure, as its directory could not be synced; doing the same again is safe.
pub fn publish<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<T>,
) -> Result<T> {
    let mut draft = Draft::of(path)?;
    let out = draft.write(write)?;
    draft.publish(path)?;
    Ok(out)
}

/// Publishes a small file whose contents are at hand.
///
/// # Errors
/// As for [`publish`].
pub fn publish_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    publish(path, |writer| writer.write_all(bytes).map_err(|e| Error::io("write", path, e)))
}

/// Removes a file for good: its directory is synced. Whoever has it open or mapped keeps it. Says whether there was one; a file that is not there is
/// none, so that doing it again is safe.
///
/// # Errors
/// [`ErrorCode::Io`] and its kin; [`ErrorCode::Durability`] if the file is gone but may come back after a power failure.
pub fn retire(path: &Path) -> Result<bool> {
    let directory = Directory::of(path)?;
    let removed = match uninterrupted(|| fs::remove_file(path)) {
        Ok(()) => true,
        Err(e) if e.kind() == io::ErrorKind::NotFound => false,
        Err(e) => return Err(Error::io("remove", path, e)),
    };
    // Also if it was gone before: whoever removed it may have failed to sync.
    directory.sync(path, "the file is removed")?;
    Ok(removed)
}

/// Makes what was renamed or removed in a directory outlive a power failure.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    let opened = Directory::of(&directory.join("any"))?;
    opened.sync_now().map_err(|e| Error::io("sync", directory, e))
}

/// The directory of a file, opened before anything in it is changed, so that a lack of descriptors or permissions changes nothing.
#[derive(Debug)]
struct Directory {
    #[cfg(unix)]
    opened: File,
}

impl Directory {
    #[cfg(unix)]
    fn of(path: &Path) -> Result<Directory> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let opened = uninterrupted(|| File::open(directory));
        Ok(Directory { opened: opened.map_err(|e| Error::io("open", directory, e))? })
    }

    /// Other systems do not sync directories.
    #[cfg(not(unix))]
    fn of(_: &Path) -> Result<Directory> {
        Ok(Directory {})
    }

    /// Makes what was done in it outlive a power failure.
    fn sync(&self, path: &Path, done: &str) -> Result<()> {
        self.sync_now().map_err(|e| {
            let what = format!(
                "{done}, but that may be lost if the power fails now: cannot sync its directory: {e}; see to the disk, and do the same again, which is safe"
            );
            Error::new(ErrorCode::Durability, what).with_path(path)
        })
    }

    #[cfg(unix)]
    fn sync_now(&self) -> io::Result<()> {
        match uninterrupted(|| self.opened.sync_all()) {
            // A file system that has no such call, such as some on the network: doing it again would never help.
            Err(e)
                if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
            {
                Ok(())
            }
            synced => synced,
        }
    }

    #[cfg(not(unix))]
    fn sync_now(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A file on its way: hidden, beside the one that it is to become, locked for as long as it is open, and removed unless it is published. For those who look at it before they
/// publish it, or know its name only then; for all others there is [`publish`].
///
/// ```
/// use std::io::Write;
/// use tamis::files::Draft;
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("list.csv");
/// let mut draft = Draft::of(&path)?;
/// draft.write(|out| out.write_all(b"sha256,label\n").map_err(|e| tamis::Error::io("write", &path, e)))?;
/// if std::fs::metadata(draft.path())?.len() > 0 {
///     draft.publish(&path)?;
/// }
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    /// The file that it is a draft of, for whoever is told of an error.
    of: PathBuf,
    file: File,
    directory: Directory,
    published: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // There is nobody to tell, and a leftover draft does no harm.
            let _ = uninterrupted(|| fs::remove_file(&self.path));
        }
    }
}

impl Draft {
    /// A new draft, empty, of the file at `path`, with mode 0640 less the process's umask. Nobody else takes it for one that was left behind: another thread, or a process of the
    /// same number in another container.
    ///
    /// # Errors
    /// [`ErrorCode::Io`] and its kin. [`ErrorCode::StoreLocked`] if somebody else has a draft of that file, in this process or in one of the same number.
    pub fn of(path: &Path) -> Result<Draft> {
        if path.is_dir() {
            let what = "a directory; expected the name of a file";
            return Err(Error::new(ErrorCode::InvalidArgument, what).with_path(path));
        }
        let directory = Directory::of(path)?;
        let draft = draft_path(path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o640);
        }
        for _ in 0..ATTEMPTS {
            match uninterrupted(|| options.open(&draft)) {
                Ok(file) => {
                    // A file system without locks is used as it is.
                    let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
                    if !taken && is_at(&file, &draft) {
                        let of = path.to_path_buf();
                        return Ok(Draft { path: draft, of, file, directory, published: false });
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => clear(&draft, path)?,
                Err(e) => return Err(Error::io("create", &draft, e)),
            }
        }
        Err(busy(path))
    }

    /// Where it lies. It may be read there, as [`Set::open`](crate::Set::open) does.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, to give it an owner or a mode of its own.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Writes it by `write`, and waits until the disk has it.
    ///
    /// # Errors
    /// [`ErrorCode::Io`] and its kin, and those of `write`.
    pub fn write<T>(
        &mut self,
        write: impl FnOnce(&mut BufWriter<&File>) -> Result<T>,
    ) -> Result<T> {
        let mut writer = BufWriter::with_capacity(1 << 20, &self.file);
        let out = write(&mut writer).map_err(|e| e.with_path(&self.of))?;
        writer.into_inner().map_err(|e| Error::io("write", &self.of, e.into_error()))?;
        uninterrupted(|| self.file.sync_all()).map_err(|e| Error::io("sync", &self.of, e))?;
        // Elsewhere a lock keeps everybody from reading, even whoever has it, and it is to be read before it is published.
        #[cfg(not(unix))]
        let _ = self.file.unlock();
        Ok(out)
    }

    /// Gives it its name, which lies in the same directory, in the place of whatever has it now.
    ///
    /// # Errors
    /// [`ErrorCode::Io`] and its kin: nothing was changed. [`ErrorCode::Durability`]: it is in place, but may not survive a power failure.
    pub fn publish(mut self, path: &Path) -> Result<()> {
        rename(&self.path, path, &self.file)
            .map_err(|e| Error::io("rename its draft to", path, e))?;
        self.published = true;
        self.directory.sync(path, "the new file is in place")
    }
}

/// Removes a draft that a process of the same number left when it was killed: nobody has it locked.
fn clear(draft: &Path, path: &Path) -> Result<()> {
    let gone = |e: &io::Error| e.kind() == io::ErrorKind::NotFound;
    let cannot = |e| Error::io("remove", draft, e);
    let metadata = match uninterrupted(|| fs::symlink_metadata(draft)) {
        Ok(metadata) => metadata,
        Err(e) if gone(&e) => return Ok(()),
        Err(e) => return Err(cannot(e)),
    };
    // Whatever else bears its name is not opened: a link would lead elsewhere, a FIFO would wait.
    let held = if metadata.is_file() {
        match uninterrupted(|| File::open(draft)) {
            Ok(file) => Some(file),
            Err(e) if gone(&e) => return Ok(()),
            Err(e) => return Err(cannot(e)),
        }
    } else {
        None
    };
    if let Some(file) = &held {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(busy(path)),
            _ if !is_at(file, draft) => return Ok(()),
            _ => {}
        }
    }
    match uninterrupted(|| fs::remove_file(draft)) {
        Err(e) if !gone(&e) => Err(cannot(e)),
        _ => Ok(()),
    }
}

fn busy(path: &Path) -> Error {
    Error::new(
        ErrorCode::StoreLocked,
        "another thread or process is writing this file just now; do it again when that is done",
    )
    .with_path(path)
}

/// Whether an open file is still the one of that name.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = file.metadata().map(|metadata| Identity::of(&metadata));
    identity.and_then(|identity| identity.is_at(path)).unwrap_or(false)
}

/// Renames the draft, which is `file`. Over a network an interrupted call may have been carried out all the same: then nothing bears the old name any more,
/// and the new one names our file.
fn rename(draft: &Path, path: &Path, file: &File) -> io::Result<()> {
    let mut interrupted = false;
    loop {
        match fs::rename(draft, path) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => interrupted = true,
            Err(e) if interrupted && e.kind() == io::ErrorKind::NotFound && is_at(file, path) => {
                return Ok(());
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn publishing_replaces_at_once_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        publish_bytes(&path, b"old").unwrap();
        let failed = publish(&path, |out| {
            out.write_all(b"half").unwrap();
            Err::<(), _>(Error::new(ErrorCode::Internal, "stop"))
        });
        assert_eq!(failed.unwrap_err().code(), ErrorCode::Internal);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        publish_bytes(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(dir.path()), ["x"], "no draft is left behind");
        assert_eq!(publish_bytes(dir.path(), b"x").unwrap_err().code(), ErrorCode::InvalidArgument);
        assert_eq!(
            publish_bytes(&dir.path().join("no/x"), b"x").unwrap_err().code(),
            ErrorCode::NotFound
        );
    }

    #[test]
    fn a_file_is_retired_once_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        publish_bytes(&path, b"x").unwrap();
        assert!(retire(&path).unwrap());
        assert!(!retire(&path).unwrap());
        assert_eq!(retire(&dir.path().join("no/x")).unwrap_err().code(), ErrorCode::NotFound);
        assert!(retire(dir.path()).is_err(), "a directory is not a file");
    }

    #[test]
    fn a_draft_is_looked_at_before_it_has_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let mut draft = Draft::of(&path).unwrap();
        draft.write(|out| out.write_all(b"new").map_err(|e| Error::io("write", &path, e))).unwrap();
        assert_eq!(fs::read(draft.path()).unwrap(), b"new");
        assert!(!path.exists());
        #[cfg(unix)]
        assert_eq!(Draft::of(&path).unwrap_err().code(), ErrorCode::StoreLocked);
        draft.publish(&dir.path().join("named by what is in it")).unwrap();
        assert_eq!(names(dir.path()), ["named by what is in it"]);
        drop(Draft::of(&path).unwrap());
        assert_eq!(names(dir.path()), ["named by what is in it"], "it was not published");
    }

    #[cfg(unix)]
    #[test]
    fn a_draft_that_was_left_behind_is_replaced_whatever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let draft = draft_path(&path);
        let elsewhere = dir.path().join("elsewhere");
        fs::write(&elsewhere, b"precious").unwrap();
        for round in 0..3 {
            match round {
                0 => fs::write(&draft, b"half of someth").unwrap(),
                1 => std::os::unix::fs::symlink(&elsewhere, &draft).unwrap(),
                _ => {
                    std::os::unix::net::UnixListener::bind(&draft).unwrap();
                }
            }
            publish_bytes(&path, &[round; 3]).unwrap();
            assert_eq!(fs::read(&path).unwrap(), [round; 3]);
            assert!(!draft.exists());
        }
        assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
    }

    /// Two threads have drafts of the same name. Before drafts were locked, one published what the other had written half.
    #[test]
    fn two_who_publish_at_once_never_mix() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let refused = std::sync::atomic::AtomicUsize::new(0);
        publish_bytes(&path, &[b'a'; 3000]).unwrap();
        std::thread::scope(|scope| {
            for letter in *b"abcd" {
                let (path, refused) = (&path, &refused);
                scope.spawn(move || {
                    for _ in 0..100 {
                        let published = publish(path, |out| {
                            for _ in 0..3 {
                                out.write_all(&[letter; 1000]).unwrap();
                                out.flush().unwrap();
                            }
                            Ok(())
                        });
                        if let Err(e) = published {
                            assert_eq!(e.code(), ErrorCode::StoreLocked, "{e}");
                            refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                        let found = fs::read(path).unwrap();
                        assert_eq!(found, [found[0]; 3000]);
                    }
                });
            }
        });
        assert_eq!(names(dir.path()), ["x"]);
        assert!(refused.into_inner() < 400, "somebody must get through");
        // While one writes, the other is told so.
        let nested = publish(&path, |_| publish_bytes(&path, b"inner"));
        assert_eq!(nested.unwrap_err().code(), ErrorCode::StoreLocked);
    }
}
