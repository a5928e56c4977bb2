//! Counters that all processes of a platform share, in a small mapped file, `state/counters` in the store's directory: how much was checked and held
//! back, and how many distinct uploads each entry and each list matched within the hour, for the [breaker](super::breaker).
//!
//! ```text
//! open:    map the file; if there is none, or it is damaged or of an earlier version, make one under another name and link or rename it into place
//! add:     one atomic addition
//! note(upload, matches):
//!     for each group of entries (a list's of one fingerprint) that the upload matches perceptually so that it calls for a block,
//!     and for each list once of whose groups none has tripped:
//!         slot = the group's, a free or an idle one; none -> overflow += 1
//!         set the upload's bit in the slot's bitmap of this hour         (lock-free, see slot.rs)
//!         more bits than the breaker's rule allows -> trip, and trips += 1
//! degraded: has `trips` changed since the last look? -> read the flags of all slots
//! ```
//!
//! # Bounds
//!
//! - The file has 6.6 MB, all of it allocated: 16,384 fingerprints and 128 lists. One that nobody heard of for a week makes room. If one finds no room, it is not counted, `overflow` says how
//!   often, and nothing of any other changes; below 10,000 a week this does not happen.
//! - Additions are never lost, whoever adds at the same time and whoever dies meanwhile, but for the exceptions that `slot.rs` names.
//! - Distinct uploads are estimated: within 2 % where the breaker looks first, 5 % at the most.
//! - Of one upload at most [`MOST`] fingerprints are counted, the first by rank; the list's breaker is for lists that match by the hundreds.
//! - Hours are those of the caller's `now`. Two processes whose clocks differ by more than an hour undo each other's counting.
//!
//! # What it holds of uploads
//!
//! Nothing of a clear one, beyond the number of checks. Of one that matched, a bit whose place is a hash under a random key that is in no other file.
//!
//! # Trust
//!
//! Whoever may write to `state/` may write anything into the file. Then the counts are wrong; no process panics, hangs or touches memory that is not
//! the file's. See `shared.rs` for what a process that *cuts* the file can do. A damaged file is replaced, rather than refused: the worst that is lost are
//! counts and flags, and until the next trip everything blocks as the policy says. A file of a later version is refused, so that two versions side by side do not replace each other's for ever.

mod shared;
mod slot;
mod table;

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::*;

use arc_swap::ArcSwap;

use crate::error::{Error, ErrorCode, Result};
use crate::names::named;
use crate::search::Degraded;
use crate::set::EntryId;

use super::breaker;
use shared::Words;
use slot::Slot;
use table::{BYTES, ENTRIES, HEAD_WORDS, LISTS, MAGIC, Table, VERSION};

/// Name of the file within the directory for what workers write.
pub const COUNTERS: &str = "counters";

/// Fingerprints of lists that are counted for one upload.
pub(super) const MOST: usize = 256;

/// Attempts to make a file that stays.
const ATTEMPTS: usize = 4;

named! {
    /// Numbers that are counted for the whole store.
    #[non_exhaustive]
    Counter("a counter") {
        /// Uploads judged.
        Checks = 1 "checks",
        /// Uploads that matched at least one entry.
        Matches = 2 "matches",
        /// Uploads blocked.
        Blocked = 3 "blocked",
        /// Uploads sent to review.
        Reviewed = 4 "reviewed",
        /// Uploads that would have been blocked, had the policy not only observed.
        WouldHaveBlocked = 5 "would_have_blocked",
        /// Uploads that would have been sent to review, had the policy not only observed.
        WouldHaveReviewed = 6 "would_have_reviewed",
        /// Uploads that the shadow judged as the live one did.
        ShadowSame = 7 "shadow_same",
        /// Uploads about which the shadow would have done more.
        ShadowStricter = 8 "shadow_stricter",
        /// Uploads about which the shadow would have done less.
        ShadowLooser = 9 "shadow_looser",
        /// Refreshes of the store that failed.
        RefreshFaults = 10 "refresh_faults",
        /// Matches that were not counted for their entry or list, since there was no room.
        Overflow = 11 "overflow",
        /// Changes of what is degraded: trips and resets.
        Trips = 12 "trips",
    }
}

/// A perceptual match that calls for a block, or would but for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted<'a> {
    /// What is counted by, and trips together: [`Match::group`](crate::search::Match::group).
    pub group: EntryId,
    /// The entry, for display.
    pub entry: EntryId,
    /// The name of its list.
    pub list: &'a str,
    /// Whether it is of an active incident. Then it is not counted for the breaker.
    pub incident: bool,
}

