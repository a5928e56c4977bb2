//! The index as its users see it, and how the queries of a call are led through the stages.

use crate::error::Result;
use crate::hamming::{Code, Isa, distance};

use super::kernel::Kernel;
use super::layout::{HEADER, Layout};
use super::plan::{self, Costs};
use super::stages::{AHEAD, Bucket, Job, Passed, Sweep};
use super::{Near, Strategy, Touch};

/// Queries whose offsets are asked for, and whose buckets are listed, before the first of them is swept. What that gains was not measured by itself;
/// the records show eight queries in one call to take eight times as long as one.
const BATCH: usize = 16;
/// Keys that are looked up together at most, unless one query has more. By hand, no record.
const KEYS: usize = 1 << 13;

/// A radius index over some codes: slices in, rows out.
#[derive(Clone, Copy, Debug)]
pub struct RadiusIndex<'a, T> {
    pub(super) codes: &'a [Code],
    pub(super) bytes: &'a [u8],
    pub(super) layout: Layout,
    pub(super) touch: T,
}

/// What a search keeps from call to call, so that it need not ask for memory.
#[derive(Debug, Default)]
pub struct Buffers {
    pub(super) jobs: Vec<Job>,
    buckets: Vec<Bucket>,
    pub(super) passed: Vec<Passed>,
    rows: Vec<u32>,
    pub(super) scans: Vec<usize>,
}

impl Buffers {
    /// Empties all of them, and gives back memory beyond so many elements in each.
    pub(crate) fn shrink_to(&mut self, elements: usize) {
        fn shrink<E>(buffer: &mut Vec<E>, elements: usize) {
            buffer.clear();
            buffer.shrink_to(elements);
        }
        shrink(&mut self.jobs, elements);
        shrink(&mut self.buckets, elements);
        shrink(&mut self.passed, elements);
        shrink(&mut self.rows, elements);
        shrink(&mut self.scans, elements);
    }
}

/// How a call goes about it.
struct Way {
    kernel: Kernel,
    costs: Costs,
    /// What the share of a query in a scan costs: nothing, if there is to be a scan, and more than anything, if there must not be one.
    scan_cost: u64,
}

impl Way {
    fn new(isa: Isa, strategy: Strategy, codes: usize, queries: usize) -> Way {
        let costs = Costs::of(isa);
        let scan_cost = match strategy {
            Strategy::Auto => costs.scan(codes, queries),
            Strategy::Index => u64::MAX,
            Strategy::Scan => 0,
        };
        Way { kernel: Kernel::of(isa), costs, scan_cost }
    }
}

impl<'a, T: Touch> RadiusIndex<'a, T> {
    /// The index of `codes` that is in `bytes`, as [`Builder`](super::Builder) made it. Nothing but its header is read.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt) if it is not the index of so many codes.
    pub fn new(codes: &'a [Code], bytes: &'a [u8], touch: T) -> Result<Self> {
        touch.index(0..HEADER.min(bytes.len()))?;
        Ok(RadiusIndex { codes, bytes, layout: Layout::read(bytes, codes.len())?, touch })
    }

    /// Whether one query of this radius is looked up in the index, as far as that can be told before anything is read: where not, it is scanned for.
    pub fn opens(&self, isa: Isa, strategy: Strategy, radius: u32) -> bool {
        let Way { costs, scan_cost, .. } = Way::new(isa, strategy, self.codes.len(), 1);
        self.budgets(&costs, scan_cost, radius).is_some()
    }

    /// Appends to `found` every pair of a query and a code that are within the query's radius, sorted by row, then query.
    ///
    /// `queries` are codes, each with its radius, which may be any number: what is above 256 means 256.
    ///
    /// # Errors
    /// Those of `T`, and [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt) if an offset or a row is out of bounds. What was appended is then
    /// not the answer.
    pub fn within(
        &self,
        isa: Isa,
        strategy: Strategy,
        queries: &[(Code, u32)],
        buffers: &mut Buffers,
        found: &mut Vec<Near>,
    ) -> Result<()> {
        let first = found.len();
        let way = Way::new(isa, strategy, self.codes.len(), queries.len());
        // Of wide radii fewer at a time, so that their buckets stay in the cache.
        let keys = |(_, radius): &(Code, u32)| plan::even(*radius).map_or(0, |b| self.keys(&b));
        let widest = queries.iter().map(keys).max().unwrap_or(0);
        let together = (KEYS / widest.max(1)).clamp(1, BATCH);
        buffers.scans.clear();
        for (number, batch) in queries.chunks(together).enumerate() {
            self.batch(&way, number * together, batch, buffers, found)?;
        }
        // For those that gave up the index, in one pass.
        if !buffers.scans.is_empty() {
            self.touch.codes(0..size_of_val(self.codes))?;
            super::scan_some(isa, self.codes, queries, &buffers.scans, found);
        }
        // What one scan has found is sorted already, and may be much.
        if buffers.scans.len() < queries.len() {
            found[first..].sort_unstable_by_key(|near| (near.row, near.query));
        }
        Ok(())
    }

    /// Some queries, of which the first has the number `first`. Those that are to be scanned for are added to those in `buffers`.
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
        let Way { kernel, costs, scan_cost } = way;
        for (i, (code, radius)) in queries.iter().enumerate() {
            let job = self.job(costs, *scan_cost, first + i, code, *radius);
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
            rows.clear();
            while !job.scan && !job.range.is_empty() {
                passed.clear();
                kernel.run(Sweep { index: self, cost: costs.passed, job, buckets, passed })?;
                if !job.scan {
                    self.pick(job, buckets, passed, rows)?;
                }
            }
            if !job.scan {
                self.settle(costs, job, rows)?;
            }
            if job.scan {
                scans.push(job.query);
                continue;
            }
            for row in rows.iter() {
                let distance = distance(self.code(*row)?, &job.code);
                if distance <= job.radius {
                    found.push(Near { query: job.query, row: *row as usize, distance });
                }
            }
        }
        Ok(())
    }
}
