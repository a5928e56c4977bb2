//! [`Set`]: a set file, opened. Every number read from the data is checked at the moment of use.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::{Algorithm, Algorithms, Fingerprint};
use crate::index::{RadiusIndex, Touch};
use crate::names::digest_of;

use super::blocks::Blocks;
use super::format::{
    self, ENTRY_BYTES, ITEM_BYTES, LIST_BYTES, NO_QUALITY, REVIEWED, array_at, section, u32_at,
    u64_at,
};
use super::record::{Entry, EntryId, List, ListKind, Opinion, Role, Severity};

digest_of! {
    /// The digest of a set: BLAKE3 of its head, which holds the checksums of all the rest.
    /// Whoever trusts it can trust every byte that is read from the set.
    SetDigest
}

/// An entry as a set stores it: with its id and the list it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredEntry {
    /// The stable id.
    pub id: EntryId,
    /// Position of its list in [`Set::lists`].
    pub list: usize,
    /// The entry. Its `item` is never empty here: an entry without an item of its own has its source id or id there.
    pub entry: Entry,
}

/// Verifies what the radius index is about to read.
#[derive(Clone, Copy)]
pub(crate) struct Touched<'a> {
    blocks: &'a Blocks,
    codes: u64,
    index: u64,
}

impl Touch for Touched<'_> {
    #[inline]
    fn codes(&self, range: Range<usize>) -> Result<()> {
        self.blocks.touch(self.codes + range.start as u64..self.codes + range.end as u64)
    }

    #[inline]
    fn index(&self, range: Range<usize>) -> Result<()> {
        self.blocks.touch(self.index + range.start as u64..self.index + range.end as u64)
    }
}

/// An immutable set of fingerprints in a file: open it once, share it between threads.
///
/// ```
/// use tamis::fingerprint::{Algorithm, Fingerprint};
/// use tamis::set::{Entry, List, ListKind, Set, SetBuilder};
///
/// let mut builder = SetBuilder::new();
/// let list = builder.add_list(List::new("local", ListKind::Local))?;
/// let digest = Fingerprint::from_hex(Algorithm::Md5, "0cc175b9c0f1b6a831c399e269772661")?;
/// builder.add(list, Entry::new(digest).reviewed(true))?;
///
/// let set = Set::from_bytes(&builder.to_bytes()?.0)?;
/// assert_eq!(set.entry_count(), 1);
/// assert_eq!(set.lists()?[0].name, "local");
/// # Ok::<(), tamis::Error>(())
/// ```
pub struct Set {
    pub(super) blocks: Blocks,
    // Small, and needed by every match. Not a `OnceLock`: a process that forks while a thread fills one would hang in the child.
    lists: ArcSwapOption<Vec<List>>,
}

impl Set {
    pub(super) fn new(blocks: Blocks) -> Result<Set> {
        let set = Set { blocks, lists: ArcSwapOption::empty() };
        for id in section::META..=section::LABELS {
            set.section(id)?;
        }
        for algorithm in Algorithm::ALL.iter().copied() {
            let rows = set.blocks.head.section(format::fingerprints(algorithm)).map(|s| s.count);
            let ranges = set.blocks.head.section(format::entry_ranges(algorithm)).map(|s| s.count);
            if rows.map(|n| n.saturating_add(1)) != ranges
                || rows.is_some_and(|n| n == 0 || n > u64::from(u32::MAX))
            {
                return Err(corrupt(format!(
                    "{algorithm}: fingerprints and entry ranges do not fit each other"
                )));
            }
        }
        set.check_change_counts()?;
        Ok(set)
    }

    /// The same set, opened once more from where it lies now.
    pub(crate) fn reopened(&self) -> Result<Set> {
        match &self.blocks.path {
            Some(path) => Set::open(path),
            None => Err(corrupt("the set does not lie in a file".into())),
        }
    }

    /// The digest of the set, which identifies its contents.
    pub fn digest(&self) -> SetDigest {
        SetDigest(self.blocks.head.digest)
    }

