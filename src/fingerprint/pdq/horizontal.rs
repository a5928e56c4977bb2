//! Along the rows: luma and tent in one dot product of column sums, 64 times a sampled row.

use super::axis::Axis;
use crate::media::PixelFormat;

/// Products that are summed side by side. Part of the definition of the result, since it fixes the order of the sums.
pub(super) const LANES: usize = 8;

/// Values that `sums` need to have beyond those of a row, which do not matter: weights are filled up with zeros to whole
/// [`LANES`], and the tent of the last sample may reach one pixel too far before it is replaced by the cut one.
pub(super) const MARGIN: usize = 2 * LANES;

/// The weights of the 64 dot products along a row.
#[derive(Debug, Default)]
pub(super) struct Taps {
    axis: Axis,
    channels: usize,
    /// Where each of the 64 starts, in sums.
    starts: Vec<u32>,
    /// The tent times the luma weights of the channels, and zeros up to a multiple of [`LANES`].
    tent: Vec<f64>,
    /// The same for the sample that is cut.
    cut: Vec<f64>,
    /// What the sums have to be divided by; the second for the sample that is cut.
    divisors: [f64; 2],
}

impl Taps {
    pub(super) fn prepare(&mut self, axis: Axis, format: PixelFormat) {
        // In thousandths, so that all weights are whole numbers.
        let (luma, scale): (&[f64], f64) = match format {
            PixelFormat::Grey8 | PixelFormat::Grey16 => (&[1.0], 1.0),
            PixelFormat::Rgb8 | PixelFormat::Rgb16 => (&[299.0, 587.0, 114.0], 1000.0),
            PixelFormat::Rgba8 => (&[299.0, 587.0, 114.0, 0.0], 1000.0),
        };
        if (self.axis, self.channels) == (axis, luma.len()) {
            return;
        }
        (self.axis, self.channels) = (axis, luma.len());
        self.starts.clear();
        self.starts.extend((0..64).map(|k| (axis.pixels(k).start * self.channels) as u32));
        let w = axis.window() as f64;
        self.divisors = [scale * w * w, scale * w * w * (w - 1.0)];
        let spread = |weights: &mut Vec<f64>, pixels: &mut dyn Iterator<Item = f64>| {
            weights.clear();
            weights.extend(pixels.flat_map(|weight| luma.iter().map(move |luma| weight * luma)));
            weights.resize(weights.len().next_multiple_of(LANES), 0.0);
        };
        spread(&mut self.tent, &mut axis.tent().map(f64::from));
        self.cut.clear();
        if axis.is_cut(63) {
            let boxes = axis.cut().zip(axis.short_box());
            let whole = |(cut, short)| f64::from(cut) * (w - 1.0) + f64::from(short) * w;
            spread(&mut self.cut, &mut boxes.map(whole));
        }
    }

    /// Sums for each pixel of a row.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// What the dot products are to be divided by, and that of the last sample.
    pub(super) fn divisors(&self) -> [f64; 2] {
        [self.divisors[0], self.divisors[usize::from(self.axis.is_cut(63))]]
    }
}

/// The dot product at each of the 64 places, over `divisors`: the second one for the last of them. `sums` ends with a
/// [`MARGIN`]. `eight` makes the dot products of eight places as [`dot`] does; all of them are inside `sums`.
///
/// The weights and the sums are whole numbers, and so is all that is added up: exact in `f64` for sides up to [`MAX_SIDE`](super::MAX_SIDE), but for
/// the sample that is cut on both axes. Beyond, for turned pictures alone, sums may pass 2^53 and are rounded, in the same way everywhere.
#[inline(always)]
pub(super) fn along_row(
    sums: &[i32],
    taps: &Taps,
    divisors: [f64; 2],
    out: &mut [f64; 64],
    eight: impl Fn(&[i32], &[u32; 8], &[f64], &mut [f64; 8]),
) {
    for (starts, out) in taps.starts.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
        eight(sums, starts, &taps.tent, out);
    }
    if let (true, Some(start)) = (taps.axis.is_cut(63), taps.starts.last()) {
        out[63] = dot(sums, *start, &taps.cut);
    }
    let last = out[63] / divisors[1];
    for out in &mut *out {
        *out /= divisors[0];
    }
    out[63] = last;
}

/// The order of the sums: [`LANES`] side by side, then their halves, and the halves of these.
#[inline(always)]
pub(super) fn dot(sums: &[i32], start: u32, weights: &[f64]) -> f64 {
    let sums = &sums[start as usize..][..weights.len()];
    let mut lanes = [0.0; LANES];
    for (sums, weights) in sums.as_chunks::<LANES>().0.iter().zip(weights.as_chunks::<LANES>().0) {
        for i in 0..LANES {
            lanes[i] += f64::from(sums[i]) * weights[i];
        }
    }
    let four: [f64; 4] = std::array::from_fn(|i| lanes[i] + lanes[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
