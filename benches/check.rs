//! The whole judgement of a JPEG, from bytes to verdict, against a store of 100,000 entries.

mod common;

use std::hint::black_box;

use common::{LISTED, Picture, Random, SIZES, STRANGER, UPLOAD, codes};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis::fingerprint::{Algorithm, Algorithms, Fingerprint, PdqHash, digests, pdq};
use tamis::set::{Entry, List, ListKind};
use tamis::store::StoreOptions;
use tamis::{Action, Context, Limits, Method, Outcome, Policy, Scanner, Set, SetBuilder, Store};

const ENTRIES: usize = 100_000;

/// Half PDQ, half SHA-256; `listed` among them.
fn store(listed: &[Fingerprint]) -> Store {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("bench", ListKind::Exchange)).expect("a good name");
    let mut random = Random::new(LISTED);
    let mut fingerprints = listed.to_vec();
    for code in codes(LISTED, (ENTRIES - listed.len()) / 2) {
        let digest: Vec<u8> = (0..4).flat_map(|_| random.next().to_le_bytes()).collect();
        fingerprints.push(PdqHash(code).into());
        fingerprints.push(Fingerprint::new(Algorithm::Sha256, &digest).expect("32 bytes"));
    }
    for fingerprint in fingerprints {
        let entry = Entry { reviewed: true, ..Entry::new(fingerprint) };
        builder.add(list, entry).expect("not poison");
    }
    let set = Set::from_bytes(&builder.to_bytes().expect("small enough").0).expect("just made");
    assert_eq!(set.entry_count(), ENTRIES as u64);
    Store::from_set(set, StoreOptions::new()).expect("a sound set")
}

fn checking(c: &mut Criterion) {
    let sha256 = Algorithms::NONE.with(Algorithm::Sha256);
    let pictures = SIZES.map(|(size, width, height)| {
        let known = Picture::draw(UPLOAD, width, height);
        // The list holds the digest of one encoding and the PDQ of the pixels; the upload may be another encoding.
        let (exact, again) = (known.jpeg(90), known.jpeg(80));
        let listed = [
            pdq(&known.raster()).hash.into(),
            digests(&exact, sha256).get(Algorithm::Sha256).expect("asked for"),
        ];
        (size, exact, again, Picture::draw(STRANGER, width, height).jpeg(80), listed)
    });
    let listed: Vec<Fingerprint> = pictures.iter().flat_map(|p| p.4).collect();
    // A busy machine must not turn a long decode into another verdict.
    let limits = Limits { time: std::time::Duration::from_secs(60), ..Limits::default() };
    let mut scanner = Scanner::new(store(&listed), Policy::builtin()).with_limits(limits);
    let context = Context::at(1_790_000_000);

    for (size, exact, again, clear, _) in &pictures {
        let mut group = c.benchmark_group(format!("check of a JPEG {size}"));
        group.sample_size(10);
        for (name, upload) in [("clear", clear), ("match", again), ("exact match", exact)] {
            let verdict = scanner.check(upload, &context).expect("a sound set");
            let matched = verdict.matches.first().map(|m| (m.algorithm, m.distance <= 12));
            match name {
                "clear" => {
                    assert_eq!((verdict.outcome, verdict.action), (Outcome::Clear, Action::Allow));
                    assert!(verdict.complete);
                    assert_eq!(verdict.examined, [Method::Digests, Method::Perceptual]);
                }
                "match" => {
                    assert_eq!(verdict.action, Action::Block, "{}", verdict.reason());
                    assert_eq!(matched, Some((Algorithm::Pdq, true)));
                }
                _ => {
                    assert_eq!(verdict.action, Action::Block, "{}", verdict.reason());
                    assert_eq!(matched, Some((Algorithm::Sha256, true)));
                    assert_eq!(verdict.examined, [Method::Digests], "it need not be decoded");
                }
            }
            group.throughput(Throughput::Bytes(upload.len() as u64));
            group.bench_function(name, |b| {
                b.iter(|| scanner.check(black_box(upload), &context).expect("a sound set"));
            });
        }
    }
}

criterion_group!(benches, checking);
criterion_main!(benches);
