//! What each step of a search takes, from queries that differ in one step alone.
//!
//! Beside codes at random the set holds families that share some chunks with one query and have the opposite of the next, so that it is known how many
//! more entries are read (E), pass the first test (P) and are compared (C) than for a query without a family of `m` codes:
//!
//! ```text
//! chunk 0 shared             m E               no entry passes
//! chunks 0 and 1 shared     2m E +  m P        those of table 0 pass the first test, none the second
//! chunks 0, 1, 2 shared     3m E + 2m P + m C  those of table 0 pass both, those of table 1 the first
//! ```
//!
//! A radius of 15 opens 16 buckets and one of 31 272 (with keys of 16 bits): from those the cost of a bucket and of the start. A look-up is what remains of
//! a bucket that is empty, in a set all of whose codes stand in few buckets far from the query.

use std::time::Instant;

use tamis::hamming::{Code, Isa};
use tamis::index::{Buffers, Near, Strategy};

use super::Indexed;
use super::drawn::{Random, chunk_places, plain};

/// Queries of each sort.
const QUERIES: usize = 32;

/// Prints the table. Each query is asked `rounds` times, in turns with all others.
pub(super) fn print(count: usize, rounds: usize) {
    let mut random = Random(super::LISTED);
    // Large, or what an entry takes would drown in what the rest of a query does.
    let family = (count / 125).min(8000);
    let mut codes: Vec<Code> = (0..count).map(|_| random.weight128()).collect();
    let mut asked: [Vec<Code>; 4] = Default::default();
    for (shared, queries) in asked.iter_mut().enumerate() {
        for _ in 0..QUERIES {
            let query = random.weight128();
            for _ in 0..if shared > 0 { family } else { 0 } {
                let mut code = random.weight128();
                for chunk in 0..=shared {
                    for place in chunk_places(chunk) {
                        let (byte, mask) = (place / 8, 1 << (place % 8));
                        let bit = if chunk < shared { query[byte] } else { !query[byte] };
                        code[byte] = code[byte] & !mask | bit & mask;
                    }
                }
                codes.push(code);
            }
            queries.push(query);
        }
    }
    codes.sort_unstable();
    codes.dedup();
    let set = Indexed::new(codes);
    let key_bits = u32::from_le_bytes([set.bytes[0], set.bytes[1], set.bytes[2], set.bytes[3]]);
    let crowded = Indexed::new(crowded(set.codes.len(), &mut random));

    println!(
        "{} codes, keys of {key_bits} bits, lower quartiles of {} queries, picoseconds\n{:9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9}",
        set.codes.len(),
        QUERIES * rounds,
        "isa",
        "row",
        "look_up",
        "bucket",
        "entry",
        "passed",
        "compared",
        "start"
    );
    for isa in Isa::available() {
        let [none, one, two, three] = times(&set, isa, Some(31), &asked, rounds);
        let [few, ..] = times(&set, isa, Some(15), &asked, rounds);
        let [empty, ..] = times(
            &crowded,
            isa,
            Some(31),
            &[vec![[0xFF; 32]; QUERIES], vec![], vec![], vec![]],
            rounds,
        );
        let [nothing, ..] = times(
            &crowded,
            isa,
            Some(15),
            &[vec![[0xFF; 32]; QUERIES], vec![], vec![], vec![]],
            rounds,
        );
        let [row, ..] = times(&set, isa, None, &asked, rounds.div_ceil(10));
        let (family, keys) = (family as f64, f64::from(1 + key_bits) * 16.0);
        let entry = (one - none) / family;
        let passed = (two - none) / family - 2.0 * entry;
        let compared = (three - none) / family - 3.0 * entry - 2.0 * passed;
        let in_each = set.codes.len() as f64 / f64::from(1u32 << key_bits);
        let bucket = (none - few) / (keys - 16.0) - in_each * entry;
        let look_up = (empty - nothing) / (keys - 16.0);
        let start = few - 16.0 * (bucket + in_each * entry);
        let row = row / set.codes.len() as f64;
        println!(
            "{:9} {row:8.0} {look_up:8.0} {bucket:8.0} {entry:8.0} {passed:8.0} {compared:9.0} {start:9.0}",
            isa.name()
        );
    }
}

/// So many codes whose chunks all begin with ten zeros: no bucket of a key with more than a few of those bits set holds anything.
fn crowded(count: usize, random: &mut Random) -> Vec<Code> {
    let mut codes: Vec<Code> = (0..count).map(|_| random.stranger()).collect();
    for code in &mut codes {
        for place in (0..16).flat_map(|chunk| chunk_places(chunk).skip(6)) {
            code[place / 8] &= !(1 << (place % 8));
        }
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The lower quartile of the times of each sort of query, in picoseconds: by the index at this radius, or by a scan. On a busy machine it wanders less
/// than the median.
fn times(
    set: &Indexed,
    isa: Isa,
    radius: Option<u32>,
    asked: &[Vec<Code>; 4],
    rounds: usize,
) -> [f64; 4] {
    let index = set.index();
    let (mut buffers, mut found) = (Buffers::default(), Vec::<Near>::new());
    let mut times: [Vec<f64>; 4] = Default::default();
    let method = if radius.is_some() { Strategy::Index } else { Strategy::Scan };
    for round in 0..rounds {
        for number in 0..QUERIES {
            for (sort, queries) in asked.iter().enumerate() {
                let Some(code) = queries.get(number) else { continue };
                let query = [(*code, radius.unwrap_or(31))];
                found.clear();
                let started = Instant::now();
                index.within(isa, method, &query, &mut buffers, &mut found).expect("a sound index");
                times[sort].push(started.elapsed().as_secs_f64() * 1e12);
                if round == 0 && number < 2 {
                    assert!(found == plain(&set.codes, &query), "{isa} {sort}");
                }
            }
        }
    }
    times.map(|mut times| {
        times.sort_unstable_by(f64::total_cmp);
        times.get(times.len() / 4).copied().unwrap_or(f64::NAN)
    })
}
