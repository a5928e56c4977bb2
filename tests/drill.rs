//! The crisis drill: new entries are dropped while many processes judge uploads. Each process blocks them soon, no check fails, and each verdict is that of the state before or
//! of the state after.
//!
//! ```text
//! processes that judge:  open the store; for ever: uploads that are listed, clear, and of the new entries, some of each;
//!                        each verdict names the version of the store that it was given by, and is compared with what that version says
//! control:               so for a while
//! delta:                 a file of new entries is complete; a writer's process applies it
//!                        measured: from there to the first block in each process; what checks take, beside the control
//! compaction:            a writer's process merges everything
//! ```
//!
//! This executable is all of these processes, so it has a `main` of its own. The tests assert what is right, whatever the machine does meanwhile;
//! `tests/long drill` does it with ten million entries, and records what it took.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "the processes tell each other so")]
#![allow(clippy::print_stderr, reason = "it says what it measured")]

#[path = "drill/judge.rs"]
mod judge;
mod pictures;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use judge::{FEED, Kind, NOW, code, new_picture, of_text};
use libtest_mimic::{Arguments, Trial};
use tamis::set::{Delta, Entry, List, ListKind, Set};
use tamis::store::{StoreWriter, Terms};

/// In which all processes must have blocked a new entry, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[1..] {
        ["judge", store, processes, new] => {
            return judge::run(store.as_ref(), processes.parse().unwrap(), new.parse().unwrap());
        }
        ["apply", store, delta] => return apply(store.as_ref(), delta.as_ref()),
        ["compact", store] => return compact(store.as_ref()),
        _ => {}
    }
    let window = Duration::from_millis(1500);
    let crisis = move || {
        let drill = Drill { base: 100_000, processes: 4, new: 1000, window };
        drill.run().map(|report| eprint!("{report}"))
    };
    let first = move || {
        let drill = Drill { base: 0, processes: 4, new: 1, window };
        drill.run().map(|report| eprint!("{report}"))
    };
    let trials = vec![
        Trial::test("new_entries_are_blocked_by_every_process", move || Ok(crisis()?)),
        Trial::test("a_single_hash_in_an_empty_store_is_found", move || Ok(first()?)),
        Trial::test("campaign", || Ok(campaign()?)).with_ignored_flag(true),
    ];
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials).exit();
}

/// With the figures of the design, or those of the environment.
fn campaign() -> Result<(), String> {
    let figure = |name: &str, usual: u64| {
        std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
    };
    let drill = Drill {
        base: figure("TAMIS_DRILL_BASE", 10_000_000),
        processes: figure("TAMIS_DRILL_PROCESSES", 8),
        new: figure("TAMIS_DRILL_NEW", 10_000),
        window: Duration::from_secs(figure("TAMIS_DRILL_SECONDS", 60)),
    };
    let report = drill.run()?;
    eprint!("{report}");
    if let Some(path) = std::env::var_os("TAMIS_DRILL_RECORD") {
        std::fs::write(path, report).unwrap();
    }
    Ok(())
}

struct Drill {
    /// Entries of the base.
    base: u64,
    /// Processes that judge.
    processes: u64,
    /// Entries of the delta.
    new: u64,
    /// How long is measured before the delta, and how long after it.
    window: Duration,
}

/// A process that judges.
struct Judge {
    child: Child,
    /// It goes on until this is closed.
    stdin: Option<ChildStdin>,
    stdout: BufReader<std::process::ChildStdout>,
}

/// A check: when it began, of what, and what it took, in nanoseconds.
struct Check {
    began: u64,
    kind: Kind,
    took: u64,
}

/// What a process that judges has to say in the end.
struct Told {
    /// When it blocked a new entry first.
    first: Option<u64>,
    checks: Vec<Check>,
}

impl Drill {
    /// What was measured.
    fn run(&self) -> Result<String, String> {
        let directory = tempfile::tempdir().map_err(text)?;
        let store = directory.path().join("store");
        self.make(&store);
        let delta = directory.path().join("delta.tamis");
        let number = if self.base == 0 { 1 } else { 2 };
        self.delta(number).write(directory.path().join("written")).map_err(text)?;

        let mut judges = (0..self.processes).map(|_| self.judge(&store)).collect::<Vec<_>>();
        for judge in &mut judges {
            judge.expect("ready")?;
        }
        let control = now();
        std::thread::sleep(self.window);
        std::fs::rename(directory.path().join("written"), &delta).map_err(text)?;
        let complete = now();
        let applied = write(&["apply".as_ref(), store.as_os_str(), delta.as_os_str()])?;
        for judge in &mut judges {
            judge.expect("first")?;
        }
        std::thread::sleep(self.window);
        let before_compaction = now();
        let compacted = write(&["compact".as_ref(), store.as_os_str()])?;
        let compaction = now() - before_compaction;
        // So that everybody has seen the new base.
        std::thread::sleep(self.window.min(Duration::from_secs(2)));
        let told = judges.into_iter().map(Judge::end).collect::<Result<Vec<_>, _>>()?;

        let mut report = String::new();
        let (base, new, processes) = (self.base, self.new, self.processes);
        let all: usize = told.iter().map(|told| told.checks.len()).sum();
        writeln!(report, "{base} entries, {processes} processes, {new} new entries; {all} checks, no error, each verdict that of its state").unwrap();
        let mut first = Vec::new();
        for told in &told {
            let blocked = told.first.ok_or("a process never blocked")?;
            let after = blocked.checked_sub(complete).ok_or("blocked before it was listed")?;
            if after > PATIENCE.as_nanos() as u64 {
                return Err(format!(
                    "a process blocked {:?} after that",
                    Duration::from_nanos(after)
                ));
            }
            first.push(after);
        }
        writeln!(
            report,
            "first block after the delta file is complete, by process: {}",
            spread(first)
        )
        .unwrap();
        writeln!(report, "the writer's process: apply {applied}; compact {compacted}").unwrap();
        let window = self.window.as_nanos() as u64;
        let windows = [
            ("control", control..complete),
            ("delta", complete..complete + window),
            ("compaction", before_compaction..before_compaction + compaction),
        ];
        for kind in [Kind::ClearPicture, Kind::ClearText, Kind::Listed] {
            for (name, window) in &windows {
                let checks = told.iter().flat_map(|told| &told.checks);
                let within = |c: &&Check| c.kind == kind && window.contains(&c.began);
                let took = checks.filter(within).map(|check| check.took).collect();
                writeln!(report, "checks of {kind:?}, {name}: {}", spread(took)).unwrap();
            }
        }
        Ok(report)
    }

