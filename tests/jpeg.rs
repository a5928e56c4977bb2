//! JPEGs of every make through the decoder: what they look like, what is refused, what is missing.
//!
//! Most are written here, block by block, each of one level (`Drawing`): their pixels are known without a decoder. Those of
//! ../shared/data are compared with `zune-jpeg` by itself.
#![cfg(feature = "decode")]
#![allow(clippy::print_stderr, reason = "it says what it skips and what it found")]

mod drawing;

use std::path::{Path, PathBuf};
use std::time::Duration;

use drawing::{Drawing, level};
use tamis::Limits;
use tamis::media::{Channels, Decoder, Keep, PixelFormat, Request, Unscannable, sniff};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

/// What was decoded, without the frames.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    exact: bool,
    cut_short: Option<Unscannable>,
}

type Found = Result<(Seen, PixelFormat, Vec<u8>), Unscannable>;

fn decode_within(bytes: &[u8], channels: Channels, limits: &Limits) -> Found {
    let request = Request { channels, ..Request::still(bytes, sniff(bytes), limits) };
    let mut kept = Keep::default();
    let decoded = Decoder::new().decode(&request, &mut kept)?;
    let exact = kept.frame().is_some_and(|frame| frame.exact);
    let decoded = Seen { exact, cut_short: decoded.cut_short };
    let raster = kept.raster().expect("a frame was handed over");
    let pixels = (0..raster.height()).flat_map(|y| raster.row(y).iter().copied()).collect();
    Ok((decoded, raster.format(), pixels))
}

fn decode(bytes: &[u8], channels: Channels) -> Found {
    let time = Duration::from_secs(60);
    decode_within(
        bytes,
        channels,
        &Limits { memory: 1 << 30, progressive_memory: 1 << 30, time, ..Limits::default() },
    )
}

/// What the decoder says by itself.
fn alone(bytes: &[u8], space: ColorSpace) -> Option<Vec<u8>> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(space)
        .set_max_width(1 << 16)
        .set_max_height(1 << 16);
    zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode().ok()
}

/// The levels of a component that has all rows and columns.
fn levels(width: usize, height: usize, component: usize) -> Vec<u8> {
    (0..width * height).map(|i| level(component, i % width / 8, i / width / 8)).collect()
}

fn pictures() -> Vec<PathBuf> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "jpg" || e == "jpeg") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), &mut found);
    found.retain(|path| std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\xff\xd8")));
    found.sort();
    found
}

#[test]
fn whole_pictures_are_whole_and_as_the_decoder_has_them_by_itself() {
    let pictures = pictures();
    if pictures.is_empty() {
        eprintln!("SKIPPED: no pictures in ../shared/data");
        return;
    }
    for path in &pictures {
        let bytes = std::fs::read(path).unwrap();
        for channels in [Channels::Colour, Channels::Luma] {
            let (decoded, format, pixels) =
                decode(&bytes, channels).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            let space =
                if format == PixelFormat::Grey8 { ColorSpace::Luma } else { ColorSpace::RGB };
            assert_eq!(decoded.cut_short, None, "{path:?} {channels:?}");
            assert!(alone(&bytes, space).unwrap() == pixels, "{path:?} {channels:?}");
        }
    }
    eprintln!("{} pictures", pictures.len());
    assert!(pictures.len() > 100);
}

/// Sampling of the first component; the others have a row and a column of blocks in each unit.
const SAMPLINGS: [(usize, usize); 8] =
    [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (1, 4), (4, 2), (2, 4)];

