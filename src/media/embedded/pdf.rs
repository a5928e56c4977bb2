//! Pictures in a PDF.
//!
//! ```text
//! every "obj" that begins a word, from front to back, with a dictionary and a stream behind it:
//!   its filters end in DCT or JPX       -> take the filters before off: a JPEG or JPEG 2000 file, as it was put in
//!   /Subtype /Image without such a one  -> bare pixels: a PNG or BMP file around them                          pixels
//!   /Type /EmbeddedFile                 -> take the filters off; a picture by its content? hand it over
//!   anything else                       -> on to the next "obj"
//! ```
//!
//! * The numbers before "obj" are not read: comments and any amount of white space may stand between.
//! * The cross-reference table is not read, so a broken or lying one hides nothing; nor are pages, so a picture that no page shows is
//!   found too, once for each time it is stored. Streams cannot stand inside object streams, so no picture is in one.
//! * The search goes on right behind each "obj" and skips no stream, so a lying `/Length` hides nothing either. It is used only if
//!   `endstream` stands where it says. Reading dictionaries may cost twice the file in all: in an honest file no two overlap. One that
//!   is longer than 256 KiB is not read to its end (`limit`), so that the clock is looked at in between and no value is large.
//! * Values that are references (`/Filter 7 0 R`) are searched for, through 512 MiB in all; those within object streams are not found.
//! * Filters taken off: Flate, ASCII85, ASCIIHex. A picture behind another (LZW, run lengths, fax, JBIG2), and pixels of another
//!   kind than `pixels` knows, are `unsupported`; so is whatever is encrypted.
//! * Not recognised: pictures written into a page's own contents (inline images); stencil masks, which have no colours.

mod filter;
mod object;
mod pixels;

use super::inflate::Inflater;
use super::walk::{HEAD, Part, Stop, Walk};
use crate::media::class::Unscannable;
use filter::{Decoded, Filter, decode, filters};
use memchr::memmem;
use object::{Token, Tokens, is_regular, number_of, plain, reference_of};

/// Bytes that are read in search of references.
const LOOKUPS: usize = 512 << 20;
/// The most that is read of one dictionary, or of one value that is referred to. Page trees come near it, pictures never do.
const OBJECT: usize = 256 << 10;
const JPEG_START: &[u8] = b"\xff\xd8\xff";

pub(super) fn pictures(bytes: &[u8], walk: &mut Walk<'_>) -> Result<(), Stop> {
    let mut pdf = Pdf {
        bytes,
        encrypted: false,
        parsed: 0,
        lookups: LOOKUPS,
        stream_end: None,
        inflater: Inflater::new(),
    };
    if pdf.mentions_encryption(walk)? {
        pdf.encrypted = true;
        walk.miss(Unscannable::Unsupported);
    }
    let (object, mut at) = (memmem::Finder::new(b"obj"), 0);
    while let Some(found) = walk.find(bytes, at, &object)? {
        at = found + 3;
        if !bytes.get(..found).is_some_and(may_begin_a_word) {
            continue;
        }
        walk.entry()?;
        let mut tokens = tokens_at(bytes, at);
        let mut stream = Stream::default();
        let dictionary = tokens.dictionary(|key, value| stream.set(key, value));
        pdf.count(tokens.at() - at, walk)?;
        if dictionary.is_none() {
            note_the_cut(&tokens, bytes, walk);
            continue;
        }
        let behind = tokens.at();
        let mut tokens = tokens_at(bytes, behind);
        tokens.skip_space();
        pdf.count(tokens.at() - behind, walk)?;
        match stream_data(bytes, tokens.at()) {
            Some(data) => pdf.look(&stream, data, walk)?,
            // White space or a comment: the keyword may follow.
            None if tokens.at() < bytes.len() => note_the_cut(&tokens, bytes, walk),
            None => {}
        }
    }
    Ok(())
}

/// The tokens behind `at`, as far as one object goes.
fn tokens_at(bytes: &[u8], at: usize) -> Tokens<'_> {
    Tokens::new(bytes.get(..at.saturating_add(OBJECT)).unwrap_or(bytes), at)
}

/// Notes why the tokens ended, if they did: the file ends, or the object is too long.
fn note_the_cut(tokens: &Tokens<'_>, bytes: &[u8], walk: &mut Walk<'_>) {
    if tokens.at() >= bytes.len() {
        walk.miss(Unscannable::Truncated);
    } else if tokens.ended() {
        walk.miss(Unscannable::Limit);
    }
}

