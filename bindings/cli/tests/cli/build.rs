//! `build`, `info` and `verify`: from lists to a sound set, with an account of every row.

use serde_json::Value;

use super::{Bench, TEST_LIST, mode_of};

const MD5_OF_A: &str = "0cc175b9c0f1b6a831c399e269772661";

#[test]
fn a_list_becomes_a_set_that_is_sound() {
    let bench = Bench::new();
    let arguments =
        ["build", "--json", "-o", "base.tamis", "--list", "known", "--created", "86400"];
    let run = bench.run(&[&arguments[..], &["--legal-basis", "Art. 3", TEST_LIST]].concat());
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    let [list, set] = &run.objects()[..] else { panic!("{}", run.out) };
    assert_eq!((&list["rows"], &list["accepted"]), (&23.into(), &23.into()));
    assert_eq!((&list["format"], &list["list"]), (&"jsonl".into(), &"known".into()));
    assert_eq!((&set["entries"], &set["items"]), (&23.into(), &4.into()));
    assert_eq!(set["fingerprints"]["pdq"], 3);
    assert_eq!(mode_of(&bench.path("base.tamis")), 0o640);
    assert_eq!(bench.names(), ["base.tamis"]);

    let run = bench.run(&["info", "--json", "base.tamis"]);
    let info = &run.objects()[0];
    assert_eq!(info["digest"], set["digest"]);
    assert_eq!((&info["entries"], &info["bytes"]), (&23.into(), &set["bytes"]));
    assert_eq!(info["created_at"], "1970-01-02T00:00:00Z");
    let lists = serde_json::json!(
        [{"name": "known", "kind": "exchange", "agreement": null, "legal_basis": "Art. 3"}]
    );
    assert_eq!(info["lists"], lists);
    let run = bench.run(&["verify", "--json", "base.tamis"]);
    let sound = &run.objects()[0];
    assert_eq!((run.status, &sound["sound"], &sound["entries"]), (0, &true.into(), &23.into()));
    assert!(sound["planted"].as_u64().unwrap() >= 23);
}

#[test]
fn a_delta_says_what_it_changes() {
    let bench = Bench::new();
    bench.write("delta.tamis", include_bytes!("../../../../tests/sets/good/delta.tamis"));
    super::set_mode(&bench.path("delta.tamis"), 0o640);
    let changes = serde_json::json!([
        {"list": "demo-exchange", "first": 4, "last": 6, "replaces": false},
        {"list": "friend", "first": 0, "last": 260, "replaces": true},
        {"list": "local", "first": 70000, "last": 70000, "replaces": false},
    ]);
    for verb in ["info", "verify"] {
        let run = bench.run(&[verb, "--json", "delta.tamis"]);
        let said = run.objects().remove(0);
        assert_eq!((run.status, &said["changes"]), (0, &changes), "{}", run.err);
        assert_eq!(said["tombstones"], 12);
        let run = bench.run(&[verb, "delta.tamis"]);
        assert!(run.out.contains("of 3 lists, with 12 tombstones"), "{}", run.out);
    }
    let text = bench.run(&["info", "delta.tamis"]).out;
    for line in [
        "    demo-exchange: numbers 4 to 6\n",
        "    friend: up to 260, replacing all that was listed before\n",
        "    local: number 70,000\n",
    ] {
        assert!(text.contains(line), "{text}");
    }

    // Other sets say that they are none.
    assert_eq!(bench.run(&["build", "-o", "base.tamis", TEST_LIST]).status, 0);
    for verb in ["info", "verify"] {
        let said = bench.run(&[verb, "--json", "base.tamis"]).objects().remove(0);
        assert_eq!((&said["changes"], &said["tombstones"]), (&serde_json::json!([]), &0.into()));
        let run = bench.run(&[verb, "base.tamis"]);
        assert!(!run.out.contains("changes"), "{}", run.out);
    }
}

#[test]
fn the_same_lists_give_the_same_bytes() {
    let bench = Bench::new();
    for name in ["a.tamis", "b.tamis"] {
        let run = bench.run(&["build", "-o", name, "--created", "0", TEST_LIST]);
        assert_eq!(run.status, 0);
    }
    assert_eq!(bench.read("a.tamis"), bench.read("b.tamis"));
    bench.run(&["build", "-o", "b.tamis", "--created", "1", TEST_LIST]);
    assert_ne!(bench.read("a.tamis"), bench.read("b.tamis"));
}

