//! Whether a set holds what its feed says, and nothing that a feed may not hold.

use crate::error::{Error, ErrorCode, Result, shown};
use crate::set::{Change, Role, Set, TombstoneKind};

use super::file::FeedSet;

/// Compares a set, all of which was verified, with what the feed of `list` says of it.
pub(super) fn check(set: &Set, list: &str, named: &FeedSet) -> Result<()> {
    let foreign = |what: String| Err(Error::new(ErrorCode::UpdateForeign, what));
    let changes = set.changes()?;
    let expected = Change {
        list: list.into(),
        first: named.first,
        last: named.last,
        replaces: named.replaces,
    };
    let lists = set.lists()?;
    if lists.len() != 1 || lists.iter().any(|found| found.name != list) {
        let found: Vec<String> = lists.iter().take(3).map(|l| shown(&l.name)).collect();
        return foreign(format!("it speaks of {found:?}; expected the list {list:?} and no other"));
    }
    if changes != [expected] {
        let found = match &changes[..] {
            [one] => numbers(one.first, one.last, one.replaces),
            other => format!("{} runs of changes", other.len()),
        };
        return foreign(format!(
            "it holds {found}; the feed says {}",
            numbers(named.first, named.last, named.replaces)
        ));
    }
    check_rights(set)
}

/// Refuses what only the operator may say.
pub(super) fn check_rights(set: &Set) -> Result<()> {
    if !set.suppressions()?.is_empty() || set.withdraws_any(0, TombstoneKind::Suppression)? {
        let what = "it switches entries off or on, which is for the operator alone";
        return Err(Error::new(ErrorCode::UpdateForeign, what));
    }
    for entry in set.entries() {
        let entry = entry?;
        if entry.entry.role == Role::Exception {
            // It would let a file through, whatever other lists say of it.
            return Err(Error::new(
                ErrorCode::UpdatePoison,
                format!("entry {} is an exception, which is for the operator alone", entry.id),
            ));
        }
    }
    Ok(())
}

fn numbers(first: u64, last: u64, replaces: bool) -> String {
    let what = if replaces { " that replace the list" } else { "" };
    format!("changes {first} to {last}{what}")
}
