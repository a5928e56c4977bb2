//! The decoders of the `image` crate, one per format, behind one function.

use std::cell::Cell;
use std::time::Instant;

use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{AnimationDecoder, ColorType, ImageDecoder, ImageError};

use super::class::{MediaClass, Unscannable};
use super::decode::{Decoder, Shape};
use super::format::Format;
use super::frame::{Decoded, Frame, Request, Sink};
use super::pixels::{compact, float_over_white, from_float, narrow, narrow_over_white, over_white};
use super::raster::{PixelFormat, Raster};
use super::source::{Source, Trace};
use super::survey::{self, Survey};
use crate::limits::Limits;

/// A buffer this large is given back when it is far larger than needed.
const KEEP: usize = 16 << 20;

/// One decode: what it may cost, and what its source saw.
struct Job<'a> {
    bytes: &'a [u8],
    limits: &'a Limits,
    request: &'a Request<'a>,
    deadline: Cell<Option<Instant>>,
    trace: &'a Trace,
}

/// Decodes the first frame and hands it to the sink.
pub(super) fn decode(
    buffers: &mut Decoder,
    request: &Request<'_>,
    sink: &mut dyn Sink,
) -> Result<Decoded, Unscannable> {
    if request.media.format == Format::Jpeg {
        return super::jpeg::decode(&mut buffers.pixels, request, sink);
    }
    let shape = fill(buffers, request)?;
    let Shape { width, height, format, orientation } = shape;
    sink.begin(&Frame { index: 0, width, height, format, orientation, exact: true });
    // The buffer was made to this size; a mismatch would be a defect of this room.
    let band = Raster::new(&buffers.pixels, width, height, format);
    sink.rows(&band.map_err(|_| Unscannable::Corrupt)?);
    let all_frames = request.media.class != MediaClass::Animation;
    Ok(Decoded { frames: 1, all_frames, cut_short: None })
}

fn fill(buffers: &mut Decoder, request: &Request<'_>) -> Result<Shape, Unscannable> {
    let Request { bytes, media, limits, deadline: callers, .. } = *request;
    let trace = Trace::default();
    let deadline = Cell::new(callers);
    let job = Job { bytes, limits, request, deadline, trace: &trace };
    if media.class == MediaClass::Animation && limits.frames == 0 {
        return Err(Unscannable::Limit);
    }
    if callers.is_some_and(|deadline| Instant::now() >= deadline) {
        return Err(Unscannable::Timeout);
    }
    match media.format {
        Format::Png => {
            let png = survey::png(bytes)?;
            let survey = job.survey(|_| Ok(png.survey))?;
            let pixels = png.pixel_bytes.saturating_mul(survey.area());
            if png.hidden {
                job.run_hidden_png(buffers, survey, pixels)
            } else {
                let left = limits.memory.checked_sub(pixels).ok_or(Unscannable::Limit)?;
                job.run(buffers, job.png(left)?, survey)
            }
        }
        Format::Gif => {
            let survey = job.survey(survey::gif)?;
            // The survey has grown the screen; the decoder is shown the same.
            let mut head = [0; 10];
            head.copy_from_slice(bytes.get(..10).ok_or(Unscannable::Truncated)?);
            head[6..8].copy_from_slice(&(survey.width as u16).to_le_bytes());
            head[8..10].copy_from_slice(&(survey.height as u16).to_le_bytes());
            let decoder = GifDecoder::new(job.source(bytes.len()).with_head(head));
            job.run(buffers, decoder.map_err(|e| job.reason(&e))?, survey)
        }
        Format::WebP => {
            let survey = job.survey(survey::webp)?;
            let decoder = WebPDecoder::new(job.source(survey.length));
            let mut decoder = decoder.map_err(|e| job.reason(&e))?;
            // What no frame covers is white, also where the file has no alpha. A still has no background to set.
            if decoder.has_animation() {
                decoder.set_background_color(image::Rgba([255; 4])).map_err(|e| job.reason(&e))?;
            }
            job.run(buffers, decoder, survey)
        }
        Format::Bmp => {
            let decoder = BmpDecoder::new(job.source(bytes.len())).map_err(|e| job.reason(&e))?;
            let survey = job.header_only(&decoder)?;
            job.run(buffers, decoder, survey)
        }
        #[cfg(feature = "tiff")]
        Format::Tiff => {
            let decoder = image::codecs::tiff::TiffDecoder::new(job.source(bytes.len()));
            let decoder = decoder.map_err(|e| job.reason(&e))?;
            let mut survey = job.header_only(&decoder)?;
            // It decodes into a buffer of its own and copies.
            survey.working = decoder.total_bytes();
            job.run(buffers, decoder, survey)
        }
        _ => Err(Unscannable::Unsupported),
    }
}

