//! What people read when a name, a number or a time is not what a verb needs.

use super::{Bench, set_mode};

/// A code that nobody has listed.
const CODE: &str = "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5";

fn bench() -> Bench {
    let bench = Bench::with_set();
    assert_eq!(bench.run(&["store", "init", "s"]).status, 0);
    bench.write("file.txt", "text");
    bench.write("empty.csv", "");
    std::fs::create_dir(bench.path("dir")).unwrap();
    bench
}

/// Every verb of `tamis store` says the same of a place that holds no store.
#[test]
fn a_place_without_a_store_is_told_alike_by_every_verb() {
    let bench = bench();
    let set = "a single set, which cannot be changed; `tamis info` shows what it holds, and `tamis store init DIR` makes a store";
    for (place, words) in [
        (
            "missing",
            "there is nothing of that name; check the path, or make a store with `tamis store init DIR`",
        ),
        (
            "file.txt",
            "a file, and no store; give the name of a store's directory, or make a store with `tamis store init DIR`",
        ),
        ("base.tamis", set),
    ] {
        for verb in [
            &["add", place, "file.txt"][..],
            &["import", place, "file.txt", "--list", "x"],
            &["terms", place, "--list", "x", "--kind", "friend"],
            &["revoke", place, "--list", "x", "--item", "x", "--reason", "x"],
            &["suppress", place, "--list", "x", "--reason", "x"],
            &["status", place],
            &["compact", place],
            &["canary", place],
            &["breaker", place],
            &["verify", place],
            &["log", place],
            &["trust", place],
            &["watch", "dir", "--store", place, "--once"],
        ] {
            bench.run(&[&["store"], verb].concat()).fails_with(&format!("{place}: {words}\n"));
        }
    }
}

#[test]
fn an_unknown_list_is_told_with_those_that_there_are() {
    let bench = bench();
    let unknown = "the store does not know the list \"x\"; it has local";
    for verb in [
        &["store", "add", "s", "file.txt", "--list", "x"][..],
        &["store", "terms", "s", "--list", "x", "--kind", "friend"],
        &["store", "revoke", "s", "--list", "x", "--item", "x", "--reason", "x"],
        &["store", "suppress", "s", "--list", "x", "--reason", "x"],
        &["store", "breaker", "s", "--reset-list", "x"],
        &["query", "s", "--pdq", CODE, "--list", "x"],
    ] {
        bench.run(verb).fails_with(unknown);
    }
}

#[test]
fn what_is_not_a_file_is_told_in_plain_words() {
    let bench = bench();
    let missing = "cannot read it: there is nothing of that name; check the path";
    let directory = "a directory; expected a file: name its files";
    assert_eq!(bench.run(&["list", "new", "l", "--name", "l"]).status, 0);
    for verb in
        [&["hash"][..], &["check", "--store", "s"], &["store", "add", "s"], &["list", "add", "l"]]
    {
        bench.run(&[verb, &["missing"]].concat()).fails_with(&format!("missing: {missing}"));
        bench.run(&[verb, &["dir"]].concat()).fails_with(&format!("dir: {directory}"));
    }
    for verb in [
        &["build", "-o", "x.tamis"][..],
        &["store", "import", "s", "--list", "x"],
        &["store", "add", "s", "--from"],
        &["list", "add", "l", "--from"],
    ] {
        bench.run(&[verb, &["missing"]].concat()).fails_with(&format!("missing: {missing}"));
        let directory = "a directory; expected a list: name its files";
        bench.run(&[verb, &["dir"]].concat()).fails_with(&format!("dir: {directory}"));
        let empty = bench.run(&[verb, &["empty.csv"]].concat());
        empty.fails_with("empty.csv: the list holds no rows; nothing was ");
        assert!(empty.out.starts_with("empty.csv (csv) as list "), "{}", empty.out);
    }
    let taken = "cannot make it: there is something of that name already; give another name";
    bench.run(&["demo", "--keep", "file.txt"]).fails_with(&format!("file.txt: {taken}"));
    bench.run(&["test-files", "file.txt"]).fails_with(&format!("file.txt: {taken}"));
    bench.run(&["list", "keygen", "nowhere/key", "-W"]).fails_with(
        "nowhere/key.key: cannot write it: the directory that it would lie in is not there",
    );
    let doctor = bench.run(&["doctor", "--store", "dir"]).out;
    let doctor = doctor.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(doctor.contains("cannot read it: there is nothing of that name"), "{doctor}");
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_says_who_may_read_it() {
    let bench = bench();
    set_mode(&bench.path("file.txt"), 0);
    if std::fs::File::open(bench.path("file.txt")).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let words = "cannot read it: permission denied; run as its owner or as a member of its group";
    for verb in [
        &["hash"][..],
        &["check", "--store", "base.tamis"],
        &["build", "-o", "x.tamis"],
        &["store", "add", "s"],
        &["policy", "check"],
    ] {
        bench.run(&[verb, &["file.txt"]].concat()).fails_with(&format!("file.txt: {words}"));
    }
}

#[test]
fn numbers_and_times_say_what_was_expected() {
    let bench = bench();
    let query = ["query", "base.tamis", "--pdq", CODE];
    let bits = "expected a whole number from 0 to 256";
    let time =
        "\"soon\" is not a date; expected YYYY-MM-DD, YYYY-MM-DDTHH:MM:SSZ or seconds since 1970";
    for (arguments, words) in [
        (&[&query[..], &["--radius", "257"]].concat()[..], bits),
        (&[&query[..], &["--radius", "-1"]].concat(), bits),
        (&[&query[..], &["--radius", "x"]].concat(), bits),
        (&[&query[..], &["--nearest", "0"]].concat(), "expected a whole number, 1 or more"),
        (&[&query[..], &["--now", "soon"]].concat(), time),
        (
            &["scan", "dir", "--store", "s", "--jobs", "0"],
            "from 1 to 512; no more than there are cores",
        ),
        (
            &["scan", "dir", "--store", "s", "--jobs", "513"],
            "from 1 to 512; no more than there are cores",
        ),
        (&["check", "file.txt", "--store", "s", "--now", "soon"], time),
        (&["build", "-o", "x", "--created", "soon", "l"], time),
        (&["store", "log", "s", "--since", "soon"], time),
        (&["store", "log", "s", "--since", "5y"], "such as 48h"),
        (&["store", "compact", "s", "--wait", "long"], "expected a whole number, 0 or more"),
    ] {
        let run = bench.run(arguments);
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{arguments:?}");
        assert!(run.err.contains(words), "{arguments:?}: {}", run.err);
    }
    for now in ["2026-11-22", "2026-11-22T02:00:00Z", "1795312800"] {
        let run = bench.run(&["check", "file.txt", "--store", "s", "--now", now]);
        assert_eq!((run.status, run.err.as_str()), (0, ""), "{now}");
    }
    // An empty store is no error: nothing in it is near, and nothing matches.
    let run = bench.run(&["query", "s", "--pdq", CODE]);
    assert_eq!(
        (run.status, run.out.as_str()),
        (0, "the store holds no PDQ codes, so nothing can be near this one\n")
    );
    bench.run(&["bench-query", "s"]).fails_with("s: the store holds nothing yet");
}
