//! From an upload's bytes to its perceptual hashes: every view that is asked for, within the limits.
//!
//! ```text
//! examine(upload, asked):
//!     decode in colour if asked.exact, else by luma where the file has it; while the rows arrive, hash each frame:
//!         frame 0     -> as stored, its dihedral forms, as shown
//!         later ones  -> frame
//!     something is seen through it:  the same once more, over black instead of white
//!     exact, and the hash is a near-tie:  decode once more, replaying the reference's own arithmetic
//!     by luma:  note how far the exact hash can be away (slack); where that is too far, examine exactly
//!     one level down and no further: the thumbnail, the pictures inside a document or archive
//! ```
//!
//! # Two stages
//!
//! A JPEG holds its luma as a plane of its own. Decoding only that saves the colour, and its hash is nearly that of the
//! picture: whoever looks it up with a radius wider by its `slack` finds what is near, and need examine only that
//! exactly. The slack is 24 bits and those whose coefficients are so near the median that the usual difference between luma and
//! colour could turn them. That is a measurement, not a proof (`benches/record/tolerance-2026-11-22.tsv`, 2,200 JPEGs of every kind): a
//! file that was made to deceive, with colours clipped on purpose, can have a luma that is farther away. A picture that would need more
//! than [`MOST_SLACK`] bits is examined exactly at once: a sixth of photographs, most flags, gradients and pages of text.
//!
//! # Invariants
//!
//! An exact examination gives the hash of the reference library for each view. (As shown, near-ties are decided by
//! exact arithmetic: the reference knows no orientation, and its rounding cannot be replayed without all pixels of the turned
//! picture.) What one by luma gives was within its slack of that for every honest picture that was tried. Nothing is looked up here: this room
//! knows no store, so that a worker process can do the same for a host that trusts no decoder.
//!
//! A picture that is not opaque has no colours of its own where the page is seen: with the right alpha it is one picture on white and another one on
//! black. Both are hashed. Over black, what is black all over is nothing and is not looked up: many logos are.
//!
//! All of it is bounded by [`Limits`]: the time counts from [`Asked::started`], however often a picture is decoded.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::fingerprint::{Dihedral, DihedralPdq, Hasher, Pdq, Perceptual, Sampled, View};
use crate::limits::Limits;
use crate::media::{
    Budget, Channels, Coverage, Decoded, Decoder, Embedded, Frame, Media, Page, Place, Raster,
    Request, Sink, Unscannable, embedded, is_container, is_more_than_text, sniff,
};

/// How far the coefficients of a luma hash usually are from those of the exact one: the median is 0.9 for photographs of all
/// qualities together. Colours that clip move some by far more, but then all are large, and few bits follow.
const LUMA_ERROR: f64 = 1.0;
/// The slack of a luma hash, in bits, besides its doubtful ones. `tests/long tolerance` measures how much of both is ever needed.
/// With 16, a picture of neon blocks at quality 10 was 22 bits away with a slack of 20: the seven turned forms hide that, as the
/// most doubtful of them decides for all.
const LEAST_SLACK: u32 = 24;
/// The greatest slack that is worth a search. Beyond it a picture is examined exactly at once.
pub const MOST_SLACK: u32 = 48;

/// What is asked of one upload.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The views to hash.
    pub views: &'a [View],
    /// Whether hashes must be exact. If not, a JPEG is hashed from its luma, which is faster and nearly the same.
    pub exact: bool,
    /// What it may cost.
    pub limits: &'a Limits,
    /// When it began: the limits on time count from here.
    pub started: Instant,
    /// The caller's own deadline; the nearer of this and [`Limits::time_for`] holds.
    pub deadline: Option<Instant>,
}