    fn make(&self, store: &Path) {
        let mut writer = StoreWriter::init(store, NOW).unwrap();
        writer.set_list(FEED, ListKind::Exchange, ("subscribed", ""), NOW, |_| Ok(())).unwrap();
        if self.base == 0 {
            return;
        }
        let mut delta = Delta::new(List::new(FEED, ListKind::Exchange), 1).unwrap().replacing();
        let mut random = 0x5DEE_CE66_D1CE_4E5B;
        for _ in 1..self.base {
            // A few are like those of flat pictures, by chance.
            let _ = delta.add(Entry::new(code(&mut random)).reviewed(true));
        }
        delta.add(of_text(judge::LISTED)).unwrap();
        writer.apply(delta, &Terms::at(NOW)).unwrap();
    }

    fn delta(&self, number: u64) -> Delta {
        let mut delta = Delta::new(List::new(FEED, ListKind::Exchange), number).unwrap();
        // One is a picture, the others are files and codes by turns.
        let mut random = 0x2545_F491_4F6C_DD1D;
        for new in 0..self.new {
            let entry = match new {
                1 => Entry::new(pictures::hash(&new_picture()).hash).reviewed(true),
                new if new % 2 == 0 => of_text(&judge::new_text(new)),
                _ => Entry::new(code(&mut random)).reviewed(true),
            };
            delta.add(entry).unwrap();
        }
        delta
    }

    fn judge(&self, store: &Path) -> Judge {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("judge")
            .arg(store)
            .args([self.processes, self.new].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Judge { child, stdin, stdout }
    }
}

impl Judge {
    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).map_err(text)?;
        Ok(line.trim().to_owned())
    }

    /// Waits until it says so. It ends by itself if that takes too long.
    fn expect(&mut self, word: &str) -> Result<(), String> {
        let line = self.line()?;
        if line == word { Ok(()) } else { Err(format!("{line:?} instead of {word:?}")) }
    }

    fn end(mut self) -> Result<Told, String> {
        drop(self.stdin.take());
        let mut told = Told { first: None, checks: Vec::new() };
        loop {
            let line = self.line()?;
            let mut words = line.split(' ');
            let mut word = || words.next().unwrap_or_default().to_owned();
            match (&word()[..], word(), word(), word()) {
                ("", ..) => break,
                ("blocked", at, ..) => told.first = Some(at.parse().map_err(text)?),
                ("check", began, kind, took) => told.checks.push(Check {
                    began: began.parse().map_err(text)?,
                    kind: Kind::from_name(&kind),
                    took: took.parse().map_err(text)?,
                }),
                _ => return Err(line),
            }
        }
        let status = self.child.wait().map_err(text)?;
        if status.success() { Ok(told) } else { Err(format!("a process that judges: {status}")) }
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It ended, or somebody else failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a writer's process says of itself.
fn write(arguments: &[&std::ffi::OsStr]) -> Result<String, String> {
    let mut writer = Command::new(std::env::current_exe().unwrap());
    let output = writer.args(arguments).stderr(Stdio::inherit()).output().map_err(text)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(format!("the writer's process: {}", output.status)),
    }
}

fn apply(store: &Path, delta: &Path) {
    measured(|| {
        let mut writer = StoreWriter::open(store).unwrap();
        let set = Set::open(delta).unwrap();
        let delta = Delta::from_set(&set, List::new(FEED, ListKind::Exchange)).unwrap();
        assert!(writer.apply(delta, &Terms::at(NOW + 1)).unwrap().changed);
    });
}

fn compact(store: &Path) {
    measured(|| {
        let mut writer = StoreWriter::open(store).unwrap();
        assert!(writer.compact(NOW + 2, &mut |_| Ok(())).unwrap().changed);
    });
}

/// Says what it took. Memory is looked at a hundred times a second: the system keeps no peak of it without what is mapped of files.
fn measured(work: impl FnOnce()) {
    let peak = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&peak);
    std::thread::spawn(move || {
        loop {
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            seen.fetch_max(kib.unwrap_or(0) >> 10, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let started = Instant::now();
    work();
    let (took, peak) = (started.elapsed(), peak.load(Ordering::Relaxed));
    println!("{took:.3?}, at most {peak} MiB of memory");
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Of times in nanoseconds.
fn spread(mut times: Vec<u64>) -> String {
    if times.is_empty() {
        return "none".into();
    }
    times.sort_unstable();
    let at = |share: f64| {
        let at = ((times.len() - 1) as f64 * share).round() as usize;
        format!("{:.3?}", Duration::from_nanos(times[at]))
    };
    format!("{} times, p50 {}, p99 {}, max {}", times.len(), at(0.5), at(0.99), at(1.0))
}
