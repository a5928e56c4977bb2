//! Fingerprints: exact digests of the bytes and the perceptual hash of the pixels. Pure functions.

mod algorithm;
mod algorithms;
#[allow(clippy::module_inception, reason = "the room is named after what it makes")]
mod fingerprint;
mod pdq_hash;
mod view;

pub use algorithm::Algorithm;
pub use algorithms::Algorithms;
pub use fingerprint::Fingerprint;
pub(crate) use fingerprint::hex;
pub use pdq_hash::PdqHash;
pub use view::{Dihedral, View};
