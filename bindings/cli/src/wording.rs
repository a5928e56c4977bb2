//! Numbers, sizes and times as people read them.

use std::io::ErrorKind;
use std::time::Duration;

/// A whole number with its thousands set apart: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things, with the plural where it belongs: `1 row`, `2,000 rows`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    match (number, thing.strip_suffix('y')) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{} {stem}ies", grouped(number)),
        (_, None) => format!("{} {thing}s", grouped(number)),
    }
}

/// Words to choose from: `csv, jsonl or hex`.
pub(crate) fn one_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// Bytes in decimal units: `999 bytes`, `1.2 MB`.
pub(crate) fn bytes(number: u64) -> String {
    let mut value = number as f64;
    let mut unit = None;
    for next in ["kB", "MB", "GB", "TB"] {
        // What would be shown as 1000.0 belongs to the next unit.
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = Some(next);
    }
    match unit {
        Some(unit) => format!("{value:.1} {unit}"),
        None => count(number, "byte"),
    }
}

/// A duration in the unit that suits it: `7.1 us`, `12 ms`, `3.4 s`.
pub(crate) fn time(duration: Duration) -> String {
    let us = duration.as_nanos() as f64 / 1e3;
    match us {
        us if us < 99.95 => format!("{us:.1} us"),
        us if us < 9_999.5 => format!("{us:.0} us"),
        us if us < 999_950.0 => format!("{:.1} ms", us / 1e3),
        us => format!("{:.1} s", us / 1e6),
    }
}

/// Seconds since 1970 as RFC 3339 in UTC: `2026-11-22T02:00:00Z`.
pub(crate) fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // The Gregorian calendar repeats every 400 years, which are 146,097 days. Years begin in March here, so that the
    // leap day is the last of its year; day 0 is 1 March of the year 0, which is 719,468 days before 1970.
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, five months always have 153 days.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Why a file cannot be read, and what to do about it: a clause that goes behind its name.
pub(crate) fn cannot_read(error: &std::io::Error) -> String {
    format!("cannot read it: {}", why(error))
}

/// Why a directory cannot be made, and what to do about it: a clause that goes behind its name.
pub(crate) fn cannot_make(error: &std::io::Error) -> String {
    let why = match error.kind() {
        ErrorKind::AlreadyExists => {
            "there is something of that name already; give another name".into()
        }
        ErrorKind::NotFound => NO_PARENT.into(),
        ErrorKind::PermissionDenied => {
            "permission denied; choose a place that you may write to".into()
        }
        _ => why(error),
    };
    format!("cannot make it: {why}")
}

/// Why a file cannot be written, and what to do about it: a clause that goes behind its name.
pub(crate) fn cannot_write(error: &std::io::Error) -> String {
    let why = match error.kind() {
        ErrorKind::NotFound => NO_PARENT.into(),
        ErrorKind::PermissionDenied => {
            "permission denied; choose a place that you may write to".into()
        }
        _ => why(error),
    };
    format!("cannot write it: {why}")
}

/// What is said where something cannot be made for want of its directory.
const NO_PARENT: &str = "the directory that it would lie in is not there; make that first";

/// Why a directory cannot be walked: a clause that goes behind the name of what could not be read.
pub(crate) fn cannot_walk(error: &walkdir::Error) -> String {
    match error.io_error() {
        Some(cause) => cannot_read(cause),
        // Links are not followed below a root, so this is none of them that lead in a circle.
        None => format!("cannot read it: {error}"),
    }
}

fn why(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is nothing of that name; check the path".into(),
        ErrorKind::PermissionDenied => {
            "permission denied; run as its owner or as a member of its group".into()
        }
        ErrorKind::IsADirectory => "a directory; expected a file".into(),
        ErrorKind::NotADirectory => {
            "a file stands where a directory is expected; check the path".into()
        }
        ErrorKind::InvalidData => "it is not text in UTF-8; check that it is the right file".into(),
        _ => error.to_string(),
    }
}

/// How the shadow and what is in force compared.
pub(crate) fn shadow(counts: &tamis::ShadowCounts) -> String {
    let mut out = format!(
        "the shadow: {} the same, {} stricter, {} looser",
        grouped(counts.same),
        grouped(counts.stricter),
        grouped(counts.looser)
    );
    if counts.failed > 0 {
        out += &format!(
            ", {} not judged: its store is damaged, run `tamis verify` on it",
            grouped(counts.failed)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_counted() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(count(1, "entry"), "1 entry");
        assert_eq!(count(2_000, "entry"), "2,000 entries");
        assert_eq!(count(0, "row"), "0 rows");
        assert_eq!(one_of(&["a", "b", "c"]), "a, b or c");
        assert_eq!(one_of(&["a"]), "a");
    }

    #[test]
    fn what_cannot_be_read_is_said_in_plain_words() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, [0xFF, 0xFE]).unwrap();
        for (read, words) in [
            (std::fs::read_to_string(dir.path()), "a directory; expected a file"),
            (std::fs::read_to_string(file.join("x")), "a file stands where"),
            (std::fs::read_to_string(&file), "not text in UTF-8"),
            (std::fs::read_to_string(dir.path().join("x")), "nothing of that name"),
        ] {
            let said = cannot_read(&read.unwrap_err());
            assert!(said.starts_with("cannot read it: ") && said.contains(words), "{said}");
            assert!(!said.contains("os error"), "{said}");
        }
        let error = walkdir::WalkDir::new(file.join("x")).into_iter().next().unwrap().unwrap_err();
        assert!(cannot_walk(&error).contains("a file stands where"));
    }

    #[test]
    fn sizes_and_times_take_the_unit_that_suits_them() {
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_000), "1.0 kB");
        assert_eq!(bytes(999_949), "999.9 kB");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(bytes(2_500_000_000), "2.5 GB");
        assert_eq!(time(Duration::from_nanos(1_540)), "1.5 us");
        assert_eq!(time(Duration::from_micros(2_500)), "2500 us");
        assert_eq!(time(Duration::from_millis(25)), "25.0 ms");
        assert_eq!(time(Duration::from_secs(61)), "61.0 s");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        // From `date -u -d @N --iso-8601=seconds`.
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (4_294_967_295, "2106-02-07T06:28:15Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
        // A set may claim any time at all.
        assert!(rfc3339(u64::MAX).ends_with('Z'));
    }
}
