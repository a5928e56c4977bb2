//! The constants of `FORMAT.md` and the codec of the head. Nothing here touches the data.

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::Algorithm;

pub(super) const MAGIC: [u8; 8] = *b"\x8BTAMIS\r\n";
pub(super) const MAJOR: u16 = 1;
pub(super) const MINOR: u16 = 2;
pub(super) const HEADER: usize = 96;
pub(super) const TABLE_ROW: usize = 32;
pub(super) const CHECKSUM: usize = 16;
pub(super) const BLOCK: usize = 4096;
/// Checksums in a group: as many as fill a block.
pub(super) const GROUP: usize = BLOCK / CHECKSUM;
/// Sections and data start at multiples of this: a cache line.
pub(super) const ALIGN: u64 = 64;
const MAX_SECTIONS: usize = 1024;
pub(super) const CRITICAL: u32 = 1;

/// Section ids. Those of an algorithm are made by [`fingerprints`] and [`entry_ranges`].
pub(super) mod section {
    pub(in crate::set) const META: u32 = 0x001;
    pub(in crate::set) const STRING_OFFSETS: u32 = 0x002;
    pub(in crate::set) const STRINGS: u32 = 0x003;
    pub(in crate::set) const LISTS: u32 = 0x004;
    pub(in crate::set) const ITEMS: u32 = 0x005;
    pub(in crate::set) const ENTRIES: u32 = 0x006;
    pub(in crate::set) const LABEL_OFFSETS: u32 = 0x007;
    pub(in crate::set) const LABELS: u32 = 0x008;
    pub(in crate::set) const SUPPRESSIONS: u32 = 0x009;
    /// Behind the columns and the radius index.
    pub(in crate::set) const TOMBSTONES: u32 = 0x600;
    pub(in crate::set) const CHANGES: u32 = 0x700;
}

pub(super) const META_BYTES: usize = 32;
pub(super) const LIST_BYTES: usize = 32;
pub(super) const ITEM_BYTES: usize = 8;
pub(super) const ENTRY_BYTES: usize = 64;
pub(super) const ID_BYTES: usize = 16;
pub(super) const TOMBSTONE_BYTES: usize = 24;
pub(super) const CHANGE_BYTES: usize = 32;
/// Bounds on what a reader must be ready to hold at once.
pub(super) const MAX_LISTS: u64 = 4096;
pub(super) const MAX_STRING: u64 = 1024;
pub(super) const MAX_LABELS: u64 = 64;
/// Quality of an entry whose list does not give one.
pub(super) const NO_QUALITY: u8 = 255;
pub(super) const REVIEWED: u8 = 1;

pub(super) fn fingerprints(algorithm: Algorithm) -> u32 {
    0x100 + algorithm as u32
}

/// The radius index over the PDQ codes. Not critical: whoever does not know it scans.
pub(super) const RADIUS_INDEX: u32 = 0x300 + Algorithm::Pdq as u32;

pub(super) fn entry_ranges(algorithm: Algorithm) -> u32 {
    0x200 + algorithm as u32
}

/// Bytes of one element of a section that this version knows, if they are all of one size.
fn element_bytes(id: u32) -> Option<u64> {
    let bytes = match id {
        section::META => META_BYTES,
        section::STRING_OFFSETS | section::LABEL_OFFSETS | section::LABELS => 4,
        section::STRINGS => 1,
        section::LISTS => LIST_BYTES,
        section::ITEMS => ITEM_BYTES,
        section::ENTRIES => ENTRY_BYTES,
        section::SUPPRESSIONS => ID_BYTES,
        section::TOMBSTONES => TOMBSTONE_BYTES,
        section::CHANGES => CHANGE_BYTES,
        _ => {
            let algorithm = Algorithm::from_number((id & 0xFF) as u8)?;
            match id & !0xFF {
                0x100 => algorithm.width(),
                0x200 => 4,
                _ => return None,
            }
        }
    };
    Some(bytes as u64)
}

/// Whether a set is not to be read by those who do not know the section. It is so of all of this version but the radius index.
pub(super) fn is_critical(id: u32) -> bool {
    element_bytes(id).is_some()
}

