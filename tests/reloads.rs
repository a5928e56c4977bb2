//! A process that reloads its store ten thousand times is as large as it was before, and has as many files open.

#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "an allocator that counts can only be written with `unsafe`")]
#![allow(clippy::print_stderr, reason = "it prints what it measured")]

#[allow(dead_code, reason = "other tests measure peaks")]
mod counting;

use std::fs;
use std::path::Path;
use std::time::Duration;

use counting::live;
use tamis::fingerprint::{Algorithms, digests};
use tamis::set::{Delta, Entry, List, ListKind, Residency};
use tamis::store::{MANIFEST, Refresh, StoreOptions, StoreWriter, Terms};
use tamis::{Action, Context, Policy, Scanner, Store};

const NOW: u64 = 1_790_000_000;

/// What is counted.
const RELOADS: usize = 10_000;

/// Before that.
const WARM: usize = 3_000;

const THREADS: usize = 8;

/// A change with so many entries besides the upload's.
fn delta(list: &str, upload: &str, entries: u32) -> Delta {
    let mut delta = Delta::new(List::new(list, ListKind::Exchange), 1).unwrap();
    let uploads = (0..entries).map(|number| format!("{upload} {number}"));
    for upload in uploads.chain([upload.to_owned()]) {
        for digest in digests(upload.as_bytes(), Algorithms::DIGESTS).iter() {
            delta.add(Entry::new(digest).reviewed(true)).unwrap();
        }
    }
    delta
}

/// A store in two states, both of whose sets lie there: `a` with one change, `b` with two.
fn make(store: &Path) {
    let mut writer = StoreWriter::init(store, NOW).unwrap();
    for (list, state, entries) in [("one", "a", 20_000), ("two", "b", 100)] {
        writer.set_list(list, ListKind::Exchange, ("subscribed", ""), NOW, |_| Ok(())).unwrap();
        writer.apply(delta(list, list, entries), &Terms::at(NOW)).unwrap();
        fs::copy(store.join(MANIFEST), store.join(state)).unwrap();
    }
}

/// Puts one of the two states in place, by a file that was not there before.
fn turn(store: &Path, round: usize) {
    let state = ["a", "b"][round % 2];
    fs::copy(store.join(state), store.join("next")).unwrap();
    fs::rename(store.join("next"), store.join(MANIFEST)).unwrap();
}

/// Resident memory without what is mapped of files, and open files.
fn process() -> (usize, usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kib: usize = resident.split_whitespace().next().unwrap().parse().unwrap();
    (kib, fs::read_dir("/proc/self/fd").unwrap().count())
}

fn maps() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

fn in_one_thread(store: &Store, path: &Path, rounds: usize) {
    let mut scanner = Scanner::new(store.clone(), Policy::builtin());
    for round in 0..rounds {
        turn(path, round);
        assert_eq!(store.refresh().unwrap(), Refresh::Replaced);
        let verdict = scanner.check(b"two", &Context::at(NOW)).unwrap();
        assert_eq!(verdict.action == Action::Block, round % 2 == 1);
    }
}

/// One thread turns it over, and all reload and check.
fn in_many_threads(store: &Store, path: &Path, rounds: usize) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                let mut scanner = Scanner::new(store.clone(), Policy::builtin());
                for round in 0..rounds / THREADS {
                    if thread == 0 {
                        turn(path, round);
                    }
                    store.refresh().unwrap();
                    let verdict = scanner.check(b"one", &Context::at(NOW)).unwrap();
                    assert_eq!(verdict.action, Action::Block);
                }
            });
        }
    });
}

/// The one test of this file: another would allocate beside it.
#[test]
fn reloads_leave_nothing_behind() {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = dir.path().join("store");
    make(&path);
    // A copy on the heap makes the process as large as a host: in an empty one, two percent are less than what an allocator keeps for eight threads.
    type Run = fn(&Store, &Path, usize);
    let runs: [(&str, Residency, Run); 3] = [
        ("mapped, one thread", Residency::Mapped, in_one_thread),
        ("heap, one thread", Residency::Heap, in_one_thread),
        ("heap, eight threads", Residency::Heap, in_many_threads),
    ];
    for (name, residency, run) in runs {
        let never = Some(Duration::from_secs(3600));
        let options = StoreOptions::new().refresh_interval(never).residency(residency);
        let store = options.open(&path).unwrap();
        run(&store, &path, WARM);
        turn(&path, 0);
        store.refresh().unwrap();
        let (heap, (resident, files), mapped) = (live(), process(), maps());
        run(&store, &path, RELOADS);
        turn(&path, 0);
        store.refresh().unwrap();
        let (heap_after, (resident_after, files_after), mapped_after) = (live(), process(), maps());
        eprintln!(
            "{name}: heap {heap} then {heap_after} bytes; resident {resident} then {resident_after} KiB; files {files} then {files_after}; maps {mapped} then {mapped_after}"
        );
        let close = |before: usize, after: usize| before.abs_diff(after) * 50 <= before;
        assert!(close(heap, heap_after), "{name}: heap {heap}, then {heap_after} bytes");
        assert!(
            close(resident, resident_after),
            "{name}: resident {resident}, then {resident_after} KiB"
        );
        assert_eq!(files, files_after, "{name}: open files");
        // Idle memory of the allocator may be mapped in more or fewer parts.
        assert!(mapped_after <= mapped + 4, "{name}: {mapped} maps, then {mapped_after}");
    }
}
