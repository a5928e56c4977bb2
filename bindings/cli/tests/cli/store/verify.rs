//! `verify`: whatever is damaged is told.

use std::path::{Path, PathBuf};

use tamis::store::MANIFEST;

use super::NOW;
use crate::{Bench, set_mode};

#[test]
fn a_damaged_store_is_told_in_full() {
    let bench = Bench::with_store();
    bench.write("file", "file");
    bench.store(&["add", "s", "file"]);
    bench.list("list.csv", &[(b"a", "positive")]);
    bench.import("list.csv", &[]);
    let store = bench.path("s");
    let sets: Vec<PathBuf> = bench.status(NOW)["sets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| store.join(set["file"].as_str().unwrap()))
        .collect();
    let faults = || {
        let run = bench.run(&["store", "verify", "s", "--json"]);
        assert_eq!(run.status, 2, "{}", run.out);
        let told = run.objects();
        let unsound = told.iter().filter(|part| part["sound"] == false);
        unsound.filter_map(|part| part["part"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();

    // A flipped bit at the very end, and a file that is gone: both are told.
    let (first, second) = (std::fs::read(&sets[0]).unwrap(), std::fs::read(&sets[1]).unwrap());
    let mut flipped = first.clone();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(&sets[0], &flipped).unwrap();
    assert_eq!(faults(), [name(&sets[0]), "store".into()], "it lies in the delta header");
    std::fs::remove_file(&sets[1]).unwrap();
    assert_eq!(faults(), ["names".to_owned(), name(&sets[0]), name(&sets[1]), "store".into()]);
    let status = bench.run(&["store", "status", "s", "--json"]);
    assert_eq!(status.status, 2);
    let told = &status.objects()[0];
    assert!(told["version"].as_u64() >= Some(3) && told["fault"]["code"] == 3, "{told}");
    assert_eq!(bench.run(&["check", "file", "--store", "s"]).status, 2);
    tamis::files::publish_bytes(&sets[0], &first).unwrap();
    tamis::files::publish_bytes(&sets[1], &second).unwrap();
    assert_eq!(bench.last(&["verify", "s"])["sound"], true);

    // Sets that have changed places.
    tamis::files::publish_bytes(&sets[0], &second).unwrap();
    assert_eq!(faults(), [name(&sets[0]), "store".into()]);
    tamis::files::publish_bytes(&sets[0], &first).unwrap();

    // Modes, and a log that was cut.
    set_mode(&store.join("log"), 0o666);
    assert_eq!(faults(), ["log"]);
    set_mode(&store.join("log"), 0o640);
    let log = std::fs::read_to_string(store.join("log")).unwrap();
    std::fs::write(store.join("log"), log.lines().next().unwrap()).unwrap();
    assert_eq!(faults(), ["log"]);
    let all_but_one: Vec<_> = log.lines().collect();
    std::fs::write(store.join("log"), all_but_one[..all_but_one.len() - 1].join("\n") + "\n")
        .unwrap();
    assert_eq!(bench.last(&["verify", "s"])["sound"], true, "that is healed");
    bench.store(&["add", "s", "file"]);
    assert_eq!(bench.store(&["log", "s"]).len(), log.lines().count() + 1);

    // A manifest that is garbage, cut, or changed by hand.
    let manifest = std::fs::read(store.join(MANIFEST)).unwrap();
    let mut edited = String::from_utf8(manifest.clone()).unwrap();
    edited = edited.replace("exchange", "exchangE");
    for garbage in [&b"garbage"[..], b"", &manifest[..manifest.len() - 5], edited.as_bytes()] {
        tamis::files::publish_bytes(&store.join(MANIFEST), garbage).unwrap();
        for verb in [&["status", "s"][..], &["add", "s", "file"], &["compact", "s"], &["log", "s"]]
        {
            bench.refuses(verb, "manifest cannot be used");
        }
        assert_eq!(faults(), ["manifest"]);
        assert_eq!(bench.run(&["check", "file", "--store", "s"]).status, 2);
    }
    tamis::files::publish_bytes(&store.join(MANIFEST), &manifest).unwrap();
    assert_eq!(bench.judged(b"file"), 1);
}
