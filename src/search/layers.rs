//! [`Layers`]: sets in the order in which they override each other, a base and its deltas.
//!
//! ```text
//! of an entry that stands in several sets, the last of them counts
//! an entry of set i does not count if a set j > i
//!     replaces its list, or
//!     has a tombstone of its list with the entry's id, its item or its source id
//! an entry is switched off if a set j suppresses its id and no set k > j has a tombstone of that suppression, or replaces the operator's list
//! ```
//!
//! Suppressions are the affair of one list, the operator's own ([`Layers::LOCAL`]): a set that was merged holds changes of many lists and does not say whose
//! suppressions it holds.
//!
//! Which later sets say anything of a list is found out once, when the layers are laid. A set that no later one speaks of costs a look at an empty
//! table for each entry found.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::fingerprint::Algorithm;
use crate::set::{
    Entry, EntryId, List, ListKind, Set, Summary, TombstoneKind, incident_of, text_key,
};

/// Sets, each laid over those before it. What is searched.
///
/// ```
/// use std::sync::Arc;
/// use tamis::search::Layers;
/// use tamis::set::{Delta, List, ListKind, Set};
/// let delta = Delta::new(List::new("local", ListKind::Local), 1)?.replacing();
/// let set = Set::from_bytes(&delta.to_bytes()?.0)?;
/// let layers = Layers::new(vec![Arc::new(set)])?;
/// assert_eq!(layers.sets().len(), 1);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Layers {
    sets: Vec<Arc<Set>>,
    /// By set, by list of that set; empty where no later set withdraws anything of any of its lists.
    over: Vec<Vec<Over>>,
    /// Sets that switch entries off, and those that switch some on again: by position, with the position of the list that does.
    suppressing: Vec<usize>,
    lifting: Vec<(usize, u32)>,
    /// Pairs of sets: of what the first switches off, the second ends all.
    ending: Vec<(usize, usize)>,
    /// What the operator has laid down for lists by name, whatever the sets say; and whether a list is switched off as a whole.
    terms: HashMap<String, (List, bool)>,
    /// By set, by list of that set: whether it is switched off as a whole. Empty if none is.
    off: Vec<Vec<bool>>,
    /// The incidents that the operator has declared, and when they end, in seconds since 1970.
    incidents: HashMap<String, u64>,
}

/// What later sets withdraw of a list of a set.
#[derive(Clone, Debug, Default)]
struct Over {
    /// All of it.
    replaced: bool,
    /// Or what these have tombstones of: by position, with the position of the list there.
    tombstones: Vec<Tombstones>,
}

#[derive(Clone, Debug)]
struct Tombstones {
    set: usize,
    list: u32,
    /// Whether there are any of items, and of source ids: only then are texts looked at.
    items: bool,
    sources: bool,
}

impl Layers {
    /// Name of the operator's own list, the only one that switches entries of others off and on.
    pub(crate) const LOCAL: &'static str = "local";

    /// Lays each set over those before it.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt) if the names of a set's lists or its delta header are damaged.
    pub fn new(sets: Vec<Arc<Set>>) -> Result<Layers> {
        let mut layers = Layers { over: vec![Vec::new(); sets.len()], ..Layers::default() };
        for (above, set) in sets.iter().enumerate() {
            if set.suppression_count() > 0 {
                layers.suppressing.push(above);
            }
            let changes = set.changes()?;
            if changes.is_empty() {
                // Opening a set reads its head only.
                continue;
            }
            let lists = set.lists()?;
            for change in changes {
                let Some(list) = set.list_named(&change.list)? else { continue };
                // Nobody else overrules the operator, nor does another list of his.
                let local = change.list == Layers::LOCAL
                    && lists.get(list as usize).is_some_and(|list| list.kind.may_suppress());
                if local && change.replaces {
                    for below in layers.suppressing.iter().filter(|below| **below < above) {
                        let changes = sets[*below].changes()?;
                        if changes.iter().any(|earlier| earlier.list == change.list) {
                            layers.ending.push((*below, above));
                        }
                    }
                }
                if local && set.withdraws_any(list, TombstoneKind::Suppression)? {
                    layers.lifting.push((above, list));
                }
                let found = Tombstones {
                    set: above,
                    list,
                    items: set.withdraws_any(list, TombstoneKind::Item)?,
                    sources: set.withdraws_any(list, TombstoneKind::Source)?,
                };
                let any = found.items
                    || found.sources
                    || set.withdraws_any(list, TombstoneKind::Entry)?;
                if !any && !change.replaces {
                    continue;
                }
                for (below, over) in sets.iter().zip(&mut layers.over).take(above) {
                    let Some(same) = below.list_named(&change.list)? else { continue };
                    over.resize(below.lists()?.len(), Over::default());
                    let Some(over) = over.get_mut(same as usize) else { continue };
                    over.replaced |= change.replaces;
                    if any {
                        over.tombstones.push(found.clone());
                    }
                }
            }
        }
        layers.sets = sets;
        Ok(layers)
    }

