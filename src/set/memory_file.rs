//! A file that lies in memory and nowhere else, is filled once, and is then sealed by the kernel against every change.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::error::{Error, ErrorCode, Result};

use super::map::{too_large, unreadable};

/// Bytes on their way from the source: few enough to stay in the cache.
const CHUNK: usize = 256 << 10;

/// The file, while it is filled. Its descriptor is closed on `exec`, and when it is sealed and mapped: the map alone keeps the memory.
pub(super) struct MemoryFile {
    file: File,
    chunk: Vec<u8>,
}

impl MemoryFile {
    /// A file of so many zeros, which take no memory yet.
    pub(super) fn new(length: u64) -> Result<MemoryFile> {
        // Beyond this limit the kernel would not only refuse, but end the process by a signal.
        if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < length) {
            return Err(Error::new(
                ErrorCode::SetTooLarge,
                format!(
                    "sealed memory counts as a file, and this process may write none of {length} bytes; raise `ulimit -f`"
                ),
            ));
        }
        let mut chunk = Vec::new();
        chunk.try_reserve_exact(CHUNK).map_err(|_| too_large(length))?;
        chunk.resize(CHUNK, 0);
        let create = |flags| {
            rustix::fs::memfd_create(
                "tamis-set",
                flags | MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
            )
        };
        // Systems that want to know whether it may be executed refuse it without the first; Linux before 6.3 does not know it.
        let file = match create(MemfdFlags::NOEXEC_SEAL) {
            Err(Errno::INVAL) => create(MemfdFlags::empty()),
            other => other,
        };
        let file = File::from(file.map_err(|e| refused("create sealed memory", e.into(), length))?);
        file.set_len(length).map_err(|e| refused("make room in sealed memory", e, length))?;
        Ok(MemoryFile { file, chunk })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Appends a part of a set of `length` bytes. Parts come one after the other.
    pub(super) fn fill(
        &mut self,
        source: &mut dyn Read,
        part: Range<u64>,
        length: u64,
    ) -> Result<()> {
        let mut at = part.start;
        while at < part.end {
            let size = CHUNK.min((part.end - at) as usize);
            let chunk = self.chunk.get_mut(..size).unwrap_or_default();
            source.read_exact(chunk).map_err(|e| unreadable(e, at, length))?;
            self.file.write_all(chunk).map_err(|e| refused("write sealed memory", e, length))?;
            at += size as u64;
        }
        Ok(())
    }

    /// From here on nobody can write to it, cut it, make it longer, or take this back.
    pub(super) fn seal(&self) -> Result<()> {
        let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        let sealed = rustix::fs::fcntl_add_seals(&self.file, seals);
        sealed.map_err(|e| refused("seal memory", e.into(), 0))
    }
}

fn refused(what: &str, error: io::Error, length: u64) -> Error {
    match error.kind() {
        io::ErrorKind::OutOfMemory
        | io::ErrorKind::StorageFull
        | io::ErrorKind::FileTooLarge
        | io::ErrorKind::QuotaExceeded => too_large(length),
        // An old system, or a sandbox that does not let it through.
        io::ErrorKind::Unsupported
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::InvalidInput => Error::new(
            ErrorCode::Unsupported,
            format!(
                "cannot {what}: {error}; choose another residency, such as heap, which changes of the file do not harm either"
            ),
        ),
        _ => Error::new(ErrorCode::Io, format!("cannot {what}: {error}")),
    }
}