    /// Size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.blocks.head.data_start + self.blocks.head.data_length
    }

    /// Bytes of all that has checksums.
    pub(crate) fn data_length(&self) -> u64 {
        self.blocks.head.data_length
    }

    /// When it was built, in seconds since 1970, as its builder said; 0 if it did not.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`].
    pub fn created(&self) -> Result<u64> {
        Ok(u64_at(self.element(section::META, 0, format::META_BYTES)?, 0))
    }

    /// Number of entries, of all algorithms and lists.
    pub fn entry_count(&self) -> u64 {
        self.count(section::ENTRIES)
    }

    /// Number of items.
    pub fn item_count(&self) -> u64 {
        self.count(section::ITEMS)
    }

    /// Number of distinct fingerprints of an algorithm.
    pub fn fingerprint_count(&self, algorithm: Algorithm) -> u64 {
        self.count(format::fingerprints(algorithm))
    }

    /// Bytes of the radius index over the distinct PDQ codes, which stand apart from it in 32 bytes each; 0 if the set has none: then a search by PDQ is
    /// a scan, because there are few codes, or because it was built so ([`Profile::Small`](super::Profile::Small)).
    pub fn radius_index_bytes(&self) -> u64 {
        self.blocks.head.section(format::RADIUS_INDEX).map_or(0, |section| section.length)
    }

    /// The algorithms that have entries.
    pub fn algorithms(&self) -> Algorithms {
        Algorithm::ALL.iter().copied().filter(|a| self.fingerprint_count(*a) > 0).collect()
    }

    /// The lists, in the order in which they were given to the builder.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`].
    pub fn lists(&self) -> Result<Arc<Vec<List>>> {
        if let Some(lists) = self.lists.load_full() {
            return Ok(lists);
        }
        let count = self.count(section::LISTS);
        if count > format::MAX_LISTS {
            return Err(corrupt(format!("{count} lists; expected at most {}", format::MAX_LISTS)));
        }
        let lists = Arc::new((0..count).map(|i| self.list(i)).collect::<Result<Vec<_>>>()?);
        self.lists.store(Some(Arc::clone(&lists)));
        Ok(lists)
    }

    /// Position of the list of that name, if the set has it.
    pub(crate) fn list_named(&self, name: &str) -> Result<Option<u32>> {
        let position = self.lists()?.iter().position(|list| list.name == name);
        Ok(position.and_then(|position| u32::try_from(position).ok()))
    }

    fn list(&self, index: u64) -> Result<List> {
        let record = self.element(section::LISTS, index, LIST_BYTES)?;
        let kind = known("kind of a list", record[12], ListKind::from_number)?;
        Ok(List {
            name: self.string(u32_at(record, 0))?.to_owned(),
            kind,
            agreement: self.string(u32_at(record, 4))?.to_owned(),
            legal_basis: self.string(u32_at(record, 8))?.to_owned(),
        })
    }

    /// Entry number `index` of [`Set::entry_count`]. Numbers belong to this one file; the entry's id is what lasts.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`]; [`ErrorCode::InvalidArgument`] if there is no such entry.
    pub fn entry(&self, index: u64) -> Result<StoredEntry> {
        if index >= self.entry_count() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("there is no entry {index}: the set has {}", self.entry_count()),
            ));
        }
        let record = self.record(index)?;
        let algorithm = record.algorithm()?;
        let code = self.element(
            format::fingerprints(algorithm),
            u64::from(record.row()),
            algorithm.width(),
        )?;
        let item = self.element(section::ITEMS, u64::from(record.item()), ITEM_BYTES)?;
        let list = u32_at(item, 0) as usize;
        if list >= self.lists()?.len() {
            return Err(corrupt(format!("entry {index}: there is no list {list}")));
        }
        let entry = Entry {
            fingerprint: Fingerprint::new(algorithm, code)?,
            role: record.role()?,
            item: self.string(u32_at(item, 4))?.to_owned(),
            source_id: self.string(record.source_id())?.to_owned(),
            labels: self.labels(record.labels())?,
            opinion: record.opinion()?,
            severity: record.severity()?,
            reviewed: record.reviewed(),
            quality: record.quality()?,
            legal_basis: self.string(record.legal_basis())?.to_owned(),
            first_seen: record.first_seen(),
            last_seen: record.last_seen(),
            expires: record.expires(),
        };
        Ok(StoredEntry { id: record.id(), list, entry })
    }

    /// All entries, sorted by fingerprint, then id.
    pub fn entries(&self) -> impl Iterator<Item = Result<StoredEntry>> + '_ {
        (0..self.entry_count()).map(|i| self.entry(i))
    }

    fn record(&self, index: u64) -> Result<Record<'_>> {
        let bytes = self.element(section::ENTRIES, index, ENTRY_BYTES)?;
        bytes
            .first_chunk()
            .map(Record)
            .ok_or_else(|| corrupt(format!("entry {index} is cut short")))
    }

    /// The ids of all entries that this set switches off, ascending.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`].
    pub fn suppressions(&self) -> Result<Vec<EntryId>> {
        Ok(self.suppressed_ids()?.iter().map(|id| EntryId(*id)).collect())
    }

    /// The row of a fingerprint among those of its algorithm, if it is there.
    pub(crate) fn row_of(&self, fingerprint: &Fingerprint) -> Result<Option<u64>> {
        let algorithm = fingerprint.algorithm();
        self.search_sorted(
            format::fingerprints(algorithm),
            self.fingerprint_count(algorithm),
            fingerprint.bytes(),
        )
    }

    /// The fingerprint of a row among those of its algorithm.
    pub(crate) fn fingerprint(&self, algorithm: Algorithm, row: u64) -> Result<Fingerprint> {
        let bytes = self.element(format::fingerprints(algorithm), row, algorithm.width())?;
        Fingerprint::new(algorithm, bytes)
    }

    /// The numbers of the entries of a fingerprint row.
    pub(crate) fn entries_of_row(&self, algorithm: Algorithm, row: u64) -> Result<Range<u64>> {
        let id = format::entry_ranges(algorithm);
        let start = u64::from(u32_at(self.element(id, row, 4)?, 0));
        let end = u64::from(u32_at(self.element(id, row.saturating_add(1), 4)?, 0));
        if start >= end || end > self.entry_count() {
            return Err(corrupt(format!(
                "{algorithm} row {row}: entries {start}..{end} are not a range of entries"
            )));
        }
        Ok(start..end)
    }

    /// The PDQ codes, sorted and distinct, all blocks verified.
    pub(crate) fn pdq_codes(&self) -> Result<&[[u8; 32]]> {
        self.table(format::fingerprints(Algorithm::Pdq))
    }

    /// The radius index over the PDQ codes, if the set has one. Nothing is verified but its header; the rest is when it is used.
    pub(crate) fn radius_index(&self) -> Result<Option<RadiusIndex<'_, Touched<'_>>>> {
        let head = &self.blocks.head;
        let codes = head.section(format::fingerprints(Algorithm::Pdq));
        let (Some(codes), Some(index)) = (codes, head.section(format::RADIUS_INDEX)) else {
            return Ok(None);
        };
        let touched = Touched { blocks: &self.blocks, codes: codes.offset, index: index.offset };
        let (codes, _) = self.blocks.raw(codes.offset..codes.end())?.as_chunks();
        RadiusIndex::new(codes, self.blocks.raw(index.offset..index.end())?, touched).map(Some)
    }

    /// A whole section, verified; empty if the set does not have it.
    pub(super) fn column(&self, id: u32) -> Result<&[u8]> {
        self.blocks
            .head
            .section(id)
            .map_or(Ok(&[]), |section| self.blocks.data(section.offset..section.end()))
    }

    /// A whole section of elements of `N` bytes, verified.
    pub(super) fn table<const N: usize>(&self, id: u32) -> Result<&[[u8; N]]> {
        Ok(self.column(id)?.as_chunks().0)
    }

    pub(super) fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    pub(super) fn section(&self, id: u32) -> Result<format::Section> {
        self.blocks.head.section(id).ok_or_else(|| corrupt(format!("section {id:#x} is missing")))
    }

    pub(super) fn count(&self, id: u32) -> u64 {
        self.blocks.head.section(id).map_or(0, |s| s.count)
    }

    /// Element `index` of a section whose elements take `size` bytes.
    pub(super) fn element(&self, id: u32, index: u64, size: usize) -> Result<&[u8]> {
        self.elements(id, index..index.saturating_add(1), size)
    }

    /// Elements `range` of a section whose elements take `size` bytes.
    pub(super) fn elements(&self, id: u32, range: Range<u64>, size: usize) -> Result<&[u8]> {
        self.elements_of(self.section(id)?, range, size)
    }

    /// The same for those who look the section up once.
    pub(super) fn elements_of(
        &self,
        section: format::Section,
        range: Range<u64>,
        size: usize,
    ) -> Result<&[u8]> {
        if range.end > section.count {
            return Err(corrupt(format!(
                "section {:#x} has {} elements, so no number {}",
                section.id,
                section.count,
                range.end - 1
            )));
        }
        // `count * size` is the section's length, so this cannot overflow.
        let size = size as u64;
        self.blocks.data(section.offset + range.start * size..section.offset + range.end * size)
    }

    pub(super) fn string(&self, index: u32) -> Result<&str> {
        let strings = self.section(section::STRINGS)?;
        let range = self.offsets(section::STRING_OFFSETS, index, strings.length)?;
        if range.end - range.start > format::MAX_STRING {
            return Err(corrupt(format!(
                "string {index} is longer than {} bytes",
                format::MAX_STRING
            )));
        }
        let bytes = self.blocks.data(strings.offset + range.start..strings.offset + range.end)?;
        std::str::from_utf8(bytes).map_err(|_| corrupt(format!("string {index} is not UTF-8")))
    }

    /// The labels of a set of labels.
    pub(crate) fn labels(&self, set: u32) -> Result<Vec<String>> {
        let range = self.label_range(set)?;
        range
            .map(|i| Ok(self.string(u32_at(self.element(section::LABELS, i, 4)?, 0))?.to_owned()))
            .collect()
    }

    /// The elements of the labels section that make up a label set.
    pub(super) fn label_range(&self, set: u32) -> Result<Range<u64>> {
        let range = self.offsets(section::LABEL_OFFSETS, set, self.count(section::LABELS))?;
        let found = range.end - range.start;
        if found > format::MAX_LABELS {
            return Err(corrupt(format!(
                "label set {set} has {found} labels; expected at most {}",
                format::MAX_LABELS
            )));
        }
        Ok(range)
    }

    /// Elements `index` and `index + 1` of a section of offsets, as a range within `0..end`.
    pub(super) fn offsets(&self, id: u32, index: u32, end: u64) -> Result<Range<u64>> {
        let start = u64::from(u32_at(self.element(id, u64::from(index), 4)?, 0));
        let stop = u64::from(u32_at(self.element(id, u64::from(index) + 1, 4)?, 0));
        if start > stop || stop > end {
            return Err(corrupt(format!(
                "section {id:#x}, element {index}: {start}..{stop} is not within 0..{end}"
            )));
        }
        Ok(start..stop)
    }

    /// Position of `key` among the sorted elements of a section, each as long as the key.
    fn search_sorted(&self, id: u32, count: u64, key: &[u8]) -> Result<Option<u64>> {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.element(id, middle, key.len())?.cmp(key) {
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}

/// The record of an entry; the layout is the table in `FORMAT.md`.
pub(super) struct Record<'a>(pub(super) &'a [u8; ENTRY_BYTES]);

