//! The scan's progress bar, on a terminal only.
//!
//! How many files there are is not known at the start. Counting them first would delay a large tree by minutes, so they are counted beside
//! the scan, by a thread of its own: until it is done the bar shows how many were found so far, and then the time left. The
//! thread also brings directories into memory before the scan needs them. Where nobody watches, nothing is counted.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::tally::Tally;
use super::walk;
use crate::output::{remark, shows_progress};

const COUNTING: &str = "{spinner} {human_pos} files done, {human_len} found so far{msg}";
const COUNTED: &str = "[{bar:25}] {human_pos} of {human_len} files, {eta} left{msg}";

pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Bar {
        if !shows_progress() {
            return Bar(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0).with_style(style(COUNTING));
        bar.enable_steady_tick(Duration::from_millis(100));
        Bar(bar)
    }

    /// Does the scan, and counts its files beside it.
    pub(super) fn counting<T>(&self, roots: &[PathBuf], scan: impl FnOnce() -> T) -> T {
        if self.0.is_hidden() {
            return scan();
        }
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let files = walk::count(roots, |files| {
                    self.0.set_length(files.max(self.0.position()));
                    !over.load(Ordering::Relaxed)
                });
                if let Some(files) = files {
                    self.0.set_length(files);
                    self.0.set_style(style(COUNTED));
                }
            });
            let out = scan();
            over.store(true, Ordering::Relaxed);
            out
        })
    }

    pub(super) fn done(&self, tally: &Tally) {
        if !self.0.is_hidden() {
            self.0.set_position(tally.finished());
            self.0.set_message(tally.brief());
        }
    }

    /// Writes to the terminal with the bar out of the way.
    pub(super) fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    pub(super) fn remark(&self, text: impl Display) {
        self.above(|| remark(text));
    }

    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
