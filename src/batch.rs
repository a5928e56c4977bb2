//! Many uploads at once, on several threads. Feature `rayon`.
//!
//! The threads are started inside the call and joined before it returns, so nothing of them is left for a later fork to inherit. Each has
//! scanners of its own; they share the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::error::{Error, ErrorCode, Result};
use crate::limits::Limits;
use crate::policy::Policy;
#[cfg(feature = "worker")]
use crate::sandbox::{Worker, WorkerOptions};
use crate::scanner::{Context, Options, Scanner, Shadow};
use crate::store::Store;
use crate::verdict::Verdict;

/// The most threads that a batch may be given. Far more than help, and few enough not to exhaust a machine.
pub const MAX_JOBS: usize = 512;

/// How a batch is judged.
#[derive(Clone, Debug)]
pub struct Batch {
    options: Options,
    jobs: usize,
    #[cfg(feature = "worker")]
    worker: Option<WorkerOptions>,
}

impl Batch {
    /// A batch with the default [`Limits`] and one thread per core.
    pub fn new(store: Store, policy: impl Into<Arc<Policy>>) -> Batch {
        Batch {
            options: Options::new(store, policy),
            jobs: 0,
            #[cfg(feature = "worker")]
            worker: None,
        }
    }

    /// Replaces the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Batch {
        self.options.limits = limits;
        self
    }

    /// Makes every hash exact: see [`Scanner::with_exact_hashes`].
    #[must_use]
    pub fn with_exact_hashes(mut self, exact: bool) -> Batch {
        self.options.exact = exact;
        self
    }

    /// Whether verdicts are counted; a backfill says no: see [`Scanner::with_counting`].
    #[must_use]
    pub fn with_counting(mut self, count: bool) -> Batch {
        self.options.counting = count;
        self
    }

    /// Judges every upload a second time: see [`Scanner::with_shadow`]. What it says is in [`Verdict::shadow`].
    #[must_use]
    pub fn with_shadow(mut self, shadow: Shadow) -> Batch {
        self.options.shadow = Some(shadow.into());
        self
    }

    /// Number of threads, at most [`MAX_JOBS`]; 0 is one per core.
    #[must_use]
    pub fn with_jobs(mut self, jobs: usize) -> Batch {
        self.jobs = jobs;
        self
    }

    /// Examines pictures in [worker processes](crate::sandbox), one or more for each thread; they end with the call. Where none can be started, calls fail.
    #[cfg(feature = "worker")]
    #[must_use]
    pub fn with_worker(mut self, options: WorkerOptions) -> Batch {
        self.worker = Some(options);
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
    /// [`ErrorCode::InvalidArgument`] for more than [`MAX_JOBS`]; [`ErrorCode::Io`] if no thread can be started. What one upload's check returns is in its place.
    pub fn check_many(
        &self,
        uploads: &[impl AsRef<[u8]> + Sync],
        context: &Context,
    ) -> Result<Vec<Result<Verdict>>> {
        let judge =
            |scanner: &mut Scanner, upload: &_| scanner.check(AsRef::as_ref(upload), context);
        self.with_pool(|| uploads.par_iter().map_init(|| self.scanner(), judge).collect())
    }

    /// Judges files one after the other as `paths` gives them, and tells `done` about each as soon as it is judged, in any order.
    /// `paths` may be endless work: it is asked for the next file only when a thread is free. Ends when `paths` does.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for more than [`MAX_JOBS`]; [`ErrorCode::Io`] if no thread can be started.
    pub fn check_paths(
        &self,
        paths: impl Iterator<Item = PathBuf> + Send,
        context: &Context,
        done: impl Fn(&Path, Result<Verdict>) + Sync,
    ) -> Result<()> {
        let judge =
            |scanner: &mut Scanner, path: PathBuf| done(&path, scanner.check_path(&path, context));
        self.with_pool(|| paths.par_bridge().for_each_init(|| self.scanner(), judge))
    }

    fn scanner(&self) -> Scanner {
        let scanner = Scanner::of(self.options.clone());
        #[cfg(feature = "worker")]
        if let Some(options) = &self.worker {
            return scanner.with_later_worker(options.clone());
        }
        scanner
    }

    /// Runs `work` on threads that are gone when this returns.
    fn with_pool<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let jobs = match self.jobs {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            jobs => jobs,
        };
        if jobs > MAX_JOBS {
            let message = format!(
                "{jobs} threads; expected at most {MAX_JOBS}, and no more than there are cores is best"
            );
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        // Better one error than a worker that died for every upload.
        #[cfg(feature = "worker")]
        if let Some(options) = &self.worker {
            Worker::new(options.clone()).start()?;
        }
        // `build` would leave the threads to end when they please; `build_scoped` joins them.
        rayon::ThreadPoolBuilder::new()
            .num_threads(jobs)
            .thread_name(|i| format!("tamis-batch-{i}"))
            .build_scoped(|thread| thread.run(), |pool| pool.install(work))
            .map_err(|e| Error::new(ErrorCode::Io, format!("cannot start {jobs} threads: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::{Set, SetBuilder};
    use crate::store::StoreOptions;

    /// Threads of a batch that are alive. Only Linux lists them; elsewhere this finds none.
    fn threads() -> usize {
        let names = std::fs::read_dir("/proc/self/task").into_iter().flatten().map(|task| {
            std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default()
        });
        names.filter(|name| name.starts_with("tamis-batch")).count()
    }

    #[test]
    fn no_thread_outlives_the_call() {
        let set = Set::from_bytes(&SetBuilder::new().to_bytes().unwrap().0).unwrap();
        let store = Store::from_set(set, StoreOptions::new().test_list(true)).unwrap();
        let batch = Batch::new(store, Policy::builtin()).with_jobs(16);
        let uploads: Vec<_> = crate::store::test_files().iter().map(|f| f.bytes).collect();
        for _ in 0..5 {
            let verdicts = batch.check_many(&uploads, &Context::at(1)).unwrap();
            assert_eq!(verdicts.len(), 4);
            // A thread that was joined may be listed for a moment longer.
            let gone = (0..100).any(|_| {
                std::thread::sleep(std::time::Duration::from_millis(10));
                threads() == 0
            });
            assert!(gone, "{} threads are left", threads());
        }
    }

    #[test]
    fn more_threads_than_any_machine_needs_are_refused() {
        let set = Set::from_bytes(&SetBuilder::new().to_bytes().unwrap().0).unwrap();
        let store = Store::from_set(set, StoreOptions::new()).unwrap();
        let batch = Batch::new(store, Policy::builtin()).with_jobs(MAX_JOBS + 1);
        let error = batch.check_many(&[b"x"], &Context::at(1)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }
}
