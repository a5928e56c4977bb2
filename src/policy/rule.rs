//! A rule: which matches it selects, and what it does with them.
//!
//! A rule has selectors and an action. A selector that is not given selects everything; one that
//! is given more than once (a list with two names) selects what any of its values selects; a rule
//! selects a match when all of its selectors do.
//!
//! There is a selector for the greatest distance and, on purpose, none for the smallest: with one,
//! a policy could treat a nearer match more mildly than a farther one (see the room's docs).

use std::fmt;

use crate::fingerprint::{Algorithm, View};
use crate::policy::Action;
use crate::search::Match;
use crate::set::{ListKind, Opinion, Severity};

/// A rule of a policy, to be given to [`PolicyBuilder::rule`](crate::policy::PolicyBuilder::rule).
///
/// ```
/// use tamis::policy::{Action, Policy, Rule};
/// use tamis::set::ListKind;
/// let policy = Policy::builder()
///     .rule(Rule::new(Action::Block).list_kind(ListKind::Local).max_distance(20).name("own"))
///     .build()?;
/// assert_eq!(policy.rules().next().map(|rule| rule.to_string()), Some("rule 1 \"own\"".into()));
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) list: Vec<String>,
    pub(super) list_kind: Vec<ListKind>,
    pub(super) label: Vec<String>,
    pub(super) opinion: Vec<Opinion>,
    pub(super) severity: Option<Severity>,
    pub(super) algorithm: Vec<Algorithm>,
    pub(super) reviewed: Option<bool>,
    pub(super) view: Vec<View>,
    pub(super) max_distance: Option<u32>,
    pub(super) action: Action,
    pub(super) name: Option<String>,
    pub(super) why: Option<String>,
    /// Place among the operator's rules, from 1; 0 for a built-in rule.
    pub(super) number: usize,
    /// Line of the file that it came from.
    pub(super) line: Option<usize>,
}

impl Rule {
    /// A rule that selects every match.
    pub fn new(action: Action) -> Rule {
        Rule {
            list: Vec::new(),
            list_kind: Vec::new(),
            label: Vec::new(),
            opinion: Vec::new(),
            severity: None,
            algorithm: Vec::new(),
            reviewed: None,
            view: Vec::new(),
            max_distance: None,
            action,
            name: None,
            why: None,
            number: 0,
            line: None,
        }
    }

    /// Selects entries of the list of that name (or of another one, if called again).
    #[must_use]
    pub fn list(mut self, name: impl Into<String>) -> Rule {
        self.list.push(name.into());
        self
    }

    /// Selects entries of lists of that kind (or of another one, if called again).
    #[must_use]
    pub fn list_kind(mut self, kind: ListKind) -> Rule {
        self.list_kind.push(kind);
        self
    }

    /// Selects entries that bear that label, spelled exactly so (or another one, if called again).
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Rule {
        self.label.push(label.into());
        self
    }

    /// Selects entries of that opinion (or of another one, if called again).
    #[must_use]
    pub fn opinion(mut self, opinion: Opinion) -> Rule {
        self.opinion.push(opinion);
        self
    }

    /// Selects entries that their list calls at least that grave.
    #[must_use]
    pub fn severity_at_least(mut self, severity: Severity) -> Rule {
        self.severity = Some(severity);
        self
    }

    /// Selects matches by that algorithm (or by another one, if called again).
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Rule {
        self.algorithm.push(algorithm);
        self
    }

    /// Selects entries that a human has, or has not, reviewed.
    #[must_use]
    pub fn reviewed(mut self, reviewed: bool) -> Rule {
        self.reviewed = Some(reviewed);
        self
    }

    /// Selects matches of that view (or of another one, if called again).
    #[must_use]
    pub fn view(mut self, view: View) -> Rule {
        self.view.push(view);
        self
    }

    /// Selects matches at that Hamming distance or nearer, in bits.
    #[must_use]
    pub fn max_distance(mut self, distance: u32) -> Rule {
        self.max_distance = Some(distance);
        self
    }

