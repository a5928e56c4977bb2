//! Public keys as minisign writes them, and what names them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorCode, Result, shown};

/// Bytes of a public key: two that name the algorithm, the eight of its id, 32 of the key itself.
const KEY_BYTES: usize = 42;

/// What minisign writes before each key and each signature that it can make since 2015: Ed25519.
const ED25519: [u8; 2] = *b"Ed";

/// Names a key pair. Drawn at random when the pair is made, so it finds a key but proves nothing.
///
/// ```
/// let id = tamis::store::feed::KeyId([0x19, 0x0f, 0x60, 0x0b, 0x0d, 0x21, 0x3f, 0xde]);
/// assert_eq!(id.to_string(), "DE3F210D0B600F19");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    /// 16 digits, as minisign shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// The public half of a list maker's key pair: what a subscriber pins.
///
/// ```
/// use tamis::store::feed::PublicKey;
/// let file = "untrusted comment: minisign public key E7620F1842B4E81F\n\
///             RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n";
/// let key = PublicKey::from_file_text(file)?;
/// assert_eq!(key.id().to_string(), "E7620F1842B4E81F");
/// assert_eq!(key.to_string().parse::<PublicKey>()?, key);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey {
    bytes: [u8; KEY_BYTES],
}

impl PublicKey {
    /// Reads what a public key file of minisign holds: a line of comment and the key. The key alone will do.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`].
    pub fn from_file_text(text: &str) -> Result<PublicKey> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        match (lines.next(), lines.next(), lines.next()) {
            (Some(key), None, None) => key.parse(),
            (Some(comment), Some(key), None) if comment.starts_with("untrusted comment:") => {
                key.parse()
            }
            _ => Err(Error::new(
                ErrorCode::InvalidArgument,
                "not a public key; expected the file that `minisign -G` or `tamis list keygen` wrote: a line of comment and a line of 56 characters",
            )),
        }
    }

    /// What names the key pair.
    pub fn id(&self) -> KeyId {
        let mut id = [0; 8];
        id.copy_from_slice(&self.bytes[2..10]);
        KeyId(id)
    }

    /// Whether it is the same key, whatever it is called: two pins of one key must not count as two signers.
    pub(super) fn same_key(&self, other: &PublicKey) -> bool {
        self.bytes[10..] == other.bytes[10..]
    }

    /// The key, for the crate that verifies.
    pub(super) fn verifier(&self) -> Result<minisign_verify::PublicKey> {
        minisign_verify::PublicKey::from_base64(&self.to_string()).map_err(|e| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!("the key {} is unusable: {e}", self.id()),
            )
        })
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    /// The line of 56 characters in a public key file.
    fn from_str(text: &str) -> Result<PublicKey> {
        let mut bytes = [0; KEY_BYTES];
        let fits = text.len() == KEY_BYTES / 3 * 4 && decode(text, &mut bytes).is_some();
        if fits && bytes[..2] == ED25519 {
            return Ok(PublicKey { bytes });
        }
        // A secret key given by mistake must not be shown.
        let start: String = text.chars().take(8).collect();
        Err(Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "a text that begins with {:?} is not a public key; expected 56 characters that begin with RW, from a key file of minisign",
                shown(&start)
            ),
        ))
    }
}

