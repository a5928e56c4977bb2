//! From matches to a judgement, with reasons. The algorithm stands in the room's docs.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use crate::error::shown;
use crate::fingerprint::{Algorithm, View};
use crate::media::{MediaClass, Unscannable};
use crate::policy::{Action, Mode, Policy, Rule};
use crate::search::Match;
use crate::set::{EntryId, ListKind, Opinion, Role};

/// What a policy says of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Judgement {
    /// What to do. Always allow when the policy observes.
    pub action: Action,
    /// What enforcing would have done; present exactly when the policy observes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_have: Option<Action>,
    /// Why: a valid exception first, then the strongest action first, then in the order of the matches,
    /// the unscannable reason after matches of the same action. Of several matches of one entry (by
    /// several views) only the first in this order is a reason. At most [`Policy::max_matches`].
    pub reasons: Vec<Reason>,
    /// How many reasons that bound left out. All of them were judged, as were the further matches of an entry.
    pub omitted: usize,
}

/// Why a judgement is what it is. `Display` gives one sentence for moderators; it never holds a
/// fingerprint, yet it is not for the uploader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reason {
    /// What this reason calls for by itself.
    pub action: Action,
    /// Whether an exception lets the upload through all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub set_aside: bool,
    /// What happened.
    #[serde(flatten)]
    pub cause: Cause,
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
        /// Line of the policy file that the rule begins on. Not serialised: two policies of one
        /// digest may be laid out differently, and their records must be equal.
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
    #[serde(skip_serializing_if = "is_zero")]
    pub part: u32,
}

fn is_zero(part: &u32) -> bool {
    *part == 0
}

/// Why a match does not act. No rule can make it act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Idle {
    /// The operator has switched the entry off.
    Suppressed,
    /// The list says that it was listed by mistake.
    Negative,
    /// It is farther than the policy's radius.
    BeyondRadius,
    /// It is an exception that does not meet the conditions of one.
    InvalidException,
}

/// What keeps a rule's block down to review. No rule can lift it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cap {
    /// Members of the exchange disagree on the entry.
    Disputed,
    /// The quality of the view is below the policy's `block_quality`, or unknown.
    Quality,
    /// The distance is known only within the match's slack: the picture could not be hashed exactly within the limits.
    Approximate,
}

/// What a policy makes of one match by itself.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'p> {
    /// What it calls for.
    pub action: Action,
    /// Why.
    pub ground: Ground<'p>,
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug)]
pub enum Ground<'p> {
    /// The match is a valid exception: the upload is allowed, whatever else matches.
    Exception,
    /// The match does not act.
    Idle(Idle),
    /// A rule decided, and a cap may have kept its block down to review.
    Rule(&'p Rule, Option<Cap>),
}

impl Policy {
    /// Judges an upload by all of its matches, and by what could not be examined.
    ///
    /// The order of the matches does not change the action, and one more match never weakens it,
    /// unless that is a valid exception.
    pub fn judge(
        &self,
        matches: &[Match],
        media: MediaClass,
        unscannable: Option<Unscannable>,
    ) -> Judgement {
        let decisions: Vec<Decision<'_>> = matches.iter().map(|m| self.action_for(m)).collect();
        let unexamined = unscannable.map(|why| (self.unscannable(media, why), why));
        let excepted = decisions.iter().any(|d| matches!(d.ground, Ground::Exception));
        let enforced = if excepted {
            Action::Allow
        } else {
            let strongest = decisions.iter().map(|d| d.action).max();
            strongest.max(unexamined.map(|(action, _)| action)).unwrap_or(Action::Allow)
        };

        // Only the reasons that are reported are written out: matches may be many.
        let mut order: Vec<(Action, Option<usize>)> =
            decisions.iter().enumerate().map(|(i, d)| (d.action, Some(i))).collect();
        order.extend(unexamined.map(|(action, _)| (action, None)));
        let is_exception = |index: Option<usize>| {
            index
                .and_then(|i| decisions.get(i))
                .is_some_and(|d| matches!(d.ground, Ground::Exception))
        };
        order.sort_by_key(|(action, index)| Reverse((is_exception(*index), *action)));
        // A symmetric picture's entry matches by up to nine views: one reason tells as much.
        let mut told = HashSet::new();
        order.retain(|(_, index)| match index.and_then(|i| matches.get(i)) {
            Some(m) => told.insert(m.entry),
            None => true,
        });
        let omitted = order.len().saturating_sub(self.max_matches());
        order.truncate(self.max_matches());

        let cause = |index: Option<usize>| match index {
            Some(i) => matches.get(i).zip(decisions.get(i)).map(|(m, d)| Cause::of(m, d)),
            None => unexamined.map(|(_, why)| Cause::Unscannable { media, why }),
        };
        let reasons = order
            .into_iter()
            .filter_map(|(action, index)| {
                let set_aside = excepted && !is_exception(index);
                Some(Reason { action, set_aside, cause: cause(index)? })
            })
            .collect();
        match self.mode() {
            Mode::Enforce => Judgement { action: enforced, would_have: None, reasons, omitted },
            Mode::Observe => {
                Judgement { action: Action::Allow, would_have: Some(enforced), reasons, omitted }
            }
        }
    }

