//! The radius index: which of many 256-bit codes lie within some bits of a query, exactly, without looking at most of them.
//! Slices in, rows out; it knows nothing of files. It imports [`hamming`](crate::hamming) and the errors.
//!
//! ```
//! use tamis::hamming::{Code, Isa};
//! use tamis::index::{Buffers, Builder, Strategy, Near, RadiusIndex};
//! let codes: Vec<Code> = (0..=255).map(|i| [i; 32]).collect();
//! let bytes = Builder::new(&codes)?.to_bytes();
//! let index = RadiusIndex::new(&codes, &bytes, ())?;
//! let mut found = Vec::new();
//! let mut query = [7; 32];
//! query[0] ^= 0xFF;
//! index.within(Isa::detect(), Strategy::Auto, &[(query, 31)], &mut Buffers::default(), &mut found)?;
//! assert_eq!(found, [Near { query: 0, row: 7, distance: 8 }]);
//! # Ok::<(), tamis::Error>(())
//! ```
//!
//! # The plain method: multi-index hashing on a ring
//!
//! A code is cut into 16 chunks of 16 bits, which stand on a ring: after the last comes the first. There is one table per chunk. It
//! lists all codes in buckets by that chunk, the *key*. A query for radius `r` gives each chunk `i` a *budget* `b[i]`, so that the
//! budgets sum to `r + 1`; for `r = 31` each is 2.
//!
//! ```text
//! within(query, r):
//!     for chunk i in 0..16:
//!         for each key that differs from the query's chunk i in d < b[i] bits:
//!             for each entry of the bucket of that key in table i:
//!                 if d + next chunk's difference            < b[i] + b[i+1]
//!                and d + the next two chunks' differences   < b[i] + b[i+1] + b[i+2]:
//!                     candidates += entry's row
//!     for each distinct row of the candidates: if its distance is at most r: found
//! ```
//!
//! An entry holds the next two chunks of its code beside its row, so both conditions are tested without the code. One unrelated
//! entry of 400 passes the first, one of 100,000 both.
//!
//! **Lemma** (pigeonring; Qin and Xiao, PVLDB 12, 2018). Let `d[i]` be the difference in chunk `i`. If they sum to `r` or less, there is a
//! chunk from which every partial sum of differences, along the ring, is smaller than that of the budgets.
//!
//! *Proof.* Let `s[k]` be the sum of `d[j] - b[j]` over the first `k` chunks; once around the ring it is `r - (r + 1) = -1` or less.
//! Start after the last `k` at which `s` is greatest: until the end of the ring every `s` is smaller, so each partial sum is -1 or less.
//! Past the end, the whole ring adds another -1 or less to values that are at most that greatest one. ∎
//!
//! So every code within the radius stands in one of the opened buckets and passes both conditions there: nothing is missed. Every
//! candidate is compared in full, so nothing is found that should not be.
//!
//! # What was added, and why it loses nothing
//!
//! 1. *A permutation of the bits*, the same for all (`chunks.rs`). It changes no distance. Real hashes crowd in some keys; taken along
//!    diagonals of the transform they do so half as much.
//! 2. *Shorter keys for fewer codes*: the lower bits of the chunk, so that buckets hold 16 entries or more. A difference in the key
//!    bits is at most that of the whole chunk, so the conditions, with it for `d`, let pass what they should and a little more.
//! 3. *Any radius from one index*: budgets follow the query, not the file. They differ by one at most.
//! 4. *Stages*. The offsets of all buckets are asked for, then read; buckets are asked for sixteen ahead of the one that is read;
//!    then the second chunks of what passed, then the codes. A query waits for memory a few times instead of a thousand times. Queries of one call
//!    have their offsets asked for and their buckets listed together; from there each goes to the end before the next begins.
//! 5. *Planning* (`plan.rs`). What the buckets hold is known from their offsets before any is read. If it is far more than evenly filled buckets would
//!    hold, the cheapest budgets for this query are found by dynamic programming; the lemma does not mind which.
//! 6. *Giving up*. What a query spends is counted, in work and not in time: by the costs of `plan.rs`. One that was planned anew may spend a quarter
//!    of what a scan of all codes costs. One whose buckets are filled evenly, so that the plan can be relied on, may spend half of a scan on opening
//!    them, and on what it finds in them what is left of a quarter, at least a sixteenth. Whoever has spent that, in the middle of a bucket if need
//!    be, is scanned for: so a query costs at most 1 + 9/16 scans, by that count. This also bounds what a hostile file can make a query do, as far as
//!    the costs are right.
//! 7. *Small sets* have no index: see [`Builder::LEAST`].
//!
//! # Not trusting the bytes
//!
//! The header is checked when an index is made, the two offsets of a bucket and each row when they are read: they are loaded once into locals, and bounds
//! are checked there. A hostile file can make an answer wrong or an error, not unsafe and not slow. (Whether a file holds the index of its
//! codes is what [`RadiusIndex::verify`] says.) [`Touch`] is told of every range of bytes before it is used, so that their owner may compare it with checksums first.

