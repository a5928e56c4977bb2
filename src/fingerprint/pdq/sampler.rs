//! Bands of rows in, 64x64 samples out, in exact arithmetic and O(width) memory.

use super::axis::Axis;
use super::horizontal::{MARGIN, Taps};
use super::kernel::{Kernel, MAX_WEIGHT, ROWS, Rows};
use super::transform::Samples;
use crate::media::{PixelFormat, Raster, narrow};

/// Largest height of a picture: the sums of a column fit in 31 bits.
pub(super) const MAX_HEIGHT: usize = 128 * 2901;

const _: () = {
    let w = MAX_HEIGHT as u64 / 128;
    assert!(255 * w * w <= i32::MAX as u64);
};

/// Samples one picture after the other, reusing its buffers.
#[derive(Debug)]
pub(super) struct Sampler {
    rows: Axis,
    taps: Taps,
    transposed: bool,
    /// Weights of the rows under a sample; those of the last sample, if it is cut, come in two parts with divisors of their own.
    tent: Vec<u16>,
    cut: Vec<u16>,
    short_box: Vec<u16>,
    /// The weighted sum of each column so far, and of the short box of a cut sample.
    sums: Vec<i32>,
    short_sums: Vec<i32>,
    /// A few rows of a picture of 16 bits, in 8 bits.
    narrowed: Vec<u8>,
    /// Samples along the rows that are complete.
    turn: usize,
    /// Rows that were given.
    given: usize,
    samples: Box<Samples>,
    /// The samples of a picture that is transposed.
    turned: Option<Box<Samples>>,
}

impl Default for Sampler {
    fn default() -> Self {
        Sampler {
            rows: Axis::default(),
            taps: Taps::default(),
            transposed: false,
            tent: Vec::new(),
            cut: Vec::new(),
            short_box: Vec::new(),
            sums: Vec::new(),
            short_sums: Vec::new(),
            narrowed: Vec::new(),
            turn: 0,
            given: 0,
            samples: Box::new([[0.0; 64]; 64]),
            turned: None,
        }
    }
}

impl Sampler {
    /// Starts a picture of which both sides are at least [`MIN_SIDE`](super::MIN_SIDE), and the height at most
    /// [`MAX_HEIGHT`]. `orientation` is that of EXIF, 1..=8.
    ///
    /// A mirrored axis has its samples in reverse order, each over the mirrored pixels; a transposed picture has
    /// transposed samples. All of it is decided here and nowhere else.
    pub(super) fn start(
        &mut self,
        width: usize,
        height: usize,
        format: PixelFormat,
        orientation: u8,
    ) {
        let rows = Axis::new(height, matches!(orientation, 3 | 4 | 6 | 7));
        let columns = Axis::new(width, matches!(orientation, 2 | 3 | 7 | 8));
        if self.rows != rows {
            self.rows = rows;
            let fill = |weights: &mut Vec<u16>, from: &mut dyn Iterator<Item = u16>| {
                weights.clear();
                weights.extend(from);
            };
            fill(&mut self.tent, &mut rows.tent());
            fill(&mut self.cut, &mut rows.cut());
            fill(&mut self.short_box, &mut rows.short_box());
        }
        self.taps.prepare(columns, format);
        self.transposed = orientation >= 5;
        let length = width * self.taps.channels() + MARGIN;
        self.sums.resize(length, 0);
        self.short_sums.resize(if rows.is_cut(63) { length } else { 0 }, 0);
        (self.turn, self.given) = (0, 0);
    }

    /// The next rows. No more than the picture has, and of its width and format.
    pub(super) fn push(&mut self, kernel: Kernel, band: &Raster<'_>) {
        let (start, end) = (self.given, self.given + band.height());
        // The next sample starts no earlier than with the last row of this one: one accumulator is enough.
        while self.turn < 64 {
            let k = self.rows.sample(self.turn);
            let under = self.rows.pixels(k);
            let mut row = under.start.max(start);
            while row < under.end.min(end) {
                let count = ROWS.min(under.end.min(end) - row);
                self.add(kernel, band, row - start, row - under.start, count);
                row += count;
            }
            if under.end > end {
                break;
            }
            self.complete(kernel, k);
            self.turn += 1;
        }
        self.given = end;
    }

    /// The samples, once all rows were given.
    pub(super) fn finish(&mut self) -> Option<&Samples> {
        if self.turn < 64 || self.given != self.rows.side() {
            return None;
        }
        if !self.transposed {
            return Some(&self.samples);
        }
        let turned = self.turned.get_or_insert_with(|| Box::new([[0.0; 64]; 64]));
        for (i, row) in turned.iter_mut().enumerate() {
            for (out, samples) in row.iter_mut().zip(self.samples.iter()) {
                *out = samples[i];
            }
        }
        Some(turned)
    }

    /// Adds up to [`ROWS`] rows of the band to the sums, the first of them under tap `tap` of the sample that is being made.
    fn add(&mut self, kernel: Kernel, band: &Raster<'_>, row: usize, tap: usize, count: usize) {
        let length = band.width() * self.taps.channels();
        let rows = if matches!(band.format(), PixelFormat::Grey16 | PixelFormat::Rgb16) {
            self.narrowed.clear();
            for y in row..row + count {
                let words = band.row(y).as_chunks::<2>().0;
                self.narrowed.extend(words.iter().map(|word| narrow(u16::from_ne_bytes(*word))));
            }
            Rows::new(&self.narrowed, length, length, count)
        } else {
            Rows::of(band, row, count)
        };
        let fresh = tap == 0;
        let taps = tap..tap + count;
        if self.rows.is_cut(self.rows.sample(self.turn)) {
            add_rows(kernel, rows, &self.cut[taps.clone()], &mut self.sums[..length], fresh);
            add_rows(kernel, rows, &self.short_box[taps], &mut self.short_sums[..length], fresh);
        } else {
            add_rows(kernel, rows, &self.tent[taps], &mut self.sums[..length], fresh);
        }
    }

    /// Makes the row of samples `k` of the sums.
    fn complete(&mut self, kernel: Kernel, k: usize) {
        let w = self.rows.window() as f64;
        let out = &mut self.samples[k];
        let divisors = self.taps.divisors();
        if !self.rows.is_cut(k) {
            kernel.along_row(&self.sums, &self.taps, divisors.map(|divisor| w * w * divisor), out);
            return;
        }
        // cut / w^2 + short / (w (w - 1)), over one divisor.
        let mut short = [0.0; 64];
        kernel.along_row(&self.sums, &self.taps, [1.0; 2], out);
        kernel.along_row(&self.short_sums, &self.taps, [1.0; 2], &mut short);
        for (k, (out, short)) in out.iter_mut().zip(short).enumerate() {
            let divisor = w * w * (w - 1.0) * divisors[usize::from(k == 63)];
            *out = (*out * (w - 1.0) + short * w) / divisor;
        }
    }
}

/// Adds rows in parts that [`Kernel::add`] takes: once each, unless weights are too large for a byte.
pub(super) fn add_rows(
    kernel: Kernel,
    rows: Rows<'_>,
    weights: &[u16],
    sums: &mut [i32],
    fresh: bool,
) {
    let mut done = 0;
    loop {
        let mut part = [0; ROWS];
        let mut more = false;
        for (part, weight) in part.iter_mut().zip(weights) {
            let left = weight.saturating_sub(done);
            *part = left.min(MAX_WEIGHT) as u8;
            more |= left > MAX_WEIGHT;
        }
        kernel.add(rows, &part[..weights.len()], sums, fresh && done == 0);
        if !more {
            return;
        }
        done += MAX_WEIGHT;
    }
}
