//! Many uploads at once, on several threads. Feature `rayon`.
//!
//! The pool is made inside the call and gone when it returns, so nothing of it is left for a later fork to inherit. Every thread has its own
//! [`Scanner`]; they share the store.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::{Error, ErrorCode, Result};
use crate::limits::Limits;
use crate::policy::Policy;
use crate::scanner::{Context, Scanner};
use crate::store::Store;
use crate::verdict::Verdict;

/// How a batch is judged.
#[derive(Clone, Debug)]
pub struct Batch {
    store: Store,
    policy: Policy,
    limits: Limits,
    jobs: usize,
}

impl Batch {
    /// A batch with the default [`Limits`] and one thread per core.
    pub fn new(store: Store, policy: Policy) -> Batch {
        Batch { store, policy, limits: Limits::default(), jobs: 0 }
    }

    /// Replaces the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Batch {
        self.limits = limits;
        self
    }

    /// Number of threads; 0 is one per core.
    #[must_use]
    pub fn with_jobs(mut self, jobs: usize) -> Batch {
        self.jobs = jobs;
        self
    }

    /// Judges uploads that are in memory. The verdicts are those of [`Scanner::check`], in the order of the uploads, whatever the number of threads.
    ///
    /// ```
    /// use tamis::{Context, Policy, Store, batch::Batch, store::{StoreOptions, test_files}};
    /// # let set = tamis::Set::from_bytes(&tamis::SetBuilder::new().to_bytes()?.0)?;
    /// # let store = Store::from_set(set, StoreOptions::new().test_list(true))?;
    /// let uploads: Vec<&[u8]> = test_files().iter().map(|file| file.bytes).collect();
    /// let verdicts = Batch::new(store, Policy::builtin()).check_many(&uploads, &Context::at(1_790_000_000))?;
    /// assert!(verdicts.iter().all(|v| v.as_ref().unwrap().action == tamis::Action::Block));
    /// # Ok::<(), tamis::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] if no thread can be started. What one upload's check returns is in its place.
    pub fn check_many(
        &self,
        uploads: &[impl AsRef<[u8]> + Sync],
        context: &Context,
    ) -> Result<Vec<Result<Verdict>>> {
        let judge =
            |scanner: &mut Scanner, upload: &_| scanner.check(AsRef::as_ref(upload), context);
        self.pool()?.install(|| Ok(uploads.par_iter().map_init(|| self.scanner(), judge).collect()))
    }

    /// Judges files one after the other as `paths` gives them, and tells `done` about each as soon as it is judged, in any order.
    /// `paths` may be endless work: it is asked for the next file only when a thread is free. Ends when `paths` does.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] if no thread can be started.
    pub fn check_paths(
        &self,
        paths: impl Iterator<Item = PathBuf> + Send,
        context: &Context,
        done: impl Fn(&Path, Result<Verdict>) + Sync,
    ) -> Result<()> {
        let judge =
            |scanner: &mut Scanner, path: PathBuf| done(&path, scanner.check_path(&path, context));
        self.pool()?.install(|| paths.par_bridge().for_each_init(|| self.scanner(), judge));
        Ok(())
    }

    fn scanner(&self) -> Scanner {
        Scanner::new(self.store.clone(), self.policy.clone()).with_limits(self.limits.clone())
    }

    fn pool(&self) -> Result<rayon::ThreadPool> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.jobs)
            .thread_name(|i| format!("tamis-{i}"))
            .build()
            .map_err(|e| Error::new(ErrorCode::Internal, format!("cannot start threads: {e}")))
    }
}
