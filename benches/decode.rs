//! Decoding alone: each format through Tamis, into a sink that only counts, beside the `image` crate into one whole buffer.
//!
//! The pixels are compared first: lossless formats with what was encoded, lossy ones by their hash.

mod common;

use std::hint::black_box;
use std::io::Cursor;

use common::{Picture, SIZES, UPLOAD};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::{ImageFormat, RgbImage};
use tamis::Limits;
use tamis::fingerprint::pdq;
use tamis::media::{Channels, Decoder, Frame, Keep, Raster, Request, Sink, sniff};

/// Counts the rows, so that no decoder can leave them out.
#[derive(Default)]
struct Rows(usize);

impl Sink for Rows {
    fn begin(&mut self, _: &Frame) {}

    fn rows(&mut self, band: &Raster<'_>) {
        self.0 += black_box(band).height();
    }
}

fn files(picture: &Picture) -> Vec<(&'static str, Vec<u8>)> {
    let image =
        RgbImage::from_raw(picture.width as u32, picture.height as u32, picture.rgb.clone());
    let image = image.expect("as many bytes as pixels");
    let encode = |format| {
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, format).expect("an encoder for it");
        file.into_inner()
    };
    vec![
        ("JPEG", picture.jpeg(88)),
        ("PNG", encode(ImageFormat::Png)),
        ("WebP", encode(ImageFormat::WebP)),
        ("BMP", encode(ImageFormat::Bmp)),
    ]
}

fn decoding(c: &mut Criterion) {
    // A busy machine must not turn a long decode into a timeout.
    let limits = Limits::default().time(std::time::Duration::from_secs(60)).memory(256 << 20);
    for (size, width, height) in SIZES {
        let picture = Picture::draw(UPLOAD, width, height);
        let expected = pdq(&picture.raster());
        for (format, file) in files(&picture) {
            let colour = Request::still(&file, sniff(&file), &limits);
            let luma = Request { channels: Channels::Luma, ..colour };
            let mut decoder = Decoder::new();
            let mut decode = |request: &Request<'_>| {
                let mut rows = Rows::default();
                decoder
                    .decode(&Request { started: std::time::Instant::now(), ..*request }, &mut rows)
                    .expect("a sound file");
                assert_eq!(rows.0, height);
            };
            for request in [&colour, &luma] {
                let mut kept = Keep::default();
                Decoder::new().decode(request, &mut kept).expect("a sound file");
                let raster = kept.raster().expect("a frame");
                if format == "JPEG" {
                    let found = pdq(&raster).hash;
                    assert!(found.distance(&expected.hash) <= 8, "{format} {size}");
                } else {
                    let same =
                        |y: usize| *raster.row(y) == picture.rgb[3 * width * y..][..3 * width];
                    assert!((0..height).all(same), "{format} {size}");
                }
            }
            let mut group = c.benchmark_group(format!("decode {format} {size}"));
            group.sample_size(10).throughput(Throughput::Elements((width * height) as u64));
            group.bench_function("colour", |b| b.iter(|| decode(&colour)));
            if format == "JPEG" {
                group.bench_function("luma", |b| b.iter(|| decode(&luma)));
            }
            group.bench_function("image crate", |b| {
                b.iter(|| {
                    image::load_from_memory(black_box(&file)).expect("a sound file").to_rgb8()
                });
            });
        }
    }
}

criterion_group!(benches, decoding);
criterion_main!(benches);
