//! A set of algorithms.

use crate::fingerprint::Algorithm;

/// A set of algorithms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Algorithms(u32);

impl Algorithms {
    /// Whether the algorithm is in the set.
    pub fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & 1 << algorithm as u8 != 0
    }
}

impl FromIterator<Algorithm> for Algorithms {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        Algorithms(algorithms.into_iter().fold(0, |bits, a| bits | 1 << a as u8))
    }
}
