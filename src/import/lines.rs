//! Lines of any length in bounded memory.
//!
//! ```text
//! next(line):
//!     read up to LF, CR, CR LF or the end of the file
//!     keep the first LINE_LIMIT bytes; if there are more, drop the rest and say so
//! ```
//!
//! Invariants: never more than [`LINE_LIMIT`] bytes of a line are held; every byte of the file belongs to exactly one
//! line or line end; numbers start at 1 and count the line ends as an editor does. A UTF-8 byte order mark at the start
//! of the file is not part of the first line.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use crate::error::{Error, ErrorCode, Result};

/// Longest line, and longest CSV row, that is read, in bytes. A longer one is one rejected row.
pub const LINE_LIMIT: usize = 1 << 20;

/// Where a line is and whether all of it was kept.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) too_long: bool,
}

pub(super) struct Lines<'r> {
    input: BufReader<&'r mut dyn Read>,
    /// Lines given out so far.
    count: u64,
    /// The last line ended in CR, so that a LF right behind it is the second half of the same line end.
    after_cr: bool,
}

impl<'r> Lines<'r> {
    pub(super) fn new(input: &'r mut dyn Read) -> Lines<'r> {
        Lines { input: BufReader::with_capacity(64 << 10, input), count: 0, after_cr: false }
    }

    /// Appends the next line, without its end, to `out`. `None` at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read on, or it begins with a UTF-16 byte order mark.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Line>> {
        let start = out.len();
        let mut too_long = false;
        let mut ended = false;
        let mut any = false;
        while !ended {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(Error::new(
                        ErrorCode::Io,
                        format!("cannot read the list beyond line {}: {error}", self.count),
                    ));
                }
            };
            if chunk.is_empty() {
                if !any {
                    return Ok(None);
                }
                break;
            }
            let skip = usize::from(self.after_cr && chunk[0] == b'\n');
            self.after_cr = false;
            let rest = &chunk[skip..];
            let length = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let text = &rest[..length.unwrap_or(rest.len())];
            let room = LINE_LIMIT - (out.len() - start);
            too_long |= text.len() > room;
            out.extend_from_slice(&text[..text.len().min(room)]);
            any |= !rest.is_empty();
            let mut used = skip + text.len();
            if length.is_some() {
                self.after_cr = rest[text.len()] == b'\r';
                used += 1;
                ended = true;
            }
            self.input.consume(used);
        }
        self.count += 1;
        if self.count == 1 {
            strip_mark(out, start)?;
        }
        Ok(Some(Line { number: self.count, too_long }))
    }
}

/// Removes a UTF-8 byte order mark from the first line, which begins at `start`.
fn strip_mark(out: &mut Vec<u8>, start: usize) -> Result<()> {
    let first = out.get(start..).unwrap_or_default();
    if first.starts_with(&[0xFF, 0xFE]) || first.starts_with(&[0xFE, 0xFF]) {
        return Err(Error::new(
            ErrorCode::List,
            "line 1: the list is UTF-16 text; save it as UTF-8 and import it again",
        ));
    }
    if first.starts_with(&[0xEF, 0xBB, 0xBF]) {
        out.drain(start..start + 3);
    }
    Ok(())
}