impl Job<'_> {
    fn source(&self, length: usize) -> Source<'_> {
        Source::new(self.bytes.get(..length).unwrap_or(self.bytes), self.deadline.get(), self.trace)
    }

    /// Walks the file, and refuses what is too large before a decoder sees it.
    fn survey(
        &self,
        walk: impl Fn(&[u8]) -> Result<Survey, Unscannable>,
    ) -> Result<Survey, Unscannable> {
        self.within_limits(walk(self.bytes)?)
    }

    /// For decoders that read no more than a header at first and bound the rest themselves.
    fn header_only(&self, decoder: &impl ImageDecoder) -> Result<Survey, Unscannable> {
        let (width, height) = decoder.dimensions();
        let work = u64::from(width) * u64::from(height);
        self.within_limits(Survey { width, height, working: 0, work, length: self.bytes.len() })
    }

    fn within_limits(&self, survey: Survey) -> Result<Survey, Unscannable> {
        let Limits { width, height, pixels, .. } = *self.limits;
        if survey.width == 0 || survey.height == 0 {
            return Err(Unscannable::Corrupt);
        }
        let area = survey.area();
        if survey.width > width || survey.height > height || area > pixels {
            return Err(Unscannable::Limit);
        }
        self.deadline.set(self.request.until(area));
        Ok(survey)
    }

    /// The limits as `image` knows them, with what the pixels leave of the memory.
    fn image_limits(&self, memory: u64) -> image::Limits {
        let mut limits = image::Limits::default();
        limits.max_image_width = Some(self.limits.width);
        limits.max_image_height = Some(self.limits.height);
        limits.max_alloc = Some(memory);
        limits
    }

    /// A PNG decoder. Only at its making can it be told to bound the profiles and texts that it inflates.
    fn png(&self, memory: u64) -> Result<PngDecoder<Source<'_>>, Unscannable> {
        PngDecoder::with_limits(self.source(self.bytes.len()), self.image_limits(memory))
            .map_err(|e| self.reason(&e))
    }

    /// The first frame of an APNG whose plain picture, of `pixels` bytes, is not part of the animation.
    fn run_hidden_png(
        &self,
        buffers: &mut Decoder,
        survey: Survey,
        pixels: u64,
    ) -> Result<Shape, Unscannable> {
        let needs = survey.working.saturating_add(pixels);
        let left = self.limits.memory.checked_sub(needs).ok_or(Unscannable::Limit)?;
        let mut decoder = self.png(left)?;
        decoder.set_limits(self.image_limits(needs)).map_err(|e| self.reason(&e))?;
        let size = decoder.dimensions();
        let orientation = decoder.orientation().map_or(1, |o| o.to_exif());
        let animation = decoder.apng().map_err(|e| self.reason(&e))?;
        let frame = animation.into_frames().next().ok_or(Unscannable::Truncated)?;
        let frame = frame.map_err(|e| self.reason(&e))?.into_buffer();
        if size != (survey.width, survey.height) || frame.dimensions() != size {
            return Err(Unscannable::Corrupt);
        }
        buffers.pixels = frame.into_raw();
        self.finish(buffers, survey, ColorType::Rgba8, orientation)
    }

    /// Decodes into the reused buffer.
    fn run(
        &self,
        buffers: &mut Decoder,
        mut decoder: impl ImageDecoder,
        survey: Survey,
    ) -> Result<Shape, Unscannable> {
        // A decoder that sees another picture than the survey did would escape its bounds.
        if decoder.dimensions() != (survey.width, survey.height) {
            return Err(Unscannable::Corrupt);
        }
        let color = decoder.color_type();
        let orientation = decoder.orientation().map_or(1, |o| o.to_exif());
        let raw = decoder.total_bytes();
        if raw.saturating_add(survey.working) > self.limits.memory {
            return Err(Unscannable::Limit);
        }
        let left = self.limits.memory - raw;
        decoder.set_limits(self.image_limits(left)).map_err(|e| self.reason(&e))?;
        let raw = usize::try_from(raw).map_err(|_| Unscannable::Limit)?;
        // Zeroed, since decoders may leave pixels untouched (a GIF's palette index without a colour): those of the
        // upload before must not show through.
        resize(&mut buffers.pixels, raw, 0)?;
        decoder.read_image(&mut buffers.pixels).map_err(|e| self.reason(&e))?;
        self.finish(buffers, survey, color, orientation)
    }

    /// Converts what was decoded.
    fn finish(
        &self,
        buffers: &mut Decoder,
        survey: Survey,
        color: ColorType,
        orientation: u8,
    ) -> Result<Shape, Unscannable> {
        let format = flatten(&mut buffers.pixels, color)?;
        let (width, height) = (survey.width as usize, survey.height as usize);
        Ok(Shape { width, height, format, orientation })
    }

    /// Why a decoder gave up. Its source knows better than its words whether the file or the time ran out.
    fn reason(&self, error: &ImageError) -> Unscannable {
        if self.trace.late.get() {
            return Unscannable::Timeout;
        }
        match error {
            ImageError::Unsupported(_) => Unscannable::Unsupported,
            ImageError::Limits(_) => Unscannable::Limit,
            _ if self.trace.ran_out.get() => Unscannable::Truncated,
            _ => Unscannable::Corrupt,
        }
    }
}

