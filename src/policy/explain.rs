//! The policy in English sentences, for those who answer for it.

use std::fmt::Display;

use crate::fingerprint::View;
use crate::media::{MediaClass, Unscannable};
use crate::policy::reason::title;
use crate::policy::{Action, Mode, Policy, Rule};

impl Policy {
    /// What the policy does, in plain sentences: the mode first, then everything that decides.
    /// Every rule appears, in the order in which rules are read.
    pub fn explain(&self) -> String {
        let mut out = Vec::new();
        out.push(
            match self.mode() {
                Mode::Enforce => {
                    "This policy enforces: what it blocks is refused, and what it sends to review is held back until a person decides."
                }
                Mode::Observe => {
                    "This policy observes: nothing is held back. Every upload is allowed, and its verdict says what enforcing would have done. Read the rest as \"would\"."
                }
            }
            .to_owned(),
        );
        self.looked_up(&mut out);

        out.push("\nHow a match is judged. The first rule that applies decides:".to_owned());
        for (index, rule) in self.rules().enumerate() {
            out.push(format!("{:>3}. {}", index + 1, self.sentence(rule)));
        }
        out.push(
            "If several entries match, the strongest action wins: block, then review, then allow. \
             A nearer match is never treated more mildly than a farther one: if a rule would do more about \
             a match at a greater distance within the radius, that is done about the nearer one too."
                .to_owned(),
        );

        out.push("\nWhatever the rules say:".to_owned());
        out.push(
            "  - An exception lets its one file through, even if other entries match it or it cannot be examined. It counts \
             only if SHA-256 or BLAKE3 are exactly equal and the operator's own list, an exchange or the test list holds it."
                .to_owned(),
        );
        out.push("  - An entry that the operator has suppressed does nothing.".to_owned());
        out.push(
            "  - An entry that its list calls negative (listed by mistake) does nothing."
                .to_owned(),
        );
        out.push("  - A disputed entry leads to review at most.".to_owned());
        out.push(match self.block_quality() {
            0 => "  - A picture match leads to review at most if the picture's quality is unknown.".to_owned(),
            least => format!(
                "  - A picture match leads to review at most if the picture has too little detail (PDQ quality below {least}) or its quality is unknown."
            ),
        });
        out.push(
            "  - A picture match leads to review at most if the picture is too large to be hashed exactly within the limits."
                .to_owned(),
        );
        out.push(
            "  - A picture match leads to review at most while the breaker has degraded the entry or its list, because far more \
             different uploads than usual matched it within an hour. Exact digests, and entries of an active incident, act as before."
                .to_owned(),
        );

        out.push("\nUploads that should have been examined and could not be:".to_owned());
        self.unexamined(&mut out);
        out.push("  Their digests are compared all the same; the stronger action wins.".to_owned());
        if self.max_store_age() > 0 {
            out.push(format!(
                "\nA store that was neither changed nor found to be up to date for {} hours is too old: its matches count all the same, verdicts say so, and everything else is {}.",
                self.max_store_age(),
                match self.too_old() {
                    Action::Allow => "allowed",
                    Action::Review => "sent to review",
                    Action::Block => "blocked",
                }
            ));
        }
        out.push(format!(
            "\nA verdict lists up to {} matches; all of them are judged.",
            self.max_matches()
        ));
        out.join("\n") + "\n"
    }

    fn looked_up(&self, out: &mut Vec<String>) {
        out.push("\nWhat is looked up:".to_owned());
        let early = if self.stop_early() {
            "An upload that is blocked by them is not examined further."
        } else {
            "Even an upload that is blocked by them is examined further."
        };
        out.push(format!("  - Exact digests of the file. {early}"));
        out.push(if self.views().is_empty() {
            "  - No perceptual hashes: altered copies of listed pictures are not recognised."
                .to_owned()
        } else {
            format!(
                "  - The PDQ perceptual hash of pictures, up to a distance of {} of 256 bits, {}.",
                self.radius(),
                views(self.views(), "and")
            )
        });
    }

