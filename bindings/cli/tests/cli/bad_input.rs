//! Sets that are missing, foreign, damaged or open to others, and a stdout that takes nothing.

use std::path::Path;
use std::process::Stdio;

use super::{Bench, copy_as_set, set_mode};

#[test]
fn bad_sets_are_one_line_and_status_2() {
    let bench = Bench::with_set();
    let bad = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/sets/bad"));
    let mut seen = 0;
    for file in std::fs::read_dir(bad).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "tamis") {
            continue;
        }
        seen += 1;
        copy_as_set(&path, &bench.path("bad.tamis"));
        let run = bench.run(&["verify", "bad.tamis", "--json"]);
        run.fails_with("bad.tamis: ");
        assert_eq!(run.objects()[0]["sound"], false, "{}", path.display());
        // The others never end the process in any other way than with a status.
        for verb in [&["info"][..], &["check", "files/tamis-test-1.png", "--set"]] {
            let run = bench.run(&[verb, &["bad.tamis"]].concat());
            assert!([0, 1, 2].contains(&run.status), "{} {}", path.display(), run.status);
        }
    }
    assert!(seen > 50, "only {seen} bad sets");
}

#[test]
fn every_verb_says_what_is_wrong_with_a_set() {
    let bench = Bench::with_set();
    let whole = bench.read("base.tamis");
    let mut newer = whole.clone();
    newer[8] = 9;
    let bad: [(&str, &[u8], u32, &str); 5] = [
        ("empty.tamis", b"", 0o640, "the file is empty"),
        ("foreign.tamis", b"GIF89a and more", 0o640, "not a Tamis set"),
        ("cut.tamis", &whole[..whole.len() - 1], 0o640, "cut short"),
        ("newer.tamis", &newer, 0o640, "upgrade Tamis"),
        ("open.tamis", &whole, 0o660, "chmod 0640"),
    ];
    for (name, bytes, mode, words) in bad {
        bench.write(name, bytes);
        set_mode(&bench.path(name), mode);
        for verb in [&["info"][..], &["verify"], &["check", "files/tamis-test-1.png", "--store"]] {
            bench.run(&[verb, &[name]].concat()).fails_with(words);
        }
    }
    for (path, words) in [("missing", "nothing of that name; check the path"), ("files", "")] {
        for verb in [&["info"][..], &["verify"], &["check", "files/tamis-test-1.png", "--store"]] {
            bench.run(&[verb, &[path]].concat()).fails_with(words);
        }
    }
}

/// The longest of outputs into a pipe whose reader takes one line.
#[test]
fn a_reader_that_goes_away_is_no_panic() {
    use std::io::{BufRead, BufReader};
    let bench = Bench::with_set();
    let many = vec!["files/tamis-test-4.txt"; 5000];
    for verb in [&["hash"][..], &["hash", "--json"], &["check", "--set", "base.tamis"]] {
        let mut command = bench.command(&[verb, &many].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut reader = BufReader::with_capacity(64, child.stdout.take().unwrap());
        reader.read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        drop(reader);
        let run = super::Run::of(child.wait_with_output().unwrap());
        assert!(run.err.contains("stdout was closed"), "{}", run.err);
        assert_eq!(run.err.lines().count(), 1);
        // What was blocked before stays blocked.
        assert_eq!(run.status, if verb[0] == "check" { 1 } else { 2 });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_stdout_is_an_error() {
    let bench = Bench::with_set();
    bench.write("clear.txt", "nothing to see");
    bench.write("policy.toml", bench.run(&["policy", "example"]).out);
    for (arguments, status) in [
        (&["hash", "clear.txt"][..], 2),
        (&["check", "--set", "base.tamis", "clear.txt"], 2),
        (&["check", "--set", "base.tamis", "clear.txt", "--json"], 2),
        (&["check", "--set", "base.tamis", "files/tamis-test-1.png"], 1),
        (&["check", "--set", "base.tamis", "files/tamis-test-1.png", "--json"], 1),
        (&["info", "base.tamis"], 2),
        (&["verify", "base.tamis", "--json"], 2),
        (&["completions", "bash"], 2),
        (&["policy", "explain"], 2),
        (&["policy", "example"], 2),
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let run = super::Run::of(bench.command(arguments).stdout(full).output().unwrap());
        assert!(run.err.contains("cannot write to stdout"), "{arguments:?} {}", run.err);
        assert_eq!((run.status, run.err.lines().count()), (status, 1), "{arguments:?}");
    }
}

#[test]
fn names_of_files_do_not_steer_the_terminal() {
    let bench = Bench::with_set();
    bench.write("a\u{1b}[31m\nb", "text");
    let run = bench.run(&["check", "--set", "base.tamis", "a\u{1b}[31m\nb", "missing\u{7}"]);
    assert!(!run.out.contains('\u{1b}') && run.out.lines().count() == 1, "{:?}", run.out);
    assert!(!run.err.contains('\u{7}') && run.err.lines().count() == 1);

    // Nor do they turn the text round, end a line or look like another name.
    let unseen = ['\u{7}', '\u{ad}', '\u{200b}', '\u{202e}', '\u{2028}', '\u{e0001}', '\u{feff}'];
    let name: String = ['a'].into_iter().chain(unseen).collect();
    bench.write(&name, "text");
    for arguments in [
        &["check", "--set", "base.tamis", &name, "missing\u{202e}"][..],
        &["hash", &name, "missing\u{202e}"],
        &["scan", "--set", "base.tamis", "--all", ".", "missing\u{202e}"],
        &["build", "-o", "x.tamis", "--list", "x", &name],
        &["verify", &name],
        &[format!("--{name}").as_str()],
        &["hash", format!("--{name}").as_str()],
    ] {
        let run = bench.run(arguments);
        let said = format!("{}{}", run.out, run.err);
        assert!(said.contains("??????") || said.contains("missing?"), "{said}");
        assert!(!said.contains(unseen), "{said:?}");
    }
}
