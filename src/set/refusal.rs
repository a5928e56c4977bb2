//! The guard rails of the builder: entries that would poison a set are refused, each with its own cause.
//!
//! One bad entry can hold back a whole site: the digest of the empty file matches every empty upload, and the code of
//! a flat picture matches every blank page. Lists in circulation have held both. So before an entry enters a set:
//!
//! ```text
//! check(entry):
//!     digest: not of zero bytes, not all bits equal
//!     PDQ:    between 96 and 128 bits set, quality at least 50 if given, not a flat picture's code
//!     exception: only by SHA-256 or BLAKE3, because nobody can make a second file with the same digest
//!     texts:  at most 1024 bytes each and 64 labels, no control characters
//! ```
//!
//! The check looks at one entry only and depends on nothing else: the same entry gets the same answer in every set.

use std::fmt;

use crate::error::{Error, ErrorCode, is_unseen};
use crate::fingerprint::{Algorithm, Fingerprint, PdqHash, is_flat};
use crate::set::{Entry, Role};

/// Longest item, source id, label or legal basis, in bytes of UTF-8.
pub const TEXT_LIMIT: usize = 1024;

/// Most labels of one entry.
pub const LABEL_LIMIT: usize = 64;

/// Most bits that a PDQ code can have: it marks the coefficients *above* their median, of which there are at most half.
pub const PDQ_MOST_BITS: u32 = 128;

/// Fewest bits of a PDQ code that is kept. Only ties at the median lower the number, and only flat pictures have many.
pub const PDQ_FEWEST_BITS: u32 = 96;

/// Lowest PDQ quality that is kept. Below it the reference library calls a code unusable.
pub const LOWEST_QUALITY: u8 = 50;

