//! A digest of many parts that does not depend on their order: the sum, in 16 numbers modulo 2^64, of the BLAKE3 output of each, hashed once more.

use crate::set::{Entry, EntryId};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StateDigest([u64; 16]);

impl StateDigest {
    pub(super) fn add(&mut self, part: &[u8]) {
        let mut hasher = blake3::Hasher::new_derive_key("tamis 2026-11 state digest");
        hasher.update(part);
        let mut lanes = [0; 128];
        hasher.finalize_xof().fill(&mut lanes);
        for (sum, lane) in self.0.iter_mut().zip(lanes.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*lane));
        }
    }

    /// Adds an entry of a list, unless it has expired at `now`: then it says nothing any more.
    pub(super) fn add_entry(&mut self, list: &str, id: EntryId, entry: &Entry, now: u64) {
        if entry.expires == 0 || u64::from(entry.expires) > now {
            // Debug has all fields, each delimited; nothing outlives this process that depends on how it writes them.
            self.add(format!("{list:?} {id} {entry:?}").as_bytes());
        }
    }

    pub(super) fn finish(&self) -> [u8; 32] {
        let bytes: Vec<u8> = self.0.iter().flat_map(|lane| lane.to_le_bytes()).collect();
        *blake3::hash(&bytes).as_bytes()
    }
}
