//! WebP: each picture decoded whole, an animation's on a canvas.
//!
//! Every picture, still or frame, is shown to the decoder as a file of its own behind a header made here: its own
//! animations forget to clear, and of a lossless picture without alpha it would hold two copies.
//!
//! A still that is cut off is decoded twice, as if zeros followed and as if something else did. The rows that come out the same
//! are those that the file holds.

use image_webp::{DecodingError, WebPDecoder};

use super::canvas::{Area, Canvas};
use super::class::Unscannable;
use super::frame::{Decoded, Frame, Sink};
use super::job::{Job, WHOLE, resize};
use super::pixels::Layout;
use super::raster::PixelFormat;
use super::rows::Rows;
use super::sample::Sample;
use super::survey::{self, Survey, WebP, WebPFrame, WebPPicture};

pub(super) fn decode(
    job: &Job<'_>,
    pixels: &mut Vec<u8>,
    sink: &mut dyn Sink,
) -> Result<Decoded, Unscannable> {
    let found = survey::webp(job.bytes())?;
    let survey = job.admit(found.survey)?;
    let (width, height) = (survey.width as usize, survey.height as usize);
    let (format, orientation) = (PixelFormat::Rgb8, found.orientation);
    let frame = Frame { index: 0, width, height, format, orientation, exact: true };
    let film = Film { job, survey, frame };
    match &found.still {
        Some(still) => film.still(still, pixels, sink),
        None => film.animate(&found, pixels, sink),
    }
}

/// One decode of a file.
struct Film<'a, 'b> {
    job: &'a Job<'b>,
    survey: Survey,
    frame: Frame,
}

/// What stands for missing bytes.
#[derive(Clone, Copy)]
enum Padding {
    Zeros,
    Other,
}

impl Film<'_, '_> {
    fn still(
        &self,
        still: &WebPPicture,
        pixels: &mut Vec<u8>,
        sink: &mut dyn Sink,
    ) -> Result<Decoded, Unscannable> {
        let (width, height) = (self.survey.width, self.survey.height);
        if (still.width, still.height) != (width, height) {
            return Err(Unscannable::Corrupt);
        }
        let whole = still.range.end <= self.job.bytes().len();
        // A second picture, and two copies of the bytes that are made up.
        let twice = if whole { 0 } else { 5 * self.survey.area() };
        let layout = self.picture(still, pixels, 0, twice, Padding::Zeros)?;
        let row = self.frame.width * layout.bytes();
        let mut rows = self.frame.height;
        if !whole {
            let mut other = Vec::new();
            self.picture(still, &mut other, 0, twice, Padding::Other)?;
            let same = pixels.chunks(row).zip(other.chunks(row)).take_while(|(a, b)| a == b);
            rows = same.count();
            if rows == 0 {
                return Err(Unscannable::Truncated);
            }
        }
        let held = pixels.get(..rows * row).unwrap_or(pixels);
        let area = Area { left: 0, top: 0, width: self.frame.width, height: self.frame.height };
        let transparent = self.hand_over(held, layout, area, sink);
        let cut_short = (!whole).then_some(Unscannable::Truncated);
        Ok(Decoded { transparent, cut_short, ..WHOLE })
    }

    /// Hands over a picture that lies in `area` of the frame, row by row. Whether the page is seen.
    fn hand_over(&self, pixels: &[u8], layout: Layout, area: Area, sink: &mut dyn Sink) -> bool {
        let page = self.job.page();
        let mut rows = Rows::new(sink, self.frame, page);
        let bare = vec![page.level(); self.frame.row_bytes()];
        let mut out = bare.clone();
        for _ in 0..area.top {
            rows.push(&bare);
        }
        for row in pixels.chunks_exact(area.width * layout.bytes()) {
            if let Some(out) = out.get_mut(3 * area.left..) {
                layout.over_page(row, out, page.level());
            }
            rows.push(&out);
        }
        rows.fill();
        !(area.covers(&self.frame) && layout.is_opaque(pixels))
    }

    /// Decodes a picture into `out`, where `held` bytes are in use besides.
    fn picture(
        &self,
        picture: &WebPPicture,
        out: &mut Vec<u8>,
        held: u64,
        twice: u64,
        padding: Padding,
    ) -> Result<Layout, Unscannable> {
        if !self
            .job
            .affords(&self.survey, picture.working().saturating_add(held).saturating_add(twice))
        {
            return Err(Unscannable::Limit);
        }
        let file = self.job.bytes();
        // More than the bits of any usual picture.
        let more = if picture.range.end > file.len() { self.survey.area() / 2 } else { 0 };
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let (head, start) = picture.head(file, more);
        let length = picture.length(head.len(), start, more);
        let part = start..picture.range.end.min(file.len());
        let source = self.job.source(file.get(part).unwrap_or_default()).behind(head);
        let source = source.padded(matches!(padding, Padding::Other), length);
        let mut decoder = WebPDecoder::new(source).map_err(|e| self.reason(&e))?;
        // A decoder that sees another picture than the survey did would escape its bounds.
        let bytes = decoder.output_buffer_size().ok_or(Unscannable::Limit)?;
        if decoder.dimensions() != (picture.width, picture.height) {
            return Err(Unscannable::Corrupt);
        }
        resize(out, bytes)?;
        decoder.read_image(out).map_err(|e| self.reason(&e))?;
        Ok(match (decoder.has_alpha(), picture.alpha) {
            (false, _) => Layout::Rgb8,
            (true, false) => Layout::Rgbx8,
            (true, true) => Layout::Rgba8,
        })
    }

