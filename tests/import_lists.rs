//! The small corpus of lists under `tests/lists`: what each file gives, row by row.

use std::fs;
use std::path::{Path, PathBuf};

use tamis::import::{self, Format, Options};
use tamis::set::refusal;

/// A list that can be read: rows accepted, and the line and cause of every other row.
type Expected = (&'static str, u64, &'static [(u64, &'static str)]);

const READABLE: &[Expected] = &[
    ("good/all-columns.csv", 6, &[]),
    ("good/mark-crlf-upper-spaces.csv", 2, &[]),
    ("good/lone-cr.csv", 2, &[]),
    ("good/quoted-breaks.csv", 2, &[]),
    ("good/header-only.csv", 0, &[]),
    ("good/native-values.jsonl", 3, &[]),
    ("good/empty.jsonl", 0, &[]),
    ("good/digests.hex", 3, &[]),
    ("good/empty.hex", 0, &[]),
    (
        "bad/poison.csv",
        1,
        &[
            (2, "empty-input"),
            (3, "empty-input"),
            (4, "empty-input"),
            (5, "empty-input"),
            (6, "all-equal-bits"),
            (7, "all-equal-bits"),
            (8, "pdq-too-few-bits"),
            (9, "pdq-too-many-bits"),
            (10, "low-quality"),
            (12, "too-many-labels"),
            (13, "field-too-long"),
        ],
    ),
    (
        "bad/fingerprints.csv",
        1,
        &[
            (2, "wrong-length"),
            (3, "wrong-length"),
            (4, "not-hex"),
            (5, "not-hex"),
            (6, "unknown-algorithm"),
            (7, "missing-field"),
            (8, "missing-field"),
            (9, "missing-field"),
        ],
    ),
    (
        "bad/values.csv",
        1,
        &[
            (2, "bad-value"),
            (3, "bad-value"),
            (4, "bad-value"),
            (5, "bad-value"),
            (6, "bad-date"),
            (7, "bad-date"),
            (8, "bad-date"),
        ],
    ),
    ("bad/field-count.csv", 1, &[(2, "field-count"), (3, "field-count")]),
    ("bad/stray-quotes.csv", 2, &[(2, "bad-quotes"), (4, "bad-quotes"), (6, "bad-quotes")]),
    ("bad/damaged-bytes.csv", 2, &[(3, "nul-byte"), (4, "invalid-utf8")]),
    ("bad/exception.csv", 1, &[(2, "exception-not-allowed")]),
    (
        "bad/rows.jsonl",
        1,
        &[
            (1, "bad-json"),
            (2, "bad-json"),
            (3, "duplicate-field"),
            (4, "bad-value"),
            (5, "missing-field"),
            (6, "bad-text"),
            (8, "bad-json"),
        ],
    ),
    (
        "bad/lengths.hex",
        1,
        &[
            (2, "ambiguous-algorithm"),
            (3, "wrong-length"),
            (4, "wrong-length"),
            (5, "wrong-length"),
            (6, "invalid-utf8"),
        ],
    ),
];

/// A list that cannot be read, and a part of the sentence that says why.
const UNREADABLE: &[(&str, &str)] = &[
    ("bad/utf-16.csv", "line 1: the list is UTF-16 text; save it as UTF-8"),
    ("bad/empty.csv", "the list is empty"),
    ("bad/no-header.csv", "line 1: the header is not valid: there is no column \"algorithm\""),
    ("bad/semicolons.csv", "columns are separated by commas"),
    ("bad/column-twice.csv", "two columns are called \"FINGERPRINT\""),
];

fn lists() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists")
}

fn read(name: &str) -> tamis::Result<(import::Report, Vec<(u64, &'static str)>)> {
    let bytes = fs::read(lists().join(name)).unwrap();
    let extension = Path::new(name).extension().and_then(|e| e.to_str());
    let format = Format::detect(extension, &bytes).unwrap();
    let mut rejected = Vec::new();
    let report = import::read(
        &bytes[..],
        format,
        &Options::default(),
        &mut |entry| refusal::check(&entry),
        &mut |rejection| rejected.push((rejection.line, rejection.cause.name())),
    )?;
    Ok((report, rejected))
}

#[test]
fn every_list_gives_what_the_table_says() {
    for (name, accepted, expected) in READABLE {
        let (report, rejected) = read(name).unwrap();
        assert_eq!(rejected, *expected, "{name}");
        assert_eq!(report.accepted, *accepted, "{name}");
        assert_eq!(report.rows, report.accepted + report.rejected_rows(), "{name}");
    }
    for (name, why) in UNREADABLE {
        let error = read(name).unwrap_err();
        assert_eq!(error.code(), tamis::ErrorCode::List, "{name}");
        assert!(error.to_string().contains(why), "{name}: {error}");
    }
}

#[test]
fn every_list_is_in_the_table() {
    let mut found = Vec::new();
    for folder in ["good", "bad"] {
        for file in fs::read_dir(lists().join(folder)).unwrap() {
            found.push(format!("{folder}/{}", file.unwrap().file_name().to_str().unwrap()));
        }
    }
    let mut named: Vec<_> = READABLE.iter().map(|(name, ..)| (*name).to_owned()).collect();
    named.extend(UNREADABLE.iter().map(|(name, _)| (*name).to_owned()));
    found.sort();
    named.sort();
    assert_eq!(found, named);
}
