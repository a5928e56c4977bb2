//! PDQ against the reference's Python package: drawn pictures, the reference's own test pictures, photographs.
//!
//! `tests/vectors/pdq.json` is in the repository. The others are other people's pictures: `../shared/data/threatexchange`,
//! and a directory that `tests/make_pdq_vectors.py photographs` filled and `TAMIS_PDQ_VECTORS` names.
#![allow(clippy::print_stderr, reason = "says what it skips and what it found")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tamis::fingerprint::pdq::plain;
use tamis::fingerprint::{Algorithm, Algorithms, Hasher, PdqHash, digests};
use tamis::media::{PixelFormat, Raster};

struct Expected {
    hash: PdqHash,
    quality: u64,
    dihedral: Vec<PdqHash>,
}

fn number(row: &Value, key: &str) -> usize {
    row[key].as_u64().unwrap_or_else(|| panic!("{key} of {row}")) as usize
}

fn hash(value: &Value) -> PdqHash {
    value.as_str().unwrap().parse().unwrap()
}

fn expected(row: &Value) -> Expected {
    let dihedral = row["dihedral"].as_array().unwrap().iter().map(hash).collect();
    Expected { hash: hash(&row["hash"]), quality: row["quality"].as_u64().unwrap(), dihedral }
}

/// The greatest distance of the hash, of the dihedral hashes and of the quality, by the oracle and by `Hasher`.
fn distances(
    hasher: &mut Hasher,
    raster: &Raster<'_>,
    expected: &Expected,
    name: &str,
) -> (u32, u32, u64) {
    let mut worst = (0, 0, 0);
    let ours = [
        (plain::hash(raster), plain::hash_dihedral(raster)),
        (hasher.hash(raster), hasher.hash_dihedral(raster)),
    ];
    for (one, all) in &ours {
        for quality in [one.quality, all.quality] {
            worst.2 = worst.2.max(u64::from(quality).abs_diff(expected.quality));
        }
        worst.0 = worst.0.max(one.hash.distance(&expected.hash));
        for (ours, theirs) in all.hashes.iter().zip(&expected.dihedral) {
            worst.1 = worst.1.max(ours.distance(theirs));
        }
    }
    assert_eq!(ours[0], ours[1], "{name}: the fast path differs from the oracle");
    worst
}

fn xorshift(seed: u32, count: usize) -> Vec<u8> {
    let mut state = seed;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    };
    (0..count).map(step).collect()
}

fn mix(a: u32, b: u32) -> u32 {
    (a.wrapping_mul(73856093) ^ b.wrapping_mul(19349663)).wrapping_mul(2654435761) >> 24
}

/// The formulas of the header of `tests/vectors/pdq.json`.
fn draw(kind: &str, width: usize, height: usize, seed: usize) -> Vec<u8> {
    let (w, h, s) = (width as i64, height as i64, seed as i64);
    if kind == "colour-noise" {
        return xorshift(seed as u32, 3 * width * height);
    }
    let noise = if kind == "noise" { xorshift(seed as u32, width * height) } else { Vec::new() };
    let mut out = Vec::with_capacity(3 * width * height);
    for y in 0..h {
        for x in 0..w {
            let value = match kind {
                "flat" => s,
                "horizontal" => x * 255 / (w - 1),
                "vertical" => y * 255 / (h - 1),
                "checkerboard" => 255 * ((x / s + y / s) % 2),
                "disc" => {
                    let (dx, dy) = (2 * x + 1 - w, 2 * y + 1 - h);
                    if 9 * (dx * dx + dy * dy) < w.min(h) * w.min(h) * 4 { 255 } else { 16 }
                }
                "blocks" => i64::from(mix((x / s) as u32, (y / s) as u32)),
                "text" => {
                    let cell =
                        mix((x / 8 * 64 + x / 2 % 4) as u32, (y / 16 * 64 + y / 2 % 8) as u32);
                    if y % 16 < 10 && x % 8 < 6 && cell % 2 == 1 { 0 } else { 255 }
                }
                "hills" => (x * x / (w + s) + y * y / (h + 7) + x * y / 256) / 2,
                "noise" => i64::from(noise[(y * w + x) as usize]),
                _ => panic!("no formula for {kind}"),
            };
            if kind == "hills" {
                out.extend([(value + x / 3) as u8, value as u8, (value + y / 5) as u8]);
            } else {
                out.extend([value as u8; 3]);
            }
        }
    }
    out
}

#[test]
fn drawn_pictures_are_identical() {
    let text = include_str!("vectors/pdq.json");
    let all: Value = serde_json::from_str(text).unwrap();
    let pictures = all["pictures"].as_array().unwrap();
    assert!(pictures.len() > 150);
    let mut hasher = Hasher::new();
    for row in pictures {
        let (width, height) = (number(row, "width"), number(row, "height"));
        let kind = row["kind"].as_str().unwrap();
        let pixels = draw(kind, width, height, number(row, "seed"));
        let raster = Raster::new(&pixels, width, height, PixelFormat::Rgb8).unwrap();
        let name = format!("{kind} {width}x{height}");
        assert_eq!(distances(&mut hasher, &raster, &expected(row), &name), (0, 0, 0), "{name}");
        if pixels.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]) {
            let grey: Vec<u8> = pixels.iter().step_by(3).copied().collect();
            let raster = Raster::new(&grey, width, height, PixelFormat::Grey8).unwrap();
            assert_eq!(
                distances(&mut hasher, &raster, &expected(row), &name),
                (0, 0, 0),
                "{name}, grey"
            );
        }
    }
}

