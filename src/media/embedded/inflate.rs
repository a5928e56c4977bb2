//! Deflate in steps: what comes out is counted before it is made room for.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags as flag};

use super::walk::{STEP, Stop, Walk};
use crate::media::class::Unscannable;

/// How inflating ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The stream's own end.
    Whole,
    /// As many bytes as were asked for are there. There may be more.
    Enough,
    /// Before the stream's end: it is cut or damaged, or the budget is spent.
    Broken(Unscannable),
}

/// One stream at a time; buffers are reused.
pub(super) struct Inflater {
    state: Box<DecompressorOxide>,
    zlib: bool,
    taken: usize,
    /// Bytes of `buffer` that are there; behind them it is room.
    filled: usize,
    buffer: Vec<u8>,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Inflater { state: Box::default(), zlib: false, taken: 0, filled: 0, buffer: Vec::new() }
    }

    /// Begins a stream: deflate, or deflate in a zlib frame. Checksums are not compared: a viewer shows the picture whatever they say.
    pub(super) fn start(&mut self, zlib: bool) {
        self.state.init();
        (self.zlib, self.taken, self.filled) = (zlib, 0, 0);
    }

    /// What has been inflated.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or(&[])
    }

    /// What has been inflated, out of the inflater's hands.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.buffer.truncate(self.filled);
        self.filled = 0;
        std::mem::take(&mut self.buffer)
    }

    /// Goes on with the stream in `input`, which is the same at each call, until `most` bytes are there.
    pub(super) fn run(
        &mut self,
        input: &[u8],
        most: usize,
        walk: &mut Walk<'_>,
    ) -> Result<End, Stop> {
        loop {
            if self.filled >= most {
                return Ok(End::Enough);
            }
            let left = walk.bytes_left();
            if left == 0 {
                return Ok(End::Broken(Unscannable::Limit));
            }
            let room = (most - self.filled).min(left).min(STEP);
            let needed = self.filled + room;
            if !make_room(&mut self.buffer, needed, most.min(self.filled.saturating_add(left))) {
                return Ok(End::Broken(Unscannable::Limit));
            }
            if needed > self.buffer.len() {
                self.buffer.resize(needed, 0);
            }

            let rest = input.get(self.taken..).unwrap_or(&[]);
            // Blocks may be empty, so what is read is bounded as well as what is written.
            let now = rest.get(..left.min(STEP)).unwrap_or(rest);
            let last = now.len() == rest.len();
            let flags = flag::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
                | flag::TINFL_FLAG_IGNORE_ADLER32
                | if self.zlib { flag::TINFL_FLAG_PARSE_ZLIB_HEADER } else { 0 }
                | if last { 0 } else { flag::TINFL_FLAG_HAS_MORE_INPUT };
            let out = self.buffer.get_mut(..needed).unwrap_or(&mut []);
            let (status, read, written) = decompress(&mut self.state, now, out, self.filled, flags);
            self.taken += read;
            self.filled += written;
            walk.spend(read.max(written).max(1))?;
            match status {
                TINFLStatus::Done => return Ok(End::Whole),
                TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput => {}
                TINFLStatus::FailedCannotMakeProgress => {
                    return Ok(End::Broken(Unscannable::Truncated));
                }
                _ => return Ok(End::Broken(Unscannable::Corrupt)),
            }
        }
    }
}

/// Makes room for `needed` bytes in all, of at most `most` that may come. Says whether there is memory for it.
///
/// While a buffer grows the old one is held beside the new. So it doubles, and takes `most` where it would come to lie above the half:
/// both together are one and a half times `most`.
pub(super) fn make_room(buffer: &mut Vec<u8>, needed: usize, most: usize) -> bool {
    if needed <= buffer.capacity() {
        return true;
    }
    let doubled = buffer.capacity().saturating_mul(2).max(needed);
    let wanted = if doubled > most / 2 { most.max(needed) } else { doubled };
    buffer.try_reserve_exact(wanted.saturating_sub(buffer.len())).is_ok()
}
