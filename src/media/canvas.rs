//! What an animation is drawn on.
//!
//! The page behind a picture has one colour here, and laying one picture over another is associative: a canvas that starts
//! as the page and has everything laid over it holds what a viewer shows, without an alpha of its own. Clearing is painting the page.
//!
//! Whether the page is still seen somewhere is known by whole frames: it is no more once a frame covers all of the canvas, and it may be
//! again once something was cleared or replaced.

use super::class::Unscannable;
use super::frame::{Frame, Page, Sink};
use super::job::fill;
use super::raster::{PixelFormat, Raster};

/// A rectangle of a canvas, which it may reach beyond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Area {
    /// Whether nothing of a frame lies beside it.
    pub(super) fn covers(self, frame: &Frame) -> bool {
        (self.left, self.top) == (0, 0) && self.width >= frame.width && self.height >= frame.height
    }
}

/// What becomes of a frame before the next one is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Disposal {
    /// It stays.
    #[default]
    Keep,
    /// Its rectangle becomes transparent.
    Clear,
    /// Its rectangle becomes again what it was.
    Restore,
}

/// A canvas, and what is still to be done with the frame drawn last.
pub(super) struct Canvas<'a> {
    pixels: &'a mut Vec<u8>,
    frame: Frame,
    page: Page,
    /// Whether the page may be seen through what is drawn.
    bare: bool,
    /// Whether it was when a canvas was shown.
    shown_bare: bool,
    saved: Vec<u8>,
    saved_bare: bool,
    pending: (Disposal, Area),
}

impl<'a> Canvas<'a> {
    /// Bytes of a canvas, and of what is saved of it.
    pub(super) fn bytes(area: u64, format: PixelFormat) -> u64 {
        Self::bare_bytes(area, format).saturating_mul(2)
    }

    /// Bytes of a canvas of which nothing is saved: that of a still picture.
    pub(super) fn bare_bytes(area: u64, format: PixelFormat) -> u64 {
        area.saturating_mul(format.bytes_per_pixel() as u64)
    }

    /// An empty canvas for frames of this size.
    pub(super) fn new(
        pixels: &'a mut Vec<u8>,
        frame: Frame,
        page: Page,
    ) -> Result<Self, Unscannable> {
        let length = frame.row_bytes().checked_mul(frame.height).ok_or(Unscannable::Limit)?;
        fill(pixels, length, page.level())?;
        Ok(Canvas {
            pixels,
            frame,
            page,
            bare: true,
            shown_bare: false,
            saved: Vec::new(),
            saved_bare: true,
            pending: Default::default(),
        })
    }

    /// Disposes of the frame drawn last; the next will be drawn in `area`.
    pub(super) fn next(&mut self, area: Area, disposal: Disposal) {
        let (pending, before) = self.pending;
        match pending {
            Disposal::Keep => {}
            Disposal::Clear => {
                let page = self.page.level();
                self.each_row(before, |row, _| row.fill(page));
                self.bare = true;
            }
            Disposal::Restore => {
                self.bare = self.saved_bare;
                let saved = std::mem::take(&mut self.saved);
                self.each_row(before, |row, at| {
                    if let Some(saved) = saved.get(at..at + row.len()) {
                        row.copy_from_slice(saved);
                    }
                });
                self.saved = saved;
            }
        }
        if disposal == Disposal::Restore {
            let mut saved = std::mem::take(&mut self.saved);
            saved.clear();
            self.each_row(area, |row, _| saved.extend_from_slice(row));
            self.saved = saved;
            self.saved_bare = self.bare;
        }
        self.pending = (disposal, area);
    }

    /// Notes that all of a frame was drawn in `area`: whether nothing is seen through it, and whether it was laid over what was there.
    pub(super) fn drawn(&mut self, area: Area, opaque: bool, over: bool) {
        self.bare = match (opaque, over) {
            (true, _) => self.bare && !area.covers(&self.frame),
            (false, true) => self.bare,
            (false, false) => true,
        };
    }

    /// Whether the page may be seen on any canvas that was handed over.
    pub(super) fn was_bare(&self) -> bool {
        self.shown_bare
    }

    /// Calls `change` with the part of each row that lies in `area`, and how many bytes of it came before.
    fn each_row(&mut self, area: Area, mut change: impl FnMut(&mut [u8], usize)) {
        let mut at = 0;
        for y in 0..area.height.min(self.frame.height) {
            let row = self.row(area, y);
            change(row, at);
            at += row.len();
        }
    }

    /// Row `y` of `area`, as far as it lies on the canvas.
    pub(super) fn row(&mut self, area: Area, y: usize) -> &mut [u8] {
        let Frame { width, height, format, .. } = self.frame;
        let (left, right) = (area.left.min(width), (area.left + area.width).min(width));
        let y = area.top + y;
        if y >= height {
            return &mut [];
        }
        let bytes = format.bytes_per_pixel();
        let start = y * width * bytes;
        &mut self.pixels[start + left * bytes..start + right * bytes]
    }

    pub(super) fn bytes_per_pixel(&self) -> usize {
        self.frame.format.bytes_per_pixel()
    }

    /// All pixels.
    pub(super) fn pixels(&self) -> &[u8] {
        self.pixels
    }

    /// Hands the canvas over as it is, as frame `index`.
    pub(super) fn show(&mut self, sink: &mut dyn Sink, index: u32) {
        self.shown_bare |= self.bare;
        let frame = Frame { index, ..self.frame };
        if let Ok(band) = Raster::new(self.pixels, frame.width, frame.height, frame.format) {
            sink.begin(&frame);
            sink.rows(&band);
        }
    }
}
