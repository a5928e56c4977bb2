//! What stands between a mistake and the uploads of everybody: canaries, the breaker, the shadow.

use std::fs;

use serde_json::Value;
use tamis::ErrorCode;
use tamis::set::EntryId;
use tamis::store::{CANARIES, Counters, Noted};

use super::Bench;

const NOW: u64 = 1_790_000_000;

#[test]
fn a_change_that_matches_a_canary_is_refused_until_it_is_let_go_of() {
    let bench = Bench::with_store();
    assert_eq!(bench.run(&["test-files", "files"]).status, 0);
    fs::create_dir_all(bench.path("harmless/below")).unwrap();
    bench.write("harmless/below/readme", "read me");
    assert!(bench.store(&["canary", "s"]).is_empty());
    bench.list("list.csv", &[(b"a", "positive"), (b"read me", "positive")]);
    let added = bench.last(&["canary", "s", "files/tamis-test-1.png", "harmless"]);
    let numbers = |told: &Value| ["added", "removed", "canaries"].map(|n| told[n].as_u64());
    assert_eq!(numbers(&added), [Some(2), Some(0), Some(2)]);
    let names = || {
        let told = bench.store(&["canary", "s"]);
        told.iter().map(|one| one["canary"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["readme", "tamis-test-1.png"]);

    // By a digest, and by what the picture shows. What is refused leaves the manifest as it was, to the byte: see `refuses`.
    bench.refuses(&["import", "s", "list.csv", "--list", "gifct"], "harmless file \"readme\"");
    let picture = bench.run(&["hash", "--json", "files/tamis-test-1.png"]).objects();
    let code = format!("pdq:{}", picture[0]["pdq"]["dihedral"][3].as_str().unwrap());
    bench.refuses(&["add", "s", "--fingerprint", &code], "harmless file \"tamis-test-1.png\"");
    assert_eq!((bench.judged(b"a"), bench.judged(b"read me")), (0, 0));
    let log = bench.store(&["log", "s"]);
    let refused = log.iter().filter(|event| event["event"] == "refused");
    let codes: Vec<_> = refused.map(|event| event["code"].as_u64()).collect();
    assert_eq!(codes, [Some(u64::from(ErrorCode::UpdateCanary.number())); 2]);

    // A name that is not there, and a file that is not: nothing is let go of, and nothing added.
    let before = bench.read(&format!("s/{CANARIES}"));
    bench.refuses(
        &["canary", "s", "list.csv", "--remove", "readme", "--remove", "typo"],
        "no canary is called \"typo\", so nothing was changed",
    );
    bench.refuses(&["canary", "s", "list.csv", "missing"], "nothing of that name");
    assert_eq!(bench.read(&format!("s/{CANARIES}")), before);

    let removed = bench.last(&["canary", "s", "--remove", "readme"]);
    assert_eq!(numbers(&removed), [Some(0), Some(1), Some(1)]);
    assert_eq!(names(), ["tamis-test-1.png"]);
    bench.last(&["import", "s", "list.csv", "--list", "gifct"]);
    bench.refuses(&["add", "s", "--fingerprint", &code], "harmless file");
    // What is in force already is told.
    let late = bench.run(&["store", "canary", "s", "harmless", "--remove", "tamis-test-1.png"]);
    assert_eq!(late.status, 2, "{}", late.out);
    assert!(late.err.contains("applied, but an entry that is in force"), "{}", late.err);
    assert_eq!(names(), ["readme"]);
    bench.store(&["add", "s", "--fingerprint", &code]);
}

#[test]
fn what_has_tripped_is_shown_until_it_is_reset() {
    let bench = Bench::with_store();
    let entry = EntryId([7; 16]);
    let id = entry.to_string();
    let none = |told: &[Value], counted: bool| {
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["counted"], &told[0]["fault"]), (&counted.into(), &Value::Null));
        assert_eq!(told[0]["degraded"], Value::Array(Vec::new()));
    };
    none(&bench.store(&["breaker", "s"]), false);
    let not = bench.run(&["store", "breaker", "s", "--reset", &id, "--json"]);
    assert!(not.status == 2 && not.err.contains("had not tripped"), "{}", not.err);
    none(&not.objects(), false);

    let counters = Counters::open(bench.path("s/state")).unwrap();
    none(&bench.store(&["breaker", "s"]), true);
    let trip = || {
        for upload in 0..50u32 {
            let noted = Noted { group: entry, entry, list: "gifct", incident: false };
            counters.note(NOW, &upload.to_le_bytes(), [noted]);
        }
    };
    trip();
    let told = bench.store(&["breaker", "s"]);
    let degraded = told[0]["degraded"].as_array().unwrap();
    assert_eq!((told.len(), degraded.len(), &told[0]["reset"]), (1, 1, &0.into()));
    assert_eq!(
        (&degraded[0]["entry"], &degraded[0]["list"]),
        (&id.as_str().into(), &"gifct".into())
    );
    assert_eq!(bench.status(NOW)["degraded"], told[0]["degraded"]);
    let shown = bench.run(&["store", "breaker", "s"]);
    assert!(shown.out.contains(&format!("entry {id} of list \"gifct\"")), "{}", shown.out);

    for (more, status, reset) in [
        (&["--reset-list", "gifct"][..], 2, 0),
        (&["--reset", &id], 0, 1),
        (&["--reset-all"], 0, 1),
    ] {
        let run = bench.run(&[&["store", "breaker", "s", "--json"], more].concat());
        assert_eq!((run.status, &run.objects()[0]["reset"]), (status, &reset.into()), "{more:?}");
        assert_eq!(counters.is_tripped(entry, "gifct"), reset == 0, "{more:?}");
        if reset > 0 {
            none(&run.objects(), true);
            // What was counted is what is usual from now on, so begin anew.
            fs::remove_file(counters.path()).unwrap();
            counters.refresh().unwrap();
            trip();
        }
    }
}

