//! The verbs of `tamis store` that are about other people's lists: whom to trust, and taking what they publish.

mod drops;
mod trust;
mod watch;

use crate::args::SubscribeVerb;
use crate::{Exit, Failure, Output};

pub(crate) fn run(verb: &SubscribeVerb, output: &mut Output) -> Result<Exit, Failure> {
    match verb {
        SubscribeVerb::Trust(arguments) => trust::run(arguments, output),
        SubscribeVerb::Watch(arguments) => watch::run(arguments, output),
    }
}