impl<'a> Asked<'a> {
    /// The exact hashes of some views, beginning now.
    pub fn exactly(views: &'a [View], limits: &'a Limits) -> Self {
        Asked { views, exact: true, limits, started: Instant::now(), deadline: None }
    }
}

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Examined {
    /// The hash of each view, in the order of the views and of the parts.
    pub perceptual: Vec<Perceptual>,
    /// Whether everything that the views call for was looked at.
    pub complete: bool,
    /// Why a part of what should have been looked at was not: a picture that ends early (what there is of it was hashed as viewers
    /// show it), one that viewers show in other colours (`colours`: it was hashed as it stands), frames of an animation that are out of reach (`limit`), or a picture inside a document or archive. Of several reasons one.
    pub missed: Option<Unscannable>,
    /// Width and height of the picture as stored, if it is one.
    pub size: Option<(u32, u32)>,
}

/// Examines uploads one after the other, reusing its buffers.
///
/// ```
/// use tamis::examine::{Asked, Examiner};
/// use tamis::fingerprint::View;
/// let upload = tamis::store::test_files()[1].bytes;
/// let limits = tamis::Limits::default();
/// let asked = Asked::exactly(&[View::AsStored], &limits);
/// # #[cfg(feature = "decode")]
/// let examined = Examiner::new().examine(upload, &tamis::media::sniff(upload), &asked).unwrap();
/// # #[cfg(feature = "decode")]
/// assert_eq!(examined.perceptual[0].hash.popcount(), 128);
/// ```
#[derive(Debug, Default)]
pub struct Examiner {
    decoder: Decoder,
    hashers: Hashers,
}

/// One for the picture as it is stored, one for it as it is shown: both are fed the same rows.
#[derive(Debug, Default)]
struct Hashers {
    stored: Hasher,
    shown: Hasher,
}

impl Examiner {
    /// An examiner with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Examines one upload: a picture, or the pictures inside it.
    ///
    /// # Errors
    /// Why a picture gave no pixels, and no thumbnail either. What is inside an upload gives no error: see [`Examined::missed`].
    pub fn examine(
        &mut self,
        bytes: &[u8],
        media: &Media,
        asked: &Asked<'_>,
    ) -> Result<Examined, Unscannable> {
        let mut examined = Examined { complete: true, ..Examined::default() };
        let mut pixels = 0;
        let itself = |view: &View| !matches!(view, View::Thumbnail | View::Embedded);
        let mut failed = None;
        if media.class.is_picture() && asked.views.iter().any(itself) {
            match self.picture(bytes, media, None, 0, asked, &mut examined.perceptual) {
                Ok(found) => {
                    examined.complete = found.decoded.all_frames;
                    examined.missed = found.decoded.cut_short;
                    examined.size = found.frame.map(|f| (f.width as u32, f.height as u32));
                    pixels = found.pixels();
                }
                Err(reason) => failed = Some(reason),
            }
        }
        self.inside(bytes, media, pixels, asked, &mut examined);
        if let Some(reason) = failed {
            if examined.perceptual.is_empty() {
                return Err(reason);
            }
            (examined.missed, examined.complete) = (Some(reason), false);
        }
        examined.perceptual.sort_by_key(|p| (p.view, p.part));
        Ok(examined)
    }

    /// The pictures one level down: a photograph's thumbnail, and those of a container.
    fn inside(
        &mut self,
        bytes: &[u8],
        media: &Media,
        mut pixels: u64,
        asked: &Asked<'_>,
        examined: &mut Examined,
    ) {
        let wanted = |place: &Place| asked.views.contains(&view_of(place));
        let most = asked.limits.embedded;
        let mut budget = Budget { pictures: most, members: false, ..Budget::default() };
        if most > 0 && media.class.is_picture() && wanted(&Place::Thumbnail) {
            // A thumbnail that cannot be read is nothing to hold a photograph back for.
            let (coverage, _) = self.parts(bytes, media, &mut pixels, asked, budget, examined);
            budget.pictures -= coverage.pictures.min(most);
        }
        if most > 0 && wanted(&Place::Member(0)) && is_container(bytes, media) {
            // The picture would stand beside what is inflated.
            self.decoder.release();
            (budget.thumbnails, budget.members) = (false, true);
            let (_, missed) = self.parts(bytes, media, &mut pixels, asked, budget, examined);
            // What a text may hold that no browser draws is no reason to hold the text back: logs and saved pages have much that looks like it.
            let missed =
                missed.filter(|why| is_of_the_time(*why) || is_more_than_text(bytes, media));
            examined.missed = Unscannable::graver(examined.missed, missed);
        }
    }

