//! The policy: what is done about matches. A pure function of its arguments: no clock, no random
//! numbers, no sets, no files (but for [`Policy::load`], which reads one and parses it).
//!
//! # How an upload is judged
//!
//! ```text
//! judge(matches, media, unscannable, too old):
//!     if some match is a valid exception:    enforced = allow, whatever else there is
//!     else:                                  enforced = strongest of
//!                                                action of every match,
//!                                                action of (media, unscannable), if unscannable
//!                                                action of a store that is too old, if it is
//!     observe: action = allow,    would_have = enforced
//!     enforce: action = enforced
//!
//! action of a match:
//!     suppressed, negative, beyond the radius, or of an exception that is not valid:  allow
//!     else:  the strongest of first_rule(x) for x in distance - slack ..= radius,
//!            but review at most if the entry is disputed,
//!            and review at most if the distance is not exact (slack > 0)
//!            and review at most if it is perceptual and the breaker has degraded its entry
//!            and review at most if it is perceptual and the view's quality is unknown or below block_quality
//!
//! first_rule(x):  the first rule, the operator's before the built-in ones, whose selectors
//!                 all select the match as if its distance were x
//! ```
//!
//! # Nearer is never weaker
//!
//! An operator may write any rules in any order, so "the first rule that applies" alone breaks a
//! promise: with `max_distance = 5, action = "review"` before `action = "block"`, a copy at
//! distance 3 would fare better than one at distance 10. Two things restore it for *every* policy.
//! Rules can bound the distance only from above. And a match gets the strongest action that
//! the rules give it at its own distance *or at any greater one within the radius*: going farther only
//! removes candidates. All caps ignore the distance, so they keep the order. A digest has only the
//! distance 0, so for it this is the first rule and nothing else.
//!
//! One pass over the rules does it: as bounds are from above, a rule decides the
//! distances up to its `max_distance` that no earlier rule has taken.
//!
//! # What no rule can change
//!
//! - **Exceptions.** A match lets an upload through if its entry is an exception, its algorithm is SHA-256 or
//!   BLAKE3, its distance is 0, its opinion positive, it is not suppressed, and its list is the operator's
//!   own, an exchange's or the test list: a list whose word is not enough to block is not
//!   enough to let through either. MD5 and SHA-1 never except, since anyone can make a second file with
//!   the same digest. An exception that is not valid does nothing at all.
//! - **Suppressed** and **negative** entries never act. A negative entry says "listed by mistake";
//!   acting on it could only repeat the mistake.
//! - **Disputed** entries lead to review at most.
//! - A **perceptual** match blocks only if the view's quality is known and at least `block_quality`: flat and
//!   simple pictures resemble each other.
//!
//! - A perceptual match whose distance is only known within its **slack** leads to review at most, and is
//!   taken to be as near as it may be.
//!
//! - A perceptual match of an entry that the **breaker** has degraded, because it matched far more distinct uploads than usual, leads to review
//!   at most. Digest matches of the same entry act as before.
//!
//! A view that the policy does not look up is nevertheless judged if the caller passes a match of it:
//! ignoring it would let through what was found.

mod action;
mod builder;
mod explain;
mod file;
mod judge;
mod read;
mod reason;
mod rule;
#[cfg(test)]
pub(crate) mod tests;

use crate::fingerprint::View;
use crate::media::{MediaClass, Unscannable};
use crate::names::digest_of;

use builder::Settings;

pub use action::{Action, Mode};
pub use builder::PolicyBuilder;
pub use file::set_mode_in;
pub use judge::{Decision, Ground, Judgement};
pub use reason::{Cap, Cause, Idle, Matched, Reason};
pub use rule::Rule;

/// The greatest radius that may be asked for. Beyond it, unrelated pictures begin to match.
pub const MAX_RADIUS: u32 = 64;

/// The greatest number of reported matches that may be asked for.
pub const MAX_MATCHES: usize = 100_000;

/// The greatest age of a store that may be asked for, in hours: ten years.
pub const MAX_STORE_AGE: u32 = 87_600;

/// Rules that one policy may have.
pub const MAX_RULES: usize = 1000;

