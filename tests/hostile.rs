//! Uploads made to do harm: each one is judged in a process of its own, which may neither panic, nor die, nor hold more than
//! the budget, and in which the next upload is judged as if nothing had been.
//!
//! The files are those that `tests/hostile/make.py` writes, and those of the reference data where `tests/run` made them. What
//! became of each is written to `target/hostile.tsv`.
//!
//! ```text
//! a process per file:
//!     judge a listed picture        the store is read, the kernels are chosen: not what is measured
//!     read the file; note the resident and the virtual size
//!     forbid more virtual memory than that, the budget and a slack (as `ulimit -v` does)
//!     judge the file; note the time, on the clock and on the processor, and the peak
//!     judge the listed picture once more
//! ```
//!
//! How long a file takes is noted and not judged here, where other tests run at the same time: `tests/long hostile` does that.

#![cfg(all(target_os = "linux", feature = "decode"))]
#![allow(unsafe_code, reason = "setting the limits of a process is a call to C")]
#![allow(clippy::print_stderr, reason = "it prints what it measured")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tamis::fingerprint::{Algorithms, View, digests};
use tamis::set::{Set, SetBuilder};
use tamis::store::{StoreOptions, test_files};
use tamis::{Action, Context, Limits, Outcome, Policy, Scanner, Store};

/// Tell a child what to judge, how many more bytes of virtual memory it may have, and where to write its answer.
const FILE: &str = "TAMIS_TEST_HOSTILE_FILE";
const MORE: &str = "TAMIS_TEST_HOSTILE_MORE";
const ANSWER: &str = "TAMIS_TEST_HOSTILE_ANSWER";
/// Where `tests/long` wants the record of the campaign.
const RECORD: &str = "TAMIS_HOSTILE_RECORD";

/// Resident bytes beyond the budget that are not the upload's fault: pages of the program that are touched for the first
/// time, and what the allocator keeps.
const RESIDENT_SLACK: u64 = 4 << 20;
/// MiB of virtual memory beyond the budget, by which a child that allocates more is aborted.
const LEVELS: [u64; 3] = [16, 64, 256];
/// What a decoder may take from one look at the clock to the next.
const TIME_SLACK: Duration = Duration::from_millis(100);

struct Case {
    kind: String,
    path: PathBuf,
    bytes: u64,
    /// As the file declares them; 0 where it does not.
    pixels: u64,
}

impl Case {
    fn name(&self) -> String {
        self.path.file_name().unwrap().to_string_lossy().into_owned()
    }

    /// A picture that is larger than the limits has no claim to more time.
    fn deadline(&self, limits: &Limits) -> Duration {
        limits.time_for(if self.pixels <= limits.pixels { self.pixels } else { 0 })
    }

    fn budget(&self, limits: &Limits) -> u64 {
        let progressive = self.kind.contains("progressive") || self.kind.contains("separate");
        if progressive { limits.progressive_memory } else { limits.memory }
    }
}

/// What became of a file.
#[derive(Clone)]
struct Answer {
    /// `clear`, `match`, `unscannable(reason)`; or how the process broke down.
    outcome: Result<String, String>,
    /// On the clock, and on the processor. Judging neither waits nor starts threads, so on an idle machine they are the same.
    /// Without the digests, which take their time per byte of the upload whatever it is.
    time: Duration,
    processor: Duration,
    /// Peak of the resident memory beyond what was there before.
    extra: u64,
}

/// A line of `/proc/self/status`, in bytes.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let value = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
    value.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// What this thread has had of a processor, if the kernel counts it.
