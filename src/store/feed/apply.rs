//! Taking a feed into a store.
//!
//! ```text
//! apply_feed(directory):
//!     keys pinned to its list? accept it by them and by what was seen (received.rs)   else refused
//!     the very feed that was seen last?                                               its list is up to date, and nothing else to do
//!     leave out the sets whose changes the store holds already; a change that it holds with other contents is refused
//!     are the others more bytes than the store has room for?                          refused
//!     fetch and check all the others, before any of them is applied
//!     check and lay them, in order
//!     publish them all at once, with the feed's version and digest
//! ```
//!
//! All of a feed's version is in force, or nothing of it. The bounds on growth and loss hold for all of it together.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result, shown};
use crate::set::{Delta, Set};

use super::super::manifest::Manifest;
use super::super::staging::{Staging, Taken};
use super::super::update::{Applied, Terms, changed, counted_entries};
use super::super::writer::StoreWriter;
use super::contents;
use super::file::{FeedSet, MOST_BYTES};
use super::key::KeyId;
use super::received::{Accepted, Received, Trust, fetch_alone};

/// Seconds after which it is written down that a list is still up to date: an hour.
const CONFIRMED: u64 = 3600;

/// Bytes that may come at once: four times what the store has, and always four gigabytes, which is room for some ten million entries. What fills the disk of a store keeps the
/// operator from adding anything, too.
const TIMES: u64 = 4;
const ALWAYS: u64 = 4 << 30;

/// What became of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedApplied {
    /// Its list.
    pub list: String,
    /// Its version, which is now the one that was seen last.
    pub feed: u64,
    /// The store's version now.
    pub version: u64,
    /// Sets that were applied; none if all were held already.
    pub sets: usize,
    /// Entries that came with them.
    pub entries: u64,
    /// The keys that signed it; none where the list is taken unsigned.
    pub signed_by: Vec<KeyId>,
}

/// What the operator has laid down for the signatures of a list.
///
/// # Errors
/// [`ErrorCode::UpdateForeign`] if the list is not known or has no maker; [`ErrorCode::Store`] if a key of the manifest cannot be read.
pub fn trust(manifest: &Manifest, list: &str) -> Result<Trust> {
    let record = manifest.lists.get(list).filter(|record| record.has_maker()).ok_or_else(|| {
        let list = shown(list);
        Error::new(
            ErrorCode::UpdateForeign,
            format!("the store takes no feed of the list {list:?}; to subscribe, pin its maker's key: tamis store trust STORE KEY --list {list:?}"),
        )
    })?;
    let keys = record.keys.iter().map(|key| key.parse()).collect::<Result<Vec<_>>>();
    let keys = keys.map_err(|e| Error::new(ErrorCode::Store, format!("the manifest: {e}")))?;
    Ok(Trust { list: list.to_owned(), keys, need: record.need, unsigned: record.unsigned })
}

impl StoreWriter {
    /// Takes the feed in a directory, by the keys that are pinned to its list. The very feed that was taken last, brought again, [confirms](StoreWriter::confirm) the list, if that was not done for an hour.
    ///
    /// ```no_run
    /// use tamis::store::{StoreWriter, Terms};
    /// let mut writer = StoreWriter::open("/var/lib/tamis")?;
    /// let applied = writer.apply_feed("/var/spool/tamis/neighbour", &Terms::at(1_790_000_000))?;
    /// assert_eq!(applied.list, "neighbour");
    /// # Ok::<(), tamis::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Received::read`], [`Received::accept`], [`Accepted::fetch`], [`StoreWriter::apply`] and [`trust`]. Refusals stand in the log; [`ErrorCode::UpdateIncomplete`]
    /// does not where the terms say that it is [waited for](Terms::waiting).
    pub fn apply_feed(
        &mut self,
        directory: impl AsRef<Path>,
        terms: &Terms,
    ) -> Result<FeedApplied> {
        let received = Received::read(directory).inspect_err(|error| {
            // What is not there, or cannot be read, is no update that was refused.
            if error.code() == ErrorCode::UpdateMalformed {
                self.log_refusal("", "feed", error, terms.now);
            }
        })?;
        let (list, version) = (received.feed().list.clone(), received.feed().version);
        let known = self.manifest.lists.contains_key(&list);
        let list = if known { list } else { shown(&list) };
        let applied = self.take_feed(received, terms);
        match &applied {
            Err(error) if terms.wait_for(error) => applied,
            _ => self.settle(&list, &format!("feed version {version}"), terms.now, applied),
        }
    }

