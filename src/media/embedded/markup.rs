//! Pictures written into text: `data:` URIs of SVG, and of other markup and text.
//!
//! ```text
//! each "data:" with a comma  -> base64 or percent signs taken off: a picture by its content? hand it over
//! ```
//!
//! Of markup, numeric references are read as what they stand for wherever they stand.
//!
//! * The media type is not asked: browsers do not ask it either. `base64` counts wherever it stands among the parameters.
//! * What a `data:` URI holds is opened once: markup in it that has a `data:` again is `unsupported`, and so is a document or archive.
//! * Of an SVG, entities of its own that are no addresses are `unsupported`, as they may spell anything, and so is UTF-16.
//! * Not recognised: `data:` spelled by escapes of style sheets and scripts, named references of HTML, pictures drawn as shapes, and what
//!   is fetched from elsewhere.

use memchr::{memchr_iter, memmem};

use super::inflate::make_room;
use super::walk::{HEAD, Part, STEP, Stop, Walk};
use crate::media::class::{MediaClass, Unscannable};
use crate::media::format::Format;
use crate::media::sniff::{Media, looks_like_markup, sniff};

const REFERENCE: &[u8] = b"&#";
const ENTITY: &[u8] = b"<!ENTITY";
/// Letters of a parameter of a header that are kept: more than `base64` has.
const LONGEST_WORD: usize = 64;
/// Bytes by which pictures, containers and markup are known.
const FIRST: usize = 64;
/// In either byte order.
const WIDE_SVG: &[u8] = b"<\0s\0v\0g";

/// Whether there is anything to look into.
pub(super) fn may_hold(bytes: &[u8], media: &Media) -> bool {
    media.class == MediaClass::Text
        && (data_uri(bytes, 0).is_some()
            || has_references(bytes)
            || (media.format == Format::Svg && memmem::find(bytes, ENTITY).is_some())
            || is_wide(bytes))
}

pub(super) fn pictures(bytes: &[u8], media: &Media, walk: &mut Walk<'_>) -> Result<(), Stop> {
    if is_wide(bytes) {
        walk.miss(Unscannable::Unsupported);
        return Ok(());
    }
    if media.format == Format::Svg && spells_by_entities(bytes, walk)? {
        walk.miss(Unscannable::Unsupported);
    }
    data_uris(Letters { text: bytes, at: 0, references: has_references(bytes) }, walk)
}

fn has_references(bytes: &[u8]) -> bool {
    looks_like_markup(bytes) && memmem::find(bytes, REFERENCE).is_some()
}

/// Whether it is an SVG of 16 bits a character.
fn is_wide(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) && memmem::find(bytes, WIDE_SVG).is_some()
}

/// Whether there is an entity that is not the address of a namespace, as drawing programs write them.
fn spells_by_entities(bytes: &[u8], walk: &mut Walk<'_>) -> Result<bool, Stop> {
    let (entity, mut at) = (memmem::Finder::new(ENTITY), 0);
    while let Some(found) = walk.find(bytes, at, &entity)? {
        walk.entry()?;
        at = found + ENTITY.len();
        let rest = bytes.get(at..).unwrap_or(&[]);
        // Names of entities are short.
        let head = rest.get(..256).unwrap_or(rest);
        let quoted =
            head.iter().position(|b| matches!(b, b'"' | b'\'')).map_or(head.len(), |q| q + 1);
        let value = rest.get(quoted..).unwrap_or(&[]);
        if !(value.starts_with(b"http://") || value.starts_with(b"https://")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The letters of a text from `at` on.
#[derive(Clone, Copy)]
struct Letters<'a> {
    text: &'a [u8],
    at: usize,
    /// Whether numeric references are replaced. Breaks and tabs are left out then: browsers leave them out of addresses.
    references: bool,
}

impl Iterator for Letters<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            let rest = self.text.get(self.at..)?;
            let (byte, length) = match self.references.then(|| reference(rest)).flatten() {
                Some((code, length)) => (u8::try_from(code).unwrap_or(b'?'), length),
                None => (*rest.first()?, 1),
            };
            self.at += length;
            if !(self.references && matches!(byte, b'\t' | b'\n' | b'\r')) {
                return Some(byte);
            }
        }
    }
}

/// The character of the numeric reference that begins here, and its length.
fn reference(text: &[u8]) -> Option<(u32, usize)> {
    let digits = text.strip_prefix(REFERENCE)?;
    let (radix, digits) = match digits.split_first() {
        Some((b'x' | b'X', digits)) => (16, digits),
        _ => (10, digits),
    };
    // Zeros in front may be many.
    let mut code = None;
    for (at, digit) in digits.iter().enumerate() {
        let Some(digit) = char::from(*digit).to_digit(radix) else {
            let length = text.len() - digits.len() + at + usize::from(*digit == b';');
            return Some((code?, length));
        };
        code = Some(code.unwrap_or(0u32).saturating_mul(radix).saturating_add(digit));
    }
    Some((code?, text.len()))
}

/// Where the part behind the next `data:` at or behind `from` begins. Letters of either case are taken.
fn data_uri(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let scheme = |colon: &usize| {
        let start = colon.checked_sub(4);
        start.and_then(|s| rest.get(s..*colon)).is_some_and(|s| s.eq_ignore_ascii_case(b"data"))
    };
    memchr_iter(b':', rest).find(scheme).map(|colon| from + colon + 1)
}

