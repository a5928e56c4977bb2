//! Taking a change into a store.
//!
//! ```text
//! apply(delta):
//!     a number that was taken before?     the same again: nothing to do; another: refused
//!     its list would grow or shrink beyond the bounds?                       refused, unless forced
//!     write it as a set; verify it, search it for its own entries
//!     does any entry match a canary?                                         refused
//!     lay it: below the first set with greater numbers of its list
//!     too many sets? merge the uppermost
//!     publish the manifest
//! ```
//!
//! What is refused leaves the store as it was, and an event in the log.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result, shown};
use crate::search::{INCIDENT, Layers, planted};
use crate::set::{
    self, BuildOptions, Change, Delta, ListKind, Opinion, Residency, Set, SetBuilder, SetDigest,
    TombstoneKind,
};

use super::log::Event;
use super::manifest::{ChangeRecord, Incident, ListRecord, SetRecord};
use super::merge;
use super::sum::Sum;
use super::writer::{Draft, StoreWriter, UP_TO_DATE};

/// Sets above the base that a search is put through, at most, unless they cannot be merged.
const MOST_DELTAS: usize = 8;

/// Merging goes on downwards while the next set has at most so many times the entries of what is merged already: each entry is then written anew as often as the
/// logarithm of how many came after it.
const STEP: u64 = 4;

/// Entries of a set that is merged when a change is taken. Above that it is left to `compact`: a change must be in force within a second.
const MERGED: u64 = 1 << 18;

/// Entries of a set that is merged with however few.
const FEW: u64 = 1024;

/// Numbers and digests of changes that are remembered for each list.
const REMEMBERED: usize = 24;

/// An entry of a list that ends within a day, in seconds, was as good as withdrawn.
const SOON: u64 = 86_400;

/// Sets that a store may consist of: each is searched for every upload.
const MOST_SETS: usize = 128;

/// A list may grow to so many times its entries in one change, and so many more.
const GROWTH: (u64, u64) = (5, 10_000);

/// A change may withdraw one in so many entries of a list, or so many if that is more.
const SHRINKAGE: (u64, u64) = (5, 100);

/// Radius of the queries that are put to a new set before it comes into force.
pub(super) const RADIUS: u32 = 31;

/// The circumstances of a change.
///
/// ```
/// let terms = tamis::store::Terms::at(1_790_000_000).reason("court order 7/26");
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Terms {
    /// The time, in seconds since 1970.
    pub now: u64,
    /// Why, for the log.
    pub reason: String,
    /// Take it even if its list grows or shrinks beyond the bounds.
    pub force: bool,
    /// What is laid down for its list from this change on; otherwise it stays as it is.
    pub list: Option<ListRecord>,
    /// The incident that its entries belong to, and when it ends, in seconds since 1970. The entries themselves say so, too: by [`incident_label`] and their date.
    pub incident: Option<(String, u64)>,
}

impl Terms {
    /// Those of a change at a time in seconds since 1970, about which there is nothing to say.
    pub fn at(now: u64) -> Terms {
        Terms { now, ..Terms::default() }
    }

    /// Gives a reason.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Terms {
        self.reason = reason.into();
        self
    }

    /// Lifts the bounds on growth and shrinkage.
    #[must_use]
    pub fn force(mut self, force: bool) -> Terms {
        self.force = force;
        self
    }

    /// Lays down what holds for the list, new or known, if and when the change is taken. What is remembered of a known list stays.
    #[must_use]
    pub fn list(mut self, record: ListRecord) -> Terms {
        self.list = Some(record);
        self
    }

    /// Says which incident the entries belong to, and when it ends.
    #[must_use]
    pub fn incident(mut self, id: impl Into<String>, expires: u64) -> Terms {
        self.incident = Some((id.into(), expires));
        self
    }
}

/// The label of entries that belong to an incident.
pub fn incident_label(incident: &str) -> String {
    format!("{INCIDENT}{incident}")
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The store's version now.
    pub version: u64,
    /// Whether anything changed: not if the very same had been applied before.
    pub changed: bool,
    /// The number of the change among those of its list.
    pub number: u64,
    /// Entries that it brought.
    pub entries: u64,
}

