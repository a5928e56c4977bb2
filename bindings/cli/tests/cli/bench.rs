//! `bench-set` and `bench-query`: seeded sets, and measurements of them.

use serde_json::Value;

use super::{Bench, mode_of};

/// More than the smallest set that has a radius index.
const CODES: u64 = 5000;

impl Bench {
    fn drawn(&self, name: &str, more: &[&str]) -> Value {
        let codes = CODES.to_string();
        let arguments = [&["bench-set", "--json", "--codes", &codes, "-o", name], more].concat();
        let run = self.run(&arguments);
        assert_eq!((run.status, run.err.as_str()), (0, ""));
        run.objects().remove(0)
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes_and_others_do_not() {
    let bench = Bench::new();
    for kind in ["uniform", "weight128", "clustered"] {
        let said = bench.drawn("a.tamis", &["--kind", kind, "--jobs", "1"]);
        bench.drawn("b.tamis", &["--kind", kind, "--jobs", "3", "--seed", "1"]);
        assert_eq!(bench.read("a.tamis"), bench.read("b.tamis"), "{kind}");
        bench.drawn("b.tamis", &["--kind", kind, "--seed", "2"]);
        assert_ne!(bench.read("a.tamis"), bench.read("b.tamis"), "{kind}");
        assert_eq!((&said["kind"], &said["codes"]), (&kind.into(), &CODES.into()));

        let info = bench.run(&["info", "--json", "a.tamis"]).objects().remove(0);
        assert_eq!(info["digest"], said["digest"]);
        assert_eq!((&info["entries"], &info["items"]), (&CODES.into(), &1.into()));
        assert_eq!(info["fingerprints"]["pdq"], CODES, "distinct");
        assert_eq!((&info["created"], &info["lists"][0]["kind"]), (&0.into(), &"test".into()));
        assert_eq!(info["radius_index_bytes"], said["radius_index_bytes"]);
        assert!(info["radius_index_bytes"].as_u64().unwrap() > 128 * CODES);
        assert_eq!(mode_of(&bench.path("a.tamis")), 0o640);
    }
    assert_eq!(bench.names(), ["a.tamis", "b.tamis"]);

    let small = bench.drawn("a.tamis", &["--profile", "small"]);
    assert_eq!(small["radius_index_bytes"], 0);
    let info = bench.run(&["info", "a.tamis"]);
    assert!(info.out.contains("radius index  none"), "{}", info.out);
}

#[test]
fn a_set_of_drawn_codes_overwrites_nothing_else() {
    let bench = Bench::new();
    bench.write("photo.jpg", "not a set");
    for (path, words) in [
        ("photo.jpg", "is not a set"),
        ("-", "file name"),
        ("nowhere/a.tamis", "there is no directory nowhere"),
    ] {
        bench.run(&["bench-set", "--codes", "10", "-o", path]).fails_with(words);
    }
    for codes in ["0", "4294967296", "many"] {
        assert_eq!(bench.run(&["bench-set", "--codes", codes, "-o", "a.tamis"]).status, 2);
    }
    // No machine of these days has the memory.
    let all = ["bench-set", "--codes", "4294967295", "-o", "a.tamis"];
    if cfg!(target_os = "linux") {
        bench.run(&all).fails_with("ask for fewer codes");
    }
    assert_eq!(bench.names(), ["photo.jpg"]);
}

#[test]
fn index_and_scan_agree_and_are_measured() {
    let bench = Bench::new();
    bench.drawn("a.tamis", &["--kind", "clustered"]);
    let measure = |more: &[&str]| {
        let arguments = [&["bench-query", "--json", "a.tamis", "--queries", "100"], more].concat();
        let run = bench.run(&arguments);
        assert_eq!((run.status, run.err.as_str()), (0, ""));
        let [measured] = &run.objects()[..] else { panic!("{}", run.out) };
        measured.clone()
    };
    let measured = measure(&["--scans", "30"]);
    for (kind, samples) in
        [("index", 100), ("chosen", 100), ("scan", 30), ("after_scan", 30), ("batch", 10)]
    {
        let kind = &measured[kind];
        let number = |name: &str| kind[name].as_f64().unwrap();
        assert!(0.0 < number("p50_us") && number("p50_us") <= number("p99_us"), "{measured}");
        assert!(number("lookups_per_second") > 0.0 && kind["samples"] == samples, "{measured}");
    }
    assert_eq!((&measured["codes"], &measured["queries"]), (&CODES.into(), &100.into()));
    assert_eq!((&measured["planted"], &measured["radius"]), (&50.into(), &31.into()));
    assert_eq!((&measured["agree"], &measured["batch"]["queries"]), (&true.into(), &8.into()));
    let index = measured["radius_index_bytes"].as_f64().unwrap();
    assert_eq!(measured["bytes_per_code"].as_f64().unwrap(), 32.0 + index / CODES as f64);
    // Each planted query finds its own code, and in a cluster often others.
    let matches = |measured: &Value| measured["matches"].as_u64().unwrap();
    assert!(matches(&measured) > 50, "{measured}");
    assert_eq!(matches(&measure(&["--cold", "--residency", "heap"])), matches(&measured));
    assert_ne!(matches(&measure(&["--seed", "3"])), matches(&measured));
    assert_eq!(matches(&measure(&["--radius", "256"])), 100 * CODES);
    assert_eq!(measure(&["--cold"])["warm_us"], Value::Null);

    let text = bench.run(&["bench-query", "a.tamis", "--queries", "16", "--batch", "5"]);
    assert!(text.out.contains("index and scan agree on all"), "{}", text.out);
    assert!(text.out.contains("batch of 5") && text.out.contains("times as fast as a scan"));
}

#[test]
fn a_set_without_an_index_is_only_scanned() {
    let bench = Bench::new();
    bench.drawn("a.tamis", &["--profile", "small"]);
    let run = bench.run(&["bench-query", "--json", "a.tamis", "--queries", "9"]);
    let measured = &run.objects()[0];
    assert_eq!((&measured["index"], &measured["ratio"]), (&Value::Null, &Value::Null));
    assert_eq!(measured["scan"]["samples"], 9);
    assert_eq!(measured["bytes_per_code"], 32.0);

    bench.write("md5.txt", "0cc175b9c0f1b6a831c399e269772661\n");
    assert_eq!(bench.run(&["build", "-o", "b.tamis", "md5.txt"]).status, 0);
    bench.run(&["bench-query", "b.tamis"]).fails_with("holds no PDQ codes");
    bench.run(&["bench-query", "missing.tamis"]).fails_with("missing.tamis");
}

#[test]
fn a_damaged_set_is_not_measured() {
    let bench = Bench::new();
    bench.drawn("a.tamis", &[]);
    let mut bytes = bench.read("a.tamis");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bench.write("b.tamis", bytes);
    super::set_mode(&bench.path("b.tamis"), 0o640);
    for more in [&[][..], &["--cold"], &["--residency", "populated"]] {
        bench.run(&[&["bench-query", "b.tamis"], more].concat()).fails_with("b.tamis");
    }
}
