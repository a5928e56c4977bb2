//! Several sets of a store as one: small ones as they come, and now and then all of them as a new base.

use crate::error::{Error, ErrorCode, Result};

use super::log::{self, Event};
use super::manifest::{Manifest, SetRecord};
use super::merge;
use super::update::{Applied, counted_entries};
use super::writer::StoreWriter;

/// Sets above the base that a search is put through, at most, unless they cannot be merged.
const MOST_DELTAS: usize = 8;

/// Merging goes on downwards while the next set has at most so many times the entries of what is merged already: each entry is then written anew as often as the
/// logarithm of how many came after it.
const STEP: u64 = 4;

/// Entries of a set that is merged when a change is taken. Above that it is left to `compact`: a change must be in force within a second.
const MERGED: u64 = 1 << 18;

/// Entries of a set that is merged with however few.
const FEW: u64 = 1024;

impl StoreWriter {
    /// Makes one set of the uppermost ones, if there are too many to search.
    pub(super) fn merge_uppermost(&mut self, now: u64) -> Result<()> {
        if self.manifest.sets.len() <= MOST_DELTAS + 1 {
            return Ok(());
        }
        // What somebody is making a base of stays as it is until he is done.
        let Some(_alone) = self.compacting()? else { return Ok(()) };
        let worth = |below: u64, above: u64| below <= above.saturating_mul(STEP).max(FEW);
        // The base stays as it is: writing it anew is for `compact`.
        let mut manifest = self.manifest.clone();
        let Some((sets, entries)) = self.join_uppermost(&mut manifest, 1, &worth, now)? else {
            return Ok(());
        };
        self.publish(manifest, compacted(sets, entries, now))
    }

    /// Joins the uppermost sets of a manifest, down to a position and while it is worth it: how many became one, and of how many entries.
    pub(super) fn join_uppermost(
        &self,
        manifest: &mut Manifest,
        lowest: usize,
        worth: &dyn Fn(u64, u64) -> bool,
        now: u64,
    ) -> Result<Option<(usize, u64)>> {
        let sets = &manifest.sets;
        let Some(mut from) = sets.len().checked_sub(1) else { return Ok(None) };
        let mut entries = sets.get(from).map_or(0, |set| set.entries);
        while let Some(below) = sets.get(from.wrapping_sub(1)).filter(|_| from > lowest) {
            let together = entries.saturating_add(below.entries);
            let worth = worth(below.entries, entries) && together <= MERGED;
            if !worth || !merge::follow(below, &sets[from..]) {
                break;
            }
            (entries, from) = (together, from - 1);
        }
        let many = sets.len() - from;
        if many < 2 {
            return Ok(None);
        }
        let group = self.open_sets(&sets[from..])?;
        let builder = merge::merge(group, manifest, false, now, &mut |_| Ok(()))?;
        let mut draft = self.draft()?;
        let (set, _) = self.prove(builder, &mut draft)?;
        let joined = self.adopt(draft, &set, manifest)?;
        manifest.sets.truncate(from);
        manifest.sets.push(joined);
        Ok(Some((many, entries)))
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
        let mut draft = self.compacted_draft()?;
        let manifest = self.manifest.clone();
        // Minutes, for a large store: an emergency must not wait for them.
        let proved = self.unlocked(|writer| {
            let builder = merge::merge(group, &manifest, true, now, progress)?;
            writer.prove(builder, &mut draft)
        })?;
        let (set, _) = proved?;
        let mut manifest = self.manifest.clone();
        if !records.iter().all(|record| manifest.sets.contains(record)) {
            let what = "another writer has merged the same sets meanwhile; run it again";
            return Err(Error::new(ErrorCode::StoreLocked, what).with_path(&self.directory));
        }
        let base = self.adopt(draft, &set, &manifest)?;
        let entries = base.entries;
        manifest.sets.retain(|record| !records.contains(record));
        manifest.sets.insert(0, base);
        manifest.incidents.retain(|_, incident| incident.expires > now);
        let event = compacted(taken.len(), entries, now);
        self.publish(manifest, event)?;
        Ok(Applied { version: self.manifest.version, changed: true, number: 0, entries })
    }
}

fn compacted(sets: usize, entries: u64, now: u64) -> Event {
    let what = format!("{sets} sets became one of {}", counted_entries(entries));
    Event { event: log::COMPACT.into(), at: now, what, ..Event::default() }
}
