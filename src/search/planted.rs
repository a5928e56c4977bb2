//! Planted queries: proof, for one given set, that the search finds what is in it.
//!
//! A peer's saved index is known to find nothing in a list of one entry, and nobody noticed, because nobody asked it. So `tamis build`, before it
//! publishes a set, a store before it takes a change, and `tamis verify` look up a sample of the set's own codes: as they are, and with as many bits flipped as the radius allows.
//! Whoever publishes sets by other means should do the same: [`prove`].

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::{Algorithm, PdqHash};
use crate::set::Set;

use super::{RadiusSearch, Strategy};

/// What [`prove`] found to be in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proof {
    /// Bytes of data that were read and compared with their checksums.
    pub bytes: u64,
    /// Planted queries that were asked, and answered.
    pub planted: u64,
}

/// What whoever publishes a set does with it before: reads all of it back from where it was written, and searches it for what it holds, within `radius` ([`planted`]).
/// `thorough`: compares every record with the rules of the format, too ([`Set::verify`]), and not only every block with its checksum ([`Set::warm`]). `progress` is that of the two, and is called once more when all is
/// read, before the search.
///
/// # Errors
/// [`ErrorCode::SetCorrupt`], naming the first fault found; [`ErrorCode::Internal`] if the search misses something.
pub fn prove(
    set: &Set,
    radius: u32,
    thorough: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Proof> {
    if thorough {
        set.verify(progress)?;
    } else {
        set.warm(progress)?;
    }
    progress(set.size() + if thorough { set.radius_index_bytes() } else { 0 });
    Ok(Proof { bytes: set.data_length(), planted: planted(set, radius)? })
}

/// At most this many codes are asked for.
const SAMPLE: usize = 32;

/// Looks up a sample of the set's own codes, unchanged and with `radius` bits flipped, by its index and by a scan, and a sample of its digests.
/// Returns the number of queries that were asked; all of them were answered.
///
/// # Errors
/// [`ErrorCode::Internal`] if an answer lacks what was planted; [`ErrorCode::SetCorrupt`] if the set is damaged.
pub fn planted(set: &Set, radius: u32) -> Result<u64> {
    let mut asked = 0;
    let codes = set.pdq_codes()?;
    let (mut rows, mut queries) = (Vec::new(), Vec::new());
    for number in 0..codes.len().min(SAMPLE) {
        // First, last, and evenly between.
        let row = number * (codes.len() - 1) / (codes.len().min(SAMPLE) - 1).max(1);
        for flips in [0, radius.min(256)] {
            let mut query = codes[row];
            for k in 0..flips as usize {
                // 37 is odd, so these bits are distinct.
                let bit = (k * 37 + row) % 256;
                query[bit / 8] ^= 1 << (bit % 8);
            }
            rows.push((row, flips));
            queries.push((PdqHash(query), radius));
        }
    }
    for strategy in [Strategy::Index, Strategy::Scan] {
        let mut search = RadiusSearch::new().with_strategy(strategy);
        let near = search.within(set, &queries)?;
        for (query, (row, flips)) in rows.iter().enumerate() {
            if !near.iter().any(|n| (n.query, n.row, n.distance) == (query, *row, *flips)) {
                return Err(missed(&format!("PDQ code {row} with {flips} bits flipped")));
            }
        }
    }
    asked += queries.len() as u64;
    for algorithm in Algorithm::DIGESTS {
        let count = set.fingerprint_count(algorithm);
        for number in 0..count.min(SAMPLE as u64) {
            let row = number * (count - 1) / (count.min(SAMPLE as u64) - 1).max(1);
            let entry = set.entry(set.entries_of_row(algorithm, row)?.start)?.entry;
            if set.row_of(&entry.fingerprint)? != Some(row) {
                return Err(missed(&format!("{algorithm} digest {row}")));
            }
            asked += 1;
        }
    }
    Ok(asked)
}

fn missed(what: &str) -> Error {
    Error::new(
        ErrorCode::Internal,
        format!(
            "the search did not find {what}, which is in the set: do not rely on this machine, and report it"
        ),
    )
}