    /// One set by itself.
    ///
    /// # Errors
    /// As for [`Layers::new`].
    pub fn of(set: impl Into<Arc<Set>>) -> Result<Layers> {
        Layers::new(vec![set.into()])
    }

    /// The sets, the base first.
    pub fn sets(&self) -> &[Arc<Set>] {
        &self.sets
    }

    /// Puts what the operator has laid down in the place of what sets say of a list, by its name: kind, agreement, legal basis; and whether it is
    /// switched off as a whole.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt).
    pub(crate) fn with_terms(
        mut self,
        terms: impl IntoIterator<Item = (List, bool)>,
    ) -> Result<Layers> {
        self.terms =
            terms.into_iter().map(|(list, off)| (list.name.clone(), (list, off))).collect();
        self.off.clear();
        if self.terms.values().any(|(_, off)| *off) {
            for set in &self.sets {
                let lists = set.lists()?;
                self.off.push(lists.iter().map(|list| self.is_off(&list.name)).collect());
            }
        }
        Ok(self)
    }

    /// Says which incidents the operator has declared, and when each ends, in seconds since 1970.
    #[must_use]
    pub(crate) fn with_incidents(
        mut self,
        incidents: impl IntoIterator<Item = (String, u64)>,
    ) -> Layers {
        self.incidents = incidents.into_iter().collect();
        self
    }

    /// Whether an entry is of an incident that is active at `now` (seconds since 1970): one that the operator has declared and that its label names; it ends by itself,
    /// but not yet. Friends and others whose word is a hint declare no incidents, whatever their labels say.
    pub(crate) fn in_active_incident(
        &self,
        labels: &[String],
        kind: ListKind,
        expires: u32,
        now: u64,
    ) -> bool {
        u64::from(expires) > now
            && kind.may_name_incidents()
            && labels
                .iter()
                .filter_map(|label| incident_of(label))
                .any(|incident| self.incidents.get(incident).is_some_and(|end| *end > now))
    }

    /// What holds for a list of a set.
    pub(super) fn terms<'a>(&'a self, list: &'a List) -> &'a List {
        self.terms.get(&list.name).map_or(list, |(list, _)| list)
    }

    /// Whether a list, by its name, is switched off as a whole.
    pub fn is_off(&self, list: &str) -> bool {
        self.terms.get(list).is_some_and(|(_, off)| *off)
    }

    /// Whether an entry of a set is switched off, by itself or with its list.
    pub(super) fn off(&self, set: usize, entry: &Summary) -> Result<bool> {
        let list = self.off.get(set).and_then(|lists| lists.get(entry.traits.list as usize));
        Ok(list.copied().unwrap_or(false) || self.suppresses(entry.id)?)
    }

