//! What is measured, in which order.
//!
//! ```text
//! agree:    every query: scan = index = chosen = in a batch, and what was planted is found
//! measure:  for each of 10 rounds:
//!               for each scan of the round:  time a scan; time an unrelated query by the index, which the scan has driven out of the caches
//!               512 unrelated queries by the index, not timed: the state of a server that does nothing else
//!               time a tenth of the queries by the index; another tenth as chosen; another tenth in batches
//! ```
//!
//! Rounds put neighbours' noise into all samples alike. Within a round no query is asked for twice, and between two times that
//! it is asked for other codes are scanned: nothing is timed that the caches hold because it was asked for just now.

use tamis::fingerprint::PdqHash;
use tamis::search::{Near, RadiusSearch, Strategy};
use tamis::set::Set;

use super::drawn::Queries;
use super::sample::Sample;
use crate::Failure;
use crate::args::BenchQuery;
use crate::progress::Share;

/// Rounds, if there are queries enough for a batch in each.
const ROUNDS: usize = 10;
/// Queries that fill the caches with what the index needs most.
const REFILL: usize = 512;
/// Queries that the check scans for in one pass.
const CHECKED: usize = 16;

/// Times by kind. Those of the index are empty where the set has none.
#[derive(Default)]
pub(super) struct Times {
    pub(super) index: Sample,
    pub(super) after_scan: Sample,
    pub(super) chosen: Sample,
    pub(super) batch: Sample,
    pub(super) scan: Sample,
}

/// Compares all answers. Returns how many codes are within the radius of the queries.
pub(super) fn agree(set: &Set, queries: &Queries, radius: u32) -> Result<u64, Failure> {
    let [mut scan, mut index, mut chosen] =
        [Strategy::Scan, Strategy::Index, Strategy::Auto].map(search);
    let share = Share::new();
    let mut matches = 0;
    for (number, batch) in queries.codes.chunks(CHECKED).enumerate() {
        let first = number * CHECKED;
        share.set("comparing index and scan", first as f64 / queries.codes.len() as f64);
        let asked: Vec<_> = batch.iter().map(|code| (*code, radius)).collect();
        let expected = scan.within(set, &asked)?;
        let compare = |how: &str, query: Option<usize>, found: &[Near]| {
            let of_query = |near: &&Near| query.is_none_or(|query| near.query == query);
            // A query that is asked alone is number 0.
            let alone = |near: &Near| Near { query: query.map_or(near.query, |_| 0), ..*near };
            let expected = expected.iter().filter(of_query).map(alone);
            if expected.clone().eq(found.iter().copied()) {
                return Ok(());
            }
            let which = query.map_or_else(
                || format!("queries {} to {}", first + 1, first + batch.len()),
                |query| format!("query {}", first + query + 1),
            );
            Err(Failure::new(format!(
                "{how} and scan disagree on {which}: {} codes and {}. Nothing was measured. Try `tamis verify`; if it finds the set sound, \
                 this is a defect of Tamis or of this machine: please report it with this command",
                found.len(),
                expected.count(),
            )))
        };
        compare("batch", None, chosen.within(set, &asked)?)?;
        for (query, asked) in asked.iter().enumerate() {
            let asked = std::slice::from_ref(asked);
            compare("index", Some(query), index.within(set, asked)?)?;
            compare("choice", Some(query), chosen.within(set, asked)?)?;
            if Queries::planted(first + query) && !expected.iter().any(|near| near.query == query) {
                return Err(Failure::new(format!(
                    "query {} was planted near a code of the set, and nothing finds it. This is a defect of Tamis or of this machine: \
                     please report it with this command",
                    first + query + 1
                )));
            }
        }
        matches += expected.len() as u64;
    }
    share.clear();
    Ok(matches)
}

/// Times all of it.
pub(super) fn measure(
    set: &Set,
    queries: &mut Queries,
    arguments: &BenchQuery,
) -> Result<Times, Failure> {
    let radius = arguments.radius;
    let indexed = set.radius_index_bytes() > 0 && radius <= tamis::index::WIDEST;
    let [mut scan, mut index, mut chosen] =
        [Strategy::Scan, Strategy::Index, Strategy::Auto].map(search);
    let all: Vec<_> = queries.codes.iter().map(|code| (*code, radius)).collect();
    let batch = batch(arguments);
    let rounds = (all.len() / batch).clamp(1, ROUNDS);
    let parts: Vec<Vec<(PdqHash, u32)>> =
        (0..rounds).map(|part| all.iter().skip(part).step_by(rounds).copied().collect()).collect();
    let scans = all.len().min(arguments.scans as usize);

    let mut times = Times::default();
    let share = Share::new();
    for round in 0..rounds {
        share.set("measuring", round as f64 / rounds as f64);
        let part = |ahead: usize| parts[(round + ahead) % rounds].as_slice();
        for number in (round..scans).step_by(rounds) {
            // One planted, one not.
            let at = (number * all.len() / scans) ^ (number & 1);
            let asked = &all[at.min(all.len() - 1)..][..1];
            times.scan.time(|| scan.within(set, asked).map(<[Near]>::len))?;
            if indexed {
                let asked = [(queries.stranger(), radius)];
                times.after_scan.time(|| index.within(set, &asked).map(<[Near]>::len))?;
            }
        }
        for _ in 0..REFILL * usize::from(indexed) {
            index.within(set, &[(queries.stranger(), radius)])?;
        }
        if indexed {
            for asked in part(0).chunks(1) {
                times.index.time(|| index.within(set, asked).map(<[Near]>::len))?;
            }
        }
        for asked in part(1).chunks(1) {
            times.chosen.time(|| chosen.within(set, asked).map(<[Near]>::len))?;
        }
        for asked in part(2).chunks_exact(batch) {
            times.batch.time(|| chosen.within(set, asked).map(<[Near]>::len))?;
        }
    }
    share.clear();
    Ok(times)
}

/// Queries in one call of a batch.
pub(super) fn batch(arguments: &BenchQuery) -> usize {
    arguments.batch.min(arguments.queries) as usize
}

fn search(strategy: Strategy) -> RadiusSearch {
    RadiusSearch::new().with_strategy(strategy)
}
