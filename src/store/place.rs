//! The directory of a store: who may own what in it, and how its files are opened.

use std::fs::{File, Metadata};
use std::path::Path;

use crate::error::{Error, Result};
use crate::set;

/// The directory, looked at. A store may also be a single set file, whose mode is looked at when it is opened.
pub(super) fn directory(path: &Path) -> Result<Metadata> {
    let metadata = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
    if metadata.is_dir() {
        set::check_mode(&metadata, path)?;
    }
    Ok(metadata)
}

/// Opens a file of the directory for reading, unless it is a link or somebody else may write to it.
pub(super) fn open_file(directory: &Path, name: &str) -> Result<File> {
    set::open_file_within(directory, name).map(|(file, _)| file)
}
