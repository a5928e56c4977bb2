//! Several sets laid over each other, as one set that says the same.
//!
//! ```text
//! merge(sets, bottom):
//!     for each set in order, each entry that no later one of them withdraws or replaces: keep it
//!     for each list: its runs, one after the other, are one run
//!     tombstones: all of them, unless this is the bottom, where there is nothing that they could withdraw;
//!                 none from before a run that replaces the list; and one for each entry that one of the sets adds and a later one withdraws: adding it took away what lies below under its id
//!     suppressions: those that no later one of the sets lifts
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result};
use crate::search::Layers;
use crate::set::{Change, ListId, Set, SetBuilder, TombstoneKind};

use super::manifest::{Manifest, SetRecord};

/// Days that entries are kept after they have expired, so that what was decided by them can be looked up.
const KEPT: u64 = 30 * 86_400;

/// The sets in a builder. `bottom`: nothing lies below them; then what expired long before `now` is left out, too.
pub(super) fn merge(
    sets: Vec<Arc<Set>>,
    manifest: &Manifest,
    bottom: bool,
    now: u64,
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<SetBuilder> {
    let layers = Layers::new(sets)?;
    let mut builder = SetBuilder::new();
    let mut ids: BTreeMap<String, ListId> = BTreeMap::new();
    let mut runs: BTreeMap<String, Change> = BTreeMap::new();
    for set in layers.sets() {
        for list in set.lists()?.iter() {
            if !ids.contains_key(&list.name) {
                let record = manifest.lists.get(&list.name);
                let list = record.map_or(list.clone(), |record| record.list(&list.name));
                ids.insert(list.name.clone(), builder.add_list(list)?);
            }
        }
        for change in set.changes()? {
            match runs.get_mut(&change.list) {
                Some(run) if change.replaces => *run = change,
                Some(run) => run.last = change.last,
                None => drop(runs.insert(change.list.clone(), change)),
            }
        }
    }
    let mut done = 0;
    layers.each_entry(0..layers.sets().len(), &mut |_, list, _, entry| {
        done += 1;
        if done % 4096 == 0 {
            progress(done)?;
        }
        let expires = u64::from(entry.expires);
        if bottom && expires != 0 && expires.saturating_add(KEPT) <= now {
            return Ok(());
        }
        let Some(id) = ids.get(list) else { return Ok(()) };
        builder.keep(*id, entry).map_err(|refusal| {
            Error::new(ErrorCode::SetTooLarge, format!("cannot merge the sets: {refusal}"))
        })
    })?;
    for (name, run) in &runs {
        if let Some(id) = ids.get(name) {
            builder.set_change(*id, run.first, run.last, bottom || run.replaces)?;
        }
    }
    if !bottom {
        keep_tombstones(&layers, &ids, &mut builder)?;
    }
    for id in layers.suppressions()? {
        builder.suppress(id);
    }
    Ok(builder)
}

fn keep_tombstones(
    layers: &Layers,
    ids: &BTreeMap<String, ListId>,
    builder: &mut SetBuilder,
) -> Result<()> {
    for (position, set) in layers.sets().iter().enumerate() {
        let above = layers.sets().get(position + 1..).unwrap_or_default();
        for change in set.changes()? {
            let void = above.iter().map(|set| replaces(set, &change.list));
            let void = void.collect::<Result<Vec<_>>>()?.contains(&true);
            let (Some(id), Some(list)) = (ids.get(&change.list), set.list_named(&change.list)?)
            else {
                continue;
            };
            set.each_tombstone(list, &mut |kind, key| {
                if !void {
                    builder.bury(*id, kind, key);
                }
            })?;
        }
    }
    layers.each_withdrawn(&mut |list, entry| {
        if let Some(id) = ids.get(list) {
            builder.bury(*id, TombstoneKind::Entry as u32, entry.id.0);
        }
        Ok(())
    })
}

fn replaces(set: &Set, list: &str) -> Result<bool> {
    Ok(set.changes()?.iter().any(|change| change.list == list && change.replaces))
}

/// Which sets, by position, can become one at the bottom: each whose runs follow those of the ones before it without a gap, or lie before one that replaces their list, so
/// that what is missing does not matter. The others stay above it; what is taken from beyond them shares no list with them.
pub(super) fn bottom(sets: &[SetRecord]) -> Vec<usize> {
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    let mut left: BTreeSet<&str> = BTreeSet::new();
    let mut taken = Vec::new();
    for (position, set) in sets.iter().enumerate() {
        let replaced = |list: &str| {
            let mut above = sets.iter().skip(position + 1).filter_map(|set| set.change(list));
            above.any(|change| change.first == 0)
        };
        let follows = set.changes.iter().all(|change| {
            let list = change.list.as_str();
            let end = ends.get(list).copied().unwrap_or(0);
            let whole = change.first == 0 || change.first == end + 1 || replaced(list);
            whole && !left.contains(list)
        });
        let lists = set.changes.iter().map(|change| change.list.as_str());
        if follows {
            ends.extend(lists.zip(set.changes.iter().map(|change| change.last)));
            taken.push(position);
        } else {
            left.extend(lists);
        }
    }
    taken
}

/// Whether a set can become one with all that lie on it, which can become one themselves.
pub(super) fn follow(below: &SetRecord, above: &[SetRecord]) -> bool {
    below.changes.iter().all(|run| {
        let of_list = |set: &SetRecord| set.change(&run.list).cloned();
        let next = above.iter().find_map(of_list);
        let replaced = above.iter().filter_map(of_list).any(|run| run.first == 0);
        replaced || next.is_none_or(|next| next.first == run.last + 1)
    })
}
