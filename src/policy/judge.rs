//! From matches to a judgement, with reasons. The algorithm stands in the room's docs.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use serde::Serialize;

use crate::media::{MediaClass, Unscannable};
use crate::policy::{Action, Cap, Cause, Idle, Mode, Policy, Reason, Rule};
use crate::search::Match;
use crate::set::{Opinion, Role};

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

/// What a policy makes of one match by itself.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Decision<'p> {
    /// What it calls for.
    pub action: Action,
    /// Why.
    pub ground: Ground<'p>,
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Ground<'p> {
    /// The match is a valid exception: the upload is allowed, whatever else matches.
    Exception,
    /// The match does not act.
    Idle(Idle),
    /// A rule decided, and a cap may have kept its block down to review.
    Rule(&'p Rule, Option<Cap>),
}

impl Decision<'_> {
    /// What comes first among the reasons: a valid exception, then the strongest action.
    fn rank(&self) -> (bool, Action) {
        (matches!(self.ground, Ground::Exception), self.action)
    }
}

impl Policy {
    /// The place of a match among the reasons, the greatest first: what the search asks of one match of each kind to select those that can be reported. It looks at nothing of a
    /// match that does not make a kind, and at no other labels than [`Policy::labels`].
    pub(crate) fn rank(&self, m: &Match) -> (bool, Action) {
        self.action_for(m).rank()
    }

    /// The labels that rules speak of.
    pub(crate) fn labels(&self) -> BTreeSet<&str> {
        self.rules().flat_map(|rule| rule.label.iter().map(String::as_str)).collect()
    }

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
        self.judge_with(matches, media, unscannable, false)
    }

    /// The same, against a store that may be [too old](Policy::is_too_old).
    pub(crate) fn judge_with(
        &self,
        matches: &[Match],
        media: MediaClass,
        unscannable: Option<Unscannable>,
        outdated: bool,
    ) -> Judgement {
        let decisions: Vec<Decision<'_>> = matches.iter().map(|m| self.action_for(m)).collect();
        // What speaks against the upload besides the matches.
        let unexamined = unscannable
            .map(|why| (self.unscannable(media, why), Cause::Unscannable { media, why }));
        let too_old = Some((self.too_old(), Cause::StoreTooOld));
        let too_old = too_old.filter(|(action, _)| outdated && *action > Action::Allow);
        let others: Vec<(Action, Cause)> = unexamined.into_iter().chain(too_old).collect();
        let excepted = decisions.iter().any(|d| matches!(d.ground, Ground::Exception));
        let enforced = if excepted {
            Action::Allow
        } else {
            let strongest = decisions.iter().map(|d| d.action).max();
            let others = others.iter().map(|(action, _)| *action).max();
            strongest.max(others).unwrap_or(Action::Allow)
        };

        // Only the reasons that are reported are written out: matches may be many.
        let mut order: Vec<((bool, Action), usize)> =
            decisions.iter().enumerate().map(|(i, d)| (d.rank(), i)).collect();
        let beyond = matches.len();
        order.extend(others.iter().enumerate().map(|(i, (act, _))| ((false, *act), beyond + i)));
        order.sort_by_key(|(rank, _)| Reverse(*rank));
        // A symmetric picture's entry matches by up to nine views: one reason tells as much.
        let mut told = HashSet::new();
        order.retain(|(_, index)| match matches.get(*index) {
            Some(m) => told.insert(m.entry),
            None => true,
        });
        let omitted = order.len().saturating_sub(self.max_matches());
        order.truncate(self.max_matches());

        let cause = |i: usize| match matches.get(i).zip(decisions.get(i)) {
            Some((m, d)) => Some(Cause::of(m, d)),
            None => others.get(i.checked_sub(beyond)?).map(|(_, cause)| cause.clone()),
        };
        let reasons = order
            .into_iter()
            .filter_map(|((is_exception, action), index)| {
                let set_aside = excepted && !is_exception;
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
        } else if m.degraded && !m.algorithm.is_digest() {
            // Asked last: the cap says that nothing else kept the match from blocking.
            Some(Cap::Breaker)
        } else {
            None
        };
        let action = if cap.is_some() { Action::Review } else { rule.action() };
        Decision { action, ground: Ground::Rule(rule, cap) }
    }

    /// Whether digest matches already decide for block and the policy wants no more than that, so
    /// that the upload need not be decoded. Mode is ignored: what is observed is what would be enforced.
    pub(crate) fn decided_by_digests(&self, digest_matches: &[Match]) -> bool {
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
    m.algorithm.may_except()
        && m.distance == 0
        && m.opinion == Opinion::Positive
        && m.list_kind.may_except()
}
