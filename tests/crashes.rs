//! One test for each defect that fuzzing, or thinking like a fuzzer, found. The story first, then the proof that it is over.

mod common;

use common::{Parts, fingerprint, u32_at};
use tamis::fingerprint::Algorithm;
use tamis::set::{Entry, List, ListKind, refusal};
use tamis::store::{MANIFEST, Manifest, StoreWriter};
use tamis::{ErrorCode, Set, SetBuilder};

/// A set whose checksums hold could let one label set run over the whole table of labels, and every label name the same long text: a
/// set of some megabytes made one match allocate gigabytes. `verify` refused it; `Set::entry`, which every upload uses, did not.
#[test]
fn an_entry_has_no_more_labels_than_the_builder_takes() {
    const LABEL_OFFSETS: u32 = 7;
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("hostile", ListKind::Friend)).unwrap();
    for seed in 0..2 {
        let labels = (0..refusal::LABEL_LIMIT).map(|i| format!("{seed}-{i}")).collect();
        let entry = Entry::new(fingerprint(Algorithm::Sha256, seed)).labels(labels);
        builder.add(list, entry).unwrap();
    }
    let mut parts = Parts::of(&builder.to_bytes().unwrap().0);
    let offsets = parts.bytes_of(LABEL_OFFSETS);
    // The empty set, then two full ones: the first of them is made to take both.
    assert_eq!([0, 4, 8, 12].map(|at| u32_at(offsets, at)), [0, 0, 64, 128]);
    offsets[8..12].copy_from_slice(&128u32.to_le_bytes());
    let set = Set::from_bytes(&parts.seal()).unwrap();
    let refused: Vec<_> = set.entries().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].code(), ErrorCode::SetCorrupt);
    assert!(refused[0].to_string().contains("128 labels"), "{}", refused[0]);
}

/// A manifest with its checksum: a version, the sets, and the kind of its one list.
fn manifest(version: u64, sets: &str, kind: &str) -> Vec<u8> {
    let text = format!(
        r#"{{"format":"tamis store 1","version":{version},"created":1,"updated":1,"sets":[{sets}],"lists":{{"feed":{{"kind":"{kind}"}}}}}}"#
    ) + "\n";
    let sum = blake3::hash(text.as_bytes()).to_hex();
    format!("{text}blake3 {sum}\n").into_bytes()
}

/// What the JSON parser says quotes the text. Of a manifest it was passed on as it was: characters that move a cursor, and as many of them as a manifest may have.
#[test]
fn what_is_wrong_with_a_manifest_is_said_in_few_characters_that_can_be_seen() {
    let kind = "\u{9b}2J\u{202e}".repeat(1000);
    let refused = Manifest::parse(&manifest(1, "", &kind)).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Store);
    let said = refused.to_string();
    assert!(said.contains("unknown variant") && said.len() < 400, "{said}");
    assert!(!said.contains(['\u{9b}', '\u{202e}']), "{said:?}");
}

/// Two runs of one list in one set were taken for sound, and the first of them was all that anybody saw: the last number of the list was too small, and a change that the
/// store had was taken again.
#[test]
fn a_set_of_a_manifest_has_one_run_of_a_list() {
    let run =
        |first, last| format!(r#"{{"list":"feed","first":{first},"last":{last},"entries":1}}"#);
    let set = |runs: &str| {
        format!(r#"{{"file":"1.tamis","digest":"","bytes":1,"entries":2,"changes":[{runs}]}}"#)
    };
    let good = manifest(1, &set(&run(1, 2)), "exchange");
    assert_eq!(Manifest::parse(&good).unwrap().last_number("feed"), 2);
    let twice = manifest(1, &set(&format!("{},{}", run(1, 1), run(2, 2))), "exchange");
    assert_eq!(Manifest::parse(&twice).unwrap_err().code(), ErrorCode::Store);
}

/// The version of a store grew beyond what a number can hold: a panic where overflows are checked, version 0 elsewhere.
#[test]
fn a_store_ends_with_the_greatest_version() {
    const GREATEST: u64 = tamis::set::Change::GREATEST;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    drop(StoreWriter::init(&path, 1).unwrap());
    assert_eq!(
        Manifest::parse(&manifest(u64::MAX, "", "exchange")).unwrap_err().code(),
        ErrorCode::Store
    );
    std::fs::write(path.join(MANIFEST), manifest(GREATEST, "", "exchange")).unwrap();
    let mut writer = StoreWriter::open(&path).unwrap();
    let refused = writer.set_list("one more", ListKind::Friend, ("known", ""), 2, |_| Ok(()));
    assert_eq!(refused.unwrap_err().code(), ErrorCode::Store);
    assert_eq!(Manifest::read(&path).unwrap().version, GREATEST);
}

/// A worker that answered that it had died was believed, and asked again; it is ended like any other that talks nonsense.
#[cfg(all(unix, feature = "worker"))]
#[test]
fn the_dead_do_not_answer() {
    use tamis::examine::{Asked, Examined};
    use tamis::media::Unscannable;
    use tamis::sandbox::heard;
    let limits = tamis::Limits::default();
    let asked = Asked::exactly(&[], &limits);
    let heard = |answer| heard::answer(&heard::said(&answer).unwrap(), &asked);
    let taken = [Ok(Examined::default()), Err(Unscannable::Timeout)];
    assert_eq!(taken.clone().map(heard), taken.map(Some));
    assert_eq!(heard(Err(Unscannable::WorkerDied)), None);
}
