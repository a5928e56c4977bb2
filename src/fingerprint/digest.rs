//! Exact digests of the bytes: any of the five algorithms in one pass.
//!
//! ```text
//! for each block of 16 KiB:            small enough to stay in the first-level cache
//!     for each algorithm asked for: update(block)
//! ```
//!
//! So the bytes are fetched from memory once, however many algorithms are asked for.

use std::io::{self, Read};

use md5::Digest;
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fingerprint::{Algorithm, Fingerprint};

/// Bytes that all algorithms take before the next ones are looked at.
const BLOCK: usize = 16 * 1024;

/// Bytes asked of a reader at once.
const READ: usize = 64 * 1024;

/// A set of algorithms, such as those that a store holds.
///
/// ```
/// use tamis::fingerprint::{Algorithm, Algorithms};
/// let wanted = Algorithms::NONE.with(Algorithm::Sha256).with(Algorithm::Pdq);
/// assert!(wanted.contains(Algorithm::Pdq) && !wanted.contains(Algorithm::Md5));
/// assert_eq!(wanted.iter().count(), 2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Algorithms(u32);

impl Algorithms {
    /// No algorithm.
    pub const NONE: Algorithms = Algorithms(0);

    /// The five digests.
    pub const DIGESTS: Algorithms = Algorithms::NONE
        .with(Algorithm::Md5)
        .with(Algorithm::Sha1)
        .with(Algorithm::Sha256)
        .with(Algorithm::Sha512)
        .with(Algorithm::Blake3);

    /// The same set and this algorithm.
    #[must_use]
    pub const fn with(self, algorithm: Algorithm) -> Algorithms {
        Algorithms(self.0 | 1 << algorithm as u32)
    }

    /// Whether the algorithm is one of them.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 >> algorithm as u32 & 1 == 1
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that it holds, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.iter().copied().filter(move |a| self.contains(*a))
    }
}

impl FromIterator<Algorithm> for Algorithms {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        algorithms.into_iter().fold(Algorithms::NONE, Algorithms::with)
    }
}

/// The digests of one upload, as far as they were asked for.
///
/// As JSON: hexadecimal digits by algorithm name, without those that were not computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Digests {
    /// MD5, if it was asked for.
    pub md5: Option<[u8; 16]>,
    /// SHA-1, if it was asked for.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256, if it was asked for.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512, if it was asked for.
    pub sha512: Option<[u8; 64]>,
    /// BLAKE3, if it was asked for.
    pub blake3: Option<[u8; 32]>,
}

impl Digests {
    /// The digest of an algorithm, if it was computed. Never one for PDQ.
    pub fn get(&self, algorithm: Algorithm) -> Option<Fingerprint> {
        let bytes: &[u8] = match algorithm {
            Algorithm::Md5 => self.md5.as_ref()?,
            Algorithm::Sha1 => self.sha1.as_ref()?,
            Algorithm::Sha256 => self.sha256.as_ref()?,
            Algorithm::Sha512 => self.sha512.as_ref()?,
            Algorithm::Blake3 => self.blake3.as_ref()?,
            Algorithm::Pdq => return None,
        };
        Fingerprint::new(algorithm, bytes).ok()
    }

    /// Those that were computed, in the order of [`Algorithm::DIGESTS`].
    pub fn iter(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        Algorithm::DIGESTS.into_iter().filter_map(|algorithm| self.get(algorithm))
    }

    /// The algorithms that were computed.
    pub fn algorithms(&self) -> Algorithms {
        self.iter().map(|digest| digest.algorithm()).collect()
    }

    /// Puts a digest in its place; false, and nothing done, for a PDQ hash.
    fn put(&mut self, digest: &Fingerprint) -> bool {
        match digest.algorithm() {
            Algorithm::Md5 => self.md5 = digest.bytes().try_into().ok(),
            Algorithm::Sha1 => self.sha1 = digest.bytes().try_into().ok(),
            Algorithm::Sha256 => self.sha256 = digest.bytes().try_into().ok(),
            Algorithm::Sha512 => self.sha512 = digest.bytes().try_into().ok(),
            Algorithm::Blake3 => self.blake3 = digest.bytes().try_into().ok(),
            Algorithm::Pdq => return false,
        }
        true
    }
}

impl Serialize for Digests {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.iter().count()))?;
        for digest in self.iter() {
            map.serialize_entry(digest.algorithm().name(), &digest.to_hex())?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = std::collections::BTreeMap::<Algorithm, String>::deserialize(deserializer)?;
        let mut digests = Digests::default();
        for (algorithm, hex) in map {
            let digest = Fingerprint::from_hex(algorithm, &hex).map_err(D::Error::custom)?;
            if !digests.put(&digest) {
                return Err(D::Error::custom("pdq is not a digest; expected md5, sha1, ..."));
            }
        }
        Ok(digests)
    }
}

