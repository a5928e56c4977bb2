//! [`Column`]: the entries of one algorithm while a set is built, each no wider than its fingerprint needs.
//!
//! Ten million PDQ entries take 72 bytes each and are sorted where they lie. Ids are not kept: they are a hash of what is, and are made
//! when they are written, and before that only where two entries have one fingerprint.

use std::ops::Range;

use crate::fingerprint::{Algorithm, Fingerprint};

use super::format::array_at;
use super::record::{EntryId, Opinion, Role, Severity};
use super::threads::Threads;

/// An entry without its fingerprint: strings and label sets by the builder's numbers.
#[derive(Clone, Copy)]
pub(super) struct Record {
    /// Counts the entries of the column as they were added: of equal ones the last is kept.
    pub(super) sequence: u32,
    /// The name of its item; after numbering, the number of the item itself.
    pub(super) item: u32,
    pub(super) source_id: u32,
    pub(super) labels: u32,
    pub(super) legal_basis: u32,
    pub(super) first_seen: u32,
    pub(super) last_seen: u32,
    pub(super) expires: u32,
    pub(super) list: u16,
    pub(super) role: Role,
    pub(super) opinion: Opinion,
    pub(super) severity: Severity,
    pub(super) reviewed: bool,
    /// As in the file.
    pub(super) quality: u8,
}

/// Makes the id of an entry.
pub(super) type MakeId<'a> = &'a (dyn Fn(&Fingerprint, &Record) -> EntryId + Sync);

/// The entries of one algorithm.
pub(super) struct Column {
    pub(super) algorithm: Algorithm,
    rows: Box<dyn Rows>,
    /// After sorting: where the entries of each distinct fingerprint begin, and where the last end.
    pub(super) starts: Vec<u32>,
}

impl Column {
    pub(super) fn new(algorithm: Algorithm) -> Column {
        let rows: Box<dyn Rows> = match algorithm.width() {
            16 => Box::new(Vec::<Row<16>>::new()),
            20 => Box::new(Vec::<Row<20>>::new()),
            32 => Box::new(Vec::<Row<32>>::new()),
            _ => Box::new(Vec::<Row<64>>::new()),
        };
        Column { algorithm, rows, starts: Vec::new() }
    }

    /// Bytes that an entry of an algorithm takes.
    pub(super) fn row_bytes(algorithm: Algorithm) -> usize {
        match algorithm.width() {
            16 => size_of::<Row<16>>(),
            20 => size_of::<Row<20>>(),
            32 => size_of::<Row<32>>(),
            _ => size_of::<Row<64>>(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn push(&mut self, fingerprint: &Fingerprint, record: Record) {
        self.rows.push(fingerprint.bytes(), record);
    }

    /// Sorts by fingerprint, then id, and keeps the last of equal ids.
    pub(super) fn sort(&mut self, threads: Threads<'_>, id: MakeId<'_>) {
        self.starts = self.rows.sort(threads, self.algorithm, id);
    }

    /// Number of distinct fingerprints, once sorted.
    pub(super) fn distinct(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    pub(super) fn fingerprint(&self, entry: usize) -> &[u8] {
        self.rows.fingerprint(entry)
    }

    pub(super) fn record(&self, entry: usize) -> &Record {
        self.rows.record(entry)
    }

    pub(super) fn record_mut(&mut self, entry: usize) -> &mut Record {
        self.rows.record_mut(entry)
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        (0..self.len()).map(|entry| self.record(entry))
    }

    /// Each entry of a range with the number of its fingerprint among the distinct ones.
    pub(super) fn with_rows(
        &self,
        entries: Range<usize>,
    ) -> impl Iterator<Item = (u32, &[u8], &Record)> {
        let mut next = self.starts.partition_point(|start| *start as usize <= entries.start);
        entries.map(move |entry| {
            while self.starts.get(next).is_some_and(|start| *start as usize <= entry) {
                next += 1;
            }
            (next.saturating_sub(1) as u32, self.fingerprint(entry), self.record(entry))
        })
    }

    /// Each distinct fingerprint.
    pub(super) fn fingerprints(&self) -> impl Iterator<Item = &[u8]> {
        let firsts = &self.starts[..self.distinct()];
        firsts.iter().map(|first| self.fingerprint(*first as usize))
    }
}

#[derive(Clone, Copy)]
struct Row<const W: usize> {
    fingerprint: [u8; W],
    record: Record,
}

/// Rows of one width or another.
trait Rows: Send + Sync {
    fn len(&self) -> usize;
    fn push(&mut self, fingerprint: &[u8], record: Record);
    fn sort(&mut self, threads: Threads<'_>, algorithm: Algorithm, id: MakeId<'_>) -> Vec<u32>;
    fn fingerprint(&self, entry: usize) -> &[u8];
    fn record(&self, entry: usize) -> &Record;
    fn record_mut(&mut self, entry: usize) -> &mut Record;
}

impl<const W: usize> Rows for Vec<Row<W>> {
    fn len(&self) -> usize {
        self.len()
    }

    fn push(&mut self, fingerprint: &[u8], record: Record) {
        self.push(Row { fingerprint: array_at(fingerprint, 0), record });
    }

    fn sort(&mut self, threads: Threads<'_>, algorithm: Algorithm, id: MakeId<'_>) -> Vec<u32> {
        threads.sort(self, |a, b| {
            let order = a.fingerprint.cmp(&b.fingerprint);
            order.then(a.record.sequence.cmp(&b.record.sequence))
        });
        for same in self.chunk_by_mut(|a, b| a.fingerprint == b.fingerprint) {
            if let [first, _, ..] = same
                && let Ok(fingerprint) = Fingerprint::new(algorithm, &first.fingerprint)
            {
                // Stable: of equal ids the one that was added last stays last.
                same.sort_by_cached_key(|row| id(&fingerprint, &row.record));
            }
        }
        self.dedup_by(|later, kept| {
            // Two entries have one id if all is equal that the id is made of.
            let key = |row: &Row<W>| (row.record.list, row.record.source_id, row.record.role as u8);
            let same = later.fingerprint == kept.fingerprint && key(later) == key(kept);
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        let distinct = self.chunk_by(|a, b| a.fingerprint == b.fingerprint).count();
        let mut starts = Vec::with_capacity(distinct + 1);
        starts.push(0);
        let mut end = 0u32;
        for same in self.chunk_by(|a, b| a.fingerprint == b.fingerprint) {
            end = end.saturating_add(same.len() as u32);
            starts.push(end);
        }
        starts
    }

    fn fingerprint(&self, entry: usize) -> &[u8] {
        &self[entry].fingerprint
    }

    fn record(&self, entry: usize) -> &Record {
        &self[entry].record
    }

    fn record_mut(&mut self, entry: usize) -> &mut Record {
        &mut self[entry].record
    }
}
