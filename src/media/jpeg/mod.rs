//! JPEG, by way of `zune-jpeg`: the luma alone where that is enough, colour where it is asked for.
//!
//! ```text
//! decode(job):
//!     survey the segments: size, sampling, scans, where the data ends -> limit, unsupported, truncated, corrupt, timeout
//!     grey                                     -> grey,  exact
//!     luma asked for, and the file is YCbCr    -> its Y, not exact
//!     anything else                            -> red, green, blue: exact; CMYK as inverted, as browsers take it
//!     decode into the reused buffer, reading against the deadline       -> timeout
//!     the decoder did not get all that it wanted                        -> the rest is grey, `cut_short`
//! ```
//!
//! Why not by way of `image`, which uses the same decoder: it copies the file, it cannot give luma, its reader cannot stop
//! at a deadline, and it does not tell a picture that is cut from one that is whole.
//!
//! The decoder hands out whole pictures only, so their pixels are held: a byte each for luma. From 0.5.16 on (release candidates at
//! the time of writing) it can hand out rows and be cancelled, which would bring a megabyte or two instead of 12 for 12
//! megapixels. A library that others embed cannot ask for a release candidate, since cargo will not have it beside a `^0.5` of
//! anybody else's.
//!
//! What a deadline does not reach: a progressive picture whose time runs out in its scans is still turned into
//! pixels, some nanoseconds each, before the decoder returns.
//!
//! # Against libjpeg-turbo, which browsers use
//!
//! | | here |
//! |---|---|
//! | luma with all columns, any subsampling of the others | the same luma, colours within 2 levels |
//! | luma with fewer columns than another component; factors of 3 | unsupported: put together wrongly, or not at all |
//! | baseline in several scans | the same if nothing is subsampled and there are no restarts; else unsupported |
//! | half the rows of colour, all columns (4:4:0) | decoded in colour at once: alone, its luma would be read twice over |
//! | 12 bits, arithmetic coding, lossless | unsupported; browsers show none of them either |
//! | a quantization table that changes between scans | unsupported, if a component uses it: browsers take each component's when its first scan begins |
//! | Huffman codes for differences of more than 11 bits | corrupt: what is added up would wrap there |
//! | coefficients that, times their quantizers, leave 16 bits | not noticed: they wrap there and not here |
//! | a height of 0, told after the scan | corrupt; browsers show nothing |
//! | a code that is none, in the middle | grey from there on, and said so; browsers go on at the next restart marker |
//! | a scan of several, not the last, that lacks data | not noticed without restart markers; both show something |
//! | JFIF, or Adobe's YCbCr, and components named `R`, `G`, `B`, in several scans | unsupported: the decoder would take them for red, green and blue, browsers for YCbCr |
//!
//! # What luma cannot see
//!
//! Luma and colours say the same but for colours that clip. Where red is at its end (pink, orange), luma can be raised while
//! chroma falls so that green and blue stay as they are: nobody sees it, and the hash of the luma is another one. So a picture can be
//! made to pass the first stage (the `crafted` ones of `tests/tolerance`). Who must not miss such ones asks for exact
//! hashes only: [`Scanner::with_exact_hashes`](crate::Scanner::with_exact_hashes).

mod markers;
mod stream;
mod survey;

use std::cell::Cell;
use std::time::Instant;

use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use self::markers::Markers;
use self::stream::{Reading, Stream, Tail};
use self::survey::Jpeg;
use super::class::Unscannable;
use super::frame::{Channels, Decoded, Frame, Sink};
use super::job::{Job, WHOLE, fill};
use super::raster::{PixelFormat, Raster};

/// What is missing of a picture: as browsers show it.
const GREY: u8 = 128;

