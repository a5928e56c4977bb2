//! `tamis store breaker`: what matched too many different uploads to be right, and letting it act again.

use std::path::Path;

use serde_json::{Value, json};
use tamis::store::{COUNTERS, Counter, Counters, STATE, Tripped};

use crate::args::Breaker;
use crate::output::{plain, remark, shown};
use crate::wording::{count, grouped, rfc3339};
use crate::{Exit, Failure, Output};

pub(super) fn run(arguments: &Breaker, output: &mut Output) -> Result<Exit, Failure> {
    super::manifest(&arguments.store)?;
    let Some(counters) = counters(&arguments.store)? else {
        output.line(format_args!("{}: nothing was counted yet", shown(&arguments.store)))?;
        return Ok(Exit::SUCCESS);
    };
    let mut exit = Exit::SUCCESS;
    let mut reset = 0;
    for entry in &arguments.reset {
        match counters.reset_entry(*entry) {
            true => reset += 1,
            false => {
                remark(format_args!("entry {entry} had not tripped"));
                exit.note_error();
            }
        }
    }
    for list in &arguments.reset_list {
        match counters.reset_list(list) {
            true => reset += 1,
            false => {
                remark(format_args!("the list {:?} had not tripped", plain(list)));
                exit.note_error();
            }
        }
    }
    if arguments.reset_all {
        reset += counters.reset_all();
    }
    if reset > 0 {
        output.line(format_args!("{} act again", grouped(reset as u64)))?;
    }
    let tripped = counters.tripped();
    for one in &tripped {
        output.object(&object(one))?;
    }
    lines(&tripped, "", output)?;
    if tripped.is_empty() {
        output.line("nothing is degraded")?;
    }
    Ok(exit)
}

/// The counters of a store, if anybody has counted.
pub(super) fn counters(store: &Path) -> Result<Option<Counters>, Failure> {
    let state = store.join(STATE);
    // To look is not to make.
    if state.join(COUNTERS).exists() { Ok(Some(Counters::open(state)?)) } else { Ok(None) }
}

/// All numbers that are counted.
pub(super) fn counted(counters: &Counters) -> Value {
    let numbers = Counter::ALL.map(|c| (c.name().to_owned(), counters.count(c).into()));
    Value::Object(numbers.into_iter().collect())
}

pub(super) fn object(one: &Tripped) -> Value {
    json!({
        "entry": one.entry,
        "list": one.list,
        "when": one.when,
        "uploads": one.uploads,
        "baseline": one.baseline,
        "matches": one.matches,
    })
}

pub(super) fn lines(tripped: &[Tripped], margin: &str, output: &mut Output) -> Result<(), Failure> {
    for one in tripped {
        let what = match one.entry {
            Some(entry) => format!("entry {entry} of list {:?}", plain(&one.list)),
            None => format!("list {:?} as a whole", plain(&one.list)),
        };
        output.line(format_args!(
            "{margin}DEGRADED to review since {}: {what}, by {} within an hour where {:.1} are usual",
            rfc3339(one.when),
            count(one.uploads, "different upload"),
            one.baseline,
        ))?;
    }
    Ok(())
}
