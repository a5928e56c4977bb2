//! Opening a set: from a file that the operator names, from a file of a store directory, from memory, from a stream.
//!
//! ```text
//! read the head into memory, and check it against the length of the file
//! map the file, or make room for a copy
//! a copy is filled part by part, each verified at once; of a map nothing is read yet
//! ```

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{Error, ErrorCode, Result};
use crate::files;

use super::blocks::Blocks;
use super::format::{HEADER, Head, u64_at};
use super::map::{self, Bytes};
use super::reader::{Set, SetDigest};
use super::residency::Residency;

impl Set {
    /// Maps a set file. Only its head is read, so this takes well below a millisecond whatever the size; the rest is
    /// read, and compared with its checksums, when it is first needed. Processes that open the same file share its memory.
    ///
    /// The file must not be changed in place while it is open: publish a new one by renaming it over the old.
    /// Where that cannot be promised, such as on a network file system, use [`Residency::Sealed`] or [`Set::load`].
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`], [`ErrorCode::Permissions`] (a directory, group-writable, world-readable), [`ErrorCode::Io`]
    /// or one of the `Set…` codes.
    pub fn open(path: impl AsRef<Path>) -> Result<Set> {
        Set::open_with(path, Residency::Mapped)
    }

    /// Reads a set file into memory of this process, [`Residency::Heap`]: as [`Set::open`], but later changes to the file cannot do any harm.
    ///
    /// # Errors
    /// As for [`Set::open_with`].
    pub fn load(path: impl AsRef<Path>) -> Result<Set> {
        Set::open_with(path, Residency::Heap)
    }

    /// Opens a set file, and says where its bytes are to lie. [`Residency`] has what each choice costs.
    ///
    /// # Errors
    /// As for [`Set::open`]. All but [`Residency::Mapped`] read the whole file, and so find damage anywhere in it ([`ErrorCode::SetCorrupt`]).
    /// [`ErrorCode::SetTooLarge`] where there is no memory for a copy; [`ErrorCode::Unsupported`] where the system does not have this residency.
    pub fn open_with(path: impl AsRef<Path>, residency: Residency) -> Result<Set> {
        let path = path.as_ref();
        let (file, metadata) = files::open_checked(path)?;
        of_file(file, &metadata, path, residency).map_err(|e| e.with_path(path))
    }

    /// A copy of a set that is in memory already. As of a mapped one, its blocks are verified when they are first touched.
    ///
    /// # Errors
    /// One of the `Set…` codes. Never panics, whatever the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Set> {
        let size = bytes.len() as u64;
        let length = Head::length(&bytes[..bytes.len().min(HEADER)], size)?;
        let head = Head::parse(&bytes[..length.min(bytes.len())], size)?;
        Set::new(Blocks::new(head, Bytes::copy(bytes)?)?)
    }

    /// A copy of a set that comes in one stream, from its first byte to the end: from a program that decrypts it, say, so that it never lies
    /// on a disk as it is. Each part is compared with its checksums as it comes, and the stream is read to its end, so that whatever it checks there
    /// is checked. For a set that is confidential, [`Residency::Sealed`] is the copy that nothing can change and all forked processes share; system memory may
    /// still be swapped out, so encrypt the swap or have none.
    ///
    /// ```
    /// use tamis::set::Residency;
    /// use tamis::{Set, SetBuilder};
    ///
    /// let bytes = SetBuilder::new().to_bytes()?.0;
    /// let set = Set::from_reader(&bytes[..], Residency::Heap)?;
    /// assert_eq!(set.size(), bytes.len() as u64);
    /// # Ok::<(), tamis::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for a residency that maps a file; [`ErrorCode::Io`] if the stream fails; otherwise as for [`Set::open_with`].
    pub fn from_reader(mut source: impl Read, residency: Residency) -> Result<Set> {
        let mut head = Vec::new();
        let failed = |e| map::unreadable(e, 0, 0);
        source.by_ref().take(HEADER as u64).read_to_end(&mut head).map_err(failed)?;
        // A stream is as long as its set says; whether that is true shows at its end.
        let size = match head.len() {
            HEADER => u64_at(&head, 24).saturating_add(u64_at(&head, 32)),
            cut => cut as u64,
        };
        let length = Head::length(&head, size)?;
        let rest = length.saturating_sub(HEADER) as u64;
        source.by_ref().take(rest).read_to_end(&mut head).map_err(failed)?;
        if head.len() < length {
            return Err(map::cut_short(head.len() as u64, size));
        }
        let room = room(size, residency)?;
        let set = Set::new(Blocks::new(Head::parse(&head, size)?, room)?)?;
        let set = filled(set, &mut head.chain(source.by_ref()))?;
        match source.by_ref().take(1).read_to_end(&mut Vec::new()).map_err(failed)? {
            0 => Ok(set),
            _ => Err(Error::new(
                ErrorCode::SetTruncated,
                format!(
                    "the set is longer than its header says: expected {size} bytes; build or fetch it again"
                ),
            )),
        }
    }
}

