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
/// What stands for missing bytes.
static ZEROS: [u8; WINDOW] = [0; WINDOW];
static OTHERS: [u8; WINDOW] = [0xaa; WINDOW];

/// What a decoder did with its source. Decoders reword errors; this does not depend on their words.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) late: Cell<bool>,
    pub(super) ran_out: Cell<bool>,
}

/// A reader over the upload's bytes, or over a part of them behind a header made for it.
pub(super) struct Source<'a> {
    /// Read before the bytes.
    head: Vec<u8>,
    bytes: &'a [u8],
    /// Read behind the bytes, until this many were read in all.
    padding: &'static [u8],
    length: usize,
    at: usize,
    deadline: &'a Cell<Option<Instant>>,
    trace: &'a Trace,
    reads: u32,
    checked_at: usize,
}

impl<'a> Source<'a> {
    /// The deadline may be moved while it is read.
    pub(super) fn new(
        bytes: &'a [u8],
        deadline: &'a Cell<Option<Instant>>,
        trace: &'a Trace,
    ) -> Self {
        Source {
            head: Vec::new(),
            bytes,
            padding: &[],
            length: bytes.len(),
            at: 0,
            deadline,
            trace,
            reads: READS,
            checked_at: 0,
        }
    }

    /// The same bytes behind a header.
    pub(super) fn behind(mut self, head: Vec<u8>) -> Self {
        self.length += head.len();
        self.head = head;
        self
    }

    /// The same bytes, and then zeros or something else where a file that was cut would go on, up to a length of `length`.
    pub(super) fn padded(mut self, other: bool, length: usize) -> Self {
        self.padding = if other { &OTHERS } else { &ZEROS };
        self.length = self.length.max(length);
        self
    }

    pub(super) fn check_clock(&mut self) -> io::Result<()> {
        self.reads += 1;
        if self.reads < READS && self.at.abs_diff(self.checked_at) < WINDOW {
            return Ok(());
        }
        (self.reads, self.checked_at) = (0, self.at);
        if self.deadline.get().is_some_and(|deadline| Instant::now() >= deadline) {
            self.trace.late.set(true);
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the deadline has passed"));
        }
        Ok(())
    }

    /// What is left, as far as it is handed over at once.
    fn window(&self) -> &[u8] {
        let part = self.head.get(self.at..).filter(|rest| !rest.is_empty()).or_else(|| {
            let at = self.at.checked_sub(self.head.len())?;
            self.bytes.get(at..).filter(|rest| !rest.is_empty())
        });
        let part = part.unwrap_or(self.padding);
        let most = WINDOW.min(self.length.saturating_sub(self.at));
        part.get(..most).unwrap_or(part)
    }

    /// The next `N` bytes, if they are there, without reading them.
    pub(super) fn peek<const N: usize>(&self) -> Option<[u8; N]> {
        let at = self.at.checked_sub(self.head.len())?;
        self.bytes.get(at..)?.first_chunk().copied()
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check_clock()?;
        if self.at >= self.length {
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
        buf.reserve_exact(self.length.saturating_sub(self.at));
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
            SeekFrom::End(by) => self.length as i128 + i128::from(by),
        };
        self.at = usize::try_from(at)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        Ok(self.at as u64)
    }
}
