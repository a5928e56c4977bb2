//! Blocks that are compared with their checksums when they are first touched.
//!
//! A bitmap remembers, per process, which blocks were found right, so a warm access costs one load. Two threads that
//! race both verify the same block, and both come to the same result.

use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{Error, ErrorCode, Result};

use super::format::{BLOCK, CHECKSUM, GROUP, Head, checksum};
use super::map::{self, Bytes};

/// Bytes of the file that are fetched, or read, and then verified in one go: whole huge pages, and few enough to stay in the cache.
const PART: u64 = 4 << 20;

pub(super) struct Blocks {
    pub(super) head: Head,
    bytes: Bytes,
    verified: Bitmap,
    groups: Bitmap,
    /// Every block is verified, so that the bitmap, which has a page of its own for each 128 MiB of data, need not be looked at any more.
    warm: AtomicBool,
    /// Where the bytes came from, for errors: whoever has several sets must know which one is damaged.
    pub(super) path: Option<PathBuf>,
}

impl Blocks {
    pub(super) fn new(head: Head, bytes: Bytes) -> Result<Blocks> {
        let blocks = head.blocks() as usize;
        Ok(Blocks {
            verified: Bitmap::new(blocks)?,
            groups: Bitmap::new(blocks.div_ceil(GROUP))?,
            warm: AtomicBool::new(false),
            head,
            bytes,
            path: None,
        })
    }

    /// Fills room of its own from a reader that stands at the first byte of the file, and verifies each part while the cache still holds it. So a sparse file that claims more than it
    /// has is found out at its first block, before it has taken the machine's memory.
    pub(super) fn fill(mut self, source: &mut dyn Read) -> Result<Blocks> {
        for part in self.parts() {
            self.bytes.fill(source, part.clone())?;
            self.verify_part(&part, false)?;
        }
        self.warm.store(true, Ordering::Relaxed);
        Ok(Blocks { bytes: self.bytes.filled()?, ..self })
    }

    /// Brings all of the file into memory and verifies what was not verified yet. Calls `progress` with the bytes of the file done.
    pub(super) fn warm(&self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        self.pass(progress, false)
    }

    /// As [`Blocks::warm`], but verifies again what was verified before.
    pub(super) fn verify_all(&self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        self.pass(progress, true)
    }

