//! Keeps the house in shape: the walls between the rooms, the places where `unsafe` may stand, the licences of what we depend on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each room with the rooms it may use. `error`, `limits`, `names` and `setters` are leaves that all may use; `files` is one for those that may touch files. The flow is
/// bytes -> media -> fingerprint -> search -> policy, and hamming -> index -> set -> import, store -> scanner -> batch.
const WALLS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("limits", &[]),
    ("names", &[]),
    ("setters", &[]),
    ("files", &[]),
    ("media", &[]),
    ("hamming", &[]),
    ("fingerprint", &["hamming", "media"]),
    ("index", &["hamming"]),
    ("set", &["files", "fingerprint", "index"]),
    ("import", &["fingerprint", "set"]),
    ("search", &["fingerprint", "hamming", "index", "set"]),
    ("store", &["files", "fingerprint", "search", "set"]),
    ("policy", &["fingerprint", "media", "search", "set"]),
    ("examine", &["fingerprint", "media"]),
    ("verdict", &["fingerprint", "media", "policy", "search", "set", "store"]),
    ("sandbox", &["examine", "fingerprint", "media"]),
    (
        "scanner",
        &[
            "examine",
            "files",
            "fingerprint",
            "media",
            "policy",
            "sandbox",
            "search",
            "set",
            "store",
            "verdict",
        ],
    ),
    ("batch", &["policy", "sandbox", "scanner", "store", "verdict"]),
];

/// Where `unsafe` may stand: the SIMD kernels, the one call that maps a file, and the one that sees a file as shared counters.
const UNSAFE: &[&str] = &[
    "src/fingerprint/pdq/kernel/",
    "src/hamming/",
    "src/index/kernel.rs",
    "src/set/map.rs",
    "src/store/counters/shared.rs",
];

/// Words that belong to rooms that must not know the file system or the clock.
const NO_FILES: &[&str] = &["media", "fingerprint", "hamming", "search"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("src"), &mut found);
    found.sort();
    let name =
        |path: &Path| path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
    found.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("/tests/")
}

/// The code without comments and without a module of tests at the end of the file.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code))
}

fn room_of(name: &str) -> &str {
    let inside = name.strip_prefix("src/").unwrap();
    inside.split_once('/').map_or_else(|| inside.strip_suffix(".rs").unwrap(), |(room, _)| room)
}

/// The rooms named after `crate::` in a line.
fn rooms_used(line: &str) -> Vec<String> {
    let word = |text: &str| {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
    };
    line.match_indices("crate::")
        .map(|(at, m)| word(&line[at + m.len()..]))
        .filter(|w| !w.is_empty())
        .collect()
}

#[test]
fn no_room_reaches_through_a_wall() {
    let mut breaches = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, text) in sources() {
        let room = room_of(&name).to_owned();
        if room == "lib" || is_test(&name) {
            continue;
        }
        let Some((_, allowed)) = WALLS.iter().find(|(r, _)| *r == room) else {
            panic!(
                "{name}: a room that is not in the plan of the house; add it to WALLS with what it may use"
            )
        };
        seen.insert(room.clone());
        for (number, line) in code(&text).enumerate() {
            assert!(
                !line.contains("use crate::{"),
                "{name}:{}: name the room in each `use crate::`",
                number + 1
            );
            for used in rooms_used(line) {
                // `crate::Limits` would go round the walls by way of what lib.rs re-exports.
                assert!(
                    WALLS.iter().any(|(r, _)| *r == used),
                    "{name}:{}: `crate::{used}` names no room; say which room it is of",
                    number + 1
                );
                let leaf = ["error", "limits", "names", "setters"].contains(&used.as_str());
                if used != room && !leaf && !allowed.contains(&used.as_str()) {
                    breaches.push(format!("{name}:{}: {room} uses {used}", number + 1));
                }
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
    assert!(seen.len() >= 12, "the walls were checked in {seen:?} only");
}

#[test]
fn unsafe_stands_where_it_may_and_nowhere_else() {
    let mut places = BTreeSet::new();
    for (name, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let line = line.split_once("//").map_or(line, |(code, _)| code);
            let words: Vec<_> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            if words.contains(&"unsafe") || words.contains(&"unsafe_code") {
                assert!(
                    UNSAFE.iter().any(|place| name.starts_with(place)),
                    "{name}:{}: unsafe",
                    number + 1
                );
                places.insert(name.clone());
            }
        }
    }
    assert!(places.contains("src/set/map.rs"), "the test looks in the wrong place");
}

#[test]
fn pure_rooms_touch_no_files_no_network_no_clock() {
    for (name, text) in sources() {
        if is_test(&name) {
            continue;
        }
        for (number, line) in code(&text).enumerate() {
            for word in ["std::net", "SystemTime::now", "thread::spawn", "println!", "eprintln!"] {
                assert!(!line.contains(word), "{name}:{}: {word}", number + 1);
            }
            if NO_FILES.contains(&room_of(&name)) {
                assert!(!line.contains("std::fs"), "{name}:{}: std::fs", number + 1);
            }
        }
    }
}

#[test]
fn nothing_is_exported_by_name_from_the_core() {
    for (name, text) in sources() {
        assert!(
            !code(&text).any(|line| line.contains("no_mangle")),
            "{name}: the C interface is a crate of its own"
        );
    }
}

/// The licences in `deny.toml` hold for every package in the lock file.
#[test]
fn every_dependency_has_a_licence_that_we_allow() {
    let deny: toml::Table = fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap();
    let allow: BTreeSet<&str> =
        deny["licenses"]["allow"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--all-features", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50);
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none");
        // `A OR B`: one of them must be allowed; `A AND B`: all of them. A slash is an old way to write OR. In the
        // expressions that crates use, parentheses stand around an OR within an AND, so AND is taken apart first there.
        let any = |choices: &str| choices.split(" OR ").any(|l| allow.contains(l.trim()));
        let plain = licence.replace('/', " OR ");
        let fine = if plain.contains('(') {
            plain.split(" AND ").all(|part| any(&part.replace(['(', ')'], "")))
        } else {
            plain
                .split(" OR ")
                .any(|choice| choice.split(" AND ").all(|l| allow.contains(l.trim())))
        };
        assert!(fine, "{} {}: {licence}", package["name"], package["version"]);
    }
}
