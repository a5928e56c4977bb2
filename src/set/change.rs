//! What makes a set a *delta*: it says which changes of which lists it holds, and what they withdraw.
//!
//! Each list's changes are numbered 1, 2, 3 and so on. A change is a pair (T, A) of what it withdraws and what it adds, and makes of a list's
//! entries S the entries (S - T) + A, where an added entry takes the place of one of the same id. Two changes one after the other are one change again:
//!
//! ```text
//! (T1, A1) then (T2, A2)  =  (T1 + T2 + ids of what T2 withdraws of A1,  (A1 - T2) + A2)
//! ```
//!
//! (An entry that A1 adds has taken the place of one of its id, which must not come back when T2 withdraws the new one by a name that the old one does not have.)
//!
//! so a set can hold a run of consecutive changes of a list, and says from which number to which. T is written as tombstones: keys of entries, items, source
//! ids and suppressions. "Replaces" stands for all entries of the list, and all that it has switched off, and then the run begins at number 0, since nothing before it matters any more.

use crate::error::Result;

use super::format::{CHANGE_BYTES, MAX_LISTS, TOMBSTONE_BYTES, array_at, section, u32_at, u64_at};
use super::reader::{Set, corrupt};
use super::record::EntryId;

/// Which changes of a list a set holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// Name of the list.
    pub list: String,
    /// Number of the first change, at least 1; 0 if the run replaces the list.
    pub first: u64,
    /// Number of the last change, at most [`Change::GREATEST`].
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

impl Change {
    /// Greatest number of a change, and of whatever else JSON may hold: 2^53 - 1, the last that each of its readers takes as it is.
    pub const GREATEST: u64 = (1 << 53) - 1;
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

impl TombstoneKind {
    pub(super) fn from_number(number: u32) -> Option<TombstoneKind> {
        use TombstoneKind::{Entry, Item, Source, Suppression};
        [Entry, Item, Source, Suppression].into_iter().find(|kind| *kind as u32 == number)
    }
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
            let Some(known) = lists.get(list as usize).filter(|_| previous < Some(list)) else {
                return Err(corrupt(format!(
                    "the delta header speaks of list {list}, which is out of order or does not exist"
                )));
            };
            if first > last || last == 0 || last > Change::GREATEST || (first == 0) != replaces {
                return Err(corrupt(format!(
                    "the delta header says changes {first} to {last} of list {list}, which cannot be"
                )));
            }
            changes.push(Change { list: known.name.clone(), first, last, replaces });
            previous = Some(list);
        }
        Ok(changes)
    }

    /// What the head says of the changes is within bounds. Whoever opens a set finds out before any of it is read.
    pub(super) fn check_change_counts(&self) -> Result<()> {
        let (changes, tombstones) = (self.count(section::CHANGES), self.withdrawal_count());
        let most = if changes > 0 { u64::from(u32::MAX) } else { 0 };
        if changes > MAX_LISTS || tombstones > most {
            return Err(corrupt(format!(
                "{tombstones} tombstones and changes of {changes} lists; expected at most {MAX_LISTS} lists, and tombstones only with changes"
            )));
        }
        Ok(())
    }

    /// Number of tombstones.
    pub fn withdrawal_count(&self) -> u64 {
        self.count(section::TOMBSTONES)
    }

    /// Whether a list, by its position in this set, has any tombstone of that kind.
    pub(crate) fn withdraws_any(&self, list: u32, kind: TombstoneKind) -> Result<bool> {
        let found = self.first_tombstone((list, kind as u32, [0; 16]))?;
        Ok(found.is_some_and(|found| (found.0, found.1) == (list, kind as u32)))
    }

    /// Whether the set withdraws what has that key from what a list, by its position in this set, said before.
    pub(crate) fn withdraws(&self, list: u32, kind: TombstoneKind, key: [u8; 16]) -> Result<bool> {
        let wanted = (list, kind as u32, key);
        Ok(self.first_tombstone(wanted)? == Some(wanted))
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
        Ok(self.table::<TOMBSTONE_BYTES>(section::TOMBSTONES)?.iter().map(|row| tombstone(row)))
    }

    /// The first tombstone that does not stand before `wanted`. However many there are, only the blocks on the way to it are read.
    fn first_tombstone(&self, wanted: Tombstone) -> Result<Option<Tombstone>> {
        let Some(section) = self.blocks().head.section(section::TOMBSTONES) else {
            return Ok(None);
        };
        let (mut low, mut high, mut found) = (0, section.count, None);
        while low < high {
            let middle = low + (high - low) / 2;
            let one = tombstone(self.elements_of(section, middle..middle + 1, TOMBSTONE_BYTES)?);
            if one < wanted {
                low = middle + 1;
            } else {
                (high, found) = (middle, Some(one));
            }
        }
        Ok(found)
    }

    pub(super) fn verify_changes(&self) -> Result<()> {
        let mut changes = vec![false; self.lists()?.len()];
        self.changes()?;
        for (i, row) in self.table::<CHANGE_BYTES>(section::CHANGES)?.iter().enumerate() {
            self.reserved(&row[24..], &format!("the reserved part of change {i}"))?;
            let flags = (u32_at(row, 4) & !REPLACES).to_le_bytes();
            self.reserved(&flags, &format!("a reserved flag of change {i}"))?;
            if let Some(has_changes) = changes.get_mut(u32_at(row, 0) as usize) {
                *has_changes = true;
            }
        }
        let mut previous = None;
        for (i, tombstone) in self.withdrawn()?.enumerate() {
            let (list, kind, _) = tombstone;
            if changes.get(list as usize) != Some(&true) {
                return Err(corrupt(format!("tombstone {i} is of a list without changes")));
            }
            if TombstoneKind::from_number(kind).is_none() {
                return Err(corrupt(format!("tombstone {i} is of the unknown kind {kind}")));
            }
            if previous >= Some(tombstone) {
                return Err(corrupt(format!("tombstone {i} is out of order")));
            }
            previous = Some(tombstone);
        }
        Ok(())
    }
}

pub(super) const REPLACES: u32 = 1;

fn tombstone(row: &[u8]) -> Tombstone {
    (u32_at(row, 0), u32_at(row, 4), array_at(row, 8))
}
