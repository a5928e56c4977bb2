//! What the store holds, and whether it is whole.

use std::collections::BTreeMap;

use tamis::set::{List, Set};
use tamis::store::Snapshot;

use super::Check;
use crate::verb::verify;
use crate::wording::{bytes, count, rfc3339};

const DAY: u64 = 86_400;

/// From this age on the lists have probably moved on.
const OLD: u64 = 7 * DAY;

pub(super) fn opens(snapshot: &Snapshot) -> Check {
    let size = snapshot.sets().iter().map(|set| set.size()).sum();
    let message = format!(
        "opens: {} in {}, {}",
        count(snapshot.entry_count(), "entry"),
        count(snapshot.sets().len() as u64, "set"),
        bytes(size)
    );
    match snapshot.entry_count() {
        0 => Check::fail(
            "store",
            format!("{message}; it holds nothing, so nothing is stopped: build it from a list"),
        ),
        _ => Check::ok("store", message),
    }
}

pub(super) fn age(snapshot: &Snapshot, now: u64) -> Check {
    let created = match snapshot.updated() {
        Ok(created) => created,
        Err(error) => return Check::fail("age", error.to_string()),
    };
    let built = rfc3339(created);
    match now.checked_sub(created) {
        _ if created == 0 => Check::warn(
            "age",
            "the set does not say when it was built; `tamis build` records it unless told otherwise",
        ),
        None => Check::warn(
            "age",
            format!(
                "built on {built}, which is in the future: set this machine's clock, or the one that builds"
            ),
        ),
        Some(age) if age > OLD => Check::warn(
            "age",
            format!(
                "built on {built}, {} days ago: fetch the lists again and build anew",
                age / DAY
            ),
        ),
        Some(age) if age < DAY => {
            Check::ok("age", format!("built on {built}, less than a day ago"))
        }
        Some(age) => Check::ok("age", format!("built on {built}, {} ago", count(age / DAY, "day"))),
    }
}

/// Reads everything.
pub(super) fn integrity(snapshot: &Snapshot) -> Check {
    let (mut read, mut planted) = (0, 0);
    for set in snapshot.sets() {
        match verify::prove(set) {
            Ok(sound) => {
                read += sound.verified.bytes;
                planted += sound.planted;
            }
            Err(error) => {
                return Check::fail(
                    "integrity",
                    format!(
                        "{error}; put a sound set in its place, for example by building it again"
                    ),
                );
            }
        }
    }
    let message = format!(
        "{} agree with their checksums; {}, answered",
        bytes(read),
        match planted {
            1 => "1 planted query".to_owned(),
            n => format!("all {} planted queries", crate::wording::grouped(n)),
        }
    );
    Check::ok("integrity", message)
}

/// Which lists there are, with what legal basis.
pub(super) fn lists(snapshot: &Snapshot) -> Check {
    let (mut told, mut bare) = (Vec::new(), Vec::new());
    for set in snapshot.sets() {
        let counted = set.lists().and_then(|lists| Ok((lists, entries(set)?)));
        let (lists, entries) = match counted {
            Ok(counted) => counted,
            Err(error) => return Check::fail("lists", error.to_string()),
        };
        for (number, List { name, kind, legal_basis, .. }) in lists.iter().enumerate() {
            let (all, without) = entries.get(&number).copied().unwrap_or_default();
            told.push(format!("{name} ({kind}, {})", count(all, "entry")));
            if legal_basis.is_empty() && (without > 0 || all == 0) {
                bare.push(name.clone());
            }
        }
    }
    let told = told.join(", ");
    if told.is_empty() {
        return Check::fail("lists", "the store holds no list: build it from one");
    }
    if bare.is_empty() {
        return Check::ok("lists", told);
    }
    let bare = bare.join(", ");
    Check::warn(
        "lists",
        format!(
            "{told}; no legal basis is recorded for {bare}: build with --legal-basis, since decisions and appeals must name one"
        ),
    )
}

/// Entries by list, and how many of them have no legal basis of their own.
fn entries(set: &Set) -> tamis::Result<BTreeMap<usize, (u64, u64)>> {
    let mut counts = BTreeMap::<usize, (u64, u64)>::new();
    for stored in set.entries() {
        let stored = stored?;
        let (all, without) = counts.entry(stored.list).or_default();
        *all += 1;
        *without += u64::from(stored.entry.legal_basis.is_empty());
    }
    Ok(counts)
}
