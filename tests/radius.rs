//! Radius search through sets, as a platform uses it: by index and by scan, on every instruction set, against the definition. What the
//! index itself does with slices, at every size where something changes, is tested in `src/index/tests.rs`.

#![allow(clippy::print_stderr, reason = "says what it skips")]

mod common;
#[path = "radius/codes.rs"]
mod drawn;

use std::collections::BTreeMap;

use common::Parts;
use drawn::{KINDS, Kind, Random, query, real};
use tamis::fingerprint::{Algorithm, Fingerprints, Pdq, PdqHash, Perceptual, View};
use tamis::hamming::{Code, Isa, distance};
use tamis::search::{Layers, Near, RadiusSearch, Searcher, Strategy};
use tamis::set::{BuildOptions, Entry, List, ListId, ListKind, Profile, StoredEntry};
use tamis::{Set, SetBuilder};

/// The section of the radius index, in `FORMAT.md`.
const RADIUS_INDEX: u32 = 0x310;
const STRATEGIES: [Strategy; 3] = [Strategy::Auto, Strategy::Index, Strategy::Scan];

fn builder() -> (SetBuilder, ListId) {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("drawn", ListKind::Exchange)).unwrap();
    (builder, list)
}

/// A set with an index, of those of the codes that a set takes, and these, in its order.
fn set_of(codes: &[Code]) -> (Set, Vec<Code>) {
    let (mut builder, list) = builder();
    let mut taken: Vec<Code> = codes.to_vec();
    taken.retain(|code| builder.add(list, Entry::new(PdqHash(*code))).is_ok());
    taken.sort_unstable();
    taken.dedup();
    assert!(10 * taken.len() >= 9 * codes.len(), "{} of {}", taken.len(), codes.len());
    let bytes = builder.to_bytes().unwrap().0;
    // Panics if there is no such section: these tests would compare the scan with itself.
    assert!(!Parts::of(&bytes).section(RADIUS_INDEX).1.is_empty());
    let set = Set::from_bytes(&bytes).unwrap();
    assert_eq!(set.fingerprint_count(Algorithm::Pdq), taken.len() as u64);
    (set, taken)
}

/// As [`drawn::plain`].
fn expected(codes: &[Code], queries: &[(PdqHash, u32)]) -> Vec<Near> {
    let queries: Vec<(Code, u32)> =
        queries.iter().map(|(hash, radius)| (hash.0, *radius)).collect();
    drawn::plain(codes, &queries)
}

/// Asks by every strategy on every instruction set. Returns the number of matches.
fn compare(set: &Set, codes: &[Code], queries: &[(PdqHash, u32)], name: &str) -> usize {
    let expected = expected(codes, queries);
    for isa in Isa::available() {
        for strategy in STRATEGIES {
            let mut search = RadiusSearch::new().with_isa(isa).with_strategy(strategy);
            let found = search.within(set, queries).unwrap();
            assert!(
                found == expected,
                "{name}, {isa} {strategy:?}: {} found, {} expected",
                found.len(),
                expected.len()
            );
        }
    }
    expected.len()
}

fn at(radius: u32, codes: impl IntoIterator<Item = Code>) -> Vec<(PdqHash, u32)> {
    codes.into_iter().map(|code| (PdqHash(code), radius)).collect()
}

#[test]
fn real_codes_find_each_other() {
    let Some((frames, pictures)) = real() else {
        eprintln!("SKIPPED: no ../shared/data with the hashes of films and pictures");
        return;
    };
    let (set, codes) = set_of(&[frames, pictures].concat());
    assert!(codes.len() > 6000, "{}", codes.len());
    for radius in [0, 10, 20, 30, 31, 32, 40, 64] {
        let mut matches = 0;
        // All of them are asked for at the radius of the promise, elsewhere some.
        let step = if radius == 31 { 1 } else { 7 };
        let asked: Vec<Code> = codes.iter().copied().step_by(step).collect();
        for queries in asked.chunks(500) {
            matches += compare(&set, &codes, &at(radius, queries.to_vec()), &format!("{radius}"));
        }
        assert!(matches >= asked.len(), "radius {radius}: each finds at least itself");
        eprintln!("radius {radius}: {} queries, {matches} matches", asked.len());
    }
}

