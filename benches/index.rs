//! The radius index against the scan, at 100,000 and a million codes; beside segments; on sets that are hard for it; and what each of its steps
//! takes, for the constants in `src/index/plan.rs`.
//!
//! ```sh
//! cargo bench --bench index                      # criterion's report
//! cargo bench --bench index -- skew              # p50 and p99 on sets that are hard for the index, a million codes each
//! cargo bench --bench index -- costs [CODES]     # picoseconds for each step, per instruction set
//! ```

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

mod common;
#[path = "index/costs.rs"]
mod costs;
#[path = "../tests/radius/codes.rs"]
mod drawn;
#[path = "index/skew.rs"]
mod skew;

use std::time::Duration;

use common::LISTED;
use criterion::{BenchmarkId, Criterion, criterion_group};
use drawn::{Kind, Random, plain, query};
use tamis::hamming::{Code, Isa};
use tamis::index::{Buffers, Builder, Near, RadiusIndex, Strategy, scan};

/// Queries that take turns, so that one does not find in the caches what it left there.
const TURNS: usize = 512;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let codes = || args.get(1).map_or(1_000_000, |n| n.parse().expect("a number of codes"));
    match args.first().map(String::as_str) {
        Some("skew") => return skew::print(codes(), 500),
        Some("costs") => return costs::print(codes(), 60),
        _ => {}
    }
    if in_test() {
        // Their answers are asserted too.
        skew::print(20_000, 20);
        costs::print(20_000, 1);
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}

/// `cargo bench -- --test`: only the assertions, on smaller sets.
fn in_test() -> bool {
    std::env::args().any(|arg| arg == "--test")
}

/// Codes with their index.
struct Indexed {
    codes: Vec<Code>,
    bytes: Vec<u8>,
}

impl Indexed {
    fn new(codes: Vec<Code>) -> Indexed {
        let bytes = Builder::new(&codes).expect("few enough").to_bytes();
        Indexed { codes, bytes }
    }

    fn index(&self) -> RadiusIndex<'_, ()> {
        RadiusIndex::new(&self.codes, &self.bytes, ()).expect("made of these codes")
    }
}

/// Asks an index, or scans if there is none.
struct Asker<'a> {
    index: Option<RadiusIndex<'a, ()>>,
    codes: &'a [Code],
    isa: Isa,
    buffers: Buffers,
    found: Vec<Near>,
}

impl<'a> Asker<'a> {
    fn new(of: &'a Indexed, isa: Isa, by_index: bool) -> Asker<'a> {
        let index = by_index.then(|| of.index());
        Asker { index, codes: &of.codes, isa, buffers: Buffers::default(), found: Vec::new() }
    }

    fn ask(&mut self, queries: &[(Code, u32)]) -> &[Near] {
        self.found.clear();
        match &self.index {
            Some(index) => index
                .within(self.isa, Strategy::Auto, queries, &mut self.buffers, &mut self.found)
                .expect("a sound index"),
            None => scan(self.isa, self.codes, queries, &mut self.found),
        }
        &self.found
    }
}

fn queries(codes: &[Code], radius: u32, random: &mut Random) -> Vec<(Code, u32)> {
    (0..TURNS).map(|_| (query(codes, random), radius)).collect()
}

fn searching(c: &mut Criterion) {
    let sizes: &[usize] = if in_test() { &[20_000] } else { &[100_000, 1_000_000] };
    for size in sizes {
        let mut random = Random(LISTED);
        let set = Indexed::new(Kind::Weight128.codes(*size, &[], &mut random));
        for (radius, count) in [(31, 1), (31, 8), (10, 1), (55, 1)] {
            let queries = queries(&set.codes, radius, &mut random);
            let mut group =
                c.benchmark_group(format!("radius {radius}, {size} codes, queries {count}"));
            group.sample_size(20).measurement_time(Duration::from_secs(2));
            for isa in Isa::available() {
                for way in ["index", "scan"] {
                    let mut asker = Asker::new(&set, isa, way == "index");
                    for queries in queries.chunks(count).take(8) {
                        assert!(asker.ask(queries) == plain(&set.codes, queries), "{way} {isa}");
                    }
                    let mut turns = queries.chunks_exact(count).cycle();
                    group.bench_function(BenchmarkId::new(way, isa), |b| {
                        b.iter(|| turns.next().map(|queries| asker.ask(queries).len()));
                    });
                }
            }
        }
    }
}

/// A set with four segments that were added since and a tail that has no index yet, against the set alone.
fn segments(c: &mut Criterion) {
    let size = if in_test() { 20_000 } else { 1_000_000 };
    let mut random = Random(LISTED + 1);
    let mut drawn = |count| Kind::Weight128.codes(count, &[], &mut random);
    let parts: Vec<Indexed> =
        [size, 32_768, 16_384, 8192, 4096].into_iter().map(|n| Indexed::new(drawn(n))).collect();
    let tail = Indexed { codes: drawn(4000), bytes: Vec::new() };
    let all: Vec<Code> = parts.iter().chain([&tail]).flat_map(|p| p.codes.clone()).collect();
    let queries = queries(&all, 31, &mut random);
    let mut group = c.benchmark_group(format!("{size} codes and what was added"));
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    for isa in Isa::available() {
        let mut askers: Vec<Asker<'_>> = parts.iter().map(|p| Asker::new(p, isa, true)).collect();
        askers.push(Asker::new(&tail, isa, false));
        for query in queries.chunks(1).take(16) {
            let found: usize = askers.iter_mut().map(|asker| asker.ask(query).len()).sum();
            assert_eq!(found, plain(&all, query).len(), "{isa}");
        }
        for (name, parts) in [("base alone", 1), ("base, four segments, tail", askers.len())] {
            let mut turns = queries.chunks(1).cycle();
            group.bench_function(BenchmarkId::new(name, isa), |b| {
                b.iter(|| {
                    let query = turns.next().unwrap_or_default();
                    askers[..parts].iter_mut().map(|asker| asker.ask(query).len()).sum::<usize>()
                });
            });
        }
    }
}

criterion_group!(benches, searching, segments);