    fn take_feed(&mut self, received: Received, terms: &Terms) -> Result<FeedApplied> {
        let list = received.feed().list.clone();
        let trust = trust(&self.manifest, &list)?;
        let record = self.manifest.lists.get(&list);
        let remembered = record.and_then(|record| record.feed.as_ref());
        let accepted = received.accept(&trust, remembered, terms.now)?;
        let mut applied = FeedApplied {
            list: list.clone(),
            feed: accepted.feed().version,
            version: self.manifest.version,
            sets: 0,
            entries: 0,
            signed_by: accepted.signed_by().to_vec(),
        };
        if accepted.is_known() {
            let refreshed = record.map_or(0, |record| record.refreshed);
            if terms.now >= refreshed.saturating_add(CONFIRMED) {
                self.confirm(&list, terms)?;
                applied.version = self.manifest.version;
            }
            return Ok(applied);
        }
        let (last, held) = (accepted.feed().last(), self.manifest.last_number(&list));
        if last < held {
            return Err(Error::new(
                ErrorCode::UpdateConflict,
                format!(
                    "it ends with change {last} of the list {:?}, and the store holds up to {held}: they are not of one history",
                    shown(&list)
                ),
            ));
        }
        let mut wanted = Vec::new();
        for set in &accepted.feed().sets {
            if !self.holds(&list, set)? {
                wanted.push(set);
            }
        }
        self.check_bytes(wanted.iter().fold(0, |sum, set| set.bytes.saturating_add(sum)), terms)?;
        let mut fetched = Vec::new();
        for set in wanted {
            fetched.push(self.fetch(&accepted, set, fetched.len())?);
        }
        let mut staging = Staging::new(self, terms);
        for set in &fetched {
            let Some(record) = staging.laid_down(&list) else { break };
            let taken = staging.take(Delta::from_set(set, record.list(&list))?, false)?;
            if let Taken::Laid { entries, .. } = taken {
                applied.sets += 1;
                applied.entries += entries;
            }
        }
        staging.check_bounds()?;
        let mut manifest = staging.manifest;
        let version = accepted.seen().version;
        if let Some(record) = manifest.lists.get_mut(&list) {
            record.feed = Some(accepted.seen());
            record.refreshed = terms.now;
        }
        let what = format!(
            "feed version {version}, {}: {}",
            signers(&applied.signed_by),
            counted_entries(applied.entries)
        );
        self.publish(manifest, changed(list, what, terms))?;
        applied.version = self.manifest.version;
        Ok(applied)
    }

    /// Takes one change of a list from a set file that came without a feed, and so without a signature. Only for lists of which the operator has said that they are taken so.
    ///
    /// # Errors
    /// [`ErrorCode::UpdateUnsigned`] for any other list; [`ErrorCode::UpdateIncomplete`] if the file is cut short; otherwise as for
    /// [`StoreWriter::apply`]. Refusals stand in the log; [`ErrorCode::UpdateIncomplete`] does not where the terms say that it is [waited for](Terms::waiting).
    pub fn apply_unsigned(&mut self, path: impl AsRef<Path>, terms: &Terms) -> Result<Applied> {
        let path = path.as_ref();
        let taken = self.take_unsigned(path, terms);
        taken.map_err(|(error, logged)| {
            if !logged && !terms.wait_for(&error) {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                self.log_refusal("", &shown(&name), &error, terms.now);
            }
            error.with_path(path)
        })
    }

