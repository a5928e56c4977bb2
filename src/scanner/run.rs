//! One call of the scanner.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{ErrorCode, Result};
use crate::fingerprint::{Algorithm, Algorithms, Fingerprints};
use crate::media::{Media, Unscannable};
use crate::policy::{Action, Cap, Ground, Judgement, Policy};
use crate::search::{Found, Match, Searcher};
use crate::store::{Counter, Counters, Noted, Snapshot};
use crate::verdict::{Method, Outcome, StoreState, Timings, Verdict};

use super::{Context, Scanner};

/// One call: what is known of the upload so far.
pub(super) struct Run {
    pub(super) snapshot: Arc<Snapshot>,
    /// What the shadow is judged against, if there is one.
    pub(super) beside: Option<Arc<Snapshot>>,
    /// Where the breaker keeps what it has degraded.
    breaker: Option<Counters>,
    /// Whether the verdict will be counted there.
    pub(super) counting: bool,
    now: u64,
    pub(super) started: Instant,
    pub(super) deadline: Option<Instant>,
    timed: bool,
    timings: Timings,
    pub(super) fingerprints: Fingerprints,
    /// What can be reported of all that was found and judged.
    pub(super) matches: Vec<Match>,
    /// How many entries were found.
    entries: usize,
    /// Whether the distance of every match found is exact.
    pub(super) exact: bool,
    pub(super) examined: Vec<Method>,
    pub(super) unscannable: Option<Unscannable>,
    fault: Option<ErrorCode>,
}

/// The digests that are worth computing: those that one of these holds, and BLAKE3 for the evidence.
pub(super) fn wanted(snapshots: impl Iterator<Item = Arc<Snapshot>>) -> Algorithms {
    let held = snapshots.flat_map(|snapshot| {
        Algorithm::DIGESTS.into_iter().filter(move |a| snapshot.algorithms().contains(*a))
    });
    held.chain([Algorithm::Blake3]).collect()
}

impl Run {
    pub(super) fn new(scanner: &Scanner, context: &Context) -> Result<Run> {
        context.check()?;
        let snapshot = scanner.options.store.current();
        let beside = scanner.options.shadow.as_ref().map(|shadow| match &shadow.store {
            Some(store) => store.current(),
            None => Arc::clone(&snapshot),
        });
        Ok(Run {
            snapshot,
            beside,
            breaker: scanner.options.store.counters().cloned(),
            counting: scanner.options.counting,
            now: context.now,
            started: Instant::now(),
            deadline: None,
            timed: scanner.options.timed,
            timings: Timings::default(),
            fingerprints: Fingerprints::default(),
            matches: Vec::new(),
            entries: 0,
            exact: true,
            examined: Vec::new(),
            unscannable: None,
            fault: scanner.options.store.fault().map(|fault| fault.code),
        })
    }

    /// Adds what the digests of an upload took while it arrived.
    pub(super) fn has_taken(&mut self, took: Duration) {
        self.timings.digests += took;
    }

    /// The same upload, judged against what the shadow is judged against. What the breaker has degraded is degraded there too, so that only the candidate makes a difference.
    pub(super) fn for_shadow(&self) -> Option<Run> {
        Some(Run {
            snapshot: Arc::clone(self.beside.as_ref()?),
            beside: None,
            breaker: self.breaker.clone(),
            counting: false,
            fingerprints: self.fingerprints.clone(),
            matches: Vec::new(),
            examined: Vec::new(),
            timings: Timings::default(),
            ..*self
        })
    }

    /// The digests that are worth computing.
    pub(super) fn wanted(&self) -> Algorithms {
        wanted([Some(&self.snapshot), self.beside.as_ref()].into_iter().flatten().map(Arc::clone))
    }

    pub(super) fn step<T>(
        &mut self,
        which: impl FnOnce(&mut Timings) -> &mut Duration,
        work: impl FnOnce() -> T,
    ) -> T {
        let started = Instant::now();
        let out = work();
        *which(&mut self.timings) += started.elapsed();
        out
    }

    pub(super) fn digest_lookup(&mut self, searcher: &mut Searcher, policy: &Policy) -> Result<()> {
        let started = Instant::now();
        let snapshot = Arc::clone(&self.snapshot);
        let found = searcher.digests(snapshot.layers(), &self.fingerprints, self.now)?;
        self.timings.lookup = started.elapsed();
        self.keep(&found, policy)
    }

