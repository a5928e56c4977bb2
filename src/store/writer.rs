//! [`StoreWriter`]: the one who may change a store.

use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, ErrorCode, Result};
use crate::files::{self, Draft};
use crate::search::{Layers, prove};
use crate::set::{
    self, BuildOptions, BuildProgress, ListKind, OnProgress, Residency, Set, SetBuilder, SetDigest,
};

use super::canaries::Canaries;
use super::lock::Lock;
use super::log::{self, Event};
use super::manifest::{ListRecord, MANIFEST, Manifest, SetRecord};
use super::update::RADIUS;

/// Name of the file that the writer holds a lock on.
const LOCK: &str = "lock";

/// Name of the file that whoever compacts holds a lock on, and what the name of his draft begins with.
const COMPACTING: &str = "compacting";
const COMPACTED: &str = ".compacted";

/// Digits of a set's digest in its name, unless another set has that name.
const SHORT: usize = 8;

/// Changes that are remembered for a log that cannot be written to; a manifest is small.
const UNLOGGED: usize = 100;

/// Name of the operator's own list, which every store has, and which alone switches entries of other lists off.
pub const LOCAL: &str = Layers::LOCAL;

/// The directory of what workers write.
pub const STATE: &str = "state";

/// Changes a store. There is one at a time: it holds the store's lock for as long as it lives.
///
/// ```
/// use tamis::fingerprint::{Algorithms, digests};
/// use tamis::set::{Delta, Entry};
/// use tamis::store::{LOCAL, StoreWriter, Terms};
/// use tamis::{Context, Policy, Scanner, Store};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("store");
/// let mut writer = StoreWriter::init(&path, 1_790_000_000)?;
/// let mut scanner = Scanner::new(Store::open(&path)?, Policy::builtin());
///
/// let mut delta = writer.delta(LOCAL)?;
/// for digest in digests(b"known content", Algorithms::DIGESTS).iter() {
///     delta.add(Entry::new(digest).reviewed(true))?;
/// }
/// writer.apply_next(delta, &Terms::at(1_790_000_001).reason("reported twice"))?;
///
/// // Readers notice by themselves within 200 milliseconds; this one is not that patient.
/// scanner.store().refresh()?;
/// let verdict = scanner.check(b"known content", &Context::at(1_790_000_002))?;
/// assert_eq!(verdict.action, tamis::Action::Block);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StoreWriter {
    pub(super) directory: PathBuf,
    pub(super) manifest: Manifest,
    /// The sets that the manifest before this one named.
    before: Vec<SetRecord>,
    /// Changes that the log could not be told.
    unlogged: Vec<Event>,
    pub(super) watcher: Watcher,
    lock: Lock,
}

/// Who is told how the writing of sets goes on.
#[derive(Default)]
pub(super) struct Watcher(Mutex<Option<Box<Watch>>>);

type Watch = dyn FnMut(BuildProgress) -> ControlFlow<()> + Send;

