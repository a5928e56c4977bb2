//! Whether an index is that of its codes: a walk over all of it, in no memory of its own.

use crate::error::Result;

use super::chunks::{CHUNKS, chunks};
use super::layout::{ENTRY, HEADER, corrupt};
use super::{RadiusIndex, Touch};

impl<T: Touch> RadiusIndex<'_, T> {
    /// Whether every table holds every code, once, in the bucket of its key, with its next two chunks beside it. `progress` is called with the number
    /// of tables done.
    ///
    /// Buckets follow each other without a gap and hold as many entries as there are codes, rows ascend within a bucket, and each stands in the bucket of
    /// its own key: so no two entries of a table have the same row, and none is missing.
    ///
    /// # Errors
    /// Those of `T`, and [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt), naming the first fault.
    pub fn verify(&self, progress: &mut dyn FnMut(usize)) -> Result<()> {
        self.touch.codes(0..size_of_val(self.codes))?;
        self.touch.index(0..self.bytes.len())?;
        for table in 0..CHUNKS {
            let mut end = self.layout.table(table) + self.layout.offsets;
            let tables_end = end + self.codes.len() * ENTRY;
            let padding = self.layout.table(table) + 4 * (self.layout.keys() + 1);
            self.zero(padding..end)?;
            for key in 0..self.layout.keys() {
                let (start, count) = self.bucket(table, key)?;
                if start != end {
                    return Err(corrupt(format!(
                        "the radius index: bucket {key} of table {table} does not begin where the last one ends"
                    )));
                }
                end += count as usize * ENTRY;
                self.verify_bucket(table, key, start, count as usize)?;
            }
            if end != tables_end {
                return Err(corrupt(format!("the radius index: table {table} lacks codes")));
            }
            progress(table + 1);
        }
        self.zero(self.layout.table(CHUNKS)..self.bytes.len())
    }

    fn verify_bucket(&self, table: usize, key: usize, at: usize, count: usize) -> Result<()> {
        let fault = |place: usize| {
            corrupt(format!(
                "the radius index: entry {place} of bucket {key} of table {table} is not of a code of that key, or out of order"
            ))
        };
        let bytes = self.bytes.get(at..at + count * ENTRY).unwrap_or_default();
        let (near, rows) = bytes.split_at(bytes.len() / 2);
        let (first, second) = near.split_at(near.len() / 2);
        let columns = first.as_chunks::<2>().0.iter().zip(second.as_chunks::<2>().0);
        let mut least = 0;
        for (place, (row, (next, after))) in rows.as_chunks::<4>().0.iter().zip(columns).enumerate()
        {
            let row = u32::from_le_bytes(*row) as usize;
            let code = self.codes.get(row).filter(|_| row >= least).ok_or_else(|| fault(place))?;
            least = row + 1;
            let chunks = chunks(code);
            let beside = [*next, *after].map(u16::from_le_bytes);
            let expected = [1, 2].map(|ahead| chunks[(table + ahead) % CHUNKS]);
            if self.layout.key(chunks[table]) != key || beside != expected {
                return Err(fault(place));
            }
        }
        Ok(())
    }

    fn zero(&self, range: std::ops::Range<usize>) -> Result<()> {
        match self.bytes.get(range) {
            Some(bytes) if bytes.iter().all(|b| *b == 0) => Ok(()),
            _ => Err(corrupt("the radius index: its padding is not zero".into())),
        }
    }

    /// The part of the header that this version gives no meaning.
    pub fn reserved(&self) -> &[u8] {
        self.bytes.get(8..HEADER).unwrap_or_default()
    }
}
