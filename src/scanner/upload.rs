//! An upload that arrives in pieces.

use std::fmt;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::fingerprint::{Algorithms, Digester};

/// An upload that is arriving: its digests are computed while it does, and as much of it is held in memory as is examined in the end. [`Scanner::begin`](super::Scanner::begin)
/// makes it, [`Scanner::finish`](super::Scanner::finish) judges it; dropping it forgets it.
pub struct Upload {
    /// The digests that the store held when it began.
    pub(super) wanted: Algorithms,
    pub(super) digester: Digester,
    /// The first bytes, as many as [`most`](Self::most).
    pub(super) kept: Vec<u8>,
    most: u64,
    /// Bytes so far.
    pub(super) length: u64,
    /// How long the digests have taken so far.
    pub(super) took: Duration,
}

impl Upload {
    /// `kept` lends its memory.
    pub(super) fn new(wanted: Algorithms, most: u64, mut kept: Vec<u8>) -> Upload {
        kept.clear();
        let (digester, took) = (Digester::new(wanted), Duration::ZERO);
        Upload { wanted, digester, kept, most, length: 0, took }
    }

    /// Takes the next piece. Of what is beyond the bytes that are examined only the digests are kept.
    pub fn update(&mut self, bytes: &[u8]) {
        let began = Instant::now();
        self.digester.update(bytes);
        self.took += began.elapsed();
        let wanted = usize::try_from(self.most.saturating_sub(self.length)).unwrap_or(usize::MAX);
        self.kept.extend_from_slice(bytes.get(..wanted).unwrap_or(bytes));
        self.length = self.length.saturating_add(bytes.len() as u64);
    }

    /// Takes all that a reader gives.
    pub(super) fn update_from(&mut self, reader: impl Read) -> io::Result<()> {
        let began = Instant::now();
        self.length += self.digester.update_from(reader, self.most, &mut self.kept)?;
        self.took += began.elapsed();
        Ok(())
    }

    /// How many bytes have come so far.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether none has come yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Nothing of its contents.
impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("length", &self.length).finish_non_exhaustive()
    }
}
