//! tamis scan: judges all files below some directories; for what was stored before a list arrived.
//!
//! ```text
//! walk the trees; for each regular file:
//!     the journal has it, unchanged            -> nothing to do
//!     else judge it on the next free thread    -> result to stdout, then a line for the journal
//! ```
//!
//! Invariants:
//! * A file is in the journal only after its result was written to stdout, and the journal is synced only after stdout was. So a
//!   scan that is stopped, killed or cut off from power may repeat results when it is run again, and never loses one.
//! * stdout holds results only; the summary, remarks and the progress bar go to stderr.
//! * A file that could not be judged is reported and never journalled, so that it is tried again.

mod bar;
mod journal;
mod tally;
mod walk;

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use serde::Serialize;
use tamis::batch::Batch;
use tamis::{Action, Difference, Error, ErrorCode, Outcome, Verdict};

use super::check::{Judged, Unjudged, sentence};
use crate::judging::worker;
use crate::output::shown;
use crate::{Exit, Failure, Output, interrupt};
use bar::Bar;
use journal::{Header, Journal, Stamp};
use tally::Tally;
use walk::{Found, Walk};

pub(crate) fn run(arguments: &crate::args::Scan, output: &mut Output) -> Result<Exit, Failure> {
    let judging = &arguments.judging;
    let policy = judging.policy()?;
    let store = judging.store()?;
    let shadow = judging.shadow()?;
    let context = judging.context();
    interrupt::listen();

    let bar = Bar::new();
    let header = Header {
        store: store.snapshot().digest().to_string(),
        policy: policy.digest(),
        now: judging.now,
    };
    let journal = match &arguments.journal {
        Some(path) => Some(Journal::open(path, &header)?),
        None => None,
    };
    let roots = walk::roots(&arguments.paths);
    let scan = Mutex::new(Scan {
        output,
        journal,
        all: arguments.all,
        in_hand: Vec::new(),
        tally: Tally::new(Instant::now(), shadow.is_some()),
        exit: Exit::default(),
        failure: None,
        bar: &bar,
    });
    let mut batch = Batch::new(store, policy).with_jobs(arguments.jobs.map_or(0, usize::from));
    // What was stored long ago is not what is uploaded now.
    batch = batch.with_exact_hashes(arguments.exact).with_counting(false);
    if let Some(shadow) = shadow {
        batch = batch.with_shadow(shadow);
    }
    if arguments.worker {
        batch = batch.with_worker(worker()?);
    }

    let mut walk = Walk::new(&roots);
    // Asked for the next file by one thread at a time, whenever one is free.
    let paths = std::iter::from_fn(|| {
        loop {
            if interrupt::asked() || lock(&scan).failure.is_some() {
                return None;
            }
            let found = walk.next()?;
            if let Some(path) = lock(&scan).take(found) {
                return Some(path);
            }
        }
    });
    let judged = bar.counting(&roots, || {
        batch.check_paths(paths, &context, |path, verdict| lock(&scan).done(path, verdict))
    });

    let mut scan = scan.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Err(error) = judged {
        scan.fail(error.into());
    }
    scan.finish()
}

/// A lock that a panic of another thread left behind is as good as any: every change to what it holds is complete.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One run, as far as it has come.
struct Scan<'a> {
    output: &'a mut Output,
    journal: Option<Journal>,
    /// Whether clear files are printed too.
    all: bool,
    /// The files that threads are judging, as they were before they were read.
    in_hand: Vec<(std::path::PathBuf, Stamp)>,
    tally: Tally,
    exit: Exit,
    /// What ends the scan early.
    failure: Option<Failure>,
    bar: &'a Bar,
}

