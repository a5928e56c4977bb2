//! Every available kernel against the plain method, one line each.

use std::process::Command;

use proptest::prelude::*;

use super::isa::{Isa, planted};
use super::scan::{Code, distance, scan, scan_batch};

/// The plain method for one pair, bit by bit.
fn naive_distance(a: &Code, b: &Code) -> u32 {
    (0..256).map(|i| u32::from((a[i / 8] ^ b[i / 8]) >> (i % 8) & 1)).sum()
}

/// The plain method for a batch.
fn naive(codes: &[Code], queries: &[Code], radius: u32) -> Vec<(usize, usize, u32)> {
    let pairs = (0..codes.len()).flat_map(|row| (0..queries.len()).map(move |query| (query, row)));
    pairs
        .map(|(query, row)| (query, row, naive_distance(&queries[query], &codes[row])))
        .filter(|(_, _, distance)| *distance <= radius)
        .collect()
}

fn batch(isa: Isa, codes: &[Code], queries: &[Code], radius: u32) -> Vec<(usize, usize, u32)> {
    let mut found = Vec::new();
    scan_batch(isa, codes, queries, radius, |query, row, d| found.push((query, row, d)));
    found
}

fn single(isa: Isa, codes: &[Code], query: &Code, radius: u32) -> Vec<(usize, u32)> {
    let mut found = Vec::new();
    scan(isa, codes, query, radius, |row, d| found.push((row, d)));
    found
}

/// The code with `count` bits flipped, the first of them `start`.
fn flipped(code: &Code, start: usize, count: usize) -> Code {
    let mut code = *code;
    for flip in 0..count {
        let bit = (start + 37 * flip) % 256;
        code[bit / 8] ^= 1 << (bit % 8);
    }
    code
}

/// The same rows at `offset` bytes from a 64-byte boundary.
fn at_offset<R>(codes: &[Code], offset: usize, with: impl FnOnce(&[Code]) -> R) -> R {
    let mut buffer = vec![0xa5_u8; codes.len() * 32 + 128];
    let start = buffer.as_ptr().align_offset(64) + offset;
    let bytes = &mut buffer[start..start + codes.len() * 32];
    bytes.copy_from_slice(codes.as_flattened());
    with(bytes.as_chunks().0)
}

#[test]
fn says_which_instruction_sets_were_tested() {
    let names: Vec<_> = Isa::available().map(Isa::name).collect();
    assert_eq!(names.first(), Some(&"portable"));
    for name in ["portable", "avx2", "avx512", "neon"] {
        let skipped = !names.contains(&name);
        #[allow(clippy::print_stderr, reason = "tells the reader of the log what was not tested")]
        if skipped {
            eprintln!("skipped: this CPU has no {name}");
        }
        assert_eq!(Isa::named(name).is_err(), skipped);
    }
}

#[test]
fn every_length_at_every_alignment() {
    let (codes, queries) = planted();
    // Two times the planted rows, to have enough for 515.
    let codes = [codes.clone(), codes].concat();
    let expected = naive(&codes, &queries, 31);
    for isa in Isa::available() {
        for offset in 0..64 {
            at_offset(&codes, offset, |codes| {
                for length in 0..=515 {
                    // The expected calls of a prefix are a prefix of the expected calls.
                    let end = expected.partition_point(|(_, row, _)| *row < length);
                    let found = batch(isa, &codes[..length], &queries, 31);
                    assert_eq!(found, expected[..end], "{isa}, length {length}, offset {offset}");
                }
            });
        }
    }
}

/// One row at each distance around the radius, at each place of a tile, among rows that are far away.
#[test]
fn planted_around_every_radius() {
    let query: Code = std::array::from_fn(|i| (i * 37) as u8);
    let far = flipped(&query, 0, 256);
    for isa in Isa::available() {
        for radius in 0..=256_u32 {
            for distance in radius.saturating_sub(1)..=(radius + 1).min(256) {
                let place = (radius * 3 + distance) as usize % 100;
                let mut codes = vec![far; 100];
                codes[place] = flipped(&query, place, distance as usize);
                assert_eq!(naive_distance(&query, &codes[place]), distance);
                let found = single(isa, &codes, &query, radius);
                assert_eq!(
                    found.contains(&(place, distance)),
                    distance <= radius,
                    "{isa}, radius {radius}, distance {distance}"
                );
                assert_eq!(
                    found.len(),
                    if radius == 256 { 100 } else { (distance <= radius).into() }
                );
            }
        }
    }
}

#[test]
fn equal_rows_and_complements() {
    for code in [[0; 32], [0xff; 32], [0x5a; 32]] {
        let complement = code.map(|byte: u8| !byte);
        for isa in Isa::available() {
            for (radius, length) in [(0, 200), (31, 64), (128, 65), (254, 63), (255, 200)] {
                let all: Vec<_> = (0..length).map(|row| (row, 0)).collect();
                assert_eq!(single(isa, &vec![code; length], &code, radius), all);
                assert_eq!(single(isa, &vec![code; length], &complement, radius), []);
            }
            for radius in [256, 257, 511, 512, u32::MAX] {
                let all: Vec<_> = (0..130).map(|row| (row, 256)).collect();
                assert_eq!(single(isa, &[code; 130], &complement, radius), all);
            }
        }
    }
}

