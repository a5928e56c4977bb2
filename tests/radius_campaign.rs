//! Millions of queries against one set in a mapped file, each answer compared with the truth: `tests/long search`.
//!
//! The truth, of every query: it was made of a known code by flipping a known number of bits, so that row must be found if those are within the
//! radius, and not otherwise; and whatever is found is compared with the code that stands there. That leaves other rows that should have been found:
//! of every tenth call, a scan of all codes says which those are.

#![allow(clippy::print_stderr, reason = "says how far it is")]

#[path = "radius/codes.rs"]
mod drawn;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use drawn::{Kind, Random, planted};
use tamis::fingerprint::{Algorithm, PdqHash};
use tamis::hamming::{Code, Isa};
use tamis::search::{Near, RadiusSearch, Strategy};
use tamis::set::{Entry, List, ListKind};
use tamis::{Set, SetBuilder};

const RADIUS: u32 = 31;
const KINDS: [Kind; 2] = [Kind::Weight128, Kind::Clustered];
/// Queries of one unit of work: a thread takes one after the other.
const UNIT: usize = 10_000;
/// One call of so many is compared with the scan in full.
const SCANNED: usize = 10;

/// What was asked of one kind of set by one way of searching, and what came of it.
#[derive(Clone, Debug, Default)]
struct Tally {
    queries: u64,
    /// Made at a distance of exactly 30, 31 and 32 bits.
    at: [u64; 3],
    within: u64,
    matches: u64,
    scanned: u64,
    scanned_matches: u64,
    faults: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        let Tally { queries, at, within, matches, scanned, scanned_matches, faults } = other;
        self.queries += queries;
        self.at.iter_mut().zip(at).for_each(|(sum, n)| *sum += n);
        self.within += within;
        self.matches += matches;
        self.scanned += scanned;
        self.scanned_matches += scanned_matches;
        self.faults.extend(faults);
    }
}

/// The ways that calls take in turn: each instruction set, by the costs and by the index whatever it costs.
fn ways() -> Vec<(Isa, Strategy)> {
    let isas: Vec<Isa> = Isa::available().collect();
    isas.iter().flat_map(|isa| [(*isa, Strategy::Auto), (*isa, Strategy::Index)]).collect()
}

/// Bits in which two codes differ, by the definition and by none of the kernels.
fn differ(one: &Code, other: &Code) -> u32 {
    one.iter().zip(other).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// One call: some queries at once, some with what is known of them.
fn call(
    search: &mut RadiusSearch,
    set: &Set,
    codes: &[Code],
    random: &mut Random,
    scanned: bool,
    most: usize,
) -> Tally {
    // Batches of one upload, of its eight views, and others.
    let size = if scanned { 64 } else { *random.pick(&[1, 1, 8, 8, 16, 40]) }.min(most);
    let mut tally = Tally { queries: size as u64, ..Tally::default() };
    let mut known = Vec::new();
    let mut queries = Vec::new();
    for number in 0..size {
        let code = match planted(codes, random) {
            Some((code, row, bits)) => {
                known.push((number, row, bits));
                if let Some(at) = bits.checked_sub(30).filter(|at| *at < 3) {
                    tally.at[at as usize] += 1;
                }
                code
            }
            None => random.stranger(),
        };
        queries.push((PdqHash(code), RADIUS));
    }
    let found = match search.within(set, &queries) {
        Ok(found) => found.to_vec(),
        Err(error) => {
            tally.faults.push(error.to_string());
            return tally;
        }
    };
    tally.matches = found.len() as u64;
    for (query, row, bits) in known {
        let near = found.binary_search_by_key(&(row, query), |near| (near.row, near.query));
        let right = match near {
            Ok(at) => bits <= RADIUS && found[at].distance == bits,
            Err(_) => bits > RADIUS,
        };
        tally.within += u64::from(bits <= RADIUS);
        if !right {
            tally.faults.push(format!("{:?}, made of row {row} by {bits} bits", queries[query].0));
        }
    }
    for near in &found {
        let bits = differ(&codes[near.row], &queries[near.query].0.0);
        if bits != near.distance || bits > RADIUS {
            tally
                .faults
                .push(format!("{near:?} of {:?} is {bits} bits away", queries[near.query].0));
        }
    }
    if !found.is_sorted_by_key(|near| (near.row, near.query)) {
        tally.faults.push(format!("out of order: {queries:?}"));
    }
    if scanned {
        let asked: Vec<Code> = queries.iter().map(|(hash, _)| hash.0).collect();
        let mut truth = Vec::new();
        tamis::hamming::scan_batch(Isa::detect(), codes, &asked, RADIUS, |query, row, distance| {
            truth.push(Near { query, row, distance });
        });
        tally.scanned = size as u64;
        tally.scanned_matches = truth.len() as u64;
        if truth != found {
            tally.faults.push(format!("{} found, {} by scan: {asked:?}", found.len(), truth.len()));
        }
    }
    tally
}

/// One unit of work by one way.
fn unit(number: usize, of: usize, way: (Isa, Strategy), set: &Set, codes: &[Code]) -> Tally {
    let mut random = Random(0x5ea0_0000 + number as u64);
    let mut search = RadiusSearch::new().with_isa(way.0).with_strategy(way.1);
    let mut tally = Tally::default();
    let mut scanned = 0;
    while (tally.queries as usize) < of {
        // By queries and not by calls, as those that are compared in full are larger.
        let due = scanned * SCANNED < of.min(tally.queries as usize + 1);
        let done = call(&mut search, set, codes, &mut random, due, of - tally.queries as usize);
        scanned += done.scanned as usize;
        tally.add(done);
    }
    tally
}

fn write_set(path: &Path, kind: Kind, count: usize) -> Vec<Code> {
    let codes = kind.codes(count, &[], &mut Random(kind as u64 + 1));
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("drawn", ListKind::Exchange)).unwrap();
    for code in &codes {
        let entry = Entry::new(PdqHash(*code)).item("drawn");
        builder.add(list, entry).expect("such codes may enter a set");
    }
    builder.write(path).unwrap();
    codes
}

