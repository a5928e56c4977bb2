//! The directory of a store: who may own what in it, and how its files are opened.

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result};
use crate::set::{self, Residency, Set};

/// The directory, looked at.
pub(super) fn directory(path: &Path) -> Result<Metadata> {
    let metadata = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
    if metadata.is_dir() {
        set::check_mode(&metadata, path)?;
    }
    Ok(metadata)
}

/// Opens a file of the directory for reading, unless it is a link or somebody else may write to it.
pub(super) fn open_file(directory: &Path, name: &str) -> Result<File> {
    let path = plain(directory, name)?;
    let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
    let metadata = file.metadata().map_err(|e| Error::io("examine", &path, e))?;
    set::check_mode(&metadata, &path)?;
    Ok(file)
}

/// Opens a set of the directory.
pub(super) fn open_set(directory: &Path, name: &str, residency: Residency) -> Result<Set> {
    Set::open_with(plain(directory, name)?, residency)
}

fn plain(directory: &Path, name: &str) -> Result<PathBuf> {
    let path = directory.join(name);
    let kind = std::fs::symlink_metadata(&path).map_err(|e| Error::io("open", &path, e))?;
    if kind.is_file() {
        return Ok(path);
    }
    let what = "not a regular file; a store's files lie in its directory themselves, without links";
    Err(Error::new(ErrorCode::Permissions, what).with_path(&path))
}