#[test]
fn every_row_is_accounted_for() {
    let bench = Bench::new();
    // A byte order mark, CR LF, upper case, spaces, a blank line, an unknown column, a NUL, a line of 10 MB.
    let mut list = b"\xEF\xBB\xBFAlgorithm,FINGERPRINT,colour\r\n".to_vec();
    list.extend_from_slice(format!("MD5 ,  {} ,red\r\n", MD5_OF_A.to_uppercase()).as_bytes());
    list.extend_from_slice(b"md5,d41d8cd98f00b204e9800998ecf8427e,empty\r\n\r\n");
    list.extend_from_slice(b"sha1,zz,\r\nmd5,\0,\r\n");
    list.extend(std::iter::repeat_n(b'x', 10_000_000));
    list.extend_from_slice(b"\r\nsha256,00,\r\n");
    for _ in 0..30 {
        list.extend_from_slice(b"md4,00,\r\n");
    }
    bench.write("list.csv", &list);
    let arguments = ["build", "--json", "-o", "a.tamis", "list.csv", "--rejects", "rejects.jsonl"];
    let run = bench.run(&arguments);
    assert_eq!(run.status, 0);
    let report = &run.objects()[0];
    let causes = report["causes"].as_object().unwrap();
    let rejected: u64 = causes.values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!((report["rejected"].as_u64(), report["rows"].as_u64()), (Some(rejected), Some(36)));
    assert_eq!((&report["accepted"], &report["blank"]), (&1.into(), &1.into()));
    for cause in ["empty-input", "nul-byte", "line-too-long", "wrong-length", "unknown-algorithm"] {
        assert!(causes.contains_key(cause), "{cause} in {causes:?}");
    }
    assert_eq!(report["ignored_columns"], serde_json::json!(["colour"]));

    // Twenty on stderr, then where the others are; all in the file.
    assert_eq!(run.err.lines().count(), 21);
    assert!(run.err.contains("list.csv:3: empty-input: "), "{}", run.err);
    assert!(run.err.contains("15 more rejected rows; all are in the file"));
    let kept = String::from_utf8(bench.read("rejects.jsonl")).unwrap();
    let kept: Vec<Value> = kept.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(kept.len(), 35);
    assert_eq!((&kept[0]["line"], &kept[0]["cause"]), (&3.into(), &"empty-input".into()));
    assert!(kept.iter().all(|row| row["file"] == "list.csv" && row["message"].is_string()));

    // The one good row is in the set.
    assert_eq!(bench.run_with_stdin(&["check", "-", "--set", "a.tamis"], b"a").status, 3);
    assert_eq!(bench.names(), ["a.tamis", "list.csv", "rejects.jsonl"]);
}

