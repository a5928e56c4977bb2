//! The verdict: what was examined, what was found, what the policy says.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::error::ErrorCode;
use crate::fingerprint::{Fingerprints, hex};
use crate::media::{Media, MediaClass, Unscannable};
use crate::policy::{Action, Reason};
use crate::search::Match;
use crate::set::EntryId;
use crate::store::StoreDigest;

/// What happened, strongest first. `Match` wins over `Unscannable`: a file whose digest is listed matches even if nobody can decode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// At least one entry is near.
    Match,
    /// Nothing matches, but something that should have been examined was not: see [`Verdict::unscannable`].
    Unscannable,
    /// All that applies was examined, and nothing matches.
    Clear,
}

/// A method of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Method {
    /// Digests of the bytes, by those algorithms that the store holds.
    Digests,
    /// Perceptual hashes of the picture's views.
    Perceptual,
}

/// In what state the store was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreState {
    /// The version of the store; 0 for a single set.
    pub version: u64,
    /// When it was last changed or found to be up to date, in seconds since 1970; 0 if it does not say.
    pub updated: u64,
    /// Whether that is longer ago than the policy allows. What the store holds was enforced all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub too_old: bool,
    /// Whether a new base waits until the process is told to copy it: see [`Snapshot::is_behind`](crate::store::Snapshot::is_behind).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub behind: bool,
    /// Why what lies in the store's place now could not be put in force: the last good state was compared with.
    /// [`Store::fault`](crate::Store::fault) says more. Written as the code's number.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "code")]
    pub fault: Option<ErrorCode>,
}

/// How what the [shadow](crate::Shadow) calls for differs from what is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Difference {
    /// Both call for the same.
    Same,
    /// The shadow would do more about the upload.
    Stricter,
    /// The shadow would do less.
    Looser,
}

/// What the shadow says of an upload. It changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShadowVerdict {
    /// What it calls for, as if it enforced.
    pub action: Action,
    /// What happened.
    pub outcome: Outcome,
    /// How that differs from what the store and policy in force call for, as if they enforced.
    pub difference: Difference,
    /// Its first reason as a sentence; empty for a clear upload.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Identifies what it compared the upload with.
    #[serde(serialize_with = "display")]
    pub store: StoreDigest,
    /// Identifies its policy.
    #[serde(serialize_with = "digits")]
    pub policy: [u8; 32],
}

impl ShadowVerdict {
    /// What `beside` says, compared with what is in force.
    pub(crate) fn of(live: &Verdict, beside: &Verdict) -> ShadowVerdict {
        let (live, action) = (live.enforced(), beside.enforced());
        let difference = match action.cmp(&live) {
            std::cmp::Ordering::Equal => Difference::Same,
            std::cmp::Ordering::Greater => Difference::Stricter,
            std::cmp::Ordering::Less => Difference::Looser,
        };
        let (outcome, reason) = (beside.outcome, beside.reason());
        ShadowVerdict {
            action,
            outcome,
            difference,
            reason,
            store: beside.store,
            policy: beside.policy,
        }
    }
}

/// The answer to one call. Holds no fingerprint but in [`Verdict::fingerprints`], which is for evidence and never for uploaders.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// What happened.
    pub outcome: Outcome,
    /// What to do with the upload.
    pub action: Action,
    /// While the policy only observes, `action` is `allow`, and this is what it would have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_have: Option<Action>,
    /// Why, strongest first; empty for a clear upload.
    pub reasons: Vec<Reason>,
    /// Reasons that are not listed in `reasons`.
    pub more_reasons: usize,
    /// Every match, nearest first, at most as many as the policy reports.
    pub matches: Vec<Match>,
    /// Matches that were judged but are not listed in `matches`.
    pub more_matches: usize,
    /// Why the picture was not examined, or not all of it, where it should have been. What there was of it may have been
    /// hashed all the same: see `examined`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unscannable: Option<Unscannable>,
    /// What kind of upload it is; unknown when only fingerprints were judged.
    #[serde(rename = "media", serialize_with = "class_only")]
    pub media: Media,
    /// The methods that were really applied.
    pub examined: Vec<Method>,
    /// Whether every method that this kind of upload calls for was applied to all of it. Not when the digests alone already
    /// decided, nor for media that Tamis does not look into as far as it might (videos, long animations, the parts of documents and archives that
    /// are not read).
    pub complete: bool,
    /// The upload's fingerprints, as far as they were computed.
    #[serde(skip)]
    pub fingerprints: Fingerprints,
    /// Identifies what the upload was compared with.
    #[serde(serialize_with = "display")]
    pub store: StoreDigest,
    /// Which version of the store that was, and whether it is fresh.
    pub store_state: StoreState,
    /// Identifies the policy: [`Policy::digest`](crate::Policy::digest).
    #[serde(serialize_with = "digits")]
    pub policy: [u8; 32],
    /// What the shadow says, if there is one: [`Scanner::with_shadow`](crate::Scanner::with_shadow).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowVerdict>,
    /// What each step took, if the scanner was asked to measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,
}

impl Verdict {
    /// What the policy calls for, whether it takes effect or is only observed.
    pub fn enforced(&self) -> Action {
        self.would_have.unwrap_or(self.action)
    }

    /// The first reason as a sentence; empty for a clear upload.
    pub fn reason(&self) -> String {
        self.reasons.first().map(ToString::to_string).unwrap_or_default()
    }

    /// The entries of the matches that are listed.
    pub fn entries(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.matches.iter().map(|m| m.entry)
    }
}

/// What each step of a check took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// Recognising the kind of media.
    pub sniff: Duration,
    /// Digests of the bytes.
    pub digests: Duration,
    /// Looking the digests up.
    pub lookup: Duration,
    /// Decoding the picture and hashing all views of it.
    pub examine: Duration,
    /// Radius search.
    pub search: Duration,
    /// Policy.
    pub policy: Duration,
}

impl Timings {
    /// The steps in order, with their names.
    pub fn steps(&self) -> [(&'static str, Duration); 6] {
        [
            ("sniff", self.sniff),
            ("digests", self.digests),
            ("lookup", self.lookup),
            ("examine", self.examine),
            ("search", self.search),
            ("policy", self.policy),
        ]
    }
}

impl Serialize for Timings {
    /// Microseconds by step.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.steps().map(|(name, time)| (name, time.as_nanos() as f64 / 1000.0)))
    }
}

fn code<S: Serializer>(code: &Option<ErrorCode>, serializer: S) -> Result<S::Ok, S::Error> {
    code.map(ErrorCode::number).serialize(serializer)
}

fn display<S: Serializer>(
    value: &impl std::fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn digits<S: Serializer>(value: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(value))
}

fn class_only<S: Serializer>(media: &Media, serializer: S) -> Result<S::Ok, S::Error> {
    let class: MediaClass = media.class;
    class.serialize(serializer)
}
