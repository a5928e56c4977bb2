//! A frame on its way to the sink: rows from the top, and the page where a file that was cut has none.

use super::frame::{Frame, Page, Sink};
use super::raster::Raster;

/// Bytes of the page that are handed over at once.
const PAGE: usize = 64 << 10;

/// A frame of which some rows were handed over. It begins with the first of them: a frame without rows was none.
pub(super) struct Rows<'s> {
    sink: &'s mut dyn Sink,
    frame: Frame,
    page: Page,
    done: usize,
}

impl<'s> Rows<'s> {
    pub(super) fn new(sink: &'s mut dyn Sink, frame: Frame, page: Page) -> Self {
        Rows { sink, frame, page, done: 0 }
    }

    /// The next rows, one behind the other. What is no whole row, or one too many, is dropped.
    pub(super) fn push(&mut self, pixels: &[u8]) {
        let Frame { width, height, format, .. } = self.frame;
        let count = (pixels.len() / self.frame.row_bytes()).min(height - self.done);
        if let (true, Ok(band)) = (count > 0, Raster::new(pixels, width, count, format)) {
            if self.done == 0 {
                self.sink.begin(&self.frame);
            }
            self.sink.rows(&band);
            self.done += count;
        }
    }

    /// The page in place of the rows that are missing. Whether there was any row before.
    pub(super) fn fill(&mut self) -> bool {
        let row = self.frame.row_bytes();
        let missing = self.frame.height - self.done;
        if self.done == 0 || missing == 0 {
            return self.done > 0;
        }
        let page = vec![self.page.level(); row * missing.min(PAGE.div_ceil(row))];
        while self.done < self.frame.height {
            self.push(&page);
        }
        true
    }
}
