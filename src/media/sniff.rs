//! What an upload is, from its first bytes.
//!
//! ```text
//! sniff(bytes):
//!   no bytes                               -> empty
//!   a picture's magic number at offset 0   -> that picture; a walk over chunk headers says still or animated
//!   a film's, sound's or archive's         -> that
//!   "%PDF" in the first 1024 bytes         -> PDF
//!   "ustar" at offset 257                  -> tar
//!   the first 4 KiB read as text           -> SVG or text
//!   otherwise                              -> unknown
//! ```
//!
//! * Total: every byte string has an answer; no allocation, no panic.
//! * Bounded: it reads 4 KiB, plus at most 65,536 chunk headers to tell a still picture from an animated one.
//!   If that bound ends the walk the answer is *animated*: nothing passes for a still that may not be one.
//! * The picture wins. A file that is a picture and something else (a JPEG with a ZIP behind it, a GIF that is
//!   also a script) is the picture, since that is what a browser shows. Signatures are looked for at offset 0
//!   only, as browsers do: with junk in front no browser shows a picture. A byte-order mark and white space
//!   before markup are passed over. That such a file may be opened as something else too is `embedded`'s business.
//! * Names and declared types are not asked: an uploader chooses them.

use serde::{Deserialize, Serialize};

use super::class::MediaClass;
use super::format::Format;
use super::walk::{GifFrames, GifStep, array, png_chunks};

/// Bytes of the file that are looked at.
const PREFIX: usize = 4096;
/// Chunk headers that are looked at to find a second frame.
const STEPS: u32 = 65_536;

/// What an upload is: its class for the policy, its format for the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Media {
    /// The kind of media, as the policy sees it.
    pub class: MediaClass,
    /// The file format.
    pub format: Format,
}

/// Names an upload by its magic numbers. Never fails; what it does not know is `unknown`.
///
/// ```
/// use tamis::media::{Format, MediaClass, sniff};
/// let media = sniff(b"\xff\xd8\xff\xe0 and so on");
/// assert_eq!((media.class, media.format), (MediaClass::Image, Format::Jpeg));
/// assert_eq!(sniff(b"").class, MediaClass::Empty);
/// ```
pub fn sniff(bytes: &[u8]) -> Media {
    let head = bytes.get(..PREFIX).unwrap_or(bytes);
    let (class, format) = if head.is_empty() {
        (MediaClass::Empty, Format::Empty)
    } else {
        picture(bytes, head)
            .or_else(|| iso_media(head))
            .or_else(|| film_or_sound(head))
            .or_else(|| container(head))
            .or_else(|| text(head, bytes.len() > PREFIX))
            .unwrap_or((MediaClass::Unknown, Format::Unknown))
    };
    Media { class, format }
}

type Found = Option<(MediaClass, Format)>;

fn still_or_animated(animated: bool, format: Format) -> Found {
    Some((if animated { MediaClass::Animation } else { MediaClass::Image }, format))
}

