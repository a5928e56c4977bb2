//! The whole judgement of a JPEG, from bytes to verdict, against a store of 100,000 entries; and the judgement of fingerprints that a million
//! entries match.

mod common;

use std::hint::black_box;

use common::{LISTED, Picture, QUERIES, Random, SIZES, STRANGER, UPLOAD, altered, codes};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis::fingerprint::{
    Algorithm, Algorithms, Fingerprint, Fingerprints, Pdq, PdqHash, Perceptual, View, digests, pdq,
};
use tamis::set::{Entry, List, ListKind, Opinion};
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
        let entry = Entry::new(fingerprint).reviewed(true);
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
    let limits = Limits::default().time(std::time::Duration::from_secs(60));
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

/// A million entries that say different things, all of them found: under one digest, under one code, under as many codes near one.
fn crowds(c: &mut Criterion) {
    const CROWD: usize = 1_000_000;
    let mut random = Random::new(QUERIES);
    let (one, centre) = (PdqHash(codes(LISTED, 1)[0]), codes(QUERIES, 1)[0]);
    let file = digests(b"listed a million times", Algorithms::NONE.with(Algorithm::Sha256));
    let mut group = c.benchmark_group("a million matches");
    group.sample_size(10);
    for name in ["one digest", "one code", "one code, two views", "codes in a cluster"] {
        let asked = match name {
            "one digest" => Fingerprints::default().digests(file),
            _ => {
                let hash = if name.starts_with("one") { one } else { PdqHash(centre) };
                let views = [View::AsStored, View::FlipY];
                let views = &views[..if name.ends_with("two views") { 2 } else { 1 }];
                let seen = |view: &View| Perceptual::new(*view, Pdq { hash, quality: 100 });
                Fingerprints::default().perceptual(views.iter().map(seen).collect())
            }
        };
        let mut builder = SetBuilder::new();
        let lists = [ListKind::Exchange, ListKind::Friend]
            .map(|kind| builder.add_list(List::new(kind.to_string(), kind)).expect("a good name"));
        for number in 0..CROWD {
            let fingerprint = match name {
                "one digest" => file.get(Algorithm::Sha256).expect("asked for"),
                "codes in a cluster" => {
                    let mut code = altered(&centre, random.below(12));
                    // Up to 4 more bits cleared, so that nearly all codes are distinct.
                    for byte in random.next().to_le_bytes().into_iter().take(4) {
                        code[usize::from(byte / 8)] &= !(1 << (byte % 8));
                    }
                    PdqHash(code).into()
                }
                _ => one.into(),
            };
            let entry = Entry::new(fingerprint)
                .source_id(format!("case {number}"))
                .labels(vec![["war", "terror", "hate"][random.below(3)].to_owned()])
                .reviewed(random.below(4) > 0)
                .opinion([Opinion::Positive, Opinion::Seed][random.below(2)]);
            builder.add(lists[random.below(2)], entry).expect("not poison");
        }
        let set = Set::from_bytes(&builder.to_bytes().expect("small enough").0).expect("just made");
        let store = Store::from_set(set, StoreOptions::new()).expect("a sound set");
        let mut scanner = Scanner::new(store, Policy::builtin());
        let context = Context::at(1_790_000_000);
        let verdict = scanner.check_fingerprints(&asked, &context).expect("a sound set");
        assert_eq!((verdict.action, verdict.matches.len()), (Action::Block, 100));
        assert_eq!(verdict.more_matches, CROWD - 100);
        group.bench_function(name, |b| {
            b.iter(|| scanner.check_fingerprints(black_box(&asked), &context).expect("sound"));
        });
    }
}

criterion_group!(benches, checking, crowds);
criterion_main!(benches);
