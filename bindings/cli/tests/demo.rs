//! `tamis demo`, run as a user runs it.

use std::process::{Command, Output};

use serde_json::Value;

fn demo(arguments: &[&str], temporary: &std::path::Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    command.arg("demo").args(arguments).env("TMPDIR", temporary);
    command.output().unwrap()
}

#[test]
fn every_verdict_is_expected_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let out = demo(&["--json"], dir.path());
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let rows: Vec<Value> = out
        .stdout
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    let row = |file: &str| rows.iter().find(|r| r["file"] == file).unwrap();
    assert_eq!(rows.len(), 12);
    assert!(rows.iter().all(|r| r["as_expected"] == true && r["total_us"].as_f64().unwrap() > 0.0));

    // What the rows claim, read from the verdicts themselves.
    let same = row("same.jpg");
    assert_eq!((&same["action"], &same["complete"]), (&"block".into(), &false.into()));
    assert_eq!(same["matches"][0]["algorithm"], "sha256");
    assert_eq!(same["timings"]["examine"], 0.0);
    for (file, view) in [
        ("re-encoded.jpg", "as-stored"),
        ("resized.jpg", "as-stored"),
        ("mirrored.jpg", "flip-y"),
        ("saved.png", "as-stored"),
        ("saved.gif", "as-stored"),
    ] {
        let row = row(file);
        assert_eq!(row["action"], "block", "{file}");
        assert_eq!(row["matches"][0]["algorithm"], "pdq", "{file}");
        assert_eq!(row["matches"][0]["view"], view, "{file}");
        assert!(row["timings"]["examine"].as_f64().unwrap() > 0.0, "{file}");
    }
    assert_eq!(row("disputed.jpg")["matches"][0]["opinion"], "disputed");
    assert_eq!(row("unverified.jpg")["matches"][0]["list_kind"], "submissions");
    assert_eq!(row("hostile.gif")["unscannable"], "limit");
    assert_eq!(row("cut.jpg")["unscannable"], "truncated");
    for file in ["unrelated.jpg", "text.txt"] {
        assert_eq!(
            (&row(file)["action"], &row(file)["outcome"]),
            (&"allow".into(), &"clear".into())
        );
    }
    // Nothing is left behind.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_table_fits_and_the_kept_files_are_judged_the_same_by_check() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    let out = demo(&["--seed", "3", "--keep", kept.to_str().unwrap()], dir.path());
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.starts_with("Tamis demo: "), "{text}");
    for line in text.lines().filter(|line| !line.contains(kept.to_str().unwrap())) {
        assert!(line.chars().count() <= 110, "{line}");
    }
    let table: Vec<&str> = text
        .lines()
        .skip_while(|l| !l.starts_with("upload "))
        .take_while(|l| !l.is_empty())
        .collect();
    assert_eq!(table.len(), 1 + 2 * 12, "{text}");
    let width = table[0].chars().count();
    assert!(width <= 100);
    // Numbers end where their heading does.
    assert!(table.iter().skip(1).step_by(2).all(|row| row.chars().count() == width), "{text}");
    assert!(text.contains("tamis build") && text.contains("tamis check"), "{text}");

    let check = |file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
        command.arg("check").arg(kept.join(file)).arg("--store").arg(kept.join("base.tamis"));
        command.output().unwrap().status.code()
    };
    assert_eq!(check("re-encoded.jpg"), Some(1));
    assert_eq!(check("disputed.jpg"), Some(3));
    assert_eq!(check("unrelated.jpg"), Some(0));
    // The demo may be kept in the same place again.
    assert_eq!(demo(&["--keep", kept.to_str().unwrap()], dir.path()).status.code(), Some(0));
}

#[test]
fn a_demo_that_cannot_write_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let out = demo(&["--keep", file.join("below").to_str().unwrap()], dir.path());
    assert_eq!(out.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&out.stderr).lines().count(), 1);
}