/// Why the builder does not take an entry. Shown as a sentence that names what was found and what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Refusal {
    /// The digest of zero bytes: it would match every empty upload.
    EmptyInput(Algorithm),
    /// A digest whose bits are all zero or all one: a placeholder, not a digest.
    AllEqualBits(Algorithm),
    /// A PDQ code with more bits set than PDQ can give.
    PdqTooManyBits(u32),
    /// A PDQ code with so few bits set that it is of a flat picture or damaged.
    PdqTooFewBits(u32),
    /// A PDQ code whose list gives it a quality too low to be compared.
    LowQuality(u8),
    /// A quality above 100.
    QualityRange(u8),
    /// The PDQ code of a flat picture: it would match every blank page.
    FlatPicture,
    /// An exception by an algorithm that is not allowed to carry one.
    ExceptionAlgorithm(Algorithm),
    /// A text of more than [`TEXT_LIMIT`] bytes: the field and its length.
    FieldTooLong(&'static str, usize),
    /// More than [`LABEL_LIMIT`] labels.
    TooManyLabels(usize),
    /// A text with a control character, such as a line break or a NUL: the field.
    BadText(&'static str),
    /// The list was added to another builder.
    UnknownList,
    /// The set's strings would exceed what the format can number: split it.
    TooManyStrings,
}

impl Refusal {
    /// The stable name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Refusal::EmptyInput(_) => "empty-input",
            Refusal::AllEqualBits(_) => "all-equal-bits",
            Refusal::PdqTooManyBits(_) => "pdq-too-many-bits",
            Refusal::PdqTooFewBits(_) => "pdq-too-few-bits",
            Refusal::LowQuality(_) => "low-quality",
            Refusal::QualityRange(_) => "quality-range",
            Refusal::FlatPicture => "flat-picture",
            Refusal::ExceptionAlgorithm(_) => "exception-algorithm",
            Refusal::FieldTooLong(..) => "field-too-long",
            Refusal::TooManyLabels(_) => "too-many-labels",
            Refusal::BadText(_) => "bad-text",
            Refusal::UnknownList => "unknown-list",
            Refusal::TooManyStrings => "too-many-strings",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::EmptyInput(algorithm) => {
                write!(f, "the {algorithm} digest of an empty file would match every empty upload")
            }
            Refusal::AllEqualBits(algorithm) => {
                write!(f, "a {algorithm} digest whose bits are all equal is a placeholder")
            }
            Refusal::PdqTooManyBits(bits) => {
                write!(f, "a PDQ code has at most {PDQ_MOST_BITS} bits set, found {bits}")
            }
            Refusal::PdqTooFewBits(bits) => write!(
                f,
                "a PDQ code with only {bits} bits set is of a flat picture or damaged, \
                 expected at least {PDQ_FEWEST_BITS}"
            ),
            Refusal::LowQuality(quality) => write!(
                f,
                "a PDQ code of quality {quality} cannot be compared, expected at least {LOWEST_QUALITY}"
            ),
            Refusal::QualityRange(quality) => {
                write!(f, "a quality is between 0 and 100, found {quality}")
            }
            Refusal::FlatPicture => {
                f.write_str("the PDQ code of a flat picture would match every blank picture")
            }
            Refusal::ExceptionAlgorithm(algorithm) => {
                write!(f, "an exception is by sha256 or blake3 only, found {algorithm}")
            }
            Refusal::FieldTooLong(field, bytes) => {
                write!(f, "{field}: at most {TEXT_LIMIT} bytes are kept, found {bytes}")
            }
            Refusal::TooManyLabels(labels) => {
                write!(f, "labels: at most {LABEL_LIMIT} are kept, found {labels}")
            }
            Refusal::BadText(field) => {
                write!(f, "{field}: control characters such as line breaks are not allowed")
            }
            Refusal::UnknownList => f.write_str("the entry's list was not added to this builder"),
            Refusal::TooManyStrings => {
                f.write_str("the set would hold more than 2^32 - 1 strings; split it")
            }
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    /// For callers to whom any refusal is an error. Its code says only that it was one.
    fn from(refusal: Refusal) -> Error {
        Error::new(ErrorCode::InvalidArgument, format!("the entry is refused: {refusal}"))
    }
}

/// Whether an entry may enter a set.
///
/// ```
/// use tamis::fingerprint::{Algorithm, Fingerprint};
/// use tamis::set::{Entry, refusal};
/// let empty = Fingerprint::from_hex(Algorithm::Md5, "d41d8cd98f00b204e9800998ecf8427e")?;
/// assert_eq!(refusal::check(&Entry::new(empty)).unwrap_err().name(), "empty-input");
/// # Ok::<(), tamis::Error>(())
/// ```
///
/// # Errors
/// The first [`Refusal`] that applies.
pub fn check(entry: &Entry) -> Result<(), Refusal> {
    check_fingerprint(entry.role, &entry.fingerprint, entry.quality)?;
    check_text("item", &entry.item)?;
    check_text("source_id", &entry.source_id)?;
    check_text("legal_basis", &entry.legal_basis)?;
    if entry.labels.len() > LABEL_LIMIT {
        return Err(Refusal::TooManyLabels(entry.labels.len()));
    }
    entry.labels.iter().try_for_each(|label| check_text("labels", label))
}

/// Whether a fingerprint may enter a set in that role: [`check`] without the texts.
pub(super) fn check_fingerprint(
    role: Role,
    fingerprint: &Fingerprint,
    quality: Option<u8>,
) -> Result<(), Refusal> {
    let algorithm = fingerprint.algorithm();
    if role == Role::Exception && !algorithm.may_except() {
        return Err(Refusal::ExceptionAlgorithm(algorithm));
    }
    if let Some(quality) = quality.filter(|quality| *quality > 100) {
        return Err(Refusal::QualityRange(quality));
    }
    match algorithm {
        Algorithm::Pdq => check_pdq(fingerprint, quality),
        _ => check_digest(fingerprint),
    }
}

fn check_digest(digest: &Fingerprint) -> Result<(), Refusal> {
    let (algorithm, bytes) = (digest.algorithm(), digest.bytes());
    if bytes.iter().all(|byte| *byte == 0) || bytes.iter().all(|byte| *byte == 0xFF) {
        return Err(Refusal::AllEqualBits(algorithm));
    }
    if empty_digest(algorithm).is_some_and(|empty| bytes == empty) {
        return Err(Refusal::EmptyInput(algorithm));
    }
    Ok(())
}

fn check_pdq(code: &Fingerprint, quality: Option<u8>) -> Result<(), Refusal> {
    let Ok(hash) = PdqHash::try_from(*code) else { return Ok(()) };
    let bits = hash.popcount();
    if bits > PDQ_MOST_BITS {
        return Err(Refusal::PdqTooManyBits(bits));
    }
    if bits < PDQ_FEWEST_BITS {
        return Err(Refusal::PdqTooFewBits(bits));
    }
    // A quality beside a digest is of the item's picture and says nothing against the digest, so only PDQ looks at it.
    if let Some(low) = quality.filter(|quality| *quality < LOWEST_QUALITY) {
        return Err(Refusal::LowQuality(low));
    }
    if is_flat(&hash) {
        return Err(Refusal::FlatPicture);
    }
    Ok(())
}

fn check_text(field: &'static str, text: &str) -> Result<(), Refusal> {
    if text.len() > TEXT_LIMIT {
        return Err(Refusal::FieldTooLong(field, text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::BadText(field));
    }
    Ok(())
}

/// Whether a list may be called that. Two names that look alike must not differ, so nothing in them may be invisible.
pub(super) fn is_list_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.chars().any(is_unseen)
}

/// The digest of zero bytes. Constants, because the set room does not hash; the tests compare them with real digests.
const fn empty_digest(algorithm: Algorithm) -> Option<&'static [u8]> {
    match algorithm {
        Algorithm::Md5 => Some(&EMPTY_MD5),
        Algorithm::Sha1 => Some(&EMPTY_SHA1),
        Algorithm::Sha256 => Some(&EMPTY_SHA256),
        Algorithm::Sha512 => Some(&EMPTY_SHA512),
        Algorithm::Blake3 => Some(&EMPTY_BLAKE3),
        Algorithm::Pdq => None,
    }
}

