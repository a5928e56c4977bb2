//! Replaces the contents of a file that belongs to the operator: readers see the old text or the new, and its owner and mode stay.
//!
//! [`tamis::set::publish`] is for sets and gives them a mode of their own; a policy keeps the one that its workers can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tamis::set::draft_path;

use crate::Failure;

/// A file that is removed unless it was renamed to its final name.
pub(crate) struct Draft {
    pub(crate) path: PathBuf,
}

impl Draft {
    /// The draft of `target`, not made yet.
    pub(crate) fn of(target: &Path) -> Draft {
        Draft { path: draft_path(target) }
    }

    /// Renames it to its final name, for good: the directory is synced too.
    pub(crate) fn publish(self, target: &Path) -> Result<(), Failure> {
        let cannot = |e| Failure::of(target, format_args!("cannot replace it: {e}"));
        fs::rename(&self.path, target).map_err(cannot)?;
        // Its name is gone, so that dropping the draft removes nothing.
        let directory = target.parent().filter(|p| !p.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        if cfg!(unix) {
            let synced = File::open(directory).and_then(|d| d.sync_all());
            synced.map_err(|e| {
                Failure::of(target, format_args!("it is in place, but may be lost if the power fails: cannot sync its directory: {e}"))
            })?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // There is nobody to tell, and a leftover draft does no harm.
        let _ = fs::remove_file(&self.path);
    }
}

/// Gives a file new contents and leaves its owner, group and mode as they are. A symbolic link stays one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let cannot = |e: io::Error| Failure::of(path, format_args!("cannot replace it: {e}"));
    let target = path.canonicalize().map_err(cannot)?;
    let metadata = fs::metadata(&target).map_err(cannot)?;
    let draft = Draft::of(&target);
    // Left by a process of the same number that was killed.
    let _ = fs::remove_file(&draft.path);
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(&draft.path).map_err(cannot)?;
    keep_owner(&draft.path, &metadata).map_err(|e| {
        Failure::of(path, format_args!("cannot keep its owner and group, and changing them could lock its readers out: {e}; run this as its owner"))
    })?;
    file.set_permissions(metadata.permissions()).map_err(cannot)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(cannot)?;
    draft.publish(&target)
}

#[cfg(unix)]
fn keep_owner(draft: &Path, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let new = fs::metadata(draft)?;
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    chown(draft, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}
