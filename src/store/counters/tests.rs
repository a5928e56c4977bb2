use std::sync::atomic::Ordering::*;

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_790_000_000;

fn state() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn id(number: u64) -> EntryId {
    let mut id = [0; 16];
    id.copy_from_slice(&blake3::hash(&number.to_le_bytes()).as_bytes()[..16]);
    EntryId(id)
}

fn noted(entry: u64, list: &str) -> Noted<'_> {
    Noted { group: id(entry), entry: id(entry), list, incident: false }
}

fn note(counters: &Counters, upload: u64, entry: u64) {
    counters.note(NOW, &upload.to_le_bytes(), [noted(entry, "a")]);
}

#[test]
fn a_second_handle_sees_what_the_first_counted() {
    let dir = state();
    let first = Counters::open(dir.path()).unwrap();
    let second = Counters::open(dir.path()).unwrap();
    for counter in Counter::ALL.iter().copied() {
        assert_eq!(second.count(counter), 0);
        for _ in 0..counter as usize {
            first.add(counter);
        }
    }
    assert!(Counter::ALL.iter().copied().all(|c| second.count(c) == c as u64));
    let names: HashSet<_> = Counter::ALL.iter().map(|c| c.name()).collect();
    assert_eq!(names.len(), Counter::ALL.len());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    assert_eq!(fs::metadata(first.path()).unwrap().len(), BYTES);
}

#[test]
fn many_entries_find_room_and_what_finds_none_is_told() {
    let dir = state();
    let counters = Counters::open(dir.path()).unwrap();
    for entry in 0..10_000 {
        note(&counters, entry % 7, entry);
    }
    assert_eq!(counters.count(Counter::Overflow), 0);
    assert!((0..10_000).all(|entry| counters.matches_of(id(entry)) == 1));
    for entry in 10_000..20_000 {
        note(&counters, 1, entry);
    }
    let overflow = counters.count(Counter::Overflow);
    let held = (0..20_000).filter(|entry| counters.matches_of(id(*entry)) == 1).count() as u64;
    assert!(overflow >= 20_000 - ENTRIES as u64);
    assert_eq!(held + overflow, 20_000);
    assert!((0..10_000).all(|entry| counters.matches_of(id(entry)) == 1), "nobody lost his place");
    // A week later all of them make room.
    counters.note(NOW + 8 * 24 * 3600, b"x", [noted(30_000, "a")]);
    assert_eq!(counters.count(Counter::Overflow), overflow);
    assert_eq!((counters.matches_of(id(30_000)), counters.distinct_of(id(30_000))), (1, 1));
}

#[test]
fn lists_are_found_by_name_and_overflow_too() {
    let dir = state();
    let counters = Counters::open(dir.path()).unwrap();
    let names: Vec<String> = (0..LISTS + 2).map(|n| format!("{n}{}", "ü".repeat(120))).collect();
    for name in &names {
        counters.note(NOW, b"upload", [noted(1, name)]);
    }
    assert_eq!(counters.count(Counter::Overflow), 2);
    for upload in 0..600u64 {
        // Entries differ, so none of them trips.
        counters.note(
            NOW,
            &upload.to_le_bytes(),
            [noted(upload, &names[3]), noted(upload + 9000, &names[4])],
        );
    }
    let tripped = counters.tripped();
    assert_eq!(tripped.len(), 2);
    assert!(
        tripped.iter().all(|t| t.entry.is_none() && (400..=404).contains(&t.uploads)),
        "{tripped:?}"
    );
    assert!(
        counters.is_tripped(id(77_777), &names[3]) && !counters.is_tripped(id(77_777), &names[5])
    );
    let degraded = counters.degraded();
    assert!(degraded.covers(id(1), &names[4]) && !degraded.covers(id(1), &names[5]));
    assert!(counters.reset_list(&names[3]) && !counters.reset_list(&names[3]));
    assert!(!counters.degraded().covers(id(1), &names[3]), "a reset is seen at once");
    assert_eq!(counters.reset_all(), 1);
    assert!(counters.degraded().is_empty());
}