impl fmt::Display for PublicKey {
    /// The line of 56 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for three in self.bytes.chunks_exact(3) {
            let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
            for shift in [18, 12, 6, 0] {
                let digit = ALPHABET.get((bits >> shift & 63) as usize).copied();
                write!(f, "{}", char::from(digit.unwrap_or_default()))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One signature file, decoded.
pub(super) struct Signature {
    /// Who claims to have signed.
    pub(super) id: KeyId,
    /// BLAKE3 of the file.
    pub(super) digest: [u8; 32],
    decoded: minisign_verify::Signature,
}

impl Signature {
    /// Decodes a signature file. `None` if it is not one.
    pub(super) fn decode(text: &str) -> Option<Signature> {
        let decoded = minisign_verify::Signature::decode(text).ok()?;
        // The crate keeps the id to itself: two bytes of algorithm, eight of id and the first two of the signature are 16 characters.
        let mut start = [0; 12];
        decode(text.lines().nth(1)?.get(..16)?, &mut start)?;
        let mut id = [0; 8];
        id.copy_from_slice(&start[2..10]);
        let digest = *blake3::hash(text.as_bytes()).as_bytes();
        Some(Signature { id: KeyId(id), digest, decoded })
    }

    /// Whether `key` made it over exactly these bytes.
    pub(super) fn is_by(&self, key: &PublicKey, bytes: &[u8]) -> bool {
        // Not the old kind of signature: see the room's docs.
        key.id() == self.id
            && key.verifier().is_ok_and(|key| key.verify(bytes, &self.decoded, false).is_ok())
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 of whole groups, without padding: four characters of the text give three bytes.
fn decode(text: &str, out: &mut [u8]) -> Option<()> {
    if text.len() != out.len() / 3 * 4 || !out.len().is_multiple_of(3) {
        return None;
    }
    for (four, three) in text.as_bytes().chunks_exact(4).zip(out.chunks_exact_mut(3)) {
        let mut bits = 0u32;
        for character in four {
            let digit = ALPHABET.iter().position(|known| known == character)?;
            bits = bits << 6 | digit as u32;
        }
        three.copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    #[test]
    fn a_key_is_read_and_written_as_minisign_does() {
        let key: PublicKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        assert_eq!(key.id().to_string(), "E7620F1842B4E81F");
        assert_eq!(serde_json::to_value(key).unwrap(), KEY);
        assert_eq!(serde_json::from_value::<PublicKey>(KEY.into()).unwrap(), key);
        let mut renamed = key;
        renamed.bytes[3] ^= 1;
        assert!(renamed != key && renamed.same_key(&key));
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        let secret = "RWRTY0IyZ6YqYn9C7dVLEhkxdNLKq1Xk6a8v3UfHJ7K9T8m4XxS0hJ1N2v0QqP6O5jWc3Z4b7A8=";
        for text in ["", "RW", &KEY[1..], &format!("{KEY}A"), &KEY.replace('f', "-"), secret, "é"]
        {
            let error = text.parse::<PublicKey>().unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            assert!(!error.to_string().contains("IyZ6YqYn9C7dVL"), "{error}");
        }
        // The same bytes under an algorithm that is not Ed25519.
        assert!(KEY.replacen("RWQ", "RUQ", 1).parse::<PublicKey>().is_err());
        for text in
            ["", "\n\n", &format!("{KEY}\n{KEY}"), &format!("untrusted comment: a\n{KEY}\nmore")]
        {
            assert!(PublicKey::from_file_text(text).is_err(), "{text:?}");
        }
        assert!(PublicKey::from_file_text(&format!("\u{feff}{KEY}")).is_err());
        assert!(PublicKey::from_file_text(&format!("untrusted comment: a\r\n{KEY}\r\n")).is_ok());
    }

    /// The example of the crate's own documentation: a signature of `test`.
    #[test]
    fn a_signature_is_of_its_key_and_its_bytes() {
        let text = "untrusted comment: signature from minisign secret key\n\
            RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
            trusted comment: timestamp:1633700835\tfile:test\tprehashed\n\
            wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==\n";
        let signature = Signature::decode(text).unwrap();
        let key: PublicKey = KEY.parse().unwrap();
        assert_eq!(signature.id, key.id());
        assert!(signature.is_by(&key, b"test"));
        assert!(!signature.is_by(&key, b"Test"));
        let mut other = key;
        other.bytes[20] ^= 1;
        assert!(!signature.is_by(&other, b"test"));
        // What is signed is the comment too.
        let edited = Signature::decode(&text.replace("file:test", "file:tesu")).unwrap();
        assert!(!edited.is_by(&key, b"test"));
        // A signature of the old kind over the same bytes.
        let legacy = "untrusted comment: signature from minisign secret key\n\
            RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=\n\
            trusted comment: timestamp:1555779966\tfile:test\n\
            QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==";
        let legacy = Signature::decode(legacy).unwrap();
        assert!(key.verifier().unwrap().verify(b"test", &legacy.decoded, true).is_ok());
        assert!(!legacy.is_by(&key, b"test"));
        for text in ["", "\n\n\n\n", "a\nb\nc\nd", &text[..90]] {
            assert!(Signature::decode(text).is_none(), "{text:?}");
        }
    }
}