    pub(super) fn perceptual_search<'s>(
        &mut self,
        searcher: &mut Searcher,
        policy: &Policy,
        snapshot: &'s Snapshot,
    ) -> Result<Found<'s>> {
        let started = Instant::now();
        let layers = snapshot.layers();
        let found = searcher.perceptual(layers, &self.fingerprints, policy.radius(), self.now)?;
        self.timings.search += started.elapsed();
        Ok(match &self.breaker {
            Some(counters) => found.with_degraded(counters.degraded()),
            None => found,
        })
    }

    /// Ranks everything that was found by what the policy makes of it, and keeps what can be reported: judged together, that gives the action and the reasons which all matches
    /// would give.
    pub(super) fn keep(&mut self, found: &Found<'_>, policy: &Policy) -> Result<()> {
        let started = Instant::now();
        let selection = found.select(policy.max_matches(), &policy.labels(), |m| policy.rank(m))?;
        self.matches.extend(selection.matches);
        self.entries += selection.entries;
        self.exact &= selection.exact;
        self.timings.policy += started.elapsed();
        Ok(())
    }

    pub(super) fn finish(mut self, policy: &Policy, media: Media, complete: bool) -> Verdict {
        let started = Instant::now();
        // Reasons name a digest that nobody can forge before one that anybody can.
        self.matches
            .sort_by_key(|m| (m.distance, !m.algorithm.is_collision_resistant(), m.entry, m.view));
        // A set that cannot say when it was made is damaged, and says so when it is searched.
        let updated = self.snapshot.updated().unwrap_or(0);
        let too_old = policy.is_too_old(updated, self.now);
        let judgement = policy.judge_with(&self.matches, media.class, self.unscannable, too_old);
        if let Some(counters) = self.breaker.as_ref().filter(|_| self.counting) {
            self.count(counters, policy, &judgement);
        }
        self.timings.policy += started.elapsed();
        let outcome = match self.unscannable {
            _ if !self.matches.is_empty() => Outcome::Match,
            Some(_) => Outcome::Unscannable,
            None => Outcome::Clear,
        };
        // Every view was judged; each entry is reported once, with its nearest view.
        self.matches.sort_by_key(|m| (m.distance, m.entry, m.view));
        let mut reported = HashSet::new();
        self.matches.retain(|m| reported.insert(m.entry));
        // These were found and judged as the others were, and could not have been reported.
        let more = self.entries.saturating_sub(self.matches.len());
        let more_matches = more + self.matches.len().saturating_sub(policy.max_matches());
        self.matches.truncate(policy.max_matches());
        Verdict {
            outcome,
            action: judgement.action,
            would_have: judgement.would_have,
            reasons: judgement.reasons,
            more_reasons: judgement.omitted + more,
            matches: self.matches,
            more_matches,
            unscannable: self.unscannable,
            media,
            examined: self.examined,
            complete,
            fingerprints: self.fingerprints,
            store: self.snapshot.digest(),
            store_state: StoreState {
                version: self.snapshot.version(),
                updated,
                too_old,
                behind: self.snapshot.is_behind(),
                fault: self.fault,
            },
            policy: policy.digest(),
            shadow: None,
            timings: self.timed.then_some(self.timings),
        }
    }
    /// Counts the verdict, and the entries whose perceptual matches called for a block, for the breaker. Of an upload that nothing is held against
    /// there is one addition.
    fn count(&self, counters: &Counters, policy: &Policy, judgement: &Judgement) {
        counters.add(Counter::Checks);
        if !self.matches.is_empty() {
            counters.add(Counter::Matches);
        }
        let enforced = judgement.would_have.unwrap_or(judgement.action);
        match (enforced, judgement.would_have) {
            (Action::Allow, _) => return,
            (Action::Review, None) => counters.add(Counter::Reviewed),
            (Action::Review, Some(_)) => counters.add(Counter::WouldHaveReviewed),
            (Action::Block, None) => counters.add(Counter::Blocked),
            (Action::Block, Some(_)) => counters.add(Counter::WouldHaveBlocked),
        }
        // What is listed byte for byte says nothing against the entries that it resembles.
        let blocks = |m: &Match| policy.action_for(m).action == Action::Block;
        if self.matches.iter().any(|m| m.algorithm.is_digest() && blocks(m)) {
            return;
        }
        // Only what blocks is counted: copies at a distance that a person looks at anyway must not switch the near ones off.
        let would_block = |m: &Match| {
            blocks(m) || matches!(policy.action_for(m).ground, Ground::Rule(_, Some(Cap::Breaker)))
        };
        let Some(upload) = self.fingerprints.digests.get(Algorithm::Blake3) else { return };
        let noted =
            self.matches.iter().filter(|m| !m.algorithm.is_digest() && would_block(m)).map(|m| {
                let layers = self.snapshot.layers();
                let incident =
                    layers.in_active_incident(&m.labels, m.list_kind, m.expires, self.now);
                Noted { group: m.group, entry: m.entry, list: &m.list, incident }
            });
        counters.note(self.now, upload.bytes(), noted);
    }
}
