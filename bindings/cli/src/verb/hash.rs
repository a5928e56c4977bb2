//! `tamis hash`: the fingerprints of files, the picture as it is stored.
//!
//! ```text
//! for each file:
//!     read it once: every byte into the digests, and as many as the limit allows into memory
//!     if all of it fits and it is a picture: decode it, hash it as stored and in its eight dihedral forms
//!     else: say why there is no PDQ
//! ```

use std::fmt::{self, Display};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tamis::Limits;
use tamis::examine::{Asked, Examiner};
use tamis::fingerprint::pdq::MIN_SIDE;
use tamis::fingerprint::{
    Algorithm, Algorithms, Digester, Digests, Dihedral, Fingerprint, PdqHash, View,
};
use tamis::media::{Media, MediaClass, Unscannable, sniff};

use super::check::Unjudged;
use crate::output::{remark, shown};
use crate::upload::Opener;
use crate::wording;
use crate::{Exit, Failure, Output};

pub(crate) fn run(files: &[PathBuf], output: &mut Output) -> Result<Exit, Failure> {
    let mut bench = Bench::new();
    let mut opener = Opener::default();
    let mut exit = Exit::default();
    for (number, file) in files.iter().enumerate() {
        let hashed = opener
            .open(file)
            .and_then(|reader| bench.hash(reader).map_err(|e| wording::cannot_read(&e)));
        match hashed {
            Ok(mut hashed) => {
                hashed.file = file.to_string_lossy().into_owned();
                output.object(&hashed)?;
                if number > 0 {
                    output.line("")?;
                }
                output.line(format_args!("{}", shown(file)))?;
                for (name, value) in hashed.rows() {
                    output.line(format_args!("  {name:<11} {value}"))?;
                }
            }
            Err(error) => {
                exit.note_error();
                remark(format_args!("{}: {error}", file.display()));
                output.object(&Unjudged { file: file.to_string_lossy().into(), error: &error })?;
            }
        }
    }
    Ok(exit)
}

/// A picture's hash and quality, or why there is none.
pub(crate) type Code = Result<(PdqHash, u8), String>;

/// What a file is listed by: the SHA-256 of its bytes and, if it is a picture, its PDQ as stored.
pub(crate) fn fingerprints(path: &Path) -> Result<(Fingerprint, Code), Failure> {
    let reader = Opener::default().open(path).map_err(|e| Failure::of(path, e))?;
    let hashed = Bench::new().hash(reader);
    let hashed = hashed.map_err(|e| Failure::of(path, wording::cannot_read(&e)))?;
    if hashed.bytes == 0 {
        return Err(Failure::of(
            path,
            "an empty file cannot be listed: it would match every empty upload",
        ));
    }
    let sha256 = hashed.digests.iter().find(|digest| digest.algorithm() == Algorithm::Sha256);
    let sha256 = sha256.ok_or_else(|| Failure::of(path, "it has no SHA-256"))?;
    let code = hashed.pdq.as_ref().map(|pdq| (pdq.hash, pdq.quality)).ok_or_else(|| hashed.why());
    Ok((sha256, code))
}

/// What is kept from file to file.
pub(super) struct Bench {
    limits: Limits,
    examiner: Examiner,
}

/// One line of `hash --json`.
#[derive(Serialize)]
pub(super) struct Hashed {
    file: String,
    bytes: u64,
    media: MediaClass,
    format: &'static str,
    width: Option<usize>,
    height: Option<usize>,
    pub(super) digests: Digests,
    pub(super) pdq: Option<Pdq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Lack>,
}

#[derive(Serialize)]
pub(super) struct Pdq {
    pub(super) hash: PdqHash,
    pub(super) quality: u8,
    dihedral: [PdqHash; 8],
}

impl Bench {
    pub(super) fn new() -> Bench {
        // Nobody waits for an answer here, and a hash that depends on how busy the machine is would be of no use. Colour of a whole
        // JPEG takes more memory than a filter may use.
        let limits = Limits::default()
            .time(Duration::from_secs(600))
            .memory(1 << 30)
            .progressive_memory(1 << 30);
        Bench { limits, examiner: Examiner::new() }
    }

    pub(super) fn hash(&mut self, reader: impl Read) -> io::Result<Hashed> {
        let (mut digester, mut kept) = (Digester::new(Algorithms::DIGESTS), Vec::new());
        let size = digester.update_from(reader, self.limits.upload_bytes, &mut kept)?;
        let media = sniff(&kept);
        let mut hashed = Hashed {
            file: String::new(),
            bytes: size,
            media: media.class,
            format: media.format.name(),
            width: None,
            height: None,
            digests: digester.finish(),
            pdq: None,
            reason: None,
        };
        if !media.class.is_picture() {
            hashed.reason = Some(Lack::NoPicture);
        } else if kept.len() as u64 != size {
            hashed.reason = Some(Lack::Unscannable(Unscannable::Limit));
        } else {
            self.picture(&kept, &media, &mut hashed);
        }
        Ok(hashed)
    }

