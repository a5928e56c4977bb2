//! A running store: replaced, removed and damaged files, and who may write to them. A scanner always has the last good state.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tamis::fingerprint::{Algorithms, digests};
use tamis::set::{Entry, List, ListKind, Residency, SetBuilder};
use tamis::store::{LOCAL, MANIFEST, Refresh, StoreOptions, StoreWriter, Terms};
use tamis::{Action, Context, ErrorCode, Policy, Scanner, Store};

/// Publishes a set that lists these uploads.
fn publish(path: &Path, uploads: &[&str]) {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("exchange", ListKind::Exchange)).unwrap();
    for upload in uploads {
        for digest in digests(upload.as_bytes(), Algorithms::DIGESTS).iter() {
            builder.add(list, Entry::new(digest).reviewed(true)).unwrap();
        }
    }
    builder.write(path).unwrap();
}

/// A directory as a store needs it, whatever the umask of whoever runs the test.
fn private_directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o750)).unwrap();
    }
    dir
}

/// As a careful but mistaken operator would: complete, renamed into place, and not a set.
fn publish_bytes(path: &Path, bytes: &[u8]) {
    tamis::files::publish_bytes(path, bytes).unwrap();
}

fn blocks(scanner: &mut Scanner, upload: &str) -> bool {
    let verdict = scanner.check(upload.as_bytes(), &Context::at(1)).unwrap();
    verdict.action == Action::Block
}

#[test]
fn the_last_good_store_stays_in_force() {
    for residency in Residency::AVAILABLE.iter().copied() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tamis");
        publish(&path, &["one"]);
        let options = StoreOptions::new().residency(residency).refresh_interval(None);
        let store = options.open(&path).unwrap();
        // All clones, and the scanners that hold them, see one refresh.
        let mut first = Scanner::new(store.clone(), Policy::builtin());
        let mut second = Scanner::new(store.clone(), Policy::builtin());
        assert_eq!(store.refresh().unwrap(), Refresh::Unchanged);
        assert!(blocks(&mut first, "one") && !blocks(&mut first, "two"));
        let before = store.snapshot().digest();

        publish(&path, &["one", "two"]);
        assert!(!blocks(&mut first, "two"), "nothing changes before the refresh");
        assert_eq!(store.refresh().unwrap(), Refresh::Replaced);
        assert_eq!(first.store().refresh().unwrap(), Refresh::Unchanged);
        assert!(blocks(&mut first, "two") && blocks(&mut second, "two"));
        assert_ne!(store.snapshot().digest(), before);

        let mut whole = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for _ in 0..2 {
            assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::NotFound);
            assert!(blocks(&mut first, "two"));
        }
        publish_bytes(&path, b"this is not a set at all");
        assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::SetForeign);
        publish_bytes(&path, b"");
        assert!(store.refresh().is_err());
        publish_bytes(&path, &whole[..whole.len() - 1]);
        assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::SetTruncated);
        whole[100] ^= 1;
        publish_bytes(&path, &whole);
        assert!(store.refresh().is_err());
        assert!(blocks(&mut first, "one") && blocks(&mut second, "two"));

        // And it recovers.
        publish(&path, &["two"]);
        assert_eq!(store.refresh().unwrap(), Refresh::Replaced);
        assert!(!blocks(&mut second, "one") && blocks(&mut second, "two"));
    }
}

#[test]
fn a_snapshot_outlives_its_replacement() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    publish(&path, &["one"]);
    let store = Store::open(&path).unwrap();
    let old = store.snapshot();
    publish(&path, &["two", "three"]);
    store.refresh().unwrap();
    assert_eq!((old.entry_count(), store.snapshot().entry_count()), (5, 10));
    // Nothing of the old file was read before it was replaced, and all of it still can be.
    assert_eq!(old.sets()[0].entries().filter(|e| e.is_ok()).count(), 5);
}

/// A store in the directory whose list `local` holds these uploads.
fn init(dir: &Path, uploads: &[&str]) -> StoreWriter {
    let mut writer = StoreWriter::init(dir, 1).unwrap();
    list(&mut writer, uploads);
    writer
}

/// Lists more uploads.
fn list(writer: &mut StoreWriter, uploads: &[&str]) {
    let mut delta = writer.delta(LOCAL).unwrap();
    for upload in uploads {
        for digest in digests(upload.as_bytes(), Algorithms::DIGESTS).iter() {
            delta.add(Entry::new(digest).reviewed(true)).unwrap();
        }
    }
    writer.apply_next(delta, &Terms::at(1)).unwrap();
}

