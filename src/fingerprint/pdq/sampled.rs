//! What a hash is read from, and how sure it is.

use super::plain;
use super::transform::{Block, Transform};
use super::{DihedralPdq, Pdq};
use crate::fingerprint::PdqHash;

/// How far the reference's `f32` noise can reach. Measured, not proven: noise grows with the sides, and two coefficients, or two samples, may err
/// towards each other. These are above twice the largest error seen, which is what it takes and no margin, in grey noise, stripes, gradients and
/// curves of up to 2000 x 1500, and of 16,256 x 64 (`the_reference_stays_within_the_tolerances`). Colour, and large pictures with two long sides,
/// were not measured; the constants are by hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    /// Two coefficients that are farther apart than this keep their order.
    pub(super) coefficients: f64,
    /// A step of luma, in hundredths of the range, is off by less than this.
    pub(super) step: f64,
}

impl Tolerance {
    pub(super) fn of(width: usize, height: usize) -> Self {
        let side = width.max(height) as f64;
        Tolerance { coefficients: f64::max(1e-2, 1e-6 * side), step: f64::max(1e-3, 3e-7 * side) }
    }
}

/// The frequencies of a picture of which all rows were given.
///
/// ```
/// use tamis::fingerprint::Hasher;
/// use tamis::media::{PixelFormat, Raster};
///
/// let pixels: Vec<u8> = (0..300 * 200).map(|i| (i % 300 * (i / 300) / 13) as u8).collect();
/// let picture = Raster::new(&pixels, 300, 200, PixelFormat::Grey8)?;
/// let mut hasher = Hasher::new();
/// hasher.start(300, 200, PixelFormat::Grey8, 1);
/// hasher.rows(&picture.crop(0, 0, 300, 77)?);
/// hasher.rows(&picture.crop(0, 77, 300, 123)?);
/// let sampled = hasher.finish().expect("all 200 rows");
/// assert_eq!(sampled.pdq(), Some(hasher.hash(&picture)));
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sampled(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// A side is too short for a hash.
    Zero,
    Exact {
        transform: Box<Transform>,
        /// Nothing if it is not known for pictures of that size, so that the reference's rounding may decide anything.
        tolerance: Option<Tolerance>,
    },
    /// Too long a side for exact arithmetic to say what the reference says.
    Replayed(Replayed),
}

impl Sampled {
    pub(super) fn zero() -> Self {
        Sampled(Kind::Zero)
    }

    pub(super) fn exact(transform: Transform, tolerance: Option<Tolerance>) -> Self {
        Sampled(Kind::Exact { transform: Box::new(transform), tolerance })
    }

    pub(super) fn replayed(replayed: Replayed) -> Self {
        Sampled(Kind::Replayed(replayed))
    }

    /// Hash and quality, or nothing if the reference's rounding could decide a bit or the quality: a near-tie, which
    /// only a replay can tell.
    pub fn pdq(&self) -> Option<Pdq> {
        match &self.0 {
            Kind::Zero => Some(Pdq::default()),
            Kind::Exact { transform, tolerance } => {
                let tolerance = (*tolerance)?;
                let quality = sure_quality(transform)?;
                let median = Median::of(&transform.coefficients);
                median.is_sure(tolerance.coefficients).then(|| Pdq { hash: median.hash(), quality })
            }
            Kind::Replayed(replayed) => Some(replayed.pdq()),
        }
    }

    /// The eight hashes and the quality, or nothing if the reference's rounding could decide any of them.
    pub fn dihedral(&self) -> Option<DihedralPdq> {
        match &self.0 {
            Kind::Zero => Some(DihedralPdq::default()),
            Kind::Exact { transform, tolerance } => {
                let tolerance = (*tolerance)?;
                let quality = sure_quality(transform)?;
                let forms = signs(&transform.coefficients);
                let medians = forms.each_ref().map(Median::of);
                let sure = medians.iter().all(|median| median.is_sure(tolerance.coefficients));
                sure.then(|| DihedralPdq { hashes: dihedral(&medians), quality })
            }
            Kind::Replayed(replayed) => Some(replayed.dihedral()),
        }
    }

    /// The answer of exact arithmetic, for a near-tie of which no replay is possible. It is the same on every
    /// machine, but not always the reference's.
    pub(crate) fn pdq_exact(&self) -> Pdq {
        match &self.0 {
            Kind::Zero => Pdq::default(),
            Kind::Exact { transform, .. } => {
                let hash = Median::of(&transform.coefficients).hash();
                Pdq { hash, quality: transform.quality[1] }
            }
            Kind::Replayed(replayed) => replayed.pdq(),
        }
    }

    /// The eight hashes as exact arithmetic has them: see [`pdq_exact`](Self::pdq_exact).
    pub(crate) fn dihedral_exact(&self) -> DihedralPdq {
        match &self.0 {
            Kind::Zero => DihedralPdq::default(),
            Kind::Exact { transform, .. } => {
                let forms = signs(&transform.coefficients);
                let hashes = dihedral(&forms.each_ref().map(Median::of));
                DihedralPdq { hashes, quality: transform.quality[1] }
            }
            Kind::Replayed(replayed) => replayed.dihedral(),
        }
    }

