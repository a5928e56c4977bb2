//! The search itself: the stages of the [room](super)'s method over a batch of queries.

use std::ops::Range;

use crate::error::Result;
use crate::hamming::{Code, Isa, distance};

use super::chunks::{CHUNKS, Chunks, chunks};
use super::kernel::{Kernel, Mask, STEP, Work, prefetch};
use super::layout::{ENTRY, Layout, corrupt};
use super::plan::{self, Budgets, Costs, MOST};
use super::{Builder, Method, Near, Touch};

/// Queries whose stages are done side by side, so that one waits for memory while another works.
const BATCH: usize = 16;
/// Buckets between the one that is read and the one that is asked for.
const AHEAD: usize = 16;
/// Most cache lines of a bucket's first column that are asked for. A reader of more has the hardware's help.
const LINES: usize = 10;
const LINE: usize = 64;

/// A radius index over some codes: slices in, rows out.
#[derive(Clone, Copy, Debug)]
pub struct RadiusIndex<'a, T> {
    codes: &'a [Code],
    bytes: &'a [u8],
    layout: Layout,
    touch: T,
}

/// What a search keeps from call to call, so that it need not ask for memory.
#[derive(Debug, Default)]
pub struct Buffers {
    jobs: Vec<Job>,
    buckets: Vec<Bucket>,
    passed: Vec<Passed>,
    rows: Vec<u32>,
    scans: Vec<usize>,
}

impl Buffers {
    /// Gives back memory beyond so many elements in each.
    pub fn shrink_to(&mut self, elements: usize) {
        self.buckets.clear();
        self.buckets.shrink_to(elements);
        self.passed.clear();
        self.passed.shrink_to(elements);
        self.rows.clear();
        self.rows.shrink_to(elements);
    }
}

/// How a call goes about it.
struct Way {
    kernel: Kernel,
    costs: Costs,
    method: Method,
}

/// One query of a batch.
#[derive(Clone, Debug)]
struct Job {
    query: usize,
    code: Code,
    radius: u32,
    chunks: Chunks,
    budgets: Budgets,
    /// Its openings, later its buckets.
    range: Range<usize>,
    /// What a scan would cost.
    scan_cost: u64,
    /// What it may still spend on the index.
    left: u64,
    scan: bool,
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
struct Bucket {
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
struct Passed {
    bucket: u32,
    place: u32,
}

impl<'a, T: Touch> RadiusIndex<'a, T> {
    /// The index of `codes` that is in `bytes`, as [`Builder`](super::Builder) made it. Nothing but its header is read.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt) if it is not the index of so many codes.
    pub fn new(codes: &'a [Code], bytes: &'a [u8], touch: T) -> Result<Self> {
        touch.index(0..super::layout::HEADER.min(bytes.len()))?;
        Ok(RadiusIndex { codes, bytes, layout: Layout::read(bytes, codes.len())?, touch })
    }

    /// Appends to `found` every pair of a query and a code that are within the query's radius, sorted by row, then query.
    ///
    /// `queries` are codes with radii, of any size; above 256 bits a radius means 256.
    ///
    /// # Errors
    /// Those of `T`, and [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt) if an offset or a row is out of bounds. What was appended is then
    /// not the answer.
    pub fn within(
        &self,
        isa: Isa,
        method: Method,
        queries: &[(Code, u32)],
        buffers: &mut Buffers,
        found: &mut Vec<Near>,
    ) -> Result<()> {
        let first = found.len();
        let way = Way { kernel: Kernel::of(isa), costs: Costs::of(isa), method };
        for (number, batch) in queries.chunks(BATCH).enumerate() {
            self.batch(&way, number * BATCH, batch, buffers, found)?;
            if !buffers.scans.is_empty() {
                self.scan(isa, queries, &buffers.scans, found)?;
            }
        }
        found[first..].sort_unstable_by_key(|near| (near.row, near.query));
        Ok(())
    }

