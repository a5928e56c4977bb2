//! What tells one version of a file from the next, without reading it.

use std::fs::{File, Metadata};
use std::path::Path;

use crate::error::{Error, Result};

/// Identity, size and times of a file. A file that is kept open keeps its inode number to itself, so a new file cannot look like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    identity: [i64; 6],
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Result<Stamp> {
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("examine", path, e))?;
        Ok(Stamp::from(&metadata))
    }

    pub(super) fn of_open(file: &File, path: &Path) -> Result<Stamp> {
        let metadata = file.metadata().map_err(|e| Error::io("examine", path, e))?;
        Ok(Stamp::from(&metadata))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Stamp {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            [
                metadata.dev() as i64,
                metadata.ino() as i64,
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ]
        };
        #[cfg(not(unix))]
        let identity = {
            let modified =
                metadata.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
            [0, 0, modified.map_or(0, |t| t.as_nanos() as i64), 0, 0, 0]
        };
        Stamp { size: metadata.len(), identity }
    }
}