/// Where the index is of little use, the answer is the same.
#[test]
fn skewed_sets_are_searched_exactly() {
    let mut random = Random(1);
    let frames = real().map_or_else(|| drawn::drawn_frames(&mut random), |(frames, _)| frames);
    for kind in KINDS {
        let (set, codes) = set_of(&kind.codes(50_000, &frames, &mut random));
        let mut matches = 0;
        // Those that match everything are asked for less.
        let count = if kind == Kind::OneBitApart { 6 } else { 24 };
        for radius in [10, 30, 31, 32, 48] {
            let queries: Vec<Code> = (0..count).map(|_| query(&codes, &mut random)).collect();
            matches += compare(&set, &codes, &at(radius, queries), &format!("{kind:?} {radius}"));
        }
        eprintln!("{kind:?}: {} codes, {matches} matches", codes.len());
        assert!(matches > 0, "{kind:?}");
    }
}

/// Each of few codes has many entries: a row is found once, and all of its entries.
#[test]
fn a_code_of_many_entries_is_one_row() {
    let mut random = Random(2);
    let mut codes: Vec<Code> = (0..5000).map(|_| random.weight128()).collect();
    codes.sort_unstable();
    let (mut builder, list) = builder();
    let mut entries: BTreeMap<Code, usize> = BTreeMap::new();
    for number in 0..60_000 {
        // A twelfth of the codes has half of the entries.
        let code = codes[number / 2 % if number % 2 == 0 { 400 } else { 5000 }];
        let source_id = number.to_string();
        builder.add(list, Entry::new(PdqHash(code)).source_id(source_id)).unwrap();
        *entries.entry(code).or_default() += 1;
    }
    let codes: Vec<Code> = entries.keys().copied().collect();
    let set = Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap();
    assert_eq!((set.fingerprint_count(Algorithm::Pdq), set.entry_count()), (5000, 60_000));
    let queries: Vec<Code> = (0..40).map(|_| query(&codes, &mut random)).collect();
    assert!(compare(&set, &codes, &at(31, queries), "duplicates") >= 20);
    let (sets, mut search) = (Layers::of(set).unwrap(), RadiusSearch::new());
    for row in [0, 77, 399, 400, 4999] {
        let asked = PdqHash(random.flipped(&codes[row], 30));
        let found = search.entries(&sets, asked, 31, usize::MAX, |_, _| true).unwrap();
        assert_eq!(found.len(), entries[&codes[row]], "row {row}");
        assert!(found.iter().all(|near| {
            (near.stored.entry.fingerprint, near.distance) == (PdqHash(codes[row]).into(), 30)
        }));
    }
}

#[test]
fn a_batch_is_its_queries_one_by_one() {
    let mut random = Random(3);
    let (set, codes) = set_of(&Kind::Clustered.codes(30_000, &[], &mut random));
    let mut one = RadiusSearch::new();
    let mut matches = 0;
    for size in [1, 2, 7, 8, 9, 16, 17, 40] {
        let queries: Vec<(PdqHash, u32)> = (0..size)
            .map(|_| {
                let radius = *random.pick(&[0, 5, 10, 30, 31, 31, 32, 40, 55, 64, 96, 300]);
                // 300 finds everything; one such query is enough.
                let radius = if radius > 100 && size != 17 { 31 } else { radius };
                (PdqHash(query(&codes, &mut random)), radius)
            })
            .collect();
        let mut singly: Vec<Near> = Vec::new();
        for (number, query) in queries.iter().enumerate() {
            let found = one.within(&set, &[*query]).unwrap();
            singly.extend(found.iter().map(|near| Near { query: number, ..*near }));
        }
        singly.sort_unstable_by_key(|near| (near.row, near.query));
        matches += singly.len();
        for isa in Isa::available() {
            for strategy in STRATEGIES {
                let mut search = RadiusSearch::new().with_isa(isa).with_strategy(strategy);
                // Twice, since buffers are kept from call to call.
                for _ in 0..2 {
                    let found = search.within(&set, &queries).unwrap();
                    assert!(found == singly, "{size} queries, {isa} {strategy:?}");
                }
            }
        }
    }
    assert!(matches > 100, "{matches}");
}

