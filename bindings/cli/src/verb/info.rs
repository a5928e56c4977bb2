//! `tamis info`: what a set holds, by its head and a few small sections; the rest is not read.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tamis::fingerprint::Algorithm;
use tamis::set::{Change, List, Set};
use tamis::store::Manifest;

use crate::judging::now;
use crate::output::{plain, shown};
use crate::wording::{bytes, count, grouped, rfc3339};
use crate::{Exit, Failure, Output};

pub(crate) fn run(set: &Path, output: &mut Output) -> Result<Exit, Failure> {
    if set.is_dir() {
        // Without counting: nothing is read but the manifest and the heads of the sets.
        return super::store::status::run(set, true, now(), output);
    }
    let path = set;
    let about = |error: tamis::Error| Failure::from(error.with_path(path));
    let set = Set::open(path)?;
    let (created, lists) = (set.created().map_err(about)?, set.lists().map_err(about)?);
    let suppressions = set.suppressions().map_err(about)?.len();
    let changes = set.changes().map_err(about)?;
    output.object(&json!({
        "set": path.to_string_lossy(),
        "digest": set.digest().to_string(),
        "created": created,
        "created_at": (created > 0).then(|| rfc3339(created)),
        "bytes": set.size(),
        "entries": set.entry_count(),
        "items": set.item_count(),
        "fingerprints": fingerprints(&set),
        "radius_index_bytes": set.radius_index_bytes(),
        "suppressions": suppressions,
        "changes": changes.iter().map(told).collect::<Vec<_>>(),
        "tombstones": set.withdrawal_count(),
        "lists": lists.iter().map(described).collect::<Vec<_>>(),
    }))?;
    output.line(shown(path))?;
    let made = if created > 0 { rfc3339(created) } else { "not recorded".into() };
    output.line(format_args!("  created       {made}"))?;
    output.line(format_args!("  size          {}", bytes(set.size())))?;
    output.line(format_args!("  digest        {}", set.digest()))?;
    let of_items = count(set.item_count(), "item");
    output.line(format_args!("  entries       {} of {of_items}", grouped(set.entry_count())))?;
    for algorithm in set.algorithms().iter() {
        let distinct = grouped(set.fingerprint_count(algorithm));
        output.line(format_args!("    {:<11} {distinct} distinct", algorithm.name()))?;
    }
    if set.fingerprint_count(Algorithm::Pdq) > 0 {
        output.line(format_args!("  radius index  {}", radius_index(&set)))?;
    }
    output.line(format_args!("  suppressions  {}", grouped(suppressions as u64)))?;
    if !changes.is_empty() {
        output.line(format_args!("  changes       {}", delta(&set, &changes)))?;
    }
    for change in &changes {
        output.line(format_args!("    {}: {}", plain(&change.list), numbers(change)))?;
    }
    output.line(format_args!("  lists         {}", grouped(lists.len() as u64)))?;
    for list in lists.iter() {
        output.line(format_args!("    {} ({})", plain(&list.name), list.kind))?;
        for (what, text) in [("agreement", &list.agreement), ("legal basis", &list.legal_basis)] {
            if !text.is_empty() {
                output.line(format_args!("      {what}: {}", plain(text)))?;
            }
        }
    }
    Ok(Exit::SUCCESS)
}

/// The set file meant by a path: the largest set of a store directory, or the file itself.
pub(crate) fn set_file(path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let manifest = Manifest::read(path)?;
    let largest = manifest.sets.iter().max_by_key(|set| set.bytes);
    let largest = largest.ok_or_else(|| {
        Failure::of(
            path,
            "the store holds nothing yet; add to it with `tamis store add` or `import`",
        )
    })?;
    Ok(path.join(&largest.file))
}

/// What the radius index of a set takes, which holds PDQ codes, or that there is none.
pub(crate) fn radius_index(set: &Set) -> String {
    let (index, codes) = (set.radius_index_bytes(), set.fingerprint_count(Algorithm::Pdq));
    if index == 0 {
        return "none: a search by PDQ compares all codes".into();
    }
    format!("{} ({:.1} bytes for each code)", bytes(index), index as f64 / codes.max(1) as f64)
}

/// How much a delta changes and withdraws.
pub(crate) fn delta(set: &Set, changes: &[Change]) -> String {
    let lists = count(changes.len() as u64, "list");
    format!("of {lists}, with {}", count(set.withdrawal_count(), "tombstone"))
}

fn numbers(change: &Change) -> String {
    match *change {
        Change { last, replaces: true, .. } => {
            format!("up to {}, replacing all that was listed before", grouped(last))
        }
        Change { first, last, .. } if first == last => format!("number {}", grouped(last)),
        Change { first, last, .. } => format!("numbers {} to {}", grouped(first), grouped(last)),
    }
}

pub(crate) fn told(change: &Change) -> Value {
    json!({
        "list": change.list,
        "first": change.first,
        "last": change.last,
        "replaces": change.replaces,
    })
}

/// Distinct fingerprints by algorithm.
pub(crate) fn fingerprints(set: &Set) -> Map<String, Value> {
    let held = |a: &Algorithm| set.fingerprint_count(*a);
    let counts = Algorithm::ALL.iter().copied().filter(|a| held(a) > 0);
    counts.map(|a| (a.name().to_owned(), held(&a).into())).collect()
}

fn described(list: &List) -> Value {
    let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    json!({
        "name": list.name,
        "kind": list.kind.name(),
        "agreement": known(&list.agreement),
        "legal_basis": known(&list.legal_basis),
    })
}
