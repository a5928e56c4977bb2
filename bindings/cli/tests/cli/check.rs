//! `check`: the contract's JSON, every exit status, observing, timings.

use serde_json::Value;

use super::Bench;

const BLOCKED: &str = "files/tamis-test-1.png";

/// A set, a clear file, a picture for review (cut short), and a policy that observes.
fn bench() -> Bench {
    let bench = Bench::with_set();
    bench.write("clear.txt", "nothing to see");
    let picture = bench.read("files/tamis-test-2.jpg");
    bench.write("review.jpg", &picture[..3000]);
    let example = bench.run(&["policy", "example"]);
    bench.write("policy.toml", example.out);
    bench
}

fn check(bench: &Bench, files: &[&str]) -> super::Run {
    bench.run(&[&["check", "--json", "--set", "base.tamis"], files].concat())
}

#[test]
fn json_has_the_fields_of_the_contract() {
    let bench = bench();
    let run = check(&bench, &[BLOCKED, "review.jpg", "clear.txt", "missing"]);
    let [blocked, review, clear, missing] = &run.objects()[..] else { panic!("{}", run.out) };
    assert_eq!(blocked["file"], BLOCKED);
    assert_eq!((&blocked["outcome"], &blocked["action"]), (&"match".into(), &"block".into()));
    assert!(blocked["reason"].as_str().unwrap().starts_with("block: "));
    assert_eq!(blocked["reason"], blocked["reasons"][0]["text"]);
    assert_eq!(blocked["examined"], serde_json::json!(["digests"]));
    assert_eq!(blocked["complete"], false);
    let matches = blocked["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 5);
    for found in matches {
        assert_eq!((&found["list"], &found["item"]), (&"known".into(), &"tamis-test-1".into()));
        assert_eq!(found["entry"].as_str().unwrap().len(), 32);
        assert_eq!((&found["distance"], &found["view"]), (&0.into(), &"bytes".into()));
        assert_eq!(found["labels"], serde_json::json!(["tamis-test"]));
        assert!(found["algorithm"].is_string() && found.get("legal_basis").is_none());
    }
    for key in ["store", "policy"] {
        assert_eq!(blocked[key].as_str().unwrap().len(), 64, "{key}");
    }
    assert!(blocked.get("timings").is_none() && blocked.get("would_have").is_none());

    assert_eq!((&review["outcome"], &review["action"]), (&"unscannable".into(), &"review".into()));
    assert_eq!((&review["unscannable"], &review["media"]), (&"truncated".into(), &"image".into()));
    assert_eq!((&clear["outcome"], &clear["action"]), (&"clear".into(), &"allow".into()));
    assert_eq!((&clear["complete"], &clear["media"]), (&true.into(), &"text".into()));
    assert!(clear.get("reason").is_none());
    // Nobody may take a file without a verdict for allowed.
    assert!(missing["error"].is_string() && missing.get("action").is_none());
    assert_eq!(missing["file"], "missing");
    assert_eq!(run.status, 1);
}

#[test]
fn json_is_the_librarys_and_the_name_of_the_file() {
    let bench = bench();
    let store = tamis::Store::open(bench.path("base.tamis")).unwrap();
    let mut scanner = tamis::Scanner::new(store, tamis::Policy::builtin());
    for file in [BLOCKED, "review.jpg", "clear.txt"] {
        let verdict = scanner.check_path(bench.path(file), &tamis::Context::at(1)).unwrap();
        let mut expected = serde_json::to_value(verdict).unwrap();
        expected["file"] = file.into();
        assert_eq!(check(&bench, &[file]).objects(), [expected]);
    }
}

#[test]
fn people_are_told_the_line_of_the_rule() {
    let bench = bench();
    bench.write("rules.toml", "version = 1\n[[rule]]\naction = \"review\"\nlist = \"known\"\n");
    let run = bench.run(&["check", BLOCKED, "--set", "base.tamis", "--policy", "rules.toml"]);
    assert!(run.out.contains(", by rule 1 (line 2 of the policy)"), "{}", run.out);
}

#[test]
fn exit_status_in_all_combinations() {
    let bench = bench();
    for mask in 1..16_u32 {
        let all = [BLOCKED, "missing", "review.jpg", "clear.txt"];
        let files: Vec<&str> = (0..4).filter(|i| mask >> i & 1 == 1).map(|i| all[i]).collect();
        let expected = match mask {
            m if m & 1 != 0 => 1,
            m if m & 2 != 0 => 2,
            m if m & 4 != 0 => 3,
            _ => 0,
        };
        let run = check(&bench, &files);
        assert_eq!(run.status, expected, "{files:?}");
        assert_eq!(run.objects().len(), files.len());
    }
}

#[test]
fn a_near_copy_is_found_by_its_pixels() {
    let bench = bench();
    let run = bench.run(&["hash", "--json", "files/tamis-test-2.jpg"]);
    let pdq = run.objects()[0]["pdq"]["hash"].as_str().unwrap().to_owned();
    bench.write("pdq.txt", format!("{pdq}\n"));
    let build = ["build", "-o", "near.tamis", "--algorithm", "pdq", "--legal-basis", "Art. 3"];
    let run = bench.run(&[&build[..], &["--reviewed", "pdq.txt"]].concat());
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    // Other bytes, the same pixels.
    let mut copy = bench.read("files/tamis-test-2.jpg");
    copy.extend_from_slice(b"trailing bytes");
    bench.write("copy.jpg", copy);
    let run = bench.run(&["check", "--json", "copy.jpg", "--store", "near.tamis"]);
    let verdict = &run.objects()[0];
    assert_eq!((run.status, &verdict["complete"]), (1, &true.into()));
    assert_eq!(verdict["examined"], serde_json::json!(["digests", "perceptual"]));
    assert_eq!(verdict["matches"][0]["algorithm"], "pdq");
    assert_eq!(verdict["matches"][0]["view"], "as-stored");
    assert_eq!(verdict["matches"][0]["legal_basis"], "Art. 3");
}

#[test]
fn observing_allows_and_says_what_it_would_have_done() {
    let bench = bench();
    let files = [BLOCKED, "review.jpg", "clear.txt"];
    let run = check(&bench, &[&files[..], &["--policy", "policy.toml"]].concat());
    assert_eq!(run.status, 0);
    let verdicts = run.objects();
    assert!(verdicts.iter().all(|v| v["action"] == "allow"));
    let would: Vec<&Value> = verdicts.iter().map(|v| &v["would_have"]).collect();
    assert_eq!(would, ["block", "review", "allow"]);
    let run = bench.run(&["check", BLOCKED, "--set", "base.tamis", "--policy", "policy.toml"]);
    assert!(run.out.starts_with("ALLOW ") && run.out.contains("would have been blocked"));
}

#[test]
fn people_get_one_plain_line_per_file() {
    let bench = bench();
    let files = ["check", "--set", "base.tamis", BLOCKED, "review.jpg", "clear.txt", "files"];
    let run = bench.run(&files);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with(&format!("BLOCK   {BLOCKED}  ")));
    assert!(lines[1].starts_with("REVIEW  review.jpg  the image could not be examined"));
    assert!(lines[2].starts_with("ALLOW   clear.txt  no match"));
    assert!(!run.out.contains('\x1b'), "colours without a terminal");
    assert!(run.err.contains("files: a directory") && run.err.contains("tamis scan"));
    assert_eq!(run.status, 1);
}