fn picture(bytes: &[u8], head: &[u8]) -> Found {
    let image = |format| Some((MediaClass::Image, format));
    match head {
        [0xff, 0xd8, 0xff, ..] => image(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => {
            still_or_animated(png_is_animated(bytes), Format::Png)
        }
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => {
            still_or_animated(gif_is_animated(bytes), Format::Gif)
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            // The animation flag of the extended header.
            let animated = array(head, 12) == Some(*b"VP8X")
                && head.get(20).is_some_and(|flags| flags & 2 != 0);
            still_or_animated(animated, Format::WebP)
        }
        // Two letters are too weak a sign: the length of the second header must be one that exists.
        // OS/2 lets a writer end it behind any field.
        [b'B', b'M', ..] => match array(head, 14).map(u32::from_le_bytes)? {
            12 | 42 | 46 | 108 | 124 => image(Format::Bmp),
            length if (16..=64).contains(&length) && length % 4 == 0 => image(Format::Bmp),
            _ => None,
        },
        [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => image(Format::Tiff),
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', b'\r', b'\n', 0x87, b'\n', ..] => {
            image(Format::Jxl)
        }
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', b'\r', b'\n', 0x87, b'\n', ..]
        | [0xff, 0x4f, 0xff, 0x51, ..] => image(Format::Jp2),
        // Icon or cursor: a count that is not zero, and the reserved byte of the first entry. Browsers do not ask that one: then the first entry
        // must say where in the file it lies.
        [0, 0, 1 | 2, 0, count, 0, _, _, _, 0, ..] if *count > 0 => image(Format::Ico),
        [0, 0, 1 | 2, 0, ..] if has_icon(bytes) => image(Format::Ico),
        [b'8', b'B', b'P', b'S', 0, 1 | 2, ..] => image(Format::Psd),
        _ => None,
    }
}

/// Whether the first entry of an icon's directory lies in the file, behind the directory.
fn has_icon(bytes: &[u8]) -> bool {
    let number = |at| array(bytes, at).map(u32::from_le_bytes).map_or(0, u64::from);
    let count = array(bytes, 4).map_or(0, u16::from_le_bytes);
    let (length, start) = (number(14), number(18));
    count > 0 && length > 0 && start >= 22 && start + length <= bytes.len() as u64
}

/// Whether an animation control chunk stands before the first pixels.
fn png_is_animated(bytes: &[u8]) -> bool {
    for (step, chunk) in png_chunks(bytes).enumerate() {
        match &chunk.kind {
            b"acTL" => return true,
            b"IDAT" | b"IEND" => return false,
            _ if step >= STEPS as usize => return true,
            _ => {}
        }
    }
    false
}

/// Whether there is a second frame.
fn gif_is_animated(bytes: &[u8]) -> bool {
    let mut frames = GifFrames::new(bytes, STEPS);
    match frames.step() {
        GifStep::Frame(_) => frames.step() != GifStep::End,
        GifStep::End => false,
        GifStep::Undecided => true,
    }
}

/// ISO base media: MP4 and its relatives, among them HEIC and AVIF.
fn iso_media(head: &[u8]) -> Found {
    match &array::<4>(head, 4)? {
        b"ftyp" => {}
        // QuickTime from before `ftyp`.
        b"moov" | b"mdat" | b"wide" | b"pnot" => return Some((MediaClass::Video, Format::Mov)),
        _ => return None,
    }
    let length = u32::from_be_bytes(array(head, 0)?) as usize;
    let brands = head.get(16..length.min(head.len())).unwrap_or(&[]);
    let has = |brand: &[u8; 4]| brands.chunks_exact(4).any(|b| b == brand);
    Some(match &array::<4>(head, 8)? {
        b"avif" => (MediaClass::Image, Format::Avif),
        b"avis" => (MediaClass::Animation, Format::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" => (MediaClass::Image, Format::Heic),
        b"hevc" | b"hevx" | b"hevm" | b"hevs" => (MediaClass::Animation, Format::Heic),
        b"mif1" | b"mif2" | b"miaf" if has(b"avif") => (MediaClass::Image, Format::Avif),
        b"mif1" | b"mif2" | b"miaf" => (MediaClass::Image, Format::Heic),
        b"msf1" if has(b"avis") => (MediaClass::Animation, Format::Avif),
        b"msf1" => (MediaClass::Animation, Format::Heic),
        // A picture whatever its first brand says: decoders take one that is compatible with theirs.
        _ if has(b"avis") => (MediaClass::Animation, Format::Avif),
        _ if has(b"avif") => (MediaClass::Image, Format::Avif),
        _ if has(b"hevc") || has(b"hevx") || has(b"msf1") => (MediaClass::Animation, Format::Heic),
        _ if has(b"heic") || has(b"heix") || has(b"mif1") => (MediaClass::Image, Format::Heic),
        b"M4A " | b"M4B " | b"M4P " | b"F4A " => (MediaClass::Audio, Format::M4a),
        b"qt  " => (MediaClass::Video, Format::Mov),
        [b'3', b'g', ..] => (MediaClass::Video, Format::ThreeGp),
        _ => (MediaClass::Video, Format::Mp4),
    })
}

fn film_or_sound(head: &[u8]) -> Found {
    let video = |format| Some((MediaClass::Video, format));
    let audio = |format| Some((MediaClass::Audio, format));
    match head {
        [0x1a, 0x45, 0xdf, 0xa3, rest @ ..] => {
            // The document type stands within the first header, near the front.
            let webm = rest.get(..64).unwrap_or(rest).windows(4).any(|w| w == b"webm");
            video(if webm { Format::WebM } else { Format::Matroska })
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => video(Format::Avi),
        [b'R', b'I', b'F', b'F' | b'X', _, _, _, _, b'W', b'A', b'V', b'E', ..]
        | [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..] => audio(Format::Wav),
        [b'F', b'L', b'V', 1, ..] => video(Format::Flv),
        [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, ..] => video(Format::Asf),
        [0, 0, 1, 0xba | 0xb3, ..] => video(Format::MpegPs),
        [b'O', b'g', b'g', b'S', 0, ..] => {
            // The first pages announce every stream; pictures weigh more than sound.
            let shows = [&b"\x80theora"[..], b"\x01video\0", b"BBCD\0", b"OVP80"]
                .iter()
                .any(|codec| head.windows(codec.len()).any(|w| w == *codec));
            if shows { video(Format::Ogg) } else { audio(Format::Ogg) }
        }
        [b'f', b'L', b'a', b'C', ..] => audio(Format::Flac),
        [b'I', b'D', b'3', 2..=4, ..] => audio(Format::Mp3),
        [b'A', b'D', b'I', b'F', ..] => audio(Format::Aac),
        // ADTS: sync word, layer 0, a sampling rate that exists.
        [0xff, 0xf0 | 0xf1 | 0xf8 | 0xf9, rate, ..] if (rate >> 2) & 15 < 13 => audio(Format::Aac),
        // MPEG layer III: sync word, a bit rate and a sampling rate that exist.
        [0xff, 0xe2 | 0xe3 | 0xf2 | 0xf3 | 0xfa | 0xfb, rate, ..]
            if !matches!(rate >> 4, 0 | 15) && (rate >> 2) & 3 != 3 =>
        {
            audio(Format::Mp3)
        }
        _ if is_transport_stream(head) => video(Format::MpegTs),
        _ => None,
    }
}

/// Packets of 188 bytes, or of 192 with a time stamp in front (Blu-ray).
fn is_transport_stream(head: &[u8]) -> bool {
    [(0, 188), (4, 192)]
        .iter()
        .any(|&(first, packet)| (0..3).all(|i| head.get(first + i * packet) == Some(&0x47)))
}

fn container(head: &[u8]) -> Found {
    let archive = |format| Some((MediaClass::Archive, format));
    match head {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => {
            archive(Format::Zip)
        }
        [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => archive(Format::Rar),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => archive(Format::SevenZip),
        [0x1f, 0x8b, 8, ..] => archive(Format::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => archive(Format::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => archive(Format::Zstd),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, 0x41 | 0x72, ..] => archive(Format::Bzip2),
        _ if begins_as_pdf(head) => Some((MediaClass::Pdf, Format::Pdf)),
        _ if array(head, 257) == Some(*b"ustar") => archive(Format::Tar),
        _ => None,
    }
}

/// Whether readers of PDF may open it: they accept up to a kilobyte of junk in front, and some do without the hyphen.
pub(super) fn begins_as_pdf(bytes: &[u8]) -> bool {
    bytes.get(..1024).unwrap_or(bytes).windows(4).any(|w| w == b"%PDF")
}

fn text(head: &[u8], cut: bool) -> Found {
    let found = |format| Some((MediaClass::Text, format));
    let body = match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return found(Format::Text),
        [0xef, 0xbb, 0xbf, body @ ..] => body,
        _ => head,
    };
    match std::str::from_utf8(body) {
        Ok(_) => {}
        // The prefix may end in the middle of a character; the file may not.
        Err(error) if error.error_len().is_none() && cut => {}
        // Markup may say what its letters are coded in.
        Err(_) if looks_like_markup(body) => {}
        Err(_) => return None,
    }
    // The control characters that occur in text: tab, line feed, form feed, carriage return, escape.
    if body.iter().any(|b| *b < 32 && !matches!(b, 9 | 10 | 12 | 13 | 27)) {
        return None;
    }
    found(if is_svg(body) { Format::Svg } else { Format::Text })
}

/// Whether the first thing in it is an element, a comment or a declaration.
pub(super) fn looks_like_markup(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    matches!(text, [b'<', b'!' | b'?' | b'a'..=b'z' | b'A'..=b'Z', ..])
}

/// Markup whose first element is `svg`: declarations, comments and a document type may stand before it.
fn is_svg(text: &[u8]) -> bool {
    let mut rest = text.trim_ascii_start();
    loop {
        let end: &[u8] = match rest {
            [b'<', b's', b'v', b'g', after, ..] => {
                return after.is_ascii_whitespace() || matches!(after, b'>' | b'/');
            }
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'?', ..] => b"?>",
            _ if rest.get(..14).is_some_and(|d| d.eq_ignore_ascii_case(b"<!doctype html")) => {
                return false;
            }
            // A document type with an internal subset ends behind the bracket.
            [b'<', b'!', inside @ ..] => {
                let plain = inside.iter().position(|b| *b == b'>');
                let subset = inside.iter().position(|b| *b == b'[');
                if subset.is_some_and(|s| plain.is_none_or(|p| s < p)) { b"]>" } else { b">" }
            }
            _ => return false,
        };
        let Some(at) = rest.windows(end.len()).position(|w| w == end) else { return false };
        rest = rest.get(at + end.len()..).unwrap_or(&[]).trim_ascii_start();
    }
}
