//! tamis check

use crate::{Exit, Failure, Output};

pub(crate) fn run(
    files: &[std::path::PathBuf],
    judging: &crate::args::Judging,
    timings: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let _ = (files, judging, timings, output);
    Ok(Exit::SUCCESS)
}
