//! `store`: a store that is changed while it is in use, as its operator does it.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use tamis::fingerprint::{Algorithm, Algorithms, digests};
use tamis::set::{Delta, Entry, EntryId, List, ListKind, Opinion, Role};
use tamis::store::{LOCAL, MANIFEST, StoreWriter};

use super::Bench;

const NOW: u64 = 1_790_000_000;
const HOUR: u64 = 3600;

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

/// The first hash of a crisis.
#[test]
fn one_single_hash_in_an_empty_store_is_found() {
    let bench = Bench::with_store();
    let fingerprint = format!("sha256:{}", sha256(b"the one"));
    bench.store(&["add", "s", "--fingerprint", &fingerprint]);
    assert_eq!((bench.judged(b"the one"), bench.judged(b"another")), (1, 0));

    let bench = Bench::with_store();
    assert_eq!(bench.run(&["test-files", "files"]).status, 0);
    let hashed = bench.run(&["hash", "--json", "files/tamis-test-1.png"]).objects();
    let code = hashed[0]["pdq"]["hash"].as_str().unwrap().to_owned();
    bench.store(&["add", "s", "--fingerprint", &format!("pdq:{code}"), "--severity", "high"]);
    let run = bench.run(&["check", "files/tamis-test-1.png", "--store", "s", "--json"]);
    assert_eq!((run.status, &run.objects()[0]["matches"][0]["distance"]), (1, &0.into()));
    let query = ["query", "s", "--json", "--pdq", &code];
    assert_eq!(bench.run(&query).objects()[0]["severity"], "high");

    // A picture is blocked by its pixels alone.
    bench.store(&["add", "s", "files/tamis-test-1.png"]);
    let mut altered = bench.read("files/tamis-test-1.png");
    altered.extend(b"other bytes behind the picture");
    assert_eq!(bench.judged(&altered), 1);
}

/// Exception, then suppression, then the strongest of what remains, then disputed entries.
#[test]
fn what_outranks_what() {
    let bench = Bench::with_store();
    bench.list("disputed.csv", &[(b"x", "disputed")]);
    bench.list("firm.csv", &[(b"x", "positive")]);
    bench.import("disputed.csv", &["--kind", "exchange"]);
    assert_eq!(bench.judged(b"x"), 3, "disputed entries lead to review at most");
    bench.last(&["import", "s", "firm.csv", "--list", "firm"]);
    assert_eq!(bench.judged(b"x"), 1, "the strongest match counts");

    let firm = id("firm", "s0", Role::Listed, b"x");
    let disputed = id("gifct", "s0", Role::Listed, b"x");
    bench.last(&["suppress", "s", &firm, "--reason", "ours"]);
    assert_eq!(bench.judged(b"x"), 3, "of what remains");
    bench.last(&["suppress", "s", &disputed, "--reason", "ours"]);
    assert_eq!(bench.judged(b"x"), 0);
    bench.last(&["suppress", "s", &firm, &disputed, "--lift", "--reason", "no"]);
    assert_eq!(bench.judged(b"x"), 1);

    bench.write("x", "x");
    let excepted = bench.store(&["add", "s", "x", "--exception", "--reason", "appeal 3"]);
    assert_eq!(excepted[0]["entries"].as_array().unwrap().len(), 2, "SHA-256 and BLAKE3");
    assert_eq!(bench.judged(b"x"), 0, "an exception outranks every match");
    bench.last(&["suppress", "s", &firm, "--reason", "ours"]);
    assert_eq!(bench.judged(b"x"), 0);
    bench.last(&["suppress", "s", &firm, "--lift", "--reason", "no"]);
    bench.last(&["compact", "s"]);
    assert_eq!(bench.judged(b"x"), 0);
    // One of the two is enough; without both it is over.
    let entries = excepted[0]["entries"].as_array().unwrap();
    let ids: Vec<_> = entries.iter().map(|entry| entry["entry"].as_str().unwrap()).collect();
    bench.last(&["revoke", "s", "--list", "local", "--entry", ids[0], "--reason", "no"]);
    assert_eq!(bench.judged(b"x"), 0);
    bench.last(&["suppress", "s", ids[1], "--reason", "an exception can be switched off, too"]);
    assert_eq!(bench.judged(b"x"), 1);
}

