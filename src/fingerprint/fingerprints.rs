//! All fingerprints of one upload.

use serde::{Deserialize, Serialize};

use crate::fingerprint::{Digests, Pdq, PdqHash, View};
use crate::setters::setters;

/// What an upload is looked up by. Kept for a later replay, it gives the same matches as the upload itself, by the algorithms
/// that were computed at the time.
///
/// ```
/// use tamis::fingerprint::{Algorithms, Fingerprints, Pdq, Perceptual, View, digests};
/// let mut found = Fingerprints::default().digests(digests(b"bytes", Algorithms::DIGESTS));
/// found.perceptual.push(Perceptual::new(View::AsStored, Pdq::default()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fingerprints {
    /// The exact digests that were computed.
    pub digests: Digests,
    /// The perceptual hash of each view of the picture; empty where there is no picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub perceptual: Vec<Perceptual>,
}

setters! { Fingerprints {
    digests: Digests;
    perceptual: Vec<Perceptual>;
} }

/// The perceptual hash of one view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Perceptual {
    /// Which rendering of the upload.
    pub view: View,
    /// The number of the frame or of the embedded picture, from 0; 0 for the views of which there is one.
    #[serde(default, skip_serializing_if = "crate::names::is_zero")]
    pub part: u32,
    /// The 256 bits.
    pub hash: PdqHash,
    /// How much detail the rendering has, 0..=100.
    pub quality: u8,
    /// How many bits the exact hash may be away from this one: 0 if this is the exact one. A search must widen its radius by so much
    /// if it is to miss nothing.
    #[serde(default, skip_serializing_if = "crate::names::is_zero")]
    pub slack: u32,
}

impl Perceptual {
    /// The exact hash of a view.
    pub fn new(view: View, pdq: Pdq) -> Self {
        Perceptual { view, part: 0, hash: pdq.hash, quality: pdq.quality, slack: 0 }
    }

    /// The same for frame or embedded picture `part`.
    #[must_use]
    pub(crate) fn of_part(self, part: u32) -> Self {
        Perceptual { part, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::{Algorithms, digests};

    #[test]
    fn json_and_back() {
        let hash =
            "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22".parse().unwrap();
        let all = Fingerprints {
            digests: digests(b"abc", Algorithms::DIGESTS),
            perceptual: vec![
                Perceptual::new(View::AsStored, Pdq { hash, quality: 100 }),
                Perceptual { slack: 8, ..Perceptual::new(View::Frame, Pdq::default()).of_part(7) },
            ],
        };
        let json = serde_json::to_string(&all).unwrap();
        assert!(json.contains(r#"{"view":"as-stored","hash":"f8f8f0ce"#), "{json}");
        assert_eq!(serde_json::from_str::<Fingerprints>(&json).unwrap(), all);
        let none = Fingerprints::default();
        let json = serde_json::to_string(&none).unwrap();
        assert_eq!(json, r#"{"digests":{}}"#);
        assert_eq!(serde_json::from_str::<Fingerprints>(&json).unwrap(), none);
    }
}
