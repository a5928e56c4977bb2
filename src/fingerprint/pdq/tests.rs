//! The fast path and the replay against the oracle, on pictures that are hard: symmetric, periodic, flat, thin.
#![allow(clippy::print_stderr, reason = "tests say what they measured")]

use proptest::prelude::*;

use super::exact::Exact;
use super::replay::Replay;
use super::*;
use crate::fingerprint::Dihedral;
use crate::media::PixelFormat;

/// Pixels by a formula of the place and a stream of noise.
fn paint(kind: u8, width: usize, height: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state >> 24
    };
    let rows: Vec<u32> = (0..height).map(|_| noise()).collect();
    let period = seed as usize % 9 + 1;
    let mut out = vec![0; width * height];
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x.min(width - 1 - x), y.min(height - 1 - y));
            out[y * width + x] = match kind {
                0 => noise(),
                1 => seed,
                2 => (u * v) as u32 + seed,
                3 => 255 * ((x / period + y / period) % 2) as u32,
                4 => rows[y],
                5 => rows[y] ^ (x * 7 / width) as u32,
                6 => (x * 255 / width) as u32,
                7 => (x * x / 50 + y * y / 70 + x * y / 90) as u32,
                _ => (x % period) as u32 * 40 + noise() / 128,
            } as u8;
        }
    }
    out
}

/// The same pixels with padding after each row, and as RGB when asked for.
fn laid_out(
    grey: &[u8],
    width: usize,
    colour: bool,
    padding: usize,
) -> (Vec<u8>, usize, PixelFormat) {
    let pixel = if colour { 3 } else { 1 };
    let mut out = Vec::new();
    for (y, row) in grey.chunks_exact(width).enumerate() {
        for (x, value) in row.iter().enumerate() {
            if colour {
                out.extend([
                    *value,
                    value.wrapping_add((x / 9) as u8),
                    value.wrapping_mul(3) ^ y as u8,
                ]);
            } else {
                out.push(*value);
            }
        }
        out.extend(std::iter::repeat_n(0xa5, padding));
    }
    let format = if colour { PixelFormat::Rgb8 } else { PixelFormat::Grey8 };
    (out, width * pixel + padding, format)
}

fn check(hasher: &mut Hasher, raster: &Raster<'_>) {
    assert_eq!(hasher.hash(raster), plain::hash(raster));
    assert_eq!(hasher.hash_dihedral(raster), plain::hash_dihedral(raster));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn hasher_is_the_oracle(
        kind in 0u8..9,
        width in 5usize..=300,
        height in 5usize..=300,
        seed: u32,
        colour: bool,
        padding in prop_oneof![Just(0usize), 1usize..40],
    ) {
        let (data, stride, format) = laid_out(&paint(kind, width, height, seed), width, colour, padding);
        let raster = Raster::with_stride(&data, width, height, stride, format).unwrap();
        check(&mut Hasher::new(), &raster);
    }

    #[test]
    fn the_replay_has_the_bits_of_the_oracle(
        kind in 0u8..9, width in 5usize..=600, height in 5usize..=600, seed: u32, colour: bool,
    ) {
        let (data, stride, format) = laid_out(&paint(kind, width, height, seed), width, colour, 0);
        let raster = Raster::with_stride(&data, width, height, stride, format).unwrap();
        let found = Replay::default().samples(&raster);
        prop_assert!(found == plain::blurred(&raster));
    }
}

#[test]
fn a_reused_hasher_remembers_nothing() {
    let mut hasher = Hasher::new();
    for (n, (width, height)) in
        [(300, 40), (40, 300), (64, 64), (5, 5), (513, 9), (64, 65), (200, 200), (6, 700)]
            .into_iter()
            .enumerate()
    {
        for kind in 0..9 {
            let colour = (n + usize::from(kind)).is_multiple_of(2);
            let (data, stride, format) =
                laid_out(&paint(kind, width, height, 77), width, colour, n);
            let raster = Raster::with_stride(&data, width, height, stride, format).unwrap();
            check(&mut hasher, &raster);
        }
    }
}

#[test]
fn too_small_is_zero() {
    let data = [9; 3 * 4 * 100];
    for (width, height) in [(4, 100), (100, 4), (0, 0), (0, 100), (100, 0), (1, 1), (4, 4)] {
        let raster = Raster::new(&data, width, height, PixelFormat::Rgb8).unwrap();
        assert_eq!(pdq(&raster), Pdq::default());
        assert_eq!(plain::hash(&raster), Pdq::default());
        assert_eq!(Hasher::new().hash_dihedral(&raster), DihedralPdq::default());
    }
}

