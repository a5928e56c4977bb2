//! The log of a store: every change and every refusal, one JSON object a line, appended by the writer.
//!
//! A change happens when the manifest is renamed; the log is written after that. So the manifest holds the event of the last change, and those before it that
//! the log could not be told, and the next writer appends them should a crash have come between. A line that was cut short stays as it is, and the next
//! begins on a line of its own.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The log's name within a store directory.
const LOG: &str = "log";

/// A store was made.
pub(super) const INIT: &str = "init";

/// Changes were taken.
pub(super) const CHANGE: &str = "change";

/// A list was found to be up to date.
pub(super) const CONFIRM: &str = "confirm";

/// What holds for a list was laid down.
pub(super) const LIST: &str = "list";

/// Sets became one.
pub(super) const COMPACT: &str = "compact";

/// An event that is no change: it leaves the version as it is.
pub(super) const REFUSED: &str = "refused";

/// After these events, what the store holds is as fresh as can be.
pub(super) const FRESH: [&str; 3] = [INIT, CHANGE, CONFIRM];

/// A line of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The store's version after it.
    pub version: u64,
    /// When, in seconds since 1970.
    pub at: u64,
    /// What happened: `init`, `change`, `confirm`, `list`, `compact` or `refused`.
    pub event: String,
    /// The list that it is about; empty if it is about none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub list: String,
    /// What was done, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// The reason that the operator gave.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For what was refused: the number of the error's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
}

/// Appends a line.
pub(super) fn append(directory: &Path, event: &Event) -> Result<()> {
    let path = directory.join(LOG);
    let wrong = |e| Error::io("write", &path, e);
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o640);
    }
    let mut file = options.open(&path).map_err(wrong)?;
    let mut line = Vec::new();
    if file.seek(SeekFrom::End(0)).map_err(wrong)? > 0 {
        file.seek(SeekFrom::End(-1)).map_err(wrong)?;
        let mut last = [0];
        io::Read::read_exact(&mut file, &mut last).map_err(wrong)?;
        if last != *b"\n" {
            line.push(b'\n');
        }
    }
    serde_json::to_writer(&mut line, event).map_err(|e| wrong(e.into()))?;
    line.push(b'\n');
    file.write_all(&line).and_then(|()| file.sync_data()).map_err(wrong)
}

/// Bytes at the end of the log in which a refusal is looked for.
const END: u64 = 64 << 10;

/// Bytes at the end of the log in which the last changes are looked for: every writer does, before he writes.
const LATEST: u64 = 256 << 10;

/// Appends those of these changes that the end of it does not have yet. One behind which as many refusals were written stands there twice, which does no harm.
pub(super) fn make_up(directory: &Path, changes: &[Event]) -> Result<()> {
    let mut missing: Vec<&Event> = changes.iter().collect();
    for event in end(directory, LATEST)? {
        if event.event != REFUSED {
            missing.retain(|change| change.version != event.version);
        }
    }
    missing.into_iter().try_for_each(|event| append(directory, event))
}

/// The lines that stand in the last so many bytes, as far as they are whole.
fn end(directory: &Path, bytes: u64) -> Result<Vec<Event>> {
    let path = directory.join(LOG);
    let wrong = |e| Error::io("read", &path, e);
    let mut file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(wrong(e)),
    };
    let length = file.seek(SeekFrom::End(0)).map_err(wrong)?;
    file.seek(SeekFrom::Start(length.saturating_sub(bytes))).map_err(wrong)?;
    let mut told = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, bytes), &mut told).map_err(wrong)?;
    Ok(told.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Appends a refusal, unless one of the last lines said the same at another time: what is dropped somewhere is tried every minute.
pub(super) fn append_refusal(directory: &Path, event: &Event) -> Result<()> {
    let same = |line: Event| {
        line.at != event.at && Event { at: event.at, version: event.version, ..line } == *event
    };
    // What cannot be read is told once more.
    let told = end(directory, END).unwrap_or_default();
    if told.into_iter().any(same) { Ok(()) } else { append(directory, event) }
}

/// Calls `each` with every line that is whole, the oldest first.
pub(super) fn read(directory: &Path, each: &mut dyn FnMut(Event)) -> Result<()> {
    let path = directory.join(LOG);
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io("read", &path, e)),
    };
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).map_err(|e| Error::io("read", &path, e))? > 0 {
        if let Ok(event) = serde_json::from_slice(&line) {
            each(event);
        }
        line.clear();
    }
    Ok(())
}
