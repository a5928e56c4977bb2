//! The stages that a query goes through, each a pass over what the one before has left.
//!
//! ```text
//! search(query, radius):                        scan: what a scan costs; whoever cannot pay is scanned for
//!     budgets = even(radius)                    if the costs of opening evenly filled buckets are above scan / 2: scan
//!     ask for the offsets of all keys           ask_offsets
//!     list the buckets that are not empty       list
//!     if they hold far more than expected:      open
//!         budgets = cheapest(radius); list      replan      left = scan / 4; pays for the plan, what it looks up, and the opening
//!     else:                                                 if opening is above scan / 2: scan.  left = max(scan / 4 - opening, scan / 16)
//!     while buckets are left:
//!         for bucket, from where the last sweep stopped:    Sweep
//!             ask for the bucket 16 further on
//!             for 32 entries: first test; pay for what passes, ask for its second chunk
//!             stop, anywhere, at 4096 that have passed
//!         for what has passed:                  pick
//!             second test; ask for the code of what passes again
//!     sort the rows, drop equal ones            settle      pay for each
//!     compare the codes                         radius.rs
//! ```
//!
//! To ask for something is to have the cache bring it, so that it is there when it is read a stage later. Of what is read, only the rows' numbers are
//! not asked for.

use std::ops::Range;

use crate::error::Result;
use crate::hamming::Code;

use super::chunks::{CHUNKS, Chunks, chunks};
use super::kernel::{Mask, STEP, Work, prefetch};
use super::layout::{ENTRY, corrupt};
use super::plan::{self, Budgets, Costs, MOST};
use super::{RadiusIndex, Touch};

/// Entries that have passed the first test before they are put to the second. This and the two constants below: by hand, on a prototype, no record.
pub(super) const PASSED: usize = 1 << 12;
/// Buckets between the one that is read and the one that is asked for.
pub(super) const AHEAD: usize = 16;
/// Most cache lines of a bucket's first column that are asked for. Beyond, the CPU itself sees that they are read one after the other, and fetches ahead.
const LINES: usize = 10;
const LINE: usize = 64;

/// One query of a batch.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) query: usize,
    pub(super) code: Code,
    pub(super) radius: u32,
    chunks: Chunks,
    budgets: Budgets,
    /// Its buckets that were not read to the end yet, among those of the batch.
    pub(super) range: Range<usize>,
    /// Entries of the first of them that were.
    place: usize,
    /// What a scan would cost.
    scan_cost: u64,
    /// What it may still spend on the index.
    left: u64,
    pub(super) scan: bool,
}

impl Job {
    /// Takes a cost from what it may spend; if that is not enough, it scans.
    #[inline]
    fn pay(&mut self, cost: u64) {
        match self.left.checked_sub(cost) {
            Some(left) => self.left = left,
            None => self.scan = true,
        }
    }
}

/// A bucket that is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// Where it begins, in bytes of the index.
    at: usize,
    count: u32,
    table: u8,
    /// Most bits in which the next chunk may differ.
    next: u8,
    /// Most bits in which the next chunk and the one after that may differ together.
    both: u8,
}

/// An entry that passed the first test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    bucket: u32,
    place: u32,
}