/// Opens a file of a store directory by its plain name, and follows no symbolic link: what is meant is a file that lies in the directory.
///
/// The directory may be given by the operator through links. The file must be a regular one, with the modes that [`Set::open`] wants, and belong to root, to
/// the owner of the directory, or to the user that this process runs as: anybody else could change it under its readers, whatever its mode. Writers and
/// workers may thus be different users.
///
/// # Errors
/// [`ErrorCode::InvalidArgument`] for a name that is a path; [`ErrorCode::Permissions`] for a link, an alien owner and whatever [`Set::open`]
/// refuses, of the directory as of the file; otherwise as for [`Set::open_with`].
///
/// ```
/// use tamis::ErrorCode;
/// use tamis::set::{Residency, open_within};
///
/// let outside = open_within("store".as_ref(), "../base.tamis", Residency::Mapped);
/// assert_eq!(outside.unwrap_err().code(), ErrorCode::InvalidArgument);
/// ```
pub fn open_within(directory: &Path, name: &str, residency: Residency) -> Result<Set> {
    let (file, metadata) = files::open_within(directory, name)?;
    let path = directory.join(name);
    of_file(file, &metadata, &path, residency).map_err(|e| e.with_path(&path))
}

/// The digest in the head of a file, which stands for every byte of it: nothing else was read, and it may be cut short by the time that it is.
///
/// # Errors
/// As for [`Set::open`], of the head.
pub(crate) fn digest_in_head(file: &mut File, path: &Path) -> Result<SetDigest> {
    let size = file.metadata().map_err(|e| Error::io("examine", path, e))?.len();
    let header = map::read_prefix(file, HEADER, path)?;
    let head = map::read_prefix(file, Head::length(&header, size)?, path)?;
    Ok(SetDigest(Head::parse(&head, size)?.digest))
}

fn of_file(mut file: File, metadata: &Metadata, path: &Path, residency: Residency) -> Result<Set> {
    let size = metadata.len();
    let header = map::read_prefix(&mut file, HEADER, path)?;
    let head = map::read_prefix(&mut file, Head::length(&header, size)?, path)?;
    let head = Head::parse(&head, size)?;
    let mapped = matches!(residency, Residency::Mapped | Residency::Populated);
    let bytes = if mapped { Bytes::map(&file, path)? } else { room(size, residency)? };
    let mut set = Set::new(Blocks::new(head, bytes)?)?;
    set.blocks.path = Some(path.to_path_buf());
    match residency {
        Residency::Mapped => Ok(set),
        Residency::Populated => set.warm(&mut |_| {}).map(|()| set),
        _ => {
            file.seek(SeekFrom::Start(0)).map_err(|e| Error::io("read", path, e))?;
            filled(set, &mut file)
        }
    }
}

/// Room for a copy.
fn room(size: u64, residency: Residency) -> Result<Bytes> {
    match residency {
        Residency::Heap => Bytes::room(size, false),
        Residency::HugePages => Bytes::room(size, true),
        Residency::Sealed => Bytes::memory_file(size),
        Residency::Mapped | Residency::Populated => Err(Error::new(
            ErrorCode::InvalidArgument,
            "only a file can be mapped; for a set from a stream choose heap, huge-pages or sealed",
        )),
    }
}

fn filled(mut set: Set, source: &mut dyn Read) -> Result<Set> {
    set.blocks = set.blocks.fill(source)?;
    Ok(set)
}
