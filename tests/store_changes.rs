//! Changes of lists in any order, any repetition, and compactions at any time, against the plainest definition: per key the greatest number wins.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use tamis::fingerprint::{Algorithm, Fingerprint};
use tamis::set::{Delta, Entry, EntryId, List, ListKind, Set, Withdrawal};
use tamis::store::{Census, LOCAL, Store, StoreOptions, StoreWriter, Terms};
use tamis::{ErrorCode, Result};

/// What one change says of some of twelve keys.
#[derive(Clone, Debug, Default)]
struct Change {
    replaces: bool,
    /// Key and how grave it is called, so that a later entry of the same id can be told from an earlier one.
    adds: Vec<(u8, u8)>,
    withdraws: Vec<What>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Entry(u8),
    /// Items and source ids belong to four and three keys each.
    Item(u8),
    Source(u8),
    Suppress(u8),
    Lift(u8),
}

const KEYS: u8 = 12;

fn fingerprint(list: &str, key: u8) -> Fingerprint {
    let hash = blake3::hash(format!("{list} {key}").as_bytes());
    Fingerprint::new(Algorithm::Sha256, hash.as_bytes()).unwrap()
}

fn item(number: u8) -> String {
    format!("item {}", number % 4)
}

/// The item of an entry is not in its id: one that is added again may be of another.
fn item_of(key: u8, grave: u8) -> String {
    item(key.wrapping_add(grave))
}

fn source(key: u8) -> String {
    format!("source {}", key % 3)
}

fn entry(list: &str, key: u8, grave: u8) -> Entry {
    Entry::new(fingerprint(list, key))
        .item(item_of(key, grave))
        .source_id(source(key))
        .labels(vec![format!("said {grave}")])
}

fn id(list: &str, key: u8) -> EntryId {
    let entry = entry(list, key, 0);
    EntryId::new(list, &entry.source_id, entry.role, &entry.fingerprint)
}

fn list_of(name: &str) -> List {
    List::new(name, if name == LOCAL { ListKind::Local } else { ListKind::Exchange })
}

/// The list's change as its maker publishes it.
fn delta(list: &str, number: u64, change: &Change) -> Vec<u8> {
    let mut delta = Delta::new(list_of(list), number).unwrap();
    if change.replaces {
        delta = delta.replacing();
    }
    for (key, grave) in &change.adds {
        delta.add(entry(list, *key, *grave)).unwrap();
    }
    for what in &change.withdraws {
        match *what {
            What::Entry(key) => delta.withdraw(&Withdrawal::Entry(id(list, key))),
            What::Item(key) => delta.withdraw(&Withdrawal::Item(item(key))),
            What::Source(key) => delta.withdraw(&Withdrawal::Source(source(key))),
            // Only a local list may; the others say nothing then.
            What::Suppress(key) if list == LOCAL => delta.suppress(id("feed", key)),
            What::Lift(key) if list == LOCAL => {
                delta.withdraw(&Withdrawal::Suppression(id("feed", key)))
            }
            _ => Ok(()),
        }
        .unwrap();
    }
    delta.to_bytes().unwrap().0
}

