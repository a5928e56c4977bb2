//! The filters of a PDF stream that stand in front of a picture: deflate, and the two ways to write bytes as text.

use std::borrow::Cow;

use super::object::{Token, Tokens, hex_digit, plain};
use crate::media::class::Unscannable;
use crate::media::embedded::inflate::{End, Inflater, make_room};
use crate::media::embedded::walk::{STEP, Stop, Walk};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Flate,
    Ascii85,
    AsciiHex,
    /// JPEG.
    Dct,
    /// JPEG 2000.
    Jpx,
    /// Fax, JBIG2, LZW, run lengths, encryption.
    Other,
}

/// More filters than this are not written by anybody.
const MOST: usize = 8;

/// The filters that a `/Filter` value names, in the order of decoding. `None` if it does not name them.
pub(super) fn filters(value: &[u8]) -> Option<Vec<Filter>> {
    let mut tokens = Tokens::new(value, 0);
    let mut filters = Vec::new();
    while let Some(token) = tokens.next() {
        match token {
            Token::Name(name) if filters.len() < MOST => filters.push(Filter::named(name)),
            Token::ArrayOpen | Token::ArrayClose => {}
            Token::Word(b"null") => {}
            _ => return None,
        }
    }
    Some(filters)
}

impl Filter {
    fn named(name: &[u8]) -> Filter {
        match &*plain(name) {
            b"FlateDecode" | b"Fl" => Filter::Flate,
            b"ASCII85Decode" | b"A85" => Filter::Ascii85,
            b"ASCIIHexDecode" | b"AHx" => Filter::AsciiHex,
            b"DCTDecode" | b"DCT" => Filter::Dct,
            b"JPXDecode" | b"JPX" => Filter::Jpx,
            _ => Filter::Other,
        }
    }
}

/// What came out of the filters, and whether it is all.
pub(super) struct Decoded<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) broken: Option<Unscannable>,
}

impl<'a> Decoded<'a> {
    pub(super) fn whole(bytes: &'a [u8]) -> Self {
        Decoded { bytes: Cow::Borrowed(bytes), broken: None }
    }
}

/// Takes `filters` off `data`, as far as `most` bytes of the result.
pub(super) fn decode<'a>(
    data: &'a [u8],
    filters: &[Filter],
    most: usize,
    inflater: &mut Inflater,
    walk: &mut Walk<'_>,
) -> Result<Decoded<'a>, Stop> {
    let mut decoded = Decoded::whole(data);
    for (done, filter) in filters.iter().enumerate() {
        // What the last filter gives is asked for; the ones before have to give all.
        let most = if done + 1 == filters.len() { most } else { usize::MAX };
        let broken = match filter {
            Filter::Flate => {
                inflater.start(true);
                let end = inflater.run(&decoded.bytes, most, walk)?;
                decoded.bytes = Cow::Owned(without_much_room(inflater.take()));
                if let End::Broken(reason) = end { Some(reason) } else { None }
            }
            Filter::Ascii85 | Filter::AsciiHex => {
                let mut text = Text { groups: *filter, out: Vec::new() };
                let broken = text.decode(&decoded.bytes, most, walk)?;
                decoded.bytes = Cow::Owned(without_much_room(text.out));
                broken
            }
            Filter::Dct | Filter::Jpx | Filter::Other => Some(Unscannable::Unsupported),
        };
        decoded.broken = decoded.broken.max(broken);
    }
    Ok(decoded)
}

/// Gives room back that is more than what is in it, before the next filter makes some of its own.
fn without_much_room(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() < bytes.capacity() / 2 {
        bytes.shrink_to_fit();
    }
    bytes
}

/// Bytes written as text, in groups of letters.
struct Text {
    groups: Filter,
    out: Vec<u8>,
}

impl Text {
    fn decode(
        &mut self,
        text: &[u8],
        most: usize,
        walk: &mut Walk<'_>,
    ) -> Result<Option<Unscannable>, Stop> {
        let (letters, base) = if self.groups == Filter::Ascii85 { (5, 85) } else { (2, 16) };
        let (mut group, mut length) = (0u64, 0usize);
        for step in text.strip_prefix(b"<~").unwrap_or(text).chunks(STEP) {
            let before = self.out.len();
            let most = most.min(before.saturating_add(walk.bytes_left()));
            // A letter is at most four bytes, and the last group may reach beyond.
            let needed = before.saturating_add(4 * step.len()).min(most).saturating_add(4);
            if !make_room(&mut self.out, needed, most.saturating_add(4)) {
                return Ok(Some(Unscannable::Limit));
            }
            for &letter in step {
                if self.out.len() >= most {
                    break;
                }
                let digit = match (letter, self.groups) {
                    (0 | 9 | 10 | 12 | 13 | 32, _) => continue,
                    (b'>', Filter::AsciiHex) | (b'~', Filter::Ascii85) => {
                        self.finish(group, length);
                        walk.spend(self.out.len() - before)?;
                        return Ok(None);
                    }
                    (b'z', Filter::Ascii85) if length == 0 => {
                        self.out.extend([0; 4]);
                        continue;
                    }
                    (b'!'..=b'u', Filter::Ascii85) => letter - b'!',
                    (_, Filter::AsciiHex) if letter.is_ascii_hexdigit() => {
                        hex_digit(letter).unwrap_or(0)
                    }
                    _ => {
                        walk.spend(self.out.len() - before)?;
                        return Ok(Some(Unscannable::Corrupt));
                    }
                };
                group = group * base + u64::from(digit);
                length += 1;
                if length == letters {
                    self.finish(group, length);
                    (group, length) = (0, 0);
                }
            }
            walk.spend(step.len().max(self.out.len() - before))?;
            if self.out.len() >= most {
                let enough = walk.bytes_left() > 0;
                return Ok(if enough { None } else { Some(Unscannable::Limit) });
            }
        }
        // The mark of the end is often forgotten; the stream's end will do.
        self.finish(group, length);
        Ok(None)
    }

    /// Writes a group of letters; a last one may be short.
    fn finish(&mut self, group: u64, length: usize) {
        let (letters, base, bytes) =
            if self.groups == Filter::Ascii85 { (5, 85, 4) } else { (2, 16, 1) };
        if length == 0 || (bytes == 4 && length == 1) {
            return;
        }
        // Missing letters count as the highest in ASCII85, as zero in hexadecimal.
        let missing = if bytes == 4 { base - 1 } else { 0 };
        let value = (length..letters).fold(group, |value, _| value * base + missing);
        let be = value.to_be_bytes();
        let keep = if bytes == 4 { length - 1 } else { 1 };
        self.out.extend(be[8 - bytes..].iter().take(keep));
    }
}