#[test]
fn the_nearest_are_the_first_of_all_by_distance() {
    let mut random = Random(4);
    let (set, codes) = set_of(&Kind::Clustered.codes(20_000, &[], &mut random));
    let sets = Layers::of(set).unwrap();
    // Each row has one entry here.
    let row_of = |entry: &Entry| {
        let Ok(row) = codes.binary_search(entry.fingerprint.bytes().try_into().unwrap()) else {
            panic!("an entry that nobody added");
        };
        row
    };
    for strategy in STRATEGIES {
        let mut search = RadiusSearch::new().with_strategy(strategy);
        for round in 0..60 {
            let asked = query(&codes, &mut random);
            let radius = *random.pick(&[0, 12, 31, 40, 70]);
            let count = *random.pick(&[0, 1, 2, 5, 50, usize::MAX]);
            // Every third row is switched off in every other round.
            let keep = |row: usize| round % 2 == 0 || !row.is_multiple_of(3);
            let mut sorted = expected(&codes, &[(PdqHash(asked), radius)]);
            sorted.retain(|near| keep(near.row));
            sorted.sort_by_key(|near| (near.distance, near.row));
            sorted.truncate(count);
            let wanted = |_: &List, stored: &StoredEntry| keep(row_of(&stored.entry));
            let found = search.entries(&sets, PdqHash(asked), radius, count, wanted).unwrap();
            let found: Vec<Near> = found
                .iter()
                .map(|near| Near {
                    query: 0,
                    row: row_of(&near.stored.entry),
                    distance: near.distance,
                })
                .collect();
            assert_eq!(found, sorted, "{strategy:?}, radius {radius}, {count} nearest");
        }
    }
}

/// Some with an index, one too small for it, one that was built without, one that is empty.
#[test]
fn several_sets_are_searched_in_one_call() {
    let mut random = Random(5);
    let (first, first_codes) = set_of(&Kind::Clustered.codes(20_000, &[], &mut random));
    let (second, second_codes) = set_of(&Kind::Weight128.codes(5000, &[], &mut random));
    let small = |codes: &[Code], profile| {
        let (mut builder, list) = builder();
        for code in codes {
            builder.add(list, Entry::new(PdqHash(*code))).unwrap();
        }
        let options = BuildOptions::new().profile(profile);
        let mut on = |_| std::ops::ControlFlow::Continue(());
        Set::from_bytes(&builder.to_bytes_with(&options, &mut on).unwrap().0).unwrap()
    };
    let mut third_codes: Vec<Code> =
        (0..300).map(|i| random.moved(&first_codes[60 * i], i % 36)).collect();
    third_codes.sort_unstable();
    let fourth_codes: Vec<Code> = second_codes.iter().copied().step_by(2).collect();
    let third = small(&third_codes, Profile::Full);
    let sets =
        [first, second, third, small(&fourth_codes, Profile::Small), small(&[], Profile::Full)];
    let sets = Layers::new(sets.map(std::sync::Arc::new).into()).unwrap();
    let all = [&first_codes, &second_codes, &third_codes, &fourth_codes, &Vec::new()];

    let mut searcher = Searcher::new();
    let mut shared = 0;
    for round in 0..60 {
        let hash = PdqHash(query(all[round % 4], &mut random));
        let perceptual = vec![Perceptual::new(View::AsStored, Pdq { hash, quality: 100 })];
        let upload = Fingerprints::default().perceptual(perceptual);
        let radius = [10, 31, 40][round % 3];
        let found = searcher.perceptual(&sets, &upload, radius, 0).unwrap();
        let mut distances: Vec<u32> = found.matches().unwrap().iter().map(|m| m.distance).collect();
        distances.sort_unstable();
        // An entry of the same list and code is one entry, in whichever sets it stands.
        let mut expected: Vec<(Code, u32)> = Vec::new();
        for code in all.iter().flat_map(|codes| codes.iter()) {
            let bits = distance(code, &hash.0);
            expected.extend((bits <= radius).then_some((*code, bits)));
        }
        let before = expected.len();
        expected.sort_unstable();
        expected.dedup();
        shared += usize::from(expected.len() < before);
        let mut expected: Vec<u32> = expected.iter().map(|(_, bits)| *bits).collect();
        expected.sort_unstable();
        assert_eq!(distances, expected, "round {round}, radius {radius}");
    }
    assert!(shared > 0, "no query found a code that two sets have");
}

