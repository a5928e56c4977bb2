//! Which pixels the 64 samples of an axis are made of, in closed form.

use std::ops::Range;

use super::plain::{sample_index, window};

/// One axis of a picture, in the order in which its pixels arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Axis {
    side: usize,
    /// The picture is to be hashed as if this axis ran the other way.
    mirrored: bool,
}

impl Axis {
    /// At least [`MIN_SIDE`](super::MIN_SIDE) pixels.
    pub(super) fn new(side: usize, mirrored: bool) -> Self {
        Axis { side, mirrored }
    }

    pub(super) fn side(self) -> usize {
        self.side
    }

    /// Pixels under one box filter.
    pub(super) fn window(self) -> usize {
        window(self.side)
    }

    /// The sample that is complete as number `turn`, 0..64, when the pixels arrive in order.
    pub(super) fn sample(self, turn: usize) -> usize {
        if self.mirrored { 63 - turn } else { turn }
    }

    /// Whether the last of the inner boxes of sample `k` leaves the picture by one pixel.
    pub(super) fn is_cut(self, k: usize) -> bool {
        k == 63 && self.window().is_multiple_of(2)
    }

    /// The pixels under sample `k`.
    pub(super) fn pixels(self, k: usize) -> Range<usize> {
        let w = self.window();
        // One pass reaches this far to the left.
        let reach = w - (w + 2) / 2;
        let first = sample_index(k, self.side) - 2 * reach;
        let end = first + 2 * w - 1 - usize::from(self.is_cut(k));
        if self.mirrored { self.side - end..self.side - first } else { first..end }
    }

    /// Two box filters in a row, times `w * w`: 1, 2 .. w .. 2, 1.
    pub(super) fn tent(self) -> impl Iterator<Item = u16> {
        let w = self.window();
        (0..2 * w - 1).map(move |o| (o + 1).min(2 * w - 1 - o) as u16)
    }

    /// The tent of a cut sample without its last box, times `w * w`.
    pub(super) fn cut(self) -> impl Iterator<Item = u16> {
        let w = self.window();
        (0..2 * w - 2).map(move |o| (o + 1).min(w - 1).min(2 * w - 2 - o) as u16)
    }

    /// The last box of a cut sample, which holds `w - 1` pixels, times `w * (w - 1)`.
    pub(super) fn short_box(self) -> impl Iterator<Item = u16> {
        let w = self.window();
        (0..2 * w - 2).map(move |o| u16::from((o >= w - 1) != self.mirrored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weight of each pixel in sample `k`, by two box filters that know nothing of tents.
    fn weights(side: usize, k: usize) -> Vec<f64> {
        let w = window(side);
        let half = (w + 2) / 2;
        let reach = |o: usize| (o + half).saturating_sub(w)..(o + half).min(side);
        let mut weights = vec![0.0; side];
        let outer = reach(sample_index(k, side));
        for inner in outer.clone().map(reach) {
            for pixel in inner.clone() {
                weights[pixel] += 1.0 / (outer.len() * inner.len()) as f64;
            }
        }
        weights
    }

    #[test]
    fn tents_are_two_box_filters() {
        for side in (5..700).chain([1080, 1920, 3000, 4000, 4001, 16128, 16256, 16300, 20_000]) {
            for mirrored in [false, true] {
                let axis = Axis::new(side, mirrored);
                let w = axis.window() as f64;
                for k in [0, 1, 31, 62, 63] {
                    let mut found = vec![0.0; side];
                    let pixels = axis.pixels(k);
                    if axis.is_cut(k) {
                        assert_eq!(
                            (axis.cut().count(), axis.short_box().count()),
                            (pixels.len(), pixels.len())
                        );
                        for ((pixel, cut), short) in pixels.zip(axis.cut()).zip(axis.short_box()) {
                            found[pixel] =
                                f64::from(cut) / (w * w) + f64::from(short) / (w * (w - 1.0));
                        }
                    } else {
                        assert_eq!(axis.tent().count(), pixels.len());
                        for (pixel, weight) in pixels.zip(axis.tent()) {
                            found[pixel] = f64::from(weight) / (w * w);
                        }
                    }
                    if mirrored {
                        found.reverse();
                    }
                    for (found, expected) in found.iter().zip(weights(side, k)) {
                        assert!((found - expected).abs() < 1e-12, "{side} {k} {mirrored}");
                    }
                }
            }
        }
    }

    /// One accumulator is enough for bands of any height: the next sample starts no earlier than with the last pixel of the one before.
    #[test]
    fn samples_overlap_by_at_most_one_pixel() {
        for side in 5..=20_000 {
            for mirrored in [false, true] {
                let axis = Axis::new(side, mirrored);
                for turn in 1..64 {
                    let [before, next] =
                        [turn - 1, turn].map(|turn| axis.pixels(axis.sample(turn)));
                    assert!(
                        next.start + 1 >= before.end && next.end >= before.end && next.end <= side,
                        "{side} {turn}"
                    );
                }
            }
        }
    }
}