/// The definition: go through the changes by number.
#[derive(Clone, Debug, Default, PartialEq)]
struct Naive {
    entries: BTreeMap<(&'static str, u8), u8>,
    suppressed: BTreeMap<u8, ()>,
}

impl Naive {
    fn of(lists: &[(&'static str, Vec<Change>)]) -> Naive {
        let mut naive = Naive::default();
        for (list, changes) in lists {
            for change in changes {
                naive.apply(list, change);
            }
        }
        naive
    }

    fn apply(&mut self, list: &'static str, change: &Change) {
        if change.replaces {
            self.entries.retain(|(of, _), _| *of != list);
            if list == LOCAL {
                self.suppressed.clear();
            }
        }
        for what in &change.withdraws {
            match *what {
                What::Entry(key) => drop(self.entries.remove(&(list, key))),
                What::Item(key) => self
                    .entries
                    .retain(|(l, k), grave| *l != list || item_of(*k, *grave) != item(key)),
                What::Source(key) => {
                    self.entries.retain(|(l, k), _| *l != list || source(*k) != source(key));
                }
                What::Lift(key) if list == LOCAL => drop(self.suppressed.remove(&key)),
                _ => {}
            }
        }
        for what in &change.withdraws {
            if let (What::Suppress(key), LOCAL) = (*what, list) {
                self.suppressed.insert(key, ());
            }
        }
        for (key, grave) in &change.adds {
            self.entries.insert((list, *key), *grave);
        }
    }
}

/// What a store says, read entry by entry.
fn said(store: &Store) -> Naive {
    let snapshot = store.snapshot();
    let mut naive = Naive::default();
    snapshot
        .each_entry(&mut |_, list, _, entry| {
            let list = if list == LOCAL { LOCAL } else { "feed" };
            let key = (0..KEYS).find(|key| fingerprint(list, *key) == entry.fingerprint).unwrap();
            let grave = entry.labels[0].strip_prefix("said ").unwrap().parse().unwrap();
            assert_eq!(naive.entries.insert((list, key), grave), None, "an entry comes once");
            Ok(())
        })
        .unwrap();
    for key in 0..KEYS {
        if snapshot.layers().suppresses(id("feed", key)).unwrap() {
            naive.suppressed.insert(key, ());
        }
    }
    naive
}

/// In memory where there is a file system for that: thousands of changes, each synced several times, say nothing about disks.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

fn init(dir: &Path) -> StoreWriter {
    let mut writer = StoreWriter::init(dir, 1).unwrap();
    writer.set_list("feed", ListKind::Exchange, ("subscribed", ""), 1, |_| Ok(())).unwrap();
    writer
}

fn apply(writer: &mut StoreWriter, list: &str, bytes: &[u8]) -> Result<bool> {
    let set = Set::from_bytes(bytes).unwrap();
    let terms = Terms::at(2).force(true);
    writer.apply(Delta::from_set(&set, list_of(list)).unwrap(), &terms).map(|a| a.changed)
}

fn a_change() -> impl Strategy<Value = Change> {
    let what = (0..5u8, 0..KEYS).prop_map(|(kind, key)| match kind {
        0 => What::Entry(key),
        1 => What::Item(key),
        2 => What::Source(key),
        3 => What::Suppress(key),
        _ => What::Lift(key),
    });
    let adds = prop::collection::vec((0..KEYS, any::<u8>()), 0..5);
    (prop::bool::weighted(0.1), adds, prop::collection::vec(what, 0..3)).prop_map(
        |(replaces, adds, withdraws)| {
            // Of a key that is added twice the last counts, as in a list.
            let adds: BTreeMap<u8, u8> = adds.into_iter().collect();
            // A suppression and its lifting in one change: the lifting comes first.
            Change { replaces, adds: adds.into_iter().collect(), withdraws }
        },
    )
}

/// Lists of changes, and an order in which to hand them over: positions among all of them, with repetitions, and compactions in between.
fn a_story()
-> impl Strategy<Value = (Vec<Change>, Vec<Change>, Vec<prop::sample::Index>, Vec<bool>)> {
    (
        prop::collection::vec(a_change(), 1..9),
        prop::collection::vec(a_change(), 0..5),
        prop::collection::vec(any::<prop::sample::Index>(), 30),
        prop::collection::vec(prop::bool::weighted(0.2), 30),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Nothing is lost, nothing revived: after every step the store says what the changes that it has taken say, and in the end two stores that took the
    /// same changes in different orders agree.
    #[test]
    fn any_order_any_repetition_any_compaction((feed, local, order, compact) in a_story()) {
        let dir = scratch();
        let mut all: Vec<(&'static str, u64, Vec<u8>)> = Vec::new();
        for (list, changes) in [("feed", &feed), (LOCAL, &local)] {
            for (number, change) in changes.iter().enumerate() {
                all.push((list, number as u64 + 1, delta(list, number as u64 + 1, change)));
            }
        }
        // In order, without a compaction.
        let straight = dir.path().join("straight");
        let mut writer = init(&straight);
        for (list, _, bytes) in &all {
            prop_assert!(apply(&mut writer, list, bytes).unwrap());
        }
        let expected = Naive::of(&[("feed", feed.clone()), (LOCAL, local.clone())]);
        let straight = Store::open(&straight).unwrap();
        prop_assert_eq!(said(&straight), expected.clone());

        // In whatever order, with repetitions and compactions.
        let path = dir.path().join("shuffled");
        let mut writer = init(&path);
        let store = StoreOptions::new().refresh_interval(None).open(&path).unwrap();
        let mut taken: Vec<usize> = Vec::new();
        for (step, index) in order.iter().enumerate() {
            // First in the drawn order, then all that never came.
            let at = index.index(all.len());
            let (list, _, bytes) = &all[at];
            match apply(&mut writer, list, bytes) {
                Ok(changed) => {
                    prop_assert_eq!(changed, !taken.contains(&at), "the same again changes nothing");
                    taken.push(at);
                }
                // Only what a later change has made void may come too late.
                Err(error) => {
                    let changes = if *list == LOCAL { &local } else { &feed };
                    let void = |other: &usize| {
                        let (of, number, _) = &all[*other];
                        of == list && *number > all[at].1 && changes[*number as usize - 1].replaces
                    };
                    prop_assert_eq!(error.code(), ErrorCode::UpdateStale);
                    prop_assert!(taken.iter().any(void), "{}", error);
                }
            }
            if compact[step] {
                writer.compact(2, &mut |_| Ok(())).unwrap();
            }
            store.refresh().unwrap();
            let some = |list: &'static str, changes: &[Change]| -> Vec<Change> {
                let known = |number: usize| {
                    taken.iter().any(|at| all[*at].0 == list && all[*at].1 == number as u64 + 1)
                };
                (0..changes.len()).filter(|n| known(*n)).map(|n| changes[n].clone()).collect()
            };
            let known = Naive::of(&[("feed", some("feed", &feed)), (LOCAL, some(LOCAL, &local))]);
            prop_assert_eq!(said(&store), known, "after step {}", step);
        }
        for (list, _, bytes) in &all {
            if let Err(error) = apply(&mut writer, list, bytes) {
                prop_assert_eq!(error.code(), ErrorCode::UpdateStale);
            }
        }
        writer.compact(2, &mut |_| Ok(())).unwrap();
        store.refresh().unwrap();
        prop_assert_eq!(said(&store), expected);
        prop_assert_eq!(
            store.snapshot().state_digest(2).unwrap(),
            straight.snapshot().state_digest(2).unwrap()
        );
        prop_assert_eq!(writer.manifest().sets.len(), 1, "all of it can be merged");
        for set in store.snapshot().sets() {
            set.verify(&mut |_| {}).unwrap();
        }
    }
}

fn only(adds: &[u8]) -> Change {
    Change { adds: adds.iter().map(|key| (*key, 0)).collect(), ..Change::default() }
}

#[test]
fn a_number_that_is_taken_may_not_say_something_else() {
    let dir = scratch();
    let mut writer = init(&dir.path().join("store"));
    let first = delta("feed", 1, &only(&[1]));
    assert!(apply(&mut writer, "feed", &first).unwrap());
    assert!(!apply(&mut writer, "feed", &first).unwrap());
    let other = apply(&mut writer, "feed", &delta("feed", 1, &only(&[2]))).unwrap_err();
    assert_eq!(other.code(), ErrorCode::UpdateConflict);
    writer.compact(2, &mut |_| Ok(())).unwrap();
    assert!(!apply(&mut writer, "feed", &first).unwrap(), "it is remembered beyond a compaction");
    // What lies in the base is done with, even if nobody remembers how it was told.
    for number in 2..80 {
        assert!(apply(&mut writer, "feed", &delta("feed", number, &only(&[3]))).unwrap());
    }
    let late = apply(&mut writer, "feed", &first).unwrap_err();
    assert_eq!(late.code(), ErrorCode::UpdateStale);
    assert!(writer.manifest().sets.len() <= 9, "they are merged as they come");
}

/// What a re-addition took away does not come back when that is withdrawn by a name that the old one did not have, merged or not.
#[test]
fn merging_revives_nothing() {
    let dir = scratch();
    let path = dir.path().join("store");
    let mut writer = init(&path);
    let again = |grave| Change { adds: vec![(1, grave)], ..Change::default() };
    apply(&mut writer, "feed", &delta("feed", 1, &again(0))).unwrap();
    writer.compact(2, &mut |_| Ok(())).unwrap();
    apply(&mut writer, "feed", &delta("feed", 2, &again(1))).unwrap();
    let gone = Change { withdraws: vec![What::Item(2)], ..Change::default() };
    apply(&mut writer, "feed", &delta("feed", 3, &gone)).unwrap();
    for number in 4..20 {
        apply(&mut writer, "feed", &delta("feed", number, &only(&[9]))).unwrap();
        let census = Store::open(&path).unwrap().snapshot().census(2).unwrap();
        assert_eq!(census["feed"].entries, 1, "after change {number}");
    }
    assert!(writer.manifest().sets.len() < 12, "they were merged");
}

/// The end of a suppression outlives a change that replaces the list it stands in.
#[test]
fn merging_suppresses_nothing_again() {
    let dir = scratch();
    let path = dir.path().join("store");
    let mut writer = init(&path);
    let change = |what| Change { withdraws: vec![what], ..Change::default() };
    apply(&mut writer, LOCAL, &delta(LOCAL, 1, &change(What::Suppress(3)))).unwrap();
    writer.compact(2, &mut |_| Ok(())).unwrap();
    apply(&mut writer, LOCAL, &delta(LOCAL, 2, &change(What::Lift(3)))).unwrap();
    let anew = Change { replaces: true, ..only(&[5]) };
    apply(&mut writer, LOCAL, &delta(LOCAL, 3, &anew)).unwrap();
    for number in 4..20 {
        apply(&mut writer, LOCAL, &delta(LOCAL, number, &only(&[9]))).unwrap();
        let snapshot = Store::open(&path).unwrap().snapshot();
        assert!(!snapshot.layers().suppresses(id("feed", 3)).unwrap(), "after change {number}");
    }
}

/// Another list of the operator's own is imported anew: what he has switched off stays off, wherever that has been merged to.
#[test]
fn replacing_one_local_list_lifts_nothing_of_another() {
    let digests = [false, true].map(|compacted| {
        let dir = scratch();
        let path = dir.path().join("store");
        let mut writer = init(&path);
        writer.set_list("own2", ListKind::Local, ("known", ""), 1, |_| Ok(())).unwrap();
        apply(&mut writer, "feed", &delta("feed", 1, &only(&[3, 4]))).unwrap();
        let own = |writer: &mut StoreWriter, number: u64| {
            let mut change = Delta::new(List::new("own2", ListKind::Local), number).unwrap();
            change.add(entry("own2", number as u8, 0)).unwrap();
            writer.apply_next(change.replacing(), &Terms::at(2)).unwrap();
        };
        own(&mut writer, 1);
        let off = Change { withdraws: vec![What::Suppress(3)], ..Change::default() };
        apply(&mut writer, LOCAL, &delta(LOCAL, 1, &off)).unwrap();
        let compact = |writer: &mut StoreWriter| {
            if compacted {
                writer.compact(2, &mut |_| Ok(())).unwrap();
                assert_eq!(writer.manifest().sets.len(), 1);
            }
        };
        compact(&mut writer);
        own(&mut writer, 2);
        let is_off = || {
            let snapshot = Store::open(&path).unwrap().snapshot();
            snapshot.layers().suppresses(id("feed", 3)).unwrap()
        };
        assert!(is_off());
        let before = Store::open(&path).unwrap().snapshot().state_digest(2).unwrap();
        compact(&mut writer);
        assert!(is_off());
        let digest = Store::open(&path).unwrap().snapshot().state_digest(2).unwrap();
        assert_eq!(digest, before);
        // It could not be told whose it is.
        let mut theirs = Delta::new(List::new("own2", ListKind::Local), 1).unwrap();
        theirs.suppress(id("feed", 4)).unwrap();
        let refused = writer.apply_next(theirs, &Terms::at(2)).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::UpdateForeign, "{refused}");
        // The list that did it ends it.
        let anew = Change { replaces: true, ..Change::default() };
        apply(&mut writer, LOCAL, &delta(LOCAL, 2, &anew)).unwrap();
        assert!(!is_off());
        digest
    });
    assert_eq!(digests[0], digests[1]);
}

/// An emergency does not wait for a compaction.
#[test]
fn others_write_while_a_base_is_made() {
    let dir = scratch();
    let path = dir.path().join("store");
    let mut writer = init(&path);
    // So many that `progress` is called.
    let mut many = writer.delta("feed").unwrap();
    for number in 0..5000u32 {
        let hash = blake3::hash(&number.to_le_bytes());
        let digest = Fingerprint::new(Algorithm::Sha256, hash.as_bytes()).unwrap();
        many.add(Entry::new(digest)).unwrap();
    }
    writer.apply_next(many, &Terms::at(1)).unwrap();
    let (log, kept) = (path.join("log"), path.join("kept"));
    let mut second = None;
    writer
        .compact(2, &mut |_| {
            if second.is_none() {
                let mut other = StoreWriter::open(&path)?;
                // It cannot tell the log, and the writer that comes back must do so.
                std::fs::rename(&log, &kept).unwrap();
                std::fs::create_dir(&log).unwrap();
                apply(&mut other, LOCAL, &delta(LOCAL, 1, &only(&[7])))?;
                std::fs::remove_dir(&log).unwrap();
                std::fs::rename(&kept, &log).unwrap();
                assert_eq!(
                    other.compact(2, &mut |_| Ok(())).unwrap_err().code(),
                    ErrorCode::StoreLocked
                );
                second = Some(());
            }
            Ok(())
        })
        .unwrap();
    assert!(second.is_some());
    let census = Store::open(&path).unwrap().snapshot().census(2).unwrap();
    assert_eq!((census["feed"].entries, census[LOCAL].entries), (5000, 1));
    let mut versions = Vec::new();
    StoreWriter::read_log(&path, &mut |event| versions.push(event.version)).unwrap();
    assert_eq!(versions, (1..=writer.manifest().version).collect::<Vec<_>>());
    assert_eq!(writer.manifest().sets.len(), 2);
    writer.compact(2, &mut |_| Ok(())).unwrap();
    assert_eq!(writer.manifest().sets.len(), 1);
    let names: Vec<_> = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{names:?}");
}

#[test]
fn a_lost_manifest_costs_no_set() {
    let dir = scratch();
    let path = dir.path().join("store");
    let mut writer = init(&path);
    apply(&mut writer, "feed", &delta("feed", 1, &only(&[1]))).unwrap();
    let set = path.join(&writer.manifest().sets[0].file);
    drop(writer);
    std::fs::remove_file(path.join("manifest")).unwrap();
    let refused = StoreWriter::init(&path, 3).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Store);
    assert!(set.exists() && refused.to_string().contains("backup"), "{refused}");
}

#[test]
fn a_gap_is_known_and_is_filled_later() {
    let dir = scratch();
    let path = dir.path().join("store");
    let mut writer = init(&path);
    for number in [1, 4, 5, 9] {
        apply(&mut writer, "feed", &delta("feed", number, &only(&[number as u8]))).unwrap();
    }
    assert_eq!(writer.manifest().missing("feed"), [(2, 3), (6, 8)]);
    writer.compact(2, &mut |_| Ok(())).unwrap();
    // The base goes up to the gap, and what stands above it stays apart.
    assert_eq!(writer.manifest().sets[0].change("feed").unwrap().last, 1);
    assert_eq!(writer.manifest().missing("feed"), [(2, 3), (6, 8)]);
    for number in [8, 3, 2, 7, 6] {
        apply(&mut writer, "feed", &delta("feed", number, &only(&[number as u8]))).unwrap();
    }
    assert_eq!(writer.manifest().missing("feed"), []);
    writer.compact(2, &mut |_| Ok(())).unwrap();
    assert_eq!(writer.manifest().sets.len(), 1);
    let census = Store::open(&path).unwrap().snapshot().census(2).unwrap();
    assert_eq!(census["feed"].entries, 9);
    assert_eq!(census[LOCAL], Census::default());
}

/// Whoever brings every second number of a list, or of nine of them, is in nobody's way.
#[test]
fn gaps_have_a_share_of_the_sets() {
    let dir = scratch();
    let path = dir.path().join("store");
    let mut writer = init(&path);
    let take = |writer: &mut StoreWriter, list: &str, number: u64| {
        apply(writer, list, &delta(list, number, &only(&[1]))).map_err(|e| e.code())
    };
    for number in 1..=16 {
        assert_eq!(take(&mut writer, "feed", 2 * number), Ok(true));
    }
    for number in [34, 40, 1 << 40] {
        let (version, digest) = (writer.manifest().version, writer.manifest().sets.clone());
        assert_eq!(take(&mut writer, "feed", number), Err(ErrorCode::UpdateIncomplete));
        assert_eq!((writer.manifest().version, &writer.manifest().sets), (version, &digest));
    }
    assert_eq!(take(&mut writer, "feed", 33), Ok(true), "no gap more");
    assert_eq!(take(&mut writer, "feed", 5), Ok(true), "one gap less");
    assert_eq!(take(&mut writer, "feed", 35), Ok(true));
    assert_eq!(take(&mut writer, "feed", 37), Err(ErrorCode::UpdateIncomplete));
    let whole = Change { replaces: true, ..only(&[9]) };
    apply(&mut writer, "feed", &delta("feed", 99, &whole)).unwrap();

    // More lists than there is room for.
    let mut full = Vec::new();
    for list in 0..10 {
        let list = format!("list {list}");
        writer.set_list(&list, ListKind::Exchange, ("known", ""), 1, |_| Ok(())).unwrap();
        for number in 1..=16 {
            full.extend(take(&mut writer, &list, 2 * number).err());
        }
    }
    assert!(!full.is_empty() && full.iter().all(|code| *code == ErrorCode::Store), "{full:?}");
    let held = writer.manifest().sets.len();
    for key in 0..200u64 {
        let mut urgent = writer.delta(LOCAL).unwrap();
        urgent.add(entry(LOCAL, (key % u64::from(KEYS)) as u8, key as u8)).unwrap();
        assert!(writer.apply_next(urgent, &Terms::at(2)).unwrap().changed, "{key}");
    }
    assert!(writer.manifest().sets.len() <= held + 8, "{}", writer.manifest().sets.len());
    let census = Store::open(&path).unwrap().snapshot().census(2).unwrap();
    assert_eq!(census[LOCAL].entries, u64::from(KEYS));
}

#[test]
fn a_replacing_change_ends_a_gap() {
    let dir = scratch();
    let path = dir.path().join("store");
    let mut writer = init(&path);
    apply(&mut writer, "feed", &delta("feed", 5, &only(&[5]))).unwrap();
    let whole = Change { replaces: true, ..only(&[9, 10]) };
    apply(&mut writer, "feed", &delta("feed", 9, &whole)).unwrap();
    assert_eq!(writer.manifest().missing("feed"), []);
    writer.compact(2, &mut |_| Ok(())).unwrap();
    assert_eq!(writer.manifest().sets.len(), 1);
    let late = apply(&mut writer, "feed", &delta("feed", 7, &only(&[7]))).unwrap_err();
    assert_eq!(late.code(), ErrorCode::UpdateStale, "the replacing change made it void");
    let census = Store::open(&path).unwrap().snapshot().census(2).unwrap();
    assert_eq!(census["feed"].entries, 2);
}

#[test]
fn there_is_one_writer_at_a_time() {
    let dir = scratch();
    let path = dir.path().join("store");
    let writer = init(&path);
    let second = StoreWriter::open(&path).unwrap_err();
    assert_eq!(second.code(), ErrorCode::StoreLocked);
    assert!(second.to_string().contains(&std::process::id().to_string()), "{second}");
    drop(writer);
    StoreWriter::open(&path).unwrap();
    let again = StoreWriter::init(&path, 1).unwrap_err();
    assert_eq!(again.code(), ErrorCode::Store);
}
