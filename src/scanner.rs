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
//! Invariants: the digests are looked up whatever happens to the decoder; what could not be examined is in the verdict;
//! an error is returned only when the store is broken or the upload cannot be read, and is never to be taken for `allow`.

mod run;

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorCode, Result};
use crate::examine::{Asked, Examined, Examiner};
use crate::fingerprint::{Algorithm, Digester, Fingerprints, View};
use crate::limits::Limits;
use crate::media::{Format, Media, MediaClass, Unscannable, sniff};
use crate::policy::Policy;
#[cfg(feature = "worker")]
use crate::sandbox::{Worker, WorkerOptions};
use crate::search::Searcher;
use crate::store::Store;
use crate::verdict::{Method, Verdict};

use run::Run;

/// Bytes of an upload longer than [`Limits::upload_bytes`] that are looked at to name its kind, if the limit is not greater.
/// The same from memory and from a reader, in whatever pieces it reads: a picture that is too long must not pass for something without pixels.
const SNIFFED: u64 = 64 << 10;

/// The widest radius of a search by hashes that are not exact, in bits. Two hashes that have nothing to do with each other are 128 bits
/// apart, give or take 8: at this radius one in a thousand million is found by chance.
const WIDEST: u32 = 80;

/// What the caller knows and the library must not find out for itself.
///
/// ```
/// let context = tamis::Context { reference: Some("post/4711".into()), ..tamis::Context::at(1_790_000_000) };
/// assert!(context.deadline.is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The time, in seconds since 1970. Entries that expired before it do not match.
    pub now: u64,
    /// The part of the platform that the upload is for, such as `avatars`; kept in evidence.
    pub scope: Option<String>,
    /// The caller's own opaque name for the upload; kept in evidence. No personal data.
    pub reference: Option<String>,
    /// How long examining may take, from the moment the whole upload is at hand; the time that a reader takes to deliver it
    /// is the caller's affair. What it cut short is in the verdict.
    pub deadline: Option<Duration>,
}

impl Context {
    /// A context that knows only the time, in seconds since 1970.
    pub fn at(now: u64) -> Context {
        Context { now, ..Context::default() }
    }
}

/// Judges uploads against a store by a policy. One per thread.
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
    store: Store,
    policy: Policy,
    limits: Limits,
    timed: bool,
    exact: bool,
    counting: bool,
    examiner: Examiner,
    #[cfg(feature = "worker")]
    worker: Option<Worker>,
    searcher: Searcher,
    upload: Vec<u8>,
}

impl Scanner {
    /// A scanner with the default [`Limits`].
    pub fn new(store: Store, policy: Policy) -> Scanner {
        Scanner {
            store,
            policy,
            limits: Limits::default(),
            timed: false,
            exact: false,
            counting: true,
            examiner: Examiner::new(),
            #[cfg(feature = "worker")]
            worker: None,
            searcher: Searcher::new(),
            upload: Vec::new(),
        }
    }