impl StoreWriter {
    /// Takes a change that this store numbers: the next of its list. If it was read from a set that was taken before, or replaces the
    /// list by what that holds already, it only [confirms](StoreWriter::confirm) the list.
    ///
    /// # Errors
    /// As for [`StoreWriter::apply`]; [`ErrorCode::UpdateForeign`] if the list's maker numbers its changes.
    pub fn apply_next(&mut self, mut delta: Delta, terms: &Terms) -> Result<Applied> {
        let name = delta.change().list.clone();
        if self.manifest.lists.get(&name).is_some_and(|list| list.has_maker()) {
            let what = format!(
                "the list {name:?} is its maker's: it takes signed updates; to switch entries of it off, use `tamis store suppress`"
            );
            return Err(Error::new(ErrorCode::UpdateForeign, what));
        }
        let source = delta.source().map(|digest| digest.to_string());
        let list = self.manifest.lists.get(&name);
        let recent = list.map(|list| &list.recent[..]).unwrap_or_default();
        let taken = recent.iter().rfind(|(_, digest)| source.as_ref() == Some(digest));
        // What replaced the list long ago may do so again.
        let stands =
            |number| !delta.change().replaces || number == self.manifest.last_number(&name);
        if let Some((number, _)) = taken.cloned().filter(|(number, _)| stands(*number)) {
            self.confirm_as(&name, terms)?;
            let version = self.manifest.version;
            return Ok(Applied { version, changed: false, number, entries: 0 });
        }
        delta.set_number(self.manifest.last_number(&name).saturating_add(1))?;
        self.apply_as(delta, terms, true)
    }

    /// Takes a change. Its list must be known ([`StoreWriter::set_list`]), or laid down with it ([`Terms::list`]).
    ///
    /// # Errors
    /// One of the `Update…` codes if it is refused; [`ErrorCode::Io`] and its kin: in both cases the store is as it was.
    /// [`ErrorCode::Durability`]: the change is in force, but may be lost if the power fails.
    pub fn apply(&mut self, delta: Delta, terms: &Terms) -> Result<Applied> {
        self.apply_as(delta, terms, false)
    }

    /// `ours`: this store has numbered it, so that nobody asks for the number again.
    fn apply_as(&mut self, delta: Delta, terms: &Terms, ours: bool) -> Result<Applied> {
        let change = delta.change().clone();
        let applied = self.take(delta, &change, terms, ours);
        match &applied {
            // The change is in force, whatever becomes of this; it is tried again with the next one.
            Ok(_) => drop(self.merge_uppermost(terms.now)),
            Err(error) if matches!(error.code(), ErrorCode::Durability | ErrorCode::Stopped) => {}
            Err(error) => {
                let what = format!("number {}", change.last);
                self.log_refusal(&change.list, &what, error, terms.now);
            }
        }
        applied
    }

    fn take(
        &mut self,
        delta: Delta,
        change: &Change,
        terms: &Terms,
        ours: bool,
    ) -> Result<Applied> {
        let Some(list) = self.laid_down(&change.list, terms) else {
            let what = format!("the store does not know the list {:?}", shown(&change.list));
            return Err(Error::new(ErrorCode::UpdateForeign, what));
        };
        let (kind, source) = (list.kind, delta.source());
        let version = self.manifest.version;
        let already = Applied { version, changed: false, number: change.last, entries: 0 };
        if let Some(source) = source
            && self.was_taken(change, source)?
        {
            return Ok(already);
        }
        if self.manifest.sets.len() >= MOST_SETS {
            let what = format!(
                "the store has {MOST_SETS} sets, which cannot be merged because changes are missing; see `tamis store status`, and ask the lists' makers for the whole lists"
            );
            return Err(Error::new(ErrorCode::Store, what));
        }
        let draft = self.draft();
        let (set, own) = self.prove(delta.into_builder()?, &draft)?;
        // What was not received as a set is told apart by the set that it became.
        let digest = source.unwrap_or(own);
        if self.was_taken(change, digest)? {
            return Ok(already);
        }
        if ours && self.says_the_same(change, &set, terms.now)? {
            self.confirm_as(&change.list, terms)?;
            let number = self.manifest.last_number(&change.list);
            return Ok(Applied { version: self.manifest.version, number, ..already });
        }
        if kind != ListKind::Local && !terms.force {
            self.guard_size(change, &set, terms.now)?;
        }
        self.check_canaries(&set)?;

        let record = self.adopt(draft, &set)?;
        let mut manifest = self.manifest.clone();
        let above =
            |set: &SetRecord| set.change(&change.list).is_some_and(|c| c.last > change.last);
        let position = manifest.sets.iter().position(above).unwrap_or(manifest.sets.len());
        manifest.sets.insert(position, record);
        let mut list = list;
        list.refreshed = terms.now;
        list.recent.push((change.last, digest.to_string()));
        let most = list.recent.len().saturating_sub(REMEMBERED);
        list.recent.drain(..most);
        manifest.lists.insert(change.list.clone(), list);
        let entries = set.entry_count();
        if let Some((id, expires)) = &terms.incident {
            let new = Incident { expires: 0, opened: terms.now, entries: 0 };
            let incident = manifest.incidents.entry(id.clone()).or_insert(new);
            incident.expires = incident.expires.max(*expires);
            incident.entries += entries;
        }
        let event = Event {
            event: "change".into(),
            at: terms.now,
            list: change.list.clone(),
            what: described(change, &set)?,
            reason: terms.reason.clone(),
            ..Event::default()
        };
        self.publish(manifest, event)?;
        let version = self.manifest.version;
        Ok(Applied { version, changed: true, number: change.last, entries })
    }

