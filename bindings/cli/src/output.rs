//! Where the executable speaks: results on stdout, everything else on stderr. Nothing here panics when a pipe is closed.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::path::Path;

use serde::Serialize;

use tamis::Action;

/// An error that ends the command: one line that says what to do.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure(message.into())
    }

    /// A failure that is about a file.
    pub(crate) fn of(path: &Path, message: impl Display) -> Failure {
        Failure(format!("{}: {message}", path.display()))
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
    /// Somebody watches, so each line is shown when it is ready.
    watched: bool,
    colours: bool,
    /// A write has failed and that was told; what is left in the buffer is nobody's business any more.
    broken: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Output {
        let watched = io::stdout().is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let colours = watched && !dumb && !set("NO_COLOR");
        Output { stdout: BufWriter::new(io::stdout()), json, watched, colours, broken: false }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line for people; nothing with `--json`.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        let written = writeln!(self.stdout, "{text}");
        self.told(written)?;
        if self.watched { self.flush() } else { Ok(()) }
    }

    /// A line for machines; nothing without `--json`.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        let written = serde_json::to_writer(&mut self.stdout, value).map_err(io::Error::from);
        let written = written.and_then(|()| self.stdout.write_all(b"\n"));
        self.told(written)?;
        // Whoever reads lines wants each of them when it is ready.
        self.flush()
    }

    /// Text as it is, in either mode: what was asked for is the text itself.
    pub(crate) fn raw(&mut self, text: &[u8]) -> Result<(), Failure> {
        let written = self.stdout.write_all(text);
        self.told(written)
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        if self.broken {
            return Ok(());
        }
        let flushed = self.stdout.flush();
        self.told(flushed)
    }

    fn told(&mut self, written: io::Result<()>) -> Result<(), Failure> {
        self.broken |= written.is_err();
        written.map_err(closed)
    }

    /// An action as the first column of a line: six letters wide, in its colour on a terminal.
    pub(crate) fn action(&self, action: Action) -> String {
        let (word, colour) = match action {
            Action::Block => ("BLOCK ", "31;1"),
            Action::Review => ("REVIEW", "33"),
            Action::Allow => ("ALLOW ", "32"),
        };
        if self.colours { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() }
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

/// A remark on stderr, one line. If stderr is gone too, there is nobody left to tell.
pub(crate) fn remark(text: impl Display) {
    // Messages name files, and a file's name may hold anything.
    let text = plain(&text.to_string());
    let _ = writeln!(io::stderr(), "tamis: {text}");
}

/// Whether a progress bar would be seen.
pub(crate) fn shows_progress() -> bool {
    io::stderr().is_terminal()
}

/// Foreign text, such as a file's name, as it may be shown on a terminal.
pub(crate) use tamis::plain;

/// A file's name for people: as it was given, without characters that cannot be seen.
pub(crate) fn shown(path: &Path) -> String {
    plain(&path.to_string_lossy())
}