impl<T: Touch> RadiusIndex<'_, T> {
    /// Even budgets, if evenly filled buckets are not too dear to open; none if the query is to be scanned for.
    pub(super) fn budgets(&self, costs: &Costs, scan_cost: u64, radius: u32) -> Option<Budgets> {
        plan::even(radius).filter(|budgets| {
            let keys = self.keys(budgets);
            costs.opening(keys as u64, self.expected(keys)) <= scan_cost / 2
        })
    }

    /// A query before it has read anything.
    pub(super) fn job(
        &self,
        costs: &Costs,
        scan_cost: u64,
        query: usize,
        code: &Code,
        radius: u32,
    ) -> Job {
        let budgets = self.budgets(costs, scan_cost, radius);
        Job {
            query,
            code: *code,
            radius,
            chunks: chunks(code),
            budgets: budgets.unwrap_or_default(),
            range: 0..0,
            place: 0,
            scan_cost,
            left: scan_cost / 4,
            scan: budgets.is_none(),
        }
    }

    /// Number of keys within the budgets.
    pub(super) fn keys(&self, budgets: &Budgets) -> usize {
        let within = |b: &u8| plan::keys_within(usize::from(*b), self.layout.key_bits);
        budgets.iter().map(within).sum()
    }

    /// Entries of so many buckets, were all equally full.
    fn expected(&self, keys: usize) -> u64 {
        (keys as u64 * self.codes.len() as u64) >> self.layout.key_bits
    }

    /// Calls `each(table, distance, key)` for every key within the query's budgets.
    #[inline(always)]
    fn each_key(
        &self,
        job: &Job,
        mut each: impl FnMut(usize, u8, usize) -> Result<()>,
    ) -> Result<()> {
        for (table, (chunk, budget)) in job.chunks.iter().zip(&job.budgets).enumerate() {
            for distance in 0..*budget {
                for flip in plan::flips_at(usize::from(distance), self.layout.key_bits) {
                    each(table, distance, self.layout.key(chunk ^ flip))?;
                }
            }
        }
        Ok(())
    }

    /// Asks for the offsets of the buckets within the budgets.
    pub(super) fn ask_offsets(&self, job: &Job) {
        let _ = self.each_key(job, |table, _, key| {
            prefetch(self.bytes, self.layout.table(table) + 4 * key);
            Ok(())
        });
    }

    /// Lists the buckets within the budgets. If they hold too much, plans anew.
    pub(super) fn open(
        &self,
        costs: &Costs,
        job: &mut Job,
        buckets: &mut Vec<Bucket>,
    ) -> Result<()> {
        let start = buckets.len();
        let (keys, entries) = self.list(job, buckets)?;
        // Uneven enough to be worth a plan: by hand, no record.
        if entries > 3 * self.expected(keys) + 4000 {
            buckets.truncate(start);
            self.replan(costs, job, keys)?;
            if !job.scan {
                let (keys, entries) = self.list(job, buckets)?;
                job.pay(costs.opening(keys as u64, entries));
            }
        } else {
            let opening = costs.opening(keys as u64, entries);
            job.scan = opening > job.scan_cost / 2;
            // Where there is no skew few candidates are expected; a wide radius may have spent more than a quarter before it knows them.
            job.left = (job.scan_cost / 4).saturating_sub(opening).max(job.scan_cost / 16);
        }
        if job.scan {
            buckets.truncate(start);
        }
        job.range = start..buckets.len();
        Ok(())
    }

    /// Lists the buckets within the budgets that are not empty. Returns how many keys there are, and how many entries.
    fn list(&self, job: &Job, buckets: &mut Vec<Bucket>) -> Result<(usize, u64)> {
        let (mut keys, mut entries) = (0, 0);
        self.each_key(job, |table, distance, key| {
            let (at, count) = self.bucket(table, key)?;
            keys += 1;
            entries += u64::from(count);
            if count > 0 {
                let budget = |ahead: usize| job.budgets[(table + ahead) % CHUNKS];
                let next = budget(0) + budget(1) - 1 - distance;
                buckets.push(Bucket {
                    at,
                    count,
                    table: table as u8,
                    next,
                    both: next + budget(2),
                });
            }
            Ok(())
        })?;
        // The buckets of one table have no entry in common, unless the file is hostile.
        if entries > (CHUNKS * self.codes.len()) as u64 {
            return Err(corrupt("the radius index: its buckets overlap".into()));
        }
        Ok((keys, entries))
    }

    /// So many bytes of the index, from `at` on.
    #[inline(always)]
    fn read<const N: usize>(&self, at: usize) -> Result<&[u8; N]> {
        let bytes = self.bytes.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.ok_or_else(|| corrupt(format!("the radius index ends before its byte {at}")))
    }

    /// The code of a row that the index names.
    #[inline(always)]
    pub(super) fn code(&self, row: u32) -> Result<&Code> {
        self.codes.get(row as usize).ok_or_else(|| {
            corrupt(format!("the radius index names code {row} of {}", self.codes.len()))
        })
    }

    /// Where a bucket begins, and its number of entries.
    #[inline(always)]
    pub(super) fn bucket(&self, table: usize, key: usize) -> Result<(usize, u32)> {
        let at = self.layout.table(table);
        let bounds = at + 4 * key;
        self.touch.index(bounds..bounds + 8)?;
        let read = u64::from_le_bytes(*self.read(bounds)?);
        let (start, end) = (read as u32, (read >> 32) as u32);
        if start > end || end as usize > self.codes.len() {
            return Err(corrupt(format!(
                "the radius index: bucket {key} of table {table} runs from {start} to {end}, of {} entries",
                self.codes.len()
            )));
        }
        Ok((at + self.layout.offsets + start as usize * ENTRY, end - start))
    }

    /// Chooses the budgets by what the buckets of this query really hold.
    #[cold]
    fn replan(&self, costs: &Costs, job: &mut Job, listed: usize) -> Result<()> {
        let most = job.budgets.iter().max().map_or(0, |b| usize::from(*b) + 1).min(MOST);
        let key_bits = self.layout.key_bits;
        // To look up what everything holds, and to choose, costs something itself.
        let looked_up = listed + CHUNKS * plan::keys_within(most, key_bits);
        job.pay(costs.plan + looked_up as u64 * costs.look_up);
        if job.scan {
            return Ok(());
        }
        let mut cost = [[u64::MAX; MOST + 1]; CHUNKS];
        for (table, (cost, chunk)) in cost.iter_mut().zip(&job.chunks).enumerate() {
            cost[0] = 0;
            for distance in 0..most {
                let flips = plan::flips_at(distance, key_bits);
                let mut entries = 0;
                for flip in flips {
                    entries += u64::from(self.bucket(table, self.layout.key(chunk ^ flip))?.1);
                }
                cost[distance + 1] = cost[distance] + costs.buckets(flips.len() as u64, entries);
            }
        }
        match plan::cheapest(job.radius, &cost, most) {
            Some((budgets, total)) if total <= job.left => job.budgets = budgets,
            _ => job.scan = true,
        }
        Ok(())
    }

    /// Asks for the first column of a bucket.
    #[inline]
    pub(super) fn ask(&self, bucket: &Bucket) {
        let end = bucket.at + (2 * bucket.count as usize).min(LINES * LINE);
        let mut at = bucket.at;
        while at < end {
            prefetch(self.bytes, at);
            at = (at | (LINE - 1)) + 1;
        }
    }

    /// Second test: reads the chunk after next of what passed, and the row of what passes again. Its code is then on the way.
    pub(super) fn pick(
        &self,
        job: &Job,
        buckets: &[Bucket],
        passed: &[Passed],
        rows: &mut Vec<u32>,
    ) -> Result<()> {
        for Passed { bucket, place } in passed {
            let Bucket { at, count, table, both, .. } = buckets[*bucket as usize];
            let (count, place, table) = (count as usize, *place as usize, usize::from(table));
            let differs = |at: usize, ahead: usize| -> Result<u32> {
                let found = u16::from_le_bytes(*self.read(at)?);
                Ok((found ^ job.chunks[(table + ahead) % CHUNKS]).count_ones())
            };
            let both_differ = differs(at + 2 * place, 1)? + differs(at + 2 * (count + place), 2)?;
            if both_differ <= u32::from(both) {
                let row = u32::from_le_bytes(*self.read(at + 4 * (count + place))?);
                prefetch(self.code(row)?, 0);
                rows.push(row);
            }
        }
        Ok(())
    }

    /// Has each row once, has it paid for, and has its code touched.
    pub(super) fn settle(&self, costs: &Costs, job: &mut Job, rows: &mut Vec<u32>) -> Result<()> {
        rows.sort_unstable();
        rows.dedup();
        job.pay(rows.len() as u64 * costs.candidate);
        if !job.scan {
            for row in &*rows {
                let at = *row as usize * size_of::<Code>();
                self.touch.codes(at..at + size_of::<Code>())?;
            }
        }
        Ok(())
    }
}

