//! `tamis check`: judges files one by one, and goes on after those that cannot be read.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tamis::policy::Cause;
use tamis::{Action, Difference, Method, Scanner, Timings, Verdict};

use crate::args::Judging;
use crate::output::{remark, shown};
use crate::upload::Opener;
use crate::wording;
use crate::{Exit, Failure, Output};

pub(crate) fn run(
    files: &[PathBuf],
    judging: &Judging,
    mut scanner: Scanner,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let mut opener = Opener::judging(judging.store_is_piped());
    let mut exit = Exit::default();
    let mut stale = false;
    for file in files {
        let verdict = opener.open(file).and_then(|reader| {
            scanner.check_reader(reader, &judging.context()).map_err(|e| e.to_string())
        });
        let told = match &verdict {
            Ok(verdict) => {
                exit.note(verdict.action);
                stale |= verdict.store_state.too_old;
                tell(file, verdict, output)
            }
            Err(error) => {
                exit.note_error();
                remark(format_args!("{}: {error}", file.display()));
                output.object(&Unjudged { file: file.to_string_lossy().into(), error })
            }
        };
        if let Err(failure) = told {
            // Nobody reads on. The status still tells of what was blocked so far.
            remark(failure);
            exit.note_error();
            break;
        }
    }
    if stale {
        remark(TOO_OLD);
    }
    if let Some(fault) = scanner.store().fault() {
        remark(format_args!("the store's last good state was compared with: {}", fault.message));
    }
    if judging.shadow_store.is_some() || judging.shadow_policy.is_some() {
        remark(wording::shadow(&scanner.shadow_counts()));
    }
    Ok(exit)
}

/// What is said once, however many verdicts say it.
const TOO_OLD: &str = "the store is too old for the policy: nobody has changed it, or found it to be up to date, for too long; what it holds is enforced all the same";

/// One verdict, as `check --json` and `scan --json` print it: the library's form of it, and the file's name.
#[derive(Serialize)]
pub(crate) struct Judged<'a> {
    file: String,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

impl Judged<'_> {
    pub(crate) fn new<'a>(file: &Path, verdict: &'a Verdict) -> Judged<'a> {
        Judged { file: file.to_string_lossy().into_owned(), verdict }
    }
}

/// A file without a verdict. It has no `action`, so that nobody takes it for allowed.
#[derive(Serialize)]
pub(crate) struct Unjudged<'a> {
    pub(crate) file: String,
    pub(crate) error: &'a str,
}

/// Prints one verdict.
fn tell(file: &Path, verdict: &Verdict, output: &mut Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.object(&Judged::new(file, verdict));
    }
    let action = output.action(verdict.action);
    output.line(format_args!("{action}  {}  {}", shown(file), sentence(verdict)))?;
    match &verdict.timings {
        Some(timings) => output.line(format_args!("        {}", steps(timings))),
        None => Ok(()),
    }
}

/// Why, in one sentence for people.
pub(crate) fn sentence(verdict: &Verdict) -> String {
    let mut out = match verdict.reasons.first() {
        Some(reason) => {
            let text = reason.to_string();
            // The action stands in front of the line already.
            let action = format!("{}: ", reason.action);
            let text = text.strip_prefix(&action).unwrap_or(&text);
            match reason.cause {
                Cause::Rule { line: Some(line), .. } => {
                    format!("{text} (line {line} of the policy)")
                }
                _ => text.to_owned(),
            }
        }
        None => clear(verdict),
    };
    match verdict.would_have {
        Some(Action::Block) => out.insert_str(0, "(observing; would have been blocked) "),
        Some(Action::Review) => out.insert_str(0, "(observing; would have gone to review) "),
        _ => {}
    }
    let others = verdict.matches.len() + verdict.more_matches;
    if others > 1 {
        out.push_str(&format!("; {} matches in all", wording::grouped(others as u64)));
    }
    if let Some(shadow) = verdict.shadow.as_ref().filter(|s| s.difference != Difference::Same) {
        out.push_str(&format!("; the shadow says {}", shadow.action));
        if !shadow.reason.is_empty() {
            let action = format!("{}: ", shadow.action);
            let reason = shadow.reason.strip_prefix(&action).unwrap_or(&shadow.reason);
            out.push_str(&format!(" ({reason})"));
        }
    }
    out
}

/// What stands behind the name of an upload that nothing speaks against.
fn clear(verdict: &Verdict) -> String {
    let pixels = verdict.examined.contains(&Method::Perceptual);
    let class = verdict.media.class;
    match (pixels, verdict.complete) {
        (true, true) => format!("no match ({class}: digests and pixels compared)"),
        (_, true) => format!("no match ({class}: digests compared)"),
        (true, false) => format!("no match ({class}: digests and pixels compared, not all of it)"),
        (false, false) => {
            format!("no match ({class}: only digests compared, its contents are not examined)")
        }
    }
}

/// What each step took, on one line.
fn steps(timings: &Timings) -> String {
    let steps = timings.steps();
    let total = steps.iter().map(|(_, time)| *time).sum();
    let steps = steps.map(|(name, time)| format!("{name} {}", wording::time(time)));
    format!("{}; {} in all", steps.join(", "), wording::time(total))
}
