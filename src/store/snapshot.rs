//! [`Snapshot`]: what a store held at one moment.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::Arc;

use serde::Serialize;

use crate::error::{Error, ErrorCode, Result};
use crate::files::Stamp;
use crate::fingerprint::Algorithms;
use crate::names::digest_of;
use crate::search::{Layers, group_of};
use crate::set::{Entry, EntryId, Set};

use super::manifest::{Manifest, SetRecord};
use super::state_digest::StateDigest;

digest_of! {
    /// Identifies what a store holds: BLAKE3 over the digests of its sets and its manifest.
    StoreDigest
}

/// What a store held at one moment. Immutable.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) layers: Layers,
    pub(super) digest: StoreDigest,
    pub(super) manifest: Option<Manifest>,
    /// How many of the layers are the manifest's, from the first.
    pub(super) own: usize,
    /// Of the manifest, or of the one set file.
    pub(super) stamp: Option<Stamp>,
    /// Kept open, so that no other file can have its stamp.
    #[allow(dead_code, reason = "held for what it keeps from happening")]
    pub(super) pin: Option<File>,
    /// Sets that were open before stand in for the base that the manifest names.
    pub(super) behind: bool,
    /// Which finding it is: see [`Gate`](super::gate::Gate).
    pub(super) ticket: u64,
}

/// Entries of one list, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Census {
    /// Entries that are not withdrawn and have not expired.
    pub entries: u64,
    /// Those of them that the operator has switched off.
    pub suppressed: u64,
    /// Entries that are not withdrawn but have expired.
    pub expired: u64,
}

impl Snapshot {
    /// What is searched: the sets, each laid over those before it.
    pub fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The sets, the base first.
    pub fn sets(&self) -> &[Arc<Set>] {
        self.layers.sets()
    }

    /// Identifies the contents.
    pub fn digest(&self) -> StoreDigest {
        self.digest
    }

    /// The manifest; none if the store is a single set.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// Which version of the store it is; 0 for a single set.
    pub fn version(&self) -> u64 {
        self.manifest.as_ref().map_or(0, |manifest| manifest.version)
    }

    /// Whether sets that were open before stand in for the base that the manifest names, since a sealed base is only copied when the process is told to:
    /// [`Store::refresh`](super::Store::refresh). What is in force is the same.
    pub fn is_behind(&self) -> bool {
        self.behind
    }

    /// When the store was last found to be up to date: of the lists that exchanges make, the one that was not for the longest time; without such lists, when anything was
    /// last changed; for a single set, when it was built. In seconds since 1970; 0 if not known. The lists of friends, referrals and submissions are as old as
    /// [`ListRecord::refreshed`](super::ListRecord::refreshed) says, and do not age the store: none of them, silent or held back, must hold back all uploads.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt).
    pub fn updated(&self) -> Result<u64> {
        match &self.manifest {
            Some(manifest) => {
                let others = manifest.lists.values().filter(|list| {
                    list.kind.ages_store() && !list.suppressed && list.refreshed > 0
                });
                Ok(others.map(|list| list.refreshed).min().unwrap_or(manifest.updated))
            }
            None => self.sets().first().map_or(Ok(0), |set| set.created()),
        }
    }

    /// The algorithms that have entries in any set.
    pub fn algorithms(&self) -> Algorithms {
        self.sets().iter().flat_map(|set| set.algorithms().iter()).collect()
    }

    /// Number of entries in all sets, withdrawn or not.
    pub fn entry_count(&self) -> u64 {
        self.sets().iter().map(|set| set.entry_count()).sum()
    }

    /// The set of a manifest, if it is open here.
    pub(super) fn open_already(&self, record: &SetRecord) -> Option<&Arc<Set>> {
        self.sets().iter().find(|set| set.digest().to_string() == record.digest)
    }

    pub(super) fn holds(&self, record: &SetRecord) -> bool {
        self.open_already(record).is_some()
    }