#[test]
fn suppressions_and_local_decisions_outlive_every_import() {
    let bench = Bench::with_store();
    bench.list("list.csv", &[(b"a", "positive"), (b"b", "positive")]);
    bench.write("own", "own");
    bench.store(&["add", "s", "own"]);
    bench.import("list.csv", &[]);
    let entry = id("gifct", "s0", Role::Listed, b"a");
    let off = bench.last(&["suppress", "s", &entry, "--reason", "our logo"]);
    assert_eq!((&off["suppressed"], &off["entries"]), (&true.into(), &1.into()));
    for round in 0..3 {
        // Other contents, so that the list is really replaced.
        bench.list(
            "list.csv",
            &[(b"a", "positive"), (format!("round {round}").as_bytes(), "positive")],
        );
        assert_eq!(bench.import("list.csv", &[])["changed"], true);
        if round == 1 {
            bench.last(&["compact", "s"]);
        }
        assert_eq!((bench.judged(b"a"), bench.judged(b"b"), bench.judged(b"own")), (0, 0, 1));
        assert_eq!(bench.status(NOW)["suppressions"], 1);
    }
    assert_eq!(of_list(&bench.status(NOW), "gifct")["entries_suppressed"], 1);
    let on = bench.last(&["suppress", "s", &entry, "--lift", "--reason", "it was right"]);
    assert_eq!((&on["suppressed"], &on["entries"]), (&false.into(), &1.into()));
    assert_eq!(bench.judged(b"a"), 1);

    // What is not there yet can be suppressed, and that is said.
    let absent = id("gifct", "s0", Role::Listed, b"later");
    let early = bench.run(&["store", "suppress", "s", &absent, "--reason", "known error"]);
    assert!(early.status == 0 && early.err.contains("is not in the store"), "{}", early.err);
    bench.list("list.csv", &[(b"later", "positive")]);
    bench.import("list.csv", &[]);
    assert_eq!(bench.judged(b"later"), 0);
    let again = bench.run(&["store", "suppress", "s", &absent, "--reason", "known error"]);
    assert!(again.status == 0 && again.err.contains("already"), "{}", again.err);

    // A list as a whole, through a refresh.
    bench.list("list.csv", &[(b"x", "positive")]);
    bench.last(&["suppress", "s", "--list", "gifct", "--reason", "too many errors"]);
    bench.import("list.csv", &[]);
    assert_eq!((bench.judged(b"x"), bench.judged(b"own")), (0, 1));
    assert_eq!(of_list(&bench.status(NOW), "gifct")["suppressed"], true);
    bench.last(&["suppress", "s", "--list", "gifct", "--lift", "--reason", "mended"]);
    assert_eq!(bench.judged(b"x"), 1);
}

#[test]
fn an_incident_ends_by_itself() {
    let bench = Bench::with_store();
    let now = NOW.to_string();
    bench.write("video", "video");
    bench.write("calm", "calm");
    bench.list("urgent.csv", &[(b"row", "positive")]);
    bench.store(&["add", "s", "calm", "--now", &now]);
    let incident = ["--incident", "buffalo", "--expires", "48h", "--now", &now];
    bench.store(&[&["add", "s", "video", "--from", "urgent.csv"], &incident[..]].concat());
    let at = |hours: u64| NOW + hours * HOUR;
    let both = |at| (bench.judged_at(b"video", at), bench.judged_at(b"row", at));
    assert_eq!((both(at(0)), both(at(48) - 1), both(at(48))), ((1, 1), (1, 1), (0, 0)));
    let verdict = bench.run(&["check", "video", "--store", "s", "--json", "--now", &now]);
    assert_eq!(verdict.objects()[0]["matches"][0]["labels"][0], "incident:buffalo");

    let incident = |at| bench.status(at)["incidents"][0].clone();
    assert_eq!(
        (&incident(at(1))["active"], &incident(at(1))["entries"]),
        (&true.into(), &6.into())
    );
    assert_eq!(incident(at(49))["active"], false);
    let ended = at(49).to_string();
    bench.last(&["compact", "s", "--now", &ended]);
    assert_eq!((both(at(1)), both(at(49))), ((1, 1), (0, 0)), "a compacted incident ends as well");
    assert_eq!(incident(at(49)), Value::Null);
    assert_eq!(bench.judged_at(b"calm", at(500)), 1);
    assert_eq!(of_list(&bench.status(at(49)), "local")["entries_expired"], 6);
}

