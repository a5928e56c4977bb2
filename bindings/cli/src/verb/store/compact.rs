//! `tamis store compact`: one base of the base and its deltas.

use serde_json::json;
use tamis::{Error, ErrorCode};

use super::{NOTHING, in_force};
use crate::args::Writing;
use crate::output::shown;
use crate::progress::Progress;
use crate::wording::count;
use crate::{Exit, Failure, Output, interrupt};

pub(super) fn run(writing: &Writing, output: &mut Output) -> Result<Exit, Failure> {
    interrupt::abandon(Vec::new(), NOTHING);
    let mut writer = super::open(writing)?;
    let sets = writer.manifest().sets.len() as u64;
    let (entries, bytes) = writer
        .manifest()
        .sets
        .iter()
        .fold((0u64, 0u64), |(entries, bytes), set| (entries + set.entries, bytes + set.bytes));
    let each = bytes as f64 / entries.max(1) as f64;
    let progress = Progress::new("merging", Some(bytes));
    let compacted = writer.compact(writing.now(), &mut |done| {
        progress.set((done as f64 * each) as u64);
        match interrupt::asked() {
            true => Err(Error::new(ErrorCode::Stopped, NOTHING)),
            false => Ok(()),
        }
    });
    progress.clear();
    let compacted = in_force(compacted)?;
    let left = writer.manifest().sets.len() as u64;
    output.object(&json!({
        "store": writing.store().to_string_lossy(),
        "version": compacted.version,
        "changed": compacted.changed,
        "sets_before": sets,
        "sets": left,
        "entries": compacted.entries,
    }))?;
    let what = match (compacted.changed, sets) {
        (false, 0) => "nothing to do: the store holds nothing yet".to_owned(),
        (false, _) => "nothing to do: all that can be merged is one base already".to_owned(),
        (true, _) => {
            let entries = count(compacted.entries, "entry");
            format!("merged {}; the base has {entries}", count(sets, "set"))
        }
    };
    output.line(format_args!(
        "{}: version {}: {what}",
        shown(writing.store()),
        compacted.version
    ))?;
    if left > 1 {
        output.line(
            "  the others wait for changes that are missing before them: see `tamis store status`",
        )?;
    }
    Ok(Exit::SUCCESS)
}