#[test]
fn a_directory_is_a_store_by_its_manifest() {
    let dir = private_directory();
    let empty = Store::open(dir.path()).unwrap_err();
    assert_eq!(empty.code(), ErrorCode::Store);
    assert!(empty.to_string().contains("tamis store init"), "{empty}");
    let mut writer = init(dir.path(), &["one"]);
    let store = StoreOptions::new().refresh_interval(None).open(dir.path()).unwrap();
    let mut scanner = Scanner::new(store.clone(), Policy::builtin());
    assert!(blocks(&mut scanner, "one"));
    list(&mut writer, &["two"]);
    assert!(!blocks(&mut scanner, "two"), "nobody has looked yet");
    assert_eq!(store.refresh().unwrap(), Refresh::Replaced);
    assert_eq!(store.refresh().unwrap(), Refresh::Unchanged);
    assert!(blocks(&mut scanner, "one") && blocks(&mut scanner, "two"));
    assert_eq!(store.fault(), None);

    std::fs::remove_file(dir.path().join(MANIFEST)).unwrap();
    assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::Store);
    assert_eq!(store.fault().unwrap().code, ErrorCode::Store);
    drop(dir);
    assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(store.fault().unwrap().code, ErrorCode::NotFound);
    assert!(blocks(&mut scanner, "two"));
}

#[test]
fn an_addition_is_in_force_without_a_word() {
    let dir = private_directory();
    let mut writer = init(dir.path(), &["one"]);
    let store =
        StoreOptions::new().refresh_interval(Some(Duration::ZERO)).open(dir.path()).unwrap();
    let mut scanner = Scanner::new(store.clone(), Policy::builtin());
    let mut patient = Scanner::new(Store::open(dir.path()).unwrap(), Policy::builtin());
    assert!(!blocks(&mut scanner, "two") && !blocks(&mut patient, "two"));
    list(&mut writer, &["two"]);
    assert!(blocks(&mut scanner, "two"), "the very next call looks");
    let started = Instant::now();
    while !blocks(&mut patient, "two") {
        assert!(started.elapsed() < Duration::from_secs(60), "nobody ever looks");
    }
}

#[cfg(unix)]
#[test]
fn what_others_may_write_to_or_read_is_refused() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path, mode| set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let dir = private_directory();
    let writer = init(dir.path(), &["one"]);
    let store = StoreOptions::new().refresh_interval(None).open(dir.path()).unwrap();
    let mut scanner = Scanner::new(store.clone(), Policy::builtin());
    let (manifest, set) =
        (dir.path().join(MANIFEST), dir.path().join(&writer.manifest().sets[0].file));
    drop(writer);
    for (path, good, bad) in [
        (dir.path(), [0o750, 0o700], [0o770, 0o755, 0o702]),
        (&manifest, [0o640, 0o600], [0o660, 0o644, 0o602]),
        (&set, [0o640, 0o600], [0o660, 0o644, 0o602]),
    ] {
        for bad in bad {
            mode(path, bad);
            let refused = Store::open(dir.path()).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::Permissions, "{bad:o}");
            assert!(refused.to_string().contains("chmod"), "{refused}");
        }
        for good in good {
            mode(path, good);
            Store::open(dir.path()).unwrap();
        }
    }
    // A link out of the directory is no set of it.
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("set");
    std::fs::rename(&set, &target).unwrap();
    std::os::unix::fs::symlink(&target, &set).unwrap();
    let refused = Store::open(dir.path()).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Permissions, "{refused}");
    // A running store keeps what it has.
    mode(dir.path(), 0o770);
    assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::Permissions);
    assert!(blocks(&mut scanner, "one"));
}

