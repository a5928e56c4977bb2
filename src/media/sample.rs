//! Which frames of an animation are looked at: the first, and others spread over its length.

use super::frame::Request;

/// Pixels that a frame costs besides its own: its header, its palette, an entropy decoder made anew. A file may hold
/// millions of frames of one pixel.
const PER_FRAME: u64 = 4096;

/// The frames that are handed over, at even distances: the first, the last, where an animation that does not loop stays,
/// and others between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Frames that can be reached within the limit on pixels.
    frames: u64,
    wanted: u64,
    /// Whether the file has no more frames than are wanted.
    all: bool,
    /// Pixels of these frames.
    work: u64,
}

impl Sample {
    /// The only frame.
    pub(super) const STILL: Sample = Sample { frames: 1, wanted: 1, all: true, work: 0 };

    /// Of an animation with a canvas of `canvas` pixels whose frames have these areas.
    ///
    /// All frames up to the last one wanted must be decoded, as each is drawn over the one before: their pixels, and
    /// those of the canvases handed over, each stay within [`Limits::pixels`](crate::Limits::pixels).
    pub(super) fn of(
        request: &Request<'_>,
        canvas: u64,
        areas: impl Iterator<Item = u64>,
    ) -> Sample {
        let limits = request.limits;
        let canvases = (limits.pixels / canvas.max(1)).max(1);
        let most = u64::from(request.frames.min(limits.frames).max(1)).min(canvases);
        let (mut frames, mut spent, mut work, mut more) = (0, 0u64, 0u64, false);
        for area in areas {
            spent = spent.saturating_add(area).saturating_add(PER_FRAME);
            // The second frame settles whether there are more than one; the first was admitted already.
            if frames > 0 && (spent > limits.pixels || most == 1) {
                more = true;
                break;
            }
            work = work.saturating_add(area);
            frames += 1;
        }
        let frames = frames.max(1);
        let wanted = most.min(frames);
        Sample { frames, wanted, all: wanted == frames && !more, work }
    }

    /// The same animation, which has frames that were not counted.
    pub(super) fn of_more(self) -> Sample {
        Sample { all: false, ..self }
    }

    /// The same animation, of which only the first frame is looked at.
    pub(super) fn first_only(self) -> Sample {
        Sample { wanted: 1, all: self.all && self.frames == 1, work: 0, ..self }
    }

    /// Number of frames to hand over.
    pub(super) fn wanted(self) -> u64 {
        self.wanted
    }

    /// Whether these are all that the file has.
    pub(super) fn all(self) -> bool {
        self.all
    }

    /// Pixels to be decoded.
    pub(super) fn work(self) -> u64 {
        self.work
    }

    /// The frames that must be decoded: those up to the last one wanted.
    pub(super) fn decoded(self) -> u32 {
        if self.wanted == 1 { 1 } else { u32::try_from(self.frames).unwrap_or(u32::MAX) }
    }

    /// Whether frame `index` is handed over.
    pub(super) fn has(self, index: u32) -> bool {
        let index = u64::from(index);
        if self.wanted == 1 {
            return index == 0;
        }
        let (distances, last) = (self.wanted - 1, self.frames - 1);
        index <= last && (index * distances).div_ceil(last) * last / distances == index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::media::sniff;

    fn sample(frames: u32, limits: &Limits, areas: &[u64]) -> Sample {
        let request = Request { frames, ..Request::still(b"", sniff(b""), limits) };
        Sample::of(&request, 100, areas.iter().copied())
    }

    fn indexes(sample: Sample) -> Vec<u32> {
        (0..1000).filter(|i| sample.has(*i)).collect()
    }

    #[test]
    fn the_first_the_last_and_others_at_even_distances() {
        let limits = Limits::default();
        for frames in 1..60u64 {
            for wanted in 1..=8 {
                let sample = sample(wanted, &limits, &vec![100; frames as usize]);
                let count = u64::from(wanted).min(frames);
                let expected: Vec<u32> = if count == 1 {
                    vec![0]
                } else {
                    (0..count).map(|i| (i * (frames - 1) / (count - 1)) as u32).collect()
                };
                assert!(count == 1 || expected.last() == Some(&(frames as u32 - 1)));
                assert_eq!(indexes(sample), expected, "{wanted} of {frames}");
                assert_eq!(sample.decoded(), expected.last().unwrap() + 1);
                assert_eq!(sample.all(), expected.len() as u64 == frames);
            }
        }
    }

    #[test]
    fn limits_end_it() {
        let limits = Limits { pixels: 1_000_000, frames: 3, ..Limits::default() };
        // The fourth frame would be one too many.
        let heavy = sample(8, &limits, &[300_000; 50]);
        assert_eq!((indexes(heavy), heavy.all()), (vec![0, 1, 2], false));
        // Frames of no size cost something all the same.
        let tiny = sample(8, &limits, &[0; 5000]);
        assert_eq!(tiny.frames, 1_000_000 / PER_FRAME);
        // Canvases that are handed over count as well.
        let small = Limits { pixels: 250, ..Limits::default() };
        let request = Request { frames: 8, ..Request::still(b"", sniff(b""), &small) };
        assert_eq!(Sample::of(&request, 100, [0; 9].into_iter()).wanted(), 1);
        let only = sample(8, &Limits::default(), &[100; 5]).first_only();
        assert_eq!((indexes(only), only.all(), only.decoded()), (vec![0], false, 1));
    }
}
