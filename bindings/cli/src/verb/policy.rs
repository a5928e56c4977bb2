//! tamis policy

use crate::{Exit, Failure, Output};

pub(crate) fn run(policy: &crate::args::PolicyVerb, output: &mut Output) -> Result<Exit, Failure> {
    let _ = (policy, output);
    Ok(Exit::SUCCESS)
}
