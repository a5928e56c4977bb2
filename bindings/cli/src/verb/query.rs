//! `tamis query`: which entries of a store are near one PDQ code. For inspection: it judges nothing, and hides nothing.
//!
//! ```text
//! entries within the radius that stand in the store's sets laid over each other, of the lists named: the nearest K of them
//! what is withdrawn is not among them; suppressed and expired ones are marked
//! ```

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::json;
use tamis::fingerprint::Algorithm;
use tamis::search::{NearEntry, RadiusSearch};
use tamis::set::{List, StoredEntry};
use tamis::store::{Snapshot, StoreOptions};

use crate::args::Query;
use crate::judging::now;
use crate::output::plain;
use crate::wording::count;
use crate::{Exit, Failure, Output};

pub(crate) fn run(arguments: &Query, output: &mut Output) -> Result<Exit, Failure> {
    let Some(path) = arguments.place.path() else {
        return Err(Failure::new("name a store: tamis query STORE --pdq HEX"));
    };
    let store = StoreOptions::new().test_list(arguments.test_list).counters(false).open(path)?;
    let snapshot = store.snapshot();
    let about = |e: tamis::Error| Failure::from(e.with_path(path));
    check_lists(arguments, &snapshot)?;

    let mut search = RadiusSearch::new().with_strategy(arguments.strategy);
    let wanted = |list: &List, _: &StoredEntry| {
        arguments.list.is_empty() || arguments.list.contains(&list.name)
    };
    let (layers, most) = (snapshot.layers(), most(arguments));
    let found = search.entries(layers, arguments.pdq, arguments.radius, most, wanted);
    let found = found.map_err(about)?;
    let now = arguments.now.unwrap_or_else(now);
    for near in &found {
        tell(near, now, output)?;
    }
    let codes: u64 = snapshot.sets().iter().map(|set| set.fingerprint_count(Algorithm::Pdq)).sum();
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
fn check_lists(arguments: &Query, snapshot: &Snapshot) -> Result<(), Failure> {
    let mut known = BTreeSet::new();
    for set in snapshot.sets() {
        known.extend(set.lists()?.iter().map(|list| list.name.clone()));
    }
    known.extend(snapshot.manifest().into_iter().flat_map(|m| m.lists.keys().cloned()));
    match arguments.list.iter().find(|name| !known.contains(*name)) {
        None => Ok(()),
        Some(name) => Err(Failure::new(format!(
            "the store does not know the list {name:?}; it has {}",
            plain(&known.into_iter().collect::<Vec<_>>().join(", "))
        ))),
    }
}

/// Prints one entry. Its fingerprint is not printed: it is confidential, and whoever asks has one of their own.
fn tell(near: &NearEntry, now: u64, output: &mut Output) -> Result<(), Failure> {
    let NearEntry { distance, list, stored, suppressed, .. } = near;
    let entry = &stored.entry;
    let expired = &(entry.expires != 0 && u64::from(entry.expires) <= now);
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
