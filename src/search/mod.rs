//! Search: which entries of a set an upload matches.
//!
//! ```text
//! find(sets, fingerprints, radius, now):
//!     for each set:
//!         for each digest of the upload that the set has a column for: binary search
//!         for each code of the set's PDQ column: is it within the radius of one of the upload's views?
//! ```
//!
//! What that finds are rows of the sets, [`Found`]. A row has one entry or a million: those that are in force match, each pair of entry and view once, in the
//! order of distance, entry id and view. [`Found::matches`] makes a [`Match`] of each; [`Found::select`] ranks each and makes matches only of
//! those that can be reported.
//!
//! The radius search is a scan with SIMD ([`crate::hamming`]) behind one private function, `within`; an index will be chosen there, per set, and nobody else
//! will notice. Within the radius nothing is missed, at any size: [`planted`] proves it for a given set.

mod found;
mod matches;
mod planted;
mod select;

use crate::error::Result;
use crate::fingerprint::{Algorithm, Fingerprints, PdqHash};
use crate::hamming::{self, Isa};
use crate::set::{Set, StoredEntry};

use found::Rendering;

pub use found::Found;
pub use matches::Match;
pub use planted::planted;
pub use select::Selection;

/// Finds all entries of some sets that an upload matches. Reuses its buffers from call to call.
#[derive(Debug, Default)]
pub struct Searcher {
    queries: Vec<[u8; 32]>,
    rows: Vec<(usize, usize, u32)>,
}

impl Searcher {
    /// A searcher with empty buffers.
    pub fn new() -> Searcher {
        Searcher::default()
    }

    /// Every entry that one of the digests equals.
    ///
    /// An entry that has expired at `now` (seconds since 1970) does not match.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt) if a set turns out to be damaged where it is read.
    pub fn digests<'s>(
        &mut self,
        sets: &'s [impl AsRef<Set>],
        fingerprints: &Fingerprints,
        now: u64,
    ) -> Result<Found<'s>> {
        let mut found = Found::new(sets, [Rendering::BYTES], now);
        for (number, set) in sets.iter().enumerate() {
            let set = set.as_ref();
            for digest in fingerprints.digests.iter() {
                if let Some(row) = set.row_of(&digest)? {
                    found.push(number, digest.algorithm(), row, 0, 0);
                }
            }
        }
        Ok(found.sorted())
    }

    /// Every entry within `radius` (inclusive) of one of the perceptual hashes, otherwise as [`Searcher::digests`]. For a hash that is not exact the
    /// radius is wider by its [slack](crate::fingerprint::Perceptual::slack).
    ///
    /// # Errors
    /// As for [`Searcher::digests`].
    pub fn perceptual<'s>(
        &mut self,
        sets: &'s [impl AsRef<Set>],
        fingerprints: &Fingerprints,
        radius: u32,
        now: u64,
    ) -> Result<Found<'s>> {
        let mut found = Found::new(sets, fingerprints.perceptual.iter().map(Rendering::from), now);
        self.queries.clear();
        self.queries.extend(fingerprints.perceptual.iter().map(|p| p.hash.0));
        let slack = |query: usize| fingerprints.perceptual[query].slack;
        let widest = radius.saturating_add((0..self.queries.len()).map(slack).max().unwrap_or(0));
        for (number, set) in sets.iter().enumerate() {
            let set = set.as_ref();
            let mut rows = std::mem::take(&mut self.rows);
            rows.clear();
            within(set, &self.queries, widest, |query, row, distance| {
                if distance <= radius.saturating_add(slack(query)) {
                    rows.push((query, row, distance));
                }
            })?;
            for (query, row, distance) in &rows {
                found.push(number, Algorithm::Pdq, *row as u64, *distance, *query);
            }
            // One upload that is near a whole list must not hold its memory for ever.
            rows.clear();
            rows.shrink_to(1 << 14);
            self.rows = rows;
        }
        Ok(found.sorted())
    }
}

/// Calls `sink(query, row, distance)` for every row of the set's PDQ column within `radius` of a query. The one place that
/// decides how: today by a scan.
fn within(
    set: &Set,
    queries: &[[u8; 32]],
    radius: u32,
    sink: impl FnMut(usize, usize, u32),
) -> Result<()> {
    let codes = set.pdq_codes()?;
    hamming::scan_batch(Isa::detect(), codes, queries, radius, sink);
    Ok(())
}

/// Looks one code up: every entry of the set within `radius` (inclusive) bits of it with its distance, nearest first, then by
/// fingerprint and id. Expired entries are included: this is for inspection.
///
/// # Errors
/// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt).
pub fn query(set: &Set, code: PdqHash, radius: u32) -> Result<Vec<(StoredEntry, u32)>> {
    let mut rows = Vec::new();
    within(set, &[code.0], radius, |_, row, distance| rows.push((distance, row as u64)))?;
    rows.sort_unstable();
    let mut entries = Vec::new();
    for (distance, row) in rows {
        for entry in set.summaries(Algorithm::Pdq, row)? {
            entries.push((set.entry(entry?.index)?, distance));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
