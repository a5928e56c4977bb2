//! The 256-bit PDQ code and its text form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::{Algorithm, Fingerprint, fingerprint::hex};
use crate::hamming;

/// A PDQ hash: 256 bits. Byte 0 holds the first two hexadecimal digits of the text form that Meta's tools print.
///
/// ```
/// use tamis::fingerprint::PdqHash;
/// let a: PdqHash = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22".parse()?;
/// let b: PdqHash = "d8f8f0cee0f4a84f0637022a078f67f0b36e2ed596621e1d33e6339c4e9c9b22".parse()?;
/// assert_eq!(a.distance(&b), 6);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PdqHash(pub [u8; 32]);

impl PdqHash {
    /// Number of bits that differ, 0..=256.
    pub fn distance(&self, other: &PdqHash) -> u32 {
        hamming::distance(&self.0, &other.0)
    }

    /// Number of bits that are set. 128 for a picture without ties, less for a degenerate one.
    pub fn popcount(&self) -> u32 {
        self.0.iter().map(|b| b.count_ones()).sum()
    }

    /// Sets bit `k` of the 256-bit number that the text form shows, `k < 256`.
    pub(crate) fn set(&mut self, k: usize) {
        self.0[31 - k / 8] |= 1 << (k % 8);
    }
}

impl FromStr for PdqHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Fingerprint::from_hex(Algorithm::Pdq, text)?.try_into()
    }
}

impl TryFrom<Fingerprint> for PdqHash {
    type Error = Error;

    fn try_from(fingerprint: Fingerprint) -> Result<PdqHash> {
        match (fingerprint.algorithm(), <[u8; 32]>::try_from(fingerprint.bytes())) {
            (Algorithm::Pdq, Ok(bytes)) => Ok(PdqHash(bytes)),
            (other, _) => Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("expected a fingerprint by pdq, found {other}"),
            )),
        }
    }
}

impl From<PdqHash> for Fingerprint {
    fn from(hash: PdqHash) -> Fingerprint {
        Fingerprint::new(Algorithm::Pdq, &hash.0).expect("a PDQ hash has 32 bytes")
    }
}

impl fmt::Display for PdqHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PdqHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PdqHash({self})")
    }
}

impl Serialize for PdqHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PdqHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
