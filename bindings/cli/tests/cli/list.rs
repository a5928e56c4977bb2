//! `list`: from a maker's first note to a signed feed, with the standard minisign tool on the other side where it is installed.

use std::path::Path;
use std::process::Command;

use super::Bench;

/// A list `neighbour` in `maker`, and a key pair `maker.pub`, `maker.key` without a password.
pub(super) fn maker(bench: &Bench) {
    let run = bench.run(&[
        "list",
        "new",
        "maker",
        "--name",
        "neighbour",
        "--contact",
        "lists@example.org",
        "--corrections",
        "wrong@example.org",
        "--criteria",
        "drawn pictures",
    ]);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    let run = bench.run(&["list", "keygen", "-W", "maker"]);
    assert_eq!(run.status, 0, "{}", run.err);
}

#[track_caller]
pub(super) fn ok(bench: &Bench, arguments: &[&str]) -> String {
    let run = bench.run(arguments);
    assert_eq!(run.status, 0, "{arguments:?}: {}{}", run.out, run.err);
    run.out
}

fn digest(seed: u8) -> String {
    format!("sha256:{}", format!("{seed:02x}").repeat(32))
}

/// The names in a directory below the bench's, sorted.
pub(super) fn names_in(bench: &Bench, dir: &str) -> Vec<String> {
    let entries = std::fs::read_dir(bench.path(dir)).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn minisign(bench: &Bench, arguments: &[&str]) -> Option<bool> {
    let run = Command::new("minisign").args(arguments).current_dir(bench.dir.path()).output();
    match run {
        Ok(output) => Some(output.status.success()),
        Err(_) => {
            eprintln!("SKIPPED: minisign is not installed; tests/run installs it");
            None
        }
    }
}

#[test]
fn what_is_noted_becomes_a_base_and_changes() {
    let bench = Bench::new();
    maker(&bench);
    assert!(ok(&bench, &["list", "publish", "maker"]).contains("nothing to publish"));
    ok(&bench, &["test-files", "files"]);
    let run = bench.run(&[
        "list",
        "add",
        "maker",
        "files/tamis-test-1.png",
        "--item",
        "drawn",
        "--label",
        "demo",
        "--reviewed",
    ]);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    let ids: Vec<_> = run.out.lines().filter(|l| l.ends_with("drawn")).collect();
    assert_eq!(ids.len(), 2, "a digest and a code: {}", run.out);
    ok(&bench, &["list", "add", "maker", "--fingerprint", &digest(1), "--source-id", "one"]);
    let out = ok(&bench, &["list", "publish", "maker", "--key", "maker.key", "--now", "1000"]);
    assert!(out.contains("version 1 of \"neighbour\", changes up to 1"), "{out}");
    let names = names_in(&bench, "maker/public");
    assert_eq!(&names[1..], ["feed.json", "feed.json.minisig"]);
    assert!(names[0].starts_with("base-000001-"), "{names:?}");
    assert_eq!(bench.read("maker/pending.jsonl"), b"");
    assert!(
        ok(&bench, &["list", "lint", "maker", "--pub", "maker.pub"]).contains("nothing is wrong")
    );

    // Withdrawing asks for something that is there.
    bench.run(&["list", "withdraw", "maker", "--item", "nothing"]).fails_with("there is no item");
    ok(&bench, &["list", "withdraw", "maker", "--source", "one"]);
    ok(
        &bench,
        &[
            "list",
            "add",
            "maker",
            "--fingerprint",
            &digest(2),
            "--incident",
            "parade",
            "--expires",
            "72h",
        ],
    );
    let run = bench.run(&["list", "publish", "maker", "--json", "--key", "maker.key"]);
    let said = &run.objects()[0];
    assert_eq!((&said["version"], &said["last"]), (&2.into(), &2.into()));
    assert_eq!(said["sets"][1]["incident"], "parade");
    assert_eq!(
        (&said["sets"][0]["first"], &said["sets"][0]["replaces"]),
        (&0.into(), &true.into())
    );
    // Its entry is gone already.
    bench.run(&["list", "withdraw", "maker", "--source", "one"]).fails_with("no source id");

    // One base of both, with the number of the last; the next change beside it.
    ok(&bench, &["list", "add", "maker", "--fingerprint", &digest(3)]);
    let run = bench.run(&["list", "publish", "maker", "--json", "--compact"]);
    assert!(run.err.contains("not signed"), "{}", run.err);
    let sets = &run.objects()[0]["sets"];
    assert_eq!(
        (&sets[0]["last"], &sets[1]["first"], &sets[2]),
        (&2.into(), &3.into(), &serde_json::Value::Null)
    );
    // The old signature does not fit any more, so it is not left lying about.
    assert!(!names_in(&bench, "maker/public").contains(&"feed.json.minisig".into()));
    let lint = bench.run(&["list", "lint", "maker"]);
    assert_eq!(lint.status, 2);
    assert!(lint.out.contains("unsigned: "), "{}", lint.out);
    ok(&bench, &["list", "sign", "maker", "--key", "maker.key"]);
    ok(&bench, &["list", "lint", "maker", "--pub", "maker.pub"]);
    // What is on it now: the picture's two, the incident's, the last.
    let info = |i: usize| {
        let file = sets[i]["file"].as_str().unwrap();
        let run = bench.run(&["info", "--json", &format!("maker/public/{file}")]);
        run.objects()[0]["entries"].clone()
    };
    assert_eq!((info(0), info(1)), (3.into(), 1.into()));
    // Compacting once more joins all; nothing to do after that.
    ok(&bench, &["list", "publish", "maker", "--compact", "--key", "maker.key"]);
    assert!(ok(&bench, &["list", "publish", "maker", "--compact"]).contains("nothing to publish"));
    // New dates and texts, and the same sets.
    let settings = String::from_utf8(bench.read("maker/list.json")).unwrap();
    bench.write("maker/list.json", settings.replace("drawn pictures", "only drawn pictures"));
    ok(&bench, &["list", "publish", "maker", "--renew", "--key", "maker.key"]);
    let feed = String::from_utf8(bench.read("maker/public/feed.json")).unwrap();
    assert!(feed.contains("only drawn pictures") && feed.contains("\"version\": 5"), "{feed}");
}

#[test]
fn one_bad_thing_and_nothing_is_noted() {
    let bench = Bench::new();
    maker(&bench);
    bench.write("empty", "");
    bench.write("list.csv", format!("algorithm,fingerprint\nmd5,{}\nmd5,xyz\n", "ab".repeat(16)));
    bench.write("good.csv", format!("algorithm,fingerprint,labels\nmd5,{},a\n", "ab".repeat(16)));
    for (arguments, words) in [
        (&["--fingerprint", "sha256:00"][..], "sha256"),
        (&["--fingerprint", "00"], "ALGORITHM:HEX"),
        (&["--fingerprint", "md5:d41d8cd98f00b204e9800998ecf8427e"], "empty file"),
        (&["empty"], "empty file"),
        (&["nothing"], "nothing of that name"),
        (&["--from", "list.csv"], "list.csv:3: "),
        (&["--from", "list.csv"], "1 row is rejected"),
        (&["--from", "list.csv", "--rejects", "list.csv"], "another name"),
        (&["--from", "good.csv", "--label", "a\nb"], "control characters"),
        (&["--from", "good.csv", "--incident", "", "--expires", "2d"], "give it a name"),
        (&["--from", "-", "-"], "stdin is named more than once"),
        (&["--format", "csv"], "--from"),
        (&[], "required"),
    ] {
        let all = [&["list", "add", "maker"], arguments].concat();
        let run = bench.run(&all);
        assert_eq!(run.status, 2, "{arguments:?}: {}", run.out);
        assert!(run.err.contains(words), "{arguments:?}: expected {words:?} in {:?}", run.err);
    }
    assert!(!bench.path("maker/pending.jsonl").exists());
    ok(&bench, &["list", "add", "maker", "--from", "good.csv", "--label", "b"]);
    let pending = String::from_utf8(bench.read("maker/pending.jsonl")).unwrap();
    assert!(pending.contains(r#""labels":["a","b"]"#) && pending.lines().count() == 1, "{pending}");
    // What a row says itself stands.
    bench.write(
        "own.csv",
        format!("algorithm,fingerprint,item,severity\nmd5,{},own,high\n", "cd".repeat(16)),
    );
    let said = ["--from", "own.csv", "--item", "all", "--severity", "low", "--source-id", "7"];
    ok(&bench, &[&["list", "add", "maker"], &said[..]].concat());
    let pending = String::from_utf8(bench.read("maker/pending.jsonl")).unwrap();
    let row = pending.lines().find(|row| row.contains("cdcd")).unwrap();
    for own in [r#""item":"own""#, r#""severity":"high""#, r#""source_id":"7""#] {
        assert!(row.contains(own), "{own} in {row}");
    }
    bench.run(&["list", "add", "elsewhere", "--fingerprint", &digest(1)]).fails_with("list new");
    bench.run(&["list", "new", "maker", "--name", "x"]).fails_with("cannot make it");
    bench.run(&["list", "new", "other", "--name", "local"]).fails_with("own");
    bench.run(&["list", "keygen", "-W", "maker"]).fails_with("never replaced");
}

#[cfg(unix)]
#[test]
fn directories_and_files_are_the_owners_and_the_groups() {
    use super::mode_of;
    let bench = Bench::new();
    maker(&bench);
    ok(&bench, &["list", "add", "maker", "--fingerprint", &digest(1)]);
    ok(&bench, &["list", "publish", "maker", "--key", "maker.key"]);
    assert_eq!(
        (mode_of(&bench.path("maker")), mode_of(&bench.path("maker/public"))),
        (0o750, 0o750)
    );
    for name in names_in(&bench, "maker/public") {
        let mode = mode_of(&bench.path(&format!("maker/public/{name}")));
        assert_eq!(mode & !0o640, 0, "{name}: {mode:o}");
    }
    assert_eq!(mode_of(&bench.path("maker.key")), 0o600);
}

#[test]
fn minisign_and_tamis_take_each_others_signatures_and_keys() {
    let bench = Bench::new();
    maker(&bench);
    ok(&bench, &["list", "add", "maker", "--fingerprint", &digest(1)]);
    ok(&bench, &["list", "publish", "maker", "--key", "maker.key"]);
    let verify = ["-Vm", "maker/public/feed.json", "-p", "maker.pub"];
    let Some(verified) = minisign(&bench, &verify) else { return };
    assert!(verified, "minisign does not take our signature");
    bench.write("other", "other");
    assert_eq!(
        minisign(
            &bench,
            &["-Vm", "other", "-x", "maker/public/feed.json.minisig", "-p", "maker.pub"]
        ),
        Some(false)
    );

    // Our secret keys are minisign's, too.
    assert_eq!(minisign(&bench, &["-S", "-s", "maker.key", "-m", "other"]), Some(true));
    assert_eq!(minisign(&bench, &["-Vm", "other", "-p", "maker.pub"]), Some(true));

    // A pair of minisign's own signs, by minisign and by us.
    assert_eq!(minisign(&bench, &["-G", "-W", "-p", "theirs.pub", "-s", "theirs.key"]), Some(true));
    let second = "maker/public/feed.json.second.minisig";
    assert_eq!(
        minisign(&bench, &["-S", "-s", "theirs.key", "-m", "maker/public/feed.json", "-x", second]),
        Some(true)
    );
    ok(&bench, &["list", "lint", "maker", "--pub", "maker.pub", "--pub", "theirs.pub"]);
    std::fs::remove_file(bench.path(second)).unwrap();
    assert_eq!(bench.run(&["list", "lint", "maker", "--pub", "theirs.pub"]).status, 2);
    ok(&bench, &["list", "sign", "maker", "--key", "theirs.key"]);
    assert_eq!(names_in(&bench, "maker/public").len(), 4);
    ok(&bench, &["list", "lint", "maker", "--pub", "maker.pub", "--pub", "theirs.pub"]);
    // Signing again takes the place of one's own.
    ok(&bench, &["list", "sign", "maker", "--key", "theirs.key"]);
    assert_eq!(names_in(&bench, "maker/public").len(), 4);
    // The old kind of signature is not taken.
    assert_eq!(
        minisign(&bench, &["-Sl", "-s", "theirs.key", "-m", "maker/public/feed.json"]),
        Some(true)
    );
    let lint = bench.run(&["list", "lint", "maker", "--pub", "theirs.pub"]);
    assert_eq!(lint.status, 0, "the other one of that key is good: {}", lint.out);
    assert_eq!(bench.run(&["list", "lint", "maker", "--pub", "maker.pub"]).status, 2);
}

#[test]
fn a_key_with_a_password_needs_it() {
    let bench = Bench::new();
    maker(&bench);
    let with = |password: Option<&str>, arguments: &[&str]| {
        let mut command = bench.command(arguments);
        command.env_remove("TAMIS_KEY_PASSWORD");
        if let Some(password) = password {
            command.env("TAMIS_KEY_PASSWORD", password);
        }
        super::Run::of(command.output().unwrap())
    };
    with(None, &["list", "keygen", "locked"]).fails_with("TAMIS_KEY_PASSWORD");
    with(Some(""), &["list", "keygen", "locked"]).fails_with("empty");
    assert_eq!(with(Some("open sesame"), &["list", "keygen", "locked"]).status, 0);
    ok(&bench, &["list", "add", "maker", "--fingerprint", &digest(1)]);
    let publish = ["list", "publish", "maker", "--key", "locked.key"];
    with(None, &publish).fails_with("no terminal");
    with(Some("wrong"), &publish).fails_with("Wrong password");
    assert!(names_in(&bench, "maker/public").is_empty(), "nothing was published");
    let run = with(Some("open sesame"), &publish);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    ok(&bench, &["list", "lint", "maker", "--pub", "locked.pub"]);
    bench.write("no.key", "untrusted comment: x\n????\n");
    bench.run(&["list", "sign", "maker", "--key", "no.key"]).fails_with("not a secret key");
}

#[test]
fn lint_says_what_subscribers_would_refuse_and_people_would_miss() {
    let bench = Bench::new();
    let run = bench.run(&["list", "new", "bare", "--name", "bare", "--expires-after", "1"]);
    assert_eq!(run.err.lines().count(), 3, "{}", run.err);
    ok(&bench, &["list", "keygen", "-W", "bare"]);
    ok(&bench, &["test-files", "files"]);
    ok(&bench, &["list", "add", "bare", "files/tamis-test-1.png"]);
    ok(&bench, &["list", "publish", "bare", "--key", "bare.key", "--now", "1000"]);
    let faults = |arguments: &[&str]| -> Vec<String> {
        let run = bench.run(&[&["list", "lint", "bare", "--json"], arguments].concat());
        assert_eq!((run.status, run.err.as_str()), (2, ""));
        let objects = run.objects();
        objects.iter().filter_map(|o| Some(o["fault"].as_str()?.to_owned())).collect()
    };
    let missing = ["no-contact", "no-corrections", "no-criteria"];
    assert_eq!(faults(&["--now", "2000"]), missing);
    assert_eq!(faults(&["--now", "90000"]), [&missing[..], &["expired"]].concat());
    let canary = faults(&["--now", "2000", "--canaries", "files/tamis-test-1.png"]);
    assert_eq!(canary, [&missing[..], &["canary"]].concat());

    let set = names_in(&bench, "bare/public").into_iter().find(|n| n.starts_with("base-")).unwrap();
    let set = bench.path(&format!("bare/public/{set}"));
    let good = std::fs::read(&set).unwrap();
    std::fs::write(&set, &good[1..]).unwrap();
    assert_eq!(faults(&["--now", "2000"])[3], "incomplete");
    // Nobody signs what is not whole.
    bench.run(&["list", "sign", "bare", "--key", "bare.key"]).fails_with("nothing was signed");
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&set, damaged).unwrap();
    assert_eq!(faults(&["--now", "2000"])[3], "signature");
    bench.write("bare/public/feed.json", "{}");
    assert_eq!(faults(&[]), ["malformed"]);
}

/// Ctrl-C while it is read, and while it is written: all of it is noted or nothing, and no draft is left.
#[cfg(unix)]
#[test]
fn an_interrupted_addition_leaves_no_draft() {
    use std::io::Write;
    use std::process::Stdio;
    let bench = Bench::new();
    maker(&bench);
    let begin = |arguments: &[&str]| {
        let mut command = bench.command(&[&["list", "add", "maker"], arguments].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    // Once it writes the draft; none if it was done before anybody saw it.
    let interrupt = |mut child: std::process::Child, draft: &Path| {
        while !draft.exists() {
            if child.try_wait().unwrap().is_some() {
                let run = super::Run::of(child.wait_with_output().unwrap());
                assert_eq!(run.status, 0, "{}", run.err);
                return None;
            }
        }
        super::interrupt(&child);
        let run = super::Run::of(child.wait_with_output().unwrap());
        assert!(!draft.exists(), "{draft:?} is left");
        Some(run)
    };

    let mut child = begin(&["--from", "-", "--rejects", "rejects"]);
    let mut stdin = child.stdin.take().unwrap();
    let draft = bench.draft("rejects", &child);
    let run = interrupt(child, &draft).unwrap();
    assert_eq!((run.status, run.err.as_str()), (2, "tamis: interrupted; nothing was noted\n"));
    assert!(!bench.path("maker/pending.jsonl").exists() && !bench.path("rejects").exists());
    let _ = stdin.write_all(b"\n");

    // Long enough that it is met while it writes, sooner or later.
    let rows: String = (1..=50_000u32).map(|row| format!("{row:032x}\n")).collect();
    bench.write("many.txt", rows);
    let met = (0..50).find_map(|_| {
        let child = begin(&["--from", "many.txt"]);
        let draft = bench.path(&format!("maker/.pending.jsonl.{}.draft", child.id()));
        interrupt(child, &draft)
    });
    let pending = String::from_utf8(bench.read("maker/pending.jsonl")).unwrap();
    let run = met.expect("one of many is met while it writes");
    assert_eq!((run.status, pending.lines().count()), (0, 50_000), "{}", run.err);
}
