//! Deltas from inside: what was said comes back, nothing is taken that the list may not say, and the bytes depend on nothing else.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::error::{Error, ErrorCode};
use crate::fingerprint::{Algorithm, Fingerprint};
use crate::set::*;

fn md5(n: u8) -> Fingerprint {
    Fingerprint::new(Algorithm::Md5, &[n; 16].map(|b| b ^ 0x5A)).unwrap()
}

fn id(n: u8) -> EntryId {
    EntryId([n; 16])
}

fn friend(name: &str) -> List {
    List::new(name, ListKind::Friend)
}

fn local() -> List {
    List::new("local", ListKind::Local)
}

fn opened(delta: Delta) -> Set {
    sound(&delta.to_bytes().unwrap().0)
}

fn sound(bytes: &[u8]) -> Set {
    let set = Set::from_bytes(bytes).unwrap();
    set.verify(&mut |_| {}).unwrap();
    set
}

fn refusal(set: &Set, list: List) -> Error {
    Delta::from_set(set, list).unwrap_err()
}

/// Every kind of tombstone, entries and suppressions.
fn busy(number: u64) -> Delta {
    let mut delta = Delta::new(local(), number).unwrap();
    for n in [3, 1, 2] {
        let entry = Entry { item: "i".into(), source_id: format!("s{n}"), ..Entry::new(md5(n)) };
        delta.add(Entry { labels: vec!["b".into(), "a".into()], ..entry }).unwrap();
        delta.withdraw(&Withdrawal::Entry(id(n))).unwrap();
        delta.withdraw(&Withdrawal::Item(format!("item {n}"))).unwrap();
        delta.withdraw(&Withdrawal::Source(format!("source {n}"))).unwrap();
        delta.withdraw(&Withdrawal::Suppression(id(n))).unwrap();
        delta.suppress(id(n + 10)).unwrap();
    }
    delta
}

#[test]
fn a_delta_comes_back_from_its_set() {
    for delta in [
        busy(7),
        busy(7).replacing(),
        Delta::new(local(), 1).unwrap(),
        Delta::new(local(), 1).unwrap().replacing(),
    ] {
        let (change, empty, entries) = (delta.change().clone(), delta.is_empty(), delta.len());
        let bytes = delta.to_bytes().unwrap().0;
        let set = sound(&bytes);
        assert_eq!(set.changes().unwrap(), std::slice::from_ref(&change));
        let again = Delta::from_set(&set, local()).unwrap();
        assert_eq!((again.change(), again.is_empty(), again.len()), (&change, empty, entries));
        assert_eq!(again.to_bytes().unwrap().0, bytes);
    }
}

#[test]
fn a_run_of_changes_and_its_time_come_back() {
    let mut builder = SetBuilder::new();
    builder.set_created(86_400);
    let list = builder.add_list(friend("f")).unwrap();
    builder.set_change(list, 3, 9, false).unwrap();
    builder.withdraw(list, &Withdrawal::Item("i".into()));
    let bytes = builder.to_bytes().unwrap().0;
    let delta = Delta::from_set(&sound(&bytes), friend("f")).unwrap();
    assert_eq!((delta.change().first, delta.change().last), (3, 9));
    assert_eq!(delta.to_bytes().unwrap().0, bytes);
}

#[test]
fn a_published_delta_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d.tamis");
    let report = busy(3).write(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), busy(3).to_bytes().unwrap().0);
    assert_eq!(Set::open(&path).unwrap().digest(), report.digest);
}

/// Kind, agreement and legal basis are the receiver's, and what the maker said of them is not even kept.
#[test]
fn the_receiver_says_how_far_a_list_is_trusted() {
    let theirs = List { agreement: "trust me".into(), ..List::new("f", ListKind::Exchange) };
    let mut delta = Delta::new(theirs, 1).unwrap();
    delta.add(Entry::new(md5(1))).unwrap();
    let ours = List { legal_basis: "none yet".into(), ..friend("f") };
    let (bytes, _) = Delta::from_set(&opened(delta), ours.clone()).unwrap().to_bytes().unwrap();
    assert_eq!(sound(&bytes).lists().unwrap()[..], [ours]);
    assert!(!bytes.windows(8).any(|w| w == b"trust me"));
}

