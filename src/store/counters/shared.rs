//! The file of the counters as memory that processes share. The one place in this room with `unsafe`.
//!
//! Why it is sound:
//!
//! 1. The map is only ever seen as a slice of `AtomicU64`, which tolerate that somebody else changes them at any time; every bit pattern is a valid number.
//!    All processes of this program access it by atomic operations of eight aligned bytes. Another program that writes to the file by other means can make
//!    the numbers wrong, and they are taken for hostile: nothing that is read here is used as an index or as a bound without a check.
//! 2. The map starts at a page, so the words are aligned; it is as long as the file was when it was mapped, and the slice lives no longer than the map.
//! 3. If the file is *cut* while it is mapped, touching the missing part ends the process by SIGBUS. Nobody here cuts it: it is made at its full
//!    length, and replaced by another file, never shortened. Whoever may write to `state/` could do so; workers of one store trust each other that far,
//!    as they do in any shared cache. A host that trusts them less opens its store with `StoreOptions::counters(false)`.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::AtomicU64;

use memmap2::MmapRaw;

use crate::error::{Error, ErrorCode, Result};
use crate::files::{Identity, draft_path};

/// A file's words, shared by all who map it.
pub(super) struct Words {
    map: MmapRaw,
    identity: Identity,
}

impl Words {
    /// Maps the file at `path`, which must be a regular one of `bytes` bytes: none if it is there but is not that. Symbolic links are not followed: who may
    /// write to the directory could point one to a file that only the caller may write to.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`], [`ErrorCode::Permissions`], [`ErrorCode::Io`].
    pub(super) fn open(path: &Path, bytes: u64) -> Result<Option<Words>> {
        let named = fs::symlink_metadata(path).map_err(|e| Error::io("open", path, e))?;
        if !named.is_file() {
            let message = "not a regular file; remove it, and a new one is made";
            return Err(Error::new(ErrorCode::Permissions, message).with_path(path));
        }
        let file = open_unfollowed(path).map_err(|e| Error::io("open", path, e))?;
        let metadata = file.metadata().map_err(|e| Error::io("examine", path, e))?;
        if Identity::of(&metadata) != Identity::of(&named) || metadata.len() != bytes {
            return Ok(None);
        }
        let map = MmapRaw::map_raw(&file).map_err(|e| Error::io("map", path, e))?;
        // Mapped as long as it was a moment ago, or not at all.
        Ok((map.len() as u64 == bytes).then_some(Words { map, identity: Identity::of(&metadata) }))
    }

    /// All words.
    #[allow(unsafe_code, reason = "the module documentation argues why it is sound here")]
    pub(super) fn all(&self) -> &[AtomicU64] {
        let words = self.map.len() / size_of::<AtomicU64>();
        // SAFETY: the pointer is that of a live map of at least as many bytes, page-aligned; `AtomicU64` has no invalid values and
        // may be changed by others at any time; the slice borrows `self`, which holds the map.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast::<AtomicU64>(), words) }
    }

    /// Whether `path` still names this file. An unknown answer counts as yes.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.identity.is_at(path).unwrap_or_else(|e| e.kind() != std::io::ErrorKind::NotFound)
    }
}

/// Opens a file to read and write, and neither follows a link that has taken its place by now nor waits for anybody: a process that was taken over may swap names at any
/// moment, and to open some devices is to do something.
fn open_unfollowed(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits() as i32);
    }
    options.open(path)
}

/// Makes the file at `path`, `head` and then zeros up to `bytes`, all of it written, since a hole that cannot be filled for want of space would end a process
/// by SIGBUS. It gets its name when it is complete. If another process was first, unless `replace`, that one's stays.
///
/// # Errors
/// [`ErrorCode::Io`] and its kin; nothing is left behind.
pub(super) fn create(path: &Path, head: &[u8], bytes: u64, replace: bool) -> Result<()> {
    // Not a draft that is locked: two threads that open a store at once have one name for it, and neither may go without counters, or wait, because of the other. If they mix
    // theirs, what comes of it is too short, which is seen, and made anew.
    let draft = draft_path(path);
    // Left by a process of the same number that was killed.
    let _ = fs::remove_file(&draft);
    let made = write(&draft, head, bytes).and_then(|()| {
        let placed = if replace { fs::rename(&draft, path) } else { fs::hard_link(&draft, path) };
        match placed {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            placed => placed,
        }
    });
    let _ = fs::remove_file(&draft);
    made.map_err(|e| Error::io("create", path, e))
}

fn write(draft: &Path, head: &[u8], bytes: u64) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(draft)?;
    share(&file)?;
    let mut writer = BufWriter::with_capacity(1 << 16, file);
    writer.write_all(head)?;
    let zeros = [0; 1 << 12];
    let mut missing = bytes.saturating_sub(head.len() as u64);
    while missing > 0 {
        let part = missing.min(zeros.len() as u64);
        writer.write_all(&zeros[..part as usize])?;
        missing -= part;
    }
    writer.into_inner().map_err(|e| e.into_error())?.sync_all()
}

/// Lets the directory's group write to it whatever the umask: the writer of a store and its workers may be different users.
#[cfg(unix)]
fn share(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o660))
}

#[cfg(not(unix))]
fn share(_: &File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// As a process that was taken over would: the name is looked at, and is another thing when it is opened.
    #[test]
    fn a_link_that_takes_the_place_of_the_file_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, [0; 64]).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open_unfollowed(&file).is_ok());
        let refused = open_unfollowed(&link).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(rustix::io::Errno::LOOP.raw_os_error()));
        assert_eq!(Words::open(&link, 64).err().unwrap().code(), ErrorCode::Permissions);
    }
}
