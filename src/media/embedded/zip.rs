//! Pictures in a ZIP, and in what is built on it: docx, xlsx, pptx, odt, epub, jar.
//!
//! ```text
//! the directory at the end describes the members one after another, without a gap, as their own headers do
//!     -> the members are those of the directory
//! otherwise (none, damaged, Zip64, lying, or with something between the members)
//!     -> the members are what stands behind any header "PK\3\4" in the file
//! each member: its first KiB, inflated if need be; a picture by its content -> all of it
//! ```
//!
//! * Names are not asked: a picture called `notes.txt` is a picture.
//! * Readers differ in what they believe, the directory or the headers. Where the two differ the headers decide, because looking for
//!   them misses nothing that either kind of reader shows. Then a stored inner archive's members are met as well.
//! * Stored members are handed over as they lie in the upload. Deflated ones end by themselves; their claimed sizes are not used
//!   where the directory is not believed. CRCs are not compared, since most viewers show the picture all the same.
//! * Encrypted members, and methods other than stored and deflate, are `unsupported`.
//! * Written here and not taken from the crate `zip`: that one reads the whole directory into memory first and trusts it.

use memchr::memmem;

use super::inflate::{End, Inflater};
use super::walk::{HEAD, Part, Stop, Walk};
use crate::media::class::Unscannable;
use crate::media::walk::{array, le16};

const LOCAL: &[u8] = b"PK\x03\x04";
const ENTRY: &[u8] = b"PK\x01\x02";
const DIRECTORY_END: &[u8] = b"PK\x05\x06";
const STORED: u32 = 0;
const DEFLATED: u32 = 8;

/// Whether readers of ZIP may open it, which look for the directory's end in the last 64 KiB and not at the beginning.
pub(super) fn ends_as_one(bytes: &[u8]) -> bool {
    let tail = bytes.get(bytes.len().saturating_sub(22 + 0xffff)..).unwrap_or(bytes);
    memmem::find(tail, DIRECTORY_END).is_some() && memmem::find(bytes, ENTRY).is_some()
}

pub(super) fn pictures(bytes: &[u8], walk: &mut Walk<'_>) -> Result<(), Stop> {
    let mut inflater = Inflater::new();
    if let Some(entries) = directory(bytes, walk)? {
        for entry in entries {
            walk.entry()?;
            Member::of_entry(bytes, entry).look(&mut inflater, walk)?;
        }
        return Ok(());
    }
    let (local, mut at, mut members) = (memmem::Finder::new(LOCAL), 0, 0u32);
    while let Some(header) = walk.find(bytes, at, &local)? {
        at = header + LOCAL.len();
        walk.entry()?;
        if let Some(local) = Header::local(bytes, header) {
            members += 1;
            Member::of_header(bytes, local, walk)?.look(&mut inflater, walk)?;
        }
    }
    // An archive of nothing is one directory end and no more.
    if members == 0 && !(bytes.starts_with(DIRECTORY_END) && bytes.len() >= 22) {
        walk.miss(Unscannable::Corrupt);
    }
    Ok(())
}

/// What a member's own header says, or the directory of it.
#[derive(Clone, Copy, Debug)]
struct Header {
    /// Where the member's own header begins.
    at: usize,
    flags: u32,
    method: u32,
    /// How long the data claim to be.
    length: usize,
    /// Where the data begin.
    data: usize,
}

impl Header {
    fn local(bytes: &[u8], at: usize) -> Option<Header> {
        let fixed = bytes.get(at..)?.get(..30)?;
        let names = le16(fixed, 26)? + le16(fixed, 28)?;
        let header = Header {
            at,
            flags: le16(fixed, 6)?,
            method: le16(fixed, 8)?,
            length: le32(fixed, 18)?,
            data: at + 30 + names as usize,
        };
        // Four bytes may stand anywhere; a version and a method that exist do not.
        let sane = le16(fixed, 4)? & 0xff <= 100 && header.method <= 99;
        (fixed.starts_with(LOCAL) && sane && header.data <= bytes.len()).then_some(header)
    }

    fn is_encrypted(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether the length stands behind the data, and 0 here.
    fn has_descriptor(&self) -> bool {
        self.flags & 8 != 0
    }

    fn end(&self) -> usize {
        self.data.saturating_add(self.length)
    }
}

fn le32(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(array(bytes, at)?)).ok()
}

/// The entries of a directory, as far as they agree with the headers of their members.
struct Entries<'a> {
    bytes: &'a [u8],
    at: usize,
    left: u32,
}

impl Iterator for Entries<'_> {
    type Item = Header;

    fn next(&mut self) -> Option<Header> {
        self.left = self.left.checked_sub(1)?;
        let fixed = self.bytes.get(self.at..)?.get(..46)?;
        let local = Header::local(self.bytes, le32(fixed, 42)?)?;
        let entry = Header {
            flags: le16(fixed, 8)?,
            method: le16(fixed, 10)?,
            length: le32(fixed, 20)?,
            ..local
        };
        self.at += 46 + (le16(fixed, 28)? + le16(fixed, 30)? + le16(fixed, 32)?) as usize;
        let agrees = (local.flags, local.method) == (entry.flags, entry.method)
            && (local.length == entry.length || entry.has_descriptor());
        (fixed.starts_with(ENTRY) && agrees).then_some(entry)
    }
}

