//! Truncation, damage, bombs, clocks.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::media::decode::contained;
use crate::media::{Format, Media};

/// Byte by byte: zeroed, filled, inverted, one bit flipped. Each is answered, none panics out.
#[test]
fn every_damaged_byte_is_answered() {
    // A small limit keeps damaged sizes from costing time; it must hold as well.
    let limits = Limits { pixels: 1 << 20, ..Limits::default() };
    let (mut pictures, mut panics, mut total) = (0, 0, 0);
    for (name, bytes) in one_of_each() {
        let media = sniff(&bytes);
        let mut decoder = Decoder::new();
        for at in 0..bytes.len() {
            for value in [0, 0xff, !bytes[at], bytes[at] ^ 1, bytes[at] ^ 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let start = Instant::now();
                let mut kept = Keep::default();
                let request = Request { frames: 8, ..Request::still(&damaged, media, &limits) };
                let outcome = decoder.decode(&request, &mut kept);
                let area = outcome.map(|_| pixels(&kept)).map(|p| (p.0 * p.1) as u64);
                assert!(start.elapsed() < Duration::from_secs(3), "{name} byte {at} = {value}");
                assert!(area.unwrap_or(0) <= limits.pixels);
                pictures += u32::from(area.is_ok());
                panics += u32::from(area == Err(Unscannable::DecoderPanic));
                total += 1;
            }
        }
    }
    assert!(pictures > 0 && pictures < total);
    assert_eq!(panics, 0, "decoders are known to panic on some input, but not on these");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn spliced_files_are_answered(
        which in 0usize..5,
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = one_of_each().swap_remove(which).1;
        let cut = cut.index(bytes.len());
        let spliced = [&bytes[..cut], &noise, &bytes[cut..]].concat();
        let limits = Limits { pixels: 1 << 20, ..Limits::default() };
        let request = Request { frames: 8, ..Request::still(&spliced, sniff(&bytes), &limits) };
        let mut frames = Frames::default();
        let outcome = Decoder::new().decode(&request, &mut frames);
        prop_assert_ne!(outcome, Err(Unscannable::DecoderPanic));
        if outcome.is_ok() {
            frames.check_last();
        }
    }
}

#[test]
fn a_gif_of_35_bytes_does_not_cost_gigabytes() {
    let mut bomb = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\0\0\0".to_vec();
    bomb.extend(b"\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;");
    assert_eq!(bomb.len(), 35);
    let start = Instant::now();
    assert_eq!(stored(&bomb), Err(Unscannable::Limit));
    assert!(start.elapsed() < Duration::from_millis(5), "{:?}", start.elapsed());
    // A small screen with a large frame is the same bomb.
    bomb[6..10].copy_from_slice(&[1, 0, 1, 0]);
    assert_eq!(stored(&bomb), Err(Unscannable::Limit));
    let png = raw_png(100_000, 100_000, 8, 2, &[], &[0]);
    assert_eq!(stored(&png), Err(Unscannable::Limit));
    let mut bmp = encoded(ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&60_000i32.to_le_bytes());
    assert_eq!(stored(&bmp), Err(Unscannable::Limit));
}

#[test]
fn a_small_webp_canvas_does_not_hide_a_large_frame() {
    let mut webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    webp.extend(b"VP8 \x0a\0\0\0\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f");
    let length = webp.len() as u32 - 8;
    webp[4..8].copy_from_slice(&length.to_le_bytes());
    assert_eq!(stored(&webp), Err(Unscannable::Corrupt));
    // An EXIF chunk that claims 4 GiB, with the flag that makes the decoder look for it.
    let mut exif = with_orientation(&encoded(ImageFormat::WebP), 6);
    exif.truncate(exif.len() - 34);
    exif.extend(b"EXIF\xf0\xff\xff\xff");
    let length = exif.len() as u32 - 8;
    exif[4..8].copy_from_slice(&length.to_le_bytes());
    // The picture stands before it, and is shown.
    assert_eq!(stored(&exif), stored(&encoded(ImageFormat::WebP)));
}