impl<'a> Record<'a> {
    pub(super) fn id(&self) -> EntryId {
        EntryId(array_at(self.0, 0))
    }

    pub(super) fn item(&self) -> u32 {
        u32_at(self.0, 16)
    }

    pub(super) fn source_id(&self) -> u32 {
        u32_at(self.0, 20)
    }

    pub(super) fn labels(&self) -> u32 {
        u32_at(self.0, 24)
    }

    pub(super) fn legal_basis(&self) -> u32 {
        u32_at(self.0, 28)
    }

    pub(super) fn row(&self) -> u32 {
        u32_at(self.0, 32)
    }

    fn first_seen(&self) -> u32 {
        u32_at(self.0, 36)
    }

    fn last_seen(&self) -> u32 {
        u32_at(self.0, 40)
    }

    pub(super) fn expires(&self) -> u32 {
        u32_at(self.0, 44)
    }

    /// Algorithm, role, opinion and severity as they stand there, known or not.
    pub(super) fn numbers(&self) -> [u8; 4] {
        array_at(self.0, 48)
    }

    pub(super) fn algorithm(&self) -> Result<Algorithm> {
        known("algorithm", self.0[48], Algorithm::from_number)
    }

    pub(super) fn role(&self) -> Result<Role> {
        known("role", self.0[49], Role::from_number)
    }

