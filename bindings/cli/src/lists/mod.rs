//! Lists as files: reading them, accounting for their rows, and whether this machine has room for what they hold. For every verb that takes some.

pub(crate) mod list;
pub(crate) mod preflight;
pub(crate) mod rejects;
pub(crate) mod rows;

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::upload::STDIN;

/// Refuses, before anything is read, lists that cannot be read as they are named, and a file for their rejected rows that is one of them or cannot be written.
pub(crate) fn check(lists: &[PathBuf], rejects: Option<&Path>) -> Result<(), Failure> {
    stdin_once(lists)?;
    let Some(rejects) = rejects else { return Ok(()) };
    check_writable("--rejects", rejects)?;
    not_read("--rejects", rejects, lists)
}

/// Refuses what can be read only once and is named more often.
pub(crate) fn stdin_once<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Result<(), Failure> {
    match paths.into_iter().filter(|path| path.as_os_str() == STDIN).count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::new("stdin is named more than once; name it once")),
    }
}

/// Refuses to write to a file that is read.
pub(crate) fn not_read(option: &str, path: &Path, lists: &[PathBuf]) -> Result<(), Failure> {
    match lists.iter().any(|list| same_file(path, list)) {
        true => {
            let what = format_args!("{option} names a list that is read; give another name");
            Err(Failure::of(path, what))
        }
        false => Ok(()),
    }
}

/// Refuses what no file can be written as.
pub(crate) fn check_writable(option: &str, path: &Path) -> Result<(), Failure> {
    if let Ok(metadata) = fs::metadata(path)
        && !metadata.is_file()
    {
        let kind = if metadata.is_dir() { "a directory" } else { "not a regular file" };
        return Err(Failure::of(path, format_args!("{option} is {kind}; give the name of a file")));
    }
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty());
    match directory {
        Some(directory) if !directory.is_dir() => Err(Failure::of(
            path,
            format_args!("there is no directory {}; make it first", directory.display()),
        )),
        _ => Ok(()),
    }
}

pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// Bytes of some files, if all are regular ones.
pub(crate) fn length(files: &[PathBuf]) -> Option<u64> {
    let sizes = files.iter().map(|path| {
        fs::metadata(path)
            .ok()
            .filter(|m| m.is_file() && path.as_os_str() != STDIN)
            .map(|m| m.len())
    });
    sizes.sum()
}
