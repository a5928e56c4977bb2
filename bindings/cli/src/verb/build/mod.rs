//! `tamis build`: lists to a set.
//!
//! ```text
//! name every list; refuse what would overwrite an input or something that is not a set, and what this machine has no room for
//! for each list: tell its format, give every row to the builder, account for every row
//! write the set beside its final name, open it again, verify it, search it for its own fingerprints
//! only then rename it
//! ```
//!
//! Invariants: whatever goes wrong, and whenever it is interrupted, the old file is as it was and no draft stays behind. Rows that
//! are rejected are accounted for, so they are no error; a list none of whose rows is usable is one.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::json;
use tamis::ErrorCode;
use tamis::files::{Draft, draft_path, publish};
use tamis::set::{BuildOptions, BuildReport, List, ListId, Set, SetBuilder};

use super::info::fingerprints;
use super::verify::{Soundness, prove};
use crate::args::Build;
use crate::interrupt;
use crate::judging::now;
use crate::lists::list::{self, Reading};
use crate::lists::preflight::{self, Wish};
use crate::lists::rejects::Rejects;
use crate::lists::{self, check_writable, length, not_read, same_file};
use crate::output::shown;
use crate::progress::{Progress, Share};
use crate::upload::STDIN;
use crate::wording::{self, count, grouped};
use crate::{Exit, Failure, Output};

pub(crate) fn run(arguments: &Build, output: &mut Output) -> Result<Exit, Failure> {
    let target = &arguments.output;
    check_target(arguments)?;
    let mut drafts = vec![draft_path(target)];
    drafts.extend(arguments.rejects.as_deref().map(draft_path));
    interrupt::abandon(drafts, "nothing was published");

    let options = BuildOptions::new().profile(arguments.profile).jobs(0);
    let (wish, reading) = (wish(arguments), Reading::from(arguments));
    preflight::before_taking(wish, &options, &arguments.lists, &reading)?;
    let mut builder = SetBuilder::new();
    let created = arguments.created.unwrap_or_else(now);
    builder.set_created(created);
    let lists = add_lists(arguments, &mut builder)?;
    let mut read_all =
        |rejects: Rejects<'_>| read(arguments, &lists, &mut builder, rejects, output);
    match &arguments.rejects {
        None => read_all(Rejects::new(None))?,
        // Rejected rows are wanted most when the build fails because of them.
        Some(path) => publish(path, |writer| Ok(read_all(Rejects::new(Some(writer)))))??,
    }

    preflight::before_writing(wish, &builder, &options)?;
    let published = write(builder, &options, target)?;
    summarise(arguments, created, &published, output)?;
    Ok(Exit::SUCCESS)
}

fn wish(arguments: &Build) -> Wish<'_> {
    Wish {
        target: &arguments.output,
        force: arguments.force,
        instead: "split the lists over several sets",
    }
}

impl From<&Build> for Reading {
    fn from(arguments: &Build) -> Reading {
        Reading {
            format: arguments.format,
            algorithm: arguments.algorithm,
            reviewed: arguments.reviewed,
            exceptions: arguments.kind.may_bring_exceptions(),
            allow_empty: Some(arguments.allow_empty),
            nothing: "nothing was published",
        }
    }
}

/// A set that was written and proved, and what is known of it.
pub(super) struct Published {
    pub(super) report: BuildReport,
    pub(super) set: Set,
    pub(super) sound: Soundness,
}

/// Writes a set beside its final name, reads it back, verifies and searches it, and only then gives it the name.
pub(super) fn write(
    builder: SetBuilder,
    options: &BuildOptions,
    target: &Path,
) -> Result<Published, Failure> {
    let (draft, published) = written(builder, options, target).map_err(|e| about(target, &e))?;
    interrupt::commit();
    draft.publish(target)?;
    Ok(published)
}

/// Writes a set as a draft of a file, reads it back, verifies and searches it.
pub(in crate::verb) fn written(
    builder: SetBuilder,
    options: &BuildOptions,
    target: &Path,
) -> tamis::Result<(Draft, Published)> {
    let mut draft = Draft::of(target)?;
    let share = Share::new();
    let report = builder.write_to(&mut draft, options, &mut |progress| {
        share.set(progress.phase.name(), progress.fraction);
        ControlFlow::Continue(())
    });
    share.clear();
    let report = report?;
    let set = Set::open(draft.path())?;
    let sound = prove(&set)?;
    Ok((draft, Published { report, set, sound }))
}

/// An error about a draft, told of the file that the user named.
fn about(target: &Path, error: &tamis::Error) -> Failure {
    let text = error.to_string();
    let path = error.path().map(|path| path.display().to_string()).unwrap_or_default();
    let message =
        text.strip_prefix(&path).map_or(text.as_str(), |rest| rest.trim_start_matches(": "));
    Failure::of(target, format_args!("{message} (nothing was published)"))
}

