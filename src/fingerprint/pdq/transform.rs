//! From the 64x64 samples to what the hash and the quality are read from.

use super::dct::coefficients;

/// 64x64 samples of the blurred luma, 0..=255.
pub(super) type Samples = [[f64; 64]; 64];

/// The lowest frequencies of both axes.
pub(super) type Block = [[f64; 16]; 16];

/// Coefficients and quality of a picture.
#[derive(Clone, Debug)]
pub(super) struct Transform {
    pub(super) coefficients: Block,
    /// The quality, if every step between neighbours were smaller by the tolerance, as it is, and larger.
    pub(super) quality: [u8; 3],
}

/// Steps between samples are counted in 2^-20 hundredths of the range. A sample is below 100 * 2^20 of them, and so is a step: both fit in an `i32`,
/// of which a register holds twice as many as of `f64`. By hand, no record.
const UNIT: f64 = (1 << 20) as f64;

/// Numbers of this size have no fraction.
const ROUND: f64 = (3u64 << 51) as f64;

impl Transform {
    /// `tolerance` is in hundredths of the range, 2^-19 of which are used up by counting in whole units.
    #[inline(always)]
    pub(super) fn of(samples: &Samples, tolerance: f64) -> Self {
        Transform { coefficients: coefficients(samples), quality: quality(samples, tolerance) }
    }
}

/// ```text
/// units = round(samples * 100 / 255 * 2^20)
/// for neighbours u, v in units:  sum += |u - v| >> 20        the step, cut to a whole number
/// quality = min(100, sum / 90)                               and the same with each step less and more by the tolerance
/// ```
#[inline(always)]
fn quality(samples: &Samples, tolerance: f64) -> [u8; 3] {
    let tolerance = (tolerance * UNIT) as i32;
    let mut units = [[0i32; 64]; 64];
    for (units, samples) in units.as_flattened_mut().iter_mut().zip(samples.as_flattened()) {
        // Rounded by the addition: the whole number is in the lowest bits, as it is below 2^31.
        *units = (samples * (UNIT * 100.0 / 255.0) + ROUND).to_bits() as i32;
    }
    let mut sums = [0i32; 3];
    let mut steps = |from: &[i32], to: &[i32]| {
        for (u, v) in from.iter().zip(to) {
            let step = (u - v).abs();
            sums[0] += (step - tolerance).max(0) >> 20;
            sums[1] += step >> 20;
            sums[2] += (step + tolerance) >> 20;
        }
    };
    let all = units.as_flattened();
    steps(all, &all[64..]);
    for row in &units {
        steps(row, &row[1..]);
    }
    sums.map(|sum| (sum / 90).min(100) as u8)
}
