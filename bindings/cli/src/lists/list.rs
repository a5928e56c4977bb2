//! One list, row by row, to whoever takes its entries.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::Path;

use serde_json::json;
use tamis::fingerprint::Algorithm;
use tamis::import::{self, Format, Options, Report};
use tamis::set::{Entry, Refusal};

use super::rejects::Rejects;
use crate::output::{plain, shown};
use crate::progress::Progress;
use crate::upload::STDIN;
use crate::wording::{self, grouped, one_of};
use crate::{Failure, Output};

/// Bytes from the beginning of a list that its format is told from.
const BEGINNING: u64 = 4096;

/// A file and the name of the list that it belongs to.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) name: &'a str,
}

/// What is known of lists that their rows do not say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) format: Option<Format>,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) reviewed: bool,
    pub(crate) exceptions: bool,
    /// Whether lists without rows are taken; none if the verb has no option for that.
    pub(crate) allow_empty: Option<bool>,
    /// What is said where a list is refused as a whole.
    pub(crate) nothing: &'static str,
}

/// Reads one list, tells what became of its rows, and refuses a list that gave nothing.
pub(crate) fn read(
    source: &Source<'_>,
    reading: &Reading,
    take: &mut dyn FnMut(Entry) -> Result<(), Refusal>,
    rejects: &mut Rejects<'_>,
    progress: &Progress,
    output: &mut Output,
) -> Result<Report, Failure> {
    let path = source.path;
    let mut input = Counted { input: open(path)?, progress };
    let mut beginning = Vec::new();
    let read = input.by_ref().take(BEGINNING).read_to_end(&mut beginning);
    read.map_err(|e| Failure::of(path, wording::cannot_read(&e)))?;
    let empty = beginning.is_empty();
    let format = format(path, &beginning, reading)?;
    let report = if empty {
        Report::default()
    } else {
        let options = options(reading);
        let mut entries = 0u64;
        let mut accept = |entry| {
            let added = take(entry);
            entries += 1;
            if entries.is_multiple_of(4096) {
                progress.say(|elapsed| {
                    let rate = entries as f64 / elapsed.as_secs_f64().max(1e-9);
                    format!("({} entries, {}/s)", grouped(entries), grouped(rate as u64))
                });
            }
            added
        };
        let mut reject = |rejection: &_| rejects.take(path, rejection, progress);
        let input = Cursor::new(beginning).chain(input);
        let report = import::read(input, format, &options, &mut accept, &mut reject);
        rejects.end_of_list(path, progress);
        report.map_err(|e| Failure::from(e.with_path(path)))?
    };
    tell(source, format, &report, progress, output)?;
    match (report.rows, report.accepted) {
        (0, _) if reading.allow_empty != Some(true) => {
            let hint = match reading.allow_empty {
                Some(_) => " (--allow-empty takes empty lists)",
                None => "",
            };
            let nothing = reading.nothing;
            Err(Failure::of(path, format_args!("the list holds no rows; {nothing}{hint}")))
        }
        (rows @ 1.., 0) => Err(Failure::of(
            path,
            format_args!("every row was rejected ({}); {}", grouped(rows), reading.nothing),
        )),
        _ => Ok(report),
    }
}

/// The format of a list that begins like that.
pub(super) fn format(path: &Path, beginning: &[u8], reading: &Reading) -> Result<Format, Failure> {
    reading.format.map_or_else(|| detect(path, beginning), Ok)
}

/// The same, as the import room knows it.
pub(super) fn options(reading: &Reading) -> Options {
    Options::default()
        .algorithm(reading.algorithm)
        .reviewed(reading.reviewed)
        .exceptions(reading.exceptions)
}

fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if path.as_os_str() == STDIN {
        return Ok(Box::new(io::stdin().lock()));
    }
    let cannot = |e| Failure::of(path, wording::cannot_read(&e));
    // Pipes are welcome: a list may be the output of a shell's `<(...)`.
    if fs::metadata(path).map_err(cannot)?.is_dir() {
        return Err(Failure::of(path, "a directory; expected a list: name its files"));
    }
    Ok(Box::new(File::open(path).map_err(cannot)?))
}

fn detect(path: &Path, beginning: &[u8]) -> Result<Format, Failure> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    // Any format can be empty.
    let empty = Some(Format::Hex).filter(|_| beginning.is_empty());
    Format::detect(extension, beginning).or(empty).ok_or_else(|| match beginning {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
            Failure::of(path, "the list is UTF-16 text; save it as UTF-8")
        }
        _ => {
            let words = one_of(Format::NAMES);
            let what = "cannot tell the list's format; name it with --format";
            Failure::of(path, format_args!("{what} {words}"))
        }
    })
}

fn tell(
    source: &Source<'_>,
    format: Format,
    report: &Report,
    progress: &Progress,
    output: &mut Output,
) -> Result<(), Failure> {
    output.object(&json!({
        "file": source.path.to_string_lossy(),
        "list": source.name,
        "format": format.name(),
        "rows": report.rows,
        "accepted": report.accepted,
        "rejected": report.rejected_rows(),
        "causes": report.rejected,
        "blank": report.blank,
        "comments": report.comments,
        "continued": report.continued,
        "ignored_columns": report.ignored_columns,
    }))?;
    progress.above(|| {
        let (file, list) = (shown(source.path), plain(source.name));
        output.line(format_args!("{file} ({format}) as list {list:?}: {report}"))
    })
}

/// Counts what is read for the progress bar.
struct Counted<'p> {
    input: Box<dyn Read>,
    progress: &'p Progress,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.progress.add(n as u64);
        Ok(n)
    }
}