#[test]
fn a_list_that_has_not_changed_is_only_confirmed() {
    let bench = Bench::with_store();
    let rows: Vec<Vec<u8>> = (0..300).map(|n| format!("row {n}").into_bytes()).collect();
    let as_rows = |rows: &[Vec<u8>]| {
        let mut text = String::from("algorithm,fingerprint,item,labels\n");
        for row in rows {
            text.push_str(&format!("sha256,{},one,a;b\n", sha256(row)));
        }
        text
    };
    bench.write("list.csv", as_rows(&rows));
    let first = bench.import("list.csv", &["--now", "1000"]);
    let mut turned = rows.clone();
    turned.reverse();
    bench.write("list.csv", as_rows(&turned));
    let again = bench.import("list.csv", &["--now", "2000"]);
    assert_eq!((&again["changed"], &again["number"]), (&false.into(), &1.into()), "{again}");
    let status = bench.status(NOW);
    assert_eq!(of_list(&status, "gifct")["number"], first["number"]);
    assert_eq!(
        (&of_list(&status, "gifct")["refreshed"], &status["updated"]),
        (&2000.into(), &2000.into())
    );
    // What the operator adds makes nobody else's list any fresher.
    let digest = format!("sha256:{}", sha256(b"mine"));
    bench.last(&["add", "s", "--fingerprint", &digest, "--now", "3000"]);
    assert_eq!(bench.status(NOW)["updated"], 2000);
    bench.last(&["compact", "s"]);
    assert_eq!(bench.import("list.csv", &[])["changed"], false);

    // Once something was withdrawn, the same list is news.
    let gone = EntryId::new(
        "gifct",
        "",
        Role::Listed,
        &digests(b"row 7", Algorithms::DIGESTS).get(Algorithm::Sha256).unwrap(),
    );
    bench.last(&["revoke", "s", "--list", "gifct", "--entry", &gone.to_string(), "--reason", "x"]);
    assert_eq!(bench.judged(b"row 7"), 0);
    assert_eq!(bench.import("list.csv", &[])["changed"], true);
    assert_eq!(of_list(&bench.status(NOW), "gifct")["entries"], 300);

    // Half of it is gone: an export that failed looks like that.
    bench.write("list.csv", as_rows(&rows[..150]));
    bench.refuses(&["import", "s", "list.csv", "--list", "gifct"], "lose or weaken 150 of 300");
    assert_eq!(of_list(&bench.status(NOW), "gifct")["entries"], 300);
    let refused = bench.store(&["log", "s"]).pop().unwrap();
    assert_eq!((&refused["event"], &refused["code"]), (&"refused".into(), &67.into()));
    bench.import("list.csv", &["--force"]);
    assert_eq!(of_list(&bench.status(NOW), "gifct")["entries"], 150);
    bench.write("list.csv", "algorithm,fingerprint\n");
    bench.refuses(&["import", "s", "list.csv", "--list", "gifct"], "no rows; nothing was changed");
}