    fn picture(&mut self, bytes: &[u8], media: &Media, hashed: &mut Hashed) {
        let views = Dihedral::ALL.map(View::of);
        let asked = Asked::exactly(&views, &self.limits);
        match self.examiner.examine(bytes, media, &asked) {
            Ok(examined) => {
                let (width, height) = examined.size.map(|(w, h)| (w as usize, h as usize)).unzip();
                (hashed.width, hashed.height) = (width, height);
                if width.min(height).is_some_and(|side| side < MIN_SIDE) {
                    hashed.reason = Some(Lack::TooSmall);
                    return;
                }
                let of = |view: &View| examined.perceptual.iter().find(|p| p.view == *view);
                hashed.pdq = of(&View::AsStored).map(|stored| Pdq {
                    hash: stored.hash,
                    quality: stored.quality,
                    dihedral: views.map(|view| of(&view).map_or(stored.hash, |p| p.hash)),
                });
                hashed.reason = examined.missed.map(Lack::Unscannable);
            }
            Err(reason) => hashed.reason = Some(Lack::Unscannable(reason)),
        }
    }
}

impl Hashed {
    /// Names and values for people.
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut what = format!("{} ({}), {}", self.media, self.format, wording::bytes(self.bytes));
        if self.media.name() == self.format {
            what = format!("{}, {}", self.media, wording::bytes(self.bytes));
        }
        if let (Some(width), Some(height)) = (self.width, self.height) {
            what.push_str(&format!(", {width} x {height} pixels"));
        }
        let mut rows = vec![("media", what)];
        rows.extend(self.digests.iter().map(|digest| (digest.algorithm().name(), digest.to_hex())));
        match &self.pdq {
            Some(pdq) => {
                rows.push(("pdq", pdq.hash.to_string()));
                rows.push(("quality", pdq.quality.to_string()));
                let turned = Dihedral::ALL.iter().copied().zip(pdq.dihedral).skip(1);
                rows.extend(turned.map(|(form, hash)| (name(form), hash.to_string())));
            }
            None => rows.push(("pdq", format!("none: {}", self.why()))),
        }
        if self.pdq.is_some() && self.reason.is_some() {
            let cut = format!("this is no hash of the whole picture: {}", self.why());
            rows.push(("cut short", cut));
        }
        rows
    }

    /// Whether it is of a class of media that has a PDQ.
    pub(super) fn is_picture(&self) -> bool {
        self.media.is_picture()
    }

    pub(super) fn why(&self) -> String {
        self.reason.map(|lack| lack.to_string()).unwrap_or_default()
    }
}

/// Why there is no PDQ, or none of the whole picture.
#[derive(Clone, Copy)]
pub(super) enum Lack {
    NoPicture,
    TooSmall,
    Unscannable(Unscannable),
}

impl Lack {
    /// The word for programs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Lack::NoPicture => "not-a-picture",
            Lack::TooSmall => "too-small",
            Lack::Unscannable(reason) => reason.name(),
        }
    }
}

impl Serialize for Lack {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self {
            Lack::NoPicture => return f.write_str("only pictures have one"),
            Lack::TooSmall => return write!(f, "a side is shorter than {MIN_SIDE} pixels"),
            Lack::Unscannable(reason) => reason,
        };
        f.write_str(match reason {
            Unscannable::Unsupported => "this build has no decoder for the format",
            Unscannable::Truncated => "the file ends before its picture does",
            Unscannable::Corrupt => "the file breaks the rules of its format",
            Unscannable::Limit => "the picture is larger than the limits allow",
            Unscannable::Timeout => "decoding it takes longer than the limits allow",
            Unscannable::DecoderPanic => "the decoder panicked, a defect: please report it",
            Unscannable::WorkerDied => "the worker process that decoded it died",
            Unscannable::Colours => "it is shown in other colours than it is stored in",
            other => other.name(),
        })
    }
}

/// A dihedral form by the name of its view.
fn name(form: Dihedral) -> &'static str {
    View::of(form).name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_told_in_words() {
        for reason in Unscannable::ALL.iter().copied() {
            let told = Lack::Unscannable(reason).to_string();
            assert!(told.contains(' '), "{reason}: {told}");
        }
    }
}
