//! The host's side of many uploads: a child is started, asked, distrusted, and replaced when it died.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::{self, Answer, Question};
use super::options::{Layers, WorkerOptions};
use super::process::{Broken, Process};
use crate::error::{Error, ErrorCode, Result};
use crate::examine::{Asked, Examined};
use crate::media::{Media, Unscannable};

/// How long a worker may take to start when no upload waits for it.
const START: Duration = Duration::from_secs(10);
/// The time over which starts are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// Examines uploads in a child process, one after the other. One per thread, like a [`Scanner`](crate::Scanner), which is its usual owner.
///
/// ```no_run
/// use tamis::examine::Asked;
/// use tamis::fingerprint::View;
/// use tamis::sandbox::{Worker, WorkerOptions};
///
/// let mut worker = Worker::new(WorkerOptions::new("/usr/bin/tamis"));
/// assert!(worker.start()?.all(), "this system lacks a layer of confinement");
/// let upload = tamis::store::test_files()[1].bytes;
/// let limits = tamis::Limits::default();
/// let asked = Asked::exactly(&[View::AsStored], &limits);
/// let examined = worker.examine(upload, &tamis::media::sniff(upload), &asked);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Debug)]
pub struct Worker {
    options: WorkerOptions,
    process: Option<Process>,
    /// When children were started, within the last minute.
    starts: VecDeque<Instant>,
    buffer: Vec<u8>,
}

impl Worker {
    /// A worker whose process is started by [`Worker::start`], or with the first upload.
    pub fn new(options: WorkerOptions) -> Worker {
        Worker { options, process: None, starts: VecDeque::new(), buffer: Vec::new() }
    }

    /// Starts the process, unless it is there already, and says which layers hold it.
    ///
    /// # Errors
    /// If the program cannot be started or is no worker of this version, and [`ErrorCode::Worker`] if processes died too often within the
    /// last minute.
    pub fn start(&mut self) -> Result<Layers> {
        Ok(self.process(Instant::now().checked_add(START))?.layers())
    }

    /// The same as [`Examiner::examine`](crate::examine::Examiner::examine), in the child.
    ///
    /// # Errors
    /// Why the picture gave no pixels; [`Unscannable::Timeout`] if the worker had to be killed because it did not answer,
    /// [`Unscannable::WorkerDied`] if it died over this upload, gave a senseless answer, or could not be started.
    pub fn examine(
        &mut self,
        bytes: &[u8],
        media: &Media,
        asked: &Asked<'_>,
    ) -> std::result::Result<Examined, Unscannable> {
        let now = Instant::now();
        let left = asked.deadline.map(|deadline| deadline.saturating_duration_since(now));
        let passed = now.saturating_duration_since(asked.started);
        let time = asked.limits.time_for(asked.limits.pixels).saturating_sub(passed);
        let time = left.map_or(time, |left| left.min(time));
        let until = now.checked_add(time.saturating_add(self.options.grace));
        if self.process(until).is_err() {
            return Err(Unscannable::WorkerDied);
        }
        let question = Question {
            length: bytes.len() as u64,
            media: *media,
            views: Cow::Borrowed(asked.views),
            exact: asked.exact,
            limits: Cow::Borrowed(asked.limits),
            passed,
            left,
        };
        match self.ask(&question, bytes, asked, until) {
            Ok(answer) => answer,
            Err(broken) => {
                self.process = None;
                Err(match broken {
                    Broken::Late => Unscannable::Timeout,
                    Broken::Died => Unscannable::WorkerDied,
                })
            }
        }
    }

    fn ask(
        &mut self,
        question: &Question<'_>,
        bytes: &[u8],
        asked: &Asked<'_>,
        until: Option<Instant>,
    ) -> std::result::Result<Answer, Broken> {
        let process = self.process.as_mut().ok_or(Broken::Died)?;
        self.buffer.clear();
        message::append(question, &mut self.buffer).map_err(|_| Broken::Died)?;
        process.send(&self.buffer, until)?;
        process.send(bytes, until)?;
        let most = message::answer_most(asked);
        process.body(most, &mut self.buffer, until)?;
        message::answer(&self.buffer, asked).ok_or(Broken::Died)
    }

    /// The process, which is started if there is none that waits for a question.
    fn process(&mut self, until: Option<Instant>) -> Result<&mut Process> {
        if self.process.as_ref().is_some_and(|process| !process.is_ours()) {
            self.starts.clear();
            self.process = None;
        }
        // One that died since its last answer did not die over the next upload.
        self.process = self.process.take().filter(Process::is_idle);
        let process = match self.process.take() {
            Some(process) => process,
            None => {
                self.count_a_start()?;
                Process::start(&self.options, until)?
            }
        };
        Ok(self.process.insert(process))
    }

    fn count_a_start(&mut self) -> Result<()> {
        let now = Instant::now();
        while self.starts.front().is_some_and(|start| now.duration_since(*start) >= MINUTE) {
            self.starts.pop_front();
        }
        if self.starts.len() as u64 >= u64::from(self.options.restarts) {
            let message = format!(
                "{} workers were started within a minute, and all of them died; wait, and look for what kills them",
                self.starts.len()
            );
            return Err(Error::new(ErrorCode::Worker, message).with_path(&self.options.program));
        }
        self.starts.push_back(now);
        Ok(())
    }
}
