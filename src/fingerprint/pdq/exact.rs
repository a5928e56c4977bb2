//! The fast path: the same mathematics in integers, and the verdict "too near a tie to say".
//!
//! See the [module](super) for why each step is valid.

use super::dct::coefficients;
use super::plain::{sampled, window};
use super::vertical::weighted_sum;
use super::{DihedralPdq, Pdq};
use crate::fingerprint::PdqHash;
use crate::media::{PixelFormat, Raster};

/// Largest side of a picture for which sums fit and the tolerances below were measured.
pub(super) const MAX_SIDE: usize = 16256;

// A column's sum stays below 2^31, the widest weights included.
const _: () = {
    let w = (MAX_SIDE / 128) as u64;
    assert!(255 * w * w * (w - 1) < 1 << 31);
};

/// How far the reference's `f32` noise can reach. Measured, not proven: noise grows with the sides, and these are at
/// least twice the largest differences seen on noise, stripes, gradients and curves of each size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    /// Two coefficients that are farther apart than this keep their order.
    pub(super) coefficients: f64,
    /// A step of luma, in hundredths of the range, is off by less than this.
    pub(super) step: f64,
}

impl Tolerance {
    pub(super) fn of(raster: &Raster<'_>) -> Self {
        let side = raster.width().max(raster.height()) as f64;
        Tolerance { coefficients: f64::max(1e-2, 1e-6 * side), step: f64::max(1e-3, 3e-7 * side) }
    }
}

/// Buffers of the exact path, reused from picture to picture.
#[derive(Debug, Default)]
pub(super) struct Exact {
    narrow: Vec<u16>,
    columns: Vec<u32>,
    luma: Vec<f64>,
    vertical: Axis<u32>,
    horizontal: Axis<f64>,
}

impl Exact {
    /// Hash and quality, or nothing if the reference's rounding could decide a bit or the quality.
    pub(super) fn hash(&mut self, raster: &Raster<'_>) -> Option<Pdq> {
        let samples = self.samples(raster)?;
        let tolerance = Tolerance::of(raster);
        let quality = quality(&samples, tolerance.step)?;
        let hash = bits(&coefficients(&samples), tolerance.coefficients)?;
        Some(Pdq { hash, quality })
    }

    /// The eight hashes and the quality, or nothing if rounding could decide any of them.
    pub(super) fn hash_dihedral(&mut self, raster: &Raster<'_>) -> Option<DihedralPdq> {
        let samples = self.samples(raster)?;
        let tolerance = Tolerance::of(raster);
        let quality = quality(&samples, tolerance.step)?;
        let hashes = dihedral(&coefficients(&samples), tolerance.coefficients)?;
        Some(DihedralPdq { hashes, quality })
    }

    /// The 64x64 samples of the blurred luma, 0..=255, or nothing for a picture with too long a side.
    pub(super) fn samples(&mut self, raster: &Raster<'_>) -> Option<[[f64; 64]; 64]> {
        let (width, height) = (raster.width(), raster.height());
        if width > MAX_SIDE || height > MAX_SIDE {
            return None;
        }
        self.vertical.prepare(height);
        self.horizontal.prepare(width);
        let row = width * raster.format().bytes_per_pixel();
        self.narrow.resize(row, 0);
        self.columns.resize(row, 0);
        self.luma.resize(width, 0.0);
        let mut samples = [[0.0; 64]; 64];
        for (k, samples) in samples.iter_mut().enumerate() {
            let tap = self.vertical.tap(k);
            weighted_sum(raster, tap.first, tap.weights, &mut self.narrow, &mut self.columns);
            let scale = tap.divisor * luma(&self.columns, raster.format(), &mut self.luma);
            for (k, sample) in samples.iter_mut().enumerate() {
                let tap = self.horizontal.tap(k);
                let lumas = &self.luma[tap.first..];
                let sum: f64 = tap.weights.iter().zip(lumas).map(|(w, v)| w * v).sum();
                *sample = sum / (tap.divisor * scale);
            }
        }
        Some(samples)
    }
}

/// Luma of each column, times the number that is returned: whole numbers, exact in `f64`.
fn luma(columns: &[u32], format: PixelFormat, out: &mut [f64]) -> f64 {
    // Below 2^31, and a signed integer converts in one instruction everywhere.
    let whole = |sum: u32| f64::from(sum as i32);
    match format {
        PixelFormat::Grey8 => {
            for (out, sum) in out.iter_mut().zip(columns) {
                *out = whole(*sum);
            }
            1.0
        }
        PixelFormat::Rgb8 => {
            for (out, rgb) in out.iter_mut().zip(columns.chunks_exact(3)) {
                *out = 299.0 * whole(rgb[0]) + 587.0 * whole(rgb[1]) + 114.0 * whole(rgb[2]);
            }
            1000.0
        }
    }
}

