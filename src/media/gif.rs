//! GIF: the first frame by rows, an animation's frames on a canvas.
//!
//! Comments and application data before the first frame, which the decoder would keep, are not shown to it.
//!
//! Where viewers show different pictures of one frame it is `corrupt`, and hashed as most of them show it: an index beyond the palette
//! (black, or another colour of it), a frame without width or height (nothing, or the whole screen), a control extension of less than
//! four bytes. What is longer than four bytes is read as those that show it do: by its first four.

use std::cell::Cell;

use gif::{ColorOutput, DecodeOptions, DecodingError};

use super::canvas::{Area, Canvas, Disposal};
use super::class::Unscannable;
use super::frame::{Decoded, Frame, Sink};
use super::job::{Job, WHOLE, cut_short, give_back};
use super::raster::PixelFormat;
use super::rows::Rows;
use super::sample::{Sample, Shown};
use super::source::Source;
use super::survey;
use super::walk::{GifControl, GifFrame, GifFrames, GifStep};

/// In the order in which an interlaced frame has them: the first row, and the distance to the next.
const PASSES: [(usize, usize); 4] = [(0, 8), (4, 8), (2, 4), (1, 2)];

pub(super) fn decode(
    job: &Job<'_>,
    pixels: &mut Vec<u8>,
    sink: &mut dyn Sink,
) -> Result<Decoded, Unscannable> {
    let bytes = job.bytes();
    let found = survey::gif(job)?;
    let survey = job.admit(found.survey)?;
    let format = PixelFormat::Rgb8;
    let (width, height) = (survey.width as usize, survey.height as usize);
    let frame = Frame { index: 0, width, height, format, orientation: 1, exact: true };

    let mut walk = GifFrames::new(bytes, survey::GIF_STEPS).until(job.deadline());
    let (mut undecided, endless) = (false, Cell::new(false));
    let frames = std::iter::from_fn(|| {
        let step = walk.step();
        undecided = step == GifStep::Undecided;
        endless.set(walk.is_endless());
        match step {
            GifStep::Frame(frame) => Some(shown(&frame)),
            GifStep::End | GifStep::Undecided => None,
        }
    });
    let mut sample = Sample::of(job.request, survey.area(), || endless.get(), frames);
    if undecided {
        job.in_time()?;
        sample = sample.uncounted();
    }
    let canvas = survey.working + Canvas::bytes(survey.area(), format);
    if sample.wanted() > 1 && !job.affords(&survey, canvas) {
        sample = sample.first_only();
    }

    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.allow_unknown_blocks(true);
    let source = job.source(bytes.get(found.start..).unwrap_or_default()).behind(found.head);
    let decoder = options.read_info(source).map_err(|e| reason(job, &e))?;
    let mut film = Film {
        job,
        decoder,
        walk: GifFrames::new(bytes, survey::GIF_STEPS).until(job.deadline()),
        colours: [None; 256],
        known: 256,
        hole: None,
        indexes: Vec::new(),
        opaque: true,
        differs: false,
    };
    if sample.wanted() > 1 {
        job.allow(sample.work().max(survey.area()));
        return film.animate(&mut Canvas::new(pixels, frame, job.page())?, sample, sink);
    }

    let (area, _) = film.next()?;
    if area.width == 0 || area.height == 0 {
        return Err(Unscannable::Corrupt);
    }
    let mut rows = Rows::new(sink, frame, job.page());
    let drawn = if found.interlaced {
        if !job.affords(&survey, survey.working + Canvas::bare_bytes(survey.area(), format)) {
            return Err(Unscannable::Limit);
        }
        let mut canvas = Canvas::new(pixels, frame, job.page())?;
        let drawn = film.draw(&mut canvas, area);
        drawn.refine(&mut canvas, area);
        if drawn.rows > 0 {
            rows.push(canvas.pixels());
        }
        drawn
    } else {
        give_back(pixels, 0);
        film.hand_over(&mut rows, frame, area)
    };
    rows.fill();
    let transparent = !(area.covers(&frame) && film.opaque);
    let decoded = cut_short(drawn.stopped, drawn.rows > 0)?;
    Ok(sample.of_the_file(Decoded { transparent, ..decoded }))
}

