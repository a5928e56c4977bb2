//! What the store holds, and whether it is whole.

use std::collections::BTreeMap;

use tamis::set::List;
use tamis::store::{Counter, Snapshot};

use super::Check;
use crate::verb::store::breaker::Counted;
use crate::verb::verify;
use crate::wording::{bytes, count, grouped, rfc3339};

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
            format!(
                "{message}; it holds nothing, so nothing is stopped: {}",
                match snapshot.manifest() {
                    Some(_) => "add something with `tamis store add` or `tamis store import`",
                    None => "build it from a list",
                }
            ),
        ),
        _ => Check::ok("store", message),
    }
}

pub(super) fn age(snapshot: &Snapshot, now: u64) -> Check {
    let created = match snapshot.updated() {
        Ok(created) => created,
        Err(error) => return Check::fail("age", error.to_string()),
    };
    let is_store = snapshot.manifest().is_some();
    let at = rfc3339(created);
    let built = if is_store {
        format!("last changed or confirmed on {at}")
    } else {
        format!("built on {at}")
    };
    let again =
        if is_store { "import the lists again" } else { "fetch the lists again and build anew" };
    match now.checked_sub(created) {
        _ if created == 0 => Check::warn(
            "age",
            "the set does not say when it was built; `tamis build` records it unless told otherwise",
        ),
        None => Check::warn(
            "age",
            format!(
                "{built}, which is in the future: set this machine's clock, or the one that builds"
            ),
        ),
        Some(age) if age > OLD => {
            Check::warn("age", format!("{built}, {} days ago: {again}", age / DAY))
        }
        Some(age) if age < DAY => Check::ok("age", format!("{built}, less than a day ago")),
        Some(age) => Check::ok("age", format!("{built}, {} ago", count(age / DAY, "day"))),
    }
}

/// Reads everything.
pub(super) fn integrity(snapshot: &Snapshot) -> Check {
    let (mut read, mut planted) = (0, 0);
    for set in snapshot.sets() {
        match verify::prove(set) {
            Ok(sound) => {
                read += sound.proof.bytes;
                planted += sound.proof.planted;
            }
            Err(error) => {
                return Check::fail(
                    "integrity",
                    format!(
                        "{error}; put a sound set in its place, from a copy or by building it again"
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

/// Which lists there are, with what legal basis, and what is missing of them.
pub(super) fn lists(snapshot: &Snapshot, now: u64) -> Check {
    let (lists, counts) = match counted(snapshot, now) {
        Ok(counted) => counted,
        Err(error) => return Check::fail("lists", error.to_string()),
    };
    let (mut told, mut bare, mut amiss) = (Vec::new(), Vec::new(), Vec::new());
    let manifest = snapshot.manifest();
    for List { name, kind, legal_basis, .. } in &lists {
        let (all, without) = counts.get(name).copied().unwrap_or_default();
        told.push(format!("{name} ({kind}, {})", count(all, "entry")));
        // An empty list of a store may just be waiting for its first entry.
        if legal_basis.is_empty() && (without > 0 || all == 0 && manifest.is_none()) {
            bare.push(name.clone());
        }
        if manifest.is_some_and(|manifest| !manifest.missing(name).is_empty()) {
            amiss.push(format!("changes of {name} are missing: get them from its maker"));
        }
        if snapshot.layers().is_off(name) {
            amiss.push(format!("{name} is switched off as a whole"));
        }
    }
    let told = told.join(", ");
    if told.is_empty() {
        return Check::fail("lists", "the store holds no list: build it from one");
    }
    if !bare.is_empty() {
        let how = match manifest {
            Some(_) => "record one with `tamis store terms`",
            None => "build with --legal-basis",
        };
        amiss.push(format!(
            "no legal basis is recorded for {}: {how}, since decisions and appeals must name one",
            bare.join(", ")
        ));
    }
    if amiss.is_empty() {
        return Check::ok("lists", told);
    }
    Check::warn("lists", format!("{told}; {}", amiss.join("; ")))
}

/// What the processes that check uploads count together, without which the breaker cannot trip.
pub(super) fn counters(counted: &Counted) -> Check {
    match counted {
        Counted { fault: Some(fault), .. } => Check::warn("counters", fault.as_str()),
        Counted { counters: None, .. } => Check::ok("counters", "nothing was counted yet"),
        Counted { counters: Some(counters), .. } => {
            let judged = count(counters.count(Counter::Checks), "upload");
            match counters.tripped().len() as u64 {
                0 => Check::ok("counters", format!("{judged} judged, nothing is degraded")),
                n => Check::warn(
                    "counters",
                    format!(
                        "{judged} judged; {} degraded to review: see `tamis store breaker`",
                        if n == 1 {
                            "1 entry or list is".to_owned()
                        } else {
                            format!("{} entries or lists are", grouped(n))
                        }
                    ),
                ),
            }
        }
    }
}

/// Entries of a list that act, and how many of them have no legal basis of their own.
type Counts = BTreeMap<String, (u64, u64)>;

fn counted(snapshot: &Snapshot, now: u64) -> tamis::Result<(Vec<List>, Counts)> {
    let mut lists: Vec<List> = Vec::new();
    match snapshot.manifest() {
        Some(manifest) => lists.extend(manifest.lists.iter().map(|(name, list)| list.list(name))),
        None => {
            for set in snapshot.sets() {
                lists.extend(set.lists()?.iter().cloned());
            }
        }
    }
    let mut counts = Counts::new();
    snapshot.each_entry(&mut |_, list, _, entry| {
        if entry.expires == 0 || u64::from(entry.expires) > now {
            let (all, without) = match counts.get_mut(list) {
                Some(counts) => counts,
                None => counts.entry(list.to_owned()).or_default(),
            };
            *all += 1;
            *without += u64::from(entry.legal_basis.is_empty());
        }
        Ok(())
    })?;
    Ok((lists, counts))
}
