//! CSV: a header, then one record per line.
//!
//! The grammar is RFC 4180's, strictly: a field that holds a comma, a line break or a quotation mark is quoted as a
//! whole, and a quotation mark inside it is doubled. Spaces are allowed around a field, quoted or not.
//!
//! Strictness is what makes damage local. In a strict record the quotation marks are even in number, so:
//!
//! ```text
//! record:
//!     take the next line
//!     while the record has an odd number of quotation marks:
//!         take one more line
//!         at the end of the file or beyond LINE_LIMIT bytes: the first line is a rejected row; resume at its second line
//!     split; if that fails for a record of several lines: its first line is a rejected row; resume at its second line
//! ```
//!
//! A reader that takes a stray quotation mark as it comes swallows the file up to the next one, in unbounded memory, and
//! loses those rows without a word; that is why the splitting is done here and not by the `csv` crate, which the
//! tests use as the oracle. Going back is cheap: lines inside a failed record have an even number of
//! quotation marks, are records of their own when they are read again, and so no line is read more than twice.

use std::collections::HashSet;
use std::ops::Range;

use crate::error::{Error, ErrorCode, Result, shown};
use crate::import::lines::LINE_LIMIT;
use crate::import::report::{Cause, Problem, Report};
use crate::import::row::{Field, Row, Value};
use crate::import::{Lines, Options, Sink, text_of};
use crate::set::Entry;

pub(super) fn read(lines: &mut Lines<'_>, options: &Options, sink: &mut Sink<'_>) -> Result<()> {
    let mut records = Records::new(lines);
    let mut fields = Fields::default();
    let Some(columns) = header(&mut records, &mut fields, sink.report)? else {
        return Err(Error::new(
            ErrorCode::List,
            "the list is empty; a CSV list begins with a line that names its columns, \
             at least algorithm,fingerprint",
        ));
    };
    while let Some(record) = records.next()? {
        let (line, height) = (record.line, record.height);
        let text = record.text();
        if text.as_ref().is_ok_and(|text| is_blank(text)) {
            sink.report.blank += 1;
            continue;
        }
        match text.and_then(|text| fields.split(text)).and_then(|()| count(&columns, &fields)) {
            Ok(()) => {
                sink.report.continued += height - 1;
                sink.row(line, entry(&columns, &fields, options));
            }
            Err(problem) => {
                sink.row(line, Err(problem));
                if height > 1 {
                    records.back_to_second_line();
                }
            }
        }
    }
    Ok(())
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// The columns by position, with `None` for those that are ignored. `None` if the file has no line but blank ones.
fn header(
    records: &mut Records<'_, '_>,
    fields: &mut Fields,
    report: &mut Report,
) -> Result<Option<Vec<Option<Field>>>> {
    let record = loop {
        match records.next()? {
            None => return Ok(None),
            Some(record) if record.text().is_ok_and(is_blank) => report.blank += 1,
            Some(record) => break record,
        }
    };
    let wrong = |why: String| {
        Error::new(ErrorCode::List, format!("line {}: the header is not valid: {why}", record.line))
    };
    record.text().and_then(|text| fields.split(text)).map_err(|problem| wrong(problem.message))?;
    report.continued += record.height - 1;
    let mut names = HashSet::new();
    let mut columns = Vec::new();
    for name in fields.iter().map(str::trim) {
        let field = Field::from_name(name);
        if !name.is_empty() && !names.insert(name.to_lowercase()) {
            return Err(wrong(format!("two columns are called {:?}", shown(name))));
        }
        if field.is_none() {
            report.ignore_column(if name.is_empty() { "(no name)" } else { name });
        }
        columns.push(field);
    }
    for field in [Field::Algorithm, Field::Fingerprint] {
        if !columns.contains(&Some(field)) {
            let found: Vec<String> = fields.iter().take(8).map(shown).collect();
            return Err(wrong(format!(
                "there is no column {:?}, found {}; columns are separated by commas",
                field.name(),
                found.join(", ")
            )));
        }
    }
    Ok(Some(columns))
}

fn count(columns: &[Option<Field>], fields: &Fields) -> std::result::Result<(), Problem> {
    let (expected, found) = (columns.len(), fields.ends.len());
    if expected == found {
        return Ok(());
    }
    let message = format!("the header has {expected} columns, the row has {found} fields");
    Err(Problem::new(Cause::FieldCount, message))
}

fn entry(
    columns: &[Option<Field>],
    fields: &Fields,
    options: &Options,
) -> std::result::Result<Entry, Problem> {
    let mut row = Row::default();
    for (column, text) in columns.iter().zip(fields.iter()) {
        if let Some(field) = *column {
            row.set(field, Value::Text(text.into()));
        }
    }
    row.entry(options)
}

/// The fields of one record, unquoted, one behind the other in `text`.
#[derive(Default)]
struct Fields {
    text: String,
    ends: Vec<usize>,
}

impl Fields {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }

    fn split(&mut self, record: &str) -> std::result::Result<(), Problem> {
        const SPACES: [char; 2] = [' ', '\t'];
        let wrong = || {
            Problem::new(
                Cause::BadQuotes,
                "a quotation mark is not closed or stands inside a field; \
                 quote the whole field and double the mark inside it",
            )
        };
        self.text.clear();
        self.ends.clear();
        let mut rest = record;
        loop {
            let (quoted, after) = match rest.trim_start_matches(SPACES).strip_prefix('"') {
                Some(mut quoted) => loop {
                    let (inside, after) = quoted.split_once('"').ok_or_else(wrong)?;
                    self.text.push_str(inside);
                    match after.strip_prefix('"') {
                        Some(more) => {
                            self.text.push('"');
                            quoted = more;
                        }
                        None => break (true, after.trim_start_matches(SPACES)),
                    }
                },
                None => (false, rest),
            };
            let (last, next) = match after.split_once(',') {
                Some((last, next)) => (last, Some(next)),
                None => (after, None),
            };
            // Behind a closing quotation mark there is nothing more of the field; a plain field holds no mark at all.
            if if quoted { !last.is_empty() } else { last.contains('"') } {
                return Err(wrong());
            }
            self.text.push_str(last);
            self.ends.push(self.text.len());
            match next {
                Some(next) => rest = next,
                None => return Ok(()),
            }
        }
    }
}

