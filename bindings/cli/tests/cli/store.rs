//! `store`: a store that is changed while it is in use, as its operator does it. Here what concerns all of its verbs.

mod add;
mod import;
mod lock;
#[cfg(unix)]
mod rights;
mod suppress;
mod verify;

use serde_json::Value;
use tamis::fingerprint::{Algorithm, Algorithms, digests};
use tamis::set::{EntryId, Role};
use tamis::store::MANIFEST;

use super::Bench;

const NOW: u64 = 1_790_000_000;

impl Bench {
    /// With an empty store in `s`, whose policy enforces.
    pub(super) fn with_store() -> Bench {
        let bench = Bench::new();
        bench.store(&["init", "s"]);
        assert_eq!(bench.run(&["policy", "mode", "s/policy.toml", "enforce"]).status, 0);
        bench
    }

    /// What a verb that succeeds prints.
    #[track_caller]
    pub(super) fn store(&self, arguments: &[&str]) -> Vec<Value> {
        let run = self.run(&[&["--json", "store"], arguments].concat());
        assert_eq!(run.status, 0, "{arguments:?}: {}{}", run.out, run.err);
        run.objects()
    }

    /// The last line of what a verb that succeeds prints.
    #[track_caller]
    pub(super) fn last(&self, arguments: &[&str]) -> Value {
        self.store(arguments).pop().unwrap()
    }

    #[track_caller]
    pub(super) fn refuses(&self, arguments: &[&str], words: &str) {
        let before = std::fs::read(self.path("s").join(MANIFEST)).ok();
        let run = self.run(&[&["store"], arguments].concat());
        assert_eq!(run.status, 2, "{arguments:?}: {}", run.out);
        assert!(run.err.contains(words), "{arguments:?}: expected {words:?} in {:?}", run.err);
        assert_eq!(std::fs::read(self.path("s").join(MANIFEST)).ok(), before, "nothing changed");
    }

    /// What is done with an upload at a time: 1 blocked, 3 review, 0 allowed.
    #[track_caller]
    fn judged_at(&self, bytes: &[u8], now: u64) -> i32 {
        self.write("upload", bytes);
        let now = now.to_string();
        let run = self.run(&["check", "upload", "--store", "s", "--now", &now]);
        assert_ne!(run.status, 2, "{}", run.err);
        run.status
    }

    #[track_caller]
    pub(super) fn judged(&self, bytes: &[u8]) -> i32 {
        self.judged_at(bytes, NOW)
    }

    /// A list of one SHA-256 a row.
    pub(super) fn list(&self, name: &str, rows: &[(&[u8], &str)]) {
        let mut text = String::from("algorithm,fingerprint,opinion,reviewed,source_id\n");
        for (number, (bytes, opinion)) in rows.iter().enumerate() {
            text.push_str(&format!("sha256,{},{opinion},true,s{number}\n", sha256(bytes)));
        }
        self.write(name, text);
    }

    fn import(&self, file: &str, more: &[&str]) -> Value {
        self.last(&[&["import", "s", file, "--list", "gifct"], more].concat())
    }

    pub(super) fn status(&self, now: u64) -> Value {
        self.last(&["status", "s", "--now", &now.to_string()])
    }
}

fn sha256(bytes: &[u8]) -> String {
    digests(bytes, Algorithms::DIGESTS).get(Algorithm::Sha256).unwrap().to_hex()
}

/// The id of an entry of SHA-256.
fn id(list: &str, source: &str, role: Role, bytes: &[u8]) -> String {
    let digest = digests(bytes, Algorithms::DIGESTS).get(Algorithm::Sha256).unwrap();
    EntryId::new(list, source, role, &digest).to_string()
}

fn of_list<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["lists"].as_array().unwrap().iter().find(|list| list["name"] == name).unwrap()
}

