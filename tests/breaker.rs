//! The breaker, end to end: a poisoned entry stops blocking after some dozens of uploads, and nobody can use that to switch off what is right.

#![cfg(feature = "decode")]

mod listed;
mod pictures;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use image::RgbImage;
use listed::{NOW, builder, digest, reviewed, scanner_of};
use pictures::{hash, png, scene};
use tamis::fingerprint::Algorithm;
use tamis::policy::{Cap, Cause, Mode};
use tamis::search::Match;
use tamis::set::{Entry, EntryId, ListKind, Role, incident_label};
use tamis::store::{Counter, Counters, Noted, STATE, StoreOptions, StoreWriter, Terms};
use tamis::{Action, Context, Policy, Store, Verdict};

const INCIDENT: &str = "2026-11";

/// A store with these entries, each with the name of its list, and room for counters.
fn store_of(entries: &[(&str, Entry)]) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut writer = StoreWriter::init(&path, NOW).unwrap();
    let names: BTreeSet<&str> = entries.iter().map(|(name, _)| *name).collect();
    for name in names {
        writer.set_list(name, ListKind::Exchange, ("known", ""), NOW, |_| Ok(())).unwrap();
        let entries = entries.iter().filter(|(other, _)| *other == name).map(|(_, entry)| entry);
        let (urgent, usual): (Vec<&Entry>, Vec<_>) =
            entries.partition(|entry| entry.labels.contains(&incident_label(INCIDENT)));
        // The one incident that the operator has declared.
        let delta = writer.delta(name).unwrap();
        let incident = writer.delta(name).unwrap().of_incident(INCIDENT, NOW + 1_000_000).unwrap();
        for (mut delta, entries) in [(delta, usual), (incident, urgent)] {
            for entry in entries {
                delta.add(entry.clone()).unwrap();
            }
            writer.apply_next(delta, &Terms::at(NOW)).unwrap();
        }
    }
    let store = Store::open(path).unwrap();
    assert_eq!(store.counters_fault(), None);
    (dir, store)
}

fn id(list: &str, entry: &Entry) -> EntryId {
    EntryId::new(list, &entry.source_id, Role::Listed, &entry.fingerprint)
}

/// The picture, so little changed that it is another file of nearly the same hash.
fn copy(picture: &RgbImage, number: u32) -> Vec<u8> {
    let mut copy = picture.clone();
    let (x, y) = (number % picture.width(), number / picture.width() % picture.height());
    let pixel = copy.get_pixel_mut(x, y);
    pixel.0[0] ^= 0x10;
    pixel.0[1] = (number % 251) as u8;
    png(&copy)
}

fn at(seconds: u64) -> Context {
    Context::at(NOW + seconds)
}

fn is_degraded(verdict: &Verdict) -> bool {
    let caps = verdict
        .reasons
        .iter()
        .any(|reason| matches!(reason.cause, Cause::Rule { cap: Some(Cap::Breaker), .. }));
    let matched = verdict.matches.iter().any(|m: &Match| m.degraded);
    assert_eq!(caps, matched);
    matched
}

