//! `tamis query`: which entries of a store are near one PDQ code. For inspection: it judges nothing, and hides nothing.
//!
//! ```text
//! for each set of the store: entries within the radius that are of the lists named, the nearest K of them
//! the nearest K of all; suppressed and expired ones are marked
//! ```

use std::fmt::Write;

use serde_json::json;
use tamis::fingerprint::Algorithm;
use tamis::search::RadiusSearch;
use tamis::set::{EntryId, List, Set, StoredEntry};
use tamis::store::StoreOptions;

use crate::args::Query;
use crate::judging::now;
use crate::output::plain;
use crate::wording::count;
use crate::{Exit, Failure, Output};

/// An entry that was found.
struct Near {
    distance: u32,
    list: List,
    stored: StoredEntry,
    suppressed: bool,
    expired: bool,
}

pub(crate) fn run(arguments: &Query, output: &mut Output) -> Result<Exit, Failure> {
    let Some(path) = arguments.place.path() else {
        return Err(Failure::new("name a store: tamis query STORE --pdq HEX"));
    };
    let store = StoreOptions::new().test_list(arguments.test_list).open(path)?;
    let snapshot = store.snapshot();
    let sets: Vec<&Set> = snapshot.sets().iter().map(AsRef::as_ref).collect();
    let about = |e: tamis::Error| Failure::from(e.with_path(path));
    check_lists(arguments, &sets)?;

    let mut found = find(arguments, &sets).map_err(about)?;
    // Stable: at the same distance entries stay in the order in which their set gives them, by which it has also chosen the nearest.
    found.sort_by_key(|near| near.distance);
    found.truncate(most(arguments));
    for near in &found {
        tell(near, output)?;
    }
    let codes: u64 = sets.iter().map(|set| set.fingerprint_count(Algorithm::Pdq)).sum();
    if codes == 0 {
        output.line("the store holds no PDQ codes, so nothing can be near this one")?;
        return Ok(Exit::SUCCESS);
    }
    let number = match found.len() as u64 {
        0 => "nothing".into(),
        n => count(n, "entry"),
    };
    let lists = match &arguments.list[..] {
        [] => String::new(),
        lists => format!(", on {}", lists.join(", ")),
    };
    output.line(format_args!(
        "{number} within {} of it in {}{}",
        count(arguments.radius.into(), "bit"),
        count(codes, "code"),
        plain(&lists),
    ))?;
    Ok(Exit::SUCCESS)
}

fn most(arguments: &Query) -> usize {
    arguments.nearest.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX)
}

/// Refuses names that no list has: nothing would be found, for a wrong reason.
fn check_lists(arguments: &Query, sets: &[&Set]) -> Result<(), Failure> {
    let mut known = Vec::new();
    for set in sets {
        known.extend(set.lists()?.iter().map(|list| list.name.clone()));
    }
    match arguments.list.iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Failure::new(format!(
            "--list: there is no list {name:?} in the store; it has {}",
            known.join(", ")
        ))),
    }
}

fn find(arguments: &Query, sets: &[&Set]) -> tamis::Result<Vec<Near>> {
    let now = arguments.now.unwrap_or_else(now);
    let mut search = RadiusSearch::new().with_strategy(arguments.strategy.into());
    let mut found = Vec::new();
    for set in sets {
        let lists = set.lists()?;
        let wanted = |stored: &StoredEntry| {
            let name = lists.get(stored.list).map(|list| &list.name);
            arguments.list.is_empty() || name.is_some_and(|name| arguments.list.contains(name))
        };
        let near = search.entries(set, arguments.pdq, arguments.radius, most(arguments), wanted)?;
        for (stored, distance) in near {
            // A set that it could not be found in would be damaged, and the search would have said so.
            let Some(list) = lists.get(stored.list).cloned() else { continue };
            let expires = u64::from(stored.entry.expires);
            found.push(Near {
                distance,
                list,
                suppressed: suppressed(sets, stored.id)?,
                expired: expires != 0 && expires <= now,
                stored,
            });
        }
    }
    Ok(found)
}

/// Whether any set of the store switches the entry off.
fn suppressed(sets: &[&Set], id: EntryId) -> tamis::Result<bool> {
    for set in sets {
        if set.suppresses(id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Prints one entry. Its fingerprint is not printed: it is confidential, and whoever asks has one of their own.
fn tell(near: &Near, output: &mut Output) -> Result<(), Failure> {
    let Near { distance, list, stored, suppressed, expired } = near;
    let entry = &stored.entry;
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let legal_basis = known(&entry.legal_basis).or_else(|| known(&list.legal_basis));
    output.object(&json!({
        "distance": distance,
        "list": list.name,
        "list_kind": list.kind,
        "item": entry.item,
        "entry": stored.id,
        "source_id": known(&entry.source_id),
        "labels": entry.labels,
        "opinion": entry.opinion,
        "severity": entry.severity,
        "reviewed": entry.reviewed,
        "legal_basis": legal_basis,
        "expires": Some(entry.expires).filter(|at| *at != 0),
        "suppressed": suppressed,
        "expired": expired,
    }))?;
    let mut line = format!("{distance:>3}  {}  {}  {}", list.name, entry.item, stored.id);
    if !entry.labels.is_empty() {
        let _ = write!(line, "  {}", entry.labels.join(", "));
    }
    for (mark, marked) in [("suppressed", suppressed), ("expired", expired)] {
        if *marked {
            let _ = write!(line, "  ({mark})");
        }
    }
    output.line(plain(&line))
}