#[test]
fn long_sides() {
    let mut hasher = Hasher::new();
    // 16256 is the last side of the exact path, 16257 the first that is replayed.
    for (width, height) in
        [(16256, 5), (5, 16256), (16257, 6), (6, 16257), (16128, 40), (40, 16128), (33000, 5)]
    {
        for kind in [0, 7] {
            let data = paint(kind, width, height, 5);
            check(&mut hasher, &Raster::new(&data, width, height, PixelFormat::Grey8).unwrap());
        }
    }
}

/// The tolerances of the exact path rest on these figures; run with `--nocapture` to see them.
#[test]
fn the_reference_stays_within_the_tolerances() {
    for (width, height) in
        [(65, 65), (300, 200), (512, 512), (1500, 40), (16256, 64), (64, 16256), (2000, 1500)]
    {
        for kind in [0u8, 1, 2, 4, 6, 7] {
            let data = paint(kind, width, height, 255);
            let raster = Raster::new(&data, width, height, PixelFormat::Grey8).unwrap();
            let exact = Exact::default().samples(&raster).unwrap();
            let rounded = Replay::default().samples(&raster);
            let mut sample = 0.0f64;
            for (exact, rounded) in exact.as_flattened().iter().zip(rounded.as_flattened()) {
                sample = sample.max((exact - f64::from(*rounded)).abs());
            }
            let exact = dct::coefficients(&exact);
            let rounded = plain::coefficients(&rounded);
            let mut coefficient = 0.0f64;
            for (exact, rounded) in exact.as_flattened().iter().zip(rounded.as_flattened()) {
                coefficient = coefficient.max((exact - f64::from(*rounded)).abs());
            }
            let step = 2.0 * sample * 100.0 / 255.0;
            eprintln!(
                "kind {kind} {width}x{height}: coefficient {coefficient:.1e}, step {step:.1e}"
            );
            let tolerance = exact::Tolerance::of(&raster);
            // Two coefficients may err towards each other.
            assert!(2.0 * coefficient < tolerance.coefficients, "kind {kind} {width}x{height}");
            assert!(step < tolerance.step, "kind {kind} {width}x{height}");
        }
    }
}

/// Each form is near the hash of a picture that really was turned so: the names mean what `Dihedral` says.
#[test]
fn dihedral_forms_are_what_their_names_say() {
    let side = 512;
    // Patches of 37 pixels in greys without pattern.
    let greys = paint(0, 16, 16, 3);
    let picture: Vec<u8> =
        (0..side * side).map(|i| greys[i % side / 37 + i / side / 37 * 16]).collect();
    let at = |x: usize, y: usize| picture[y * side + x];
    let last = side - 1;
    let forms = Hasher::new()
        .hash_dihedral(&Raster::new(&picture, side, side, PixelFormat::Grey8).unwrap());
    let source = |form: Dihedral, x: usize, y: usize| match form {
        Dihedral::Original => at(x, y),
        // The right column becomes the top row: counter-clockwise.
        Dihedral::Rotate90 => at(last - y, x),
        Dihedral::Rotate180 => at(last - x, last - y),
        Dihedral::Rotate270 => at(y, last - x),
        Dihedral::FlipX => at(x, last - y),
        Dihedral::FlipY => at(last - x, y),
        Dihedral::FlipPlus1 => at(y, x),
        Dihedral::FlipMinus1 => at(last - y, last - x),
    };
    for (form, hash) in Dihedral::ALL.into_iter().zip(&forms.hashes) {
        let turned: Vec<u8> = (0..side * side).map(|i| source(form, i % side, i / side)).collect();
        let turned = pdq(&Raster::new(&turned, side, side, PixelFormat::Grey8).unwrap());
        eprintln!("{form:?}: {}", hash.distance(&turned.hash));
        let nearest = forms.hashes.iter().min_by_key(|other| other.distance(&turned.hash));
        assert!(hash.distance(&turned.hash) <= 24, "{form:?}: {}", hash.distance(&turned.hash));
        assert_eq!(nearest, Some(hash), "{form:?}");
    }
}
