//! What is asked of a decoder, and what it hands over: frames, band by band.
//!
//! A band is some rows of a frame, from the top, in order, each row once. A decoder hands over bands as large as it has
//! them: a PNG row by row, a JPEG all at once. Whoever takes them must not care.

use std::time::Instant;

use super::class::Unscannable;
use super::raster::{PixelFormat, Raster};
use super::sniff::Media;
use crate::limits::Limits;

/// Which channels are wanted of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// The luma that the file itself holds, where that saves work: of a JPEG in YCbCr. Everything else is decoded as
    /// for [`Channels::Colour`], and [`Frame::exact`] says so.
    Luma,
    /// Red, green and blue as a viewer sees them; grey for a grey picture.
    Colour,
}

/// What lies behind a picture, and is seen where the picture is transparent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// White, as paper is.
    #[default]
    White,
    /// Black, as half of the web is at night.
    Black,
}

#[cfg(feature = "decode")]
impl Page {
    /// All of its channels.
    pub(super) fn level(self) -> u8 {
        match self {
            Page::White => 255,
            Page::Black => 0,
        }
    }
}

/// One picture to decode.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The upload.
    pub bytes: &'a [u8],
    /// What [`sniff`](super::sniff) said of it.
    pub media: Media,
    /// Which channels are wanted.
    pub channels: Channels,
    /// What it is laid over.
    pub page: Page,
    /// Most frames of an animation to hand over; at least 1, and never more than [`Limits::frames`].
    pub frames: u32,
    /// What it may cost.
    pub limits: &'a Limits,
    /// When examining the upload began: [`Limits::time_for`] counts from here.
    pub started: Instant,
    /// Pixels of the same upload that were decoded before this picture: they add to its time.
    pub before: u64,
    /// The caller's own deadline. The nearer of this and the limit on time holds.
    pub deadline: Option<Instant>,
}

impl<'a> Request<'a> {
    /// The first frame of a picture, in colour and over white.
    pub fn still(bytes: &'a [u8], media: Media, limits: &'a Limits) -> Self {
        Request {
            bytes,
            media,
            channels: Channels::Colour,
            page: Page::White,
            frames: 1,
            limits,
            started: Instant::now(),
            before: 0,
            deadline: None,
        }
    }

    /// The moment by which a picture of `area` pixels must be done; none if that is centuries away.
    #[cfg(feature = "decode")]
    pub(super) fn until(&self, area: u64) -> Option<Instant> {
        let time = self.limits.time_for(self.before.saturating_add(area));
        match (self.started.checked_add(time), self.deadline) {
            (Some(own), Some(callers)) => Some(own.min(callers)),
            (own, callers) => own.or(callers),
        }
    }
}

/// A frame, before its pixels. A still picture is frame 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number in the file, from 0.
    pub index: u32,
    /// Pixels per row, as stored.
    pub width: usize,
    /// Number of rows, as stored.
    pub height: usize,
    /// Layout of a pixel in the bands that follow.
    pub format: PixelFormat,
    /// EXIF orientation, 1 to 8. 1, which is also what a missing or senseless value gives, means upright.
    pub orientation: u8,
    /// Whether the pixels are those of [`Channels::Colour`], and not only luma that is nearly theirs.
    pub exact: bool,
}

impl Frame {
    /// Bytes of one row.
    #[cfg(feature = "decode")]
    pub(super) fn row_bytes(&self) -> usize {
        self.width.saturating_mul(self.format.bytes_per_pixel())
    }
}

/// Takes the frames of an upload while they are decoded.
pub trait Sink {
    /// A frame begins. The one before it is complete: every row of it was handed over.
    fn begin(&mut self, frame: &Frame);

    /// The next rows of the frame.
    fn rows(&mut self, band: &Raster<'_>);
}

/// What was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decoded {
    /// Frames that were handed over.
    pub frames: u32,
    /// Whether these were all frames that the file has.
    pub all_frames: bool,
    /// Whether the page is seen through what was handed over: it has other pixels over another [`Page`]. Of an animation it may be said where
    /// a later frame has covered the page again.
    pub transparent: bool,
    /// Why what was handed over is not all that is shown: the file ends early or breaks off, or it is shown in other colours than it was decoded (`Colours`), or with more or
    /// less of it transparent (`Unsupported`, `Corrupt`). What was missing of a picture was handed over as a viewer
    /// shows it, grey or the page; what was missing of an animation's later frames was left out, as if it ended there. `Corrupt` may also
    /// mean that viewers show different pictures of what was handed over, and `Limit` that some of an animation's frames would cost
    /// more pixels or memory than [`Limits`] allow.
    pub cut_short: Option<Unscannable>,
}

/// A sink that keeps the first frame, for those who need all of its pixels at once.
///
/// ```
/// use tamis::media::{Decoder, Keep, Request, sniff};
/// let bytes = tamis::store::test_files()[1].bytes;
/// let mut kept = Keep::default();
/// let limits = tamis::Limits::default();
/// # #[cfg(feature = "decode")]
/// Decoder::new().decode(&Request::still(bytes, sniff(bytes), &limits), &mut kept).unwrap();
/// # #[cfg(feature = "decode")]
/// assert!(kept.raster().is_some_and(|raster| raster.width() > 64));
/// ```
#[derive(Clone, Default)]
pub struct Keep {
    frame: Option<Frame>,
    pixels: Vec<u8>,
    later: bool,
}

impl std::fmt::Debug for Keep {
    /// The size only: the pixels are somebody's upload.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keep").field("frame", &self.frame).finish_non_exhaustive()
    }
}

impl Keep {
    /// The frame, once one has begun.
    pub fn frame(&self) -> Option<Frame> {
        self.frame
    }

    /// Its pixels, as stored, once all rows have arrived.
    pub fn raster(&self) -> Option<Raster<'_>> {
        let Frame { width, height, format, .. } = self.frame?;
        Raster::new(&self.pixels, width, height, format).ok()
    }
}

impl Sink for Keep {
    fn begin(&mut self, frame: &Frame) {
        self.later = self.frame.is_some();
        self.frame.get_or_insert(*frame);
    }

    fn rows(&mut self, band: &Raster<'_>) {
        if !self.later {
            for y in 0..band.height() {
                self.pixels.extend_from_slice(band.row(y));
            }
        }
    }
}
