//! The upload as the JPEG decoder reads it: head, body and tail as one stream, without a copy, that ends at the deadline.
//!
//! The decoder asks for four bytes at a time, or for one, in its innermost loop. So the answer is a look into a window
//! of at most 8 KiB and a compare; whatever is not in the window takes the slow way, which looks at the clock, and
//! opens the next window.
//!
//! The tail is how a cut file is told from a whole one. Behind the last byte of the upload's own data stands filling,
//! and the two ways of reading are told apart:
//!
//! * A decoder that is done looks for the end marker, one checked byte after the other, to the end of the tail.
//! * A decoder that misses data reads the filling as data. That is ones, which are no Huffman code, so that it gives up
//!   at once and leaves the rest of the picture grey; or, where giving up would lose everything, zeros.

use std::cell::Cell;

use zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZSeekFrom};

use crate::media::job::Job;

/// Most bytes that are handed over between two looks at the clock.
const WINDOW: usize = 8 << 10;

/// What follows the upload's own data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Ones, then nothing.
    Ones,
    /// Zeros, then the end marker.
    Zeros,
    /// The end marker.
    End,
}

impl Tail {
    fn bytes(self) -> &'static [u8] {
        const ONES: &[u8] = b"\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0";
        const ZEROS: &[u8] = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xd9";
        match self {
            Tail::Ones => ONES,
            Tail::Zeros => ZEROS,
            Tail::End => b"\xff\xd9",
        }
    }
}

/// How far a decoder has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// It looked for a marker to the end of the tail.
    swept: bool,
    /// It wanted more data than even the tail has.
    starved: bool,
    /// How far into the tail it read data.
    data: usize,
}

impl Reading {
    /// Whether the decoder had all the data that it wanted.
    pub(super) fn is_whole(&self, tail: Tail) -> bool {
        /// Bytes that a decoder that is done has read of the tail at most: it keeps less than 64 bits.
        const AHEAD: usize = 8;
        match tail {
            Tail::Ones => self.swept && !self.starved,
            Tail::Zeros => self.swept && self.data <= AHEAD,
            Tail::End => true,
        }
    }
}

