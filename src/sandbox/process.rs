//! The host's side of one child: two pipes with deadlines, and its end.

use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::message::{self, GREETING_MOST, Hello, MAGIC, Orders, PREFIX, VERSION};
use super::options::{Layers, WorkerOptions};
use crate::error::{Error, ErrorCode, Result};

/// What a worker keeps of the host's environment: the instruction set, and where shared libraries are. The rest may hold secrets.
const KEPT: [&str; 2] = ["TAMIS_ISA", "LD_LIBRARY_PATH"];

/// Bytes that the pipe to the child holds, if the system grants it: fewer changes between two processes.
#[cfg(target_os = "linux")]
const PIPE: usize = 1 << 20;

/// Why a child is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It ended, or does not keep to the protocol.
    Died,
    /// It did not answer in time.
    Late,
}

/// A child that was started by this process, or by the one that it was forked from. Dropping it ends the child.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    to: PipeWriter,
    from: PipeReader,
    /// The child's end of `to`. While somebody could read, writing never raises SIGPIPE.
    _unread: PipeReader,
    /// The process that may wait for the child and kill it.
    owner: u32,
    layers: Layers,
}

impl Process {
    /// Starts a child, and waits until it is confined.
    pub(super) fn start(options: &WorkerOptions, until: Option<Instant>) -> Result<Process> {
        let cannot = |e| Error::io("start", &options.program, e);
        let program = std::path::absolute(&options.program).map_err(cannot)?;
        let (unread, to) = std::io::pipe().map_err(cannot)?;
        let (from, stdout) = std::io::pipe().map_err(cannot)?;
        // Of our ends only: a pipe's two ends are set apart.
        rustix::io::ioctl_fionbio(&to, true).map_err(|e| cannot(e.into()))?;
        rustix::io::ioctl_fionbio(&from, true).map_err(|e| cannot(e.into()))?;
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&to, PIPE);
        let child = Command::new(program)
            .args(&options.arguments)
            .env_clear()
            .envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .current_dir("/")
            .stdin(unread.try_clone().map_err(cannot)?)
            .stdout(stdout)
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot)?;
        let owner = std::process::id();
        let layers = Layers::default();
        let mut process = Process { child, to, from, _unread: unread, owner, layers };
        process.layers = process.greet(options, until)?;
        Ok(process)
    }

    fn greet(&mut self, options: &WorkerOptions, until: Option<Instant>) -> Result<Layers> {
        let complain = |found: &str| {
            let message = format!(
                "it {found}; expected the `tamis` executable, or a program that calls `run_worker` at its start"
            );
            Error::new(ErrorCode::Worker, message).with_path(&options.program)
        };
        let broken = |broken| match broken {
            Broken::Late => complain("does not answer as a worker in time"),
            Broken::Died => complain("ended, or said something else, where a worker says hello"),
        };
        let mut greeting = MAGIC.to_vec();
        message::append(
            &Orders { version: VERSION.into(), memory: options.memory },
            &mut greeting,
        )?;
        self.send(&greeting, until).map_err(broken)?;
        let mut said = Vec::new();
        self.receive(MAGIC.len(), &mut said, until).map_err(broken)?;
        if said != MAGIC {
            return Err(complain("does not say what a worker says"));
        }
        self.body(GREETING_MOST, &mut said, until).map_err(broken)?;
        let hello: Hello = message::parse(&said).ok_or_else(|| broken(Broken::Died))?;
        if hello.version != VERSION {
            let found: String =
                hello.version.chars().filter(char::is_ascii_graphic).take(20).collect();
            return Err(complain(&format!(
                "is of version {found} where this library is {VERSION}"
            )));
        }
        Ok(hello.layers)
    }

    pub(super) fn layers(&self) -> Layers {
        self.layers
    }

    /// Whether this process started it, and not one that this was forked from.
    pub(super) fn is_ours(&self) -> bool {
        self.owner == std::process::id()
    }

    /// Whether it waits for a question: it is there, and has nothing to say.
    pub(super) fn is_idle(&self) -> bool {
        let mut fds = [PollFd::new(&self.from, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(0)
    }

    /// Sends bytes. What the child says before it has them all is a breach.
    pub(super) fn send(
        &mut self,
        mut bytes: &[u8],
        until: Option<Instant>,
    ) -> std::result::Result<(), Broken> {
        while !bytes.is_empty() {
            match self.to.write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    let to = PollFd::new(&self.to, PollFlags::OUT);
                    let mut fds = [to, PollFd::new(&self.from, PollFlags::IN)];
                    wait(&mut fds, until)?;
                    if !fds[1].revents().is_empty() {
                        return Err(Broken::Died);
                    }
                }
                Err(_) => return Err(Broken::Died),
            }
        }
        Ok(())
    }

    /// Receives the body of a message, of at most `most` bytes.
    pub(super) fn body(
        &mut self,
        most: usize,
        buffer: &mut Vec<u8>,
        until: Option<Instant>,
    ) -> std::result::Result<(), Broken> {
        self.receive(PREFIX, buffer, until)?;
        let length = message::length(buffer, most).ok_or(Broken::Died)?;
        self.receive(length, buffer, until)
    }

    /// Receives exactly so many bytes. The buffer grows with what arrives, not with what was promised.
    fn receive(
        &mut self,
        length: usize,
        buffer: &mut Vec<u8>,
        until: Option<Instant>,
    ) -> std::result::Result<(), Broken> {
        buffer.clear();
        let mut chunk = [0; 4 << 10];
        while buffer.len() < length {
            let wanted = chunk.len().min(length - buffer.len());
            match self.from.read(&mut chunk[..wanted]) {
                Ok(0) => return Err(Broken::Died),
                Ok(n) => buffer.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    wait(&mut [PollFd::new(&self.from, PollFlags::IN)], until)?;
                }
                Err(_) => return Err(Broken::Died),
            }
        }
        Ok(())
    }
}

/// Waits until one of them is ready. Before the deadline, a signal to the host only makes it look again.
fn wait(fds: &mut [PollFd<'_>], until: Option<Instant>) -> std::result::Result<(), Broken> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // A time that is beyond the system's numbers is no limit.
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(fds, left.as_ref()) {
            Ok(0) => return Err(Broken::Late),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Err(Broken::Died),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked first: a host that waits for all its children may have taken the number off it, and it may be another's by now.
        if self.is_ours() && matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
