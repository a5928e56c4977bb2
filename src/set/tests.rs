//! The room from inside: what was added comes back, and the bytes depend on nothing else.
//! Damaged files are the business of `tests/set_damage.rs` and `tests/set_files.rs`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;
use crate::fingerprint::{Algorithm, Fingerprint};

fn digest(n: u8) -> Fingerprint {
    Fingerprint::new(Algorithm::Sha256, &[n; 32].map(|b| b ^ 0x5A)).unwrap()
}

fn built(builder: SetBuilder) -> Set {
    let set = Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap();
    set.verify(&mut |_| {}).unwrap();
    set
}

#[test]
fn an_empty_builder_makes_an_empty_set() {
    let set = built(SetBuilder::new());
    assert_eq!((set.entry_count(), set.item_count(), set.lists().unwrap().len()), (0, 0, 0));
    assert_eq!(set.algorithms(), Default::default());
    assert_eq!(set.row_of(&digest(1)).unwrap(), None);
    assert_eq!(set.pdq_codes().unwrap().len(), 0);
}

#[test]
fn the_last_of_equal_entries_is_kept_and_counted() {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("l", ListKind::Exchange)).unwrap();
    for label in ["first", "second", "third"] {
        builder.add(list, Entry { labels: vec![label.into()], ..Entry::new(digest(1)) }).unwrap();
    }
    let (bytes, report) = builder.to_bytes().unwrap();
    assert_eq!((report.entries, report.duplicates, report.bytes), (1, 2, bytes.len() as u64));
    let set = Set::from_bytes(&bytes).unwrap();
    assert_eq!(report.digest, set.digest());
    assert_eq!(set.entry(0).unwrap().entry.labels, ["third"]);
    assert_eq!(set.entry(1).unwrap_err().code(), ErrorCode::InvalidArgument);
    // Nothing of the entries that were dropped is left in the file.
    assert!(!bytes.windows(5).any(|w| w == b"first"));
}

#[test]
fn an_entry_without_an_item_is_one_of_its_own() {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("l", ListKind::Exchange)).unwrap();
    builder.add(list, Entry::new(digest(1))).unwrap();
    builder.add(list, Entry { source_id: "s7".into(), ..Entry::new(digest(2)) }).unwrap();
    builder
        .add(list, Entry { source_id: "s8".into(), item: "i".into(), ..Entry::new(digest(3)) })
        .unwrap();
    let set = built(builder);
    let items: BTreeMap<_, _> =
        set.entries().map(|e| e.unwrap()).map(|e| (e.entry.item, e.id)).collect();
    assert_eq!(items.len(), 3);
    assert!(items.contains_key("s7") && items.contains_key("i"));
    let id = EntryId::new("l", "", Role::Listed, &digest(1));
    assert_eq!(items[&id.to_string()], id);
}

#[test]
fn lists_are_checked_when_they_are_added() {
    let mut builder = SetBuilder::new();
    let other = {
        let mut other = SetBuilder::new();
        other.add_list(List::new("a", ListKind::Local)).unwrap();
        other.add_list(List::new("b", ListKind::Local)).unwrap()
    };
    builder.add_list(List::new("a", ListKind::Local)).unwrap();
    for name in ["", "a", "line\nbreak", &"x".repeat(256)] {
        let error = builder.add_list(List::new(name, ListKind::Local)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{name:?}");
    }
    assert_eq!(builder.add(other, Entry::new(digest(1))), Err(Refusal::UnknownList));
    assert!(builder.is_empty());
}

#[test]
fn entry_ids_depend_on_each_part() {
    let base = EntryId::new("list", "source", Role::Listed, &digest(1));
    assert_eq!(base, EntryId::new("list", "source", Role::Listed, &digest(1)));
    let md5 = Fingerprint::new(Algorithm::Blake3, digest(1).bytes()).unwrap();
    let others = [
        EntryId::new("lists", "ource", Role::Listed, &digest(1)),
        EntryId::new("list", "", Role::Listed, &digest(1)),
        EntryId::new("list", "source", Role::Listed, &digest(2)),
        EntryId::new("list", "source", Role::Listed, &md5),
        EntryId::new("list", "source", Role::Exception, &digest(1)),
    ];
    assert!(others.iter().all(|other| *other != base));
    assert_eq!(base.to_string().parse::<EntryId>().unwrap(), base);
    assert!("12".parse::<EntryId>().is_err());
}

#[test]
fn the_key_of_entry_ids_is_that_of_its_context() {
    let key = blake3::hazmat::hash_derive_key_context("tamis 2026-11 entry id");
    assert_eq!(record::ID_KEY, key, "{key:?}");
}

/// An appeal may except a file that the same list holds: two entries, not one given twice.
#[test]
fn an_exception_and_a_listing_of_one_file_stand_side_by_side() {
    for turned in [false, true] {
        let mut builder = SetBuilder::new();
        let list = builder.add_list(List::new("local", ListKind::Local)).unwrap();
        let mut roles = [Role::Listed, Role::Exception];
        if turned {
            roles.reverse();
        }
        for role in roles {
            builder.add(list, Entry { role, ..Entry::new(digest(1)) }).unwrap();
        }
        let set = built(builder);
        let mut found: Vec<_> = set.entries().map(|e| e.unwrap().entry.role).collect();
        found.sort();
        assert_eq!(found, [Role::Listed, Role::Exception]);
    }
}

#[cfg(unix)]
#[test]
fn open_refuses_what_others_may_change_or_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tamis");
    SetBuilder::new().write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    for (mode, good) in
        [(0o640, true), (0o400, true), (0o660, false), (0o644, false), (0o602, false)]
    {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        for result in [Set::open(&path), Set::load(&path)] {
            match result {
                Ok(_) => assert!(good, "{mode:o}"),
                Err(e) => assert!(!good && e.code() == ErrorCode::Permissions, "{mode:o}: {e}"),
            }
        }
    }
    assert_eq!(Set::open(dir.path()).unwrap_err().code(), ErrorCode::Permissions);
    assert_eq!(Set::open(dir.path().join("none")).unwrap_err().code(), ErrorCode::NotFound);
}