/// Whether a keyword may begin behind these bytes, as `obj` does not in `endobj`. Some readers ask for no space behind a number.
fn may_begin_a_word(before: &[u8]) -> bool {
    before.last().is_none_or(|last| !is_regular(*last) || last.is_ascii_digit())
}

/// Where the stream's data begin, if the keyword stands at `at`, behind its dictionary.
fn stream_data(bytes: &[u8], at: usize) -> Option<usize> {
    let behind = bytes.get(at..)?.strip_prefix(b"stream")?;
    Some(
        at + 6
            + usize::from(behind.starts_with(b"\r"))
            + usize::from(behind.starts_with(b"\n") || behind.starts_with(b"\r\n")),
    )
}

/// What the dictionary of a stream says, each value as the bytes it stands in.
#[derive(Default)]
struct Stream<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    length: &'a [u8],
    filter: &'a [u8],
    parameters: &'a [u8],
    width: &'a [u8],
    height: &'a [u8],
    bits: &'a [u8],
    space: &'a [u8],
    decode: &'a [u8],
    mask: &'a [u8],
}

impl<'a> Stream<'a> {
    fn set(&mut self, key: &[u8], value: &'a [u8]) {
        // Where a key stands twice, readers take the last one.
        match &*plain(key) {
            b"Type" => self.kind = value,
            b"Subtype" => self.subtype = value,
            b"Length" => self.length = value,
            b"Filter" => self.filter = value,
            b"DecodeParms" => self.parameters = value,
            b"Width" => self.width = value,
            b"Height" => self.height = value,
            b"BitsPerComponent" => self.bits = value,
            b"ColorSpace" => self.space = value,
            b"Decode" => self.decode = value,
            b"ImageMask" => self.mask = value,
            _ => {}
        }
    }
}

/// Whether a value is this name.
fn names(value: &[u8], expected: &[u8]) -> bool {
    matches!(Tokens::new(value, 0).next(), Some(Token::Name(name)) if *plain(name) == *expected)
}

struct Pdf<'a> {
    bytes: &'a [u8],
    encrypted: bool,
    /// Bytes of dictionaries that were read.
    parsed: usize,
    /// Bytes that may still be read in search of references.
    lookups: usize,
    /// From where the last `endstream` was searched, and where it stands.
    stream_end: Option<(usize, Option<usize>)>,
    inflater: Inflater,
}

impl<'a> Pdf<'a> {
    /// Counts bytes that were read as tokens.
    fn count(&mut self, bytes: usize, walk: &mut Walk<'_>) -> Result<(), Stop> {
        self.parsed = self.parsed.saturating_add(bytes);
        if self.parsed > self.bytes.len().saturating_mul(2).saturating_add(HEAD) {
            return Err(walk.stop(Unscannable::Limit));
        }
        walk.work(bytes)
    }