#[test]
fn every_sampling_gives_its_luma() {
    for sampling in SAMPLINGS {
        for (width, height) in [(1, 1), (7, 9), (16, 16), (37, 50), (100, 33)] {
            for (progressive, restart) in [(false, 0), (false, 1), (false, 3), (true, 0), (true, 2)]
            {
                let name = format!(
                    "{sampling:?} {width}x{height} progressive {progressive} restart {restart}"
                );
                let drawing = Drawing {
                    restart,
                    progressive,
                    ..Drawing::grey_in_colour(width, height, sampling)
                };
                let bytes = drawing.bytes();
                let (decoded, format, pixels) =
                    decode(&bytes, Channels::Luma).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(decoded.cut_short, None, "{name}");
                let expected = levels(width, height, 0);
                if format == PixelFormat::Grey8 {
                    assert!(!decoded.exact, "{name}");
                    assert!(pixels == expected, "{name}");
                } else {
                    assert_eq!((sampling, decoded.exact), ((1, 2), true), "{name}");
                }
                let (decoded, format, pixels) =
                    decode(&bytes, Channels::Colour).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(
                    (decoded.cut_short, format, decoded.exact),
                    (None, PixelFormat::Rgb8, true),
                    "{name}"
                );
                // The chroma is none at all, so red, green and blue are the luma.
                let grey: Vec<u8> = expected.iter().flat_map(|y| [*y; 3]).collect();
                assert!(pixels == grey, "{name}");
            }
        }
    }
}

#[test]
fn luma_that_is_smaller_than_the_picture_is_not_taken_alone() {
    // With fewer rows the decoder is right in colour only; with fewer columns it is wrong, without a word.
    let mut drawing = Drawing::full(40, 24, &[1, 2, 3]);
    drawing.components = vec![(1, 1, 1, true), (2, 1, 2, false), (3, 1, 2, false)];
    let (decoded, format, _) = decode(&drawing.bytes(), Channels::Luma).unwrap();
    assert_eq!((decoded.exact, format), (true, PixelFormat::Rgb8));
    drawing.components = vec![(1, 1, 1, true), (2, 2, 1, false), (3, 2, 1, false)];
    assert_eq!(decode(&drawing.bytes(), Channels::Luma).map(|_| ()), Err(Unscannable::Unsupported));
    // In threes the decoder knows no sampling, though others do.
    let thrice = Drawing::grey_in_colour(40, 24, (3, 1)).bytes();
    assert_eq!(decode(&thrice, Channels::Luma).map(|_| ()), Err(Unscannable::Unsupported));
}

#[test]
fn one_component_is_grey_whatever_its_sampling() {
    for (h, v) in [(1, 1), (2, 2), (1, 2), (4, 1)] {
        for progressive in [false, true] {
            let mut drawing = Drawing { progressive, ..Drawing::full(50, 21, &[7]) };
            drawing.components[0] = (7, h, v, true);
            for channels in [Channels::Luma, Channels::Colour] {
                let (decoded, format, pixels) = decode(&drawing.bytes(), channels).unwrap();
                assert_eq!((decoded.exact, decoded.cut_short), (true, None), "{h}x{v}");
                assert_eq!(format, PixelFormat::Grey8);
                assert!(pixels == levels(50, 21, 0), "{h}x{v} progressive {progressive}");
            }
        }
    }
}

fn jfif() -> Vec<u8> {
    drawing::segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
}

fn adobe(transform: u8) -> Vec<u8> {
    drawing::segment(0xee, &[&b"Adobe\0\x64\0\0\0\0"[..], &[transform]].concat())
}