    /// Hashes the pictures that a walk with this budget finds, and says what was missed.
    fn parts(
        &mut self,
        bytes: &[u8],
        media: &Media,
        pixels: &mut u64,
        asked: &Asked<'_>,
        budget: Budget,
        examined: &mut Examined,
    ) -> (Coverage, Option<Unscannable>) {
        let own = asked.started.checked_add(asked.limits.time_for(asked.limits.pixels));
        let deadline = own.into_iter().chain(asked.deadline).min();
        // At its peak the walk holds twice that.
        let inflated = asked.limits.embedded_bytes.min(asked.limits.memory / 2);
        let budget = Budget { bytes: inflated, deadline, ..budget };
        let Examined { perceptual, complete, .. } = examined;
        let mut worst = None;
        let upload = bytes.as_ptr_range();
        let coverage = embedded(bytes, media, &budget, &mut |Embedded { place, bytes }| {
            // What was inflated is held while it is decoded; what lies in the upload as it is costs nothing.
            let lies_there = upload.contains(&bytes.as_ptr());
            let held = if lies_there { 0 } else { bytes.len() as u64 * 3 / 2 };
            let limits = Limits {
                memory: asked.limits.memory.saturating_sub(held),
                progressive_memory: asked.limits.progressive_memory.saturating_sub(held),
                pixels: asked.limits.pixels.saturating_sub(*pixels),
                ..asked.limits.clone()
            };
            let asked = Asked { limits: &limits, ..*asked };
            match self.picture(bytes, &sniff(bytes), Some(place), *pixels, &asked, perceptual) {
                Ok(found) => {
                    *pixels = pixels.saturating_add(found.pixels());
                    *complete &= found.decoded.all_frames;
                    worst = Unscannable::graver(worst, found.decoded.cut_short);
                }
                Err(reason) => worst = Unscannable::graver(worst, Some(reason)),
            }
            // It would stand beside what is inflated next.
            if place != Place::Thumbnail {
                self.decoder.release();
            }
        });
        worst = Unscannable::graver(worst, coverage.missed);
        *complete &= worst.is_none();
        (coverage, worst)
    }

    /// Hashes one picture: the upload itself, or one inside it.
    fn picture(
        &mut self,
        bytes: &[u8],
        media: &Media,
        place: Option<Place>,
        before: u64,
        asked: &Asked<'_>,
        out: &mut Vec<Perceptual>,
    ) -> Result<Found, Unscannable> {
        let Asked { views, exact, limits, started, deadline } = *asked;
        let frames =
            if place.is_none() && views.contains(&View::Frame) { limits.frames } else { 1 };
        let request = Request {
            bytes,
            media: *media,
            channels: if exact { Channels::Colour } else { Channels::Luma },
            page: Page::White,
            frames,
            limits,
            started,
            before,
            deadline,
        };
        let mut found = self.rendering(&request, views, place, out)?;
        if found.decoded.transparent && views.contains(&View::OverBlack) {
            let request = Request { page: Page::Black, ..request };
            match self.rendering(&request, views, place, out) {
                Ok(again) => found.add(again.decoded),
                Err(reason) => found.add(Decoded {
                    all_frames: false,
                    cut_short: Some(reason),
                    ..found.decoded
                }),
            }
        }
        Ok(found)
    }

    /// Hashes a picture over one page.
    fn rendering(
        &mut self,
        request: &Request<'_>,
        views: &[View],
        place: Option<Place>,
        out: &mut Vec<Perceptual>,
    ) -> Result<Found, Unscannable> {
        let mut request = *request;
        loop {
            let mut pass = Pass::new(&mut self.hashers, views, place, request.page);
            let decoded = self.decoder.decode(&request, &mut pass)?;
            let Pass { hashes, undecided, by_luma, frame, .. } = pass.finish();
            let mut found = Found { decoded, frame };
            if by_luma && !undecided.is_empty() {
                request.channels = Channels::Colour;
                continue;
            }
            out.extend(hashes);
            if !undecided.is_empty() {
                let mut pass = Pass::new(&mut self.hashers, views, place, request.page);
                pass.replays = Some(undecided);
                let again = self.decoder.decode(&request, &mut pass)?;
                let mut pass = pass.finish();
                found.add(again);
                found.decoded.all_frames &= pass.undecided.is_empty();
                out.append(&mut pass.hashes);
            }
            return Ok(found);
        }
    }
}