    /// What holds for a list from this change on; none if nobody has laid anything down.
    fn laid_down(&self, name: &str, terms: &Terms) -> Option<ListRecord> {
        let known = self.manifest.lists.get(name).cloned();
        let Some(new) = terms.list.clone() else { return known };
        let Some(known) = known else { return Some(new) };
        let ListRecord { kind, agreement, legal_basis, .. } = new;
        Some(ListRecord { kind, agreement, legal_basis, ..known })
    }

    fn confirm_as(&mut self, name: &str, terms: &Terms) -> Result<()> {
        let Some(record) = self.laid_down(name, terms) else { return Ok(()) };
        let what = (UP_TO_DATE, terms.reason.as_str());
        self.set_list(name, record.kind, what, terms.now, |list| {
            *list = ListRecord { refreshed: terms.now, ..record };
            Ok(())
        })
    }

    /// Whether a change replaces its list by what that holds already.
    fn says_the_same(&self, change: &Change, set: &Set, now: u64) -> Result<bool> {
        if !change.replaces || set.withdrawal_count() > 0 || !set.suppressions()?.is_empty() {
            return Ok(false);
        }
        let of_list = |record: &&SetRecord| record.change(&change.list).is_some();
        let records: Vec<_> = self.manifest.sets.iter().filter(of_list).cloned().collect();
        let runs = records.iter().filter_map(|record| record.change(&change.list));
        if records.is_empty() || runs.map(|run| run.entries).sum::<u64>() < set.entry_count() {
            return Ok(false);
        }
        let sum = |sets: Vec<Arc<Set>>| -> Result<Sum> {
            let (layers, mut sum) = (Layers::new(sets)?, Sum::default());
            layers.each_entry(0..layers.sets().len(), &mut |_, list, id, entry| {
                if list == change.list {
                    sum.add_entry(list, id, entry, now);
                }
                Ok(())
            })?;
            Ok(sum)
        };
        Ok(sum(self.open_sets(&records)?)? == sum(vec![Arc::new(set.reopened()?)])?)
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

    fn guard_size(&self, change: &Change, set: &Set, now: u64) -> Result<()> {
        let of_list = self.manifest.sets.iter().filter_map(|set| set.change(&change.list));
        // What lies in the sets, withdrawn or not.
        let held: u64 = of_list.map(|run| run.entries).sum();
        if held == 0 {
            return Ok(());
        }
        let (mut before, mut after) = (held, held.saturating_add(set.entry_count()));
        let at_most = set.withdrawal_count();
        // The delta's one list. A tombstone of an entry withdraws no more than one.
        let many = set.withdraws_any(0, TombstoneKind::Item)?
            || set.withdraws_any(0, TombstoneKind::Source)?
            || at_most > may_be_lost(held);
        if change.replaces || many {
            (before, after) = self.counted(change, set)?;
        }
        let refuse = |code, what: String| {
            let what = format!(
                "the update is refused: the list {:?} would {what}; if that is meant, apply it with --force",
                shown(&change.list)
            );
            Err(Error::new(code, what))
        };
        let most = before.saturating_mul(GROWTH.0).saturating_add(GROWTH.1);
        if after > most {
            let what = format!("grow from {before} entries to {after}, more than {most}");
            return refuse(ErrorCode::UpdateGrowth, what);
        }
        let most = may_be_lost(before);
        let lost = before.saturating_sub(after).saturating_add(self.weakened(change, set, now)?);
        if lost > most {
            let what = format!("lose {lost} of {before} entries, more than {most}");
            return refuse(ErrorCode::UpdateShrinkage, what);
        }
        Ok(())
    }

    /// How many entries of the list a change switches off without withdrawing them: by calling them negative, or by an early end.
    fn weakened(&self, change: &Change, set: &Set, now: u64) -> Result<u64> {
        let mut weak = HashSet::new();
        for entry in set.entries() {
            let entry = entry?;
            let expires = u64::from(entry.entry.expires);
            let ends = expires != 0 && expires <= now.saturating_add(SOON);
            if ends || entry.entry.opinion == Opinion::Negative {
                weak.insert(entry.id);
            }
        }
        if weak.is_empty() {
            return Ok(0);
        }
        let of_list = |record: &&SetRecord| record.change(&change.list).is_some();
        let records: Vec<_> = self.manifest.sets.iter().filter(of_list).cloned().collect();
        let layers = Layers::new(self.open_sets(&records)?)?;
        let mut weakened = 0;
        layers.each_summary(0..layers.sets().len(), &mut |_, entry| {
            weakened += u64::from(weak.contains(&entry.id));
            Ok(())
        })?;
        Ok(weakened)
    }

    /// How many entries stand in the list before and after the change.
    fn counted(&self, change: &Change, set: &Set) -> Result<(u64, u64)> {
        let of_list = |record: &&SetRecord| record.change(&change.list).is_some();
        let records: Vec<_> = self.manifest.sets.iter().filter(of_list).cloned().collect();
        let mut sets = self.open_sets(&records)?;
        let count = |sets: Vec<Arc<Set>>| -> Result<u64> {
            let (layers, mut count) = (Layers::new(sets)?, 0);
            layers.each_summary(0..layers.sets().len(), &mut |position, entry| {
                let lists = layers.sets()[position].lists()?;
                let list = lists.get(entry.traits.list as usize);
                count += u64::from(list.is_some_and(|list| list.name == change.list));
                Ok(())
            })?;
            Ok(count)
        };
        let before = count(sets.clone())?;
        // As if it came last, which it nearly always does.
        sets.push(Arc::new(set.reopened()?));
        Ok((before, count(sets)?))
    }

    /// Makes one set of the uppermost ones, if there are too many to search.
    fn merge_uppermost(&mut self, now: u64) -> Result<()> {
        let sets = &self.manifest.sets;
        let Some(mut lowest) = sets.len().checked_sub(1).filter(|last| *last > MOST_DELTAS) else {
            return Ok(());
        };
        let mut entries = sets.get(lowest).map_or(0, |set| set.entries);
        // The base stays as it is: writing it anew is for `compact`.
        while let Some(below) = sets.get(lowest - 1).filter(|_| lowest > 1) {
            let together = entries.saturating_add(below.entries);
            let worth = below.entries <= entries.saturating_mul(STEP).max(FEW);
            if !worth || together > MERGED || !merge::follow(below, &sets[lowest..]) {
                break;
            }
            (entries, lowest) = (together, lowest - 1);
        }
        if sets.len() - lowest < 2 {
            return Ok(());
        }
        // What somebody is making a base of stays as it is until he is done.
        let Some(_alone) = self.compacting()? else { return Ok(()) };
        let group = self.open_sets(&sets[lowest..])?;
        let many = group.len();
        let builder = merge::merge(group, &self.manifest, false, now, &mut |_| Ok(()))?;
        let merged = self.write_set(builder)?;
        let mut manifest = self.manifest.clone();
        manifest.sets.truncate(lowest);
        manifest.sets.push(merged);
        self.publish(manifest, compacted(many, entries, now))
    }

    /// Merges all that can be merged into a new base. `progress` is called with the number of entries done, of [`Snapshot::entry_count`](super::Snapshot::entry_count), and may stop it.
    ///
    /// Readers go on with the old sets until the new base is in place, and what they have open stays as it is.
    ///
    /// # Errors
    /// As for [`StoreWriter::apply`]; those of `progress`: the store is then as it was.
    pub fn compact(
        &mut self,
        now: u64,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Applied> {
        let _alone = self.compacting()?.ok_or_else(|| {
            let what = "another process is compacting this store; there is nothing to do";
            Error::new(ErrorCode::StoreLocked, what).with_path(&self.directory)
        })?;
        let taken = merge::bottom(&self.manifest.sets);
        let version = self.manifest.version;
        let unchanged = Applied { version, changed: false, number: 0, entries: 0 };
        let is_base = |set: &SetRecord| set.changes.iter().all(|change| change.first == 0);
        match &taken[..] {
            [] => return Ok(unchanged),
            [0] if self.manifest.sets.first().is_some_and(is_base) => return Ok(unchanged),
            _ => {}
        }
        let records: Vec<SetRecord> =
            taken.iter().filter_map(|at| self.manifest.sets.get(*at)).cloned().collect();
        let group = self.open_sets(&records)?;
        let draft = self.compacted_draft();
        let manifest = self.manifest.clone();
        // Minutes, for a large store: an emergency must not wait for them.
        let proved = self.unlocked(|writer| {
            let builder = merge::merge(group, &manifest, true, now, progress)?;
            writer.prove(builder, &draft)
        })?;
        let (set, _) = proved?;
        let mut manifest = self.manifest.clone();
        if !records.iter().all(|record| manifest.sets.contains(record)) {
            let what = "another writer has merged the same sets meanwhile; run it again";
            return Err(Error::new(ErrorCode::StoreLocked, what).with_path(&self.directory));
        }
        let base = self.adopt(draft, &set)?;
        let entries = base.entries;
        manifest.sets.retain(|record| !records.contains(record));
        manifest.sets.insert(0, base);
        manifest.incidents.retain(|_, incident| incident.expires > now);
        let event = compacted(taken.len(), entries, now);
        self.publish(manifest, event)?;
        Ok(Applied { version: self.manifest.version, changed: true, number: 0, entries })
    }

    /// Writes a merged set, proves it, and gives it its name.
    fn write_set(&self, builder: SetBuilder) -> Result<SetRecord> {
        let draft = self.draft();
        let (set, _) = self.prove(builder, &draft)?;
        self.adopt(draft, &set)
    }

    /// Writes a set under the name of a draft, reads all of it back, and searches it for what it holds.
    fn prove(&self, builder: SetBuilder, draft: &Draft) -> Result<(Set, SetDigest)> {
        let options = BuildOptions::new().jobs(0);
        let written =
            self.watcher.writing(|progress| builder.write_with(draft.path(), &options, progress));
        // A draft that may be lost is no change that is in force.
        let report = written.map_err(|e| match e.code() {
            ErrorCode::Durability => Error::new(
                ErrorCode::Io,
                "cannot sync the store's directory; nothing was changed; see to the disk",
            )
            .with_path(&self.directory),
            _ => e,
        })?;
        let set = Set::open(draft.path())?;
        set.warm(&mut |_| {})?;
        planted(&set, RADIUS)?;
        Ok((set, report.digest))
    }

    fn open_sets(&self, records: &[SetRecord]) -> Result<Vec<Arc<Set>>> {
        let open = |record: &SetRecord| {
            set::open_within(&self.directory, &record.file, Residency::Mapped).map(Arc::new)
        };
        records.iter().map(open).collect()
    }
}

/// How many entries a list of so many may lose in one change.
fn may_be_lost(entries: u64) -> u64 {
    (entries / SHRINKAGE.0).max(SHRINKAGE.1)
}

fn compacted(sets: usize, entries: u64, now: u64) -> Event {
    let what = format!("{sets} sets became one of {}", counted_entries(entries));
    Event { event: "compact".into(), at: now, what, ..Event::default() }
}

fn counted_entries(entries: u64) -> String {
    if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") }
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
