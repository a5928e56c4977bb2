//! Where the executable speaks: results on stdout, everything else on stderr. Nothing here panics when a pipe is closed.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;

/// An error that ends the command: one line that says what to do.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure(message.into())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<tamis::Error> for Failure {
    fn from(error: tamis::Error) -> Failure {
        Failure(error.to_string())
    }
}

/// Results: text for people, or one JSON object per line.
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Output {
        Output { stdout: BufWriter::new(io::stdout()), json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line for people; nothing with `--json`.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        writeln!(self.stdout, "{text}").map_err(closed)
    }

    /// A line for machines; nothing without `--json`.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        serde_json::to_writer(&mut self.stdout, value).map_err(io::Error::from).map_err(closed)?;
        self.stdout.write_all(b"\n").map_err(closed)?;
        // Whoever reads lines wants each of them when it is ready.
        self.stdout.flush().map_err(closed)
    }

    /// Text as it is, in either mode: what was asked for is the text itself.
    pub(crate) fn raw(&mut self, text: &[u8]) -> Result<(), Failure> {
        self.stdout.write_all(text).map_err(closed)
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(closed)
    }
}

fn closed(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => {
            Failure::new("stdout was closed before everything was written")
        }
        _ => Failure::new(format!("cannot write to stdout: {error}")),
    }
}

/// A remark on stderr. If stderr is gone too, there is nobody left to tell.
pub(crate) fn remark(text: impl Display) {
    let _ = writeln!(io::stderr(), "tamis: {text}");
}

/// Whether a progress bar would be seen.
pub(crate) fn shows_progress() -> bool {
    io::stderr().is_terminal()
}

/// Foreign text, such as a file's name, as it may be shown on a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
