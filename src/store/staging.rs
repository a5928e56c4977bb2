//! Changes on their way into a store: checked and laid one after the other, and put in force together.
//!
//! ```text
//! take(delta):
//!     a number that was taken before?     the same again: nothing to do; another: refused
//!     too many gaps in its list's numbers?    not yet: what lies above a gap cannot be merged with what lies below it
//!     write it as a set; verify it, search it for its own entries
//!     does any entry match a canary?                  refused
//!     lay it: below the first set with greater numbers of its list
//! when all are laid:
//!     would a list grow or lose beyond the bounds, compared with what is in force?   refused, unless forced
//! ```
//!
//! What is laid lies in the store's directory, where nobody looks for it before a manifest names it. If anything is refused, none does, and the next sweep removes it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result, shown};
use crate::search::Layers;
use crate::set::{Change, Delta, Set, SetDigest, Summary, TombstoneKind};

use super::manifest::{ChangeRecord, Incident, ListRecord, Manifest, SetRecord};
use super::state_digest::StateDigest;
use super::update::{Terms, counted_entries};
use super::writer::{LOCAL, StoreWriter};

/// Numbers and digests of changes that are remembered for each list.
const REMEMBERED: usize = 24;

/// Sets that a store may consist of: each is searched for every upload. The operator's own changes come on top of that.
const MOST_SETS: usize = 128;

/// Gaps in the numbers of a list: its share of the sets that cannot be merged. Transports mix up a few files; more is a fault or ill will.
const MOST_GAPS: usize = 16;

/// A list may grow to so many times its entries at once, and so many more.
const GROWTH: (u64, u64) = (5, 10_000);

/// A list may lose one in so many of its entries at once, or so many if that is more.
const SHRINKAGE: (u64, u64) = (5, 100);

/// A manifest that is not in force yet.
pub(super) struct Staging<'w> {
    writer: &'w StoreWriter,
    terms: &'w Terms,
    pub(super) manifest: Manifest,
}

/// What became of a change.
pub(super) enum Taken {
    /// It was taken before.
    Already,
    /// It says what its list holds.
    Same,
    /// It is laid: so many entries; what it does, in words.
    Laid { entries: u64, what: String },
}

