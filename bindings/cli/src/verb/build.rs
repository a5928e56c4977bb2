//! tamis build

use crate::{Exit, Failure, Output};

pub(crate) fn run(arguments: &crate::args::Build, output: &mut Output) -> Result<Exit, Failure> {
    let _ = (arguments, output);
    Ok(Exit::SUCCESS)
}
