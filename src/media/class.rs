//! What an upload is, and why its contents could not be looked at.

use crate::names::named;

named! {
    /// The kind of media, as the policy sees it.
    #[non_exhaustive]
    MediaClass("a class of media") {
        /// A still picture.
        Image = 1 "image",
        /// A picture with several frames (animated GIF, PNG or WebP).
        Animation = 2 "animation",
        /// A film, with or without sound.
        Video = 3 "video",
        /// Sound only.
        Audio = 4 "audio",
        /// A container of other files (ZIP, office documents, TAR, ...).
        Archive = 5 "archive",
        /// A PDF document.
        Pdf = 6 "pdf",
        /// Text, markup and SVG.
        Text = 7 "text",
        /// No bytes at all.
        Empty = 8 "empty",
        /// None of these.
        Unknown = 9 "unknown",
    }
}

/// As what examining it by itself ends with.
impl std::error::Error for Unscannable {}

impl MediaClass {
    /// Whether its pixels ought to be examined, so that not doing so is worth a word.
    pub const fn is_picture(self) -> bool {
        matches!(self, MediaClass::Image | MediaClass::Animation)
    }
}

named! {
    /// Why an upload that should have been examined was not.
    #[non_exhaustive]
    Unscannable("a reason why an upload is unscannable") {
        /// The format is known, but this build has no decoder for it, or not for all that the file makes of it.
        Unsupported = 1 "unsupported",
        /// The file ends before its picture does.
        Truncated = 2 "truncated",
        /// The file breaks the rules of its format.
        Corrupt = 3 "corrupt",
        /// It would cost more than [`Limits`](crate::Limits) allow.
        Limit = 4 "limit",
        /// It took longer than the time limit or the caller's deadline.
        Timeout = 5 "timeout",
        /// The decoder panicked; the host did not.
        DecoderPanic = 6 "decoder-panic",
        /// The worker process that was examining it died, or none could be started in its place.
        WorkerDied = 7 "worker-died",
        /// Its colours are shown by a profile or a gamma that is not applied here: it was hashed as stored.
        Colours = 8 "colours",
    }
}

impl Unscannable {
    /// Of two reasons the one that leaves more unseen, for those who can tell one only. A picture in unusual colours was seen, if in others.
    pub(crate) fn graver(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let rank = |reason: &Self| (*reason != Unscannable::Colours, *reason);
        one.into_iter().chain(other).max_by_key(rank)
    }
}
