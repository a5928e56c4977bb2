//! Publishing and retiring a file while the system fails: each call that touches the file, its draft or its directory is made to fail once, by strace.
//! Old or new each time, nothing left beside it, and the error says which.

#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a child tells its parent; tests say what they did"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use tamis::ErrorCode;
use tamis::files::{publish_bytes, retire};

const ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EDQUOT", "EINTR"];

/// What the child does, told by its environment. It is a test like the others, so that this executable needs no other entrance.
#[test]
fn child() {
    let Some(path) = std::env::var_os("TAMIS_DURABLE") else { return };
    let path = Path::new(&path);
    let done = match std::env::var_os("TAMIS_RETIRE") {
        None => publish_bytes(path, b"new"),
        Some(_) => retire(path).map(|removed| assert!(removed)),
    };
    match done {
        Ok(()) => println!("\ntold 0"),
        Err(e) => println!("\ntold {} {e}", e.code().number()),
    }
}

/// One run: which call upon which of the paths fails how. The code that the child told, 0 for success; none if nothing was injected.
fn run(directory: &Path, verb: &str, of: &str, call: &str, error: &str) -> Option<u32> {
    let file = directory.join("x");
    publish_bytes(&file, b"old").unwrap();
    let log = directory.with_extension("log");
    // With -D the child has the number of the shell, and the name of the draft holds it.
    let script = r#"exec strace -D -f -q -o "$LOG" -P "$ON" -e trace="$CALL" -e inject="$CALL:error=$FAILS:when=1" "$0" --exact child --nocapture"#;
    let script = script.replace(
        "$ON",
        match of {
            "draft" => "$DIRECTORY/.x.$$.draft",
            "directory" => "$DIRECTORY",
            _ => "$DIRECTORY/x",
        },
    );
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(std::env::current_exe().unwrap());
    command.env("LOG", &log).env("DIRECTORY", directory).env("CALL", call).env("FAILS", error);
    command.env("TAMIS_DURABLE", &file);
    if verb == "retire" {
        command.env("TAMIS_RETIRE", "1");
    }
    let ended = command.output().ok()?;
    // The tracer is nobody's child here, and writes its last words after the traced process has ended.
    let injected = (0..200).any(|_| {
        let found = fs::read_to_string(&log).unwrap_or_default().contains("(INJECTED)");
        if !found {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        found
    });
    let _ = fs::remove_file(&log);
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    let code =
        told.lines().find_map(|line| line.strip_prefix("told ")?.split(' ').next()?.parse().ok());
    injected.then(|| code.unwrap_or_else(|| panic!("{verb} {of} {call} {error}: {told}")))
}

#[test]
fn each_call_that_fails_leaves_old_or_new() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("store");
    fs::create_dir(&directory).unwrap();
    if run(&directory, "publish", "draft", "openat", "EIO").is_none() {
        eprintln!("SKIPPED: strace is missing, or may not trace here");
        return;
    }
    let (io, durability) = (ErrorCode::Io.number(), ErrorCode::Durability.number());
    let rename = "?rename,?renameat,?renameat2";
    let steps = [
        ("publish", "directory", "openat", io),
        ("publish", "draft", "openat", io),
        ("publish", "draft", "write", io),
        ("publish", "draft", "fsync", io),
        ("publish", "draft", rename, io),
        ("publish", "directory", "fsync", durability),
        ("retire", "directory", "openat", io),
        ("retire", "file", "?unlink,?unlinkat", io),
        ("retire", "directory", "fsync", durability),
    ];
    for (verb, of, call, code) in steps {
        for error in ERRORS {
            let context = format!("{verb}: {call} of the {of} says {error}");
            let told = run(&directory, verb, of, call, error);
            let expected = if error == "EINTR" { 0 } else { code };
            assert_eq!(told, Some(expected), "{context}");
            let old = expected == io;
            let found = fs::read(directory.join("x")).ok();
            let after: Option<&[u8]> = match verb {
                _ if old => Some(b"old"),
                "publish" => Some(b"new"),
                _ => None,
            };
            assert_eq!(found.as_deref(), after, "{context}");
            let left = fs::read_dir(&directory).unwrap().count();
            assert_eq!(left, usize::from(found.is_some()), "{context}: nothing is left beside it");
        }
    }
    eprintln!("{} failures injected", 1 + steps.len() * ERRORS.len());
}

/// A file system that has no such call is used as it is: there is nothing that doing it again would help.
#[test]
fn a_file_system_that_does_not_sync_directories_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("store");
    fs::create_dir(&directory).unwrap();
    match run(&directory, "publish", "directory", "fsync", "EINVAL") {
        Some(told) => assert_eq!(told, 0),
        None => eprintln!("SKIPPED: strace is missing, or may not trace here"),
    }
}
