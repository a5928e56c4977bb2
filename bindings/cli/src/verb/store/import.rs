//! `tamis store import`: a list as it is now, or what is to be added to it.
//!
//! ```text
//! a delta file: the change that it is
//! anything else: the rows of lists and the entries of sets, as one change that replaces the list, or with --merge only adds
//! ```

use std::path::{Path, PathBuf};

use serde_json::json;
use tamis::files::{draft_path, publish};
use tamis::set::{BuildOptions, Delta, Entry, ListKind, Set};
use tamis::store::{LOCAL, ListRecord, MANIFEST, Terms};

use super::{NOTHING, entries_on, in_force, is_set, own_list, tell};
use crate::args::Import;
use crate::lists::list::{self, Reading, Source};
use crate::lists::preflight::{self, Wish};
use crate::lists::rejects::Rejects;
use crate::lists::{self, length};
use crate::output::{plain, shown};
use crate::progress::Progress;
use crate::wording::{count, grouped};
use crate::{Exit, Failure, Output, interrupt};

pub(super) fn run(arguments: &Import, output: &mut Output) -> Result<Exit, Failure> {
    let drafts = arguments.rejects.as_deref().map(draft_path);
    interrupt::abandon(drafts.into_iter().collect(), NOTHING);
    check(arguments)?;
    let manifest = own_list(&arguments.writing, &arguments.list)?;
    let sets = open_sets(arguments)?;
    let known = manifest.lists.get(&arguments.list);
    let kind = arguments.kind.or(known.map(|list| list.kind)).or_else(|| kind_of(arguments, &sets));
    let kind = kind.unwrap_or(ListKind::Exchange);
    let mut record = known.cloned().unwrap_or_else(|| ListRecord::new(kind));
    record.kind = kind;
    arguments.grounds.lay_down(&mut record.agreement, &mut record.legal_basis);

    let delta = match delta_file(arguments, &sets)? {
        Some(set) => Delta::from_set(set, record.list(&arguments.list))?,
        None => read(arguments, &record, &sets, output)?,
    };
    let mut writer = super::open(&arguments.writing)?;
    let now = arguments.writing.now();
    let terms = Terms::at(now).reason(&arguments.reason).force(arguments.force).list(record);
    let applied = in_force(writer.apply_next(delta, &terms))?;
    let what = match (applied.changed, arguments.merge) {
        (false, _) => {
            format!("the list {:?} has not changed; it is up to date", plain(&arguments.list))
        }
        (true, true) => format!("added {}", entries_on(applied.entries, &arguments.list)),
        (true, false) => format!("took {}", entries_on(applied.entries, &arguments.list)),
    };
    tell(&arguments.writing, &arguments.list, &applied, &what, output)?;
    Ok(Exit::SUCCESS)
}

fn check(arguments: &Import) -> Result<(), Failure> {
    if arguments.list == LOCAL && !arguments.merge {
        return Err(Failure::new(
            "the list `local` holds your own decisions, and importing it anew would withdraw them all: \
             add to it with --merge, or give the list another name",
        ));
    }
    lists::check(&arguments.lists, arguments.rejects.as_deref())
}

/// Those of the files that are sets, by their position: whole ones, as their checksums say.
fn open_sets(arguments: &Import) -> Result<Vec<Option<Set>>, Failure> {
    let open = |path: &PathBuf| {
        if !is_set(path) {
            return Ok(None);
        }
        let set = Set::open(path)?;
        let progress = Progress::new("verifying", Some(set.size()));
        let warmed = set.warm(&mut |bytes| progress.set(bytes));
        progress.clear();
        warmed.map_err(|error| error.with_path(path))?;
        Ok(Some(set))
    };
    arguments.lists.iter().map(open).collect()
}

/// The one file that says itself which change of the list it is, if there is one.
fn delta_file<'s>(arguments: &Import, sets: &'s [Option<Set>]) -> Result<Option<&'s Set>, Failure> {
    for (path, set) in arguments.lists.iter().zip(sets) {
        let Some(set) = set else { continue };
        if set.changes().map_err(|error| error.with_path(path))?.is_empty() {
            continue;
        }
        if sets.len() > 1 || arguments.merge {
            let what = "it is a delta, which says itself what it changes: import it alone, and without --merge";
            return Err(Failure::of(path, what));
        }
        return Ok(Some(set));
    }
    Ok(None)
}

