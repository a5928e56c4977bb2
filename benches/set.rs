//! A set of a million entries, half PDQ and half SHA-256: opening it, reading it into memory, verifying it.

mod common;

use std::hint::black_box;
use std::path::{Path, PathBuf};

use common::{LISTED, Random, codes};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis::fingerprint::{Algorithm, Fingerprint, PdqHash};
use tamis::search::RadiusSearch;
use tamis::set::{Entry, List, ListKind, Residency};
use tamis::{Set, SetBuilder};

const ENTRIES: usize = 1_000_000;

/// The set, built anew: a file of an earlier format would be measured for this one.
fn built(codes: &[[u8; 32]]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-1m.tamis");
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("bench", ListKind::Exchange)).expect("a good name");
    let mut random = Random::new(LISTED);
    for code in codes {
        let digest: Vec<u8> = (0..4).flat_map(|_| random.next().to_le_bytes()).collect();
        let digest = Fingerprint::new(Algorithm::Sha256, &digest).expect("32 bytes");
        builder.add(list, Entry::new(PdqHash(*code))).expect("not poison");
        builder.add(list, Entry::new(digest)).expect("not poison");
    }
    let report = builder.write(&path).expect("room for 200 MB");
    assert_eq!(report.entries, ENTRIES as u64);
    path
}

fn opening(c: &mut Criterion) {
    let codes = codes(LISTED, ENTRIES / 2);
    let path = built(&codes);
    let set = Set::open(&path).expect("just written");
    assert_eq!(set.entry_count(), ENTRIES as u64);
    let mut search = RadiusSearch::new();
    assert_eq!(search.within(&set, &[(PdqHash(codes[7]), 0)]).expect("undamaged").len(), 1);
    let loaded = Set::load(&path).expect("just written");
    assert_eq!(loaded.digest(), set.digest());

    let mut group = c.benchmark_group("set of 1 M entries");
    group.sample_size(10);
    group.bench_function("open", |b| b.iter(|| Set::open(black_box(&path))));
    group.throughput(Throughput::Bytes(set.size()));
    group.bench_function("load", |b| b.iter(|| Set::load(black_box(&path))));
    group.bench_function("warm", |b| {
        b.iter(|| Set::open_with(black_box(&path), Residency::Populated).expect("undamaged"));
    });
    group.bench_function("verify", |b| {
        b.iter(|| {
            let verified = set.verify(&mut |_| {}).expect("undamaged");
            assert_eq!(verified.entries, ENTRIES as u64);
        });
    });
    drop((group, set));
    std::fs::remove_file(path).expect("it was ours");
}

criterion_group!(benches, opening);
criterion_main!(benches);
