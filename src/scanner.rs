//! [`Scanner`]: the whole pipeline, from bytes to verdict. One per thread; it keeps its buffers from call to call.
//!
//! ```text
//! check(bytes):
//!     sniff
//!     digests, only of the algorithms that the store holds, and BLAKE3    -> look up
//!     if they already decide `block`: stop
//!     if it is a picture, or may hold some, and the store holds perceptual hashes:
//!         examine it within the limits, by luma where that is cheaper     -> radius search, wider by the slack
//!         if anything is near and the hashes were not exact: examine it exactly, and let that decide
//!     policy
//! ```
//!
//! A [`Shadow`] is judged after that, in the same way and by the same bytes: its own early stop, its own views. What was decoded for the one is not decoded again for
//! the other if both look at the same views.
//!
//! Invariants: the digests are looked up whatever happens to the decoder; what could not be examined is in the verdict;
//! an error is returned only when the store is broken or the upload cannot be read, and is never to be taken for `allow`.

mod judging;
mod options;
mod run;
mod shadow;
mod upload;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Error, ErrorCode, Result};
use crate::examine::Examiner;
use crate::files::open_unwaiting;
use crate::fingerprint::{Algorithms, Digester, Fingerprints, digests};
use crate::limits::Limits;
use crate::media::sniff;
use crate::policy::Policy;
#[cfg(feature = "worker")]
use crate::sandbox::{Worker, WorkerOptions};
use crate::search::Searcher;
use crate::setters::setters;
use crate::store::Store;
use crate::verdict::Verdict;

use run::Run;

pub(crate) use options::Options;
pub use shadow::{Shadow, ShadowCounts};
pub use upload::Upload;

/// Bytes of an upload longer than [`Limits::upload_bytes`] that are looked at to name its kind, if the limit is not greater.
/// The same from memory and from a reader, in whatever pieces it reads: a picture that is too long must not pass for something without pixels.
const SNIFFED: u64 = 64 << 10;

/// What the caller knows and the library must not find out for itself.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tamis::Context;
/// let context = Context::at_time(SystemTime::now()).deadline(Some(Duration::from_secs(2)));
/// assert!(context.reference.is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    /// The time, in seconds since 1970. Entries that expired before it do not match. A time after 2106 is refused: it is one in milliseconds.
    pub now: u64,
    /// The part of the platform that the upload is for, such as `avatars`. For evidence, which is not written yet: nothing reads it.
    pub scope: Option<String>,
    /// The caller's own opaque name for the upload. No personal data. For evidence, which is not written yet: put it into your own log.
    pub reference: Option<String>,
    /// How long examining may take, from the moment the whole upload is at hand; the time that a reader takes to deliver it
    /// is the caller's affair. What it cut short is in the verdict.
    pub deadline: Option<Duration>,
}

impl Context {
    /// A context that knows only the time, in seconds since 1970.
    pub fn at(now: u64) -> Context {
        Context { now, scope: None, reference: None, deadline: None }
    }

