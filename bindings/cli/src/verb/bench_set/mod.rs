//! `tamis bench-set`: a set of codes that are drawn by seed, for measurements that strangers can repeat.
//!
//! The same arguments give the same bytes everywhere: [`codes`] says how the codes are drawn, and the builder's output depends on nothing else.

pub(super) mod codes;

use std::path::Path;

use serde_json::json;
use tamis::files::draft_path;
use tamis::fingerprint::PdqHash;
use tamis::set::{BuildOptions, Entry, List, ListId, ListKind, SetBuilder};

use super::build::{Published, check_output, write};
use super::info::radius_index;
use crate::args::BenchSet;
use crate::interrupt;
use crate::lists::preflight::{self, Wish};
use crate::output::shown;
use crate::progress::Share;
use crate::wording::{bytes, count, grouped};
use crate::{Exit, Failure, Output};

use codes::Codes;

/// The list, and the one item that all codes are of.
const LIST: &str = "bench";
const ITEM: &str = "drawn";

/// Codes that speak for the rest when the room is looked at.
const SAMPLE: u64 = 1 << 16;

pub(crate) fn run(arguments: &BenchSet, output: &mut Output) -> Result<Exit, Failure> {
    let BenchSet { codes, kind, seed, output: target, profile, jobs, force } = arguments;
    check_output(target)?;
    interrupt::abandon(vec![draft_path(target)], "nothing was published");
    let wish = Wish { target, force: *force, instead: "ask for fewer codes" };
    let options = BuildOptions::new().profile(*profile).jobs(jobs.map_or(0, Into::into));

    let sample = SAMPLE.min(*codes);
    let drawn = fill(sample, &mut Codes::new(*kind, sample, *seed)?, &mut |_| {})?;
    let factor = *codes as f64 / sample as f64;
    preflight::before_filling(wish, &options, [(drawn, factor)], Codes::memory(*codes))?;

    let share = Share::new();
    let mut drawing = Codes::new(*kind, *codes, *seed)?;
    let builder = fill(*codes, &mut drawing, &mut |fraction| share.set("drawing", fraction));
    share.clear();
    drop(drawing);
    let builder = builder?;
    preflight::before_writing(wish, &builder, &options)?;
    let published = write(builder, &options, target)?;
    tell(target, arguments, &published, output)?;
    Ok(Exit::SUCCESS)
}

/// A builder with so many codes.
fn fill(
    count: u64,
    codes: &mut Codes,
    progress: &mut dyn FnMut(f64),
) -> Result<SetBuilder, Failure> {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new(LIST, ListKind::Test))?;
    for number in 0..count {
        add(&mut builder, list, codes.next())?;
        if number.is_multiple_of(1 << 16) {
            progress(number as f64 / count as f64);
        }
    }
    Ok(builder)
}

fn add(builder: &mut SetBuilder, list: ListId, code: PdqHash) -> Result<(), Failure> {
    let entry = Entry::new(code).item(ITEM);
    builder.add(list, entry).map_err(|refusal| Failure::new(format!("a drawn code: {refusal}")))
}

fn tell(
    target: &Path,
    arguments: &BenchSet,
    Published { report, set, sound }: &Published,
    output: &mut Output,
) -> Result<(), Failure> {
    output.object(&json!({
        "set": target.to_string_lossy(),
        "digest": report.digest.to_string(),
        "kind": arguments.kind.name(),
        "seed": arguments.seed,
        "profile": arguments.profile.name(),
        "codes": report.entries,
        "bytes": report.bytes,
        "radius_index_bytes": set.radius_index_bytes(),
        "planted": sound.proof.planted,
    }))?;
    let how = format!("{}, seed {}", arguments.kind.name(), arguments.seed);
    output.line(format_args!(
        "{}: {} ({how}), {}",
        shown(target),
        count(report.entries, "code"),
        bytes(report.bytes),
    ))?;
    output.line(format_args!("  radius index: {}", radius_index(set)))?;
    output.line(format_args!(
        "  verified; {} planted queries answered",
        grouped(sound.proof.planted)
    ))?;
    output.line(format_args!("  digest {}", report.digest))
}