/// Asks so many queries, half of them of each kind of set; the rows of the record.
fn run(queries: usize, count: usize) -> (String, Vec<String>) {
    let started = Instant::now();
    let mut table = "codes\tkind\tisa\tmethod\tqueries\tmade at 30\tmade at 31\tmade at 32\tmade within 31\tmatches\talso compared with a scan\tmatches of those\tfaults\n".to_owned();
    let mut faults = Vec::new();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (ways, done) = (ways(), AtomicUsize::new(0));
    for kind in KINDS {
        let path: PathBuf = folder.path().join("drawn.tamis");
        let codes = write_set(&path, kind, count);
        let set = Set::open(&path).unwrap();
        assert_eq!(set.fingerprint_count(Algorithm::Pdq), codes.len() as u64);
        let units = queries.div_ceil(KINDS.len() * UNIT).max(ways.len());
        let each = queries.div_ceil(KINDS.len() * units);
        let (next, tallies) = (AtomicUsize::new(0), Mutex::new(vec![Tally::default(); ways.len()]));
        let told = Mutex::new(Instant::now());
        let work = || loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= units {
                return;
            }
            let way = number % ways.len();
            let tally = unit(number, each, ways[way], &set, &codes);
            tallies.lock().unwrap()[way].add(tally);
            let done = done.fetch_add(each, Ordering::Relaxed) + each;
            let mut told = told.lock().unwrap();
            if told.elapsed() > Duration::from_secs(20) {
                *told = Instant::now();
                let part = done as f64 / (KINDS.len() * units * each) as f64;
                let left = started.elapsed().mul_f64((1.0 - part) / part).as_secs();
                eprintln!("{kind:?}: {done} queries, {:.1} %, {left} s left", 100.0 * part);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        for ((isa, method), tally) in ways.iter().zip(tallies.into_inner().unwrap()) {
            let [a, b, c] = tally.at;
            let Tally { queries, within, matches, scanned, scanned_matches, .. } = tally;
            writeln!(
                table,
                "{}\t{kind:?}\t{isa}\t{method:?}\t{queries}\t{a}\t{b}\t{c}\t{within}\t{matches}\t{scanned}\t{scanned_matches}\t{}",
                codes.len(),
                tally.faults.len()
            )
            .unwrap();
            faults.extend(
                tally.faults.into_iter().map(|f| format!("{kind:?} {isa} {method:?}: {f}")),
            );
        }
    }
    eprint!("{table}");
    eprintln!("{:.0} s", started.elapsed().as_secs_f64());
    (table, faults)
}

#[test]
fn some_queries_are_answered_truly() {
    let (table, faults) = run(6000, 30_000);
    assert!(faults.is_empty(), "{}: {:?}", faults.len(), &faults[..faults.len().min(5)]);
    let sum = |column: usize| -> u64 {
        table
            .lines()
            .skip(1)
            .map(|l| l.split('\t').nth(column).unwrap().parse::<u64>().unwrap())
            .sum()
    };
    assert!(sum(4) >= 6000 && sum(8) > 3000 && sum(9) >= sum(8) && sum(10) > 500, "{table}");
}

/// All of them, on all threads: `tests/long search`. `TAMIS_SEARCH_QUERIES` and `TAMIS_SEARCH_CODES` make it shorter.
#[test]
#[ignore = "takes a quarter of an hour: tests/long search"]
fn campaign() {
    let number = |name: &str, default: usize| {
        std::env::var(name).map_or(default, |n| n.parse().expect("a number"))
    };
    let (table, faults) =
        run(number("TAMIS_SEARCH_QUERIES", 10_000_000), number("TAMIS_SEARCH_CODES", 1_000_000));
    std::fs::write(std::env::var_os("TAMIS_SEARCH_RECORD").expect("a file to write"), table)
        .unwrap();
    assert!(faults.is_empty(), "{}: {:#?}", faults.len(), &faults[..faults.len().min(20)]);
}
