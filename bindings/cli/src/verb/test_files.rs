//! `tamis test-files`: the files of the built-in test list.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use tamis::store::{TEST_LIST, TestFile, test_files};

use crate::output::shown;
use crate::wording;
use crate::{Exit, Failure, Output};

pub(crate) fn run(dir: &Path, output: &mut Output) -> Result<Exit, Failure> {
    fs::create_dir_all(dir).map_err(|e| Failure::of(dir, wording::cannot_make(&e)))?;
    // All are looked at before any is written.
    let mut missing = Vec::new();
    for file in test_files() {
        let path = dir.join(file.name);
        match fs::read(&path) {
            Ok(bytes) if bytes == file.bytes => missing.push((file, false)),
            Ok(_) => {
                return Err(Failure::of(
                    &path,
                    "another file of this name is there already; give an empty directory",
                ));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => missing.push((file, true)),
            Err(e) => return Err(Failure::of(&path, wording::cannot_read(&e))),
        }
    }
    for (file, write_it) in missing {
        let path = dir.join(file.name);
        if write_it {
            write(&path, file)?;
        }
        output.object(&json!({ "file": path.to_string_lossy(), "bytes": file.bytes.len(), "written": write_it }))?;
        let note = if write_it { "" } else { " (was there already)" };
        output.line(format_args!("{}{note}", shown(&path)))?;
    }
    output.line(format_args!(
        "\nThey are drawings and a line of text, lawful everywhere, and the built-in list {TEST_LIST:?} holds their fingerprints.\n\
         Upload each to your platform with the test list included (`--test-list`): it must be refused. Or here:\n  \
         tamis check {}/* --store STORE --test-list",
        shown(dir).trim_end_matches('/')
    ))?;
    Ok(Exit::SUCCESS)
}

fn write(path: &Path, file: &TestFile) -> Result<(), Failure> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut new| new.write_all(file.bytes));
    written.map_err(|e| {
        // Nothing half-written stays behind; what was there before is never removed.
        if e.kind() != io::ErrorKind::AlreadyExists {
            let _ = fs::remove_file(path);
        }
        Failure::of(path, wording::cannot_write(&e))
    })
}
