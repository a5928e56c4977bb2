//! What the breaker has degraded: entries, or whole lists, whose perceptual matches are not to be trusted for the time being.

use std::collections::{BTreeSet, HashMap};

use crate::error::Result;
use crate::fingerprint::Algorithm;
use crate::set::{EntryId, Set, Summary};

use super::Layers;

/// Label sets whose answers are remembered.
const REMEMBERED: usize = 1 << 12;

/// Entries and lists whose perceptual matches lead to review at most: see [`Match::degraded`](super::Match::degraded). Digest
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
    entries: Vec<EntryId>,
    lists: BTreeSet<String>,
}

impl Degraded {
    /// Some entries, and all entries of the lists of these names.
    pub fn new(
        entries: impl IntoIterator<Item = EntryId>,
        lists: impl IntoIterator<Item = String>,
    ) -> Degraded {
        let mut entries: Vec<EntryId> = entries.into_iter().collect();
        entries.sort_unstable();
        Degraded { entries, lists: lists.into_iter().collect() }
    }

    /// Whether nothing is degraded, as it should be.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.lists.is_empty()
    }

    /// Whether it names the entry, or its list.
    pub fn covers(&self, entry: EntryId, list: &str) -> bool {
        self.entries.binary_search(&entry).is_ok() || self.lists.contains(list)
    }
}

/// Asks that of very many entries.
pub(super) struct Asking<'a> {
    degraded: &'a Degraded,
    layers: &'a Layers,
    now: u64,
    /// By set: which of its lists are named.
    lists: HashMap<u32, Vec<bool>>,
    /// By set, label set and list: whether a label is that of an active incident.
    incidents: HashMap<(u32, u32, u32), bool>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(degraded: &'a Degraded, layers: &'a Layers, now: u64) -> Asking<'a> {
        Asking { degraded, layers, now, lists: HashMap::new(), incidents: HashMap::new() }
    }

    /// Whether a match of this entry of the set at that position is degraded.
    pub(super) fn degrades(
        &mut self,
        position: u32,
        set: &Set,
        algorithm: Algorithm,
        entry: &Summary,
    ) -> Result<bool> {
        if self.degraded.is_empty() || algorithm.is_digest() {
            return Ok(false);
        }
        let named = self.degraded.entries.binary_search(&entry.id).is_ok()
            || self.list(position, set, entry.traits.list)?;
        Ok(named && !self.is_of_active_incident(position, set, entry)?)
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