fn on_processor() -> Option<Duration> {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    statistics.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Does nothing but in a child of the tests below.
#[test]
fn child() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let set = Set::from_bytes(&SetBuilder::new().to_bytes().unwrap().0).unwrap();
    let store = Store::from_set(set, StoreOptions::new().test_list(true)).unwrap();
    let views = View::ALL.iter().copied().filter(|view| *view != View::Bytes);
    let policy = Policy::builder().views(views).build().unwrap();
    let mut scanner = Scanner::new(store, policy).with_timings(true);
    let context = Context::at(1_790_000_000);
    let mut judge_listed = || {
        // By its pixels, not by its digest.
        let listed = [test_files()[1].bytes, b"\0"].concat();
        scanner.check(&listed, &context).unwrap().action
    };
    let listed = judge_listed();
    assert_ne!(listed, Action::Allow);

    let upload = fs::read(path).unwrap();
    // Where a kernel forbids it the peak is at least that of the listed picture, which is low.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS:");
    forbid_beyond(memory("VmSize:") + std::env::var(MORE).unwrap().parse::<u64>().unwrap());
    let mut fresh =
        Scanner::new(scanner.store().clone(), scanner.policy().clone()).with_timings(true);
    let lone = on_processor();
    std::hint::black_box(digests(&upload, Algorithms::DIGESTS));
    let (started, processor) = (Instant::now(), on_processor());
    let verdict = fresh.check(&upload, &context).unwrap();
    let time = started.elapsed().saturating_sub(verdict.timings.as_ref().unwrap().digests);
    // The same digests as before, taken off once more.
    let processor = on_processor()
        .zip(lone.zip(processor))
        .map_or(time, |(after, (lone, before))| (after - before).saturating_sub(before - lone));
    let extra = memory("VmHWM:").saturating_sub(before);
    let outcome = match (verdict.outcome, verdict.unscannable) {
        (Outcome::Unscannable, Some(reason)) => format!("unscannable({reason})"),
        (Outcome::Clear, _) => "clear".to_owned(),
        (Outcome::Match, _) => "match".to_owned(),
        other => panic!("no verdict: {other:?}"),
    };
    assert_eq!(fresh.check(test_files()[1].bytes, &context).unwrap().action, Action::Block);
    let answer = format!("{outcome}\t{}\t{}\t{extra}", time.as_micros(), processor.as_micros());
    fs::write(std::env::var_os(ANSWER).unwrap(), answer).unwrap();
}

/// No more virtual memory than that from now on.
fn forbid_beyond(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: `limit` is a valid rlimit, which is only read.
    let outcome = unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) };
    assert_eq!(outcome, 0, "{}", std::io::Error::last_os_error());
}

/// Judges a file in a process of its own that may have so many MiB beyond the budget.
fn judge(case: &Case, level: u64, place: &Path) -> Answer {
    let (answer, words) = (place.join("answer"), place.join("words"));
    let _ = fs::remove_file(&answer);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(FILE, &case.path).env(ANSWER, &answer);
    // One arena: another reserves 64 MiB of virtual memory at once, in which allocations would go unseen.
    command.env("MALLOC_ARENA_MAX", "1").env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(fs::File::create(&words).unwrap());
    command.env(MORE, (case.budget(&Limits::default()) + (level << 20)).to_string());
    let started = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if started.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    if status.is_some_and(|status| status.success()) {
        let text = fs::read_to_string(&answer).unwrap();
        let (outcome, numbers) = text.split_once('\t').unwrap();
        let numbers: Vec<u64> = numbers.split('\t').map(|n| n.parse().unwrap()).collect();
        let [time, processor, extra] = numbers.try_into().unwrap();
        let [time, processor] = [time, processor].map(Duration::from_micros);
        return Answer { outcome: Ok(outcome.to_owned()), time, processor, extra };
    }
    let words = fs::read_to_string(&words).unwrap_or_default();
    let words =
        words.lines().filter(|l| !l.trim().is_empty()).take(3).collect::<Vec<_>>().join(" / ");
    let how = status.map_or("does not end".to_owned(), |status| status.to_string());
    let time = started.elapsed();
    Answer { outcome: Err(format!("{how}: {words}")), time, processor: time, extra: 0 }
}

/// Judges every file, two at a time unless their time matters.
fn judge_all(cases: &[Case], level: u64, timed: bool) -> Vec<Answer> {
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(vec![None; cases.len()]));
    std::thread::scope(|scope| {
        for _ in 0..if timed { 1 } else { 2 } {
            scope.spawn(|| {
                let place = tempfile::tempdir().unwrap();
                while let Some((number, case)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    cases.get(number).map(|case| (number, case))
                } {
                    let answer = judge(case, level, place.path());
                    answers.lock().unwrap()[number] = Some(answer);
                }
            });
        }
    });
    answers.into_inner().unwrap().into_iter().map(Option::unwrap).collect()
}

/// The files of one directory, by the table that stands beside them.
fn listed_in(directory: &Path, origin: &str) -> Vec<Case> {
    let table = fs::read_to_string(directory.join("hostile.jsonl")).unwrap();
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let side = |name: &str| row[name].as_u64().unwrap_or(0);
        let file = row["file"].as_str().unwrap();
        Case {
            kind: row["kind"].as_str().map_or_else(|| format!("{origin}/{file}"), str::to_owned),
            path: directory.join(file),
            bytes: side("bytes"),
            pixels: side("width").saturating_mul(side("height")),
        }
    };
    table.lines().map(row).collect()
}