#[test]
fn every_row_of_an_import_is_accounted_for() {
    let bench = Bench::with_store();
    let empty = "d41d8cd98f00b204e9800998ecf8427e";
    bench.write("list.txt", format!("0cc175b9c0f1b6a831c399e269772661\nnot hex\n{empty}\n"));
    let told = bench.store(&["import", "s", "list.txt", "--list", "gifct", "--rejects", "r.jsonl"]);
    assert_eq!(
        (&told[0]["rows"], &told[0]["accepted"], &told[0]["rejected"]),
        (&3.into(), &1.into(), &2.into())
    );
    assert_eq!(told[1]["entries"], 1);
    let rejects = String::from_utf8(bench.read("r.jsonl")).unwrap();
    assert!(rejects.contains("empty-input") && rejects.lines().count() == 2, "{rejects}");
    bench.write("bad.txt", "nothing here is hexadecimal\n");
    bench.refuses(
        &["import", "s", "bad.txt", "--list", "new", "--format", "hex"],
        "every row was rejected",
    );
    bench.refuses(&["add", "s", "--from", "bad.txt", "--format", "hex"], "every row was rejected");
    assert_eq!(bench.status(NOW)["lists"].as_array().unwrap().len(), 2, "no list for nothing");
    // Rows that do not say it count as reviewed when the operator adds them, and not when they are imported.
    assert_eq!(bench.judged(b"a"), 3);
    bench.store(&["add", "s", "--from", "list.txt"]);
    assert_eq!(bench.judged(b"a"), 1);
}

#[test]
fn sets_and_deltas_are_imported() {
    let bench = Bench::with_store();
    bench.list("gifct.csv", &[(b"a", "positive"), (b"b", "positive")]);
    bench.list("other.csv", &[(b"o", "positive")]);
    let built =
        bench.run(&["build", "-o", "base.tamis", "--kind", "referral", "gifct.csv", "other.csv"]);
    assert_eq!(built.status, 0, "{}", built.err);
    bench.refuses(&["import", "s", "base.tamis", "--list", "third"], "gifct, other");
    assert_eq!(bench.import("base.tamis", &[])["entries"], 2);
    assert_eq!(of_list(&bench.status(NOW), "gifct")["kind"], "referral");
    assert_eq!((bench.judged(b"a"), bench.judged(b"o")), (3, 0));
    // The set has the same ids: what it holds is what the rows hold.
    assert_eq!(bench.import("gifct.csv", &[])["changed"], false);

    let digest = |bytes: &[u8]| digests(bytes, Algorithms::DIGESTS).get(Algorithm::Sha256).unwrap();
    let mut delta = Delta::new(List::new("gifct", ListKind::Exchange), 900).unwrap();
    let entry = Entry { reviewed: true, opinion: Opinion::Positive, ..Entry::new(digest(b"new")) };
    delta.add(entry).unwrap();
    delta.withdraw(&tamis::set::Withdrawal::Source("s1".into())).unwrap();
    delta.write(bench.path("delta.tamis")).unwrap();
    bench.refuses(&["import", "s", "delta.tamis", "--list", "other"], "expected the list");
    bench.refuses(&["import", "s", "delta.tamis", "--list", "gifct", "--merge"], "is a delta");
    assert_eq!(bench.import("delta.tamis", &["--force"])["changed"], true);
    assert_eq!((bench.judged(b"a"), bench.judged(b"b"), bench.judged(b"new")), (3, 0, 3));
    assert_eq!(bench.import("delta.tamis", &[])["changed"], false, "the very same again");
    // No maker of a list decides how far it is trusted.
    assert_eq!(of_list(&bench.status(NOW), "gifct")["kind"], "referral");
    bench.last(&["terms", "s", "--list", "gifct", "--kind", "exchange"]);
    assert_eq!(bench.judged(b"new"), 1);

    let mut damaged = bench.read("base.tamis");
    *damaged.last_mut().unwrap() ^= 1;
    bench.write("damaged.tamis", damaged);
    super::set_mode(&bench.path("damaged.tamis"), 0o640);
    bench.refuses(&["import", "s", "damaged.tamis", "--list", "gifct"], "damaged.tamis");
}