    /// Replaces the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Scanner {
        self.limits = limits;
        self
    }

    /// Makes every hash exact, whether anything is near or not: for those who keep fingerprints, such as a backfill. A clear JPEG is
    /// otherwise hashed from its luma alone, and its [`Perceptual::slack`](crate::fingerprint::Perceptual::slack) says how far that may be off.
    #[must_use]
    pub fn with_exact_hashes(mut self, exact: bool) -> Scanner {
        self.exact = exact;
        self
    }

    /// Whether verdicts are counted in the store's [counters](crate::store::Counters), as they are if this is not called: not for a backfill, since what has lain there for
    /// years is not what is uploaded now, and would make the breaker trip. What has tripped is degraded all the same.
    #[must_use]
    pub fn with_counting(mut self, count: bool) -> Scanner {
        self.counting = count;
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

    /// Measures each step from now on: see [`Verdict::timings`].
    #[must_use]
    pub fn with_timings(mut self, timed: bool) -> Scanner {
        self.timed = timed;
        self
    }

    /// The store it judges against.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The policy it judges by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Judges an upload that is in memory.
    ///
    /// # Errors
    /// Only if the store turns out to be damaged. An upload, whatever its bytes, gives a verdict.
    pub fn check(&mut self, bytes: &[u8], context: &Context) -> Result<Verdict> {
        let mut run = Run::new(self, context);
        let length = bytes.len() as u64;
        let seen = bytes.get(..self.kept(length)).unwrap_or(bytes);
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
        let body = (length <= self.limits.upload_bytes).then_some(bytes);
        self.judge(run, media, body, context)
    }

    /// Judges an upload while reading it. It is kept in memory up to [`Limits::upload_bytes`]; of a longer one only the
    /// digests are compared.
    ///
    /// # Errors
    /// If the reader fails, or the store turns out to be damaged.
    pub fn check_reader(&mut self, mut reader: impl Read, context: &Context) -> Result<Verdict> {
        let mut run = Run::new(self, context);
        let mut digester = Digester::new(run.wanted());
        let mut upload = std::mem::take(&mut self.upload);
        upload.clear();
        let mut chunk = [0; 16 << 10];
        let mut length = 0u64;
        let read = run.step(
            |t| &mut t.digests,
            || -> io::Result<()> {
                loop {
                    match reader.read(&mut chunk) {
                        Ok(0) => return Ok(()),
                        Ok(n) => {
                            digester.update(&chunk[..n]);
                            length = length.saturating_add(n as u64);
                            let wanted = self.kept(length).saturating_sub(upload.len());
                            upload.extend_from_slice(&chunk[..wanted.min(n)]);
                        }
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
            },
        );
        read.map_err(|e| Error::new(ErrorCode::Io, format!("cannot read the upload: {e}")))?;
        // A slow uploader must not use up the time for decoding.
        run.started = Instant::now();
        run.fingerprints.digests = digester.finish();
        let media = run.step(|t| &mut t.sniff, || sniff(&upload));
        let body = (length <= self.limits.upload_bytes).then_some(&upload[..]);
        let verdict = self.judge(run, media, body, context);
        // One large upload must not hold its memory for ever.
        if upload.capacity() > 4 << 20 {
            upload = Vec::new();
        }
        self.upload = upload;
        verdict
    }

    /// Judges an upload that lies in a file. The file is read, never mapped: its owner may change it at any time.
    ///
    /// # Errors
    /// If the file cannot be read or is not a regular file, or the store turns out to be damaged.
    pub fn check_path(&mut self, path: impl AsRef<Path>, context: &Context) -> Result<Verdict> {
        let path = path.as_ref();
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
        if !metadata.is_file() {
            let kind = if metadata.is_dir() { "a directory" } else { "not a regular file" };
            return Err(Error::new(ErrorCode::InvalidArgument, format!("{kind}; expected a file"))
                .with_path(path));
        }
        let file = std::fs::File::open(path).map_err(|e| Error::io("read", path, e))?;
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
        let mut run = Run::new(self, context);
        run.counters = None;
        run.fingerprints = fingerprints.clone();
        run.digest_lookup(self)?;
        let snapshot = Arc::clone(&run.snapshot);
        let near = run.perceptual_search(self, &snapshot)?;
        run.keep(&near, &self.policy)?;
        let given = fingerprints.digests.algorithms();
        if !given.is_empty() {
            run.examined.push(Method::Digests);
        }
        if !fingerprints.perceptual.is_empty() {
            run.examined.push(Method::Perceptual);
        }
        // What was not computed then cannot be compared now; whether there was a picture to hash, nobody knows here.
        let held = run.snapshot.algorithms();
        let complete = held.iter().all(|a| match a {
            Algorithm::Pdq => !fingerprints.perceptual.is_empty(),
            digest => given.contains(digest),
        }) && run.exact;
        let media = Media { class: MediaClass::Unknown, format: Format::Unknown };
        Ok(run.finish(&self.policy, media, complete))
    }

    /// How many of `length` bytes are kept: all that may be decoded, or enough to name the kind of media.
    fn kept(&self, length: u64) -> usize {
        let most = self.limits.upload_bytes.max(SNIFFED);
        usize::try_from(length.min(most)).unwrap_or(usize::MAX)
    }

    /// From digests and bytes to the verdict. `body` is missing when the upload is longer than the limit.
    fn judge(
        &mut self,
        mut run: Run,
        media: Media,
        body: Option<&[u8]>,
        context: &Context,
    ) -> Result<Verdict> {
        run.deadline = context.deadline.and_then(|d| run.started.checked_add(d));
        run.digest_lookup(self)?;
        run.examined.push(Method::Digests);
        let views = self.policy.views();
        let container = [MediaClass::Archive, MediaClass::Pdf].contains(&media.class);
        let looks_at = |view: &View| match view {
            View::Bytes => false,
            View::Embedded => container,
            _ => media.class.is_picture(),
        };
        let pictures = views.iter().any(looks_at);
        // Videos are not looked into yet, and pictures and documents only if the policy says so.
        let may_hold = media.class.is_picture() || container;
        let mut complete = media.class != MediaClass::Video && (pictures || !may_hold);
        if pictures && run.snapshot.algorithms().contains(Algorithm::Pdq) {
            if self.policy.decided_by_digests(&run.matches) {
                complete = false;
            } else {
                let examined = match body {
                    Some(bytes) => self.perceptual(&mut run, bytes, &media)?,
                    None => Err(Unscannable::Limit),
                };
                match examined {
                    Ok(examined) => {
                        // Of a document without pictures nothing but the digests was compared.
                        if media.class.is_picture() || !examined.perceptual.is_empty() {
                            run.examined.push(Method::Perceptual);
                        }
                        run.unscannable = examined.missed;
                        complete = complete && examined.complete && run.unscannable.is_none();
                    }
                    Err(reason) => {
                        run.unscannable = Some(reason);
                        complete = false;
                    }
                }
            }
        }
        Ok(run.finish(&self.policy, media, complete))
    }

    /// Decodes the picture and hashes each view that the policy names.
    fn examine(
        &mut self,
        run: &mut Run,
        bytes: &[u8],
        media: &Media,
        started: Instant,
        exact: bool,
    ) -> std::result::Result<Examined, Unscannable> {
        let asked = Asked {
            views: self.policy.views(),
            exact,
            limits: &self.limits,
            started,
            deadline: run.deadline,
        };
        #[cfg(feature = "worker")]
        if let Some(worker) = &mut self.worker {
            return run.step(|t| &mut t.examine, || worker.examine(bytes, media, &asked));
        }
        let examiner = &mut self.examiner;
        run.step(|t| &mut t.examine, || examiner.examine(bytes, media, &asked))
    }

    /// Examines the picture and looks it up, by its luma first if that is cheaper: only what is near anything is
    /// examined exactly, and then that decides.
    fn perceptual(
        &mut self,
        run: &mut Run,
        bytes: &[u8],
        media: &Media,
    ) -> Result<std::result::Result<Examined, Unscannable>> {
        // The limits on time are those of examining; digests have their own pace.
        let started = Instant::now();
        let mut first = match self.examine(run, bytes, media, started, self.exact) {
            Ok(examined) => examined,
            Err(reason) => return Ok(Err(reason)),
        };
        let slack = first.perceptual.iter().map(|p| p.slack).max().unwrap_or(0);
        if slack > 0 && self.policy.radius().saturating_add(slack) > WIDEST {
            // So wide a search finds strangers. Where colour is out of reach it must do all the same.
            first = self.examine(run, bytes, media, started, true).unwrap_or(first);
        }
        run.fingerprints.perceptual.clone_from(&first.perceptual);
        let snapshot = Arc::clone(&run.snapshot);
        let mut near = run.perceptual_search(self, &snapshot)?;
        let mut decisive = first;
        if decisive.perceptual.iter().any(|p| p.slack > 0) && !near.is_empty()? {
            match self.examine(run, bytes, media, started, true) {
                Ok(examined) => {
                    run.fingerprints.perceptual.clone_from(&examined.perceptual);
                    near = run.perceptual_search(self, &snapshot)?;
                    decisive = examined;
                }
                // What is near stays a match, of a distance that is only known within the slack.
                Err(reason) => {
                    decisive = Examined { complete: false, missed: Some(reason), ..decisive };
                }
            }
        }
        run.keep(&near, &self.policy)?;
        Ok(Ok(decisive))
    }
}

#[cfg(test)]
mod tests;
