//! Where in the file what stands, and how a slot is found.
//!
//! ```text
//! words:  0 .. 512       head: see below
//!         512 ..         LISTS slots of lists: head, 32 words for the name, bitmap of 1024 words
//!         then           ENTRIES slots of entries: head, bitmap of 32 words
//!
//! head:   0 magic   1 version   2 bytes of the file   3 zero   4..8 the key   8..12 BLAKE3 of words 0..8
//!         16 + 8 n  counter n, on a cache line of its own
//! ```
//!
//! A slot of entries is that of all entries of a list that have one fingerprint: of their group. It is looked for at [`WINDOW`] places from one that a keyed hash of the group's id names. A slot that had an owner always has one, so the first free place ends the search.

use std::sync::atomic::AtomicU64;

use crate::set::EntryId;

use super::shared::Words;
use super::slot::{Claim, HEAD, Slot};

/// "tamiscnt" as it lies in memory: a file from a machine of the other byte order is not one.
pub(super) const MAGIC: u64 = u64::from_ne_bytes(*b"tamiscnt");
pub(super) const VERSION: u64 = 2;

/// Words of the head.
pub(super) const HEAD_WORDS: usize = 512;
const FIRST_COUNTER: usize = 16;
const LINE: usize = 8;

pub(super) const LISTS: usize = 128;
/// A list's name has at most 255 bytes: the first is their number.
const NAME_WORDS: usize = 32;
const LIST_WORDS: usize = HEAD + NAME_WORDS + 1024;

pub(super) const ENTRIES: usize = 1 << 14;
const ENTRY_WORDS: usize = HEAD + 32;

/// Places that are looked at for one entry. Only a nearly full table has so many taken in a row.
const WINDOW: usize = 256;

/// Length of the file.
pub(super) const BYTES: u64 = 8 * (HEAD_WORDS + LISTS * LIST_WORDS + ENTRIES * ENTRY_WORDS) as u64;

const _: () = assert!(BYTES < 8 << 20 && FIRST_COUNTER + LINE * 60 <= HEAD_WORDS);

/// The file, by its parts.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) words: &'a [AtomicU64],
    key: &'a [u8; 32],
}

impl<'a> Table<'a> {
    pub(super) fn new(words: &'a Words, key: &'a [u8; 32]) -> Table<'a> {
        Table { words: words.all(), key }
    }

    pub(super) fn counter(&self, number: usize) -> Option<&'a AtomicU64> {
        self.words.get(FIRST_COUNTER + LINE * number)
    }

    pub(super) fn list_at(&self, number: usize) -> Option<(ListName<'a>, Slot<'a>)> {
        if number >= LISTS {
            return None;
        }
        let (name, slot) =
            self.slot(HEAD_WORDS + number * LIST_WORDS, LIST_WORDS)?.with_text(NAME_WORDS);
        Some((ListName(name), slot))
    }

    pub(super) fn entry_at(&self, number: usize) -> Option<Slot<'a>> {
        if number >= ENTRIES {
            return None;
        }
        self.slot(HEAD_WORDS + LISTS * LIST_WORDS + number * ENTRY_WORDS, ENTRY_WORDS)
    }

    fn slot(&self, from: usize, words: usize) -> Option<Slot<'a>> {
        Slot::new(self.words.get(from..from + words)?)
    }

    fn hash(&self, what: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(self.key, what)
    }

    /// Two numbers that stand for an upload: its place in the bitmaps of entries, and of lists. Whoever does not know the key can neither find uploads that share their
    /// places nor tell from the file which uploads there were.
    pub(super) fn places(&self, upload: &[u8]) -> [u64; 2] {
        halves(self.hash(upload).as_bytes())
    }

    /// The slot of a group, if it has one.
    pub(super) fn entry(&self, id: EntryId) -> Option<Slot<'a>> {
        let whose = owner(&id.0);
        for slot in self.window(id) {
            match slot.is_of(whose) {
                Claim::Yes => return Some(slot),
                Claim::No => {}
                Claim::End => return None,
            }
        }
        None
    }

    /// The slot of a group, taking a free or an idle one if it has none.
    pub(super) fn claim_entry(&self, id: EntryId, hour: u32) -> Option<Slot<'a>> {
        let whose = owner(&id.0);
        let mut idle = None;
        for slot in self.window(id) {
            if slot.claim(whose) == Claim::Yes {
                return Some(slot);
            }
            if idle.is_none() && slot.is_idle(hour) {
                idle = Some(slot);
            }
        }
        idle.filter(|slot| slot.take_over(whose, hour) == Claim::Yes)
    }

    fn window(&self, id: EntryId) -> impl Iterator<Item = Slot<'a>> {
        let [from, _] = halves(self.hash(&id.0).as_bytes());
        let from = (from % ENTRIES as u64) as usize;
        let table = *self;
        (from..from + WINDOW).filter_map(move |at| table.entry_at(at % ENTRIES))
    }

    /// The slot of a list with its number, if it has one.
    pub(super) fn list(&self, name: &str) -> Option<Slot<'a>> {
        let whose = list_owner(name);
        (0..LISTS)
            .filter_map(|number| self.list_at(number))
            .map(|(_, slot)| (slot, slot.is_of(whose)))
            .find(|(_, claim)| *claim != Claim::No)
            .and_then(|(slot, claim)| (claim == Claim::Yes).then_some(slot))
    }

    /// The slot of a list, taking a free or an idle one if it has none, with its number.
    pub(super) fn claim_list(&self, name: &str, hour: u32) -> Option<(usize, Slot<'a>)> {
        let whose = list_owner(name);
        let mut idle = None;
        for number in 0..LISTS {
            let (text, slot) = self.list_at(number)?;
            if slot.is_of(whose) == Claim::Yes {
                return Some((number, slot));
            }
            if slot.claim(whose) == Claim::Yes {
                text.write(name);
                return Some((number, slot));
            }
            if idle.is_none() && slot.is_idle(hour) {
                idle = Some((number, text, slot));
            }
        }
        let (number, text, slot) =
            idle.filter(|(_, _, s)| s.take_over(whose, hour) == Claim::Yes)?;
        text.write(name);
        Some((number, slot))
    }
}

