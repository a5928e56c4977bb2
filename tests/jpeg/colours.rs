//! Colour models: told as browsers tell them, and exact or refused where the decoder would see other colours.

use tamis::media::{Channels, PixelFormat, Unscannable};

use crate::drawing::{Drawing, segment};
use crate::{decode, jfif, levels};

fn adobe(transform: u8) -> Vec<u8> {
    segment(0xee, &[&b"Adobe\0\x64\0\0\0\0"[..], &[transform]].concat())
}

/// The colour model is that of libjpeg-turbo, and so of browsers: a JFIF marker, then an Adobe marker, then the names.
#[test]
fn colour_models_are_told_as_browsers_tell_them() {
    let both = [jfif(), adobe(0)].concat();
    // With a byte less than libjpeg asks of it, JFIF is not JFIF.
    let short = segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0");
    let nothing = Vec::new();
    for (before, names, rgb) in [
        (&nothing, [1, 2, 3], false),
        (&nothing, [0, 1, 2], false),
        (&nothing, *b"RGB", true),
        (&jfif(), *b"RGB", false),
        (&adobe(1), *b"RGB", false),
        (&adobe(0), [1, 2, 3], true),
        (&adobe(1), [1, 2, 3], false),
        (&adobe(2), [1, 2, 3], false),
        (&adobe(9), [1, 2, 3], false),
        (&both, [1, 2, 3], false),
        (&short, *b"RGB", true),
        (&[short.clone(), adobe(0)].concat(), [1, 2, 3], true),
    ] {
        let name = format!("{} {names:?}", before.escape_ascii());
        let drawing = Drawing { before: before.clone(), ..Drawing::full(30, 17, &names) };
        let (decoded, format, pixels) = decode(&drawing.bytes(), Channels::Luma).unwrap();
        assert_eq!(decoded.cut_short, None, "{name}");
        assert_eq!((decoded.exact, format == PixelFormat::Rgb8), (rgb, rgb), "{name}");
        let planes = [0, 1, 2].map(|c| levels(30, 17, c));
        if rgb {
            let expected: Vec<u8> =
                (0..30 * 17).flat_map(|i| [0, 1, 2].map(|c| planes[c][i])).collect();
            assert!(pixels == expected, "{name}");
        } else {
            assert!(pixels == planes[0], "{name}");
            let (_, _, pixels) = decode(&drawing.bytes(), Channels::Colour).unwrap();
            for (i, pixel) in pixels.chunks_exact(3).enumerate() {
                let [y, cb, cr] = [0, 1, 2].map(|c| f64::from(planes[c][i]));
                let (cb, cr) = (cb - 128.0, cr - 128.0);
                let expected =
                    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
                for (found, expected) in pixel.iter().zip(expected) {
                    assert!(
                        (f64::from(*found) - expected.clamp(0.0, 255.0)).abs() <= 2.0,
                        "{name}"
                    );
                }
            }
        }
    }
}

#[test]
fn progressive_pictures_in_red_green_and_blue_keep_their_names() {
    for before in [Vec::new(), adobe(0)] {
        let drawing = Drawing { before, progressive: true, ..Drawing::full(30, 17, b"RGB") };
        let (decoded, format, pixels) = decode(&drawing.bytes(), Channels::Luma).unwrap();
        assert_eq!((decoded.cut_short, format), (None, PixelFormat::Rgb8));
        let planes = [0, 1, 2].map(|c| levels(30, 17, c));
        assert!(
            pixels.chunks_exact(3).enumerate().all(|(i, p)| (0..3).all(|c| p[c] == planes[c][i]))
        );
    }
}

/// The decoder goes by the names alone, and would see other colours than a browser shows.
#[test]
fn what_the_decoder_would_see_in_wrong_colours_is_unsupported() {
    for before in [jfif(), adobe(1), [jfif(), adobe(0)].concat()] {
        let plain = Drawing { before, ..Drawing::full(30, 17, b"RGB") };
        let progressive = Drawing { progressive: true, ..plain.clone() };
        let several = plain.clone().scan_by_scan();
        let in_pairs = Drawing { scans: vec![vec![0, 1], vec![2]], ..plain };
        for drawing in [progressive.clone().scan_by_scan(), progressive, several, in_pairs] {
            for channels in [Channels::Luma, Channels::Colour] {
                let outcome = decode(&drawing.bytes(), channels).map(|_| ());
                assert_eq!(outcome, Err(Unscannable::Unsupported), "{:?}", drawing.scans);
            }
        }
    }
}

/// Inverted, as browsers take CMYK: each ink times black.
#[test]
fn cmyk_is_exact_at_once() {
    for before in [Vec::new(), adobe(0)] {
        let drawing = Drawing { before, ..Drawing::full(30, 17, b"CMYK") };
        let (decoded, format, pixels) = decode(&drawing.bytes(), Channels::Luma).unwrap();
        assert_eq!((decoded.exact, format, decoded.cut_short), (true, PixelFormat::Rgb8, None));
        let planes = [0, 1, 2, 3].map(|c| levels(30, 17, c));
        let inks = |i: usize| [0, 1, 2].map(|c| u32::from(planes[c][i]) * u32::from(planes[3][i]));
        let expected: Vec<u8> =
            (0..30 * 17).flat_map(|i| inks(i).map(|n| ((n + 127) / 255) as u8)).collect();
        assert!(pixels == expected);
    }
    // Black, and what looks like YCbCr: no ink where the complement of red, green and blue is none.
    let mut drawing = Drawing { before: adobe(2), ..Drawing::full(30, 17, &[1, 2, 3, 4]) };
    for c in 1..4 {
        drawing.components[c].3 = false;
    }
    let (decoded, _, pixels) = decode(&drawing.bytes(), Channels::Luma).unwrap();
    assert!(decoded.exact);
    for (pixel, y) in pixels.chunks_exact(3).zip(levels(30, 17, 0)) {
        assert!(pixel.iter().all(|p| p.abs_diff(((255 - u32::from(y)) * 128 / 255) as u8) <= 1));
    }
}
