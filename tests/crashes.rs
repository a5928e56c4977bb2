//! One test for each defect that fuzzing, or thinking like a fuzzer, found. The story first, then the proof that it is over.

mod common;

use common::{Parts, fingerprint, u32_at};
use tamis::fingerprint::Algorithm;
use tamis::set::{Entry, List, ListKind, refusal};
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
