//! A worker process: uploads are examined in a child that is shut off from everything, and whose death the host outlives.
//! Feature `worker`.
//!
//! ```text
//! host                                              child: `tamis worker`, or a program that calls run_worker()
//!   spawn (two pipes, no environment, cwd /)   -->
//!   magic, orders { version, memory }          -->    warm up; limit and confine itself
//!                                              <--    magic, hello { version, layers }
//!   question { media, views, limits, length }  -->
//!   the upload's bytes                         -->    Examiner::examine
//!                                              <--    answer: Examined, or why not
//!   ... the next question, or the pipe closes  -->    the child ends
//! ```
//!
//! | file | does |
//! |---|---|
//! | `options` | what a host may set: program, memory, patience, restarts |
//! | `worker` | the host's side of many uploads: starts, restarts within a bound, asks, distrusts |
//! | `process` | the host's side of one child: pipes with deadlines, and its end |
//! | `message` | what goes through the pipes, and what an answer may claim |
//! | `heard` | both sides' ears, for fuzzers: not a part of the interface |
//! | `serve` | the child's side |
//! | `confine`, `filter` | what the child does to itself: resource limits, Landlock, the filter of system calls |
//!
//! # Messages
//!
//! A message is its length (u32, little-endian) and that many bytes of JSON. Each direction begins with the eight bytes `tamis-wk`. The upload
//! follows its question without a length of its own. A question is sent only when the one before was answered, so neither side ever
//! waits for the other to read. Host and child must be of the same version of Tamis, or their verdicts could differ.
//!
//! # Lifecycle
//!
//! A child is started with the first upload, or by [`Worker::start`], and examines one upload after the other. It is ended by SIGKILL, since
//! it holds nothing that is worth an orderly end: when it answers later than allowed, breaks the protocol, or its [`Worker`] is dropped.
//! One that died is replaced at the next upload, but only so often a minute ([`WorkerOptions::restarts`]); after that every upload is
//! `worker-died` at once until the minute has passed. A child whose host is gone reads the end of its pipe, or notices within
//! five seconds that its parent is another (a forked sibling of the host may hold the pipe open), and ends; one that computes
//! just then is ended by its limit of CPU time. (`PR_SET_PDEATHSIG` is no help: it fires when the *thread* that started the child ends.)
//!
//! A child belongs to the process that started it. A host that forks afterwards may use its [`Worker`] on both sides: the forked side sees from its
//! process id that the child is not its own, closes its copies of the pipes and starts a child of its own.
//!
//! # Threat model
//!
//! The uploader has taken the child over: it executes what it likes, within the layers that the kernel enforces. Then it can
//! - give wrong hashes for the uploads that it is asked about until it is replaced, so that listed pictures pass. The digests are the host's own;
//! - use up its memory and its time, and die: `worker-died`, `timeout`.
//!
//! It cannot open or create a file, a socket or a process, signal anyone, make memory executable, or write to anything but its two
//! pipes, whatever the host had left open (all of this where [`Layers::seccomp`] is on); see other uploads than those that it is
//! asked about, nor the store, the policy or the host's environment; make the host wait longer than the limits and
//! [`WorkerOptions::grace`], or hold more than the bound of an answer.
//!
//! # Invariants
//!
//! * [`Worker::examine`] means what [`Examiner::examine`](crate::examine::Examiner::examine) means: the child runs that very code.
//! * Every byte from the child is hostile: lengths are compared with a bound before anything is allocated, every field with what was asked.
//! * The host gets no signal but SIGCHLD, as from any child. It keeps the reading end of the child's stdin open itself, so that
//!   writing to a dead child fills the pipe instead of raising SIGPIPE; its death is seen on the other pipe.
//! * No thread is started, no signal disposition changed, no network used. Nothing here is `unsafe`.
//!
//! # A worker in a program of one's own
//!
//! Hosts that do not install the `tamis` executable are their own worker. At the start of `main`, before any thread:
//!
//! ```no_run
//! if std::env::args().nth(1).as_deref() == Some("worker") {
//!     let served = tamis::sandbox::run_worker();
//!     std::process::exit(if served.is_ok() { 0 } else { 2 });
//! }
//! let options = tamis::sandbox::WorkerOptions::new(std::env::current_exe()?);
//! # Ok::<(), std::io::Error>(())
//! ```

#[cfg(unix)]
mod confine;
#[cfg(not(unix))]
mod elsewhere;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod filter;
#[cfg(unix)]
#[doc(hidden)]
pub mod heard;
#[cfg(unix)]
mod message;
mod options;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod worker;

#[cfg(not(unix))]
pub use elsewhere::{Worker, run_worker};
pub use options::{Layers, WorkerOptions};
#[cfg(unix)]
pub use serve::run_worker;
#[cfg(unix)]
pub use worker::Worker;

#[cfg(all(test, unix))]
mod tests;