const EMPTY_MD5: [u8; 16] = [
    0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e,
];

const EMPTY_SHA1: [u8; 20] = [
    0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d, 0x32, 0x55, 0xbf, 0xef, 0x95, 0x60, 0x18, 0x90,
    0xaf, 0xd8, 0x07, 0x09,
];

const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

const EMPTY_SHA512: [u8; 64] = [
    0xcf, 0x83, 0xe1, 0x35, 0x7e, 0xef, 0xb8, 0xbd, 0xf1, 0x54, 0x28, 0x50, 0xd6, 0x6d, 0x80, 0x07,
    0xd6, 0x20, 0xe4, 0x05, 0x0b, 0x57, 0x15, 0xdc, 0x83, 0xf4, 0xa9, 0x21, 0xd3, 0x6c, 0xe9, 0xce,
    0x47, 0xd0, 0xd1, 0x3c, 0x5d, 0x85, 0xf2, 0xb0, 0xff, 0x83, 0x18, 0xd2, 0x87, 0x7e, 0xec, 0x2f,
    0x63, 0xb9, 0x31, 0xbd, 0x47, 0x41, 0x7a, 0x81, 0xa5, 0x38, 0x32, 0x7a, 0xf9, 0x27, 0xda, 0x3e,
];

const EMPTY_BLAKE3: [u8; 32] = [
    0xaf, 0x13, 0x49, 0xb9, 0xf5, 0xf9, 0xa1, 0xa6, 0xa0, 0x40, 0x4d, 0xea, 0x36, 0xdc, 0xc9, 0x49,
    0x9b, 0xcb, 0x25, 0xc9, 0xad, 0xc1, 0x12, 0xb7, 0xcc, 0x9a, 0x93, 0xca, 0xe4, 0x1f, 0x32, 0x62,
];

#[cfg(test)]
mod tests;