/// First 16 bytes of BLAKE3.
pub(super) fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut out = [0; CHECKSUM];
    out.copy_from_slice(&blake3::hash(bytes).as_bytes()[..CHECKSUM]);
    out
}

pub(super) fn align(n: u64) -> Option<u64> {
    n.checked_next_multiple_of(ALIGN)
}

/// A row of the section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) id: u32,
    pub(super) critical: bool,
    /// From the start of the data.
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) count: u64,
}

impl Section {
    pub(super) fn end(&self) -> u64 {
        self.offset + self.length
    }
}

/// The head, checked: every number in it may be relied on.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) sections: Vec<Section>,
    pub(super) roots: Vec<[u8; CHECKSUM]>,
    pub(super) checksums_start: u64,
    pub(super) data_start: u64,
    pub(super) data_length: u64,
    pub(super) digest: [u8; 32],
    /// A bit that this version calls reserved is set. Fine in a newer minor version, a fault in this one.
    pub(super) uses_reserved: bool,
    /// The minor version is greater than ours.
    pub(super) newer_minor: bool,
}

/// Bytes of data from which on they start at a block of the file, and at a huge page.
const PAGED: u64 = 16 * BLOCK as u64;
const HUGE: u64 = 32 * HUGE_PAGE;
/// Bytes of a huge page where ordinary ones have 4 KiB; other systems have others, and then it is merely a size to round to.
pub(super) const HUGE_PAGE: u64 = 2 << 20;

/// Where data of that length may start. A large set's blocks are pages of the file, and a very large one's can be huge pages; a small one, such as
/// a delta, wastes nothing on that.
pub(super) fn data_alignment(length: u64) -> u64 {
    match length {
        HUGE.. => HUGE_PAGE,
        PAGED.. => BLOCK as u64,
        _ => ALIGN,
    }
}

impl Head {
    /// Number of bytes that the head takes, read from the first [`HEADER`] bytes of a file of `file_length` bytes.
    ///
    /// Order of the checks: magic before version (a foreign file is not "too new"), version before all else (a newer
    /// version may mean anything by the rest), then lengths, so that a cut file says that it is cut.
    pub(super) fn length(header: &[u8], file_length: u64) -> Result<usize> {
        let corrupt = |what: String| Error::new(ErrorCode::SetCorrupt, what);
        let magic = &header[..header.len().min(MAGIC.len())];
        if magic.is_empty() {
            return Err(Error::new(
                ErrorCode::SetForeign,
                "the file is empty; expected a Tamis set made by `tamis build`",
            ));
        }
        if magic != &MAGIC[..magic.len()] {
            return Err(Error::new(
                ErrorCode::SetForeign,
                "not a Tamis set: it does not begin with the bytes 8B 54 41 4D 49 53 0D 0A; make one from a list with `tamis build -o SET LIST`",
            ));
        }
        if header.len() < HEADER {
            return Err(truncated(HEADER as u64, file_length));
        }
        let major = u16_at(header, 8);
        if major > MAJOR {
            return Err(Error::new(
                ErrorCode::SetVersion,
                format!(
                    "format version {major}.{} is newer than {MAJOR}.{MINOR}, the newest that this version of Tamis reads; upgrade Tamis",
                    u16_at(header, 10)
                ),
            ));
        }
        if major == 0 {
            return Err(corrupt("byte 8: major version 0 does not exist".into()));
        }
        let sections = u32_at(header, 12) as usize;
        if sections > MAX_SECTIONS {
            return Err(corrupt(format!(
                "byte 12: {sections} sections; expected at most {MAX_SECTIONS}"
            )));
        }
        let roots = u64::from(u32_at(header, 16));
        let data_length = u64_at(header, 32);
        let expected = data_length.div_ceil(BLOCK as u64).div_ceil(GROUP as u64);
        if roots != expected {
            return Err(corrupt(format!(
                "byte 16: {roots} roots; expected {expected} for {data_length} bytes of data"
            )));
        }
        let file = u64_at(header, 24).checked_add(data_length);
        match file {
            Some(file) if file == file_length => {}
            Some(file) => return Err(truncated(file, file_length)),
            None => return Err(corrupt("byte 24: data start and data length overflow".into())),
        }
        let length = HEADER + sections * TABLE_ROW;
        // The file holds 256 blocks for each root, so this many bytes of roots are no more than a part of the file.
        let length = length as u64 + roots * CHECKSUM as u64;
        if length > file_length {
            return Err(corrupt(format!(
                "the head takes {length} bytes of a file of {file_length}"
            )));
        }
        usize::try_from(length).map_err(|_| corrupt("the head does not fit in memory".into()))
    }