/// What the first set says of the list's kind.
fn kind_of(arguments: &Import, sets: &[Option<Set>]) -> Option<ListKind> {
    let lists = sets.iter().flatten().find_map(|set| set.lists().ok())?;
    let list = lists.iter().find(|list| list.name == arguments.list);
    list.or(lists.first().filter(|_| lists.len() == 1)).map(|list| list.kind)
}

/// All rows and entries as one change.
fn read(
    arguments: &Import,
    record: &ListRecord,
    sets: &[Option<Set>],
    output: &mut Output,
) -> Result<Delta, Failure> {
    let reading = Reading {
        format: arguments.format,
        algorithm: arguments.algorithm,
        reviewed: arguments.reviewed,
        exceptions: record.kind.may_bring_exceptions(),
        allow_empty: Some(arguments.allow_empty),
        nothing: NOTHING,
    };
    let wish = Wish {
        target: &arguments.writing.store().join(MANIFEST),
        force: arguments.force,
        instead: "split the list in several",
    };
    let lists = arguments.lists.iter().zip(sets).filter(|(_, set)| set.is_none());
    let lists: Vec<_> = lists.map(|(path, _)| path.clone()).collect();
    preflight::before_taking(wish, &BuildOptions::new().jobs(0), &lists, &reading)?;

    let delta = Delta::new(record.list(&arguments.list), 1)?;
    let mut delta = if arguments.merge { delta } else { delta.replacing() };
    let progress = Progress::new("reading", length(&arguments.lists));
    let mut read_all = |mut rejects: Rejects<'_>| {
        for (path, set) in arguments.lists.iter().zip(sets) {
            match set {
                Some(set) => read_set(path, set, &arguments.list, &mut delta, &progress, output)?,
                None => {
                    let source = Source { path, name: &arguments.list };
                    let mut take = |entry| delta.add(entry);
                    list::read(&source, &reading, &mut take, &mut rejects, &progress, output)?;
                }
            }
        }
        rejects.finish(NOTHING)
    };
    let read = match &arguments.rejects {
        None => read_all(Rejects::new(None)),
        Some(file) => publish(file, |writer| Ok(read_all(Rejects::new(Some(writer)))))?,
    };
    progress.clear();
    read?;
    Ok(delta)
}

/// The entries of a list of a set. Of a set that holds one list only, it may have another name there.
fn read_set(
    path: &Path,
    set: &Set,
    name: &str,
    delta: &mut Delta,
    progress: &Progress,
    output: &mut Output,
) -> Result<(), Failure> {
    let about = |error: tamis::Error| Failure::from(error.with_path(path));
    let lists = set.lists().map_err(about)?;
    let position = lists.iter().position(|list| list.name == name);
    let Some(position) = position.or(Some(0).filter(|_| lists.len() == 1)) else {
        let known: Vec<_> = lists.iter().map(|list| plain(&list.name)).collect();
        let known = known.join(", ");
        return Err(Failure::of(
            path,
            format_args!("it holds no list {name:?}; name one of these with --list: {known}"),
        ));
    };
    let share = set.size() / set.entry_count().max(1);
    let (mut rows, mut refused) = (0u64, 0u64);
    for stored in set.entries() {
        let stored = stored.map_err(about)?;
        progress.add(share);
        if stored.list != position {
            continue;
        }
        rows += 1;
        let mut entry: Entry = stored.entry;
        if entry.item == stored.id.to_string() {
            // It had no item of its own, and under another list's name it has another id.
            entry.item.clear();
        }
        if let Err(refusal) = delta.add(entry) {
            refused += 1;
            if refused <= 20 {
                let id = stored.id;
                progress.remark(format_args!("{}: entry {id}: {refusal}", shown(path)));
            }
        }
    }
    output.object(&json!({
        "file": path.to_string_lossy(),
        "list": name,
        "format": "set",
        "rows": rows,
        "accepted": rows - refused,
        "rejected": refused,
    }))?;
    let list = plain(name);
    progress.above(|| {
        output.line(format_args!(
            "{} (set) as list {list:?}: {}: {} accepted, {} rejected",
            shown(path),
            count(rows, "entry"),
            grouped(rows - refused),
            grouped(refused)
        ))
    })
}
