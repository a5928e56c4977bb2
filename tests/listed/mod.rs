//! Sets and stores of what a test lists, and scanners of them: what several integration tests share.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::time::Duration;

use tamis::fingerprint::{Algorithm, Algorithms, Fingerprint, digests};
use tamis::set::{Entry, List, ListKind, Set, SetBuilder};
use tamis::store::StoreOptions;
use tamis::{Limits, Policy, Scanner, Store};

pub const NOW: u64 = 1_790_000_000;

/// An entry that may block.
pub fn reviewed(fingerprint: impl Into<Fingerprint>) -> Entry {
    Entry::new(fingerprint).reviewed(true)
}

pub fn digest(bytes: &[u8], algorithm: Algorithm) -> Fingerprint {
    digests(bytes, Algorithms::DIGESTS).get(algorithm).unwrap()
}

/// A builder with the list `exchange`, holding `entries`.
pub fn builder(entries: impl IntoIterator<Item = Entry>) -> SetBuilder {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("exchange", ListKind::Exchange)).unwrap();
    for entry in entries {
        builder.add(list, entry).unwrap();
    }
    builder
}

pub fn set(builder: SetBuilder) -> Set {
    Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap()
}

pub fn store(builder: SetBuilder) -> Store {
    Store::from_set(set(builder), StoreOptions::new()).unwrap()
}

pub fn store_of(entries: impl IntoIterator<Item = Entry>) -> Store {
    store(builder(entries))
}

/// Limits under which a machine with other things to do gives the same answers.
pub fn patient() -> Limits {
    Limits::default().time(Duration::from_secs(600))
}

pub fn scanner_of(store: Store, policy: Policy) -> Scanner {
    Scanner::new(store, policy).with_limits(patient())
}
