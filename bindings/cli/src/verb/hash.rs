//! tamis hash

use crate::{Exit, Failure, Output};

pub(crate) fn run(files: &[std::path::PathBuf], output: &mut Output) -> Result<Exit, Failure> {
    let _ = (files, output);
    Ok(Exit::SUCCESS)
}