#[test]
fn a_fault_of_the_counters_is_told_and_is_not_the_stores() {
    let bench = Bench::with_store();
    bench.write("file", "file");
    bench.store(&["add", "s", "file"]);
    let judge = || bench.run(&["check", "file", "--store", "s"]).status;
    let path = bench.path("s/state/counters");
    let status = || bench.last(&["status", "s"]);
    let fault = |told: &Value| told["counters_fault"].as_str().unwrap_or_default().to_owned();
    assert_eq!((&status()["counters"], &status()["counters_fault"]), (&Value::Null, &Value::Null));
    assert_eq!(judge(), 1);
    assert_eq!((&status()["counters"]["blocked"], fault(&status())), (&1.into(), "".into()));

    // Too short, or not ours: whoever opens it makes a new one, and that is said once.
    let whole = fs::read(&path).unwrap();
    for damaged in [b"short".to_vec(), vec![7; whole.len()]] {
        fs::write(&path, &damaged).unwrap();
        let told = status();
        assert!(fault(&told).contains("a new one was made"), "{told}");
        assert_eq!((&told["counters"]["blocked"], &told["fault"]), (&0.into(), &Value::Null));
        assert_eq!(fault(&status()), "");
    }
    let doctor = || {
        let run = bench.run(&["doctor", "--store", "s", "--json"]);
        assert_eq!(run.status, 0, "{}", run.out);
        let check = run.objects().into_iter().find(|check| check["check"] == "counters").unwrap();
        (
            check["status"].as_str().unwrap().to_owned(),
            check["message"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(doctor().0, "ok");
    fs::write(&path, b"short").unwrap();
    let told = doctor();
    assert!(told.0 == "warn" && told.1.contains("a new one was made"), "{told:?}");

    // No file, and no directory.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    for words in ["not a regular file", "no such directory"] {
        let told = status();
        assert!(fault(&told).contains(words), "{told}");
        assert_eq!((&told["counters"], &told["fault"]), (&Value::Null, &Value::Null));
        assert_eq!(told["degraded"], Value::Array(Vec::new()));
        let shown = bench.run(&["store", "status", "s"]);
        assert!(shown.status == 0 && shown.out.contains(words), "{}", shown.out);
        let told = doctor();
        assert!(told.0 == "warn" && told.1.contains(words), "{told:?}");
        // Whose subject they are fails.
        let breaker = bench.run(&["store", "breaker", "s", "--json"]);
        assert!(breaker.status == 2 && breaker.err.contains(words), "{}", breaker.err);
        assert!(breaker.objects()[0]["fault"].as_str().unwrap().contains(words));
        assert_eq!(judge(), 1, "the store is as it was");
        // Gone already, the second time.
        let _ = fs::remove_dir_all(bench.path("s/state"));
    }
}

#[test]
fn a_shadow_judges_beside_and_changes_nothing() {
    let bench = Bench::with_store();
    bench.store(&["init", "new"]);
    for (store, file) in [("s", "old"), ("new", "young"), ("s", "both"), ("new", "both")] {
        bench.write(file, file);
        bench.store(&["add", store, file]);
    }
    let check = ["check", "old", "young", "both", "--store", "s"];
    let beside = ["--shadow-store", "new"];
    let run = bench.run(&[&check[..], &beside, &["--json"]].concat());
    assert_eq!(run.status, 1);
    let said = |name: &str| -> Vec<Value> {
        run.objects().iter().map(|verdict| verdict["shadow"][name].clone()).collect()
    };
    assert_eq!(said("difference"), ["looser", "stricter", "same"]);
    assert_eq!(said("action"), ["allow", "block", "block"]);
    let actions: Vec<_> = run.objects().iter().map(|verdict| verdict["action"].clone()).collect();
    assert_eq!(actions, ["block", "allow", "block"], "the shadow changes nothing");
    assert!(run.err.contains("1 the same, 1 stricter, 1 looser"), "{}", run.err);
    let counters = bench.last(&["status", "s"])["counters"].clone();
    assert_eq!((&counters["shadow_stricter"], &counters["shadow_looser"]), (&1.into(), &1.into()));
    // The shadow's own store counts nothing.
    assert_eq!(bench.last(&["status", "new"])["counters"], Value::Null);

    let lax =
        "version = 1\n[[rule]]\nname = \"ours\"\nlist_kind = [\"local\"]\naction = \"review\"\n";
    bench.write("lax.toml", lax);
    super::set_mode(&bench.path("lax.toml"), 0o640);
    let run = bench.run(&[&check[..], &["--shadow-policy", "lax.toml"]].concat());
    assert_eq!(run.status, 1);
    assert!(run.out.lines().next().unwrap().contains("the shadow says review"), "{}", run.out);
    assert!(run.err.contains("1 the same, 0 stricter, 2 looser"), "{}", run.err);
    // Both at once; and what cannot be used is an error, not a shadow that says nothing.
    let both = ["--shadow-store", "new", "--shadow-policy", "lax.toml", "--json"];
    let run = bench.run(&[&check[..], &both].concat());
    assert_eq!(run.objects()[1]["shadow"]["action"], "review", "{}", run.out);
    bench.run(&[&check[..], &["--shadow-store", "nowhere"]].concat()).fails_with("nowhere");
    bench.write("bad.toml", "version = 2\n");
    bench.run(&[&check[..], &["--shadow-policy", "bad.toml"]].concat()).fails_with("bad.toml");

    let run = bench.run(&["scan", "old", "young", "--store", "s", "--shadow-store", "new"]);
    assert_eq!(run.status, 1, "{}", run.err);
    let told = format!("{}{}", run.out, run.err);
    assert!(told.contains("1 stricter, 1 looser"), "{told}");
}
