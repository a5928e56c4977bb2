//! Radius search among stored codes: what `search.py` alternates.
//!
//! Every contender of either language, this one's and those of `indexes.py`, answers the same commands:
//!
//! ```text
//! build CONTENDER CODES FILE    makes an index of the 32-byte codes in a file, and the contender's own file if it has any
//! open CONTENDER CODES FILE     opens that file, or makes the index if there is none
//! near QUERIES FIRST COUNT TOGETHER RADIUS OUT
//! ```
//!
//! `build` and `open` take one run and answer how many KiB the process grew by. `near` asks for `COUNT` queries of a file, `TOGETHER` in a call, gives the
//! nanoseconds of each call, and writes to `OUT` (unless it is `-`) what was found: query, row and distance, each four bytes, little-endian.
//!
//! Time is that of a monotonic clock, not of the CPU: a call is too short for the other to be exact, and nothing here runs on two threads.

pub mod drawn;
#[cfg(feature = "mih")]
mod mih;
mod tamis;
#[cfg(feature = "matcher")]
mod yume;

use std::fs;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::time::Instant;

use ::tamis::hamming::Code;

use crate::protocol::{Reply, Result, status_kib};

/// A stored code within the radius of a query; both by position.
pub struct Near {
    pub query: u32,
    pub row: u32,
    pub distance: u32,
}

pub trait Contender {
    /// Appends every stored code within `radius` of one of the queries.
    fn near(&mut self, queries: &[Code], radius: u32, found: &mut Vec<Near>) -> Result<()>;

    /// Makes everything ready that a long-lived process would have ready.
    fn warm(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The contender that was opened last.
#[derive(Default)]
pub struct Search(Option<Box<dyn Contender>>);

impl Search {
    pub fn run(&mut self, words: &[&str]) -> Result<Reply> {
        match *words {
            ["build", name, codes, file] => {
                let codes = fs::read(codes)?;
                timed(|| match name {
                    "tamis" => tamis::build(codes.as_chunks().0, file),
                    _ => Ok(()),
                })
            }
            ["open", name, codes, file] => {
                self.0 = None;
                // Ours reads its own file and nothing else.
                let codes = if name.starts_with("tamis ") { Vec::new() } else { fs::read(codes)? };
                let (mut opened, reply) = growth(|| open(name, codes.as_chunks().0, file))?;
                opened.warm()?;
                self.0 = Some(opened);
                Ok(reply)
            }
            ["near", queries, first, count, together, radius, out] => {
                let contender = self.0.as_mut().ok_or("nothing is open")?;
                let (first, count): (usize, usize) = (first.parse()?, count.parse()?);
                let queries = fs::read(queries)?;
                let queries = queries
                    .as_chunks()
                    .0
                    .get(first..first + count)
                    .ok_or("so many queries are not there")?;
                near(contender.as_mut(), queries, together.parse()?, radius.parse()?, out)
            }
            _ => Err("no such command".into()),
        }
    }
}

#[cfg_attr(not(any(feature = "mih", feature = "matcher")), expect(unused_variables))]
fn open(name: &str, codes: &[Code], file: &str) -> Result<Box<dyn Contender>> {
    Ok(match name {
        "tamis auto" | "tamis index" | "tamis scan" => {
            Box::new(tamis::Tamis::open(&name[6..], file)?)
        }
        #[cfg(feature = "mih")]
        "mih-rs" => Box::new(mih::Mih::new(codes)?),
        #[cfg(feature = "matcher")]
        "yume-pdq" => Box::new(yume::Yume::new(codes)),
        _ => return Err(format!("{name} was not built").into()),
    })
}

fn near(
    contender: &mut dyn Contender,
    queries: &[Code],
    together: usize,
    radius: u32,
    out: &str,
) -> Result<Reply> {
    let (mut ns, mut all, mut found) = (Vec::with_capacity(queries.len()), Vec::new(), Vec::new());
    for (number, call) in queries.chunks(together.max(1)).enumerate() {
        found.clear();
        let started = Instant::now();
        contender.near(black_box(call), radius, &mut found)?;
        ns.push(i64::try_from(started.elapsed().as_nanos())?);
        let before = u32::try_from(number * together)?;
        all.extend(found.iter().flat_map(|n| [n.query + before, n.row, n.distance]));
    }
    if out != "-" {
        let mut file = BufWriter::new(fs::File::create(out)?);
        for number in &all {
            file.write_all(&number.to_le_bytes())?;
        }
        file.flush()?;
    }
    Ok(Reply { ns, ..Reply::default() }.with_answer(all.len() / 3))
}

/// What `work` made, how long it took, and by how much it made the process grow.
fn growth<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Reply)> {
    // 5 makes the kernel forget the greatest size so far.
    fs::write("/proc/self/clear_refs", "5")?;
    let before = status_kib("VmRSS:")?;
    let started = Instant::now();
    let made = work()?;
    let ns = vec![i64::try_from(started.elapsed().as_nanos())?];
    let peak_kib = status_kib("VmHWM:")?.saturating_sub(before);
    let grown = status_kib("VmRSS:")?.saturating_sub(before);
    Ok((made, Reply { ns, peak_kib, answer: grown.to_string() }))
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Reply> {
    growth(work).map(|((), reply)| reply)
}
