//! Values on the command line that several verbs take, and how they are read.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Command};
use tamis::batch::MAX_JOBS;

use crate::moment;

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

/// A whole number within bounds.
pub(super) fn whole<T>(
    bounds: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: TryFrom<u64> + 'static,
{
    move |text: &str| {
        let number = text.parse::<u64>().ok().filter(|number| bounds.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let (least, most) = (bounds.start(), bounds.end());
            match *most {
                u64::MAX => format!("expected a whole number, {least} or more"),
                most => format!("expected a whole number from {least} to {most}"),
            }
        })
    }
}

/// How many threads.
pub(super) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let most = MAX_JOBS as u64;
    whole::<usize>(1..=most)(text)
        .and_then(|number| NonZeroUsize::new(number).ok_or_else(String::new))
        .map_err(|what| format!("{what}; no more than there are cores is best"))
}

/// A point in time, in seconds since 1970.
pub(super) fn time(text: &str) -> Result<u64, String> {
    // Seconds as they are: what no clock can show, the library refuses, and knows for what.
    text.parse().or_else(|_| moment::date(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_or_what_was_expected_is_said() {
        assert_eq!(whole::<u32>(0..=256)("256"), Ok(256));
        for text in ["257", "-1", "x", "", "1.5", "99999999999999999999"] {
            assert_eq!(
                whole::<u32>(0..=256)(text).unwrap_err(),
                "expected a whole number from 0 to 256"
            );
        }
        assert_eq!(
            whole::<u64>(1..=u64::MAX)("0").unwrap_err(),
            "expected a whole number, 1 or more"
        );
        assert_eq!(threads("512").unwrap().get(), 512);
        assert!(threads("0").unwrap_err().contains("from 1 to 512; no more than there are cores"));
        for text in ["1790000000", "2026-09-21T14:13:20Z"] {
            assert_eq!(time(text), Ok(1_790_000_000));
        }
        assert_eq!(time("1970-01-02"), Ok(86_400));
        assert!(
            time("soon").unwrap_err().starts_with("\"soon\" is not a date; expected YYYY-MM-DD")
        );
    }
}
