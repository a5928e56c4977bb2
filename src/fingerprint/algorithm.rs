//! The algorithms a list may use, with their names and sizes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode};

/// A fingerprint algorithm. The numbers are those of the set format and of the C interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
#[repr(u8)]
pub enum Algorithm {
    /// MD5, 128 bits. Collisions can be made at will: enough to recognise, never enough to except.
    Md5 = 1,
    /// SHA-1, 160 bits. Collisions can be bought: enough to recognise, never enough to except.
    Sha1 = 2,
    /// SHA-256, 256 bits.
    Sha256 = 3,
    /// SHA-512, 512 bits.
    Sha512 = 4,
    /// BLAKE3, 256 bits.
    Blake3 = 5,
    /// PDQ, the perceptual hash of a picture, 256 bits.
    Pdq = 16,
}

impl Algorithm {
    /// Every algorithm, in the order of their numbers.
    pub const ALL: [Algorithm; 6] = [
        Algorithm::Md5,
        Algorithm::Sha1,
        Algorithm::Sha256,
        Algorithm::Sha512,
        Algorithm::Blake3,
        Algorithm::Pdq,
    ];

    /// The digests: all but PDQ.
    pub const DIGESTS: [Algorithm; 5] =
        [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512, Algorithm::Blake3];

    /// The lower-case name used in lists, policies and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
            Algorithm::Blake3 => "blake3",
            Algorithm::Pdq => "pdq",
        }
    }

    /// Bytes of one fingerprint.
    pub const fn width(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 | Algorithm::Blake3 | Algorithm::Pdq => 32,
            Algorithm::Sha512 => 64,
        }
    }

    /// The algorithm with that number, if there is one.
    pub fn from_number(number: u8) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|a| *a as u8 == number)
    }

    /// Whether it is an exact digest of the bytes.
    pub const fn is_digest(self) -> bool {
        !matches!(self, Algorithm::Pdq)
    }

    /// Whether nobody can make two files with the same digest. Only such digests may carry an exception.
    pub const fn is_collision_resistant(self) -> bool {
        matches!(self, Algorithm::Sha256 | Algorithm::Sha512 | Algorithm::Blake3)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    /// Accepts the names with or without a hyphen, in any case: `SHA-256`, `sha256`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let plain: String =
            text.trim().chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
        Algorithm::ALL.into_iter().find(|a| a.name() == plain).ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "{:?} is not an algorithm; expected md5, sha1, sha256, sha512, blake3 or pdq",
                    crate::error::shown(text)
                ),
            )
        })
    }
}
