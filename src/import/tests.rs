//! Traps one by one, then properties. What stands here is how they read a list.

mod csv;
mod hex;
mod jsonl;
mod lines;
mod properties;
mod rows;

use std::io::Read;

use super::*;
use crate::error::ErrorCode;
use crate::fingerprint::Fingerprint;
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
