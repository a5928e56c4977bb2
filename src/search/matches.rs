//! A match: an entry that an upload is near to.

use serde::Serialize;

use crate::fingerprint::{Algorithm, View};
use crate::set::{EntryId, ListKind, Opinion, Role, Severity};

/// An entry that an upload matches, with what the policy and the evidence need of it.
/// It holds no fingerprint: matches are shown to people, fingerprints are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Match {
    /// Name of the list.
    pub list: String,
    /// Kind of the list.
    pub list_kind: ListKind,
    /// The listed thing.
    pub item: String,
    /// The entry's stable id.
    pub entry: EntryId,
    /// What the breaker counts by: the same for all entries of the list that have this fingerprint, however many those are. It is the id that one without a source id has.
    #[serde(skip)]
    pub group: EntryId,
    /// The list's own id of the entry; may be empty.
    pub source_id: String,
    /// The algorithm that matched.
    pub algorithm: Algorithm,
    /// Hamming distance in bits; 0 for digests.
    pub distance: u32,
    /// The rendering of the upload that matched.
    pub view: View,
    /// The number of the frame or of the embedded picture that the view is of, from 0; 0 for other views.
    #[serde(skip_serializing_if = "crate::names::is_zero")]
    pub part: u32,
    /// How many bits the true distance may be away from `distance`; 0 if that is exact, as it is but for pictures that are too large
    /// to be hashed exactly within the limits. Such a match leads to review at most.
    #[serde(skip_serializing_if = "crate::names::is_zero")]
    pub slack: u32,
    /// PDQ quality of that rendering of the upload; absent for digests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    /// The list's labels.
    pub labels: Vec<String>,
    /// What the list says of the entry.
    pub opinion: Opinion,
    /// How grave the list says it is.
    pub severity: Severity,
    /// Whether a human has reviewed the listed item.
    pub reviewed: bool,
    /// Listed content, or an exception.
    pub role: Role,
    /// Whether the operator has switched the entry off.
    pub suppressed: bool,
    /// Whether the breaker has degraded the entry, or its list, since it matched far more distinct uploads than usual: such a perceptual match leads to review at most.
    /// Never true of a digest match, nor of an entry of an active incident.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
    /// When the entry ends, in seconds since 1970; 0 if never.
    #[serde(skip_serializing_if = "crate::names::is_zero")]
    pub expires: u32,
    /// Legal basis of the entry, or of its list; absent if none is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
}

impl Match {
    /// A match of a positive, reviewed entry of a vetted list: a starting point for tests and for
    /// callers that bring their own search.
    pub fn new(list: &str, entry: EntryId, algorithm: Algorithm, distance: u32) -> Match {
        Match {
            list: list.to_owned(),
            list_kind: ListKind::Exchange,
            item: entry.to_string(),
            entry,
            group: entry,
            source_id: String::new(),
            algorithm,
            distance,
            view: if algorithm.is_digest() { View::Bytes } else { View::AsStored },
            part: 0,
            slack: 0,
            quality: if algorithm.is_digest() { None } else { Some(100) },
            labels: Vec::new(),
            opinion: Opinion::Positive,
            severity: Severity::Unspecified,
            reviewed: true,
            role: Role::Listed,
            suppressed: false,
            degraded: false,
            expires: 0,
            legal_basis: None,
        }
    }
}