impl<'w> Staging<'w> {
    pub(super) fn new(writer: &'w StoreWriter, terms: &'w Terms) -> Staging<'w> {
        let manifest = writer.manifest.clone();
        Staging { writer, terms, manifest }
    }

    /// `ours`: this store has numbered it, so that nobody asks for the number again.
    pub(super) fn take(&mut self, delta: Delta, ours: bool) -> Result<Taken> {
        let Staging { writer, terms, .. } = *self;
        let change = delta.change().clone();
        let Some(mut list) = self.laid_down(&change.list) else {
            let what = format!("the store does not know the list {:?}", shown(&change.list));
            return Err(Error::new(ErrorCode::UpdateForeign, what));
        };
        let source = delta.source();
        if let Some(source) = source
            && self.was_taken(&change, source)?
        {
            return Ok(Taken::Already);
        }
        self.check_gaps(&change)?;
        // The operator's own changes have no gaps, so they are merged with each other; nobody's sets are in his way.
        let operators = list.kind.is_own() && !list.has_maker();
        if !operators && self.manifest.sets.len() >= MOST_SETS {
            self.join()?;
        }
        if !operators && self.manifest.sets.len() >= MOST_SETS {
            let what = format!(
                "the store has {MOST_SETS} sets, which cannot be merged, because changes are missing or they are large (`tamis store compact` merges those); see `tamis store status`, and ask the lists' makers for the whole lists"
            );
            return Err(Error::new(ErrorCode::Store, what));
        }
        let mut draft = writer.draft()?;
        let incident = delta.incident().map(|(id, expires)| (id.to_owned(), expires));
        let (set, own) = writer.prove(delta.into_builder()?, &mut draft)?;
        // What was not received as a set is told apart by the set that it became.
        let digest = source.unwrap_or(own);
        if self.was_taken(&change, digest)? {
            return Ok(Taken::Already);
        }
        if ours && self.says_the_same(&change, &set)? {
            return Ok(Taken::Same);
        }
        check_suppressions(&change, &set)?;
        writer.check_canaries(&set)?;

        let record = writer.adopt(draft, &set, &self.manifest)?;
        let manifest = &mut self.manifest;
        let above =
            |set: &SetRecord| set.change(&change.list).is_some_and(|c| c.last > change.last);
        let position = manifest.sets.iter().position(above).unwrap_or(manifest.sets.len());
        manifest.sets.insert(position, record);
        list.refreshed = terms.now;
        list.recent.push((change.last, digest.to_string()));
        let most = list.recent.len().saturating_sub(REMEMBERED);
        list.recent.drain(..most);
        manifest.lists.insert(change.list.clone(), list);
        let entries = set.entry_count();
        if let Some((id, expires)) = incident {
            let new = Incident { expires: 0, opened: terms.now, entries: 0 };
            let incident = manifest.incidents.entry(id).or_insert(new);
            incident.expires = incident.expires.max(expires.into());
            incident.entries += entries;
        }
        Ok(Taken::Laid { entries, what: described(&change, &set)? })
    }

    /// Refuses a change that makes one gap too many in the numbers of its list. Those that fill gaps are always welcome.
    fn check_gaps(&self, change: &Change) -> Result<()> {
        let held = self.manifest.sets.iter().filter_map(|set| set.change(&change.list));
        let mut runs: Vec<(u64, u64)> = held.map(|run| (run.first, run.last)).collect();
        let before = gaps(&runs);
        runs.push((change.first, change.last));
        runs.sort_by_key(|(_, last)| *last);
        let after = gaps(&runs);
        if after <= before.max(MOST_GAPS) {
            return Ok(());
        }
        let what = format!(
            "number {} of the list {:?} cannot be taken yet: {before} gaps before it are waiting to be filled; `tamis store status` shows which numbers are missing",
            change.last,
            shown(&change.list)
        );
        Err(Error::new(ErrorCode::UpdateIncomplete, what))
    }

    /// Makes one set of those that were laid here. What is in force is not touched: somebody may be making a base of it.
    fn join(&mut self) -> Result<()> {
        let in_force = &self.writer.manifest.sets;
        let last = self.manifest.sets.iter().rposition(|set| in_force.contains(set));
        let lowest = last.map_or(0, |last| last + 1);
        self.writer.join_uppermost(&mut self.manifest, lowest, &|_, _| true, self.terms.now)?;
        Ok(())
    }

    /// What holds for a list from this change on; none if nobody has laid anything down.
    pub(super) fn laid_down(&self, name: &str) -> Option<ListRecord> {
        let known = self.manifest.lists.get(name).cloned();
        let Some(new) = self.terms.list.clone() else { return known };
        let Some(known) = known else { return Some(new) };
        let ListRecord { kind, agreement, legal_basis, .. } = new;
        Some(ListRecord { kind, agreement, legal_basis, ..known })
    }

    /// The sets of a manifest that hold changes of a list, opened.
    fn of_list(&self, manifest: &Manifest, list: &str) -> Result<Vec<Arc<Set>>> {
        let of_list = |record: &&SetRecord| record.change(list).is_some();
        let records: Vec<_> = manifest.sets.iter().filter(of_list).cloned().collect();
        self.writer.open_sets(&records)
    }

    /// Whether a change replaces its list by what that holds already.
    fn says_the_same(&self, change: &Change, set: &Set) -> Result<bool> {
        if !change.replaces || set.withdrawal_count() > 0 || !set.suppressions()?.is_empty() {
            return Ok(false);
        }
        let runs = self.manifest.sets.iter().filter_map(|set| set.change(&change.list));
        if runs.clone().next().is_none()
            || runs.map(|run| run.entries).sum::<u64>() < set.entry_count()
        {
            return Ok(false);
        }
        let digest = |sets: Vec<Arc<Set>>| -> Result<StateDigest> {
            let (layers, mut digest) = (Layers::new(sets)?, StateDigest::default());
            layers.each_entry(0..layers.sets().len(), &mut |_, list, id, entry| {
                if list == change.list {
                    digest.add_entry(list, id, entry, self.terms.now);
                }
                Ok(())
            })?;
            Ok(digest)
        };
        let held = self.of_list(&self.manifest, &change.list)?;
        Ok(digest(held)? == digest(vec![Arc::new(set.reopened()?)])?)
    }

    /// Whether the very same was taken before.
    fn was_taken(&self, change: &Change, digest: SetDigest) -> Result<bool> {
        let refuse = |code, what: &str| {
            let Change { list, last, .. } = change;
            let what = format!(
                "the update is refused: number {last} of the list {:?} {what}",
                shown(list)
            );
            Err(Error::new(code, what))
        };
        let list = self.manifest.lists.get(&change.list);
        let known = list.and_then(|list| list.recent.iter().find(|(n, _)| *n == change.last));
        match known {
            Some((_, known)) if *known == digest.to_string() => return Ok(true),
            // The whole list up to a number that was taken by itself says something else, rightly.
            Some(_) if change.replaces && !self.covers(change) => {}
            Some(_) => {
                return refuse(
                    ErrorCode::UpdateConflict,
                    "was taken before, and said something else; ask the list's maker",
                );
            }
            None => {}
        }
        let mut runs = self.manifest.sets.iter().filter_map(|set| set.change(&change.list));
        if !change.replaces
            && runs.clone().any(|run| (change.first..change.last).contains(&run.last))
        {
            return refuse(
                ErrorCode::UpdateConflict,
                "joins changes some of which were taken one by one; ask the list's maker for the whole list",
            );
        }
        let single = |run: &ChangeRecord| run.first == run.last && run.last == change.last;
        if runs.any(|run| {
            run.first <= change.last && change.last <= run.last && !(change.replaces && single(run))
        }) {
            return refuse(
                ErrorCode::UpdateStale,
                "comes too late: it is at or below what was merged already",
            );
        }
        Ok(false)
    }

    /// Whether a run that replaces the list reaches as far.
    fn covers(&self, change: &Change) -> bool {
        let mut runs = self.manifest.sets.iter().filter_map(|set| set.change(&change.list));
        runs.any(|run| run.first == 0 && change.last <= run.last)
    }

    /// Whether the lists that changes were laid of grow or lose more than is plausible. It holds for all that was laid, however many changes it is cut into, and costs two
    /// passes over a list at most.
    ///
    /// # Errors
    /// [`ErrorCode::UpdateGrowth`], [`ErrorCode::UpdateShrinkage`].
    pub(super) fn check_bounds(&self) -> Result<()> {
        if self.terms.force {
            return Ok(());
        }
        for (name, _) in self.manifest.lists.iter().filter(|(_, l)| l.kind.is_bounded()) {
            let laid = self.laid(name);
            if !laid.is_empty() {
                self.check_list(name, &laid)?;
            }
        }
        Ok(())
    }

    /// The sets with changes of a list that are not in force yet.
    fn laid(&self, list: &str) -> Vec<SetRecord> {
        let in_force = &self.writer.manifest.sets;
        let laid = self.manifest.sets.iter().filter(|set| set.change(list).is_some());
        laid.filter(|set| !in_force.contains(set)).cloned().collect()
    }

    fn check_list(&self, name: &str, laid: &[SetRecord]) -> Result<()> {
        // What lies in the sets, withdrawn or not.
        let lies = |sets: &[SetRecord]| -> u64 {
            sets.iter().filter_map(|set| set.change(name)).map(|change| change.entries).sum()
        };
        let held = lies(&self.writer.manifest.sets);
        if held == 0 {
            return Ok(());
        }
        let sets = self.writer.open_sets(laid)?;
        if held.saturating_add(lies(laid)) <= most_after(held) && !may_lose(&sets, name, held)? {
            return Ok(());
        }
        let Weighed { before, after, lost } = self.weigh(name, &sets)?;
        let refuse = |code, what: String| {
            let what = format!(
                "the update is refused: the list {:?} would {what}; if that is meant, apply it by force (`--force`)",
                shown(name)
            );
            Err(Error::new(code, what))
        };
        let most = most_after(before);
        if after > most {
            let what = format!("grow from {before} entries to {after}, more than {most}");
            return refuse(ErrorCode::UpdateGrowth, what);
        }
        let most = may_be_lost(before);
        if lost > most {
            let what = format!("lose or weaken {lost} of {before} entries, more than {most}");
            return refuse(ErrorCode::UpdateShrinkage, what);
        }
        Ok(())
    }

    /// Compares the list in force with the list as it would be.
    ///
    /// ```text
    /// said:    what the new sets say of each entry, the last word of each
    /// before:  each entry that stands:     said of it?   lost if that is weaker, or ends earlier
    ///                                      else          silent
    /// after:   each entry that would stand, and is not said:   still there
    /// lost:    the weaker ones, and those silent ones that are not still there
    /// ```
    fn weigh(&self, name: &str, laid: &[Arc<Set>]) -> Result<Weighed> {
        let mut said = HashMap::new();
        for set in laid {
            each_of(&Layers::new(vec![Arc::clone(set)])?, name, &mut |entry| {
                said.insert(entry.id, Weight::of(entry));
            })?;
        }
        let (mut before, mut silent, mut weaker) = (0, 0_u64, 0);
        each_of(&Layers::new(self.of_list(&self.writer.manifest, name)?)?, name, &mut |entry| {
            before += 1;
            match said.get(&entry.id) {
                Some(new) => weaker += u64::from(new.is_less_than(&Weight::of(entry))),
                None => silent += 1,
            }
        })?;
        let (mut after, mut still) = (0, 0);
        each_of(&Layers::new(self.of_list(&self.manifest, name)?)?, name, &mut |entry| {
            after += 1;
            still += u64::from(!said.contains_key(&entry.id));
        })?;
        Ok(Weighed { before, after, lost: weaker + silent.saturating_sub(still) })
    }
}

