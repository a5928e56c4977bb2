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
//! ```text
//! for band of rows, in order:
//!     for sample k whose tent reaches into the band:
//!         sums[c] += weight * row[c]      for the rows of both, for each byte c of a row      (1) (2) (3) (4)
//!         if this was the last row of the tent:
//!             A[k][j] = (sums . tent and luma weights at j) / (1000 wv^2 wh^2)  for j in 0..64 (5)
//! B = D A D^T, quality, median                                                                (6)
//! ```
//!
//! 1. Two box filters are one tent with weights 1, 2 .. w .. 2, 1 over w^2. Samples are side/64 apart, so tents overlap
//!    by at most one pixel (`axis`): every pixel is read about once, none is blurred that nobody samples, and one row of sums
//!    is all that a picture needs, however its rows are cut into bands.
//! 2. The edge changes only the last sample, and only for an even w, where one inner box holds w - 1 pixels. That box is summed
//!    beside the rest of the tent: tent / w^2 + box / (w (w - 1)).
//! 3. Columns first, on the raw interleaved bytes: whole numbers below 2^31, weights of at most 127 (up to 2901 in turned pictures with a side beyond
//!    16,256, added in parts), no luma per pixel. This loop reads the pixels and is written once per instruction set (`kernel`).
//! 4. A picture that EXIF turns is hashed as if it had been turned: along a mirrored axis the samples come in reverse order, over mirrored
//!    pixels; a transposed picture has transposed samples. No pixel is moved.
//! 5. Only 64 times a sampled row: luma with the weights 299, 587 and 114 and the tent in one dot product in `f64` (`horizontal`).
//!    These are whole numbers that `f64` holds exactly, for sides up to 16,256 and but for the very last sample; every order of summation is
//!    fixed anyway, and Rust never fuses a product into a sum, so every CPU gives the same bits.
//! 6. `D A D^T` in `f64`, folded by the symmetry of the cosine (`dct`); steps of luma in fixed point (`transform`); the
//!    median by selection (`sampled`).
//!
//! # Near-ties
//!
//! A centred logo or a flag drawn by a program has half of its coefficients zero in truth, and its hash in the reference is `f32`
//! noise, at a quality up to 100. Exact arithmetic cannot give that. So [`Sampled::pdq`] says nothing when the 128th and the 129th
//! coefficient are nearer than the tolerance (`sampled`), or when steps of luma on the brink of a whole
//! number could change the quality. Then the reference's own operations are replayed over the same rows (`replay`), in its order
//! and in memory for w rows. The order is that of the pixels as stored, so a turned picture cannot be replayed band by band.
//! [`plain`] is the same written down without any care for memory: the oracle of all tests.
//!
//! # Invariants
//!
//! * [`Hasher::hash`] equals [`plain::hash`], and [`Hasher::hash_dihedral`] equals [`plain::hash_dihedral`]: proven where the replay decides;
//!   elsewhere as far as the tolerances bound the rounding of the reference, which is measured and not proven (`sampled`).
//! * [`Hasher::rows`] in bands of any height, and every instruction set, give the same coefficients, bit for bit.
//! * [`Hasher::start`] with an orientation gives the coefficients of the turned pixels: bit for bit where the sums are exact.

mod axis;
mod dct;
mod horizontal;
mod kernel;
#[doc(hidden)]
pub mod plain;
mod replay;
mod sampled;
mod sampler;
mod transform;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use sampled::{Replayed, Sampled};

use crate::fingerprint::PdqHash;
use crate::hamming::Isa;
use crate::media::{PixelFormat, Raster};
use kernel::Kernel;
use replay::Replay;
use sampled::Tolerance;
use sampler::{MAX_HEIGHT, Sampler};

/// Largest side of a picture for which the tolerances were measured.
const MAX_SIDE: usize = 16256;

