//! What a host may set, and what it is told of the result.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How worker processes are started, and what they may cost.
///
/// ```
/// let options = tamis::sandbox::WorkerOptions::new("/usr/bin/tamis").memory(512 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerOptions {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) memory: u64,
    pub(super) restarts: u32,
    pub(super) grace: Duration,
}

impl WorkerOptions {
    /// Workers are started as `program worker`: the `tamis` executable, or a program that calls
    /// [`run_worker`](super::run_worker) at its start. It must be of the version of Tamis that the host uses.
    ///
    /// A path, never a name to be searched for: a relative one starts in the directory that the host is in when it is used.
    pub fn new(program: impl Into<PathBuf>) -> WorkerOptions {
        WorkerOptions {
            program: program.into(),
            arguments: vec!["worker".into()],
            memory: 256 << 20,
            restarts: 100,
            grace: Duration::from_secs(1),
        }
    }

    /// Replaces the arguments, `worker` by default.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// Bytes that a worker may hold beyond what it needs to start: the upload, and what decoding takes. Default 256 MiB, enough
    /// for the default [`Limits`](crate::Limits); whoever raises those raises this. A worker that needs more ends, `worker-died`.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// How many workers may be started within any minute. Default 100. While none may be, uploads are `worker-died` at once.
    #[must_use]
    pub fn restarts(mut self, a_minute: u32) -> Self {
        self.restarts = a_minute;
        self
    }

    /// How much longer than the limits allow a worker may take to answer before it is killed, `timeout`. A worker keeps the limits by itself, so
    /// this covers starting it, passing the upload, and a busy machine. Default 1 second.
    #[must_use]
    pub fn grace(mut self, time: Duration) -> Self {
        self.grace = time;
        self
    }

    /// The program that is started.
    pub fn program(&self) -> &Path {
        &self.program
    }
}

/// Which layers of confinement hold a worker, as it says itself before it sees an upload. A system without one of them
/// still has the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// Limits on memory, files and CPU time.
    pub limits: bool,
    /// Landlock: no file, no network. Linux 5.13 and newer, where it is switched on.
    pub landlock: bool,
    /// The filter of system calls. Linux on x86-64 and ARM64.
    pub seccomp: bool,
}

impl Layers {
    /// Whether nothing is missing.
    pub fn all(&self) -> bool {
        self.limits && self.landlock && self.seccomp
    }
}
