//! What makes a set a *delta*: it says which changes of which lists it holds, and what they withdraw.
//!
//! Each list's changes are numbered 1, 2, 3 and so on. A change is a pair (T, A) of what it withdraws and what it adds, and makes of a list's
//! entries S the entries (S - T) + A, where an added entry takes the place of one of the same id. Two changes one after the other are one change again:
//!
//! ```text
//! (T1, A1) then (T2, A2)  =  (T1 + T2, (A1 - T2) + A2)
//! ```
//!
//! so a set can hold a run of consecutive changes of a list, and says from which number to which. T is written as tombstones: keys of entries, items, source
//! ids and suppressions. "Replaces" stands for all entries of the list, and then the run begins at number 0, since nothing before it matters any more.

use crate::error::Result;

use super::format::{CHANGE_BYTES, TOMBSTONE_BYTES, array_at, section, u32_at, u64_at};
use super::reader::{Set, corrupt};
use super::record::EntryId;

/// Which changes of a list a set holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// Name of the list.
    pub list: String,
    /// Number of the first change, at least 1; 0 if the run replaces the list.
    pub first: u64,
    /// Number of the last change.
    pub last: u64,
    /// Whether all entries that the list had before are withdrawn.
    pub replaces: bool,
}

/// What a change withdraws.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Withdrawal {
    /// One entry.
    Entry(EntryId),
    /// All entries of an item, by its name.
    Item(String),
    /// All entries with a source id of the list.
    Source(String),
    /// A suppression: the entry is no longer switched off.
    Suppression(EntryId),
}

impl Withdrawal {
    pub(super) fn tombstone(&self) -> (TombstoneKind, [u8; 16]) {
        match self {
            Withdrawal::Entry(id) => (TombstoneKind::Entry, id.0),
            Withdrawal::Item(name) => (TombstoneKind::Item, text_key(name)),
            Withdrawal::Source(id) => (TombstoneKind::Source, text_key(id)),
            Withdrawal::Suppression(id) => (TombstoneKind::Suppression, id.0),
        }
    }
}

/// What a tombstone's key is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum TombstoneKind {
    /// An entry's id.
    Entry = 1,
    /// An item's name, as [`text_key`] writes it.
    Item = 2,
    /// An entry's source id, likewise.
    Source = 3,
    /// The id of an entry that was switched off.
    Suppression = 4,
}

/// A list by its position, a kind, a key: in the order in which they stand in the file.
pub(super) type Tombstone = (u32, u32, [u8; 16]);

/// Texts have keys of one size, so that tombstones are found by binary search.
pub(crate) fn text_key(text: &str) -> [u8; 16] {
    let hash = blake3::derive_key("tamis 2026-11 tombstone text", text.as_bytes());
    array_at(&hash, 0)
}

impl Set {
    /// Which changes of which lists the set holds, in the order of its lists; none if it is no delta.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt).
    pub fn changes(&self) -> Result<Vec<Change>> {
        let mut changes: Vec<Change> = Vec::new();
        if self.count(section::CHANGES) == 0 {
            return Ok(changes);
        }
        let lists = self.lists()?;
        let mut previous = None;
        for row in self.table::<CHANGE_BYTES>(section::CHANGES)? {
            let (list, flags) = (u32_at(row, 0), u32_at(row, 4));
            let (first, last) = (u64_at(row, 8), u64_at(row, 16));
            let replaces = flags & REPLACES != 0;
            let known = lists.get(list as usize).filter(|_| previous < Some(list));
            match known {
                Some(known) if first <= last && last > 0 && (first == 0) == replaces => {
                    changes.push(Change { list: known.name.clone(), first, last, replaces })
                }
                _ => {
                    return Err(corrupt(format!(
                        "the delta header says {first}..{last} of list {list}, which cannot be"
                    )));
                }
            }
            previous = Some(list);
        }
        Ok(changes)
    }

    /// Number of tombstones.
    pub fn withdrawal_count(&self) -> u64 {
        self.count(section::TOMBSTONES)
    }

    /// Whether a list, by its position in this set, has any tombstone of that kind.
    pub(crate) fn withdraws_any(&self, list: u32, kind: TombstoneKind) -> Result<bool> {
        let tombstones = self.tombstones()?;
        let at = tombstones.partition_point(|t| key_of(t) < (list, kind as u32, [0; 16]));
        Ok(tombstones.get(at).is_some_and(|t| (u32_at(t, 0), u32_at(t, 4)) == (list, kind as u32)))
    }

    /// Whether the set withdraws what has that key from what a list, by its position in this set, said before.
    pub(crate) fn withdraws(&self, list: u32, kind: TombstoneKind, key: [u8; 16]) -> Result<bool> {
        let wanted = (list, kind as u32, key);
        Ok(self.tombstones()?.binary_search_by_key(&wanted, key_of).is_ok())
    }

    /// Calls `each` with kind and key of every tombstone of a list, by its position in this set.
    pub(crate) fn each_tombstone(
        &self,
        list: u32,
        each: &mut dyn FnMut(u32, [u8; 16]),
    ) -> Result<()> {
        let of_list = self.withdrawn()?.filter(|tombstone| tombstone.0 == list);
        of_list.for_each(|(_, kind, key)| each(kind, key));
        Ok(())
    }

    /// List, kind and key of every tombstone. Numbers are as they stand there.
    pub(super) fn withdrawn(&self) -> Result<impl Iterator<Item = Tombstone> + '_> {
        Ok(self.tombstones()?.iter().map(key_of))
    }

    fn tombstones(&self) -> Result<&[[u8; TOMBSTONE_BYTES]]> {
        self.table(section::TOMBSTONES)
    }

    pub(super) fn verify_changes(&self) -> Result<()> {
        let changes = self.changes()?;
        let lists = self.lists()?;
        for (i, row) in self.table::<CHANGE_BYTES>(section::CHANGES)?.iter().enumerate() {
            self.reserved(&row[24..], &format!("the reserved part of change {i}"))?;
            let flags = (u32_at(row, 4) & !REPLACES).to_le_bytes();
            self.reserved(&flags, &format!("a reserved flag of change {i}"))?;
        }
        let mut previous = None;
        for (i, tombstone) in self.withdrawn()?.enumerate() {
            let (list, kind, _) = tombstone;
            let of_change = lists
                .get(list as usize)
                .is_some_and(|list| changes.iter().any(|change| change.list == list.name));
            let known = (1..=TombstoneKind::Suppression as u32).contains(&kind);
            if !of_change || !known || previous >= Some(tombstone) {
                return Err(corrupt(format!(
                    "tombstone {i} is out of order, of an unknown kind, or of a list without changes"
                )));
            }
            previous = Some(tombstone);
        }
        Ok(())
    }
}

pub(super) const REPLACES: u32 = 1;

fn key_of(tombstone: &[u8; TOMBSTONE_BYTES]) -> Tombstone {
    (u32_at(tombstone, 0), u32_at(tombstone, 4), array_at(tombstone, 8))
}
