//! `tamis store`: a store that is changed while it is in use.
//!
//! ```text
//! every verb that writes:
//!     read what is to be taken, fingerprint files       <- Ctrl-C ends it here, and nothing has been touched
//!     take the store's lock, or wait for it a little
//!     apply                                             <- Ctrl-C asks; what was not in force yet is not
//!     tell what is in force now
//! ```
//!
//! Invariants: a verb that ends with status 2 has changed nothing, unless it says `applied, but`.

mod add;
pub(super) mod breaker;
pub(super) mod canary;
mod compact;
mod held;
mod import;
mod init;
mod log;
mod revoke;
pub(super) mod status;
mod suppress;
mod terms;
mod trust;
pub(super) mod verify;
mod watch;

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tamis::ErrorCode;
use tamis::set::{BuildPhase, BuildProgress, Set};
use tamis::store::{Applied, Manifest, StoreWriter};

use crate::args::{StoreVerb, SubscribeVerb, Writing};
use crate::output::{plain, remark, shown};
use crate::progress::Share;
use crate::upload::STDIN;
use crate::wording::count;
use crate::{Exit, Failure, Output, interrupt, judging};

/// How often the lock of a store that another process writes to is tried.
const KNOCK: Duration = Duration::from_millis(100);

/// What is said of a change that was given up.
pub(super) const NOTHING: &str = "nothing was changed";

pub(crate) fn run(verb: &StoreVerb, output: &mut Output) -> Result<Exit, Failure> {
    let time = |now: &Option<u64>| now.unwrap_or_else(judging::now);
    match verb {
        StoreVerb::Init { dir, now } => init::run(dir, time(now), output),
        StoreVerb::Add(arguments) => add::run(arguments, output),
        StoreVerb::Import(arguments) => import::run(arguments, output),
        StoreVerb::Terms(arguments) => terms::run(arguments, output),
        StoreVerb::Revoke(arguments) => revoke::run(arguments, output),
        StoreVerb::Suppress(arguments) => suppress::run(arguments, output),
        StoreVerb::Status { store, quick, now } => status::run(store, *quick, time(now), output),
        StoreVerb::Canary(arguments) => canary::run(arguments, output),
        StoreVerb::Breaker(arguments) => breaker::run(arguments, output),
        StoreVerb::Compact { writing } => compact::run(writing, output),
        StoreVerb::Verify { store } => verify::run(store, output),
        StoreVerb::Log { store, since, now } => {
            log::run(store, since.map(|since| since.before(time(now))), output)
        }
        StoreVerb::Subscribe(SubscribeVerb::Trust(arguments)) => trust::run(arguments, output),
        StoreVerb::Subscribe(SubscribeVerb::Watch(arguments)) => watch::run(arguments, output),
    }
}

/// Opens a store to change it, once nobody else does. From now on Ctrl-C asks, and sets that are being written are given up.
pub(super) fn open(writing: &Writing) -> Result<StoreWriter, Failure> {
    place(writing.store())?;
    let mut writer = once_free(writing.store(), Duration::from_secs(writing.wait))?;
    interrupt::gently();
    let mut share: Option<Share> = None;
    writer.on_progress(move |BuildProgress { phase, fraction, .. }| {
        if phase == BuildPhase::Publishing {
            if let Some(share) = share.take() {
                share.clear();
            }
        } else {
            share.get_or_insert_with(Share::new).set(phase.name(), fraction);
        }
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    Ok(writer)
}

/// Opens a store to change it, and waits so long while somebody else does, unless Ctrl-C asks to stop.
pub(super) fn once_free(store: &Path, wait: Duration) -> tamis::Result<StoreWriter> {
    let until = Instant::now() + wait;
    let mut told = false;
    loop {
        match StoreWriter::open(store) {
            Err(error)
                if error.code() == ErrorCode::StoreLocked
                    && Instant::now() < until
                    && !interrupt::asked() =>
            {
                if !std::mem::replace(&mut told, true) {
                    remark(format_args!("{}: another process is writing; waiting", shown(store)));
                }
                std::thread::sleep(KNOCK);
            }
            opened => return opened,
        }
    }
}

/// What came of a change. One that is in force and may not be on the disk yet is a failure, and says that it is in force.
pub(super) fn in_force<T>(change: tamis::Result<T>) -> Result<T, Failure> {
    change.map_err(|error| match error.code() {
        ErrorCode::Durability => Failure(format!("applied, but {error}")),
        ErrorCode::Stopped => Failure::new(format!("interrupted; {NOTHING}")),
        _ => error.into(),
    })
}

/// Tells of a change that was made, or that there was none to make.
fn tell(
    writing: &Writing,
    list: &str,
    applied: &Applied,
    what: &str,
    output: &mut Output,
) -> Result<(), Failure> {
    output.object(&json!({
        "store": writing.store().to_string_lossy(),
        "version": applied.version,
        "changed": applied.changed,
        "list": list,
        "number": applied.number,
        "entries": applied.entries,
    }))?;
    output.line(format_args!("{}: version {}: {what}", shown(writing.store()), applied.version))
}

/// The manifest of a store directory, or what to do instead.
pub(super) fn manifest(store: &Path) -> Result<Manifest, Failure> {
    place(store)?;
    Ok(Manifest::read(store)?)
}

/// Refuses what cannot be a store directory, and says what to do instead.
fn place(store: &Path) -> Result<(), Failure> {
    match std::fs::metadata(store) {
        Ok(metadata) if metadata.is_file() && !is_set(store) => Err(Failure::of(
            store,
            "a file, and no store; give the name of a store's directory, or make a store with `tamis store init DIR`",
        )),
        Ok(metadata) if metadata.is_file() => Err(Failure::of(
            store,
            "a single set, which cannot be changed; `tamis info` shows what it holds, and `tamis store init DIR` makes a store",
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::of(
            store,
            "there is nothing of that name; check the path, or make a store with `tamis store init DIR`",
        )),
        _ => Ok(()),
    }
}

/// Whether a regular file begins as a set does. What is a damaged set is one, too.
fn is_set(path: &Path) -> bool {
    if !path.is_file() || path.as_os_str() == STDIN {
        return false;
    }
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut beginning));
    read.is_ok()
        && Set::from_bytes(&beginning).is_err_and(|error| error.code() != ErrorCode::SetForeign)
}

/// Refuses, before anything is read, what the library would refuse in the end: changes of a list that its maker numbers. Also reads the manifest, so that
/// a directory that is no store is told at once.
fn own_list(writing: &Writing, name: &str) -> Result<Manifest, Failure> {
    let manifest = manifest(writing.store())?;
    if manifest.lists.get(name).is_some_and(|list| list.has_maker()) {
        return Err(Failure::new(format!(
            "the list {:?} is its maker's, and takes only what its maker publishes: `tamis store watch` applies that; \
             to switch entries of it off, use `tamis store suppress`",
            plain(name)
        )));
    }
    Ok(manifest)
}

/// The lists of a store for a message about one that it does not have.
fn unknown_list(manifest: &Manifest, name: &str) -> Failure {
    let known: Vec<_> = manifest.lists.keys().map(|name| plain(name)).collect();
    Failure::new(format!(
        "the store does not know the list {:?}; it has {}",
        plain(name),
        known.join(", ")
    ))
}

/// `3 entries on the list "x"`.
fn entries_on(entries: u64, list: &str) -> String {
    format!("{} on the list {:?}", count(entries, "entry"), plain(list))
}
