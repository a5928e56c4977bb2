//! Fingerprints: exact digests of the bytes and the perceptual hash of the pixels. What they are depends on these alone.

mod algorithm;
mod digest;
#[allow(clippy::module_inception, reason = "the room is named after what it makes")]
mod fingerprint;
mod fingerprints;
mod flat;
mod flat_codes;
pub mod pdq;
mod pdq_hash;
mod view;

pub use algorithm::Algorithm;
pub use digest::{Algorithms, Digester, Digests, digests};
pub use fingerprint::Fingerprint;
pub(crate) use fingerprint::hex;
pub use fingerprints::{Fingerprints, Perceptual};
pub(crate) use flat::is_flat;
pub use pdq::{DihedralPdq, Hasher, Pdq, Replayed, Sampled, pdq};
pub use pdq_hash::PdqHash;
pub use view::{Dihedral, View};
