//! JPEGs of every make through the decoder: what they look like, what is refused, what is missing.
//!
//! Most are written here, block by block, each of one level (`Drawing`): their pixels are known without a decoder. Those of
//! ../shared/data are compared with `zune-jpeg` by itself.
#![cfg(feature = "decode")]
#![allow(clippy::print_stderr, reason = "it says what it skips and what it found")]

#[path = "jpeg/bounds.rs"]
mod bounds;
#[path = "jpeg/colours.rs"]
mod colours;
#[path = "jpeg/damage.rs"]
mod damage;
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
        &Limits::default().memory(1 << 30).progressive_memory(1 << 30).time(time),
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