impl Letters<'_> {
    /// Goes behind the next `data:`.
    fn go_to_data(&mut self, walk: &mut Walk<'_>) -> Result<bool, Stop> {
        if !self.references {
            let found = data_uri(self.text, self.at);
            let end = found.unwrap_or(self.text.len());
            walk.work(end.saturating_sub(self.at))?;
            self.at = end;
            return Ok(found.is_some());
        }
        let (mut last, mut counted) = ([0u8; 5], self.at);
        while let Some(letter) = self.next() {
            last.rotate_left(1);
            last[4] = letter.to_ascii_lowercase();
            if &last == b"data:" {
                break;
            }
            self.charge(&mut counted, walk)?;
        }
        walk.work(self.at - counted)?;
        Ok(&last == b"data:")
    }

    /// Goes to what ends the header of a `data:` URI. Says whether it is a comma, and what stands before it says base64.
    ///
    /// A quotation mark ends it only if the address began with one, which nobody knows here: it goes on to the comma.
    fn go_to_header_end(&mut self, walk: &mut Walk<'_>) -> Result<Option<bool>, Stop> {
        let mut counted = self.at;
        let (mut word, mut later, mut base64) = (Vec::new(), false, false);
        let mut comma = false;
        while let Some(letter) = self.next() {
            comma = letter == b',';
            if comma || letter == b';' {
                // What stands first is a media type.
                base64 |= later && word.trim_ascii().eq_ignore_ascii_case(b"base64");
                (word, later) = (Vec::new(), true);
            } else if word.len() < LONGEST_WORD && !(word.is_empty() && letter == b' ') {
                word.push(letter);
            }
            if comma || letter == b'<' {
                break;
            }
            self.charge(&mut counted, walk)?;
        }
        walk.work(self.at - counted)?;
        Ok(comma.then_some(base64))
    }

    /// Counts what was read since it was counted last. A letter may be megabytes long.
    fn charge(&self, counted: &mut usize, walk: &mut Walk<'_>) -> Result<(), Stop> {
        if self.at - *counted >= STEP {
            walk.work(self.at - *counted)?;
            *counted = self.at;
        }
        Ok(())
    }
}

fn data_uris(mut letters: Letters<'_>, walk: &mut Walk<'_>) -> Result<(), Stop> {
    let (mut out, mut header_end, mut base64) = (Vec::new(), letters, None);
    while letters.go_to_data(walk)? {
        // What ends a header does so for all that begin before it.
        if header_end.at <= letters.at {
            header_end = letters;
            base64 = header_end.go_to_header_end(walk)?;
        }
        if let Some(base64) = base64 {
            walk.entry()?;
            Body { letters: header_end, base64 }.look(&mut out, walk)?;
        }
    }
    Ok(())
}

/// What stands behind the comma of a `data:` URI. Where it ends nobody says: the first byte that cannot belong to it is its end.
#[derive(Clone, Copy)]
struct Body<'a> {
    letters: Letters<'a>,
    base64: bool,
}

impl Body<'_> {
    fn look(self, out: &mut Vec<u8>, walk: &mut Walk<'_>) -> Result<(), Stop> {
        // Of a log every line may have a `data:`: most of what stands behind one is told by its first letters.
        for most in [FIRST, HEAD] {
            if !self.decode(most, out, walk)? {
                return Err(walk.stop(Unscannable::Limit));
            }
            let blank = out.trim_ascii().is_empty();
            if Part::of(out) == Part::Other && !looks_like_markup(out) && !blank {
                return Ok(());
            }
        }
        let part = Part::of(out);
        let markup =
            part == Part::Other && sniff(out).class == MediaClass::Text && looks_like_markup(out);
        if part == Part::Container {
            walk.miss(Unscannable::Unsupported);
        }
        if part != Part::Picture && !markup {
            return Ok(());
        }
        if part == Part::Picture {
            walk.expect_picture()?;
        }
        if !self.decode(usize::MAX, out, walk)? {
            walk.miss(Unscannable::Limit);
            return Ok(());
        }
        if part == Part::Picture {
            return walk.hand_over(out);
        }
        let media = sniff(out);
        if may_hold(out, &media) {
            walk.miss(Unscannable::Unsupported);
        }
        Ok(())
    }

    /// Decodes as much of it as `most` bytes. Says whether the budget sufficed.
    fn decode(self, most: usize, out: &mut Vec<u8>, walk: &mut Walk<'_>) -> Result<bool, Stop> {
        out.clear();
        let allowed = most.min(walk.bytes_left());
        let (mut bits, mut count) = (0u32, 0u32);
        let mut address = Percent { letters: self.letters };
        let mut counted = self.letters.at;
        while let Some(byte) = address.next() {
            address.letters.charge(&mut counted, walk)?;
            let decoded = if self.base64 {
                // Browsers pass over white space, and style sheets and scripts over the backslash.
                if byte.is_ascii_whitespace() || byte == b'\\' {
                    continue;
                }
                let Some(six) = sextet(byte) else { break };
                (bits, count) = (bits << 6 | six, count + 6);
                if count < 8 {
                    continue;
                }
                count -= 8;
                // The bits above were taken before.
                (bits >> count & 0xff) as u8
            } else {
                byte
            };
            if out.len() >= allowed || !make_room(out, out.len() + 1, allowed) {
                walk.spend(out.len())?;
                return Ok(allowed == most);
            }
            out.push(decoded);
        }
        walk.spend(out.len())?;
        Ok(true)
    }
}

fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// The bytes of an address with its percent signs taken off, up to a quotation mark or the next element.
struct Percent<'a> {
    letters: Letters<'a>,
}

impl Iterator for Percent<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let byte = self.letters.next()?;
        if matches!(byte, b'"' | b'<') {
            return None;
        }
        let mut ahead = self.letters;
        let mut digit = || ahead.next().and_then(|digit| char::from(digit).to_digit(16));
        if byte == b'%'
            && let (Some(high), Some(low)) = (digit(), digit())
        {
            self.letters = ahead;
            return Some((16 * high + low) as u8);
        }
        Some(byte)
    }
}