    /// The queries of one batch, of which the first has the number `first`. Those that are to be scanned for are left in `buffers`.
    fn batch(
        &self,
        way: &Way,
        first: usize,
        queries: &[(Code, u32)],
        buffers: &mut Buffers,
        found: &mut Vec<Near>,
    ) -> Result<()> {
        let Buffers { jobs, buckets, passed, rows, scans, .. } = buffers;
        jobs.clear();
        buckets.clear();
        scans.clear();
        let Way { kernel, costs, method } = way;
        let scan_cost = match method {
            Method::Auto => costs.scan(self.codes.len(), queries.len()),
            Method::Index => u64::MAX,
            Method::Scan => 0,
        };
        for (i, (code, radius)) in queries.iter().enumerate() {
            let job = self.job(costs, scan_cost, first + i, code, *radius);
            if !job.scan {
                self.ask_offsets(&job);
            }
            jobs.push(job);
        }
        for job in &mut *jobs {
            if !job.scan {
                self.open(costs, job, buckets)?;
            }
        }
        for bucket in buckets.iter().take(AHEAD) {
            self.ask(bucket);
        }
        for job in &mut *jobs {
            passed.clear();
            if !job.scan {
                kernel.run(Sweep { index: self, cost: costs.passed, job, buckets, passed })?;
            }
            if !job.scan {
                self.pick(costs, job, buckets, passed, rows)?;
            }
            if job.scan {
                scans.push(job.query);
                continue;
            }
            for row in rows.iter() {
                let distance = match self.codes.get(*row as usize) {
                    Some(code) => distance(code, &job.code),
                    None => continue,
                };
                if distance <= job.radius {
                    found.push(Near { query: job.query, row: *row as usize, distance });
                }
            }
        }
        Ok(())
    }

