//! The fast path and the replay against the oracle, on pictures that are hard: symmetric, periodic, flat, thin.
#![allow(clippy::print_stderr, reason = "tests say what they measured")]

use proptest::prelude::*;

use super::transform::Samples;
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

fn samples(raster: &Raster<'_>) -> Samples {
    let mut sampler = Sampler::default();
    sampler.start(raster.width(), raster.height(), raster.format(), 1);
    sampler.push(Kernel::default(), raster);
    *sampler.finish().unwrap()
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
        let found = Hasher::new().replayed(&raster).unwrap();
        prop_assert!(*found.blurred == plain::blurred(&raster));
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

#[test]
fn what_is_announced_has_bounds() {
    let (side, _) = MOST;
    let data = paint(7, side + 1, 5, 3);
    let row = Raster::new(&data, side + 1, 1, PixelFormat::Grey8).unwrap();
    let mut hasher = Hasher::new();
    for (width, height) in [
        (side + 1, 5),
        (5, side + 1),
        (side, side),
        (1 << 16, (1 << 16) + 1),
        (usize::MAX, usize::MAX),
        (usize::MAX / 2, 5),
    ] {
        for orientation in 1..=8 {
            hasher.start(width, height, PixelFormat::Grey8, orientation);
            hasher.start_replay(width, height, PixelFormat::Grey8);
            hasher.rows(&row);
            hasher.replay_rows(&row);
            assert!(hasher.finish().is_none() && hasher.finish_replay().is_none());
        }
    }
    // All rows were given, and yet.
    hasher.start(side + 1, 5, PixelFormat::Grey8, 1);
    hasher.start_replay(side + 1, 5, PixelFormat::Grey8);
    let whole = Raster::new(&data, side + 1, 5, PixelFormat::Grey8).unwrap();
    hasher.rows(&whole);
    hasher.replay_rows(&whole);
    assert!(hasher.finish().is_none() && hasher.finish_replay().is_none());
    // Nothing is asked of a picture that has no hash, and a picture that is there has no bounds.
    hasher.start(4, usize::MAX, PixelFormat::Grey8, 1);
    assert_eq!(hasher.first.by, By::Zero);
    assert_eq!(hasher.hash(&whole), plain::hash(&whole));
    let largest = Raster::new(&data, side, 5, PixelFormat::Grey8).unwrap();
    let found = in_bands(&mut hasher, &largest, 1, &[2]).unwrap();
    assert_eq!(found.pdq(), Some(plain::hash(&largest)));
    assert!(in_bands(&mut hasher, &largest, 6, &[2]).is_some());
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
            let exact = samples(&raster);
            let rounded = Hasher::new().replayed(&raster).unwrap().blurred;
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
            let tolerance = Tolerance::of(width, height);
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
    for (form, hash) in Dihedral::ALL.iter().copied().zip(&forms.hashes) {
        let turned: Vec<u8> = (0..side * side).map(|i| source(form, i % side, i / side)).collect();
        let turned = pdq(&Raster::new(&turned, side, side, PixelFormat::Grey8).unwrap());
        eprintln!("{form:?}: {}", hash.distance(&turned.hash));
        let nearest = forms.hashes.iter().min_by_key(|other| other.distance(&turned.hash));
        assert!(hash.distance(&turned.hash) <= 24, "{form:?}: {}", hash.distance(&turned.hash));
        assert_eq!(nearest, Some(hash), "{form:?}");
    }
}

/// The pixels of `raster` as a viewer sees them who turns them as EXIF `orientation` says: the definition, pixel by pixel.
fn turned(raster: &Raster<'_>, orientation: u8) -> (Vec<u8>, usize, usize) {
    let (w, h) = (raster.width(), raster.height());
    let pixel = raster.format().bytes_per_pixel();
    let (columns, rows) = if orientation >= 5 { (h, w) } else { (w, h) };
    let mut out = Vec::new();
    for y in 0..rows {
        for x in 0..columns {
            let (x, y) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                8 => (w - 1 - y, x),
                _ => (x, y),
            };
            out.extend(&raster.row(y)[x * pixel..][..pixel]);
        }
    }
    (out, columns, rows)
}

/// What `Hasher` says of a picture in bands whose heights come from `cuts`, over and over.
fn in_bands(
    hasher: &mut Hasher,
    raster: &Raster<'_>,
    orientation: u8,
    cuts: &[usize],
) -> Option<Sampled> {
    hasher.start(raster.width(), raster.height(), raster.format(), orientation);
    bands(raster, cuts, |band| hasher.rows(band));
    hasher.finish()
}

fn bands(raster: &Raster<'_>, cuts: &[usize], mut take: impl FnMut(&Raster<'_>)) {
    let mut y = 0;
    for cut in cuts.iter().cycle() {
        let height = (*cut).min(raster.height() - y);
        take(&raster.crop(0, y, raster.width(), height).unwrap());
        y += height;
        if y == raster.height() {
            break;
        }
    }
}

