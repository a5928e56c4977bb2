//! `hash`: the contract's fields, the values of the test list, and files that are no pictures.

use serde_json::Value;

use super::{Bench, TEST_LIST};

#[test]
fn fingerprints_are_those_of_the_test_list() {
    let bench = Bench::with_set();
    let rows = std::fs::read_to_string(TEST_LIST).unwrap();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.len() > 20);
    for row in &rows {
        let name = row["source_id"].as_str().unwrap();
        let run = bench.run(&["hash", "--json", &format!("files/{name}")]);
        let hashed = &run.objects()[0];
        let algorithm = row["algorithm"].as_str().unwrap();
        let found = match algorithm {
            "pdq" => &hashed["pdq"]["hash"],
            digest => &hashed["digests"][digest],
        };
        assert_eq!(found, &row["fingerprint"], "{name} {algorithm}");
    }
}

#[test]
fn json_has_the_fields_of_the_contract() {
    let bench = Bench::with_set();
    let run = bench.run(&["hash", "--json", "files/tamis-test-1.png", "files/tamis-test-4.txt"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    let [picture, text] = &run.objects()[..] else { panic!("{}", run.out) };
    assert_eq!(picture["file"], "files/tamis-test-1.png");
    assert_eq!(picture["media"], "image");
    assert!(picture["width"].as_u64().unwrap() >= 64 && picture["height"].as_u64().unwrap() >= 64);
    assert_eq!(picture["digests"].as_object().unwrap().len(), 5);
    assert!(picture["pdq"]["quality"].as_u64().unwrap() > 50);
    let dihedral = picture["pdq"]["dihedral"].as_array().unwrap();
    assert_eq!(dihedral.len(), 8);
    assert_eq!(dihedral[0], picture["pdq"]["hash"]);
    assert!(picture.get("reason").is_none());

    assert_eq!((&text["media"], &text["reason"]), (&"text".into(), &"not-a-picture".into()));
    assert!(text["pdq"].is_null() && text["width"].is_null());
    assert_eq!(text["digests"]["sha512"].as_str().unwrap().len(), 128);
}

#[test]
fn stdin_is_a_file_and_a_broken_picture_has_a_reason() {
    let bench = Bench::with_set();
    let picture = bench.read("files/tamis-test-2.jpg");
    let run = bench.run_with_stdin(&["hash", "--json", "-"], &picture);
    let mut from_stdin = run.objects().remove(0);
    assert_eq!(from_stdin["file"], "-");
    from_stdin["file"] = "files/tamis-test-2.jpg".into();
    assert_eq!(from_stdin, bench.run(&["hash", "--json", "files/tamis-test-2.jpg"]).objects()[0]);

    let run = bench.run_with_stdin(&["hash", "--json", "-"], &picture[..3000]);
    assert_eq!((run.status, &run.objects()[0]["reason"]), (0, &"truncated".into()));
}

#[test]
fn what_is_larger_than_the_limit_has_digests_only() {
    let bench = Bench::with_set();
    // A picture with 70 MB behind it.
    let mut file = bench.read("files/tamis-test-2.jpg");
    file.resize(70_000_000, 0);
    bench.write("large.jpg", &file);
    let run = bench.run(&["hash", "--json", "large.jpg"]);
    let large = &run.objects()[0];
    assert_eq!((&large["reason"], &large["bytes"]), (&"limit".into(), &70_000_000.into()));
    assert!(large["pdq"].is_null());
    let whole = tamis::fingerprint::digests(&file, tamis::fingerprint::Algorithms::DIGESTS);
    assert_eq!(large["digests"], serde_json::to_value(whole).unwrap());
    assert!(bench.run(&["hash", "large.jpg"]).out.contains("larger than the limits"));
}

#[test]
fn people_see_every_value_and_errors_do_not_stop_it() {
    let bench = Bench::with_set();
    let run = bench.run(&["hash", "missing", "files/tamis-test-1.png", "files"]);
    assert_eq!(run.status, 2);
    assert!(run.err.contains("missing: cannot read it") && run.err.contains("files: a directory"));
    let json = bench.run(&["hash", "--json", "missing", "files/tamis-test-1.png"]);
    let objects = json.objects();
    assert!(objects[0]["error"].is_string() && objects[0].get("digests").is_none());
    for digest in objects[1]["digests"].as_object().unwrap().values() {
        assert!(run.out.contains(digest.as_str().unwrap()));
    }
    for hash in objects[1]["pdq"]["dihedral"].as_array().unwrap() {
        assert!(run.out.contains(hash.as_str().unwrap()));
    }
}
