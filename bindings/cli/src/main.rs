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
mod output;
mod verb;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Verb};
use exit::Exit;
use output::{Failure, Output, remark};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let status = if error.use_stderr() { Exit::ERROR } else { Exit::SUCCESS };
            // Help that nobody reads to the end is not an error.
            let _ = error.print();
            return status.into();
        }
    };
    let mut output = Output::new(cli.json);
    let result = run(cli.verb, &mut output);
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

fn run(verb: Verb, output: &mut Output) -> Result<Exit, Failure> {
    match verb {
        Verb::Demo(arguments) => verb::demo::run(&arguments, output),
        Verb::Doctor(judging) => verb::doctor::run(&judging, output),
        Verb::TestFiles { dir } => verb::test_files::run(&dir, output),
        Verb::Hash { files } => verb::hash::run(&files, output),
        Verb::Build(arguments) => verb::build::run(&arguments, output),
        Verb::Info { set } => verb::info::run(&set, output),
        Verb::Verify { set } => verb::verify::run(&set, output),
        Verb::Check { files, judging, timings } => {
            verb::check::run(&files, &judging, timings, output)
        }
        Verb::Scan(arguments) => verb::scan::run(&arguments, output),
        Verb::Policy(policy) => verb::policy::run(&policy, output),
        Verb::Completions { shell } => verb::completions::run(shell, output),
    }
}
