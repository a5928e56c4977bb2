//! PDQ of pixels in memory, per size, format and instruction set: one hash, the eight dihedral ones, bands of rows; a rectangle of a
//! luma plane; and beside them the plain version and the replay.

mod common;

use common::{Picture, SIZES, UPLOAD};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tamis::fingerprint::{Hasher, Pdq, pdq::plain};
use tamis::hamming::Isa;
use tamis::media::{PixelFormat, Raster};

/// Rows that a decoder hands over together: two rows of blocks of a JPEG.
const BAND: usize = 16;

/// The picture's pixels in each format that is measured.
fn formats(picture: &Picture) -> [(&'static str, PixelFormat, Vec<u8>); 3] {
    let pixels = picture.rgb.as_chunks::<3>().0;
    let rgba = pixels.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
    let grey = pixels.iter().map(|[_, green, _]| *green).collect();
    [
        ("rgb", PixelFormat::Rgb8, picture.rgb.clone()),
        ("rgba", PixelFormat::Rgba8, rgba),
        ("grey", PixelFormat::Grey8, grey),
    ]
}

fn in_bands(hasher: &mut Hasher, raster: &Raster<'_>) -> Option<Pdq> {
    let (width, height) = (raster.width(), raster.height());
    hasher.start(width, height, raster.format(), 1);
    for y in (0..height).step_by(BAND) {
        let band = raster.crop(0, y, width, BAND.min(height - y)).expect("inside the picture");
        hasher.rows(&band);
    }
    hasher.finish()?.pdq()
}

fn hashing(c: &mut Criterion) {
    for (size, width, height) in SIZES {
        let picture = Picture::draw(UPLOAD, width, height);
        for (name, format, pixels) in formats(&picture) {
            let raster =
                Raster::new(&pixels, width, height, format).expect("as many bytes as pixels");
            let expected = plain::hash(&raster);
            let forms = plain::hash_dihedral(&raster);
            assert!(expected.quality >= 50, "{size}: too little detail for a photograph");

            let mut group = c.benchmark_group(format!("pdq {size} {name}"));
            group.throughput(Throughput::Elements((width * height) as u64));
            group.sample_size(20);
            for isa in Isa::available() {
                let mut hasher = Hasher::with_isa(isa);
                assert_eq!(hasher.hash(&raster), expected, "{isa}");
                group.bench_function(BenchmarkId::new("hash", isa), |b| {
                    b.iter(|| hasher.hash(black_box(&raster)));
                });
                if format == PixelFormat::Rgb8 {
                    assert_eq!(hasher.hash_dihedral(&raster), forms, "{isa}");
                    group.bench_function(BenchmarkId::new("dihedral", isa), |b| {
                        b.iter(|| hasher.hash_dihedral(black_box(&raster)));
                    });
                    assert_eq!(in_bands(&mut hasher, &raster), Some(expected), "{isa}");
                    group.bench_function(BenchmarkId::new("bands", isa), |b| {
                        b.iter(|| in_bands(&mut hasher, black_box(&raster)));
                    });
                }
            }
            // They would take most of the time at larger sizes, and plain would measure the memory there.
            if size == "512x512" && format == PixelFormat::Rgb8 {
                group.bench_function("plain", |b| b.iter(|| plain::hash(black_box(&raster))));
                let mut hasher = Hasher::new();
                let mut replay = move |raster: &Raster<'_>| {
                    hasher.start_replay(width, height, format);
                    hasher.replay_rows(raster);
                    hasher.finish_replay().expect("all rows").pdq()
                };
                assert_eq!(replay(&raster), expected);
                group.bench_function("replay", |b| b.iter(|| replay(black_box(&raster))));
            }
        }
    }
}

/// Two fifths of the area of a 1080p luma plane, from a place that no vector is aligned to.
fn rectangle(c: &mut Criterion) {
    let (size, width, height) = SIZES[1];
    let picture = Picture::draw(UPLOAD, width, height);
    let [_, _, (_, format, luma)] = formats(&picture);
    let plane = Raster::new(&luma, width, height, format).expect("as many bytes as pixels");
    let (width, height) = (width * 63 / 100, height * 63 / 100);
    let inner = plane.crop(191, 149, width, height).expect("inside the picture");
    let expected = plain::hash(&inner);

    let mut group = c.benchmark_group(format!("pdq rectangle of {size} grey"));
    group.throughput(Throughput::Elements((width * height) as u64));
    group.sample_size(20);
    for isa in Isa::available() {
        let mut hasher = Hasher::with_isa(isa);
        assert_eq!(hasher.hash(&inner), expected, "{isa}");
        group.bench_function(BenchmarkId::new("hash", isa), |b| {
            b.iter(|| hasher.hash(black_box(&inner)));
        });
    }
}

criterion_group!(benches, hashing, rectangle);
criterion_main!(benches);
