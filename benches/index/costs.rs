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
//!
//! The columns bear the names of the fields of `Costs` in `src/index/plan.rs`. The last four are what a scan takes for each code and query, by one
//! query and by eight at once, at radius 31 and 55; `compared` is that of eight at 31, `FETCHED` what one takes that has to wait for memory. `plan`
//! has no column.

use std::time::Instant;

use tamis::hamming::{Code, Isa};
use tamis::index::{Buffers, Near, Strategy, scan};

use super::Indexed;
use super::drawn::{Random, chunk_places, plain};

/// Queries of each sort.
const QUERIES: usize = 32;

/// Prints the table. Each query is asked `rounds` times, in turns with all others.
pub(super) fn print(count: usize, rounds: usize) {
    let mut random = Random(super::LISTED);
    let family = family(count);
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
    // Nothing is to be booked on an entry or a candidate that is the price of another plan.
    for query in asked.iter().filter_map(|queries| queries.first()) {
        let (keys, entries) = opened(&set.codes, query, key_bits);
        assert!(entries <= most_entries(keys, set.codes.len(), key_bits), "it is planned anew");
    }
    let crowded = Indexed::new(crowded(set.codes.len(), &mut random));

    println!(
        "{} codes, keys of {key_bits} bits, lower quartiles of {} queries, picoseconds\n{:9} {:>8} {:>8} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}",
        set.codes.len(),
        QUERIES * rounds,
        "isa",
        "look_up",
        "bucket",
        "entry",
        "passed",
        "candidate",
        "start",
        "1x31",
        "1x55",
        "8x31",
        "8x55"
    );
    for isa in Isa::available() {
        let [none, one, two, three] = times(&set, isa, 31, &asked, rounds);
        let [few, ..] = times(&set, isa, 15, &asked, rounds);
        let [empty, ..] =
            times(&crowded, isa, 31, &[vec![[0xFF; 32]; QUERIES], vec![], vec![], vec![]], rounds);
        let [nothing, ..] =
            times(&crowded, isa, 15, &[vec![[0xFF; 32]; QUERIES], vec![], vec![], vec![]], rounds);
        let [one_31, one_55, eight_31, eight_55] =
            [(1, 31), (1, 55), (8, 31), (8, 55)].map(|(queries, radius)| {
                scan_time(&set, isa, queries, radius, &asked[0], rounds.div_ceil(10))
            });
        let (family, keys) = (family as f64, f64::from(1 + key_bits) * 16.0);
        let entry = (one - none) / family;
        let passed = (two - none) / family - 2.0 * entry;
        let candidate = (three - none) / family - 3.0 * entry - 2.0 * passed;
        let in_each = set.codes.len() as f64 / f64::from(1u32 << key_bits);
        let bucket = (none - few) / (keys - 16.0) - in_each * entry;
        let look_up = (empty - nothing) / (keys - 16.0);
        let start = few - 16.0 * (bucket + in_each * entry);
        println!(
            "{:9} {look_up:8.0} {bucket:8.0} {entry:8.0} {passed:8.0} {candidate:9.0} {start:8.0} {one_31:8.0} {one_55:8.0} {eight_31:8.0} {eight_55:8.0}",
            isa.name()
        );
    }
}

/// Codes of each family: many, or what an entry takes would drown in what the rest of a query does; but so few that the query that shares three
/// chunks with its family, and opens three buckets that hold all of it, is not planned anew.
fn family(count: usize) -> usize {
    let fits = |family: &usize| {
        let all = count + 3 * QUERIES * family;
        let key_bits = (all.ilog2() - 4).clamp(8, 16);
        let keys = 16 * (1 + key_bits as usize);
        // Buckets differ, and families have codes in each other's.
        let evenly = (keys * all) >> key_bits;
        3 * family + evenly + evenly / 10 <= most_entries(keys, all, key_bits)
    };
    (1..=(count / 125).min(8000)).rev().find(fits).unwrap_or(1)
}

/// Entries that a query may meet in so many buckets before it is planned anew, as `src/index/stages.rs` has it.
fn most_entries(keys: usize, codes: usize, key_bits: u32) -> usize {
    3 * ((keys * codes) >> key_bits) + 4000
}

/// The buckets that a query of radius 31 opens, and the entries in them: those of keys that differ in one bit or none, in each of the 16 tables.
fn opened(codes: &[Code], query: &Code, key_bits: u32) -> (usize, usize) {
    let mut entries = 0;
    for chunk in 0..16 {
        let key: Vec<usize> = chunk_places(chunk).take(key_bits as usize).collect();
        let differs =
            |code: &Code, place: &usize| (code[place / 8] ^ query[place / 8]) >> (place % 8) & 1;
        let near = |code: &&Code| key.iter().map(|place| differs(code, place)).sum::<u8>() < 2;
        entries += codes.iter().filter(near).count();
    }
    (16 * (1 + key_bits as usize), entries)
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

/// The lower quartile of the times of each sort of query by the index at this radius, in picoseconds. On a busy machine it wanders less than the median.
fn times(set: &Indexed, isa: Isa, radius: u32, asked: &[Vec<Code>; 4], rounds: usize) -> [f64; 4] {
    let index = set.index();
    let (mut buffers, mut found) = (Buffers::default(), Vec::<Near>::new());
    let mut times: [Vec<f64>; 4] = Default::default();
    for round in 0..rounds {
        for number in 0..QUERIES {
            for (sort, queries) in asked.iter().enumerate() {
                let Some(code) = queries.get(number) else { continue };
                let query = [(*code, radius)];
                found.clear();
                let started = Instant::now();
                index
                    .within(isa, Strategy::Index, &query, &mut buffers, &mut found)
                    .expect("a sound index");
                times[sort].push(started.elapsed().as_secs_f64() * 1e12);
                if round == 0 && number < 2 {
                    assert!(found == plain(&set.codes, &query), "{isa} {sort}");
                }
            }
        }
    }
    times.map(lower_quartile)
}

/// The same for a scan by so many queries at once, for each query and code.
fn scan_time(
    set: &Indexed,
    isa: Isa,
    queries: usize,
    radius: u32,
    asked: &[Code],
    rounds: usize,
) -> f64 {
    let mut found = Vec::<Near>::new();
    let mut times = Vec::new();
    for _ in 0..rounds {
        for codes in asked.chunks_exact(queries) {
            let asked: Vec<(Code, u32)> = codes.iter().map(|code| (*code, radius)).collect();
            found.clear();
            let started = Instant::now();
            scan(isa, &set.codes, &asked, &mut found);
            times.push(started.elapsed().as_secs_f64() * 1e12);
        }
    }
    lower_quartile(times) / (set.codes.len() * queries) as f64
}

fn lower_quartile(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 4).copied().unwrap_or(f64::NAN)
}