/// A list before and after.
struct Weighed {
    before: u64,
    after: u64,
    /// Entries that are withdrawn, or do less from now on.
    lost: u64,
}

/// How much an entry does, and how long.
struct Weight {
    strength: u8,
    ends: u32,
}

impl Weight {
    fn of(entry: &Summary) -> Weight {
        let ends = if entry.expires == 0 { u32::MAX } else { entry.expires };
        Weight { strength: entry.traits.strength(), ends }
    }

    fn is_less_than(&self, old: &Weight) -> bool {
        old.strength > 0 && (self.strength < old.strength || self.ends < old.ends)
    }
}

/// Each entry of a list that stands.
fn each_of(layers: &Layers, list: &str, each: &mut dyn FnMut(&Summary)) -> Result<()> {
    let lists = layers.sets().iter().map(|set| set.list_named(list)).collect::<Result<Vec<_>>>()?;
    layers.each_summary(0..lists.len(), &mut |position, entry| {
        if lists.get(position).copied().flatten() == Some(entry.traits.list) {
            each(entry);
        }
        Ok(())
    })
}

/// Whether these changes could make a list of so many entries lose too many: each entry and each tombstone of an entry touches no more than one.
fn may_lose(laid: &[Arc<Set>], list: &str, held: u64) -> Result<bool> {
    let mut touched = 0_u64;
    for set in laid {
        let Some(at) = set.list_named(list)? else { continue };
        if set.changes()?.iter().any(|change| change.list == list && change.replaces)
            || set.withdraws_any(at, TombstoneKind::Item)?
            || set.withdraws_any(at, TombstoneKind::Source)?
        {
            return Ok(true);
        }
        touched = touched.saturating_add(set.entry_count()).saturating_add(set.withdrawal_count());
    }
    Ok(touched > may_be_lost(held))
}

