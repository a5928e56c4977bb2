//! tamis test_files

use crate::{Exit, Failure, Output};

pub(crate) fn run(dir: &std::path::Path, output: &mut Output) -> Result<Exit, Failure> {
    let _ = (dir, output);
    Ok(Exit::SUCCESS)
}
