//! [`PolicyBuilder`]: settings, checked, become a policy.

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::View;
use crate::media::{MediaClass, Unscannable};
use crate::policy::{
    Action, MAX_MATCHES, MAX_RADIUS, MAX_RULES, MAX_STORE_AGE, Mode, Policy, PolicyDigest, Rule,
    rule,
};

/// What an operator may set. A policy and its builder both hold it; the builder says of each what it means.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) mode: Mode,
    pub(super) radius: u32,
    /// In the order of `View::ALL`, each once; of a policy never `Bytes`.
    pub(super) views: Vec<View>,
    pub(super) max_matches: usize,
    pub(super) block_quality: u8,
    pub(super) stop_early: bool,
    /// In hours; 0: never.
    pub(super) max_store_age: u32,
    pub(super) too_old: Action,
    pub(super) unscannable: Table,
    /// The operator's rules.
    pub(super) rules: Vec<Rule>,
}

/// One action per media class and reason, in the order of their `ALL`.
type Table = [[Action; Unscannable::ALL.len()]; MediaClass::ALL.len()];

impl Default for Settings {
    fn default() -> Self {
        Settings {
            mode: Mode::Enforce,
            radius: 31,
            views: View::ALL.iter().copied().filter(|v| *v != View::Bytes).collect(),
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
        for reason in Unscannable::ALL.iter().copied() {
            use Unscannable::{Colours, Corrupt, Limit, Truncated, Unsupported};
            if matches!(reason, Unsupported | Truncated | Corrupt | Limit | Colours) {
                table[class as usize - 1][reason as usize - 1] = Action::Allow;
            }
        }
    }
    table
}

/// Makes a [`Policy`]. What is not called stays as in [`Policy::builtin`].
#[derive(Clone, Debug, Default)]
pub struct PolicyBuilder {
    settings: Settings,
}

impl PolicyBuilder {
    /// Whether the actions take effect. Default: enforce.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// The greatest PDQ distance that is looked up, in bits, 0..=[`MAX_RADIUS`]. Default 31.
    #[must_use]
    pub fn radius(mut self, radius: u32) -> Self {
        self.settings.radius = radius;
        self
    }

    /// The renderings of a picture that are looked up. Default: all. None at all switches
    /// perceptual matching off.
    #[must_use]
    pub fn views(mut self, views: impl IntoIterator<Item = View>) -> Self {
        self.settings.views = views.into_iter().collect();
        self.settings.views.sort();
        self.settings.views.dedup();
        self
    }

    /// How many matches a verdict may list, 1..=[`MAX_MATCHES`]. Default 100.
    #[must_use]
    pub fn max_matches(mut self, count: usize) -> Self {
        self.settings.max_matches = count;
        self
    }

    /// The quality, 0..=100, below which a perceptual match never blocks; nor does one of unknown quality. Default 50.
    #[must_use]
    pub fn block_quality(mut self, quality: u8) -> Self {
        self.settings.block_quality = quality;
        self
    }

    /// Whether an upload that its digests already block is spared from decoding. Default: yes.
    #[must_use]
    pub fn stop_early(mut self, stop: bool) -> Self {
        self.settings.stop_early = stop;
        self
    }

    /// After how many hours a store is too old, by the age that [`Snapshot::updated`](crate::store::Snapshot::updated) tells, 0..=[`MAX_STORE_AGE`]; 0: never. Default: 168, a week.
    #[must_use]
    pub fn max_store_age(mut self, hours: u32) -> Self {
        self.settings.max_store_age = hours;
        self
    }

    /// What is done with uploads while the store is too old, unless more is done about them anyway. Default: allow; the verdict says that the store is too old.
    #[must_use]
    pub fn too_old(mut self, action: Action) -> Self {
        self.settings.too_old = action;
        self
    }

    /// What is done with an upload of that class that could not be examined for that reason. Default: review, but for documents and
    /// archives (`archive`, `pdf`) allow, unless the reason is `timeout`, `decoder-panic` or `worker-died`.
    #[must_use]
    pub fn unscannable(mut self, class: MediaClass, reason: Unscannable, action: Action) -> Self {
        self.settings.unscannable[class as usize - 1][reason as usize - 1] = action;
        self
    }

    /// What is done with any upload that could not be examined. Overwrites what was said before.
    #[must_use]
    pub fn unscannable_default(mut self, action: Action) -> Self {
        self.settings.unscannable = [[action; Unscannable::ALL.len()]; MediaClass::ALL.len()];
        self
    }

    /// Appends a rule; the earlier ones are read first.
    #[must_use]
    pub fn rule(mut self, mut rule: Rule) -> Self {
        rule.settle();
        rule.number = self.settings.rules.len() + 1;
        self.settings.rules.push(rule);
        self
    }

    /// Checks everything and makes the policy.
    ///
    /// # Errors
    /// [`ErrorCode::Policy`] if a value is out of its range, or if a rule contradicts itself, contradicts what no rule can
    /// change, or can never apply because an earlier one takes all that it selects.
    pub fn build(self) -> Result<Policy> {
        let Settings { radius, views, max_matches, block_quality, max_store_age, .. } =
            &self.settings;
        let refuse = |message: String| Err(Error::new(ErrorCode::Policy, message));
        if *radius > MAX_RADIUS {
            return refuse(format!("radius is {radius}; expected 0 to {MAX_RADIUS}"));
        }
        if !(1..=MAX_MATCHES).contains(max_matches) {
            return refuse(format!("max_matches is {max_matches}; expected 1 to {MAX_MATCHES}"));
        }
        if *max_store_age > MAX_STORE_AGE {
            return refuse(format!(
                "max_store_age is {max_store_age} hours; expected 0 to {MAX_STORE_AGE}"
            ));
        }
        if *block_quality > 100 {
            return refuse(format!("block_quality is {block_quality}; expected 0 to 100"));
        }
        if views.contains(&View::Bytes) {
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
    pub(super) fn rule_fault(&self) -> Option<RuleFault> {
        let Settings { radius, views, rules, .. } = &self.settings;
        if rules.len() > MAX_RULES {
            let message = format!("expected at most {MAX_RULES} rules");
            return Some(RuleFault { rule: MAX_RULES, key: None, message });
        }
        for (index, rule) in rules.iter().enumerate() {
            if let Some((key, message)) = rule.fault(*radius, views) {
                return Some(RuleFault { rule: index, key: Some(key), message });
            }
            let earlier = rules.iter().take(index).find(|e| e.covers(rule, *radius));
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
    pub(super) fn assemble(self) -> Policy {
        Policy {
            settings: self.settings,
            built_in: rule::built_in(),
            otherwise: rule::otherwise(),
            digest: PolicyDigest([0; 32]),
        }
        .sealed()
    }
}

/// What is wrong with a rule: its position from 0, the key to blame (none: the whole rule), what to do.
pub(super) struct RuleFault {
    pub(super) rule: usize,
    pub(super) key: Option<&'static str>,
    pub(super) message: String,
}

pub(super) const BYTES_FAULT: &str =
    "bytes is the view of digests, which are always looked up; remove it";
