//! Scan of a million codes at radius 31, on every instruction set of this CPU, and beside it the loop that anybody would write.

mod common;

use common::{LISTED, QUERIES, altered, codes};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tamis::hamming::{Code, Isa, scan_batch};

const ROWS: usize = 1_000_000;
const RADIUS: u32 = 31;

/// Query, row and distance.
type Near = Vec<(usize, usize, u32)>;

fn naive(codes: &[Code], queries: &[Code]) -> Near {
    let words = |code: &Code| -> [u64; 4] {
        std::array::from_fn(|i| u64::from_ne_bytes(code.as_chunks::<8>().0[i]))
    };
    let queries: Vec<_> = queries.iter().map(words).collect();
    let mut near = Vec::new();
    for (row, code) in codes.iter().map(words).enumerate() {
        for (query, other) in queries.iter().enumerate() {
            let distance = (0..4).map(|i| (code[i] ^ other[i]).count_ones()).sum();
            if distance <= RADIUS {
                near.push((query, row, distance));
            }
        }
    }
    near
}

fn scanning(c: &mut Criterion) {
    let queries = codes(QUERIES, 8);
    let mut rows = codes(LISTED, ROWS);
    // Neighbours of each query, in the order of the rows; those 32 bits away are just outside.
    let mut planted = Near::new();
    for (place, pairs) in [0, 1, 8, 15, 16].into_iter().enumerate() {
        for (query, code) in queries.iter().enumerate() {
            let row = place * 199_999 + query * 1013;
            rows[row] = altered(code, pairs);
            if 2 * pairs as u32 <= RADIUS {
                planted.push((query, row, 2 * pairs as u32));
            }
        }
    }
    for count in [1, 8] {
        let queries = &queries[..count];
        let planted: Near = planted.iter().copied().filter(|near| near.0 < count).collect();
        let mut group = c.benchmark_group(format!("scan of 1 M codes, queries {count}"));
        group.throughput(Throughput::Elements((ROWS * count) as u64));
        group.sample_size(20);
        for isa in Isa::available() {
            let run = || {
                let mut near = Near::new();
                scan_batch(isa, black_box(&rows), queries, RADIUS, |query, row, distance| {
                    near.push((query, row, distance));
                });
                near
            };
            assert_eq!(run(), planted, "{isa}");
            group.bench_function(isa.name(), |b| b.iter(run));
        }
        assert_eq!(naive(&rows, queries), planted);
        group.bench_function("naive", |b| b.iter(|| naive(black_box(&rows), queries)));
    }
}

criterion_group!(benches, scanning);
criterion_main!(benches);
