//! Traps one by one, then properties: any bytes add up, and what is written reads back.

use std::io::{self, Read};

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;
use crate::fingerprint::{Fingerprint, hex};
use crate::set::{Role, Severity, refusal};

const MD5: &str = "0cc175b9c0f1b6a831c399e269772661";
const SHA1: &str = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8";

struct ReadList {
    entries: Vec<Entry>,
    rejections: Vec<Rejection>,
    report: Report,
}

impl ReadList {
    fn causes(&self) -> Vec<(u64, &'static str)> {
        self.rejections.iter().map(|r| (r.line, r.cause.name())).collect()
    }
}

fn try_read(input: impl Read, format: Format, options: &Options) -> Result<ReadList> {
    let (mut entries, mut rejections) = (Vec::new(), Vec::new());
    let report = read(
        input,
        format,
        options,
        &mut |entry| refusal::check(&entry).map(|()| entries.push(entry)),
        &mut |rejection| rejections.push(rejection.clone()),
    )?;
    assert_eq!(report.rows, report.accepted + report.rejected_rows());
    assert_eq!(report.accepted, entries.len() as u64);
    assert_eq!(report.rejected_rows(), rejections.len() as u64);
    for rejection in &rejections {
        assert!(!rejection.message.chars().any(char::is_control), "{rejection}");
        assert!(rejection.message.len() < 400, "{rejection}");
    }
    Ok(ReadList { entries, rejections, report })
}

fn read_all(input: impl AsRef<[u8]>, format: Format) -> ReadList {
    try_read(input.as_ref(), format, &Options::default()).unwrap()
}

fn csv(input: impl AsRef<[u8]>) -> ReadList {
    read_all(input, Format::Csv)
}

fn jsonl(input: impl AsRef<[u8]>) -> ReadList {
    read_all(input, Format::JsonLines)
}

fn md5() -> Entry {
    Entry::new(Fingerprint::from_hex(Algorithm::Md5, MD5).unwrap())
}

#[test]
fn csv_reads_every_column_in_any_order_and_case() {
    let list = format!(
        " Expires ,LABELS,fingerprint,Algorithm,item,opinion,reviewed,severity,quality,source_id,legal_basis,first_seen,last_seen,role\r\n\
         2026-01-02,\" b ; a;;b\" , {} ,\tMD5, \"i \"\"1\"\", x\" ,Disputed,YES,High,75,s-1,basis,1760000000,1760000001.9,listed\r\n",
        MD5.to_uppercase()
    );
    let expected = Entry {
        item: "i \"1\", x".into(),
        source_id: "s-1".into(),
        labels: vec!["a".into(), "b".into()],
        opinion: Opinion::Disputed,
        severity: Severity::High,
        reviewed: true,
        quality: Some(75),
        legal_basis: "basis".into(),
        first_seen: 1_760_000_000,
        last_seen: 1_760_000_001,
        expires: 1_767_312_000,
        ..md5()
    };
    let read = csv(&list);
    assert_eq!(read.causes(), []);
    assert_eq!(read.entries, [expected]);
    assert_eq!(read.report.ignored_columns, [""; 0]);
}

#[test]
fn line_ends_marks_spaces_and_a_missing_last_end_do_not_matter() {
    let rows = [format!("md5,{MD5}"), String::new(), format!("sha1,{SHA1}")];
    let mut lists = Vec::new();
    for end in ["\n", "\r\n", "\r"] {
        for mark in ["", "\u{feff}"] {
            for last in ["", end] {
                lists.push(format!("{mark}algorithm,fingerprint{end}{}{last}", rows.join(end)));
            }
        }
    }
    for list in lists {
        let read = csv(&list);
        assert_eq!(read.report.rows, 2, "{list:?}");
        assert_eq!((read.report.accepted, read.report.blank), (2, 1), "{list:?}");
        let bare =
            list.replace("algorithm,fingerprint", "#").replace("md5,", " ").replace("sha1,", "\t");
        let read = read_all(&bare, Format::Hex);
        assert_eq!((read.report.accepted, read.report.blank, read.report.comments), (2, 1, 1));
    }
}

