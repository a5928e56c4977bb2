//! The index as its users see it, and how the queries of a call are led through the stages.

use crate::error::Result;
use crate::hamming::{Code, Isa, distance};

use super::kernel::Kernel;
use super::layout::{HEADER, Layout};
use super::plan::{self, Costs};
use super::stages::{AHEAD, Bucket, Job, Passed, Sweep};
use super::{Near, Strategy, Touch};

/// Queries whose stages are done side by side, so that one waits for memory while another works.
const BATCH: usize = 16;
/// Keys that are looked up together at most, unless one query has more.
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
    jobs: Vec<Job>,
    buckets: Vec<Bucket>,
    pub(super) passed: Vec<Passed>,
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
    strategy: Strategy,
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
        strategy: Strategy,
        queries: &[(Code, u32)],
        buffers: &mut Buffers,
        found: &mut Vec<Near>,
    ) -> Result<()> {
        let first = found.len();
        let way = Way { kernel: Kernel::of(isa), costs: Costs::of(isa), strategy };
        // Of wide radii fewer at a time, so that their buckets stay in the cache.
        let keys = |(_, radius): &(Code, u32)| plan::even(*radius).map_or(0, |b| self.keys(&b));
        let widest = queries.iter().map(keys).max().unwrap_or(0);
        let together = (KEYS / widest.max(1)).clamp(1, BATCH);
        buffers.scans.clear();
        for (number, batch) in queries.chunks(together).enumerate() {
            self.batch(&way, queries.len(), number * together, batch, buffers, found)?;
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

    /// Some queries side by side, of which the first has the number `first`. Those that are to be scanned for, of `in_scan` at most, are
    /// added to those in `buffers`.
    fn batch(
        &self,
        way: &Way,
        in_scan: usize,
        first: usize,
        queries: &[(Code, u32)],
        buffers: &mut Buffers,
        found: &mut Vec<Near>,
    ) -> Result<()> {
        let Buffers { jobs, buckets, passed, rows, scans, .. } = buffers;
        jobs.clear();
        buckets.clear();
        let Way { kernel, costs, strategy } = way;
        let scan_cost = match strategy {
            Strategy::Auto => costs.scan(self.codes.len(), in_scan),
            Strategy::Index => u64::MAX,
            Strategy::Scan => 0,
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
            rows.clear();
            while !job.scan && !job.range.is_empty() {
                passed.clear();
                kernel.run(Sweep { index: self, cost: costs.passed, job, buckets, passed })?;
                if !job.scan {
                    self.pick(job, buckets, passed, rows)?;
                }
            }
            self.leave(costs, job, rows)?;
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
}
