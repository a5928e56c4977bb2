//! Files of a store directory: nothing but a regular file that lies in it, and that nobody can change who should not.

#![cfg(unix)]
#![allow(clippy::print_stderr, reason = "tests say what they did")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use tamis::set::{Residency, open_within};
use tamis::store::StoreOptions;
use tamis::{ErrorCode, Set, SetBuilder};

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    mode(dir.path(), 0o750);
    let path = dir.path().join("base.tamis");
    SetBuilder::new().write(&path).unwrap();
    mode(&path, 0o640);
    dir
}

/// Refused, for that reason, and with a word of what is wrong.
#[track_caller]
fn refused(directory: &Path, name: &str, code: ErrorCode, word: &str) {
    for residency in [Residency::Mapped, Residency::Heap] {
        let error = open_within(directory, name, residency).map(|_| ()).expect_err(name);
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(word), "{name}: {error}");
    }
}

#[test]
fn a_store_opens_only_files_that_lie_in_it() {
    let dir = store();
    let store = dir.path();
    for residency in Residency::AVAILABLE {
        let set = open_within(store, "base.tamis", *residency).unwrap();
        assert_eq!(set.digest(), Set::open(store.join("base.tamis")).unwrap().digest());
    }
    symlink("base.tamis", store.join("inner")).unwrap();
    symlink("/etc/hostname", store.join("outer")).unwrap();
    symlink("nowhere", store.join("dangling")).unwrap();
    symlink("round", store.join("round")).unwrap();
    for link in ["inner", "outer", "dangling", "round"] {
        refused(store, link, ErrorCode::Permissions, "symbolic link");
    }
    // The operator may name a file by a link.
    Set::open(store.join("inner")).unwrap();

    fs::create_dir(store.join("directory")).unwrap();
    refused(store, "directory", ErrorCode::Permissions, "a directory");
    let fifo = Command::new("mkfifo").arg("-m0640").arg(store.join("fifo")).status();
    assert!(fifo.unwrap().success());
    // Neither waits for a writer.
    refused(store, "fifo", ErrorCode::Permissions, "regular");
    assert_eq!(Set::open(store.join("fifo")).unwrap_err().code(), ErrorCode::Permissions);
    let _socket = std::os::unix::net::UnixListener::bind(store.join("socket")).unwrap();
    refused(store, "socket", ErrorCode::Permissions, "regular");
    refused(store, "missing", ErrorCode::NotFound, "nothing of that name");
    let inside = store.file_name().unwrap().to_str().unwrap();
    let absolute = store.join("base.tamis");
    for path in [
        "",
        ".",
        "..",
        "/",
        "./base.tamis",
        "base.tamis/",
        "base.tamis\0",
        "directory/../base.tamis",
        &format!("../{inside}/base.tamis"),
        absolute.to_str().unwrap(),
    ] {
        refused(store, path, ErrorCode::InvalidArgument, "plain file name");
    }
    refused(&store.join("base.tamis"), "x", ErrorCode::Io, "");
    refused(&store.join("missing"), "x", ErrorCode::NotFound, "");
}

/// Who opens a store where a FIFO lies is told so at once, and does not wait for somebody to write to it; nor does who looks again.
#[test]
fn a_fifo_in_the_place_of_a_store_is_refused_at_once() {
    let dir = store();
    let path = dir.path().join("fifo");
    fs::copy(dir.path().join("base.tamis"), &path).unwrap();
    let store = StoreOptions::new().refresh_interval(None).open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg("-m0640").arg(&path).status().unwrap().success());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let opened = StoreOptions::new().open(&path).map(|_| ());
        tell.send([opened, store.refresh().map(|_| ())]).unwrap();
    });
    for refused in told.recv_timeout(std::time::Duration::from_secs(20)).expect("nobody waits") {
        let error = refused.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Permissions);
        assert!(error.to_string().contains("expected a regular file"), "{error}");
    }
}

#[test]
fn a_store_may_be_reached_by_a_link() {
    let dir = store();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("current");
    symlink(dir.path(), &link).unwrap();
    open_within(&link, "base.tamis", Residency::Mapped).unwrap();
}

#[test]
fn modes_of_file_and_directory_are_checked() {
    let dir = store();
    let path = dir.path().join("base.tamis");
    for (bad, word) in [(0o660, "its group may write"), (0o644, "may read"), (0o642, "may write")] {
        mode(&path, bad);
        refused(dir.path(), "base.tamis", ErrorCode::Permissions, word);
    }
    mode(&path, 0o440);
    for good in [0o700, 0o750, 0o2750, 0o710] {
        mode(dir.path(), good);
        open_within(dir.path(), "base.tamis", Residency::Mapped).unwrap();
    }
    for (bad, word) in [(0o770, "its group may write"), (0o755, "may read"), (0o752, "may write")] {
        mode(dir.path(), bad);
        refused(dir.path(), "base.tamis", ErrorCode::Permissions, word);
    }
    mode(dir.path(), 0o750);
}

/// Writers and workers may be different users, and whoever owns a file can change it.
#[test]
fn the_owner_of_a_file_must_be_one_who_may_change_it() {
    let dir = store();
    let path = dir.path().join("base.tamis");
    let own = fs::metadata(&path).unwrap().uid();
    if own != 0 {
        eprintln!("SKIPPED: only root can give files away");
        return;
    }
    let stranger = 4711;
    chown(&path, Some(stranger), None).unwrap();
    refused(dir.path(), "base.tamis", ErrorCode::Permissions, "belongs to user 4711");
    // Its directory is the stranger's: the writer of this store.
    chown(dir.path(), Some(stranger), None).unwrap();
    open_within(dir.path(), "base.tamis", Residency::Mapped).unwrap();
    chown(&path, Some(0), None).unwrap();
    open_within(dir.path(), "base.tamis", Residency::Mapped).unwrap();
    chown(dir.path(), Some(0), None).unwrap();
}
