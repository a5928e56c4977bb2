//! Pixels from an upload, under limits.
//!
//! ```text
//! decode(request, sink):
//!   more bytes than limits.upload_bytes                      -> limit
//!   no decoder for media.format                              -> unsupported
//!   survey the headers: size, scans, frames                  -> limit, truncated or corrupt, before any allocation
//!   pixels held + the decoder's own buffers + what handing over takes > limits.memory  -> limit
//!   open exactly that format's decoder (no guessing)
//!   decode, reading against the deadline                     -> timeout, truncated, corrupt
//!   8 bits, over the page (white, if nothing else is asked for), handed to the sink as rows come out
//! ```
//!
//! | format | held | a file that ends early, or breaks off |
//! |---|---|---|
//! | JPEG | the picture | see `jpeg`: what is missing is grey |
//! | PNG | some rows | rows from the top, the rest white |
//! | interlaced PNG | the picture | what is missing is taken from the coarser passes |
//! | GIF | a row | rows from the top, the rest white |
//! | interlaced GIF | the picture | rows that are missing repeat those above |
//! | lossy WebP | the picture, its planes, twice the file | rows from the top, the rest white |
//! | lossless WebP | the picture, 5 bytes a pixel | the same where it can be told, else an error |
//! | BMP | the picture | rows from the bottom, as they are stored; the rest white |
//! | TIFF | the picture, twice | an error |
//! | animations | canvas, what is saved of it, a WebP frame | frames up to there; the last as far as it goes, of a GIF or APNG |
//!
//! * What is called white here is the page. [`Decoded::transparent`] says whether it is seen anywhere.
//! * With one row or more, [`Decoded::cut_short`] says why it ended. Without a row, and when time runs out in the middle of
//!   a still picture, it is an error.
//! * Of an animation the first frame is handed over, and the last and some of the others that can be reached (see `sample`): pixels of all
//!   frames on the way count against `limits.pixels`. Frames are composed as browsers do. When time runs out behind
//!   the first frame, those handed over count, and `cut_short` says so. `limits.frames` of 0 refuses animations. Of an APNG
//!   whose plain picture is no frame, that picture is frame 0.
//!   An animation whose canvas is too large for the memory gives its first frame, if that is not.
//! * The decoder runs inside `catch_unwind`: a panic in it becomes [`Unscannable::DecoderPanic`] and the buffers are
//!   dropped. The host's panic hook runs first (by default it prints a line); this room does not touch it.
//!   A stack overflow or an allocation that fails inside a decoder cannot be caught in a process.
//! * The nearer of the limit on time, which grows with the pixels to be decoded, and the caller's deadline holds. It is looked
//!   at before the decoder starts, whenever it reads (at most 8 KiB apart) and between frames; a decoder that loops without
//!   reading cannot be interrupted in-process. A picture that was finished late is handed over: it has been examined.
//! * Colour profiles and gamma chunks are not applied. Where they make another picture of the numbers, see `colour`,
//!   `cut_short` says `colours`. Checksums are ignored. CMYK is taken as inverted, as browsers take it.

use super::class::Unscannable;
use super::frame::{Decoded, Request, Sink};
#[cfg(feature = "decode")]
use {
    super::class::MediaClass,
    super::format::Format,
    super::job::Job,
    super::source::Trace,
    super::{gif, jpeg, png, webp, whole},
    std::time::Instant,
};

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

    /// Gives back the buffers of large pictures: for those who go on with something else that takes memory.
    pub fn release(&mut self) {
        if self.pixels.capacity() > 1 << 20 {
            self.pixels = Vec::new();
        }
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
        self.decode_contained(request, sink)
    }

    #[cfg(feature = "decode")]
    fn decode_contained(
        &mut self,
        request: &Request<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Decoded, Unscannable> {
        let outcome = contained(|| {
            let unusual = super::colour::is_unusual(request)?;
            let mut decoded = by_format(&mut self.pixels, request, sink)?;
            if unusual {
                decoded.cut_short.get_or_insert(Unscannable::Colours);
            }
            Ok(decoded)
        });
        if matches!(outcome, Err(Unscannable::DecoderPanic)) {
            *self = Self::new();
        }
        outcome
    }

    #[cfg(not(feature = "decode"))]
    fn decode_contained(
        &mut self,
        _: &Request<'_>,
        _: &mut dyn Sink,
    ) -> Result<Decoded, Unscannable> {
        Err(Unscannable::Unsupported)
    }
}

/// Which decoder takes which format.
#[cfg(feature = "decode")]
fn by_format(
    pixels: &mut Vec<u8>,
    request: &Request<'_>,
    sink: &mut dyn Sink,
) -> Result<Decoded, Unscannable> {
    if request.media.class == MediaClass::Animation && request.limits.frames == 0 {
        return Err(Unscannable::Limit);
    }
    if request.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
        return Err(Unscannable::Timeout);
    }
    let trace = Trace::default();
    let job = Job::new(request, &trace);
    match request.media.format {
        Format::Jpeg => jpeg::decode(&job, pixels, sink),
        Format::Png => png::decode(&job, pixels, sink),
        Format::Gif => gif::decode(&job, pixels, sink),
        Format::WebP => webp::decode(&job, pixels, sink),
        Format::Bmp => whole::bmp(&job, pixels, sink),
        #[cfg(feature = "tiff")]
        Format::Tiff => whole::tiff(&job, pixels, sink),
        _ => Err(Unscannable::Unsupported),
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
