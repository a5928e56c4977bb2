//! The committed sets: `tests/sets/good` must read as they always did, each file of `tests/sets/bad` must be refused for its own reason.
//! `TAMIS_BLESS=1 cargo test --test set_files` writes them anew after a change of the format; a change of a good file
//! without a new version number is a mistake.

#![allow(clippy::print_stdout, reason = "tests say what they did")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{
    Parts, delta_builder, fingerprint, full_builder, full_set, local_delta, small_delta, u32_at,
    u64_at,
};
use tamis::fingerprint::Algorithm;
use tamis::set::{Change, Entry, EntryId, List, ListKind, Role};
use tamis::{ErrorCode, Set, SetBuilder};

fn sets(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sets").join(kind)
}

fn blessing() -> bool {
    std::env::var_os("TAMIS_BLESS").is_some()
}

fn good() -> Vec<(&'static str, SetBuilder)> {
    let mut one = SetBuilder::new();
    let list = one.add_list(List::new("local", ListKind::Local)).unwrap();
    one.add(list, Entry::new(fingerprint(Algorithm::Pdq, 1)).reviewed(true)).unwrap();
    // More than 256 blocks, so more than one group of checksums, and a page-aligned body.
    let mut large = SetBuilder::new();
    let list = large.add_list(List::new("digests", ListKind::Friend)).unwrap();
    for seed in 0..12_000 {
        large.add(list, Entry::new(fingerprint(Algorithm::Sha512, seed))).unwrap();
    }
    // Enough codes for a radius index.
    let mut indexed = SetBuilder::new();
    let list = indexed.add_list(List::new("codes", ListKind::Exchange)).unwrap();
    for seed in 0..5_000 {
        indexed.add(list, Entry::new(fingerprint(Algorithm::Pdq, seed))).unwrap();
    }
    vec![
        ("empty", SetBuilder::new()),
        ("one-entry", one),
        ("full", full_builder()),
        ("two-groups", large),
        ("indexed", indexed),
        ("delta", delta_builder()),
        ("local-delta", local_delta()),
    ]
}

#[test]
fn good_sets_have_not_changed() {
    for (name, builder) in good() {
        let bytes = builder.to_bytes().unwrap().0;
        // The large one is only described: its digest stands for every byte of it.
        let (path, kept) = if bytes.len() > 1 << 16 {
            let set = Set::from_bytes(&bytes).unwrap();
            (
                sets("good").join(format!("{name}.digest")),
                format!("{}\n", set.digest()).into_bytes(),
            )
        } else {
            (sets("good").join(format!("{name}.tamis")), bytes.clone())
        };
        if blessing() {
            std::fs::write(&path, &kept).unwrap();
        }
        assert!(
            std::fs::read(&path).unwrap() == kept,
            "{} is not what the builder makes",
            path.display()
        );
        Set::from_bytes(&bytes).unwrap().verify(&mut |_| {}).unwrap();
    }
}

/// The header names the lowest version that describes the file, so that older readers are refused only where they would answer wrongly.
#[test]
fn the_version_is_the_lowest_that_will_do() {
    for (name, builder) in good() {
        let minor = match name {
            "indexed" => 1,
            "delta" | "local-delta" => 2,
            _ => 0,
        };
        let bytes = builder.to_bytes().unwrap().0;
        assert_eq!(bytes[8..12], [1, 0, minor, 0], "{name}");
    }
}

/// A newer minor version may give what is reserved a meaning, but adds no numbers to an enumeration.
#[test]
fn a_delta_of_a_newer_minor_version_is_read() {
    let verified = |minor: u8, change: Damage| {
        let mut parts = Parts::of(&small_delta());
        parts.header[10] = minor;
        change(&mut parts);
        let set = Set::from_bytes(&parts.seal()).unwrap();
        assert_eq!(set.changes().unwrap().len(), 2);
        set.verify(&mut |_| {}).is_ok()
    };
    let changes: [(Damage, bool); 3] = [
        (|p| p.bytes_of(CHANGES)[7] = 0x80, true),
        (|p| p.bytes_of(CHANGES)[CHANGE + 24] = 1, true),
        (|p| put(p.bytes_of(TOMBSTONES), 2 * TOMBSTONE + 4, 5), false),
    ];
    for (number, (change, may)) in changes.into_iter().enumerate() {
        assert!(!verified(2, change), "{number}");
        assert_eq!(verified(3, change), may, "{number}");
    }
}

