//! The algorithms a list may use, with their names and sizes.

use crate::names::named;

named! {
    /// A fingerprint algorithm. The numbers are those of the set format and of the C interface.
    #[non_exhaustive]
    Algorithm("an algorithm", read as plain) {
        /// MD5, 128 bits. Collisions can be made at will: enough to recognise, never enough to except.
        Md5 = 1 "md5",
        /// SHA-1, 160 bits. Collisions can be bought: enough to recognise, never enough to except.
        Sha1 = 2 "sha1",
        /// SHA-256, 256 bits.
        Sha256 = 3 "sha256",
        /// SHA-512, 512 bits.
        Sha512 = 4 "sha512",
        /// BLAKE3, 256 bits.
        Blake3 = 5 "blake3",
        /// PDQ, the perceptual hash of a picture, 256 bits.
        Pdq = 16 "pdq",
    }
}

impl Algorithm {
    /// The digests: all but PDQ.
    pub const DIGESTS: [Algorithm; 5] =
        [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512, Algorithm::Blake3];

    /// Bytes of one fingerprint.
    pub const fn width(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 | Algorithm::Blake3 | Algorithm::Pdq => 32,
            Algorithm::Sha512 => 64,
        }
    }

    /// Whether it is an exact digest of the bytes.
    pub const fn is_digest(self) -> bool {
        !matches!(self, Algorithm::Pdq)
    }

    /// Whether nobody can make two files with the same digest.
    pub const fn is_collision_resistant(self) -> bool {
        matches!(self, Algorithm::Sha256 | Algorithm::Sha512 | Algorithm::Blake3)
    }

    /// Whether an exception may be by it: one of the two that no second file can be made for, and that lists and tools have in common.
    pub const fn may_except(self) -> bool {
        matches!(self, Algorithm::Sha256 | Algorithm::Blake3)
    }
}

/// Lists write `SHA-256` and `sha256`, and leave spaces around it.
fn plain(text: &str) -> String {
    text.trim().replace('-', "")
}