/// A process that holds a sealed copy of the base follows the deltas, and takes a new base only when it is told to.
#[cfg(target_os = "linux")]
#[test]
fn a_sealed_base_stays_until_it_is_reloaded() {
    let dir = private_directory();
    let mut writer = init(dir.path(), &["one"]);
    writer.compact(1, &mut |_| Ok(())).unwrap();
    let options = StoreOptions::new().residency(Residency::Sealed);
    let store = options.refresh_interval(Some(Duration::ZERO)).open(dir.path()).unwrap();
    let asleep = StoreOptions::new().residency(Residency::Sealed).refresh_interval(None);
    let asleep = asleep.open(dir.path()).unwrap();
    let mut scanner = Scanner::new(store.clone(), Policy::builtin());
    let first = || store.snapshot().sets()[0].digest();
    let base = first();

    list(&mut writer, &["two"]);
    assert!(blocks(&mut scanner, "two"));
    assert_eq!(first(), base);
    writer.compact(1, &mut |_| Ok(())).unwrap();
    list(&mut writer, &["three"]);
    for upload in ["one", "two", "three"] {
        assert!(blocks(&mut scanner, upload), "{upload}");
    }
    assert_eq!(store.fault(), None);
    assert_eq!(first(), base, "the sealed base and what was laid over it stand in for the new one");
    assert_eq!(store.refresh().unwrap(), Refresh::Replaced);
    assert_ne!(first(), base);
    assert_eq!(store.refresh().unwrap(), Refresh::Unchanged);
    for upload in ["one", "two", "three"] {
        assert!(blocks(&mut scanner, upload), "{upload}");
    }

    // What went into the new base was never seen here.
    let mut late = Scanner::new(asleep.clone(), Policy::builtin());
    assert!(blocks(&mut late, "one") && !blocks(&mut late, "two"));
    assert_eq!(asleep.refresh().unwrap(), Refresh::Replaced);
    assert!(blocks(&mut late, "two") && blocks(&mut late, "three"));
}

/// A change is made when the manifest is: the log catches up as soon as it can be written to.
#[test]
fn a_log_that_could_not_be_written_to_misses_no_change() {
    let dir = private_directory();
    let mut writer = init(dir.path(), &["one"]);
    let (log, kept) = (dir.path().join("log"), dir.path().join("kept"));
    let spoil = || {
        std::fs::rename(&log, &kept).unwrap();
        std::fs::create_dir(&log).unwrap();
    };
    let mend = || {
        std::fs::remove_dir(&log).unwrap();
        std::fs::rename(&kept, &log).unwrap();
    };
    let logged = || {
        let mut versions = Vec::new();
        StoreWriter::read_log(dir.path(), &mut |event| versions.push(event.version)).unwrap();
        versions
    };
    spoil();
    list(&mut writer, &["two"]);
    list(&mut writer, &["three"]);
    mend();
    assert_eq!(logged(), [1, 2]);
    list(&mut writer, &["four"]);
    assert_eq!(logged(), [1, 2, 3, 4, 5], "by the next change");
    spoil();
    list(&mut writer, &["five"]);
    list(&mut writer, &["six"]);
    drop(writer);
    mend();
    let writer = StoreWriter::open(dir.path()).unwrap();
    assert_eq!(logged(), [1, 2, 3, 4, 5, 6, 7], "by the next writer");
    drop(writer);
    StoreWriter::open(dir.path()).unwrap();
    assert_eq!(logged().len(), 7);
}

/// Whoever fills the log with refusals does not keep the writer from its work: of a log of 100 MB only the end is read.
#[test]
fn a_long_log_is_no_burden_to_the_writer() {
    use std::io::Write;

    let dir = private_directory();
    let mut writer = init(dir.path(), &["one"]);
    let log = dir.path().join("log");
    let kept = std::fs::read(&log).unwrap();
    let mut line = serde_json::json!({ "version": 2, "at": 1, "event": "refused", "what": "x".repeat(900), "code": 60 }).to_string();
    line.push('\n');
    let mut file = std::io::BufWriter::new(std::fs::File::create(&log).unwrap());
    file.write_all(&kept[..kept.len() / 2]).unwrap();
    file.write_all(b"\n").unwrap();
    for _ in 0..100_000_000 / line.len() {
        file.write_all(line.as_bytes()).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
    list(&mut writer, &["two"]);
    drop(writer);
    let started = Instant::now();
    drop(StoreWriter::open(dir.path()).unwrap());
    let opening = started.elapsed();
    let started = Instant::now();
    let mut changes = Vec::new();
    StoreWriter::read_log(dir.path(), &mut |event| {
        if event.event != "refused" {
            changes.push(event.version);
        }
    })
    .unwrap();
    let reading = started.elapsed();
    assert!(opening * 5 < reading, "{opening:?} to open, {reading:?} to read all of it");
    assert_eq!(changes.last(), Some(&3), "{changes:?}");
    assert_eq!(changes.iter().filter(|version| **version == 3).count(), 1);
}

/// Each verdict is that of one state or of the other, and nothing is left behind by ten thousand reloads in each of eight threads.
#[test]
fn reloads_are_never_torn() {
    const THREADS: usize = 8;
    const RELOADS: usize = 10_000;
    let dir = private_directory();
    // In the one state these two are listed, in the other those.
    let (ours, theirs) = (["a", "b"], ["c", "d"]);
    let paths = ["x", "y"].map(|name| dir.path().join(name));
    publish(&paths[0], &ours);
    publish(&paths[1], &theirs);
    let path = dir.path().join("set");
    std::fs::hard_link(&paths[0], &path).unwrap();
    let store = StoreOptions::new().refresh_interval(Some(Duration::ZERO)).open(&path).unwrap();
    let states = paths.map(|path| Store::open(path).unwrap().snapshot().digest());
    let stop = AtomicBool::new(false);
    let open_files = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let before = open_files();
    std::thread::scope(|scope| {
        let (store, stop, path, dir) = (&store, &stop, &path, dir.path());
        scope.spawn(move || {
            let mut turn = 0;
            while !stop.load(Ordering::Relaxed) {
                turn = 1 - turn;
                let next = dir.join("next");
                std::fs::hard_link(dir.join(["x", "y"][turn]), &next).unwrap();
                std::fs::rename(&next, path).unwrap();
            }
        });
        let readers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(move || {
                    let mut scanner = Scanner::new(store.clone(), Policy::builtin());
                    let mut seen = [0; 2];
                    for round in 0..RELOADS {
                        store.refresh().unwrap();
                        let upload = ["a", "b", "c", "d"][round % 4];
                        let verdict = scanner.check(upload.as_bytes(), &Context::at(1)).unwrap();
                        let state = states.iter().position(|state| *state == verdict.store);
                        let state = state.expect("the verdict names one of the two states");
                        let listed = [&ours, &theirs][state].contains(&upload);
                        assert_eq!(verdict.action == Action::Block, listed, "{upload} by {state}");
                        seen[state] += 1;
                    }
                    seen
                })
            })
            .collect();
        let seen: Vec<[usize; 2]> =
            readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        stop.store(true, Ordering::Relaxed);
        for state in 0..2 {
            assert!(seen.iter().map(|seen| seen[state]).sum::<usize>() > 0, "{seen:?}");
        }
    });
    assert!(open_files() <= before + 2, "descriptors: {before}, then {}", open_files());
}