    /// The sets that are open here and say together what a new base says.
    ///
    /// # Errors
    /// [`ErrorCode::Store`] if some changes that went into the base never were open here.
    pub(super) fn in_place_of(&self, base: &SetRecord) -> Result<Vec<Arc<Set>>> {
        let mut sets = Vec::new();
        // Up to which number all changes of a list are here.
        let mut known: BTreeMap<String, u64> = BTreeMap::new();
        for set in self.sets().iter().take(self.own) {
            let changes = set.changes()?;
            let last = |list: &str| base.change(list).map_or(0, |change| change.last);
            if changes.iter().all(|change| change.last <= last(&change.list)) {
                for change in changes {
                    let known = known.entry(change.list).or_default();
                    if change.replaces || change.first == *known + 1 {
                        *known = change.last;
                    }
                }
                sets.push(Arc::clone(set));
            }
        }
        if base.changes.iter().all(|change| known.get(&change.list) == Some(&change.last)) {
            return Ok(sets);
        }
        Err(Error::new(
            ErrorCode::Store,
            "the store has a new base, and this process, which holds a sealed copy of the old one, has not seen all that went into it: reload the store",
        ))
    }

    /// Calls `each` with every entry that stands, expired or not, with the position of its set and the name of its list. Reads all of the store.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt), and those of `each`.
    pub fn each_entry(
        &self,
        each: &mut dyn FnMut(usize, &str, EntryId, &Entry) -> Result<()>,
    ) -> Result<()> {
        self.layers.each_entry(0..self.sets().len(), each)
    }

    /// What the breaker counts an entry by, [`Match::group`](crate::search::Match::group); none if no entry of that id stands. Reads all of the store.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt).
    pub fn group_of(&self, entry: EntryId) -> Result<Option<EntryId>> {
        let mut group = None;
        self.layers.each_summary(0..self.sets().len(), &mut |set, found| {
            if let Some(set) = self.sets().get(set).filter(|_| found.id == entry) {
                let stored = set.entry(found.index)?;
                let lists = set.lists()?;
                let list = lists.get(stored.list).map(|list| &list.name);
                group = list.map(|list| group_of(list, &stored.entry.fingerprint));
            }
            Ok(())
        })?;
        Ok(group)
    }

    /// How many entries of each list act, at a time in seconds since 1970. Reads all of the store: some seconds for ten million entries.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt).
    pub fn census(&self, now: u64) -> Result<BTreeMap<String, Census>> {
        let known = self.manifest.iter().flat_map(|manifest| manifest.lists.keys());
        let mut lists: HashMap<String, Census> =
            known.map(|name| (name.clone(), Census::default())).collect();
        for set in self.sets() {
            for list in set.lists()?.iter() {
                lists.entry(list.name.clone()).or_default();
            }
        }
        self.layers.each_summary(0..self.sets().len(), &mut |set, entry| {
            let names = self.sets()[set].lists()?;
            let Some(list) = names.get(entry.traits.list as usize) else { return Ok(()) };
            let Some(census) = lists.get_mut(&list.name) else { return Ok(()) };
            if entry.expires != 0 && u64::from(entry.expires) <= now {
                census.expired += 1;
                return Ok(());
            }
            census.entries += 1;
            let off = self.layers.suppresses(entry.id)?;
            census.suppressed += u64::from(off || self.layers.is_off(&list.name));
            Ok(())
        })?;
        Ok(lists.into_iter().collect())
    }

    /// Identifies what the entries and suppressions say, however they lie in sets: equal for two stores that know the same changes, in whatever
    /// order they took them and whenever they were compacted. Entries that have expired at `now`, in seconds since 1970, are left out. Reads all of the store.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt).
    pub fn state_digest(&self, now: u64) -> Result<[u8; 32]> {
        let mut digest = StateDigest::default();
        self.layers.each_entry(0..self.own, &mut |_, list, id, entry| {
            digest.add_entry(list, id, entry, now);
            Ok(())
        })?;
        let lists = self.manifest.iter().flat_map(|manifest| &manifest.lists);
        for (name, _) in lists.filter(|(_, list)| list.suppressed) {
            digest.add(format!("suppressed {name:?}").as_bytes());
        }
        for id in self.layers.suppressions()? {
            digest.add(&id.0);
        }
        Ok(digest.finish())
    }
}
