//! `tamis list`: the list makers' side. What they note becomes numbered changes, and those a signed feed.
//!
//! ```text
//! new             list.json, an empty public/
//! add, withdraw   pending.jsonl, one thing a line
//! publish         the pending lines become the next change, a set file in public/; feed.json names it, with the next version; pending.jsonl is emptied
//! sign            one more signature beside feed.json
//! lint            what a subscriber would check, and what people will miss
//! ```
//!
//! Invariants: one writer at a time; set files first, feed.json last, pending.jsonl emptied only then, so a crash at any point loses nothing that was noted. (Between the last two
//! the same is published again as the next change, which changes nothing.) A set file in public/ never changes under its name.

mod add;
mod entries;
mod keygen;
mod lint;
mod new;
mod pending;
mod publish;
mod secret;
mod sign;
mod workshop;

pub(super) use lint::public_key;

use crate::args::ListVerb;
use crate::{Exit, Failure, Output};

/// What is said where a call is given up.
const NOTHING: &str = "nothing was noted";

pub(crate) fn run(verb: &ListVerb, output: &mut Output) -> Result<Exit, Failure> {
    match verb {
        ListVerb::New(arguments) => new::run(arguments, output),
        ListVerb::Add(arguments) => add::add(arguments, output),
        ListVerb::Withdraw(arguments) => add::withdraw(arguments, output),
        ListVerb::Publish(arguments) => publish::run(arguments, output),
        ListVerb::Sign(arguments) => sign::run(arguments, output),
        ListVerb::Lint(arguments) => lint::run(arguments, output),
        ListVerb::Keygen(arguments) => keygen::run(arguments, output),
    }
}
