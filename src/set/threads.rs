//! Work that may be shared between threads, with the same result however many there are.
//!
//! Threads are started by [`Threads::with`] and joined before it returns; without the feature `rayon` there are none. The caller's own
//! thread waits while others work, so that callbacks and files stay on it.

use std::cmp::Ordering;

use crate::error::Result;

/// Fewer rows than these are not worth waking a thread for.
#[cfg(feature = "rayon")]
const MANY: usize = 1 << 14;

/// The threads of one build; none: the caller's own does everything.
#[derive(Clone, Copy)]
pub(super) struct Threads<'p> {
    #[cfg(feature = "rayon")]
    pool: Option<&'p rayon::ThreadPool>,
    #[cfg(not(feature = "rayon"))]
    none: std::marker::PhantomData<&'p ()>,
}

impl Threads<'_> {
    /// Runs `work` with so many threads; 0 is one per core, 1 is none.
    ///
    /// # Errors
    /// [`ErrorCode::Io`](crate::ErrorCode::Io) if they cannot be started.
    #[cfg(feature = "rayon")]
    pub(super) fn with<T>(jobs: usize, work: impl FnOnce(Threads<'_>) -> Result<T>) -> Result<T> {
        use crate::error::{Error, ErrorCode};
        let jobs = match jobs {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            jobs => jobs,
        };
        if jobs == 1 {
            return work(Threads { pool: None });
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(jobs)
            .thread_name(|i| format!("tamis-build-{i}"))
            .build_scoped(|thread| thread.run(), |pool| work(Threads { pool: Some(pool) }))
            .map_err(|e| Error::new(ErrorCode::Io, format!("cannot start {jobs} threads: {e}")))?
    }

    #[cfg(not(feature = "rayon"))]
    pub(super) fn with<T>(_: usize, work: impl FnOnce(Threads<'_>) -> Result<T>) -> Result<T> {
        work(Threads { none: std::marker::PhantomData })
    }

    /// Sorts in place. Any two that `compare` calls equal must be alike in what is written: the sort is not stable.
    pub(super) fn sort<T: Send>(
        self,
        rows: &mut [T],
        compare: impl Fn(&T, &T) -> Ordering + Sync + Send,
    ) {
        #[cfg(feature = "rayon")]
        if let Some(pool) = self.pool.filter(|_| rows.len() >= MANY) {
            use rayon::prelude::*;
            pool.install(|| rows.par_sort_unstable_by(compare));
            return;
        }
        rows.sort_unstable_by(compare);
    }

    /// Changes each row.
    pub(super) fn update<T: Send>(self, rows: &mut [T], change: impl Fn(&mut T) + Sync + Send) {
        #[cfg(feature = "rayon")]
        if let Some(pool) = self.pool.filter(|_| rows.len() >= MANY) {
            use rayon::prelude::*;
            pool.install(|| rows.par_iter_mut().with_min_len(MANY / 4).for_each(change));
            return;
        }
        rows.iter_mut().for_each(change);
    }

    /// Appends what `take` makes of each piece of so many bytes.
    pub(super) fn append<const N: usize>(
        self,
        out: &mut Vec<u8>,
        bytes: &[u8],
        piece: usize,
        take: fn(&[u8]) -> [u8; N],
    ) {
        #[cfg(feature = "rayon")]
        if let Some(pool) = self.pool.filter(|_| bytes.len() > piece) {
            use rayon::prelude::*;
            let made: Vec<_> = pool.install(|| bytes.par_chunks(piece).map(take).collect());
            out.extend(made.iter().flatten());
            return;
        }
        out.extend(bytes.chunks(piece).flat_map(take));
    }

    /// Makes part 0, 1, .. of `parts` and hands each to `take`, in that order. At most `at_once` are in memory, and no more than
    /// there are threads.
    ///
    /// # Errors
    /// The first one of `take`; no more parts are handed to it.
    pub(super) fn in_order<T: Send, E>(
        self,
        parts: usize,
        at_once: usize,
        make: impl Fn(usize) -> T + Sync + Send,
        mut take: impl FnMut(T) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        #[cfg(feature = "rayon")]
        if let Some(pool) = self.pool.filter(|_| parts > 1) {
            use rayon::prelude::*;
            let at_once = at_once.clamp(1, pool.current_num_threads().max(1));
            for first in (0..parts).step_by(at_once) {
                let end = parts.min(first + at_once);
                let made: Vec<T> =
                    pool.install(|| (first..end).into_par_iter().map(&make).collect());
                made.into_iter().try_for_each(&mut take)?;
            }
            return Ok(());
        }
        let _ = at_once;
        (0..parts).try_for_each(|part| take(make(part)))
    }
}