/// The pixels of a frame, and for how long it is shown.
fn shown(frame: &GifFrame) -> Shown {
    let delay = match frame.control {
        GifControl::Given([_, low, high, _]) => u16::from_le_bytes([low, high]),
        GifControl::None | GifControl::Short => 0,
    };
    Shown::new(u64::from(frame.width) * u64::from(frame.height), 10 * u32::from(delay))
}

fn reason(job: &Job<'_>, error: &DecodingError) -> Unscannable {
    match (job.gave_up(), error) {
        (Unscannable::Timeout, _) => Unscannable::Timeout,
        (_, DecodingError::MemoryLimit | DecodingError::OutOfMemory) => Unscannable::Limit,
        (otherwise, _) => otherwise,
    }
}

/// A decoder, and what it needs to draw its frames.
struct Film<'a, 'b> {
    job: &'a Job<'b>,
    decoder: gif::Decoder<Source<'a>>,
    /// Goes from frame to frame beside the decoder.
    walk: GifFrames<'a>,
    /// The frame's palette, and black behind it; nothing for the transparent index.
    colours: [Option<[u8; 3]>; 256],
    /// How many indexes have a colour.
    known: usize,
    /// The transparent index, if there is one.
    hole: Option<u8>,
    indexes: Vec<u8>,
    /// Whether nothing is seen through the rows of the frame so far.
    opaque: bool,
    /// Whether viewers show different pictures of the frame.
    differs: bool,
}

/// How much of a frame was drawn.
#[derive(Default)]
struct Drawn {
    rows: usize,
    stopped: Option<Unscannable>,
    /// Whether the decoder can go on to the next frame: this one's data ended, not the file's.
    goes_on: bool,
}

impl Drawn {
    fn stop(mut self, reason: Option<Unscannable>) -> Self {
        self.goes_on = reason.is_none();
        self.stopped = Some(reason.unwrap_or(Unscannable::Corrupt));
        self
    }

    /// Fills the rows that an interlaced frame lacks from the coarser passes, as viewers do.
    fn refine(&self, canvas: &mut Canvas<'_>, area: Area) {
        let mut known = self.rows;
        for (first, distance) in PASSES {
            for y in (first..area.height).step_by(distance) {
                if known > 0 {
                    known -= 1;
                } else if first > 0 {
                    let above = canvas.row(area, y - first).to_vec();
                    canvas.row(area, y).copy_from_slice(&above);
                }
            }
        }
    }
}

