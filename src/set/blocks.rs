//! Blocks that are compared with their checksums when they are first touched.
//!
//! A bitmap remembers, per process, which blocks were found right, so a warm access costs one load. Two threads that
//! race both verify the same block, and both come to the same result.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorCode, Result};

use super::format::{BLOCK, CHECKSUM, GROUP, Head, checksum};
use super::map::Bytes;

pub(super) struct Blocks {
    pub(super) head: Head,
    bytes: Bytes,
    verified: Bitmap,
    groups: Bitmap,
    /// Where the bytes came from, for errors: whoever has several sets must know which one is damaged.
    pub(super) path: Option<PathBuf>,
}

impl Blocks {
    pub(super) fn new(head: Head, bytes: Bytes) -> Blocks {
        let blocks = head.blocks() as usize;
        Blocks {
            verified: Bitmap::new(blocks),
            groups: Bitmap::new(blocks.div_ceil(GROUP)),
            head,
            bytes,
            path: None,
        }
    }

    /// Bytes `range` of the data, verified.
    pub(super) fn data(&self, range: Range<u64>) -> Result<&[u8]> {
        if range.start > range.end || range.end > self.head.data_length {
            return Err(Error::new(
                ErrorCode::SetCorrupt,
                format!(
                    "bytes {}..{} lie outside the data of {} bytes",
                    range.start, range.end, self.head.data_length
                ),
            ));
        }
        let first = range.start as usize / BLOCK;
        let end = (range.end as usize).div_ceil(BLOCK);
        self.verified.each_clear(first..end, |block| self.verify_block(block))?;
        self.slice(self.head.data_start + range.start, (range.end - range.start) as usize)
    }

    /// Verifies every block, whether or not it was touched before, and remembers it. Calls `progress` with the bytes done.
    pub(super) fn verify_all(&self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        for block in 0..self.head.blocks() as usize {
            self.verify_block(block)?;
            self.verified.set(block);
            if block % 1024 == 1023 {
                progress((block as u64 + 1) * BLOCK as u64);
            }
        }
        progress(self.head.data_length);
        Ok(())
    }

    /// The file from the end of the head to the start of the data, without the checksums: padding only.
    pub(super) fn padding_before_data(&self, head_length: u64) -> Result<[&[u8]; 2]> {
        let end = self.head.checksums_start + self.head.blocks() * CHECKSUM as u64;
        Ok([
            self.slice(
                head_length,
                self.head.checksums_start.saturating_sub(head_length) as usize,
            )?,
            self.slice(end, self.head.data_start.saturating_sub(end) as usize)?,
        ])
    }

    fn verify_block(&self, block: usize) -> Result<()> {
        let group = block / GROUP;
        self.groups.each_clear(group..group + 1, |g| self.verify_group(g))?;
        let offset = block as u64 * BLOCK as u64;
        let length = (self.head.data_length - offset).min(BLOCK as u64) as usize;
        let at = self.head.data_start + offset;
        let found = checksum(self.slice(at, length)?);
        if found != *self.slice(self.head.checksums_start + (block * CHECKSUM) as u64, CHECKSUM)? {
            return Err(self.damaged("block", at, length));
        }
        Ok(())
    }

    fn verify_group(&self, group: usize) -> Result<()> {
        let first = group * GROUP;
        let count = (self.head.blocks() as usize - first).min(GROUP);
        let at = self.head.checksums_start + (first * CHECKSUM) as u64;
        let found = checksum(self.slice(at, count * CHECKSUM)?);
        if self.head.roots.get(group) != Some(&found) {
            return Err(self.damaged("group of checksums", at, count * CHECKSUM));
        }
        Ok(())
    }

    fn damaged(&self, what: &str, at: u64, length: usize) -> Error {
        let error = Error::new(
            ErrorCode::SetCorrupt,
            format!(
                "the {what} at bytes {at}..{} does not have its checksum: the file is damaged; build or fetch it again",
                at + length as u64
            ),
        );
        match &self.path {
            Some(path) => error.with_path(path),
            None => error,
        }
    }

    fn slice(&self, at: u64, length: usize) -> Result<&[u8]> {
        let bytes = self.bytes.get();
        usize::try_from(at).ok().and_then(|at| bytes.get(at..at.checked_add(length)?)).ok_or_else(
            || {
                Error::new(
                    ErrorCode::SetCorrupt,
                    format!("byte {at} lies beyond the end of the file"),
                )
            },
        )
    }
}

/// Bits that only ever turn from 0 to 1.
struct Bitmap {
    words: Vec<AtomicU64>,
}

impl Bitmap {
    fn new(bits: usize) -> Bitmap {
        Bitmap { words: (0..bits.div_ceil(64)).map(|_| AtomicU64::new(0)).collect() }
    }

    fn set(&self, bit: usize) {
        self.words[bit / 64].fetch_or(1 << (bit % 64), Ordering::Relaxed);
    }

    /// Calls `check` for each bit of `range` that is 0, and sets those for which it says `Ok`.
    fn each_clear(
        &self,
        range: Range<usize>,
        mut check: impl FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        let mut bit = range.start;
        while bit < range.end {
            let end = (bit / 64 * 64 + 64).min(range.end);
            // The bits bit..end of their word.
            let mask = u64::MAX << (bit % 64) & (u64::MAX >> (63 - (end - 1) % 64));
            // Nothing but the bit itself is published by it: the bytes it speaks of are immutable.
            let mut clear = !self.words[bit / 64].load(Ordering::Relaxed) & mask;
            while clear != 0 {
                let one = clear.trailing_zeros() as usize;
                check(bit / 64 * 64 + one)?;
                self.set(bit / 64 * 64 + one);
                clear &= clear - 1;
            }
            bit = end;
        }
        Ok(())
    }
}