/// An entry or a list that has tripped, or one of which something is counted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tripped {
    /// An entry, for all of its list with its fingerprint; none if it is a whole list.
    pub entry: Option<EntryId>,
    /// Name of the list; empty if it is not known any more.
    pub list: String,
    /// When, in seconds since 1970.
    pub when: u64,
    /// Distinct uploads within that hour until then, about.
    pub uploads: u64,
    /// What was usual, in uploads per hour.
    pub baseline: f64,
    /// Matches in total, repeats included.
    pub matches: u64,
}

/// A handle on the counters of a store. Cloning it is cheap. Everything it does is lock-free, and works across a fork.
///
/// ```
/// use tamis::set::EntryId;
/// use tamis::store::{Counter, Counters, Noted};
/// # let dir = tempfile::tempdir().unwrap();
/// # let state = dir.path().join("state");
/// # std::fs::create_dir(&state).unwrap();
/// let counters = Counters::open(&state)?;
/// counters.add(Counter::Checks);
/// let entry = EntryId([7; 16]);
/// for upload in 0..50u32 {
///     let noted = Noted { group: entry, entry, list: "gifct", incident: false };
///     counters.note(1_790_000_000, &upload.to_le_bytes(), [noted]);
/// }
/// assert!(counters.is_tripped(entry, "gifct"));
/// assert_eq!(counters.tripped()[0].when, 1_790_000_000);
/// assert!(counters.reset_entry(entry) && !counters.is_tripped(entry, "gifct"));
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone)]
pub struct Counters {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    current: ArcSwap<Opened>,
    degraded: ArcSwap<(u64, Arc<Degraded>)>,
}

/// One file.
struct Opened {
    words: Words,
    key: [u8; 32],
}

impl Opened {
    fn table(&self) -> Table<'_> {
        Table::new(&self.words, &self.key)
    }
}

impl Counters {
    /// Opens the counters in this directory, which exists and belongs to the workers; makes them if there are none.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] if there is no such directory; [`ErrorCode::Permissions`] if it is none, if everybody may write to it, or if the caller may not;
    /// [`ErrorCode::Store`] for a file of a later version; [`ErrorCode::Io`], for instance if the disk is full.
    pub fn open(state: impl AsRef<Path>) -> Result<Counters> {
        let state = state.as_ref();
        check_directory(state)?;
        let path = state.join(COUNTERS);
        let opened = open_or_make(&path)?;
        let none = (u64::MAX, Arc::new(Degraded::default()));
        Ok(Counters {
            shared: Arc::new(Shared {
                path,
                current: ArcSwap::from_pointee(opened),
                degraded: ArcSwap::from_pointee(none),
            }),
        })
    }

    /// Looks whether the file was replaced or removed, and opens the new one. Costs a system call. The store calls it when it looks for new sets.
    ///
    /// # Errors
    /// As for [`Counters::open`]. The old file is then counted in still.
    pub fn refresh(&self) -> Result<()> {
        if !self.shared.current.load().words.is_at(&self.shared.path) {
            self.shared.current.store(Arc::new(open_or_make(&self.shared.path)?));
            self.shared.degraded.store(Arc::new((u64::MAX, Arc::new(Degraded::default()))));
        }
        Ok(())
    }

    /// One more.
    pub fn add(&self, counter: Counter) {
        if let Some(word) = self.shared.current.load().table().counter(counter as usize) {
            word.fetch_add(1, Relaxed);
        }
    }

    /// How many there were since the file was made.
    pub fn count(&self, counter: Counter) -> u64 {
        let current = self.shared.current.load();
        current.table().counter(counter as usize).map_or(0, |word| word.load(Relaxed))
    }

