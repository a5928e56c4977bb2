//! `tamis worker`, and the verbs that start one.

use std::path::PathBuf;

use super::Bench;

/// The files of the demo and of the test list, judged with and without a worker.
#[test]
fn the_same_verdicts_with_a_worker() {
    let bench = Bench::with_set();
    let demo = bench.path("demo");
    assert_eq!(bench.run(&["demo", "--keep", demo.to_str().unwrap()]).status, 0);
    let mut files: Vec<PathBuf> = Vec::new();
    let mut directories = vec![demo, bench.path("files")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    assert!(files.len() >= 12, "{files:?}");
    let names: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
    for store in ["base.tamis", "demo/base.tamis"] {
        let check =
            [&["check", "--json", "--now", "1790000000", "--store", store], &names[..]].concat();
        let without = bench.run(&check);
        let with = bench.run(&[&check[..], &["--worker"]].concat());
        assert_eq!((with.status, with.out, with.err), (without.status, without.out, without.err));
    }
    let scan = [
        "scan",
        "--json",
        "--all",
        "--now",
        "1790000000",
        "--store",
        "base.tamis",
        "--jobs",
        "1",
        "files",
    ];
    let without = bench.run(&scan);
    let with = bench.run(&[&scan[..], &["--worker"]].concat());
    assert_eq!((with.status, with.out), (without.status, without.out));
}

#[test]
fn a_worker_is_not_for_people() {
    let bench = Bench::new();
    bench.run(&["worker"]).fails_with("started by a host");
    bench
        .run_with_stdin(&["worker"], b"a person types, and types, and types")
        .fails_with("not for people");
}
