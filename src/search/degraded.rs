//! What the breaker has degraded: entries, or whole lists, whose perceptual matches are not to be trusted for the time being.
//!
//! A list may have many entries of one fingerprint, and what matches one of them matches all. So they are degraded together: what is named is their group.

use std::collections::{BTreeSet, HashMap};

use crate::error::Result;
use crate::fingerprint::{Algorithm, Fingerprint};
use crate::set::{EntryId, Role, Set, Summary};

use super::Layers;

/// Label sets whose answers are remembered.
const REMEMBERED: usize = 1 << 12;

/// What stands for all entries of a list that have a fingerprint.
pub(crate) fn group_of(list: &str, fingerprint: &Fingerprint) -> EntryId {
    EntryId::new(list, "", Role::Listed, fingerprint)
}

/// Entries, by their [`Match::group`](super::Match::group), and lists whose perceptual matches lead to review at most: see [`Match::degraded`](super::Match::degraded). Digest
/// matches, and entries of an active incident, are not touched by it.
///
/// ```
/// use tamis::search::Degraded;
/// use tamis::set::EntryId;
/// let degraded = Degraded::new([EntryId([7; 16])], ["friend".to_owned()]);
/// assert!(degraded.covers(EntryId([7; 16]), "gifct") && degraded.covers(EntryId([8; 16]), "friend"));
/// assert!(!degraded.covers(EntryId([8; 16]), "gifct"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Degraded {
    /// Ascending.
    groups: Vec<EntryId>,
    lists: BTreeSet<String>,
}

impl Degraded {
    /// Some groups of entries, and all entries of the lists of these names.
    pub fn new(
        groups: impl IntoIterator<Item = EntryId>,
        lists: impl IntoIterator<Item = String>,
    ) -> Degraded {
        let mut groups: Vec<EntryId> = groups.into_iter().collect();
        groups.sort_unstable();
        Degraded { groups, lists: lists.into_iter().collect() }
    }

    /// Whether nothing is degraded, as it should be.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.lists.is_empty()
    }

    /// Whether it names the group, or its list.
    pub fn covers(&self, group: EntryId, list: &str) -> bool {
        self.groups.binary_search(&group).is_ok() || self.lists.contains(list)
    }
}

/// Asks that of very many entries.
pub(super) struct Asking<'a> {
    degraded: &'a Degraded,
    layers: &'a Layers,
    now: u64,
    /// By set: which of its lists are named.
    lists: HashMap<u32, Vec<bool>>,
    /// Set, algorithm, row and list that were asked about last, and whether that group is named: a fingerprint may have a million entries.
    last: Option<((u32, Algorithm, u32, u32), bool)>,
    /// By set, label set and list: whether a label is that of an active incident.
    incidents: HashMap<(u32, u32, u32), bool>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(degraded: &'a Degraded, layers: &'a Layers, now: u64) -> Asking<'a> {
        Asking {
            degraded,
            layers,
            now,
            lists: HashMap::new(),
            last: None,
            incidents: HashMap::new(),
        }
    }

    /// Whether a match of this entry of the set at that position, found in that row, is degraded.
    pub(super) fn degrades(
        &mut self,
        position: u32,
        set: &Set,
        (algorithm, row): (Algorithm, u32),
        entry: &Summary,
    ) -> Result<bool> {
        if self.degraded.is_empty() || algorithm.is_digest() {
            return Ok(false);
        }
        let list = entry.traits.list;
        let named =
            self.list(position, set, list)? || self.group((position, algorithm, row, list), set)?;
        Ok(named && !self.is_of_active_incident(position, set, entry)?)
    }

    fn group(&mut self, which: (u32, Algorithm, u32, u32), set: &Set) -> Result<bool> {
        if self.degraded.groups.is_empty() {
            return Ok(false);
        }
        if let Some((_, named)) = self.last.filter(|(last, _)| *last == which) {
            return Ok(named);
        }
        let (_, algorithm, row, list) = which;
        let fingerprint = set.fingerprint(algorithm, u64::from(row))?;
        let named = set.lists()?.get(list as usize).is_some_and(|list| {
            self.degraded.groups.binary_search(&group_of(&list.name, &fingerprint)).is_ok()
        });
        self.last = Some((which, named));
        Ok(named)
    }

    fn list(&mut self, position: u32, set: &Set, list: u32) -> Result<bool> {
        if self.degraded.lists.is_empty() {
            return Ok(false);
        }
        if !self.lists.contains_key(&position) {
            let lists = set.lists()?;
            let named = lists.iter().map(|l| self.degraded.lists.contains(&l.name)).collect();
            self.lists.insert(position, named);
        }
        let named = self.lists.get(&position).and_then(|lists| lists.get(list as usize));
        Ok(named.copied().unwrap_or(false))
    }

    fn is_of_active_incident(&mut self, position: u32, set: &Set, entry: &Summary) -> Result<bool> {
        if u64::from(entry.expires) <= self.now {
            return Ok(false);
        }
        let key = (position, entry.traits.labels, entry.traits.list);
        if let Some(known) = self.incidents.get(&key) {
            return Ok(*known);
        }
        if self.incidents.len() >= REMEMBERED {
            self.incidents.clear();
        }
        let lists = set.lists()?;
        let kind = lists.get(key.2 as usize).map(|list| self.layers.terms(list).kind);
        let labels = set.labels(key.1)?;
        let incident = kind.is_some_and(|kind| {
            self.layers.in_active_incident(&labels, kind, entry.expires, self.now)
        });
        self.incidents.insert(key, incident);
        Ok(incident)
    }
}