    /// Reads and checks the head. `bytes` are as many as [`Head::length`] said.
    pub(super) fn parse(bytes: &[u8], file_length: u64) -> Result<Head> {
        let corrupt = |what: String| Error::new(ErrorCode::SetCorrupt, what);
        let header = &bytes[..bytes.len().min(HEADER)];
        if Head::length(header, file_length)? != bytes.len() {
            return Err(corrupt(
                "the head changed while it was read; is the file being overwritten in place?"
                    .into(),
            ));
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(&bytes[64..HEADER]);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes[..64]);
        hasher.update(&bytes[HEADER..]);
        if *hasher.finalize().as_bytes() != digest {
            return Err(corrupt("the head does not have the hash at byte 64: the file is damaged; build or fetch it again".into()));
        }

        let section_count = u32_at(bytes, 12) as usize;
        let data_start = u64_at(bytes, 24);
        let data_length = u64_at(bytes, 32);
        let table_end = HEADER + section_count * TABLE_ROW;
        let mut sections = Vec::with_capacity(section_count);
        let mut previous: Option<Section> = None;
        let mut uses_reserved = bytes[20..24].iter().chain(&bytes[40..64]).any(|b| *b != 0);
        for (i, row) in bytes[HEADER..table_end].chunks_exact(TABLE_ROW).enumerate() {
            let at = HEADER + i * TABLE_ROW;
            let section = Section {
                id: u32_at(row, 0),
                critical: u32_at(row, 4) & CRITICAL != 0,
                offset: u64_at(row, 8),
                length: u64_at(row, 16),
                count: u64_at(row, 24),
            };
            uses_reserved |= u32_at(row, 4) & !CRITICAL != 0;
            let fits =
                section.offset.checked_add(section.length).is_some_and(|end| end <= data_length);
            if !fits || !section.offset.is_multiple_of(ALIGN) {
                return Err(corrupt(format!(
                    "byte {at}: section {:#x} does not lie within the data",
                    section.id
                )));
            }
            let after = previous.map_or(0, |p| p.end());
            if previous.is_some_and(|p| p.id >= section.id)
                || section.offset < after
                || section.offset - after >= ALIGN
            {
                return Err(corrupt(format!(
                    "byte {at}: section {:#x} is out of order",
                    section.id
                )));
            }
            match element_bytes(section.id) {
                Some(size) if section.count.checked_mul(size) != Some(section.length) => {
                    return Err(corrupt(format!(
                        "byte {at}: section {:#x} has {} elements of {size} bytes, but {} bytes",
                        section.id, section.count, section.length
                    )));
                }
                None if section.critical && section.id != RADIUS_INDEX => {
                    return Err(Error::new(
                        ErrorCode::SetSection,
                        format!(
                            "byte {at}: section {:#x} must be understood to read this set, and this version of Tamis does not know it; upgrade Tamis",
                            section.id
                        ),
                    ));
                }
                _ => {}
            }
            previous = Some(section);
            sections.push(section);
        }
        let data_end = previous.map_or(0, |p| p.end());
        if data_length != data_end {
            return Err(corrupt(format!(
                "byte 32: {data_length} bytes of data, but the sections end at {data_end}"
            )));
        }

        let (roots, _) = bytes[table_end..].as_chunks::<CHECKSUM>();
        let blocks = data_length.div_ceil(BLOCK as u64);
        let checksums_start = align(bytes.len() as u64);
        let checksums_end = checksums_start.and_then(|s| s.checked_add(blocks * CHECKSUM as u64));
        match (checksums_start, checksums_end) {
            (Some(checksums_start), Some(end))
                if end <= data_start && data_start.is_multiple_of(ALIGN) =>
            {
                Ok(Head {
                    uses_reserved,
                    newer_minor: u16_at(bytes, 10) > MINOR,
                    sections,
                    roots: roots.to_vec(),
                    checksums_start,
                    data_start,
                    data_length,
                    digest,
                })
            }
            _ => Err(corrupt(format!(
                "byte 24: the data cannot start at {data_start}, before the checksums end"
            ))),
        }
    }

