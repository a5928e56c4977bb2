//! The bytes of an index: where things stand, and reading them without trusting them.
//!
//! ```text
//! header     64 bytes: key bits (4), number of codes n (4), zeros
//! 16 tables, one after the other, each:
//!     offsets    2^key bits + 1 numbers of 4 bytes, padded with zeros to a multiple of 64
//!     buckets    8 n bytes: the buckets in the order of their keys
//! padding    64 zeros or more, up to a multiple of 64, so that a kernel may read past a bucket
//! ```
//!
//! Bucket `k` of a table holds its entries `offset[k]..offset[k + 1]`, in three columns, one after the other: the next
//! chunk of each (2 bytes), the chunk after that (2 bytes), the row of the code (4 bytes, ascending).

use crate::error::{Error, ErrorCode, Result};

use super::chunks::CHUNKS;

/// Bytes of the header.
pub(super) const HEADER: usize = 64;
/// Least bytes after the last bucket: as many as a kernel reads at once.
pub(super) const PADDING: usize = 64;
/// Bytes of one entry of a bucket, over its three columns.
pub(super) const ENTRY: usize = 8;

/// Where the parts of an index stand. Made only of numbers that fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Number of codes.
    pub(super) codes: usize,
    /// Bits of a chunk that are its key: the lower ones.
    pub(super) key_bits: u32,
    /// Bytes of the offsets of one table.
    pub(super) offsets: usize,
}

impl Layout {
    /// As a builder chooses it: buckets of 16 to 32 entries on average, until keys are whole chunks.
    pub(super) fn of(codes: usize) -> Layout {
        let log = codes.checked_ilog2().unwrap_or(0);
        Layout::new(codes, log.saturating_sub(4).clamp(8, 16))
    }

    fn new(codes: usize, key_bits: u32) -> Layout {
        Layout { codes, key_bits, offsets: (4 * ((1usize << key_bits) + 1)).next_multiple_of(64) }
    }

    /// Reads the header of an index of so many codes.
    pub(super) fn read(bytes: &[u8], codes: usize) -> Result<Layout> {
        let header = bytes.first_chunk::<8>().map_or(0, |b| u64::from_le_bytes(*b));
        let (key_bits, stated) = (header as u32, header >> 32);
        if !(1..=16).contains(&key_bits) || stated != codes as u64 {
            return Err(corrupt(format!(
                "the radius index says {key_bits} key bits and {stated} codes; expected 1 to 16 key bits and {codes} codes"
            )));
        }
        let layout = Layout::new(codes, key_bits);
        if bytes.len() as u64 != layout.length() {
            return Err(corrupt(format!(
                "the radius index has {} bytes; expected {} for {codes} codes and {key_bits} key bits",
                bytes.len(),
                layout.length()
            )));
        }
        Ok(layout)
    }

    pub(super) fn keys(&self) -> usize {
        1 << self.key_bits
    }

    #[inline(always)]
    pub(super) fn key(&self, chunk: u16) -> usize {
        usize::from(chunk) & (self.keys() - 1)
    }

    /// Where table number `table` begins: with its offsets.
    #[inline(always)]
    pub(super) fn table(&self, table: usize) -> usize {
        HEADER + table * (self.offsets + self.codes * ENTRY)
    }

    /// Bytes in all. In 64 bits wherever this runs: a file may say more than memory can hold.
    pub(super) fn length(&self) -> u64 {
        let table = self.offsets as u64 + ENTRY as u64 * self.codes as u64;
        (HEADER as u64 + CHUNKS as u64 * table).next_multiple_of(64) + PADDING as u64
    }
}

#[cold]
pub(super) fn corrupt(message: String) -> Error {
    Error::new(ErrorCode::SetCorrupt, message)
}