/// What the Python reader says of a file, unless there is no Python.
fn independent_reader() -> Option<impl FnMut(&Path) -> Output> {
    let python = std::env::var("TAMIS_PYTHON").unwrap_or_else(|_| "python3".into());
    let ready = Command::new(&python)
        .args(["-c", "import blake3"])
        .output()
        .is_ok_and(|o| o.status.success());
    if !ready {
        println!("SKIPPED: {python} has no module blake3; tests/run installs it");
        return None;
    }
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read_set.py");
    Some(move |path: &Path| Command::new(&python).arg(&reader).arg(path).output().unwrap())
}

/// The Python reader, which knows only FORMAT.md, finds the same entries.
#[test]
fn an_independent_reader_agrees() {
    let Some(mut read) = independent_reader() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (name, builder) in good() {
        let path = dir.path().join(name);
        builder.write(&path).unwrap();
        let set = Set::open(&path).unwrap();
        let output = read(&path);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let head = lines.next().unwrap();
        assert_eq!(head["digest"], set.digest().to_string());
        assert_eq!(head["created"], set.created().unwrap());
        let suppressions: Vec<_> =
            set.suppressions().unwrap().iter().map(|id| id.to_string()).collect();
        assert_eq!(head["suppressions"], serde_json::json!(suppressions));
        let changes: serde_json::Map<_, _> = set.changes().unwrap().into_iter().map(told).collect();
        assert_eq!(head["changes"], serde_json::Value::from(changes));
        let tombstones = head["tombstones"].as_array().unwrap();
        assert_eq!(tombstones.len() as u64, set.withdrawal_count());
        if name == "delta" {
            assert_eq!(tombstones, &tombstones_of_delta());
        }
        let lists = set.lists().unwrap();
        for (theirs, ours) in head["lists"].as_array().unwrap().iter().zip(lists.iter()) {
            assert_eq!(theirs["name"], ours.name);
            assert_eq!(theirs["kind"], ours.kind.name());
            assert_eq!(theirs["agreement"], ours.agreement);
            assert_eq!(theirs["legal_basis"], ours.legal_basis);
        }
        assert_eq!(head["lists"].as_array().unwrap().len(), lists.len());
        let ours: Vec<_> = set
            .entries()
            .map(|stored| stored.unwrap())
            .map(|s| {
                serde_json::json!({
                    "id": s.id.to_string(),
                    "list": lists[s.list].name,
                    "algorithm": s.entry.fingerprint.algorithm().name(),
                    "fingerprint": s.entry.fingerprint.to_hex(),
                    "role": s.entry.role.name(),
                    "item": s.entry.item,
                    "source_id": s.entry.source_id,
                    "labels": s.entry.labels,
                    "opinion": s.entry.opinion.name(),
                    "severity": s.entry.severity.name(),
                    "reviewed": s.entry.reviewed,
                    "quality": s.entry.quality,
                    "legal_basis": s.entry.legal_basis,
                    "first_seen": s.entry.first_seen,
                    "last_seen": s.entry.last_seen,
                    "expires": s.entry.expires,
                })
            })
            .collect();
        assert!(lines.eq(ours), "{name}: the entries differ");
    }
}

fn told(change: Change) -> (String, serde_json::Value) {
    let Change { list, first, last, replaces } = change;
    (list, serde_json::json!({ "first": first, "last": last, "replaces": replaces }))
}

/// What [`delta_builder`] withdraws, from what `FORMAT.md` says of the keys.
fn tombstones_of_delta() -> Vec<serde_json::Value> {
    let text = |text: String| {
        blake3::derive_key("tamis 2026-11 tombstone text", text.as_bytes())[..16].to_vec()
    };
    let entry = |seed| {
        EntryId::new("local", "", Role::Listed, &fingerprint(Algorithm::Pdq, seed)).0.to_vec()
    };
    let keys = |make: &dyn Fn(u64) -> Vec<u8>| {
        let mut keys: Vec<_> = (0..3).map(make).collect();
        keys.sort();
        keys
    };
    let kinds = [
        ("demo-exchange", "item", keys(&|n| text(format!("item-{n}")))),
        ("demo-exchange", "source", keys(&|n| text(format!("row {n}")))),
        ("local", "entry", keys(&entry)),
        ("local", "suppression", keys(&|n| entry(n + 10))),
    ];
    let told = |list, kind, key: Vec<u8>| {
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        serde_json::json!({ "list": list, "kind": kind, "key": key })
    };
    let told = kinds
        .into_iter()
        .flat_map(|(list, kind, keys)| keys.into_iter().map(move |key| told(list, kind, key)));
    told.collect()
}

