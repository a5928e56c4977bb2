//! The upload as the decoders read it: a slice that stops giving bytes once the deadline has passed.
//!
//! A decoder that loops on its input ends at the next read. One that loops without reading cannot be
//! interrupted inside a process: the JPEG decoder reads everything first, and lossy WebP reads a whole
//! partition at a time. Their work is bounded beforehand by the survey.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::time::Instant;

/// Most bytes that are handed over between two looks at the clock.
const WINDOW: usize = 8 << 10;
/// Most reads between two looks at the clock.
const READS: u32 = 64;

/// What a decoder did with its source. Decoders reword errors; this does not depend on their words.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) late: Cell<bool>,
    pub(super) ran_out: Cell<bool>,
}

/// A reader over the upload's bytes.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    /// Replaces the first bytes: a GIF header whose screen was grown.
    head: Option<[u8; 10]>,
    at: usize,
    deadline: Option<Instant>,
    trace: &'a Trace,
    reads: u32,
    checked_at: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8], deadline: Option<Instant>, trace: &'a Trace) -> Self {
        Source { bytes, head: None, at: 0, deadline, trace, reads: READS, checked_at: 0 }
    }

    pub(super) fn with_head(mut self, head: [u8; 10]) -> Self {
        self.head = Some(head);
        self
    }

    fn check_clock(&mut self) -> io::Result<()> {
        self.reads += 1;
        if self.reads < READS && self.at.abs_diff(self.checked_at) < WINDOW {
            return Ok(());
        }
        (self.reads, self.checked_at) = (0, self.at);
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.trace.late.set(true);
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the deadline has passed"));
        }
        Ok(())
    }

    /// What is left, as far as it is handed over at once.
    fn window(&self) -> &[u8] {
        if let Some(head) =
            self.head.as_ref().and_then(|head| head.get(self.at..)).filter(|h| !h.is_empty())
        {
            return head;
        }
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        rest.get(..WINDOW).unwrap_or(rest)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check_clock()?;
        if self.at >= self.bytes.len() {
            self.trace.ran_out.set(true);
        }
        Ok(self.window())
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.at.saturating_add(amount);
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let window = self.fill_buf()?;
        let n = window.len().min(buf.len());
        buf[..n].copy_from_slice(&window[..n]);
        self.consume(n);
        Ok(n)
    }

    /// One exact copy, instead of a buffer that doubles.
    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.check_clock()?;
        let before = buf.len();
        buf.reserve_exact(self.bytes.len().saturating_sub(self.at));
        loop {
            let window = self.window();
            if window.is_empty() {
                return Ok(buf.len() - before);
            }
            buf.extend_from_slice(window);
            self.at += window.len();
        }
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => i128::from(at),
            SeekFrom::Current(by) => self.at as i128 + i128::from(by),
            SeekFrom::End(by) => self.bytes.len() as i128 + i128::from(by),
        };
        self.at = usize::try_from(at)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        Ok(self.at as u64)
    }
}
