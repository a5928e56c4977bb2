//! [`Estimate`]: what a build will take, so that one that cannot succeed is refused before it begins.

use crate::fingerprint::Algorithm;

use super::builder::SetBuilder;
use super::change::Tombstone;
use super::format;
use super::interner::Interner;
use super::options::BuildOptions;
use super::rows::Column;
use super::writer;

/// What a build takes, beyond some ten megabytes that every build does. Both grow with what was added, in proportion: what a sample of
/// the rows takes tells what all of them will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// Bytes of the file, at most: as if no entry were given twice.
    pub file_bytes: u64,
    /// Bytes of memory at the peak, what the builder holds already included. Measured builds took between half and all of it.
    pub peak_memory: u64,
}

/// Most bytes of the hash table for each text: 5 for a slot, of which an eighth to nine sixteenths are free, and half as many in the
/// smaller table while it grows.
const SLOT: f64 = 17.2;

/// A text's end within its block.
const END: u64 = 4;

impl SetBuilder {
    /// What building a set of all that was added so far would take.
    ///
    /// ```
    /// use tamis::set::{BuildOptions, SetBuilder};
    /// let estimate = SetBuilder::new().estimate(&BuildOptions::new());
    /// assert!(estimate.file_bytes < 4096 && estimate.peak_memory < 4096);
    /// ```
    pub fn estimate(&self, options: &BuildOptions) -> Estimate {
        let entries = self.len() as u64;
        let strings = self.strings.len() as u64;
        let per_column = |bytes: fn(Algorithm) -> usize| {
            let columns = self.columns.iter();
            columns.map(|column| column.len() as u64 * bytes(column.algorithm) as u64).sum::<u64>()
        };
        let codes = self.column_of(Algorithm::Pdq).map_or(0, Column::len);
        let index = writer::index_length(options, codes).unwrap_or(0);

        let data = format::META_BYTES as u64
            + format::LIST_BYTES as u64 * self.lists.len() as u64
            + (format::ENTRY_BYTES + format::ITEM_BYTES) as u64 * entries
            + self.strings.bytes()
            + 4 * (strings + 2)
            + self.label_sets.bytes()
            + 4 * (self.label_sets.len() as u64 + 2)
            + format::ID_BYTES as u64 * self.suppressions.len() as u64
            + format::TOMBSTONE_BYTES as u64 * self.tombstones.len() as u64
            + format::CHANGE_BYTES as u64 * self.changes.len() as u64
            + per_column(Algorithm::width)
            + 4 * (entries + self.columns.len() as u64)
            + index;
        let sections = 12 + 3 * self.columns.len() as u64;
        let checksums = data.div_ceil(format::BLOCK as u64) * format::CHECKSUM as u64;
        let head = format::HEADER as u64
            + (format::TABLE_ROW as u64 + format::ALIGN) * sections
            + checksums.div_ceil(format::GROUP as u64);
        let file_bytes = data + checksums + head + format::data_alignment(data);

        let texts = |interner: &Interner| interner.bytes() + END * interner.len() as u64;
        let rows = per_column(Column::row_bytes);
        let withdrawn = (size_of::<Tombstone>() * self.tombstones.capacity()) as u64;
        let kept = rows + texts(&self.strings) + texts(&self.label_sets) + withdrawn;
        let all_texts = strings + self.label_sets.len() as u64;
        let reading = kept + (SLOT * all_texts as f64) as u64;
        // Where the distinct fingerprints begin; then the texts' first bytes while they are sorted, or their ranks, and the items.
        let sorting = (25 * all_texts).max(8 * all_texts + 24 * entries);
        let numbering = kept + texts(&self.label_sets) + 4 * entries + sorting;
        let writing = kept + 4 * entries + 8 * all_texts + 8 * entries + checksums;
        // The codes are copied from the rows; then the tables come and the rows are gone, which never takes more.
        let indexing = rows + withdrawn + 4 * entries + checksums + 32 * codes as u64;
        let peak_memory = reading.max(numbering).max(writing).max(indexing);
        Estimate { file_bytes, peak_memory }
    }
}