#[test]
fn another_list_is_foreign() {
    let error = refusal(&opened(Delta::new(friend("theirs"), 1).unwrap()), friend("ours"));
    assert_eq!(error.code(), ErrorCode::UpdateForeign);
    let message = error.to_string();
    assert!(message.contains("\"theirs\"") && message.contains("\"ours\""), "{message}");
}

#[test]
fn several_lists_are_foreign() {
    // Whether changes are said of both or of one alone: entries of the other would come along.
    for both in [true, false] {
        let mut builder = SetBuilder::new();
        let lists = ["f", "g"].map(|name| builder.add_list(friend(name)).unwrap());
        builder.set_change(lists[0], 1, 1, false).unwrap();
        if both {
            builder.set_change(lists[1], 1, 1, false).unwrap();
        }
        builder.add(lists[1], Entry::new(md5(1))).unwrap();
        let error = refusal(&sound(&builder.to_bytes().unwrap().0), friend("f"));
        assert_eq!(error.code(), ErrorCode::UpdateForeign);
        assert!(error.to_string().contains("2 lists"), "{error}");
    }
}

#[test]
fn a_set_without_changes_is_no_delta() {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(friend("f")).unwrap();
    builder.add(list, Entry::new(md5(1))).unwrap();
    // Of a list without changes nothing is withdrawn, so nothing of it is written.
    builder.withdraw(list, &Withdrawal::Entry(id(1)));
    let set = sound(&builder.to_bytes().unwrap().0);
    assert_eq!((set.changes().unwrap().len(), set.withdrawal_count()), (0, 0));
    let error = refusal(&set, friend("f"));
    assert_eq!(error.code(), ErrorCode::UpdateForeign);
    assert!(error.to_string().contains("which change"), "{error}");
}

/// A list maker who could switch entries off could disarm every other list, and one who could switch them on again could overrule the operator.
#[test]
fn only_the_operator_switches_entries_off_and_on() {
    let mut theirs = Delta::new(friend("f"), 1).unwrap();
    let lift = Withdrawal::Suppression(id(1));
    for error in [theirs.suppress(id(1)).unwrap_err(), theirs.withdraw(&lift).unwrap_err()] {
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }
    assert!(theirs.is_empty());

    for lifts in [false, true] {
        let mut forged = Delta::new(List::new("f", ListKind::Local), 1).unwrap();
        if lifts {
            forged.withdraw(&lift).unwrap();
        } else {
            forged.suppress(id(1)).unwrap();
        }
        let set = opened(forged);
        for kind in ListKind::ALL.iter().copied().filter(|kind| *kind != ListKind::Local) {
            let error = refusal(&set, List::new("f", kind));
            assert_eq!(error.code(), ErrorCode::UpdateForeign, "{kind}: {error}");
        }
        assert!(Delta::from_set(&set, List::new("f", ListKind::Local)).is_ok());
    }
}

/// A delta of a list maker whose builder refuses nothing.
fn poisonous(entry: &Entry) -> Set {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(friend("f")).unwrap();
    builder.set_change(list, 1, 1, false).unwrap();
    builder.add(list, Entry::new(md5(1))).unwrap();
    builder.keep(list, entry).unwrap();
    Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap()
}