/// Largest side, and most pixels, of a picture that is announced and not there yet. The weights of an axis fit in 16 bits, and
/// the buffers, 1/16 byte per pixel, in 256 MiB.
const MOST: (usize, u64) = (1 << 20, 1 << 32);

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
/// They grow to 8 bytes per byte of the widest row, 12 where a channel has 16 bits, and to 1/16 byte per pixel once a
/// near-tie was met. A picture that is larger than memory is given in bands of rows: [`start`](Self::start), [`rows`](Self::rows), [`finish`](Self::finish), and
/// in case of a near-tie once more for [`start_replay`](Self::start_replay) and its companions.
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
    kernel: Kernel,
    sampler: Sampler,
    replay: Replay,
    /// The picture whose rows are arriving, and the one that is being replayed.
    first: Pass,
    second: Pass,
}

/// A picture whose rows are arriving.
#[derive(Clone, Copy, Debug, Default)]
struct Pass {
    width: usize,
    height: usize,
    format: Option<PixelFormat>,
    given: usize,
    by: By,
}

/// What becomes of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum By {
    /// They are refused: none were announced, or other ones.
    #[default]
    Nothing,
    /// They do not matter: a side is too short.
    Zero,
    Sampler,
    Replay,
}

impl Pass {
    fn start(width: usize, height: usize, format: PixelFormat, by: By) -> Self {
        let by = if width.min(height) < MIN_SIDE { By::Zero } else { by };
        Pass { width, height, format: Some(format), given: 0, by }
    }

    /// What to do with the next rows.
    fn take(&mut self, band: &Raster<'_>) -> By {
        let announced = (self.width, self.format) == (band.width(), Some(band.format()));
        if !announced || band.height() > self.height - self.given {
            self.by = By::Nothing;
        } else {
            self.given += band.height();
        }
        self.by
    }

    /// How the picture was taken in, if nothing is missing.
    fn finish(&mut self) -> By {
        let pass = std::mem::take(self);
        if pass.given == pass.height { pass.by } else { By::Nothing }
    }
}

impl Hasher {
    /// Without buffers yet, for the strongest instruction set that [`Isa::detect`] finds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Without buffers yet. All instruction sets give the same bits.
    pub fn with_isa(isa: Isa) -> Self {
        Hasher { kernel: Kernel::of(isa), ..Self::default() }
    }

    /// Hash and quality of a picture.
    pub fn hash(&mut self, raster: &Raster<'_>) -> Pdq {
        let sampled = self.sampled(raster);
        sampled
            .pdq()
            .unwrap_or_else(|| self.replayed(raster).map_or(sampled.pdq_exact(), |r| r.pdq()))
    }

    /// The hashes of the eight dihedral forms, for little more than the price of one.
    pub fn hash_dihedral(&mut self, raster: &Raster<'_>) -> DihedralPdq {
        let sampled = self.sampled(raster);
        sampled.dihedral().unwrap_or_else(|| {
            self.replayed(raster).map_or(sampled.dihedral_exact(), |r| r.dihedral())
        })
    }

