//! PDQ of RGB pixels in memory: one hash, the eight dihedral ones, and beside them the plain version.

mod common;

use common::{Picture, SIZES, UPLOAD};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tamis::fingerprint::{Hasher, pdq::plain};

fn hashing(c: &mut Criterion) {
    for (size, width, height) in SIZES {
        let picture = Picture::draw(UPLOAD, width, height);
        let raster = picture.raster();
        let mut hasher = Hasher::new();
        let expected = plain::hash(&raster);
        assert_eq!(hasher.hash(&raster), expected);
        assert_eq!(hasher.hash_dihedral(&raster), plain::hash_dihedral(&raster));
        assert!(expected.quality >= 50, "{size}: too little detail for a photograph");

        let mut group = c.benchmark_group(format!("pdq {size}"));
        group.throughput(Throughput::Elements((width * height) as u64));
        group.sample_size(20);
        group.bench_function("hash", |b| b.iter(|| hasher.hash(black_box(&raster))));
        group.bench_function("dihedral", |b| b.iter(|| hasher.hash_dihedral(black_box(&raster))));
        // It holds whole planes in memory: at larger sizes it would measure the memory.
        if size == "512x512" {
            group.bench_function("plain", |b| b.iter(|| plain::hash(black_box(&raster))));
        }
    }
}

criterion_group!(benches, hashing);
criterion_main!(benches);
