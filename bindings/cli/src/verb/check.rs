//! tamis check

use crate::{Exit, Failure, Output};

pub(crate) fn run(
    files: &[std::path::PathBuf],
    judging: &crate::args::Judging,
    timings: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let mut scanner = judging.scanner()?.with_timings(timings);
    let mut exit = Exit::default();
    for file in files {
        let verdict = scanner.check_path(file, &judging.context())?;
        exit.note(verdict.action);
        output.object(&verdict)?;
    }
    Ok(exit)
}