/// A store that nobody has looked after is too old: what it holds is enforced, and the verdict says so; the policy may want more.
#[test]
fn the_policy_decides_when_a_store_is_too_old() {
    let dir = private_directory();
    let mut writer = init(dir.path(), &["one"]);
    let hour = 3600;
    let store = StoreOptions::new().refresh_interval(None).open(dir.path()).unwrap();
    let check = |policy: &Policy, upload: &str, now| {
        let mut scanner = Scanner::new(store.clone(), policy.clone());
        scanner.check(upload.as_bytes(), &Context::at(now)).unwrap()
    };
    let lenient = Policy::builder().max_store_age(24).build().unwrap();
    let fresh = check(&lenient, "two", 1 + 24 * hour);
    assert_eq!((fresh.action, fresh.store_state.too_old), (Action::Allow, false));
    assert_eq!((fresh.store_state.updated, fresh.store_state.version), (1, 2));
    let old = check(&lenient, "two", 2 + 24 * hour);
    assert_eq!((old.action, old.store_state.too_old), (Action::Allow, true));
    assert_eq!(check(&lenient, "one", 2 + 24 * hour).action, Action::Block);

    let strict = Policy::builder().max_store_age(24).too_old(Action::Review).build().unwrap();
    assert_eq!(check(&strict, "two", 1 + 24 * hour).action, Action::Allow);
    let old = check(&strict, "two", 2 + 24 * hour);
    assert_eq!(old.action, Action::Review);
    assert!(old.reason().contains("too old"), "{}", old.reason());
    assert_eq!(check(&strict, "one", 2 + 24 * hour).action, Action::Block);
    let never = Policy::builder().max_store_age(0).too_old(Action::Review).build().unwrap();
    assert_eq!(check(&never, "two", u32::MAX.into()).action, Action::Allow);

    // Whoever finds the lists up to date says so, and the store is as fresh as after a change.
    writer.confirm(LOCAL, &Terms::at(24 * hour)).unwrap();
    store.refresh().unwrap();
    assert_eq!(check(&strict, "two", 2 + 24 * hour).action, Action::Allow);
    // A store that broke is told of in each verdict.
    std::fs::remove_file(dir.path().join(MANIFEST)).unwrap();
    assert!(store.refresh().is_err());
    let broken = check(&strict, "one", 2);
    assert_eq!((broken.action, broken.store_state.fault), (Action::Block, Some(ErrorCode::Store)));
}

