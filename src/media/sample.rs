//! Which frames of an animation are looked at: the first, the last, and those that are shown longest.

use super::class::Unscannable;
use super::frame::{Decoded, Request};

/// Pixels that a frame costs besides its own: its header, its palette, an entropy decoder made anew. A file may hold
/// millions of frames of one pixel.
const PER_FRAME: u64 = 4096;
/// For how long browsers show a frame that asks for no time at all, or too short a one.
const LEAST_SHOWN: u32 = 100;
/// The greatest time that is too short.
const TOO_SHORT: u32 = 10;

/// A frame, before it is decoded: its pixels, and for how many milliseconds it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    area: u64,
    time: u32,
}

impl Shown {
    pub(super) fn new(area: u64, milliseconds: u32) -> Self {
        let time = if milliseconds <= TOO_SHORT { LEAST_SHOWN } else { milliseconds };
        Shown { area, time }
    }
}

/// The frames that are handed over: the first, the last, where an animation that does not loop stays, and of the others those that
/// are shown longest. Those shown equally long are taken at even distances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Their numbers, ascending. At least one.
    chosen: Vec<u32>,
    /// Whether the file has no more frames than these.
    all: bool,
    /// Whether there would be more of them if the limits on pixels and memory were wider.
    out_of_reach: bool,
    /// Pixels of the frames that can be reached.
    work: u64,
}

impl Sample {
    /// The only frame.
    pub(super) fn still() -> Sample {
        Sample { chosen: vec![0], all: true, out_of_reach: false, work: 0 }
    }

    /// Of an animation with a canvas of `canvas` pixels.
    ///
    /// All frames up to the last one wanted must be decoded, as each is drawn over the one before: their pixels, and
    /// those of the canvases handed over, each stay within [`Limits::pixels`](crate::Limits::pixels).
    pub(super) fn of(
        request: &Request<'_>,
        canvas: u64,
        frames: impl Iterator<Item = Shown>,
    ) -> Sample {
        let limits = request.limits;
        let canvases = (limits.pixels / canvas.max(1)).max(1);
        let asked = u64::from(request.frames.min(limits.frames).max(1));
        let most = asked.min(canvases);
        let (mut times, mut spent, mut work, mut more) = (Vec::new(), 0u64, 0u64, false);
        for Shown { area, time } in frames {
            spent = spent.saturating_add(area).saturating_add(PER_FRAME);
            // The second frame settles whether there are more than one; the first was admitted already.
            if !times.is_empty() && (spent > limits.pixels || most == 1) {
                more = true;
                break;
            }
            work = work.saturating_add(area);
            times.push(time);
        }
        let frames = times.len().max(1) as u64;
        let wanted = most.min(frames);
        let all = wanted == frames && !more;
        // Whether it is the limits that leave frames out, or that fewer were asked for.
        let out_of_reach = asked > 1 && (more || (wanted < frames && canvases < asked));
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        Sample { chosen: chosen(&times, wanted), all, out_of_reach, work }
    }

    /// The same animation, which has frames that no viewer shows.
    pub(super) fn of_more(self) -> Sample {
        Sample { all: false, ..self }
    }

    /// The same animation, which may have frames that were not counted.
    pub(super) fn uncounted(self) -> Sample {
        Sample { all: false, out_of_reach: true, ..self }
    }

    /// The same animation, of which there is memory for the first frame only.
    pub(super) fn first_only(self) -> Sample {
        let alone = self.chosen.len() == 1;
        Sample {
            chosen: vec![0],
            all: self.all && alone,
            out_of_reach: self.out_of_reach || !alone,
            work: 0,
        }
    }

    /// Number of frames to hand over.
    pub(super) fn wanted(&self) -> u64 {
        self.chosen.len() as u64
    }

    /// What was decoded of these frames, as what was decoded of the file: it may have others.
    pub(super) fn of_the_file(&self, decoded: Decoded) -> Decoded {
        let all_frames = decoded.all_frames && self.all;
        let cut_short = decoded.cut_short.or(self.missed());
        Decoded { all_frames, cut_short, ..decoded }
    }

    /// Why frames are left out, if they would be looked at within wider limits.
    fn missed(&self) -> Option<Unscannable> {
        self.out_of_reach.then_some(Unscannable::Limit)
    }

    /// Pixels to be decoded.
    pub(super) fn work(&self) -> u64 {
        self.work
    }

    /// How many frames must be decoded: those up to the last one wanted.
    pub(super) fn decoded(&self) -> u32 {
        self.chosen.last().map_or(1, |last| last.saturating_add(1))
    }

    /// Whether frame `index` is handed over.
    pub(super) fn has(&self, index: u32) -> bool {
        self.chosen.binary_search(&index).is_ok()
    }
}