    fn pass(&self, progress: &mut dyn FnMut(u64), again: bool) -> Result<()> {
        self.bytes.prefer_huge_pages();
        for part in self.parts() {
            self.bytes.fetch(part.clone()).map_err(|e| self.unreadable(e))?;
            self.verify_part(&part, again)?;
            progress(part.end);
        }
        self.warm.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Verifies the groups and blocks whose last byte lies in a part of the file. What they are compared with lies before them.
    fn verify_part(&self, part: &Range<u64>, again: bool) -> Result<()> {
        let ending = |start: u64, length: u64| {
            let complete = |end: u64| match end.saturating_sub(start) {
                all if all >= length => length.div_ceil(BLOCK as u64) as usize,
                some => (some / BLOCK as u64) as usize,
            };
            complete(part.start)..complete(part.end)
        };
        let checksums = self.head.blocks() * CHECKSUM as u64;
        // Blocks would do that too, but the groups of a large file come long before its first block.
        self.groups
            .each_clear(ending(self.head.checksums_start, checksums), |g| self.verify_group(g))?;
        for block in ending(self.head.data_start, self.head.data_length) {
            if again || !self.verified.all_set(block..block + 1) {
                self.verify_block(block)?;
                self.verified.set(block);
            }
        }
        Ok(())
    }

    /// The file from start to end, in parts that the cache holds.
    fn parts(&self) -> impl Iterator<Item = Range<u64>> + use<> {
        let length = self.head.data_start + self.head.data_length;
        (0..length.div_ceil(PART)).map(move |i| i * PART..((i + 1) * PART).min(length))
    }

    /// Bytes `range` of the data, verified.
    #[inline]
    pub(super) fn data(&self, range: Range<u64>) -> Result<&[u8]> {
        self.touch(range.clone())?;
        self.raw(range)
    }

    /// Verifies the blocks of a range of the data that were not verified before. One load when all of the set was verified, else one load for
    /// each 64 blocks of the range.
    #[inline]
    pub(super) fn touch(&self, range: Range<u64>) -> Result<()> {
        if range.start > range.end || range.end > self.head.data_length {
            return Err(self.outside(&range));
        }
        // Nothing but itself is published by the flag, as by the bits: the bytes it speaks of are immutable.
        if self.warm.load(Ordering::Relaxed) {
            return Ok(());
        }
        let first = (range.start / BLOCK as u64) as usize;
        let end = range.end.div_ceil(BLOCK as u64) as usize;
        if self.verified.all_set(first..end) { Ok(()) } else { self.verify_blocks(first..end) }
    }

    /// Bytes `range` of the data as they lie there, **not verified**: to fetch ahead of use, and for slices whose parts are touched one by one.
    /// Whoever reads from them must [`touch`](Blocks::touch) what is read first, and whoever does not must not believe them.
    #[inline]
    pub(super) fn raw(&self, range: Range<u64>) -> Result<&[u8]> {
        if range.start > range.end || range.end > self.head.data_length {
            return Err(self.outside(&range));
        }
        self.slice(self.head.data_start + range.start, (range.end - range.start) as usize)
    }

    #[cold]
    #[inline(never)]
    fn verify_blocks(&self, blocks: Range<usize>) -> Result<()> {
        self.verified.each_clear(blocks, |block| self.verify_block(block))
    }

    #[cold]
    #[inline(never)]
    fn outside(&self, range: &Range<u64>) -> Error {
        Error::new(
            ErrorCode::SetCorrupt,
            format!(
                "bytes {}..{} lie outside the data of {} bytes",
                range.start, range.end, self.head.data_length
            ),
        )
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

    fn unreadable(&self, source: io::Error) -> Error {
        Error::io("read", self.path.as_deref().unwrap_or(Path::new("the set")), source)
    }

    #[inline]
    fn slice(&self, at: u64, length: usize) -> Result<&[u8]> {
        let bytes = self.bytes.get();
        let slice = usize::try_from(at).ok().and_then(|at| bytes.get(at..at.checked_add(length)?));
        slice.ok_or_else(|| beyond(at))
    }
}

#[cold]
#[inline(never)]
fn beyond(at: u64) -> Error {
    Error::new(ErrorCode::SetCorrupt, format!("byte {at} lies beyond the end of the file"))
}

/// Bits that only ever turn from 0 to 1.
struct Bitmap {
    words: Vec<AtomicU64>,
}

impl Bitmap {
    fn new(bits: usize) -> Result<Bitmap> {
        let count = bits.div_ceil(64);
        let mut words = Vec::new();
        words.try_reserve_exact(count).map_err(|_| map::too_large(8 * count as u64))?;
        words.resize_with(count, AtomicU64::default);
        Ok(Bitmap { words })
    }

    fn set(&self, bit: usize) {
        self.words[bit / 64].fetch_or(1 << (bit % 64), Ordering::Relaxed);
    }

    /// Whether all bits of `range` are 1. They are those of one word, nearly always.
    #[inline]
    fn all_set(&self, range: Range<usize>) -> bool {
        let mut bit = range.start;
        while bit < range.end {
            let (end, mask) = in_word(bit, range.end);
            // Nothing but the bit itself is published by it: the bytes it speaks of are immutable.
            if !self.words[bit / 64].load(Ordering::Relaxed) & mask != 0 {
                return false;
            }
            bit = end;
        }
        true
    }

    /// Calls `check` for each bit of `range` that is 0, and sets those for which it says `Ok`.
    fn each_clear(
        &self,
        range: Range<usize>,
        mut check: impl FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        let mut bit = range.start;
        while bit < range.end {
            let (end, mask) = in_word(bit, range.end);
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

/// The bits `bit..end` that lie in the word of the first, with `bit < end`: where they end, and a mask of them.
#[inline]
fn in_word(bit: usize, end: usize) -> (usize, u64) {
    let end = (bit / 64 * 64 + 64).min(end);
    (end, u64::MAX << (bit % 64) & (u64::MAX >> (63 - (end - 1) % 64)))
}

#[cfg(test)]
mod tests;