#[test]
fn each_limit_holds_by_itself() {
    let ample = Limits::default();
    for (name, bytes) in one_of_each() {
        let outcome = |limits: Limits| decode_with(&bytes, &limits, |_, _| ());
        assert_eq!(outcome(ample.clone()), Ok(()), "{name}");
        let length = bytes.len() as u64;
        let tight = Limits {
            upload_bytes: length,
            width: 24,
            height: 17,
            pixels: 24 * 17,
            ..ample.clone()
        };
        assert_eq!(outcome(tight), Ok(()), "{name}: limits are inclusive");
        for limits in [
            Limits { upload_bytes: length - 1, ..ample.clone() },
            Limits { width: 23, ..ample.clone() },
            Limits { height: 16, ..ample.clone() },
            Limits { pixels: 24 * 17 - 1, ..ample.clone() },
            Limits { memory: 1000, ..ample.clone() },
        ] {
            assert_eq!(outcome(limits.clone()), Err(Unscannable::Limit), "{name} under {limits:?}");
        }
        let late =
            Limits { time: Duration::ZERO, time_per_megapixel: Duration::ZERO, ..ample.clone() };
        assert_eq!(outcome(late), Err(Unscannable::Timeout), "{name}");
        let mut request = Request::still(&bytes, sniff(&bytes), &ample);
        request.deadline = Some(Instant::now());
        let past = Decoder::new().decode(&request, &mut Keep::default()).map(|_| ());
        assert_eq!(past, Err(Unscannable::Timeout), "{name}");
        let forever = Limits { time: Duration::MAX, ..ample.clone() };
        assert_eq!(outcome(forever), Ok(()), "{name}: no overflow");
    }
}

/// What each needs for a picture of six megapixels, by its own arithmetic: whole pictures, planes, copies.
#[test]
fn memory_that_decoders_hold_counts() {
    const MB: u64 = 1 << 20;
    let photo = DynamicImage::ImageRgb8(sample(3000, 2000));
    let webp = encode(&photo, ImageFormat::WebP);
    let cases = [
        // Rows: next to nothing, and a whole picture if it is interlaced.
        ("png", encode(&photo, ImageFormat::Png), 2 * MB, 4 * MB),
        ("gif", gif(3000, 2000, &[], &[gif_frame(0, 0, 3000, 2000, &[1; 6_000_000])]), MB, 3 * MB),
        // Pixels of 3 bytes; of 4.
        ("bmp", encode(&photo, ImageFormat::Bmp), 18_000_000, 22_000_000),
        ("webp", webp, 24_000_000, 34_000_000),
    ];
    for (name, bytes, too_little, enough) in cases {
        let limits = |memory| Limits { memory, time: Duration::MAX, ..Limits::default() };
        let outcome = |memory| decode_with(&bytes, &limits(memory), |_, _| ());
        assert_eq!(outcome(enough), Ok(()), "{name}");
        assert_eq!(outcome(too_little), Err(Unscannable::Limit), "{name}");
    }
}

