//! One line in, one line out: a command with its words, and what it answered, how long each run took, how much memory it needed.
//!
//! ```text
//! in:   decode zune-luma photo.jpg 5
//! out:  {"answer":"f8f8..","ns":[31250000,30110000,..],"peak_kib":11820}
//! out:  {"error":"no such decoder"}
//! ```

use std::error::Error;
use std::fmt::Display;
use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead, Write};

use rustix::time::{ClockId, clock_gettime};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What a command gave.
#[derive(Debug, Default)]
pub struct Reply {
    /// What was computed, so that the caller can assert it.
    pub answer: String,
    /// Nanoseconds of CPU time of each run, of all threads: what other processes do at the same time does not count.
    pub ns: Vec<i64>,
    /// How much the runs added to the memory that the process had before. Only a fresh process tells the truth.
    pub peak_kib: u64,
}

impl Reply {
    /// The same measurement with the answer that it led to.
    pub fn with_answer(self, answer: impl Display) -> Reply {
        Reply { answer: answer.to_string(), ..self }
    }
}

/// Does `work` so many times, and hands over what it gave at last.
pub fn measure<T>(times: usize, mut work: impl FnMut() -> Result<T>) -> Result<(T, Reply)> {
    // 5 makes the kernel forget the greatest size so far.
    fs::write("/proc/self/clear_refs", "5")?;
    let before = status_kib("VmRSS:")?;
    let mut ns = Vec::with_capacity(times);
    let mut last = None;
    for _ in 0..times {
        drop(last.take());
        let started = cpu_ns();
        let out = black_box(work()?);
        ns.push(cpu_ns() - started);
        last = Some(out);
    }
    let peak_kib = status_kib("VmHWM:")?.saturating_sub(before);
    Ok((last.ok_or("nothing to measure")?, Reply { ns, peak_kib, ..Reply::default() }))
}

fn cpu_ns() -> i64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec * 1_000_000_000 + spent.tv_nsec
}

/// A line of the kernel's account of this process.
pub fn status_kib(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix(field)).ok_or("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Answers commands until the input ends.
pub fn serve(mut run: impl FnMut(&[&str]) -> Result<Reply>) -> Result<()> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split('\t').collect();
        let out = match run(&words) {
            Ok(Reply { answer, ns, peak_kib }) => {
                format!(r#"{{"answer":{answer:?},"ns":{ns:?},"peak_kib":{peak_kib}}}"#)
            }
            Err(error) => format!(r#"{{"error":{:?}}}"#, error.to_string()),
        };
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{out}")?;
        stdout.flush()?;
    }
    Ok(())
}