    /// A query with even budgets; to be scanned for, if evenly filled buckets were too dear already.
    fn job(&self, costs: &Costs, scan_cost: u64, query: usize, code: &Code, radius: u32) -> Job {
        let budgets = plan::even(radius);
        let affordable = budgets.is_some_and(|budgets| {
            let keys_within = |b: &u8| plan::keys_within(usize::from(*b), self.layout.key_bits);
            let keys: usize = budgets.iter().map(keys_within).sum();
            costs.opening(keys as u64, self.expected(keys)) <= scan_cost / 2
        });
        Job {
            query,
            code: *code,
            radius,
            chunks: chunks(code),
            budgets: budgets.unwrap_or_default(),
            range: 0..0,
            scan_cost,
            left: scan_cost / 4,
            scan: !affordable,
        }
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
    fn ask_offsets(&self, job: &Job) {
        let _ = self.each_key(job, |table, _, key| {
            prefetch(self.bytes, self.layout.table(table) + 4 * key);
            Ok(())
        });
    }

    /// Lists the buckets within the budgets. If they hold too much, plans anew.
    fn open(&self, costs: &Costs, job: &mut Job, buckets: &mut Vec<Bucket>) -> Result<()> {
        let start = buckets.len();
        let (keys, entries) = self.list(job, buckets)?;
        if entries > 3 * self.expected(keys) + 4000 {
            buckets.truncate(start);
            self.replan(costs, job)?;
            if !job.scan {
                self.list(job, buckets)?;
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
        Ok((keys, entries))
    }

    /// Where a bucket begins, and its number of entries.
    #[inline(always)]
    fn bucket(&self, table: usize, key: usize) -> Result<(usize, u32)> {
        let at = self.layout.table(table);
        let bounds = at + 4 * key;
        self.touch.index(bounds..bounds + 8)?;
        let read = self.bytes.get(bounds..).and_then(|b| b.first_chunk::<8>());
        let read = read.map_or(u64::MAX, |b| u64::from_le_bytes(*b));
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
    fn replan(&self, costs: &Costs, job: &mut Job) -> Result<()> {
        let most = job.budgets.iter().max().map_or(0, |b| usize::from(*b) + 1).min(MOST);
        let key_bits = self.layout.key_bits;
        // To look up what everything holds costs something itself.
        job.pay((CHUNKS * plan::keys_within(most, key_bits)) as u64 * costs.look_up);
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
        match plan::cheapest(job.radius, &cost) {
            Some((budgets, total)) => {
                job.budgets = budgets;
                job.pay(total);
            }
            None => job.scan = true,
        }
        Ok(())
    }

    /// Asks for the first column of a bucket.
    #[inline]
    fn ask(&self, bucket: &Bucket) {
        let end = bucket.at + (2 * bucket.count as usize).min(LINES * LINE);
        let mut at = bucket.at;
        while at < end {
            prefetch(self.bytes, at);
            at = (at | (LINE - 1)) + 1;
        }
    }

    /// Second test: reads the chunk after next of what passed, and the row of what passes again. The rows are then distinct, their codes on the way.
    fn pick(
        &self,
        costs: &Costs,
        job: &mut Job,
        buckets: &[Bucket],
        passed: &[Passed],
        rows: &mut Vec<u32>,
    ) -> Result<()> {
        rows.clear();
        for Passed { bucket, place } in passed {
            let Bucket { at, count, table, both, .. } = buckets[*bucket as usize];
            let (count, place, table) = (count as usize, *place as usize, usize::from(table));
            let chunk = |at: usize, ahead: usize| -> u32 {
                let bytes = self.bytes.get(at..).and_then(|b| b.first_chunk::<2>());
                let found = bytes.map_or(0, |b| u16::from_le_bytes(*b));
                (found ^ job.chunks[(table + ahead) % CHUNKS]).count_ones()
            };
            let differ = chunk(at + 2 * place, 1) + chunk(at + 2 * (count + place), 2);
            if differ <= u32::from(both) {
                let row =
                    self.bytes.get(at + 4 * (count + place)..).and_then(|b| b.first_chunk::<4>());
                let row = row.map_or(u32::MAX, |b| u32::from_le_bytes(*b));
                if row as usize >= self.codes.len() {
                    return Err(corrupt(format!(
                        "the radius index names code {row} of {}",
                        self.codes.len()
                    )));
                }
                prefetch(self.codes.as_flattened(), row as usize * size_of::<Code>());
                rows.push(row);
            }
        }
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

    /// Scans for the queries of the batch that gave up the index, all in one pass.
    fn scan(
        &self,
        isa: Isa,
        queries: &[(Code, u32)],
        scans: &[usize],
        found: &mut Vec<Near>,
    ) -> Result<()> {
        self.touch.codes(0..size_of_val(self.codes))?;
        let first = found.len();
        let asked: Vec<(Code, u32)> = scans.iter().map(|query| queries[*query]).collect();
        super::scan(isa, self.codes, &asked, found);
        for near in &mut found[first..] {
            near.query = scans[near.query];
        }
        Ok(())
    }

    /// Compares the index with one that is made anew. `progress` is called with the number of tables done.
    ///
    /// # Errors
    /// Those of `T`, and [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt) if it is not what [`Builder`] makes of the codes.
    pub fn verify(&self, progress: &mut dyn FnMut(usize)) -> Result<()> {
        self.touch.codes(0..size_of_val(self.codes))?;
        self.touch.index(0..self.bytes.len())?;
        let builder = Builder::new(self.codes)?;
        let fault =
            |what: String| corrupt(format!("the radius index: {what} is not that of the codes"));
        let header = builder.header();
        let (head, mut rest) = self.bytes.split_at(header.len().min(self.bytes.len()));
        if head != header {
            return Err(fault("its header".into()));
        }
        for number in 0..Builder::TABLES {
            let table = builder.table(number);
            match rest.split_at_checked(table.len()) {
                Some((found, after)) if found == table => rest = after,
                _ => return Err(fault(format!("table {number}"))),
            }
            progress(number + 1);
        }
        if rest.len() != builder.padding() || rest.iter().any(|b| *b != 0) {
            return Err(fault("its padding".into()));
        }
        Ok(())
    }
}

/// First test: reads the next chunk of every entry of the query's buckets.
struct Sweep<'s, 'a, T> {
    index: &'s RadiusIndex<'a, T>,
    cost: u64,
    job: &'s mut Job,
    buckets: &'s [Bucket],
    passed: &'s mut Vec<Passed>,
}

impl<T: Touch> Work for Sweep<'_, '_, T> {
    type Output = Result<()>;

    #[inline(always)]
    fn run(self, mask: impl Mask) -> Result<()> {
        let Sweep { index, cost, job, buckets, passed } = self;
        for number in job.range.clone() {
            if let Some(ahead) = buckets.get(number + AHEAD) {
                index.ask(ahead);
            }
            let bucket = &buckets[number];
            let count = bucket.count as usize;
            index.touch.index(bucket.at..bucket.at + count * ENTRY)?;
            let chunk = job.chunks[(usize::from(bucket.table) + 1) % CHUNKS];
            let before = passed.len();
            let mut first = 0;
            while first < count {
                let step = index.bytes.get(bucket.at + 2 * first..).and_then(|b| b.first_chunk());
                let Some(step) = step else {
                    return Err(corrupt("the radius index ends within a bucket".into()));
                };
                // The bits of entries that are not of this bucket go.
                let mut near = mask.near(step, chunk, bucket.next)
                    & u32::MAX >> (STEP - (count - first).min(STEP));
                while near != 0 {
                    let place = first + near.trailing_zeros() as usize;
                    near &= near - 1;
                    prefetch(index.bytes, bucket.at + 2 * (count + place));
                    passed.push(Passed { bucket: number as u32, place: place as u32 });
                }
                first += STEP;
            }
            if passed.len() > before {
                job.pay((passed.len() - before) as u64 * cost);
                if job.scan {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
