//! Pictures inside an upload: the EXIF thumbnail of a photograph, the first pictures of a ZIP or a PDF.
//!
//! ```text
//! embedded(bytes, media, budget, found):
//!   JPEG, PNG, WebP, TIFF  -> the TIFF block of its EXIF, second directory: one JPEG         exif
//!   ZIP (and docx, xlsx, pptx, odt, epub, jar)
//!                          -> each member: inflate 1 KiB; a picture by its content? all of it   zip
//!   PDF                    -> each `N G obj << .. >> stream`: an image? a picture file of it    pdf
//!   SVG and other text     -> each `data:` URI: a picture in base64 or percent signs              markup
//!   another archive        -> not looked into, and said so
//!   a file of any kind with a PDF's beginning in its first KiB, or a ZIP's end in its last 64 KiB  -> as that, too
//!   anything else          -> nothing to look into
//! ```
//!
//! | file | does |
//! |---|---|
//! | `walk` | the budget, the clock, and what was missed |
//! | `inflate` | deflate within the budget |
//! | `exif`, `zip`, `pdf`, `markup` | one kind of container each |
//!
//! * **Total.** Every byte string has an answer; no recursion, every loop moves forward or spends budget. No panic is known, and
//!   one would be caught and end the walk, not the caller.
//! * **Bounded.** Work is counted, not guessed from sizes that the file claims: bytes inflated (or read while inflating,
//!   if that is more), entries walked, pictures handed over. A claimed size never allocates. At most one picture is
//!   in memory, besides the upload: `budget.bytes`, and while a buffer grows half as much again; twice `budget.bytes` where
//!   one PDF filter feeds another or pixels become a BMP. The inflater's tables and the like take 64 KiB more. The clock is looked at every 64 KiB of work.
//! * **Nested once.** A container inside a container is not opened; nor is the thumbnail of an embedded picture looked at.
//!   The caller may call again with what it was handed, and decides how deep that goes.
//! * **No index is trusted.** A table that readers may ignore (ZIP directory, PDF cross references) does not decide what is
//!   looked at: a ZIP directory counts only if it agrees with the members, a PDF is read from front to back.
//! * **Nothing is passed over in silence.** What was recognised and could not be handed over is in [`Coverage::missed`].
//!   What is not recognised at all: drawings (shapes of an SVG, PDF page contents with pictures written into them, stencil masks), thumbnails outside EXIF
//!   (JFXX, Photoshop), and containers behind a file of another kind that no reader finds by its own rules, such as a RAR appended to a JPEG.

#[cfg(feature = "decode")]
mod exif;
#[cfg(feature = "decode")]
mod inflate;
#[cfg(feature = "decode")]
mod markup;
#[cfg(feature = "decode")]
mod pdf;
#[cfg(feature = "decode")]
mod walk;
#[cfg(feature = "decode")]
mod zip;

use std::time::Instant;

use super::class::{MediaClass, Unscannable};
#[cfg(feature = "decode")]
use super::decode::contained;
#[cfg(feature = "decode")]
use super::format::Format;
use super::sniff::Media;
#[cfg(feature = "decode")]
use super::sniff::begins_as_pdf;
#[cfg(feature = "decode")]
use walk::{Stop, Walk};

/// Where a picture was found inside an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Place {
    /// The thumbnail in the EXIF block of a photograph.
    Thumbnail,
    /// A picture of a container (ZIP, office document, PDF): the n-th in the order of the file, from 0.
    Member(u32),
}

/// A picture inside an upload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Embedded<'a> {
    /// Where it was found.
    pub place: Place,
    /// A picture file of its own: [`sniff`](super::sniff) and decode it like an upload. As stored in the container, so that its
    /// digests mean something; only the bare pixels of a PDF are put into a PNG or BMP file, exactly.
    pub bytes: &'a [u8],
}

impl std::fmt::Debug for Embedded<'_> {
    /// The size only: the bytes are somebody's upload.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded")
            .field("place", &self.place)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// What looking inside one upload may cost.
///
/// ```
/// let budget = tamis::media::Budget { pictures: 4, ..Default::default() };
/// assert_eq!(budget.bytes, 32 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Pictures that are handed over. Default 16.
    pub pictures: u32,
    /// Bytes inflated or copied in all, and so the most that is held at a time. What can be handed over as it lies in the upload is not
    /// counted. Default 32 MiB.
    pub bytes: u64,
    /// Members, objects and segments that are walked. Default 262,144.
    pub entries: u32,
    /// When to stop. Default never.
    pub deadline: Option<Instant>,
    /// Whether thumbnails are looked for. If not, a photograph's EXIF is not walked, and nothing of it is missed. Default true.
    pub thumbnails: bool,
    /// Whether the pictures of containers are looked for. If not, no container is opened, and nothing of it is missed. Default true.
    pub members: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            pictures: 16,
            bytes: 32 << 20,
            entries: 1 << 18,
            deadline: None,
            thumbnails: true,
            members: true,
        }
    }
}

/// How much of an upload was looked into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Coverage {
    /// How many pictures were handed over.
    pub pictures: u32,
    /// Why a part was not looked at, if one was not. Of several reasons the one with the greatest number:
    ///
    /// * `unsupported`: encrypted, an inner container, or a coding that is not read here;
    /// * `truncated`, `corrupt`: a part of the file is damaged. A picture that breaks off is still handed over as far as it goes;
    /// * `limit`: the budget was spent;
    /// * `timeout`: the deadline passed;
    /// * `decoder-panic`: a panic while looking, here or in what was called with a picture. It goes no further.
    pub missed: Option<Unscannable>,
}