    pub(super) fn section(&self, id: u32) -> Option<Section> {
        self.sections.binary_search_by_key(&id, |s| s.id).ok().map(|i| self.sections[i])
    }

    pub(super) fn blocks(&self) -> u64 {
        self.data_length.div_ceil(BLOCK as u64)
    }

    /// Lays out a file: where the sections go, and how long the head and the checksums will be.
    /// The digest is zero and the roots are missing until [`Head::seal`].
    pub(super) fn plan(sections: &[(u32, u64, u64)]) -> Option<Head> {
        let mut rows = Vec::with_capacity(sections.len());
        let mut end = 0u64;
        for &(id, length, count) in sections {
            let offset = align(end)?;
            rows.push(Section { id, critical: id != RADIUS_INDEX, offset, length, count });
            end = offset.checked_add(length)?;
        }
        let blocks = end.div_ceil(BLOCK as u64);
        let roots = blocks.div_ceil(GROUP as u64);
        let head = (HEADER + rows.len() * TABLE_ROW) as u64 + roots * CHECKSUM as u64;
        let checksums_start = align(head)?;
        let checksums_end = checksums_start.checked_add(blocks * CHECKSUM as u64)?;
        let data_start = checksums_end.checked_next_multiple_of(data_alignment(end))?;
        data_start.checked_add(end)?;
        Some(Head {
            sections: rows,
            roots: Vec::new(),
            checksums_start,
            data_start,
            data_length: end,
            digest: [0; 32],
            uses_reserved: false,
            newer_minor: false,
        })
    }

    /// The head's bytes, once the checksums of all blocks are known.
    pub(super) fn seal(&mut self, checksums: &[u8]) -> Vec<u8> {
        self.roots = checksums.chunks(BLOCK).map(checksum).collect();
        let mut out = Vec::with_capacity(
            HEADER + self.sections.len() * TABLE_ROW + self.roots.len() * CHECKSUM,
        );
        out.extend(MAGIC);
        out.extend(MAJOR.to_le_bytes());
        // The lowest version that describes the file: 1.1 brought the radius index, 1.2 deltas.
        let minor = match self.section(section::CHANGES) {
            Some(_) => 2,
            None => u16::from(self.section(RADIUS_INDEX).is_some()),
        };
        out.extend(minor.to_le_bytes());
        out.extend((self.sections.len() as u32).to_le_bytes());
        out.extend((self.roots.len() as u32).to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.data_start.to_le_bytes());
        out.extend(self.data_length.to_le_bytes());
        out.resize(HEADER, 0);
        for section in &self.sections {
            out.extend(section.id.to_le_bytes());
            out.extend(if section.critical { CRITICAL } else { 0 }.to_le_bytes());
            out.extend(section.offset.to_le_bytes());
            out.extend(section.length.to_le_bytes());
            out.extend(section.count.to_le_bytes());
        }
        for root in &self.roots {
            out.extend(root);
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&out[..64]);
        hasher.update(&out[HEADER..]);
        self.digest = *hasher.finalize().as_bytes();
        out[64..HEADER].copy_from_slice(&self.digest);
        out
    }
}

fn truncated(expected: u64, found: u64) -> Error {
    let what = if found < expected { "cut short" } else { "longer than its header says" };
    Error::new(
        ErrorCode::SetTruncated,
        format!(
            "the set is {what}: expected {expected} bytes, found {found}; build or fetch it again"
        ),
    )
}

/// A little-endian number at a place that the caller has made sure of.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// `N` bytes at `at`; zeros beyond the end, so that no input can make it panic.
pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}
