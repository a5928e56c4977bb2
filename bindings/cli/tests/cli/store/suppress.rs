//! `suppress`, and what outranks what.

use tamis::set::Role;

use super::{NOW, id, of_list};
use crate::Bench;

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