/// Name of the file, the code expected, whether opening already refuses it (else only reading or verifying it does), and how it is made.
type Bad = (&'static str, ErrorCode, bool, Box<dyn Fn() -> Vec<u8>>);

fn sealed(change: impl Fn(&mut Parts) + 'static) -> Box<dyn Fn() -> Vec<u8>> {
    Box::new(move || {
        let mut parts = Parts::of(&full_set());
        change(&mut parts);
        parts.seal()
    })
}

fn raw(change: impl Fn(&mut Vec<u8>) + 'static) -> Box<dyn Fn() -> Vec<u8>> {
    Box::new(move || {
        let mut bytes = full_set();
        change(&mut bytes);
        bytes
    })
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

const PDQ: u32 = 0x110;
const PDQ_RANGES: u32 = 0x210;

fn bad() -> Vec<Bad> {
    use ErrorCode::{SetCorrupt, SetForeign, SetSection, SetTruncated, SetVersion};
    let mut sets: Vec<Bad> = vec![
        ("empty-file", SetForeign, true, Box::new(Vec::new)),
        (
            "foreign-gif",
            SetForeign,
            true,
            Box::new(|| b"GIF89a\x01\x00\x01\x00\x80\x00\x00".to_vec()),
        ),
        ("line-ends-rewritten", SetForeign, true, raw(|b| drop(b.drain(6..7)))),
        ("header-only", SetTruncated, true, raw(|b| b.truncate(96))),
        ("header-cut", SetTruncated, true, raw(|b| b.truncate(50))),
        ("last-byte-missing", SetTruncated, true, raw(|b| b.truncate(b.len() - 1))),
        ("one-byte-more", SetTruncated, true, raw(|b| b.push(0))),
        ("newer-major", SetVersion, true, raw(|b| b[8] = 2)),
        ("major-zero", SetCorrupt, true, raw(|b| b[8] = 0)),
        ("head-flipped", SetCorrupt, true, raw(|b| b[100] ^= 1)),
        ("digest-flipped", SetCorrupt, true, raw(|b| b[70] ^= 1)),
        ("too-many-sections", SetCorrupt, true, raw(|b| put(b, 12, 5000))),
        ("too-many-roots", SetCorrupt, true, raw(|b| put(b, 16, u32::MAX))),
        ("lengths-overflow", SetCorrupt, true, raw(|b| b[24..32].fill(0xFF))),
        ("huge-data-length", SetCorrupt, true, raw(|b| b[32..40].fill(0xFF))),
        (
            "unknown-critical-section",
            SetSection,
            true,
            sealed(|p| {
                let end = p.data.len() as u64;
                p.data.resize((end.next_multiple_of(64) + 8) as usize, 0);
                let mut row = [0; 32];
                put(&mut row, 0, 0x800);
                put(&mut row, 4, 1);
                row[8..16].copy_from_slice(&end.next_multiple_of(64).to_le_bytes());
                row[16..24].copy_from_slice(&8u64.to_le_bytes());
                row[24..32].copy_from_slice(&1u64.to_le_bytes());
                p.table.push(row);
            }),
        ),
        ("section-outside-the-data", SetCorrupt, true, sealed(|p| p.table[3][15] = 0x7F)),
        ("section-length-overflows", SetCorrupt, true, sealed(|p| p.table[3][16..24].fill(0xFF))),
        ("section-count-wrong", SetCorrupt, true, sealed(|p| p.table[3][24] ^= 1)),
        ("sections-out-of-order", SetCorrupt, true, sealed(|p| p.table.swap(2, 3))),
        ("section-twice", SetCorrupt, true, sealed(|p| p.table[3] = p.table[2])),
        (
            "section-missing",
            SetCorrupt,
            true,
            sealed(|p| {
                // The labels, cut out with their padding.
                let (row, range) = p.section(8);
                p.table.remove(row);
                let cut = range.len().next_multiple_of(64);
                p.data.drain(range.start..range.start + cut);
                for later in &mut p.table[row..] {
                    let offset = u64_at(later, 8) - cut as u64;
                    later[8..16].copy_from_slice(&offset.to_le_bytes());
                }
            }),
        ),
        ("block-flipped", SetCorrupt, false, raw(|b| *b.last_mut().unwrap() ^= 1)),
        (
            "checksum-flipped",
            SetCorrupt,
            false,
            raw(|b| {
                let head = 96 + 32 * u32_at(b, 12) as usize + 16 * u32_at(b, 16) as usize;
                b[head.next_multiple_of(64)] ^= 1;
            }),
        ),
        (
            "padding-not-zero",
            SetCorrupt,
            false,
            raw(|b| {
                let head = 96 + 32 * u32_at(b, 12) as usize + 16 * u32_at(b, 16) as usize;
                assert_ne!(head % 64, 0);
                b[head] = 1;
            }),
        ),
        ("string-offset-too-large", SetCorrupt, false, sealed(|p| put(p.bytes_of(2), 8, u32::MAX))),
        ("string-offsets-decrease", SetCorrupt, false, sealed(|p| put(p.bytes_of(2), 8, 0x7FFF))),
        ("string-not-utf8", SetCorrupt, false, sealed(|p| p.bytes_of(3)[0] = 0xFF)),
        ("strings-out-of-order", SetCorrupt, false, sealed(|p| p.bytes_of(3)[0] = b'~')),
        ("list-name-beyond-strings", SetCorrupt, false, sealed(|p| put(p.bytes_of(4), 0, 9999))),
        ("list-without-a-name", SetCorrupt, false, sealed(|p| put(p.bytes_of(4), 0, 0))),
        ("list-kind-unknown", SetCorrupt, false, sealed(|p| p.bytes_of(4)[12] = 99)),
        ("list-reserved-not-zero", SetCorrupt, false, sealed(|p| p.bytes_of(4)[20] = 1)),
        ("item-of-no-list", SetCorrupt, false, sealed(|p| put(p.bytes_of(5), 0, 77))),
        ("items-out-of-order", SetCorrupt, false, sealed(|p| p.bytes_of(5)[..16].rotate_left(8))),
        ("entry-of-no-item", SetCorrupt, false, sealed(|p| put(p.bytes_of(6), 16, u32::MAX))),
        ("entry-label-set-beyond", SetCorrupt, false, sealed(|p| put(p.bytes_of(6), 24, 50))),
        ("entry-row-beyond", SetCorrupt, false, sealed(|p| put(p.bytes_of(6), 32, u32::MAX))),
        ("entry-algorithm-unknown", SetCorrupt, false, sealed(|p| p.bytes_of(6)[48] = 200)),
        ("entry-role-unknown", SetCorrupt, false, sealed(|p| p.bytes_of(6)[49] = 0)),
        ("entry-opinion-unknown", SetCorrupt, false, sealed(|p| p.bytes_of(6)[50] = 9)),
        ("entry-severity-unknown", SetCorrupt, false, sealed(|p| p.bytes_of(6)[51] = 9)),
        ("entry-quality-above-100", SetCorrupt, false, sealed(|p| p.bytes_of(6)[53] = 101)),
        ("entry-id-not-its-own", SetCorrupt, false, sealed(|p| p.bytes_of(6)[0] ^= 1)),
        ("entry-reserved-not-zero", SetCorrupt, false, sealed(|p| p.bytes_of(6)[60] = 1)),
        ("exception-by-md5", SetCorrupt, false, sealed(|p| p.bytes_of(6)[49] = 2)),
        ("label-offsets-decrease", SetCorrupt, false, sealed(|p| put(p.bytes_of(7), 4, 9999))),
        ("label-beyond-strings", SetCorrupt, false, sealed(|p| put(p.bytes_of(8), 0, u32::MAX))),
        ("suppressions-out-of-order", SetCorrupt, false, sealed(|p| p.bytes_of(9).rotate_left(16))),
        ("codes-out-of-order", SetCorrupt, false, sealed(|p| p.bytes_of(PDQ).rotate_left(32))),
        (
            "range-empty",
            SetCorrupt,
            false,
            sealed(|p| {
                let first = u32_at(p.bytes_of(PDQ_RANGES), 0);
                put(p.bytes_of(PDQ_RANGES), 4, first);
            }),
        ),
        (
            "range-beyond-entries",
            SetCorrupt,
            false,
            sealed(|p| {
                let end = p.bytes_of(PDQ_RANGES).len() - 4;
                put(p.bytes_of(PDQ_RANGES), end, u32::MAX);
            }),
        ),
        ("entries-of-no-row", SetCorrupt, false, sealed(|p| put(p.bytes_of(0x201), 0, 1))),
        (
            "ranges-without-codes",
            SetCorrupt,
            true,
            sealed(|p| {
                let row = p.section(PDQ).0;
                p.table[row][0] = 0x3F;
                p.table[row][4] = 0;
            }),
        ),
        ("header-reserved-not-zero", SetCorrupt, false, sealed(|p| p.header[50] = 1)),
        ("section-flag-reserved", SetCorrupt, false, sealed(|p| p.table[2][4] |= 4)),
        ("entry-flag-reserved", SetCorrupt, false, sealed(|p| p.bytes_of(6)[52] |= 2)),
        ("meta-reserved-not-zero", SetCorrupt, false, sealed(|p| p.bytes_of(1)[20] = 1)),
    ];
    sets.extend(bad_deltas().into_iter().map(|(name, _, at_open, change)| {
        let make = move || {
            let mut parts = Parts::of(&small_delta());
            change(&mut parts);
            parts.seal()
        };
        (name, SetCorrupt, at_open, Box::new(make) as Box<dyn Fn() -> Vec<u8>>)
    }));
    sets
}

const TOMBSTONES: u32 = 0x600;
const CHANGES: u32 = 0x700;
const CHANGE: usize = 32;
const TOMBSTONE: usize = 24;

fn put_long(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

type Damage = fn(&mut Parts);

/// A damaged delta: a few words of the error, and whether opening refuses it.
type BadDelta = (&'static str, &'static str, bool, Damage);

/// What is done to [`small_delta`], whose changes are of the lists 0 and 1, of which it replaces the second. Tombstone *i* is of kind *i* + 1; the first
/// three are of list 0. All are refused as corrupt.
fn bad_deltas() -> Vec<BadDelta> {
    vec![
        ("change-of-no-list", "speaks of list 3,", false, |p| {
            put(p.bytes_of(CHANGES), CHANGE, 3);
        }),
        ("changes-out-of-order", "speaks of list 0,", false, |p| {
            p.bytes_of(CHANGES).rotate_left(CHANGE);
        }),
        ("changes-of-a-list-twice", "speaks of list 1,", false, |p| {
            p.bytes_of(CHANGES).copy_within(CHANGE.., 0);
        }),
        ("change-first-after-last", "says changes 7 to 6 of list 0", false, |p| {
            put_long(p.bytes_of(CHANGES), 8, 7);
        }),
        ("change-zero-without-replacing", "says changes 0 to 6 of list 0", false, |p| {
            put_long(p.bytes_of(CHANGES), 8, 0);
        }),
        ("change-replaces-from-one", "says changes 1 to 9 of list 1", false, |p| {
            put_long(p.bytes_of(CHANGES), CHANGE + 8, 1);
        }),
        ("change-replaces-up-to-zero", "says changes 0 to 0 of list 1", false, |p| {
            put_long(p.bytes_of(CHANGES), CHANGE + 16, 0);
        }),
        ("change-number-too-large", "says changes 4 to 9007199254740992", false, |p| {
            put_long(p.bytes_of(CHANGES), 16, 1 << 53);
        }),
        ("change-reserved-not-zero", "the reserved part of change 1", false, |p| {
            p.bytes_of(CHANGES)[CHANGE + 31] = 1;
        }),
        ("change-flag-unknown", "a reserved flag of change 0", false, |p| {
            p.bytes_of(CHANGES)[4] |= 2;
        }),
        ("change-count-wrong", "section 0x700 has 3 elements of 32 bytes", true, |p| {
            let row = p.section(CHANGES).0;
            p.table[row][24] += 1;
        }),
        ("changes-not-critical", "section 0x700 is not marked", false, |p| {
            let row = p.section(CHANGES).0;
            p.table[row][4] = 0;
        }),
        ("tombstones-not-critical", "section 0x600 is not marked", false, |p| {
            let row = p.section(TOMBSTONES).0;
            p.table[row][4] = 0;
        }),
        // 24 times that is the section's length in 64 bits.
        ("tombstone-count-overflows", "section 0x600 has 2305843009213693956", true, |p| {
            let row = p.section(TOMBSTONES).0;
            put_long(&mut p.table[row], 24, (1 << 61) + 4);
        }),
        ("tombstones-without-changes", "4 tombstones and changes of 0 lists", true, |p| {
            let end = p.section(TOMBSTONES).1.end;
            p.table.pop();
            p.data.truncate(end);
        }),
        ("tombstone-of-no-list", "tombstone 3 is of a list without changes", false, |p| {
            put(p.bytes_of(TOMBSTONES), 3 * TOMBSTONE, u32::MAX);
        }),
        ("tombstone-of-a-list-without-changes", "tombstone 3 is of a list w", false, |p| {
            put(p.bytes_of(TOMBSTONES), 3 * TOMBSTONE, 2);
        }),
        ("tombstone-kind-zero", "tombstone 0 is of the unknown kind 0", false, |p| {
            put(p.bytes_of(TOMBSTONES), 4, 0);
        }),
        ("tombstone-kind-unknown", "tombstone 2 is of the unknown kind 5", false, |p| {
            put(p.bytes_of(TOMBSTONES), 2 * TOMBSTONE + 4, 5);
        }),
        ("tombstones-out-of-order", "tombstone 2 is out of order", false, |p| {
            let first: [u8; TOMBSTONE] = p.bytes_of(TOMBSTONES)[..TOMBSTONE].try_into().unwrap();
            p.bytes_of(TOMBSTONES)[2 * TOMBSTONE..3 * TOMBSTONE].copy_from_slice(&first);
        }),
        ("tombstone-twice", "tombstone 1 is out of order", false, |p| {
            p.bytes_of(TOMBSTONES).copy_within(..TOMBSTONE, TOMBSTONE);
        }),
    ]
}

#[test]
fn bad_deltas_name_their_fault() {
    Set::from_bytes(&Parts::of(&small_delta()).seal()).unwrap().verify(&mut |_| {}).unwrap();
    for (name, words, _, change) in bad_deltas() {
        let mut parts = Parts::of(&small_delta());
        change(&mut parts);
        let verified =
            Set::from_bytes(&parts.seal()).and_then(|set| set.verify(&mut |_| {}).map(drop));
        let error = verified.unwrap_err().to_string();
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[test]
fn an_independent_reader_refuses_bad_deltas() {
    let Some(mut read) = independent_reader() else { return };
    for (name, ..) in bad_deltas() {
        let output = read(&sets("bad").join(format!("{name}.tamis")));
        assert!(!output.status.success(), "{name}");
    }
}

#[test]
fn bad_sets_are_refused_for_their_own_reason() {
    let mut names: Vec<String> = Vec::new();
    for (name, code, at_open, make) in bad() {
        let path = sets("bad").join(format!("{name}.tamis"));
        let bytes = make();
        if blessing() {
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "{} is not up to date", path.display());
        let error = match Set::from_bytes(&bytes) {
            Err(error) => {
                assert!(at_open, "{name}: refused at open: {error}");
                error
            }
            Ok(set) => {
                assert!(!at_open, "{name}: accepted at open");
                // Reading everything must not panic, whatever it answers.
                let _ = set.entries().filter(Result::is_ok).count();
                let _ = set.changes();
                set.verify(&mut |_| {}).expect_err(name)
            }
        };
        assert_eq!(error.code(), code, "{name}: {error}");
        println!("{name}: {error}");
        names.push(format!("{name}.tamis"));
    }
    names.sort();
    let mut files: Vec<_> = std::fs::read_dir(sets("bad"))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .filter(|f| f.ends_with(".tamis"))
        .collect();
    files.sort();
    assert_eq!(names, files, "every bad file has a test and the other way round");
}