#[test]
fn a_viral_picture_that_was_listed_by_mistake_goes_to_review_and_nothing_else_does() {
    let viral = scene(1, 96, 72);
    let incident = scene(2, 96, 72);
    let other = scene(3, 96, 72);
    let listed = copy(&viral, 0);
    let poison = reviewed(hash(&viral).hash);
    let urgent = reviewed(hash(&incident).hash)
        .labels(vec![incident_label(INCIDENT)])
        .expires((NOW + 1_000_000) as u32);
    // Anybody can write such a label.
    let over = reviewed(hash(&other).hash)
        .labels(vec!["incident:made-up".into()])
        .expires((NOW + 1_000_000) as u32);
    let [digest, md5] = [Algorithm::Sha256, Algorithm::Md5].map(|a| digest(&listed, a));
    let entries = [
        ("exchange", poison.clone()),
        ("exchange", urgent.clone()),
        ("exchange", over.clone()),
        ("exchange", reviewed(digest).source_id("digest")),
        ("exchange", reviewed(md5)),
    ];
    let (_dir, store) = store_of(&entries);
    let counters = store.counters().unwrap().clone();
    let mut scanner = scanner_of(store.clone(), Policy::builtin());

    // 2,000 uploads, of which 5 % are the viral picture; spread over half an hour, and each twentieth is that one.
    let (mut blocks, mut reviews) = (0, 0);
    for upload in 0..2000u32 {
        let bytes = if upload % 20 == 0 {
            copy(&viral, 1 + upload)
        } else {
            png(&scene(1000 + upload, 40, 30))
        };
        let verdict = scanner.check(&bytes, &at(u64::from(upload) % 1000)).unwrap();
        match (verdict.action, upload % 20) {
            (Action::Block, 0) => {
                assert!(!is_degraded(&verdict) && reviews == 0, "it does not come back by itself");
                blocks += 1;
            }
            (Action::Review, 0) => {
                assert!(is_degraded(&verdict));
                let json = serde_json::to_string(&verdict).unwrap();
                assert!(json.contains(r#""cap":"breaker""#) && json.contains(r#""degraded":true"#));
                assert!(
                    verdict.reason().contains("until the breaker is reset"),
                    "{}",
                    verdict.reason()
                );
                reviews += 1;
            }
            (Action::Allow, _) => assert!(verdict.matches.is_empty() && upload % 20 != 0),
            other => panic!("upload {upload}: {other:?}"),
        }
    }
    assert!((38..=50).contains(&blocks), "{blocks}");
    assert_eq!(blocks + reviews, 100);
    assert_eq!(counters.count(Counter::Checks), 2000);
    assert_eq!(counters.count(Counter::Matches), 100);
    assert_eq!(counters.count(Counter::Blocked), blocks);
    assert_eq!(counters.count(Counter::Reviewed), reviews);
    let tripped = counters.tripped();
    assert_eq!(tripped.len(), 1);
    assert_eq!(
        (tripped[0].entry, tripped[0].list.as_str()),
        (Some(id("exchange", &poison)), "exchange")
    );

    // The file itself, by either digest, is blocked all the same.
    let policy = || Policy::builder().stop_early(false).build().unwrap();
    for policy in [Policy::builtin(), policy()] {
        let verdict = scanner_of(store.clone(), policy).check(&listed, &at(0)).unwrap();
        assert_eq!(verdict.action, Action::Block);
        assert!(verdict.matches.iter().all(|m| m.degraded == (m.algorithm == Algorithm::Pdq)));
    }

    // So is what an incident lists, however often it comes; and what has the label only is no incident's.
    for number in 0..200 {
        let verdict = scanner.check(&copy(&incident, number), &at(0)).unwrap();
        assert_eq!((verdict.action, is_degraded(&verdict)), (Action::Block, false), "{number}");
        assert_eq!(verdict.matches[0].expires, urgent.expires);
    }
    assert_eq!(counters.tripped().len(), 1);
    let mut last = None;
    for number in 0..60 {
        last = Some(scanner.check(&copy(&other, number), &at(0)).unwrap());
    }
    let last = last.unwrap();
    assert!(last.action == Action::Review && is_degraded(&last));

    // Another scanner, as another process would have, sees it too; a reset ends it for both.
    let mut second = scanner_of(Store::open(store.path().unwrap()).unwrap(), Policy::builtin());
    assert!(is_degraded(&second.check(&copy(&viral, 5000), &at(0)).unwrap()));
    assert!(counters.reset_entry(id("exchange", &poison)));
    for scanner in [&mut scanner, &mut second] {
        let verdict = scanner.check(&copy(&viral, 5001), &at(0)).unwrap();
        assert_eq!((verdict.action, is_degraded(&verdict)), (Action::Block, false));
    }
    assert_eq!(counters.reset_all(), 1);
}

#[test]
fn one_upload_again_and_again_is_one_upload() {
    let viral = scene(1, 96, 72);
    let (_dir, store) = store_of(&[("exchange", reviewed(hash(&viral).hash))]);
    let mut scanner = scanner_of(store.clone(), Policy::builtin());
    let upload = copy(&viral, 7);
    for round in 0..10_000 {
        let verdict = scanner.check(&upload, &at(round % 3600)).unwrap();
        assert_eq!(verdict.action, Action::Block, "{round}");
    }
    let counters = store.counters().unwrap();
    assert!(counters.tripped().is_empty());
    assert_eq!(counters.count(Counter::Blocked), 10_000);
}

/// Copies that are so far away that a person looks at them anyway must not switch off the near ones.
#[test]
fn what_goes_to_review_anyway_does_not_trip() {
    let picture = scene(1, 96, 72);
    let far = pictures::at_distance(hash(&picture).hash, 20);
    let (_dir, store) = store_of(&[("exchange", reviewed(far))]);
    let mut scanner = scanner_of(store.clone(), Policy::builtin());
    for number in 0..100 {
        assert_eq!(scanner.check(&copy(&picture, number), &at(0)).unwrap().action, Action::Review);
    }
    let counters = store.counters().unwrap();
    assert!(counters.tripped().is_empty());
    assert_eq!((counters.count(Counter::Reviewed), counters.count(Counter::Overflow)), (100, 0));
}

/// A list of which every entry resembles something harmless never lets one of them reach its bound.
#[test]
fn a_list_trips_as_a_whole() {
    let pictures: Vec<_> = (0..60).map(|seed| scene(seed, 96, 72)).collect();
    let good = scene(900, 96, 72);
    let mut entries: Vec<_> =
        pictures.iter().map(|picture| ("poisoned", reviewed(hash(picture).hash))).collect();
    entries.push(("exchange", reviewed(hash(&good).hash)));
    let (_dir, store) = store_of(&entries);
    let mut scanner = scanner_of(store.clone(), Policy::builtin());
    let mut blocks = 0;
    for upload in 0..600u32 {
        let picture = &pictures[upload as usize % pictures.len()];
        let verdict = scanner.check(&copy(picture, upload), &at(0)).unwrap();
        blocks += u32::from(verdict.action == Action::Block);
    }
    assert!((390..=410).contains(&blocks), "{blocks}");
    let tripped = store.counters().unwrap().tripped();
    assert_eq!(tripped.len(), 1);
    assert_eq!((tripped[0].entry, tripped[0].list.as_str()), (None, "poisoned"));
    assert_eq!(scanner.check(&copy(&good, 1), &at(0)).unwrap().action, Action::Block);
    assert!(store.counters().unwrap().reset_list("poisoned"));
    assert_eq!(scanner.check(&copy(&pictures[0], 9999), &at(0)).unwrap().action, Action::Block);
}

/// What matches one of a list's entries of a fingerprint matches all of them, so they trip together; another list's do not.
#[test]
fn entries_of_one_fingerprint_trip_together() {
    let picture = scene(1, 96, 72);
    let twins = ["one", "two"].map(|source| reviewed(hash(&picture).hash).source_id(source));
    let friend = reviewed(hash(&picture).hash);
    let entries =
        [("exchange", twins[0].clone()), ("exchange", twins[1].clone()), ("other", friend)];
    let (_dir, store) = store_of(&entries);
    let counters = store.counters().unwrap();
    let mut scanner = scanner_of(store.clone(), Policy::builtin());
    for (list, action) in [("exchange", Action::Block), ("other", Action::Review)] {
        let before = scanner.check(&copy(&picture, 1), &at(0)).unwrap();
        assert_eq!((before.action, before.matches.len()), (Action::Block, 3));
        let one = before.matches.iter().find(|m| m.list == list).unwrap();
        for upload in 0..50u32 {
            let noted = Noted { group: one.group, entry: one.entry, list, incident: false };
            counters.note(NOW, &upload.to_le_bytes(), [noted]);
        }
        let verdict = scanner.check(&copy(&picture, 1), &at(0)).unwrap();
        assert_eq!((verdict.action, verdict.matches.len()), (action, 3));
        for m in &verdict.matches {
            assert_eq!(m.degraded, m.list == list || action == Action::Review, "{}", m.list);
        }
        assert!(counters.tripped().iter().any(|t| t.entry == Some(one.entry) && t.list == list));
    }
    let shown = counters.tripped().into_iter().find(|t| t.list == "exchange").unwrap();
    assert!(counters.reset_entry(shown.entry.unwrap()), "by the id that is shown");
    let snapshot = store.snapshot();
    let groups = twins.each_ref().map(|twin| snapshot.group_of(id("exchange", twin)).unwrap());
    assert!(groups[0].is_some() && groups[0] == groups[1], "any of them is found by its own");
    assert_eq!(snapshot.group_of(EntryId([7; 16])).unwrap(), None);
    assert_eq!(scanner.check(&copy(&picture, 1), &at(0)).unwrap().action, Action::Block);
}

/// However often a list gives one code, and however few of these a verdict tells, it trips after some dozens of uploads, and alone.
#[test]
fn a_code_that_is_listed_a_thousand_times_trips_once() {
    let picture = scene(1, 96, 72);
    let other = scene(2, 96, 72);
    let mut entries: Vec<(&str, Entry)> = (0..1000)
        .map(|n| {
            let source_id = n.to_string();
            ("exchange", reviewed(hash(&picture).hash).source_id(source_id))
        })
        .collect();
    entries.push(("exchange", reviewed(hash(&other).hash)));
    for most in [1, 100] {
        let (_dir, store) = store_of(&entries);
        let policy = Policy::builder().max_matches(most).build().unwrap();
        let mut scanner = scanner_of(store.clone(), policy);
        let mut blocks = 0;
        for number in 0..450 {
            let verdict = scanner.check(&copy(&picture, number), &at(0)).unwrap();
            assert!([Action::Block, Action::Review].contains(&verdict.action));
            blocks += u32::from(verdict.action == Action::Block);
        }
        assert!((38..=50).contains(&blocks), "{blocks} with {most}");
        let counters = store.counters().unwrap();
        assert_eq!(counters.tripped().len(), 1, "one fingerprint, and not the list");
        assert!(counters.tripped()[0].entry.is_some());
        let verdict = scanner.check(&copy(&other, 1), &at(0)).unwrap();
        assert_eq!(verdict.action, Action::Block, "the list acts");
    }
}

#[test]
fn what_only_observes_counts_what_it_would_have_done() {
    let viral = scene(1, 96, 72);
    let (_dir, store) = store_of(&[("exchange", reviewed(hash(&viral).hash))]);
    let policy = Policy::builder().mode(Mode::Observe).build().unwrap();
    let mut scanner = scanner_of(store.clone(), policy);
    for number in 0..100 {
        assert_eq!(scanner.check(&copy(&viral, number), &at(0)).unwrap().action, Action::Allow);
    }
    let counters = store.counters().unwrap();
    let [blocked, reviewed] = [Counter::WouldHaveBlocked, Counter::WouldHaveReviewed];
    let (blocked, reviewed) = (counters.count(blocked), counters.count(reviewed));
    assert!((38..=50).contains(&blocked) && blocked + reviewed == 100, "{blocked}");
    assert_eq!(counters.count(Counter::Blocked) + counters.count(Counter::Reviewed), 0);
}

#[test]
fn a_backfill_counts_nothing_and_a_store_without_state_neither() {
    let viral = scene(1, 96, 72);
    let entries = [("exchange", reviewed(hash(&viral).hash))];
    let (_dir, store) = store_of(&entries);
    let path = store.path().unwrap();
    let mut backfill = scanner_of(store.clone(), Policy::builtin()).with_counting(false);
    let mut last = None;
    for number in 0..100 {
        last = Some(backfill.check(&copy(&viral, number), &at(0)).unwrap());
    }
    let last = last.unwrap();
    let mut scanner = scanner_of(store.clone(), Policy::builtin());
    for _ in 0..100 {
        scanner.check_fingerprints(&last.fingerprints, &at(0)).unwrap();
    }
    let counters = store.counters().unwrap();
    assert_eq!(counters.count(Counter::Checks), 0);
    assert!(counters.tripped().is_empty());

    let off = StoreOptions::new().counters(false).open(path).unwrap();
    assert!(off.counters().is_none() && off.counters_fault().is_some());
    builder([entries[0].1.clone()]).write(path.join("file.tamis")).unwrap();
    let file = Store::open(path.join("file.tamis")).unwrap();
    assert!(file.counters().is_none());
    std::fs::remove_dir_all(path.join(STATE)).unwrap();
    let bare = Store::open(path).unwrap();
    assert!(bare.counters().is_none());
    for store in [off, file, bare] {
        let mut scanner = scanner_of(store, Policy::builtin());
        assert_eq!(scanner.check(&copy(&viral, 1), &at(0)).unwrap().action, Action::Block);
    }
}

#[test]
fn garbage_in_the_counters_is_survived_and_replaced() {
    let viral = scene(1, 96, 72);
    let entry = reviewed(hash(&viral).hash);
    let (_dir, store) = store_of(&[("exchange", entry.clone())]);
    let path = store.counters().unwrap().path().to_path_buf();
    let mut scanner = scanner_of(store.clone(), Policy::builtin());
    let length = std::fs::metadata(&path).unwrap().len() as usize;
    let mut garbage = vec![0; length];
    for seed in 0..20u8 {
        blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut garbage);
        // Written in place, as a worker that has gone mad would.
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::io::Write::write_all(&mut &file, &garbage).unwrap();
        for number in 0..5 {
            let verdict = scanner.check(&copy(&viral, number), &at(0)).unwrap();
            assert!([Action::Block, Action::Review].contains(&verdict.action));
        }
        let counters = store.counters().unwrap();
        counters.reset_all();
        assert!(!counters.is_tripped(id("exchange", &entry), "exchange"));
    }
    let fresh = Store::open(store.path().unwrap()).unwrap();
    assert_eq!(fresh.counters().unwrap().count(Counter::Checks), 0);
    // The open store goes over to the new file with its next refresh.
    store.refresh().unwrap();
    scanner.check(&copy(&viral, 1), &at(0)).unwrap();
    assert_eq!(fresh.counters().unwrap().count(Counter::Checks), 1);
}

/// What a child of the next test does: counts to 20,000, with entries that all children share.
#[test]
#[ignore = "run by the next one, in a process of its own"]
fn child() {
    let Some(state) = std::env::var_os("TAMIS_TEST_STATE") else { return };
    let counters = Counters::open(PathBuf::from(state)).unwrap();
    for round in 0..20_000u32 {
        counters.add(Counter::Checks);
        if round % 10 == 0 {
            let entry = EntryId([1 + (round / 10 % 3) as u8; 16]);
            let noted = Noted { group: entry, entry, list: "exchange", incident: false };
            counters.note(NOW, &(round / 30).to_le_bytes(), [noted]);
        }
    }
}

#[test]
fn eight_processes_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // All of them are first: the file is not there yet.
    let children: Vec<_> = (0..8)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "child", "--ignored", "--quiet"])
                .env("TAMIS_TEST_STATE", dir.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let counters = Counters::open(dir.path()).unwrap();
    assert_eq!(counters.count(Counter::Checks), 8 * 20_000);
    let entries = [1, 2, 3].map(|n| EntryId([n; 16]));
    let matches: Vec<u64> = entries.iter().map(|entry| counters.matches_of(*entry)).collect();
    assert_eq!(matches.iter().sum::<u64>(), 8 * 2000);
    assert!(matches.iter().all(|count| [8 * 666, 8 * 667].contains(count)), "{matches:?}");
    for entry in entries {
        // The same 667 uploads in each process.
        assert!(counters.distinct_of(entry).abs_diff(667) < 50);
        assert!(counters.is_tripped(entry, "exchange"));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left behind");
}