    /// How many of the 256 bits could be others if every coefficient were off by up to `error`.
    pub(crate) fn doubtful_bits(&self, error: f64) -> u32 {
        doubtful(&self.coefficients(), error)
    }

    /// The same for whichever of the eight dihedral forms has the most.
    pub(crate) fn doubtful_bits_dihedral(&self, error: f64) -> u32 {
        let most =
            signs(&self.coefficients()).map(|block| doubtful(&block, error)).into_iter().max();
        most.unwrap_or(0)
    }

    /// The 16x16 coefficients that the bits are read from.
    #[doc(hidden)]
    pub fn coefficients(&self) -> [[f64; 16]; 16] {
        match &self.0 {
            Kind::Zero => [[0.0; 16]; 16],
            Kind::Exact { transform, .. } => transform.coefficients,
            Kind::Replayed(replayed) => {
                plain::coefficients(&replayed.blurred).map(|row| row.map(f64::from))
            }
        }
    }
}

/// A picture as the reference itself samples it, rounding included: decides every near-tie.
#[derive(Clone, Debug)]
pub struct Replayed {
    pub(super) blurred: Box<plain::Samples>,
    /// The picture itself if it has exactly 64x64 pixels, which the reference hashes unblurred, but turns blurred.
    pub(super) unblurred: Option<Box<plain::Samples>>,
}

impl Replayed {
    /// Hash and quality, as the reference has them.
    pub fn pdq(&self) -> Pdq {
        plain::hash_of(self.unblurred.as_ref().unwrap_or(&self.blurred))
    }

    /// The eight hashes and the quality, as the reference has them.
    pub fn dihedral(&self) -> DihedralPdq {
        plain::dihedral_of(&self.blurred)
    }
}

/// The quality, unless steps on the brink of a whole number could change it.
fn sure_quality(transform: &Transform) -> Option<u8> {
    let [least, quality, most] = transform.quality;
    (least == most).then_some(quality)
}

/// The 128th and the 129th smallest coefficient: bits are set above the former.
#[derive(Debug)]
struct Median<'a> {
    block: &'a Block,
    below: f64,
    above: f64,
}

impl<'a> Median<'a> {
    fn of(block: &'a Block) -> Self {
        let mut sorted = *block;
        let sorted = sorted.as_flattened_mut();
        let (_, below, larger) = sorted.select_nth_unstable_by(127, f64::total_cmp);
        let above = larger.iter().copied().fold(f64::INFINITY, f64::min);
        Median { block, below: *below, above }
    }

    /// Whether the reference has the same order at the median.
    fn is_sure(&self, tolerance: f64) -> bool {
        self.above - self.below >= tolerance
    }

    /// Bit `16 i + j` is set where coefficient `(i, j)` is among the 128 largest.
    fn hash(&self) -> PdqHash {
        hash_of_words(self.words())
    }

    /// The bits row by row, the first column lowest.
    fn words(&self) -> [u16; 16] {
        self.block.map(|row| {
            row.iter().enumerate().fold(0, |word, (j, c)| word | u16::from(*c > self.below) << j)
        })
    }
}

fn hash_of_words(words: [u16; 16]) -> PdqHash {
    let mut hash = PdqHash::default();
    for (bytes, word) in hash.0.as_chunks_mut::<2>().0.iter_mut().rev().zip(words) {
        *bytes = word.to_be_bytes();
    }
    hash
}

fn transposed(words: [u16; 16]) -> [u16; 16] {
    std::array::from_fn(|j| {
        words.iter().enumerate().fold(0, |word, (i, row)| word | (row >> j & 1) << i)
    })
}

/// How many coefficients could change sides of the median if each were off by up to `error`.
fn doubtful(block: &Block, error: f64) -> u32 {
    let Median { below, above, .. } = Median::of(block);
    // A bit that is not set becomes set only if its coefficient can overtake one that is, of which `above` is the least.
    let doubtful = |c: &&f64| {
        if **c > below { **c <= below + 2.0 * error } else { **c >= above - 2.0 * error }
    };
    block.as_flattened().iter().filter(doubtful).count() as u32
}

/// The picture as it is, mirrored top to bottom, left to right, and both. Mirroring negates the odd frequencies of an
/// axis: the even indexes, as the first frequency is 1.
fn signs(block: &Block) -> [Block; 4] {
    let negated = |odd: fn(usize, usize) -> bool| -> Block {
        std::array::from_fn(|i| {
            std::array::from_fn(|j| if odd(i, j) { -block[i][j] } else { block[i][j] })
        })
    };
    [
        *block,
        negated(|i, _| i % 2 == 0),
        negated(|_, j| j % 2 == 0),
        negated(|i, j| (i + j) % 2 == 1),
    ]
}

/// The hashes in the order of `Dihedral::ALL`, from the medians of [`signs`]. Transposing moves bits and keeps the median, so that four serve eight hashes.
fn dihedral(medians: &[Median<'_>; 4]) -> [PdqHash; 8] {
    let [same, top_bottom, left_right, both] = medians.each_ref().map(Median::words);
    let all = [
        same,
        transposed(left_right),
        both,
        transposed(top_bottom),
        top_bottom,
        left_right,
        transposed(same),
        transposed(both),
    ];
    all.map(hash_of_words)
}
