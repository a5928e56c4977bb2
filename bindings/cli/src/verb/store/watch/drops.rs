//! What lies in the watched directory, and what was done about it.
//!
//! ```text
//! pass():
//!     for each feed (a directory with feed.json) and each single set:
//!         the store would not take it, by its signatures, version, date?    tell and log it, once for this content; first let it settle, since
//!                                                                           signatures may come after what they sign
//!         taken already?                                                    nothing, unless it was written anew since: then the list is up to date
//!         a set of it is not there, or not as long as it will be?           tell it once, wait; with --once, refused
//!         else take the store's lock, and apply it
//! ```
//!
//! Looking takes no lock and changes nothing, so it may happen as often as it likes.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use tamis::store::feed::{self, FEED_FILE, FeedSet, Received};
use tamis::store::{CANARIES, ListRecord, Manifest, Terms};
use tamis::{Error, ErrorCode};

use crate::judging::POLICY;
use crate::output::{plain, remark, shown};
use crate::verb::store::once_free;
use crate::wording::count;
use crate::{Failure, Output};

/// Seconds after which a feed that was taken, and is brought again, is news: an hour.
const AGAIN: u64 = 3600;

/// How long a feed that would be refused is given to become whole.
const SETTLE: Duration = Duration::from_secs(2);

/// How long a single set must not have changed before it is taken.
const GROWN: Duration = Duration::from_millis(300);

/// How long to wait while another process writes to the store; after that, until the next look.
const LOCKED: Duration = Duration::from_secs(10);

/// Directories below the watched one that are looked into.
const DEPTH: usize = 2;

/// What is known of each thing that was dropped.
pub(super) struct Drops {
    dir: PathBuf,
    store: PathBuf,
    force: bool,
    /// Nobody looks again: what is not complete is refused, and not waited for.
    once: bool,
    known: HashMap<PathBuf, Known>,
    /// Of which it was told that they are waited for.
    waiting: HashSet<PathBuf>,
}

/// One of them, as it was looked at last.
struct Known {
    /// Identifies what it was, as far as that decides about it.
    content: [u8; 32],
    since: Instant,
    told: bool,
}

/// What a pass found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) applied: u64,
    /// Refused, incomplete or failed.
    pub(super) open: u64,
    /// Something should be looked at again soon.
    pub(super) soon: bool,
}

/// What should be done about one of them.
enum Step {
    Nothing,
    /// It cannot be taken as it is; the store's writer says so in the log.
    Refuse,
    /// Not complete, or somebody else is in the way.
    Wait(Error),
    Apply,
}

impl Drops {
    pub(super) fn new(dir: &Path, store: &Path, once: bool, force: bool) -> Drops {
        let (dir, store) = (dir.to_path_buf(), store.to_path_buf());
        Drops { dir, store, force, once, known: HashMap::new(), waiting: HashSet::new() }
    }

    /// Looks at everything, and applies what can be applied.
    ///
    /// # Errors
    /// If results cannot be told any more. All else is told, and the next thing looked at.
    pub(super) fn pass(&mut self, now: u64, output: &mut Output) -> Result<Pass, Failure> {
        let mut pass = Pass::default();
        let mut found = Vec::new();
        if let Err(error) = look(&self.dir, DEPTH, &mut found) {
            pass.open += 1;
            self.tell_once(&self.dir.clone(), [0; 32], &error);
            return Ok(pass);
        }
        self.known.retain(|path, _| found.contains(path));
        self.waiting.retain(|path| found.contains(path));
        for path in found {
            self.one(&path, now, &mut pass, output)?;
        }
        Ok(pass)
    }

    /// How long to wait before something is refused.
    fn settle(&self) -> Duration {
        if self.once { Duration::ZERO } else { SETTLE }
    }

