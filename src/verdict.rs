//! The verdict: what was examined, what was found, what the policy says.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::error::ErrorCode;
use crate::fingerprint::Fingerprints;
use crate::media::{Media, MediaClass, Unscannable};
use crate::names::named;
use crate::policy::{Action, PolicyDigest, Reason};
use crate::search::Match;
use crate::set::EntryId;
use crate::store::StoreDigest;

named! {
    /// What happened, strongest last. `match` wins over `unscannable`: a file whose digest is listed matches even if nobody can decode it.
    #[non_exhaustive]
    Outcome ("an outcome") {
        /// All that applies was examined, and nothing matches.
        Clear = 1 "clear",
        /// Nothing matches, but something that should have been examined was not: see [`Verdict::unscannable`].
        Unscannable = 2 "unscannable",
        /// At least one entry is near.
        Match = 3 "match",
    }
}

named! {
    /// A method of comparison.
    #[non_exhaustive]
    Method ("a method") {
        /// Digests of the bytes, by those algorithms that the store holds.
        Digests = 1 "digests",
        /// Perceptual hashes of the picture's views.
        Perceptual = 2 "perceptual",
    }
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

named! {
    /// How what the [shadow](crate::Shadow) calls for differs from what is in force.
    #[non_exhaustive]
    Difference ("a difference") {
        /// Both call for the same.
        Same = 1 "same",
        /// The shadow would do more about the upload.
        Stricter = 2 "stricter",
        /// The shadow would do less.
        Looser = 3 "looser",
    }
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
    pub store: StoreDigest,
    /// Identifies its policy.
    pub policy: PolicyDigest,
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

/// The answer to one call.
///
/// ```
/// # use tamis::{Context, Policy, Scanner, SetBuilder, Set, Store, store::StoreOptions};
/// # let set = Set::from_bytes(&SetBuilder::new().to_bytes()?.0)?;
/// # let store = Store::from_set(set, StoreOptions::new().test_list(true))?;
/// # let mut scanner = Scanner::new(store, Policy::builtin());
/// let verdict = scanner.check(tamis::store::test_files()[0].bytes, &Context::at(1_790_000_000))?;
/// let json = serde_json::to_value(&verdict)?;
/// assert_eq!(json["action"], "block");
/// assert_eq!(json["outcome"], "match");
/// assert_eq!(json["media"], "image");
/// assert_eq!(json["matches"][0]["list"], tamis::store::TEST_LIST);
/// assert_eq!(json["reasons"][0]["cause"], "rule");
/// assert_eq!(json["reasons"][0]["text"], verdict.reason());
/// assert!(json.get("fingerprints").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
#[doc = include_str!("VERDICT.md")]
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
    #[serde(flatten, serialize_with = "with_the_first")]
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
    /// Whether every method that this kind of upload and this store call for was applied to all of it. Never of an upload longer than [`Limits::upload_bytes`](crate::Limits::upload_bytes): no picture is decoded for a store without perceptual hashes. Not when the digests alone already
    /// decided, nor for media that Tamis does not look into as far as it might (videos, long animations, the parts of documents and archives that
    /// are not read).
    pub complete: bool,
    /// The upload's fingerprints, as far as this store needed them. For evidence, never for uploaders, and not in the JSON.
    #[serde(skip)]
    pub fingerprints: Fingerprints,
    /// Identifies what the upload was compared with.
    pub store: StoreDigest,
    /// Which version of the store that was, and whether it is fresh.
    pub store_state: StoreState,
    /// Identifies the policy: [`Policy::digest`](crate::Policy::digest).
    pub policy: PolicyDigest,
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

    /// The first reason as a sentence; empty for a clear upload. It begins with what the policy calls for, also where that is only observed. For moderators
    /// and logs: it tells uploaders what is listed.
    pub fn reason(&self) -> String {
        self.reasons.first().map(ToString::to_string).unwrap_or_default()
    }

    /// The entries of the matches that are listed. They may not be all that match: where the digests decided, no picture was looked up (`stop_early`), and the
    /// policy bounds how many are listed. To let one exact file through, list it as an exception instead of suppressing entries one by one.
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

/// The first reason's sentence stands beside them all, for whoever wants no more.
fn with_the_first<S: Serializer>(reasons: &[Reason], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Written<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        reasons: &'a [Reason],
    }
    Written { reason: reasons.first().map(ToString::to_string), reasons }.serialize(serializer)
}

fn class_only<S: Serializer>(media: &Media, serializer: S) -> Result<S::Ok, S::Error> {
    let class: MediaClass = media.class;
    class.serialize(serializer)
}

#[cfg(test)]
mod tests;