    /// `Review matches of entries of list "a", with label "b", by MD5 (rule 3 "crisis", line 41).`
    fn sentence(&self, rule: &Rule) -> String {
        let mut parts = Vec::new();
        parts.extend(any(&rule.list, |l| format!("{l:?}")).map(|l| format!("of list {l}")));
        parts.extend(
            any(&rule.list_kind, |k| k.to_string()).map(|k| format!("of a list of kind {k}")),
        );
        parts.extend(any(&rule.label, |l| format!("{l:?}")).map(|l| format!("with label {l}")));
        parts
            .extend(any(&rule.opinion, |o| o.to_string()).map(|o| format!("whose opinion is {o}")));
        parts.extend(rule.severity.map(|s| format!("of severity {s} or higher")));
        parts.extend(rule.reviewed.map(|reviewed| {
            let text =
                if reviewed { "that a human has reviewed" } else { "that no human has reviewed" };
            text.to_owned()
        }));
        let entries = if parts.is_empty() {
            "any entry".to_owned()
        } else {
            format!("entries {}", parts.join(", "))
        };

        let mut how = String::new();
        if let Some(algorithms) = any(&rule.algorithm, |a| title(*a).to_owned()) {
            how.push_str(&format!(", by {algorithms}"));
        }
        if !rule.view.is_empty() {
            how.push_str(&format!(", {}", views(&rule.view, "or")));
        }
        match rule.max_distance.map(|distance| distance.min(self.radius())) {
            Some(0) => how.push_str(", exactly equal"),
            Some(distance) => how.push_str(&format!(", at distance {distance} or nearer")),
            None => {}
        }
        let action = match rule.action {
            Action::Allow => "Allow",
            Action::Review => "Review",
            Action::Block => "Block",
        };
        let place = match rule.line {
            Some(line) => format!("{}, line {line}", rule.designation()),
            None => rule.designation(),
        };
        let why = rule.why.as_ref().map(|why| format!(" Why: {why}")).unwrap_or_default();
        format!("{action} matches of {entries}{how} ({place}).{why}")
    }

    /// One line per class of media, classes that agree in everything together.
    fn unexamined(&self, out: &mut Vec<String>) {
        // The many last, as "any other kind".
        let mut classes: Vec<MediaClass> = MediaClass::ALL.to_vec();
        let alike = |class: &MediaClass| {
            let same = |other: &MediaClass| {
                Unscannable::ALL
                    .iter()
                    .all(|why| self.unscannable(*class, *why) == self.unscannable(*other, *why))
            };
            MediaClass::ALL.iter().filter(|other| same(other)).count()
        };
        classes.sort_by_key(alike);
        while let Some(first) = classes.first().copied() {
            let same = |class: &MediaClass| {
                Unscannable::ALL
                    .iter()
                    .all(|why| self.unscannable(*class, *why) == self.unscannable(first, *why))
            };
            let names: Vec<String> = if classes.iter().all(same) && classes.len() > 1 {
                vec![if classes.len() == MediaClass::ALL.len() {
                    "any kind of upload".to_owned()
                } else {
                    "any other kind of upload".to_owned()
                }]
            } else {
                classes.iter().filter(|class| same(class)).map(|class| class.to_string()).collect()
            };
            let actions = [Action::Block, Action::Review, Action::Allow];
            let rows: Vec<String> = actions
                .into_iter()
                .filter_map(|action| {
                    let reasons: Vec<String> = Unscannable::ALL
                        .iter()
                        .copied()
                        .filter(|why| self.unscannable(first, *why) == action)
                        .map(|why| why.to_string())
                        .collect();
                    match reasons.len() {
                        0 => None,
                        n if n == Unscannable::ALL.len() => {
                            Some(format!("{action}, whatever the reason"))
                        }
                        _ => Some(format!("{action} if {}", joined(&reasons, "or"))),
                    }
                })
                .collect();
            out.push(format!("  - {}: {}.", joined(&names, "and"), rows.join("; ")));
            classes.retain(|class| !same(class));
        }
    }
}

/// The values as words joined by "or"; none if there are none.
fn any<T>(values: &[T], word: impl Fn(&T) -> String) -> Option<String> {
    (!values.is_empty()).then(|| joined(&values.iter().map(word).collect::<Vec<_>>(), "or"))
}

/// `a, b and c`.
fn joined(words: &[impl Display], last: &str) -> String {
    let words: Vec<String> = words.iter().map(|w| w.to_string()).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// Views in words, the seven turned and mirrored ones together.
fn views(views: &[View], last: &str) -> String {
    let every = View::ALL.iter().copied().filter(|v| v.is_dihedral()).all(|v| views.contains(&v));
    let mut words: Vec<String> = Vec::new();
    for view in views.iter().filter(|v| !(every && v.is_dihedral())) {
        words.push(match view {
            View::Bytes => "of the bytes".to_owned(),
            View::AsStored => "as stored".to_owned(),
            View::AsShown => "as shown".to_owned(),
            View::Frame => "in a later frame".to_owned(),
            View::Thumbnail => "in its thumbnail".to_owned(),
            View::Embedded => "inside a document or archive".to_owned(),
            View::OverBlack => "over black where it is transparent".to_owned(),
            turned => format!("as {turned}"),
        });
    }
    if every {
        words.push("turned or mirrored in any of seven ways".to_owned());
    }
    joined(&words, last)
}
