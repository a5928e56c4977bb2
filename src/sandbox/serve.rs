//! The child's side: confine yourself, then examine what you are asked about until the host is gone.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Read, StdinLock, StdoutLock, Write};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getppid;

use super::confine::{confine, grant};
use super::message::{
    self, Answer, GREETING_MOST, Hello, MAGIC, Orders, PREFIX, QUESTION_MOST, Question, VERSION,
};
use crate::error::{Error, ErrorCode, Result};
use crate::examine::{Asked, Examiner};
use crate::fingerprint::View;
use crate::limits::Limits;
use crate::media::{Unscannable, sniff};

/// How often an idle worker looks whether its host is still its parent.
const LOOK: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// One large upload must not hold its memory for ever.
const KEPT: usize = 4 << 20;

/// Makes this process a worker: takes questions from stdin and answers them on stdout, until the host closes the pipe.
///
/// Call it at the start of `main`, before any thread is started, and end the process when it returns: the process has given up the right to do
/// almost anything else.
///
/// # Errors
/// [`ErrorCode::Worker`] if this process was not started by a [`Worker`](super::Worker), and [`ErrorCode::Io`] if the host
/// broke off in the middle of a message. There is nobody to tell then.
pub fn run_worker() -> Result<()> {
    if io::stdin().is_terminal() || io::stdout().is_terminal() {
        return Err(stranger("a terminal"));
    }
    // Panics of decoders are caught and answered. Nobody reads what is printed where they happen.
    std::panic::set_hook(Box::new(|_| {}));
    let mut host = Host { input: io::stdin().lock(), output: io::stdout().lock() };
    let parent = getppid();
    let mut magic = [0; MAGIC.len()];
    host.input.read_exact(&mut magic).map_err(|_| stranger("something else"))?;
    if magic != MAGIC {
        return Err(stranger("something else"));
    }
    let orders: Orders = host.message(GREETING_MOST)?.ok_or_else(|| stranger("nobody"))?;
    let mut examiner = Examiner::new();
    warm_up(&mut examiner);
    let layers = confine(orders.memory);
    host.output.write_all(&MAGIC).map_err(broken_off)?;
    host.say(&Hello { version: VERSION.into(), layers })?;

    let mut upload = Vec::new();
    loop {
        // A parent that is another than before was the host, and is gone; who holds its pipe open will never ask.
        while !host.has_spoken()? {
            if getppid() != parent {
                return Ok(());
            }
        }
        let Some(question) = host.message::<Question<'static>>(QUESTION_MOST)? else {
            return Ok(());
        };
        let answer = match host.upload(question.length, &mut upload)? {
            true => answer(&mut examiner, &question, &upload),
            false => Err(Unscannable::Limit),
        };
        host.say(&answer)?;
        if upload.capacity() > KEPT {
            upload = Vec::new();
        }
    }
}

fn answer(examiner: &mut Examiner, question: &Question<'_>, upload: &[u8]) -> Answer {
    let limits = &question.limits;
    grant(limits.time_for(limits.pixels));
    let now = Instant::now();
    let asked = Asked {
        views: &question.views,
        exact: question.exact,
        limits,
        started: now.checked_sub(question.passed).unwrap_or(now),
        deadline: question.left.and_then(|left| now.checked_add(left)),
    };
    examiner.examine(upload, &question.media, &asked)
}

/// Answers a question of its own, so that whatever is done once in a process, such as asking the system where the clock is or what the
/// CPU can do, is done while it may still ask.
fn warm_up(examiner: &mut Examiner) {
    const SIDE: u32 = 96;
    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    for word in [SIDE, SIDE, 24 << 16 | 1, 0, 0, 0, 0, 0, 0] {
        bmp.extend(word.to_le_bytes());
    }
    bmp.extend((0..SIDE * SIDE * 3).map(|i| (i * i / 977) as u8));
    let question = Question {
        length: bmp.len() as u64,
        media: sniff(&bmp),
        views: Cow::Borrowed(View::ALL),
        exact: true,
        limits: Cow::Owned(Limits { time: Duration::from_secs(10), ..Limits::default() }),
        passed: Duration::ZERO,
        left: None,
    };
    let _ = answer(examiner, &question, &bmp);
}

/// The two pipes to the host.
struct Host {
    input: StdinLock<'static>,
    output: StdoutLock<'static>,
}

impl Host {
    /// Waits a while for the host; whether it has spoken, or gone.
    fn has_spoken(&self) -> Result<bool> {
        match poll(&mut [PollFd::new(&self.input, PollFlags::IN)], Some(&LOOK)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(broken_off(error.into())),
        }
    }

    /// The next message; none if the host closed the pipe before it.
    fn message<T: serde::de::DeserializeOwned>(&mut self, most: usize) -> Result<Option<T>> {
        let mut prefix = Vec::new();
        self.input.by_ref().take(PREFIX as u64).read_to_end(&mut prefix).map_err(broken_off)?;
        if prefix.is_empty() {
            return Ok(None);
        }
        let length = message::length(&prefix, most).ok_or_else(|| stranger("something else"))?;
        let mut body = vec![0; length];
        self.input.read_exact(&mut body).map_err(broken_off)?;
        message::parse(&body).map(Some).ok_or_else(|| stranger("something else"))
    }

    /// Reads the upload; false if there is no memory for it.
    fn upload(&mut self, length: u64, upload: &mut Vec<u8>) -> Result<bool> {
        upload.clear();
        let fits =
            usize::try_from(length).is_ok_and(|length| upload.try_reserve_exact(length).is_ok());
        let mut body = self.input.by_ref().take(length);
        let read = match fits {
            true => body.read_to_end(upload).map(|n| n as u64),
            false => io::copy(&mut body, &mut io::sink()),
        };
        match read.map_err(broken_off)? {
            n if n == length => Ok(fits),
            _ => Err(broken_off(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn say(&mut self, message: &impl serde::Serialize) -> Result<()> {
        let mut frame = Vec::new();
        message::append(message, &mut frame)?;
        self.output.write_all(&frame).and_then(|()| self.output.flush()).map_err(broken_off)
    }
}

fn stranger(found: &str) -> Error {
    let message = format!(
        "a worker is started by a host and talks to it through pipes, found {found}; it is not for people"
    );
    Error::new(ErrorCode::Worker, message)
}

fn broken_off(error: io::Error) -> Error {
    Error::new(ErrorCode::Io, format!("the host broke off: {error}"))
}