#[test]
fn utf16_is_an_error_that_says_what_to_do() {
    let text = format!("algorithm,fingerprint\r\nmd5,{MD5}\r\n");
    let little: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> =
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    for list in [little, big] {
        for format in Format::ALL {
            let error = try_read(&list[..], format, &Options::default()).err().unwrap();
            assert_eq!(error.code(), ErrorCode::List);
            assert!(error.to_string().contains("save it as UTF-8"), "{error}");
        }
    }
}

#[test]
fn a_csv_list_needs_a_header_and_the_others_nothing() {
    for list in ["", "\n\n", "\u{feff}"] {
        let error = try_read(list.as_bytes(), Format::Csv, &Options::default()).err().unwrap();
        assert!(error.to_string().contains("the list is empty"), "{error}");
        for format in [Format::JsonLines, Format::Hex] {
            assert_eq!(read_all(list, format).report.rows, 0);
        }
    }
    assert_eq!(csv("algorithm,fingerprint").report, Report::default());
    assert_eq!(csv("\n\nalgorithm,fingerprint\n").report, Report { blank: 2, ..Report::default() });

    let long = format!("algorithm,fingerprint,{}\n", "x".repeat(LINE_LIMIT));
    for (header, why) in [
        (
            format!("md5,{MD5}\n").as_str(),
            "line 1: the header is not valid: there is no column \"algorithm\"",
        ),
        (
            "\n\nalgorithm\tfingerprint\n",
            "line 3: the header is not valid: there is no column \"algorithm\"",
        ),
        (
            "algorithm,hash\n",
            "there is no column \"fingerprint\", found algorithm, hash; columns are separated by commas",
        ),
        ("algorithm,fingerprint,Algorithm \n", "two columns are called \"Algorithm\""),
        ("algorithm,fingerprint,x,X\n", "two columns are called \"X\""),
        ("algorithm,fingerprint,\"x\n", "quotation mark"),
        ("algorithm,finger\0print\n", "NUL at byte 17"),
        (long.as_str(), "longer than 1048576 bytes"),
    ] {
        let error = try_read(header.as_bytes(), Format::Csv, &Options::default()).err().unwrap();
        assert_eq!(error.code(), ErrorCode::List);
        assert!(error.to_string().contains(why), "{error}");
    }
    let error = try_read(&b"algorithm,fingerprint,caf\xe9\n"[..], Format::Csv, &Options::default());
    assert!(error.err().unwrap().to_string().contains("not UTF-8 at byte 26"));
}

#[test]
fn unknown_columns_are_named_and_ignored() {
    let read = csv(format!("note,algorithm,fingerprint,,,Ideology\nx\u{1},md5,{MD5},,,y\n"));
    assert_eq!(read.report.ignored_columns, ["note", "(no name)", "Ideology"]);
    assert_eq!(read.entries, [md5()]);

    let read = jsonl(format!(
        r#"{{"note":{{"a":[1,"algorithm"]}},"algorithm":"md5","fingerprint":"{MD5}","bad\u0000name":1e999}}"#
    ));
    assert_eq!(read.report.ignored_columns, ["note", "bad?name"]);
    assert_eq!(read.entries, [md5()]);

    let many: String = (0..1000).map(|i| format!("{{\"field{i}\":1}}\n")).collect();
    let read = jsonl(many);
    assert_eq!(read.report.ignored_columns.len(), Report::IGNORED_LIMIT + 1);
    assert_eq!(read.report.ignored_columns.last().unwrap(), "...");
}

