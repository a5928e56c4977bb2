//! Search: which entries of a set an upload matches.
//!
//! ```text
//! find(layers, fingerprints, radius, now):
//!     for each set:
//!         for each digest of the upload that the set has a column for: binary search
//!         for each code of the set's PDQ column: is it within the radius of one of the upload's views?
//! ```
//!
//! What that finds are rows of the sets, [`Found`]. A row has one entry or a million: those that are in force match, each pair of entry and view once, in the
//! order of distance, entry id and view. [`Found::matches`] makes a [`Match`] of each; the scanner has each ranked, and makes matches only of
//! those that can be reported (`select`).
//!
//! The radius search uses the set's index ([`crate::index`]) or a scan, whichever is cheaper: [`RadiusSearch`], which also looks up a code by itself. Within the radius nothing is missed, at any
//! size: [`planted`] proves it for a given set.

mod degraded;
mod found;
mod layers;
mod matches;
mod planted;
mod radius;
mod select;

use crate::error::Result;
use crate::fingerprint::{Algorithm, Fingerprints, PdqHash};

use found::Rendering;

pub use crate::index::{Near, Strategy};
pub use degraded::Degraded;
pub(crate) use degraded::group_of;
pub use found::Found;
pub use layers::Layers;
pub use matches::Match;
pub use planted::{Proof, planted, prove};
pub use radius::{NearEntry, RadiusSearch};

/// Finds all entries of some sets that an upload matches. Reuses its buffers from call to call.
#[derive(Debug, Default)]
pub struct Searcher {
    radius: RadiusSearch,
    queries: Vec<(PdqHash, u32)>,
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
        layers: &'s Layers,
        fingerprints: &Fingerprints,
        now: u64,
    ) -> Result<Found<'s>> {
        let mut found = Found::new(layers, [Rendering::BYTES], now);
        for (number, set) in layers.sets().iter().enumerate() {
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
        layers: &'s Layers,
        fingerprints: &Fingerprints,
        radius: u32,
        now: u64,
    ) -> Result<Found<'s>> {
        let mut found =
            Found::new(layers, fingerprints.perceptual.iter().map(Rendering::from), now);
        self.queries.clear();
        let queries = fingerprints.perceptual.iter();
        self.queries.extend(queries.map(|p| (p.hash, radius.saturating_add(p.slack))));
        for (number, set) in layers.sets().iter().enumerate() {
            for near in self.radius.within(set, &self.queries)? {
                found.push(number, Algorithm::Pdq, near.row as u64, near.distance, near.query);
            }
        }
        self.radius.trim();
        Ok(found.sorted())
    }
}

#[cfg(test)]
mod tests;
