//! Ctrl-C and SIGTERM. Work that has something to lose is asked to stop at the next safe place ([`listen`]); work that
//! has not, and may be waiting for input that never comes, ends at once ([`abandon`]), until it has ([`gently`]).

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Requests within this time are one.
const ECHO: Duration = Duration::from_millis(300);

static ASKED: AtomicBool = AtomicBool::new(false);
static COMMITTED: AtomicBool = AtomicBool::new(false);
static GENTLY: AtomicBool = AtomicBool::new(false);

/// From now on the first request only asks, and the second ends the process at once.
pub(crate) fn listen() {
    let mut first = None;
    // If a handler cannot be installed, Ctrl-C ends the process as it always does.
    let _ = ctrlc::set_handler(move || {
        if !ASKED.swap(true, Ordering::SeqCst) {
            first = Some(Instant::now());
            crate::output::remark("stopping at the next safe place; once more ends it at once");
            return;
        }
        // Some wrappers, such as `timeout`, send one request to the process and once more to its group.
        if first.is_none_or(|first| first.elapsed() >= ECHO) {
            std::process::exit(2);
        }
    });
}

/// Whether the user has asked to stop.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// From now on a request removes `drafts`, files that are half written, and ends the process, until [`commit`].
/// `nothing` says what was not done.
pub(crate) fn abandon(drafts: Vec<PathBuf>, nothing: &'static str) {
    // If a handler cannot be installed, drafts may be left behind.
    let _ = ctrlc::set_handler(move || {
        if COMMITTED.load(Ordering::SeqCst) {
            return;
        }
        if GENTLY.load(Ordering::SeqCst) {
            if !ASKED.swap(true, Ordering::SeqCst) {
                crate::output::remark("stopping, unless the change is in force already");
            }
            return;
        }
        for draft in &drafts {
            let _ = std::fs::remove_file(draft);
        }
        crate::output::remark(format_args!("interrupted; {nothing}"));
        std::process::exit(2);
    });
}

/// From now on a request no longer ends the process but only asks, and what has been begun leaves nothing behind.
pub(crate) fn gently() {
    GENTLY.store(true, Ordering::SeqCst);
}

/// The result is about to be put in place: it is too late to abandon it, and nearly done.
pub(crate) fn commit() {
    COMMITTED.store(true, Ordering::SeqCst);
}
