//! An upload that arrives in pieces.

use std::fmt;
use std::io::{self, Read};

use crate::fingerprint::{Algorithms, Digester};

use super::Context;
use super::run::Run;

/// An upload that is arriving: its digests are computed while it does, and as much of it is kept as is examined in the end. [`Scanner::begin`](super::Scanner::begin) makes it,
/// [`Scanner::finish`](super::Scanner::finish) judges it; dropping it forgets it.
pub struct Upload {
    /// As the store was when it began.
    pub(super) run: Run,
    pub(super) context: Context,
    pub(super) wanted: Algorithms,
    pub(super) digester: Digester,
    /// The first bytes, as many as [`most`](Self::most).
    pub(super) kept: Vec<u8>,
    most: u64,
    /// Bytes so far.
    pub(super) length: u64,
}

impl Upload {
    /// `kept` lends its memory.
    pub(super) fn new(run: Run, context: Context, most: u64, mut kept: Vec<u8>) -> Upload {
        kept.clear();
        let wanted = run.wanted();
        Upload { run, context, wanted, digester: Digester::new(wanted), kept, most, length: 0 }
    }

    /// Takes the next piece. Of what is beyond the bytes that are examined only the digests are kept.
    pub fn update(&mut self, bytes: &[u8]) {
        let Upload { run, digester, .. } = self;
        run.step(|t| &mut t.digests, || digester.update(bytes));
        let wanted = usize::try_from(self.most.saturating_sub(self.length)).unwrap_or(usize::MAX);
        self.kept.extend_from_slice(bytes.get(..wanted).unwrap_or(bytes));
        self.length = self.length.saturating_add(bytes.len() as u64);
    }

    /// Takes all that a reader gives.
    pub(super) fn update_from(&mut self, reader: impl Read) -> io::Result<()> {
        let Upload { run, digester, kept, most, .. } = self;
        self.length +=
            run.step(|t| &mut t.digests, || digester.update_from(reader, *most, kept))?;
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
