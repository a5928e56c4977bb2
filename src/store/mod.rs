//! The store: what a platform opens.
//!
//! A store is a directory with a *manifest* and sets: a base and *deltas* laid over it, each of which says what changed in a list. (Or it is just one set file.)
//! A [`Store`] is a handle that many threads share, a [`Snapshot`] is what the store held at one moment, and every upload is judged against one snapshot.
//!
//! ```text
//! STORE/                     2750: the writer's, readable by the group of the workers
//!     manifest               which sets, in which order; small, with a checksum, replaced by renaming
//!     00000017-1f3a9c02.tamis    sets: immutable, named by the version that brought them and by their digest
//!     canaries.tamis         fingerprints of harmless files, which no entry may match
//!     lock                   held by the one writer
//!     compacting             held by whoever makes a new base, which others may write during
//!     policy.toml            put there by `tamis store init`, for the command line and whoever else loads it
//!     log                    every change and every refusal, one JSON object a line
//!     state/                 2770: what the workers write: counters
//! ```
//!
//! # Changes
//!
//! Each list's changes are numbered 1, 2, 3 and so on, by its maker or by this store. A change withdraws entries, then adds some: S becomes (S - T) + A. Changes are applied in the
//! order of their numbers, whatever order they arrive in, and two that follow each other are one change again ([`set::Change`]). Hence:
//!
//! - *Any order, any repetition* gives the same state: sets are laid so that for each list the numbers ascend; a late delta is put below those with greater numbers.
//! - *Merging loses nothing and revives nothing*: adjacent sets whose runs follow each other without a gap are merged into one. What is merged at the very bottom, the
//!   base, needs no tombstones any more: they withdraw from what lies below them, and nothing does.
//! - The last number of a list in the base is its *watermark*: a delta at or below it was applied already, or came too late ([`ErrorCode::UpdateStale`]).
//!
//! # Readers
//!
//! ```text
//! current():                                       called for every upload; no lock, no thread
//!     less than an interval since anybody looked?  the snapshot as it is
//!     has the manifest's identity (device, inode, size, times) changed?
//!         read it; open the sets that are new, share the others; lay them; put the snapshot in force, unless somebody who looked later was faster
//!         if any of that fails, the last good snapshot stays in force, and says so
//! ```
//!
//! Small new sets are compared with their checksums as a whole before they come into force; of large ones, which their writer has just verified, each block is when it is first
//! touched, so that no upload waits for a base to be read. [`Store::refresh`] looks at once, and compares all that is new.
//!
//! # Writers
//!
//! ```text
//! one at a time, by the lock
//!     write new sets beside the old ones, verify them, search them for what they hold and for the canaries
//!     write the new manifest, rename it over the old one          <- the change happens here, all of it or nothing
//!     append to the log; remove sets that neither this manifest nor the one before it names
//! ```
//!
//! Every file is written under another name, synced, renamed, and its directory synced. A process that dies at any point leaves the old state or the new one; what it
//! leaves lying about is removed by the next writer.
//!
//! Invariants: no thread is started and no lock is taken by a reader, so a process may fork at any moment; a reader never waits for a writer.

mod breaker;
mod canaries;
mod compact;
mod counters;
pub mod feed;
mod gate;
mod lock;
mod log;
mod manifest;
mod merge;
mod snapshot;
mod staging;
mod state_digest;
mod test_list;
mod update;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, atomic};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde::Serialize;

use crate::error::{Error, ErrorCode, Result};
use crate::files::{self, Stamp};
use crate::search::Layers;
use crate::set::{self, Residency, Set};

use gate::Gate;
use manifest::Opened;

pub use canaries::{CANARIES, Canaries, CanaryBuilder};
pub use counters::{COUNTERS, Counter, Counters, Noted, Tripped};
pub use log::Event;
pub use manifest::{ChangeRecord, Incident, ListRecord, MANIFEST, Manifest, SetRecord};
pub use snapshot::{Census, Snapshot, StoreDigest};
pub use test_list::{TEST_LIST, TestFile, test_files, test_set};
pub use update::{Applied, Terms};
pub use writer::{LOCAL, STATE, StoreWriter};

/// How often a store looks for a new manifest while it is used, unless told otherwise: every 200 milliseconds. After a look that failed it waits five times as long.
pub const REFRESH_INTERVAL: Duration = Duration::from_millis(200);

/// Bytes of a set that is compared with its checksums as a whole before it comes into force.
const SMALL: u64 = 32 << 20;

