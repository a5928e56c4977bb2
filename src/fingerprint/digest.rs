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

    /// The same set without this algorithm.
    #[must_use]
    pub const fn without(self, algorithm: Algorithm) -> Algorithms {
        Algorithms(self.0 & !(1 << algorithm as u32))
    }

    /// The algorithms of either set.
    #[must_use]
    pub const fn union(self, other: Algorithms) -> Algorithms {
        Algorithms(self.0 | other.0)
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
        Algorithm::ALL.into_iter().filter(move |a| self.contains(*a))
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

    /// Takes everything that a reader gives; returns the number of bytes.
    ///
    /// # Errors
    /// The reader's own; the bytes read so far are forgotten then. Interrupted reads are tried again.
    pub fn update_from(&mut self, mut reader: impl Read) -> io::Result<u64> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(READ, 0);
        let mut total = 0;
        let result = loop {
            match reader.read(&mut buffer) {
                Ok(0) => break Ok(total),
                Ok(n) => {
                    // A reader may not claim more than it was given room for, but nothing makes it obey.
                    let Some(bytes) = buffer.get(..n) else {
                        break Err(io::Error::other("the reader claims more bytes than it may"));
                    };
                    self.update(bytes);
                    total += n as u64;
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

/// The wanted digests of everything that a reader gives. It needs no buffer of its own: 64 KiB are asked for at once.
///
/// # Errors
/// The reader's own.
pub fn digests_of_reader(reader: impl Read, wanted: Algorithms) -> io::Result<Digests> {
    let mut digester = Digester::new(wanted);
    digester.update_from(reader)?;
    Ok(digester.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the algorithms' publications (RFC 1321, FIPS 180-4 with its examples). BLAKE3 publishes the empty input and
    /// counted bytes, see below; its other two were made with the Python package `blake3`.
    fn published() -> Vec<(Vec<u8>, [&'static str; 5])> {
        vec![
            (
                Vec::new(),
                [
                    "d41d8cd98f00b204e9800998ecf8427e",
                    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
                    "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
                ],
            ),
            (
                b"abc".to_vec(),
                [
                    "900150983cd24fb0d6963f7d28e17f72",
                    "a9993e364706816aba3e25717850c26c9cd0d89d",
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
                    "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
                ],
            ),
            (
                vec![b'a'; 1_000_000],
                [
                    "7707d6ae4e027c70eea2a935c2296f21",
                    "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
                    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
                    "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
                    "616f575a1b58d4c9797d4217b9730ae5e6eb319d76edef6549b46f4efe31ff8b",
                ],
            ),
        ]
    }

    #[test]
    fn published_vectors() {
        let mut reused = Digester::new(Algorithms::DIGESTS);
        for (bytes, expected) in published() {
            let found = digests(&bytes, Algorithms::DIGESTS);
            let hex: Vec<_> = found.iter().map(|digest| digest.to_hex()).collect();
            assert_eq!(hex, expected);
            assert_eq!(digests_of_reader(&bytes[..], Algorithms::DIGESTS).unwrap(), found);
            reused.update(&bytes);
            assert_eq!(reused.finish(), found);
        }
    }

    #[test]
    fn blake3_of_the_published_counted_bytes() {
        let bytes: Vec<u8> = (0..1024u32).map(|i| (i % 251) as u8).collect();
        let found = digests(&bytes, Algorithms::NONE.with(Algorithm::Blake3));
        let expected = "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7";
        assert_eq!(found.get(Algorithm::Blake3).map(|d| d.to_hex()).as_deref(), Some(expected));
    }

    #[test]
    fn every_split_is_the_whole() {
        let bytes: Vec<u8> = (0..300u32).map(|i| (i % 251) as u8).collect();
        let whole = digests(&bytes, Algorithms::DIGESTS);
        let mut digester = Digester::new(Algorithms::DIGESTS);
        for split in 0..=bytes.len() {
            digester.update(&bytes[..split]);
            digester.update(&bytes[split..]);
            assert_eq!(digester.finish(), whole, "split at {split}");
        }
    }

    #[test]
    fn lengths_around_the_blocks() {
        let bytes: Vec<u8> = (0..2 * READ as u32 + 9).map(|i| (i % 251) as u8).collect();
        for length in
            [BLOCK - 1, BLOCK, BLOCK + 1, READ - 1, READ, READ + 1, 2 * READ, 2 * READ + 9]
        {
            let bytes = &bytes[..length];
            let mut one_by_one = Digester::new(Algorithms::DIGESTS);
            bytes.chunks(1000).for_each(|piece| one_by_one.update(piece));
            let expected = one_by_one.finish();
            assert_eq!(digests(bytes, Algorithms::DIGESTS), expected, "{length}");
            // Three bytes at a time, as a pipe may give them.
            struct Drip<'a>(&'a [u8]);
            impl Read for Drip<'_> {
                fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                    let n = out.len().min(3);
                    self.0.read(&mut out[..n])
                }
            }
            assert_eq!(digests_of_reader(Drip(bytes), Algorithms::DIGESTS).unwrap(), expected);
        }
    }

    #[test]
    fn only_what_was_asked_for() {
        for bits in 0u32..32 {
            let wanted: Algorithms =
                (0..5).filter(|i| bits >> i & 1 == 1).map(|i| Algorithm::DIGESTS[i]).collect();
            assert_eq!(digests(b"x", wanted).algorithms(), wanted);
            assert_eq!(digests(b"x", wanted.with(Algorithm::Pdq)).algorithms(), wanted);
        }
    }

    #[test]
    fn a_failing_reader_leaves_nothing_behind() {
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("broken"));
                }
                out[0] = 7;
                Ok(1)
            }
        }
        struct Liar;
        impl Read for Liar {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                Ok(out.len() + 1)
            }
        }
        let mut digester = Digester::new(Algorithms::DIGESTS);
        assert!(digester.update_from(Broken(false)).is_err());
        assert!(digester.update_from(Liar).is_err());
        assert_eq!(digester.finish(), digests(b"", Algorithms::DIGESTS));
    }

    #[test]
    fn json_by_name_and_back() {
        let some = digests(b"abc", Algorithms::NONE.with(Algorithm::Md5).with(Algorithm::Blake3));
        let json = serde_json::to_string(&some).unwrap();
        assert_eq!(
            json,
            r#"{"md5":"900150983cd24fb0d6963f7d28e17f72","blake3":"6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"}"#
        );
        assert_eq!(serde_json::from_str::<Digests>(&json).unwrap(), some);
        for bad in [r#"{"md5":"00"}"#, r#"{"crc":"00"}"#, r#"{"md5":"g"}"#] {
            assert!(serde_json::from_str::<Digests>(bad).is_err(), "{bad}");
        }
        let pdq = format!(r#"{{"pdq":"{}"}}"#, "0".repeat(64));
        assert!(serde_json::from_str::<Digests>(&pdq).is_err());
    }
}
