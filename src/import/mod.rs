//! Hash lists to entries: CSV, JSON Lines and bare hex.
//!
//! ```text
//! read(input, format, options):
//!     for each row of the input, in bounded memory:
//!         an entry that the builder takes   -> accepted
//!         anything else                     -> rejected, with its line and cause
//!     report: rows == accepted + rejected, always
//! ```
//!
//! A bad row is never an error: the rows around it are read, and the report accounts for it. An error means that the
//! input cannot be read at all: it fails in the middle, it is UTF-16, or a CSV list has no usable header.
//!
//! # Text
//!
//! All formats are UTF-8, with or without a byte order mark. Lines end in LF, CR LF or CR; the last one may have no
//! end. Spaces around a value are ignored. A line, or a CSV row, has at most [`LINE_LIMIT`] bytes; a longer one is one
//! rejected row and its bytes are skipped. A row that holds a NUL or is not UTF-8 is rejected.
//!
//! # CSV ([`Format::Csv`])
//!
//! RFC 4180 with commas. The first line that is not blank names the columns, in any order and case. Two columns of the
//! same name are an error; columns that are not in the table below are ignored and named in the report. A row has as
//! many fields as the header, or it is rejected. A quotation mark stands around a whole field or doubled inside a quoted
//! one, or the row is rejected.
//!
//! | column | value | if absent or empty |
//! |---|---|---|
//! | `algorithm` | `md5`, `sha1`, `sha256`, `sha512`, `blake3` or `pdq`, in any case, `SHA-256` too | required |
//! | `fingerprint` | hexadecimal digits of either case, as many as the algorithm has | required |
//! | `item` | the listed thing that this is a fingerprint of; rows with the same one belong together | an item of its own |
//! | `labels` | labels separated by `;` | none |
//! | `opinion` | `positive`, `negative`, `disputed` or `seed` | [`Options::opinion`] |
//! | `reviewed` | whether a human has reviewed the item: `true`, `yes`, `1`, `false`, `no` or `0`, in any case | [`Options::reviewed`] |
//! | `severity` | `unspecified`, `low`, `medium`, `high` or `critical` | `unspecified` |
//! | `quality` | PDQ quality, a whole number from 0 to 100 | not known |
//! | `source_id` | the list's own id of the entry | none |
//! | `legal_basis` | legal basis, where it differs from the list's | the list's |
//! | `first_seen` | date: when the list first saw it | not known |
//! | `last_seen` | date: when the list last saw it | not known |
//! | `expires` | date: from when on the entry no longer matches | never |
//! | `role` | `listed`, or `exception` where [`Options::exceptions`] allows it | `listed` |
//!
//! A date is `YYYY-MM-DD` (midnight UTC), RFC 3339 (`2025-10-09T08:00:00Z`), or seconds since 1970, whole or decimal;
//! fractions are dropped. It lies between 1970 and 2106, and 0 means the same as absent. `20251009` is rejected: it
//! would be a day in 1970.
//!
//! # JSON Lines ([`Format::JsonLines`])
//!
//! One object per line with the same fields and rules. `labels` may also be an array of strings, `reviewed` a
//! boolean, and any value a number or `null` (absent). A field that appears twice rejects the row. Fields that are
//! not in the table are ignored and named in the report.
//!
//! # Bare hex ([`Format::Hex`])
//!
//! One fingerprint per line, and nothing else on it. Lines that begin with `#` are comments. The algorithm is
//! [`Options::algorithm`]; without it, it follows from the number of digits: 32 MD5, 40 SHA-1, 128 SHA-512. With 64 it
//! must be named, since SHA-256, BLAKE3 and PDQ all have that many.

mod csv;
mod date;
mod hex;
mod jsonl;
mod lines;
mod report;
mod row;

#[cfg(test)]
mod tests;

use std::io::Read;

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::Algorithm;
use crate::names::named;
use crate::set::{Entry, Opinion, Refusal};
use crate::setters::setters;

pub use lines::LINE_LIMIT;
use lines::Lines;
use report::Problem;
pub use report::{Cause, Rejection, Report};

named! {
    /// The format that a list is written in.
    #[non_exhaustive]
    Format("a list format") {
        /// A header and comma-separated rows.
        Csv = 1 "csv",
        /// One JSON object per line.
        JsonLines = 2 "jsonl",
        /// One fingerprint per line.
        Hex = 3 "hex",
    }
}

impl Format {
    /// The format of a list, from its path's extension or else from its beginning (some hundred bytes are enough).
    /// `None` if neither tells.
    ///
    /// ```
    /// use tamis::import::Format;
    /// assert_eq!(Format::detect(Some("ndjson"), b""), Some(Format::JsonLines));
    /// assert_eq!(Format::detect(Some("txt"), b"# demo\n0cc175b9c0f1b6a831c399e269772661\n"), Some(Format::Hex));
    /// assert_eq!(Format::detect(None, b"GIF89a"), None);
    /// ```
    pub fn detect(extension: Option<&str>, beginning: &[u8]) -> Option<Format> {
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => return Some(Format::Csv),
            Some("jsonl" | "ndjson") => return Some(Format::JsonLines),
            Some("hex") => return Some(Format::Hex),
            _ => {}
        }
        let text = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning);
        let mut lines = text.split(|b| matches!(b, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"))?;
        let names = || first.split(|b| *b == b',').filter_map(|name| str::from_utf8(name).ok());
        if first.starts_with(b"{") {
            Some(Format::JsonLines)
        } else if names()
            .any(|name| name.trim_matches([' ', '\t', '"']).eq_ignore_ascii_case("fingerprint"))
        {
            Some(Format::Csv)
        } else if matches!(first.len(), 32 | 40 | 64 | 128)
            && first.iter().all(u8::is_ascii_hexdigit)
        {
            Some(Format::Hex)
        } else {
            None
        }
    }
}

