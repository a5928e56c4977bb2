//! A scanner reuses its buffers: once warm, it holds no more of the heap however many uploads follow.

#![cfg(feature = "decode")]
#![allow(unsafe_code, reason = "an allocator that counts can only be written with `unsafe`")]
#![allow(clippy::print_stderr, reason = "it prints what it measured")]

mod counting;
mod listed;
mod pictures;

use counting::{live, peak_of};
use image::ImageFormat;
use listed::{builder, set};
use pictures::{at_distance, encode, film, hash, jpeg, png, scene, turned_jpeg};
use tamis::set::Entry;
use tamis::store::StoreOptions;
use tamis::{Context, Policy, Scanner, Store};

/// Twenty uploads of every kind, the largest 1920 x 1080.
fn uploads() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (seed, (width, height)) in
        [(64, 64), (333, 200), (1024, 768), (1920, 1080)].into_iter().enumerate()
    {
        let picture = scene(seed as u32, width, height);
        all.push(jpeg(&picture));
        all.push(png(&picture));
        all.push(turned_jpeg(&picture, 6));
    }
    let small = scene(9, 300, 300);
    all.push(encode(&small, ImageFormat::Gif));
    all.push(encode(&small, ImageFormat::WebP));
    all.push(encode(&small, ImageFormat::Bmp));
    let whole = jpeg(&small);
    all.push(whole[..whole.len() / 2].to_vec());
    let mut corrupt = png(&small);
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0x40;
    all.push(corrupt);
    // A flat picture: the hasher's way for near-ties has buffers of its own.
    all.push(png(&image::RgbImage::from_pixel(500, 400, image::Rgb([200; 3]))));
    all.push(b"known words, repeated. ".repeat(9000));
    all.push(film());
    assert_eq!(all.len(), 20);
    all
}

/// The one test of this file: another would allocate beside it.
#[test]
fn a_warm_scanner_does_not_grow() {
    let code = hash(&scene(1, 333, 200)).hash;
    let set = set(builder((0..40).map(|distance| Entry::new(at_distance(code, distance)))));
    let store = Store::from_set(set, StoreOptions::new().test_list(true)).unwrap();
    let uploads = uploads();
    let context = Context::at(1_790_000_000);
    let mut matches = 0;
    let mut scanner = Scanner::new(store, Policy::builtin());
    let mut check = |upload: &[u8], read: bool| {
        let verdict = if read {
            scanner.check_reader(upload, &context)
        } else {
            scanner.check(upload, &context)
        };
        matches += verdict.unwrap().matches.len();
    };

    for upload in &uploads {
        check(upload, false);
        check(upload, true);
    }
    let warm = live();
    for round in 0..10 {
        // In another order each time, so that large follows small and small follows large.
        for i in 0..uploads.len() {
            check(&uploads[(i * 7 + round) % uploads.len()], (i + round) % 2 == 0);
        }
        assert_eq!(live(), warm, "after {} uploads", (round + 1) * uploads.len());
    }

    let peak = peak_of(|| check(&uploads[9], false));
    eprintln!(
        "a warm scanner holds about {} KiB with {} KiB of uploads beside it; one more 1080p JPEG of {} KiB takes {} KiB at its peak",
        warm >> 10,
        uploads.iter().map(Vec::len).sum::<usize>() >> 10,
        uploads[9].len() >> 10,
        peak >> 10,
    );
    // The decoder's copy of the file and its rows; the pixels, of 6 MB, are in the scanner's own buffer.
    assert!(peak < 12 << 20, "{peak}");
    assert!(matches > 0);
}