/// Makes a buffer `length` times `value` long without ever growing past it, and gives back what is far too much.
pub(super) fn resize(buffer: &mut Vec<u8>, length: usize, value: u8) -> Result<(), Unscannable> {
    buffer.clear();
    if buffer.capacity() > KEEP && buffer.capacity() / 4 > length {
        *buffer = Vec::new();
    }
    buffer.try_reserve_exact(length).map_err(|_| Unscannable::Limit)?;
    buffer.resize(length, value);
    Ok(())
}

/// Brings any colour type to 8 bits over white, in place.
fn flatten(pixels: &mut Vec<u8>, color: ColorType) -> Result<PixelFormat, Unscannable> {
    match color {
        ColorType::L8 | ColorType::Rgb8 => {}
        ColorType::La8 => compact(pixels, |[l, a]| [over_white(l, a)]),
        ColorType::Rgba8 => compact(pixels, |[r, g, b, a]| [r, g, b].map(|c| over_white(c, a))),
        ColorType::L16 => compact(pixels, |p: [u8; 2]| [narrow(word(p, 0))]),
        ColorType::La16 => {
            compact(pixels, |p: [u8; 4]| [narrow_over_white(word(p, 0), word(p, 1))])
        }
        ColorType::Rgb16 => compact(pixels, |p: [u8; 6]| [0, 1, 2].map(|i| narrow(word(p, i)))),
        ColorType::Rgba16 => {
            compact(pixels, |p: [u8; 8]| {
                [0, 1, 2].map(|i| narrow_over_white(word(p, i), word(p, 3)))
            });
        }
        ColorType::Rgb32F => {
            compact(pixels, |p: [u8; 12]| [0, 1, 2].map(|i| from_float(float(p, i))))
        }
        ColorType::Rgba32F => {
            compact(pixels, |p: [u8; 16]| {
                [0, 1, 2].map(|i| float_over_white(float(p, i), float(p, 3)))
            });
        }
        _ => return Err(Unscannable::Unsupported),
    }
    Ok(if color.has_color() { PixelFormat::Rgb8 } else { PixelFormat::Grey8 })
}

/// Channel `i` of 16 bits, in the machine's order as the decoders leave it.
fn word<const N: usize>(pixel: [u8; N], i: usize) -> u16 {
    u16::from_ne_bytes([pixel[2 * i], pixel[2 * i + 1]])
}

/// Channel `i` of 32 bits.
fn float<const N: usize>(pixel: [u8; N], i: usize) -> f32 {
    f32::from_ne_bytes([pixel[4 * i], pixel[4 * i + 1], pixel[4 * i + 2], pixel[4 * i + 3]])
}
