//! The demo's table. Each upload takes two lines: numbers that can be compared down a column, and a reason that needs room.

use std::time::Duration;

use tamis::Verdict;
use tamis::policy::Cause;

use super::Row;
use crate::{Failure, Output};

/// Widths of the columns of steps, in the order of [`tamis::Timings::steps`], and of their sum.
const WIDTHS: [usize; 7] = [5, 7, 6, 7, 6, 6, 7];

pub(super) fn head(output: &mut Output) -> Result<(), Failure> {
    let names = tamis::Timings::default().steps().map(|(name, _)| name);
    let steps: String = names
        .iter()
        .chain(["total"].iter())
        .zip(WIDTHS)
        .map(|(n, w)| format!(" {n:>w$}"))
        .collect();
    output.line(format_args!("{:<40}{:>53}", "", "microseconds of each step"))?;
    output.line(format_args!("{:<25} {:<8} {:<6}{steps}", "upload", "expected", "verdict"))
}

pub(super) fn row(output: &mut Output, row: &Row) -> Result<(), Failure> {
    let steps = row.verdict.timings.unwrap_or_default().steps();
    let mut times: String = steps
        .iter()
        .zip(WIDTHS)
        .map(|((_, time), w)| format!(" {:>w$}", microseconds(*time)))
        .collect();
    let total = Duration::from_nanos((row.total_us * 1000.0) as u64);
    times += &format!(" {:>w$}", microseconds(total), w = WIDTHS[6]);
    let expected = format!("{}{}", row.expected, if row.or_stronger { "+" } else { "" });
    let verdict = row.verdict.action;
    output.line(format_args!(
        "{:<25} {:<8} {:<6} {times}",
        row.upload,
        expected,
        verdict.name()
    ))?;
    output.line(format_args!("    {}", why(&row.verdict)))?;
    if !row.as_expected {
        output.line("    WRONG: this verdict, or its reason, is not the expected one")?;
    }
    Ok(())
}

/// A step that was not needed took no time at all.
fn microseconds(time: Duration) -> String {
    let us = time.as_nanos() as f64 / 1000.0;
    match us {
        0.0 => "-".into(),
        us if us < 9.95 => format!("{us:.1}"),
        us => format!("{us:.0}"),
    }
}

/// The strongest reason in a line, with the item instead of the entry's id.
fn why(verdict: &Verdict) -> String {
    let Some(reason) = verdict.reasons.first() else {
        return format!("nothing matches; examined: {}", examined(verdict));
    };
    let Cause::Rule { matched, rule, cap, .. } = &reason.cause else {
        return reason.to_string();
    };
    let item = verdict.matches.iter().find(|m| m.entry == matched.entry).map_or("?", |m| &m.item);
    let algorithm = matched.algorithm.name().to_uppercase();
    let how = if matched.algorithm.is_digest() {
        format!("{algorithm} equal to")
    } else {
        format!("{algorithm} at distance {} ({}) from", matched.distance, matched.view)
    };
    let cap = if cap.is_some() { ", at most review" } else { "" };
    let early = if verdict.complete { "" } else { "; no need to decode it" };
    format!("{how} {item} of list {}; {rule}{cap}{early}", matched.list)
}

fn examined(verdict: &Verdict) -> &'static str {
    use tamis::Method;
    if verdict.examined.contains(&Method::Perceptual) {
        "digests and pixels"
    } else {
        "digests (it has no pixels)"
    }
}