/// First test: reads the next chunk of the entries of the query's buckets, until [`PASSED`] have passed or the query can pay for no more. Both may be
/// so within a bucket, which may hold most of all codes; the next sweep goes on where this one stopped.
pub(super) struct Sweep<'s, 'a, T> {
    pub(super) index: &'s RadiusIndex<'a, T>,
    pub(super) cost: u64,
    pub(super) job: &'s mut Job,
    pub(super) buckets: &'s [Bucket],
    pub(super) passed: &'s mut Vec<Passed>,
}

impl<T: Touch> Work for Sweep<'_, '_, T> {
    type Output = Result<()>;

    #[inline(always)]
    fn run(self, mask: impl Mask) -> Result<()> {
        let Sweep { index, cost, job, buckets, passed } = self;
        for number in job.range.clone() {
            let bucket = &buckets[number];
            let count = bucket.count as usize;
            let mut first = job.place;
            if first == 0 {
                if let Some(ahead) = buckets.get(number + AHEAD) {
                    index.ask(ahead);
                }
                index.touch.index(bucket.at..bucket.at + count * ENTRY)?;
            }
            let chunk = job.chunks[(usize::from(bucket.table) + 1) % CHUNKS];
            while first < count {
                // The bits of entries that are not of this bucket go.
                let mut near = mask.near(index.read(bucket.at + 2 * first)?, chunk, bucket.next)
                    & u32::MAX >> (STEP - (count - first).min(STEP));
                let step = first;
                first += STEP;
                if near == 0 {
                    continue;
                }
                job.pay(u64::from(near.count_ones()) * cost);
                while near != 0 {
                    let place = step + near.trailing_zeros() as usize;
                    near &= near - 1;
                    prefetch(index.bytes, bucket.at + 2 * (count + place));
                    passed.push(Passed { bucket: number as u32, place: place as u32 });
                }
                if job.scan || passed.len() >= PASSED {
                    (job.range.start, job.place) = (number, first);
                    return Ok(());
                }
            }
            (job.range.start, job.place) = (number + 1, 0);
        }
        Ok(())
    }
}