#[test]
fn one_poisonous_entry_refuses_all_of_the_update() {
    let hex = |algorithm, text: &str| Fingerprint::from_hex(algorithm, text).unwrap();
    let empty = hex(Algorithm::Md5, "d41d8cd98f00b204e9800998ecf8427e");
    // The first of `src/fingerprint/flat_codes.rs`.
    let flat = "000001e6bf8e3e1ce000c0fc303f38c9773f47bfcff3037e633cfc609faf10f8";
    let flat = hex(Algorithm::Pdq, flat);
    let many_bits = Fingerprint::new(Algorithm::Pdq, &[0xFE; 32]).unwrap();
    let few_bits = Fingerprint::new(Algorithm::Pdq, &[1; 32]).unwrap();
    let long = Entry { item: "long".repeat(200), ..Entry::new(md5(2)) };
    for (entry, code) in [
        (Entry::new(empty), ErrorCode::UpdateEmptyDigest),
        (Entry::new(flat), ErrorCode::UpdateFlatPicture),
        (Entry::new(many_bits), ErrorCode::UpdatePoison),
        (Entry::new(few_bits), ErrorCode::UpdatePoison),
        (Entry { quality: Some(12), ..Entry::new(half()) }, ErrorCode::UpdatePoison),
        (Entry::new(hex(Algorithm::Md5, &"f".repeat(32))), ErrorCode::UpdatePoison),
        (Entry { labels: vec!["a\nb".into()], ..Entry::new(md5(2)) }, ErrorCode::UpdatePoison),
    ] {
        let error = refusal(&poisonous(&entry), friend("f"));
        assert_eq!(error.code(), code, "{error}");
        let named = EntryId::new("f", "", Role::Listed, &entry.fingerprint).to_string();
        assert!(error.to_string().contains(&named), "{error}");
    }
    for entry in [long, Entry::new(half())] {
        assert!(Delta::from_set(&poisonous(&entry), friend("f")).is_ok());
    }
}

/// Half of the bits are set: a code that no rule refuses.
fn half() -> Fingerprint {
    let hash = blake3::hash(b"half");
    let code: Vec<u8> = hash.as_bytes()[..16].iter().flat_map(|b| [*b, !*b]).collect();
    Fingerprint::new(Algorithm::Pdq, &code).unwrap()
}

/// What nobody verified is not passed on either.
#[test]
fn damaged_tombstones_are_not_taken_over() {
    for tombstone in [(0, 0, [1; 16]), (0, 5, [1; 16]), (0, u32::MAX, [1; 16])] {
        let mut builder = Delta::new(local(), 1).unwrap().into_builder().unwrap();
        builder.tombstones.push(tombstone);
        let set = Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap();
        assert_eq!(refusal(&set, local()).code(), ErrorCode::SetCorrupt, "{tombstone:?}");
        assert_eq!(set.verify(&mut |_| {}).unwrap_err().code(), ErrorCode::SetCorrupt);
    }
}

#[test]
fn changes_are_numbered_from_one_to_what_json_holds() {
    const MOST: u64 = (1 << 53) - 1;
    for number in [0, MOST + 1, u64::MAX] {
        assert_eq!(Delta::new(friend("f"), number).unwrap_err().code(), ErrorCode::InvalidArgument);
        let mut delta = Delta::new(friend("f"), 5).unwrap().replacing();
        assert_eq!(delta.set_number(number).unwrap_err().code(), ErrorCode::InvalidArgument);
        assert_eq!((delta.change().first, delta.change().last), (0, 5));
    }
    for number in [1, 2, MOST] {
        let change = Change { list: "f".into(), first: number, last: number, replaces: false };
        let mut delta = Delta::new(friend("f"), 5).unwrap();
        delta.set_number(number).unwrap();
        assert_eq!(delta.change(), &change);
        assert_eq!(opened(delta).changes().unwrap(), std::slice::from_ref(&change));
        let mut delta = Delta::new(friend("f"), 5).unwrap().replacing();
        delta.set_number(number).unwrap();
        let change = Change { first: 0, replaces: true, ..change };
        assert_eq!(delta.change(), &change);
        assert_eq!(opened(delta).changes().unwrap(), [change]);
    }
}

#[test]
fn a_builder_takes_only_runs_that_can_be() {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(friend("f")).unwrap();
    for (first, last, replaces) in [
        (0, 1, false),
        (2, 1, false),
        (0, 0, true),
        (0, 0, false),
        (1, 1 << 53, false),
        (7, 1 << 53, true),
    ] {
        let error = builder.set_change(list, first, last, replaces).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{first} {last} {replaces}");
    }
    let mut other = SetBuilder::new();
    other.add_list(friend("f")).unwrap();
    let second = other.add_list(friend("g")).unwrap();
    let error = builder.set_change(second, 1, 1, false).unwrap_err();
    assert!(error.to_string().contains("not added to this builder"), "{error}");
    assert!(sound(&builder.to_bytes().unwrap().0).changes().unwrap().is_empty());
}

