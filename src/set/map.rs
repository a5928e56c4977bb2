//! Where a set's bytes live: in a map of the file, shared by every process that opened it, or in a copy of it.
//! The only file of this room with `unsafe` in it: the three calls that map a file.
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
//! 4. Whoever cannot promise (1), such as a file on a network file system, uses a copy: `Residency::Sealed`, `Heap` or `HugePages`.
//!
//! # Why a sealed copy cannot change
//!
//! It lies in a file that has no name and no disk (`memfd_create`, Linux), and whose only descriptor is ours. While it is filled, it is written to by `write`
//! alone, under an exclusive borrow, so no reference into its map lives then; there never is a writable map of it. Then it is sealed, for good: the kernel refuses
//! every later write, cut or growth, and every writable shared map, by whomever, of whatever descriptor. From then on a shared map is used, which not even
//! `mprotect` can make writable. Kernels before 6.7 do not give one of a sealed file; there the private, read-only map stays through which the copy was
//! verified. As nobody writes, it shows the same pages, and all processes that are forked later share them, too.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use memmap2::{Mmap, MmapMut};

use crate::error::{Error, ErrorCode, Result};
use crate::files::uninterrupted;

use super::format::HUGE_PAGE;
#[cfg(target_os = "linux")]
use super::memory_file::MemoryFile;

/// The bytes of a set file.
pub(super) enum Bytes {
    /// A map of the file.
    Mapped(Mmap),
    /// Memory of this process that is being filled.
    Filling(MmapMut, usize),
    /// Memory of this process, of which as many bytes count as the file has. It is read-only: a stray write of the host must not blind the filter.
    Copied(Mmap, usize),
    /// A map of a file in memory that is being filled.
    #[cfg(target_os = "linux")]
    Sealing(Mmap, MemoryFile),
    /// A map of a file in memory that nobody can change any more.
    #[cfg(target_os = "linux")]
    Sealed(Mmap),
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
        let map = map.map_err(|e| Error::io("map", path, e))?;
        keep_out_of_dumps(&map);
        Ok(Bytes::Mapped(map))
    }

    /// Zeros in a file of memory, to be filled and then sealed.
    #[cfg(target_os = "linux")]
    #[allow(
        unsafe_code,
        reason = "mapping a file is unsafe; the module documentation argues why it is sound here"
    )]
    pub(super) fn memory_file(length: u64) -> Result<Bytes> {
        let file = MemoryFile::new(length)?;
        // SAFETY: see the module documentation. The file is this value's own, and is written to only by `fill`, which borrows it exclusively, so that
        // no reference into the map lives meanwhile; later it is sealed. It has the length that it is mapped with, and nobody else can cut it.
        let map = unsafe { memmap2::MmapOptions::new().map_copy_read_only(file.file()) };
        let map = map.map_err(|_| too_large(length))?;
        keep_out_of_dumps(&map);
        // Where the system gives such memory huge pages, the map is to use them.
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Bytes::Sealing(map, file))
    }

    /// Other systems have no memory that can be sealed.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn memory_file(_: u64) -> Result<Bytes> {
        Err(Error::new(
            ErrorCode::Unsupported,
            "only Linux has memory that can be sealed; choose another residency, such as heap, which changes of the file do not harm either",
        ))
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
        {
            // See `keep_out_of_dumps`.
            let _ = map.advise(memmap2::Advice::DontDump);
            if huge_pages {
                // Where there are none, ordinary pages do, only slower.
                let _ = map.advise(memmap2::Advice::HugePage);
            }
        }
        Ok(Bytes::Filling(map, length))
    }

    /// A copy of bytes that are in memory already.
    pub(super) fn copy(bytes: &[u8]) -> Result<Bytes> {
        let mut copy = Bytes::room(bytes.len() as u64, false)?;
        copy.fill(&mut &*bytes, 0..bytes.len() as u64)?;
        copy.filled()
    }

    /// Fills a part of the room from a reader that stands at its first byte. Interruptions by signals are nothing to it.
    pub(super) fn fill(&mut self, source: &mut dyn Read, part: Range<u64>) -> Result<()> {
        match self {
            Bytes::Filling(map, length) => {
                let room = map.get_mut(part.start as usize..(part.end as usize).min(*length));
                let room = room.ok_or_else(|| too_large(part.end))?;
                source.read_exact(room).map_err(|e| unreadable(e, part.start, *length as u64))
            }
            #[cfg(target_os = "linux")]
            Bytes::Sealing(map, file) => file.fill(source, part, map.len() as u64),
            _ => Err(Error::new(ErrorCode::Internal, "this memory is not to be filled")),
        }
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
            #[cfg(target_os = "linux")]
            Bytes::Sealing(map, file) => Bytes::sealed(map, file),
            other => Ok(other),
        }
    }

    #[cfg(target_os = "linux")]
    #[allow(
        unsafe_code,
        reason = "mapping a file is unsafe; the module documentation argues why it is sound here"
    )]
    fn sealed(private: Mmap, file: MemoryFile) -> Result<Bytes> {
        file.seal()?;
        // SAFETY: see the module documentation. The file is sealed: no byte of it can change, and it cannot be cut.
        let Ok(shared) = (unsafe { Mmap::map(file.file()) }) else {
            return Ok(Bytes::Sealed(private));
        };
        keep_out_of_dumps(&shared);
        let _ = shared.advise(memmap2::Advice::HugePage);
        let sealed = Bytes::Sealed(shared);
        // The page tables of the other map go with it. A system that cannot fill these fills them as they are used.
        let _ = sealed.fetch(0..sealed.get().len() as u64);
        Ok(sealed)
    }

    #[inline]
    pub(super) fn get(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Filling(map, length) => &map[..*length],
            Bytes::Copied(map, length) => &map[..*length],
            #[cfg(target_os = "linux")]
            Bytes::Sealing(map, _) | Bytes::Sealed(map) => map,
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
        let (Bytes::Mapped(map) | Bytes::Sealed(map)) = self else { return Ok(()) };
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

/// Reads the first `length` bytes, or all if there are fewer. As above, a lack of memory is an error.
pub(super) fn read_prefix(file: &mut File, length: usize, path: &Path) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve_exact(length).map_err(|_| too_large(length as u64).with_path(path))?;
    // Reading goes on by itself where a signal interrupted it.
    uninterrupted(|| file.seek(SeekFrom::Start(0)))
        .and_then(|_| Read::by_ref(file).take(length as u64).read_to_end(&mut out))
        .map_err(|e| Error::io("read", path, e))?;
    Ok(out)
}

/// Fingerprints do not belong in the memory dump of a crashed host. Where the system cannot promise that, the set serves all the same.
fn keep_out_of_dumps(map: &Mmap) {
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::DontDump);
    #[cfg(not(target_os = "linux"))]
    let _ = map;
}

/// What it means that a set of `length` bytes could not be read at byte `at` or soon after.
pub(super) fn unreadable(error: io::Error, at: u64, length: u64) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_short(at, length),
        _ => Error::new(
            ErrorCode::Io,
            format!("cannot read the set at byte {at} or soon after: {error}"),
        ),
    }
}

pub(super) fn cut_short(at: u64, length: u64) -> Error {
    Error::new(
        ErrorCode::SetTruncated,
        format!(
            "the set ends after byte {at}, and it has {length}, by its header; build or fetch it again"
        ),
    )
}

pub(super) fn too_large(length: u64) -> Error {
    let message = format!(
        "the set needs {length} bytes, more memory than there is; map it with `Set::open`, or split it"
    );
    Error::new(ErrorCode::SetTooLarge, message)
}