/// What the caller knows of a list that its rows do not say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Bare hex: the algorithm of every line. Default: from the number of digits.
    pub algorithm: Option<Algorithm>,
    /// Rows that do not say it: whether a human has reviewed them. Default `false`.
    pub reviewed: bool,
    /// Rows that do not say it: the list's opinion. Default `positive`.
    pub opinion: Opinion,
    /// Whether rows may be exceptions, which let a file through whatever other lists say. Default `false`: right for
    /// every list but the operator's own.
    pub exceptions: bool,
}

setters! { Options {
    algorithm: Option<Algorithm>;
    reviewed: bool;
    opinion: Opinion;
    exceptions: bool;
} }

impl Default for Options {
    fn default() -> Options {
        Options { algorithm: None, reviewed: false, opinion: Opinion::Positive, exceptions: false }
    }
}

/// Reads a list: gives each row that is an entry to `accept`, which takes or refuses it, and each other row, and each
/// refused one, to `on_rejection`. Both are called in the order of the rows.
///
/// Memory does not grow with the list. `input` need not be buffered.
///
/// ```
/// use tamis::import::{self, Format, Options};
/// use tamis::set::refusal;
///
/// let list = "algorithm,fingerprint,labels\n\
///             md5,0cc175b9c0f1b6a831c399e269772661,demo;test\n\
///             md5,d41d8cd98f00b204e9800998ecf8427e,demo\n";
/// let (mut entries, mut messages) = (Vec::new(), Vec::new());
/// let report = import::read(
///     list.as_bytes(),
///     Format::Csv,
///     &Options::default(),
///     &mut |entry| refusal::check(&entry).map(|()| entries.push(entry)),
///     &mut |rejection| messages.push(rejection.to_string()),
/// )?;
/// assert_eq!((report.rows, report.accepted), (2, 1));
/// assert_eq!(report.rejected["empty-input"], 1);
/// assert_eq!(entries[0].labels, ["demo", "test"]);
/// assert_eq!(messages, ["line 3: the md5 digest of an empty file would match every empty upload"]);
/// # Ok::<(), tamis::Error>(())
/// ```
///
/// # Errors
/// [`ErrorCode::Io`] if reading fails; [`ErrorCode::List`] if the list is UTF-16, or is CSV and empty or without a
/// usable header. Rows before the error were given out already: on an error, drop what was built from them.
pub fn read(
    mut input: impl Read,
    format: Format,
    options: &Options,
    accept: &mut dyn FnMut(Entry) -> std::result::Result<(), Refusal>,
    on_rejection: &mut dyn FnMut(&Rejection),
) -> Result<Report> {
    let mut report = Report::default();
    let mut lines = Lines::new(&mut input);
    let mut sink = Sink { report: &mut report, accept, on_rejection };
    match format {
        Format::Csv => csv::read(&mut lines, options, &mut sink)?,
        Format::JsonLines => jsonl::read(&mut lines, options, &mut sink)?,
        Format::Hex => hex::read(&mut lines, options, &mut sink)?,
    }
    Ok(report)
}

/// Reads a date as the rows of a list may write it, to seconds since 1970.
///
/// ```
/// assert_eq!(tamis::import::date("2025-10-09")?, 1_759_968_000);
/// assert_eq!(tamis::import::date("2025-10-09T08:00:00Z")?, 1_759_996_800);
/// # Ok::<(), tamis::Error>(())
/// ```
///
/// # Errors
/// [`ErrorCode::InvalidArgument`] if it is none of the forms above, or not between 1970 and 2106.
pub fn date(text: &str) -> Result<u32> {
    date::seconds("date", text.trim())
        .map_err(|p| Error::new(ErrorCode::InvalidArgument, p.message))
}

/// Where rows go. The only place that counts them, so that the report adds up.
struct Sink<'a> {
    report: &'a mut Report,
    accept: &'a mut dyn FnMut(Entry) -> std::result::Result<(), Refusal>,
    on_rejection: &'a mut dyn FnMut(&Rejection),
}

impl Sink<'_> {
    fn row(&mut self, line: u64, row: std::result::Result<Entry, Problem>) {
        self.report.rows += 1;
        let taken = row.and_then(|entry| {
            (self.accept)(entry).map_err(|refusal| Problem {
                cause: Cause::Refused(refusal),
                message: refusal.to_string(),
            })
        });
        match taken {
            Ok(()) => self.report.accepted += 1,
            Err(Problem { cause, message }) => {
                *self.report.rejected.entry(cause.name()).or_default() += 1;
                (self.on_rejection)(&Rejection { line, cause, message });
            }
        }
    }
}

/// The text of a row, if it can be one.
fn text_of(bytes: &[u8], too_long: bool) -> std::result::Result<&str, Problem> {
    if too_long {
        let message = format!("the row is longer than {LINE_LIMIT} bytes");
        return Err(Problem::new(Cause::LineTooLong, message));
    }
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        let message = format!("the row holds a NUL at byte {}; a list is plain text", at + 1);
        return Err(Problem::new(Cause::NulByte, message));
    }
    str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to() + 1;
        Problem::new(Cause::InvalidUtf8, format!("the row is not UTF-8 at byte {at}"))
    })
}
