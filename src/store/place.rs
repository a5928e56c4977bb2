//! The directory of a store: who may own what in it, and how its files are opened.

use std::fs::{File, Metadata};
use std::path::Path;

use crate::error::{Error, Result};
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
    Ok(set::open_file_within(directory, name)?.0)
}

/// Opens a set of the directory, as the same.
pub(super) fn open_set(directory: &Path, name: &str, residency: Residency) -> Result<Set> {
    set::open_within(directory, name, residency)
}
