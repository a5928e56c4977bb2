//! What one decode may cost, and why it stopped.
//!
//! ```text
//! a decoder, given a `&Job`:
//!     survey its headers, with the clock              in_time, deadline
//!     may it be decoded at all, and in what time?     admit
//!     with these buffers?                             affords
//!     read by job.source(..), or say what was read    ran_out
//!     it gave up                                      gave_up
//! ```

use std::cell::Cell;
use std::time::Instant;

use super::class::Unscannable;
use super::frame::{Decoded, Page, Request};
use super::source::{Source, Trace};
use super::survey::Survey;
use crate::limits::Limits;

/// A buffer this large is given back when it is far larger than needed.
const KEEP: usize = 16 << 20;

/// One decode: what it may cost, and what its source saw.
pub(super) struct Job<'a> {
    pub(super) request: &'a Request<'a>,
    deadline: Cell<Option<Instant>>,
    trace: &'a Trace,
}

impl<'a> Job<'a> {
    /// Some decoders read headers before their size, and with it their time, is known: until then it is that of no pixels.
    pub(super) fn new(request: &'a Request<'a>, trace: &'a Trace) -> Self {
        Job { request, deadline: Cell::new(request.until(0)), trace }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.request.bytes
    }

    /// What is seen where the picture is transparent.
    pub(super) fn page(&self) -> Page {
        self.request.page
    }

    /// A reader over part of the upload.
    pub(super) fn source<'b>(&'b self, bytes: &'b [u8]) -> Source<'b> {
        Source::new(bytes, &self.deadline, self.trace)
    }

    /// Refuses what is too large before a decoder sees it, and sets the deadline by the size.
    pub(super) fn admit(&self, survey: Survey) -> Result<Survey, Unscannable> {
        let Limits { width, height, pixels, .. } = *self.request.limits;
        if survey.width == 0 || survey.height == 0 {
            return Err(Unscannable::Corrupt);
        }
        let area = survey.area();
        if survey.width > width || survey.height > height || area > pixels {
            return Err(Unscannable::Limit);
        }
        if !self.affords(&survey, survey.working) {
            return Err(Unscannable::Limit);
        }
        self.allow(area);
        Ok(survey)
    }

    /// Whether a decoder that holds `working` bytes stays within the memory for this picture.
    pub(super) fn affords(&self, survey: &Survey, working: u64) -> bool {
        let Limits { memory, progressive_memory, .. } = *self.request.limits;
        let most = if survey.held_back { progressive_memory } else { memory };
        working.saturating_add(besides(survey.width, survey.height)) <= most
    }

    /// Allows the time that so many pixels may take.
    pub(super) fn allow(&self, pixels: u64) {
        self.deadline.set(self.request.until(pixels));
    }

    /// When it must be done.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    /// Looks at the clock, for loops that read nothing.
    pub(super) fn in_time(&self) -> Result<(), Unscannable> {
        if self.deadline.get().is_some_and(|deadline| Instant::now() >= deadline) {
            self.trace.late.set(true);
            return Err(Unscannable::Timeout);
        }
        Ok(())
    }

    /// Whether the time ran out while something was read.
    pub(super) fn is_late(&self) -> bool {
        self.trace.late.get()
    }

    /// Notes that a decoder wanted more than the upload holds. A [`Source`] does so by itself.
    pub(super) fn ran_out(&self) {
        self.trace.ran_out.set(true);
    }

    /// Why a decoder gave up. Its source knows better than its words whether the file or the time ran out.
    pub(super) fn gave_up(&self) -> Unscannable {
        match (self.trace.late.get(), self.trace.ran_out.get()) {
            (true, _) => Unscannable::Timeout,
            (_, true) => Unscannable::Truncated,
            _ => Unscannable::Corrupt,
        }
    }
}

/// Bytes that are needed besides the decoder's: rows on their way, the hasher's sums of them, and its samples of a near-tie.
fn besides(width: u32, height: u32) -> u64 {
    let (width, height) = (u64::from(width), u64::from(height));
    (1 << 20) + 64 * width + width * height / 16
}

/// What becomes of a still picture whose decoder stopped for `stopped` when `any` rows were there.
pub(super) fn cut_short(stopped: Option<Unscannable>, any: bool) -> Result<Decoded, Unscannable> {
    match stopped {
        Some(reason @ (Unscannable::Truncated | Unscannable::Corrupt)) if any => {
            Ok(Decoded { cut_short: Some(reason), ..WHOLE })
        }
        Some(reason) => Err(reason),
        None => Ok(WHOLE),
    }
}

/// One frame, all of it, through which nothing is seen.
pub(super) const WHOLE: Decoded =
    Decoded { frames: 1, all_frames: true, transparent: false, cut_short: None };

/// Makes a buffer `length` zeros long.
pub(super) fn resize(buffer: &mut Vec<u8>, length: usize) -> Result<(), Unscannable> {
    fill(buffer, length, 0)
}

/// Makes a buffer `length` times `value` without ever growing past it, and gives back what is far too much.
pub(super) fn fill(buffer: &mut Vec<u8>, length: usize, value: u8) -> Result<(), Unscannable> {
    buffer.clear();
    give_back(buffer, length);
    buffer.try_reserve_exact(length).map_err(|_| Unscannable::Limit)?;
    buffer.resize(length, value);
    Ok(())
}

/// Gives back the memory of the upload before if it is far more than `length` bytes.
pub(super) fn give_back(buffer: &mut Vec<u8>, length: usize) {
    if buffer.capacity() > KEEP && buffer.capacity() / 4 > length {
        *buffer = Vec::new();
    }
}
