//! What is alike in all formats above the line: fields and their values, what the options fill in, the report.

use super::*;

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
    for format in Format::ALL.iter().copied() {
        assert_eq!(format.name().parse::<Format>().unwrap(), format);
    }
    assert_eq!("xml".parse::<Format>().unwrap_err().code(), ErrorCode::InvalidArgument);
}