/// One field's value in both formats, and the cause that is expected, or `None` if it is accepted.
#[test]
fn values_are_read_alike_in_csv_and_json_lines() {
    let accepted = None;
    for (field, value, expected) in [
        ("algorithm", "photodna", Some("unknown-algorithm")),
        ("algorithm", "", Some("missing-field")),
        ("algorithm", "SHA-1", Some("wrong-length")),
        ("fingerprint", "", Some("missing-field")),
        ("fingerprint", "0cc175b9c0f1b6a831c399e26977266", Some("wrong-length")),
        ("fingerprint", "0cc175b9c0f1b6a831c399e2697726611", Some("wrong-length")),
        ("fingerprint", "0xc175b9c0f1b6a831c399e269772661", Some("not-hex")),
        ("fingerprint", "0cc175b9 c0f1b6a831c399e26977266", Some("not-hex")),
        ("fingerprint", "１cc175b9c0f1b6a831c399e269772661", Some("not-hex")),
        ("fingerprint", "1.23E+31", Some("not-hex")),
        ("fingerprint", "d41d8cd98f00b204e9800998ecf8427e", Some("empty-input")),
        ("fingerprint", "00000000000000000000000000000000", Some("all-equal-bits")),
        ("reviewed", "false", accepted),
        ("reviewed", "TRUE", accepted),
        ("reviewed", "maybe", Some("bad-value")),
        ("opinion", "Seed", accepted),
        ("opinion", "malicious", Some("bad-value")),
        ("severity", "extreme", Some("bad-value")),
        ("quality", "100", accepted),
        ("quality", "101", Some("bad-value")),
        ("quality", "-1", Some("bad-value")),
        ("quality", "7.5", Some("bad-value")),
        ("quality", "99999999999999999999", Some("bad-value")),
        ("expires", "4294967295", accepted),
        ("expires", "4294967296", Some("bad-date")),
        ("expires", "1760000000000", Some("bad-date")),
        ("expires", "tomorrow", Some("bad-date")),
        ("role", "listed", accepted),
        ("role", "exception", Some("exception-not-allowed")),
        ("role", "allow", Some("bad-value")),
        ("item", "a\u{85}b", Some("bad-text")),
    ] {
        let cell = |name: &str, usual: &str| {
            if field == name { value.to_owned() } else { usual.to_owned() }
        };
        let (algorithm, digest) = (cell("algorithm", "md5"), cell("fingerprint", MD5));
        let (mut header, mut row) =
            ("algorithm,fingerprint".to_owned(), format!("{algorithm},{digest}"));
        let mut object = serde_json::json!({ "algorithm": algorithm, "fingerprint": digest });
        if field != "algorithm" && field != "fingerprint" {
            header = format!("{header},{field}");
            row = format!("{row},{value}");
            object[field] = value.into();
        }
        let expected: Vec<_> = expected.into_iter().map(|cause| (2, cause)).collect();
        let from_csv = csv(format!("{header}\n{row}\n"));
        let from_json = jsonl(format!("\n{object}\n"));
        assert_eq!(from_csv.causes(), expected, "{field} {value}");
        assert_eq!(from_json.causes(), expected, "{field} {value}");
        assert_eq!(from_csv.entries, from_json.entries);
    }
}

