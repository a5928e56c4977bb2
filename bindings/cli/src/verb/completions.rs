//! `tamis completions`: a script that completes the command line in a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::{Exit, Failure, Output};

pub(crate) fn run(shell: Shell, output: &mut Output) -> Result<Exit, Failure> {
    // Into memory first: the generator panics when a pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tamis", &mut script);
    output.raw(&script)?;
    Ok(Exit::SUCCESS)
}