    /// A context that knows only the time, by the caller's clock. Before 1970 it is 1970.
    pub fn at_time(now: SystemTime) -> Context {
        Context::at(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    /// Refuses a time that is none.
    fn check(&self) -> Result<()> {
        if self.now <= u64::from(u32::MAX) {
            return Ok(());
        }
        let what = format!("the time is {}; expected seconds since 1970", self.now);
        Err(Error::new(ErrorCode::InvalidArgument, what))
    }
}

setters! { Context {
    scope: Option<String>;
    reference: Option<String>;
    deadline: Option<Duration>;
} }

/// Judges uploads against a store by a policy. One per thread.
///
/// Of an upload that matches nothing, nothing is kept but that it was counted. After an error the scanner goes on with the next upload as if nothing had been. It
/// follows the changes of its store, not those of a policy file: a server that is told to load its policy anew gives it to [`Scanner::set_policy`].
///
/// Debug builds decode many times slower than [`Limits::time`] expects, and then hold back ordinary pictures as `timeout`: give your dependencies
/// `[profile.dev.package."*"] opt-level = 2`.
///
/// ```
/// use tamis::{Context, Policy, Scanner, Store};
/// # use tamis::{SetBuilder, Set, store::StoreOptions};
/// # let set = Set::from_bytes(&SetBuilder::new().to_bytes()?.0)?;
/// # let store = Store::from_set(set, StoreOptions::new().test_list(true))?;
/// let mut scanner = Scanner::new(store, Policy::builtin());
/// let upload = tamis::store::test_files()[0].bytes;
/// let verdict = scanner.check(upload, &Context::at(1_790_000_000))?;
/// assert_eq!(verdict.action, tamis::Action::Block);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Debug)]
pub struct Scanner {
    options: Options,
    shadow_counts: ShadowCounts,
    examiner: Examiner,
    #[cfg(feature = "worker")]
    worker: Option<Worker>,
    searcher: Searcher,
    upload: Vec<u8>,
}

impl Scanner {
    /// A scanner with the default [`Limits`]. Many scanners share a policy that is given as an `Arc`.
    pub fn new(store: Store, policy: impl Into<Arc<Policy>>) -> Scanner {
        Scanner::of(Options::new(store, policy))
    }

    /// A scanner that judges like this.
    pub(crate) fn of(options: Options) -> Scanner {
        Scanner {
            options,
            shadow_counts: ShadowCounts::default(),
            examiner: Examiner::new(),
            #[cfg(feature = "worker")]
            worker: None,
            searcher: Searcher::new(),
            upload: Vec::new(),
        }
    }

    /// Judges by another policy from now on.
    pub fn set_policy(&mut self, policy: impl Into<Arc<Policy>>) {
        self.options.policy = policy.into();
    }

    /// Replaces the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Scanner {
        self.options.limits = limits;
        self
    }

    /// Makes every hash exact, whether anything is near or not: for those who keep fingerprints, such as a backfill. A clear JPEG is
    /// otherwise hashed from its luma alone, and its [`Perceptual::slack`](crate::fingerprint::Perceptual::slack) says how far that may be off.
    #[must_use]
    pub fn with_exact_hashes(mut self, exact: bool) -> Scanner {
        self.options.exact = exact;
        self
    }

    /// Whether verdicts are counted in the store's [counters](crate::store::Counters), as they are if this is not called: not for a backfill, since what has lain there for
    /// years is not what is uploaded now, and would make the breaker trip. What has tripped is degraded all the same.
    #[must_use]
    pub fn with_counting(mut self, count: bool) -> Scanner {
        self.options.counting = count;
        self
    }

    /// Examines pictures in a [worker process](crate::sandbox) from now on, which is started at once. What it dies of is `worker-died`, and the
    /// verdict of everything else stays the same. The digests, the search and the policy remain in this process.
    ///
    /// ```no_run
    /// use tamis::{Policy, Scanner, Store, sandbox::WorkerOptions};
    /// let store = Store::open("base.tamis")?;
    /// let mut scanner = Scanner::new(store, Policy::builtin()).with_worker(WorkerOptions::new("/usr/bin/tamis"))?;
    /// # Ok::<(), tamis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no worker can be started, with what is wrong: nothing is examined in this process instead.
    #[cfg(feature = "worker")]
    pub fn with_worker(self, options: WorkerOptions) -> Result<Scanner> {
        let mut scanner = self.with_later_worker(options);
        if let Some(worker) = &mut scanner.worker {
            worker.start()?;
        }
        Ok(scanner)
    }

    /// The same, started with the first picture: for those who tried the options before.
    #[cfg(feature = "worker")]
    pub(crate) fn with_later_worker(mut self, options: WorkerOptions) -> Scanner {
        self.worker = Some(Worker::new(options));
        self
    }

    /// Judges every upload a second time from now on, against another store or by another policy, and says so in [`Verdict::shadow`]. The verdict is what it would be
    /// without: whoever wants to know what a new list or a new rule would do looks at this first. If the candidate's store is damaged, [`Verdict::shadow`] is missing. Differences are counted, in [`Scanner::shadow_counts`] and in the store's
    /// [counters](crate::store::Counters).
    ///
    /// It costs the digests that only the candidate holds, a second look-up and a second search. A picture is decoded again only if
    /// the candidate's policy looks at other views, or if only one of the two finds something near.
    #[must_use]
    pub fn with_shadow(mut self, shadow: Shadow) -> Scanner {
        self.options.shadow = Some(shadow.into());
        self
    }

    /// How the shadow and what is in force compared so far.
    pub fn shadow_counts(&self) -> ShadowCounts {
        self.shadow_counts
    }

    /// Measures each step from now on: see [`Verdict::timings`].
    #[must_use]
    pub fn with_timings(mut self, timed: bool) -> Scanner {
        self.options.timed = timed;
        self
    }

    /// The store it judges against.
    pub fn store(&self) -> &Store {
        &self.options.store
    }

    /// The policy it judges by.
    pub fn policy(&self) -> &Policy {
        &self.options.policy
    }

    /// Judges an upload that is in memory.
    ///
    /// # Errors
    /// Only if the store turns out to be damaged, or the time is none. An upload, whatever its bytes, gives a verdict.
    pub fn check(&mut self, bytes: &[u8], context: &Context) -> Result<Verdict> {
        let mut run = Run::new(self, context)?;
        let length = bytes.len() as u64;
        let most = usize::try_from(self.kept()).unwrap_or(usize::MAX);
        let seen = bytes.get(..most).unwrap_or(bytes);
        let media = run.step(|t| &mut t.sniff, || sniff(seen));
        let mut digester = Digester::new(run.wanted());
        let digests = run.step(
            |t| &mut t.digests,
            || {
                digester.update(bytes);
                digester.finish()
            },
        );
        run.fingerprints.digests = digests;
        let body = (length <= self.options.limits.upload_bytes).then_some(bytes);
        self.judge(run, media, body, context)
    }

    /// Judges an upload while reading it. It is kept in memory up to [`Limits::upload_bytes`]; of a longer one only the
    /// digests are compared.
    ///
    /// # Errors
    /// If the reader fails, the store turns out to be damaged, or the time is none.
    pub fn check_reader(&mut self, reader: impl Read, context: &Context) -> Result<Verdict> {
        context.check()?;
        let mut upload = self.begin();
        let read = upload.update_from(reader);
        read.map_err(|e| Error::new(ErrorCode::Io, format!("cannot read the upload: {e}")))?;
        self.finish(upload, context)
    }

    /// Begins an upload that arrives in pieces, for callers that are handed them, such as servers: nothing waits for the next one. A scanner may have begun any
    /// number of uploads, and judges one at a time. Each holds what has come of it, up to [`Limits::upload_bytes`]: bound how many are under way.
    ///
    /// ```
    /// # use tamis::{Context, Policy, Scanner, Store, SetBuilder, Set, store::StoreOptions};
    /// # let set = Set::from_bytes(&SetBuilder::new().to_bytes()?.0)?;
    /// # let store = Store::from_set(set, StoreOptions::new().test_list(true))?;
    /// let mut scanner = Scanner::new(store, Policy::builtin());
    /// let mut upload = scanner.begin();
    /// for piece in tamis::store::test_files()[0].bytes.chunks(1000) {
    ///     upload.update(piece);
    /// }
    /// let verdict = scanner.finish(upload, &Context::at(1_790_000_000))?;
    /// assert_eq!(verdict.action, tamis::Action::Block);
    /// # Ok::<(), tamis::Error>(())
    /// ```
    pub fn begin(&mut self) -> Upload {
        let memory = std::mem::take(&mut self.upload);
        Upload::new(self.wanted(), self.kept(), memory)
    }

    /// Judges an upload whose pieces have all come, by what the store holds now: the same as [`Scanner::check`] of all of it. Only where the store has come to hold another
    /// kind of digest since it began, and the upload is longer than [`Limits::upload_bytes`], that digest cannot be looked up; the verdict is not `complete` then.
    ///
    /// # Errors
    /// If the store turns out to be damaged; [`ErrorCode::InvalidArgument`] for a time that is none.
    pub fn finish(&mut self, upload: Upload, context: &Context) -> Result<Verdict> {
        let Upload { wanted, mut digester, mut kept, length, took, .. } = upload;
        let mut run = Run::new(self, context)?;
        let whole = kept.len() as u64 == length;
        let known = run.wanted().iter().all(|algorithm| wanted.contains(algorithm));
        run.fingerprints.digests = if known || !whole {
            digester.finish()
        } else {
            let wanted = run.wanted();
            run.step(|t| &mut t.digests, || digests(&kept, wanted))
        };
        run.has_taken(took);
        let media = run.step(|t| &mut t.sniff, || sniff(&kept));
        let body = whole && length <= self.options.limits.upload_bytes;
        let verdict = self.judge(run, media, body.then_some(&kept[..]), context);
        // One large upload must not hold its memory for ever.
        if kept.capacity() > 4 << 20 {
            kept = Vec::new();
        }
        self.upload = kept;
        verdict
    }

    /// Judges an upload that lies in a file. The file is read, never mapped: its owner may change it at any time.
    ///
    /// # Errors
    /// If the file cannot be read or is not a regular file, the store turns out to be damaged, or the time is none.
    pub fn check_path(&mut self, path: impl AsRef<Path>, context: &Context) -> Result<Verdict> {
        let path = path.as_ref();
        let failed = |e| Error::io("read", path, e);
        let regular = |metadata: std::fs::Metadata| {
            if metadata.is_file() {
                return Ok(());
            }
            let kind = if metadata.is_dir() { "a directory" } else { "not a regular file" };
            Err(Error::new(ErrorCode::InvalidArgument, format!("{kind}; expected a file"))
                .with_path(path))
        };
        // Before, since opening alone does something to some devices; and again, since an uploader may have put something else there.
        regular(std::fs::metadata(path).map_err(failed)?)?;
        let file = open_unwaiting(path).map_err(failed)?;
        regular(file.metadata().map_err(failed)?)?;
        self.check_reader(file, context).map_err(|e| e.with_path(path))
    }

    /// Judges fingerprints that were computed before: for backfill and replay, so it is not counted. The verdict is `complete` only if they
    /// cover every algorithm that the store holds now.
    ///
    /// # Errors
    /// Only if the store turns out to be damaged.
    pub fn check_fingerprints(
        &mut self,
        fingerprints: &Fingerprints,
        context: &Context,
    ) -> Result<Verdict> {
        let mut run = Run::new(self, context)?;
        run.counting = false;
        run.fingerprints = fingerprints.clone();
        let beside = run.for_shadow();
        let verdict = self.judge_fingerprints(run, &Arc::clone(&self.options.policy))?;
        Ok(self.compare(verdict, beside, false, |scanner, run, policy| {
            scanner.judge_fingerprints(run, policy)
        }))
    }

    /// The digests that are worth computing of an upload that begins now.
    fn wanted(&self) -> Algorithms {
        let shadow = self.options.shadow.as_ref().and_then(|shadow| shadow.store.as_ref());
        run::wanted([Some(&self.options.store), shadow].into_iter().flatten().map(Store::current))
    }

    /// How many bytes of an upload are kept: all that may be decoded, or enough to name the kind of media.
    fn kept(&self) -> u64 {
        self.options.limits.upload_bytes.max(SNIFFED)
    }
}

#[cfg(test)]
mod tests;
