//! `tamis store canary`: harmless files that no entry may match.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tamis::fingerprint::Fingerprints;
use tamis::set::SetBuilder;
use tamis::store::{CANARIES, Canaries, StoreOptions};
use tamis::{Context, Policy, Scanner, Set, Store};
use walkdir::WalkDir;

use super::NOTHING;
use crate::args::Canary;
use crate::output::{plain, remark, shown};
use crate::wording::{cannot_read, cannot_walk, count};
use crate::{Exit, Failure, Output, interrupt};

pub(super) fn run(arguments: &Canary, output: &mut Output) -> Result<Exit, Failure> {
    let Canary { writing, paths, remove } = arguments;
    let store = writing.store();
    super::manifest(store)?;
    if paths.is_empty() && remove.is_empty() {
        return show(store, output);
    }
    interrupt::abandon(Vec::new(), NOTHING);
    let examined = examine(paths)?;

    let writer = super::open(writing)?;
    let before = Canaries::of_store(store)?;
    let names = before.names()?;
    if let Some(name) = remove.iter().find(|name| !names.contains(name)) {
        return Err(Failure::new(format!(
            "no canary is called {:?}, so {NOTHING}; `tamis store canary {}` shows what they are called",
            plain(name),
            shown(store)
        )));
    }
    let (mut builder, removed) = before.to_builder_without(remove)?;
    let mut added = 0u64;
    for (file, name, fingerprints) in &examined {
        if builder.add(name, fingerprints).map_err(|e| Failure::of(file, e))? == 0 {
            remark(format_args!("{name}: nothing of it can be compared; it is left out"));
            continue;
        }
        added += 1;
    }
    if interrupt::asked() {
        return Err(Failure::new(format!("interrupted; {NOTHING}")));
    }
    super::in_force(builder.write(store.join(CANARIES)))?;
    drop(writer);
    let exit = check(store)?;
    let names = Canaries::of_store(store)?.names()?.len() as u64;
    output.object(&json!({
        "store": store.to_string_lossy(), "added": added, "removed": removed, "canaries": names,
    }))?;
    let (added, names) = (count(added, "file"), count(names, "canary"));
    output
        .line(format_args!("{}: {added} added, {removed} removed, {names} in all", shown(store)))?;
    Ok(exit)
}

/// Files with their names and what they are compared by.
fn examine(paths: &[PathBuf]) -> Result<Vec<(PathBuf, String, Fingerprints)>, Failure> {
    // Whatever is hashed is hashed by everything that an entry may be of: the test list has some of each.
    let empty = Set::from_bytes(&SetBuilder::new().to_bytes()?.0)?;
    let all = Store::from_set(empty, StoreOptions::new().test_list(true))?;
    let policy = Policy::builder().stop_early(false).build()?;
    let mut scanner = Scanner::new(all, policy).with_exact_hashes(true);
    let mut examined = Vec::new();
    for file in files(paths)? {
        let bytes = fs::read(&file).map_err(|e| Failure::of(&file, cannot_read(&e)))?;
        let verdict = scanner.check(&bytes, &Context::at(0))?;
        let name = plain(&file.file_name().unwrap_or_default().to_string_lossy());
        examined.push((file, name, verdict.fingerprints));
    }
    Ok(examined)
}

/// Says which canaries are matched by what is in force already: it was let in before anybody knew better.
fn check(store: &Path) -> Result<Exit, Failure> {
    let mut exit = Exit::SUCCESS;
    let canaries = Canaries::of_store(store)?;
    let opened = StoreOptions::new().counters(false).open(store)?;
    for set in opened.snapshot().sets() {
        if let Err(error) = canaries.check(set, Canaries::radius_of_store(store)) {
            remark(format_args!(
                "applied, but an entry that is in force matches one, see `tamis store suppress`: {error}"
            ));
            exit.note_error();
        }
    }
    Ok(exit)
}

fn show(store: &Path, output: &mut Output) -> Result<Exit, Failure> {
    let names = Canaries::of_store(store)?.names()?;
    for name in &names {
        output.object(&json!({ "canary": name }))?;
        output.line(plain(name))?;
    }
    let count = count(names.len() as u64, "canary");
    output.line(format_args!("{}: {count}, and those that are built in", shown(store)))?;
    Ok(Exit::SUCCESS)
}

/// The files that are meant, those below directories too.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        // What is named is meant, also if it is a link; below it, links are not followed.
        let metadata = fs::metadata(path).map_err(|e| Failure::of(path, cannot_read(&e)))?;
        if metadata.is_file() {
            files.push(path.clone());
            continue;
        }
        if !metadata.is_dir() {
            return Err(Failure::of(path, "neither a directory nor a regular file"));
        }
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry =
                entry.map_err(|e| Failure::of(e.path().unwrap_or(path), cannot_walk(&e)))?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
    }
    Ok(files)
}