fn format_of(n: usize) -> PixelFormat {
    use PixelFormat::*;
    [Grey8, Rgb8, Rgba8, Grey16, Rgb16][n]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn bands_of_any_height_have_the_same_bits(
        kind in 0u8..9,
        width in 5usize..=400,
        height in 5usize..=900,
        format in 0usize..5,
        seed: u32,
        orientation in 1u8..=8,
        cuts in prop::collection::vec(1usize..60, 1..9),
    ) {
        let format = format_of(format);
        let data = paint(kind, width * format.bytes_per_pixel(), height, seed);
        let raster = Raster::new(&data, width, height, format).unwrap();
        let mut hasher = Hasher::new();
        let whole = in_bands(&mut hasher, &raster, orientation, &[height]).unwrap();
        for isa in Isa::available() {
            let parts = in_bands(&mut Hasher::with_isa(isa), &raster, orientation, &cuts).unwrap();
            prop_assert_eq!(parts.coefficients(), whole.coefficients());
            prop_assert_eq!((parts.pdq(), parts.dihedral()), (whole.pdq(), whole.dihedral()));
            prop_assert_eq!(parts.pdq_exact(), whole.pdq_exact());
        }
        hasher.start_replay(width, height, format);
        bands(&raster, &cuts, |band| hasher.replay_rows(band));
        let replayed = hasher.finish_replay().unwrap();
        prop_assert_eq!(replayed.pdq(), plain::hash(&raster));
        prop_assert_eq!(replayed.dihedral(), plain::hash_dihedral(&raster));
    }

    #[test]
    fn turned_samples_are_those_of_the_turned_picture(
        kind in 0u8..9, width in 5usize..=400, height in 5usize..=400, format in 0usize..5, seed: u32, orientation in 1u8..=8,
    ) {
        let format = format_of(format);
        let data = paint(kind, width * format.bytes_per_pixel(), height, seed);
        let raster = Raster::new(&data, width, height, format).unwrap();
        let (pixels, columns, rows) = turned(&raster, orientation);
        let turned = Raster::new(&pixels, columns, rows, format).unwrap();
        let mut hasher = Hasher::new();
        let found = in_bands(&mut hasher, &raster, orientation, &[height]).unwrap();
        let expected = in_bands(&mut hasher, &turned, 1, &[rows]).unwrap();
        prop_assert_eq!(found.coefficients(), expected.coefficients());
        if let Some(found) = found.pdq() {
            prop_assert_eq!(found, plain::hash(&turned));
        }
        if let Some(found) = found.dihedral() {
            prop_assert_eq!(found, plain::hash_dihedral(&turned));
        }
    }

    #[test]
    fn a_rectangle_is_hashed_as_if_it_were_copied(
        kind in 0u8..9, format in 0usize..5, x in 0usize..100, y in 0usize..100, width in 5usize..200, height in 5usize..200, seed: u32,
    ) {
        let format = format_of(format);
        let data = paint(kind, 300 * format.bytes_per_pixel(), 300, seed);
        let inner = Raster::new(&data, 300, 300, format).unwrap().crop(x, y, width, height).unwrap();
        let copy: Vec<u8> = (0..height).flat_map(|y| inner.row(y)).copied().collect();
        let copy = Raster::new(&copy, width, height, format).unwrap();
        check(&mut Hasher::new(), &inner);
        prop_assert_eq!(Hasher::new().hash(&inner), plain::hash(&copy));
    }
}

/// Every size of window, even and odd, and sides on both sides of a step.
#[test]
fn all_orientations_of_large_pictures() {
    let mut hasher = Hasher::new();
    for (width, height) in
        [(16256, 7), (16128, 65), (2049, 130), (130, 2048), (1024, 1023), (16300, 20), (20, 16300)]
    {
        let data = paint(7, width, height, 3);
        let raster = Raster::new(&data, width, height, PixelFormat::Grey8).unwrap();
        for orientation in 1..=8 {
            let (pixels, columns, rows) = turned(&raster, orientation);
            let turned = Raster::new(&pixels, columns, rows, PixelFormat::Grey8).unwrap();
            let found = in_bands(&mut hasher, &raster, orientation, &[16]).unwrap();
            let expected = plain::hash(&turned);
            if width.max(height) <= MAX_SIDE || orientation == 1 {
                assert!(
                    found.pdq().is_none_or(|found| found == expected),
                    "{width}x{height} {orientation}"
                );
            } else {
                // Beyond the tolerances nothing is certain, and yet it is near.
                assert_eq!(found.pdq(), None);
                assert_eq!(found.dihedral(), None);
                assert!(
                    found.pdq_exact().hash.distance(&expected.hash) <= 10,
                    "{width}x{height} {orientation}"
                );
            }
        }
    }
}

