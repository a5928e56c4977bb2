//! Pictures that several integration tests share: drawn by an integer formula, so that every machine draws the same.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use tamis::Limits;
use tamis::fingerprint::{Pdq, PdqHash, pdq};
use tamis::media::{Decoder, Keep, PixelFormat, Raster, Request, sniff};

/// Hills of four sizes with the contrast of a photograph and no symmetry. Two seeds give two unrelated pictures.
pub fn scene(seed: u32, width: u32, height: u32) -> RgbImage {
    faint_scene(seed, width, height, 100)
}

/// The same with `contrast` percent of the contrast, around the middle grey.
pub fn faint_scene(seed: u32, width: u32, height: u32, contrast: i32) -> RgbImage {
    let side = width.max(height);
    RgbImage::from_fn(width, height, |x, y| {
        let mut level = 0i32;
        for (octave, weight) in [(4, 8), (9, 6), (17, 3), (33, 1)] {
            level +=
                weight * hill(seed * 8 + octave, x * octave * 256 / side, y * octave * 256 / side);
        }
        let level = 128 + (level / 18 - 128) * 2 * contrast / 100;
        let tint = (hill(seed ^ 77, x * 512 / side, y * 512 / side) - 128) * contrast / 500;
        Rgb([level + tint, level, level - tint].map(|c| c.clamp(0, 255) as u8))
    })
}

/// A smooth surface over a lattice of random heights; coordinates in 1/256 of its mesh.
fn hill(seed: u32, x: u32, y: u32) -> i32 {
    let (column, row, fx, fy) = (x / 256, y / 256, (x % 256) as i32, (y % 256) as i32);
    let at = |dx, dy| height(seed, column + dx, row + dy);
    let top = at(0, 0) * (256 - fx) + at(1, 0) * fx;
    let bottom = at(0, 1) * (256 - fx) + at(1, 1) * fx;
    (top * (256 - fy) + bottom * fy) >> 16
}

fn height(seed: u32, column: u32, row: u32) -> i32 {
    let mut h = seed.wrapping_mul(0x9e37_79b1)
        ^ column.wrapping_mul(0x85eb_ca6b)
        ^ row.wrapping_mul(0xc2b2_ae35);
    for _ in 0..2 {
        h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
        h ^= h >> 12;
    }
    (h & 255) as i32
}

pub fn encode(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture.clone()).write_to(&mut out, format).unwrap();
    out.into_inner()
}

pub fn png(picture: &RgbImage) -> Vec<u8> {
    encode(picture, ImageFormat::Png)
}

pub fn jpeg(picture: &RgbImage) -> Vec<u8> {
    encode(picture, ImageFormat::Jpeg)
}

/// A JPEG whose EXIF asks viewers to turn it.
pub fn turned_jpeg(picture: &RgbImage, orientation: u8) -> Vec<u8> {
    let plain = jpeg(picture);
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut out = plain[..2].to_vec();
    out.extend([0xff, 0xe1]);
    out.extend((exif.len() as u16 + 2).to_be_bytes());
    out.extend(exif);
    out.extend(&plain[2..]);
    out
}

/// A film as far as anybody looks today: the first box of an MP4.
pub fn film() -> Vec<u8> {
    let mut film = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2".to_vec();
    film.extend(b"\0\0\x10\0mdat");
    film.resize(4096 + 24, 0x55);
    film
}

pub fn hash(picture: &RgbImage) -> Pdq {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    pdq(&Raster::new(picture.as_raw(), width, height, PixelFormat::Rgb8).unwrap())
}

/// PDQ of the pixels that Tamis decodes from a file, as stored.
pub fn hash_of_file(bytes: &[u8]) -> Pdq {
    let (limits, mut kept) = (Limits::default(), Keep::default());
    Decoder::new().decode(&Request::still(bytes, sniff(bytes), &limits), &mut kept).unwrap();
    pdq(&kept.raster().unwrap())
}

/// A code at exactly `distance` bits from `code`, of the same number of set bits, or one less where `distance` is odd: a
/// code of more than 128 would be refused as poison.
pub fn at_distance(code: PdqHash, distance: u32) -> PdqHash {
    let bit = |code: &PdqHash, k: usize| code.0[k / 8] >> (k % 8) & 1;
    let mut out = code;
    for (value, count) in [(1, distance.div_ceil(2)), (0, distance / 2)] {
        for k in (0..256).filter(|k| bit(&code, *k) == value).take(count as usize) {
            out.0[k / 8] ^= 1 << (k % 8);
        }
    }
    assert_eq!(out.distance(&code), distance);
    out
}