    /// Names the rule in reasons: one line of at most 40 characters.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Rule {
        self.name = Some(name.into());
        self
    }

    /// Says to people why the rule exists: one line, shown by [`Policy::explain`](crate::policy::Policy::explain).
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Rule {
        self.why = Some(why.into());
        self
    }

    /// What the rule does with a match.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Whether Tamis brought the rule, not the operator.
    pub fn is_built_in(&self) -> bool {
        self.number == 0
    }

    /// The line of the policy file that the rule begins on, from 1; absent if it came from no file.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What the rule is called wherever it came from: its number and name, without the line.
    pub(super) fn designation(&self) -> String {
        match (self.number, &self.name) {
            (0, Some(name)) => format!("built-in rule \"{name}\""),
            (0, None) => "built-in rule".to_owned(),
            (number, Some(name)) => format!("rule {number} \"{name}\""),
            (number, None) => format!("rule {number}"),
        }
    }

    /// Whether all selectors but the distance select the match.
    pub(super) fn selects(&self, m: &Match) -> bool {
        fn any<T: PartialEq>(wanted: &[T], found: &T) -> bool {
            wanted.is_empty() || wanted.contains(found)
        }
        any(&self.algorithm, &m.algorithm)
            && self.reviewed.is_none_or(|reviewed| reviewed == m.reviewed)
            && any(&self.opinion, &m.opinion)
            && any(&self.list_kind, &m.list_kind)
            && self.severity.is_none_or(|least| m.severity >= least)
            && any(&self.view, &m.view)
            && any(&self.list, &m.list)
            && (self.label.is_empty() || self.label.iter().any(|l| m.labels.contains(l)))
    }

    /// Whether no match can reach `later` because this rule stands before it and takes them all.
    pub(super) fn covers(&self, later: &Rule, radius: u32) -> bool {
        fn set<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
            wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|v| wide.contains(v)))
        }
        let reach = if later.is_for_digests() { 0 } else { later.max_distance.unwrap_or(radius) };
        set(&self.list, &later.list)
            && set(&self.list_kind, &later.list_kind)
            && set(&self.label, &later.label)
            && set(&self.opinion, &later.opinion)
            && set(&self.algorithm, &later.algorithm)
            && set(&self.view, &later.view)
            && self.severity.is_none_or(|least| later.severity.is_some_and(|s| s >= least))
            && self.reviewed.is_none_or(|reviewed| later.reviewed == Some(reviewed))
            && self.max_distance.is_none_or(|max| max >= reach)
    }

    /// Whether it can select nothing but digests.
    fn is_for_digests(&self) -> bool {
        !self.algorithm.is_empty() && self.algorithm.iter().all(|a| a.is_digest())
    }

    /// The one spelling of a rule: values sorted, each once. Order between them has no meaning.
    pub(super) fn settle(&mut self) {
        fn sort<T: Ord>(values: &mut Vec<T>) {
            values.sort();
            values.dedup();
        }
        sort(&mut self.list);
        sort(&mut self.list_kind);
        sort(&mut self.label);
        sort(&mut self.opinion);
        sort(&mut self.algorithm);
        sort(&mut self.view);
    }

    /// What is wrong with the rule by itself: the key to blame, and what to do about it.
    /// A rule that cannot mean what it says is refused: the operator believes it works.
    pub(super) fn fault(&self, radius: u32, views: &[View]) -> Option<(&'static str, String)> {
        let texts = [("list", &self.list), ("label", &self.label)];
        for (key, values) in texts {
            if let Some(fault) = values.iter().find_map(|v| line_fault(v)) {
                return Some((key, fault));
            }
        }
        for (key, value) in [("name", &self.name), ("why", &self.why)] {
            if let Some(fault) = value.as_deref().and_then(line_fault) {
                return Some((key, fault));
            }
        }
        if self.name.as_ref().is_some_and(|name| name.chars().count() > MAX_NAME) {
            return Some(("name", format!("expected at most {MAX_NAME} characters")));
        }
        if self.action != Action::Allow && self.opinion.contains(&Opinion::Negative) {
            let text = "a negative entry was listed by mistake and never acts; only allow may be asked of it";
            return Some(("opinion", text.to_owned()));
        }
        if self.action == Action::Block && self.opinion.contains(&Opinion::Disputed) {
            let text =
                "a disputed entry is for review at most; remove disputed or change the action";
            return Some(("opinion", text.to_owned()));
        }
        if self.severity == Some(Severity::Unspecified) {
            let text =
                "every entry is at least unspecified; remove the line, or name a higher severity";
            return Some(("severity", text.to_owned()));
        }
        if self.is_for_digests() {
            if self.max_distance.is_some() {
                let text = "a digest is equal or it is not; remove the line, or select pdq";
                return Some(("max_distance", text.to_owned()));
            }
            if !self.view.is_empty() && !self.view.contains(&View::Bytes) {
                let text = "a digest's view is always bytes; remove the line, or select pdq";
                return Some(("view", text.to_owned()));
            }
        }
        if self.algorithm == [Algorithm::Pdq] && self.view == [View::Bytes] {
            let text =
                "bytes is the view of digests, and the rule selects pdq; name a picture's view";
            return Some(("view", text.to_owned()));
        }
        if !self.view.is_empty()
            && !self.view.iter().any(|v| *v == View::Bytes || views.contains(v))
        {
            let text = "the policy's `views` leave out all of these, so that none is looked up";
            return Some(("view", text.to_owned()));
        }
        if let Some(max) = self.max_distance.filter(|max| *max > radius) {
            let text = format!(
                "{max} is beyond the radius of {radius}, where nothing is looked up; expected 0 to {radius}"
            );
            return Some(("max_distance", text));
        }
        None
    }
}

/// Characters of a rule's name.
const MAX_NAME: usize = 40;

/// What keeps a text from being shown as one line.
fn line_fault(text: &str) -> Option<String> {
    if text.is_empty() {
        Some("expected a text that is not empty".to_owned())
    } else if text.chars().any(char::is_control) {
        Some("expected one line without control characters".to_owned())
    } else {
        None
    }
}

impl fmt::Display for Rule {
    /// What the rule is called in reasons: `rule 3 "crisis" (line 41)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.designation())?;
        match self.line {
            Some(line) => write!(f, " (line {line})"),
            None => Ok(()),
        }
    }
}

/// The rules that stand after the operator's, in order; [`otherwise`] is the last.
pub(super) fn built_in() -> Vec<Rule> {
    let named = |action, name: &str| Rule::new(action).name(name);
    let mut rules = vec![
        named(Action::Review, "disputed entry").opinion(Opinion::Disputed),
        ListKind::ALL
            .iter()
            .copied()
            .filter(|kind| !kind.may_block())
            .fold(named(Action::Review, "list to be checked"), Rule::list_kind),
        named(Action::Review, "seed entry").opinion(Opinion::Seed),
        named(Action::Review, "entry not reviewed").reviewed(false),
        Algorithm::DIGESTS
            .into_iter()
            .fold(named(Action::Block, "exact digest"), Rule::algorithm)
            .max_distance(0),
        named(Action::Block, "near picture").algorithm(Algorithm::Pdq).max_distance(NEAR),
    ];
    rules.iter_mut().for_each(Rule::settle);
    rules
}

/// The PDQ distance, in bits, within which the built-in rules block.
pub(super) const NEAR: u32 = 12;

/// The rule for what no other rule decides.
pub(super) fn otherwise() -> Rule {
    Rule::new(Action::Review).name("any other match")
}