/// Makes the files below the target directory, unless the same makers already did.
fn cases() -> Option<Vec<Case>> {
    let makers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    let mut sources: Vec<_> = fs::read_dir(&makers).unwrap().map(|e| e.unwrap().path()).collect();
    sources.retain(|path| path.extension().is_some_and(|e| e == "py"));
    sources.sort();
    let mut hash = blake3::Hasher::new();
    sources.iter().for_each(|path| _ = hash.update(&fs::read(path).unwrap()));
    let (stamp, made) = (directory.join("complete"), hash.finalize().to_string());
    if !fs::read_to_string(&stamp).is_ok_and(|found| found == made) {
        let _ = fs::remove_dir_all(&directory);
        let python = std::env::var_os("TAMIS_PYTHON").unwrap_or_else(|| "python3".into());
        match Command::new(&python).arg(makers.join("make.py")).arg(&directory).output() {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            Err(error) => {
                eprintln!("SKIPPED: {} cannot be run: {error}", python.display());
                return None;
            }
        }
        fs::write(&stamp, made).unwrap();
    }
    let mut cases = listed_in(&directory, "own");
    match std::env::var_os("TAMIS_HOSTILE_DIR") {
        Some(reference) => cases.extend(listed_in(Path::new(&reference), "reference")),
        None => eprintln!("TAMIS_HOSTILE_DIR is not set: without the files of the reference data"),
    }
    Some(cases)
}

/// One row per file, and the faults.
fn table(cases: &[Case], answers: &[Answer]) -> (String, Vec<String>) {
    let limits = Limits::default();
    let (mut text, mut faults) =
        ("kind\tfile\tbytes\toutcome\tms\tprocessor_ms\textra_mib\n".to_owned(), Vec::new());
    for (case, answer) in cases.iter().zip(answers) {
        let outcome = answer.outcome.as_ref().unwrap_or_else(|fault| fault);
        let [time, processor] = [answer.time, answer.processor].map(|t| t.as_secs_f64() * 1e3);
        let (name, extra) = (case.name(), answer.extra as f64 / f64::from(1 << 20));
        let (kind, bytes) = (&case.kind, case.bytes);
        writeln!(text, "{kind}\t{name}\t{bytes}\t{outcome}\t{time:.1}\t{processor:.1}\t{extra:.1}")
            .unwrap();
        if answer.outcome.is_err() {
            faults.push(format!("{name}: {outcome}"));
        } else if answer.extra > case.budget(&limits) + RESIDENT_SLACK {
            faults.push(format!("{name}: {outcome} with {extra:.1} MiB beyond the upload"));
        }
    }
    (text, faults)
}

fn count(answers: &[Answer]) -> String {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.outcome.clone().unwrap_or("broken".into())).or_insert(0) += 1;
    }
    counts
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn every_hostile_upload_gets_a_verdict_within_the_memory_budget() {
    let Some(cases) = cases() else { return };
    let kinds: std::collections::BTreeSet<_> = cases.iter().map(|case| &case.kind).collect();
    assert!(kinds.len() >= 500, "only {} kinds", kinds.len());
    let answers = judge_all(&cases, LEVELS[0], false);
    let (text, faults) = table(&cases, &answers);
    let record = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("hostile.tsv");
    fs::write(&record, text).unwrap();
    eprintln!(
        "{} files of {} kinds: {}; see {}",
        cases.len(),
        kinds.len(),
        count(&answers),
        record.display()
    );
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// The campaign: three rounds, one at each level of virtual memory. The fastest of a file's three must be within its deadline,
/// by the processor's time, so that other programs on the machine do not count.
#[test]
#[ignore = "a campaign of some minutes, on a machine that is idle: tests/long hostile"]
fn campaign() {
    let cases = cases().expect("the campaign needs Python");
    let limits = Limits::default();
    let mut faults = Vec::new();
    let mut best: Vec<Option<Answer>> = vec![None; cases.len()];
    for level in LEVELS {
        let answers = judge_all(&cases, level, true);
        eprintln!("budget + {level} MiB: {}", count(&answers));
        faults.extend(
            table(&cases, &answers).1.into_iter().map(|fault| format!("+{level} MiB: {fault}")),
        );
        for (best, answer) in best.iter_mut().zip(answers) {
            let better = best
                .as_ref()
                .is_none_or(|best| best.outcome.is_err() || answer.processor < best.processor);
            if better && (best.is_none() || answer.outcome.is_ok()) {
                *best = Some(answer);
            }
        }
    }
    let best: Vec<Answer> = best.into_iter().map(Option::unwrap).collect();
    for (case, answer) in cases.iter().zip(&best) {
        let deadline = case.deadline(&limits);
        if answer.outcome.is_ok() && answer.processor > deadline + TIME_SLACK {
            faults.push(format!("{}: {:?}, allowed {deadline:?}", case.name(), answer.processor));
        }
    }
    if let Some(record) = std::env::var_os(RECORD) {
        fs::write(record, table(&cases, &best).0).unwrap();
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