#[test]
fn a_long_decode_is_stopped_while_it_runs() {
    // 100 million black pixels in about 100 kB: much longer than the limit.
    let bytes = encode(&DynamicImage::new_luma8(10_000, 10_000), ImageFormat::Png);
    let start = Instant::now();
    let limits = Limits {
        time: Duration::from_millis(5),
        time_per_megapixel: Duration::ZERO,
        ..Limits::default()
    };
    assert_eq!(decode_with(&bytes, &limits, |_, _| ()), Err(Unscannable::Timeout));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn scans_are_counted_before_a_jpeg_is_decoded() {
    // Each empty scan is 10 bytes of file and a pass over the whole picture.
    let scan = b"\xff\xda\0\x08\x01\x01\0\x01\x3f\0";
    let end = PROGRESSIVE.len() - 2;
    let many = [&PROGRESSIVE[..end], &scan.repeat(40), b"\xff\xd9"].concat();
    let limits = Limits { pixels: 64, ..Limits::default() };
    assert_eq!(decode_with(PROGRESSIVE, &limits, |_, _| ()), Ok(()));
    assert_eq!(decode_with(&many, &limits, |_, _| ()), Err(Unscannable::Limit));
}

#[test]
fn a_panic_is_an_answer() {
    assert_eq!(contained(|| Ok(7)), Ok(7));
    assert_eq!(contained::<()>(|| Err(Unscannable::Corrupt)), Err(Unscannable::Corrupt));
    let panicking =
        || -> Result<(), Unscannable> { std::panic::resume_unwind(Box::new("a decoder's panic")) };
    assert_eq!(contained(panicking), Err(Unscannable::DecoderPanic));
}

#[test]
fn what_has_no_decoder_is_unsupported() {
    for format in [
        Format::Avif,
        Format::Heic,
        Format::Ico,
        Format::Svg,
        Format::Mp4,
        Format::Text,
        Format::Unknown,
    ] {
        let media = Media { class: MediaClass::Image, format };
        let limits = Limits::default();
        let request = Request::still(b"anything", media, &limits);
        let outcome = Decoder::new().decode(&request, &mut Keep::default()).map(|_| ());
        assert_eq!(outcome, Err(Unscannable::Unsupported));
    }
    let tiff = decode_with(b"II*\0", &Limits::default(), |_, _| ());
    assert_eq!(
        tiff,
        Err(if cfg!(feature = "tiff") { Unscannable::Truncated } else { Unscannable::Unsupported })
    );
}

/// A progressive JPEG of 8 x 8 grey pixels; `image` has no encoder for one.
#[rustfmt::skip]
const PROGRESSIVE: &[u8] = &[
    0xff, 0xd8, 0xff, 0xdb, 0x00, 0x43, 0x00, 0x0d, 0x09, 0x0a, 0x0b, 0x0a, 0x08, 0x0d, 0x0b, 0x0a, 0x0b, 0x0e, 0x0e, 0x0d,
    0x0f, 0x13, 0x20, 0x15, 0x13, 0x12, 0x12, 0x13, 0x27, 0x1c, 0x1e, 0x17, 0x20, 0x2e, 0x29, 0x31, 0x30, 0x2e, 0x29, 0x2d,
    0x2c, 0x33, 0x3a, 0x4a, 0x3e, 0x33, 0x36, 0x46, 0x37, 0x2c, 0x2d, 0x40, 0x57, 0x41, 0x46, 0x4c, 0x4e, 0x52, 0x53, 0x52,
    0x32, 0x3e, 0x5a, 0x61, 0x5a, 0x50, 0x60, 0x4a, 0x51, 0x52, 0x4f, 0xff, 0xc2, 0x00, 0x0b, 0x08, 0x00, 0x08, 0x00, 0x08,
    0x01, 0x01, 0x11, 0x00, 0xff, 0xc4, 0x00, 0x14, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x00, 0x01, 0x3f, 0xff, 0xc4, 0x00,
    0x16, 0x10, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
    0x04, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x01, 0x05, 0x02, 0x81, 0x1f, 0xff, 0xc4, 0x00, 0x15, 0x10, 0x01, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xff, 0xda, 0x00, 0x08,
    0x01, 0x01, 0x00, 0x06, 0x3f, 0x02, 0x8f, 0xff, 0xc4, 0x00, 0x14, 0x10, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x01, 0x3f, 0x21, 0x0f,
    0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x00, 0x10, 0x7f, 0xff, 0xc4, 0x00, 0x15, 0x10, 0x01, 0x01, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x51, 0x00, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01,
    0x00, 0x01, 0x3f, 0x10, 0x31, 0x7f, 0xff, 0xd9,
];

#[test]
fn a_palette_that_ends_within_a_colour_is_refused() {
    for length in [1, 4, 5, 767] {
        let palette = chunk(b"PLTE", &vec![9; length]);
        let bytes = raw_png(2, 1, 8, 3, &palette, &[0, 0, 1]);
        assert_eq!(stored(&bytes), Err(Unscannable::Corrupt), "{length}");
        for color in [0, 2, 4, 6] {
            let bytes = raw_png(1, 1, 8, color, &palette, &[0; 5]);
            assert_ne!(stored(&bytes).err(), Some(Unscannable::DecoderPanic), "{length}");
        }
    }
}

#[test]
fn an_interlaced_still_needs_one_canvas() {
    let (width, height) = (300u16, 200u16);
    let area = usize::from(width) * usize::from(height);
    let mut picture = gif_frame(0, 0, width, height, &vec![1; area]);
    picture[9] |= 0x40;
    let bytes = gif(width, height, &[], &[picture]);
    let canvas = 3 * area as u64;
    let besides = (1 << 20) + 64 * u64::from(width) + area as u64 / 16;
    let enough = besides + (128 << 10) + 8 * u64::from(width) + canvas;
    for (memory, fits) in [(enough, true), (enough - 1, false)] {
        let outcome = decode_with(&bytes, &Limits { memory, ..patient() }, |kept, _| pixels(kept));
        assert_eq!(outcome.is_ok(), fits);
    }
}

#[test]
fn the_clock_runs_while_headers_are_read() {
    let limits = Limits { time: std::time::Duration::ZERO, ..Limits::default() };
    for (name, bytes) in one_of_each() {
        if ["bmp", "tiff"].contains(&name) {
            let outcome = decode_with(&bytes[..40], &limits, |_, _| ());
            assert_eq!(outcome, Err(Unscannable::Timeout), "{name}");
        }
    }
}
