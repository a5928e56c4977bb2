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

use super::class::Unscannable;
use super::frame::{Decoded, Request, Sink};

/// Decodes uploads one after another, reusing its buffers: after the first few it does not grow.
///
/// Buffers over 16 MiB are given back as soon as a picture needs less than a quarter of them.
///
/// ```
/// use tamis::media::{Decoder, Keep, Request, sniff};
/// let bytes = b"\x89PNG\r\n\x1a\n and then nothing";
/// let limits = tamis::Limits::default();
/// let request = Request::still(bytes, sniff(bytes), &limits);
/// assert!(Decoder::new().decode(&request, &mut Keep::default()).is_err());
/// ```
#[derive(Default)]
pub struct Decoder {
    pub(super) pixels: Vec<u8>,
}

impl std::fmt::Debug for Decoder {
    /// Sizes only: the pixels are somebody's upload.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("bytes", &self.pixels.capacity()).finish()
    }
}

impl Decoder {
    /// A decoder with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes an upload as the format that [`sniff`](super::sniff) named, and hands its frames to `sink`.
    ///
    /// # Errors
    /// The reason why there are no pixels, or not all of a frame: what the sink was given of it is then no picture.
    /// Without the feature `decode` it is always [`Unscannable::Unsupported`]; so it is for TIFF without the feature
    /// `tiff`.
    pub fn decode(
        &mut self,
        request: &Request<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Decoded, Unscannable> {
        if request.bytes.len() as u64 > request.limits.upload_bytes {
            return Err(Unscannable::Limit);
        }
        self.contained(request, sink)
    }

    #[cfg(feature = "decode")]
    fn contained(
        &mut self,
        request: &Request<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Decoded, Unscannable> {
        let outcome = contained(|| super::codec::decode(self, request, sink));
        if matches!(outcome, Err(Unscannable::DecoderPanic)) {
            *self = Self::new();
        }
        outcome
    }

    #[cfg(not(feature = "decode"))]
    fn contained(&mut self, _: &Request<'_>, _: &mut dyn Sink) -> Result<Decoded, Unscannable> {
        Err(Unscannable::Unsupported)
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
