//! Ctrl-C: the first asks long work to stop at the next safe place, the second ends the process at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Requests within this time are one.
const ECHO: Duration = Duration::from_millis(300);

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C and SIGTERM only ask. `drafts` are files that are half written: the second Ctrl-C removes them.
pub(crate) fn listen(drafts: Vec<std::path::PathBuf>) {
    // If a handler cannot be installed, Ctrl-C ends the process as it always does, and only drafts are left behind.
    let mut first = None;
    let _ = ctrlc::set_handler(move || {
        if !ASKED.swap(true, Ordering::SeqCst) {
            first = Some(Instant::now());
            crate::output::remark("stopping at the next safe place; once more ends it at once");
            return;
        }
        // Some wrappers, such as `timeout`, send one request to the process and once more to its group.
        if first.is_some_and(|first| first.elapsed() < ECHO) {
            return;
        }
        for draft in &drafts {
            let _ = std::fs::remove_file(draft);
        }
        std::process::exit(2);
    });
}

/// Whether the user has asked to stop.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