/// Refuses, before anything is read, a target that cannot be meant or cannot be written.
fn check_target(arguments: &Build) -> Result<(), Failure> {
    let target = &arguments.output;
    lists::check(&arguments.lists, arguments.rejects.as_deref())?;
    not_read("-o", target, &arguments.lists)?;
    if arguments.rejects.as_ref().is_some_and(|r| r == target || same_file(r, target)) {
        return Err(Failure::of(target, "-o and --rejects name the same file"));
    }
    check_output(target)
}

/// Refuses what a set cannot be published as.
pub(super) fn check_output(target: &Path) -> Result<(), Failure> {
    if target.as_os_str() == STDIN {
        return Err(Failure::new("-o: a set is published by renaming, so it needs a file name"));
    }
    check_writable("-o", target)?;
    // `tamis build -o *.csv` must not cost a list.
    let beginning = fs::File::open(target).and_then(|file| {
        let mut beginning = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, 64), &mut beginning)?;
        Ok(beginning)
    });
    let foreign = beginning.is_ok_and(|bytes| {
        !bytes.is_empty()
            && Set::from_bytes(&bytes).is_err_and(|e| e.code() == ErrorCode::SetForeign)
    });
    if foreign {
        let what = "it exists and is not a set; remove it first, or give another name";
        return Err(Failure::of(target, what));
    }
    Ok(())
}

/// Gives every file its list: one for all if `--list` names it, else one for each, named after it.
fn add_lists(
    arguments: &Build,
    builder: &mut SetBuilder,
) -> Result<Vec<(ListId, String)>, Failure> {
    let mut add = |name: &str| {
        let mut list = List::new(name, arguments.kind);
        arguments.grounds.lay_down(&mut list.agreement, &mut list.legal_basis);
        builder.add_list(list)
    };
    if let Some(name) = &arguments.list {
        let id = add(name).map_err(|e| Failure::new(format!("--list: {e}")))?;
        return Ok(vec![(id, name.clone()); arguments.lists.len()]);
    }
    let mut lists: Vec<(ListId, String)> = Vec::new();
    for path in &arguments.lists {
        if path.as_os_str() == STDIN {
            return Err(Failure::new("stdin has no name for its list; give one with --list NAME"));
        }
        let name = path.file_stem().and_then(|stem| stem.to_str()).ok_or_else(|| {
            Failure::of(path, "its name cannot name a list; give one with --list NAME")
        })?;
        if let Some(earlier) = lists.iter().position(|(_, taken)| taken == name) {
            let earlier = arguments.lists.get(earlier).map(|p| p.display().to_string());
            return Err(Failure::of(
                path,
                format_args!(
                    "its list would be called {name:?}, as that of {}; rename one file, or join all in one list with --list NAME",
                    earlier.unwrap_or_default()
                ),
            ));
        }
        let id = add(name)
            .map_err(|e| Failure::of(path, format_args!("{e}; give a name with --list NAME")))?;
        lists.push((id, name.to_owned()));
    }
    Ok(lists)
}

/// Reads all lists into the builder.
fn read(
    arguments: &Build,
    lists: &[(ListId, String)],
    builder: &mut SetBuilder,
    mut rejects: Rejects<'_>,
    output: &mut Output,
) -> Result<(), Failure> {
    let reading = Reading::from(arguments);
    let progress = Progress::new("reading", length(&arguments.lists));
    for (path, (id, name)) in arguments.lists.iter().zip(lists) {
        let source = list::Source { path, name };
        let mut take = |entry| builder.add(*id, entry);
        let result = list::read(&source, &reading, &mut take, &mut rejects, &progress, output);
        if result.is_err() {
            progress.clear();
        }
        result?;
    }
    progress.clear();
    rejects.finish(reading.nothing)
}

fn summarise(
    arguments: &Build,
    created: u64,
    Published { report, set, sound }: &Published,
    output: &mut Output,
) -> Result<(), Failure> {
    let target = &arguments.output;
    output.object(&json!({
        "set": target.to_string_lossy(),
        "digest": report.digest.to_string(),
        "profile": arguments.profile.name(),
        "created": created,
        "bytes": report.bytes,
        "entries": report.entries,
        "duplicates": report.duplicates,
        "items": set.item_count(),
        "fingerprints": fingerprints(set),
        "planted": sound.proof.planted,
    }))?;
    let duplicates = match report.duplicates {
        0 => String::new(),
        1 => "; 1 row was given twice, the last one was kept".into(),
        n => format!("; {} rows were given before, the last of each was kept", grouped(n)),
    };
    output.line(format_args!(
        "{}: {} of {}, {}{duplicates}",
        shown(target),
        count(report.entries, "entry"),
        count(set.item_count(), "item"),
        wording::bytes(report.bytes),
    ))?;
    let held: Vec<_> = set
        .algorithms()
        .iter()
        .map(|a| format!("{a} {}", grouped(set.fingerprint_count(a))))
        .collect();
    if !held.is_empty() {
        output.line(format_args!("  distinct fingerprints: {}", held.join(", ")))?;
    }
    output.line(format_args!(
        "  verified; {} answered",
        count(sound.proof.planted, "planted query")
    ))?;
    output.line(format_args!("  digest {}", report.digest))
}