    pub(super) fn opinion(&self) -> Result<Opinion> {
        known("opinion", self.0[50], Opinion::from_number)
    }

    pub(super) fn severity(&self) -> Result<Severity> {
        known("severity", self.0[51], Severity::from_number)
    }

    pub(super) fn reviewed(&self) -> bool {
        self.0[52] & REVIEWED != 0
    }

    pub(super) fn quality(&self) -> Result<Option<u8>> {
        match self.0[53] {
            NO_QUALITY => Ok(None),
            quality @ 0..=100 => Ok(Some(quality)),
            other => Err(corrupt(format!("a quality of {other}; expected at most 100"))),
        }
    }

    pub(super) fn unknown_flags(&self) -> u8 {
        self.0[52] & !REVIEWED
    }

    pub(super) fn reserved(&self) -> &'a [u8] {
        &self.0[54..]
    }
}

impl AsRef<Set> for Set {
    fn as_ref(&self) -> &Set {
        self
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Set")
            .field("digest", &self.digest())
            .field("entries", &self.entry_count())
            .finish()
    }
}

pub(super) fn corrupt(message: String) -> Error {
    Error::new(ErrorCode::SetCorrupt, message)
}

fn known<T>(what: &str, number: u8, from_number: impl FnOnce(u8) -> Option<T>) -> Result<T> {
    from_number(number).ok_or_else(|| {
        corrupt(format!("{number} is not a known {what}; a newer Tamis may know it"))
    })
}
