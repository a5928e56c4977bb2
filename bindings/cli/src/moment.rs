//! Times on the command line: a date, or a distance from now.

use std::str::FromStr;

/// A point in time, as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// In seconds since 1970.
    At(u64),
    /// So many seconds from now, forwards or backwards as the option means it.
    Distance(u64),
}

impl Moment {
    /// In seconds since 1970, if distances count forwards.
    pub(crate) fn after(self, now: u64) -> u64 {
        match self {
            Moment::At(at) => at,
            Moment::Distance(seconds) => now.saturating_add(seconds),
        }
    }

    /// The end of an entry, in seconds since 1970, which must be to come and no later than a set can say.
    pub(crate) fn end(self, now: u64) -> Result<u32, String> {
        let at = self.after(now);
        if at <= now {
            let at = crate::wording::rfc3339(at);
            return Err(format!("{at} has passed; give a time to come, such as 48h"));
        }
        u32::try_from(at).map_err(|_| "later than 2106, which no set can say".to_owned())
    }

    /// In seconds since 1970, if distances count backwards.
    pub(crate) fn before(self, now: u64) -> u64 {
        match self {
            Moment::At(at) => at,
            Moment::Distance(seconds) => now.saturating_sub(seconds),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        let unit = match text.bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3_600,
            Some(b'd') => 86_400,
            Some(b'w') => 7 * 86_400,
            _ => 0,
        };
        let digits = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
        if unit > 0
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && let Some(seconds) = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit))
        {
            return Ok(Moment::Distance(seconds));
        }
        date(text).map(Moment::At).map_err(|error| {
            format!("{error}; a distance is a whole number with s, m, h, d or w, such as 48h")
        })
    }
}

/// A date as lists have it, in seconds since 1970.
pub(crate) fn date(text: &str) -> Result<u64, String> {
    tamis::import::date(text).map(u64::from).map_err(|error| {
        // The column of a list that it would have stood in.
        let error = error.to_string();
        error.strip_prefix("date: ").unwrap_or(&error).to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_distances_are_told_apart() {
        for (text, moment) in [
            ("48h", Moment::Distance(172_800)),
            ("7d", Moment::Distance(604_800)),
            ("1w", Moment::Distance(604_800)),
            ("90s", Moment::Distance(90)),
            ("5m", Moment::Distance(300)),
            ("1790000000", Moment::At(1_790_000_000)),
            ("1970-01-02", Moment::At(86_400)),
            ("2026-09-21T14:13:20Z", Moment::At(1_790_000_000)),
        ] {
            assert_eq!(text.parse(), Ok(moment), "{text}");
        }
        for text in ["", "h", "-5d", "5 d", "5y", "99999999999999999999d", "20261122", "soon", "ü"]
        {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
        assert_eq!(Moment::Distance(5).after(100), 105);
        assert_eq!(Moment::Distance(500).before(100), 0);
        assert_eq!((Moment::At(7).before(100), Moment::At(7).after(100)), (7, 7));
    }
}