/// After a finding that could not be put in force, so many intervals pass before the next look.
const PATIENCE: u64 = 5;

/// How often a set that the manifest names is looked for again, because a newer manifest may have taken its place.
const RACES: usize = 8;

/// How a store is opened.
///
/// ```
/// use tamis::store::StoreOptions;
/// let store = StoreOptions::new().test_list(true).open("/nowhere/at/all");
/// assert_eq!(store.unwrap_err().code(), tamis::ErrorCode::NotFound);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    residency: Residency,
    test_list: bool,
    interval: Option<Duration>,
    counters: bool,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions::new()
    }
}

impl StoreOptions {
    /// Sets are mapped; the test list is not included; a change is noticed within [`REFRESH_INTERVAL`].
    pub fn new() -> StoreOptions {
        StoreOptions {
            residency: Residency::Mapped,
            test_list: false,
            interval: Some(REFRESH_INTERVAL),
            counters: true,
        }
    }

    /// Where the bytes of the sets lie, now and after each refresh. [`Residency::Heap`] is for network file systems, and for wherever a file may be
    /// changed in place; [`Residency::Populated`] for servers whose first uploads should not wait for the disk. With [`Residency::Sealed`] only deltas
    /// come into force by themselves; for a new base call [`Store::refresh`]. With the other copies, the call that notices a new base copies it.
    #[must_use]
    pub fn residency(mut self, residency: Residency) -> StoreOptions {
        self.residency = residency;
        self
    }

    /// Includes the built-in test list, whose files ([`test_files`]) lawfully prove that uploads are really judged. It holds a picture, so that pictures are decoded even if the store has no perceptual
    /// hashes of its own.
    #[must_use]
    pub fn test_list(mut self, include: bool) -> StoreOptions {
        self.test_list = include;
        self
    }

    /// How often the store looks for changes while it is used: at most once in this time. `None`: only when [`Store::refresh`] is called.
    #[must_use]
    pub fn refresh_interval(mut self, interval: Option<Duration>) -> StoreOptions {
        self.interval = interval;
        self
    }

    /// Whether uploads are counted, as they are if this is not called: in the directory `state` within the store's, if the caller may write there. Without
    /// counters the breaker neither trips nor degrades anything.
    #[must_use]
    pub fn counters(mut self, count: bool) -> StoreOptions {
        self.counters = count;
        self
    }