#[test]
fn an_entry_trips_above_its_bound_and_tells_its_list() {
    let dir = state();
    let counters = Counters::open(dir.path()).unwrap();
    let other = Counters::open(dir.path()).unwrap();
    assert!(other.degraded().is_empty());
    for upload in 0..38 {
        note(&counters, upload, 1);
        counters.note(NOW, &upload.to_le_bytes(), [Noted { incident: true, ..noted(2, "a") }]);
    }
    for _ in 0..1000 {
        note(&counters, 5, 1);
    }
    assert!(!counters.is_tripped(id(1), "a"), "repeats do not count");
    for upload in 38..50 {
        note(&counters, upload, 1);
    }
    assert!(other.is_tripped(id(1), "a") && !other.is_tripped(id(2), "a"));
    assert!(other.degraded().covers(id(1), "a") && !other.degraded().covers(id(2), "a"));
    let [tripped] = &other.tripped()[..] else { panic!() };
    assert_eq!((tripped.entry, tripped.list.as_str(), tripped.when), (Some(id(1)), "a", NOW));
    assert!((40..=42).contains(&tripped.uploads) && tripped.matches == 1050);
    assert_eq!(
        counters.matches_of(id(2)),
        0,
        "an incident's matches are not counted for the breaker"
    );
}

#[test]
fn of_one_upload_not_too_much_is_counted() {
    let dir = state();
    let counters = Counters::open(dir.path()).unwrap();
    counters.note(NOW, b"x", (0..10_000).map(|entry| noted(entry, "a")));
    assert_eq!((0..10_000).filter(|entry| counters.matches_of(id(*entry)) > 0).count(), MOST);
}

/// What 8 threads count at once is what one counts, bit by bit.
#[test]
fn nothing_is_lost_between_threads() {
    let dir = state();
    let counters = Counters::open(dir.path()).unwrap();
    let alone = state();
    fs::copy(counters.path(), alone.path().join(COUNTERS)).unwrap();
    let alone = Counters::open(alone.path()).unwrap();
    // Four entries that all share and others, uploads that threads share and uploads of their own.
    let work = |counters: &Counters, thread: u64, hour: u64| {
        for round in 0..2000 {
            counters.add(Counter::Checks);
            let upload: u64 = round * 4 + thread % 4;
            let matches = [noted(round % 4, "a"), noted(100 + round % 300, "b")];
            counters.note(NOW + hour * 3600, &upload.to_le_bytes(), matches);
        }
    };
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (counters, barrier) = (counters.clone(), &barrier);
            scope.spawn(move || {
                for hour in 0..2 {
                    barrier.wait();
                    work(&counters, thread, hour);
                }
            });
        }
    });
    (0..2).for_each(|hour| (0..8).for_each(|thread| work(&alone, thread, hour)));
    assert_eq!(counters.count(Counter::Checks), 8 * 4000);
    for entry in (0..4).chain(100..400) {
        assert_eq!(counters.matches_of(id(entry)), alone.matches_of(id(entry)), "{entry}");
        assert_eq!(counters.distinct_of(id(entry)), alone.distinct_of(id(entry)), "{entry}");
    }
    assert!(counters.distinct_of(id(1)) > 1900);
}