    /// What the policy makes of one match by itself, as if it enforced.
    pub fn action_for(&self, m: &Match) -> Decision<'_> {
        let idle = |why| Decision { action: Action::Allow, ground: Ground::Idle(why) };
        if m.suppressed {
            return idle(Idle::Suppressed);
        }
        if m.role == Role::Exception {
            return if excepts(m) {
                Decision { action: Action::Allow, ground: Ground::Exception }
            } else {
                idle(Idle::InvalidException)
            };
        }
        if m.opinion == Opinion::Negative {
            return idle(Idle::Negative);
        }
        // How near it may be: where the exact distance is not known, the doubt is against the upload, but never blocks it.
        let nearest = m.distance.saturating_sub(m.slack);
        if !m.algorithm.is_digest() && nearest > self.radius() {
            return idle(Idle::BeyondRadius);
        }
        let rule = self.strongest_rule(m, nearest);
        let cap = if rule.action() < Action::Block {
            None
        } else if m.opinion == Opinion::Disputed {
            Some(Cap::Disputed)
        } else if !m.algorithm.is_digest()
            && m.quality.is_none_or(|quality| quality < self.block_quality())
        {
            Some(Cap::Quality)
        } else if m.slack > 0 {
            Some(Cap::Approximate)
        } else {
            None
        };
        let action = if cap.is_some() { Action::Review } else { rule.action() };
        Decision { action, ground: Ground::Rule(rule, cap) }
    }

    /// Whether digest matches already decide for block and the policy wants no more than that, so
    /// that the upload need not be decoded. Mode is ignored: what is observed is what would be enforced.
    pub fn decided_by_digests(&self, digest_matches: &[Match]) -> bool {
        let mut block = false;
        for m in digest_matches.iter().filter(|m| m.algorithm.is_digest()) {
            let decision = self.action_for(m);
            if matches!(decision.ground, Ground::Exception) {
                return false;
            }
            block |= decision.action == Action::Block;
        }
        block && self.stop_early()
    }

    /// The strongest of the first rules at the match's distance and at every greater one within the
    /// radius; among equals the one for the smaller distance.
    fn strongest_rule(&self, m: &Match, nearest: u32) -> &Rule {
        let farthest = if m.algorithm.is_digest() { nearest } else { self.radius() };
        let mut strongest: Option<&Rule> = None;
        // The smallest distance that no rule has decided yet.
        let mut open = nearest;
        for rule in self.rules().filter(|rule| rule.selects(m)) {
            let reach = rule.max_distance.unwrap_or(farthest).min(farthest);
            if reach < open {
                continue;
            }
            if strongest.is_none_or(|s| rule.action() > s.action()) {
                strongest = Some(rule);
            }
            match reach.checked_add(1) {
                Some(next) if next <= farthest => open = next,
                _ => break,
            }
        }
        strongest.unwrap_or(&self.otherwise)
    }
}

/// Whether the match of an exception entry meets every condition of one. Each closes a door: a made-up second
/// file, a mere likeness, an entry that is doubted, a list that nobody vets.
fn excepts(m: &Match) -> bool {
    matches!(m.algorithm, Algorithm::Sha256 | Algorithm::Blake3)
        && m.distance == 0
        && m.opinion == Opinion::Positive
        && matches!(m.list_kind, ListKind::Local | ListKind::Exchange | ListKind::Test)
}

impl Cause {
    fn of(m: &Match, decision: &Decision<'_>) -> Cause {
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
            Cause::Rule { matched, rule, line, cap } => {
                write!(f, "{matched}, by {rule}")?;
                if let Some(line) = line {
                    write!(f, " (line {line})")?;
                }
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
