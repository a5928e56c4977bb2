//! One writer at a time.

use std::io::Read;
use std::process::{Child, Stdio};

use tamis::store::{LOCAL, StoreWriter};

use super::NOW;
use crate::{Bench, Run, interrupt};

#[test]
fn who_finds_the_store_locked_waits_or_says_so() {
    let bench = Bench::with_store();
    bench.write("file", "file");
    let writer = StoreWriter::open(bench.path("s")).unwrap();
    let process = format!("process {}", std::process::id());
    for verb in [
        &["add", "s", "file", "--wait", "0"][..],
        &["compact", "s", "--wait", "0"],
        &["suppress", "s", "--list", LOCAL, "--reason", "x", "--wait", "0"],
    ] {
        bench.refuses(verb, &process);
        bench.refuses(verb, "try again");
    }
    // Looking is always possible.
    assert_eq!(bench.status(NOW)["version"], 1);
    let child = waiting(&bench, &["add", "s", "file"]);
    drop(writer);
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.status, 0, "{}", run.err);
    assert_eq!(bench.judged(b"file"), 1);
}

/// A verb that has begun to wait for the store's lock.
fn waiting(bench: &Bench, arguments: &[&str]) -> Child {
    let mut command = bench.command(&[&["store"], arguments, &["--wait", "60"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Byte by byte, so that what it says next is left where it is.
    let (mut said, mut byte) = (Vec::new(), [0]);
    while byte != *b"\n" {
        assert_eq!(child.stderr.as_mut().unwrap().read(&mut byte).unwrap(), 1, "it ended");
        said.extend(byte);
    }
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("another process is writing; waiting"), "{said}");
    child
}

/// Ctrl-C before a canary is in force.
#[cfg(unix)]
#[test]
fn an_interrupted_canary_says_that_nothing_was_changed() {
    let bench = Bench::with_store();
    bench.write("logo", "our logo");
    let writer = StoreWriter::open(bench.path("s")).unwrap();
    let child = waiting(&bench, &["canary", "s", "logo"]);
    interrupt(&child);
    let run = Run::of(child.wait_with_output().unwrap());
    drop(writer);
    assert_eq!(run.status, 2);
    assert_eq!(run.err, "tamis: interrupted; nothing was changed\n");
    assert!(bench.store(&["canary", "s"]).is_empty());
}