    /// Counts an upload for the groups of entries that it matched, and trips those of which it is one too many. `upload` identifies the upload by its bytes: its BLAKE3
    /// digest. `now` is in seconds since 1970.
    pub fn note<'a>(&self, now: u64, upload: &[u8], matches: impl IntoIterator<Item = Noted<'a>>) {
        let current = self.shared.current.load();
        let table = current.table();
        let [entry_place, list_place] = table.places(upload);
        let hour = u32::try_from(now / 3600).unwrap_or(u32::MAX);
        let trips = |slot: &Slot<'_>, place, floor| {
            let (count, bound) = slot.note(place, hour, floor)?;
            (count > bound && slot.trip(now, count)).then_some(())
        };
        let mut groups = HashSet::new();
        let mut slots: Vec<(&str, Slot<'_>)> = Vec::new();
        for noted in matches.into_iter().filter(|noted| !noted.incident) {
            if groups.len() >= MOST || !groups.insert(noted.group) {
                continue;
            }
            match table.claim_entry(noted.group, hour) {
                Some(slot) => {
                    slot.show(table::owner(&noted.entry.0));
                    slots.push((noted.list, slot));
                }
                None => self.add(Counter::Overflow),
            }
        }
        let lists: BTreeSet<&str> = slots.iter().map(|(list, _)| *list).collect();
        let mut tripped = false;
        for list in lists {
            let slots = || slots.iter().filter(|(name, _)| *name == list).map(|(_, slot)| slot);
            let claimed = table.claim_list(list, hour);
            match &claimed {
                // An upload by which something has tripped says nothing more against the list: one picture that everybody passes on must not degrade all others.
                Some(_) if slots().any(|slot| slot.tripped().is_some()) => {}
                Some((_, slot)) => {
                    tripped |= trips(slot, list_place, breaker::LIST_FLOOR).is_some();
                }
                None => self.add(Counter::Overflow),
            }
            for slot in slots() {
                if let Some((number, _)) = claimed {
                    slot.set_list(number);
                }
                tripped |= trips(slot, entry_place, breaker::ENTRY_FLOOR).is_some();
            }
        }
        if tripped {
            self.changed(&table);
        }
    }

    /// Tells all processes that what is degraded has changed.
    fn changed(&self, table: &Table<'_>) {
        if let Some(trips) = table.counter(Counter::Trips as usize) {
            trips.fetch_add(1, Release);
        }
    }

    /// Whether the group, or its list, has tripped.
    pub fn is_tripped(&self, group: EntryId, list: &str) -> bool {
        let current = self.shared.current.load();
        let table = current.table();
        let slots = [table.entry(group), table.list(list)];
        slots.iter().flatten().any(|slot| slot.tripped().is_some())
    }

    /// All that has tripped, for the search: read anew only when something has changed.
    pub fn degraded(&self) -> Arc<Degraded> {
        let current = self.shared.current.load();
        let table = current.table();
        let trips = table.counter(Counter::Trips as usize).map_or(0, |word| word.load(Acquire));
        let held = self.shared.degraded.load();
        if held.0 == trips {
            return Arc::clone(&held.1);
        }
        let tripped = self.tripped_in(&table).into_iter().filter(|t| t.entry.is_none());
        let slots = (0..ENTRIES).filter_map(|number| table.entry_at(number));
        let groups = slots.filter(|slot| slot.tripped().is_some());
        let groups = groups.filter_map(|slot| slot.owner()).map(table::entry_of);
        let degraded = Arc::new(Degraded::new(groups, tripped.map(|t| t.list)));
        self.shared.degraded.store(Arc::new((trips, Arc::clone(&degraded))));
        degraded
    }

    /// All that has tripped: lists first, the latest first.
    pub fn tripped(&self) -> Vec<Tripped> {
        let current = self.shared.current.load();
        let mut tripped = self.tripped_in(&current.table());
        tripped.sort_by_key(|t| (t.entry.is_some(), std::cmp::Reverse(t.when), t.entry));
        tripped
    }

    fn tripped_in(&self, table: &Table<'_>) -> Vec<Tripped> {
        let tell = |entry, list, slot: Slot<'_>| {
            Some(Tripped {
                entry,
                list,
                when: slot.tripped()?,
                uploads: slot.count_at_trip(),
                baseline: slot.baseline(),
                matches: slot.matches(),
            })
        };
        let lists = (0..LISTS).filter_map(|number| {
            let (name, slot) = table.list_at(number)?;
            slot.tripped()?;
            tell(None, name.read(&slot)?, slot)
        });
        let entries = (0..ENTRIES).filter_map(|number| {
            let slot = table.entry_at(number)?;
            slot.tripped()?;
            let list = slot.list().and_then(|number| table.list_at(number));
            let list = list.and_then(|(name, slot)| name.read(&slot)).unwrap_or_default();
            tell(Some(table::entry_of(slot.shown().or_else(|| slot.owner())?)), list, slot)
        });
        lists.chain(entries).collect()
    }

    /// How often the group was matched, by uploads that were counted, repeats included.
    pub fn matches_of(&self, group: EntryId) -> u64 {
        self.shared.current.load().table().entry(group).map_or(0, |slot| slot.matches())
    }

    /// About how many distinct uploads matched the group within the last hour in which any did.
    pub fn distinct_of(&self, group: EntryId) -> u32 {
        let current = self.shared.current.load();
        current.table().entry(group).map_or(0, |slot| slot.distinct(slot.hour()))
    }

    /// Lets an entry act again with all of its list that have its fingerprint, whatever the list does: it is named as [`Tripped::entry`] does, or by its group. What was counted of it is what
    /// is usual from now on. Whether it had tripped.
    pub fn reset_entry(&self, entry: EntryId) -> bool {
        let shown = Some(table::owner(&entry.0));
        self.reset(|table| {
            let slots = (0..ENTRIES).filter_map(|number| table.entry_at(number));
            let slots = slots.filter(|slot| slot.owner() == shown || slot.shown() == shown);
            slots.filter(|slot| slot.reset()).count()
        }) > 0
    }

    /// Lets the entries of the list act again that have not tripped by themselves. Whether it had tripped.
    pub fn reset_list(&self, name: &str) -> bool {
        self.reset(|table| table.list(name).is_some_and(|slot| slot.reset()) as usize) > 0
    }

    /// Lets everything act again. How many entries and lists had tripped.
    pub fn reset_all(&self) -> usize {
        self.reset(|table| {
            let lists = (0..LISTS).filter_map(|number| Some(table.list_at(number)?.1));
            let slots = lists.chain((0..ENTRIES).filter_map(|number| table.entry_at(number)));
            slots.filter(|slot| slot.tripped().is_some()).filter(|slot| slot.reset()).count()
        })
    }

    fn reset(&self, work: impl FnOnce(&Table<'_>) -> usize) -> usize {
        let current = self.shared.current.load();
        let table = current.table();
        let count = work(&table);
        self.changed(&table);
        count
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").field("path", &self.shared.path).finish()
    }
}