/// A friend who is silent, or whose feed is held back, holds nothing back: what ages the store are the lists of exchanges.
#[test]
fn a_silent_friend_does_not_age_the_store() {
    let dir = private_directory();
    let mut writer = StoreWriter::init(dir.path(), 1).unwrap();
    let updated = || Store::open(dir.path()).unwrap().snapshot().updated().unwrap();
    for (list, kind) in [
        ("friend", ListKind::Friend),
        ("referral", ListKind::Referral),
        ("submissions", ListKind::Submissions),
        ("exchange", ListKind::Exchange),
    ] {
        writer.set_list(list, kind, ("known", ""), 1, |_| Ok(())).unwrap();
        writer.confirm(list, &Terms::at(10)).unwrap();
    }
    writer.confirm("exchange", &Terms::at(1000)).unwrap();
    assert_eq!(updated(), 1000);
    writer.confirm("friend", &Terms::at(2000)).unwrap();
    assert_eq!(updated(), 1000, "nor does a friend who is not make it younger");
    assert_eq!(writer.manifest().lists["submissions"].refreshed, 10, "told all the same");
}

#[test]
fn a_change_that_is_stopped_leaves_nothing() {
    use std::ops::ControlFlow;

    let dir = private_directory();
    let mut writer = init(dir.path(), &["one"]);
    list(&mut writer, &["two"]);
    let names = || {
        let mut names: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let logged = || {
        let mut events = 0;
        StoreWriter::read_log(dir.path(), &mut |_| events += 1).unwrap();
        events
    };
    let before = (names(), logged(), writer.manifest().clone());
    writer.on_progress(|_| ControlFlow::Break(()));
    let mut delta = writer.delta(LOCAL).unwrap();
    delta.add(Entry::new(digests(b"three", Algorithms::DIGESTS).iter().next().unwrap())).unwrap();
    let stopped = writer.apply_next(delta, &Terms::at(2)).unwrap_err();
    assert_eq!(stopped.code(), ErrorCode::Stopped);
    assert_eq!(writer.compact(2, &mut |_| Ok(())).unwrap_err().code(), ErrorCode::Stopped);
    assert_eq!((names(), logged(), writer.manifest().clone()), before);

    // And it can go on.
    writer.on_progress(|_| ControlFlow::Continue(()));
    list(&mut writer, &["three"]);
    assert!(writer.compact(3, &mut |_| Ok(())).unwrap().changed);
}

/// A slow upload is judged by what is listed when all of it is there.
#[test]
fn what_is_listed_while_an_upload_arrives_is_in_force_for_it() {
    let dir = private_directory();
    let mut writer = init(dir.path(), &["one"]);
    let store =
        StoreOptions::new().refresh_interval(Some(Duration::ZERO)).open(dir.path()).unwrap();
    let mut scanner = Scanner::new(store, Policy::builtin());
    let mut upload = scanner.begin();
    upload.update(b"t");
    list(&mut writer, &["two"]);
    upload.update(b"wo");
    assert_eq!(scanner.finish(upload, &Context::at(2)).unwrap().action, Action::Block);
}

/// Also by a kind of digest that nobody had asked for when it began; unless it is longer than what is held of it, and then the verdict says that it is not complete.
#[test]
fn digests_that_are_listed_while_an_upload_arrives_are_computed_at_its_end() {
    use tamis::Limits;
    use tamis::fingerprint::Algorithm;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    let long = "long ".repeat(20_000);
    let set_of = |algorithm: Algorithm, texts: &[&str]| {
        let mut builder = SetBuilder::new();
        let list = builder.add_list(List::new("exchange", ListKind::Exchange)).unwrap();
        for text in texts {
            let digest = digests(text.as_bytes(), Algorithms::DIGESTS).get(algorithm).unwrap();
            builder.add(list, Entry::new(digest).reviewed(true)).unwrap();
        }
        builder.write(&path).unwrap();
    };
    set_of(Algorithm::Sha256, &["old"]);
    let store = StoreOptions::new().refresh_interval(None).open(&path).unwrap();
    let mut scanner = Scanner::new(store.clone(), Policy::builtin())
        .with_limits(Limits::default().upload_bytes(10));
    let mut begin = |text: &str| {
        let mut upload = scanner.begin();
        upload.update(text.as_bytes());
        upload
    };
    let (old, new, too_long) = (begin("old"), begin("new"), begin(&long));
    set_of(Algorithm::Md5, &["new", &long]);
    store.refresh().unwrap();
    let mut finish = |upload| scanner.finish(upload, &Context::at(2)).unwrap();
    assert_eq!(finish(old).action, Action::Allow, "what was withdrawn no longer counts");
    assert_eq!(finish(new).action, Action::Block);
    let missed = finish(too_long);
    assert_eq!((missed.action, missed.complete), (Action::Allow, false));
    assert!(blocks(&mut scanner, &long), "asked again, it is found");
}
