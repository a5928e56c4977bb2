//! [`BlockWriter`]: passes the data on, and takes the checksum of each block of it.

use std::io::{self, Write};

use super::format::{BLOCK, CHECKSUM, checksum};
use super::options::{BuildPhase, Meter};
use super::threads::Threads;
use super::writer::zeros;

/// Bytes that are gathered before they are passed on: enough blocks for several threads.
const GATHERED: usize = 1024 * BLOCK;

pub(super) struct BlockWriter<'a, 'm, W> {
    out: W,
    gathered: Vec<u8>,
    checksums: Vec<u8>,
    written: u64,
    total: u64,
    threads: Threads<'a>,
    meter: &'a mut Meter<'m>,
    pub(super) phase: BuildPhase,
}

impl<'a, 'm, W: Write> BlockWriter<'a, 'm, W> {
    /// For so many bytes of data in all.
    pub(super) fn new(
        out: W,
        total: u64,
        threads: Threads<'a>,
        meter: &'a mut Meter<'m>,
    ) -> BlockWriter<'a, 'm, W> {
        let phase = BuildPhase::Writing;
        let gathered = Vec::with_capacity(GATHERED.min(total as usize));
        let checksums = Vec::with_capacity((total as usize).div_ceil(BLOCK) * CHECKSUM);
        BlockWriter { out, gathered, checksums, written: 0, total, threads, meter, phase }
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn pad_to(&mut self, offset: u64) -> io::Result<()> {
        zeros(self, offset - self.written)
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let done = self.written as f64 / self.total.max(1) as f64;
        self.meter.at(self.phase, done).map_err(io::Error::other)?;
        self.threads.append(&mut self.checksums, &self.gathered, BLOCK, checksum);
        self.out.write_all(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }

    /// The checksums of all blocks.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.pass_on()?;
        Ok(self.checksums)
    }
}

impl<W: Write> Write for BlockWriter<'_, '_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(GATHERED - self.gathered.len());
        self.gathered.extend_from_slice(&bytes[..n]);
        self.written += n as u64;
        if self.gathered.len() == GATHERED {
            self.pass_on()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
