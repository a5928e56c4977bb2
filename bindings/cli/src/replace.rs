//! Replaces the contents of a file that belongs to the operator: readers see the old text or the new, and its owner and mode stay.
//!
//! [`tamis::files::publish`] gives a file a mode of its own; a policy keeps the one that its workers can read.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tamis::Error;
use tamis::files::Draft;

use crate::Failure;

/// Gives a file new contents and leaves its owner, group and mode as they are. A symbolic link stays one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let cannot = |e: io::Error| Failure::of(path, format_args!("cannot replace it: {e}"));
    let target = path.canonicalize().map_err(cannot)?;
    let metadata = fs::metadata(&target).map_err(cannot)?;
    let mut draft = Draft::of(&target)?;
    keep_owner(draft.file(), &metadata).map_err(|e| {
        Failure::of(path, format_args!("cannot keep its owner and group, and changing them could lock its readers out: {e}; run this as its owner"))
    })?;
    draft.file().set_permissions(metadata.permissions()).map_err(cannot)?;
    draft.write(|out| out.write_all(bytes).map_err(|e| Error::io("write", &target, e)))?;
    Ok(draft.publish(&target)?)
}

#[cfg(unix)]
fn keep_owner(draft: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let new = draft.metadata()?;
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    fchown(draft, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}
