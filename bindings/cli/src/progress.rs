//! A progress bar on stderr, where a person would see it. Elsewhere nothing is drawn.

use std::fmt::Display;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::{remark, shows_progress};

/// Bytes done, of a total that may not be known.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar for `total` bytes; without a total, a spinner that counts.
    pub(crate) fn new(what: &'static str, total: Option<u64>) -> Progress {
        if !shows_progress() {
            return Progress(ProgressBar::hidden());
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total).with_style(style(
                "{prefix} [{bar:20}] {decimal_bytes} of {decimal_total_bytes}, {eta} left {wide_msg}",
            )),
            None => ProgressBar::new_spinner()
                .with_style(style("{prefix} {spinner} {decimal_bytes} {wide_msg}")),
        };
        bar.set_prefix(what);
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(bar)
    }

    pub(crate) fn set(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    /// What to say beside the bar, such as a rate; asked for only when it is drawn.
    pub(crate) fn say(&self, message: impl FnOnce(Duration) -> String) {
        if !self.0.is_hidden() {
            self.0.set_message(message(self.0.elapsed()));
        }
    }

    /// A remark on stderr that the bar does not overwrite.
    pub(crate) fn remark(&self, text: impl Display) {
        self.above(|| remark(text));
    }

    /// Does something that writes to the terminal, with the bar out of the way.
    pub(crate) fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// A share of work whose steps are not all of one kind.
pub(crate) struct Share(ProgressBar);

impl Share {
    /// Steps of a bar: finer than a terminal shows.
    const ALL: u64 = 1000;

    pub(crate) fn new() -> Share {
        if !shows_progress() {
            return Share(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(Share::ALL);
        let bar = bar.with_style(style("{prefix} [{bar:20}] {percent} %, {eta} left"));
        bar.enable_steady_tick(Duration::from_millis(100));
        Share(bar)
    }

    /// What is being done, and how much of all the work is done, 0 to 1.
    pub(crate) fn set(&self, what: &'static str, fraction: f64) {
        if !self.0.is_hidden() {
            self.0.set_prefix(what);
            self.0.set_position((fraction * Share::ALL as f64) as u64);
        }
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