#[test]
fn lists_are_named_after_their_files_or_joined() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("sub")).unwrap();
    bench.write("one.txt", format!("{MD5_OF_A}\n"));
    bench.write("two.csv", format!("algorithm,fingerprint\nmd5,{MD5_OF_A}\n"));
    bench.write(
        "sub/one.jsonl",
        format!("{{\"algorithm\":\"md5\",\"fingerprint\":\"{MD5_OF_A}\"}}\n"),
    );
    let names = |set: &str| {
        let info = bench.run(&["info", "--json", set]).objects().remove(0);
        let lists = info["lists"].as_array().unwrap();
        lists.iter().map(|l| l["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bench.run(&["build", "-o", "a.tamis", "one.txt", "two.csv"]).status, 0);
    assert_eq!(names("a.tamis"), ["one", "two"]);
    bench.run(&["build", "-o", "b.tamis", "one.txt", "sub/one.jsonl"]).fails_with("--list NAME");
    assert!(!bench.path("b.tamis").exists());
    let arguments =
        ["build", "--json", "-o", "b.tamis", "--list", "all", "one.txt", "sub/one.jsonl"];
    let run = bench.run(&arguments);
    assert_eq!(run.objects()[2]["duplicates"], 1);
    assert_eq!(names("b.tamis"), ["all"]);

    let row = format!("{MD5_OF_A}\n");
    let stdin = |arguments: &[&str]| bench.run_with_stdin(arguments, row.as_bytes());
    stdin(&["build", "-o", "c.tamis", "-"]).fails_with("--list NAME");
    assert_eq!(stdin(&["build", "-o", "c.tamis", "--list", "piped", "-"]).status, 0);
    assert_eq!(names("c.tamis"), ["piped"]);
}

#[test]
fn only_a_local_list_may_hold_exceptions() {
    let bench = Bench::new();
    let sha256_of_a = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    bench.write(
        "mine.csv",
        format!("algorithm,fingerprint,role,reviewed\nsha256,{sha256_of_a},exception,yes\nmd5,{MD5_OF_A},,yes\n"),
    );
    let build = |kind| bench.run(&["build", "-o", "a.tamis", "--kind", kind, "mine.csv"]);
    let check = || bench.run_with_stdin(&["check", "-", "--set", "a.tamis"], b"a").status;
    let run = build("exchange");
    assert!(run.err.contains("exception-not-allowed"), "{}", run.err);
    assert_eq!((run.status, check()), (0, 1));
    assert_eq!((build("local").status, check()), (0, 0));
}

#[test]
fn a_build_that_fails_leaves_the_old_set_and_nothing_else() {
    let bench = Bench::with_set();
    let old = bench.read("base.tamis");
    bench.write("poison.csv", "algorithm,fingerprint\nmd5,d41d8cd98f00b204e9800998ecf8427e\n");
    bench.write("empty.txt", "");
    bench.write("header.csv", "algorithm,fingerprint\n");
    bench.write("good.txt", format!("{MD5_OF_A}\n"));
    bench.write(
        "wide.csv",
        "\u{feff}a,l\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
    );
    bench.write("prose.txt", "Dear reader,\n");
    let names = bench.names();
    let build = |list: &str| bench.run(&["build", "-o", "base.tamis", "good.txt", list]);
    let run = build("poison.csv");
    assert_eq!(run.status, 2);
    assert!(run.err.contains("every row was rejected (1)"), "{}", run.err);
    for (list, words) in [
        ("empty.txt", "holds no rows"),
        ("header.csv", "holds no rows"),
        ("wide.csv", "UTF-16"),
        ("prose.txt", "--format"),
        ("files", "a directory"),
        ("missing", "cannot read it"),
    ] {
        build(list).fails_with(words);
    }
    assert_eq!((bench.read("base.tamis"), bench.names()), (old, names));
    let run = bench.run(&["build", "-o", "base.tamis", "--allow-empty", "empty.txt", "header.csv"]);
    assert_eq!(run.status, 0);
    assert_eq!(bench.run(&["verify", "base.tamis"]).status, 0);
}

#[test]
fn what_would_be_lost_is_not_overwritten() {
    let bench = Bench::with_set();
    bench.write("one.txt", format!("{MD5_OF_A}\n"));
    bench.write("photo.jpg", "not a set");
    std::fs::create_dir(bench.path("dir")).unwrap();
    for (arguments, words) in [
        (["-o", "one.txt", "one.txt"], "a list that is read"),
        (["-o", "photo.jpg", "one.txt"], "is not a set"),
        (["-o", "dir", "one.txt"], "a directory"),
        (["-o", "/dev/null", "one.txt"], "not a regular file"),
        (["-o", "nowhere/a.tamis", "one.txt"], "there is no directory nowhere"),
        (["-o", "-", "one.txt"], "file name"),
    ] {
        bench.run(&[&["build"], &arguments[..]].concat()).fails_with(words);
    }
    let same = ["build", "-o", "a.tamis", "--rejects", "a.tamis", "one.txt"];
    bench.run(&same).fails_with("the same file");
    assert_eq!(bench.read("photo.jpg"), b"not a set");
    assert_eq!(bench.names(), ["base.tamis", "dir", "files", "one.txt", "photo.jpg"]);
}

/// A file system of 64 KiB, in name spaces of its own: needs Linux and the right to make them.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_set_and_nothing_else() {
    let bench = Bench::new();
    let rows: String = (0..2000).map(|i| format!("{i:032x}\n")).collect();
    bench.write("many.txt", rows);
    bench.write("one.txt", format!("{MD5_OF_A}\n"));
    std::fs::create_dir(bench.path("disk")).unwrap();
    let script = r#"
        mount -t tmpfs -o size=64k tmpfs disk || exit 99
        "$0" build -o disk/base.tamis one.txt >&2 || exit 98
        cp -p disk/base.tamis before
        "$0" build -o disk/base.tamis many.txt
        echo "status $?"
        cmp before disk/base.tamis || echo "another set"
        ls -A disk
    "#;
    let run = std::process::Command::new("unshare")
        .args(["-rm", "sh", "-c", script, env!("CARGO_BIN_EXE_tamis")])
        .current_dir(bench.dir.path())
        .output();
    let Some(run) = run.ok().filter(|run| !matches!(run.status.code(), Some(1 | 99))) else {
        eprintln!("skipped: this machine does not let the test mount a small file system");
        return;
    };
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(out.ends_with("status 2\nbase.tamis\n"), "{out}{err}");
    assert!(err.contains("tamis: disk/base.tamis: ") && err.contains("No space left"), "{err}");
    assert!(err.contains("nothing was published"), "{err}");
}

/// Ctrl-C while a list is read: status 2, the old file, no draft.
#[cfg(unix)]
#[test]
fn an_interrupted_build_publishes_nothing() {
    let bench = Bench::with_set();
    let old = bench.read("base.tamis");
    let arguments =
        ["build", "-o", "base.tamis", "--list", "piped", "-", "--rejects", "rejects.jsonl"];
    let (child, stdin, _) = bench.piped(&arguments, "rejects.jsonl");
    super::interrupt(&child);
    // It waits for more rows, which never come: one request must be enough.
    let run = super::Run::of(child.wait_with_output().unwrap());
    drop(stdin);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("interrupted; nothing was published"), "{}", run.err);
    assert_eq!(bench.read("base.tamis"), old);
    assert_eq!(bench.names(), ["base.tamis", "files"]);
}