/// The directory must be one, and not everybody's.
fn check_directory(state: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(state).map_err(|e| Error::io("open", state, e))?;
    let refuse = |why: &str| Err(Error::new(ErrorCode::Permissions, why).with_path(state));
    if !metadata.is_dir() {
        return refuse("not a directory; expected one that belongs to the group of the workers");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o002 != 0 {
            return refuse("everybody may write to it; run `chmod 2770` on it");
        }
    }
    Ok(())
}

fn open_or_make(path: &Path) -> Result<Opened> {
    let mut fault = None;
    for _ in 0..ATTEMPTS {
        let replace = match Words::open(path, BYTES) {
            Ok(Some(words)) => match check_head(&words) {
                Ok(Some(key)) => return Ok(Opened { words, key }),
                Ok(None) => true,
                Err(e) => return Err(e.with_path(path)),
            },
            Ok(None) => true,
            Err(e) if e.code() == ErrorCode::NotFound => false,
            Err(e) => return Err(e),
        };
        // Another process may be making one at the same moment: then it is opened the next time round.
        fault = shared::create(path, &new_head(), BYTES, replace).err();
    }
    let endless = || {
        let message = "a new one was damaged each time it was made; see who writes to it";
        Error::new(ErrorCode::Store, message).with_path(path)
    };
    Err(fault.unwrap_or_else(endless))
}

/// The key, if the head is whole and of this version. An earlier version is as good as a damaged one.
fn check_head(words: &Words) -> Result<Option<[u8; 32]>> {
    let head: Vec<u64> = words.all().iter().take(12).map(|word| word.load(Relaxed)).collect();
    let bytes: Vec<u8> = head.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let (&[magic, version, length, ..], Some((text, sum))) =
        (&head[..], bytes.split_at_checked(64))
    else {
        return Ok(None);
    };
    if magic != MAGIC || blake3::derive_key(SUM, text) != *sum {
        return Ok(None);
    }
    if version > VERSION {
        let message = format!(
            "version {version}; expected {VERSION}: a later Tamis made it, so use that, or stop it and remove the file"
        );
        return Err(Error::new(ErrorCode::Store, message));
    }
    let key = text.get(32..).and_then(|key| key.try_into().ok());
    Ok(key.filter(|_| version == VERSION && length == BYTES))
}

const SUM: &str = "tamis 2026-11 head of counters";

fn new_head() -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD_WORDS * 8);
    for word in [MAGIC, VERSION, BYTES, 0] {
        head.extend(word.to_ne_bytes());
    }
    head.extend(random());
    head.extend(blake3::derive_key(SUM, &head));
    head
}

/// A key that nobody outside can guess: std's hash maps are keyed from the system's random numbers, for the same reason.
fn random() -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("tamis 2026-11 key of counters");
    for _ in 0..4 {
        hasher.update(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests;
