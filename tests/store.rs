//! A running store: replaced, removed and damaged files, and who may write to them. A scanner always has the last good state.

use std::path::Path;

use tamis::fingerprint::{Algorithms, digests};
use tamis::set::{Entry, List, ListKind, Residency, SetBuilder};
use tamis::store::{BASE, Refresh, StoreOptions};
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
        let store = StoreOptions::new().residency(residency).open(&path).unwrap();
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

#[test]
fn a_directory_holds_one_base() {
    let dir = private_directory();
    let empty = Store::open(dir.path()).unwrap_err();
    assert_eq!(empty.code(), ErrorCode::Store);
    assert!(empty.to_string().contains("tamis build"), "{empty}");
    publish(&dir.path().join(BASE), &["one"]);
    let store = Store::open(dir.path()).unwrap();
    let mut scanner = Scanner::new(store.clone(), Policy::builtin());
    assert!(blocks(&mut scanner, "one"));
    publish(&dir.path().join(BASE), &["two"]);
    assert_eq!(store.refresh().unwrap(), Refresh::Replaced);
    assert!(!blocks(&mut scanner, "one") && blocks(&mut scanner, "two"));
    std::fs::remove_file(dir.path().join(BASE)).unwrap();
    assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::Store);
    drop(dir);
    assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::NotFound);
    assert!(blocks(&mut scanner, "two"));
}

#[cfg(unix)]
#[test]
fn what_others_may_write_to_or_read_is_refused() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path, mode| set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let dir = private_directory();
    let base = dir.path().join(BASE);
    publish(&base, &["one"]);
    let store = Store::open(dir.path()).unwrap();
    let mut scanner = Scanner::new(store.clone(), Policy::builtin());
    for (path, good, bad) in [
        (dir.path(), [0o750, 0o700], [0o770, 0o755, 0o702]),
        (&base, [0o640, 0o600], [0o660, 0o644, 0o602]),
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
    // A running store keeps what it has.
    mode(dir.path(), 0o770);
    assert_eq!(store.refresh().unwrap_err().code(), ErrorCode::Permissions);
    assert!(blocks(&mut scanner, "one"));
}
