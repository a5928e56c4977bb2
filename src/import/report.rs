//! What happened to every row of a list.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::shown;
use crate::set::Refusal;

/// Why a row was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// The line, or the CSV row, is longer than [`LINE_LIMIT`](crate::import::LINE_LIMIT).
    LineTooLong,
    /// The row holds a byte of value 0.
    NulByte,
    /// The row is not UTF-8.
    InvalidUtf8,
    /// CSV: a quotation mark is not closed, or stands inside a field.
    BadQuotes,
    /// CSV: the row has more or fewer fields than the header.
    FieldCount,
    /// JSON Lines: the line is not one JSON object.
    BadJson,
    /// JSON Lines: the object has the same field twice.
    DuplicateField,
    /// The row has no algorithm or no fingerprint.
    MissingField,
    /// The algorithm is not one of those that a set can hold.
    UnknownAlgorithm,
    /// Bare hex: several algorithms have that many digits and the caller named none.
    AmbiguousAlgorithm,
    /// The fingerprint has not the algorithm's number of digits.
    WrongLength,
    /// The fingerprint holds something else than hexadecimal digits.
    NotHex,
    /// An opinion, severity, role, quality or `reviewed` is none of the possible values.
    BadValue,
    /// A date cannot be read, does not exist, or lies outside 1970 to 2106.
    BadDate,
    /// The row is an exception and [`Options::exceptions`](crate::import::Options::exceptions) is not set.
    ExceptionNotAllowed,
    /// The builder's guard rails refused the entry.
    Refused(Refusal),
}

impl Cause {
    /// The stable name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::LineTooLong => "line-too-long",
            Cause::NulByte => "nul-byte",
            Cause::InvalidUtf8 => "invalid-utf8",
            Cause::BadQuotes => "bad-quotes",
            Cause::FieldCount => "field-count",
            Cause::BadJson => "bad-json",
            Cause::DuplicateField => "duplicate-field",
            Cause::MissingField => "missing-field",
            Cause::UnknownAlgorithm => "unknown-algorithm",
            Cause::AmbiguousAlgorithm => "ambiguous-algorithm",
            Cause::WrongLength => "wrong-length",
            Cause::NotHex => "not-hex",
            Cause::BadValue => "bad-value",
            Cause::BadDate => "bad-date",
            Cause::ExceptionNotAllowed => "exception-not-allowed",
            Cause::Refused(refusal) => refusal.name(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The line that the row begins on, counted from 1.
    pub line: u64,
    /// Why it was not taken.
    pub cause: Cause,
    /// A sentence for the operator: what was found, shortened and without control characters, and what is expected.
    pub message: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Why a row is not an entry, before its line is known.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) cause: Cause,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(cause: Cause, message: impl Into<String>) -> Problem {
        Problem { cause, message: message.into() }
    }
}

/// The account of one import: `rows` is `accepted` plus all that is counted in `rejected`, always.
///
/// Shown as one line:
///
/// ```
/// let mut report = tamis::import::Report::default();
/// (report.rows, report.accepted, report.blank) = (3, 3, 1);
/// assert_eq!(report.to_string(), "3 rows: 3 accepted, 0 rejected; 1 blank line");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Rows: lines (CSV: records) other than the header, blank lines and comments.
    pub rows: u64,
    /// Rows that became an entry.
    pub accepted: u64,
    /// Rows that did not, by the name of the cause.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Lines that are empty or hold only spaces.
    pub blank: u64,
    /// Lines that begin with `#` (bare hex only).
    pub comments: u64,
    /// Lines that belong to the CSV record begun on a line above, behind a line break in quotes. Many of them are a sign of
    /// a stray pair of quotation marks that hides rows. Every line of a list is the header, a row, blank, a comment
    /// or one of these.
    pub continued: u64,
    /// Columns or fields that are not known and were not read, in order of appearance, shortened as [`Rejection`]s are.
    /// At most [`Report::IGNORED_LIMIT`] names; `...` at the end says that there were more.
    pub ignored_columns: Vec<String>,
}

impl Report {
    /// Most names in [`Report::ignored_columns`].
    pub const IGNORED_LIMIT: usize = 64;

    /// Rows rejected, over all causes.
    pub fn rejected_rows(&self) -> u64 {
        self.rejected.values().sum()
    }

    pub(super) fn ignore_column(&mut self, name: &str) {
        let known = |names: &[String], name: &str| names.iter().any(|n| n == name);
        if known(&self.ignored_columns, name) {
            return;
        }
        let name = shown(name);
        if known(&self.ignored_columns, &name) {
            return;
        }
        match self.ignored_columns.len() {
            n if n < Self::IGNORED_LIMIT => self.ignored_columns.push(name),
            Self::IGNORED_LIMIT => self.ignored_columns.push("...".into()),
            _ => {}
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |n: u64| if n == 1 { "" } else { "s" };
        write!(f, "{} row{}: {} accepted, ", self.rows, plural(self.rows), self.accepted)?;
        write!(f, "{} rejected", self.rejected_rows())?;
        for (i, (cause, rows)) in self.rejected.iter().enumerate() {
            write!(f, "{}{cause} {rows}", if i == 0 { " (" } else { ", " })?;
        }
        if !self.rejected.is_empty() {
            f.write_str(")")?;
        }
        if self.blank > 0 {
            write!(f, "; {} blank line{}", self.blank, plural(self.blank))?;
        }
        if self.comments > 0 {
            write!(f, "; {} comment{}", self.comments, plural(self.comments))?;
        }
        if self.continued > 0 {
            let lines = if self.continued == 1 { "line" } else { "lines" };
            write!(f, "; {} {lines} inside quotes", self.continued)?;
        }
        if !self.ignored_columns.is_empty() {
            write!(f, "; ignored columns: {}", self.ignored_columns.join(", "))?;
        }
        Ok(())
    }
}
