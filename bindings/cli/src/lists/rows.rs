//! The rows of the lists that `--from` names, for every verb that adds entries.

use tamis::files::publish;
use tamis::set::{Entry, Refusal};

use super::length;
use super::list::{self, Reading, Source};
use super::rejects::Rejects;
use crate::args::Sources;
use crate::progress::Progress;
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
        // Rejected rows are wanted most when nothing is taken because of them.
        Some(file) => publish(file, |writer| Ok(read(Rejects::new(Some(writer)))))?,
    };
    progress.clear();
    read
}