mod build;
mod chunks;
mod kernel;
mod layout;
mod plan;
mod radius;
mod stages;
#[cfg(test)]
mod tests;
mod verify;

use std::ops::Range;

use crate::error::Result;
use crate::hamming::{Code, Isa, scan_batch};
use crate::names::named;

pub use build::Builder;
pub use radius::{Buffers, RadiusIndex};

/// The widest radius that an index serves; beyond it every search is a scan.
pub const WIDEST: u32 = plan::REACH - 1;

/// The name of the kernel that reads indexes where scans use `isa`: the same, or a weaker one where this CPU lacks what it takes or where it fails its trial,
/// which is made once in the life of a process.
pub fn kernel(isa: Isa) -> &'static str {
    kernel::Kernel::of(isa).name()
}

named! {
    /// How rows are found. Every strategy gives the same answer.
    #[derive(Default)]
    #[non_exhaustive]
    Strategy ("a strategy") {
        /// The cheaper one for each query, by the measured costs of this instruction set.
        #[default]
        Auto = 1 "auto",
        /// The index, whatever it costs, where there is one and the radius is at most [`WIDEST`].
        Index = 2 "index",
        /// The scan.
        Scan = 3 "scan",
    }
}

/// A code within the radius of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Near {
    /// Position of the query among those asked.
    pub query: usize,
    /// Position of the code among the codes.
    pub row: usize,
    /// Bits in which they differ, 0..=256.
    pub distance: u32,
}

/// Is told which bytes are about to be used, and may refuse them. `()` never does.
pub trait Touch {
    /// Bytes of the codes.
    ///
    /// # Errors
    /// If they must not be used.
    fn codes(&self, range: Range<usize>) -> Result<()>;

    /// Bytes of the index.
    ///
    /// # Errors
    /// If they must not be used.
    fn index(&self, range: Range<usize>) -> Result<()>;
}

impl Touch for () {
    #[inline]
    fn codes(&self, _: Range<usize>) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn index(&self, _: Range<usize>) -> Result<()> {
        Ok(())
    }
}

/// Appends to `found` what [`RadiusIndex::within`] does, by a scan of all codes for all queries at once.
pub fn scan(isa: Isa, codes: &[Code], queries: &[(Code, u32)], found: &mut Vec<Near>) {
    let every: Vec<usize> = (0..queries.len()).collect();
    scan_some(isa, codes, queries, &every, found);
}

/// As [`scan`], for the queries of some numbers only, which are ascending.
fn scan_some(
    isa: Isa,
    codes: &[Code],
    queries: &[(Code, u32)],
    numbers: &[usize],
    found: &mut Vec<Near>,
) {
    let asked: Vec<Code> = numbers.iter().map(|number| queries[*number].0).collect();
    let widest = numbers.iter().map(|number| queries[*number].1).max().unwrap_or(0);
    scan_batch(isa, codes, &asked, widest, |i, row, distance| {
        let query = numbers[i];
        if distance <= queries[query].1 {
            found.push(Near { query, row, distance });
        }
    });
}