/// The colour model is that of libjpeg-turbo, and so of browsers: a JFIF marker, then an Adobe marker, then the names.
#[test]
fn colour_models_are_told_as_browsers_tell_them() {
    let both = [jfif(), adobe(0)].concat();
    // With a byte less than libjpeg asks of it, JFIF is not JFIF.
    let short = drawing::segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0");
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

#[test]
fn a_picture_in_several_scans_is_put_together() {
    for scans in
        [vec![vec![0], vec![1], vec![2]], vec![vec![0], vec![1, 2]], vec![vec![2, 1], vec![0]]]
    {
        let drawing = Drawing { scans, ..Drawing::grey_in_colour(70, 41, (1, 1)) };
        let name = format!("{:?}", drawing.scans);
        let (decoded, format, pixels) = decode(&drawing.bytes(), Channels::Luma).unwrap();
        assert_eq!((decoded.cut_short, format), (None, PixelFormat::Grey8), "{name}");
        assert!(pixels == levels(70, 41, 0), "{name}");
        let (_, _, pixels) = decode(&drawing.bytes(), Channels::Colour).unwrap();
        assert!(
            pixels == levels(70, 41, 0).iter().flat_map(|y| [*y; 3]).collect::<Vec<_>>(),
            "{name}"
        );
    }
    // What the decoder would put together wrongly.
    for (restart, sampling) in [(0, (2, 1)), (0, (2, 2)), (5, (1, 1))] {
        let drawing =
            Drawing { restart, ..Drawing::grey_in_colour(70, 41, sampling).scan_by_scan() };
        assert_eq!(
            decode(&drawing.bytes(), Channels::Luma).map(|_| ()),
            Err(Unscannable::Unsupported)
        );
    }
}

#[test]
fn nothing_behind_the_picture_is_looked_at() {
    let plain = Drawing::grey_in_colour(70, 41, (2, 2));
    let expected = decode(&plain.bytes(), Channels::Luma).unwrap();
    let second = Drawing::grey_in_colour(300, 200, (1, 1)).bytes();
    for (what, end) in [
        ("a second picture", [&[0xff, 0xd9][..], &second].concat()),
        ("no end marker", vec![]),
        ("the height again", [drawing::segment(0xdc, &[0, 41]), vec![0xff, 0xd9]].concat()),
        (
            "another scan",
            [drawing::segment(0xda, &[1, 1, 0, 0, 63, 0]), vec![1, 2, 3, 0xff, 0xd9]].concat(),
        ),
        ("an archive", b"\xff\xd9PK\x03\x04".to_vec()),
        ("half a marker", vec![0xff]),
    ] {
        let bytes = Drawing { end, ..plain.clone() }.bytes();
        assert_eq!(decode(&bytes, Channels::Luma).unwrap(), expected, "{what}");
    }
}

#[test]
fn motion_pictures_need_no_huffman_tables() {
    let mut bytes = Vec::new();
    let picture =
        image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([(x * 6) as u8, (y * 8) as u8, 99]));
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 80)
        .encode_image(&picture)
        .unwrap();
    let mut bare = Vec::new();
    let mut at = 0;
    while let Some(i) = bytes[at..].windows(2).position(|w| w == b"\xff\xc4") {
        bare.extend(&bytes[at..at + i]);
        at += i + 2;
        at += usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    }
    bare.extend(&bytes[at..]);
    assert!(bare.len() + 300 < bytes.len(), "the encoder writes the usual tables");
    assert_eq!(decode(&bare, Channels::Colour), decode(&bytes, Channels::Colour));
}

#[test]
fn what_the_decoder_does_not_know_is_unsupported() {
    let plain = Drawing::full(16, 16, &[1, 2, 3]).bytes();
    let frame = plain.windows(2).position(|w| w == b"\xff\xc0").unwrap();
    for marker in [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf] {
        let mut other = plain.clone();
        other[frame + 1] = marker;
        assert_eq!(
            decode(&other, Channels::Luma).map(|_| ()),
            Err(Unscannable::Unsupported),
            "{marker:x}"
        );
    }
    let patched = |at: usize, byte: u8| {
        let mut other = plain.clone();
        other[frame + at] = byte;
        decode(&other, Channels::Luma).map(|_| ())
    };
    assert_eq!(patched(4, 12), Err(Unscannable::Unsupported), "12 bits");
    assert_eq!(
        patched(6, 0),
        Err(Unscannable::Corrupt),
        "no height: it comes later, which no browser knows"
    );
    assert_eq!(patched(8, 0), Err(Unscannable::Corrupt), "no width");
    assert_eq!(patched(11, 0x50), Err(Unscannable::Corrupt), "sampling");
    let twice = [&plain[..frame], &plain[frame..frame + 19], &plain[frame..]].concat();
    assert_eq!(decode(&twice, Channels::Luma).map(|_| ()), Err(Unscannable::Corrupt), "two frames");
}

