//! Reasons: why a judgement is what it is, for the record and in sentences.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::error::shown;
use crate::fingerprint::{Algorithm, View};
use crate::media::{MediaClass, Unscannable};
use crate::names::named;
use crate::policy::{Action, Decision, Ground};
use crate::search::Match;
use crate::set::EntryId;

/// Why a judgement is what it is. `Display` gives one sentence for moderators; it never holds a
/// fingerprint, yet it is not for the uploader. It is written with that sentence, as `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// What this reason calls for by itself.
    pub action: Action,
    /// Whether an exception lets the upload through all the same.
    pub set_aside: bool,
    /// What happened.
    pub cause: Cause,
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            action: Action,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            set_aside: bool,
            #[serde(flatten)]
            cause: &'a Cause,
            text: String,
        }
        let Reason { action, set_aside, cause } = self;
        Written { action: *action, set_aside: *set_aside, cause, text: self.to_string() }
            .serialize(serializer)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// A valid exception lets this one file through.
    Exception {
        /// The match.
        #[serde(flatten)]
        matched: Matched,
    },
    /// A rule decided on a match.
    Rule {
        /// The match.
        #[serde(flatten)]
        matched: Matched,
        /// Number and name of the rule.
        rule: String,
        /// Line of the policy file that the rule begins on. Neither in the sentence nor serialised: two
        /// policies of one digest may be laid out differently, and their records must be equal.
        #[serde(skip)]
        line: Option<usize>,
        /// What kept the rule's block down to review, if anything did.
        #[serde(skip_serializing_if = "Option::is_none")]
        cap: Option<Cap>,
    },
    /// A match that does not act.
    Idle {
        /// The match.
        #[serde(flatten)]
        matched: Matched,
        /// Why it does not act.
        why: Idle,
    },
    /// The store is too old for the policy.
    StoreTooOld,
    /// The upload could not be examined.
    Unscannable {
        /// Its class.
        media: MediaClass,
        /// Why it could not.
        why: Unscannable,
    },
}

/// What a reason tells of a match. No fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Matched {
    /// Name of the list.
    pub list: String,
    /// The entry's stable id.
    pub entry: EntryId,
    /// The algorithm that matched.
    pub algorithm: Algorithm,
    /// Hamming distance in bits; 0 for digests.
    pub distance: u32,
    /// The rendering of the upload that matched.
    pub view: View,
    /// The number of the frame or of the embedded picture that the view is of; 0 for other views.
    #[serde(skip_serializing_if = "crate::names::is_zero")]
    pub part: u32,
}

named! {
    /// Why a match does not act. No rule can make it act.
    #[non_exhaustive]
    Idle ("a reason not to act") {
        /// The operator has switched the entry off.
        Suppressed = 1 "suppressed",
        /// The list says that it was listed by mistake.
        Negative = 2 "negative",
        /// It is farther than the policy's radius.
        BeyondRadius = 3 "beyond-radius",
        /// It is an exception that does not meet the conditions of one.
        InvalidException = 4 "invalid-exception",
    }
}

named! {
    /// What keeps a rule's block down to review. No rule can lift it.
    #[non_exhaustive]
    Cap ("a cap") {
        /// Members of the exchange disagree on the entry.
        Disputed = 1 "disputed",
        /// The quality of the view is below the policy's `block_quality`, or unknown.
        Quality = 2 "quality",
        /// The distance is known only within the match's slack: the picture could not be hashed exactly within the limits.
        Approximate = 3 "approximate",
        /// The breaker has degraded the entry or its list, since it matched far more distinct uploads than usual.
        Breaker = 4 "breaker",
    }
}

impl Cause {
    pub(super) fn of(m: &Match, decision: &Decision<'_>) -> Cause {
        let matched = Matched {
            list: m.list.clone(),
            entry: m.entry,
            algorithm: m.algorithm,
            distance: m.distance,
            view: m.view,
            part: m.part,
        };
        match decision.ground {
            Ground::Exception => Cause::Exception { matched },
            Ground::Idle(why) => Cause::Idle { matched, why },
            Ground::Rule(rule, cap) => {
                Cause::Rule { matched, rule: rule.designation(), line: rule.line(), cap }
            }
        }
    }
}

impl fmt::Display for Matched {
    /// `SHA-256 equal to entry 0123... of list "gifct"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = title(self.algorithm);
        if self.algorithm.is_digest() && self.distance == 0 {
            write!(f, "{title} equal to entry ")?;
        } else {
            write!(f, "{title} at distance {} (view {}", self.distance, self.view)?;
            if self.view.has_parts() {
                write!(f, " {}", self.part)?;
            }
            f.write_str(") from entry ")?;
        }
        write!(f, "{} of list {:?}", self.entry, shown(&self.list))?;
        if self.algorithm.is_digest() && !self.algorithm.is_collision_resistant() {
            write!(
                f,
                " ({title} collisions can be made: two different files may share this digest)"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.action)?;
        match &self.cause {
            Cause::Exception { matched } => write!(f, "exception, {matched}")?,
            Cause::Rule { matched, rule, line: _, cap } => {
                write!(f, "{matched}, by {rule}")?;
                match cap {
                    Some(Cap::Disputed) => {
                        f.write_str("; review at most, since the entry is disputed")?;
                    }
                    Some(Cap::Approximate) => f.write_str(
                        "; review at most, since the picture could not be hashed exactly within the limits",
                    )?,
                    Some(Cap::Quality) => f.write_str(
                        "; review at most, since the picture has too little detail for a block or its quality is unknown",
                    )?,
                    Some(Cap::Breaker) => f.write_str(
                        "; review at most, since the entry or its list matched far more different uploads than usual, until the breaker is reset",
                    )?,
                    None => {}
                }
            }
            Cause::Idle { matched, why } => {
                let why = match why {
                    Idle::Suppressed => "the operator has switched this entry off",
                    Idle::Negative => "the list says that it was listed by mistake",
                    Idle::BeyondRadius => "it is farther than the policy's radius",
                    Idle::InvalidException => {
                        "it is marked as an exception but is not a valid one (SHA-256 or BLAKE3, from a trusted list)"
                    }
                };
                write!(f, "{matched}; it does not act, since {why}")?;
            }
            Cause::StoreTooOld => f.write_str(
                "the store is too old: nobody has changed it, or found it to be up to date, for longer than the policy allows",
            )?,
            Cause::Unscannable { media, why: Unscannable::Colours } => {
                write!(f, "the {media} is shown in other colours than were compared")?;
            }
            Cause::Unscannable { media, why } => {
                write!(f, "the {media} could not be examined in full: {why}")?;
            }
        }
        if self.set_aside { f.write_str("; set aside by an exception") } else { Ok(()) }
    }
}

/// The algorithm's name as people write it.
pub(super) fn title(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Md5 => "MD5",
        Algorithm::Sha1 => "SHA-1",
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha512 => "SHA-512",
        Algorithm::Blake3 => "BLAKE3",
        Algorithm::Pdq => "PDQ",
    }
}
