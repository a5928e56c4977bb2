//! A writer that is killed at any system call, or told by any of them that the disk is broken or full, leaves the old state of the store or the new one.
//!
//! ```text
//! an operation, on a store of some shape:
//!     run it once under `strace`, and count its calls by name
//!     a point: at the n-th call of a name, SIGKILL; or, of those that have to do with files, EIO, ENOSPC, EDQUOT, EINTR
//! at each point:
//!     a copy of the store; a reader opens it; a process does the operation, and the point happens to it
//!     the reader goes on; whoever opens the store now finds exactly the old state or exactly the new one, without any repair
//!     success and `Durability` mean the new one, any other error the old one; a call that a signal interrupted is made again
//!     the next writer opens it and does the same again: then it is the new state, nothing lies about, and the log has every change once
//! ```
//!
//! This executable is the process that is killed, so it has a `main` of its own. Every day two thousand points are taken, the same ones each time;
//! `tests/long kill` takes them all, on stores of every shape, and leaves a record.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "it says what it did, and what it could not do")]

#[path = "kill/operation.rs"]
mod operation;
#[path = "kill/trace.rs"]
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use operation::{Operation, Shape, copy, error_of, status_of};
use tamis::store::{Manifest, StoreOptions, StoreWriter};
use tamis::{Action, Context, ErrorCode, Policy, Scanner, Store};
use trace::{End, Point, Traced};

/// Points of every day.
const SAMPLE: usize = 2000;

/// Traces at a time.
const JOBS: usize = 2;