    fn one(
        &mut self,
        path: &Path,
        now: u64,
        pass: &mut Pass,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let (content, step) = match Manifest::read(&self.store) {
            Ok(manifest) => self.step(path, &manifest, now),
            Err(error) => ([1; 32], Step::Wait(error)),
        };
        // What would match a canary may be taken once the operator has let go of it, or looks less far.
        let [canaries, policy] = [CANARIES, POLICY].map(|name| stamp(&self.store.join(name)));
        let content = digest(&[&content, &canaries, &policy]);
        let known = self.known.get(path).filter(|known| known.content == content);
        let (told, age) = known.map_or((false, Duration::ZERO), |k| (k.told, k.since.elapsed()));
        match step {
            Step::Nothing => self.note(path, content, true),
            Step::Wait(error) => {
                pass.open += 1;
                self.tell_once(path, content, &error);
            }
            // Tried before as it is: applied, or refused and told.
            Step::Refuse | Step::Apply if told => {}
            Step::Refuse if age < self.settle() => {
                (pass.open, pass.soon) = (pass.open + 1, true);
                self.note(path, content, false);
            }
            // It says nowhere how long it will be.
            Step::Apply if is_set(path) && age < self.settle().min(GROWN) => {
                (pass.open, pass.soon) = (pass.open + 1, true);
                self.note(path, content, false);
            }
            // The writer looks for itself, and writes the log.
            Step::Refuse | Step::Apply => match self.apply(path, now, output)? {
                Ok(applied) => {
                    pass.applied += u64::from(applied);
                    self.waiting.remove(path);
                    self.note(path, content, true);
                }
                Err(error) => {
                    pass.open += 1;
                    if !error.code().is_refusal() {
                        // A lock, a mode, a full disk, a sync that failed: it may go the next time, as it is. Told once until it does.
                        pass.soon |= error.code() == ErrorCode::StoreLocked;
                        if self.waiting.insert(path.to_path_buf()) {
                            remark(&error);
                        }
                        self.note(path, content, false);
                    } else if error.code() == ErrorCode::UpdateIncomplete && !self.once {
                        self.tell_once(path, content, &error);
                    } else {
                        self.tell_once(path, content, &error);
                        output.object(&json!({ "refused": path.to_string_lossy(), "code": error.code().number(), "error": error.to_string() }))?;
                    }
                }
            },
        }
        Ok(())
    }

    /// What should be done, and what that depends on.
    fn step(&self, path: &Path, manifest: &Manifest, now: u64) -> ([u8; 32], Step) {
        if is_set(path) {
            // What waits for others of its list to come may be taken after each change of the store.
            let waits = self.waiting.contains(path).then_some(manifest.version);
            let waits = format!("{waits:?}");
            return (digest(&[&stamp(path), &unsigned(manifest), waits.as_bytes()]), Step::Apply);
        }
        let received = match Received::read(path) {
            Ok(received) => received,
            Err(error) if error.code() == ErrorCode::UpdateMalformed => {
                return (digest(&[&stamp(&path.join(FEED_FILE))]), Step::Refuse);
            }
            Err(error) => return ([2; 32], Step::Wait(error)),
        };
        let record = manifest.lists.get(&received.feed().list);
        let content = digest(&[&received.fingerprint(), terms(record).as_bytes()]);
        let trust = match feed::trust(manifest, &received.feed().list) {
            Ok(trust) => trust,
            Err(_) => return (content, Step::Refuse),
        };
        let feed = received.feed().clone();
        let accepted =
            match received.accept(&trust, record.and_then(|record| record.feed.as_ref()), now) {
                Ok(accepted) => accepted,
                Err(_) => return (content, Step::Refuse),
            };
        if accepted.is_known() {
            // That it still lies there says nothing. That somebody has brought it again does: its maker has nothing newer.
            let file = path.join(FEED_FILE);
            let brought = modified(&file).as_secs();
            let refreshed = record.map_or(0, |record| record.refreshed);
            if brought <= now && brought >= refreshed.saturating_add(AGAIN) {
                return (digest(&[&content, &stamp(&file)]), Step::Apply);
            }
            return (content, Step::Nothing);
        }
        // From here on it also depends on the sets that are still to be taken.
        let held = |set: &&FeedSet| manifest.holds(&feed.list, set.first, set.last);
        let wanted = feed.sets.iter().filter(|set| !held(set));
        let mut stamps = vec![content.to_vec()];
        let mut missing = None;
        for set in wanted {
            let file = path.join(&set.file);
            let length = fs::metadata(&file).map_or(0, |m| m.len());
            if length != set.bytes && missing.is_none() {
                let what = format!("{length} bytes of {}; waiting for the rest", set.bytes);
                missing = Some(Error::new(ErrorCode::UpdateIncomplete, what).with_path(&file));
            }
            stamps.push(stamp(&file));
        }
        match missing {
            Some(_) if self.once => (digest(&[&content, b"incomplete"]), Step::Refuse),
            // Told once, however it grows.
            Some(error) => (digest(&[&content, b"incomplete"]), Step::Wait(error)),
            None => {
                let parts: Vec<&[u8]> = stamps.iter().map(Vec::as_slice).collect();
                (digest(&parts), Step::Apply)
            }
        }
    }