/// Where along a side the 64 samples lie, and the weights of the pixels around them.
#[derive(Debug, Default)]
struct Axis<T> {
    side: usize,
    window: usize,
    /// Two box filters in a row: 1, 2 .. window .. 2, 1.
    tent: Vec<T>,
    /// The same for the last sample of an even window, whose last inner box is one pixel short.
    last: Vec<T>,
}

struct Tap<'a, T> {
    first: usize,
    weights: &'a [T],
    divisor: f64,
}

impl<T: From<u16>> Axis<T> {
    fn prepare(&mut self, side: usize) {
        if self.side == side {
            return;
        }
        let w = window(side);
        (self.side, self.window) = (side, w);
        self.tent.clear();
        // At most (w - 1) * w + w - 1 <= 16128.
        let weight = |n: usize| T::from(n as u16);
        self.tent.extend((0..2 * w - 1).map(|o| weight((o + 1).min(2 * w - 1 - o))));
        self.last.clear();
        if w.is_multiple_of(2) {
            self.last.extend((0..2 * w - 2).map(|o| {
                let boxes = (o + 1).min(w - 1).min(2 * w - 2 - o);
                let short_box = if o >= w - 1 { w } else { 0 };
                weight(boxes * (w - 1) + short_box)
            }));
        }
    }

    fn tap(&self, k: usize) -> Tap<'_, T> {
        let w = self.window;
        // One pass reaches this far to the left.
        let reach = w - (w + 2) / 2;
        let first = sampled(k, self.side) - 2 * reach;
        let squared = (w * w) as f64;
        if k == 63 && w.is_multiple_of(2) {
            Tap { first, weights: &self.last, divisor: squared * (w - 1) as f64 }
        } else {
            Tap { first, weights: &self.tent, divisor: squared }
        }
    }
}

/// The quality, or nothing if steps on the brink of a whole number could change it.
fn quality(samples: &[[f64; 64]; 64], tolerance: f64) -> Option<u8> {
    let (mut low, mut high) = (0u32, 0u32);
    let mut step = |u: f64, v: f64| {
        let step = (u - v).abs() * (100.0 / 255.0);
        low += (step - tolerance) as i32 as u32;
        high += (step + tolerance) as i32 as u32;
    };
    for rows in samples.windows(2) {
        for (u, v) in rows[0].iter().zip(&rows[1]) {
            step(*u, *v);
        }
    }
    for row in samples {
        for (u, v) in row.iter().zip(&row[1..]) {
            step(*u, *v);
        }
    }
    let quality = |sum: u32| (sum / 90).min(100) as u8;
    (quality(low) == quality(high)).then(|| quality(low))
}

type Block = [[f64; 16]; 16];

/// Bit `16 i + j` is set where coefficient `(i, j)` is among the 128 largest.
fn bits(block: &Block, tolerance: f64) -> Option<PdqHash> {
    let mut sorted = *block;
    let (_, median, above) = sorted.as_flattened_mut().select_nth_unstable_by(127, f64::total_cmp);
    let next = above.iter().copied().fold(f64::INFINITY, f64::min);
    if next - *median < tolerance {
        return None;
    }
    let mut hash = PdqHash::default();
    for (i, row) in block.iter().enumerate() {
        for (j, coefficient) in row.iter().enumerate() {
            if coefficient > median {
                hash.set(16 * i + j);
            }
        }
    }
    Some(hash)
}

/// In the order of `Dihedral::ALL`. Mirroring negates the odd frequencies of an axis (the even indexes, as the first
/// frequency is 1); transposing moves bits and keeps the median, so that four medians serve eight hashes.
fn dihedral(block: &Block, tolerance: f64) -> Option<[PdqHash; 8]> {
    let negated = |odd: &dyn Fn(usize, usize) -> bool| -> Block {
        std::array::from_fn(|i| {
            std::array::from_fn(|j| if odd(i, j) { -block[i][j] } else { block[i][j] })
        })
    };
    let same = bits(block, tolerance)?;
    let top_bottom = bits(&negated(&|i, _| i % 2 == 0), tolerance)?;
    let left_right = bits(&negated(&|_, j| j % 2 == 0), tolerance)?;
    let both = bits(&negated(&|i, j| (i + j) % 2 == 1), tolerance)?;
    Some([
        same,
        left_right.transposed(),
        both,
        top_bottom.transposed(),
        top_bottom,
        left_right,
        same.transposed(),
        both.transposed(),
    ])
}