    /// Opens a store directory, or a single set file.
    ///
    /// # Errors
    /// Those of [`Set::open`]; [`ErrorCode::Store`] for a directory without a manifest, or with a damaged one.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref().to_path_buf();
        let snapshot = self.load(&path, None, false, 0)?;
        Ok(Store::new(Some(path), self, snapshot))
    }

    /// What lies there now. Sets that `old` has open already are shared.
    fn load(
        &self,
        path: &Path,
        old: Option<&Snapshot>,
        thorough: bool,
        ticket: u64,
    ) -> Result<Snapshot> {
        if files::status_of(path)?.is_dir() {
            return self.load_directory(path, old, thorough, ticket);
        }
        // The stamp is taken first: a file that is replaced in between is opened again at the next look.
        let (pin, _) = files::open_checked(path)?;
        let stamp = Stamp::of_open(&pin, path)?;
        let set = Set::open_with(path, self.residency)?;
        if old.is_some() {
            verify_new(&set, thorough)?;
        }
        let snapshot = self.assemble(vec![Arc::new(set)], None)?;
        Ok(Snapshot { stamp: Some(stamp), pin: Some(pin), ticket, ..snapshot })
    }

    fn load_directory(
        &self,
        directory: &Path,
        old: Option<&Snapshot>,
        thorough: bool,
        ticket: u64,
    ) -> Result<Snapshot> {
        let mut races = 0;
        loop {
            let Opened { manifest, stamp, file } = Manifest::open(directory)?;
            match self.open_sets(directory, &manifest, old, thorough) {
                Ok((sets, behind)) => {
                    let snapshot = self.assemble(sets, Some(manifest))?;
                    let (stamp, pin) = (Some(stamp), Some(file));
                    return Ok(Snapshot { stamp, pin, behind, ticket, ..snapshot });
                }
                // A writer removes what neither its manifest nor the one before names.
                Err(e) if e.code() == ErrorCode::NotFound && races < RACES => {
                    if Stamp::of(&directory.join(MANIFEST))? == stamp {
                        return Err(e);
                    }
                    races += 1;
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn open_sets(
        &self,
        directory: &Path,
        manifest: &Manifest,
        old: Option<&Snapshot>,
        thorough: bool,
    ) -> Result<(Vec<Arc<Set>>, bool)> {
        let mut sets = Vec::with_capacity(manifest.sets.len());
        let mut behind = false;
        let mut records = manifest.sets.iter();
        if let Some((base, old)) = manifest.sets.first().zip(old)
            && self.residency == Residency::Sealed
            && !thorough
            && old.own > 0
            && base.changes.iter().all(|change| change.first == 0)
            && !old.holds(base)
        {
            // A copy of a base takes seconds and as much memory again: not for the path of an upload.
            sets = old.in_place_of(base)?;
            behind = true;
            records.next();
        }
        for record in records {
            if let Some(known) = old.and_then(|old| old.open_already(record)) {
                sets.push(Arc::clone(known));
                continue;
            }
            let residency = match self.residency {
                // What is not in memory yet comes in when it is needed: an upload must not wait for all of it.
                Residency::Populated if old.is_some() && !thorough => Residency::Mapped,
                residency => residency,
            };
            let set = set::open_within(directory, &record.file, residency)?;
            if set.digest().to_string() != record.digest {
                let what = format!(
                    "it is not the set that the manifest names: its digest is {}, expected {}; restore it",
                    set.digest(),
                    crate::error::shown(&record.digest)
                );
                return Err(Error::new(ErrorCode::SetCorrupt, what)
                    .with_path(&directory.join(&record.file)));
            }
            if old.is_some() {
                verify_new(&set, thorough)?;
            }
            sets.push(Arc::new(set));
        }
        Ok((sets, behind))
    }

    fn assemble(&self, mut sets: Vec<Arc<Set>>, manifest: Option<Manifest>) -> Result<Snapshot> {
        let own = sets.len();
        if self.test_list {
            sets.push(Arc::new(test_set()?));
        }
        let mut hasher = blake3::Hasher::new_derive_key("tamis 2026-11 store digest");
        for set in &sets {
            hasher.update(&set.digest().0);
        }
        let mut layers = Layers::new(sets)?;
        if let Some(manifest) = &manifest {
            hasher.update(blake3::hash(&manifest.to_bytes()?).as_bytes());
            let lists = manifest.lists.iter();
            layers = layers
                .with_terms(lists.map(|(name, record)| (record.list(name), record.suppressed)))?
                .with_incidents(
                    manifest.incidents.iter().map(|(id, incident)| (id.clone(), incident.expires)),
                );
        }
        let digest = StoreDigest(*hasher.finalize().as_bytes());
        Ok(Snapshot {
            layers,
            digest,
            manifest,
            own,
            stamp: None,
            pin: None,
            behind: false,
            ticket: 0,
        })
    }
}

/// Compares a set that is about to come into force with its checksums. At the first opening damage would show when it is touched; here there is a
/// good snapshot to lose.
fn verify_new(set: &Set, thorough: bool) -> Result<()> {
    if thorough || set.size() <= SMALL { set.warm(&mut |_| {}) } else { Ok(()) }
}

/// What came of the look that began last, of those that have ended.
struct Looked {
    ticket: u64,
    fault: Option<Arc<Fault>>,
}

/// A handle on a store. Cloning it is cheap, and all clones see the same refreshes.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    path: Option<PathBuf>,
    options: StoreOptions,
    current: ArcSwap<Snapshot>,
    looked: ArcSwap<Looked>,
    gate: Gate,
    opened: Instant,
    /// Or why there are none.
    counters: std::result::Result<Counters, String>,
}

/// What [`Store::refresh`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refresh {
    /// The files are those that are open already.
    Unchanged,
    /// A new snapshot is in force.
    Replaced,
}

/// Why what lies in the store's place now could not be put in force. The last good snapshot is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// The error's code, as its number.
    #[serde(serialize_with = "number")]
    pub code: ErrorCode,
    /// What is wrong and what to do. For operators: it may name paths.
    pub message: String,
}

fn number<S: serde::Serializer>(
    code: &ErrorCode,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_u32(code.number())
}

impl Store {
    fn new(path: Option<PathBuf>, options: StoreOptions, snapshot: Snapshot) -> Store {
        let counters = match &path {
            Some(path) if options.counters => {
                Counters::open(path.join(STATE)).map_err(|e| e.to_string())
            }
            Some(_) => Err("they are switched off".to_owned()),
            None => Err("the store has no directory".to_owned()),
        };
        let shared = Shared {
            counters,
            path,
            options,
            current: ArcSwap::from_pointee(snapshot),
            looked: ArcSwap::from_pointee(Looked { ticket: 0, fault: None }),
            gate: Gate::new(),
            opened: Instant::now(),
        };
        Store { shared: Arc::new(shared) }
    }