#[test]
fn a_damaged_file_is_replaced_and_a_later_one_refused() {
    let dir = state();
    let path = dir.path().join(COUNTERS);
    for damage in [&b""[..], b"x", &[0; 4096], &[0xff; 1 << 20]] {
        fs::write(&path, damage).unwrap();
        let counters = Counters::open(dir.path()).unwrap();
        counters.add(Counter::Checks);
        assert_eq!(Counters::open(dir.path()).unwrap().count(Counter::Checks), 1);
    }
    let mut flipped = fs::read(&path).unwrap();
    flipped[40] ^= 1;
    fs::write(&path, &flipped).unwrap();
    assert_eq!(Counters::open(dir.path()).unwrap().count(Counter::Checks), 0, "the key is checked");

    let mut later = new_head();
    later[8..16].copy_from_slice(&(VERSION + 1).to_ne_bytes());
    let sum = blake3::derive_key(SUM, &later[..64]);
    later[64..96].copy_from_slice(&sum);
    later.resize(BYTES as usize, 0);
    fs::write(&path, &later).unwrap();
    let error = Counters::open(dir.path()).unwrap_err();
    assert_eq!((error.code(), error.path()), (ErrorCode::Store, Some(path.as_path())));
    assert_eq!(fs::read(&path).unwrap(), later);
}

#[test]
fn a_replaced_file_is_noticed() {
    let dir = state();
    let counters = Counters::open(dir.path()).unwrap();
    (0..60).for_each(|upload| note(&counters, upload, 1));
    assert!(!counters.degraded().is_empty());
    counters.refresh().unwrap();
    assert!(counters.is_tripped(id(1), "a"));
    fs::remove_file(counters.path()).unwrap();
    counters.refresh().unwrap();
    assert!(!counters.is_tripped(id(1), "a") && counters.degraded().is_empty());
    counters.add(Counter::Checks);
    assert_eq!(Counters::open(dir.path()).unwrap().count(Counter::Checks), 1);
}

#[cfg(unix)]
#[test]
fn who_may_write_where_is_looked_at() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = state();
    let elsewhere = state();
    let target = elsewhere.path().join("target");
    fs::write(&target, b"precious").unwrap();
    symlink(&target, dir.path().join(COUNTERS)).unwrap();
    let error = Counters::open(dir.path()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Permissions);
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    fs::remove_file(dir.path().join(COUNTERS)).unwrap();

    let link = elsewhere.path().join("link");
    symlink(dir.path(), &link).unwrap();
    assert_eq!(Counters::open(&link).unwrap_err().code(), ErrorCode::Permissions);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(Counters::open(dir.path()).unwrap_err().code(), ErrorCode::Permissions);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o770)).unwrap();
    let counters = Counters::open(dir.path()).unwrap();
    let mode = fs::metadata(counters.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "the writer and the workers share it");
    assert_eq!(Counters::open(dir.path().join("none")).unwrap_err().code(), ErrorCode::NotFound);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever a hostile process writes behind the head.
    #[test]
    fn garbage_never_panics(seed in any::<u64>(), fill in 0usize..4, now in prop_oneof![Just(0), Just(NOW), any::<u64>()]) {
        let dir = state();
        let counters = Counters::open(dir.path()).unwrap();
        {
            let current = counters.shared.current.load();
            let mut bytes = vec![0; BYTES as usize];
            blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
            for (word, bytes) in current.words.all().iter().zip(bytes.as_chunks().0) {
                let garbage = match fill {
                    0 => u64::from_le_bytes(*bytes),
                    1 => u64::MAX,
                    2 => u64::from_le_bytes(*bytes) & 1,
                    _ => u64::from_le_bytes(*bytes) >> (bytes[0] % 64),
                };
                word.store(garbage, Relaxed);
            }
        }
        for entry in 0..50 {
            counters.note(now, &[1], [noted(entry, "a"), Noted { group: EntryId([0; 16]), entry: EntryId([0; 16]), list: "", incident: false }]);
            let _ = (counters.is_tripped(id(entry), "a"), counters.matches_of(id(entry)), counters.distinct_of(id(entry)));
        }
        let _ = (counters.tripped(), counters.degraded());
        counters.add(Counter::Checks);
        let _ = (counters.reset_entry(id(1)), counters.reset_list("a"), counters.reset_all());
        prop_assert!(counters.tripped().is_empty());
        counters.refresh().unwrap();
        // The head is garbage too: whoever opens it anew makes a new one.
        prop_assert_eq!(Counters::open(dir.path()).unwrap().count(Counter::Checks), 0);
    }
}
