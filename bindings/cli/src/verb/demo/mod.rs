//! tamis demo: draws pictures, lists some of them, and judges uploads made from them. Nothing is downloaded.
//!
//! ```text
//! draw pictures; write lists of their fingerprints; build a set of the lists; open it as a store
//! for each upload: judge it, compare the verdict with the one that is expected of it
//! ```
//!
//! A demo that cannot fail proves nothing: a verdict, or its ground, that is not the expected one is marked, and the status is 2.
//! It is 0 when all is as expected, although uploads were blocked: that was asked for.

mod folder;
mod table;
mod uploads;

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use tamis::files::publish_bytes;
use tamis::import::{self, Format, Options, Rejection};
use tamis::set::List;
use tamis::{Action, Context, Policy, Scanner, SetBuilder, Store, Verdict};

use crate::judging::now;
use crate::{Exit, Failure, Output, interrupt};
use folder::Folder;
use uploads::{Picture, Upload};

/// Each upload is judged this often, and the fastest run is shown: the first ones find cold caches and no buffers.
const RUNS: u32 = if cfg!(debug_assertions) { 2 } else { 7 };

/// The name of the set.
const SET: &str = "base.tamis";

/// One row of the table.
#[derive(Serialize)]
struct Row {
    upload: &'static str,
    file: &'static str,
    expected: Action,
    /// Whether a stronger action is as good.
    or_stronger: bool,
    as_expected: bool,
    total_us: f64,
    #[serde(flatten)]
    verdict: Verdict,
}

pub(crate) fn run(arguments: &crate::args::Demo, output: &mut Output) -> Result<Exit, Failure> {
    let started = Instant::now();
    // The first Ctrl-C lets the folder be removed.
    interrupt::listen();
    output.line(format_args!(
        "Tamis demo: known pictures are recognised among uploads, all drawn from seed {}. Nothing is downloaded.",
        arguments.seed
    ))?;
    if cfg!(debug_assertions) {
        output.line("This is a debug build: a release build is faster.")?;
    }
    output.flush()?;

    let folder = Folder::new(arguments.keep.as_deref())?;
    let pictures = uploads::pictures(arguments.seed)?;
    let store = build(&folder, &pictures)?;
    let uploads = uploads::uploads(arguments.seed, &pictures)?;
    for upload in &uploads {
        folder.write(upload.file, &upload.bytes)?;
    }

    output.line(format_args!(
        "Listed: {} pictures with {} fingerprints in 2 lists. Judged by the built-in policy.\n",
        pictures.len(),
        store.snapshot().entry_count()
    ))?;
    table::head(output)?;
    let mut scanner = Scanner::new(store, Policy::builtin()).with_timings(true);
    let mut wrong = 0;
    for upload in &uploads {
        if interrupt::asked() {
            return Err(Failure::new("the demo was stopped before its end"));
        }
        let row = judge(&mut scanner, upload)?;
        wrong += u32::from(!row.as_expected);
        table::row(output, &row)?;
        output.object(&row)?;
        output.flush()?;
    }
    finish(arguments.keep.as_deref(), started.elapsed(), output)?;
    if wrong > 0 {
        return Err(Failure::new(format!(
            "{wrong} of {} verdicts are not as expected: do not rely on this build, and report it with the seed",
            uploads.len()
        )));
    }
    Ok(Exit::SUCCESS)
}

/// The lists as files, the set made of them, and the store that it is.
fn build(folder: &Folder, pictures: &[Picture]) -> Result<Store, Failure> {
    let mut builder = SetBuilder::new();
    builder.set_created(now());
    for (name, kind) in uploads::LISTS {
        let csv = uploads::list(name, pictures)?;
        folder.write(&format!("{name}.csv"), csv.as_bytes())?;
        let list = builder.add_list(
            List::new(name, kind)
                .agreement("none: drawn for this demo")
                .legal_basis("demonstration"),
        )?;
        let mut rejections = Vec::new();
        import::read(
            csv.as_bytes(),
            Format::Csv,
            &Options::default(),
            &mut |entry| builder.add(list, entry),
            &mut |rejection: &Rejection| rejections.push(rejection.to_string()),
        )?;
        if let Some(first) = rejections.first() {
            return Err(Failure::new(format!(
                "the list {name} was not taken whole: {first}; try another --seed"
            )));
        }
    }
    let path = folder.path().join(SET);
    builder.write(&path)?;
    Ok(Store::open(&path)?)
}

/// The fastest of some runs. All must give the same verdict.
fn judge(scanner: &mut Scanner, upload: &Upload) -> Result<Row, Failure> {
    let context = Context::at(now());
    let mut fastest: Option<(Duration, Verdict)> = None;
    let mut as_expected = true;
    for _ in 0..RUNS {
        let started = Instant::now();
        let verdict = scanner.check(&upload.bytes, &context)?;
        let took = started.elapsed();
        as_expected &= upload.expects(&verdict);
        if fastest.as_ref().is_none_or(|(time, _)| took < *time) {
            fastest = Some((took, verdict));
        }
    }
    let (took, verdict) = fastest.ok_or_else(|| Failure::new("the demo judged nothing"))?;
    Ok(Row {
        upload: upload.name,
        file: upload.file,
        expected: upload.expected,
        or_stronger: upload.or_stronger,
        as_expected,
        total_us: took.as_nanos() as f64 / 1000.0,
        verdict,
    })
}

/// What to do next, and how long it took.
fn finish(kept: Option<&Path>, took: Duration, output: &mut Output) -> Result<(), Failure> {
    output.line("\nreview+ is review or block: the policy goes by how near the copy is. - is a step that was not needed.")?;
    match kept {
        Some(folder) => output.line(format_args!(
            "Next, in {}: `tamis build -o my.tamis {}.csv`, then `tamis check *.jpg --store my.tamis`.",
            crate::output::plain(&folder.display().to_string()),
            uploads::LISTS[0].0
        ))?,
        None => output.line(
            "Next: `tamis build -o base.tamis YOUR-LIST.csv`, then `tamis check UPLOAD --store base.tamis`.",
        )?,
    }
    output.line(format_args!(
        "The demo took {:.1} seconds; most of it went into drawing. Shown is the fastest of {RUNS} runs.",
        took.as_secs_f64()
    ))
}

impl Folder {
    /// Writes a file, readable by its owner and group only.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        Ok(publish_bytes(&self.path().join(name), bytes)?)
    }
}
