//! PNG and APNG: rows as they are inflated; an animation's frames on a canvas.
//!
//! ```text
//! open(without what is no picture):                texts, profiles and unknown chunks are not even shown to the decoder
//!   one frame, rows from the top                -> each row over the page, handed over
//!   one frame, interlaced                       -> the whole picture in memory, then handed over
//!   several frames                              -> each drawn on the canvas; those of the sample handed over
//! ```
//!
//! A plain picture that is no frame of the animation is what viewers show that know no animations: it is handed over as
//! frame 0, and the animation's frames are numbered from 1.
//!
//! A tRNS chunk of a length that does not fit is passed over, as libpng does, whatever the decoder would make of it.
//!
//! Checksums are not compared: a browser shows a picture with a wrong one. Damage shows when it breaks the inflating.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use png::{BitDepth, BlendOp, ColorType, DecodingError, DisposeOp, Transformations};

use super::canvas::{Area, Canvas, Disposal};
use super::class::Unscannable;
use super::frame::{Decoded, Frame, Sink};
use super::job::{Job, WHOLE, cut_short, give_back};
use super::pixels::Layout;
use super::rows::Rows;
use super::sample::{Sample, Shown};
use super::source::Source;
use super::survey;
use super::walk::{be16, png_chunks};

/// For each pass: first column and row, and the distance to the next.
const ADAM7: [(usize, usize, usize, usize); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

type Reader<'a> = png::Reader<Essential<'a>>;

pub(super) fn decode(
    job: &Job<'_>,
    pixels: &mut Vec<u8>,
    sink: &mut dyn Sink,
) -> Result<Decoded, Unscannable> {
    let header = survey::png(job)?;
    let survey = job.admit(header.survey)?;
    // Viewers show the plain picture of an animation that makes no sense.
    let reader = match open(job, header.animated) {
        Err(Unscannable::Corrupt) if header.animated => open(job, false),
        reader => reader,
    }?;
    if reader.info().size() != (survey.width, survey.height) {
        return Err(Unscannable::Corrupt);
    }
    let layout = layout(&reader)?;
    let (width, height) = (survey.width as usize, survey.height as usize);
    let (format, orientation) = (layout.format(), header.orientation);
    let frame = Frame { index: 0, width, height, format, orientation, exact: true };
    let canvas = header.survey.working + Canvas::bytes(survey.area(), format);

    let mut sample = Sample::still();
    if let Some(control) = reader.info().animation_control() {
        let counted = usize::try_from(control.num_frames).unwrap_or(usize::MAX);
        let hidden = reader.info().frame_control().is_none();
        let plain = hidden.then(|| Shown::new(survey.area(), 0));
        let frames = plain.into_iter().chain(frames(job).take(counted));
        let endless = || control.num_plays == 0;
        sample = Sample::of(job.request, survey.area(), endless, frames);
        if survey::png_frames(job).nth(counted).is_some() {
            sample = sample.of_more();
        }
        job.in_time()?;
    }
    if sample.wanted() > 1 && !job.affords(&survey, canvas) {
        sample = sample.first_only();
    }
    if sample.wanted() > 1 {
        job.allow(sample.work().max(survey.area()));
        let mut canvas = Canvas::new(pixels, frame, job.page())?;
        return Picture { job, reader, layout, opaque: true }.animate(&mut canvas, sample, sink);
    }
    let area = area(&reader);
    let mut picture = Picture { job, reader, layout, opaque: true };
    let mut rows = Rows::new(sink, frame, job.page());
    let drawn = if header.interlaced {
        if !job.affords(&survey, survey.working + Canvas::bare_bytes(survey.area(), format)) {
            return Err(Unscannable::Limit);
        }
        let mut canvas = Canvas::new(pixels, frame, job.page())?;
        let drawn = picture.draw_interlaced(&mut canvas, area, false);
        if drawn.rows > 0 {
            drawn.refine(&mut canvas, area);
            rows.push(canvas.pixels());
        }
        drawn
    } else {
        give_back(pixels, 0);
        picture.hand_over(&mut rows, frame, area)
    };
    rows.fill();
    let transparent = !(area.covers(&frame) && picture.opaque);
    let decoded = cut_short(drawn.stopped, drawn.rows > 0)?;
    Ok(sample.of_the_file(Decoded { transparent, ..decoded }))
}

/// The frames that control chunks announce.
fn frames<'a>(job: &'a Job<'_>) -> impl Iterator<Item = Shown> + 'a {
    let bytes = job.bytes();
    let times = png_chunks(bytes).filter(|chunk| &chunk.kind == b"fcTL").map(|chunk| {
        let part = |at| be16(bytes, chunk.body.start + at).unwrap_or(0);
        // A fraction of a second. Without a denominator it is hundredths.
        let (numerator, denominator) = (part(20), part(22));
        1000 * numerator / if denominator == 0 { 100 } else { denominator }
    });
    survey::png_frames(job).zip(times).map(|(area, time)| Shown::new(area, time))
}

/// A decoder that has read all chunks before the first pixels.
fn open<'a>(job: &'a Job<'_>, animated: bool) -> Result<Reader<'a>, Unscannable> {
    let source = job.source(job.bytes());
    // Its limit counts what every frame takes and never what it gives back. The chunks that reach it are all short.
    let limits = png::Limits { bytes: usize::MAX };
    let source = Essential { source, left: 8, animated, header: [0; 2], colours: 0 };
    let mut decoder = png::Decoder::new_with_limits(source, limits);
    decoder.ignore_checksums(true);
    decoder.set_transformations(Transformations::EXPAND);
    decoder.read_info().map_err(|e| reason(job, &e))
}

fn reason(job: &Job<'_>, error: &DecodingError) -> Unscannable {
    match (job.gave_up(), error) {
        (Unscannable::Timeout, _) => Unscannable::Timeout,
        (_, DecodingError::LimitsExceeded) => Unscannable::Limit,
        (otherwise, _) => otherwise,
    }
}

fn layout(reader: &Reader<'_>) -> Result<Layout, Unscannable> {
    Ok(match reader.output_color_type() {
        (ColorType::Grayscale, BitDepth::Eight) => Layout::L8,
        (ColorType::Grayscale, BitDepth::Sixteen) => Layout::L16,
        (ColorType::GrayscaleAlpha, BitDepth::Eight) => Layout::La8,
        (ColorType::GrayscaleAlpha, BitDepth::Sixteen) => Layout::La16,
        (ColorType::Rgb, BitDepth::Eight) => Layout::Rgb8,
        (ColorType::Rgb, BitDepth::Sixteen) => Layout::Rgb16,
        (ColorType::Rgba, BitDepth::Eight) => Layout::Rgba8,
        (ColorType::Rgba, BitDepth::Sixteen) => Layout::Rgba16,
        _ => return Err(Unscannable::Unsupported),
    })
}

/// Where the frame that comes next lies. The decoder has checked that it lies within the picture.
fn area(reader: &Reader<'_>) -> Area {
    let info = reader.info();
    let size = |n: u32| n as usize;
    match info.frame_control() {
        Some(c) => Area {
            left: size(c.x_offset),
            top: size(c.y_offset),
            width: size(c.width),
            height: size(c.height),
        },
        None => Area { width: size(info.width), height: size(info.height), ..Area::default() },
    }
}

/// A decoder that stands before the pixels of a frame.
struct Picture<'a, 'b> {
    job: &'a Job<'b>,
    reader: Reader<'a>,
    layout: Layout,
    /// Whether nothing is seen through the rows of the frame so far.
    opaque: bool,
}

/// How much of a frame was drawn.
struct Drawn {
    rows: usize,
    stopped: Option<Unscannable>,
}

impl Picture<'_, '_> {
    /// The next row of the frame, of `width` pixels, into the beginning of `raw`.
    fn row(&mut self, raw: &mut [u8], width: usize) -> Result<(), Unscannable> {
        match self.reader.read_row(raw) {
            Ok(Some(_)) => {
                let row = raw.get(..width * self.layout.bytes()).unwrap_or(raw);
                self.opaque = self.opaque && self.layout.is_opaque(row);
                Ok(())
            }
            Ok(None) => Err(Unscannable::Corrupt),
            Err(error) => Err(reason(self.job, &error)),
        }
    }

    /// A buffer for the longest row.
    fn buffer(&self, width: usize) -> Vec<u8> {
        vec![0; width * self.layout.bytes()]
    }

    /// Hands the only frame over row by row.
    fn hand_over(&mut self, rows: &mut Rows<'_>, frame: Frame, area: Area) -> Drawn {
        let mut raw = self.buffer(frame.width);
        let page = self.job.page().level();
        let bare = vec![page; frame.row_bytes()];
        let mut out = bare.clone();
        let plain = matches!(self.layout, Layout::L8 | Layout::Rgb8) && area.width == frame.width;
        let start = area.left * frame.format.bytes_per_pixel();
        for y in 0..frame.height {
            if y < area.top || y >= area.top + area.height {
                rows.push(&bare);
                continue;
            }
            if let Err(reason) = self.row(&mut raw, area.width) {
                return Drawn { rows: y - area.top, stopped: Some(reason) };
            }
            if plain {
                rows.push(&raw);
            } else {
                let end = start + area.width * frame.format.bytes_per_pixel();
                if let Some(out) = out.get_mut(start..end) {
                    self.layout.over_page(&raw, out, page);
                }
                rows.push(&out);
            }
        }
        Drawn { rows: area.height, stopped: None }
    }

    fn draw(&mut self, canvas: &mut Canvas<'_>, area: Area, over: bool) -> Drawn {
        if self.reader.info().interlaced {
            return self.draw_interlaced(canvas, area, over);
        }
        let mut raw = self.buffer(area.width);
        for y in 0..area.height {
            if let Err(reason) = self.row(&mut raw, area.width) {
                return Drawn { rows: y, stopped: Some(reason) };
            }
            self.lay(&raw, canvas.row(area, y), over);
        }
        canvas.drawn(area, self.opaque, over);
        Drawn { rows: area.height, stopped: None }
    }

    /// Draws each row of each pass where it belongs.
    fn draw_interlaced(&mut self, canvas: &mut Canvas<'_>, area: Area, over: bool) -> Drawn {
        let (mut raw, step) = (self.buffer(area.width), self.layout.bytes());
        let bytes = self.layout.format().bytes_per_pixel();
        let mut rows = 0;
        for (left, top, dx, dy) in ADAM7 {
            if left >= area.width {
                continue;
            }
            for y in (top..area.height).step_by(dy) {
                if let Err(reason) = self.row(&mut raw, (area.width - left).div_ceil(dx)) {
                    return Drawn { rows, stopped: Some(reason) };
                }
                rows += 1;
                let row = canvas.row(area, y);
                if dx == 1 {
                    self.lay(&raw, row, over);
                    continue;
                }
                let places = row.chunks_mut(bytes).skip(left).step_by(dx);
                for (pixel, place) in raw.chunks_exact(step).zip(places) {
                    self.lay(pixel, place, over);
                }
            }
        }
        canvas.drawn(area, self.opaque, over);
        Drawn { rows, stopped: None }
    }

    /// Puts pixels over those that are there, or in their place.
    fn lay(&self, row: &[u8], out: &mut [u8], over: bool) {
        if over {
            self.layout.over(row, out);
        } else {
            self.layout.over_page(row, out, self.job.page().level());
        }
    }

    /// Draws one frame after the other and hands over those of the sample.
    fn animate(
        mut self,
        canvas: &mut Canvas<'_>,
        sample: Sample,
        sink: &mut dyn Sink,
    ) -> Result<Decoded, Unscannable> {
        let mut decoded = Decoded { frames: 0, ..WHOLE };
        for index in 0..sample.decoded() {
            if index > 0
                && let Err(error) = self.reader.next_frame_info()
            {
                return ended(decoded, reason(self.job, &error));
            }
            let info = self.reader.info();
            let control = info.frame_control();
            let over = control.is_some_and(|c| c.blend_op == BlendOp::Over);
            // A plain picture that is no frame leaves nothing for the frames.
            let disposal = control.map_or(Disposal::Clear, |c| match c.dispose_op {
                DisposeOp::None => Disposal::Keep,
                DisposeOp::Background => Disposal::Clear,
                DisposeOp::Previous => Disposal::Restore,
            });
            let area = area(&self.reader);
            canvas.next(area, disposal);
            self.opaque = true;
            let drawn = self.draw(canvas, area, over);
            let late = drawn.stopped == Some(Unscannable::Timeout);
            if sample.has(index) && drawn.rows > 0 && !late {
                canvas.show(sink, index);
                decoded.frames += 1;
                decoded.transparent = canvas.was_bare();
            }
            if let Some(reason) = drawn.stopped {
                return ended(decoded, reason);
            }
        }
        Ok(sample.of_the_file(decoded))
    }
}

/// An animation that breaks off after some frames were handed over.
fn ended(decoded: Decoded, reason: Unscannable) -> Result<Decoded, Unscannable> {
    if decoded.frames == 0 {
        return Err(reason);
    }
    Ok(Decoded { all_frames: false, cut_short: Some(reason), ..decoded })
}

impl Drawn {
    /// Fills what an interlaced picture that breaks off lacks from the coarser passes, as viewers do.
    fn refine(&self, canvas: &mut Canvas<'_>, area: Area) {
        if self.stopped.is_none() {
            return;
        }
        let bytes = canvas.bytes_per_pixel();
        let mut left_over = self.rows;
        for (first, top, dx, dy) in ADAM7 {
            if first >= area.width {
                continue;
            }
            for y in (top..area.height).step_by(dy) {
                if left_over > 0 {
                    left_over -= 1;
                } else if first > 0 {
                    // A pixel of a coarser pass stands to the left.
                    let row = canvas.row(area, y);
                    for x in (first..area.width).step_by(dx) {
                        row.copy_within((x - first) * bytes..(x - first + 1) * bytes, x * bytes);
                    }
                } else if top > 0 {
                    // A row of coarser passes stands above.
                    let above = canvas.row(area, y - top).to_vec();
                    for (to, from) in
                        canvas.row(area, y).chunks_mut(bytes).zip(above.chunks(bytes)).step_by(dx)
                    {
                        to.copy_from_slice(from);
                    }
                }
            }
        }
    }
}

/// The chunks of a PNG that its pixels are made of. Texts, profiles and what else may inflate to gigabytes never reach
/// the decoder; neither does an animation that is not wanted.
struct Essential<'a> {
    source: Source<'a>,
    /// Bytes of the chunk that is being read.
    left: usize,
    animated: bool,
    /// Bits of a sample and colour type, once the header has passed.
    header: [u8; 2],
    /// Colours of the palette that count, once it has passed.
    colours: usize,
}