/// The first, the last, and `wanted - 2` of the others, by the times that frames are shown.
fn chosen(times: &[u32], wanted: usize) -> Vec<u32> {
    let numbers = |range: std::ops::Range<usize>| {
        range.filter_map(|number| u32::try_from(number).ok()).collect::<Vec<_>>()
    };
    if wanted >= times.len() {
        return numbers(0..times.len().max(1));
    }
    let (Some(last), Some(others)) = (times.len().checked_sub(1), wanted.checked_sub(2)) else {
        return vec![0];
    };
    // All that are shown longer than this, and some that are shown as long.
    let mut longest = times.get(1..last).unwrap_or(&[]).to_vec();
    longest.sort_unstable_by(|a, b| b.cmp(a));
    let least = others.checked_sub(1).and_then(|n| longest.get(n)).copied().unwrap_or(u32::MAX);
    let inner = 1..last;
    let equal: Vec<usize> = inner.clone().filter(|n| times.get(*n) == Some(&least)).collect();
    let longer = inner.filter(|n| times.get(*n).is_some_and(|time| *time > least));
    let mut found: Vec<usize> = longer.chain([0, last]).collect();
    let some = wanted.saturating_sub(found.len()).min(equal.len());
    for n in 1..=some {
        let place = (n as u64 * (equal.len() as u64 + 1) / (some as u64 + 1)).saturating_sub(1);
        found.extend(usize::try_from(place).ok().and_then(|place| equal.get(place)));
    }
    found.sort_unstable();
    found.into_iter().filter_map(|number| u32::try_from(number).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::media::sniff;

    fn sample(frames: u32, limits: &Limits, areas: &[u64]) -> Sample {
        let request = Request { frames, ..Request::still(b"", sniff(b""), limits) };
        Sample::of(&request, 100, untimed(areas))
    }

    /// Frames that ask for no time.
    fn untimed(areas: &[u64]) -> impl Iterator<Item = Shown> {
        areas.iter().map(|area| Shown::new(*area, 0))
    }

    fn timed(frames: u32, times: &[u32]) -> Vec<u32> {
        let limits = Limits::default();
        let request = Request { frames, ..Request::still(b"", sniff(b""), &limits) };
        let sample = Sample::of(&request, 100, times.iter().map(|time| Shown::new(100, *time)));
        assert_eq!(sample.missed(), None);
        indexes(&sample)
    }

    fn indexes(sample: &Sample) -> Vec<u32> {
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
                assert_eq!(indexes(&sample), expected, "{wanted} of {frames}");
                assert_eq!(sample.decoded(), expected.last().unwrap() + 1);
                assert_eq!(sample.all, expected.len() as u64 == frames);
                assert_eq!((sample.wanted(), sample.missed()), (expected.len() as u64, None));
            }
        }
    }

    #[test]
    fn those_shown_longest_go_first() {
        let mut times = [20u32; 40];
        for at in 1..39 {
            times[at] = 5000;
            let found = timed(3, &times);
            assert_eq!(found, [0, at as u32, 39]);
            assert!(timed(8, &times).contains(&(at as u32)));
            times[at] = 20;
        }
        // What asks for no time is shown for a tenth of a second, longer than what asks for a fiftieth.
        times[11] = 0;
        times[23] = 10;
        assert_eq!(timed(4, &times), [0, 11, 23, 39]);
        // More of the longest than are wanted: they are spread.
        times[10..30].fill(200);
        assert_eq!(timed(5, &times), [0, 14, 19, 24, 39]);
        assert_eq!(timed(2, &times), [0, 39]);
        assert_eq!(timed(1, &times), [0]);
    }

    #[test]
    fn limits_end_it() {
        let limits = Limits { pixels: 1_000_000, frames: 3, ..Limits::default() };
        let limit = Some(Unscannable::Limit);
        // The fourth frame would be one too many.
        let heavy = sample(8, &limits, &[300_000; 50]);
        assert_eq!((indexes(&heavy), heavy.all, heavy.missed()), (vec![0, 1, 2], false, limit));
        // Frames of no size cost something all the same.
        let tiny = sample(8, &limits, &[0; 5000]);
        assert_eq!(u64::from(tiny.decoded()), 1_000_000 / PER_FRAME);
        // Canvases that are handed over count as well.
        let small = Limits { pixels: 250, ..Limits::default() };
        let request = Request { frames: 8, ..Request::still(b"", sniff(b""), &small) };
        let one = Sample::of(&request, 100, untimed(&[0; 9]));
        assert_eq!((one.wanted(), one.missed()), (1, limit));
        // Whoever asks for the first frame only misses nothing.
        let asked = Sample::of(&Request { frames: 1, ..request }, 100, untimed(&[0; 9]));
        assert_eq!((asked.wanted(), asked.all, asked.missed()), (1, false, None));
        let only = sample(8, &Limits::default(), &[100; 5]).first_only();
        assert_eq!((indexes(&only), only.all, only.decoded()), (vec![0], false, 1));
        assert_eq!(only.missed(), limit);
        assert_eq!(sample(8, &Limits::default(), &[100]).first_only().missed(), None);
    }
}
