//! The index as its users see it, and how the queries of a call are led through the stages.

use crate::error::Result;
use crate::hamming::{Code, Isa, distance};

use super::kernel::Kernel;
use super::layout::{HEADER, Layout};
use super::plan::{self, Costs};
use super::stages::{AHEAD, Bucket, Job, Passed, Sweep};
use super::{Builder, Method, Near, Touch};

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
        method: Method,
        queries: &[(Code, u32)],
        buffers: &mut Buffers,
        found: &mut Vec<Near>,
    ) -> Result<()> {
        let first = found.len();
        let way = Way { kernel: Kernel::of(isa), costs: Costs::of(isa), method };
        // Of wide radii fewer at a time, so that their buckets stay in the cache.
        let widest = queries.iter().map(|(_, radius)| *radius).max().unwrap_or(0);
        let keys = plan::even(widest).map_or(0, |budgets| self.keys(&budgets));
        let together = (KEYS / keys.max(1)).clamp(1, BATCH);
        for (number, batch) in queries.chunks(BATCH).enumerate() {
            buffers.scans.clear();
            for (i, part) in batch.chunks(together).enumerate() {
                let first = number * BATCH + i * together;
                self.batch(&way, batch.len(), first, part, buffers, found)?;
            }
            // For those that gave up the index, in one pass.
            if !buffers.scans.is_empty() {
                self.touch.codes(0..size_of_val(self.codes))?;
                super::scan_some(isa, self.codes, queries, &buffers.scans, found);
            }
        }
        // What one scan has found is sorted already, and may be much.
        if queries.len() > BATCH || buffers.scans.len() < queries.len() {
            found[first..].sort_unstable_by_key(|near| (near.row, near.query));
        }
        Ok(())
    }

    /// Some queries side by side, of which the first has the number `first`. Those that are to be scanned for, `in_scan` at most in one pass, are
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
        let Way { kernel, costs, method } = way;
        let scan_cost = match method {
            Method::Auto => costs.scan(self.codes.len(), in_scan),
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
            rows.clear();
            while !job.scan && !job.range.is_empty() {
                passed.clear();
                kernel.run(Sweep { index: self, cost: costs.passed, job, buckets, passed })?;
                self.pick(job, buckets, passed, rows)?;
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

    /// Compares the index with one that is made anew. `progress` is called with the number of tables done.
    ///
    /// # Errors
    /// Those of `T`, and [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt) if it is not what [`Builder`] makes of the codes.
    pub fn verify(&self, progress: &mut dyn FnMut(usize)) -> Result<()> {
        self.touch.codes(0..size_of_val(self.codes))?;
        self.touch.index(0..self.bytes.len())?;
        Builder::new(self.codes)?.compare(self.bytes, progress)
    }
}
