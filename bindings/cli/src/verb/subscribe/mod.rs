//! The verbs of `tamis store` that are about other people's lists: whom to trust, and taking what they publish.

mod drops;
mod trust;
mod watch;

use std::path::Path;
use std::time::{Duration, Instant};

use tamis::ErrorCode;
use tamis::store::StoreWriter;

use crate::args::SubscribeVerb;
use crate::{Exit, Failure, Output, interrupt};

pub(crate) fn run(verb: &SubscribeVerb, output: &mut Output) -> Result<Exit, Failure> {
    match verb {
        SubscribeVerb::Trust(arguments) => trust::run(arguments, output),
        SubscribeVerb::Watch(arguments) => watch::run(arguments, output),
    }
}

/// Opens a store to change it, and waits a little while somebody else does.
fn open(store: &Path) -> tamis::Result<StoreWriter> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match StoreWriter::open(store) {
            Err(error)
                if error.code() == ErrorCode::StoreLocked
                    && Instant::now() < until
                    && !interrupt::asked() =>
            {
                std::thread::sleep(Duration::from_millis(100));
            }
            opened => return opened,
        }
    }
}