impl Scan<'_> {
    /// What the walk found: a path if it is a file to judge.
    fn take(&mut self, found: Found) -> Option<std::path::PathBuf> {
        match found {
            Found::File(path, stamp) => {
                if let Some(action) = self.journal.as_ref().and_then(|j| j.finished(&path, &stamp))
                {
                    // The status and the summary are those of the whole scan.
                    self.exit.note(action);
                    self.tally.earlier(action);
                    self.bar.done(&self.tally);
                    return None;
                }
                self.in_hand.push((path.clone(), stamp));
                return Some(path);
            }
            Found::Skipped => self.tally.skipped += 1,
            Found::Vanished => self.tally.vanished += 1,
            Found::Unreadable(path, error) => self.unjudged(&path, &error),
        }
        None
    }

    /// A file was judged, or could not be.
    fn done(&mut self, path: &Path, verdict: tamis::Result<Verdict>) {
        let place = self.in_hand.iter().position(|(other, _)| other == path);
        let stamp = place.map(|place| self.in_hand.swap_remove(place).1);
        // After a failure results are not written any more, so they must not be journalled.
        if self.failure.is_some() {
            return;
        }
        match (verdict, stamp) {
            (Ok(verdict), Some(stamp)) => {
                if let Err(failure) = self.judged(path, &stamp, &verdict) {
                    self.fail(failure);
                }
            }
            (Ok(_), None) => {}
            (Err(error), _) => match error.code() {
                ErrorCode::NotFound => self.tally.vanished += 1,
                ErrorCode::Io | ErrorCode::Permissions | ErrorCode::InvalidArgument => {
                    self.unjudged(path, &clause(path, &error));
                }
                _ => self.fail(Failure::new(format!(
                    "the store cannot be relied on, run `tamis verify` on it; found while judging {error}"
                ))),
            },
        }
        self.bar.done(&self.tally);
    }

    /// Prints the result; after that the journal may know of it.
    fn judged(&mut self, path: &Path, stamp: &Stamp, verdict: &Verdict) -> Result<(), Failure> {
        self.exit.note(verdict.action);
        self.tally.judged(stamp.size, verdict);
        let differs = verdict.shadow.as_ref().is_some_and(|s| s.difference != Difference::Same);
        if self.all || differs || verdict.outcome != Outcome::Clear {
            let output = &mut *self.output;
            self.bar.above(|| {
                output.object(&Named::new(path, Judged::new(path, verdict)))?;
                let action = output.action(verdict.action);
                output.line(format_args!("{action}  {}  {}", shown(path), sentence(verdict)))?;
                output.flush()
            })?;
        }
        match &mut self.journal {
            Some(journal) => journal.add(path, stamp, verdict.action),
            None => Ok(()),
        }
    }

    /// Reports a file or directory that could not be read.
    fn unjudged(&mut self, path: &Path, error: &str) {
        self.exit.note_error();
        self.tally.errors += 1;
        self.bar.remark(format_args!("{}: {error}", path.display()));
        let file = path.to_string_lossy().into_owned();
        if let Err(failure) = self.output.object(&Named::new(path, Unjudged { file, error })) {
            self.fail(failure);
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Ends the run: journal, summary, and how to go on.
    fn finish(mut self) -> Result<Exit, Failure> {
        self.bar.clear();
        let resumable = self.journal.is_some();
        if let Some(journal) = &mut self.journal
            && let Err(failure) = journal.commit()
        {
            self.failure.get_or_insert(failure);
        }
        let stopped = self.failure.is_some() || interrupt::asked();
        if let Some(failure) = self.failure {
            self.bar.remark(failure);
        }
        for line in self.tally.summary() {
            self.bar.remark(line);
        }
        if stopped {
            self.exit.note_error();
            self.bar.remark(if resumable {
                "stopped before the end: run the same command again to go on, and append to the results (`>>`), since those printed so far are not printed again"
            } else {
                "stopped before the end: without --journal, a new run begins from the start"
            });
        }
        Ok(self.exit)
    }
}

/// A result, with the name's bytes where the name is not text.
#[derive(Serialize)]
struct Named<T> {
    #[serde(flatten)]
    result: T,
    /// Hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_bytes: Option<String>,
}

impl<T> Named<T> {
    fn new(path: &Path, result: T) -> Named<T> {
        let bytes = path.as_os_str().as_encoded_bytes();
        let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Named { result, file_bytes: path.to_str().is_none().then(hex) }
    }
}

/// The error without the file's name, which stands in front of it anyway.
fn clause(path: &Path, error: &Error) -> String {
    let text = error.to_string();
    text.strip_prefix(&format!("{}: ", shown(path))).unwrap_or(&text).to_owned()
}

/// The word of an action in the journal.
fn letter(action: Action) -> char {
    match action {
        Action::Block => 'b',
        Action::Review => 'r',
        Action::Allow => 'a',
    }
}