    /// Calls `each` with every entry of some of the sets that stands in these sets laid over each other, expired or not, in the order of sets and fingerprints. Each id
    /// comes once.
    pub(crate) fn each_summary(
        &self,
        sets: Range<usize>,
        each: &mut dyn FnMut(usize, &Summary) -> Result<()>,
    ) -> Result<()> {
        for position in sets.clone() {
            let Some(set) = self.sets.get(position) else { continue };
            let above = self.sets.get(position + 1..sets.end).unwrap_or_default();
            // The ids above are either all held, or looked up row by row, whichever is less.
            let held = above.iter().map(|set| set.entry_count()).sum::<u64>() <= set.entry_count();
            let mut ids = HashSet::new();
            if held {
                for set in above {
                    set.each_summary(|entry| {
                        ids.insert(entry.id);
                        Ok(())
                    })?;
                }
            }
            for (algorithm, row) in set.rows() {
                if !held {
                    ids.clear();
                    ids_of_row(set, algorithm, row, above, &mut ids)?;
                }
                for entry in set.summaries(algorithm, row)? {
                    let entry = entry?;
                    if !self.withdrawn(position, &entry)? && !ids.contains(&entry.id) {
                        each(position, &entry)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Calls `each` with every entry that a later set withdraws.
    pub(crate) fn each_withdrawn(
        &self,
        each: &mut dyn FnMut(&str, &Summary) -> Result<()>,
    ) -> Result<()> {
        for (position, set) in self.sets.iter().enumerate() {
            if self.over.get(position).is_none_or(Vec::is_empty) {
                continue;
            }
            let lists = set.lists()?;
            set.each_summary(|entry| match lists.get(entry.traits.list as usize) {
                Some(list) if self.withdrawn(position, entry)? => each(&list.name, entry),
                _ => Ok(()),
            })?;
        }
        Ok(())
    }

    /// As [`Layers::each_summary`], with all that is to be said of the entries and the names of their lists.
    pub(crate) fn each_entry(
        &self,
        sets: Range<usize>,
        each: &mut dyn FnMut(usize, &str, EntryId, &Entry) -> Result<()>,
    ) -> Result<()> {
        self.each_summary(sets, &mut |position, summary| {
            let Some(set) = self.sets.get(position) else { return Ok(()) };
            let stored = set.entry(summary.index)?;
            let lists = set.lists()?;
            let list = lists.get(stored.list).map_or("", |list| &list.name);
            each(position, list, stored.id, &stored.entry)
        })
    }

    /// The ids of the entries that later sets have of a fingerprint, given by a row of the set at that position: what those say of them counts.
    pub(super) fn ids_above(
        &self,
        position: usize,
        algorithm: Algorithm,
        row: u64,
    ) -> Result<HashSet<EntryId>> {
        let mut ids = HashSet::new();
        let above = self.sets.get(position + 1..).unwrap_or_default();
        if let Some(set) = self.sets.get(position).filter(|_| !above.is_empty()) {
            ids_of_row(set, algorithm, row, above, &mut ids)?;
        }
        Ok(ids)
    }

    /// The ids of all entries that are switched off one by one.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt).
    pub fn suppressions(&self) -> Result<BTreeSet<EntryId>> {
        let mut off = BTreeSet::new();
        for above in &self.suppressing {
            let Some(set) = self.sets.get(*above) else { continue };
            for id in set.suppressions()? {
                if !self.lifted(*above, id)? {
                    off.insert(id);
                }
            }
        }
        Ok(off)
    }

    /// Whether a later set withdraws an entry of the set at that position. That one of the same id stands in a later set is another matter.
    pub(crate) fn withdrawn(&self, set: usize, entry: &Summary) -> Result<bool> {
        let over = self.over.get(set).and_then(|lists| lists.get(entry.traits.list as usize));
        let (Some(over), Some(own)) = (over, self.sets.get(set)) else { return Ok(false) };
        if over.replaced {
            return Ok(true);
        }
        let mut texts = None;
        for above in &over.tombstones {
            let Some(set) = self.sets.get(above.set) else { continue };
            if set.withdraws(above.list, TombstoneKind::Entry, entry.id.0)? {
                return Ok(true);
            }
            if !above.items && !above.sources {
                continue;
            }
            let (item, source) = match texts {
                Some(keys) => keys,
                None => {
                    let stored = own.entry(entry.index)?.entry;
                    *texts.insert((text_key(&stored.item), text_key(&stored.source_id)))
                }
            };
            if above.items && set.withdraws(above.list, TombstoneKind::Item, item)?
                || above.sources && set.withdraws(above.list, TombstoneKind::Source, source)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether an entry is switched off.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt).
    pub fn suppresses(&self, id: EntryId) -> Result<bool> {
        // What the last set that speaks of it says.
        for &above in self.suppressing.iter().rev() {
            let Some(set) = self.sets.get(above) else { continue };
            if set.suppressed_ids()?.binary_search(&id.0).is_ok() {
                return Ok(!self.lifted(above, id)?);
            }
        }
        Ok(false)
    }

    fn lifted(&self, below: usize, id: EntryId) -> Result<bool> {
        if self.ending.iter().any(|(of, _)| *of == below) {
            return Ok(true);
        }
        for &(above, list) in self.lifting.iter().filter(|(above, _)| *above > below) {
            let Some(set) = self.sets.get(above) else { continue };
            if set.withdraws(list, TombstoneKind::Suppression, id.0)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The ids of the entries that some sets have of a fingerprint, given by a row of another set.
fn ids_of_row(
    set: &Set,
    algorithm: Algorithm,
    row: u64,
    above: &[Arc<Set>],
    ids: &mut HashSet<EntryId>,
) -> Result<()> {
    let fingerprint = set.fingerprint(algorithm, row)?;
    for set in above {
        if let Some(row) = set.row_of(&fingerprint)? {
            for entry in set.summaries(algorithm, row)? {
                ids.insert(entry?.id);
            }
        }
    }
    Ok(())
}
