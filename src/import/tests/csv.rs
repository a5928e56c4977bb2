//! Headers, fields and quotation marks.

use super::*;

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