/// The name of a list within its slot.
#[derive(Clone, Copy)]
pub(super) struct ListName<'a>(&'a [AtomicU64]);

impl ListName<'_> {
    /// All who write it write the same, since the slot's owner is a hash of it.
    fn write(&self, name: &str) {
        let mut bytes = vec![name.len() as u8];
        bytes.extend_from_slice(name.as_bytes());
        bytes.resize(self.0.len() * 8, 0);
        for (word, bytes) in self.0.iter().zip(bytes.as_chunks().0) {
            word.store(u64::from_le_bytes(*bytes), std::sync::atomic::Ordering::Release);
        }
    }

    /// None if it is not what the owner of the slot is a hash of: half written, or written by somebody else.
    pub(super) fn read(&self, slot: &Slot<'_>) -> Option<String> {
        let words = self.0.iter().map(|word| word.load(std::sync::atomic::Ordering::Acquire));
        let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        let (length, text) = bytes.split_first()?;
        let name = std::str::from_utf8(text.get(..usize::from(*length))?).ok()?;
        (slot.owner() == Some(list_owner(name))).then(|| name.to_owned())
    }
}

/// What stands for an entry or a list in its slot. Neither half is 0, which is nobody.
pub(super) fn owner(id: &[u8; 16]) -> [u64; 2] {
    let (halves, _) = id.as_chunks::<8>();
    [0, 1].map(|at| halves.get(at).map_or(1, |half| u64::from_be_bytes(*half)).max(1))
}

fn list_owner(name: &str) -> [u64; 2] {
    let hash = blake3::derive_key("tamis 2026-11 list of counters", name.as_bytes());
    halves(&hash).map(|half| half.max(1))
}

/// The id of the entry whose slot it is.
pub(super) fn entry_of(owner: [u64; 2]) -> EntryId {
    let mut id = [0; 16];
    for (bytes, half) in id.as_chunks_mut::<8>().0.iter_mut().zip(owner) {
        *bytes = half.to_be_bytes();
    }
    EntryId(id)
}

fn halves(hash: &[u8; 32]) -> [u64; 2] {
    let (parts, _) = hash.as_chunks::<8>();
    [0, 1].map(|at| parts.get(at).map_or(0, |part| u64::from_le_bytes(*part)))
}