    /// Whether the key stands anywhere. If it is spelled so that this misses it, what is encrypted turns out to be no picture.
    fn mentions_encryption(&self, walk: &mut Walk<'_>) -> Result<bool, Stop> {
        const KEY: &[u8] = b"/Encrypt";
        let (key, mut at) = (memmem::Finder::new(KEY), 0);
        while let Some(found) = walk.find(self.bytes, at, &key)? {
            at = found + KEY.len();
            // Not one of the longer names that begin so.
            if !self.bytes.get(at).is_some_and(|b| is_regular(*b)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The value itself, if it is a reference to one that is found.
    fn resolve(&mut self, value: &'a [u8], walk: &mut Walk<'_>) -> Result<&'a [u8], Stop> {
        let Some(object) = reference_of(value) else { return Ok(value) };
        let needle = format!("{object} 0 obj");
        let (finder, mut at) = (memmem::Finder::new(&needle), 0);
        while self.lookups > 0 {
            let found = walk.find(self.bytes, at, &finder)?;
            let read = found.unwrap_or(self.bytes.len()).saturating_sub(at) + needle.len();
            self.lookups = self.lookups.saturating_sub(read);
            let Some(found) = found else { break };
            at = found + needle.len();
            // Not the end of a longer number.
            if found == 0 || !self.bytes[found - 1].is_ascii_digit() {
                let mut tokens = tokens_at(self.bytes, at);
                let target = tokens.value().unwrap_or(&[]);
                self.count(tokens.at() - at, walk)?;
                note_the_cut(&tokens, self.bytes, walk);
                return Ok(target);
            }
        }
        if self.lookups == 0 {
            walk.miss(Unscannable::Limit);
        }
        Ok(value)
    }

    fn look(&mut self, stream: &Stream<'a>, start: usize, walk: &mut Walk<'_>) -> Result<(), Stop> {
        let subtype = self.resolve(stream.subtype, walk)?;
        // One out of reach may be an image.
        let image = names(subtype, b"Image") || reference_of(subtype).is_some();
        let file = names(stream.kind, b"EmbeddedFile");
        let filter = if image || file { self.resolve(stream.filter, walk)? } else { stream.filter };
        let filters = filters(filter);
        let codec = filters.iter().flatten().position(|f| matches!(f, Filter::Dct | Filter::Jpx));
        if !(image || file || codec.is_some()) {
            return Ok(());
        }
        let before = filters.as_deref().map(|filters| &filters[..codec.unwrap_or(filters.len())]);
        match before {
            // What is a picture as it lies there is one, whatever the filters are called.
            None => coded(Decoded::whole(self.data(stream, start, walk)?), walk),
            Some(before) if before.contains(&Filter::Other) => {
                walk.miss(Unscannable::Unsupported);
                Ok(())
            }
            Some(before) if codec.is_some() => {
                let data = self.data(stream, start, walk)?;
                if !before.is_empty() {
                    walk.expect_picture()?;
                }
                let decoded = decode(data, before, usize::MAX, &mut self.inflater, walk)?;
                coded(decoded, walk)
            }
            // Noted already.
            Some(_) if self.encrypted => Ok(()),
            Some(before) if file => {
                let data = self.data(stream, start, walk)?;
                self.attached(data, before, walk)
            }
            Some(before) if !names_true(stream.mask) => {
                let data = self.data(stream, start, walk)?;
                self.pixels(stream, data, before, walk)
            }
            Some(_) => Ok(()),
        }
    }

    /// A file that is attached to the document.
    fn attached(
        &mut self,
        data: &[u8],
        filters: &[Filter],
        walk: &mut Walk<'_>,
    ) -> Result<(), Stop> {
        let head = decode(data, filters, HEAD, &mut self.inflater, walk)?;
        match Part::of(&head.bytes) {
            Part::Picture => {
                walk.expect_picture()?;
                let whole = decode(data, filters, usize::MAX, &mut self.inflater, walk)?;
                return coded(whole, walk);
            }
            Part::Container => walk.miss(Unscannable::Unsupported),
            Part::Other => {
                if let Some(reason) = head.broken {
                    walk.miss(reason);
                }
            }
        }
        Ok(())
    }

    /// The data of a stream: as long as it says, if it ends there; otherwise up to the next `endstream`.
    fn data(
        &mut self,
        stream: &Stream<'a>,
        start: usize,
        walk: &mut Walk<'_>,
    ) -> Result<&'a [u8], Stop> {
        let rest = self.bytes.get(start..).unwrap_or(&[]);
        if let Some(length) = number_of(stream.length)
            && let Some((data, behind)) = rest.split_at_checked(length)
            && behind.get(..16).unwrap_or(behind).trim_ascii_start().starts_with(b"endstr")
        {
            return Ok(data);
        }
        let end = match self.stream_end {
            // Nothing has changed between where that search began and what it found.
            Some((from, end)) if from <= start && end.is_none_or(|end| start <= end) => end,
            _ => walk.find(self.bytes, start, &memmem::Finder::new(b"endstream"))?,
        };
        self.stream_end = Some((start, end));
        let Some(end) = end else {
            walk.miss(Unscannable::Truncated);
            return Ok(rest);
        };
        let data = self.bytes.get(start..end).unwrap_or(&[]);
        let data = data.strip_suffix(b"\n").unwrap_or(data);
        Ok(data.strip_suffix(b"\r").unwrap_or(data))
    }
}

fn names_true(value: &[u8]) -> bool {
    Tokens::new(value, 0).next() == Some(Token::Word(b"true"))
}

/// What ought to be a picture file.
fn coded(decoded: Decoded<'_>, walk: &mut Walk<'_>) -> Result<(), Stop> {
    if let Some(reason) = decoded.broken {
        walk.miss(reason);
        if reason == Unscannable::Limit {
            return Ok(());
        }
    }
    let bytes = &decoded.bytes[..];
    if Part::of(bytes) == Part::Picture {
        return walk.hand_over(bytes);
    }
    // Viewers pass over junk before a JPEG.
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    match memmem::find(head, JPEG_START).and_then(|junk| bytes.get(junk..)) {
        Some(picture) => walk.hand_over(picture),
        None => {
            walk.miss(Unscannable::Unsupported);
            Ok(())
        }
    }
}