impl Film<'_, '_> {
    /// Goes on to the next frame: where it lies, and what becomes of it.
    fn next(&mut self) -> Result<(Area, Disposal), Unscannable> {
        let frame = match self.decoder.next_frame_info() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Err(Unscannable::Corrupt),
            Err(error) => return Err(reason(self.job, &error)),
        };
        let side = |n: u16| usize::from(n);
        let area = Area {
            left: side(frame.left),
            top: side(frame.top),
            width: side(frame.width),
            height: side(frame.height),
        };
        // Of several sub-blocks the decoder would take the last.
        let GifStep::Frame(walked) = self.walk.step() else { return Err(Unscannable::Corrupt) };
        let (flags, index) = match walked.control {
            GifControl::None => (0, 0),
            GifControl::Given([flags, _, _, index]) => (flags, index),
            GifControl::Short => return Err(Unscannable::Corrupt),
        };
        let disposal = match flags >> 2 & 7 {
            2 => Disposal::Clear,
            3 => Disposal::Restore,
            _ => Disposal::Keep,
        };
        self.differs = walked.data && (area.width == 0 || area.height == 0);
        let palette = self.decoder.palette().unwrap_or_default().as_chunks::<3>().0;
        self.known = palette.len();
        self.colours = [Some([0; 3]); 256];
        for (colour, rgb) in self.colours.iter_mut().zip(palette) {
            *colour = Some(*rgb);
        }
        self.hole = (flags & 1 == 1).then_some(index);
        if let Some(hole) = self.hole {
            self.colours[usize::from(hole)] = None;
        }
        self.opaque = true;
        self.indexes.resize(area.width, 0);
        Ok((area, disposal))
    }

    /// The next row of indexes. Without a reason, the frame's data end before its rows do.
    fn row(&mut self) -> Result<(), Option<Unscannable>> {
        if self.indexes.is_empty() {
            return Ok(());
        }
        match self.decoder.fill_buffer(&mut self.indexes) {
            Ok(true) => {
                self.differs |= self.known < self.colours.len() && self.strays();
                self.opaque &= self.hole.is_none_or(|hole| !self.indexes.contains(&hole));
                Ok(())
            }
            Ok(false) => Err(None),
            Err(error) => Err(Some(reason(self.job, &error))),
        }
    }

    /// Whether an index of the row has no colour.
    fn strays(&self) -> bool {
        let strays = |index: &u8| {
            let index = usize::from(*index);
            index >= self.known && self.colours[index].is_some()
        };
        self.indexes.iter().any(strays)
    }

    /// What was drawn of a frame that came to its end.
    fn drawn(&self, rows: usize) -> Drawn {
        let rows = if self.indexes.is_empty() { 0 } else { rows };
        let stopped = self.differs.then_some(Unscannable::Corrupt);
        Drawn { rows, stopped, goes_on: true }
    }

    /// Lays the row of indexes over pixels.
    fn lay(&self, out: &mut [u8]) {
        for (index, pixel) in self.indexes.iter().zip(out.as_chunks_mut::<3>().0) {
            if let Some(colour) = self.colours[usize::from(*index)] {
                *pixel = colour;
            }
        }
    }

    /// Hands the only frame over row by row.
    fn hand_over(&mut self, rows: &mut Rows<'_>, frame: Frame, area: Area) -> Drawn {
        let bare = vec![self.job.page().level(); frame.row_bytes()];
        let mut out = bare.clone();
        let mut drawn = Drawn::default();
        for y in 0..frame.height {
            if y < area.top || y >= area.top + area.height {
                rows.push(&bare);
                continue;
            }
            if let Err(reason) = self.row() {
                return drawn.stop(reason);
            }
            out.copy_from_slice(&bare);
            if let Some(out) = out.get_mut(3 * area.left..) {
                self.lay(out);
            }
            rows.push(&out);
            drawn.rows += 1;
        }
        self.drawn(drawn.rows)
    }

    fn draw(&mut self, canvas: &mut Canvas<'_>, area: Area) -> Drawn {
        let interlaced = self.decoder.current_frame_info().is_some_and(|f| f.interlaced);
        let mut drawn = Drawn::default();
        let passes: &[(usize, usize)] = if interlaced { &PASSES } else { &[(0, 1)] };
        for (first, distance) in passes {
            for y in (*first..area.height).step_by(*distance) {
                if let Err(reason) = self.row() {
                    return drawn.stop(reason);
                }
                self.lay(canvas.row(area, y));
                drawn.rows += 1;
            }
        }
        canvas.drawn(area, self.opaque, true);
        self.drawn(drawn.rows)
    }

    /// Draws one frame after the other and hands over those of the sample.
    fn animate(
        &mut self,
        canvas: &mut Canvas<'_>,
        sample: Sample,
        sink: &mut dyn Sink,
    ) -> Result<Decoded, Unscannable> {
        let mut decoded = Decoded { frames: 0, ..WHOLE };
        for index in 0..sample.decoded() {
            let drawn = match self.job.in_time().and_then(|()| self.next()) {
                Ok((area, disposal)) => {
                    canvas.next(area, disposal);
                    self.draw(canvas, area)
                }
                Err(reason) => Drawn::default().stop(Some(reason)),
            };
            decoded.cut_short = decoded.cut_short.or(drawn.stopped);
            let shown = drawn.rows > 0 && drawn.stopped != Some(Unscannable::Timeout);
            if sample.has(index) && (shown || drawn.stopped.is_none()) {
                canvas.show(sink, index);
                decoded.frames += 1;
            }
            if drawn.stopped.is_some() && !drawn.goes_on {
                decoded.all_frames = false;
                break;
            }
        }
        decoded.transparent = canvas.was_bare();
        match (decoded.frames, decoded.cut_short) {
            (0, reason) => Err(reason.unwrap_or(Unscannable::Corrupt)),
            _ => Ok(sample.of_the_file(decoded)),
        }
    }
}
