//! The list that a feed's sets make together.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::set::{Entry, EntryId, Set, TombstoneKind, text_key};

use super::contents;
use super::file::Feed;

/// The entries that stand on the list after all changes of a feed in `dir`, by id. For list makers, who join old changes to a base and look up
/// what they withdraw. All of the list is held in memory.
///
/// # Errors
/// As for [`Set::open`]; [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt); [`ErrorCode::UpdateForeign`](crate::ErrorCode::UpdateForeign) if a set does not hold what the feed says.
pub fn entries(dir: impl AsRef<Path>, feed: &Feed) -> Result<BTreeMap<EntryId, Entry>> {
    let mut whole = BTreeMap::new();
    for named in &feed.sets {
        let path = dir.as_ref().join(&named.file);
        let set = Set::open(&path)?;
        contents::check(&set, &feed.list, named).map_err(|e| e.with_path(&path))?;
        if named.replaces {
            whole.clear();
        }
        if set.withdrawal_count() > 0 {
            let stays = |id: &EntryId, entry: &Entry| {
                for (kind, key) in [
                    (TombstoneKind::Entry, id.0),
                    (TombstoneKind::Item, text_key(&entry.item)),
                    (TombstoneKind::Source, text_key(&entry.source_id)),
                ] {
                    // The one list of the set.
                    if set.withdraws(0, kind, key)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            };
            let mut fault = None;
            whole.retain(|id, entry| {
                stays(id, entry).unwrap_or_else(|error: Error| {
                    fault = Some(error);
                    true
                })
            });
            fault.map_or(Ok(()), Err)?;
        }
        for stored in set.entries() {
            let stored = stored?;
            whole.insert(stored.id, stored.entry);
        }
    }
    Ok(whole)
}