#[test]
fn an_empty_text_withdraws_nothing() {
    let mut delta = Delta::new(friend("f"), 1).unwrap();
    for what in [Withdrawal::Item(String::new()), Withdrawal::Source(String::new())] {
        assert_eq!(delta.withdraw(&what).unwrap_err().code(), ErrorCode::InvalidArgument);
    }
    assert!(delta.is_empty() && !delta.replacing().is_empty());
}

/// The order of withdrawals does not matter, nor how often each is said.
#[test]
fn the_bytes_do_not_depend_on_the_order() {
    let mut turned = Delta::new(local(), 7).unwrap();
    for n in [2, 1, 3, 3, 1] {
        turned.suppress(id(n + 10)).unwrap();
        turned.withdraw(&Withdrawal::Source(format!("source {n}"))).unwrap();
        turned.withdraw(&Withdrawal::Suppression(id(n))).unwrap();
        turned.withdraw(&Withdrawal::Item(format!("item {n}"))).unwrap();
        let entry = Entry { item: "i".into(), source_id: format!("s{n}"), ..Entry::new(md5(n)) };
        turned.add(Entry { labels: vec!["a".into(), "b".into()], ..entry }).unwrap();
        turned.withdraw(&Withdrawal::Entry(id(n))).unwrap();
    }
    assert_eq!(turned.to_bytes().unwrap().0, busy(7).to_bytes().unwrap().0);
}

/// With more than 256 lists, the order of numbers is not that of their bytes in the file.
#[test]
fn tombstones_of_many_lists_are_found() {
    let mut builder = SetBuilder::new();
    for n in 0..600u32 {
        let list = builder.add_list(friend(&n.to_string())).unwrap();
        if n % 2 == 0 {
            builder.set_change(list, 1, 1, false).unwrap();
            builder.withdraw(list, &Withdrawal::Item(n.to_string()));
        }
    }
    let set = sound(&builder.to_bytes().unwrap().0);
    assert_eq!((set.changes().unwrap().len(), set.withdrawal_count()), (300, 300));
    for n in 0..600u32 {
        let key = text_key(&n.to_string());
        let there = n % 2 == 0;
        assert_eq!(set.withdraws(n, TombstoneKind::Item, key).unwrap(), there, "{n}");
        assert!(!set.withdraws(n + 1, TombstoneKind::Item, key).unwrap());
        assert_eq!(set.withdraws_any(n, TombstoneKind::Item).unwrap(), there, "{n}");
        assert!(!set.withdraws_any(n, TombstoneKind::Source).unwrap());
        assert!(!set.withdraws_any(n, TombstoneKind::Entry).unwrap());
    }
    assert!(!set.withdraws_any(u32::MAX, TombstoneKind::Suppression).unwrap());
}

/// However many tombstones there are, looking for one reads a few blocks: damage elsewhere is not met.
#[test]
fn a_tombstone_is_found_without_reading_the_others() {
    let key = |n: u32| {
        let mut key = [0xAB; 16];
        key[..4].copy_from_slice(&n.to_be_bytes());
        key
    };
    let mut delta = Delta::new(friend("f"), 1).unwrap();
    for n in 0..10_000 {
        delta.withdraw(&Withdrawal::Entry(EntryId(key(n)))).unwrap();
    }
    let mut bytes = delta.to_bytes().unwrap().0;
    let at = bytes.windows(16).position(|window| window == key(7600)).unwrap();
    bytes[at] ^= 0x10;
    let set = Set::from_bytes(&bytes).unwrap();
    assert!(set.withdraws_any(0, TombstoneKind::Entry).unwrap());
    assert!(set.withdraws(0, TombstoneKind::Entry, key(10)).unwrap());
    let error = set.withdraws(0, TombstoneKind::Entry, key(7600)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SetCorrupt);
    assert_eq!(refusal(&set, friend("f")).code(), ErrorCode::SetCorrupt);
}