impl Essential<'_> {
    /// Whether the decoder is shown a chunk with `length` bytes of contents.
    fn wants(&mut self, kind: &[u8; 4], length: usize) -> bool {
        match kind {
            b"IHDR" => {
                if let Some([.., bits, colour]) = self.source.peek::<18>() {
                    self.header = [bits, colour];
                }
                true
            }
            b"PLTE" => {
                let [bits, _] = self.header;
                self.colours = (length / 3).min(1 << bits.min(8));
                true
            }
            b"tRNS" => match self.header {
                [_, 0] => length == 2,
                [_, 2] => length == 6,
                [_, 3] => (1..=self.colours).contains(&length),
                _ => false,
            },
            b"acTL" | b"fcTL" | b"fdAT" => self.animated,
            // A capital letter: no picture without it.
            _ => kind[0].is_ascii_uppercase(),
        }
    }
}

impl BufRead for Essential<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.left == 0 {
            let Some([a, b, c, d, kind @ ..]) = self.source.peek::<8>() else {
                // The end, or the beginning of a chunk.
                self.left = usize::MAX;
                break;
            };
            let body = u32::from_be_bytes([a, b, c, d]) as usize;
            let length = body.saturating_add(12);
            if self.wants(&kind, body) {
                self.left = length;
            } else {
                self.source.check_clock()?;
                self.source.consume(length);
            }
        }
        let left = self.left;
        let window = self.source.fill_buf()?;
        Ok(window.get(..left).unwrap_or(window))
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        self.source.consume(amount);
    }
}

impl Read for Essential<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let window = self.fill_buf()?;
        let n = window.len().min(buf.len());
        buf[..n].copy_from_slice(&window[..n]);
        self.consume(n);
        Ok(n)
    }
}

/// The decoder asks for it, but reads from front to back.
impl Seek for Essential<'_> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