#[test]
fn reviewed_is_true_only_where_it_says_so() {
    for (text, expected) in [
        ("true", true),
        ("Yes", true),
        ("1", true),
        ("false", false),
        ("FALSE", false),
        ("no", false),
        ("0", false),
        ("", false),
    ] {
        let read = csv(format!("algorithm,fingerprint,reviewed\nmd5,{MD5},{text}\n"));
        assert_eq!(read.entries[0].reviewed, expected, "{text:?}");
    }
    for (json, expected) in [
        ("true", true),
        ("1", true),
        ("\"false\"", false),
        ("false", false),
        ("0", false),
        ("null", false),
    ] {
        let read =
            jsonl(format!(r#"{{"algorithm":"md5","fingerprint":"{MD5}","reviewed":{json}}}"#));
        assert_eq!(read.entries[0].reviewed, expected, "{json}");
    }
}

#[test]
fn options_fill_what_rows_leave_open() {
    let options = Options {
        reviewed: true,
        opinion: Opinion::Seed,
        exceptions: true,
        algorithm: Some(Algorithm::Sha256),
    };
    let digest = "5".repeat(64);
    let csv = format!(
        "algorithm,fingerprint,reviewed,opinion,role\nsha256,{digest},,,\nsha256,{digest},no,positive,exception\n"
    );
    let read = try_read(csv.as_bytes(), Format::Csv, &options).unwrap();
    let said: Vec<_> = read.entries.iter().map(|e| (e.reviewed, e.opinion, e.role)).collect();
    assert_eq!(
        said,
        [(true, Opinion::Seed, Role::Listed), (false, Opinion::Positive, Role::Exception)]
    );
    let read = try_read(digest.as_bytes(), Format::Hex, &options).unwrap();
    let entry = &read.entries[0];
    assert_eq!((entry.reviewed, entry.opinion), (true, Opinion::Seed));
    assert_eq!(entry.fingerprint.algorithm(), Algorithm::Sha256);
}

#[test]
fn bare_hex_takes_the_algorithm_from_the_length_or_the_caller() {
    let list = format!(
        "{MD5}\n{}\n{}\n{}\n{}\nabc\n{MD5} x\n",
        SHA1.to_uppercase(),
        "3".repeat(128),
        "4".repeat(64),
        "é".repeat(16)
    );
    let read = read_all(&list, Format::Hex);
    let algorithms: Vec<_> = read.entries.iter().map(|e| e.fingerprint.algorithm()).collect();
    assert_eq!(algorithms, [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha512]);
    assert_eq!(
        read.causes(),
        [(4, "ambiguous-algorithm"), (5, "not-hex"), (6, "wrong-length"), (7, "wrong-length")]
    );
    for algorithm in [Algorithm::Sha256, Algorithm::Blake3] {
        let options = Options { algorithm: Some(algorithm), ..Options::default() };
        let read = try_read(list.as_bytes(), Format::Hex, &options).unwrap();
        assert_eq!(read.entries.len(), 1);
        assert_eq!(read.entries[0].fingerprint.algorithm(), algorithm);
    }
}

#[test]
fn a_line_of_ten_megabytes_is_one_rejected_row() {
    let long = "5".repeat(10 << 20);
    let read = csv(format!(
        "algorithm,fingerprint\nmd5,{MD5}\nmd5,{long}\nsha1,{SHA1}\n\"{long}\nmd5,{MD5}"
    ));
    assert_eq!(read.causes(), [(3, "line-too-long"), (5, "line-too-long")]);
    assert_eq!(read.entries.len(), 3);
    for format in [Format::JsonLines, Format::Hex] {
        let read = read_all(format!("{long}\r\n{MD5}\r\n"), format);
        assert_eq!(read.causes()[0], (1, "line-too-long"));
        assert_eq!(read.report.rows, 2);
    }
    let at_limit =
        csv(format!("algorithm,fingerprint,note\nmd5,{MD5},{}\n", "x".repeat(LINE_LIMIT - 37)));
    assert_eq!(at_limit.report.accepted, 1);
    let beyond =
        csv(format!("algorithm,fingerprint,note\nmd5,{MD5},{}\n", "x".repeat(LINE_LIMIT - 36)));
    assert_eq!(beyond.causes(), [(2, "line-too-long")]);
}

#[test]
fn damaged_bytes_cost_their_own_row_only() {
    let good = format!("md5,{MD5}\n");
    for (bad, cause) in
        [(&b"md5,\0\n"[..], "nul-byte"), (b"md5,\xff\n", "invalid-utf8"), (b"\0\n", "nul-byte")]
    {
        let list = [b"algorithm,fingerprint\n", good.as_bytes(), bad, good.as_bytes()].concat();
        let read = csv(list);
        assert_eq!(read.causes(), [(3, cause)]);
        assert_eq!(read.report.accepted, 2);
        for format in [Format::JsonLines, Format::Hex] {
            let read = read_all(bad, format);
            assert_eq!(read.causes(), [(1, cause)]);
        }
    }
}

#[test]
fn quoted_fields_may_hold_commas_marks_and_line_breaks() {
    let read = csv(format!(
        "algorithm,note,fingerprint\nmd5,\"a,\"\"b\"\"\r\n\r\nc\",{MD5}\nmd5,,{MD5}\nmd5,,x\n"
    ));
    assert_eq!(read.entries, [md5(), md5()]);
    assert_eq!(read.causes(), [(6, "not-hex")]);
    assert_eq!(read.report.continued, 2);
    assert!(read.report.to_string().contains("; 2 lines inside quotes"), "{}", read.report);
    let read = csv(format!("algorithm,item,fingerprint\nmd5,\"a\nb\",{MD5}\n"));
    assert_eq!(read.causes(), [(2, "bad-text")]);
}

#[test]
fn a_stray_quotation_mark_costs_its_own_row_only() {
    let header = "algorithm,fingerprint,note\n";
    let good = |note: &str| format!("md5,{MD5},{note}\n");
    // Followed by plain rows, by rows with quoted fields, by another stray mark, and by the end of the file.
    let list = [
        header,
        &good("\"open"),
        &good(""),
        &good("\"quoted, a\""),
        &good("5\" wide"),
        &good(""),
        &good("\"a\" b"),
        &good(""),
        &good("\"\"\""),
    ];
    let read = csv(list.concat());
    assert_eq!(
        read.causes(),
        [(2, "bad-quotes"), (5, "bad-quotes"), (7, "bad-quotes"), (9, "bad-quotes")]
    );
    assert_eq!(read.report.accepted, 4);

    // Two stray marks that pair up to a record with a wrong number of fields.
    let read = csv([header, &good("\"open"), &good(""), "shut\",x\n", &good("")].concat());
    assert_eq!(read.causes(), [(2, "field-count"), (4, "bad-quotes")]);
    assert_eq!(read.report.accepted, 2);

    // More rows behind the mark than a record can hold, and a line too long to keep among them.
    let rows: String = (0..40_000).map(|_| good("")).collect();
    let long = "y".repeat(2 * LINE_LIMIT);
    let read = csv([
        header,
        &good("\"open"),
        &rows,
        &long,
        "\n",
        &good("\"open"),
        &good(""),
        &long,
        "\n",
        &good(""),
    ]
    .concat());
    assert_eq!(
        read.causes(),
        [
            (2, "bad-quotes"),
            (40_003, "line-too-long"),
            (40_004, "bad-quotes"),
            (40_006, "line-too-long")
        ]
    );
    assert_eq!(read.report.accepted, 40_002);
}

#[test]
fn rows_have_as_many_fields_as_the_header() {
    let read =
        csv(format!("algorithm,fingerprint,item\nmd5,{MD5}\nmd5,{MD5},a,\nmd5,{MD5},\n,,\n"));
    assert_eq!(read.causes(), [(2, "field-count"), (3, "field-count"), (5, "missing-field")]);
    assert_eq!(
        read.rejections[0].to_string(),
        "line 2: the header has 3 columns, the row has 2 fields"
    );
}

#[test]
fn json_lines_are_one_object_each() {
    let object = format!(r#"{{"algorithm":"md5","fingerprint":"{MD5}"}}"#);
    let deep = "[".repeat(100_000);
    for (line, cause) in [
        ("[".to_owned(), "bad-json"),
        (format!("{object},"), "bad-json"),
        (format!("{object}{object}"), "bad-json"),
        (object[..object.len() - 1].to_owned(), "bad-json"),
        ("\"text that is not an object\"".to_owned(), "bad-json"),
        ("null".to_owned(), "bad-json"),
        ("{}".to_owned(), "missing-field"),
        (format!(r#"{{"item":{deep}"#), "bad-json"),
        (format!(r#"{{"other":{deep}"#), "bad-json"),
        (r#"{"item":"\ud800"}"#.to_owned(), "bad-json"),
        (object.replace("md5\"", "md5\",\"Algorithm\":\"sha1\""), "duplicate-field"),
        (object.replace("md5\"", "md5\",\"item\":true"), "bad-value"),
        (object.replace("md5\"", "md5\",\"item\":[\"a\"]"), "bad-value"),
        (object.replace("md5\"", "md5\",\"item\":{}"), "bad-value"),
        (object.replace("md5\"", "md5\",\"labels\":[1]"), "bad-value"),
        (object.replace("md5\"", "md5\",\"item\":\"a\\u0000b\""), "bad-text"),
    ] {
        let read = jsonl(format!("{object}\n{line}\n{object}"));
        assert_eq!(read.causes(), [(2, cause)]);
        assert_eq!(read.report.accepted, 2);
    }
    let read = jsonl(&object[..40]);
    assert_eq!(
        read.rejections[0].message,
        "expected one JSON object on the line: EOF while parsing a string at character 40"
    );
}

#[test]
fn json_values_may_be_native() {
    let read = jsonl(format!(
        r#"{{"algorithm":"md5","fingerprint":"{MD5}","labels":["b; c"," a ","",  "a"],"reviewed":true,"quality":70,"source_id":900001,"first_seen":1760000000,"last_seen":1760000000.75,"expires":null,"item":null}}"#
    ));
    let expected = Entry {
        labels: vec!["a".into(), "b; c".into()],
        reviewed: true,
        quality: Some(70),
        source_id: "900001".into(),
        first_seen: 1_760_000_000,
        last_seen: 1_760_000_000,
        ..md5()
    };
    assert_eq!(read.causes(), []);
    assert_eq!(read.entries, [expected]);
}

/// Gives `good` bytes, then fails.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(io::Error::other("the disk is gone")),
            n => Ok(n),
        }
    }
}

#[test]
fn a_read_error_in_the_middle_names_the_line_reached() {
    for (format, list) in [
        (Format::Csv, format!("algorithm,fingerprint\nmd5,{MD5}\nmd5,\"0cc")),
        (Format::Hex, format!("#\n{MD5}\n0cc")),
        (Format::JsonLines, "{}\n{}\n{".to_owned()),
    ] {
        let error = try_read(Failing(list.as_bytes()), format, &Options::default()).err().unwrap();
        assert_eq!(error.code(), ErrorCode::Io);
        assert_eq!(error.to_string(), "cannot read the list beyond line 2: the disk is gone");
    }
}

/// Gives one byte at a time, each behind an interruption.
struct Trickle<'a>(&'a [u8], bool);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let end = out.len().min(1);
        self.0.read(&mut out[..end])
    }
}

#[test]
fn the_report_is_readable() {
    let read =
        csv(format!("algorithm,fingerprint,note,x\n\nmd5,{MD5},,\nmd5,00,,\nmd5,01,,\nmd5,zz,,\n"));
    assert_eq!(
        read.report.to_string(),
        "4 rows: 1 accepted, 3 rejected (not-hex 1, wrong-length 2); 1 blank line; ignored columns: note, x"
    );
}

#[test]
fn formats_are_detected_by_extension_then_beginning() {
    for (extension, beginning, expected) in [
        (Some("CSV"), "{", Some(Format::Csv)),
        (Some("jsonl"), "", Some(Format::JsonLines)),
        (Some("ndjson"), "", Some(Format::JsonLines)),
        (Some("hex"), "", Some(Format::Hex)),
        (Some("txt"), "\u{feff}\r\n  {\"algorithm\"", Some(Format::JsonLines)),
        (Some("txt"), "item, \"Fingerprint\" ,algorithm\r\n", Some(Format::Csv)),
        (None, "# comment, fingerprint\n\n 0cc175b9c0f1b6a831c399e269772661\n", Some(Format::Hex)),
        (None, "0cc175b9c0f1b6a831c399e26977266\n", None),
        (None, "", None),
        (None, "\n\n", None),
        (Some("png"), "\u{89}PNG", None),
    ] {
        assert_eq!(
            Format::detect(extension, beginning.as_bytes()),
            expected,
            "{extension:?} {beginning:?}"
        );
    }
    for format in Format::ALL {
        assert_eq!(format.name().parse::<Format>().unwrap(), format);
    }
    assert_eq!("xml".parse::<Format>().unwrap_err().code(), ErrorCode::InvalidArgument);
}

fn parse_date(text: &str) -> Option<u32> {
    date::seconds("expires", text).ok()
}

#[test]
fn dates_are_those_that_python_gives() {
    for (text, expected) in [
        ("1970-01-01", 0),
        ("1970-12-31", 31_449_600),
        ("1972-02-29", 68_169_600),
        ("1999-12-31", 946_598_400),
        ("2000-02-29", 951_782_400),
        ("2000-03-01", 951_868_800),
        ("2004-02-29", 1_078_012_800),
        ("2023-02-28", 1_677_542_400),
        ("2024-02-29", 1_709_164_800),
        ("2024-03-01", 1_709_251_200),
        ("2025-10-09", 1_759_968_000),
        ("2038-01-19", 2_147_472_000),
        ("2100-02-28", 4_107_456_000),
        ("2100-03-01", 4_107_542_400),
        ("2106-02-07", 4_294_944_000),
        ("2054-10-12T03:25:05+12:45", 2_675_342_405),
        ("2098-05-23T12:24:20+00:00", 4_051_686_260),
        ("2092-08-12T01:09:31+01:00", 3_869_338_171),
        ("2020-08-08T04:15:19+05:30", 1_596_840_319),
        ("2003-12-08 12:38:09+05:30", 1_070_867_289),
        ("2025-07-20t06:10:36-01:00", 1_752_995_436),
        ("2074-03-20T09:02:45-0100", 3_288_765_765),
        ("1979-10-16T17:55:16.999999+00:01", 308_944_456),
        ("1987-03-31T06:04:22z", 544_169_062),
        ("1970-09-22T08:19:22+05:30", 22_819_762),
        ("2106-02-07T06:28:15Z", u32::MAX),
        ("2016-12-31T23:59:60Z", 1_483_228_800),
        ("2017-01-01T08:59:60+09:00", 1_483_228_800),
        ("0", 0),
        ("1", 1),
        ("1724856487.709035", 1_724_856_487),
        ("4294967295.9", u32::MAX),
        ("20259999", 20_259_999),
    ] {
        assert_eq!(parse_date(text), Some(expected), "{text}");
    }
}

#[test]
fn dates_that_do_not_exist_are_refused() {
    for text in [
        "2023-02-29",
        "1900-02-29",
        "2100-02-29",
        "2025-04-31",
        "2025-00-10",
        "2025-13-01",
        "2025-01-00",
        "2025-01-32",
        "2025-1-1",
        "2025-10-9",
        "25-10-09",
        "02025-10-09",
        "2025/10/09",
        "09.10.2025",
        "2025-10-09T",
        "2025-10-09T08:00",
        "2025-10-09T08:00:00",
        "2025-10-09T24:00:00Z",
        "2025-10-09T08:60:00Z",
        "2025-10-09T08:00:61Z",
        "2025-10-09T08:00:60Z",
        "2025-10-09T08:00:00.Z",
        "2025-10-09T08:00:00+24:00",
        "2025-10-09T08:00:00+01:60",
        "2025-10-09T08:00:00+1",
        "2025-10-09T08:00:00Zx",
        "2025-10-09T08:00:00 Z",
        "1969-12-31",
        "1970-01-01T00:00:00+00:01",
        "2106-02-07T06:28:16Z",
        "9999-12-31",
        "4294967296",
        "99999999999999999999999",
        "-1",
        "+5",
        "1.",
        ".5",
        "1.2.3",
        "1e9",
        "0x10",
        ".",
        "２０２５-10-09",
        "20251009",
        "19700101",
        "20240229",
        "é",
    ] {
        assert_eq!(parse_date(text), None, "{text}");
    }
}

#[test]
fn every_day_until_2106_follows_the_one_before() {
    let mut expected = 0_u32;
    for year in 1970..2106 {
        for month in 1..=12 {
            for day in 1..=31 {
                if let Some(seconds) = parse_date(&format!("{year}-{month:02}-{day:02}")) {
                    assert_eq!(seconds, expected, "{year}-{month}-{day}");
                    expected += 86_400;
                }
            }
        }
    }
    assert_eq!(expected / 86_400, 49_673, "days from 1970 to the end of 2105");
}

/// Bytes that are likely to look like a list.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"algorithm,fingerprint,item\n".to_vec()),
        Just(format!("md5,{MD5},").into_bytes()),
        Just(MD5.as_bytes().to_vec()),
        Just(format!("{{\"algorithm\":\"md5\",\"fingerprint\":\"{MD5}\"}}\n").into_bytes()),
        Just(b"\"".to_vec()),
        Just(b",\"".to_vec()),
        Just(b"\",".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\"\n".to_vec()),
        Just(b"{\"item\":".to_vec()),
        Just(vec![0]),
        Just(vec![0xEF, 0xBB, 0xBF]),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    (any::<bool>(), prop::collection::vec(piece, 0..30)).prop_map(|(header, pieces)| {
        let start: &[u8] = if header { b"algorithm,fingerprint,item\n" } else { b"" };
        [start, &pieces.concat()].concat()
    })
}

/// Text that survives the trimming of values and the separator of labels.
fn text() -> impl Strategy<Value = String> {
    "[^\\p{Cc};]{0,12}".prop_map(|text| text.trim().to_owned())
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let fingerprint =
        (0..5_usize, prop::collection::vec(any::<u8>(), 64)).prop_map(|(i, mut bytes)| {
            let algorithm = Algorithm::DIGESTS[i];
            bytes.truncate(algorithm.width());
            bytes[0] = 1;
            Fingerprint::new(algorithm, &bytes).unwrap()
        });
    let date = || prop_oneof![Just(0), 100_000_000..=u32::MAX];
    let labels = prop::collection::btree_set(text(), 0..4).prop_map(|labels| {
        labels.into_iter().filter(|label| !label.is_empty()).collect::<Vec<_>>()
    });
    (
        (fingerprint, text(), text(), labels, text()),
        (
            prop::sample::select(&Opinion::ALL[..]),
            prop::sample::select(&Severity::ALL[..]),
            any::<bool>(),
        ),
        (prop::option::of(0..=100_u8), date(), date(), date()),
    )
        .prop_map(|(names, judgement, numbers)| {
            let (fingerprint, item, source_id, labels, legal_basis) = names;
            let (opinion, severity, reviewed) = judgement;
            let (quality, first_seen, last_seen, expires) = numbers;
            Entry {
                fingerprint,
                role: Role::Listed,
                item,
                source_id,
                labels,
                opinion,
                severity,
                reviewed,
                quality,
                legal_basis,
                first_seen,
                last_seen,
                expires,
            }
        })
}

/// The values of an entry by the names of the fields.
fn cells(entry: &Entry) -> [(&'static str, String); 13] {
    [
        ("algorithm", entry.fingerprint.algorithm().to_string()),
        ("fingerprint", hex(entry.fingerprint.bytes())),
        ("item", entry.item.clone()),
        ("labels", entry.labels.join(";")),
        ("opinion", entry.opinion.to_string()),
        ("reviewed", entry.reviewed.to_string()),
        ("severity", entry.severity.to_string()),
        ("quality", entry.quality.map(|q| q.to_string()).unwrap_or_default()),
        ("source_id", entry.source_id.clone()),
        ("legal_basis", entry.legal_basis.clone()),
        ("first_seen", entry.first_seen.to_string()),
        ("last_seen", entry.last_seen.to_string()),
        ("expires", entry.expires.to_string()),
    ]
}

fn as_csv(entries: &[Entry], style: ::csv::QuoteStyle) -> Vec<u8> {
    let mut writer = ::csv::WriterBuilder::new().quote_style(style).from_writer(Vec::new());
    writer.write_record(cells(&Entry::new(md5().fingerprint)).map(|(name, _)| name)).unwrap();
    for entry in entries {
        writer.write_record(cells(entry).map(|(_, value)| value)).unwrap();
    }
    writer.into_inner().unwrap()
}

proptest! {
    #[test]
    fn any_bytes_add_up_and_do_not_depend_on_how_they_arrive(list in garbage()) {
        for format in Format::ALL {
            let whole = try_read(&list[..], format, &Options::default());
            let trickled = try_read(Trickle(&list, false), format, &Options::default());
            match (whole, trickled) {
                (Ok(whole), Ok(trickled)) => {
                    prop_assert_eq!(whole.report, trickled.report);
                    prop_assert_eq!(whole.entries, trickled.entries);
                    prop_assert_eq!(whole.rejections, trickled.rejections);
                }
                (whole, trickled) => {
                    prop_assert_eq!(whole.err().unwrap().to_string(), trickled.err().unwrap().to_string());
                }
            }
        }
        Format::detect(None, &list);
    }

    #[test]
    fn every_line_is_accounted_for(list in garbage()) {
        for format in Format::ALL {
            if let Ok(read) = try_read(&list[..], format, &Options::default()) {
                let mut input = &list[..];
                let mut lines = Lines::new(&mut input);
                let mut found = 0;
                while lines.next(&mut Vec::new()).unwrap().is_some() {
                    found += 1;
                }
                let header = u64::from(format == Format::Csv);
                let report = read.report;
                let counted = header + report.rows + report.blank + report.comments + report.continued;
                prop_assert_eq!(found, counted);
            }
        }
    }

    #[test]
    fn a_list_written_as_csv_reads_back(entries in prop::collection::vec(any_entry(), 0..8)) {
        for style in [::csv::QuoteStyle::Necessary, ::csv::QuoteStyle::Always, ::csv::QuoteStyle::NonNumeric] {
            let read = csv(as_csv(&entries, style));
            prop_assert_eq!(read.causes(), []);
            prop_assert_eq!(&read.entries, &entries);
        }
    }

    #[test]
    fn a_list_written_as_json_lines_reads_back(entries in prop::collection::vec(any_entry(), 0..8)) {
        let mut list = String::new();
        for entry in &entries {
            let mut object: serde_json::Map<_, _> =
                cells(entry).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            object.insert("labels".into(), entry.labels.clone().into());
            object.insert("reviewed".into(), entry.reviewed.into());
            object.insert("expires".into(), entry.expires.into());
            list.push_str(&serde_json::Value::Object(object).to_string());
            list.push('\n');
        }
        let read = jsonl(&list);
        prop_assert_eq!(read.causes(), []);
        prop_assert_eq!(read.entries, entries);
    }
}
