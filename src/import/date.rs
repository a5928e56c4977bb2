//! Dates as lists write them, to seconds since 1970.
//!
//! ```text
//! date     = YYYY-MM-DD                                      midnight UTC
//!          | YYYY-MM-DD (T|t|space) HH:MM:SS [.digits] zone   RFC 3339
//!          | digits [.digits]                                 seconds since 1970
//! zone     = Z | z | (+|-) HH [:] MM
//! ```
//!
//! Fractions are dropped (rounded down). The colon of the zone may be missing, because ThreatExchange leaves it out. A
//! second of 60 is a leap second and only exists right before midnight UTC. Days are proleptic Gregorian. Eight digits
//! that are a date when hyphens are put in are refused: read as seconds they would lie in August 1970, and an entry
//! that `expires` then would silently never match.

use crate::error::shown;
use crate::import::report::{Cause, Problem};

/// Seconds since 1970 of a date in one of the accepted forms.
pub(super) fn seconds(field: &str, text: &str) -> Result<u32, Problem> {
    let bad = |why: &str| Problem::new(Cause::BadDate, format!("{field}: {:?} {why}", shown(text)));
    let total = if text.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        let whole = unix(text).ok_or_else(|| bad(EXPECTED))?;
        if text.len() == 8 && compact(text).is_some() {
            return Err(bad("may be a date or seconds since 1970; write YYYY-MM-DD"));
        }
        whole
    } else {
        calendar(text.as_bytes()).ok_or_else(|| bad(EXPECTED))?
    };
    u32::try_from(total)
        .map_err(|_| bad("is outside 1970-01-01 to 2106-02-07 (in seconds, not milliseconds)"))
}

const EXPECTED: &str =
    "is not a date; expected YYYY-MM-DD, YYYY-MM-DDTHH:MM:SSZ or seconds since 1970";

/// Whole part of `digits[.digits]`. A number too large for any date saturates, to be reported as out of range.
fn unix(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(fraction)).then(|| whole.parse().unwrap_or(i64::MAX))
}

/// The day that `YYYYMMDD` would be, where it is one that a `u32` of seconds reaches.
fn compact(text: &str) -> Option<i64> {
    let text = text.as_bytes();
    let date = [text.get(..4)?, b"-", text.get(4..6)?, b"-", text.get(6..8)?].concat();
    calendar(&date).filter(|seconds| u32::try_from(*seconds).is_ok())
}

fn calendar(text: &[u8]) -> Option<i64> {
    let mut rest = text;
    let (year, month, day) = (
        number(&mut rest, 4)?,
        {
            expect(&mut rest, b"-")?;
            number(&mut rest, 2)?
        },
        {
            expect(&mut rest, b"-")?;
            number(&mut rest, 2)?
        },
    );
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let midnight = days_since_1970(year, month, day) * 86_400;
    if rest.is_empty() {
        return Some(midnight);
    }
    expect(&mut rest, b"Tt ")?;
    let hour = number(&mut rest, 2)?;
    expect(&mut rest, b":")?;
    let minute = number(&mut rest, 2)?;
    expect(&mut rest, b":")?;
    let second = number(&mut rest, 2)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if expect(&mut rest, b".").is_some() {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        rest = rest.get(digits..).filter(|_| digits > 0)?;
    }
    let total = midnight + hour * 3600 + minute * 60 + second - zone(rest)?;
    // A leap second has the number of the second that follows it.
    (second < 60 || total.rem_euclid(86_400) == 0).then_some(total)
}

/// Seconds by which a zone is ahead of UTC.
fn zone(text: &[u8]) -> Option<i64> {
    let mut rest = text;
    if matches!(rest, b"Z" | b"z") {
        return Some(0);
    }
    let sign = if expect(&mut rest, b"+-")? == b'-' { -1 } else { 1 };
    let hours = number(&mut rest, 2)?;
    let _ = expect(&mut rest, b":");
    let minutes = number(&mut rest, 2)?;
    (rest.is_empty() && hours <= 23 && minutes <= 59)
        .then_some(sign * (hours * 3600 + minutes * 60))
}

/// Takes exactly `digits` digits off the front.
fn number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let (head, tail) = rest.split_at_checked(digits)?;
    *rest = tail;
    head.iter().try_fold(0, |value, b| b.is_ascii_digit().then(|| value * 10 + i64::from(b - b'0')))
}

/// Takes one byte off the front if it is one of `any`.
fn expect(rest: &mut &[u8], any: &[u8]) -> Option<u8> {
    let (first, tail) = rest.split_first()?;
    any.contains(first).then(|| {
        *rest = tail;
        *first
    })
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date that exists, for years 0 to 9999.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Days of the years before, with `before` whole years since year 0 (itself a leap year), then of the months before.
    let before = |year: i64| 365 * year + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    before(year) - before(1970) + (1..month).map(|m| days_in_month(year, m)).sum::<i64>() + day - 1
}

#[cfg(test)]
mod tests;
