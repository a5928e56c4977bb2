//! Pixels from an upload, under limits.
//!
//! ```text
//! decode(bytes, media, limits, deadline):
//!   more bytes than limits.upload_bytes                      -> limit
//!   no decoder for media.format                              -> unsupported
//!   survey the headers: size, scans, completeness            -> limit, truncated or corrupt, before any allocation
//!   open exactly that format's decoder (no guessing)
//!   pixels + the decoder's own buffers > limits.decoded_bytes -> limit
//!   decode into a reused buffer, reading against the deadline -> timeout, truncated, corrupt
//!   8 bits, over white, in place; turned upright into a second buffer if EXIF asks for it
//! ```
//!
//! * A picture that is not all there is an error, never a picture, as far as its file tells: see below.
//! * The decoder runs inside `catch_unwind`: a panic in it becomes [`Unscannable::DecoderPanic`] and both buffers are
//!   dropped. The host's panic hook runs first (by default it prints a line); this room does not touch it.
//!   A stack overflow or an allocation that fails inside a decoder cannot be caught in a process.
//! * The nearer of `limits.time` (from the call) and the caller's deadline holds. It is looked at before the decoder
//!   starts and whenever it reads (at most 8 KiB apart); a decoder that loops without reading cannot be interrupted
//!   in-process. A picture that was finished late is handed over: it has been examined.
//! * An animation's first frame is decoded, on its canvas, over white. `limits.frames` of 0 refuses animations.
//!   An APNG whose plain picture is no frame of the animation gives the first frame, as browsers show it.
//! * Colour profiles are ignored; gamma chunks too. CMYK is taken as inverted, as browsers take it.
//! * A JPEG without an end marker is truncated. One whose scan stops early but has the marker comes out as a viewer
//!   shows it, grey where pixels are missing: the decoder does not say.

use std::time::Instant;

use super::class::Unscannable;
use super::raster::{PixelFormat, Raster};
use super::sniff::Media;
use crate::limits::Limits;

/// Decodes uploads one after another, reusing its buffers: after the first few it does not grow.
///
/// Buffers over 16 MiB are given back as soon as a picture needs less than a quarter of them.
///
/// ```
/// use tamis::media::{Decoder, sniff};
/// let bytes = b"\x89PNG\r\n\x1a\n and then nothing";
/// let mut decoder = Decoder::new();
/// let outcome = decoder.decode(bytes, &sniff(bytes), &tamis::Limits::default(), None);
/// assert!(outcome.is_err());
/// ```
#[derive(Default)]
pub struct Decoder {
    pub(super) stored: Vec<u8>,
    pub(super) shown: Vec<u8>,
}

impl std::fmt::Debug for Decoder {
    /// Sizes only: the pixels are somebody's upload.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("stored_bytes", &self.stored.capacity())
            .field("shown_bytes", &self.shown.capacity())
            .finish()
    }
}

/// A decoded picture. It borrows the decoder's buffers.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    stored: Raster<'a>,
    shown: Option<Raster<'a>>,
    orientation: u8,
    frames_decoded: u32,
}

impl<'a> Picture<'a> {
    /// The pixels in the order of the file.
    pub fn as_stored(&self) -> Raster<'a> {
        self.stored
    }

    /// The pixels turned as EXIF asks, or `None` if that is how they are stored.
    pub fn as_shown(&self) -> Option<Raster<'a>> {
        self.shown
    }

    /// Pixels per row, as stored.
    pub fn width(&self) -> usize {
        self.stored.width()
    }

    /// Number of rows, as stored.
    pub fn height(&self) -> usize {
        self.stored.height()
    }

    /// EXIF orientation, 1 to 8. 1, which is also what a missing or senseless value gives, means upright.
    pub fn orientation(&self) -> u8 {
        self.orientation
    }

    /// How many frames were decoded: for now always 1.
    pub fn frames_decoded(&self) -> u32 {
        self.frames_decoded
    }
}

/// What the decoder left in the buffers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) format: PixelFormat,
    pub(super) orientation: u8,
}

impl Decoder {
    /// A decoder with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes `bytes` as the format that [`sniff`](super::sniff) named.
    ///
    /// # Errors
    /// The reason why there are no pixels. Without the feature `decode` it is always
    /// [`Unscannable::Unsupported`]; so it is for TIFF without the feature `tiff`.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        media: &Media,
        limits: &Limits,
        deadline: Option<Instant>,
    ) -> Result<Picture<'_>, Unscannable> {
        // A limit of centuries means none.
        let own = Instant::now().checked_add(limits.time);
        let deadline = match (own, deadline) {
            (Some(own), Some(callers)) => Some(own.min(callers)),
            (own, callers) => own.or(callers),
        };
        if bytes.len() as u64 > limits.upload_bytes {
            return Err(Unscannable::Limit);
        }
        let shape = self.fill(bytes, media, limits, deadline)?;
        self.picture(shape)
    }

    #[cfg(feature = "decode")]
    fn fill(
        &mut self,
        bytes: &[u8],
        media: &Media,
        limits: &Limits,
        deadline: Option<Instant>,
    ) -> Result<Shape, Unscannable> {
        let outcome = contained(|| super::codec::decode(self, bytes, media, limits, deadline));
        if matches!(outcome, Err(Unscannable::DecoderPanic)) {
            *self = Self::new();
        }
        outcome
    }

    #[cfg(not(feature = "decode"))]
    fn fill(
        &mut self,
        _: &[u8],
        _: &Media,
        _: &Limits,
        _: Option<Instant>,
    ) -> Result<Shape, Unscannable> {
        Err(Unscannable::Unsupported)
    }

    fn picture(&self, shape: Shape) -> Result<Picture<'_>, Unscannable> {
        let Shape { width, height, format, orientation } = shape;
        let raster = |pixels, width, height| {
            // The buffers were made to this size; a mismatch would be a defect of this room.
            Raster::new(pixels, width, height, format).map_err(|_| Unscannable::Corrupt)
        };
        let stored = raster(&self.stored, width, height)?;
        let shown = match orientation {
            1 => None,
            2..=4 => Some(raster(&self.shown, width, height)?),
            _ => Some(raster(&self.shown, height, width)?),
        };
        Ok(Picture { stored, shown, orientation, frames_decoded: 1 })
    }
}

/// Runs a decoder; a panic in it is an answer.
#[cfg(feature = "decode")]
pub(super) fn contained<T>(
    decode: impl FnOnce() -> Result<T, Unscannable>,
) -> Result<T, Unscannable> {
    // What a panic leaves half done is the buffers, and the caller drops them.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode))
        .unwrap_or(Err(Unscannable::DecoderPanic))
}
