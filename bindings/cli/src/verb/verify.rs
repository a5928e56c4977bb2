//! `tamis verify`: every byte and record of a set, and whether the search finds what is in it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tamis::search::{self, Proof};
use tamis::set::Set;

use super::info::{delta, told};
use crate::output::shown;
use crate::progress::Progress;
use crate::wording::{self, count};
use crate::{Exit, Failure, Output};

/// The radius of the planted queries: the greatest at which the default policy compares.
pub(crate) const RADIUS: u32 = 31;

/// What was found to be in order, and what it took.
pub(crate) struct Soundness {
    pub(crate) proof: Proof,
    /// What reading it took.
    time: Duration,
}

pub(crate) fn run(set: &Path, output: &mut Output) -> Result<Exit, Failure> {
    if set.is_dir() {
        return super::store::verify::run(set, output);
    }
    let path = set;
    let checked = Set::open(path).and_then(|set| Ok((prove(&set)?, set)));
    let (sound, set) = match checked {
        Ok(checked) => checked,
        Err(error) => {
            let error = error.with_path(path).to_string();
            let file = path.to_string_lossy();
            output.object(&json!({ "set": file, "sound": false, "error": error }))?;
            return Err(Failure(error));
        }
    };
    let (Proof { bytes, planted, .. }, entries) = (sound.proof, set.entry_count());
    let changes = set.changes().map_err(|error| error.with_path(path))?;
    let rate = bytes as f64 / 1e6 / sound.time.as_secs_f64().max(1e-9);
    output.object(&json!({
        "set": path.to_string_lossy(),
        "sound": true,
        "digest": set.digest().to_string(),
        "bytes": bytes,
        "entries": entries,
        "changes": changes.iter().map(told).collect::<Vec<_>>(),
        "tombstones": set.withdrawal_count(),
        "planted": planted,
        "microseconds": sound.time.as_micros() as u64,
    }))?;
    output.line(format_args!("{}: sound", shown(path)))?;
    output.line(format_args!(
        "  {} and {} in {} ({rate:.0} MB/s)",
        wording::bytes(bytes),
        count(entries, "entry"),
        wording::time(sound.time),
    ))?;
    let planted = match planted {
        0 => "nothing to search for: the set holds no entries".to_owned(),
        1 => "1 planted query, answered".to_owned(),
        n => format!("{} planted queries, all answered", wording::grouped(n)),
    };
    output.line(format_args!("  {planted}"))?;
    if set.radius_index_bytes() > 0 {
        output.line("  the radius index is that of the codes")?;
    }
    if !changes.is_empty() {
        output.line(format_args!("  a delta: changes {}", delta(&set, &changes)))?;
    }
    output.line(format_args!("  digest {}", set.digest()))?;
    Ok(Exit::SUCCESS)
}

/// Verifies a set and searches it for samples of its own fingerprints.
pub(crate) fn prove(set: &Set) -> tamis::Result<Soundness> {
    let progress = Progress::new("verifying", Some(set.size() + set.radius_index_bytes()));
    let started = Instant::now();
    let mut time = Duration::ZERO;
    let proof = search::prove(set, RADIUS, true, &mut |bytes| {
        progress.set(bytes);
        time = started.elapsed();
    });
    progress.clear();
    Ok(Soundness { proof: proof?, time })
}
