//! Bare hex: one fingerprint per line.

use crate::error::{Result, shown};
use crate::fingerprint::Algorithm;
use crate::import::report::{Cause, Problem};
use crate::import::row::fingerprint;
use crate::import::{Lines, Options, Sink, text_of};
use crate::set::Entry;

pub(super) fn read(lines: &mut Lines<'_>, options: &Options, sink: &mut Sink<'_>) -> Result<()> {
    let mut bytes = Vec::new();
    while let Some(line) = lines.next(&mut bytes)? {
        match text_of(&bytes, line.too_long).map(str::trim) {
            Ok("") => sink.report.blank += 1,
            Ok(text) if text.starts_with('#') => sink.report.comments += 1,
            text => sink.row(line.number, text.and_then(|text| entry(text, options))),
        }
        bytes.clear();
    }
    Ok(())
}

fn entry(text: &str, options: &Options) -> std::result::Result<Entry, Problem> {
    let algorithm = match options.algorithm {
        Some(algorithm) => algorithm,
        None => algorithm_of(text)?,
    };
    Ok(Entry {
        opinion: options.opinion,
        reviewed: options.reviewed,
        ..Entry::new(fingerprint(algorithm, text)?)
    })
}

/// The only algorithm with that many digits.
fn algorithm_of(text: &str) -> std::result::Result<Algorithm, Problem> {
    match text.len() {
        32 => Ok(Algorithm::Md5),
        40 => Ok(Algorithm::Sha1),
        128 => Ok(Algorithm::Sha512),
        64 => Err(Problem::new(
            Cause::AmbiguousAlgorithm,
            "64 digits may be sha256, blake3 or pdq; name the list's algorithm (`--algorithm` on the command line)",
        )),
        other => Err(Problem::new(
            Cause::WrongLength,
            format!(
                "{:?} has {other} characters, expected 32 (md5), 40 (sha1), 64 or 128 (sha512) digits",
                shown(text)
            ),
        )),
    }
}
