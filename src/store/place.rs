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

/// The names of what lies in the directory, but for those that are no text: no writer gave them.
///
/// Not by the standard library, which panics if a directory cannot be closed: that the disk is broken must not look like a defect of the host.
#[cfg(unix)]
pub(super) fn names(directory: &Path) -> std::io::Result<Vec<String>> {
    let opened = File::open(directory)?;
    let mut names = Vec::new();
    // Not `read_from`, which opens it once more, and does not try again when that is interrupted.
    for entry in rustix::fs::Dir::new(opened)? {
        if let Ok(name) = entry?.file_name().to_str() {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// As above; other systems have no such trouble.
#[cfg(not(unix))]
pub(super) fn names(directory: &Path) -> std::io::Result<Vec<String>> {
    let names =
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
    names.filter_map(std::io::Result::transpose).collect()
}
