//! When to look next whether anything changed, and who may put in force what it found. The two decisions that threads race for, without a lock.
//!
//! ```text
//! due(now):      next <= now, and the one thread that moves next from there to now + interval looks; the others go on
//! ticket():      1, 2, 3, ...: taken before looking
//! a finding is put in force unless one with a greater ticket is: whoever began to look later saw a state at least as new
//! ```
//!
//! A process may fork at any moment: there is nothing that a thread which does not exist in the child could have left taken. At worst the child
//! looks one interval later. `tests/gate.rs` compiles this file with a model checker's atomics, and explores the interleavings.

// The standard library's, or those of the model checker.
use super::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct Gate {
    /// In nanoseconds of the caller's clock.
    next: AtomicU64,
    tickets: AtomicU64,
}

impl Gate {
    pub(super) fn new() -> Gate {
        Gate { next: AtomicU64::new(0), tickets: AtomicU64::new(0) }
    }

    /// Whether the caller is the one to look. Then nobody is before `now + interval`.
    pub(super) fn due(&self, now: u64, interval: u64) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        next <= now
            && self
                .next
                .compare_exchange(
                    next,
                    now.saturating_add(interval),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// Nobody looks before that.
    pub(super) fn put_off(&self, until: u64) {
        self.next.fetch_max(until, Ordering::Relaxed);
    }

    /// Greater than all that were given out before.
    pub(super) fn ticket(&self) -> u64 {
        // What is read after this must not be read before it.
        self.tickets.fetch_add(1, Ordering::SeqCst) + 1
    }
}
