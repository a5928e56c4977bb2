//! The oracle: PDQ in the reference library's own order of `f32` operations.
//!
//! No trick and no speed. It exists because the hash of an exactly symmetric, flat or periodic picture is the rounding
//! noise of the reference, and because every faster path is compared with it. Luma is computed in `f64` and then
//! rounded, as the reference's Python package does; Meta's C++ tool rounds each product, which can only matter for such pictures.
//!
//! It needs 8 bytes a pixel; `replay` gives the same bits in less.

use super::dct::MATRIX;
use super::{DihedralPdq, MIN_SIDE, Pdq};
use crate::fingerprint::PdqHash;
use crate::media::{PixelFormat, Raster, narrow};

/// 64x64 samples of the blurred picture.
pub(super) type Samples = [[f32; 64]; 64];

/// Hash and quality, as the reference's `compute` gives them: a picture of exactly 64x64 is not blurred.
pub fn hash(raster: &Raster<'_>) -> Pdq {
    if raster.width() < MIN_SIDE || raster.height() < MIN_SIDE {
        return Pdq::default();
    }
    if raster.width() == 64 && raster.height() == 64 {
        hash_of(&unblurred(raster))
    } else {
        hash_of(&blurred(raster))
    }
}

/// The eight hashes and the quality, as the reference's `compute_dihedral` gives them: 64x64 is blurred like any other size.
pub fn hash_dihedral(raster: &Raster<'_>) -> DihedralPdq {
    if raster.width() < MIN_SIDE || raster.height() < MIN_SIDE {
        return DihedralPdq::default();
    }
    dihedral_of(&blurred(raster))
}

pub(super) fn hash_of(samples: &Samples) -> Pdq {
    Pdq { hash: bits(&coefficients(samples)), quality: quality(samples) }
}

pub(super) fn dihedral_of(samples: &Samples) -> DihedralPdq {
    let a = coefficients(samples);
    let turned = |f: &dyn Fn(usize, usize) -> f32| {
        bits(&std::array::from_fn(|i| std::array::from_fn(|j| f(i, j))))
    };
    let even = |n: usize, value: f32| if n.is_multiple_of(2) { -value } else { value };
    let hashes = [
        bits(&a),
        turned(&|i, j| even(i, a[j][i])),
        turned(&|i, j| even(i + j + 1, a[i][j])),
        turned(&|i, j| even(j, a[j][i])),
        turned(&|i, j| even(i, a[i][j])),
        turned(&|i, j| even(j, a[i][j])),
        turned(&|i, j| a[j][i]),
        turned(&|i, j| even(i + j + 1, a[j][i])),
    ];
    DihedralPdq { hashes, quality: quality(samples) }
}

/// A row's luma, appended to `out`. 16 bits become 8 first, and alpha is dropped, as by those who feed the reference.
pub(super) fn luma(row: &[u8], format: PixelFormat, out: &mut Vec<f32>) {
    let word = |bytes: &[u8]| narrow(u16::from_ne_bytes([bytes[0], bytes[1]]));
    match format {
        PixelFormat::Grey8 => out.extend(row.iter().map(|grey| f32::from(*grey))),
        PixelFormat::Grey16 => out.extend(row.chunks_exact(2).map(|p| f32::from(word(p)))),
        PixelFormat::Rgb8 => out.extend(row.chunks_exact(3).map(|p| mixed(p[0], p[1], p[2]))),
        PixelFormat::Rgba8 => out.extend(row.chunks_exact(4).map(|p| mixed(p[0], p[1], p[2]))),
        PixelFormat::Rgb16 => out.extend(
            row.chunks_exact(6).map(|p| mixed(word(&p[0..2]), word(&p[2..4]), word(&p[4..6]))),
        ),
    }
}

fn mixed(r: u8, g: u8, b: u8) -> f32 {
    (f64::from(r) * 0.299 + f64::from(g) * 0.587 + f64::from(b) * 0.114) as f32
}

/// The row or column that sample `k` of 64 reads.
pub(super) fn sample_index(k: usize, side: usize) -> usize {
    // floor((k + 1/2) * side / 64) without the fraction.
    (2 * k + 1) * side / 128
}

