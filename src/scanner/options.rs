//! What a scanner is told before its first upload, and what a batch tells each of its scanners.

use std::sync::Arc;

use crate::limits::Limits;
use crate::policy::Policy;
use crate::store::Store;

use super::Shadow;

/// How uploads are judged. A clone shares the store and the policies.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) store: Store,
    pub(crate) policy: Arc<Policy>,
    pub(crate) shadow: Option<Candidate>,
    pub(crate) limits: Limits,
    pub(crate) exact: bool,
    pub(crate) counting: bool,
    pub(crate) timed: bool,
}

impl Options {
    /// The defaults of [`Scanner::new`](super::Scanner::new) and of `Batch::new`.
    pub(crate) fn new(store: Store, policy: impl Into<Arc<Policy>>) -> Options {
        Options {
            store,
            policy: policy.into(),
            shadow: None,
            limits: Limits::default(),
            exact: false,
            counting: true,
            timed: false,
        }
    }
}

/// What is judged beside: a [`Shadow`] that scanners share. What it leaves open is as in force.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(super) store: Option<Store>,
    pub(super) policy: Option<Arc<Policy>>,
}

impl From<Shadow> for Candidate {
    fn from(shadow: Shadow) -> Candidate {
        Candidate { store: shadow.store, policy: shadow.policy.map(Arc::new) }
    }
}