#[test]
fn only_the_announced_rows_have_samples() {
    let data = paint(7, 100, 200, 1);
    let raster = Raster::new(&data, 100, 150, PixelFormat::Grey8).unwrap();
    let part = |y, height| raster.crop(0, y, 100, height).unwrap();
    let mut hasher = Hasher::new();
    assert!(hasher.finish().is_none());
    assert!(hasher.finish_replay().is_none());
    hasher.rows(&raster);
    hasher.replay_rows(&raster);
    assert!(hasher.finish().is_none());
    // Missing, too many, too narrow, of another format; and afterwards all is well again.
    for bad in 0..5 {
        hasher.start(100, 150, PixelFormat::Grey8, 1);
        hasher.start_replay(100, 150, PixelFormat::Grey8);
        let bands = match bad {
            0 => vec![part(0, 149)],
            1 => vec![part(0, 150), part(0, 1)],
            2 => vec![raster.crop(0, 0, 99, 150).unwrap()],
            3 => vec![Raster::new(&data, 100, 50, PixelFormat::Rgb8).unwrap()],
            _ => vec![part(0, 0), part(0, 150), part(0, 0)],
        };
        for band in &bands {
            hasher.rows(band);
            hasher.replay_rows(band);
        }
        assert_eq!(hasher.finish().is_some(), bad == 4, "{bad}");
        assert_eq!(hasher.finish_replay().is_some(), bad == 4, "{bad}");
    }
    check(&mut hasher, &raster);
    hasher.start(4, 1000, PixelFormat::Grey8, 6);
    assert!(hasher.finish().is_none());
    hasher.start(4, 0, PixelFormat::Grey8, 6);
    assert_eq!(hasher.finish().unwrap().pdq(), Some(Pdq::default()));
}

/// A side beyond those of the exact path makes the first pass a replay, which has the buffers of the second pass: whichever began earlier is given
/// up, and the other one has the bits of the oracle.
#[test]
fn of_two_replays_at_once_the_earlier_is_given_up() {
    let data = paint(7, 17_000, 8, 1);
    let raster = |width| Raster::new(&data, width, 8, PixelFormat::Grey8).unwrap();
    let rows = |width, y, height| raster(width).crop(0, y, width, height).unwrap();
    let large = MAX_SIDE + 1;
    // Narrower, as wide, and wider.
    for other in [300, large, 17_000] {
        for half in [false, true] {
            let mut hasher = Hasher::new();
            hasher.start_replay(other, 8, PixelFormat::Grey8);
            hasher.replay_rows(&rows(other, 0, 3));
            hasher.start(large, 8, PixelFormat::Grey8, 1);
            if half {
                hasher.rows(&rows(large, 0, 4));
            }
            hasher.replay_rows(&rows(other, 3, 5));
            hasher.rows(&if half { rows(large, 4, 4) } else { raster(large) });
            assert!(hasher.finish_replay().is_none(), "{other}");
            assert_eq!(hasher.finish().unwrap().pdq(), Some(plain::hash(&raster(large))));

            hasher.start(large, 8, PixelFormat::Grey8, 1);
            hasher.rows(&rows(large, 0, 3));
            hasher.start_replay(other, 8, PixelFormat::Grey8);
            hasher.rows(&rows(large, 3, 5));
            hasher.replay_rows(&raster(other));
            assert!(hasher.finish().is_none(), "{other}");
            assert_eq!(hasher.finish_replay().unwrap().pdq(), plain::hash(&raster(other)));
        }
    }
    // A whole picture between the rows of a replay.
    let mut hasher = Hasher::new();
    hasher.start_replay(300, 8, PixelFormat::Grey8);
    hasher.replay_rows(&rows(300, 0, 3));
    assert_eq!(hasher.hash(&raster(large)), plain::hash(&raster(large)));
    hasher.replay_rows(&rows(300, 3, 5));
    assert!(hasher.finish_replay().is_none());
}

/// The bits that change when coefficients do are among the doubtful ones.
#[test]
fn doubtful_bits_bound_what_an_error_can_change() {
    let data = paint(0, 300, 200, 9);
    let raster = Raster::new(&data, 300, 200, PixelFormat::Grey8).unwrap();
    let sampled = in_bands(&mut Hasher::new(), &raster, 1, &[200]).unwrap();
    assert_eq!(sampled.doubtful_bits(0.0), 0);
    assert_eq!(sampled.doubtful_bits(1e9), 256);
    let mut largest = 0;
    for (seed, error) in (0..200u32).zip([0.01, 0.3, 1.0, 5.0].into_iter().cycle()) {
        let mut block = sampled.coefficients();
        for (c, n) in block.as_flattened_mut().iter_mut().zip(paint(0, 16, 16, seed * 77 + 1)) {
            *c += if n % 2 == 0 { error } else { -error };
        }
        let transform = transform::Transform { coefficients: block, quality: [0; 3] };
        let changed =
            Sampled::exact(transform, None).pdq_exact().hash.distance(&sampled.pdq_exact().hash);
        assert!(changed <= sampled.doubtful_bits(error), "{error}: {changed}");
        largest = largest.max(changed);
    }
    assert!(largest > 20, "the errors changed {largest} bits at most");
}
