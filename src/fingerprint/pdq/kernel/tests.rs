//! Each kernel against the definition.
#![allow(clippy::print_stderr, reason = "tests say what they skip")]

use proptest::prelude::*;

use super::*;
use crate::fingerprint::pdq::sampler::add_rows;
use crate::media::PixelFormat;

/// The kernels of this CPU, weakest first, whatever their trial says: a wrong one must not hide behind the portable one.
fn kernels() -> impl Iterator<Item = (&'static str, Kernel)> {
    let strongest = |isa| Kernel::strongest(isa, |_| true);
    Isa::available().map(strongest).map(|kernel| (kernel.name(), kernel))
}

#[test]
fn every_kernel_of_this_cpu_passes_its_trial() {
    let written: &[&str] = match std::env::consts::ARCH {
        "x86_64" => &["avx2", "avx512"],
        "aarch64" => &["neon"],
        _ => &[],
    };
    for name in written {
        if !kernels().any(|(other, _)| other == *name) {
            eprintln!("SKIPPED: this CPU lacks {name}; no test of this file ran that kernel");
        }
    }
    for (name, kernel) in kernels() {
        assert!(trial::answers(kernel) == trial::answers(Kernel::Portable), "{name}");
        assert!(trial::passed(kernel) && trial::passed(kernel), "{name}");
    }
    for isa in Isa::available() {
        assert_eq!(Kernel::of(isa).name(), Kernel::strongest(isa, |_| true).name());
    }
}

#[test]
fn a_kernel_that_fails_gives_way() {
    for isa in Isa::available() {
        assert_eq!(Kernel::strongest(isa, |_| false).name(), "portable");
        let next = Kernel::strongest(isa, |kernel| kernel.name() != isa.name());
        assert!(isa == Isa::PORTABLE || next.name() != isa.name(), "{isa}");
    }
}

fn noise(seed: u32, count: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    };
    (0..count).map(step).collect()
}

/// The definition.
fn add(raster: &Raster<'_>, weights: &[u8], sums: &mut [i32], fresh: bool) {
    for (column, sum) in sums.iter_mut().enumerate() {
        let products = weights
            .iter()
            .enumerate()
            .map(|(i, w)| i32::from(*w) * i32::from(raster.row(i)[column]));
        *sum = products.sum::<i32>() + if fresh { 0 } else { *sum };
    }
}

fn check(data: &[u8], length: usize, stride: usize, weights: &[u8], fresh: bool) {
    let raster =
        Raster::with_stride(data, length, weights.len(), stride, PixelFormat::Grey8).unwrap();
    let before: Vec<i32> = (0..length as i32).map(|i| i * 1_000_003 % 100_000_000).collect();
    let mut expected = before.clone();
    add(&raster, weights, &mut expected, fresh);
    for (name, kernel) in kernels() {
        let mut found = before.clone();
        kernel.add(Rows::of(&raster, 0, weights.len()), weights, &mut found, fresh);
        assert_eq!(found, expected, "{name}: {length} bytes, stride {stride}, weights {weights:?}");
    }
}

/// Weights that are all at the limit over rows that are all white: nothing may saturate.
#[test]
fn the_largest_sums_fit() {
    let white = vec![255; ROWS * 150];
    for count in 1..=ROWS {
        for weight in [0, 1, 63, 64, 65, 127] {
            for fresh in [false, true] {
                check(&white, 150, 150, &vec![weight; count], fresh);
            }
        }
    }
}

#[test]
fn every_length_and_alignment() {
    let data = noise(9, ROWS * 300 + 64);
    let weights: Vec<u8> = (1..=8).chain((1..8).rev()).collect();
    for length in 1..=200 {
        for (offset, stride) in [(0, 200), (length % 64, 200 + length % 37), (63, length)] {
            check(&data[offset..], length, stride, &weights, length % 2 == 0);
        }
    }
    // Nothing is read past the last byte: the slice ends with it, and Miri or a sanitizer would see it.
    for length in [1, 31, 32, 33, 63, 64, 65, 127, 128, 129] {
        check(&noise(4, 3 * length), length, length, &[1, 2, 1], true);
    }
}

