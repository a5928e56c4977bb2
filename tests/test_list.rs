//! The built-in test list: its set is what the committed list gives, and every file of it is recognised by every fingerprint.

use std::path::Path;

use tamis::fingerprint::{Algorithm, Algorithms, Fingerprint, digests, pdq};
use tamis::import::{self, Format, Options};
use tamis::media::{Decoder, Keep, MediaClass, Request, sniff};
use tamis::set::{List, ListKind};
use tamis::store::{TEST_LIST, test_files, test_set};
use tamis::{Limits, SetBuilder};

/// `TAMIS_BLESS=1` writes the set anew after a change of the format.
#[test]
fn the_built_in_set_is_made_from_the_committed_list() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/test_list");
    let mut builder = SetBuilder::new();
    let list = List::new(TEST_LIST, ListKind::Test)
        .agreement("drawn by the Tamis project; free for any use")
        .legal_basis("none: a test");
    let list = builder.add_list(list).unwrap();
    let rows = std::fs::File::open(dir.join("tamis-test.jsonl")).unwrap();
    let mut refused = |rejection: &import::Rejection| panic!("{rejection}");
    let mut accept = |entry| builder.add(list, entry);
    import::read(rows, Format::JsonLines, &Options::default(), &mut accept, &mut refused).unwrap();
    let bytes = builder.to_bytes().unwrap().0;
    let path = dir.join("tamis-test.set");
    if std::env::var_os("TAMIS_BLESS").is_some() {
        std::fs::write(&path, &bytes).unwrap();
    }
    assert!(
        std::fs::read(&path).unwrap() == bytes,
        "run TAMIS_BLESS=1 cargo test --test test_list"
    );
    test_set().unwrap().verify(&mut |_| {}).unwrap();
}

#[test]
fn every_file_is_listed_by_all_its_fingerprints() {
    let set = test_set().unwrap();
    let listed: Vec<Fingerprint> = set.entries().map(|e| e.unwrap().entry.fingerprint).collect();
    let mut expected = Vec::new();
    for file in test_files() {
        expected.extend(digests(file.bytes, Algorithms::DIGESTS).iter());
        let media = sniff(file.bytes);
        if media.class == MediaClass::Image {
            let (limits, mut kept) = (Limits::default(), Keep::default());
            Decoder::new().decode(&Request::still(file.bytes, media, &limits), &mut kept).unwrap();
            let pdq = pdq(&kept.raster().unwrap());
            assert_eq!((pdq.quality, pdq.hash.popcount()), (100, 128), "{}", file.name);
            expected.push(pdq.hash.into());
        }
    }
    assert_eq!(expected.len(), 4 * 5 + 3);
    for fingerprint in &expected {
        assert!(listed.contains(fingerprint), "{fingerprint:?} is not listed");
    }
    assert_eq!(listed.len(), expected.len());
    assert_eq!(set.fingerprint_count(Algorithm::Pdq), 3);
}
