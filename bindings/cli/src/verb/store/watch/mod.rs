//! `tamis store watch`: applies what is dropped into a directory.

mod drops;

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use serde_json::json;

use crate::args::Watch;
use crate::judging;
use crate::output::{remark, shown};
use crate::wording::count;
use crate::{Exit, Failure, Output, interrupt};

use drops::Drops;

/// After an event, others of the same drop are waited for, so long at a time and so long in all.
const QUIET: Duration = Duration::from_millis(40);
const MOST_QUIET: Duration = Duration::from_millis(300);

/// How long Ctrl-C may have to wait.
const TURN: Duration = Duration::from_millis(200);

/// How soon what could not be decided is looked at again.
const SOON: Duration = Duration::from_millis(500);

pub(super) fn run(arguments: &Watch, output: &mut Output) -> Result<Exit, Failure> {
    let Watch { dir, store, once, force, .. } = arguments;
    // What cannot be used at all is an error at once, and not something to wait for.
    super::manifest(store)?;
    fs::read_dir(dir).map_err(|e| Failure::of(dir, crate::wording::cannot_read(&e)))?;
    warn_of_modes(dir);
    let now = || arguments.now.unwrap_or_else(judging::now);
    let mut drops = Drops::new(dir, store, *once, *force);
    if *once {
        let pass = drops.pass(now(), output)?;
        output.object(
            &json!({ "dir": dir.to_string_lossy(), "applied": pass.applied, "open": pass.open }),
        )?;
        output.line(format_args!(
            "{}: {} applied, {} not",
            shown(dir),
            count(pass.applied, "update"),
            pass.open
        ))?;
        let mut exit = Exit::SUCCESS;
        if pass.open > 0 {
            exit.note_error();
        }
        return Ok(exit);
    }

    interrupt::listen();
    let poll = Duration::from_secs(arguments.poll);
    let (events, _watcher) = listen(dir);
    output.line(format_args!("{}: watching; Ctrl-C ends it", shown(dir)))?;
    output.flush()?;
    let mut next = Instant::now();
    while !interrupt::asked() {
        if Instant::now() >= next {
            let pass = drops.pass(now(), output)?;
            output.flush()?;
            next = Instant::now() + if pass.soon { SOON } else { poll };
        }
        let wait = next.saturating_duration_since(Instant::now()).min(TURN);
        let woken = match &events {
            Some(events) => events.recv_timeout(wait).is_ok(),
            None => {
                std::thread::sleep(wait);
                false
            }
        };
        if woken {
            let until = Instant::now() + MOST_QUIET;
            while let Some(events) = &events
                && Instant::now() < until
                && events.recv_timeout(QUIET).is_ok()
            {}
            next = Instant::now();
        }
    }
    output.line(format_args!("{}: no longer watched", shown(dir)))?;
    Ok(Exit::SUCCESS)
}

/// What the system says of changes below the directory. Where it cannot, looking now and then will have to do.
fn listen(dir: &Path) -> (Option<Receiver<()>>, Option<RecommendedWatcher>) {
    let (sender, receiver) = channel();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading is no change, and we read ourselves.
        let reading = |kind: &EventKind| matches!(kind, EventKind::Access(access) if *access != AccessKind::Close(AccessMode::Write));
        if !event.is_ok_and(|event| reading(&event.kind)) {
            // Nobody listens any more when the program ends.
            let _ = sender.send(());
        }
    });
    let watching = watcher.and_then(|mut watcher| {
        watcher.watch(dir, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    match watching {
        Ok(watcher) => (Some(receiver), Some(watcher)),
        Err(error) => {
            remark(format_args!(
                "{}: the system does not tell of changes ({error}); looking every few seconds instead",
                dir.display()
            ));
            (None, None)
        }
    }
}

/// Lists are confidential, and whoever can write here can at least hold updates back.
fn warn_of_modes(dir: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let Ok(metadata) = fs::metadata(dir) else { return };
        let mode = metadata.permissions().mode();
        if mode & 0o007 != 0 {
            remark(format_args!(
                "{}: everybody may enter it, and lists are confidential; run `chmod 2770` on it",
                dir.display()
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = dir;
}
