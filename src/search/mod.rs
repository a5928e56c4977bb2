//! Search: which entries of a set an upload matches.
//!
//! ```text
//! find(sets, fingerprints, radius, now):
//!     for each set:
//!         for each digest of the upload that the set has a column for: binary search
//!         for each code of the set's PDQ column: is it within the radius of one of the upload's views?
//!     drop entries that have expired; keep each pair of entry and view once
//!     sort by distance, then entry id, then view
//! ```
//!
//! The radius search is a scan with SIMD ([`crate::hamming`]) behind one private function, `within`; an index will be chosen there, per set, and nobody else
//! will notice. Within the radius nothing is missed, at any size: [`planted`] proves it for a given set.

mod matches;
mod planted;

use std::cmp::Reverse;

use crate::error::Result;
use crate::fingerprint::{Algorithm, Fingerprints, PdqHash, Perceptual, View};
use crate::hamming::{self, Isa};
use crate::set::{EntryId, Set, StoredEntry};

pub use matches::Match;
pub use planted::planted;

/// An entry that was found, by position: cheap to collect, turned into a [`Match`] when it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    id: EntryId,
    distance: u32,
    /// Position in the upload's perceptual fingerprints; digests have none.
    view: Option<usize>,
    set: usize,
    entry: u64,
    algorithm: Algorithm,
}

/// Finds all entries of some sets that an upload matches. Reuses its buffers from call to call.
#[derive(Debug, Default)]
pub struct Searcher {
    queries: Vec<[u8; 32]>,
    rows: Vec<(usize, usize, u32)>,
    found: Vec<Found>,
}

impl Searcher {
    /// A searcher with empty buffers.
    pub fn new() -> Searcher {
        Searcher::default()
    }

    /// Appends to `matches` every entry that one of the digests equals, nearest first and then by entry id.
    ///
    /// An entry that has expired at `now` (seconds since 1970) does not match.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt) if a set turns out to be damaged where it is read.
    pub fn digests(
        &mut self,
        sets: &[impl AsRef<Set>],
        fingerprints: &Fingerprints,
        now: u64,
        matches: &mut Vec<Match>,
    ) -> Result<()> {
        self.found.clear();
        for (number, set) in sets.iter().enumerate() {
            let set = set.as_ref();
            for digest in fingerprints.digests.iter() {
                if let Some(row) = set.row_of(&digest)? {
                    self.collect(number, set, digest.algorithm(), row, 0, None, now)?;
                }
            }
        }
        self.finish(sets, fingerprints, matches)
    }

    /// Appends to `matches` every entry within `radius` (inclusive) of one of the perceptual hashes, as [`Searcher::digests`] does. For a hash
    /// that is not exact the radius is wider by its [slack](crate::fingerprint::Perceptual::slack).
    ///
    /// # Errors
    /// As for [`Searcher::digests`].
    pub fn perceptual(
        &mut self,
        sets: &[impl AsRef<Set>],
        fingerprints: &Fingerprints,
        radius: u32,
        now: u64,
        matches: &mut Vec<Match>,
    ) -> Result<()> {
        self.found.clear();
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
                self.collect(
                    number,
                    set,
                    Algorithm::Pdq,
                    *row as u64,
                    *distance,
                    Some(*query),
                    now,
                )?;
            }
            self.rows = rows;
        }
        self.finish(sets, fingerprints, matches)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "private, and a struct of them would only be a detour"
    )]
    fn collect(
        &mut self,
        number: usize,
        set: &Set,
        algorithm: Algorithm,
        row: u64,
        distance: u32,
        view: Option<usize>,
        now: u64,
    ) -> Result<()> {
        for entry in set.entries_of_row(algorithm, row)? {
            let (id, expires) = set.entry_summary(entry, algorithm, row)?;
            if expires == 0 || u64::from(expires) > now {
                self.found.push(Found { id, distance, view, set: number, entry, algorithm });
            }
        }
        Ok(())
    }

    fn finish(
        &mut self,
        sets: &[impl AsRef<Set>],
        fingerprints: &Fingerprints,
        matches: &mut Vec<Match>,
    ) -> Result<()> {
        let view = |found: &Found| match found.view {
            None => (View::Bytes, 0),
            Some(at) => {
                let Perceptual { view, part, .. } = fingerprints.perceptual[at];
                (view, part)
            }
        };
        // An entry may stand in several sets, and is one entry all the same: what the last of them says of it holds.
        self.found.sort_by_key(|f| (f.distance, f.id, view(f), Reverse(f.set)));
        self.found.dedup_by_key(|f| (f.distance, f.id, view(f)));
        for found in &self.found {
            let set = sets[found.set].as_ref();
            let stored = set.entry(found.entry)?;
            let list = &set.lists()?[stored.list];
            let legal_basis = [&stored.entry.legal_basis, &list.legal_basis];
            let mut suppressed = false;
            for set in sets {
                suppressed |= set.as_ref().suppresses(found.id)?;
            }
            matches.push(Match {
                list: list.name.clone(),
                list_kind: list.kind,
                item: stored.entry.item,
                entry: found.id,
                source_id: stored.entry.source_id,
                algorithm: found.algorithm,
                distance: found.distance,
                view: view(found).0,
                part: view(found).1,
                slack: found.view.map_or(0, |at| fingerprints.perceptual[at].slack),
                quality: found.view.map(|v| fingerprints.perceptual[v].quality),
                labels: stored.entry.labels,
                opinion: stored.entry.opinion,
                severity: stored.entry.severity,
                reviewed: stored.entry.reviewed,
                role: stored.entry.role,
                suppressed,
                legal_basis: legal_basis.into_iter().find(|b| !b.is_empty()).cloned(),
            });
        }
        Ok(())
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
        for index in set.entries_of_row(Algorithm::Pdq, row)? {
            set.entry_summary(index, Algorithm::Pdq, row)?;
            entries.push((set.entry(index)?, distance));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
