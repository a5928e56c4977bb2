//! `tamis store canary`: harmless files that no entry may match.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tamis::set::SetBuilder;
use tamis::store::{CANARIES, Canaries, StoreOptions};
use tamis::{Context, Policy, Scanner, Set, Store};
use walkdir::WalkDir;

use crate::args::Canary;
use crate::output::{plain, remark, shown};
use crate::wording::{cannot_read, count};
use crate::{Exit, Failure, Output, interrupt};

/// The radius at which exchanges match.
const RADIUS: u32 = 31;

pub(super) fn run(arguments: &Canary, output: &mut Output) -> Result<Exit, Failure> {
    let store = arguments.writing.store();
    if arguments.paths.is_empty() {
        return show(store, output);
    }
    let writer = super::open(&arguments.writing)?;
    let mut builder = Canaries::of_store(store)?.to_builder()?;
    // Whatever is hashed is hashed by everything that an entry may be of: the test list has some of each.
    let empty = Set::from_bytes(&SetBuilder::new().to_bytes()?.0)?;
    let all = Store::from_set(empty, StoreOptions::new().test_list(true))?;
    let policy = Policy::builder().stop_early(false).build()?;
    let mut scanner = Scanner::new(all, policy).with_exact_hashes(true);
    let mut added = 0u64;
    for file in files(&arguments.paths)? {
        if interrupt::asked() {
            return Err(Failure::new("interrupted; nothing was changed"));
        }
        let bytes = fs::read(&file).map_err(|e| Failure::of(&file, cannot_read(&e)))?;
        let verdict = scanner.check(&bytes, &Context::at(0))?;
        let name = plain(&file.file_name().unwrap_or_default().to_string_lossy());
        if builder.add(&name, &verdict.fingerprints).map_err(|e| Failure::of(&file, e))? == 0 {
            remark(format_args!("{name}: nothing of it can be compared; it is left out"));
            continue;
        }
        added += 1;
    }
    super::in_force(builder.write(store.join(CANARIES)))?;
    drop(writer);
    let mut exit = Exit::SUCCESS;
    // What is in force already was let in before anybody knew better.
    let canaries = Canaries::of_store(store)?;
    for set in Store::open(store)?.snapshot().sets() {
        if let Err(error) = canaries.check(set, RADIUS) {
            remark(format_args!(
                "applied, but an entry that is in force matches one, see `tamis store suppress`: {error}"
            ));
            exit.note_error();
        }
    }
    let names = canaries.names()?.len() as u64;
    output
        .object(&json!({ "store": store.to_string_lossy(), "added": added, "canaries": names }))?;
    let (added, names) = (count(added, "file"), count(names, "canary"));
    output.line(format_args!("{}: {added} added, {names} in all", shown(store)))?;
    Ok(exit)
}

fn show(store: &Path, output: &mut Output) -> Result<Exit, Failure> {
    super::manifest(store)?;
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
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|e| Failure::of(path, e))?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
    }
    Ok(files)
}