/// What was decoded, and the first frame of it.
struct Found {
    decoded: Decoded,
    frame: Option<Frame>,
}

impl Found {
    /// What was decoded when the same picture was looked at once more.
    fn add(&mut self, again: Decoded) {
        self.decoded.all_frames &= again.all_frames;
        self.decoded.cut_short = Unscannable::graver(self.decoded.cut_short, again.cut_short);
    }

    fn pixels(&self) -> u64 {
        let area = self.frame.map_or(0, |f| f.width as u64 * f.height as u64);
        area.saturating_mul(u64::from(self.decoded.frames))
    }
}

/// Whether it is about the time or the host, and not about what the upload is.
fn is_of_the_time(why: Unscannable) -> bool {
    matches!(why, Unscannable::Timeout | Unscannable::DecoderPanic | Unscannable::WorkerDied)
}

fn view_of(place: &Place) -> View {
    match place {
        Place::Thumbnail => View::Thumbnail,
        Place::Member(_) => View::Embedded,
    }
}

/// One pass over an upload's frames.
struct Pass<'a> {
    hashers: &'a mut Hashers,
    views: &'a [View],
    /// Where the picture was found; nowhere if it is the upload itself.
    place: Option<Place>,
    page: Page,
    /// The first frame.
    frame: Option<Frame>,
    /// The one whose rows are arriving.
    current: Option<Frame>,
    hashes: Vec<Perceptual>,
    /// Frames whose hashes this pass cannot tell: near-ties, or too doubtful by luma.
    undecided: Vec<u32>,
    /// Whether any pixels were only nearly those of the picture.
    by_luma: bool,
    /// If given, only the frames with these numbers are hashed, in the reference's own arithmetic.
    replays: Option<Vec<u32>>,
}

/// The hashes of one rendering of a frame, and how far off they may be.
struct Hashed {
    one: Pdq,
    eight: Option<DihedralPdq>,
    slack: u32,
}

impl<'a> Pass<'a> {
    fn new(hashers: &'a mut Hashers, views: &'a [View], place: Option<Place>, page: Page) -> Self {
        Pass {
            hashers,
            views,
            place,
            page,
            frame: None,
            current: None,
            hashes: Vec::new(),
            undecided: Vec::new(),
            by_luma: false,
            replays: None,
        }
    }

    /// Once the decoder has handed over everything.
    fn finish(mut self) -> Self {
        self.finish_frame();
        self
    }

    /// Takes the hashes of the frame whose rows have all arrived.
    fn finish_frame(&mut self) {
        let Some(frame) = self.current.take() else { return };
        let eight = self.turns(&frame);
        let stored = if self.replays.is_some() {
            self.hashers.stored.finish_replay().map(|replayed| Hashed {
                one: replayed.pdq(),
                eight: eight.then(|| replayed.dihedral()),
                slack: 0,
            })
        } else {
            match self.hashers.stored.finish() {
                Some(sampled) if self.page == Page::Black && is_black(&sampled) => return,
                sampled => sampled.and_then(|sampled| hashed(&sampled, &frame, eight)),
            }
        };
        match stored {
            Some(hashed) => self.take_stored(&frame, hashed),
            None => self.undecided.push(frame.index),
        }
        if self.shows(&frame) {
            // A near-tie of a turned picture cannot be replayed: see the room's invariants.
            let shown = self.hashers.shown.finish().and_then(|sampled| match frame.exact {
                true => Some(Hashed { one: sampled.pdq_exact(), eight: None, slack: 0 }),
                false => hashed(&sampled, &frame, false),
            });
            match shown {
                Some(hashed) => self.push(View::AsShown, 0, hashed.one, hashed.slack),
                None => self.undecided.push(frame.index),
            }
        }
    }

