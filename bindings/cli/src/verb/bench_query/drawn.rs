//! The queries: half of them planted near codes of the set, half unrelated.

use tamis::fingerprint::{Algorithm, PdqHash};
use tamis::set::Set;

use super::super::bench_set::codes::Draw;
use crate::Failure;

/// Queries in the order in which they were drawn.
pub(super) struct Queries {
    pub(super) codes: Vec<PdqHash>,
    draw: Draw,
}

impl Queries {
    /// Every other query, from the first, is planted.
    pub(super) fn draw(set: &Set, count: u64, radius: u32, seed: u64) -> Result<Queries, Failure> {
        let start = first(set, |algorithm| algorithm >= Algorithm::Pdq)?;
        let entries = first(set, |algorithm| algorithm > Algorithm::Pdq)? - start;
        if entries == 0 {
            return Err(Failure::new("the set holds no PDQ codes, so there is nothing to measure"));
        }
        let mut draw = Draw::new(seed);
        let mut codes = Vec::new();
        for number in 0..count {
            codes.push(if Queries::planted(number as usize) {
                let stored = set.entry(start + draw.below(entries))?;
                let code = PdqHash::try_from(stored.entry.fingerprint)?;
                let bits = draw.below(u64::from(radius) + 1) as u32;
                draw.flip(code, bits, |_| true)
            } else {
                draw.balanced()
            });
        }
        Ok(Queries { codes, draw })
    }

    /// Whether a query of that number is planted.
    pub(super) fn planted(number: usize) -> bool {
        number.is_multiple_of(2)
    }

    /// An unrelated code that was not asked for yet.
    pub(super) fn stranger(&mut self) -> PdqHash {
        self.draw.balanced()
    }
}

/// The first entry whose algorithm is `late` enough, by which entries are sorted.
fn first(set: &Set, late: impl Fn(Algorithm) -> bool) -> tamis::Result<u64> {
    let (mut low, mut high) = (0, set.entry_count());
    while low < high {
        let middle = low + (high - low) / 2;
        if late(set.entry(middle)?.entry.fingerprint.algorithm()) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}
