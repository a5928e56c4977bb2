//! The oracle's arithmetic without its memory: decides near-ties.
//!
//! The four filter passes of [`plain`](super::plain) are run at once, each row going through all of them before the next is read.
//! Along columns a pass needs its running sums and the last `window` rows, so that 1/64 of the picture is held
//! instead of twice the whole. Every value sees the same `f32` operations in the same order, hence the same bits.

use super::plain::{Samples, box_filter, luma, sample_index, window};
use super::sampled::Replayed;
use crate::media::Raster;

/// Buffers of the passes, reused from picture to picture.
#[derive(Debug, Default)]
pub(super) struct Replay {
    line: Vec<f32>,
    filtered: Vec<f32>,
    first: Columns,
    second: Columns,
    samples: Option<Box<Samples>>,
    /// The pixels themselves, if there are 64x64.
    unblurred: Option<Box<Samples>>,
    given: usize,
    taken: Taken,
}

impl Replay {
    /// Starts a picture of which both sides are at least [`MIN_SIDE`](super::MIN_SIDE).
    pub(super) fn start(&mut self, width: usize, height: usize) {
        self.filtered.clear();
        self.filtered.resize(width, 0.0);
        self.first.start(width, window(height));
        self.second.start(width, window(height));
        self.samples = Some(Box::new([[0.0; 64]; 64]));
        self.unblurred = (width == 64 && height == 64).then(|| Box::new([[0.0; 64]; 64]));
        self.given = 0;
        self.taken = Taken { height, row: 0, next: 0 };
    }

    /// The next rows. No more than the picture has, and of its width.
    pub(super) fn push(&mut self, band: &Raster<'_>) {
        for y in 0..band.height() {
            self.line.clear();
            luma(band.row(y), band.format(), &mut self.line);
            if let Some(unblurred) = &mut self.unblurred {
                unblurred[self.given].copy_from_slice(&self.line);
            }
            let width = self.filtered.len();
            box_filter(&self.line, &mut self.filtered, width, 1, window(width));
            if self.first.push(&self.filtered) {
                self.second_pass();
            }
            self.given += 1;
        }
    }

    /// The samples of the blurred picture, once all rows were given.
    pub(super) fn finish(&mut self) -> Option<Replayed> {
        if self.given != self.taken.height {
            return None;
        }
        while self.first.drain() {
            self.second_pass();
        }
        while self.second.drain() {
            self.take();
        }
        Some(Replayed { blurred: self.samples.take()?, unblurred: self.unblurred.take() })
    }

    fn second_pass(&mut self) {
        let width = self.filtered.len();
        box_filter(&self.first.out, &mut self.filtered, width, 1, window(width));
        if self.second.push(&self.filtered) {
            self.take();
        }
    }

    fn take(&mut self) {
        if let Some(samples) = &mut self.samples {
            self.taken.sample(&self.second.out, samples);
        }
    }
}

/// Which sampled rows have been taken from the rows that come out of the last pass.
#[derive(Debug, Default)]
struct Taken {
    height: usize,
    row: usize,
    next: usize,
}

impl Taken {
    /// Takes the samples of the next row, if it has any.
    fn sample(&mut self, line: &[f32], samples: &mut Samples) {
        // A picture of fewer than 64 rows is sampled several times a row.
        while self.next < 64 && sample_index(self.next, self.height) == self.row {
            for (j, out) in samples[self.next].iter_mut().enumerate() {
                *out = line[sample_index(j, line.len())];
            }
            self.next += 1;
        }
        self.row += 1;
    }
}

/// One box filter along all columns, fed row by row: [`box_filter`], turned inside out.
///
/// ```text
/// push(row):   sum += row; sum -= the row `window` before it, once there is one       ring[turn % window], where the new row then goes
///              out = sum / count, from the row on that the centre of the window has reached the first
/// drain():     sum -= the oldest row; out = sum / count                               while the centre has not passed the last
/// ```
#[derive(Debug, Default)]
struct Columns {
    window: usize,
    /// Rows pushed, then rows drained as well: the oldest row still in the sum is in slot `turn % window`.
    turn: usize,
    /// Rows in the sum.
    count: usize,
    /// The last `window` rows.
    ring: Vec<f32>,
    sum: Vec<f32>,
    /// The row that the last successful `push` or `drain` made.
    out: Vec<f32>,
}

impl Columns {
    fn start(&mut self, width: usize, window: usize) {
        (self.window, self.turn, self.count) = (window, 0, 0);
        for (buffer, rows) in [(&mut self.ring, window), (&mut self.sum, 1), (&mut self.out, 1)] {
            buffer.clear();
            buffer.resize(rows * width, 0.0);
        }
    }

    /// Takes a row; true if that completed a row of output.
    fn push(&mut self, row: &[f32]) -> bool {
        let width = row.len();
        let slot = self.turn % self.window * width;
        let oldest = &mut self.ring[slot..slot + width];
        if self.count == self.window {
            for ((sum, oldest), new) in self.sum.iter_mut().zip(&*oldest).zip(row) {
                // Two roundings, in the order of the oracle.
                *sum += new;
                *sum -= oldest;
            }
        } else {
            self.count += 1;
            for (sum, new) in self.sum.iter_mut().zip(row) {
                *sum += new;
            }
        }
        oldest.copy_from_slice(row);
        self.turn += 1;
        let ready = self.count >= (self.window + 2) / 2;
        if ready {
            self.divide();
        }
        ready
    }

    /// After the last row: drops the oldest row; false once all output was made.
    fn drain(&mut self) -> bool {
        // The window's centre has reached the last row when only its lower half is left.
        if self.count <= self.window - (self.window + 2) / 2 + 1 {
            return false;
        }
        let width = self.sum.len();
        let slot = self.turn % self.window * width;
        for (sum, oldest) in self.sum.iter_mut().zip(&self.ring[slot..slot + width]) {
            *sum -= oldest;
        }
        self.turn += 1;
        self.count -= 1;
        self.divide();
        true
    }

    fn divide(&mut self) {
        let count = self.count as f32;
        for (out, sum) in self.out.iter_mut().zip(&self.sum) {
            *out = sum / count;
        }
    }
}
