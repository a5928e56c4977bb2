//! Importing does not take more memory for a longer list. The allocator counts, so this file holds one test.
#![allow(unsafe_code, reason = "a counting allocator cannot be written without")]

mod counting;

use std::io::{self, Read};

use counting::peak_of;
use tamis::import::{self, Format, Options, Report};

/// A list as long as asked for: a beginning, then the same piece again and again. Takes no memory of its own.
struct Endless<'a> {
    beginning: &'a [u8],
    piece: &'a [u8],
    at: usize,
    left: usize,
}

impl Read for Endless<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.beginning.is_empty() {
            return self.beginning.read(out);
        }
        let rest = &self.piece[self.at..];
        let n = rest.len().min(out.len()).min(self.left);
        out[..n].copy_from_slice(&rest[..n]);
        self.at = (self.at + n) % self.piece.len();
        self.left -= n;
        Ok(n)
    }
}

/// The report of a list of that many bytes, and the most memory that reading it took.
fn import(format: Format, beginning: &str, piece: &str, bytes: usize) -> (Report, usize) {
    let piece = piece.repeat(64 * 1024 / piece.len());
    let input =
        Endless { beginning: beginning.as_bytes(), piece: piece.as_bytes(), at: 0, left: bytes };
    let mut report = Report::default();
    let peak = peak_of(|| {
        report =
            import::read(input, format, &Options::default(), &mut |_| Ok(()), &mut |_| {}).unwrap();
    });
    assert_eq!(report.rows, report.accepted + report.rejected_rows());
    (report, peak)
}

#[test]
fn memory_is_bounded_whatever_the_list_holds() {
    const HEADER: &str = "algorithm,fingerprint,item,labels\n";
    const MIB: usize = 1 << 20;
    let csv = "md5,0cc175b9c0f1b6a831c399e269772661,\"item, 1\",demo;test\n";
    let json = "{\"algorithm\":\"md5\",\"fingerprint\":\"0cc175b9c0f1b6a831c399e269772661\",\"labels\":[\"a\",\"b\"]}\n";
    let hex = "0cc175b9c0f1b6a831c399e269772661\n";
    let open = format!("{HEADER}md5,\"open\n");
    let cases: [(&str, Format, &str, &str, usize); 8] = [
        ("sound csv", Format::Csv, HEADER, csv, 200 * MIB),
        ("sound json", Format::JsonLines, "", json, 64 * MIB),
        ("sound hex", Format::Hex, "", hex, 64 * MIB),
        ("one line of csv", Format::Csv, HEADER, "x", 200 * MIB),
        ("one line of json", Format::JsonLines, "{\"item\":\"", "x", 200 * MIB),
        ("a quotation mark that is never closed", Format::Csv, &open, "x\n", 16 * MIB),
        ("stray quotation marks", Format::Csv, HEADER, "a\"x,\"\n", 16 * MIB),
        ("single quotation marks", Format::Csv, HEADER, "\"\n", 16 * MIB),
    ];
    for (name, format, beginning, piece, bytes) in cases {
        let (report, peak) = import(format, beginning, piece, bytes);
        assert!(report.rows > 0, "{name}");
        assert!(peak < 8 * MIB, "{name}: {peak} bytes");
    }
}
