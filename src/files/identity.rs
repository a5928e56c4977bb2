//! Which file it is, and which version of it.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

use super::uninterrupted;

/// Tells one file from another of the same name. For as long as a file is open, no other has its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity([u64; 2]);

impl Identity {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Identity {
        use std::os::unix::fs::MetadataExt;
        Identity([metadata.dev(), metadata.ino()])
    }

    /// Other systems do not let go of the name of an open file.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Identity {
        Identity([0; 2])
    }

    /// Whether that name is this file's now; a link is not followed.
    pub(crate) fn is_at(self, path: &Path) -> io::Result<bool> {
        let named = uninterrupted(|| std::fs::symlink_metadata(path))?;
        Ok(Identity::of(&named) == self)
    }
}

/// Tells one version of a file from the next, without reading it: its identity, size and times. Whoever keeps the file open that he took it of meets no other
/// file that looks like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    identity: Identity,
    size: u64,
    times: [i64; 4],
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> Result<Stamp> {
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("examine", path, e))?;
        Ok(Stamp::from(&metadata))
    }

    pub(crate) fn of_open(file: &File, path: &Path) -> Result<Stamp> {
        let metadata = file.metadata().map_err(|e| Error::io("examine", path, e))?;
        Ok(Stamp::from(&metadata))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Stamp {
        #[cfg(unix)]
        let times = {
            use std::os::unix::fs::MetadataExt;
            [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()]
        };
        #[cfg(not(unix))]
        let times = {
            let modified =
                metadata.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
            [modified.map_or(0, |t| t.as_nanos() as i64), 0, 0, 0]
        };
        Stamp { identity: Identity::of(metadata), size: metadata.len(), times }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_itself_and_no_other_of_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("x"), dir.path().join("y"));
        std::fs::write(&path, b"x").unwrap();
        std::fs::write(&other, b"x").unwrap();
        let file = File::open(&path).unwrap();
        let identity = Identity::of(&file.metadata().unwrap());
        let stamp = Stamp::of_open(&file, &path).unwrap();
        assert!(identity.is_at(&path).unwrap());
        assert_eq!(Stamp::of(&path).unwrap(), stamp);
        assert!(!identity.is_at(&other).unwrap());

        // Written to, it is another version of the same file.
        std::fs::write(&path, b"longer").unwrap();
        assert!(identity.is_at(&path).unwrap());
        assert_ne!(Stamp::of(&path).unwrap(), stamp);
        // A link to it is another thing, and so is what takes its name.
        std::os::unix::fs::symlink(&path, dir.path().join("link")).unwrap();
        assert!(!identity.is_at(&dir.path().join("link")).unwrap());
        std::fs::rename(&other, &path).unwrap();
        assert!(!identity.is_at(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(identity.is_at(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
