//! The reference pictures of the data directory, when it is there.
#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::*;

fn modes() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/threatexchange/misc-images/modes");
    if !path.is_dir() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// As RGB, whatever it was.
fn rgb(pixels: Pixels) -> Vec<u8> {
    match pixels.2 {
        PixelFormat::Grey8 => pixels.3.iter().flat_map(|l| [*l; 3]).collect(),
        PixelFormat::Rgb8 => pixels.3,
        other => panic!("{other:?} of a decoder"),
    }
}

#[test]
fn one_picture_in_every_colour_mode_looks_the_same() {
    let Some(modes) = modes() else { return };
    let read = |name: &str| rgb(stored(&std::fs::read(modes.join(name)).unwrap()).unwrap());
    let original = read("original.jpg");
    let grey: Vec<u8> = original
        .chunks(3)
        .flat_map(|p| {
            let luma = 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]);
            [luma.round() as u8; 3]
        })
        .collect();
    // Bounds on the mean absolute difference, about twice what lossy coding or a palette costs. Even the lossless
    // ones differ a little: whoever made them decoded the original with another JPEG decoder.
    let cases = [
        ("RGB.jpg", &original, 4.0),
        ("YCbCr.jpg", &original, 4.0),
        ("CMYK.jpg", &original, 4.0),
        ("RGBA.png", &original, 1.0),
        ("P.png", &original, 16.0),
        ("PA.webp", &original, 16.0),
        ("HSV.webp", &original, 5.0),
        ("LAB.webp", &original, 5.0),
        ("L.png", &grey, 1.0),
        ("LA.png", &grey, 1.0),
        ("F.webp", &grey, 5.0),
        ("I.webp", &grey, 5.0),
    ];
    for (name, expected, bound) in cases {
        let found = read(name);
        assert_eq!(found.len(), expected.len(), "{name}");
        let sum: u64 =
            found.iter().zip(expected.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let mean = sum as f64 / found.len() as f64;
        eprintln!("{name}: mean absolute difference {mean:.2}");
        assert!(mean <= bound, "{name}: {mean:.2} > {bound}");
    }
}

#[test]
fn every_hostile_file_is_answered_as_its_manifest_says() {
    let Some(directory) = std::env::var_os("TAMIS_HOSTILE_DIR").map(PathBuf::from) else {
        eprintln!("skipped: TAMIS_HOSTILE_DIR is not set (make_hostile.py writes the files)");
        return;
    };
    let manifest = std::fs::read_to_string(directory.join("hostile.jsonl")).unwrap();
    let mut decoder = Decoder::new();
    let (mut slowest, mut count) = ((Duration::ZERO, String::new()), 0);
    for line in manifest.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = row["file"].as_str().unwrap().to_owned();
        let bytes = std::fs::read(directory.join(&name)).unwrap();
        let start = Instant::now();
        let (mut kept, limits) = (Keep::default(), patient());
        let request = Request { frames: 8, ..Request::still(&bytes, sniff(&bytes), &limits) };
        let outcome = decoder.decode(&request, &mut kept);
        let took = start.elapsed();
        eprintln!("{name}: {outcome:?} in {took:?}");
        match row["expect"].as_str().unwrap() {
            "hash" => assert!(outcome.is_ok(), "{name}: {outcome:?}"),
            "reject" => assert!(outcome.is_err(), "{name}: {outcome:?}"),
            _ => assert_ne!(outcome, Err(Unscannable::DecoderPanic), "{name}"),
        }
        slowest = slowest.max((took, name));
        count += 1;
    }
    assert!(count > 50, "only {count} files");
    assert!(slowest.0 < Duration::from_secs(3), "{slowest:?}");
    eprintln!("{count} files; slowest {slowest:?}");
}
