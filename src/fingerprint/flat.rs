//! x
use crate::fingerprint::PdqHash;
/// x
pub fn is_flat(hash: &PdqHash) -> bool {
    hash.popcount() == 0
}