#[test]
fn a_picture_that_resembles_others_is_listed_by_its_digests_only() {
    let bench = Bench::with_store();
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(64, 64, image::Rgb([250, 250, 250]))
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    bench.write("blank.png", png.get_ref());
    let run = bench.run(&["store", "add", "s", "blank.png", "--json"]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.err.contains("its PDQ is not taken: "), "{}", run.err);
    assert!(run.err.contains("Only exact copies"), "{}", run.err);
    assert_eq!(run.objects()[0]["entries"].as_array().unwrap().len(), 5);
    assert_eq!(bench.judged(png.get_ref()), 1);
    bench.write("empty", "");
    bench.refuses(&["add", "s", "empty"], "every empty upload");
    bench.write("short", "GIF89a");
    let short = bench.run(&["store", "add", "s", "short"]);
    assert!(short.status == 0 && short.err.contains("it has no PDQ"), "{}", short.err);
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
fn who_finds_the_store_locked_waits_or_says_so() {
    let bench = Bench::with_store();
    bench.write("file", "file");
    let writer = StoreWriter::open(bench.path("s")).unwrap();
    let process = format!("process {}", std::process::id());
    for verb in [
        &["add", "s", "file", "--wait", "0"][..],
        &["compact", "s", "--wait", "0"],
        &["suppress", "s", "--list", LOCAL, "--reason", "x", "--wait", "0"],
    ] {
        bench.refuses(verb, &process);
        bench.refuses(verb, "try again");
    }
    // Looking is always possible.
    assert_eq!(bench.status(NOW)["version"], 1);
    let child = waiting(&bench, &["add", "s", "file"]);
    drop(writer);
    let run = super::Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.status, 0, "{}", run.err);
    assert_eq!(bench.judged(b"file"), 1);
}

/// A verb that has begun to wait for the store's lock.
fn waiting(bench: &Bench, arguments: &[&str]) -> Child {
    use std::io::Read;
    let mut command = bench.command(&[&["store"], arguments, &["--wait", "60"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Byte by byte, so that what it says next is left where it is.
    let (mut said, mut byte) = (Vec::new(), [0]);
    while byte != *b"\n" {
        assert_eq!(child.stderr.as_mut().unwrap().read(&mut byte).unwrap(), 1, "it ended");
        said.extend(byte);
    }
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("another process is writing; waiting"), "{said}");
    child
}

/// Ctrl-C before a canary is in force.
#[cfg(unix)]
#[test]
fn an_interrupted_canary_says_that_nothing_was_changed() {
    let bench = Bench::with_store();
    bench.write("logo", "our logo");
    let writer = StoreWriter::open(bench.path("s")).unwrap();
    let child = waiting(&bench, &["canary", "s", "logo"]);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let run = super::Run::of(child.wait_with_output().unwrap());
    drop(writer);
    assert_eq!(run.status, 2);
    assert_eq!(run.err, "tamis: interrupted; nothing was changed\n");
    assert!(bench.store(&["canary", "s"]).is_empty());
}

/// Whoever makes a store, its group can enter it and its workers can count.
#[cfg(unix)]
#[test]
fn a_new_store_has_its_modes_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let script = "umask 077; exec \"$0\" store init s";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_tamis")]).current_dir(bench.dir.path());
    let made = super::Run::of(command.output().unwrap());
    assert_eq!((made.status, made.err.as_str()), (0, ""));
    let mode = |name: &str| bench.path(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("s"), mode("s/state")), (0o2750, 0o2770));
    assert_eq!((mode("s/manifest"), mode("s/policy.toml")), (0o640, 0o640));
}

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
    tamis::set::publish_bytes(&sets[0], &first).unwrap();
    tamis::set::publish_bytes(&sets[1], &second).unwrap();
    assert_eq!(bench.last(&["verify", "s"])["sound"], true);

    // Sets that have changed places.
    tamis::set::publish_bytes(&sets[0], &second).unwrap();
    assert_eq!(faults(), [name(&sets[0]), "store".into()]);
    tamis::set::publish_bytes(&sets[0], &first).unwrap();

    // Modes, and a log that was cut.
    super::set_mode(&store.join("log"), 0o666);
    assert_eq!(faults(), ["log"]);
    super::set_mode(&store.join("log"), 0o640);
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
        tamis::set::publish_bytes(&store.join(MANIFEST), garbage).unwrap();
        for verb in [&["status", "s"][..], &["add", "s", "file"], &["compact", "s"], &["log", "s"]]
        {
            bench.refuses(verb, "manifest cannot be used");
        }
        assert_eq!(faults(), ["manifest"]);
        assert_eq!(bench.run(&["check", "file", "--store", "s"]).status, 2);
    }
    tamis::set::publish_bytes(&store.join(MANIFEST), &manifest).unwrap();
    assert_eq!(bench.judged(b"file"), 1);
}

