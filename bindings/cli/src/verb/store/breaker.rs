//! `tamis store breaker`: what matched too many different uploads to be right, and letting it act again.

use std::fs::Metadata;
use std::path::Path;

use serde_json::{Value, json};
use tamis::set::EntryId;
use tamis::store::{COUNTERS, Counters, STATE, StoreOptions, Tripped};

use crate::args::Breaker;
use crate::output::{plain, remark, shown};
use crate::wording::{count, grouped, rfc3339};
use crate::{Exit, Failure, Output};

pub(super) fn run(arguments: &Breaker, output: &mut Output) -> Result<Exit, Failure> {
    let store = &arguments.store;
    let manifest = super::manifest(store)?;
    let Counted { counters, fault } = Counted::of(store);
    let mut exit = Exit::SUCCESS;
    let mut reset = 0;
    for entry in &arguments.reset {
        match counters.as_ref().is_some_and(|counters| reset_entry(counters, *entry, store)) {
            true => reset += 1,
            false => {
                remark(format_args!("entry {entry} had not tripped"));
                exit.note_error();
            }
        }
    }
    for list in &arguments.reset_list {
        match counters.as_ref().is_some_and(|counters| counters.reset_list(list)) {
            true => reset += 1,
            false => {
                match manifest.lists.contains_key(list) {
                    true => remark(format_args!("the list {:?} had not tripped", plain(list))),
                    false => remark(super::unknown_list(&manifest, list)),
                }
                exit.note_error();
            }
        }
    }
    if arguments.reset_all {
        reset += counters.as_ref().map_or(0, Counters::reset_all);
    }
    let tripped = counters.as_ref().map_or_else(Vec::new, Counters::tripped);
    output.object(&json!({
        "store": store.to_string_lossy(),
        "counted": counters.is_some(),
        "reset": reset,
        "degraded": tripped.iter().map(object).collect::<Vec<_>>(),
        "fault": fault,
    }))?;
    match (&counters, fault) {
        (None, Some(fault)) => return Err(Failure(fault)),
        (None, None) => {
            output.line(format_args!("{}: nothing was counted yet", shown(store)))?;
            return Ok(exit);
        }
        (Some(_), Some(fault)) => remark(fault),
        (Some(_), None) => {}
    }
    if reset > 0 {
        output.line(format_args!("{} act again", grouped(reset as u64)))?;
    }
    lines(&tripped, "", output)?;
    if tripped.is_empty() {
        output.line("nothing is degraded")?;
    }
    Ok(exit)
}

/// One entry of a fingerprint is shown for all that a list has of it; any of them will do.
fn reset_entry(counters: &Counters, entry: EntryId, store: &Path) -> bool {
    let group = || {
        let opened = StoreOptions::new().counters(false).open(store).ok()?;
        opened.snapshot().group_of(entry).ok().flatten()
    };
    counters.reset_entry(entry) || group().is_some_and(|group| counters.reset_entry(group))
}

/// What was counted for a store.
pub(in crate::verb) struct Counted {
    /// None if nobody has counted yet, or if the file cannot be used.
    pub(in crate::verb) counters: Option<Counters>,
    /// What is wrong with the file, or was.
    pub(in crate::verb) fault: Option<String>,
}

impl Counted {
    /// Whoever opens the counters replaces a damaged file by a new one; to look is not to make one where there is none.
    pub(in crate::verb) fn of(store: &Path) -> Counted {
        let state = store.join(STATE);
        let file = state.join(COUNTERS);
        if !state.is_dir() {
            let state = shown(&state);
            let fault = format!(
                "{state}: there is no such directory, so nothing is counted and nothing degraded; make it, of the group of the processes that check uploads: `mkdir -m 2770 {state}`"
            );
            return Counted { counters: None, fault: Some(fault) };
        }
        let Ok(before) = file.symlink_metadata() else {
            return Counted { counters: None, fault: None };
        };
        match Counters::open(&state) {
            Err(error) => Counted { counters: None, fault: Some(error.to_string()) },
            Ok(counters) => {
                let after = file.symlink_metadata();
                let same = after.is_ok_and(|after| identity(&after) == identity(&before));
                let fault = (!same).then(|| {
                    format!(
                        "{}: it was damaged or of an earlier version, and a new one was made: what was counted until now is lost, and what was degraded acts again",
                        shown(&file)
                    )
                });
                Counted { counters: Some(counters), fault }
            }
        }
    }
}

/// Tells a file from one that was put in its place.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> [u64; 2] {
    use std::os::unix::fs::MetadataExt;
    [metadata.dev(), metadata.ino()]
}

#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> u64 {
    metadata.len()
}

/// One of those that have tripped, for machines.
pub(super) fn object(one: &Tripped) -> Value {
    json!({
        "entry": one.entry,
        "list": one.list,
        "when": one.when,
        "uploads": one.uploads,
        "baseline": one.baseline,
        "matches": one.matches,
    })
}

pub(super) fn lines(tripped: &[Tripped], margin: &str, output: &mut Output) -> Result<(), Failure> {
    for one in tripped {
        let what = match one.entry {
            Some(entry) => format!("entry {entry} of list {:?}", plain(&one.list)),
            None => format!("list {:?} as a whole", plain(&one.list)),
        };
        output.line(format_args!(
            "{margin}DEGRADED to review since {}: {what}, by {} within an hour where {:.1} are usual",
            rfc3339(one.when),
            count(one.uploads, "different upload"),
            one.baseline,
        ))?;
    }
    Ok(())
}
