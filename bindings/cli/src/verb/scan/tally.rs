//! What a scan has counted, and its summary.

use std::time::Instant;

use tamis::{Action, Outcome, ShadowCounts, Verdict};

use crate::wording::{self, bytes, count, grouped};

pub(super) struct Tally {
    started: Instant,
    files: u64,
    bytes: u64,
    blocked: u64,
    review: u64,
    clear: u64,
    unscannable: u64,
    /// What a policy that observes would have done: block, review.
    would_have: [u64; 2],
    /// If there is a shadow.
    shadow: Option<ShadowCounts>,
    pub(super) errors: u64,
    pub(super) skipped: u64,
    pub(super) vanished: u64,
    /// Files that the journal had: blocked, for review, the others.
    earlier: [u64; 3],
}

impl Tally {
    pub(super) fn new(started: Instant, shadow: bool) -> Tally {
        Tally {
            started,
            files: 0,
            bytes: 0,
            blocked: 0,
            review: 0,
            clear: 0,
            unscannable: 0,
            would_have: [0; 2],
            shadow: shadow.then(ShadowCounts::default),
            errors: 0,
            skipped: 0,
            vanished: 0,
            earlier: [0; 3],
        }
    }

    pub(super) fn judged(&mut self, size: u64, verdict: &Verdict) {
        self.files += 1;
        self.bytes += size;
        self.blocked += u64::from(verdict.action == Action::Block);
        self.review += u64::from(verdict.action == Action::Review);
        self.clear += u64::from(verdict.outcome == Outcome::Clear);
        self.unscannable += u64::from(verdict.outcome == Outcome::Unscannable);
        self.would_have[0] += u64::from(verdict.would_have == Some(Action::Block));
        self.would_have[1] += u64::from(verdict.would_have == Some(Action::Review));
        if let Some(counts) = &mut self.shadow {
            counts.add(verdict.shadow.as_ref().map(|shadow| shadow.difference));
        }
    }

    pub(super) fn earlier(&mut self, action: Action) {
        self.earlier[match action {
            Action::Block => 0,
            Action::Review => 1,
            Action::Allow => 2,
        }] += 1;
    }

    pub(super) fn earlier_files(&self) -> u64 {
        self.earlier.iter().sum()
    }

    /// Files of which nothing more is to be done.
    pub(super) fn finished(&self) -> u64 {
        self.files + self.errors + self.vanished + self.earlier_files()
    }

    /// Files judged in a second.
    fn rate(&self) -> f64 {
        self.files as f64 / self.started.elapsed().as_secs_f64().max(1e-9)
    }

    /// What is worth knowing while it runs.
    pub(super) fn brief(&self) -> String {
        let mut out = format!(", {:.0} files/s", self.rate());
        for (number, what) in
            [(self.blocked, "blocked"), (self.review, "review"), (self.errors, "errors")]
        {
            if number > 0 {
                out += &format!(", {} {what}", grouped(number));
            }
        }
        out
    }

    pub(super) fn summary(&self) -> Vec<String> {
        let seconds = self.started.elapsed().as_secs_f64();
        let mut lines = vec![format!(
            "{} ({}) judged in {seconds:.1} s, {:.0} files/s: {} blocked, {} for review, {} clear, {} unscannable, {}",
            count(self.files, "file"),
            bytes(self.bytes),
            self.rate(),
            grouped(self.blocked),
            grouped(self.review),
            grouped(self.clear),
            grouped(self.unscannable),
            count(self.errors, "error"),
        )];
        let [block, review] = self.would_have;
        if block + review > 0 {
            lines.push(format!(
                "the policy only observes: {} would have been blocked, {} would have gone to review",
                grouped(block),
                grouped(review)
            ));
        }
        lines.extend(self.shadow.as_ref().map(wording::shadow));
        if self.earlier_files() > 0 {
            let [block, review, _] = self.earlier;
            lines.push(format!(
                "{} judged before, by the journal, and not printed again: {} blocked, {} for review",
                count(self.earlier_files(), "file"),
                grouped(block),
                grouped(review)
            ));
        }
        if self.skipped > 0 {
            lines.push(format!("{} left out: links and special files", grouped(self.skipped)));
        }
        if self.vanished > 0 {
            lines.push(format!("{} vanished during the scan", count(self.vanished, "file")));
        }
        lines
    }
}