/// One record as it stands in the file.
struct Record<'w> {
    /// The line that it begins on.
    line: u64,
    /// How many lines it has.
    height: u64,
    too_long: bool,
    bytes: &'w [u8],
}

impl<'w> Record<'w> {
    fn text(&self) -> std::result::Result<&'w str, Problem> {
        if self.too_long && self.height > 1 {
            let message = "a quotation mark is opened on this line and not closed";
            return Err(Problem::new(Cause::BadQuotes, message));
        }
        text_of(self.bytes, self.too_long)
    }
}

/// Cuts lines into records, and can go back into the last record.
///
/// `window` holds the last record and, after going back, the lines behind it that were read already; every line is
/// followed by a LF. It never holds more than a record and a line: before a line is added, what stands before the
/// record is dropped.
struct Records<'l, 'r> {
    lines: &'l mut Lines<'r>,
    window: Vec<u8>,
    /// The last record.
    record: Range<usize>,
    /// Number of the line at `record.start`.
    line: u64,
    /// Lines in the last record.
    height: u64,
    /// Behind the window comes a line that was too long to keep.
    too_long_follows: bool,
}

impl<'l, 'r> Records<'l, 'r> {
    fn new(lines: &'l mut Lines<'r>) -> Self {
        Records {
            lines,
            window: Vec::new(),
            record: 0..0,
            line: 1,
            height: 0,
            too_long_follows: false,
        }
    }

    /// The next record: strict, or ended by the end of the file, a line too long to keep, or its own length.
    fn next(&mut self) -> Result<Option<Record<'_>>> {
        self.line += self.height;
        self.record.start = self.record.end;
        self.height = 0;
        let mut odd = false;
        loop {
            if self.record.end == self.window.len() && !self.add_line()? {
                if self.height > 0 {
                    break;
                }
                if !self.too_long_follows {
                    return Ok(None);
                }
                self.too_long_follows = false;
                self.height = 1;
                return Ok(Some(Record { line: self.line, height: 1, too_long: true, bytes: &[] }));
            }
            let line = first_line(&self.window[self.record.end..]);
            odd ^= line.iter().filter(|b| **b == b'"').count() % 2 == 1;
            self.record.end += line.len() + 1;
            self.height += 1;
            if !odd || self.record.len() > LINE_LIMIT {
                break;
            }
        }
        let bytes = &self.window[self.record.start..self.record.end - 1];
        let too_long = bytes.len() > LINE_LIMIT;
        Ok(Some(Record { line: self.line, height: self.height, too_long, bytes }))
    }

    /// Adds a line to the window; `false` at the end of the file and before a line that is too long to keep.
    fn add_line(&mut self) -> Result<bool> {
        if self.too_long_follows {
            return Ok(false);
        }
        self.window.drain(..self.record.start);
        self.record = 0..self.window.len();
        let Some(line) = self.lines.next(&mut self.window)? else { return Ok(false) };
        if line.too_long {
            self.window.truncate(self.record.end);
            self.too_long_follows = true;
            return Ok(false);
        }
        self.window.push(b'\n');
        Ok(true)
    }

    /// Goes back, so that the second line of the last record is read next.
    fn back_to_second_line(&mut self) {
        let first = first_line(&self.window[self.record.clone()]).len() + 1;
        self.record.end = self.record.start + first;
        self.height = 1;
    }
}

/// Up to the LF that ends every line of a window.
fn first_line(window: &[u8]) -> &[u8] {
    let length = window.iter().position(|b| *b == b'\n').unwrap_or(window.len());
    &window[..length]
}

#[cfg(test)]
mod tests {
    use ::csv::{QuoteStyle, WriterBuilder};
    use proptest::prelude::*;

    use super::*;

    fn split(record: &str) -> Option<Vec<String>> {
        let mut fields = Fields::default();
        fields.split(record).ok()?;
        Some(fields.iter().map(str::to_owned).collect())
    }

    #[test]
    fn spaces_may_surround_quotes_and_nothing_else_may() {
        let fields = |texts: &[&str]| Some(texts.iter().map(|t| (*t).to_owned()).collect());
        assert_eq!(split(""), fields(&[""]));
        assert_eq!(split(" a ,\t\"b, \" ,\"\""), fields(&[" a ", "b, ", ""]));
        for wrong in ["\"", "\"a", "a\"", "a\"\"", "\"a\"b", "\"a\" \"b\"", "\"a\"\"", "x,\"a\"b,y"]
        {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn sound_records_split_as_the_csv_crate_writes_them(
            fields in prop::collection::vec("[a\", \n;é]{0,6}", 1..6),
            style in prop::sample::select(vec![QuoteStyle::Necessary, QuoteStyle::Always]),
        ) {
            let mut writer = WriterBuilder::new().quote_style(style).from_writer(Vec::new());
            writer.write_record(&fields).unwrap();
            let record = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(split(record.strip_suffix('\n').unwrap()), Some(fields));
        }
    }
}
