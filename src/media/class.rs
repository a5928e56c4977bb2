//! What an upload is, and why its contents could not be looked at.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of media, as the policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
#[repr(u8)]
pub enum MediaClass {
    /// A still picture.
    Image = 0,
    /// A picture with several frames (animated GIF, PNG or WebP).
    Animation = 1,
    /// A film, with or without sound.
    Video = 2,
    /// Sound only.
    Audio = 3,
    /// A container of other files (ZIP, office documents, TAR, ...).
    Archive = 4,
    /// A PDF document.
    Pdf = 5,
    /// Text, markup and SVG.
    Text = 6,
    /// No bytes at all.
    Empty = 7,
    /// None of these.
    Unknown = 8,
}

impl MediaClass {
    /// Every class, in the order of their numbers.
    pub const ALL: [MediaClass; 9] = [
        MediaClass::Image,
        MediaClass::Animation,
        MediaClass::Video,
        MediaClass::Audio,
        MediaClass::Archive,
        MediaClass::Pdf,
        MediaClass::Text,
        MediaClass::Empty,
        MediaClass::Unknown,
    ];

    /// The name used in policies and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            MediaClass::Image => "image",
            MediaClass::Animation => "animation",
            MediaClass::Video => "video",
            MediaClass::Audio => "audio",
            MediaClass::Archive => "archive",
            MediaClass::Pdf => "pdf",
            MediaClass::Text => "text",
            MediaClass::Empty => "empty",
            MediaClass::Unknown => "unknown",
        }
    }

    /// Whether its pixels ought to be examined, so that not doing so is worth a word.
    pub const fn is_picture(self) -> bool {
        matches!(self, MediaClass::Image | MediaClass::Animation)
    }
}

impl fmt::Display for MediaClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an upload that should have been examined was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[repr(u8)]
pub enum Unscannable {
    /// The format is known, but this build has no decoder for it.
    Unsupported = 1,
    /// The file ends before its picture does.
    Truncated = 2,
    /// The file breaks the rules of its format.
    Corrupt = 3,
    /// It would cost more than [`Limits`](crate::Limits) allow.
    Limit = 4,
    /// It took longer than the time limit or the caller's deadline.
    Timeout = 5,
    /// The decoder panicked; the host did not.
    DecoderPanic = 6,
}

impl Unscannable {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Unscannable; 6] = [
        Unscannable::Unsupported,
        Unscannable::Truncated,
        Unscannable::Corrupt,
        Unscannable::Limit,
        Unscannable::Timeout,
        Unscannable::DecoderPanic,
    ];

    /// The name used in policies and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Unscannable::Unsupported => "unsupported",
            Unscannable::Truncated => "truncated",
            Unscannable::Corrupt => "corrupt",
            Unscannable::Limit => "limit",
            Unscannable::Timeout => "timeout",
            Unscannable::DecoderPanic => "decoder-panic",
        }
    }
}

impl fmt::Display for Unscannable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