#[test]
fn the_weights_of_every_window() {
    let data = noise(7, 2 * 127 * 70);
    for w in 1u8..=127 {
        let tent: Vec<u8> = (1..=w).chain((1..w).rev()).collect();
        let cut: Vec<u8> = (1..w).chain((1..w).rev()).collect();
        for (first, weights) in tent.chunks(ROWS).chain(cut.chunks(ROWS)).enumerate() {
            check(&data[first * 70..], 70, 70, weights, first % 2 == 0);
        }
    }
}

/// Weights beyond a byte are added in parts: the first that is, the largest byte, and those of the highest picture.
#[test]
fn weights_beyond_a_byte_are_the_definition() {
    const LENGTH: usize = 70;
    for w in [127u16, 128, 254, 255, 256, 2901] {
        let tent: Vec<u16> = (1..=w).chain((1..w).rev()).collect();
        for data in [vec![255; tent.len() * LENGTH], noise(u32::from(w), tent.len() * LENGTH)] {
            let mut expected = [0i64; LENGTH];
            for (row, weight) in data.chunks(LENGTH).zip(&tent) {
                for (sum, value) in expected.iter_mut().zip(row) {
                    *sum += i64::from(*value) * i64::from(*weight);
                }
            }
            for (name, kernel) in kernels() {
                let mut sums = [-1; LENGTH];
                let parts = data.chunks(ROWS * LENGTH).zip(tent.chunks(ROWS));
                for (i, (rows, weights)) in parts.enumerate() {
                    let rows = Rows::new(rows, LENGTH, LENGTH, weights.len());
                    add_rows(kernel, rows, weights, &mut sums, i == 0);
                }
                assert_eq!(sums.map(i64::from), expected, "{name}: window {w}");
            }
        }
    }
}

/// What does not fit is refused, rather than left out or read elsewhere.
#[test]
fn kernels_refuse_what_does_not_fit() {
    let data = noise(3, 3 * 100);
    let raster = Raster::new(&data, 100, 3, PixelFormat::Grey8).unwrap();
    for (first, count) in [(0, 0), (0, 4), (1, 3), (4, 1)] {
        assert!(std::panic::catch_unwind(|| Rows::of(&raster, first, count)).is_err());
    }
    for (name, kernel) in kernels() {
        for (count, length, weight) in
            [(2, 100, 1), (4, 100, 1), (3, 99, 1), (3, 128, 1), (3, 100, 128)]
        {
            let refused = std::panic::catch_unwind(|| {
                let mut sums = vec![0; length];
                kernel.add(Rows::of(&raster, 0, 3), &vec![weight; count], &mut sums, true);
            });
            assert!(refused.is_err(), "{name}: {count} weights of {weight}, {length} sums");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn sums_are_the_definition(
        weights in prop::collection::vec(0u8..=127, 1..=ROWS),
        length in 1usize..400,
        padding in 0usize..70,
        offset in 0usize..64,
        seed: u32,
        fresh: bool,
    ) {
        let stride = length + padding;
        let data = noise(seed, offset + stride * weights.len());
        check(&data[offset..], length, stride, &weights, fresh);
    }

    /// Written or compiled anew for each: the bits must not depend on it.
    #[test]
    fn samples_and_coefficients_have_the_same_bits(
        width in 5usize..2000, colour in 0usize..3, mirrored: bool, seed: u32,
    ) {
        let format = [PixelFormat::Grey8, PixelFormat::Rgb8, PixelFormat::Rgba8][colour];
        let mut taps = Taps::default();
        taps.prepare(crate::fingerprint::pdq::axis::Axis::new(width, mirrored), format);
        let length = width * format.bytes_per_pixel() + crate::fingerprint::pdq::horizontal::MARGIN;
        let sums: Vec<i32> = noise(seed, 4 * length).as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b) & i32::MAX).collect();
        let mut samples = [[0.0; 64]; 64];
        let noise = noise(seed ^ 1, 64 * 64);
        for (sample, noise) in samples.as_flattened_mut().iter_mut().zip(noise) {
            *sample = f64::from(noise) / 3.0;
        }
        let mut expected = None;
        for (name, kernel) in kernels() {
            let mut row = [0.0; 64];
            kernel.along_row(&sums, &taps, [7.0, 3.0], &mut row);
            let transform = kernel.transform(&samples, 1e-3);
            let bits = (row.map(f64::to_bits), transform.coefficients.map(|row| row.map(f64::to_bits)), transform.quality);
            let expected = expected.get_or_insert(bits);
            prop_assert!(*expected == bits, "{}", name);
        }
    }
}