    /// The kernel that reads the pixels: spelled as [`Isa::name`], and weaker than the instruction set that was asked for
    /// if the CPU lacks an extension that only this kernel needs, or if the kernel failed its trial.
    pub fn kernel(&self) -> &'static str {
        self.kernel.name()
    }

    fn sampled(&mut self, raster: &Raster<'_>) -> Sampled {
        // The buffers are smaller than the pixels, which are there: no bound is needed.
        self.prepare(raster.width(), raster.height(), raster.format(), 1);
        self.rows(raster);
        self.finish().unwrap_or(Sampled::zero())
    }

    fn replayed(&mut self, raster: &Raster<'_>) -> Option<Replayed> {
        self.prepare_replay(raster.width(), raster.height(), raster.format());
        self.replay_rows(raster);
        self.finish_replay()
    }

    /// Starts a picture whose rows arrive in bands. It is hashed as if it had been turned first as EXIF `orientation` says:
    /// 1 is as stored, and so is what is not in 1..=8.
    ///
    /// A side beyond 16,256 pixels has no exact answer that is known to be the reference's. Such a picture is replayed at
    /// once if it is as stored; turned, it is sampled, but never certain.
    ///
    /// A side beyond 1,048,576 pixels, or more than 2^32 pixels, are not taken in: [`finish`](Self::finish) says nothing then, and
    /// nothing is reserved for them. [`hash`](Self::hash) has no such bound.
    pub fn start(&mut self, width: usize, height: usize, format: PixelFormat, orientation: u8) {
        if too_large(width, height) {
            self.first = Pass::start(width, height, format, By::Nothing);
        } else {
            self.prepare(width, height, format, orientation);
        }
    }

    fn prepare(&mut self, width: usize, height: usize, format: PixelFormat, orientation: u8) {
        let orientation = if (1..=8).contains(&orientation) { orientation } else { 1 };
        let by = if width.max(height) <= MAX_SIDE {
            By::Sampler
        } else if orientation == 1 {
            By::Replay
        } else if height <= MAX_HEIGHT {
            By::Sampler
        } else {
            By::Nothing
        };
        self.first = Pass::start(width, height, format, by);
        match self.first.by {
            By::Sampler => self.sampler.start(width, height, format, orientation),
            By::Replay => {
                // The second pass over another picture uses the same buffers.
                if self.second.by == By::Replay {
                    self.second = Pass::default();
                }
                self.replay.start(width, height);
            }
            By::Zero | By::Nothing => {}
        }
    }

    /// The next rows of the picture, any number at a time, from the top down as they are stored.
    pub fn rows(&mut self, band: &Raster<'_>) {
        match self.first.take(band) {
            By::Sampler => self.sampler.push(self.kernel, band),
            By::Replay => self.replay.push(band),
            By::Zero | By::Nothing => {}
        }
    }

    /// The samples. Nothing unless exactly the rows were given that had been announced; and nothing for a turned picture
    /// of more than 371,328 rows, or for one beyond the bounds of [`start`](Self::start).
    pub fn finish(&mut self) -> Option<Sampled> {
        let (width, height) = (self.first.width, self.first.height);
        match self.first.finish() {
            By::Nothing => None,
            By::Zero => Some(Sampled::zero()),
            By::Sampler => {
                let known = width.max(height) <= MAX_SIDE;
                let tolerance = Tolerance::of(width, height);
                let transform = self.kernel.transform(self.sampler.finish()?, tolerance.step);
                Some(Sampled::exact(transform, known.then_some(tolerance)))
            }
            By::Replay => Some(Sampled::replayed(self.replay.finish()?)),
        }
    }

    /// Starts the second pass over a picture that was a near-tie, as stored: the reference's own operations, which are much
    /// slower than the first pass. It has the bounds of [`start`](Self::start).
    ///
    /// It has the buffers that a first pass needs for a side beyond 16,256 pixels. Of two such passes at once the one that started first is given up:
    /// its rows are refused, and its end says nothing.
    pub fn start_replay(&mut self, width: usize, height: usize, format: PixelFormat) {
        if too_large(width, height) {
            self.second = Pass::start(width, height, format, By::Nothing);
        } else {
            self.prepare_replay(width, height, format);
        }
    }

    fn prepare_replay(&mut self, width: usize, height: usize, format: PixelFormat) {
        self.second = Pass::start(width, height, format, By::Replay);
        // The first pass over a large picture uses the same buffers.
        if self.first.by == By::Replay {
            self.first = Pass::default();
        }
        if self.second.by == By::Replay {
            self.replay.start(width, height);
        }
    }

    /// The next rows of the picture, any number at a time.
    pub fn replay_rows(&mut self, band: &Raster<'_>) {
        if self.second.take(band) == By::Replay {
            self.replay.push(band);
        }
    }

    /// What the reference says. Nothing unless exactly the rows were given that had been announced, within the bounds of
    /// [`start`](Self::start).
    pub fn finish_replay(&mut self) -> Option<Replayed> {
        match self.second.finish() {
            By::Replay => self.replay.finish(),
            _ => None,
        }
    }
}

/// Whether the picture is beyond [`MOST`].
fn too_large(width: usize, height: usize) -> bool {
    let (side, pixels) = MOST;
    width.max(height) > side || width as u64 * height as u64 > pixels
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
