//! The oracle's arithmetic without its memory: decides near-ties.
//!
//! The four filter passes of [`plain`](super::plain) are run at once, each row going through all of them before the next is read.
//! Along columns a pass needs its running sums and the last `window` rows, so that 1/64 of the picture is held
//! instead of twice the whole. Every value sees the same `f32` operations in the same order, hence the same bits.

use super::plain::{Samples, box_filter, luma, sampled, window};
use crate::media::Raster;

/// Buffers of the passes, reused from picture to picture.
#[derive(Debug, Default)]
pub(super) struct Replay {
    line: Vec<f32>,
    filtered: Vec<f32>,
    first: Columns,
    second: Columns,
}

impl Replay {
    /// The samples of the blurred picture. Both sides are at least [`MIN_SIDE`](super::MIN_SIDE).
    pub(super) fn samples(&mut self, raster: &Raster<'_>) -> Samples {
        let (width, height) = (raster.width(), raster.height());
        self.filtered.clear();
        self.filtered.resize(width, 0.0);
        self.first.start(width, window(height));
        self.second.start(width, window(height));
        let mut samples = [[0.0; 64]; 64];
        let mut taken = Taken { height, row: 0, next: 0 };
        for y in 0..height {
            self.line.clear();
            luma(raster.row(y), raster.format(), &mut self.line);
            box_filter(&self.line, &mut self.filtered, width, 1, window(width));
            if self.first.push(&self.filtered) {
                self.second_pass(&mut samples, &mut taken);
            }
        }
        while self.first.drain() {
            self.second_pass(&mut samples, &mut taken);
        }
        while self.second.drain() {
            taken.row(&self.second.out, &mut samples);
        }
        samples
    }

    fn second_pass(&mut self, samples: &mut Samples, taken: &mut Taken) {
        let width = self.filtered.len();
        box_filter(&self.first.out, &mut self.filtered, width, 1, window(width));
        if self.second.push(&self.filtered) {
            taken.row(&self.second.out, samples);
        }
    }
}

/// Which sampled rows have been taken from the rows that come out of the last pass.
struct Taken {
    height: usize,
    row: usize,
    next: usize,
}

impl Taken {
    fn row(&mut self, line: &[f32], samples: &mut Samples) {
        // A picture of fewer than 64 rows is sampled several times a row.
        while self.next < 64 && sampled(self.next, self.height) == self.row {
            for (j, out) in samples[self.next].iter_mut().enumerate() {
                *out = line[sampled(j, line.len())];
            }
            self.next += 1;
        }
        self.row += 1;
    }
}

/// One box filter along all columns, fed row by row.
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