    /// Whether it was more than a feed that was taken before.
    fn apply(
        &self,
        path: &Path,
        now: u64,
        output: &mut Output,
    ) -> Result<tamis::Result<bool>, Failure> {
        let mut writer = match once_free(&self.store, LOCKED) {
            Ok(writer) => writer,
            Err(error) => return Ok(Err(error)),
        };
        let terms = Terms::at(now).reason("watch").force(self.force).waiting(!self.once);
        if is_set(path) {
            let applied = match writer.apply_unsigned(path, &terms) {
                Ok(applied) => applied,
                Err(error) => return Ok(Err(error)),
            };
            if applied.changed {
                output.object(&json!({ "applied": path.to_string_lossy(), "version": applied.version, "entries": applied.entries, "signed_by": [] }))?;
                let entries = count(applied.entries, "entry");
                output.line(format_args!(
                    "{}: {entries}, not signed; the store is at version {}",
                    shown(path),
                    applied.version
                ))?;
            }
            return Ok(Ok(true));
        }
        let lists = writer.manifest().lists.clone();
        match writer.apply_feed(path, &terms) {
            Err(error) => Ok(Err(error)),
            Ok(applied) => {
                let before = lists.get(&applied.list).and_then(|record| record.feed.as_ref());
                if before.is_some_and(|seen| seen.version == applied.feed) {
                    return Ok(Ok(false));
                }
                let signers: Vec<_> = applied.signed_by.iter().map(ToString::to_string).collect();
                output.object(&json!({
                    "applied": path.to_string_lossy(), "list": applied.list, "feed_version": applied.feed,
                    "version": applied.version, "sets": applied.sets, "entries": applied.entries, "signed_by": signers,
                }))?;
                let by = if signers.is_empty() {
                    "not signed".into()
                } else {
                    format!("signed by {}", signers.join(", "))
                };
                output.line(format_args!(
                    "{}: version {} of {:?}, {}, {by}; the store is at version {}",
                    shown(path),
                    applied.feed,
                    plain(&applied.list),
                    count(applied.entries, "entry"),
                    applied.version
                ))?;
                Ok(Ok(true))
            }
        }
    }

    fn note(&mut self, path: &Path, content: [u8; 32], told: bool) {
        match self.known.get_mut(path).filter(|known| known.content == content) {
            Some(known) => known.told |= told,
            None => {
                let known = Known { content, since: Instant::now(), told };
                self.known.insert(path.to_path_buf(), known);
            }
        }
    }

    /// Tells an error, unless it was told of this content; and of something that grows, only once that it is waited for.
    fn tell_once(&mut self, path: &Path, content: [u8; 32], error: &Error) {
        let told = self.known.get(path).is_some_and(|known| known.content == content && known.told);
        let waited =
            error.code() == ErrorCode::UpdateIncomplete && !self.waiting.insert(path.to_path_buf());
        if !told && !waited {
            remark(error);
        }
        self.note(path, content, true);
    }
}

/// Whether it is a single set, and not a feed.
fn is_set(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "tamis") && path.is_file()
}

/// Feeds and single sets in a directory, sorted. What lies in a feed's directory belongs to it.
fn look(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> tamis::Result<()> {
    if dir.join(FEED_FILE).symlink_metadata().is_ok() {
        found.push(dir.to_path_buf());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| Error::io("read", dir, e))? {
        entries.push(entry.map_err(|e| Error::io("read", dir, e))?.path());
    }
    entries.sort();
    for path in entries {
        // Transports write under hidden names until they are done.
        if path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        let Ok(metadata) = path.symlink_metadata() else { continue };
        if metadata.is_dir() && depth > 0 {
            // One that vanished, or that is not for us, says nothing about the others.
            let _ = look(&path, depth - 1, found);
        } else if metadata.is_file() && is_set(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// What tells a file from what it becomes.
fn stamp(path: &Path) -> Vec<u8> {
    let Ok(metadata) = path.symlink_metadata() else { return Vec::new() };
    [&metadata.len().to_le_bytes()[..], &modified(path).as_nanos().to_le_bytes()].concat()
}

/// When a file was last written to, since 1970.
fn modified(path: &Path) -> Duration {
    let modified = path.symlink_metadata().and_then(|metadata| metadata.modified()).ok();
    let since = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.unwrap_or_default()
}

/// What the operator has laid down for a list, as far as that decides whether a feed is taken.
fn terms(record: Option<&ListRecord>) -> String {
    record.map_or_else(String::new, |r| {
        format!("{:?} {} {} {:?} {}", r.keys, r.need, r.unsigned, r.feed, r.suppressed)
    })
}

/// The lists that are taken unsigned.
fn unsigned(manifest: &Manifest) -> Vec<u8> {
    let lists = manifest.lists.iter().filter(|(_, record)| record.unsigned);
    lists.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("\0").into_bytes()
}

/// Not a secret, only a name: the standard library's hash is enough for what an attacker gains by a collision, which is silence about a refusal.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut out = [0; 32];
    for (i, eight) in out.chunks_exact_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (i, parts).hash(&mut hasher);
        eight.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    out
}