/// Workers may look, and no more.
#[cfg(unix)]
#[test]
fn who_may_only_read_cannot_change_anything() {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;

    let bench = Bench::with_store();
    bench.write("file", "file");
    bench.store(&["add", "s", "file"]);
    let group = std::fs::metadata(bench.path("s")).unwrap().gid();
    super::set_mode(bench.dir.path(), 0o755);
    // Another user may not be able to reach the executable where it was built.
    let copy = bench.path("tamis");
    std::fs::copy(env!("CARGO_BIN_EXE_tamis"), &copy).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&copy);
        command.args(arguments).current_dir(bench.dir.path()).uid(65_534).gid(group);
        command.output().ok().map(super::Run::of)
    };
    let Some(looked) = run(&["store", "status", "s"]) else {
        eprintln!("SKIPPED: only root can run a process as another user");
        return;
    };
    assert_eq!(looked.status, 0, "{}", looked.err);
    assert_eq!(run(&["check", "file", "--store", "s"]).unwrap().status, 1);
    let manifest = std::fs::read(bench.path("s").join(MANIFEST)).unwrap();
    for verb in [
        &["store", "add", "s", "file", "--wait", "0"][..],
        &["store", "compact", "s"],
        &["store", "revoke", "s", "--list", LOCAL, "--list-all", "--reason", "x"],
        &["store", "suppress", "s", "--list", LOCAL, "--reason", "x"],
    ] {
        let refused = run(verb).unwrap();
        assert_eq!(refused.status, 2);
        assert!(refused.err.contains("permission denied"), "{}", refused.err);
    }
    assert_eq!(std::fs::read(bench.path("s").join(MANIFEST)).unwrap(), manifest);
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

/// Ctrl-C while a list is read: nothing has changed, and nobody is locked out.
#[cfg(unix)]
#[test]
fn an_interrupted_import_changes_nothing() {
    use std::io::Write;
    let bench = Bench::with_store();
    let names = || {
        let mut names: Vec<_> =
            std::fs::read_dir(bench.path("s")).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = (names(), std::fs::read(bench.path("s").join(MANIFEST)).unwrap());
    let arguments = ["store", "import", "s", "-", "--list", "piped", "--rejects", "rejects"];
    let mut command = bench.command(&arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let rows: String = (0..1000).map(|i| format!("{i:032x}\n")).collect();
    stdin.write_all(rows.as_bytes()).unwrap();
    // The draft of the rejected rows appears once it listens.
    let draft = super::build::tamis_draft(&bench, "rejects", child.id());
    while !bench.path(&draft).exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // It reads without the lock: an emergency need not wait for a slow list.
    bench.write("urgent", "urgent");
    bench.store(&["add", "s", "urgent", "--wait", "0"]);
    assert_eq!(bench.judged(b"urgent"), 1);
    bench.last(&["revoke", "s", "--list", LOCAL, "--list-all", "--reason", "x"]);
    let status = bench.status(NOW);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let run = super::Run::of(child.wait_with_output().unwrap());
    drop(stdin);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("interrupted; nothing was changed"), "{}", run.err);
    assert_eq!(bench.status(NOW)["version"], status["version"]);
    assert!(!bench.path("rejects").exists() && !bench.path(&draft).exists());
    assert!(before.0.iter().all(|name| names().contains(name)));
    assert_eq!(status["lists"].as_array().unwrap().len(), 1);
}
