//! The files below some paths: regular ones, as they lie there. Symbolic links are not followed, so there are no loops; pipes,
//! sockets and devices are not opened, since reading them may wait for ever.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::journal::Stamp;
use crate::output::{remark, shown};
use crate::wording;

/// What the walk came upon.
pub(super) enum Found {
    /// A regular file, as it was just now.
    File(PathBuf, Stamp),
    /// A link or a special file below a directory.
    Skipped,
    /// It was there a moment ago: somebody works on the tree while it is scanned.
    Vanished,
    /// It cannot be looked at, for that reason.
    Unreadable(PathBuf, String),
}

/// The paths that the user named, without those that lie within another of them.
pub(super) fn roots(paths: &[PathBuf]) -> Vec<PathBuf> {
    let real: Vec<Option<PathBuf>> = paths.iter().map(|path| path.canonicalize().ok()).collect();
    let mut roots = Vec::with_capacity(paths.len());
    for (i, path) in paths.iter().enumerate() {
        let within = |(j, other): (usize, &Option<PathBuf>)| {
            let (mine, other) = (real[i].as_ref()?, other.as_ref()?);
            (j != i && mine.starts_with(other) && (mine != other || j < i)).then_some(j)
        };
        match real.iter().enumerate().find_map(within) {
            Some(j) => remark(format_args!(
                "{} is part of {}, and is judged once",
                shown(path),
                shown(&paths[j])
            )),
            None => roots.push(path.clone()),
        }
    }
    roots
}

/// Walks the roots one after the other.
pub(super) struct Walk<'a> {
    roots: std::slice::Iter<'a, PathBuf>,
    tree: Option<walkdir::IntoIter>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(roots: &'a [PathBuf]) -> Walk<'a> {
        Walk { roots: roots.iter(), tree: None }
    }

    /// The next thing that is worth a word; directories are not.
    pub(super) fn next(&mut self) -> Option<Found> {
        loop {
            match self.tree.as_mut().and_then(Iterator::next) {
                Some(Ok(entry)) if entry.file_type().is_dir() => {}
                Some(Ok(entry)) => return Some(examine(&entry)),
                Some(Err(error)) => return Some(failed(&error)),
                None => {
                    self.tree = None;
                    if let Some(found) = self.enter(self.roots.as_slice().first()?) {
                        self.roots.next();
                        return Some(found);
                    }
                    self.roots.next();
                }
            }
        }
    }

    /// Begins with a root. A link is followed here, since the user named it.
    fn enter(&mut self, root: &Path) -> Option<Found> {
        let unreadable = |why: String| Some(Found::Unreadable(root.to_path_buf(), why));
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => {
                self.tree = Some(WalkDir::new(root).min_depth(1).into_iter());
                None
            }
            Ok(metadata) if metadata.is_file() => {
                Some(Found::File(root.to_path_buf(), Stamp::of(&metadata)))
            }
            Ok(_) => unreadable("neither a directory nor a regular file".into()),
            Err(error) => unreadable(wording::cannot_read(&error)),
        }
    }
}

/// Counts the files below the roots, telling `found` now and then; stops when that says no.
pub(super) fn count(roots: &[PathBuf], mut found: impl FnMut(u64) -> bool) -> Option<u64> {
    let mut files = 0;
    for root in roots {
        for entry in WalkDir::new(root) {
            // What cannot be read is reported by the walk itself. A root may be a link to a file.
            let is_file = entry.is_ok_and(|entry| match entry.depth() {
                0 => root.is_file(),
                _ => entry.file_type().is_file(),
            });
            files += u64::from(is_file);
            if files.is_multiple_of(64) && !found(files) {
                return None;
            }
        }
    }
    Some(files)
}

fn examine(entry: &DirEntry) -> Found {
    if !entry.file_type().is_file() {
        return Found::Skipped;
    }
    match entry.metadata() {
        Ok(metadata) => Found::File(entry.path().to_path_buf(), Stamp::of(&metadata)),
        Err(error) => failed(&error),
    }
}

fn failed(error: &walkdir::Error) -> Found {
    if error.io_error().is_some_and(|e| e.kind() == ErrorKind::NotFound) {
        return Found::Vanished;
    }
    let path = error.path().unwrap_or(Path::new("")).to_path_buf();
    Found::Unreadable(path, wording::cannot_walk(error))
}
