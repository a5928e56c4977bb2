//! The scanner's promises, each shown on uploads that the test draws and sets that it builds.

#![cfg(feature = "decode")]

#[path = "scanner/entries.rs"]
mod entries;
mod listed;
#[path = "scanner/matches.rs"]
mod matches;
mod pictures;
#[path = "scanner/uploads.rs"]
mod uploads;

use std::time::{Duration, UNIX_EPOCH};

use listed::{NOW, builder, digest, reviewed, store_of};
use pictures::{hash, png, scene};
use tamis::fingerprint::Algorithm;
use tamis::set::{Entry, Set, SetBuilder};
use tamis::{Context, ErrorCode, Limits, Policy, Scanner, Store, Verdict};

fn now() -> Context {
    Context::at(NOW)
}

fn scanner(entries: impl IntoIterator<Item = Entry>) -> Scanner {
    Scanner::new(store_of(entries), Policy::builtin())
}

fn with_policy(entries: impl IntoIterator<Item = Entry>, policy: Policy) -> Scanner {
    Scanner::new(store_of(entries), policy)
}

/// The code of a picture that no test uploads, so that the store calls for perceptual hashes.
fn unrelated() -> Entry {
    reviewed(hash(&scene(999, 128, 128)).hash)
}

#[test]
fn a_damaged_store_is_an_error_and_never_an_allow() {
    let picture = scene(1, 200, 200);
    let upload = png(&picture);
    let code = hash(&picture).hash;
    let bytes =
        builder([reviewed(code), reviewed(digest(b"x", Algorithm::Md5))]).to_bytes().unwrap().0;
    let at = bytes.windows(32).position(|w| w == code.0).expect("the code is in the file");
    for bit in 0..8 {
        let mut damaged = bytes.clone();
        damaged[at + 5] ^= 1 << bit;
        let set = Set::from_bytes(&damaged).expect("opening reads the head only");
        let store = Store::from_set(set, Default::default()).unwrap();
        let mut scanner = Scanner::new(store, Policy::builtin());
        // It is an error each time, not only the first.
        for _ in 0..2 {
            assert_eq!(scanner.check(&upload, &now()).unwrap_err().code(), ErrorCode::SetCorrupt);
            let read = scanner.check_reader(&upload[..], &now());
            assert_eq!(read.unwrap_err().code(), ErrorCode::SetCorrupt);
        }
    }
}

/// Threads may share stores and sets, and be given scanners.
#[test]
fn the_types_may_cross_threads() {
    fn shared<T: Send + Sync>() {}
    fn given<T: Send>() {}
    shared::<(Store, Set, Policy, Limits, Context, Verdict, tamis::Error)>();
    given::<(Scanner, SetBuilder)>();
}

/// A time in milliseconds lies after the end of everything that ends: it would let all of that through.
#[test]
fn a_time_that_is_none_in_seconds_is_refused() {
    let mut scanner = scanner([]);
    assert!(scanner.check(b"words", &Context::at(u32::MAX.into())).is_ok());
    let milliseconds = Context::at(1_790_000_000_000);
    for refused in [
        scanner.check(b"words", &milliseconds),
        scanner.check_reader(&b"words"[..], &milliseconds),
        scanner.check_fingerprints(&Default::default(), &milliseconds),
    ] {
        assert_eq!(refused.unwrap_err().code(), ErrorCode::InvalidArgument);
    }
    let time = UNIX_EPOCH + Duration::from_millis(1_790_000_000_999);
    assert_eq!(Context::at_time(time).now, 1_790_000_000);
    assert_eq!(Context::at_time(UNIX_EPOCH - Duration::from_secs(9)).now, 0);
}
