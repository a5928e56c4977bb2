//! Verifies a whole set: every block against its checksum, every rule of `FORMAT.md` against the data.
//! Stricter than opening: `Set` stays safe without it, because it checks what it uses when it uses it.

use std::collections::HashSet;

use crate::error::Result;
use crate::fingerprint::{Algorithm, Fingerprint};
use crate::index;

use super::format::{
    self, ENTRY_BYTES, HEADER, ITEM_BYTES, LIST_BYTES, TABLE_ROW, section, u32_at,
};
use super::reader::{Record, Set, corrupt};
use super::record::{EntryId, List};
use super::refusal::{self, Refusal};

/// Longest name of a list, in bytes.
const MAX_NAME: usize = 255;

/// What [`Set::verify`] found to be in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Bytes of data compared with their checksums.
    pub bytes: u64,
    /// Entries examined.
    pub entries: u64,
    /// Entries that a builder would refuse today as poison ([`refusal`]): well-formed, but likely to match harmless uploads.
    pub poison: u64,
}

impl Set {
    /// Compares every block with its checksum and every record with the rules of the format.
    /// `progress` is called now and then with the number of bytes done, of [`Set::size`] and, for a second look at it, [`Set::radius_index_bytes`].
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt), naming the first fault found.
    pub fn verify(&self, progress: &mut dyn FnMut(u64)) -> Result<Verification> {
        self.blocks().verify_all(progress)?;
        self.verify_padding()?;
        self.verify_strings()?;
        self.verify_lists_and_items()?;
        self.verify_labels()?;
        let poison = self.verify_entries()?;
        self.verify_suppressions()?;
        self.verify_changes()?;
        self.verify_radius_index(progress)?;
        let bytes = self.data_length();
        Ok(Verification { bytes, entries: self.entry_count(), poison })
    }

    /// Bytes that this version calls reserved are zero; a newer minor version may have given them a meaning.
    pub(super) fn reserved(&self, bytes: &[u8], what: &str) -> Result<()> {
        if self.blocks().head.newer_minor { Ok(()) } else { zero(bytes, what) }
    }

    fn verify_padding(&self) -> Result<()> {
        let head = &self.blocks().head;
        if head.uses_reserved && !head.newer_minor {
            return Err(corrupt(
                "a reserved part of the header or of the section table is not zero".into(),
            ));
        }
        if let Some(lax) = head.sections.iter().find(|s| format::is_critical(s.id) && !s.critical) {
            return Err(corrupt(format!("section {:#x} is not marked as critical", lax.id)));
        }
        let head_length =
            HEADER + head.sections.len() * TABLE_ROW + head.roots.len() * format::CHECKSUM;
        for padding in self.blocks().padding_before_data(head_length as u64)? {
            zero(padding, "the padding before the data")?;
        }
        for pair in head.sections.windows(2) {
            zero(
                self.blocks().data(pair[0].end()..pair[1].offset)?,
                "the padding between sections",
            )?;
        }
        self.reserved(
            &self.element(section::META, 0, format::META_BYTES)?[8..],
            "the reserved part of the meta section",
        )
    }

    fn verify_strings(&self) -> Result<()> {
        let count = self.offset_count(section::STRING_OFFSETS, self.count(section::STRINGS))?;
        let mut previous = None;
        for i in 0..count {
            let string = self.string(i)?;
            if previous.is_some_and(|p: &str| p.as_bytes() >= string.as_bytes())
                || (i == 0 && !string.is_empty())
            {
                return Err(corrupt(format!("string {i} is out of order")));
            }
            previous = Some(string);
        }
        Ok(())
    }

    fn verify_lists_and_items(&self) -> Result<()> {
        let lists = self.lists()?;
        let mut names = HashSet::new();
        for (i, list) in lists.iter().enumerate() {
            if list.name.is_empty() || list.name.len() > MAX_NAME || !names.insert(&list.name) {
                return Err(corrupt(format!("list {i} has no name of its own")));
            }
            self.reserved(
                &self.element(section::LISTS, i as u64, LIST_BYTES)?[13..],
                "the reserved part of a list",
            )?;
        }
        let mut previous = None;
        for i in 0..self.item_count() {
            let record = self.element(section::ITEMS, i, ITEM_BYTES)?;
            let item = (u32_at(record, 0), u32_at(record, 4));
            if previous.is_some_and(|p| p >= item) || item.0 as usize >= lists.len() || item.1 == 0
            {
                return Err(corrupt(format!(
                    "item {i} is out of order, or of no list, or has no name"
                )));
            }
            self.string(item.1)?;
            previous = Some(item);
        }
        Ok(())
    }

    fn verify_labels(&self) -> Result<()> {
        let count = self.offset_count(section::LABEL_OFFSETS, self.count(section::LABELS))?;
        let mut previous: Option<Vec<u32>> = None;
        for i in 0..count {
            let range = self.label_range(i)?;
            let set = range
                .map(|k| Ok(u32_at(self.element(section::LABELS, k, 4)?, 0)))
                .collect::<Result<Vec<_>>>()?;
            for label in &set {
                self.string(*label)?;
            }
            let ascending = set.windows(2).all(|w| w[0] < w[1]);
            if !ascending || previous.is_some_and(|p| p >= set) || (i == 0 && !set.is_empty()) {
                return Err(corrupt(format!("label set {i} is out of order")));
            }
            previous = Some(set);
        }
        Ok(())
    }

    /// Walks the columns as a search would. Nothing is copied, since this is nearly all of the work.
    fn verify_entries(&self) -> Result<u64> {
        let lists = self.lists()?;
        let mut poison = 0;
        let entries = self.table::<ENTRY_BYTES>(section::ENTRIES)?;
        let mut next = 0;
        for algorithm in self.algorithms().iter() {
            let codes = self.column(format::fingerprints(algorithm))?;
            let ends = self.table::<4>(format::entry_ranges(algorithm))?;
            let mut previous: Option<&[u8]> = None;
            for (row, code) in codes.chunks_exact(algorithm.width()).enumerate() {
                if previous.is_some_and(|p| p >= code) {
                    return Err(corrupt(format!("{algorithm} fingerprint {row} is out of order")));
                }
                previous = Some(code);
                let range = ends.get(row..row + 2).unwrap_or_default();
                let [start, end] =
                    [0, 1].map(|k| range.get(k).map_or(0, |e| u32::from_le_bytes(*e) as usize));
                let Some(of_row) =
                    entries.get(start..end).filter(|e| !e.is_empty() && start == next)
                else {
                    return Err(corrupt(format!(
                        "{algorithm} row {row}: entries {start}..{end}; expected at least one, from {next}"
                    )));
                };
                next = end;
                let fingerprint = Fingerprint::new(algorithm, code)?;
                let mut last = None;
                for (i, record) in (start..).zip(of_row) {
                    let (id, poisonous) = self.verify_entry(i, record, row, fingerprint, &lists)?;
                    poison += u64::from(poisonous);
                    if last.is_some_and(|l| l >= id) {
                        return Err(corrupt(format!("entry {i} is out of order")));
                    }
                    last = Some(id);
                }
            }
        }
        if next != entries.len() {
            return Err(corrupt(format!("{} entries, but rows for {next}", entries.len())));
        }
        Ok(poison)
    }

    /// The entry's id, and whether it is poison.
    fn verify_entry(
        &self,
        i: usize,
        record: &[u8; ENTRY_BYTES],
        row: usize,
        fingerprint: Fingerprint,
        lists: &[List],
    ) -> Result<(EntryId, bool)> {
        let fault = |what: &str| corrupt(format!("entry {i}: {what}"));
        let record = Record(record);
        if record.algorithm()? != fingerprint.algorithm() || record.row() as usize != row {
            return Err(fault("it is not of the fingerprint that it is listed under"));
        }
        let role = record.role()?;
        let quality = record.quality()?;
        record.opinion()?;
        record.severity()?;
        let refused = refusal::check_fingerprint(role, &fingerprint, quality);
        if let Err(refusal @ Refusal::ExceptionAlgorithm(_)) = refused {
            return Err(fault(&refusal.to_string()));
        }
        // The strings and label sets themselves were verified before the entries; only that they exist is left.
        let exists = |offsets, index: u32| u64::from(index) + 1 < self.count(offsets);
        if !exists(section::LABEL_OFFSETS, record.labels())
            || !exists(section::STRING_OFFSETS, record.legal_basis())
        {
            return Err(fault("its labels or its legal basis do not exist"));
        }
        let item = self.element(section::ITEMS, u64::from(record.item()), ITEM_BYTES)?;
        let list = lists.get(u32_at(item, 0) as usize).ok_or_else(|| fault("it is of no list"))?;
        let id = EntryId::new(&list.name, self.string(record.source_id())?, role, &fingerprint);
        if record.id() != id {
            return Err(fault("its id is not that of its contents"));
        }
        self.reserved(record.reserved(), "the reserved part of an entry")?;
        self.reserved(&[record.unknown_flags()], "a reserved flag of an entry")?;
        Ok((id, refused.is_err()))
    }

    fn verify_suppressions(&self) -> Result<()> {
        match self.suppressions()?.windows(2).position(|w| w[0] >= w[1]) {
            Some(i) => Err(corrupt(format!("suppression {} is out of order", i + 1))),
            None => Ok(()),
        }
    }

    fn verify_radius_index(&self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let codes = self.fingerprint_count(Algorithm::Pdq);
        let Some(section) = self.blocks().head.section(format::RADIUS_INDEX) else { return Ok(()) };
        let index = self.radius_index()?.filter(|_| section.count == codes);
        let index = index.ok_or_else(|| {
            corrupt(format!("the radius index counts {} codes, of {codes}", section.count))
        })?;
        self.reserved(index.reserved(), "the reserved part of the radius index")?;
        let tables = index::Builder::TABLES as u64;
        index.verify(&mut |done| progress(self.size() + section.length * done as u64 / tables))
    }

    /// Number of ranges in a section of offsets, whose first is 0 and whose last is `end`.
    fn offset_count(&self, id: u32, end: u64) -> Result<u32> {
        let count =
            self.count(id).checked_sub(1).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
        let count = count.ok_or_else(|| corrupt(format!("section {id:#x} has no ranges")))?;
        let first = u32_at(self.element(id, 0, 4)?, 0);
        let last = u64::from(u32_at(self.element(id, u64::from(count), 4)?, 0));
        if first != 0 || last != end {
            return Err(corrupt(format!(
                "section {id:#x} runs from {first} to {last}; expected 0 to {end}"
            )));
        }
        Ok(count)
    }
}

fn zero(bytes: &[u8], what: &str) -> Result<()> {
    if bytes.iter().any(|b| *b != 0) { Err(corrupt(format!("{what} is not zero"))) } else { Ok(()) }
}
