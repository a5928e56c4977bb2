//! Where the markers of an upload stand. A few bytes of picture may come with as much else as an upload may have, so the
//! clock is looked at on the way.

use std::time::Instant;

use memchr::memchr;

use crate::media::class::Unscannable;
use crate::media::walk::be16;

/// Most bytes that are passed over between two looks at the clock.
const STRIDE: usize = 64 << 10;

/// A walk over an upload, forwards only.
pub(super) struct Markers<'a> {
    bytes: &'a [u8],
    /// When the walk must be over.
    pub(super) deadline: Option<Instant>,
    /// Where the clock is looked at next.
    look: usize,
}

impl<'a> Markers<'a> {
    pub(super) fn new(bytes: &'a [u8], deadline: Option<Instant>) -> Self {
        Markers { bytes, deadline, look: STRIDE }
    }

    /// The next marker from `at` on, and where its segment starts; none up to the end of the upload. Stray bytes and
    /// filling before it are passed over.
    ///
    /// # Errors
    /// `Timeout`, as everywhere here.
    pub(super) fn next(&mut self, mut at: usize) -> Result<Option<(u8, usize)>, Unscannable> {
        loop {
            let Some(ff) = self.find_ff(at)? else { return Ok(None) };
            match self.behind_ff(ff)? {
                Some((0, behind)) => at = behind,
                found => return Ok(found),
            }
        }
    }

    /// The contents of a segment whose length stands at `at`.
    pub(super) fn segment(&self, at: usize) -> Option<&'a [u8]> {
        let length = be16(self.bytes, at)? as usize;
        self.bytes.get(at + 2..at + length.max(2))
    }

    /// Where the entropy-coded data from `at` on ends, at a marker that is not a restart or with the upload, and how many
    /// restart markers are in it.
    pub(super) fn end_of_scan(&mut self, at: usize) -> Result<(usize, u64), Unscannable> {
        let (mut from, mut restarts) = (at, 0);
        while let Some(ff) = self.find_ff(from)? {
            from = match self.behind_ff(ff)? {
                Some((0, behind)) => behind,
                Some((0xd0..=0xd7, behind)) => {
                    restarts += 1;
                    behind
                }
                _ => return Ok((ff, restarts)),
            };
        }
        Ok((self.bytes.len(), restarts))
    }

    fn find_ff(&mut self, at: usize) -> Result<Option<usize>, Unscannable> {
        // One follows the other where there is nothing else; that is not worth a search.
        if self.bytes.get(at) == Some(&0xff) && at < self.look {
            return Ok(Some(at));
        }
        self.find(at, |stride| memchr(0xff, stride))
    }

    /// The byte behind the 0xff at `at` and those that fill up, and where what follows it starts.
    fn behind_ff(&mut self, at: usize) -> Result<Option<(u8, usize)>, Unscannable> {
        let found = match self.bytes.get(at + 1) {
            Some(0xff) => self.find(at + 1, |stride| stride.iter().position(|b| *b != 0xff))?,
            Some(_) => Some(at + 1),
            None => None,
        };
        Ok(found.map(|found| (self.bytes[found], found + 1)))
    }

    /// Looks for something from `at` on, stride by stride.
    fn find(
        &mut self,
        mut at: usize,
        within: impl Fn(&[u8]) -> Option<usize>,
    ) -> Result<Option<usize>, Unscannable> {
        while at < self.bytes.len() {
            if at >= self.look {
                if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Err(Unscannable::Timeout);
                }
                self.look = at.saturating_add(STRIDE);
            }
            let end = self.look.min(self.bytes.len());
            match within(&self.bytes[at..end]) {
                Some(found) => return Ok(Some(at + found)),
                None => at = end,
            }
        }
        Ok(None)
    }
}