#[test]
fn stdin_once_and_the_test_list_beside_any_set() {
    let bench = bench();
    bench.write("other.txt", "0cc175b9c0f1b6a831c399e269772661\n");
    assert_eq!(bench.run(&["build", "-o", "other.tamis", "other.txt"]).status, 0);
    let file = bench.read(BLOCKED);
    let arguments = ["check", "-", "--set", "other.tamis"];
    assert_eq!(bench.run_with_stdin(&arguments, &file).status, 0);
    let with_test_list = [&arguments[..], &["--test-list", "--json"]].concat();
    let run = bench.run_with_stdin(&with_test_list, &file);
    assert_eq!((run.status, &run.objects()[0]["matches"][0]["list"]), (1, &"tamis-test".into()));
    // The digest of "a", which nobody has reviewed.
    assert_eq!(bench.run_with_stdin(&arguments, b"a").status, 3);
    let run = bench.run_with_stdin(&["check", "-", "-", "--set", "other.tamis"], b"b");
    assert_eq!(run.status, 2);
    assert!(run.err.contains("stdin was read already"));
}

/// As `age -d base.tamis.age | tamis check FILE --store -` does it: the set lies nowhere in the clear.
#[test]
fn a_set_may_come_on_stdin() {
    let bench = bench();
    let set = bench.read("base.tamis");
    let judge = |arguments: &[&str], set: &[u8]| {
        bench.run_with_stdin(&[&["check", "--store", "-"], arguments].concat(), set)
    };
    let piped = judge(&["--json", BLOCKED], &set);
    let opened = bench.run(&["check", "--store", "base.tamis", "--json", BLOCKED]);
    assert_eq!((piped.status, opened.status), (1, 1), "{}", piped.err);
    let told = |run: &super::Run| {
        let object = run.objects().remove(0);
        (object["matches"].clone(), object["action"].clone())
    };
    assert_eq!(told(&piped), told(&opened));
    judge(&[BLOCKED], &set[..set.len() - 1]).fails_with("stdin: ");
    judge(&[BLOCKED], b"").fails_with("stdin: ");
    // An empty stdin is not an upload that is clear.
    let both = judge(&["-"], &set);
    assert_eq!(both.status, 2);
    assert!(both.err.contains("stdin was read already"), "{}", both.err);
    let doctor = bench.run_with_stdin(&["doctor", "--store", "-"], &set);
    doctor.fails_with("give the path of a store");
}

#[test]
fn timings_are_told_when_asked_for() {
    let bench = bench();
    let run = check(&bench, &["files/tamis-test-2.jpg", "--timings"]);
    assert!(run.objects()[0]["timings"]["digests"].as_f64().unwrap() > 0.0);
    let run = bench.run(&["check", BLOCKED, "--set", "base.tamis", "--timings"]);
    assert!(run.out.contains("digests ") && run.out.contains(" us"));
}

#[test]
fn expired_entries_do_not_match_at_the_time_given() {
    let bench = bench();
    bench.write(
        "short.csv",
        "algorithm,fingerprint,reviewed,expires\nmd5,0cc175b9c0f1b6a831c399e269772661,yes,2001-09-09\n",
    );
    assert_eq!(bench.run(&["build", "-o", "short.tamis", "short.csv"]).status, 0);
    let at = |now| {
        bench.run_with_stdin(&["check", "-", "--set", "short.tamis", "--now", now], b"a").status
    };
    assert_eq!((at("999000000"), at("1999999999")), (1, 0));
}