#[test]
fn an_estimate_covers_tombstones() {
    let mut delta = Delta::new(friend("f"), 1).unwrap();
    for n in 0..50_000u32 {
        delta.withdraw(&Withdrawal::Item(n.to_string())).unwrap();
    }
    let builder = delta.into_builder().unwrap();
    let estimate = builder.estimate(&BuildOptions::new());
    let bytes = builder.to_bytes().unwrap().1.bytes;
    assert!(bytes > 24 * 50_000 && estimate.file_bytes >= bytes, "{estimate:?} {bytes}");
    assert!(estimate.file_bytes < bytes + bytes / 10, "{estimate:?} {bytes}");
    assert!(estimate.peak_memory >= 24 * 50_000);
}

fn withdrawals() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((0u8..3, 0u8..12), 0..40)
}

fn withdrawal(kind: u8, n: u8) -> Withdrawal {
    match kind {
        0 => Withdrawal::Entry(id(n)),
        1 => Withdrawal::Item(n.to_string()),
        2 => Withdrawal::Source(n.to_string()),
        _ => Withdrawal::Suppression(id(n)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Against a set of what was withdrawn: all of it is found, and nothing else, of two lists in one set.
    #[test]
    fn what_was_withdrawn_is_found(said in [withdrawals(), withdrawals()]) {
        let mut builder = SetBuilder::new();
        let mut model = BTreeSet::new();
        for (n, said) in (0u32..).zip(&said) {
            let list = builder.add_list(friend(&format!("list {n}"))).unwrap();
            builder.set_change(list, 1, 1, false).unwrap();
            for (kind, key) in said {
                builder.withdraw(list, &withdrawal(*kind, *key));
                model.insert((n, *kind, *key));
            }
        }
        let set = sound(&builder.to_bytes().unwrap().0);
        prop_assert_eq!(set.withdrawal_count(), model.len() as u64);
        for list in 0..3 {
            for kind in 0..4 {
                for key in 0..12 {
                    let (found, bytes) = withdrawal(kind, key).tombstone();
                    let expected = model.contains(&(list, kind, key));
                    prop_assert_eq!(set.withdraws(list, found, bytes).unwrap(), expected);
                }
                let (found, _) = withdrawal(kind, 0).tombstone();
                let any = model.range((list, kind, 0)..(list, kind, 12)).next().is_some();
                prop_assert_eq!(set.withdraws_any(list, found).unwrap(), any);
            }
        }
    }
}

#[test]
fn entries_of_an_incident_end_with_it() {
    let delta = || Delta::new(List::new("local", ListKind::Local), 1).unwrap();
    let mut incident = delta().of_incident("parade", 500).unwrap();
    assert_eq!(incident.incident(), Some(("parade", 500)));
    let entry = |n: u8| Entry::new(md5(n));
    for entry in [
        entry(1),
        Entry { expires: 400, ..entry(2) },
        Entry { expires: 600, labels: vec![incident_label("parade")], ..entry(3) },
    ] {
        incident.add(entry).unwrap();
    }
    let set = Set::from_bytes(&incident.to_bytes().unwrap().0).unwrap();
    let mut found: Vec<_> = set
        .entries()
        .map(|stored| stored.unwrap().entry)
        .inspect(|entry| assert_eq!(entry.labels, [incident_label("parade")]))
        .map(|entry| entry.expires)
        .collect();
    found.sort_unstable();
    assert_eq!(found, [400, 500, 500]);

    let refused =
        |delta: Delta, name: &str, ends| delta.of_incident(name, ends).unwrap_err().code();
    assert_eq!(refused(delta(), "", 500), ErrorCode::InvalidArgument);
    assert_eq!(refused(delta(), "parade", 0), ErrorCode::InvalidArgument);
    assert_eq!(refused(delta(), "parade", 1_790_000_000_000), ErrorCode::InvalidArgument);
    let mut late = delta();
    late.add(entry(1)).unwrap();
    assert_eq!(refused(late, "parade", 500), ErrorCode::InvalidArgument);
}