    fn reason(&self, error: &DecodingError) -> Unscannable {
        match (self.job.gave_up(), error) {
            (Unscannable::Timeout, _) => Unscannable::Timeout,
            (_, DecodingError::UnsupportedFeature(_)) => Unscannable::Unsupported,
            (_, DecodingError::MemoryLimitExceeded | DecodingError::ImageTooLarge) => {
                Unscannable::Limit
            }
            (otherwise, _) => otherwise,
        }
    }

    /// Draws one frame after the other and hands over those of the sample.
    fn animate(
        &self,
        found: &WebP,
        pixels: &mut Vec<u8>,
        sink: &mut dyn Sink,
    ) -> Result<Decoded, Unscannable> {
        let (job, canvas) = (self.job, self.survey.area());
        let frames = || survey::webp_frames(job.bytes(), found.frames.clone());
        let mut sample =
            Sample::of(job.request, canvas, || found.endless, frames().map(|frame| frame.shown()));
        let held = Canvas::bytes(canvas, PixelFormat::Rgb8);
        if sample.wanted() > 1 && !job.affords(&self.survey, held) {
            sample = sample.first_only();
        }
        if sample.wanted() == 1 {
            let first = frames().next().ok_or(Unscannable::Truncated)?;
            let (area, picture) = self.placed(&first)?;
            let layout = self.picture(&picture, pixels, 0, 0, Padding::Zeros)?;
            let transparent = self.hand_over(pixels, layout, area, sink);
            let cut_short = unannounced(found, layout, pixels);
            return Ok(sample.of_the_file(Decoded { transparent, cut_short, ..WHOLE }));
        }
        job.allow(sample.work().max(canvas));
        let mut canvas = Canvas::new(pixels, self.frame, job.page())?;
        let mut out = Vec::new();
        let mut decoded = Decoded { frames: 0, ..WHOLE };
        let mut odd = None;
        for (index, frame) in (0..sample.decoded()).zip(frames()) {
            let drawn = job.in_time().and_then(|()| {
                let (area, picture) = self.placed(&frame)?;
                let layout = self.picture(&picture, &mut out, held, 0, Padding::Zeros)?;
                odd = odd.or_else(|| unannounced(found, layout, &out));
                canvas.next(area, frame.disposal);
                let (row, page) = (area.width * layout.bytes(), job.page().level());
                for (y, row) in out.chunks_exact(row).enumerate() {
                    if frame.blend {
                        layout.over(row, canvas.row(area, y));
                    } else {
                        layout.over_page(row, canvas.row(area, y), page);
                    }
                }
                canvas.drawn(area, layout.is_opaque(&out), frame.blend);
                Ok(())
            });
            if let Err(reason) = drawn {
                (decoded.all_frames, decoded.cut_short) = (false, Some(reason));
                break;
            }
            if sample.has(index) {
                canvas.show(sink, index);
                decoded.frames += 1;
            }
        }
        decoded.transparent = canvas.was_bare();
        decoded.cut_short = decoded.cut_short.or(odd);
        match (decoded.frames, decoded.cut_short) {
            (0, reason) => Err(reason.unwrap_or(Unscannable::Truncated)),
            _ => Ok(sample.of_the_file(decoded)),
        }
    }

    /// Where a frame lies, and its picture, if it is all there and where it says.
    fn placed(&self, frame: &WebPFrame) -> Result<(Area, WebPPicture), Unscannable> {
        let picture = frame.picture(self.job.bytes())?;
        let side = |n: u32| n as usize;
        let area = Area {
            left: side(frame.left),
            top: side(frame.top),
            width: side(frame.width),
            height: side(frame.height),
        };
        let within = area.left + area.width <= self.frame.width
            && area.top + area.height <= self.frame.height;
        if !within || (picture.width, picture.height) != (frame.width, frame.height) {
            return Err(Unscannable::Corrupt);
        }
        Ok((area, picture))
    }
}

/// Why a frame is not shown everywhere as it was drawn: it has alpha, and the file's header says that there is none. Some viewers go
/// by the one, some by the other.
fn unannounced(found: &WebP, layout: Layout, pixels: &[u8]) -> Option<Unscannable> {
    let odd = !found.transparent && !layout.is_opaque(pixels);
    odd.then_some(Unscannable::Corrupt)
}