/// Decodes a JPEG into `pixels` and hands it to the sink in one band.
pub(super) fn decode(
    job: &Job<'_>,
    pixels: &mut Vec<u8>,
    sink: &mut dyn Sink,
) -> Result<Decoded, Unscannable> {
    let found = survey::survey(job)?;
    let survey = job.admit(found.survey)?;
    let tail = tail(&found);
    let reading = Cell::new(Reading::default());
    let body = job.bytes().get(found.body.clone()).unwrap_or(&[]);
    let stream = Stream::new(job, &found.head, body, tail, &reading);
    let options = DecoderOptions::default()
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_max_scans(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(stream, options);
    let failed = |error: DecodeErrors| reason(job, &error);
    decoder.decode_headers().map_err(failed)?;
    let (width, height) = (survey.width as usize, survey.height as usize);
    // A decoder that saw another picture than the survey did would escape its bounds.
    if decoder.dimensions() != Some((width, height)) {
        return Err(Unscannable::Corrupt);
    }
    let ycbcr = found.components == 3 && decoder.input_colorspace() == Some(ColorSpace::YCbCr);
    let (space, format, exact) = match job.request.channels {
        _ if found.components == 1 => (ColorSpace::Luma, PixelFormat::Grey8, true),
        Channels::Luma if ycbcr && found.luma_alone => {
            (ColorSpace::Luma, PixelFormat::Grey8, false)
        }
        _ => (ColorSpace::RGB, PixelFormat::Rgb8, true),
    };
    let length = survey.area().saturating_mul(format.bytes_per_pixel() as u64);
    if !job.affords(&survey, survey.working.saturating_add(length)) {
        return Err(Unscannable::Limit);
    }

    // All of it: what a decoder that gives up leaves untouched must not be a piece of the upload before.
    fill(pixels, usize::try_from(length).map_err(|_| Unscannable::Limit)?, GREY)?;
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let outcome = decoder.decode_into(pixels);
    let gave_up = job.gave_up();
    // It takes the end of the time for the end of the file.
    if gave_up == Unscannable::Timeout {
        return Err(gave_up);
    }
    outcome.map_err(failed)?;
    let read = reading.get().is_whole(tail);
    if tail == Tail::Zeros && !read && gave_up == Unscannable::Corrupt {
        // It gave up in the middle and dropped everything.
        return Err(gave_up);
    }
    let whole = read && found.covered;
    let why = if read { Unscannable::Truncated } else { gave_up };

    let orientation = found.orientation;
    sink.begin(&Frame { index: 0, width, height, format, orientation, exact });
    let band = Raster::new(pixels, width, height, format);
    sink.rows(&band.map_err(|_| Unscannable::Corrupt)?);
    Ok(Decoded { cut_short: (!whole).then_some(why), ..WHOLE })
}

/// A part of a colour profile: its number, how many it says there are, its bytes.
pub(super) type ProfilePart<'a> = (u8, u8, &'a [u8]);

/// The parts of a JPEG's colour profile as they stand. More than 256 are not gathered.
///
/// # Errors
/// `Timeout`.
pub(super) fn profile(
    bytes: &[u8],
    deadline: Option<Instant>,
) -> Result<Vec<ProfilePart<'_>>, Unscannable> {
    let mut markers = Markers::new(bytes, deadline);
    let (mut at, mut parts) = (2, Vec::new());
    while let Some((marker, start)) = markers.next(at)? {
        at = start;
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            continue;
        }
        if matches!(marker, 0xd9 | 0xda) || parts.len() > 256 {
            break;
        }
        let Some(body) = markers.segment(start) else { break };
        at += 2 + body.len();
        if let (0xe2, Some([number, count, part @ ..])) =
            (marker, body.strip_prefix(b"ICC_PROFILE\0"))
        {
            parts.push((*number, *count, part));
        }
    }
    Ok(parts)
}

/// What must follow the data so that the decoder ends well if it was all there, and ends early if it was not.
fn tail(found: &Jpeg) -> Tail {
    match found {
        // It insists on a marker behind the first scan.
        Jpeg { progressive: true, scans: 1, .. } => Tail::End,
        // It drops everything if it gives up.
        Jpeg { progressive: false, .. } if found.survey.held_back => Tail::Zeros,
        _ => Tail::Ones,
    }
}

fn reason(job: &Job<'_>, error: &DecodeErrors) -> Unscannable {
    match (job.gave_up(), error) {
        (Unscannable::Timeout, _) => Unscannable::Timeout,
        (_, DecodeErrors::Unsupported(_)) => Unscannable::Unsupported,
        (otherwise, _) => otherwise,
    }
}
