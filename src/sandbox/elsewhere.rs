//! Systems without worker processes: everything says so.

use super::options::{Layers, WorkerOptions};
use crate::error::{Error, ErrorCode, Result};
use crate::examine::{Asked, Examined};
use crate::media::{Media, Unscannable};

/// A worker that cannot be started on this system.
#[derive(Debug)]
pub struct Worker {
    _options: WorkerOptions,
}

impl Worker {
    /// A worker that is not started yet.
    pub fn new(options: WorkerOptions) -> Worker {
        Worker { _options: options }
    }

    /// Fails.
    ///
    /// # Errors
    /// Always [`ErrorCode::Unsupported`].
    pub fn start(&mut self) -> Result<Layers> {
        Err(unsupported())
    }

    /// Fails.
    ///
    /// # Errors
    /// Always [`Unscannable::WorkerDied`].
    pub fn examine(
        &mut self,
        _bytes: &[u8],
        _media: &Media,
        _asked: &Asked<'_>,
    ) -> std::result::Result<Examined, Unscannable> {
        Err(Unscannable::WorkerDied)
    }
}

/// Fails.
///
/// # Errors
/// Always [`ErrorCode::Unsupported`].
pub fn run_worker() -> Result<()> {
    Err(unsupported())
}

fn unsupported() -> Error {
    Error::new(
        ErrorCode::Unsupported,
        "worker processes exist on Unix systems only; examine uploads in this process",
    )
}