fn json_lines(path: &Path) -> Option<Vec<Value>> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
#[cfg(feature = "decode")]
fn pictures_of_the_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/threatexchange");
    let Some(rows) = json_lines(&folder.join("manifest.jsonl")) else {
        eprintln!("skipped: no ../shared/data/threatexchange/manifest.jsonl");
        return;
    };
    let mut hasher = Hasher::new();
    let (mut same_bytes, mut other_bytes) = (0, 0);
    eprintln!(
        "{:44} {:>9} {:>9} {:>8} {:>8} {:>7}",
        "picture", "size", "same RGB", "distance", "dihedral", "quality"
    );
    for row in &rows {
        let name = row["file"].as_str().unwrap();
        let Ok(bytes) = fs::read(folder.join(name)) else {
            eprintln!("{name:44} absent");
            continue;
        };
        let sha256 = digests(&bytes, Algorithms::DIGESTS);
        for (algorithm, key) in
            [(Algorithm::Sha256, "sha256"), (Algorithm::Md5, "md5"), (Algorithm::Sha1, "sha1")]
        {
            assert_eq!(
                sha256.get(algorithm).unwrap().to_hex(),
                row[key].as_str().unwrap(),
                "{name}"
            );
        }
        let mode = row["mode"].as_str().unwrap();
        let decoded = match image::load_from_memory(&bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                eprintln!("{name:44} not decoded: {error}");
                assert_eq!(mode, "CMYK", "{name}: {error}");
                continue;
            }
        };
        let rgb = decoded.to_rgb8();
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        let raster = Raster::new(rgb.as_raw(), width, height, PixelFormat::Rgb8).unwrap();
        let lib = &row["lib"];
        let order =
            ["orig", "rot90", "rot180", "rot270", "flipx", "flipy", "flip_plus1", "flip_minus1"];
        let theirs = Expected {
            hash: hash(&lib["pdq"]),
            quality: lib["quality"].as_u64().unwrap(),
            dihedral: order.iter().map(|form| hash(&lib["dihedrals"][form])).collect(),
        };
        let rgb_digest = digests(rgb.as_raw(), Algorithms::NONE.with(Algorithm::Sha256));
        let identical = rgb_digest.get(Algorithm::Sha256).unwrap().to_hex()
            == row["rgb_sha256"].as_str().unwrap();
        // Pillow and `image` differ on purpose here: one takes the indexes or C, M, Y for colours.
        let comparable = identical || matches!(mode, "RGB" | "L" | "RGBA" | "LA");
        if !comparable {
            let ours = hasher.hash(&raster);
            eprintln!(
                "{name:44} {width:>4}x{height:<4} mode {mode}: other pixels on purpose, distance {}",
                ours.hash.distance(&theirs.hash)
            );
            continue;
        }
        let (distance, dihedral, quality) = distances(&mut hasher, &raster, &theirs, name);
        eprintln!(
            "{name:44} {width:>4}x{height:<4} {:>9} {distance:>8} {dihedral:>8} {:>7}",
            if identical { "yes" } else { "no" },
            theirs.quality
        );
        if identical {
            same_bytes += 1;
            assert_eq!((distance, dihedral, quality), (0, 0, 0), "{name}");
        } else {
            other_bytes += 1;
            // Two dark pictures of nearly no detail hang on the decoder's rounding; such a hash is not used anyway.
            let bound = if theirs.quality < 50 { 10 } else { 2 };
            assert!(distance <= bound, "{name}: {distance} bits off");
            assert!(quality <= u64::from(theirs.quality < 5), "{name}: quality {quality} off");
        }
    }
    eprintln!("{same_bytes} decoded to the same RGB, {other_bytes} to other RGB");
    assert!(same_bytes > 0);
}

#[test]
#[cfg(feature = "decode")]
fn photographs_are_identical() {
    let Some(folder) = std::env::var_os("TAMIS_PDQ_VECTORS").map(PathBuf::from) else {
        eprintln!(
            "skipped: TAMIS_PDQ_VECTORS names no directory made by tests/make_pdq_vectors.py"
        );
        return;
    };
    let rows =
        json_lines(&folder.join("vectors.jsonl")).expect("vectors.jsonl in TAMIS_PDQ_VECTORS");
    let mut hasher = Hasher::new();
    let mut different = Vec::new();
    for row in &rows {
        let name = row["file"].as_str().unwrap();
        let rgb = image::open(folder.join(name)).unwrap().to_rgb8();
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        let raster = Raster::new(rgb.as_raw(), width, height, PixelFormat::Rgb8).unwrap();
        let found = distances(&mut hasher, &raster, &expected(row), name);
        if found != (0, 0, 0) {
            different.push((name, row["made"].clone(), found));
        }
    }
    eprintln!("{} of {} photographs identical", rows.len() - different.len(), rows.len());
    assert!(different.is_empty(), "{different:?}");
    assert!(!rows.is_empty());
}
