//! `feed.json`: its fields, its rules, its text.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result, complaint, is_unseen, shown};
use crate::set::refusal::TEXT_LIMIT;
use crate::set::{Change, SetDigest};

/// What the field `format` says.
const FORMAT: &str = "tamis feed 1";

/// Most bytes of a `feed.json`.
pub(super) const FEED_LIMIT: u64 = 1 << 20;

/// Most set files that a feed names. A list maker joins old changes to a base long before (`tamis list publish --compact`).
pub(super) const MOST_SETS: usize = 4096;

/// Most bytes of one set file: 1 TiB. A larger number is a mistake or a trap.
pub(super) const MOST_BYTES: u64 = 1 << 40;

/// Most bytes of a list's name, of a file's name and of an incident's id.
const NAME_LIMIT: usize = 255;

/// One set file of a feed: a run of consecutive changes of its list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedSet {
    /// Its name, beside `feed.json`.
    pub file: String,
    /// Its digest, which covers every byte of it.
    pub digest: SetDigest,
    /// Its length in bytes.
    pub bytes: u64,
    /// Number of the first change in it; 0 if it replaces the list.
    pub first: u64,
    /// Number of the last change in it.
    pub last: u64,
    /// Whether it replaces all of the list that came before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaces: bool,
    /// The emergency that its entries belong to, if they all belong to one. For people: the entries say it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

/// What a list maker publishes: the contents of `feed.json`.
///
/// ```
/// use tamis::store::feed::Feed;
/// let feed = Feed::new("neighbour", 1);
/// let again = Feed::parse(feed.to_json().as_bytes())?;
/// assert_eq!(again, feed);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    format: String,
    /// Name of the list, which is also the one that its sets speak of.
    pub list: String,
    /// Grows by at least one with every publication. A subscriber takes no feed that is older than what it has seen.
    pub version: u64,
    /// When it was published, in seconds since 1970.
    #[serde(default)]
    pub created: u64,
    /// From when on it is no longer to be taken, in seconds since 1970. It bounds for how long somebody in between can hold news back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// How to reach the list maker.
    #[serde(default)]
    pub contact: String,
    /// Where to say that an entry is wrong.
    #[serde(default)]
    pub corrections: String,
    /// What is listed, and what is not.
    #[serde(default)]
    pub criteria: String,
    /// The sets, in the order of their numbers. Together they are the whole list.
    pub sets: Vec<FeedSet>,
}

impl Feed {
    /// A feed of nothing yet.
    pub fn new(list: impl Into<String>, version: u64) -> Feed {
        Feed {
            format: FORMAT.into(),
            list: list.into(),
            version,
            created: 0,
            expires: None,
            contact: String::new(),
            corrections: String::new(),
            criteria: String::new(),
            sets: Vec::new(),
        }
    }

    /// Reads and checks the text of a `feed.json`. Fields that are not known are ignored.
    ///
    /// # Errors
    /// [`ErrorCode::UpdateMalformed`], naming the field. Never panics, whatever the bytes.
    pub fn parse(bytes: &[u8]) -> Result<Feed> {
        if bytes.len() as u64 > FEED_LIMIT {
            return Err(malformed(format!("longer than {FEED_LIMIT} bytes")));
        }
        let feed: Feed = serde_json::from_slice(bytes)
            .map_err(|e| malformed(format!("not a feed: {}", complaint(&e))))?;
        feed.check()?;
        Ok(feed)
    }

    /// Whether it keeps the rules, as [`Feed::parse`] demands of what it reads.
    ///
    /// # Errors
    /// [`ErrorCode::UpdateMalformed`], naming the field.
    pub fn check(&self) -> Result<()> {
        if self.format != FORMAT {
            return Err(malformed(format!(
                "format is {:?}; expected {FORMAT:?}; a newer Tamis may know it",
                shown(&self.format)
            )));
        }
        text("list", &self.list, NAME_LIMIT)?;
        if self.list.is_empty() {
            return Err(malformed("list is empty; expected its name"));
        }
        if self.list.chars().any(is_unseen) {
            return Err(malformed(
                "list: characters that cannot be seen are not allowed in a list's name",
            ));
        }
        for (field, value) in [
            ("contact", &self.contact),
            ("corrections", &self.corrections),
            ("criteria", &self.criteria),
        ] {
            text(field, value, TEXT_LIMIT)?;
        }
        number("version", self.version, 1, Change::GREATEST)?;
        number("created", self.created, 0, Change::GREATEST)?;
        if let Some(expires) = self.expires {
            number("expires", expires, 1, Change::GREATEST)?;
        }
        if self.sets.len() > MOST_SETS {
            return Err(malformed(format!(
                "{} sets; expected at most {MOST_SETS}: join the old ones to a base",
                self.sets.len()
            )));
        }
        self.check_sets()
    }

