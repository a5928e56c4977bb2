//! Values on the command line that several verbs take, and how they are read.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Command};

/// Words that the library knows, by their `ALL` and `name`: help, completions and errors list those of `all`.
pub(super) fn words<T>(all: &'static [T], name: fn(T) -> &'static str) -> Words<T> {
    Words { all, name }
}

/// Reads a word as the library does, in any spelling that it takes.
#[derive(Clone)]
pub(super) struct Words<T: 'static> {
    all: &'static [T],
    name: fn(T) -> &'static str,
}

impl<T: Copy> Words<T> {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.all.iter().copied().map(self.name)
    }
}

impl<T> TypedValueParser for Words<T>
where
    T: FromStr<Err = tamis::Error> + Copy + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        match value.to_str().and_then(|text| text.parse().ok()) {
            Some(word) => Ok(word),
            // Nobody lists words better than clap, which also says which one may have been meant.
            None => PossibleValuesParser::new(self.names())
                .try_map(|word| word.parse())
                .parse_ref(command, argument, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names().map(PossibleValue::new)))
    }
}
