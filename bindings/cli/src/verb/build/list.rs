//! One list into the builder.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::Path;

use serde_json::json;
use tamis::import::{self, Format, Options, Report};
use tamis::set::{ListId, ListKind, SetBuilder};

use super::rejects::Rejects;
use crate::args::{Build, ListFormat};
use crate::output::{plain, shown};
use crate::progress::Progress;
use crate::upload::STDIN;
use crate::wording::{self, grouped};
use crate::{Failure, Output};

/// Bytes from the beginning of a list that its format is told from.
const BEGINNING: u64 = 4096;

/// A file and the list that it belongs to.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) name: &'a str,
    pub(super) id: ListId,
}

/// Reads one list, tells what became of its rows, and refuses a list that gave nothing.
pub(super) fn read(
    source: &Source<'_>,
    arguments: &Build,
    builder: &mut SetBuilder,
    rejects: &mut Rejects<'_>,
    progress: &Progress,
    output: &mut Output,
) -> Result<(), Failure> {
    let path = source.path;
    let mut input = Counted { input: open(path)?, progress };
    let mut beginning = Vec::new();
    let read = input.by_ref().take(BEGINNING).read_to_end(&mut beginning);
    read.map_err(|e| Failure::of(path, wording::cannot_read(&e)))?;
    let empty = beginning.is_empty();
    let format = format(path, &beginning, arguments)?;
    let report = if empty {
        Report::default()
    } else {
        let options = options(arguments);
        let mut accept = |entry| {
            let added = builder.add(source.id, entry);
            let entries = builder.len() as u64;
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
        (0, _) if !arguments.allow_empty => Err(Failure::of(
            path,
            "the list holds no rows; nothing was published (--allow-empty takes empty lists)",
        )),
        (rows @ 1.., 0) => Err(Failure::of(
            path,
            format_args!("every row was rejected ({}); nothing was published", grouped(rows)),
        )),
        _ => Ok(()),
    }
}

/// The format of a list that begins like that.
pub(super) fn format(path: &Path, beginning: &[u8], arguments: &Build) -> Result<Format, Failure> {
    match arguments.format {
        Some(ListFormat::Csv) => Ok(Format::Csv),
        Some(ListFormat::Jsonl) => Ok(Format::JsonLines),
        Some(ListFormat::Hex) => Ok(Format::Hex),
        // Any format can be empty.
        None if beginning.is_empty() => Ok(Format::Hex),
        None => detect(path, beginning),
    }
}

/// What the arguments say of a list that its rows do not.
pub(super) fn options(arguments: &Build) -> Options {
    Options {
        algorithm: arguments.algorithm,
        reviewed: arguments.reviewed,
        exceptions: arguments.kind == ListKind::Local,
        ..Options::default()
    }
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
    Format::detect(extension, beginning).ok_or_else(|| {
        let what = match beginning {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "the list is UTF-16 text; save it as UTF-8",
            _ => "cannot tell the list's format; name it with --format csv, jsonl or hex",
        };
        Failure::of(path, what)
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