/// Computes digests of bytes that arrive in pieces. Reusable: [`finish`](Digester::finish) starts it afresh.
///
/// ```
/// use tamis::fingerprint::{Algorithm, Algorithms, Digester};
/// let mut digester = Digester::new(Algorithms::NONE.with(Algorithm::Sha1));
/// digester.update(b"a");
/// digester.update(b"bc");
/// let digests = digester.finish();
/// assert_eq!(digests.get(Algorithm::Sha1).unwrap().to_hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
/// assert_eq!(digests.get(Algorithm::Md5), None);
/// ```
#[derive(Clone, Debug)]
pub struct Digester {
    md5: Option<md5::Md5>,
    sha1: Option<sha1::Sha1>,
    sha256: Option<sha2::Sha256>,
    sha512: Option<sha2::Sha512>,
    blake3: Option<Box<blake3::Hasher>>,
    /// For readers; empty until the first one.
    buffer: Vec<u8>,
}

impl Digester {
    /// For the digests among `wanted`; PDQ is not one and is ignored.
    pub fn new(wanted: Algorithms) -> Self {
        Digester {
            md5: wanted.contains(Algorithm::Md5).then(Default::default),
            sha1: wanted.contains(Algorithm::Sha1).then(Default::default),
            sha256: wanted.contains(Algorithm::Sha256).then(Default::default),
            sha512: wanted.contains(Algorithm::Sha512).then(Default::default),
            blake3: wanted.contains(Algorithm::Blake3).then(Default::default),
            buffer: Vec::new(),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for block in bytes.chunks(BLOCK) {
            if let Some(md5) = &mut self.md5 {
                md5.update(block);
            }
            if let Some(sha1) = &mut self.sha1 {
                sha1.update(block);
            }
            if let Some(sha256) = &mut self.sha256 {
                sha256.update(block);
            }
            if let Some(sha512) = &mut self.sha512 {
                sha512.update(block);
            }
            if let Some(blake3) = &mut self.blake3 {
                blake3.update(block);
            }
        }
    }

    /// Takes everything that a reader gives, and puts the first `most` bytes of it behind what `kept` holds: whoever looks at an upload needs both, and reads it once.
    /// Returns the number of bytes read. There is no need to buffer the reader: it is asked for 64 KiB at once.
    ///
    /// ```
    /// use tamis::fingerprint::{Algorithms, Digester, digests};
    /// let mut digester = Digester::new(Algorithms::DIGESTS);
    /// let mut kept = Vec::new();
    /// assert_eq!(digester.update_from(&b"the upload"[..], 3, &mut kept)?, 10);
    /// assert_eq!(kept, b"the");
    /// assert_eq!(digester.finish(), digests(b"the upload", Algorithms::DIGESTS));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// The reader's own, and one for a reader that claims more bytes than it was asked for. All bytes since the start or the last [`finish`](Self::finish) are forgotten
    /// then, those of earlier calls too. Interrupted reads are tried again.
    pub fn update_from(
        &mut self,
        mut reader: impl Read,
        most: u64,
        kept: &mut Vec<u8>,
    ) -> io::Result<u64> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(READ, 0);
        let mut total = 0u64;
        let result = loop {
            match reader.read(&mut buffer) {
                Ok(0) => break Ok(total),
                Ok(n) => {
                    // A reader may not claim more than it was given room for, but nothing makes it obey.
                    let Some(bytes) = buffer.get(..n) else {
                        let claim = format!("the reader claims {n} bytes; it was asked for {READ}");
                        break Err(io::Error::other(claim));
                    };
                    self.update(bytes);
                    let wanted = usize::try_from(most.saturating_sub(total)).unwrap_or(usize::MAX);
                    kept.extend_from_slice(bytes.get(..wanted).unwrap_or(bytes));
                    total = total.saturating_add(n as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.buffer = buffer;
        if result.is_err() {
            self.finish();
        }
        result
    }

    /// The digests of all bytes since the start or the last `finish`.
    pub fn finish(&mut self) -> Digests {
        Digests {
            md5: self.md5.as_mut().map(|md5| md5.finalize_reset().into()),
            sha1: self.sha1.as_mut().map(|sha1| sha1.finalize_reset().into()),
            sha256: self.sha256.as_mut().map(|sha256| sha256.finalize_reset().into()),
            sha512: self.sha512.as_mut().map(|sha512| sha512.finalize_reset().into()),
            blake3: self.blake3.as_mut().map(|blake3| {
                let digest = *blake3.finalize().as_bytes();
                blake3.reset();
                digest
            }),
        }
    }
}

/// The wanted digests of some bytes.
///
/// ```
/// use tamis::fingerprint::{Algorithm, Algorithms, digests};
/// let found = digests(b"", Algorithms::DIGESTS);
/// assert_eq!(found.get(Algorithm::Md5).unwrap().to_hex(), "d41d8cd98f00b204e9800998ecf8427e");
/// ```
pub fn digests(bytes: &[u8], wanted: Algorithms) -> Digests {
    let mut digester = Digester::new(wanted);
    digester.update(bytes);
    digester.finish()
}

#[cfg(test)]
mod tests;