    /// The sets are each well-formed, follow each other without a gap, and begin at the beginning.
    fn check_sets(&self) -> Result<()> {
        let (mut files, mut digests) = (HashSet::new(), HashSet::new());
        let mut next = None;
        for set in &self.sets {
            let file = file_name(&set.file)?;
            let fault = |what: String| Err(malformed(format!("{file}: {what}")));
            if !files.insert(file) || !digests.insert(set.digest) {
                return fault("named twice, or the same as another".into());
            }
            if set.bytes == 0 || set.bytes > MOST_BYTES {
                return fault(format!("{} bytes; expected 1 to {MOST_BYTES}", set.bytes));
            }
            let (first, last) = (set.first, set.last);
            if first > last || last == 0 || last > Change::GREATEST {
                return fault(format!(
                    "changes {first} to {last}; expected ascending numbers from 1 to {}",
                    Change::GREATEST
                ));
            }
            if (first == 0) != set.replaces {
                return fault("begins with change 0 or replaces the list; expected both".into());
            }
            match next {
                None if first <= 1 => {}
                None => {
                    return fault(format!(
                        "the first set begins with change {first}; expected 1, or a set that replaces the list"
                    ));
                }
                Some(_) if set.replaces => {
                    return fault("replaces the list; only the first set may".into());
                }
                Some(next) if first != next => {
                    return fault(format!("begins with change {first}; expected {next}"));
                }
                Some(_) => {}
            }
            if let Some(incident) = &set.incident {
                text("incident", incident, NAME_LIMIT)?;
            }
            next = Some(last + 1);
        }
        Ok(())
    }

    /// Number of the last change that it holds; 0 if it holds none.
    pub fn last(&self) -> u64 {
        self.sets.last().map_or(0, |set| set.last)
    }

