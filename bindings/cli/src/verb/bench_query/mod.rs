//! `tamis bench-query`: how fast a set is searched, by its radius index and by a scan, after checking that both agree.

mod drawn;
mod measure;
mod sample;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use tamis::fingerprint::Algorithm;
use tamis::hamming::Isa;
use tamis::set::Set;

use super::info::{radius_index, set_file};
use crate::args::BenchQuery;
use crate::output::shown;
use crate::progress::Progress;
use crate::wording::{self, count, grouped};
use crate::{Exit, Failure, Output};

use drawn::Queries;
use measure::Times;
use sample::{Sample, microseconds};

/// Bytes of a PDQ code in a set.
const CODE: u64 = 32;

/// What was found out before anything was timed.
struct Run {
    path: PathBuf,
    set: Set,
    matches: u64,
    open: Duration,
    warm: Option<Duration>,
}

pub(crate) fn run(arguments: &BenchQuery, output: &mut Output) -> Result<Exit, Failure> {
    let path = set_file(&arguments.set)?;
    let started = Instant::now();
    let set = Set::open_with(&path, arguments.residency)?;
    let open = started.elapsed();
    let warm = if arguments.cold { None } else { Some(warm(&set)?) };

    let BenchQuery { queries, radius, seed, .. } = arguments;
    let about = |failure| Failure::of(&path, failure);
    let mut queries = Queries::draw(&set, *queries, *radius, *seed).map_err(about)?;
    let matches = measure::agree(&set, &queries, *radius).map_err(about)?;
    let times = measure::measure(&set, &mut queries, arguments).map_err(about)?;
    let run = Run { path, set, matches, open, warm };
    object(arguments, &run, &times, output)?;
    lines(arguments, &run, &times, output)?;
    Ok(Exit::SUCCESS)
}

fn warm(set: &Set) -> Result<Duration, Failure> {
    let progress = Progress::new("warming", Some(set.size()));
    let started = Instant::now();
    let warmed = set.warm(&mut |bytes| progress.set(bytes));
    progress.clear();
    warmed?;
    Ok(started.elapsed())
}

fn object(
    arguments: &BenchQuery,
    run: &Run,
    times: &Times,
    output: &mut Output,
) -> Result<(), Failure> {
    let Run { path, set, matches, open, warm } = run;
    let (index, codes) = (set.radius_index_bytes(), set.fingerprint_count(Algorithm::Pdq));
    let batch = measure::batch(arguments);
    let mut batched = times.batch.object(batch);
    batched["queries"] = batch.into();
    output.object(&json!({
        "set": path.to_string_lossy(),
        "digest": set.digest().to_string(),
        "codes": codes,
        "radius_index_bytes": index,
        "bytes_per_code": CODE as f64 + index as f64 / codes.max(1) as f64,
        "isa": Isa::detect().name(),
        "residency": arguments.residency.name(),
        "open_us": microseconds(*open),
        "warm_us": warm.map(microseconds),
        "queries": arguments.queries,
        "planted": arguments.queries.div_ceil(2),
        "radius": arguments.radius,
        "seed": arguments.seed,
        "agree": true,
        "matches": matches,
        "index": times.index.object(1),
        "after_scan": times.after_scan.object(1),
        "chosen": times.chosen.object(1),
        "batch": batched,
        "scan": times.scan.object(1),
        "ratio": ratio(times).map(|ratio| (ratio * 10.0).round() / 10.0),
    }))
}

/// How many times faster the index is than a scan, by their medians.
fn ratio(times: &Times) -> Option<f64> {
    let (index, scan) = (times.index.percentile(50)?, times.scan.percentile(50)?);
    Some(scan.as_secs_f64() / index.as_secs_f64().max(1e-9))
}

fn lines(
    arguments: &BenchQuery,
    run: &Run,
    times: &Times,
    output: &mut Output,
) -> Result<(), Failure> {
    let Run { path, set, matches, open, warm } = run;
    let codes = set.fingerprint_count(Algorithm::Pdq);
    output.line(format_args!("{}: {}", shown(path), count(codes, "code")))?;
    output.line(format_args!("  radius index  {}", radius_index(set)))?;
    let warm =
        warm.map_or("not warmed".into(), |time| format!("warmed in {}", wording::time(time)));
    let (isa, residency) = (Isa::detect(), arguments.residency.name());
    let open = wording::time(*open);
    output.line(format_args!(
        "  searched by   {isa}, one thread; {residency}, opened in {open}, {warm}"
    ))?;
    let (queries, radius) =
        (count(arguments.queries, "query"), count(arguments.radius.into(), "bit"));
    let found = count(*matches, "code");
    output.line(format_args!(
        "  {queries} find {found} within {radius}; index and scan agree on all"
    ))?;
    output.line("")?;
    output.line(format_args!("{:>28}{:>12}{:>14}{:>10}", "p50", "p99", "look-ups/s", "timed"))?;
    let batch = measure::batch(arguments);
    for (name, sample, queries) in [
        ("index", &times.index, 1),
        ("  after a scan", &times.after_scan, 1),
        ("chosen", &times.chosen, 1),
        (&*format!("  batch of {batch}"), &times.batch, batch),
        ("scan", &times.scan, 1),
    ] {
        if let Some(row) = row(sample, queries) {
            output.line(format_args!("  {name:<14}{row}"))?;
        }
    }
    match ratio(times) {
        Some(ratio) => {
            output.line(format_args!("\nThe index is {ratio:.1} times as fast as a scan."))
        }
        None => Ok(()),
    }
}

/// What was measured of one kind of call, if anything was.
fn row(sample: &Sample, queries: usize) -> Option<String> {
    let [p50, p99] = [50, 99].map(|percent| sample.percentile(percent).map(wording::time));
    let rate = grouped((sample.per_second() * queries as f64).round() as u64);
    Some(format!("{:>12}{:>12}{rate:>14}{:>10}", p50?, p99?, grouped(sample.len() as u64)))
}