/// A reader for the decoder.
pub(super) struct Stream<'a> {
    job: &'a Job<'a>,
    /// The current part of the stream, as far as it is handed over without further ado.
    window: &'a [u8],
    /// Where the next byte lies in the current part.
    at: usize,
    /// Head, body and tail.
    parts: [&'a [u8]; 3],
    part: usize,
    reading: &'a Cell<Reading>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(
        job: &'a Job<'a>,
        head: &'a [u8],
        body: &'a [u8],
        tail: Tail,
        reading: &'a Cell<Reading>,
    ) -> Self {
        Stream { job, window: &[], at: 0, parts: [head, body, tail.bytes()], part: 0, reading }
    }

    fn note(&self, change: impl FnOnce(&mut Reading)) {
        let mut reading = self.reading.get();
        change(&mut reading);
        self.reading.set(reading);
    }

    fn in_tail(&self) -> bool {
        self.part == self.parts.len() - 1
    }

    /// Opens a window that holds the next byte; the tail has none, since each look into it is noted. False at the end of the
    /// stream or of the time.
    fn advance(&mut self) -> bool {
        self.window = &[];
        if self.job.in_time().is_err() {
            return false;
        }
        while self.at >= self.parts[self.part].len() {
            if self.in_tail() {
                return false;
            }
            self.at -= self.parts[self.part].len();
            self.part += 1;
        }
        if !self.in_tail() {
            let part = self.parts[self.part];
            self.window = &part[..part.len().min(self.at + WINDOW)];
        }
        true
    }

    fn next(&mut self) -> Option<u8> {
        if self.at >= self.window.len() && !self.advance() {
            return None;
        }
        let byte = self.parts[self.part].get(self.at).copied();
        self.at += 1;
        byte
    }

    /// Four bytes at once, and single bytes without a check, are what the decoder reads as data.
    fn note_data(&self, enough: bool) {
        let data = if self.in_tail() { self.at } else { 0 };
        if data > 0 || !enough {
            self.job.ran_out();
        }
        self.note(|reading| {
            reading.data = reading.data.max(data);
            reading.starved |= !enough;
        });
    }

    #[cold]
    #[inline(never)]
    fn slow_byte(&mut self) -> u8 {
        let byte = self.next();
        self.note_data(byte.is_some());
        byte.unwrap_or(0)
    }

    #[cold]
    #[inline(never)]
    fn slow_bytes(&mut self, buf: &mut [u8]) -> Result<(), ZByteIoError> {
        let start = self.position();
        for (i, out) in buf.iter_mut().enumerate() {
            let Some(byte) = self.next() else {
                self.go_to(start);
                return Err(ZByteIoError::NotEnoughBytes(i, 0));
            };
            *out = byte;
        }
        match buf.len() {
            4 => self.note_data(true),
            1 if self.in_tail() && self.at == self.parts[self.part].len() => {
                self.note(|reading| reading.swept = true);
            }
            _ => {}
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn slow_end(&mut self) -> Result<bool, ZByteIoError> {
        let more = self.advance();
        if self.job.is_late() {
            return Err(ZByteIoError::Generic("the deadline has passed"));
        }
        Ok(!more)
    }

    fn position(&self) -> usize {
        self.parts[..self.part].iter().map(|p| p.len()).sum::<usize>() + self.at
    }

    /// Goes to a place in the stream; the window is opened when something is read there.
    #[cold]
    #[inline(never)]
    fn go_to(&mut self, position: usize) {
        (self.window, self.at, self.part) = (&[], position, 0);
    }
}

impl ZByteReaderTrait for Stream<'_> {
    #[inline(always)]
    fn read_byte_no_error(&mut self) -> u8 {
        match self.window.get(self.at) {
            Some(byte) => {
                self.at += 1;
                *byte
            }
            None => self.slow_byte(),
        }
    }

    #[inline(always)]
    fn read_exact_bytes(&mut self, buf: &mut [u8]) -> Result<(), ZByteIoError> {
        match self.window.get(self.at..self.at + buf.len()) {
            Some(bytes) => {
                buf.copy_from_slice(bytes);
                self.at += buf.len();
                Ok(())
            }
            None => self.slow_bytes(buf),
        }
    }

    fn read_bytes(&mut self, buf: &mut [u8]) -> Result<usize, ZByteIoError> {
        let mut count = 0;
        for out in buf.iter_mut() {
            let Some(byte) = self.next() else { break };
            *out = byte;
            count += 1;
        }
        Ok(count)
    }

    fn peek_bytes(&mut self, buf: &mut [u8]) -> Result<usize, ZByteIoError> {
        let start = self.position();
        let count = self.read_bytes(buf);
        self.go_to(start);
        count
    }

    fn peek_exact_bytes(&mut self, buf: &mut [u8]) -> Result<(), ZByteIoError> {
        let count = self.peek_bytes(buf)?;
        if count < buf.len() {
            return Err(ZByteIoError::NotEnoughBytes(count, buf.len()));
        }
        Ok(())
    }

    #[inline(always)]
    fn z_seek(&mut self, from: ZSeekFrom) -> Result<u64, ZByteIoError> {
        match from {
            // A step back within the part, which the window still covers.
            ZSeekFrom::Current(by @ -4..0) if self.at >= by.unsigned_abs() as usize => {
                self.at -= by.unsigned_abs() as usize;
            }
            _ => return self.slow_seek(from),
        }
        // The decoder does not look at it here.
        Ok(0)
    }

    #[inline(always)]
    fn is_eof(&mut self) -> Result<bool, ZByteIoError> {
        if self.at < self.window.len() { Ok(false) } else { self.slow_end() }
    }

    fn z_position(&mut self) -> Result<u64, ZByteIoError> {
        Ok(self.position() as u64)
    }

    fn read_remaining(&mut self, sink: &mut Vec<u8>) -> Result<usize, ZByteIoError> {
        let before = sink.len();
        while let Some(byte) = self.next() {
            sink.push(byte);
        }
        Ok(sink.len() - before)
    }
}

impl Stream<'_> {
    #[cold]
    #[inline(never)]
    fn slow_seek(&mut self, from: ZSeekFrom) -> Result<u64, ZByteIoError> {
        let end: usize = self.parts.iter().map(|p| p.len()).sum();
        let to = match from {
            ZSeekFrom::Start(at) => i128::from(at),
            ZSeekFrom::Current(by) => self.position() as i128 + i128::from(by),
            ZSeekFrom::End(by) => end as i128 + i128::from(by),
        };
        let to = usize::try_from(to).map_err(|_| ZByteIoError::SeekError("before the start"))?;
        self.go_to(to);
        Ok(to as u64)
    }
}
