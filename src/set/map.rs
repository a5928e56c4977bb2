//! Where a set's bytes live: in a map of the file, shared by every process that opened it, or in memory of this process.
//! The only file of this room with `unsafe` in it: the one call that maps a file.
//!
//! # Why mapping is offered by a safe function
//!
//! A map shows whatever the file holds *now*. If another process writes into it, bytes change under us; if it is cut,
//! touching the missing pages raises SIGBUS. We rely on the following, in this order:
//!
//! 1. Sets are published by writing a temporary file and renaming it, so a mapped file is never written to again.
//!    `open` refuses files that others may write to (group- or world-writable).
//! 2. Lengths and offsets are read once, by `read_prefix`, into the heap, and checked there. Nothing in the map is ever used as a
//!    length or an index without a check at the moment of use, so changed bytes can give a wrong answer or an error, but no access out of bounds.
//! 3. No reference into the map leaves the crate: matches are copies.
//! 4. Whoever cannot promise (1), such as a file on a network file system, uses `Residency::Heap`, which copies the file.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use memmap2::{Mmap, MmapMut};

use crate::error::{Error, ErrorCode, Result};

use super::format::HUGE_PAGE;

/// The bytes of a set file.
pub(super) enum Bytes {
    /// A map of the file.
    Mapped(Mmap),
    /// Memory of this process that is being filled.
    Filling(MmapMut, usize),
    /// Memory of this process, of which as many bytes count as the file has. It is read-only: a stray write of the host must not blind the filter.
    Copied(Mmap, usize),
}