/// The difference lies in one half of the code only: the early exit after the first half must not decide for the whole.
#[test]
fn differences_in_one_half() {
    let query = [0; 32];
    for isa in Isa::available() {
        for bits in 0..=128_usize {
            let mut first = [0; 32];
            (0..bits).for_each(|bit| first[bit / 8] |= 1 << (bit % 8));
            let mut second = first;
            second.rotate_right(16);
            for radius in [0, 31, 64, 127] {
                let expected = if bits <= radius {
                    vec![(0, bits as u32), (1, bits as u32)]
                } else {
                    Vec::new()
                };
                assert_eq!(single(isa, &[first, second], &query, radius as u32), expected);
            }
        }
    }
}

#[test]
fn batch_is_the_singles_in_order() {
    let (codes, _) = planted();
    for isa in Isa::available() {
        for count in [0, 1, 8, 9, 100] {
            let queries = &codes[..count];
            for radius in [0, 31, 130, 256] {
                let mut singles: Vec<_> = Vec::new();
                for (i, query) in queries.iter().enumerate() {
                    singles.extend(
                        single(isa, &codes, query, radius).into_iter().map(|(row, d)| (i, row, d)),
                    );
                }
                singles.sort_by_key(|(query, row, _)| (*row, *query));
                assert_eq!(batch(isa, &codes, queries, radius), singles);
            }
        }
    }
}

/// `near` itself, bit for bit: an answer that is only too large would be hidden by the exact distances that follow.
#[test]
fn near_is_exact() {
    let (codes, queries) = planted();
    let tiles = codes.as_chunks().0;
    for isa in Isa::available() {
        for tile in tiles {
            for count in 0..=queries.len() {
                for radius in 0..=257 {
                    let within = |bytes: usize| {
                        let mut near = 0_u64;
                        for (row, code) in tile.iter().enumerate() {
                            near |= u64::from(queries[..count].iter().any(|query| {
                                let (mut a, mut b) = (*query, *code);
                                a[bytes..].fill(0);
                                b[bytes..].fill(0);
                                distance(&a, &b) <= radius
                            })) << row;
                        }
                        near
                    };
                    assert_eq!(isa.near::<16>(tile, &queries[..count], radius), within(16));
                    assert_eq!(isa.near::<32>(tile, &queries[..count], radius), within(32));
                }
            }
        }
    }
}

#[test]
fn self_test_passes_and_the_choice_falls_back() {
    assert!(Isa::available().all(Isa::self_test));
    let all: Vec<_> = Isa::available().collect();
    assert!(all.is_sorted());
    for (i, isa) in all.iter().enumerate() {
        assert_eq!(Isa::choose(Some(*isa), |_| true), *isa);
        let next_lower = all[i.saturating_sub(1)];
        assert_eq!(Isa::choose(Some(*isa), |other| other != *isa), next_lower);
    }
    assert_eq!(Isa::choose(None, |_| true), all[all.len() - 1]);
    assert_eq!(Isa::choose(None, |_| false), Isa::PORTABLE);
}

#[test]
fn names_are_read_and_complained_about() {
    for isa in Isa::available() {
        assert_eq!(Isa::named(isa.name()), Ok(isa));
        assert_eq!(format!("{isa:>9}"), format!("{:>9}", isa.name()));
    }
    assert!(Isa::named("AVX2").unwrap_err().contains("expected one of portable, avx2"));
    let foreign = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
    assert!(Isa::named(foreign).unwrap_err().contains("does not have"));
}

/// What this process chose, for [`the_environment_can_only_lower`].
#[test]
fn prints_the_choice() {
    let strongest = Isa::choose(None, |_| true);
    assert!(Isa::detect() <= strongest);
    assert_eq!(Isa::detect(), Isa::requested().unwrap_or(None).unwrap_or(strongest));
    #[allow(clippy::print_stdout, reason = "read by the parent test")]
    {
        println!("chosen={};", Isa::detect());
    }
}

#[test]
fn the_environment_can_only_lower() {
    let strongest = Isa::choose(None, |_| true);
    for value in ["portable", "avx2", "avx512", "neon", "", "AVX2", "sse9"] {
        let expected = Isa::available().find(|isa| isa.name() == value).unwrap_or(strongest);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hamming::tests::prints_the_choice", "--nocapture"])
            .env("TAMIS_ISA", value)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&child.stdout);
        assert!(printed.contains(&format!("chosen={expected};")), "{value:?}: {printed}");
        assert!(child.status.success());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn distance_is_naive_distance(a: Code, b: Code) {
        prop_assert_eq!(distance(&a, &b), naive_distance(&a, &b));
    }

    /// Rows at random distances of random queries, so that every radius divides them.
    #[test]
    fn scans_are_the_plain_method(
        queries in prop::collection::vec(any::<Code>(), 0..10),
        rows in prop::collection::vec((any::<Code>(), any::<prop::sample::Index>(), 0..512_usize, 0..=256_usize), 0..200),
        radius in 0..=256_u32,
        offset in 0..64_usize,
    ) {
        let codes: Vec<Code> = rows
            .into_iter()
            .map(|(code, query, start, flips)| match queries.as_slice() {
                [] => code,
                _ if start >= 256 => code,
                _ => flipped(query.get(&queries), start, flips),
            })
            .collect();
        let expected = naive(&codes, &queries, radius);
        for isa in Isa::available() {
            at_offset(&codes, offset, |codes| {
                prop_assert_eq!(batch(isa, codes, &queries, radius), expected.as_slice());
                Ok(())
            })?;
        }
    }
}
