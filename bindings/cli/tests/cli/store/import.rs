//! `import`: lists, sets and deltas.

use tamis::fingerprint::{Algorithm, Algorithms, digests};
use tamis::set::{Delta, Entry, EntryId, List, ListKind, Opinion, Role, Withdrawal};
use tamis::store::{LOCAL, MANIFEST};

use super::{NOW, of_list, sha256};
use crate::{Bench, Run, interrupt, set_mode};

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
    let entry = Entry::new(digest(b"new")).reviewed(true).opinion(Opinion::Positive);
    delta.add(entry).unwrap();
    delta.withdraw(&Withdrawal::Source("s1".into())).unwrap();
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
    set_mode(&bench.path("damaged.tamis"), 0o640);
    bench.refuses(&["import", "s", "damaged.tamis", "--list", "gifct"], "damaged.tamis");
}

/// Ctrl-C while a list is read: nothing has changed, and nobody is locked out.
#[cfg(unix)]
#[test]
fn an_interrupted_import_changes_nothing() {
    let bench = Bench::with_store();
    let names = || {
        let mut names: Vec<_> =
            std::fs::read_dir(bench.path("s")).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = (names(), std::fs::read(bench.path("s").join(MANIFEST)).unwrap());
    let arguments = ["store", "import", "s", "-", "--list", "piped", "--rejects", "rejects"];
    let (child, stdin, draft) = bench.piped(&arguments, "rejects");
    // It reads without the lock: an emergency need not wait for a slow list.
    bench.write("urgent", "urgent");
    bench.store(&["add", "s", "urgent", "--wait", "0"]);
    assert_eq!(bench.judged(b"urgent"), 1);
    bench.last(&["revoke", "s", "--list", LOCAL, "--list-all", "--reason", "x"]);
    let status = bench.status(NOW);
    interrupt(&child);
    let run = Run::of(child.wait_with_output().unwrap());
    drop(stdin);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("interrupted; nothing was changed"), "{}", run.err);
    assert_eq!(bench.status(NOW)["version"], status["version"]);
    assert!(!bench.path("rejects").exists() && !draft.exists());
    assert!(before.0.iter().all(|name| names().contains(name)));
    assert_eq!(status["lists"].as_array().unwrap().len(), 1);
}
