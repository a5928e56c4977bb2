//! Opening and refreshing; judging against a store is the business of `tests/scanner.rs`.

use std::path::Path;

use super::*;
use crate::SetBuilder;
use crate::set::{List, ListKind};

impl Store {
    /// A store of several sets, such as a base and its deltas.
    pub(crate) fn of_sets(sets: Vec<Set>) -> Store {
        let sets = sets.into_iter().map(Arc::new).collect();
        let snapshot = StoreOptions::new().assemble(sets, None).unwrap();
        Store::new(None, StoreOptions::new(), snapshot)
    }
}

fn write(path: &Path, list: &str) {
    let mut builder = SetBuilder::new();
    builder.add_list(List::new(list, ListKind::Local)).unwrap();
    builder.write(path).unwrap();
}

fn list_of(store: &Store) -> String {
    store.snapshot().sets()[0].lists().unwrap()[0].name.clone()
}

#[test]
fn a_refresh_sees_a_new_file_and_keeps_the_old_one_when_it_is_bad() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tamis");
    write(&path, "one");
    for residency in Residency::AVAILABLE.iter().copied() {
        let store = StoreOptions::new().residency(residency).open(&path).unwrap();
        write(&path, "one");
        assert_eq!(
            store.refresh().unwrap(),
            Refresh::Replaced,
            "a file of equal contents is a new file"
        );
        assert_eq!(store.refresh().unwrap(), Refresh::Unchanged);
        let held = store.snapshot();
        write(&path, "two");
        assert_eq!(store.clone().refresh().unwrap(), Refresh::Replaced);
        assert_eq!(list_of(&store), "two", "clones share the refresh");
        assert_eq!(held.sets()[0].lists().unwrap()[0].name, "one", "a snapshot does not change");
        assert_ne!(held.digest(), store.snapshot().digest());

        std::fs::remove_file(&path).unwrap();
        assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::NotFound);
        crate::files::publish_bytes(&path, b"not a set").unwrap();
        assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::SetForeign);
        write(&path, "damaged");
        let mut damaged = std::fs::read(&path).unwrap();
        *damaged.last_mut().unwrap() ^= 1;
        crate::files::publish_bytes(&path, &damaged).unwrap();
        let error = store.refresh().unwrap_err();
        assert_eq!((error.code(), error.path()), (ErrorCode::SetCorrupt, Some(path.as_path())));
        assert_eq!(list_of(&store), "two", "the last good one stays in force");
        write(&path, "three");
        store.refresh().unwrap();
        assert_eq!(list_of(&store), "three");
        write(&path, "one");
    }
}

/// A feed whose sets are made so that their digests begin alike.
#[test]
fn a_set_does_not_take_the_name_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let writer = StoreWriter::init(dir.path().join("store"), 1_790_000_000).unwrap();
    let written = |list: &str| {
        let mut builder = SetBuilder::new();
        builder.add_list(List::new(list, ListKind::Local)).unwrap();
        let mut draft = writer.draft().unwrap();
        let (set, _) = writer.prove(builder, &mut draft).unwrap();
        (draft, set)
    };
    let mut manifest = writer.manifest().clone();
    let (draft, one) = written("one");
    let mut record = writer.adopt(draft, &one, &manifest).unwrap();
    // As if it had the name that another would get.
    let (draft, other) = written("other");
    let name = format!("00000002-{}.tamis", &other.digest().to_string()[..8]);
    std::fs::rename(writer.directory().join(&record.file), writer.directory().join(&name)).unwrap();
    record.file = name;
    manifest.sets.push(record);
    manifest.sets.push(writer.adopt(draft, &other, &manifest).unwrap());
    manifest.to_bytes().expect("no two sets have one name");
    for (record, set) in manifest.sets.iter().zip([&one, &other]) {
        let opened = Set::open(writer.directory().join(&record.file)).unwrap();
        assert_eq!(opened.digest(), set.digest());
    }
    // No manifest in force names them, and both are known for sets.
    writer.sweep();
    let left = crate::files::names(writer.directory()).unwrap();
    assert!(!left.iter().any(|name| name.ends_with(".tamis")), "{left:?}");
}

#[test]
fn the_test_list_stands_beside_the_base() {
    let base = || Set::from_bytes(&SetBuilder::new().to_bytes().unwrap().0).unwrap();
    let plain = Store::from_set(base(), StoreOptions::new()).unwrap();
    let with = Store::from_set(base(), StoreOptions::new().test_list(true)).unwrap();
    assert_eq!(plain.snapshot().entry_count(), 0);
    assert!(with.snapshot().entry_count() > 20);
    assert_ne!(plain.snapshot().digest(), with.snapshot().digest());
    assert_eq!(plain.refresh().unwrap(), Refresh::Unchanged);
}