fn entries() -> impl Strategy<Value = Vec<(bool, Entry)>> {
    let text = prop_oneof![Just(String::new()), "[a-z]{1,3}", "[a-c]{1,2}"];
    // Few distinct fingerprints, so that rows with several entries and duplicates are common.
    let fingerprint = (0..Algorithm::ALL.len(), 1u8..20).prop_map(|(a, n)| {
        let algorithm = Algorithm::ALL[a];
        let bytes: Vec<u8> =
            (0..algorithm.width()).map(|i| if i % 2 == 0 { n } else { !n }).collect();
        Fingerprint::new(algorithm, &bytes).unwrap()
    });
    let labels = prop::collection::vec("[a-d]", 0..4);
    let entry = (
        fingerprint,
        text.clone(),
        text.clone(),
        text,
        labels,
        any::<[u32; 3]>(),
        any::<bool>(),
        0usize..5,
    )
        .prop_map(
            |(fingerprint, item, source_id, legal_basis, labels, times, reviewed, pick)| Entry {
                item,
                source_id,
                legal_basis,
                labels,
                opinion: Opinion::ALL[pick % 4],
                severity: Severity::ALL[pick],
                reviewed,
                quality: (pick == 1).then_some(50 + pick as u8),
                first_seen: times[0],
                last_seen: times[1],
                expires: times[2],
                ..Entry::new(fingerprint)
            },
        );
    prop::collection::vec((any::<bool>(), entry), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A set against the plainest model there is: a map from id to the last entry added.
    #[test]
    fn what_was_added_comes_back(added in entries()) {
        let mut builder = SetBuilder::new();
        let lists = [List::new("one", ListKind::Exchange), List::new("two", ListKind::Friend)];
        let ids: Vec<_> = lists.iter().map(|l| builder.add_list(l.clone()).unwrap()).collect();
        let mut model = BTreeMap::new();
        for (second, entry) in &added {
            let list = usize::from(*second);
            builder.add(ids[list], entry.clone()).unwrap();
            let id = EntryId::new(&lists[list].name, &entry.source_id, entry.role, &entry.fingerprint);
            let mut entry = entry.clone();
            entry.labels.sort();
            entry.labels.dedup();
            if entry.item.is_empty() {
                entry.item = if entry.source_id.is_empty() { id.to_string() } else { entry.source_id.clone() };
            }
            model.insert(id, (list, entry));
        }
        let set = built(builder);
        prop_assert!(set.lists().unwrap().iter().eq(&lists));
        let found: BTreeMap<_, _> = set.entries().map(|e| e.unwrap()).map(|e| (e.id, (e.list, e.entry))).collect();
        prop_assert_eq!(&found, &model);
        prop_assert_eq!(set.entry_count() as usize, model.len());
        for (id, (_, entry)) in &model {
            let row = set.row_of(&entry.fingerprint).unwrap().expect("its fingerprint is found");
            let range = set.entries_of_row(entry.fingerprint.algorithm(), row).unwrap();
            let mut summaries = set.summaries(entry.fingerprint.algorithm(), row).unwrap().map(|s| s.unwrap());
            prop_assert!(summaries.any(|s| s.id == *id && range.contains(&s.index) && s.expires == entry.expires));
            for i in range {
                prop_assert_eq!(set.entry(i).unwrap().entry.fingerprint, entry.fingerprint);
            }
        }
    }

    /// The order of the entries does not matter where none is given twice.
    #[test]
    fn the_bytes_depend_on_nothing_else(added in entries(), cut in any::<prop::sample::Index>()) {
        let mut seen = std::collections::HashSet::new();
        let added: Vec<_> =
            added.into_iter().filter(|(_, e)| seen.insert((e.source_id.clone(), e.fingerprint))).collect();
        let bytes = |entries: &[(bool, Entry)]| {
            let mut builder = SetBuilder::new();
            let list = builder.add_list(List::new("one", ListKind::Exchange)).unwrap();
            for (_, entry) in entries {
                builder.add(list, entry.clone()).unwrap();
            }
            builder.to_bytes().unwrap().0
        };
        let mut turned = added.clone();
        if !turned.is_empty() {
            turned.rotate_left(cut.index(added.len()));
        }
        prop_assert_eq!(bytes(&added), bytes(&turned));
    }
}
