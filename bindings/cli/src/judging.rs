//! What files are judged by, from the command line: the store, the policy and the time.

use std::time::{SystemTime, UNIX_EPOCH};

use tamis::sandbox::WorkerOptions;
use tamis::store::StoreOptions;
use tamis::{Context, Policy, Scanner, Shadow, Store};

use crate::Failure;
use crate::args::Judging;

impl Judging {
    /// The store, opened; the test list stands beside it if it was asked for.
    pub(crate) fn store(&self) -> Result<Store, Failure> {
        Ok(StoreOptions::new().test_list(self.test_list).open(&self.store)?)
    }

    /// The policy file, or the built-in policy without one.
    pub(crate) fn policy(&self) -> Result<Policy, Failure> {
        match &self.policy {
            Some(path) => Ok(Policy::load(path)?),
            None => Ok(Policy::builtin()),
        }
    }

    /// A scanner of both. Further ones for other threads are made from `scanner.store().clone()` and
    /// `scanner.policy().clone()`, so that all judge by the same.
    pub(crate) fn scanner(&self) -> Result<Scanner, Failure> {
        // The policy first: it is the file that people write by hand.
        let policy = self.policy()?;
        let scanner = Scanner::new(self.store()?, policy);
        Ok(match self.shadow()? {
            Some(shadow) => scanner.with_shadow(shadow),
            None => scanner,
        })
    }

    /// What is judged beside, if anything is.
    pub(crate) fn shadow(&self) -> Result<Option<Shadow>, Failure> {
        if self.shadow_store.is_none() && self.shadow_policy.is_none() {
            return Ok(None);
        }
        let policy = self.shadow_policy.as_ref().map(Policy::load).transpose()?;
        let open = |path| StoreOptions::new().test_list(self.test_list).counters(false).open(path);
        Ok(Some(Shadow { store: self.shadow_store.as_ref().map(open).transpose()?, policy }))
    }

    /// The circumstances of one upload that is judged now, or at the time that was given.
    pub(crate) fn context(&self) -> Context {
        Context::at(self.now.unwrap_or_else(now))
    }
}

/// Workers of this very executable.
pub(crate) fn worker() -> Result<WorkerOptions, Failure> {
    let own = std::env::current_exe();
    let own = own.map_err(|e| {
        Failure::new(format!("cannot find this executable, to start a worker of it: {e}"))
    })?;
    Ok(WorkerOptions::new(own))
}

/// Seconds since 1970; 0 on a machine whose clock stands before that.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs())
}
