//! What is alike in all formats below the row: line ends, lengths, damaged bytes, input that breaks off.

use std::io::{self, Read};

use super::*;

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
        for format in Format::ALL.iter().copied() {
            let error = try_read(&list[..], format, &Options::default()).err().unwrap();
            assert_eq!(error.code(), ErrorCode::List);
            assert!(error.to_string().contains("save it as UTF-8"), "{error}");
        }
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
