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
mod explain;
mod file;
mod judge;
mod read;
mod reason;
mod rule;
#[cfg(test)]
pub(crate) mod tests;

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::View;
use crate::media::{MediaClass, Unscannable};
use crate::names::digest_of;

pub use action::{Action, Mode};
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
    mode: Mode,
    radius: u32,
    /// In the order of `View::ALL`, each once, never `Bytes`.
    views: Vec<View>,
    max_matches: usize,
    block_quality: u8,
    stop_early: bool,
    /// In hours; 0: never.
    max_store_age: u32,
    too_old: Action,
    unscannable: Table,
    /// The operator's rules, then the built-in ones.
    rules: Vec<Rule>,
    /// The rule for what `rules` do not decide.
    otherwise: Rule,
    /// Of all the above. Every verdict bears it, so it is computed once.
    digest: PolicyDigest,
}

/// One action per media class and reason, in the order of their `ALL`.
type Table = [[Action; Unscannable::ALL.len()]; MediaClass::ALL.len()];

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
        self.mode
    }

    /// The greatest PDQ distance that is looked up, in bits, 0..=[`MAX_RADIUS`].
    pub fn radius(&self) -> u32 {
        self.radius
    }

    /// The renderings of a picture that are looked up, in order of preference. Digests are always
    /// looked up, so [`View::Bytes`] is never among them.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// How many matches a verdict may list. Never bounds what is judged.
    pub fn max_matches(&self) -> usize {
        self.max_matches
    }

    /// The quality, 0..=100, that a view must reach for a perceptual match of it to block. An unknown quality never reaches it.
    pub fn block_quality(&self) -> u8 {
        self.block_quality
    }

    /// Whether an upload that its digests already block is spared from decoding.
    pub fn stop_early(&self) -> bool {
        self.stop_early
    }

    /// After how many hours a store is too old, by the age that [`Snapshot::updated`](crate::store::Snapshot::updated) tells; 0: never.
    pub fn max_store_age(&self) -> u32 {
        self.max_store_age
    }

    /// What is done with uploads while the store is too old, unless more is done about them anyway.
    pub fn too_old(&self) -> Action {
        self.too_old
    }

    /// Whether a store that was last changed, or found to be up to date, at one time is too old at another, both in seconds since 1970. One that does not say when (0) is
    /// not.
    pub fn is_too_old(&self, updated: u64, now: u64) -> bool {
        let most = u64::from(self.max_store_age) * 3600;
        most > 0 && updated > 0 && now.saturating_sub(updated) > most
    }

    /// What is done with an upload of that class that could not be examined for that reason.
    pub fn unscannable(&self, class: MediaClass, reason: Unscannable) -> Action {
        // The numbers of both run without gaps; a test holds them to it.
        self.unscannable[class as usize][reason as usize - 1]
    }

    /// The rules in the order in which they are read: the operator's, then the built-in ones.
    /// The last selects whatever the others leave.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().chain([&self.otherwise])
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

/// Makes a [`Policy`]. What is not called stays as in [`Policy::builtin`].
#[derive(Clone, Debug)]
pub struct PolicyBuilder {
    mode: Mode,
    radius: u32,
    views: Vec<View>,
    max_matches: usize,
    block_quality: u8,
    stop_early: bool,
    max_store_age: u32,
    too_old: Action,
    unscannable: Table,
    rules: Vec<Rule>,
}

impl Default for PolicyBuilder {
    fn default() -> Self {
        PolicyBuilder {
            mode: Mode::Enforce,
            radius: 31,
            views: View::ALL.into_iter().filter(|v| *v != View::Bytes).collect(),
            max_matches: 100,
            block_quality: 50,
            stop_early: true,
            max_store_age: 168,
            too_old: Action::Allow,
            unscannable: cautious(),
            rules: Vec::new(),
        }
    }
}

/// Review, but for documents and archives: every second one holds a part that is not read here, and review queues are for people.
/// What looks like an attack on the reader is reviewed even there.
fn cautious() -> Table {
    let mut table = [[Action::Review; Unscannable::ALL.len()]; MediaClass::ALL.len()];
    for class in [MediaClass::Archive, MediaClass::Pdf] {
        for reason in Unscannable::ALL {
            use Unscannable::{Corrupt, Limit, Truncated, Unsupported};
            if matches!(reason, Unsupported | Truncated | Corrupt | Limit) {
                table[class as usize][reason as usize - 1] = Action::Allow;
            }
        }
    }
    table
}

impl PolicyBuilder {
    /// Whether the actions take effect. Default: enforce.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The greatest PDQ distance that is looked up, in bits, 0..=[`MAX_RADIUS`]. Default 31.
    #[must_use]
    pub fn radius(mut self, radius: u32) -> Self {
        self.radius = radius;
        self
    }

    /// The renderings of a picture that are looked up. Default: all. None at all switches
    /// perceptual matching off.
    #[must_use]
    pub fn views(mut self, views: impl IntoIterator<Item = View>) -> Self {
        self.views = views.into_iter().collect();
        self.views.sort();
        self.views.dedup();
        self
    }

    /// How many matches a verdict may list, 1..=[`MAX_MATCHES`]. Default 100.
    #[must_use]
    pub fn max_matches(mut self, count: usize) -> Self {
        self.max_matches = count;
        self
    }

