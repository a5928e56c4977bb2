//! Building: one table at a time, by counting.
//!
//! ```text
//! count the codes of each key; the running sums are the offsets
//! for each code, ascending:  put its next chunk, the chunk after that and its row into the next free place of its bucket
//! ```
//!
//! A table depends on the codes alone, so they may be built in any order and side by side, with the same bytes.

use crate::error::{Error, ErrorCode, Result};
use crate::hamming::Code;

use super::chunks::{CHUNKS, chunk};
use super::layout::{ENTRY, HEADER, Layout};

/// Makes the index of some codes, part by part: header, tables, padding.
///
/// ```
/// use tamis::index::Builder;
/// let codes = [[0; 32], [1; 32]];
/// let builder = Builder::new(&codes)?;
/// assert_eq!(builder.to_bytes().len() as u64, Builder::length(2));
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Builder<'a> {
    codes: &'a [Code],
    layout: Layout,
}

impl<'a> Builder<'a> {
    /// Number of tables.
    pub const TABLES: usize = CHUNKS;

    /// Fewest codes for which a set is given an index. By hand, no record. By the costs of `plan.rs`, [`Strategy::Auto`](super::Strategy::Auto) uses
    /// it from there on with the portable instructions; with AVX2 and AVX-512 it scans up to 15,000 codes, at a radius of 31.
    pub const LEAST: usize = 4096;

    /// The index of some codes, which should be distinct, or equal ones cost as much as near ones.
    ///
    /// # Errors
    /// [`ErrorCode::SetTooLarge`] for more than 2^32 - 1 codes.
    pub fn new(codes: &'a [Code]) -> Result<Builder<'a>> {
        if u32::try_from(codes.len()).is_err() {
            return Err(Error::new(
                ErrorCode::SetTooLarge,
                "more than 2^32 - 1 codes; split the lists over several sets",
            ));
        }
        Ok(Builder { codes, layout: Layout::of(codes.len()) })
    }

    /// Bytes of the whole index of so many codes.
    pub fn length(codes: usize) -> u64 {
        Layout::of(codes).length()
    }

    /// Bytes that [`Builder::table`] returns for so many codes. While it works it takes 8 more for each key, half a megabyte at most.
    pub fn table_length(codes: usize) -> u64 {
        let layout = Layout::of(codes);
        layout.offsets as u64 + codes as u64 * ENTRY as u64
    }

    /// The first part.
    pub fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&self.layout.key_bits.to_le_bytes());
        header[4..8].copy_from_slice(&(self.codes.len() as u32).to_le_bytes());
        header
    }

    /// Table number `table`. They follow each other without padding.
    ///
    /// # Panics
    /// If there are not so many: [`Builder::TABLES`].
    pub fn table(&self, table: usize) -> Vec<u8> {
        assert!(table < CHUNKS, "table {table} of {CHUNKS}");
        let offsets = self.bounds(table);
        let mut bytes = vec![0; self.layout.offsets + self.codes.len() * ENTRY];
        let (head, buckets) = bytes.split_at_mut(self.layout.offsets);
        for (to, offset) in head.as_chunks_mut::<4>().0.iter_mut().zip(&offsets) {
            *to = offset.to_le_bytes();
        }
        // How many entries each bucket has got so far.
        let mut filled = vec![0u32; self.layout.keys()];
        for (row, code) in self.codes.iter().enumerate() {
            let [chunk, next, after] = [0, 1, 2].map(|ahead| chunk(code, (table + ahead) % CHUNKS));
            let key = self.layout.key(chunk);
            let (start, end) = (offsets[key] as usize, offsets[key + 1] as usize);
            let (first, length) = (start * ENTRY, end - start);
            let place = filled[key] as usize;
            filled[key] += 1;
            let mut put =
                |at: usize, what: &[u8]| buckets[at..at + what.len()].copy_from_slice(what);
            put(first + 2 * place, &next.to_le_bytes());
            put(first + 2 * (length + place), &after.to_le_bytes());
            put(first + 4 * (length + place), &(row as u32).to_le_bytes());
        }
        bytes
    }

    /// Bytes of zeros after the last table.
    pub fn padding(&self) -> usize {
        let tables = CHUNKS as u64 * Builder::table_length(self.codes.len());
        (self.layout.length() - HEADER as u64 - tables) as usize
    }

    /// All parts.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.header().to_vec();
        for table in 0..CHUNKS {
            bytes.extend(self.table(table));
        }
        bytes.resize(bytes.len() + self.padding(), 0);
        bytes
    }

    /// Where each bucket begins, and where the last ends.
    fn bounds(&self, table: usize) -> Vec<u32> {
        let mut bounds = vec![0u32; self.layout.keys() + 1];
        for code in self.codes {
            bounds[self.layout.key(chunk(code, table)) + 1] += 1;
        }
        let mut sum = 0;
        for bound in &mut bounds {
            sum += *bound;
            *bound = sum;
        }
        bounds
    }
}