    /// The text of `feed.json`: one field a line, the same for the same feed.
    pub fn to_json(&self) -> String {
        // Writing plain numbers and texts to memory cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Whether a feed may name that file: plain, so that it can lie nowhere but beside `feed.json`, and of a kind that is never mistaken
/// for a part of the feed itself.
fn file_name(name: &str) -> Result<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let stem = name.strip_suffix(".tamis").unwrap_or_default();
    if stem.is_empty()
        || name.len() > NAME_LIMIT
        || name.starts_with('.')
        || !name.chars().all(plain)
    {
        return Err(malformed(format!(
            "{:?} is not the name of a set beside it; expected letters, digits, '.', '_' and '-', and .tamis at the end",
            shown(name)
        )));
    }
    Ok(name)
}

fn text(field: &str, value: &str, limit: usize) -> Result<()> {
    if value.len() > limit {
        return Err(malformed(format!("{field}: {} bytes; expected at most {limit}", value.len())));
    }
    if value.chars().any(char::is_control) {
        return Err(malformed(format!("{field}: control characters are not allowed")));
    }
    Ok(())
}

fn number(field: &str, value: u64, least: u64, most: u64) -> Result<()> {
    if value < least || value > most {
        return Err(malformed(format!("{field} is {value}; expected {least} to {most}")));
    }
    Ok(())
}

pub(super) fn malformed(what: impl Into<String>) -> Error {
    Error::new(ErrorCode::UpdateMalformed, what)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(number: u64) -> Value {
        json!({
            "file": format!("{number}.tamis"), "digest": format!("{number:064x}"),
            "bytes": 4096, "first": number, "last": number,
        })
    }

    fn base(last: u64) -> Value {
        let mut base = set(last);
        (base["first"], base["replaces"]) = (0.into(), true.into());
        base
    }

    fn feed(sets: impl IntoIterator<Item = Value>) -> Value {
        json!({
            "format": FORMAT, "list": "neighbour", "version": 7, "created": 1_790_000_000,
            "contact": "mail", "sets": sets.into_iter().collect::<Vec<_>>(), "later": {"x": [1]},
        })
    }

    fn parse(value: &Value) -> Result<Feed> {
        Feed::parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_feed_is_read_and_written() {
        let read = parse(&feed([set(1), set(2)])).unwrap();
        assert_eq!((read.version, read.last(), read.sets.len()), (7, 2, 2));
        assert_eq!(Feed::parse(read.to_json().as_bytes()).unwrap(), read);
        assert!(!read.to_json().contains("replaces") && read.to_json().ends_with("}\n"));
        assert_eq!(parse(&feed([])).unwrap().last(), 0);

        let mut next = set(6);
        next["incident"] = "2026-11-parade".into();
        let read = parse(&feed([base(5), next])).unwrap();
        assert_eq!(Feed::parse(read.to_json().as_bytes()).unwrap(), read);
    }

    /// Each fault alone, with a word of what is said about it.
    #[test]
    fn what_breaks_a_rule_is_refused() {
        let whole = |field: &str, value: Value| {
            let mut feed = feed([set(1), set(2)]);
            feed[field] = value;
            feed
        };
        let within = |field: &str, value: Value| {
            let mut second = set(2);
            second[field] = value;
            feed([set(1), second])
        };
        let huge = 1u64 << 53;
        for (value, words) in [
            (whole("format", "tamis feed 2".into()), "format"),
            (whole("list", "".into()), "list"),
            (whole("list", "a\nb".into()), "list"),
            (whole("list", "gif\u{200b}ct".into()), "list"),
            (whole("list", "n".repeat(256).into()), "list"),
            (whole("version", 0.into()), "version"),
            (whole("version", huge.into()), "version"),
            (whole("version", (-1).into()), "not a feed"),
            (whole("version", "1".into()), "not a feed"),
            (whole("created", huge.into()), "created"),
            (whole("expires", 0.into()), "expires"),
            (whole("contact", "x".repeat(1025).into()), "contact"),
            (whole("criteria", "\u{7}".into()), "criteria"),
            (whole("sets", Value::Null), "not a feed"),
            (within("file", "1.tamis".into()), "twice"),
            (within("digest", set(1)["digest"].clone()), "twice"),
            (within("digest", "ab".into()), "64 hexadecimal digits"),
            (within("file", "../2.tamis".into()), "name of a set"),
            (within("file", "a/2.tamis".into()), "name of a set"),
            (within("file", ".2.tamis".into()), "name of a set"),
            (within("file", ".tamis".into()), "name of a set"),
            (within("file", "2.tamis\u{0}".into()), "name of a set"),
            (within("file", "feed.json".into()), "name of a set"),
            (within("file", format!("{}.tamis", "n".repeat(250)).into()), "name of a set"),
            (within("bytes", 0.into()), "bytes"),
            (within("bytes", (MOST_BYTES + 1).into()), "bytes"),
            (within("first", 3.into()), "ascending"),
            (within("last", huge.into()), "ascending"),
            (within("first", 1.into()), "expected 2"),
            (within("replaces", true.into()), "expected both"),
            (within("first", 0.into()), "expected both"),
            (feed([set(1), base(2)]), "only the first"),
            (within("incident", "x".repeat(300).into()), "incident"),
            (feed([set(2)]), "the first set begins with change 2"),
            (feed([set(1), set(3)]), "expected 2"),
            (feed((1..=MOST_SETS as u64 + 1).map(set)), "4096"),
        ] {
            let error = parse(&value).unwrap_err();
            assert_eq!(error.code(), ErrorCode::UpdateMalformed, "{error}");
            assert!(error.to_string().contains(words), "{error} does not say {words:?}");
        }
        for bytes in [&b""[..], b"[]", b"{", b"\xff", b"{\"format\":\"tamis feed 1\"}"] {
            assert_eq!(Feed::parse(bytes).unwrap_err().code(), ErrorCode::UpdateMalformed);
        }
        let twice = feed([]).to_string().replacen('{', "{\"version\":9,", 1);
        assert!(Feed::parse(twice.as_bytes()).is_err(), "two versions in one feed");
        let padded = format!("{}{}", " ".repeat(FEED_LIMIT as usize), feed([]));
        assert!(Feed::parse(padded.as_bytes()).is_err());
        let long = format!("{{\"version\":\"{}\"}}", "\u{1b}x".repeat(5000));
        let said = Feed::parse(long.as_bytes()).unwrap_err().to_string();
        assert!(said.len() < 300 && !said.contains('\u{1b}'), "{said}");
    }
}