#[test]
fn a_store_lives() {
    let bench = Bench::new();
    let made = bench.run(&["store", "init", "s"]);
    assert_eq!((made.status, made.err.as_str()), (0, ""));
    assert!(made.out.contains("tamis store add s FILE"), "{}", made.out);
    assert_eq!(bench.judged(b"listed"), 0);

    // What is added is found, and the policy that `init` wrote only observes.
    bench.write("listed", "listed");
    let added = bench.store(&["add", "s", "listed", "--label", "terror", "--reason", "report 1"]);
    assert_eq!((&added[1]["version"], &added[1]["entries"]), (&2.into(), &5.into()));
    assert_eq!(added[0]["entries"].as_array().unwrap().len(), 5);
    assert_eq!(added[0]["without_pdq"], "not-a-picture");
    assert_eq!(bench.judged(b"listed"), 0);
    let observed = bench.run(&["check", "upload", "--store", "s"]);
    assert!(observed.out.contains("would have been blocked"), "{}", observed.out);
    assert_eq!(bench.run(&["policy", "mode", "s/policy.toml", "enforce"]).status, 0);
    assert_eq!(bench.judged(b"listed"), 1);
    let verdict = bench.run(&["check", "upload", "--store", "s", "--json"]).objects();
    let found = &verdict[0]["matches"][0];
    assert_eq!((&found["labels"][0], &found["item"]), (&"terror".into(), &added[0]["item"]));

    // A list comes, is refreshed, and leaves local decisions alone.
    bench.list("one.csv", &[(b"a", "positive"), (b"b", "positive")]);
    let took = bench.import("one.csv", &["--kind", "exchange", "--legal-basis", "Art. 3"]);
    assert_eq!((&took["changed"], &took["entries"]), (&true.into(), &2.into()));
    assert_eq!((bench.judged(b"a"), bench.judged(b"b"), bench.judged(b"listed")), (1, 1, 1));
    bench.list("two.csv", &[(b"b", "positive"), (b"c", "positive")]);
    bench.import("two.csv", &[]);
    assert_eq!((bench.judged(b"a"), bench.judged(b"c"), bench.judged(b"listed")), (0, 1, 1));
    bench.list("three.csv", &[(b"a", "positive")]);
    bench.import("three.csv", &["--merge"]);
    assert_eq!((bench.judged(b"a"), bench.judged(b"c")), (1, 1), "--merge only adds");

    let status = bench.status(NOW);
    let gifct = of_list(&status, "gifct");
    assert_eq!((&gifct["entries"], &gifct["kind"]), (&3.into(), &"exchange".into()));
    assert_eq!(gifct["legal_basis"], "Art. 3", "laid down once");
    assert_eq!(of_list(&status, "local")["entries"], 5);
    assert_eq!((&status["fault"], &status["suppressions"]), (&Value::Null, &0.into()));
    let quick = bench.last(&["status", "s", "--quick"]);
    assert_eq!(
        (&of_list(&quick, "gifct")["entries"], &quick["version"]),
        (&Value::Null, &status["version"])
    );

    // Compacted, it says the same.
    let sets = status["sets"].as_array().unwrap().len();
    let compacted = bench.last(&["compact", "s"]);
    assert_eq!((&compacted["sets_before"], &compacted["sets"]), (&sets.into(), &1.into()));
    assert_eq!(bench.last(&["compact", "s"])["changed"], false);
    for listed in [b"a", b"b", b"c"] {
        assert_eq!(bench.judged(listed), 1);
    }
    assert_eq!((bench.judged(b"listed"), bench.judged(b"unlisted")), (1, 0));

    // Withdrawn by source id, item and as a whole.
    let reason = ["--reason", "appeal"];
    bench.last(&[&["revoke", "s", "--list", "gifct", "--source", "s1"], &reason[..]].concat());
    assert_eq!((bench.judged(b"c"), bench.judged(b"b")), (0, 1));
    let item = added[0]["item"].as_str().unwrap();
    bench.last(&[&["revoke", "s", "--list", "local", "--item", item], &reason[..]].concat());
    assert_eq!(bench.judged(b"listed"), 0);
    bench.last(&[&["revoke", "s", "--list", "gifct", "--list-all"], &reason[..]].concat());
    assert_eq!((bench.judged(b"a"), bench.judged(b"b")), (0, 0));
    bench.last(&["compact", "s"]);
    assert_eq!((bench.judged(b"a"), bench.judged(b"listed")), (0, 0), "nothing is revived");

    assert_eq!(bench.last(&["verify", "s"])["sound"], true);
    assert_eq!(bench.run(&["verify", "s"]).status, 0);
    assert!(bench.run(&["info", "s"]).out.contains("gifct (exchange)"));
    let log = bench.store(&["log", "s"]);
    assert_eq!(log[0]["event"], "init");
    assert_eq!((&log[1]["reason"], &log[1]["version"]), (&"report 1".into(), &2.into()));
    let versions: Vec<_> = log.iter().map(|event| event["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>(), "each change once");
    assert!(bench.store(&["log", "s", "--since", "2100-01-01"]).is_empty());
    assert_eq!(bench.store(&["log", "s", "--since", "7d"]).len(), log.len());
}

#[test]
fn wrong_usage_changes_nothing_and_says_what_to_do() {
    let bench = Bench::with_store();
    bench.write("file", "file");
    bench.write("empty.csv", "algorithm,fingerprint\n");
    bench.list("list.csv", &[(b"a", "positive")]);
    bench.import("list.csv", &[]);
    assert_eq!(bench.run(&["build", "-o", "base.tamis", "list.csv"]).status, 0);
    let md5 = "md5:0cc175b9c0f1b6a831c399e269772661";
    let absent = "00112233445566778899aabbccddeeff";
    let now = NOW.to_string();
    for (arguments, words) in [
        (&["add", "s"][..], "required"),
        (&["add", "s", "file", "missing"], "nothing of that name"),
        (&["add", "s", "."], "a directory"),
        (&["add", "s", "file", "--incident", "x"], "--expires"),
        (&["add", "s", "file", "--incident", "", "--expires", "48h"], "give it a name"),
        (&["add", "s", "file", "--expires", "2001-01-01"], "has passed"),
        (&["add", "s", "file", "--expires", "soon"], "such as 48h"),
        (&["add", "s", "file", "--expires", "9999w"], "2106"),
        (&["add", "s", "file", "--list", "typo"], "it has gifct, local"),
        (&["add", "s", "file", "--exception", "--list", "gifct"], "kind local"),
        (&["add", "s", "--exception", "--fingerprint", md5], "sha256 or blake3"),
        (&["add", "s", "--fingerprint", "md5:abc"], "32"),
        (&["add", "s", "--fingerprint", "0cc175b9c0f1b6a831c399e269772661"], "ALGORITHM:HEX"),
        (
            &["add", "s", "--fingerprint", "md5:d41d8cd98f00b204e9800998ecf8427e"],
            "every empty upload",
        ),
        (&["add", "s", "file", "--label", "a\nb"], "control characters"),
        (&["import", "s", "list.csv", "--list", "local"], "--merge"),
        (&["import", "s", "list.csv", "--list", ""], "name has 1 to 255"),
        (&["import", "s", "list.csv"], "--list"),
        (&["import", "s", "list.csv", "--list", "x", "--rejects", "list.csv"], "another name"),
        (&["revoke", "s", "--list", "gifct", "--reason", "x"], "required"),
        (
            &["revoke", "s", "--list", "gifct", "--entry", absent, "--reason", "x"],
            "has no entry 0011",
        ),
        (
            &["revoke", "s", "--list", "gifct", "--item", "typo", "--reason", "x"],
            "has no entry of the item",
        ),
        (&["revoke", "s", "--list", "typo", "--list-all", "--reason", "x"], "it has gifct, local"),
        (&["revoke", "s", "--list", "gifct", "--list-all"], "--reason"),
        (&["suppress", "s", absent], "--reason"),
        (&["suppress", "s", absent, "--reason", " "], "say why"),
        (&["suppress", "s", "abc", "--reason", "x"], "32 hexadecimal digits"),
        (&["suppress", "s", "--list", "typo", "--reason", "x"], "it has gifct, local"),
        (&["terms", "s", "--list", "gifct"], "--legal-basis"),
        (&["log", "s", "--since", "soon"], "such as 48h"),
        (&["init", "s", "--now", &now], "there is a store already"),
        (&["add", "list.csv", "file"], "tamis store init"),
        (&["status", "list.csv"], "a file, and no store"),
        (&["status", "base.tamis"], "a single set, which cannot be changed; `tamis info`"),
        (&["init", "file"], "a file; give the name of a directory"),
        (&["init", "no/where"], "make that first"),
        (&["add", "s", "--from", "empty.csv"], "the list holds no rows; nothing was changed\n"),
        (&["canary", "s", "missing"], "missing: cannot read it: there is nothing of that name"),
        (&["canary", "s", "file/x"], "file/x: cannot read it: a file stands where a directory"),
        (&["canary", "nowhere", "file"], "nothing of that name"),
        (&["status", "nowhere"], "nothing of that name"),
        (&["verify", "nowhere"], "nothing of that name"),
        (&["log", "nowhere"], "nothing of that name"),
        (&["compact", "nowhere"], "nothing of that name"),
        (&["frobnicate"], "unrecognized"),
    ] {
        bench.refuses(arguments, words);
    }
    std::fs::create_dir(bench.path("open")).unwrap();
    super::set_mode(&bench.path("open"), 0o755);
    bench.refuses(&["init", "open"], "chmod");
    assert_eq!(std::fs::read_dir(bench.path("open")).unwrap().count(), 0, "nothing is left");
    super::set_mode(&bench.path("open"), 0o750);
    bench.refuses(&["status", "open"], "tamis store init");
    // Every verb shows examples.
    for verb in [
        "init", "add", "import", "terms", "revoke", "suppress", "status", "compact", "canary",
        "breaker", "verify", "log", "trust", "watch",
    ] {
        let help = bench.run(&["store", verb, "--help"]);
        assert!(
            help.status == 0 && help.out.contains("Example") && help.out.contains("Exit status"),
            "{verb}"
        );
    }
}

#[test]
fn queries_and_doctors_know_stores() {
    let bench = Bench::with_store();
    bench.run(&["bench-query", "s"]).fails_with("holds nothing yet");
    let doctor = bench.run(&["doctor", "--store", "s", "--json"]);
    assert!(doctor.out.contains("tamis store add"), "{}", doctor.out);
    assert_eq!(bench.run(&["test-files", "files"]).status, 0);
    let added = bench.store(&["add", "s", "files/tamis-test-1.png", "--label", "one"]);
    bench.store(&["add", "s", "files/tamis-test-2.jpg", "--reason", "a second set"]);
    let pdq = added[0]["entries"][5]["entry"].as_str().unwrap();
    let code = bench.run(&["hash", "--json", "files/tamis-test-1.png"]).objects()[0]["pdq"]["hash"]
        .clone();
    let query = ["query", "--store", "s", "--json", "--pdq", code.as_str().unwrap()];
    let found = bench.run(&query).objects();
    assert_eq!(
        (found.len(), &found[0]["entry"], &found[0]["suppressed"]),
        (1, &pdq.into(), &false.into())
    );
    // Said anew by a later set, it is one entry all the same, and that is what it says now.
    bench.store(&["add", "s", "files/tamis-test-1.png", "--label", "two"]);
    let found = bench.run(&query).objects();
    assert_eq!((found.len(), &found[0]["labels"][0]), (1, &"two".into()));
    bench.last(&["suppress", "s", pdq, "--reason", "x"]);
    assert_eq!(bench.run(&query).objects()[0]["suppressed"], true);
    bench.last(&["suppress", "s", pdq, "--lift", "--reason", "x"]);
    bench.last(&["suppress", "s", "--list", "local", "--reason", "x"]);
    assert_eq!(bench.run(&query).objects()[0]["suppressed"], true);
    bench.last(&["suppress", "s", "--list", "local", "--lift", "--reason", "x"]);
    bench.last(&["revoke", "s", "--list", "local", "--entry", pdq, "--reason", "x"]);
    assert!(bench.run(&query).objects().is_empty(), "what is withdrawn is gone");
    bench.run(&[&query[..], &["--list", "typo"]].concat()).fails_with("it has local");

    bench.last(&["terms", "s", "--list", "local", "--legal-basis", "terms of use"]);
    let doctor = bench.run(&["doctor", "--store", "s", "--json"]);
    assert_eq!(doctor.status, 0, "{}", doctor.out);
    let check =
        |name: &str| doctor.objects().into_iter().find(|check| check["check"] == name).unwrap();
    assert_eq!((&check("lists")["status"], &check("age")["status"]), (&"ok".into(), &"ok".into()));
    assert!(check("policy")["message"].as_str().unwrap().contains("s/policy.toml"));
    assert_eq!(bench.run(&["bench-query", "s", "--queries", "10", "--scans", "1"]).status, 0);
}