    /// The quality, 0..=100, below which a perceptual match never blocks; nor does one of unknown quality. Default 50.
    #[must_use]
    pub fn block_quality(mut self, quality: u8) -> Self {
        self.block_quality = quality;
        self
    }

    /// Whether an upload that its digests already block is spared from decoding. Default: yes.
    #[must_use]
    pub fn stop_early(mut self, stop: bool) -> Self {
        self.stop_early = stop;
        self
    }

    /// After how many hours a store is too old, by the age that [`Snapshot::updated`](crate::store::Snapshot::updated) tells, 0..=[`MAX_STORE_AGE`]; 0: never. Default: 168, a week.
    #[must_use]
    pub fn max_store_age(mut self, hours: u32) -> Self {
        self.max_store_age = hours;
        self
    }

    /// What is done with uploads while the store is too old, unless more is done about them anyway. Default: allow; the verdict says that the store is too old.
    #[must_use]
    pub fn too_old(mut self, action: Action) -> Self {
        self.too_old = action;
        self
    }

    /// What is done with an upload of that class that could not be examined for that reason. Default: review, but for documents and
    /// archives (`archive`, `pdf`) allow, unless the reason is `timeout`, `decoder-panic` or `worker-died`.
    #[must_use]
    pub fn unscannable(mut self, class: MediaClass, reason: Unscannable, action: Action) -> Self {
        self.unscannable[class as usize][reason as usize - 1] = action;
        self
    }

    /// What is done with any upload that could not be examined. Overwrites what was said before.
    #[must_use]
    pub fn unscannable_default(mut self, action: Action) -> Self {
        self.unscannable = [[action; Unscannable::ALL.len()]; MediaClass::ALL.len()];
        self
    }

    /// Appends a rule; the earlier ones are read first.
    #[must_use]
    pub fn rule(mut self, mut rule: Rule) -> Self {
        rule.settle();
        rule.number = self.rules.len() + 1;
        self.rules.push(rule);
        self
    }

    /// Checks everything and makes the policy.
    ///
    /// # Errors
    /// [`ErrorCode::Policy`] if a value is out of its range, or if a rule contradicts itself, contradicts what no rule can
    /// change, or can never apply because an earlier one takes all that it selects.
    pub fn build(self) -> Result<Policy> {
        let refuse = |message: String| Err(Error::new(ErrorCode::Policy, message));
        if self.radius > MAX_RADIUS {
            return refuse(format!("radius is {}; expected 0 to {MAX_RADIUS}", self.radius));
        }
        if !(1..=MAX_MATCHES).contains(&self.max_matches) {
            return refuse(format!(
                "max_matches is {}; expected 1 to {MAX_MATCHES}",
                self.max_matches
            ));
        }
        if self.max_store_age > MAX_STORE_AGE {
            return refuse(format!(
                "max_store_age is {} hours; expected 0 to {MAX_STORE_AGE}",
                self.max_store_age
            ));
        }
        if self.block_quality > 100 {
            return refuse(format!("block_quality is {}; expected 0 to 100", self.block_quality));
        }
        if self.views.contains(&View::Bytes) {
            return refuse(format!("views: {BYTES_FAULT}"));
        }
        match self.rule_fault() {
            Some(fault) => {
                let key = fault.key.map(|key| format!("{key}: ")).unwrap_or_default();
                refuse(format!("rule {}: {key}{}", fault.rule + 1, fault.message))
            }
            None => Ok(self.assemble()),
        }
    }

    /// The first thing that is wrong with the rules.
    fn rule_fault(&self) -> Option<RuleFault> {
        if self.rules.len() > MAX_RULES {
            let message = format!("expected at most {MAX_RULES} rules");
            return Some(RuleFault { rule: MAX_RULES, key: None, message });
        }
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some((key, message)) = rule.fault(self.radius, &self.views) {
                return Some(RuleFault { rule: index, key: Some(key), message });
            }
            let earlier = self.rules.iter().take(index).find(|e| e.covers(rule, self.radius));
            if let Some(earlier) = earlier {
                let message = format!(
                    "it can never apply, since {earlier} takes all that it selects; move it before that one, or remove it"
                );
                return Some(RuleFault { rule: index, key: None, message });
            }
        }
        None
    }

    /// The policy, unchecked.
    fn assemble(self) -> Policy {
        let mut rules = self.rules;
        rules.extend(rule::built_in());
        Policy {
            mode: self.mode,
            radius: self.radius,
            views: self.views,
            max_matches: self.max_matches,
            block_quality: self.block_quality,
            stop_early: self.stop_early,
            max_store_age: self.max_store_age,
            too_old: self.too_old,
            unscannable: self.unscannable,
            rules,
            otherwise: rule::otherwise(),
            digest: PolicyDigest([0; 32]),
        }
        .sealed()
    }
}

/// What is wrong with a rule: its position from 0, the key to blame (none: the whole rule), what to do.
struct RuleFault {
    rule: usize,
    key: Option<&'static str>,
    message: String,
}

const BYTES_FAULT: &str = "bytes is the view of digests, which are always looked up; remove it";
