//! What a store holds, entry by entry, for the verbs that withdraw.

use std::path::Path;

use std::sync::Arc;
use tamis::set::{Entry, EntryId};
use tamis::store::Snapshot;
use tamis::store::StoreOptions;

use crate::Failure;
use crate::progress::Progress;

/// A store as it is now.
pub(super) fn snapshot(store: &Path) -> Result<Arc<Snapshot>, Failure> {
    Ok(StoreOptions::new().counters(false).refresh_interval(None).open(store)?.snapshot())
}

/// Calls `each` with the list, the id and the rest of every entry that stands.
pub(super) fn each_entry(
    store: &Path,
    snapshot: &Snapshot,
    each: &mut dyn FnMut(&str, EntryId, &Entry),
) -> Result<(), Failure> {
    let progress = Progress::new("looking", None);
    let sizes: Vec<u64> =
        snapshot.sets().iter().map(|set| set.size() / set.entry_count().max(1)).collect();
    let result = snapshot.each_entry(&mut |set, list, id, entry| {
        progress.add(sizes.get(set).copied().unwrap_or(0));
        each(list, id, entry);
        Ok(())
    });
    progress.clear();
    result.map_err(|error| error.with_path(store).into())
}