    /// An error says whether it stands in the log already.
    fn take_unsigned(
        &mut self,
        path: &Path,
        terms: &Terms,
    ) -> std::result::Result<Applied, (Error, bool)> {
        let delta = self.unsigned_delta(path, terms).map_err(|error| (error, false))?;
        self.apply(delta, terms).map_err(|error| (error, true))
    }

    fn unsigned_delta(&self, path: &Path, terms: &Terms) -> Result<Delta> {
        // Before anything of it is copied: it may be as large as it likes.
        if !self.manifest.lists.values().any(|list| list.unsigned) {
            return Err(Error::new(
                ErrorCode::UpdateUnsigned,
                "it is a set without a signed feed, and no list is taken unsigned",
            ));
        }
        let copy = self.fetched(0);
        let set = fetch_alone(path, &copy, |bytes| self.check_bytes(bytes, terms))?;
        let _ = std::fs::remove_file(&copy);
        let changes = set.changes()?;
        let Some(name) = changes.first().map(|change| &change.list) else {
            let what = "it says of no list which change of it this is; expected a set that `tamis list publish` made";
            return Err(Error::new(ErrorCode::UpdateForeign, what));
        };
        match self.manifest.lists.get(name).filter(|record| record.unsigned) {
            Some(record) => {
                contents::check_rights(&set)?;
                Delta::from_set(&set, record.list(name))
            }
            None => Err(Error::new(
                ErrorCode::UpdateUnsigned,
                format!(
                    "it is a change of the list {:?} without a signed feed, and that list is not taken unsigned",
                    shown(name)
                ),
            )),
        }
    }

    /// Whether the store holds all changes of a set.
    fn holds(&self, list: &str, set: &FeedSet) -> Result<bool> {
        let recent = self.manifest.lists.get(list).map(|record| &record.recent[..]);
        let known = recent.unwrap_or_default().iter().find(|(number, _)| *number == set.last);
        if let Some((number, digest)) = known.filter(|_| !set.replaces)
            && *digest != set.digest.to_string()
            && self.held_alone(list, set)
        {
            return Err(Error::new(
                ErrorCode::UpdateConflict,
                format!(
                    "{}: change {number} of the list {list:?} was taken before, and said something else; ask the list's maker",
                    set.file
                ),
            ));
        }
        Ok(self.manifest.holds(list, set.first, set.last))
    }

    /// Whether the change that the store took under a set's last number was a single one, as the set's is, so that both must be the same.
    fn held_alone(&self, list: &str, set: &FeedSet) -> bool {
        let runs = self.manifest.sets.iter().filter_map(|held| held.change(list));
        set.first == set.last && runs.into_iter().all(|run| run.first != 0 || run.last != set.last)
    }

    /// Whether the store's disk is to hold so much that comes at once.
    fn check_bytes(&self, bytes: u64, terms: &Terms) -> Result<()> {
        let held = self.manifest.sets.iter().map(|set| set.bytes).fold(0, u64::saturating_add);
        let most = held.saturating_mul(TIMES).clamp(ALWAYS, MOST_BYTES);
        if terms.force || bytes <= most {
            return Ok(());
        }
        let what = format!(
            "the update is refused: it has {bytes} bytes, and at most {most} are taken at once; if that is meant, and there is room for it, apply it by force (`--force`)"
        );
        Err(Error::new(ErrorCode::UpdateGrowth, what))
    }

    fn fetch(&self, accepted: &Accepted, set: &FeedSet, number: usize) -> Result<Set> {
        let path = self.fetched(number);
        let fetched = accepted.fetch(set, &path)?;
        // It stays mapped for as long as it is needed, and nobody else is to find it.
        #[cfg(unix)]
        let _ = std::fs::remove_file(&path);
        Ok(fetched)
    }

    /// A name that the next writer removes, should this one not live to do it.
    fn fetched(&self, number: usize) -> PathBuf {
        self.directory.join(format!(".fetched-{}-{number}.draft", std::process::id()))
    }
}

fn signers(keys: &[KeyId]) -> String {
    let keys: Vec<String> = keys.iter().map(KeyId::to_string).collect();
    if keys.is_empty() { "not signed".into() } else { format!("signed by {}", keys.join(", ")) }
}
