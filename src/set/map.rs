//! Where a set's bytes live: in a memory map shared by every process that opened the file, or on the heap.
//! The only file of this room with `unsafe` in it: the one call that maps a file.
//!
//! # Why mapping is offered by a safe function
//!
//! A map shows whatever the file holds *now*. If another process writes into it, bytes change under us; if it is cut,
//! touching the missing pages raises SIGBUS. We rely on the following, in this order:
//!
//! 1. Sets are published by writing a temporary file and renaming it, so a mapped file is never written to again.
//!    `open` refuses files that others may write to (group- or world-writable).
//! 2. Lengths and offsets are read once, by `read`, into the heap, and checked there. Nothing in the map is ever used as a
//!    length or an index without a check at the moment of use, so changed bytes can give a wrong answer or an error, but no access out of bounds.
//! 3. No reference into the map leaves the crate: matches are copies.
//! 4. Whoever cannot promise (1), such as a file on a network file system, uses `Set::load`, which copies the file to the heap.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{Error, ErrorCode, Result};

use super::format::ALIGN;

/// The bytes of a set file.
pub(super) enum Bytes {
    Mapped(memmap2::Mmap),
    /// The bytes start at the offset, which is a multiple of 64 from the address zero.
    Heap(Vec<u8>, usize),
}

impl Bytes {
    /// A copy on the heap, aligned to a cache line.
    pub(super) fn copy(bytes: &[u8]) -> Result<Bytes> {
        let mut heap = Bytes::aligned(bytes.len() as u64)?;
        heap.heap_mut().copy_from_slice(bytes);
        Ok(heap)
    }

    /// Zeros on the heap. A file may claim any length, being sparse, so a lack of memory is an error and not the end.
    fn aligned(length: u64) -> Result<Bytes> {
        let align = ALIGN as usize;
        let mut buffer = Vec::new();
        let size = usize::try_from(length).ok().and_then(|n| n.checked_add(align));
        match size.map(|size| buffer.try_reserve_exact(size).map(|()| size)) {
            Some(Ok(size)) => buffer.resize(size, 0),
            _ => {
                let message = format!(
                    "the set takes {length} bytes, more memory than there is; map it with `Set::open`"
                );
                return Err(Error::new(ErrorCode::SetTooLarge, message));
            }
        }
        let start = buffer.as_ptr().align_offset(align).min(align);
        Ok(Bytes::Heap(buffer, start))
    }

    fn heap_mut(&mut self) -> &mut [u8] {
        match self {
            Bytes::Heap(buffer, start) => {
                let end = buffer.len() - ALIGN as usize + *start;
                &mut buffer[*start..end]
            }
            Bytes::Mapped(_) => &mut [],
        }
    }

    #[inline]
    pub(super) fn get(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Heap(buffer, start) => &buffer[*start..buffer.len() - ALIGN as usize + *start],
        }
    }

    /// Maps the whole file. Nothing is read yet.
    #[allow(
        unsafe_code,
        reason = "mapping a file is unsafe; the module documentation argues why it is sound here"
    )]
    pub(super) fn map(file: &File, path: &Path) -> Result<Bytes> {
        // SAFETY: see the module documentation. The file is not written to while it is mapped (1), its contents are
        // never trusted as lengths or offsets (2), and no reference into it outlives or leaves the set (3).
        let map = unsafe { memmap2::Mmap::map(file) };
        map.map(Bytes::Mapped).map_err(|e| Error::io("map", path, e))
    }

    /// Reads the whole file.
    pub(super) fn read(file: &mut File, length: u64, path: &Path) -> Result<Bytes> {
        let mut bytes = Bytes::aligned(length).map_err(|e| e.with_path(path))?;
        let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_exact(bytes.heap_mut()));
        read.map_err(|e| Error::io("read", path, e))?;
        Ok(bytes)
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

/// Reads the first `length` bytes, or all if there are fewer.
pub(super) fn read_prefix(file: &mut File, length: usize, path: &Path) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(length);
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| Read::by_ref(file).take(length as u64).read_to_end(&mut out));
    match read {
        Ok(_) => Ok(out),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => read_prefix(file, length, path),
        Err(e) => Err(Error::io("read", path, e)),
    }
}
