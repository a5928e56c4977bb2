//! Which frames of an animation are looked at: the first, the last, those that are shown longest, and those at even instants.

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

/// From this many milliseconds on a frame is shown long enough to be looked at, like a slide.
const SLIDE: u32 = 1000;

/// The frames that are handed over: the first, the last, where an animation that does not loop stays, those that are shown for a second or more if there are places for all of
/// them, and of the others by half those that are shown longest, by half those that are shown at even instants of the playing time: a picture that stays may be many frames that change little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Their numbers, ascending. At least one.
    chosen: Vec<u32>,
    /// Whether the file has no more frames than these.
    all: bool,
    /// Whether frames are left out that people see for long: see `of`.
    out_of_reach: bool,
    /// Pixels of the frames that can be reached.
    work: u64,
}

impl Sample {
    /// The only frame.
    pub(super) fn still() -> Sample {
        Sample { chosen: vec![0], all: true, out_of_reach: false, work: 0 }
    }

    /// Of an animation with a canvas of `canvas` pixels. Whether it is `endless` is asked behind its frames, and decides what becomes of the last one: played once, it stays.
    ///
    /// All frames up to the last one wanted must be decoded, as each is drawn over the one before: their pixels, and
    /// those of the canvases handed over, each stay within [`Limits::pixels`](crate::Limits::pixels). Frames beyond that are out of reach, and that is
    /// told if they are shown for more than a third of the playing time, or one of them for a second, or the last one for ever. It is
    /// told as well if a frame that is shown for a second or more is not among those looked at, and if there are canvases for fewer frames than are asked for.
    pub(super) fn of(
        request: &Request<'_>,
        canvas: u64,
        endless: impl FnOnce() -> bool,
        frames: impl Iterator<Item = Shown>,
    ) -> Sample {
        let limits = request.limits;
        let canvases = (limits.pixels / canvas.max(1)).max(1);
        let asked = u64::from(request.frames.min(limits.frames).max(1));
        let most = asked.min(canvases);
        let (mut times, mut spent, mut work, mut more) = (Vec::new(), 0u64, 0u64, false);
        let (mut playing, mut beyond, mut late_slide) = (0u64, 0u64, false);
        for Shown { area, time } in frames {
            spent = spent.saturating_add(area).saturating_add(PER_FRAME);
            playing = playing.saturating_add(time.into());
            // The second frame settles whether there are more than one; the first was admitted already.
            if !times.is_empty() && (spent > limits.pixels || most == 1) {
                more = true;
                beyond = beyond.saturating_add(time.into());
                late_slide |= time >= SLIDE;
                if most == 1 {
                    break;
                }
                continue;
            }
            work = work.saturating_add(area);
            times.push(time);
        }
        let frames = times.len().max(1) as u64;
        let wanted = most.min(frames);
        let all = wanted == frames && !more;
        let seen_for_long =
            more && (most == 1 || !endless() || late_slide || beyond.saturating_mul(3) > playing);
        let chosen = chosen(&times, usize::try_from(wanted).unwrap_or(usize::MAX));
        let unseen_slide = (0u32..)
            .zip(&times)
            .any(|(number, time)| *time >= SLIDE && chosen.binary_search(&number).is_err());
        // Whether it is the limits that leave them out, or that fewer were asked for.
        let out_of_reach =
            asked > 1 && (seen_for_long || unseen_slide || (wanted < frames && canvases < asked));
        Sample { chosen, all, out_of_reach, work }
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
    let mut taken: Vec<bool> = vec![wanted >= times.len(); times.len().max(1)];
    let inner = 1..times.len().saturating_sub(1);
    let mut places = wanted.min(times.len()).saturating_sub(2);
    if let Some(first) = taken.first_mut() {
        *first = true;
    }
    if let Some(last) = taken.last_mut().filter(|_| wanted > 1) {
        *last = true;
    }
    let take = |taken: &mut Vec<bool>, number: usize, places: &mut usize| {
        if let Some(free) = taken.get_mut(number).filter(|taken| !**taken && *places > 0) {
            (*free, *places) = (true, *places - 1);
        }
    };
    if wanted < times.len() {
        let playing: u64 = times.iter().map(|time| u64::from(*time)).sum();
        // None is longest where all are shown equally long.
        let time = |number: usize| u64::from(times.get(number).copied().unwrap_or(0));
        let long = |number: &usize| time(*number) * times.len() as u64 > playing;
        // What people have time to look at comes first, if there are places for all of it.
        let slides: Vec<usize> =
            inner.clone().filter(|number| time(*number) >= SLIDE.into()).collect();
        if slides.len() <= places {
            slides.into_iter().for_each(|number| take(&mut taken, number, &mut places));
        }
        let free = |number: &usize| taken.get(*number).is_some_and(|taken| !taken);
        let mut longest: Vec<usize> = inner.clone().filter(long).filter(free).collect();
        longest.sort_by_key(|number| std::cmp::Reverse(time(*number)));
        let half = places.div_ceil(2);
        longest.into_iter().take(half).for_each(|number| take(&mut taken, number, &mut places));

        let instants = places as u64;
        let (mut until, mut next) = (0, 1);
        for number in 0..times.len() {
            until += time(number);
            let before = next;
            while next <= instants && until * (instants + 1) > playing * next {
                next += 1;
            }
            if next > before {
                take(&mut taken, number, &mut places);
            }
        }
        // One frame may be shown at several instants: the places left are spread.
        let free: Vec<usize> =
            inner.filter(|number| taken.get(*number).is_some_and(|taken| !taken)).collect();
        let left = places;
        for n in 1..=left {
            let place = (n as u64 * (free.len() as u64 + 1) / (left as u64 + 1)).saturating_sub(1);
            if let Some(number) = usize::try_from(place).ok().and_then(|place| free.get(place)) {
                take(&mut taken, *number, &mut places);
            }
        }
    }
    let numbers = taken.iter().enumerate().filter(|(_, taken)| **taken);
    numbers.filter_map(|(number, _)| u32::try_from(number).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::media::sniff;

    fn sample(frames: u32, limits: &Limits, areas: &[u64]) -> Sample {
        let request = Request { frames, ..Request::still(b"", sniff(b""), limits) };
        Sample::of(&request, 100, || true, untimed(areas))
    }

    /// Frames that ask for no time.
    fn untimed(areas: &[u64]) -> impl Iterator<Item = Shown> {
        areas.iter().map(|area| Shown::new(*area, 0))
    }

    fn timed(frames: u32, times: &[u32]) -> Vec<u32> {
        let limits = Limits::default();
        let request = Request { frames, ..Request::still(b"", sniff(b""), &limits) };
        let sample = of_times(&request, true, times);
        indexes(&sample)
    }

    fn of_times(request: &Request<'_>, endless: bool, times: &[u32]) -> Sample {
        Sample::of(request, 100, || endless, times.iter().map(|time| Shown::new(100, *time)))
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
                    // What is shown at even instants, and the last.
                    let inner = (0..count - 1).map(|i| (i * frames / (count - 1)) as u32);
                    if count == frames {
                        (0..frames as u32).collect()
                    } else {
                        inner.chain([frames as u32 - 1]).collect()
                    }
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
        assert_eq!(timed(3, &times), [0, 11, 39]);
        times[11] = 10;
        assert_eq!(timed(3, &times), [0, 11, 39]);
        assert_eq!(timed(2, &times), [0, 39]);
        assert_eq!(timed(1, &times), [0]);
    }

    #[test]
    fn a_picture_that_stays_is_looked_at_though_its_frames_are_short() {
        // One frame draws it, a hundred leave it standing; six others are longer than each of these.
        let mut times = vec![20, 100];
        times.extend([100; 100]);
        times.extend([200; 6]);
        times.push(20);
        let standing = |n: &&u32| (1..=101).contains(*n);
        assert!(timed(8, &times).iter().filter(standing).count() >= 3);
        // Wherever it stands, if for a quarter of the time.
        for start in 1..70 {
            let found = timed(8, &[100; 100]);
            assert!(found.iter().any(|n| (start..start + 25).contains(n)), "{start}: {found:?}");
        }
    }

    #[test]
    fn more_slides_than_are_looked_at_are_told() {
        let limits = Limits::default();
        let request = Request { frames: 8, ..Request::still(b"", sniff(b""), &limits) };
        let limit = Some(Unscannable::Limit);
        assert_eq!(of_times(&request, true, &[1000; 8]).missed(), None);
        assert_eq!(of_times(&request, true, &[1000; 9]).missed(), limit);
        assert_eq!(of_times(&request, true, &[999; 90]).missed(), None);
        // Slides come before what moves, if there are places for all of them.
        for (slides, told) in [(6, None), (7, limit)] {
            let times = [vec![20], vec![1000; slides], vec![100; 200]].concat();
            let sample = of_times(&request, true, &times);
            assert_eq!(sample.missed(), told, "{slides}");
            let seen = (1..=slides as u32).filter(|number| sample.has(*number)).count();
            assert!(seen == slides || told.is_some(), "{slides}: {seen}");
        }
        assert_eq!(of_times(&Request { frames: 1, ..request }, true, &[1000; 9]).missed(), None);
    }

    #[test]
    fn what_is_out_of_reach_is_told_if_it_is_seen_for_long() {
        let one = 100 + PER_FRAME;
        let limits = Limits { pixels: 20 * one, ..Limits::default() };
        let request = Request { frames: 8, ..Request::still(b"", sniff(b""), &limits) };
        let limit = Some(Unscannable::Limit);
        let told = |endless, times: &[u32]| {
            let sample = of_times(&request, endless, times);
            assert_eq!(indexes(&sample).last(), Some(&19));
            assert!(!sample.all);
            sample.missed()
        };
        // A third of the time, and more.
        assert_eq!(told(true, &[100; 30]), None);
        assert_eq!(told(true, &[100; 31]), limit);
        // The last frame stays, if it is not the first again.
        assert_eq!(told(false, &[100; 21]), limit);
        let mut times = [500; 21];
        assert_eq!(told(true, &times), None);
        times[20] = 1000;
        assert_eq!(told(true, &times), limit);
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
        let one = Sample::of(&request, 100, || true, untimed(&[0; 9]));
        assert_eq!((one.wanted(), one.missed()), (1, limit));
        // Whoever asks for the first frame only misses nothing.
        let asked = Sample::of(&Request { frames: 1, ..request }, 100, || true, untimed(&[0; 9]));
        assert_eq!((asked.wanted(), asked.all, asked.missed()), (1, false, None));
        let only = sample(8, &Limits::default(), &[100; 5]).first_only();
        assert_eq!((indexes(&only), only.all, only.decoded()), (vec![0], false, 1));
        assert_eq!(only.missed(), limit);
        assert_eq!(sample(8, &Limits::default(), &[100]).first_only().missed(), None);
    }
}
