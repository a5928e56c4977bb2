//! `query`: one code is looked up, and everything near it is shown.

use serde_json::Value;

use super::Bench;

/// A code of 128 bits, with `flips` of them cleared.
fn code(flips: usize) -> String {
    let mut bytes = [0x5Au8, 0xC3, 0x96, 0x69].repeat(8);
    for flip in 0..flips {
        // The lowest set bit of one byte after the other.
        let byte = &mut bytes[flip % 32];
        *byte &= *byte - 1;
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Entries 0, 4, 12 and 31 bits from `code(0)`, and one of 32.
fn bench() -> Bench {
    let bench = Bench::new();
    let rows = [
        format!(
            r#"{{"algorithm":"pdq","fingerprint":"{}","item":"exact","labels":["terror","propaganda"],"reviewed":true}}"#,
            code(0)
        ),
        format!(
            r#"{{"algorithm":"pdq","fingerprint":"{}","item":"twelve","expires":"2020-01-01"}}"#,
            code(12)
        ),
        format!(r#"{{"algorithm":"pdq","fingerprint":"{}","item":"edge"}}"#, code(31)),
        format!(r#"{{"algorithm":"pdq","fingerprint":"{}","item":"far"}}"#, code(32)),
    ];
    bench.write("one.jsonl", rows.join("\n"));
    bench.write(
        "two.jsonl",
        format!(r#"{{"algorithm":"pdq","fingerprint":"{}","item":"four"}}"#, code(4)),
    );
    let run = bench.run(&[
        "build",
        "-o",
        "base.tamis",
        "--legal-basis",
        "Art. 3",
        "one.jsonl",
        "two.jsonl",
    ]);
    assert_eq!(run.status, 0, "{}", run.err);
    bench
}

impl Bench {
    #[track_caller]
    fn query(&self, more: &[&str]) -> Vec<Value> {
        let code = code(0);
        let arguments = [&["query", "base.tamis", "--json", "--pdq", &code], more].concat();
        let run = self.run(&arguments);
        assert_eq!((run.status, run.err.as_str()), (0, ""));
        run.objects()
    }
}

fn items(found: &[Value]) -> Vec<(u64, &str)> {
    found.iter().map(|o| (o["distance"].as_u64().unwrap(), o["item"].as_str().unwrap())).collect()
}

#[test]
fn everything_within_the_radius_is_shown_nearest_first() {
    let bench = bench();
    let found = bench.query(&[]);
    assert_eq!(items(&found), [(0, "exact"), (4, "four"), (12, "twelve"), (31, "edge")]);
    assert_eq!(found[0]["labels"], serde_json::json!(["propaganda", "terror"]));
    assert_eq!((&found[0]["list"], &found[1]["list"]), (&"one".into(), &"two".into()));
    assert_eq!((&found[0]["reviewed"], &found[1]["reviewed"]), (&true.into(), &false.into()));
    assert_eq!(found[0]["legal_basis"], "Art. 3");
    assert_eq!(found[0]["entry"].as_str().unwrap().len(), 32);
    let expired: Vec<_> = found.iter().map(|o| o["expired"].as_bool().unwrap()).collect();
    assert_eq!(expired, [false, false, true, false]);
    assert!(found.iter().all(|o| o["suppressed"] == false));
    assert_eq!(bench.query(&["--now", "1000"])[2]["expired"], false);

    assert_eq!(bench.query(&["--radius", "32"]).len(), 5);
    assert_eq!(items(&bench.query(&["--radius", "0"])), [(0, "exact")]);
    assert_eq!(items(&bench.query(&["--nearest", "2"])), [(0, "exact"), (4, "four")]);
    assert_eq!(items(&bench.query(&["--list", "two"])), [(4, "four")]);
    assert_eq!(
        items(&bench.query(&["--list", "one", "--nearest", "2"])),
        [(0, "exact"), (12, "twelve")]
    );
    assert_eq!(bench.query(&["--list", "one", "--list", "two"]), found);
    for method in ["auto", "index", "scan"] {
        assert_eq!(bench.query(&["--strategy", method]), found);
    }
}

#[test]
fn text_for_people_says_so_when_nothing_is_near_and_shows_no_fingerprint() {
    let bench = bench();
    let run = bench.run(&["query", "base.tamis", "--pdq", &code(0)]);
    let lines: Vec<_> = run.out.lines().collect();
    assert!(lines[0].starts_with("  0  one  exact  ") && lines[0].ends_with("propaganda, terror"));
    assert!(lines[2].ends_with("(expired)"), "{}", run.out);
    assert_eq!(lines[4], "4 entries within 31 bits of it in 5 codes");
    for flips in [4, 12, 31] {
        let json = bench.run(&["query", "base.tamis", "--json", "--pdq", &code(0)]);
        assert!(!run.out.contains(&code(flips)) && !json.out.contains(&code(flips)));
    }

    let stranger = "0f".repeat(32);
    let run = bench.run(&["query", "base.tamis", "--pdq", &stranger, "--radius", "1"]);
    assert_eq!((run.status, run.out.as_str()), (0, "nothing within 1 bit of it in 5 codes\n"));
    let run = bench.run(&["query", "base.tamis", "--pdq", &stranger, "--json"]);
    assert_eq!((run.status, run.out.as_str(), run.err.as_str()), (0, "", ""));

    bench.write("none.txt", "");
    let none = ["build", "-o", "none.tamis", "--algorithm", "pdq", "--allow-empty", "none.txt"];
    assert_eq!(bench.run(&none).status, 0);
    let run = bench.run(&["query", "none.tamis", "--pdq", &stranger]);
    assert_eq!((run.status, run.out.contains("no PDQ codes")), (0, true), "{}", run.out);
}

#[test]
fn a_store_is_named_in_any_of_three_ways() {
    let bench = bench();
    for place in [&["base.tamis"][..], &["--store", "base.tamis"], &["--set", "base.tamis"]] {
        let run = bench.run(&[&["query", "--pdq", &code(0), "--json"], place].concat());
        assert_eq!(run.objects().len(), 4, "{place:?}");
    }
    let both = ["query", "base.tamis", "--set", "base.tamis", "--pdq", &code(0)];
    assert_eq!(bench.run(&both).status, 2);
    assert_eq!(bench.run(&["query", "--pdq", &code(0)]).status, 2);
    // A directory, with the test list beside its sets: all of them are asked.
    assert_eq!(bench.run(&["store", "init", "store"]).status, 0);
    for list in ["one", "two"] {
        let run = bench.run(&["store", "import", "store", "base.tamis", "--list", list]);
        assert_eq!(run.status, 0, "{}", run.err);
    }
    let listed = |more: &[&str]| {
        let arguments = ["query", "store", "--pdq", &code(0), "--radius", "256", "--json"];
        bench.run(&[&arguments, more].concat()).objects()
    };
    assert_eq!(listed(&[]).len(), 5);
    let all = listed(&["--test-list"]);
    assert_eq!(all.len(), 8);
    assert!(all.is_sorted_by_key(|o| o["distance"].as_u64()));
    assert_eq!(listed(&["--test-list", "--list", "tamis-test"]).len(), 3);
}

#[test]
fn what_cannot_be_meant_is_an_error() {
    let bench = bench();
    let bad = |hex: &str, words: &str| {
        let run = bench.run(&["query", "base.tamis", "--pdq", hex]);
        assert_eq!((run.status, run.out.as_str()), (2, ""));
        assert!(run.err.contains(words), "{}", run.err);
    };
    bad("5a", "pdq has 64 hexadecimal digits, found 2");
    bad(&"zz".repeat(32), "a character that is not a hexadecimal digit");
    for arguments in
        [["--radius", "257"], ["--radius", "-1"], ["--nearest", "0"], ["--strategy", "guess"]]
    {
        let run =
            bench.run(&[&["query", "base.tamis", "--pdq", &code(0)], &arguments[..]].concat());
        assert_eq!(run.status, 2, "{arguments:?}");
    }
    let query = ["query", "base.tamis", "--pdq", &code(0), "--list", "three"];
    bench.run(&query).fails_with("the store does not know the list \"three\"; it has one, two");
    bench.run(&["query", "nowhere", "--pdq", &code(0)]).fails_with("nowhere");
}

#[test]
fn a_suppressed_entry_is_shown_and_marked() {
    use tamis::set::{Entry, EntryId, List, ListKind, Role, SetBuilder};
    let bench = Bench::new();
    let mut builder = SetBuilder::new();
    let mut entries = Vec::new();
    for name in ["kept", "off"] {
        let list = builder.add_list(List::new(name, ListKind::Exchange)).unwrap();
        let hash: tamis::fingerprint::PdqHash = code(0).parse().unwrap();
        builder.add(list, Entry::new(hash)).unwrap();
        entries.push(EntryId::new(name, "", Role::Listed, &hash.into()));
    }
    builder.suppress(entries[1]);
    builder.write(bench.path("base.tamis")).unwrap();
    let found = bench.query(&["--radius", "0"]);
    assert_eq!(found.len(), 2);
    for entry in found {
        assert_eq!(entry["suppressed"], entry["list"] == "off");
        assert!(entry["entry"] == entries[usize::from(entry["list"] == "off")].to_string());
    }
    let run = bench.run(&["query", "base.tamis", "--pdq", &code(0)]);
    assert!(run.out.lines().any(|line| line.contains("off") && line.ends_with("(suppressed)")));
    assert!(run.out.lines().any(|line| line.contains("kept") && !line.contains("(")));
}

/// Codes of a drawn set, which is large enough for an index.
#[test]
fn the_index_finds_what_the_scan_finds() {
    let bench = Bench::new();
    let run =
        bench.run(&["bench-set", "--codes", "5000", "--kind", "clustered", "-o", "base.tamis"]);
    assert_eq!(run.status, 0);
    for radius in ["31", "64", "100", "120"] {
        let found = |method: &str| bench.query(&["--radius", radius, "--strategy", method]);
        let scanned = found("scan");
        assert_eq!(found("index"), scanned);
        assert_eq!(found("auto"), scanned);
        assert_eq!(scanned.is_empty(), radius.len() < 3, "{radius}: {}", scanned.len());
        let nearest = bench.query(&["--radius", radius, "--nearest", "3"]);
        assert_eq!(nearest[..], scanned[..scanned.len().min(3)]);
    }
}