/// The directory, if its members fill the file in its order, from the first byte to where the directory begins.
fn directory<'a>(bytes: &'a [u8], walk: &mut Walk<'_>) -> Result<Option<Entries<'a>>, Stop> {
    // A comment of up to 64 KiB may stand behind.
    let tail = bytes.len().saturating_sub(22 + 0xffff);
    let Some(end) = bytes.get(tail..).and_then(|t| memmem::rfind(t, DIRECTORY_END)) else {
        return Ok(None);
    };
    let end = tail + end;
    let (Some(count), Some(start)) = (le16(bytes, end + 10), le32(bytes, end + 16)) else {
        return Ok(None);
    };
    let mut entries = Entries { bytes, at: start, left: count };
    // Where the next member, or the directory, may begin: here, or behind a descriptor of 16 or 24 bytes.
    let (mut seen, mut next, mut described) = (0, 0, false);
    let follows = |at: usize, next: usize, described: bool| {
        let gap = at.checked_sub(next);
        match described {
            true => matches!(gap, Some(16 | 24)) && array(bytes, next) == Some(*b"PK\x07\x08"),
            false => gap == Some(0),
        }
    };
    for entry in entries.by_ref() {
        // Two headers were read.
        walk.work(76)?;
        if !follows(entry.at, next, described) {
            return Ok(None);
        }
        (seen, next, described) = (seen + 1, entry.end(), entry.has_descriptor());
    }
    let fits = seen == count && entries.at == end && follows(start, next, described);
    Ok(fits.then_some(Entries { bytes, at: start, left: count }))
}

/// A member and its data, or more than its data if nothing says where they end.
struct Member<'a> {
    header: Header,
    data: &'a [u8],
}

impl<'a> Member<'a> {
    /// Of a directory that was found to be true.
    fn of_entry(bytes: &'a [u8], entry: Header) -> Self {
        Member { header: entry, data: bytes.get(entry.data..entry.end()).unwrap_or(&[]) }
    }

    /// Of its own header alone.
    fn of_header(bytes: &'a [u8], local: Header, walk: &mut Walk<'_>) -> Result<Self, Stop> {
        let mut data = bytes.get(local.data..).unwrap_or(&[]);
        if local.method == STORED {
            let claimed = (!local.has_descriptor()).then(|| bytes.get(local.end()..)).flatten();
            let length = match claimed {
                Some(next) if next.is_empty() || next.starts_with(b"PK") => local.length,
                _ => Self::up_to_signature(data, walk)?,
            };
            if claimed.is_none() && length == data.len() {
                walk.miss(Unscannable::Truncated);
            }
            data = data.get(..length).unwrap_or(data);
        }
        Ok(Member { header: local, data })
    }

    /// How many bytes there are before the next header, descriptor or directory.
    fn up_to_signature(data: &[u8], walk: &mut Walk<'_>) -> Result<usize, Stop> {
        let (signature, mut at) = (memmem::Finder::new(b"PK"), 0);
        while let Some(found) = walk.find(data, at, &signature)? {
            if matches!(array(data, found + 2), Some([1, 2] | [3, 4] | [5, 6] | [7, 8])) {
                return Ok(found);
            }
            at = found + 2;
        }
        Ok(data.len())
    }

    fn look(&self, inflater: &mut Inflater, walk: &mut Walk<'_>) -> Result<(), Stop> {
        // A length of 0 is believed only if the next header follows, with which no deflate stream can begin.
        if self.data.is_empty() || (self.header.length == 0 && self.data.starts_with(b"PK")) {
            return Ok(());
        }
        let deflated = match self.header.method {
            _ if self.header.is_encrypted() => None,
            STORED => Some(false),
            DEFLATED => Some(true),
            _ => None,
        };
        let Some(deflated) = deflated else {
            walk.miss(Unscannable::Unsupported);
            return Ok(());
        };
        if deflated {
            inflater.start(false);
            let end = inflater.run(self.data, HEAD, walk)?;
            match (Part::of(inflater.bytes()), end) {
                (Part::Picture, _) => {
                    walk.expect_picture()?;
                    let end = inflater.run(self.data, usize::MAX, walk)?;
                    match end {
                        End::Broken(Unscannable::Limit) => walk.miss(Unscannable::Limit),
                        End::Broken(reason) => {
                            walk.miss(reason);
                            walk.hand_over(inflater.bytes())?;
                        }
                        End::Whole | End::Enough => walk.hand_over(inflater.bytes())?,
                    }
                }
                (Part::Container, _) => walk.miss(Unscannable::Unsupported),
                // It might have become one.
                (Part::Other, End::Broken(reason)) => walk.miss(reason),
                (Part::Other, _) => {}
            }
            return Ok(());
        }
        match Part::of(self.data) {
            Part::Picture => walk.hand_over(self.data)?,
            Part::Container => walk.miss(Unscannable::Unsupported),
            Part::Other => {}
        }
        Ok(())
    }
}