    fn wants(&self, view: View) -> bool {
        self.views.contains(&view)
    }

    /// Whether the turned and mirrored forms of a frame are hashed.
    fn turns(&self, frame: &Frame) -> bool {
        self.place.is_none() && frame.index == 0 && self.views.iter().any(|v| v.is_dihedral())
    }

    /// Whether a frame is hashed as it is shown, besides as it is stored.
    fn shows(&self, frame: &Frame) -> bool {
        let wanted = self.is_named_otherwise() || self.wants(View::AsShown);
        self.replays.is_none() && wanted && frame.index == 0 && frame.orientation != 1
    }

    /// Notes the hashes of the frame as it is stored.
    fn take_stored(&mut self, frame: &Frame, Hashed { one, eight, slack }: Hashed) {
        if frame.index > 0 {
            return self.push(View::Frame, frame.index, one, slack);
        }
        // An upright picture is shown as it is stored: one look-up is enough, under either name.
        if self.is_named_otherwise() || self.wants(View::AsStored) {
            self.push(View::AsStored, 0, one, slack);
        } else if frame.orientation == 1 && self.wants(View::AsShown) {
            self.push(View::AsShown, 0, one, slack);
        }
        let Some(DihedralPdq { hashes, quality }) = eight else { return };
        for (form, hash) in Dihedral::ALL.iter().copied().zip(hashes).skip(1) {
            if self.wants(View::of(form)) {
                self.push(View::of(form), 0, Pdq { hash, quality }, slack);
            }
        }
    }

    /// Whether the first frame has one name, however it is hashed: that of the place where it was found, or of the page.
    fn is_named_otherwise(&self) -> bool {
        self.place.is_some() || self.page == Page::Black
    }

    fn push(&mut self, view: View, part: u32, pdq: Pdq, slack: u32) {
        let (view, part) = match &self.place {
            Some(place @ Place::Member(number)) => (view_of(place), *number),
            Some(place) => (view_of(place), part),
            None if self.page == Page::Black && view != View::Frame => (View::OverBlack, part),
            None => (view, part),
        };
        self.hashes.push(Perceptual { slack, ..Perceptual::new(view, pdq).of_part(part) });
    }
}

impl Sink for Pass<'_> {
    fn begin(&mut self, frame: &Frame) {
        self.finish_frame();
        self.frame.get_or_insert(*frame);
        let Frame { index, width, height, format, orientation, .. } = *frame;
        self.by_luma |= !frame.exact;
        match &self.replays {
            Some(frames) if !frames.contains(&index) => return,
            Some(_) => self.hashers.stored.start_replay(width, height, format),
            None => {
                self.hashers.stored.start(width, height, format, 1);
                if self.shows(frame) {
                    self.hashers.shown.start(width, height, format, orientation);
                }
            }
        }
        self.current = Some(*frame);
    }

    fn rows(&mut self, band: &Raster<'_>) {
        let Some(frame) = self.current else { return };
        if self.replays.is_some() {
            return self.hashers.stored.replay_rows(band);
        }
        self.hashers.stored.rows(band);
        if self.shows(&frame) {
            self.hashers.shown.rows(band);
        }
    }
}

/// Whether there is nothing to see: of black alone no frequency is anything but zero.
fn is_black(sampled: &Sampled) -> bool {
    sampled.coefficients() == [[0.0; 16]; 16]
}

/// What the samples of a frame say, if they can tell.
fn hashed(sampled: &Sampled, frame: &Frame, eight: bool) -> Option<Hashed> {
    if frame.exact {
        let eight = if eight { Some(sampled.dihedral()?) } else { None };
        return Some(Hashed { one: sampled.pdq()?, eight, slack: 0 });
    }
    let doubtful = match eight {
        true => sampled.doubtful_bits_dihedral(LUMA_ERROR),
        false => sampled.doubtful_bits(LUMA_ERROR),
    };
    let slack = doubtful + LEAST_SLACK;
    let eight = eight.then(|| sampled.dihedral_exact());
    (slack <= MOST_SLACK).then(|| Hashed { one: sampled.pdq_exact(), eight, slack })
}