/// Baseline, progressive, restarts, scan by scan: cut anywhere, with and without an end marker put back.
#[test]
fn a_cut_file_is_never_taken_for_a_whole_one() {
    let photo = || {
        let picture = image::RgbImage::from_fn(70, 60, |x, y| {
            image::Rgb([(x * y % 251) as u8, (x * 3) as u8, (y * 4) as u8])
        });
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 85)
            .encode_image(&picture)
            .unwrap();
        bytes
    };
    let plain = Drawing::grey_in_colour(70, 60, (2, 2));
    for (name, bytes) in [
        ("baseline", plain.bytes()),
        ("progressive", Drawing { progressive: true, ..plain.clone() }.bytes()),
        ("restarts", Drawing { restart: 2, ..plain.clone() }.bytes()),
        (
            "progressive with restarts",
            Drawing { restart: 3, progressive: true, ..plain.clone() }.bytes(),
        ),
        ("scan by scan", Drawing::grey_in_colour(70, 60, (1, 1)).scan_by_scan().bytes()),
        ("photograph", photo()),
    ] {
        let whole = decode(&bytes, Channels::Colour).unwrap();
        assert_eq!(whole.0.cut_short, None, "{name}");
        let (mut pictures, mut first, mut missed) = (0, bytes.len(), 0);
        for cut in 0..bytes.len() - 2 {
            for end in [&b""[..], b"\xff\xd9"] {
                let part = [&bytes[..cut], end].concat();
                for channels in [Channels::Colour, Channels::Luma] {
                    match decode(&part, channels) {
                        // Nothing but the filling of the last byte was cut off.
                        Ok((Seen { cut_short: None, .. }, _, pixels))
                            if channels == Channels::Colour =>
                        {
                            assert!(pixels == whole.2, "{name} cut at {cut} passes for whole");
                            missed += 1;
                        }
                        Ok((Seen { cut_short: None, .. }, ..)) => {}
                        Ok((Seen { cut_short: Some(Unscannable::Truncated), .. }, ..)) => {
                            pictures += 1;
                            first = first.min(cut);
                        }
                        Err(
                            Unscannable::Truncated
                            | Unscannable::Corrupt
                            | Unscannable::Unsupported,
                        ) => {}
                        other => panic!("{name} cut at {cut}: {:?}", other.map(|found| found.0)),
                    }
                }
            }
        }
        eprintln!(
            "{name}: {} bytes, {pictures} pictures, the first at {first}, {missed} whole without their last bytes",
            bytes.len()
        );
        assert!(pictures > 50 && missed <= 4, "{name}");
    }
}

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
    let limits = Limits { time: Duration::from_secs(60), ..Limits::default() };
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
                Limits { progressive_memory: *memory, memory: 0, ..limits.clone() }
            } else {
                Limits { memory: *memory, progressive_memory: 0, ..limits.clone() }
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
    let expected = decode(&plain.bytes(), Channels::Luma).unwrap();
    let profile = drawing::segment(0xe2, &[&b"ICC_PROFILE\0\x01\x01"[..], &[7; 60_000]].concat());
    let text = drawing::segment(0xfe, &[b'x'; 65_000]);
    let before = [jfif(), profile.repeat(40), text.repeat(20), b"stray bytes".to_vec()].concat();
    let bytes = Drawing { before, ..plain }.bytes();
    // Less than the profiles.
    let limits = Limits { memory: 2 << 20, time: Duration::from_secs(60), ..Limits::default() };
    assert_eq!(decode_within(&bytes, Channels::Luma, &limits).unwrap(), expected);
}

#[test]
fn empty_scans_are_counted_and_the_clock_is_looked_at() {
    let mut drawing = Drawing { progressive: true, ..Drawing::grey_in_colour(400, 300, (2, 2)) };
    drawing.end = [drawing::segment(0xda, &[1, 1, 0, 1, 63, 0]), vec![0x7f]].concat().repeat(200);
    drawing.end.extend([0xff, 0xd9]);
    let bytes = drawing.bytes();
    let limits = Limits { pixels: 400 * 300, time: Duration::from_secs(60), ..Limits::default() };
    assert_eq!(decode_within(&bytes, Channels::Luma, &limits).map(|_| ()), Err(Unscannable::Limit));
    assert!(decode(&bytes, Channels::Luma).is_ok());

    let large = Drawing::grey_in_colour(8000, 6000, (1, 1)).bytes();
    for time in [Duration::ZERO, Duration::from_millis(5)] {
        let limits = Limits { time, time_per_megapixel: Duration::ZERO, ..Limits::default() };
        assert_eq!(
            decode_within(&large, Channels::Luma, &limits).map(|_| ()),
            Err(Unscannable::Timeout)
        );
    }
    let forever = Limits { time: Duration::MAX, memory: 1 << 30, ..Limits::default() };
    assert!(decode_within(&large, Channels::Luma, &forever).is_ok());
}

