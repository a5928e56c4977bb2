//! What the search reads of every entry that it finds. A fingerprint may have a million entries, so this is read from the records as it
//! stands there, without a string.

use std::hash::{Hash, Hasher};

use crate::error::Result;
use crate::fingerprint::Algorithm;

use super::format::{ENTRY_BYTES, ID_BYTES, ITEM_BYTES, section, u32_at};
use super::reader::{Record, Set, corrupt};
use super::record::{EntryId, Opinion};

/// All that an entry's list says of it but which entry it is, as the numbers of its record. Entries of one set with equal traits differ in item, ids, legal
/// basis and dates only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traits {
    /// The list and the set of labels, as positions in the set.
    pub(crate) list: u32,
    pub(crate) labels: u32,
    role: u8,
    opinion: u8,
    severity: u8,
    reviewed: bool,
}

impl Traits {
    /// All of it in two numbers.
    fn numbers(&self) -> (u64, u32) {
        let Traits { list, labels, role, opinion, severity, reviewed } = *self;
        let rest = u32::from_le_bytes([role, opinion, severity, reviewed.into()]);
        (u64::from(list) << 32 | u64::from(labels), rest)
    }

    /// What an entry may lead to by what its list says of it, however near it is: 0 nothing, 1 review, 2 block.
    pub(crate) fn strength(&self) -> u8 {
        match Opinion::from_number(self.opinion) {
            Some(Opinion::Negative) => 0,
            Some(Opinion::Positive) if self.reviewed => 2,
            _ => 1,
        }
    }

    /// A number that traits seldom share, made in a moment. Whoever makes a list can make them share it.
    pub(crate) fn mixed(&self) -> u32 {
        let (strings, rest) = self.numbers();
        let mixed = (strings ^ u64::from(rest).rotate_left(24)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as u32
    }
}

impl Hash for Traits {
    /// In two steps instead of six: it is done for very many.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.numbers().hash(state);
    }
}

/// An entry, before anybody knows whether it will be reported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    /// For [`Set::entry`].
    pub(crate) index: u64,
    pub(crate) id: EntryId,
    /// In seconds since 1970; 0 if never.
    pub(crate) expires: u32,
    pub(crate) traits: Traits,
}

impl Set {
    /// The entries of a fingerprint row.
    ///
    /// Each must be an entry of the fingerprint that it was found by. In a file whose entry ranges overlap, one entry could otherwise be
    /// found by every row, and a small file could ask for any amount of work.
    pub(crate) fn summaries(
        &self,
        algorithm: Algorithm,
        row: u64,
    ) -> Result<impl Iterator<Item = Result<Summary>>> {
        let range = self.entries_of_row(algorithm, row)?;
        let records = self.elements(section::ENTRIES, range.clone(), ENTRY_BYTES)?;
        let records = records.as_chunks().0.iter().map(Record);
        let items = self.section(section::ITEMS)?;
        Ok(range.zip(records).map(move |(index, record)| {
            if record.algorithm()? != algorithm || u64::from(record.row()) != row {
                return Err(corrupt(format!(
                    "entry {index} is not of {algorithm} row {row}, under which it is listed"
                )));
            }
            let item = u64::from(record.item());
            let item = self.elements_of(items, item..item + 1, ITEM_BYTES)?;
            let [_, role, opinion, severity] = record.numbers();
            let traits = Traits {
                list: u32_at(item, 0),
                labels: record.labels(),
                role,
                opinion,
                severity,
                reviewed: record.reviewed(),
            };
            Ok(Summary { index, id: record.id(), expires: record.expires(), traits })
        }))
    }

    /// Every row of every algorithm: each fingerprint once, in the order of the columns.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (Algorithm, u64)> {
        let rows_of = move |a| (0..self.fingerprint_count(a)).map(move |row| (a, row));
        Algorithm::ALL.iter().copied().flat_map(rows_of)
    }

    /// Calls `each` with every entry, in the order of [`Set::rows`].
    pub(crate) fn each_summary(&self, mut each: impl FnMut(&Summary) -> Result<()>) -> Result<()> {
        for (algorithm, row) in self.rows() {
            for entry in self.summaries(algorithm, row)? {
                each(&entry?)?;
            }
        }
        Ok(())
    }

    /// Number of entries that this set switches off.
    pub(crate) fn suppression_count(&self) -> u64 {
        self.count(section::SUPPRESSIONS)
    }

    /// [`Set::suppressions`] where they lie.
    pub(crate) fn suppressed_ids(&self) -> Result<&[[u8; ID_BYTES]]> {
        self.table(section::SUPPRESSIONS)
    }
}
