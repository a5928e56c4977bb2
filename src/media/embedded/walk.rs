//! A walk through one container: what is left of the budget, the clock, what was missed.

use std::time::Instant;

use memchr::memmem;

use super::{Budget, Coverage, Embedded, Place};
use crate::media::class::{MediaClass, Unscannable};
use crate::media::sniff::sniff;

/// Bytes of work between two looks at the clock.
pub(super) const STEP: usize = 64 << 10;
/// Bytes of a part that say whether it is a picture: the signatures of pictures and archives, and that of a PDF behind junk, end before.
pub(super) const HEAD: usize = 1024;

/// The walk is over. Why has been noted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop;

/// What a part of a container is, by its first [`HEAD`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Picture,
    /// A container: not opened.
    Container,
    Other,
}

impl Part {
    pub(super) fn of(bytes: &[u8]) -> Part {
        match sniff(bytes.get(..HEAD).unwrap_or(bytes)).class {
            MediaClass::Image | MediaClass::Animation => Part::Picture,
            MediaClass::Archive | MediaClass::Pdf => Part::Container,
            _ => Part::Other,
        }
    }
}

pub(super) struct Walk<'f> {
    found: &'f mut dyn FnMut(Embedded<'_>),
    left: Budget,
    /// Work since the last look at the clock. It starts so that the first work looks.
    unchecked: usize,
    coverage: Coverage,
}

impl<'f> Walk<'f> {
    pub(super) fn new(budget: &Budget, found: &'f mut dyn FnMut(Embedded<'_>)) -> Self {
        Walk { found, left: *budget, unchecked: STEP, coverage: Coverage::default() }
    }

    pub(super) fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// Notes that a part was not looked at. The walk goes on.
    pub(super) fn miss(&mut self, reason: Unscannable) {
        self.coverage.missed = self.coverage.missed.max(Some(reason));
    }

    pub(super) fn stop(&mut self, reason: Unscannable) -> Stop {
        self.miss(reason);
        Stop
    }

    /// One more member, object or segment.
    pub(super) fn entry(&mut self) -> Result<(), Stop> {
        let Some(left) = self.left.entries.checked_sub(1) else {
            return Err(self.stop(Unscannable::Limit));
        };
        self.left.entries = left;
        self.work(64)
    }

    /// About as much work as reading so many bytes.
    pub(super) fn work(&mut self, bytes: usize) -> Result<(), Stop> {
        self.unchecked = self.unchecked.saturating_add(bytes);
        if self.unchecked >= STEP {
            self.unchecked = 0;
            if self.left.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(self.stop(Unscannable::Timeout));
            }
        }
        Ok(())
    }

    /// Bytes that may still be inflated or copied.
    pub(super) fn bytes_left(&self) -> usize {
        usize::try_from(self.left.bytes).unwrap_or(usize::MAX)
    }

    /// Takes bytes from the budget: at most what is left of it.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Stop> {
        self.left.bytes = self.left.bytes.saturating_sub(bytes as u64);
        self.work(bytes)
    }

    /// Whether there is room for one more picture; asked before anything is spent on it.
    pub(super) fn expect_picture(&mut self) -> Result<(), Stop> {
        if self.left.pictures == 0 { Err(self.stop(Unscannable::Limit)) } else { Ok(()) }
    }

    /// Hands over a picture of a container.
    pub(super) fn hand_over(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.hand_over_from(Place::Member(self.coverage.pictures), bytes)
    }

    pub(super) fn hand_over_from(&mut self, place: Place, bytes: &[u8]) -> Result<(), Stop> {
        self.expect_picture()?;
        self.left.pictures -= 1;
        self.coverage.pictures += 1;
        (self.found)(Embedded { place, bytes });
        // What the caller did with it may have taken long.
        self.work(STEP)
    }

    /// Where `needle` stands next, at or behind `from`.
    pub(super) fn find(
        &mut self,
        bytes: &[u8],
        from: usize,
        needle: &memmem::Finder<'_>,
    ) -> Result<Option<usize>, Stop> {
        let mut at = from;
        while at < bytes.len() {
            let end = at.saturating_add(STEP).min(bytes.len());
            // A needle may lie across the end of the step.
            let window =
                end.saturating_add(needle.needle().len().saturating_sub(1)).min(bytes.len());
            match bytes.get(at..window).and_then(|window| needle.find(window)) {
                Some(offset) => {
                    self.work(offset)?;
                    return Ok(Some(at + offset));
                }
                None => self.work(end - at)?,
            }
            at = end;
        }
        Ok(None)
    }
}