/// The time of all checks.
const NOW: u64 = 1_790_000_200;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["operate", operation, number, store] = arguments[1..] {
        // Whether they exist is of no interest: the question shows in the trace.
        let ask = |name: &str| drop(std::fs::metadata(name));
        let done = Operation::from_name(operation).run(
            store.as_ref(),
            number.parse().unwrap(),
            || ask(trace::BEGINS),
            || ask(trace::ENDS),
        );
        if let Err(error) = &done {
            eprintln!("{error}");
        }
        std::process::exit(status_of(&done));
    }
    let sample = || {
        let shapes = [Shape::Usual, Shape::Full];
        run(&shapes, SAMPLE)
    };
    let everything = || run(&Shape::ALL, usize::MAX);
    let trials = vec![
        Trial::test("old_or_new_at_two_thousand_points", sample),
        Trial::test("campaign", everything).with_ignored_flag(true),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// One operation on one store.
struct Case {
    operation: Operation,
    shape: Shape,
    number: u64,
    template: PathBuf,
    old: State,
    new: State,
    /// The files that the operation leaves.
    left: BTreeSet<String>,
}

/// All that a store says.
#[derive(Clone, PartialEq)]
struct State {
    digest: [u8; 32],
    manifest: Manifest,
}

impl State {
    /// Of a store as it lies there. Whoever cannot open it says why.
    fn of(store: &Path) -> Result<State, String> {
        let store = StoreOptions::new().open(store).map_err(|e| format!("cannot open: {e}"))?;
        let snapshot = store.snapshot();
        for set in snapshot.sets() {
            set.verify(&mut |_| {}).map_err(|e| format!("a set is damaged: {e}"))?;
        }
        let digest = snapshot.state_digest(NOW).map_err(|e| format!("cannot be read: {e}"))?;
        let mut manifest = snapshot.manifest().unwrap().clone();
        // It is for the log alone, and says more if the log could not be written to.
        (manifest.last_change, manifest.unlogged) = (None, Vec::new());
        Ok(State { digest, manifest })
    }

    /// Whether it is the other, or the other before its deltas were merged: that comes after the change, and may fail by itself.
    fn amounts_to(&self, other: &State) -> bool {
        self.digest == other.digest
            && self.manifest.lists == other.manifest.lists
            && self.manifest.version <= other.manifest.version
    }

    fn files(&self) -> impl Iterator<Item = &str> {
        self.manifest.sets.iter().map(|set| &set.file[..])
    }
}

impl Case {
    /// Makes its store, and finds out what the operation makes of it.
    fn new(operation: Operation, shape: Shape, room: &Path) -> Case {
        let template = room.join(format!("{}-{}", operation.name(), shape.name()));
        shape.make(&template);
        // The template stays as it is made: who opens it for writing tidies up.
        let after = room.join("after");
        copy(&template, &after);
        let number = operation.number(&StoreWriter::open(&after).unwrap());
        let old = State::of(&template).unwrap();
        operation.run(&after, number, || {}, || {}).unwrap();
        let new = State::of(&after).unwrap();
        let left = names(&after);
        std::fs::remove_dir_all(&after).unwrap();
        assert_eq!(
            old.digest == new.digest,
            // Of nothing, nothing can be withdrawn.
            operation == Operation::Compact
                || (operation, shape) == (Operation::Revoke, Shape::Bare),
            "{} {}",
            operation.name(),
            shape.name()
        );
        Case { operation, shape, number, template, old, new, left }
    }

    fn traced<'a>(&'a self, room: &'a Path, store: &'a Path, number: &'a str) -> Traced<'a> {
        let name = self.operation.name();
        let arguments = [OsStr::new("operate"), OsStr::new(name), OsStr::new(number)];
        let mut arguments = arguments.to_vec();
        arguments.push(store.as_os_str());
        Traced { directory: room, arguments }
    }

    /// The operation's points.
    fn points(&self, room: &Path) -> Vec<Point> {
        let (store, number) = (room.join("store"), self.number.to_string());
        copy(&self.template, &store);
        let calls = self.traced(room, &store, &number).calls();
        std::fs::remove_dir_all(&store).unwrap();
        Point::all(&calls)
    }

    /// What came of a point; or what is wrong about that.
    fn try_point(&self, point: &Point, room: &Path) -> Result<String, String> {
        let store = room.join("store");
        let _ = std::fs::remove_dir_all(&store);
        copy(&self.template, &store);
        let options = StoreOptions::new().refresh_interval(Some(Duration::ZERO));
        let reader = options.open(&store).map_err(|e| format!("before: {e}"))?;
        let mut reader = Scanner::new(reader, Policy::builtin());
        let before = blocks(&mut reader, self.operation.probe())?;

        let number = self.number.to_string();
        let traced = self.traced(room, &store, &number);
        let (end, happened) = traced.with(point);

        // Whoever had it open goes on, and sees what whoever opens it now sees.
        let during = blocks(&mut reader, self.operation.probe())?;
        if let Some(fault) = reader.store().fault() {
            return Err(format!("a reader's fault after {end:?}: {}", fault.message));
        }
        let state = State::of(&store)?;
        let mut fresh = Scanner::new(Store::open(&store).map_err(text)?, Policy::builtin());
        let now = blocks(&mut fresh, self.operation.probe())?;
        let is_new = state == self.new || state.amounts_to(&self.new) && state != self.old;
        if state != self.old && !is_new {
            return Err(format!("neither old nor new after {end:?}"));
        }
        if during != now || !is_new && during != before {
            return Err(format!("a reader says {during}, a new one {now}, before {before}"));
        }
        let outcome = match (end, is_new) {
            (End::Killed, false) => "killed, old".to_owned(),
            (End::Killed, true) => "killed, new".to_owned(),
            (End::Status(0), true) => "done, new".to_owned(),
            (End::Status(status), _) => {
                let code = error_of(status)
                    .ok_or_else(|| format!("ended with {status}: {}", traced.said()))?;
                if is_new != (code == ErrorCode::Durability) {
                    return Err(format!("{code:?} but new = {is_new}: {}", traced.said()));
                }
                format!("{code:?}, {}", if is_new { "new" } else { "old" })
            }
            (end, _) => return Err(format!("{end:?}: {}", traced.said())),
        };
        let interrupted =
            point.error == Some("EINTR") && trace::MADE_AGAIN.contains(&&point.call[..]);
        if interrupted && end != End::Status(0) {
            return Err(format!("an interruption was not made up for: {}", traced.said()));
        }
        self.again(&store, &state)?;
        Ok(if happened { outcome } else { "not reached".to_owned() })
    }

    /// The next writer does the same.
    fn again(&self, store: &Path, found: &State) -> Result<(), String> {
        let done = self.operation.run(store, self.number, || {}, || {});
        done.map_err(|e| format!("the same again: {e}"))?;
        let last = State::of(store)?;
        if !last.amounts_to(&self.new) {
            return Err("the same again does not make the new state".into());
        }
        // Readers that have just read the manifest before the last may still look for its sets.
        let kept = [&self.old, &self.new, found, &last];
        let kept: BTreeSet<&str> = kept.into_iter().flat_map(State::files).collect();
        for name in names(store) {
            if !self.left.contains(&name) && !kept.contains(&name[..]) {
                return Err(format!("{name} lies about"));
            }
        }
        let mut versions = Vec::new();
        StoreWriter::read_log(store, &mut |event| {
            if event.event != "refused" {
                versions.push(event.version);
            }
        })
        .map_err(text)?;
        versions.sort_unstable();
        if !versions.iter().copied().eq(1..=last.manifest.version) {
            let version = last.manifest.version;
            return Err(format!(
                "the log has the versions {versions:?}, the store is at {version}"
            ));
        }
        Ok(())
    }
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn blocks(scanner: &mut Scanner, upload: &[u8]) -> Result<bool, String> {
    let verdict = scanner.check(upload, &Context::at(NOW)).map_err(|e| format!("a check: {e}"))?;
    Ok(verdict.action == Action::Block)
}

/// Memory if the system has a place for files there: what is tested is the order of calls, and not how long a disk takes.
fn room() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Takes so many points of all, or all of them.
fn run(shapes: &[Shape], most: usize) -> Result<(), libtest_mimic::Failed> {
    if let Some(why) = trace::missing() {
        eprintln!("SKIPPED: writers killed at system calls: {why}");
        return Ok(());
    }
    let started = Instant::now();
    let room = room();
    let mut cases = Vec::new();
    for shape in shapes {
        for operation in Operation::ALL.iter().copied() {
            let nothing = operation == Operation::Compact && *shape == Shape::Bare;
            if !nothing {
                cases.push(Case::new(operation, *shape, room.path()));
            }
        }
    }
    let mut points: Vec<(usize, Point)> = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        points.extend(case.points(room.path()).into_iter().map(|point| (number, point)));
    }
    let all = points.len();
    // In an order that has nothing to do with what they are, so that the first are a fair sample; but for those before them that were wrong once.
    points.sort_by_cached_key(|(case, point)| {
        let was_wrong = cases[*case].operation == Operation::Feed && point.call == "fsync";
        (!was_wrong, *blake3::hash(format!("{case} {point:?}").as_bytes()).as_bytes())
    });
    points.truncate(most);

    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for job in 0..JOBS {
            let (points, cases, next, outcomes) = (&points, &cases, &next, &outcomes);
            let room = room.path().join(format!("job-{job}"));
            std::fs::create_dir(&room).unwrap();
            scope.spawn(move || {
                while let Some((case, point)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let case = &cases[*case];
                    let outcome = case.try_point(point, &room).unwrap_or_else(|wrong| {
                        let (operation, shape) = (case.operation.name(), case.shape.name());
                        eprintln!("WRONG: {operation} {shape} {point:?}: {wrong}");
                        "WRONG".to_owned()
                    });
                    let key = (
                        case.operation.name(),
                        case.shape.name(),
                        &point.call[..],
                        point.action(),
                        outcome,
                    );
                    *outcomes.lock().unwrap().entry(key).or_insert(0usize) += 1;
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    let sum = |wanted: &dyn Fn(&str) -> bool| -> usize {
        outcomes.iter().filter(|((.., outcome), _)| wanted(outcome)).map(|(_, n)| n).sum()
    };
    let (wrong, idle) = (sum(&|o| o == "WRONG"), sum(&|o| o == "not reached"));
    let happened = points.len() - idle;
    eprintln!(
        "{happened} of {all} points in {:?}: {} old, {} new, {wrong} wrong ({idle} not reached)",
        started.elapsed(),
        sum(&|o| o.ends_with("old")),
        sum(&|o| o.ends_with("new")),
    );
    if let Some(path) = std::env::var_os("TAMIS_KILL_RECORD") {
        let mut record = "operation\tstore\tcall\twhat happens\toutcome\tpoints\n".to_owned();
        for ((operation, shape, call, action, outcome), count) in &outcomes {
            writeln!(record, "{operation}\t{shape}\t{call}\t{action}\t{outcome}\t{count}").unwrap();
        }
        writeln!(record, "all\tall\tall\tall\tall\t{happened}").unwrap();
        writeln!(record, "all\tall\tall\tall\tWRONG\t{wrong}").unwrap();
        std::fs::write(path, record).unwrap();
    }
    if wrong > 0 {
        return Err(format!("{wrong} points are wrong").into());
    }
    // A few calls, such as those for memory, are not made as often each time.
    if happened < 1000 || idle * 50 > points.len() {
        return Err(format!("only {happened} points, and {idle} were not reached").into());
    }
    Ok(())
}
