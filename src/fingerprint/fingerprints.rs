//! All fingerprints of one upload.

use serde::{Deserialize, Serialize};

use crate::fingerprint::{Digests, Pdq, View};

/// What an upload is looked up by. Kept for a later replay, it gives the same matches as the upload itself, by the algorithms
/// that were computed at the time.
///
/// ```
/// use tamis::fingerprint::{Algorithms, Fingerprints, Pdq, View, digests};
/// let mut found = Fingerprints { digests: digests(b"bytes", Algorithms::DIGESTS), ..Default::default() };
/// found.perceptual.push((View::AsStored, Pdq::default()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprints {
    /// The exact digests that were computed.
    pub digests: Digests,
    /// The perceptual hash of each view of the picture; empty where there is no picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub perceptual: Vec<(View, Pdq)>,
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
                (View::AsStored, Pdq { hash, quality: 100 }),
                (View::FlipMinus1, Pdq::default()),
            ],
        };
        let json = serde_json::to_string(&all).unwrap();
        assert!(json.contains(r#"["as-stored",{"hash":"f8f8f0ce"#), "{json}");
        assert_eq!(serde_json::from_str::<Fingerprints>(&json).unwrap(), all);
        let none = Fingerprints::default();
        let json = serde_json::to_string(&none).unwrap();
        assert_eq!(json, r#"{"digests":{}}"#);
        assert_eq!(serde_json::from_str::<Fingerprints>(&json).unwrap(), none);
    }
}