/// Pixels under one pass of the box filter.
pub(super) fn window(side: usize) -> usize {
    side.div_ceil(128)
}

pub(super) fn unblurred(raster: &Raster<'_>) -> Samples {
    let mut samples = [[0.0; 64]; 64];
    let mut line = Vec::with_capacity(64);
    for (y, row) in samples.iter_mut().enumerate() {
        line.clear();
        luma(raster.row(y), raster.format(), &mut line);
        row.copy_from_slice(&line);
    }
    samples
}

pub(super) fn blurred(raster: &Raster<'_>) -> Samples {
    let (width, height) = (raster.width(), raster.height());
    let mut a = Vec::with_capacity(width * height);
    for y in 0..height {
        luma(raster.row(y), raster.format(), &mut a);
    }
    let mut b = vec![0.0; a.len()];
    for _ in 0..2 {
        for y in 0..height {
            box_filter(&a[y * width..], &mut b[y * width..], width, 1, window(width));
        }
        for x in 0..width {
            box_filter(&b[x..], &mut a[x..], height, width, window(height));
        }
    }
    std::array::from_fn(|i| {
        std::array::from_fn(|j| a[sample_index(i, height) * width + sample_index(j, width)])
    })
}

/// The mean of `window` neighbours, fewer at the ends, by a running sum over `side` values that lie `stride` apart.
pub(super) fn box_filter(from: &[f32], to: &mut [f32], side: usize, stride: usize, window: usize) {
    let half = (window + 2) / 2;
    let mut sum = 0.0f32;
    let mut count = 0.0f32;
    let (mut left, mut right, mut out) = (0, 0, 0);
    for _ in 0..half - 1 {
        sum += from[right];
        count += 1.0;
        right += stride;
    }
    for _ in 0..window - half + 1 {
        sum += from[right];
        count += 1.0;
        to[out] = sum / count;
        right += stride;
        out += stride;
    }
    for _ in 0..side - window {
        sum += from[right];
        sum -= from[left];
        to[out] = sum / count;
        right += stride;
        left += stride;
        out += stride;
    }
    for _ in 0..half - 1 {
        sum -= from[left];
        count -= 1.0;
        to[out] = sum / count;
        left += stride;
        out += stride;
    }
}

fn quality(samples: &Samples) -> u8 {
    let step = |u: f32, v: f32| (((u - v) * 100.0) / 255.0).trunc().abs() as u32;
    let mut sum = 0;
    for rows in samples.windows(2) {
        for (u, v) in rows[0].iter().zip(&rows[1]) {
            sum += step(*u, *v);
        }
    }
    for row in samples {
        for pair in row.windows(2) {
            sum += step(pair[0], pair[1]);
        }
    }
    (sum / 90).min(100) as u8
}

pub(super) fn coefficients(samples: &Samples) -> [[f32; 16]; 16] {
    let mut t = [[0.0f32; 64]; 16];
    for (row, weights) in t.iter_mut().zip(&MATRIX) {
        for (j, out) in row.iter_mut().enumerate() {
            for (weight, samples) in weights.iter().zip(samples) {
                *out += weight * samples[j];
            }
        }
    }
    let mut b = [[0.0f32; 16]; 16];
    for (row, t) in b.iter_mut().zip(&t) {
        for (out, weights) in row.iter_mut().zip(&MATRIX) {
            for (weight, t) in weights.iter().zip(t) {
                *out += t * weight;
            }
        }
    }
    b
}

/// Bit `16 i + j` is set where coefficient `(i, j)` is above the lower median, the 128th smallest of the 256.
fn bits(coefficients: &[[f32; 16]; 16]) -> PdqHash {
    let mut sorted = *coefficients;
    let sorted = sorted.as_flattened_mut();
    sorted.sort_unstable_by(f32::total_cmp);
    let median = sorted[127];
    let mut hash = PdqHash::default();
    for (i, row) in coefficients.iter().enumerate() {
        for (j, coefficient) in row.iter().enumerate() {
            if *coefficient > median {
                hash.set(16 * i + j);
            }
        }
    }
    hash
}
