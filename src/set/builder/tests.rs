//! Building with options: the same bytes by any number of threads, progress that ends at 1, and stopping that leaves no trace.

use std::ops::ControlFlow;

use crate::error::ErrorCode;
use crate::fingerprint::{Algorithm, Fingerprint};
use crate::set::*;

/// Enough entries that threads are started, of several algorithms; fingerprints with several entries, duplicates, and texts whose
/// beginnings are alike.
fn many(count: u64) -> SetBuilder {
    let mut builder = SetBuilder::new();
    let lists =
        ["one", "two"].map(|name| builder.add_list(List::new(name, ListKind::Exchange)).unwrap());
    for n in 0..count {
        let hash = blake3::hash(&(n % (count * 3 / 4)).to_le_bytes());
        let (algorithm, bytes): (_, Vec<u8>) = match n % 3 {
            0 => (Algorithm::Md5, hash.as_bytes()[..16].to_vec()),
            1 => (Algorithm::Sha256, hash.as_bytes().to_vec()),
            // Half of the bits are set: a code that no rule refuses.
            _ => (Algorithm::Pdq, hash.as_bytes()[..16].iter().flat_map(|b| [*b, !*b]).collect()),
        };
        let entry = Entry {
            item: format!("a-long-beginning-{}", n % 1000),
            source_id: if n % 5 == 0 {
                String::new()
            } else {
                format!("a-long-beginning/{}", n % 7)
            },
            labels: vec![format!("label {}", n % 300), "all".into()],
            last_seen: n as u32,
            ..Entry::new(Fingerprint::new(algorithm, &bytes).unwrap())
        };
        builder.add(lists[(n % 2) as usize], entry).unwrap();
    }
    builder
}

fn go_on(_: BuildProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn any_number_of_threads_makes_the_same_bytes() {
    let (alone, report) = many(60_000).to_bytes().unwrap();
    assert!(report.duplicates > 0 && report.entries > 50_000, "{report:?}");
    Set::from_bytes(&alone).unwrap().verify(&mut |_| {}).unwrap();
    for jobs in [2, 7] {
        let options = BuildOptions::new().jobs(jobs);
        let (bytes, same) = many(60_000).to_bytes_with(&options, &mut go_on).unwrap();
        assert!(bytes == alone, "{jobs} threads");
        assert_eq!(same, report);
    }
}

/// Only Linux lists threads; elsewhere this finds none.
#[cfg(feature = "rayon")]
#[test]
fn threads_are_there_while_it_builds_and_gone_when_it_returns() {
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
        let name = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default()
        };
        tasks.map(name).filter(|name| name.starts_with("tamis-build")).count()
    };
    let mut seen = 0;
    let options = BuildOptions::new().jobs(3);
    let mut look = |_| {
        seen = seen.max(threads());
        ControlFlow::Continue(())
    };
    many(20_000).to_bytes_with(&options, &mut look).unwrap();
    assert_eq!(seen >= 3, cfg!(target_os = "linux"), "{seen}");
    // A thread that was joined may be listed for a moment longer, and another test's may be at work.
    let gone = (0..1000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        threads() == 0
    });
    assert!(gone);
}

#[test]
fn progress_never_falls_and_ends_at_one() {
    for count in [0, 100, 60_000] {
        let mut told: Vec<BuildProgress> = Vec::new();
        let mut tell = |progress| {
            told.push(progress);
            ControlFlow::Continue(())
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.tamis");
        many(count.max(2)).write_with(&path, &BuildOptions::new(), &mut tell).unwrap();
        assert!(told.is_sorted_by(|a, b| a.fraction <= b.fraction && a.phase <= b.phase));
        assert!(told.iter().all(|p| (0.0..=1.0).contains(&p.fraction)));
        assert_eq!(told.last().map(|p| (p.phase, p.fraction)), Some((BuildPhase::Publishing, 1.0)));
        assert!(told.iter().filter(|p| p.fraction == 1.0).count() == 1, "only when it is in place");
        assert!(told.len() > 5, "{told:?}");
    }
}

#[test]
fn a_build_that_is_stopped_leaves_the_old_file_and_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tamis");
    let report = many(10).write(&path).unwrap();
    let mut total = 0;
    let mut count = |_| {
        total += 1;
        ControlFlow::Continue(())
    };
    many(30_000).to_bytes_with(&BuildOptions::new(), &mut count).unwrap();
    let mut stopped = 0;
    for at in 0.. {
        let mut calls = 0;
        let mut stop = |progress: BuildProgress| {
            calls += 1;
            // The last call comes too late: the file is in place.
            if calls > at && progress.fraction < 1.0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        match many(30_000).write_with(&path, &BuildOptions::new(), &mut stop) {
            Err(error) => assert_eq!(error.code(), ErrorCode::Stopped, "{error}"),
            Ok(_) => break,
        }
        stopped += 1;
        assert_eq!(Set::open(&path).unwrap().digest(), report.digest);
        let names: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["x.tamis"]);
    }
    assert_eq!(stopped, total, "it can be stopped at every call but the last");
    assert_ne!(Set::open(&path).unwrap().digest(), report.digest);
}

#[test]
fn the_size_of_the_file_is_estimated_from_above() {
    let large = many(60_000);
    for profile in Profile::ALL.iter().copied() {
        let options = BuildOptions::new().profile(profile);
        let estimate = large.estimate(&options).file_bytes as f64;
        let bytes = many(60_000).to_bytes_with(&options, &mut go_on).unwrap().1.bytes as f64;
        assert!((bytes..=bytes * 1.4).contains(&estimate), "{profile}: {estimate} for {bytes}");
    }
    for (count, most) in [(0, 3.0), (1, 3.0), (30, 1.5), (20_000, 1.2)] {
        let mut builder = SetBuilder::new();
        let list = builder.add_list(List::new("l", ListKind::Exchange)).unwrap();
        for n in 0..count {
            let hash = blake3::hash(&[n as u8, (n >> 8) as u8]);
            let fingerprint = Fingerprint::new(Algorithm::Blake3, hash.as_bytes()).unwrap();
            let entry = Entry { source_id: format!("row {n}"), ..Entry::new(fingerprint) };
            builder.add(list, entry).unwrap();
        }
        let estimate = builder.estimate(&BuildOptions::new()).file_bytes as f64;
        let bytes = builder.to_bytes().unwrap().1.bytes as f64;
        assert!((bytes..=bytes * most).contains(&estimate), "{count}: {estimate} for {bytes}");
    }
}

#[test]
fn a_small_set_lacks_the_radius_index_and_nothing_else() {
    let build = |profile| {
        let options = BuildOptions::new().profile(profile).jobs(2);
        Set::from_bytes(&many(60_000).to_bytes_with(&options, &mut go_on).unwrap().0).unwrap()
    };
    let (full, small) = (build(Profile::Full), build(Profile::Small));
    let sections = |set: &Set| set.blocks().head.sections.clone();
    let (mut with, without) = (sections(&full), sections(&small));
    let index = with.pop().unwrap();
    assert_eq!((index.id, index.critical), (format::RADIUS_INDEX, false));
    assert_eq!(with, without);
    for section in without {
        assert!(full.column(section.id).unwrap() == small.column(section.id).unwrap());
    }
    let codes = full.pdq_codes().unwrap();
    let made = crate::index::Builder::new(codes).unwrap().to_bytes();
    assert!(full.column(index.id).unwrap() == made);
    let few = many(100).to_bytes().unwrap().0;
    assert!(Set::from_bytes(&few).unwrap().section(format::RADIUS_INDEX).is_err());
}
