//! A running store: replaced, removed and damaged files, and who may write to them. A scanner always has the last good state.

use std::path::Path;
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
            builder.add(list, Entry { reviewed: true, ..Entry::new(digest) }).unwrap();
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
    tamis::set::publish_bytes(path, bytes).unwrap();
}

fn blocks(scanner: &mut Scanner, upload: &str) -> bool {
    let verdict = scanner.check(upload.as_bytes(), &Context::at(1)).unwrap();
    verdict.action == Action::Block
}

#[test]
fn the_last_good_store_stays_in_force() {
    for residency in Residency::ALL.iter().copied() {
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
            delta.add(Entry { reviewed: true, ..Entry::new(digest) }).unwrap();
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
