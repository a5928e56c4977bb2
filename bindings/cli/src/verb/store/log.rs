//! `tamis store log`: what was changed and refused.

use std::path::Path;

use tamis::store::{Event, StoreWriter};

use crate::output::plain;
use crate::wording::rfc3339;
use crate::{Exit, Failure, Output};

pub(super) fn run(store: &Path, since: Option<u64>, output: &mut Output) -> Result<Exit, Failure> {
    // A directory without a log may be no store at all, and then that is to be told.
    super::manifest(store)?;
    let mut told = Ok(());
    StoreWriter::read_log(store, &mut |event| {
        if told.is_ok() && since.is_none_or(|since| event.at >= since) {
            told = tell(&event, output);
        }
    })?;
    told?;
    Ok(Exit::SUCCESS)
}

fn tell(event: &Event, output: &mut Output) -> Result<(), Failure> {
    output.object(event)?;
    let mut line = format!("{}  {:>6}  {:<8}", rfc3339(event.at), event.version, event.event);
    for part in [&event.list, &event.what] {
        if !part.is_empty() {
            line.push_str("  ");
            line.push_str(part);
        }
    }
    if !event.reason.is_empty() {
        line.push_str(&format!("  ({})", event.reason));
    }
    output.line(plain(&line))
}
