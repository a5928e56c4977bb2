//! Shadow mode: a candidate store or policy judged beside the one in force. Differences are counted, and nothing else happens.

use serde::Serialize;

use crate::policy::Policy;
use crate::setters::setters;
use crate::store::Store;
use crate::verdict::Difference;

/// What is judged beside the store and the policy in force: another store, another policy, or both.
///
/// ```
/// use tamis::{Action, Context, Policy, Scanner, Shadow, Store, store::StoreOptions};
/// # use tamis::{SetBuilder, Set};
/// # let empty = || Set::from_bytes(&SetBuilder::new().to_bytes().unwrap().0).unwrap();
/// # let store = Store::from_set(empty(), StoreOptions::new())?;
/// # let candidate = Store::from_set(empty(), StoreOptions::new().test_list(true))?;
/// let shadow = Shadow::default().store(Some(candidate));
/// let mut scanner = Scanner::new(store, Policy::builtin()).with_shadow(shadow);
/// let verdict = scanner.check(tamis::store::test_files()[0].bytes, &Context::at(1_790_000_000))?;
/// assert_eq!(verdict.action, Action::Allow);
/// assert_eq!(verdict.shadow.unwrap().action, Action::Block);
/// assert_eq!(scanner.shadow_counts().stricter, 1);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Shadow {
    /// None: the store in force.
    pub store: Option<Store>,
    /// None: the policy in force.
    pub policy: Option<Policy>,
}

setters! { Shadow {
    store: Option<Store>;
    policy: Option<Policy>;
} }

/// How often the shadow and what is in force called for the same, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShadowCounts {
    /// Uploads about which both would do the same.
    pub same: u64,
    /// Uploads about which the shadow would do more.
    pub stricter: u64,
    /// Uploads about which the shadow would do less.
    pub looser: u64,
    /// Uploads that the shadow could not judge, because its store is damaged.
    pub failed: u64,
}

impl ShadowCounts {
    /// One more: what [`Verdict::shadow`](crate::Verdict::shadow) says, which is nothing if the shadow could not judge.
    pub fn add(&mut self, shadow: Option<Difference>) {
        match shadow {
            Some(Difference::Same) => self.same += 1,
            Some(Difference::Stricter) => self.stricter += 1,
            Some(Difference::Looser) => self.looser += 1,
            None => self.failed += 1,
        }
    }
}