impl Watcher {
    /// Gives `write` what to tell progress to.
    pub(super) fn writing<T>(&self, write: impl FnOnce(&mut OnProgress<'_>) -> T) -> T {
        let mut watch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match watch.as_mut() {
            Some(watch) => write(watch),
            None => write(&mut |_| ControlFlow::Continue(())),
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

impl StoreWriter {
    /// Makes a store with nothing in it but the list `local`, readable by its group, in a directory that holds no manifest and no sets, or does not exist yet. There is no policy in it:
    /// `tamis store init` also writes one, for the command line.
    ///
    /// # Errors
    /// [`ErrorCode::Store`] if there is a store already; [`ErrorCode::Permissions`] if others may write there; [`ErrorCode::Io`] and its kin.
    pub fn init(directory: impl AsRef<Path>, now: u64) -> Result<StoreWriter> {
        let directory = directory.as_ref();
        // The group of the directory is that of all that is made in it, whoever the writer is.
        make_directory(directory, 0o2750)?;
        if !files::status_of(directory)?.is_dir() {
            return Err(Error::new(ErrorCode::Store, "not a directory; give the name of one")
                .with_path(directory));
        }
        let lock = take_lock(directory)?;
        let names = files::names(directory).map_err(|e| Error::io("list", directory, e))?;
        let fault = match names.iter().find(|name| *name == MANIFEST || is_own(name)) {
            Some(name) if name == MANIFEST => Some("there is a store already; it was not touched"),
            Some(_) => Some(
                "there are sets of a store here, whose manifest is missing: restore it from a backup, or move them away; they were not touched",
            ),
            None => None,
        };
        if let Some(fault) = fault {
            return Err(Error::new(ErrorCode::Store, fault).with_path(directory));
        }
        make_directory(&directory.join(STATE), 0o2770)?;
        Lock::take(&directory.join(COMPACTING))?;
        let mut manifest = Manifest::new(now);
        manifest.lists.insert(LOCAL.to_owned(), ListRecord::new(ListKind::Local));
        let mut writer = StoreWriter {
            directory: directory.to_path_buf(),
            manifest: manifest.clone(),
            before: Vec::new(),
            unlogged: Vec::new(),
            watcher: Watcher::default(),
            lock,
        };
        writer.publish(manifest, Event { event: log::INIT.into(), at: now, ..Event::default() })?;
        Ok(writer)
    }

    /// Opens a store to change it. What a writer that died has left lying about is removed.
    ///
    /// # Errors
    /// [`ErrorCode::StoreLocked`] if somebody else is writing; those of [`Manifest::read`].
    pub fn open(directory: impl AsRef<Path>) -> Result<StoreWriter> {
        let directory = directory.as_ref();
        if !files::status_of(directory)?.is_dir() {
            return Err(Error::new(
                ErrorCode::Store,
                "a single set cannot be changed; make a store with `tamis store init DIRECTORY`",
            )
            .with_path(directory));
        }
        // Before the lock, so that a directory that is no store is not written to.
        Manifest::read(directory)?;
        let lock = take_lock(directory)?;
        let manifest = Manifest::read(directory)?;
        let unlogged = make_up(directory, &manifest);
        let directory = directory.to_path_buf();
        let before = manifest.sets.clone();
        let watcher = Watcher::default();
        let writer = StoreWriter { directory, manifest, before, unlogged, watcher, lock };
        // What the last writer has renamed may not have reached the disk: until it has, what lay there before is not removed.
        if files::sync_directory(&writer.directory).is_ok() {
            writer.sweep();
        }
        Ok(writer)
    }

    /// From now on `watch` is told how the writing of each set goes on, and may stop it: the store is then as it was, and the error is
    /// [`ErrorCode::Stopped`].
    pub fn on_progress(
        &mut self,
        watch: impl FnMut(BuildProgress) -> ControlFlow<()> + Send + 'static,
    ) {
        self.watcher = Watcher(Mutex::new(Some(Box::new(watch))));
    }

    /// The store's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What the store consists of now.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// An empty change of a list that the store knows, for [`StoreWriter::apply_next`].
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if the store does not know the list.
    pub fn delta(&self, list: &str) -> Result<set::Delta> {
        let Some(record) = self.manifest.lists.get(list) else {
            let what = format!("the store does not know the list {:?}", crate::error::shown(list));
            return Err(Error::new(ErrorCode::InvalidArgument, what));
        };
        set::Delta::new(record.list(list), 1)
    }

    /// Lays down what holds for a list: `change` is given the record as it is; of a list that the store does not know, a new one of that kind. So the kind of a known list
    /// changes only where `change` says so. What is done and why are for the log.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if the name is not one; [`ErrorCode::Io`] and its kin; [`ErrorCode::Durability`].
    pub fn set_list(
        &mut self,
        name: &str,
        kind: ListKind,
        (what, reason): (&str, &str),
        now: u64,
        change: impl FnOnce(&mut ListRecord) -> Result<()>,
    ) -> Result<()> {
        let mut manifest = self.manifest.clone();
        let record = manifest.lists.entry(name.to_owned());
        let record = record.or_insert_with(|| ListRecord::new(kind));
        change(record)?;
        // The builder knows what a list may be called, and how long its texts may be.
        set::Delta::new(record.list(name), 1)?;
        if manifest == self.manifest {
            return Ok(());
        }
        let event = Event {
            event: log::LIST.into(),
            at: now,
            list: name.to_owned(),
            what: what.to_owned(),
            reason: reason.to_owned(),
            ..Event::default()
        };
        self.publish(manifest, event)
    }

    /// Refuses a set that would match a harmless file.
    pub(super) fn check_canaries(&self, set: &Set) -> Result<()> {
        let radius = Canaries::radius_of_store(&self.directory);
        Canaries::of_store(&self.directory)?.check(set, radius)
    }

    /// Appends a refusal to the log.
    pub(super) fn log_refusal(&self, list: &str, what: &str, error: &Error, now: u64) {
        let event = Event {
            version: self.manifest.version,
            at: now,
            event: log::REFUSED.into(),
            list: list.to_owned(),
            what: format!("{what}: {error}"),
            reason: String::new(),
            code: Some(error.code().number()),
        };
        // The caller has the error in hand already.
        let _ = log::append_refusal(&self.directory, &event);
    }

    /// Calls `each` with every line of a store's log, the oldest first.
    ///
    /// # Errors
    /// [`ErrorCode::Io`] and its kin.
    pub fn read_log(directory: &Path, each: &mut dyn FnMut(Event)) -> Result<()> {
        log::read(directory, each)
    }

    /// A set that is to be written.
    pub(super) fn draft(&self) -> Result<Draft> {
        Draft::of(&self.directory.join("new.tamis"))
    }

    /// A base that is to be written while others may write, too.
    pub(super) fn compacted_draft(&self) -> Result<Draft> {
        Draft::of(&self.directory.join("compacted.tamis"))
    }

    /// The sets of some records.
    pub(super) fn open_sets(&self, records: &[SetRecord]) -> Result<Vec<Arc<Set>>> {
        let open = |record: &SetRecord| {
            set::open_within(&self.directory, &record.file, Residency::Mapped).map(Arc::new)
        };
        records.iter().map(open).collect()
    }

    /// Makes sure that nobody else compacts the store, for as long as what it gives lives; none if somebody does.
    pub(super) fn compacting(&self) -> Result<Option<Lock>> {
        Lock::take(&self.directory.join(COMPACTING))
    }

    /// Does something while others may write. What they have written is then what is known here.
    pub(super) fn unlocked<T>(&mut self, work: impl FnOnce(&StoreWriter) -> T) -> Result<T> {
        self.lock.let_go()?;
        let done = work(self);
        self.lock.take_back()?;
        let manifest = Manifest::read(&self.directory)?;
        // What others could not tell the log, or died before they did, is in their manifest, which the next one replaces.
        self.unlogged = make_up(&self.directory, &manifest);
        self.before = std::mem::replace(&mut self.manifest, manifest).sets;
        Ok(done)
    }

    /// Writes a set as a draft, reads all of it back, and searches it for what it holds.
    pub(super) fn prove(&self, builder: SetBuilder, draft: &mut Draft) -> Result<(Set, SetDigest)> {
        let options = BuildOptions::new().jobs(0);
        let report =
            self.watcher.writing(|progress| builder.write_to(draft, &options, progress))?;
        let set = Set::open(draft.path())?;
        prove(&set, RADIUS, false, &mut |_| {})?;
        Ok((set, report.digest))
    }

    /// Gives a set that was proved its name in the store, one that no set of the manifest has to which it will be added: whoever makes a list can make two sets whose digests begin
    /// alike, and one change may bring both.
    pub(super) fn adopt(&self, draft: Draft, set: &Set, manifest: &Manifest) -> Result<SetRecord> {
        let digest = set.digest().to_string();
        let short = digest.get(..SHORT).unwrap_or(&digest);
        let name = |digest: &str| format!("{:08}-{digest}.tamis", self.manifest.version + 1);
        let is_taken = manifest.sets.iter().any(|set| set.file == name(short));
        let file = name(if is_taken { &digest } else { short });
        let path = self.directory.join(&file);
        share_with_group(draft.file(), draft.path())?;
        // A set that may be lost is no change that is in force.
        draft.publish(&path).map_err(|e| match e.code() {
            ErrorCode::Durability => Error::new(
                ErrorCode::Io,
                "cannot sync the store's directory; nothing was changed; see to the disk",
            )
            .with_path(&self.directory),
            _ => e,
        })?;
        SetRecord::of(file, set)
    }

    /// Puts a new manifest in force, and tells the log. Before the rename nothing has changed, after it everything has.
    pub(super) fn publish(&mut self, mut manifest: Manifest, mut event: Event) -> Result<()> {
        self.lock.check()?;
        if event.at > u64::from(u32::MAX) {
            let what = format!("the time is {}; expected seconds since 1970", event.at);
            return Err(Error::new(ErrorCode::InvalidArgument, what));
        }
        manifest.version = self.manifest.version + 1;
        if log::FRESH.contains(&event.event.as_str()) {
            manifest.updated = event.at;
        }
        event.version = manifest.version;
        manifest.last_change = Some(event.clone());
        manifest.unlogged.clone_from(&self.unlogged);
        let (path, bytes) = (self.directory.join(MANIFEST), manifest.to_bytes()?);
        let published = files::publish(&path, |writer| {
            share_with_group(writer.get_ref(), &path)?;
            writer.write_all(&bytes).map_err(|e| Error::io("write", &path, e))
        });
        match &published {
            Err(error) if error.code() != ErrorCode::Durability => return published,
            _ => {}
        }
        let old = std::mem::replace(&mut self.manifest, manifest);
        self.before = old.sets;
        self.tell_log(event);
        // If the power may still bring the old manifest back, it must find its sets.
        if published.is_ok() {
            self.sweep();
        }
        published
    }

    /// The change is made: that the log cannot be written to does not undo it. What it misses stands in the manifest, and is made up for by the next change, or
    /// the next writer.
    fn tell_log(&mut self, event: Event) {
        let first = self.unlogged.is_empty();
        self.unlogged.push(event);
        let told = match &self.unlogged[..] {
            [event] if first => log::append(&self.directory, event),
            events => log::make_up(&self.directory, events),
        };
        match told {
            Ok(()) => self.unlogged.clear(),
            Err(_) => drop(self.unlogged.drain(..self.unlogged.len().saturating_sub(UNLOGGED))),
        }
    }

    /// Removes the sets and drafts that nobody needs: no reader looks for them, unless it has read a manifest before the last one, and then it reads again.
    pub(super) fn sweep(&self) {
        if self.lock.check().is_err() {
            return;
        }
        // What cannot be listed or removed does no harm, and will be tried again.
        let mut compacting = None;
        for name in files::names(&self.directory).unwrap_or_default() {
            if name.contains(COMPACTED) {
                // It is somebody's who is still at it, unless nobody is.
                let lock = compacting.get_or_insert_with(|| self.compacting());
                if !matches!(lock, Ok(Some(_))) {
                    continue;
                }
            }
            let named = self.manifest.sets.iter().chain(&self.before);
            // The names without an end are those of an earlier version.
            let is_draft = name.ends_with(".draft")
                || [".new-", ".compacted-"].iter().any(|start| name.starts_with(start));
            if is_draft || is_own(&name) && !named.into_iter().any(|set| set.file == name) {
                let _ = fs::remove_file(self.directory.join(name));
            }
        }
    }
}

/// Whether a name is one that a writer gives to sets.
fn is_own(name: &str) -> bool {
    let Some((version, digest)) = name.strip_suffix(".tamis").and_then(|name| name.split_once('-'))
    else {
        return false;
    };
    version.len() >= 8
        && version.bytes().all(|b| b.is_ascii_digit())
        && [SHORT, 64].contains(&digest.len())
        && digest.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A store's files are for the group of its directory, whatever the umask of whoever runs a command: workers that cannot read a new manifest do not enforce it.
fn share_with_group(file: &File, path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o640))
            .map_err(|e| Error::io("set the mode of", path, e))?;
    }
    #[cfg(not(unix))]
    let _ = (file, path);
    Ok(())
}

fn make_directory(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir(path).map_err(|e| Error::io("create", path, e))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(path, mode).map_err(|e| Error::io("set the mode of", path, e))?;
    }
    #[cfg(not(unix))]
    let _ = mode;
    Ok(())
}

/// Tells the log what the manifest knows of and it does not: what it could not be told. A log that cannot be written to keeps nobody from switching an entry off.
fn make_up(directory: &Path, manifest: &Manifest) -> Vec<Event> {
    let known: Vec<Event> =
        manifest.unlogged.iter().chain(&manifest.last_change).cloned().collect();
    match log::make_up(directory, &known) {
        Ok(()) => Vec::new(),
        Err(_) => known,
    }
}

/// Takes the store's lock.
fn take_lock(directory: &Path) -> Result<Lock> {
    let path = directory.join(LOCK);
    if let Some(mut lock) = Lock::take(&path)? {
        lock.sign();
        return Ok(lock);
    }
    let mut holder = String::new();
    let _ = File::open(&path).map(|file| file.take(20).read_to_string(&mut holder));
    let holder = holder.trim().parse::<u32>();
    let holder = holder.map_or(String::new(), |pid| format!(" (process {pid})"));
    let what = format!(
        "another process{holder} is writing to this store; wait until it is done, and try again"
    );
    Err(Error::new(ErrorCode::StoreLocked, what).with_path(directory))
}
