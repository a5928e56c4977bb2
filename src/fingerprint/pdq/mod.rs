//! PDQ: the perceptual hash of a picture, bit for bit that of the reference library.
//!
//! # The algorithm
//!
//! ```text
//! a side below 5 pixels: hash 0, quality 0
//! luma     = 0.299 red + 0.587 green + 0.114 blue          grey as it is
//! w        = ceil(side / 128)                              for each axis
//! twice:   luma = mean of w neighbours along rows, then along columns; fewer at the edges;
//!          an even w reaches one further right and down than left and up
//! sample   A[i][j] = luma[(2i + 1) height / 128][(2j + 1) width / 128]       64 x 64, rounded down
//! quality  = min(100, sum over neighbours u, v in A of |trunc((u - v) * 100 / 255)| / 90)
//! B        = D A D^T,  D[i][j] = sqrt(2/64) cos(pi/128 (i + 1)(2j + 1))       16 x 16, without the mean
//! bit 16i + j = B[i][j] > 128th smallest of B
//! text:    bit 255 first, in hexadecimal
//! ```
//!
//! The reference does all of this in `f32`, over whole planes, in an order that decides the last bits. A picture is
//! hashed at its full size: to shrink it first moves the hash by up to half of the usual radius.
//! The eight dihedral hashes come from `B` alone: mirroring an axis negates its odd frequencies, a transposed picture has the
//! transposed `B`. They are near the hash of the turned picture, not equal to it.
//!
//! # The fast path, step by step
//!
//! 1. Two box filters are one tent with weights 1, 2 .. w .. 2, 1 over w^2. Samples are side/64 apart, so tents overlap
//!    by about one pixel: every pixel is read about once, and none is blurred that nobody samples.
//! 2. The edge changes only the last sample, and only for an even w, where one inner box holds w - 1 pixels.
//!    Multiplied by w - 1, its weights are whole numbers again: tent and edge are one case with two tables.
//! 3. Columns first, on the raw interleaved bytes: small whole numbers, no luma per pixel (`vertical`).
//! 4. Only 64 times: luma with the weights 299, 587 and 114, and the sum along the row, in `f64`. These are whole numbers that `f64`
//!    holds exactly, but for the very last sample of very large pictures; every order of summation is fixed anyway,
//!    and Rust never fuses a product into a sum, so every CPU gives the same bits.
//! 5. `D A D^T` in `f64`, folded by the symmetry of the cosine (`dct`); the median by selection.
//!
//! # Near-ties
//!
//! A centred logo or a flag drawn by a program has half of its coefficients zero in truth, and its hash in the reference is `f32`
//! noise, at a quality up to 100. Exact arithmetic cannot give that. So the exact path says nothing when the 128th and the 129th
//! coefficient are nearer than twice the largest error seen of the reference, or when steps of luma on the brink of a whole
//! number could change the quality. Then the reference's own operations are replayed (`replay`), in its order
//! and in O(width) memory. [`plain`] is the same written down without any care for memory: the oracle of all tests.
//!
//! Invariant: for every picture, [`Hasher::hash`] equals [`plain::hash`], and [`Hasher::hash_dihedral`] equals [`plain::hash_dihedral`].

mod dct;
mod exact;
#[doc(hidden)]
pub mod plain;
mod replay;
mod vertical;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::fingerprint::PdqHash;
use crate::media::Raster;

/// A picture with a shorter side has no hash: all bits and the quality are zero.
pub const MIN_SIDE: usize = 5;

/// The perceptual hash of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pdq {
    /// The 256 bits.
    pub hash: PdqHash,
    /// How much detail the picture has, 0..=100. Below 50 the hash says little.
    pub quality: u8,
}

/// The hashes of a picture's eight dihedral forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DihedralPdq {
    /// In the order of [`Dihedral::ALL`](crate::fingerprint::Dihedral::ALL). The first is the picture as it is: equal to [`Pdq::hash`], except
    /// for near-ties of a picture of exactly 64x64 pixels, which the reference treats differently here.
    pub hashes: [PdqHash; 8],
    /// How much detail the picture has, 0..=100.
    pub quality: u8,
}

/// Hashes pictures one after the other, reusing its buffers.
///
/// They grow to 6 bytes per byte of the widest row, and to 1/16 byte per pixel once a near-tie was met.
///
/// ```
/// use tamis::fingerprint::Hasher;
/// use tamis::media::{PixelFormat, Raster};
///
/// let shade = |x: usize, y: usize| (x * y / 13 + x * x / 40) as u8;
/// let pixels: Vec<u8> = (0..300 * 200).map(|i| shade(i % 300, i / 300)).collect();
/// let mut hasher = Hasher::new();
/// let pdq = hasher.hash(&Raster::new(&pixels, 300, 200, PixelFormat::Grey8)?);
/// assert_eq!(pdq.hash.popcount(), 128);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Hasher {
    exact: exact::Exact,
    replay: replay::Replay,
}

impl Hasher {
    /// Without buffers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hash and quality of a picture.
    pub fn hash(&mut self, raster: &Raster<'_>) -> Pdq {
        if raster.width() < MIN_SIDE || raster.height() < MIN_SIDE {
            return Pdq::default();
        }
        if let Some(pdq) = self.exact.hash(raster) {
            return pdq;
        }
        if raster.width() == 64 && raster.height() == 64 {
            return plain::hash(raster);
        }
        plain::hash_of(&self.replay.samples(raster))
    }

    /// The hashes of the eight dihedral forms, for little more than the price of one.
    pub fn hash_dihedral(&mut self, raster: &Raster<'_>) -> DihedralPdq {
        if raster.width() < MIN_SIDE || raster.height() < MIN_SIDE {
            return DihedralPdq::default();
        }
        if let Some(all) = self.exact.hash_dihedral(raster) {
            return all;
        }
        plain::dihedral_of(&self.replay.samples(raster))
    }
}

/// Hash and quality of one picture. For many pictures keep a [`Hasher`].
///
/// ```
/// use tamis::fingerprint::pdq;
/// use tamis::media::{PixelFormat, Raster};
///
/// let flat = [255; 100 * 100 * 3];
/// let found = pdq(&Raster::new(&flat, 100, 100, PixelFormat::Rgb8)?);
/// assert_eq!(found.quality, 0);
/// # Ok::<(), tamis::Error>(())
/// ```
pub fn pdq(raster: &Raster<'_>) -> Pdq {
    Hasher::new().hash(raster)
}