    /// Opens a store directory, or a single set file, with the default options.
    ///
    /// # Errors
    /// As for [`StoreOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        StoreOptions::new().open(path)
    }

    /// A store of one set that is open already, whoever else holds it; it has nothing to refresh.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] if the built-in test list is asked for and damaged.
    pub fn from_set(set: impl Into<Arc<Set>>, options: StoreOptions) -> Result<Store> {
        let snapshot = options.assemble(vec![set.into()], None)?;
        Ok(Store::new(None, options, snapshot))
    }

    /// What was in force when anybody last looked. Keep it for as long as one upload is judged.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.current.load_full()
    }

    /// What is in force now: looks for a change first, unless somebody did so within the interval. Costs one system call when it looks and nothing has changed. A
    /// change that cannot be put in force is told by [`Store::fault`], and tried again after five intervals.
    pub fn current(&self) -> Arc<Snapshot> {
        let Shared { options, gate, opened, .. } = &*self.shared;
        if let Some(interval) = options.interval {
            let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            let (now, interval) = (nanoseconds(opened.elapsed()), nanoseconds(interval));
            // What was just opened need not be looked at again.
            if now >= interval && gate.due(now, interval) && self.look(false).is_err() {
                gate.put_off(now.saturating_add(interval.saturating_mul(PATIENCE)));
            }
        }
        self.snapshot()
    }

    /// Looks at once whether anything has changed, and puts it in force. New sets are compared with their checksums as a whole, which takes as long as reading
    /// them.
    ///
    /// # Errors
    /// As for [`Store::open`]. The last good snapshot then stays in force.
    pub fn refresh(&self) -> Result<Refresh> {
        self.look(true)
    }

    /// Why what lies in the store's place could not be put in force at the last look; none if it is in force.
    pub fn fault(&self) -> Option<Arc<Fault>> {
        self.shared.looked.load().fault.clone()
    }

    fn look(&self, thorough: bool) -> Result<Refresh> {
        let ticket = self.shared.gate.ticket();
        let found = self.find(thorough, ticket);
        let fault = found.as_ref().err().map(|e| {
            let fault = Fault { code: e.code(), message: e.to_string() };
            Arc::new(fault)
        });
        if let Some(counters) = self.counters() {
            // If a new file cannot be had, counting goes on in the old one: what is judged does not depend on it.
            let _ = counters.refresh();
            if fault.is_some() {
                counters.add(Counter::RefreshFaults);
            }
        }
        // Whoever began to look later knows better.
        let looked = Arc::new(Looked { ticket, fault });
        self.shared
            .looked
            .rcu(|last| Arc::clone(if last.ticket > ticket { last } else { &looked }));
        found
    }

    fn find(&self, thorough: bool, ticket: u64) -> Result<Refresh> {
        let Shared { path, options, current, .. } = &*self.shared;
        let Some(path) = path else { return Ok(Refresh::Unchanged) };
        let old = current.load_full();
        let watched = match &old.manifest {
            Some(_) => Stamp::of(&path.join(MANIFEST)),
            None => Stamp::of(path),
        };
        // Whatever is wrong with it, loading says it best.
        if watched.is_ok_and(|stamp| old.stamp == Some(stamp)) && !(thorough && old.behind) {
            if old.manifest.is_some() {
                files::status_of(path)?;
            }
            return Ok(Refresh::Unchanged);
        }
        let new = Arc::new(options.load(path, Some(&old), thorough, ticket)?);
        current
            .rcu(|in_force| Arc::clone(if in_force.ticket < new.ticket { &new } else { in_force }));
        Ok(Refresh::Replaced)
    }

    /// The counters that all processes with this store share; none if it has no directory `state` that the caller may write to.
    pub fn counters(&self) -> Option<&Counters> {
        self.shared.counters.as_ref().ok()
    }

    /// Why there are no counters, in words for the operator; none if there are.
    pub fn counters_fault(&self) -> Option<&str> {
        self.shared.counters.as_ref().err().map(String::as_str)
    }

    /// The path it was opened from; none for a store made from a set.
    pub fn path(&self) -> Option<&Path> {
        self.shared.path.as_deref()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.shared.path)
            .field("digest", &self.snapshot().digest)
            .finish()
    }
}

#[cfg(test)]
mod tests;
