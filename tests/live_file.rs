//! What may happen to the file of a set while it is in use: replaced, removed, written into, cut. A copy does not notice. A map does not notice the first two,
//! and the last ends its process.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "tests say what they did")]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tamis::fingerprint::{Algorithm, Algorithms, Fingerprints, digests};
use tamis::search::{Layers, Searcher};
use tamis::set::{Entry, List, ListKind, Residency};
use tamis::{Set, SetBuilder};

const ENTRIES: u64 = 3_000;

fn fingerprints(number: u64) -> Fingerprints {
    let sha256 = Algorithms::from_iter([Algorithm::Sha256]);
    Fingerprints::default().digests(digests(&number.to_le_bytes(), sha256))
}

/// A set of the numbers from `first`, `ENTRIES` of them.
fn set_of(first: u64) -> Vec<u8> {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("numbers", ListKind::Exchange)).unwrap();
    for number in first..first + ENTRIES {
        let digest = fingerprints(number).digests.iter().next().unwrap();
        builder.add(list, Entry::new(digest).item("one")).unwrap();
    }
    builder.to_bytes().unwrap().0
}

fn create(path: &Path, bytes: &[u8]) {
    // Over a link to a file that is in use, `create` would write into that file.
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o640).open(path).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o640)).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

/// Looks up numbers of the version that was opened, and of others, until it is told to stop. How many.
fn look_up(set: &Layers, seed: u64, stop: &AtomicBool) -> u64 {
    let mut searcher = Searcher::new();
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) || count < 100 {
        let number = seed.wrapping_mul(977).wrapping_add(count * 31) % (3 * ENTRIES);
        let found = searcher.digests(set, &fingerprints(number), 1).unwrap().matches().unwrap();
        assert_eq!(found.len(), usize::from(number < ENTRIES), "{number}");
        count += 1;
    }
    count
}

/// Threads look up in a set while things happen to its file.
fn drill(residency: Residency, rounds: u64, happen: impl Fn(u64, &Path, &Path)) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("live.tamis");
    create(&path, &set_of(0));
    let set = Layers::of(Set::open_with(&path, residency).unwrap()).unwrap();
    let (stop, looked_up) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (set, stop, looked_up) = (&set, &stop, &looked_up);
            scope.spawn(move || {
                looked_up.fetch_add(look_up(set, seed, stop), Ordering::Relaxed);
            });
        }
        let spare = dir.path().join("spare");
        for round in 0..rounds {
            happen(round, &path, &spare);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let looked_up = looked_up.into_inner();
    eprintln!("{residency:?}: {looked_up} look-ups during {rounds} changes of the file");
    // What is there now is something else: what was looked up was not this.
    assert_ne!(fs::read(&path).unwrap_or_default(), set_of(0));
}

#[test]
fn a_copy_outlives_whatever_happens_to_its_file() {
    let (old, other) = (set_of(0), set_of(ENTRIES));
    for residency in [Residency::Sealed, Residency::Heap, Residency::HugePages] {
        drill(residency, 3_000, |round, path, spare| match round % 5 {
            0 => create(path, &old),
            1 => {
                let file = OpenOptions::new().write(true).open(path).unwrap();
                file.set_len(round * 8_191 % old.len() as u64).unwrap();
            }
            2 => {
                let file = OpenOptions::new().write(true).open(path).unwrap();
                file.write_all_at(&[round as u8; 16_384], round * 4_099 % old.len() as u64)
                    .unwrap();
            }
            3 => {
                create(spare, &other);
                fs::rename(spare, path).unwrap();
            }
            _ => fs::remove_file(path).unwrap(),
        });
    }
}

#[test]
fn a_map_outlives_that_its_file_is_replaced_or_removed() {
    let other = set_of(ENTRIES);
    for residency in [Residency::Mapped, Residency::Populated] {
        drill(residency, 500, |round, path, spare| {
            if round % 2 == 0 {
                create(spare, &other);
                fs::rename(spare, path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        });
    }
}

/// The same in a child of its own: a set is opened, its file is cut in place, the set is used.
#[test]
fn cutting_a_file_in_place_ends_those_who_mapped_it_and_nobody_else() {
    const SIGBUS: i32 = 7;
    if let Ok(name) = std::env::var("TAMIS_CUT") {
        let residency =
            Residency::AVAILABLE.iter().copied().find(|r| format!("{r:?}") == name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cut.tamis");
        create(&path, &set_of(0));
        let set = Layers::of(Set::open_with(&path, residency).unwrap()).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
        // Nobody is left to do it.
        drop(dir);
        look_up(&set, 1, &AtomicBool::new(true));
        return;
    }
    for residency in Residency::AVAILABLE {
        let run = Command::new("sh")
            .args(["-c", "ulimit -c 0; exec \"$0\" --exact \"$1\""])
            .arg(std::env::current_exe().unwrap())
            .arg("cutting_a_file_in_place_ends_those_who_mapped_it_and_nobody_else")
            .env("TAMIS_CUT", format!("{residency:?}"))
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&run.stdout);
        match residency {
            Residency::Mapped | Residency::Populated => {
                assert_eq!(run.status.signal(), Some(SIGBUS), "{residency:?}: {told}");
            }
            _ => {
                assert!(run.status.success() && told.contains("1 passed"), "{residency:?}: {told}")
            }
        }
    }
}
