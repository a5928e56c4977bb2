//! The files of the test list, damaged at random and judged whole: whatever an upload's bytes are, there is a verdict.
//!
//! Unlike the fuzz corpora these mutants get far into the decoders: check sums are made to hold again, parts change places, and
//! ends are spliced on. The damage depends on the number of the mutant only, so that a failure can be had again.

#![cfg(feature = "decode")]
#![allow(clippy::print_stderr, reason = "it prints what it counted")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tamis::set::{Set, SetBuilder};
use tamis::store::{StoreOptions, test_files};
use tamis::{Context, Outcome, Policy, Scanner, Store};

const MUTANTS: u64 = 2000;

/// Numbers that follow from a seed.
struct Draw(blake3::OutputReader);

impl Draw {
    fn new(seed: &str) -> Draw {
        Draw(blake3::Hasher::new().update(seed.as_bytes()).finalize_xof())
    }

    fn below(&mut self, bound: usize) -> usize {
        let mut word = [0; 8];
        self.0.fill(&mut word);
        (u64::from_le_bytes(word) % bound.max(1) as u64) as usize
    }

    fn part(&mut self, parts: &[Range<usize>]) -> Range<usize> {
        parts[self.below(parts.len())].clone()
    }
}

/// The parts that a file is made of: chunks, segments, blocks of 64 bytes where neither is known.
fn parts(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut ends = vec![0];
    if bytes.starts_with(b"\x89PNG") {
        ends.push(8);
        while let Some(length) =
            bytes.get(ends[ends.len() - 1]..).and_then(|b| b.first_chunk::<4>())
        {
            ends.push(ends[ends.len() - 1] + 12 + u32::from_be_bytes(*length) as usize);
        }
    } else if bytes.starts_with(b"\xff\xd8") {
        ends.extend(
            (2..bytes.len())
                .filter(|at| bytes[at - 1] == 0xff && bytes[*at] >= 0xc0)
                .map(|at| at - 1),
        );
    } else {
        ends.extend((64..bytes.len()).step_by(64));
    }
    ends.retain(|end| *end < bytes.len());
    ends.push(bytes.len());
    ends.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

fn mutant(original: &[u8], draw: &mut Draw) -> Vec<u8> {
    let mut bytes = original.to_vec();
    let parts = parts(original);
    for _ in 0..=draw.below(3) {
        let length = bytes.len();
        match draw.below(8) {
            0 | 1 => {
                for _ in 0..=draw.below(12) {
                    let at = draw.below(length);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << draw.below(8);
                    }
                }
            }
            2 => bytes.truncate(draw.below(length)),
            3 => {
                bytes.truncate(draw.below(length));
                bytes.extend_from_slice(&original[parts[parts.len() - 1].clone()]);
            }
            4 => {
                let (one, other) = (draw.part(&parts), draw.part(&parts));
                let (one, other) =
                    if one.start < other.start { (one, other) } else { (other, one) };
                bytes = original[..one.start].to_vec();
                for range in [
                    other.clone(),
                    one.end..other.start.max(one.end),
                    one,
                    other.end..original.len(),
                ] {
                    bytes.extend_from_slice(&original[range]);
                }
            }
            5 => {
                let part = draw.part(&parts);
                let repeated = original[part].repeat(1 + draw.below(40));
                let at = parts[draw.below(parts.len())].start.min(length);
                bytes.splice(at..at, repeated);
            }
            6 => {
                // A number of 32 bits that is as large, or as nearly negative, as can be.
                let value = [0, u32::MAX, 1 << 31, (1 << 31) - 1, 65536][draw.below(5)];
                let at = draw.below(length.min(4096));
                let value =
                    if draw.below(2) == 0 { value.to_be_bytes() } else { value.to_le_bytes() };
                let end = (at + 4).min(length);
                bytes[at.min(end)..end].copy_from_slice(&value[..end - at.min(end)]);
            }
            _ => {
                let foreign = test_files()[draw.below(test_files().len())].bytes;
                let from = draw.below(foreign.len());
                let many = draw.below(300).min(foreign.len() - from);
                let at = draw.below(length);
                bytes.splice(at..at, foreign[from..from + many].iter().copied());
            }
        }
    }
    if draw.below(4) > 0 {
        seal(&mut bytes);
    }
    bytes
}

/// Makes the check sums of a PNG's chunks hold, so that damage gets past them.
fn seal(bytes: &mut [u8]) {
    if !bytes.starts_with(b"\x89PNG") {
        return;
    }
    let mut at = 8;
    while let Some(length) = bytes.get(at..).and_then(|b| b.first_chunk::<4>()) {
        let end = at + 8 + u32::from_be_bytes(*length) as usize;
        let Some(body) = bytes.get(at + 4..end) else { return };
        let sum = !body.iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |s, _| {
                s >> 1 ^ if s & 1 == 1 { 0xedb8_8320 } else { 0 }
            })
        });
        let Some(place) = bytes.get_mut(end..end + 4) else { return };
        place.copy_from_slice(&sum.to_be_bytes());
        at = end + 4;
    }
}

#[test]
fn every_mutant_of_the_test_list_gets_a_verdict() {
    let empty = Set::from_bytes(&SetBuilder::new().to_bytes().unwrap().0).unwrap();
    let store = Store::from_set(empty, StoreOptions::new().test_list(true)).unwrap();
    // One scanner for all: what a mutant leaves behind must not change the verdict on the next upload.
    let mut scanner = Scanner::new(store, Policy::builtin());
    let context = Context::at(1_790_000_000);
    for file in test_files() {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for number in 0..MUTANTS {
            let bytes = mutant(file.bytes, &mut Draw::new(&format!("{} {number}", file.name)));
            let checked = catch_unwind(AssertUnwindSafe(|| scanner.check(&bytes, &context)));
            let verdict = match checked {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(error)) => panic!("mutant {number} of {}: {error}", file.name),
                Err(_) => panic!("mutant {number} of {}: the panic above", file.name),
            };
            assert_eq!(
                verdict.outcome == Outcome::Clear,
                verdict.matches.is_empty() && verdict.unscannable.is_none()
            );
            assert!(
                verdict.unscannable.is_none() || !verdict.complete,
                "mutant {number} of {}",
                file.name
            );
            let outcome = verdict
                .unscannable
                .map_or(format!("{:?}", verdict.outcome), |reason| reason.to_string());
            *counts.entry(outcome.to_lowercase()).or_insert(0) += 1;
        }
        eprintln!("{}: {counts:?}", file.name);
        assert_eq!(
            scanner.check(file.bytes, &context).unwrap().outcome,
            Outcome::Match,
            "{}",
            file.name
        );
        // The mutants are neither all harmless nor all refused at the door.
        assert!(counts.len() > 1 || file.name.ends_with(".txt"), "{counts:?}");
    }
}