/// How much fuller the buckets are that real codes open than those of evenly spread ones would be: the measure of the permutation, which `search.md` of the
/// project's reference tells for others. `cargo test --test radius -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn candidates_of_real_codes() {
    let Some((frames, pictures)) = real() else {
        eprintln!("SKIPPED: no ../shared/data with the hashes of films and pictures");
        return;
    };
    let rows = |code: &Code| -> [u16; 16] {
        std::array::from_fn(|j| u16::from_be_bytes([code[2 * j], code[2 * j + 1]]))
    };
    let permuted = |code: &Code| -> [u16; 16] {
        std::array::from_fn(|chunk| {
            let places = drawn::chunk_places(chunk).enumerate();
            places.fold(0, |bits, (j, at)| bits | u16::from(code[at / 8] >> (at % 8) & 1) << j)
        })
    };
    for (name, codes) in [("frames", frames), ("pictures", pictures)] {
        let chunked: Vec<[[u16; 16]; 2]> = codes.iter().map(|c| [rows(c), permuted(c)]).collect();
        for (way, chunks) in ["rows", "the index's permutation"].into_iter().enumerate() {
            // By query: how often a chunk of another code that is no match is within one bit, against 16 * 17 / 2^16.
            let mut relative: Vec<f64> = Vec::new();
            let (mut opened, mut passed) = (0u64, 0u64);
            for (i, one) in chunked.iter().enumerate() {
                let (mut near, mut pairs) = (0u64, 0u64);
                for (j, other) in chunked.iter().enumerate() {
                    if i == j || distance(&codes[i], &codes[j]) <= 31 {
                        continue;
                    }
                    pairs += 1;
                    let (one, other) = (&one[way], &other[way]);
                    for c in 0..16 {
                        let differ = (one[c] ^ other[c]).count_ones();
                        if differ <= 1 {
                            near += 1;
                            let next = (one[(c + 1) % 16] ^ other[(c + 1) % 16]).count_ones();
                            passed += u64::from(differ + next <= 3);
                        }
                    }
                }
                opened += near;
                relative.push(near as f64 / pairs as f64 / (16.0 * 17.0 / 65536.0));
            }
            relative.sort_unstable_by(f64::total_cmp);
            let mean = relative.iter().sum::<f64>() / relative.len() as f64;
            let at = |part: f64| relative[((relative.len() - 1) as f64 * part) as usize];
            eprintln!(
                "{} {name}, {chunks}: {mean:.2} times as many candidates as uniform codes, p50 {:.2}, p99 {:.2}; {:.2} % pass the first test",
                codes.len(),
                at(0.5),
                at(0.99),
                100.0 * passed as f64 / opened as f64
            );
        }
    }
}
