//! What files are judged by, from the command line: the store, the policy and the time.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use tamis::sandbox::WorkerOptions;
use tamis::set::Residency;
use tamis::store::StoreOptions;
use tamis::{Context, Policy, Scanner, Set, Shadow, Store};

use crate::Failure;
use crate::args::Judging;
use crate::upload::STDIN;

/// The policy's name within a store directory.
pub(crate) const POLICY: &str = "policy.toml";

impl Judging {
    /// The store, opened; the test list stands beside it if it was asked for.
    pub(crate) fn store(&self) -> Result<Store, Failure> {
        // At another time than now, what is usual within an hour means nothing.
        let counters = self.now.is_none();
        let options = StoreOptions::new().test_list(self.test_list).counters(counters);
        if !self.store_is_piped() {
            return Ok(options.open(&self.store)?);
        }
        // What comes here is often decrypted by the program before: it is kept where nobody else can change it, and no file is made of it.
        let sealed = Residency::AVAILABLE.contains(&Residency::Sealed);
        let residency = if sealed { Residency::Sealed } else { Residency::Heap };
        let set = Set::from_reader(std::io::stdin().lock(), residency);
        Ok(Store::from_set(set.map_err(|e| e.with_path("stdin".as_ref()))?, options)?)
    }

    /// Whether the set comes on stdin, which then holds no upload.
    pub(crate) fn store_is_piped(&self) -> bool {
        self.store.as_os_str() == STDIN
    }

    /// The policy file that holds, if any: the one that was given, or the store directory's own.
    pub(crate) fn policy_file(&self) -> Option<PathBuf> {
        let own = || Some(self.store.join(POLICY)).filter(|_| self.store.is_dir());
        // Whatever is wrong with it, loading says it best; only where there is nothing does the built-in policy hold.
        let there = |path: &PathBuf| path.symlink_metadata().is_ok();
        self.policy.clone().or_else(|| own().filter(there))
    }

    /// The policy that holds: that of the file, or the built-in one without a file.
    pub(crate) fn policy(&self) -> Result<Policy, Failure> {
        match self.policy_file() {
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
        Ok(Some(
            Shadow::default()
                .store(self.shadow_store.as_ref().map(open).transpose()?)
                .policy(policy),
        ))
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