/// The small profile finds the same; for a set that is too small for an index it is the same.
#[test]
fn a_set_may_be_built_small() {
    let bench = Bench::new();
    let build = ["build", "--json", "--created", "0", "--list", "known", TEST_LIST];
    for (name, profile) in [("full.tamis", "full"), ("small.tamis", "small")] {
        let run = bench.run(&[&build[..], &["-o", name, "--profile", profile]].concat());
        assert_eq!((run.status, run.err.as_str()), (0, ""));
        assert_eq!(run.objects()[1]["profile"], profile);
    }
    assert_eq!(bench.read("full.tamis"), bench.read("small.tamis"));
    let run = bench.run(&[&build[..], &["-o", "x.tamis", "--profile", "tiny"]].concat());
    assert_eq!(run.status, 2);
    assert!(run.err.contains("full") && run.err.contains("small"), "{}", run.err);
}

/// Lists of a length that no machine has the memory for are refused before they are read.
#[cfg(target_os = "linux")]
#[test]
fn a_build_that_cannot_fit_is_refused_before_it_begins() {
    let bench = Bench::with_set();
    let old = bench.read("base.tamis");
    let rows: String = (1..20_000).map(|i| format!("{i:032x}\n")).collect();
    bench.write("long.hex", rows);
    // A hole takes no room; nobody gets as far as to read it.
    let list = std::fs::OpenOptions::new().write(true).open(bench.path("long.hex")).unwrap();
    if let Err(error) = list.set_len(4 << 40) {
        return eprintln!("SKIPPED: no file of four terabytes can be made here: {error}");
    }
    let run = bench.run(&["build", "-o", "base.tamis", "long.hex"]);
    assert_eq!((run.status, run.out.as_str()), (2, ""));
    for part in ["base.tamis: building it needs about", "TB of memory", "can be had", "--force"] {
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
    assert_eq!(bench.read("base.tamis"), old);
    assert_eq!(bench.names(), ["base.tamis", "files", "long.hex"]);
}