/// No time at all: what is long is given up within the first stretch, so that not what stands at its end is told.
#[test]
fn the_clock_is_looked_at_before_the_decoder_is_asked() {
    let long = 1 << 20;
    let plain = Drawing::grey_in_colour(16, 16, (1, 1));
    let lossless = drawing::segment(0xc3, &[0; 9]);
    let no_time =
        Limits { time: Duration::ZERO, time_per_megapixel: Duration::ZERO, ..Limits::default() };
    for (name, stray) in [
        ("stray bytes", vec![b'x'; long]),
        ("filling", vec![0xff; long]),
        ("stuffing", [0xff, 0].repeat(long / 2)),
        ("segments", drawing::segment(0xfe, b"").repeat(long / 4)),
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
            let limits = Limits { progressive_memory: 0, ..limits.clone() };
            decode_within(&bytes, Channels::Luma, &limits).map(|_| ())
        };
        let minute = Limits { time: Duration::from_secs(60), ..Limits::default() };
        assert_eq!(no_memory(&minute), Err(Unscannable::Limit), "{name}");
        assert_eq!(no_memory(&no_time), Err(Unscannable::Timeout), "{name}");
    }
}

/// The walk ends with the scan that is one too many; the time is over long before the end of the file.
#[test]
fn scans_beyond_the_limit_are_not_walked() {
    let mut drawing = Drawing { progressive: true, ..Drawing::grey_in_colour(64, 64, (1, 1)) };
    drawing.end =
        [drawing::segment(0xda, &[1, 1, 0, 1, 63, 0]), vec![0x7f]].concat().repeat(20_000);
    let outcome = |bytes: &[u8], pixels| {
        let limits = Limits {
            pixels,
            time: Duration::ZERO,
            time_per_megapixel: Duration::ZERO,
            ..Limits::default()
        };
        decode_within(bytes, Channels::Luma, &limits).map(|_| ())
    };
    assert_eq!(outcome(&drawing.bytes(), 64 * 64), Err(Unscannable::Limit));
    assert_eq!(outcome(&drawing.bytes(), 64 * 64 * 2_000), Err(Unscannable::Timeout));
}

#[test]
fn damage_in_the_middle_is_told() {
    let bytes = Drawing::grey_in_colour(320, 240, (2, 1)).bytes();
    let middle = bytes.len() / 2;
    // Sixteen ones are no code.
    let damaged = [&bytes[..middle], &[0xff, 0, 0xff, 0, 0xff, 0], &bytes[middle..]].concat();
    let (decoded, _, pixels) = decode(&damaged, Channels::Luma).unwrap();
    assert_eq!(decoded.cut_short, Some(Unscannable::Corrupt));
    assert!(pixels[..320 * 80] == levels(320, 240, 0)[..320 * 80]);
    assert!(pixels[320 * 200..].iter().all(|p| *p == 128), "the rest is grey");
}

/// The upload before must not show through where a picture ends early.
#[test]
fn a_used_buffer_leaves_no_traces() {
    let limits = Limits { time: Duration::from_secs(60), ..Limits::default() };
    let mut decoder = Decoder::new();
    let mut run = |bytes: &[u8]| {
        let mut kept = Keep::default();
        let request =
            Request { channels: Channels::Luma, ..Request::still(bytes, sniff(bytes), &limits) };
        let decoded = decoder.decode(&request, &mut kept);
        decoded.map(|d| {
            (
                Seen { exact: kept.frame().is_some_and(|f| f.exact), cut_short: d.cut_short },
                kept.raster()
                    .map(|r| (0..r.height()).flat_map(|y| r.row(y).to_vec()).collect::<Vec<_>>()),
            )
        })
    };
    let bytes = Drawing::grey_in_colour(320, 240, (2, 2)).bytes();
    for cut in (150..bytes.len()).step_by(7) {
        let fresh = decode(&bytes[..cut], Channels::Luma);
        run(&bytes).unwrap();
        let again = run(&bytes[..cut]);
        assert!(fresh.map(|(d, _, p)| (d, Some(p))) == again, "{cut}");
    }
}
