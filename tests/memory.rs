//! What one upload takes of the heap at its peak, besides the upload: counted, so that it is the same everywhere.

#![cfg(feature = "decode")]
#![allow(unsafe_code, reason = "an allocator that counts can only be written with `unsafe`")]
#![allow(clippy::print_stderr, reason = "it prints what it measured")]

mod counting;
mod listed;
mod pictures;

use counting::{live, peak_of};
use image::{ExtendedColorType, ImageEncoder};
use listed::{scanner_of, store_of};
use pictures::{hash, jpeg, png, scene};
use tamis::set::Entry;
use tamis::{Context, Outcome, Policy, Scanner};

const MIB: usize = 1 << 20;

/// A store that calls for perceptual hashes and holds nothing near what is uploaded here.
fn scanner() -> Scanner {
    scanner_of(store_of([Entry::new(hash(&scene(77, 300, 200)).hash)]), Policy::builtin())
}

/// A large picture: every pixel of a smaller one 16 times in each direction, with a little grain below `mask`.
fn large(width: usize, height: usize, mask: u8) -> Vec<u8> {
    let small = scene(3, width.div_ceil(16) as u32, height.div_ceil(16) as u32);
    let mut rgb = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            let grain = ((x * 31 + y * 17) ^ (x * y)) as u8 & mask;
            let pixel = small.get_pixel((x / 16) as u32, (y / 16) as u32);
            rgb.extend(pixel.0.map(|c| c.saturating_add(grain)));
        }
    }
    rgb
}

/// A stored JPEG of 50 megapixels and a deflated bitmap of 8: what one leaves behind must not stand beside the other.
fn archive() -> Vec<u8> {
    let jpeg = {
        let mut out = Vec::new();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 85);
        encoder.encode(&large(8160, 6144, 7), 8160, 6144, ExtendedColorType::Rgb8).unwrap();
        out
    };
    let bitmap = pictures::encode(&scene(5, 3200, 2400), image::ImageFormat::Bmp);
    let packed = miniz_oxide::deflate::compress_to_vec(&bitmap, 1);
    let mut out = Vec::new();
    for (name, method, size, body) in
        [(b"a.jpg", 0u8, jpeg.len(), &jpeg), (b"b.bmp", 8, bitmap.len(), &packed)]
    {
        out.extend(b"PK\x03\x04\x14\0\0\0");
        out.extend([method, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend((body.len() as u32).to_le_bytes());
        out.extend((size as u32).to_le_bytes());
        out.extend([5, 0, 0, 0]);
        out.extend(name);
        out.extend(body);
    }
    out
}

/// The one test of this file: another would allocate beside it.
#[test]
fn a_clear_upload_stays_within_its_memory() {
    let context = Context::at(1_790_000_000);
    let large_jpeg = |width: usize, height: usize| {
        let mut out = Vec::new();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 85);
        encoder
            .encode(&large(width, height, 7), width as u32, height as u32, ExtendedColorType::Rgb8)
            .unwrap();
        out
    };
    let large_png = |width: usize, height: usize| {
        let mut out = Vec::new();
        image::codecs::png::PngEncoder::new_with_quality(
            &mut out,
            image::codecs::png::CompressionType::Fast,
            image::codecs::png::FilterType::Sub,
        )
        .write_image(&large(width, height, 0), width as u32, height as u32, ExtendedColorType::Rgb8)
        .unwrap();
        out
    };
    type Make<'a> = Box<dyn Fn() -> Vec<u8> + 'a>;
    let uploads: [(&str, usize, Make<'_>); 6] = [
        ("JPEG, 2 megapixels", 4 * MIB, Box::new(|| jpeg(&scene(1, 1920, 1080)))),
        ("JPEG, 12 megapixels", 20 * MIB, Box::new(|| large_jpeg(4000, 3000))),
        ("JPEG, 50 megapixels", 64 * MIB, Box::new(|| large_jpeg(8160, 6144))),
        ("ZIP of a JPEG and an inflated BMP", 64 * MIB, Box::new(archive)),
        ("PNG, 2 megapixels", 2 * MIB, Box::new(|| png(&scene(1, 1920, 1080)))),
        ("PNG, 50 megapixels", 4 * MIB, Box::new(|| large_png(8160, 6144))),
    ];
    for (name, most, make) in uploads {
        let upload = make();
        let mut scanner = scanner();
        let before = live();
        let peak = peak_of(|| {
            let verdict = scanner.check(&upload, &context).unwrap();
            assert_eq!(verdict.outcome, Outcome::Clear, "{name}: {:?}", verdict.unscannable);
            assert!(verdict.complete, "{name}");
            let hashes = verdict.fingerprints.perceptual.len();
            assert!(hashes >= if name.starts_with("ZIP") { 2 } else { 8 }, "{name}");
        });
        eprintln!("{name}: {} KiB at the peak, {} KiB kept", peak >> 10, (live() - before) >> 10);
        assert!(peak <= most, "{name}: {} KiB", peak >> 10);
    }
}
