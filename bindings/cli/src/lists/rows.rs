//! The rows of the lists that `--from` names, for every verb that adds entries.

use tamis::set::{Entry, Refusal, publish};

use super::list::{self, Reading, Source};
use super::rejects::Rejects;
use crate::args::Sources;
use crate::progress::Progress;
use crate::verb::build::{check_writable, length, same_file};
use crate::{Failure, Output};

/// Gives every row to `take`, tells what became of all of them, and returns how many were rejected. `name` is that of the list that they are added to.
pub(crate) fn read(
    sources: &Sources,
    name: &str,
    reading: &Reading,
    take: &mut dyn FnMut(Entry) -> Result<(), Refusal>,
    output: &mut Output,
) -> Result<u64, Failure> {
    let progress = Progress::new("reading", length(&sources.from));
    let mut read = |mut rejects: Rejects<'_>| {
        let mut rejected = 0;
        for path in &sources.from {
            let source = Source { path, name };
            let report = list::read(&source, reading, take, &mut rejects, &progress, output)?;
            rejected += report.rejected_rows();
        }
        rejects.finish(reading.nothing)?;
        Ok(rejected)
    };
    let read = match &sources.rejects {
        None => read(Rejects::new(None)),
        Some(file) => {
            check_writable("--rejects", file)?;
            if sources.from.iter().any(|path| same_file(file, path)) {
                let what = "--rejects names a list that is read; give another name";
                return Err(Failure::of(file, what));
            }
            // Rejected rows are wanted most when nothing is taken because of them.
            publish(file, |writer| Ok(read(Rejects::new(Some(writer)))))?
        }
    };
    progress.clear();
    read
}