impl Coverage {
    /// Whether everything was looked at.
    pub const fn complete(&self) -> bool {
        self.missed.is_none()
    }
}

/// Finds the pictures inside an upload, as far as `budget` goes, and calls `found` with each, in the order of the file.
///
/// `media` is what [`sniff`](super::sniff) says of `bytes`.
///
/// ```
/// use tamis::media::{Budget, embedded, sniff};
/// # let upload = b"PK\x05\x06 an archive without members".as_slice();
/// let mut sizes = Vec::new();
/// let coverage = embedded(upload, &sniff(upload), &Budget::default(), &mut |picture| sizes.push(picture.bytes.len()));
/// assert_eq!(coverage.pictures as usize, sizes.len());
/// ```
#[cfg(feature = "decode")]
pub fn embedded(
    bytes: &[u8],
    media: &Media,
    budget: &Budget,
    found: &mut dyn FnMut(Embedded<'_>),
) -> Coverage {
    let mut walk = Walk::new(budget, found);
    let ended = contained(|| {
        // A walk that was stopped has noted why.
        let _ = look_inside(bytes, media, budget, &mut walk);
        Ok(())
    });
    if let Err(reason) = ended {
        walk.miss(reason);
    }
    walk.coverage()
}

/// Whether there is anything in an upload that [`embedded`] opens besides a thumbnail: it is a document or archive, can be opened as
/// one although it is something else too, or is text that may have pictures in `data:` URIs.
///
/// ```
/// use tamis::media::{is_container, sniff};
/// let both = b"GIF89a, and behind it %PDF-1.4";
/// assert!(is_container(both, &sniff(both)) || cfg!(not(feature = "decode")));
/// assert!(!is_container(b"only text", &sniff(b"only text")));
/// ```
pub fn is_container(bytes: &[u8], media: &Media) -> bool {
    matches!(media.class, MediaClass::Archive | MediaClass::Pdf) || opens_besides(bytes, media)
}

/// Whether there is more to it than text to read: it is none, or browsers draw it, or it is an archive or a PDF besides.
#[cfg(feature = "decode")]
pub(crate) fn is_more_than_text(bytes: &[u8], media: &Media) -> bool {
    let Kinds { zip, pdf, .. } = Kinds::of(bytes, media);
    media.class != MediaClass::Text || zip || pdf || markup::is_drawing(bytes, media)
}

/// Without the feature `decode` no text is looked into.
#[cfg(not(feature = "decode"))]
pub(crate) fn is_more_than_text(_: &[u8], media: &Media) -> bool {
    media.class != MediaClass::Text
}

#[cfg(feature = "decode")]
fn opens_besides(bytes: &[u8], media: &Media) -> bool {
    Kinds::of(bytes, media).any()
}

#[cfg(not(feature = "decode"))]
fn opens_besides(_: &[u8], _: &Media) -> bool {
    false
}

/// What an upload can be opened as. Its first bytes say one thing; readers of containers look elsewhere.
#[cfg(feature = "decode")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kinds {
    zip: bool,
    pdf: bool,
    /// Text with pictures in its own letters.
    markup: bool,
}

#[cfg(feature = "decode")]
impl Kinds {
    fn of(bytes: &[u8], media: &Media) -> Kinds {
        Kinds {
            zip: media.format == Format::Zip || zip::ends_as_one(bytes),
            pdf: media.format == Format::Pdf || begins_as_pdf(bytes),
            markup: markup::may_hold(bytes, media),
        }
    }

    fn any(self) -> bool {
        self.zip || self.pdf || self.markup
    }
}

#[cfg(feature = "decode")]
fn look_inside(
    bytes: &[u8],
    media: &Media,
    budget: &Budget,
    walk: &mut Walk<'_>,
) -> Result<(), Stop> {
    if budget.thumbnails {
        match media.format {
            Format::Jpeg => exif::of_jpeg(bytes, walk)?,
            Format::Png => exif::of_png(bytes, walk)?,
            Format::WebP => exif::of_webp(bytes, walk)?,
            Format::Tiff => exif::of_tiff(bytes, walk)?,
            _ => {}
        }
    }
    if budget.members {
        let kinds = Kinds::of(bytes, media);
        if kinds.zip {
            zip::pictures(bytes, walk)?;
        }
        if kinds.pdf {
            pdf::pictures(bytes, walk)?;
        }
        if kinds.markup {
            markup::pictures(bytes, media, walk)?;
        }
        if media.class == MediaClass::Archive && media.format != Format::Zip {
            walk.miss(Unscannable::Unsupported);
        }
    }
    Ok(())
}

/// Without the feature `decode` nothing is looked into.
#[cfg(not(feature = "decode"))]
pub fn embedded(
    _: &[u8],
    media: &Media,
    budget: &Budget,
    _: &mut dyn FnMut(Embedded<'_>),
) -> Coverage {
    let container = budget.members && matches!(media.class, MediaClass::Archive | MediaClass::Pdf);
    Coverage { pictures: 0, missed: container.then_some(Unscannable::Unsupported) }
}