/// How many gaps there are in runs of changes, first and last number of each, in the order of their numbers.
fn gaps(runs: &[(u64, u64)]) -> usize {
    let (mut gaps, mut expected) = (0, 1);
    for (first, last) in runs {
        gaps = if *first == 0 { 0 } else { gaps + usize::from(*first > expected) };
        expected = last.saturating_add(1);
    }
    gaps
}

/// Refuses suppressions, or the end of some, by any list but the operator's own, be it of kind local: sets that are merged do not say whose suppressions they hold.
fn check_suppressions(change: &Change, set: &Set) -> Result<()> {
    let any =
        !set.suppressions()?.is_empty() || set.withdraws_any(0, TombstoneKind::Suppression)?;
    if change.list == LOCAL || !any {
        return Ok(());
    }
    let what = format!(
        "the update is refused: entries are switched off and on by the list {LOCAL:?} alone, and it is of the list {:?}",
        shown(&change.list)
    );
    Err(Error::new(ErrorCode::UpdateForeign, what))
}

/// How many entries a list of so many may have after a change.
fn most_after(entries: u64) -> u64 {
    entries.saturating_mul(GROWTH.0).saturating_add(GROWTH.1)
}

/// How many entries a list of so many may lose in one change.
fn may_be_lost(entries: u64) -> u64 {
    (entries / SHRINKAGE.0).max(SHRINKAGE.1)
}

/// What a change does, in words.
fn described(change: &Change, set: &Set) -> Result<String> {
    let mut what = format!("number {}: {}", change.last, counted_entries(set.entry_count()));
    if change.replaces {
        what.push_str(", in the place of all before");
    }
    for (count, text) in
        [(set.withdrawal_count(), "withdrawn"), (set.suppressions()?.len() as u64, "switched off")]
    {
        if count > 0 {
            what.push_str(&format!(", {count} {text}"));
        }
    }
    Ok(what)
}
