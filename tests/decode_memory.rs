//! What decoding takes of the heap, against what `Limits::memory` says: no picture that is let in takes more, and none is kept
//! out that needs far less.

#![cfg(feature = "decode")]
#![allow(unsafe_code, reason = "an allocator that counts can only be written with `unsafe`")]
#![allow(clippy::print_stderr, reason = "it prints what it measured")]

mod counting;

use counting::peak_of;
use image::codecs::gif::GifEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, Frame as Picture, ImageEncoder, ImageFormat};
use tamis::Limits;
use tamis::media::{Decoder, Frame, Raster, Request, Sink, Unscannable, sniff};

/// Looks at nothing.
struct Nobody;

impl Sink for Nobody {
    fn begin(&mut self, _: &Frame) {}
    fn rows(&mut self, _: &Raster<'_>) {}
}

fn drawn(width: u32, height: u32) -> DynamicImage {
    let picture = image::RgbaImage::from_fn(width, height, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 7;
        image::Rgba([x as u8, y as u8, noise as u8, (x * y / 50) as u8 | 3])
    });
    DynamicImage::ImageRgba8(picture)
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn animated_gif() -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut out, 30);
    let frames = (0..5).map(|i| {
        Picture::from_parts(
            drawn(600 + i, 400).into_rgba8(),
            0,
            0,
            image::Delay::from_numer_denom_ms(10, 1),
        )
    });
    encoder.encode_frames(frames).unwrap();
    drop(encoder);
    out
}

/// An animation of one picture, five times, each a frame that is cleared or restored behind it.
fn animated_webp(still: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut body = b"WEBPVP8X\x0a\0\0\0\x12\0\0\0".to_vec();
    body.extend(&(width - 1).to_le_bytes()[..3]);
    body.extend(&(height - 1).to_le_bytes()[..3]);
    body.extend(b"ANIM\x06\0\0\0\0\0\0\0\0\0");
    let mut frame = vec![0; 6];
    frame.extend(&(width - 1).to_le_bytes()[..3]);
    frame.extend(&(height - 1).to_le_bytes()[..3]);
    frame.extend([10, 0, 0, 1]);
    frame.extend(&still[12..]);
    for _ in 0..5 {
        body.extend(b"ANMF");
        body.extend((frame.len() as u32).to_le_bytes());
        body.extend(&frame);
    }
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// The one test of this file: another would allocate beside it.
#[test]
fn what_is_let_in_stays_within_its_memory() {
    let picture = drawn(1500, 1000);
    let still = encoded(&picture, ImageFormat::WebP);
    let mut wide = Vec::new();
    let words = vec![77; 16_000 * 40 * 8];
    PngEncoder::new(&mut wide).write_image(&words, 16_000, 40, ExtendedColorType::Rgba16).unwrap();
    let lossy = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/data/threatexchange/misc-images/modes/HSV.webp"
    );
    let mut cases = vec![
        ("PNG", encoded(&picture, ImageFormat::Png)),
        ("wide PNG of 16 bits", wide),
        ("GIF", encoded(&drawn(700, 500), ImageFormat::Gif)),
        ("GIF of 5 frames", animated_gif()),
        ("lossless WebP", still.clone()),
        ("WebP of 5 frames", animated_webp(&still, 1500, 1000)),
        ("BMP", encoded(&DynamicImage::ImageRgb8(picture.to_rgb8()), ImageFormat::Bmp)),
    ];
    match std::fs::read(lossy) {
        Ok(bytes) => {
            // Cut, it is decoded twice.
            cases.push(("lossy WebP that is cut", bytes[..bytes.len() * 2 / 3].to_vec()));
            cases.push(("lossy WebP", bytes));
        }
        Err(error) => eprintln!("skipped: {lossy}: {error}"),
    }
    for (name, bytes) in cases {
        let outcome = |memory: u64| {
            let time = std::time::Duration::from_secs(600);
            let limits = Limits::default().memory(memory).time(time);
            let mut out = Err(Unscannable::Limit);
            let peak = peak_of(|| {
                let request =
                    Request { frames: 8, ..Request::still(&bytes, sniff(&bytes), &limits) };
                out = Decoder::new().decode(&request, &mut Nobody);
            });
            (out, peak as u64)
        };
        if name.ends_with("cut") && outcome(64 << 20).0.is_err() {
            eprintln!("{name}: nothing to be told from what is missing");
            continue;
        }
        // The least memory it is let in with, to one part in ten.
        let (mut low, mut high) = (0, 64 << 20);
        while high - low > high / 10 {
            let memory = (low + high) / 2;
            let (out, peak) = outcome(memory);
            assert!(peak <= memory.max(1 << 19), "{name}: {} KiB of {}", peak >> 10, memory >> 10);
            match out {
                Ok(_) => high = memory,
                Err(reason) => {
                    assert_eq!(reason, Unscannable::Limit, "{name} with {} KiB", memory >> 10);
                    low = memory;
                }
            }
        }
        let (out, peak) = outcome(64 << 20);
        eprintln!(
            "{name}: let in with {} KiB; with enough, {} KiB at the peak and {:?}",
            high >> 10,
            peak >> 10,
            out
        );
        assert!(high <= 4 * peak + (2 << 20), "{name} is kept out without need");
    }
}