impl Bytes {
    /// Maps the whole file. Nothing is read yet.
    #[allow(
        unsafe_code,
        reason = "mapping a file is unsafe; the module documentation argues why it is sound here"
    )]
    pub(super) fn map(file: &File, path: &Path) -> Result<Bytes> {
        // SAFETY: see the module documentation. The file is not written to while it is mapped (1), its contents are
        // never trusted as lengths or offsets (2), and no reference into it outlives or leaves the set (3).
        let map = unsafe { Mmap::map(file) };
        map.map(Bytes::Mapped).map_err(|e| Error::io("map", path, e))
    }

    /// Zeros, to be filled. A file may claim any length, being sparse, so a lack of memory is an error and not the end.
    pub(super) fn room(length: u64, huge_pages: bool) -> Result<Bytes> {
        let wanted = usize::try_from(length).ok().and_then(|length| {
            // Whole huge pages: Linux aligns the map to them only then.
            let huge_page = HUGE_PAGE as usize;
            let huge = huge_pages && length >= huge_page;
            let size = if huge { length.checked_next_multiple_of(huge_page)? } else { length };
            Some((length, MmapMut::map_anon(size).ok()?))
        });
        let (length, map) = wanted.ok_or_else(|| too_large(length))?;
        #[cfg(target_os = "linux")]
        if huge_pages {
            // Where there are none, ordinary pages do, only slower.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
        Ok(Bytes::Filling(map, length))
    }

    /// A copy of bytes that are in memory already.
    pub(super) fn copy(bytes: &[u8]) -> Result<Bytes> {
        let mut copy = Bytes::room(bytes.len() as u64, false)?;
        copy.room_mut().copy_from_slice(bytes);
        copy.filled()
    }

    /// Reads a part of the file to its place.
    pub(super) fn read(&mut self, file: &mut File, part: Range<u64>) -> io::Result<()> {
        let room = self.room_mut().get_mut(part.start as usize..part.end as usize);
        let room = room.ok_or(io::ErrorKind::InvalidInput)?;
        file.seek(SeekFrom::Start(part.start))?;
        file.read_exact(room)
    }

    /// The end of filling.
    pub(super) fn filled(self) -> Result<Bytes> {
        match self {
            Bytes::Filling(map, length) => match map.make_read_only() {
                Ok(map) => Ok(Bytes::Copied(map, length)),
                Err(e) => Err(Error::new(
                    ErrorCode::Internal,
                    format!("cannot make memory read-only: {e}"),
                )),
            },
            other => Ok(other),
        }
    }

    fn room_mut(&mut self) -> &mut [u8] {
        match self {
            Bytes::Filling(map, length) => &mut map[..*length],
            Bytes::Mapped(_) | Bytes::Copied(..) => &mut [],
        }
    }

    #[inline]
    pub(super) fn get(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Filling(map, length) => &map[..*length],
            Bytes::Copied(map, length) => &map[..*length],
        }
    }

    /// Asks for what will be read of the file from now on in huge pages, which all processes share.
    pub(super) fn prefer_huge_pages(&self) {
        #[cfg(target_os = "linux")]
        if let Bytes::Mapped(map) = self {
            // As above.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
    }

    /// Brings a part of the file into memory and into this process's page tables. Reading a page that cannot be had, because the disk fails or the file
    /// was cut, would end the process by SIGBUS; here it is an error. Where the system cannot do that (before Linux 5.14), reading will bring the part in.
    #[cfg(target_os = "linux")]
    pub(super) fn fetch(&self, part: Range<u64>) -> io::Result<()> {
        /// The numbers of EFAULT, for a page that cannot be had, and EHWPOISON, for one whose memory is broken. Any other says that the call is not there.
        const UNREADABLE: [i32; 2] = [14, 133];
        let Bytes::Mapped(map) = self else { return Ok(()) };
        let length = (part.end - part.start) as usize;
        let fetched = map.advise_range(memmap2::Advice::PopulateRead, part.start as usize, length);
        fetched.or_else(|e| match e.raw_os_error() {
            Some(number) if UNREADABLE.contains(&number) => Err(e),
            _ => Ok(()),
        })
    }

    /// Other systems cannot; reading will bring the part in.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn fetch(&self, _: Range<u64>) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a file for reading, after checking that nobody else may write to it or is given its secrets.
pub(super) fn open_checked(path: &Path) -> Result<(File, Metadata)> {
    // Asked before opening: opening a FIFO would wait for a writer.
    let kind = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
    if !kind.is_file() {
        let kind = if kind.is_dir() { "a directory" } else { "not a regular file" };
        return Err(Error::new(
            ErrorCode::Permissions,
            format!("{kind}; expected a set file made by `tamis build`"),
        )
        .with_path(path));
    }
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let metadata = file.metadata().map_err(|e| Error::io("examine", path, e))?;
    check_mode(&metadata, path)?;
    Ok((file, metadata))
}

/// Refuses files that the group or the world may write to, or the world may read: sets are confidential.
#[cfg(unix)]
pub(crate) fn check_mode(metadata: &Metadata, path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let mode = metadata.mode() & 0o777;
    let fault = match mode {
        m if m & 0o020 != 0 => "its group may write to it",
        m if m & 0o002 != 0 => "everybody may write to it",
        m if m & 0o004 != 0 => "everybody may read it, and sets are confidential",
        _ => return Ok(()),
    };
    let fix = if metadata.is_dir() { "chmod 0750" } else { "chmod 0640" };
    Err(Error::new(
        ErrorCode::Permissions,
        format!("mode {mode:04o}: {fault}; run `{fix}` on it (a group of its own may read it)"),
    )
    .with_path(path))
}

/// Other systems have no such modes.
#[cfg(not(unix))]
pub(crate) fn check_mode(_: &Metadata, _: &Path) -> Result<()> {
    Ok(())
}

/// Reads the first `length` bytes, or all if there are fewer. As above, a lack of memory is an error.
pub(super) fn read_prefix(file: &mut File, length: usize, path: &Path) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve_exact(length).map_err(|_| too_large(length as u64).with_path(path))?;
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| Read::by_ref(file).take(length as u64).read_to_end(&mut out));
    match read {
        Ok(_) => Ok(out),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => read_prefix(file, length, path),
        Err(e) => Err(Error::io("read", path, e)),
    }
}

pub(super) fn too_large(length: u64) -> Error {
    let message = format!(
        "the set needs {length} bytes, more memory than there is; map it with `Set::open`, or split it"
    );
    Error::new(ErrorCode::SetTooLarge, message)
}
