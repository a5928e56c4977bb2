//! Typed reading of a TOML table with positions: every complaint names line, column and key.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, ErrorCode, Result, shown};

/// The text that positions refer to.
#[derive(Clone, Copy)]
pub(super) struct Source<'t>(pub(super) &'t str);

impl<'t> Source<'t> {
    /// Parses the text as TOML, so that the table's positions are those of this text.
    pub(super) fn parse(self) -> Result<DeTable<'t>> {
        match DeTable::parse(self.0) {
            Ok(table) => Ok(table.into_inner()),
            Err(e) => {
                let at = e.span().map_or(self.0.len(), |span| span.start);
                Err(self.error(at, format_args!("not TOML: {}", e.message())))
            }
        }
    }

    /// A complaint about what stands at that byte.
    pub(super) fn error(self, at: usize, message: impl Display) -> Error {
        let (line, column) = self.position(at);
        Error::new(ErrorCode::Policy, format!("line {line}, column {column}: {message}"))
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub(super) fn position(self, at: usize) -> (usize, usize) {
        let before = self.0.as_bytes().get(..at).unwrap_or(self.0.as_bytes());
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        let text = String::from_utf8_lossy(before.get(start..).unwrap_or_default());
        // Editors do not count the byte order mark.
        (line, 1 + text.chars().filter(|c| *c != '\u{feff}').count())
    }
}

/// One table: its keys, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Table<'t> {
    source: Source<'t>,
    keys: &'t DeTable<'t>,
    at: usize,
}

impl<'t> Table<'t> {
    /// The outermost table.
    pub(super) fn root(source: Source<'t>, keys: &'t DeTable<'t>) -> Table<'t> {
        Table { source, keys, at: 0 }
    }

    /// Refuses any key that is not among these, the first in the file first.
    pub(super) fn only(self, known: &[&str]) -> Result<()> {
        let unknown = self.keys.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(()),
            Some(key) => Err(self.source.error(
                key.span().start,
                format_args!(
                    "unknown key `{}`; expected one of {}",
                    shown(key.get_ref()),
                    known.join(", ")
                ),
            )),
        }
    }

    /// The value of that key, if it is given.
    pub(super) fn get(self, key: &'static str) -> Option<Value<'t>> {
        self.keys.get(key).map(|value| Value { source: self.source, key, value })
    }

    /// The value of that key.
    pub(super) fn require(self, key: &'static str, expected: &str) -> Result<Value<'t>> {
        self.get(key).ok_or_else(|| self.error(format_args!("no `{key}`; expected {expected}")))
    }

    /// A complaint about the table as a whole.
    pub(super) fn error(self, message: impl Display) -> Error {
        self.source.error(self.at, message)
    }

    /// The line that the table begins on.
    pub(super) fn line(self) -> usize {
        self.source.position(self.at).0
    }
}

/// One value, and the key that it was given for.
#[derive(Clone, Copy)]
pub(super) struct Value<'t> {
    source: Source<'t>,
    key: &'static str,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Value<'t> {
    /// A complaint about the value.
    pub(super) fn error(self, message: impl Display) -> Error {
        self.source.error(self.value.span().start, format_args!("`{}`: {message}", self.key))
    }

    fn mistyped(self, expected: impl Display) -> Error {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.error(format_args!("expected {expected}, found {found}"))
    }

    pub(super) fn text(self) -> Result<&'t str> {
        self.value.get_ref().as_str().ok_or_else(|| self.mistyped("a string"))
    }

    /// A string that is one of a fixed set of words.
    pub(super) fn word<T: FromStr<Err = Error>>(self) -> Result<T> {
        self.text()?.parse().map_err(|e| self.error(e))
    }

    pub(super) fn flag(self) -> Result<bool> {
        self.value.get_ref().as_bool().ok_or_else(|| self.mistyped("true or false"))
    }

    pub(super) fn whole<N: Copy + Display + PartialOrd + TryFrom<u64>>(
        self,
        range: RangeInclusive<N>,
    ) -> Result<N> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let Some(number) = self.value.get_ref().as_integer() else {
            return Err(self.mistyped(expected));
        };
        u64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .and_then(|number| N::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                self.error(format_args!("expected {expected}, found {}", shown(number.as_str())))
            })
    }

    /// The elements of an array, or the value itself as the only element.
    pub(super) fn one_or_many(self) -> Vec<Value<'t>> {
        match self.value.get_ref().as_array() {
            Some(array) => array.iter().map(|value| Value { value, ..self }).collect(),
            None => vec![self],
        }
    }

    /// The elements of an array.
    pub(super) fn array(self, expected: &str) -> Result<Vec<Value<'t>>> {
        match self.value.get_ref() {
            DeValue::Array(_) => Ok(self.one_or_many()),
            _ => Err(self.mistyped(expected)),
        }
    }

    pub(super) fn table(self, expected: &str) -> Result<Table<'t>> {
        match self.value.get_ref().as_table() {
            Some(keys) => Ok(Table { source: self.source, keys, at: self.value.span().start }),
            None => Err(self.mistyped(expected)),
        }
    }
}
