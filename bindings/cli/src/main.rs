//! The `tamis` executable: the library's public interface, for people and scripts.
//!
//! Each verb is a file under `verb/` with a function `run(arguments, output) -> Result<Exit, Failure>`. A `Failure` is one line on stderr and
//! status 2; everything else is in the `Exit` that the verb collects.

mod args;
mod drawing;
mod encode;
mod exit;
mod interrupt;
mod judging;
mod lists;
mod moment;
mod output;
mod progress;
mod replace;
mod room;
mod upload;
mod verb;
mod wording;

use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;

use clap::Parser;

use args::{Cli, Verb};
use exit::Exit;
use output::{Failure, Output, plain, remark};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let status = if error.use_stderr() { Exit::ERROR } else { Exit::SUCCESS };
            tell(&error);
            return status.into();
        }
    };
    let mut output = Output::new(cli.json);
    let result = guarded(|| run(cli.verb, &mut output));
    let flushed = output.flush();
    match (result, flushed) {
        (Ok(exit), Ok(())) => exit.into(),
        (Ok(mut exit), Err(failure)) => {
            remark(failure);
            exit.note_error();
            exit.into()
        }
        (Err(failure), _) => {
            remark(failure);
            Exit::ERROR.into()
        }
    }
}

/// Help, or what is wrong with the command line, which is quoted and may hold the name of a file.
fn tell(error: &clap::Error) {
    let steers = std::env::args_os().any(|argument| {
        let argument = argument.to_string_lossy();
        plain(&argument) != argument
    });
    if !(steers && error.use_stderr()) {
        // Help that nobody reads to the end is not an error.
        let _ = error.print();
        return;
    }
    for line in error.render().to_string().lines() {
        let _ = writeln!(std::io::stderr(), "{}", plain(line));
    }
}

/// What the last panic said and where.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Runs a verb. A panic, which is a defect of Tamis, becomes one line for people. Those of decoders are caught below and
/// are part of the verdict, so nothing is printed where a panic happens.
fn guarded(verb: impl FnOnce() -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        if let Ok(mut last) = PANIC.lock() {
            *last = format!("{text} ({place})");
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(verb)).unwrap_or_else(|_| {
        let what = PANIC.lock().map(|last| last.clone()).unwrap_or_default();
        Err(Failure(format!("a defect of Tamis, please report it: {what}")))
    })
}

fn run(verb: Verb, output: &mut Output) -> Result<Exit, Failure> {
    match verb {
        Verb::Demo(arguments) => verb::demo::run(&arguments, output),
        Verb::Doctor(judging) => verb::doctor::run(&judging, output),
        Verb::TestFiles { dir } => verb::test_files::run(&dir, output),
        Verb::Hash { files } => verb::hash::run(&files, output),
        Verb::Build(arguments) => verb::build::run(&arguments, output),
        Verb::Info { set } => verb::info::run(&set, output),
        Verb::Verify { set } => verb::verify::run(&set, output),
        Verb::Check { files, judging, timings, worker, exact } => {
            let scanner = judging.scanner()?.with_timings(timings);
            let mut scanner = scanner.with_exact_hashes(exact);
            if worker {
                scanner = scanner.with_worker(judging::worker()?)?;
            }
            verb::check::run(&files, &judging, scanner, output)
        }
        Verb::Scan(arguments) => verb::scan::run(&arguments, output),
        Verb::Query(arguments) => verb::query::run(&arguments, output),
        Verb::BenchSet(arguments) => verb::bench_set::run(&arguments, output),
        Verb::BenchQuery(arguments) => verb::bench_query::run(&arguments, output),
        Verb::Worker => Ok(tamis::sandbox::run_worker().map(|()| Exit::SUCCESS)?),
        Verb::List(list) => verb::list::run(&list, output),
        Verb::Store(verb) => verb::store::run(&verb, output),
        Verb::Policy(policy) => verb::policy::run(&policy, output),
        Verb::Completions { shell } => verb::completions::run(shell, output),
    }
}