digest_of! {
    /// Identifies a policy: see [`Policy::digest`].
    PolicyDigest
}

/// The operator's table from matches to actions. Immutable, cheap to share between threads.
///
/// ```
/// use tamis::fingerprint::Algorithm;
/// use tamis::media::MediaClass;
/// use tamis::policy::{Action, Policy};
/// use tamis::search::Match;
/// use tamis::set::EntryId;
///
/// let policy = Policy::builtin();
/// let near = Match::new("gifct", EntryId([7; 16]), Algorithm::Pdq, 9);
/// let judgement = policy.judge(&[near], MediaClass::Image, None);
/// assert_eq!(judgement.action, Action::Block);
/// println!("{}", judgement.reasons[0]);
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    settings: Settings,
    /// The rules that stand after the operator's.
    built_in: Vec<Rule>,
    /// The rule for what none of them decides.
    otherwise: Rule,
    /// Of all the above. Every verdict bears it, so it is computed once.
    digest: PolicyDigest,
}

impl Policy {
    /// A commented policy file with every key and its default, in observe mode.
    pub const EXAMPLE: &'static str = include_str!("example.toml");

    /// The policy used without a file. It enforces.
    pub fn builtin() -> Policy {
        PolicyBuilder::default().assemble()
    }

    /// Starts from the built-in policy, to be changed by calls.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// Whether its actions take effect.
    pub fn mode(&self) -> Mode {
        self.settings.mode
    }

    /// The greatest PDQ distance that is looked up, in bits, 0..=[`MAX_RADIUS`].
    pub fn radius(&self) -> u32 {
        self.settings.radius
    }

    /// The renderings of a picture that are looked up, in order of preference. Digests are always
    /// looked up, so [`View::Bytes`] is never among them.
    pub fn views(&self) -> &[View] {
        &self.settings.views
    }

    /// How many matches a verdict may list. Never bounds what is judged.
    pub fn max_matches(&self) -> usize {
        self.settings.max_matches
    }

    /// The quality, 0..=100, that a view must reach for a perceptual match of it to block. An unknown quality never reaches it.
    pub fn block_quality(&self) -> u8 {
        self.settings.block_quality
    }

    /// Whether an upload that its digests already block is spared from decoding.
    pub fn stop_early(&self) -> bool {
        self.settings.stop_early
    }

    /// After how many hours a store is too old, by the age that [`Snapshot::updated`](crate::store::Snapshot::updated) tells; 0: never.
    pub fn max_store_age(&self) -> u32 {
        self.settings.max_store_age
    }

    /// What is done with uploads while the store is too old, unless more is done about them anyway.
    pub fn too_old(&self) -> Action {
        self.settings.too_old
    }

    /// Whether a store that was last changed, or found to be up to date, at one time is too old at another, both in seconds since 1970. One that does not say when (0) is
    /// not.
    pub fn is_too_old(&self, updated: u64, now: u64) -> bool {
        let most = u64::from(self.max_store_age()) * 3600;
        most > 0 && updated > 0 && now.saturating_sub(updated) > most
    }

    /// What is done with an upload of that class that could not be examined for that reason.
    pub fn unscannable(&self, class: MediaClass, reason: Unscannable) -> Action {
        // The numbers of both run without gaps; a test holds them to it.
        self.settings.unscannable[class as usize - 1][reason as usize - 1]
    }

    /// The rules in the order in which they are read: the operator's, then the built-in ones.
    /// The last selects whatever the others leave.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.settings.rules.iter().chain(&self.built_in).chain([&self.otherwise])
    }

    /// The policy's identity: BLAKE3 of [`Policy::to_toml`], in its key derivation mode with the context
    /// `tamis 2026-11 policy digest`. Spacing, comments and the order of keys in a file do not change
    /// it; anything else does.
    pub fn digest(&self) -> PolicyDigest {
        self.digest
    }

    /// The policy with its digest, once all the rest is settled.
    fn sealed(mut self) -> Policy {
        let key = blake3::derive_key("tamis 2026-11 policy digest", self.to_toml().as_bytes());
        self.digest = PolicyDigest(key);
        self
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy::builtin()
    }
}
