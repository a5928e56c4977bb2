//! Memory, time and scans: reckoned and looked at before work is done.

use std::time::Duration;

use tamis::Limits;
use tamis::media::{Channels, Unscannable};

use crate::drawing::{Drawing, segment};
use crate::{decode, decode_within, jfif};

#[test]
fn memory_is_reckoned_before_a_pixel_is() {
    // 50 megapixels in a header; behind it, data for a few blocks.
    let header = |progressive: bool| {
        let mut bytes = Drawing { progressive, ..Drawing::grey_in_colour(16, 16, (2, 2)) }.bytes();
        let frame =
            bytes.windows(2).position(|w| w[0] == 0xff && matches!(w[1], 0xc0 | 0xc2)).unwrap();
        bytes[frame + 5..frame + 9].copy_from_slice(&[0x17, 0x70, 0x20, 0x8d]);
        bytes
    };
    let limits = Limits::default().time(Duration::from_secs(60));
    let outcome =
        |bytes: &[u8], channels| decode_within(bytes, channels, &limits).map(|found| found.2.len());
    assert_eq!(outcome(&header(false), Channels::Luma), Ok(6000 * 8333));
    assert_eq!(
        outcome(&header(false), Channels::Colour),
        Err(Unscannable::Limit),
        "150 MB of pixels"
    );
    assert_eq!(
        outcome(&header(true), Channels::Luma),
        Err(Unscannable::Limit),
        "150 MB of coefficients"
    );

    let bytes = Drawing::grey_in_colour(640, 480, (2, 2)).bytes();
    let need = |bytes: &[u8], channels, progressive: bool| {
        (0..4 << 20).step_by(1 << 10).find(|memory| {
            let limits = if progressive {
                limits.clone().progressive_memory(*memory).memory(0)
            } else {
                limits.clone().memory(*memory).progressive_memory(0)
            };
            decode_within(bytes, channels, &limits).is_ok()
        })
    };
    let luma = need(&bytes, Channels::Luma, false).unwrap();
    assert!((640 * 480..640 * 480 + (2 << 20)).contains(&luma), "{luma}");
    let colour = need(&bytes, Channels::Colour, false).unwrap();
    assert!(colour - luma >= 2 * 640 * 480 - 2048, "{colour}");
    let progressive =
        Drawing { progressive: true, ..Drawing::grey_in_colour(640, 480, (2, 2)) }.bytes();
    let held = need(&progressive, Channels::Luma, true).unwrap();
    assert!(held - luma >= 3 * 640 * 480 - 2048, "{held}");
}

#[test]
fn profiles_cost_nothing_and_turn_nothing() {
    let plain = Drawing::grey_in_colour(64, 48, (2, 2));
    let mut expected = decode(&plain.bytes(), Channels::Luma).unwrap();
    // Viewers differ in which of several they take.
    expected.0.cut_short = Some(Unscannable::Colours);
    let profile = segment(0xe2, &[&b"ICC_PROFILE\0\x01\x01"[..], &[7; 60_000]].concat());
    let text = segment(0xfe, &[b'x'; 65_000]);
    let before = [jfif(), profile.repeat(40), text.repeat(20), b"stray bytes".to_vec()].concat();
    let bytes = Drawing { before, ..plain }.bytes();
    // Less than the profiles.
    let limits = Limits::default().memory(2 << 20).time(Duration::from_secs(60));
    assert_eq!(decode_within(&bytes, Channels::Luma, &limits).unwrap(), expected);
}

#[test]
fn empty_scans_are_counted_and_the_clock_is_looked_at() {
    let mut drawing = Drawing { progressive: true, ..Drawing::grey_in_colour(400, 300, (2, 2)) };
    drawing.end = [segment(0xda, &[1, 1, 0, 1, 63, 0]), vec![0x7f]].concat().repeat(200);
    drawing.end.extend([0xff, 0xd9]);
    let bytes = drawing.bytes();
    let limits = Limits::default().pixels(400 * 300).time(Duration::from_secs(60));
    assert_eq!(decode_within(&bytes, Channels::Luma, &limits).map(|_| ()), Err(Unscannable::Limit));
    assert!(decode(&bytes, Channels::Luma).is_ok());

    let large = Drawing::grey_in_colour(8000, 6000, (1, 1)).bytes();
    for time in [Duration::ZERO, Duration::from_millis(5)] {
        let limits = Limits::default().time(time).time_per_megapixel(Duration::ZERO);
        assert_eq!(
            decode_within(&large, Channels::Luma, &limits).map(|_| ()),
            Err(Unscannable::Timeout)
        );
    }
    let forever = Limits::default().time(Duration::MAX).memory(1 << 30);
    assert!(decode_within(&large, Channels::Luma, &forever).is_ok());
}

/// No time at all: what is long is given up within the first stretch, so that not what stands at its end is told.
#[test]
fn the_clock_is_looked_at_before_the_decoder_is_asked() {
    let long = 1 << 20;
    let plain = Drawing::grey_in_colour(16, 16, (1, 1));
    let lossless = segment(0xc3, &[0; 9]);
    let no_time = Limits::default().time(Duration::ZERO).time_per_megapixel(Duration::ZERO);
    for (name, stray) in [
        ("stray bytes", vec![b'x'; long]),
        ("filling", vec![0xff; long]),
        ("stuffing", [0xff, 0].repeat(long / 2)),
        ("segments", segment(0xfe, b"").repeat(long / 4)),
        ("restart markers", [0xff, 0xd0].repeat(long / 2)),
    ] {
        let head = [&[0xff, 0xd8][..], &jfif(), &stray, &lossless].concat();
        let found = decode(&head, Channels::Luma).map(|_| ());
        assert_eq!(found, Err(Unscannable::Unsupported), "{name}");
        let found = decode_within(&head, Channels::Luma, &no_time).map(|_| ());
        assert_eq!(found, Err(Unscannable::Timeout), "{name}");

        // Behind the first scan of a picture in several that is more than may be held: told at the end of the walk.
        let end = [&stray[..], &[0xff, 0xd9]].concat();
        let bytes = Drawing { progressive: true, end, ..plain.clone() }.bytes();
        let no_memory = |limits: &Limits| {
            let limits = limits.clone().progressive_memory(0);
            decode_within(&bytes, Channels::Luma, &limits).map(|_| ())
        };
        let minute = Limits::default().time(Duration::from_secs(60));
        assert_eq!(no_memory(&minute), Err(Unscannable::Limit), "{name}");
        assert_eq!(no_memory(&no_time), Err(Unscannable::Timeout), "{name}");
    }
}

/// The walk ends with the scan that is one too many; the time is over long before the end of the file.
#[test]
fn scans_beyond_the_limit_are_not_walked() {
    let mut drawing = Drawing { progressive: true, ..Drawing::grey_in_colour(64, 64, (1, 1)) };
    drawing.end = [segment(0xda, &[1, 1, 0, 1, 63, 0]), vec![0x7f]].concat().repeat(20_000);
    let outcome = |bytes: &[u8], pixels| {
        let limits = Limits::default()
            .pixels(pixels)
            .time(Duration::ZERO)
            .time_per_megapixel(Duration::ZERO);
        decode_within(bytes, Channels::Luma, &limits).map(|_| ())
    };
    assert_eq!(outcome(&drawing.bytes(), 64 * 64), Err(Unscannable::Limit));
    assert_eq!(outcome(&drawing.bytes(), 64 * 64 * 2_000), Err(Unscannable::Timeout));
}
