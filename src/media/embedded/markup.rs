//! Pictures written into text: `data:` URIs of SVG, and of other markup and text.
//!
//! ```text
//! each "data:"  -> what stands behind the next comma, with base64 taken off, and with percent signs taken off:
//!                  a picture by its content? hand it over
//! ```
//!
//! Of markup, numeric references are read as what they stand for wherever they stand.
//!
//! * Neither the media type nor the word `base64` is asked: browsers do not ask the one, and find the other where others do not.
//! * What a `data:` URI holds is opened once. Markup in it that has a `data:` again is `unsupported`, and so is a document or archive. Within a
//!   drawing so is any text that has one, or escapes: it may be a style sheet.
//! * Of a drawing (an SVG, whatever stands before its first element), entities of its own that are no addresses are `unsupported`, as they may spell
//!   anything; so are style sheets with escapes, or with anything but text within, and so is UTF-16.
//! * Not recognised: `data:` spelled by escapes outside a drawing and by scripts, named references of HTML, pictures drawn as shapes, and what
//!   is fetched from elsewhere.

use memchr::{memchr, memchr_iter, memchr3, memmem};

use super::inflate::make_room;
use super::walk::{HEAD, Part, STEP, Stop, Walk};
use crate::media::class::{MediaClass, Unscannable};
use crate::media::format::Format;
use crate::media::sniff::{Media, looks_like_markup, sniff};

const REFERENCE: &[u8] = b"&#";
const ENTITY: &[u8] = b"<!ENTITY";
const STYLE: &[u8] = b"style";
/// In either byte order.
const WIDE_SVG: &[u8] = b"s\0v\0g";
/// Bytes that say whether a `data:` URI is worth more than this look. Signatures of pictures end before.
const GLANCE: usize = 64;
/// Bytes before `data:` in which its quotation mark is looked for.
const BEFORE: usize = 1024;

/// Whether there is anything to look into.
pub(super) fn may_hold(bytes: &[u8], media: &Media) -> bool {
    is_wide(bytes, media)
        || (media.class == MediaClass::Text
            && (data_uri(bytes, 0).is_some()
                || has_references(bytes)
                || (is_drawing(bytes, media)
                    && [ENTITY, STYLE].iter().any(|what| memmem::find(bytes, what).is_some()))))
}

pub(super) fn pictures(bytes: &[u8], media: &Media, walk: &mut Walk<'_>) -> Result<(), Stop> {
    if is_wide(bytes, media) {
        walk.miss(Unscannable::Unsupported);
        return Ok(());
    }
    let drawing = is_drawing(bytes, media);
    if drawing && (spells_by_entities(bytes, walk)? || styles_may_spell(bytes, walk)?) {
        walk.miss(Unscannable::Unsupported);
    }
    data_uris(Letters::of(bytes), drawing, walk)
}

fn has_references(bytes: &[u8]) -> bool {
    looks_like_markup(bytes) && memmem::find(bytes, REFERENCE).is_some()
}

/// Whether it is an SVG of 16 bits a character, with a byte-order mark or without.
fn is_wide(bytes: &[u8], media: &Media) -> bool {
    matches!(media.class, MediaClass::Text | MediaClass::Unknown)
        && matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..])
        && memmem::find(bytes, WIDE_SVG).is_some()
}

/// Whether browsers draw it as a picture: its first element is `svg`, or it says `svg` and the first element cannot be told.
pub(super) fn is_drawing(bytes: &[u8], media: &Media) -> bool {
    if media.format == Format::Svg || is_wide(bytes, media) {
        return true;
    }
    if media.class != MediaClass::Text || !looks_like_markup(bytes) {
        return false;
    }
    memmem::find(bytes, b"svg").is_some()
        && first_element(bytes).is_none_or(|name| {
            let local = name.iter().rposition(|b| *b == b':').map_or(0, |colon| colon + 1);
            name.get(local..) == Some(&b"svg"[..])
        })
}

/// The name of the first element: behind comments, instructions and a document type.
fn first_element(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    loop {
        rest = rest.trim_ascii_start();
        rest = match rest {
            [b'<', b'!' | b'?', ..] => behind_declaration(rest)?,
            [b'<', name @ ..] => {
                let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'>' | b'/');
                return name.get(..name.iter().position(ends)?);
            }
            _ => return None,
        };
    }
}

/// What stands behind the comment, instruction or declaration that begins here, and behind those in it.
fn behind_declaration(text: &[u8]) -> Option<&[u8]> {
    let behind = |text: &[u8], end: &[u8]| memmem::find(text, end).map(|at| at + end.len());
    let mark = |b: &u8| matches!(b, b'<' | b'>' | b'"' | b'\'');
    let (mut at, mut open) = (0usize, 0u32);
    loop {
        let rest = text.get(at..)?;
        at += match rest {
            [b'<', b'!', b'-', b'-', inside @ ..] => 4 + behind(inside, b"-->")?,
            [b'<', b'?', inside @ ..] => 2 + behind(inside, b"?>")?,
            [b'<', ..] => {
                open += 1;
                1
            }
            [b'>', ..] => {
                open = open.saturating_sub(1);
                1
            }
            [quote @ (b'"' | b'\''), inside @ ..] => 2 + memchr(*quote, inside)?,
            _ => rest.iter().position(mark)?,
        };
        if open == 0 {
            return text.get(at..);
        }
    }
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

/// Whether a style sheet of a drawing, or the styles of an element, could spell an address: by escapes, or by joining what stands around comments and
/// elements.
fn styles_may_spell(bytes: &[u8], walk: &mut Walk<'_>) -> Result<bool, Stop> {
    let (style, mut at) = (memmem::Finder::new(STYLE), 0);
    while let Some(found) = walk.find(bytes, at, &style)? {
        walk.entry()?;
        at = found + style.needle().len();
        let before = bytes.get(found.saturating_sub(64)..found).unwrap_or(&[]);
        let rest = bytes.get(at..).unwrap_or(&[]);
        let Some(&next) = rest.first() else { break };
        let named = before.iter().rev().find(|b| !is_of_name(**b));
        let part = if named.is_none_or(|b| *b == b'<') && !is_of_name(next) {
            let Some(sheet) = sheet(rest) else { return Ok(true) };
            sheet
        } else {
            styles(rest).unwrap_or(&[])
        };
        walk.work(part.len())?;
        if (Letters { text: part, at: 0, references: true }).any(|letter| letter.byte == b'\\') {
            return Ok(true);
        }
        at += part.len();
    }
    Ok(false)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.') || byte > 127
}

/// The value of an attribute, from behind its name.
fn styles(text: &[u8]) -> Option<&[u8]> {
    let value = text.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    matches!(quote, b'"' | b'\'').then_some(())?;
    value.get(..memchr(*quote, value)?)
}

/// The text of a style sheet, from behind the name of its element, and all up to it; nothing if there is more in it than text. All of it may stand in
/// one CDATA section.
fn sheet(text: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    // The end of the tag; values may hold a `>`.
    let behind_tag = loop {
        let rest = text.get(at..)?;
        match memchr3(b'>', b'"', b'\'', rest) {
            Some(mark) if rest.get(mark) == Some(&b'>') => break at + mark + 1,
            Some(mark) => {
                let inside = rest.get(mark + 1..)?;
                at += mark + 2 + memchr(*rest.get(mark)?, inside)?;
            }
            None => return None,
        }
    };
    if text.get(..behind_tag)?.ends_with(b"/>") {
        return Some(&[]);
    }
    let body = text.get(behind_tag..)?;
    let from = body.len() - body.trim_ascii_start().len();
    let mut end = behind_tag;
    if body.get(from..)?.starts_with(b"<![CDATA[") {
        let closed = memmem::find(body, b"]]>")? + 3;
        let rest = body.get(closed..)?;
        if !rest.trim_ascii_start().starts_with(b"</") {
            return None;
        }
        end += closed;
    }
    let next = end + memchr(b'<', text.get(end..)?)?;
    text.get(next..)?.starts_with(b"</").then_some(text.get(..next)?)
}

/// One letter of a text.
#[derive(Clone, Copy)]
struct Letter {
    byte: u8,
    /// Whether it stands there as it is, and not as a reference.
    raw: bool,
}

/// The letters of a text from `at` on.
#[derive(Clone, Copy)]
struct Letters<'a> {
    text: &'a [u8],
    at: usize,
    /// Whether numeric references are replaced. Breaks and tabs are left out then: browsers leave them out of addresses.
    references: bool,
}

impl<'a> Letters<'a> {
    fn of(text: &'a [u8]) -> Self {
        Letters { text, at: 0, references: has_references(text) }
    }
}

impl Iterator for Letters<'_> {
    type Item = Letter;

    fn next(&mut self) -> Option<Letter> {
        loop {
            let rest = self.text.get(self.at..)?;
            let referred = if self.references { reference(rest) } else { None };
            let (byte, length) = match referred {
                Some((code, length)) => (u8::try_from(code).unwrap_or(b'?'), length),
                None => (*rest.first()?, 1),
            };
            self.at += length;
            if !(self.references && matches!(byte, b'\t' | b'\n' | b'\r')) {
                return Some(Letter { byte, raw: referred.is_none() });
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
    // Zeros in front may be many: who reads letters counts the bytes that they take.
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

/// What text was read, told to the walk.
struct Counted(usize);

impl Counted {
    fn up_to(&mut self, at: usize, walk: &mut Walk<'_>) -> Result<(), Stop> {
        if at.saturating_sub(self.0) >= STEP {
            return self.all(at, walk);
        }
        Ok(())
    }

    fn all(&mut self, at: usize, walk: &mut Walk<'_>) -> Result<(), Stop> {
        let read = at.saturating_sub(self.0);
        self.0 = at;
        walk.work(read)
    }
}

impl Letters<'_> {
    /// The same where letters stand for themselves.
    fn go_to_plain_data(&mut self, walk: &mut Walk<'_>) -> Result<Option<usize>, Stop> {
        loop {
            let end = self.at.saturating_add(STEP).min(self.text.len());
            let found = data_uri(self.text.get(..end).unwrap_or(&[]), self.at);
            walk.work(found.unwrap_or(end).saturating_sub(self.at))?;
            // One may lie across the end of the step.
            self.at = found.unwrap_or(if end < self.text.len() { end - 4 } else { end });
            if found.is_some() || end == self.text.len() {
                return Ok(found.map(|behind| behind.saturating_sub(b"data:".len())));
            }
        }
    }

    /// Goes behind the next `data:`, and says where that begins.
    fn go_to_data(&mut self, walk: &mut Walk<'_>) -> Result<Option<usize>, Stop> {
        let mut counted = Counted(self.at);
        if !self.references {
            return self.go_to_plain_data(walk);
        }
        let mut last = [(0u8, 0usize); 5];
        loop {
            let start = self.at;
            let Some(letter) = self.next() else { break };
            last.rotate_left(1);
            if let Some(newest) = last.last_mut() {
                *newest = (letter.byte.to_ascii_lowercase(), start);
            }
            counted.up_to(self.at, walk)?;
            if last.map(|(byte, _)| byte) == *b"data:" {
                counted.all(self.at, walk)?;
                return Ok(last.first().map(|(_, start)| *start));
            }
        }
        counted.all(self.at, walk)?;
        Ok(None)
    }

    /// How many there are from here on.
    fn count_data(mut self, walk: &mut Walk<'_>) -> Result<usize, Stop> {
        let mut count = 0;
        while self.go_to_data(walk)?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Goes behind the comma that ends the header of a `data:` URI, whatever stands before it. Says whether there is one.
    fn go_behind_comma(&mut self, walk: &mut Walk<'_>) -> Result<bool, Stop> {
        let mut counted = Counted(self.at);
        while let Some(letter) = self.next() {
            counted.up_to(self.at, walk)?;
            if letter.byte == b',' {
                counted.all(self.at, walk)?;
                return Ok(true);
            }
        }
        counted.all(self.at, walk)?;
        Ok(false)
    }
}

fn data_uris(mut letters: Letters<'_>, drawing: bool, walk: &mut Walk<'_>) -> Result<(), Stop> {
    let (mut out, mut behind_comma) = (Vec::new(), letters);
    while let Some(start) = letters.go_to_data(walk)? {
        // What ends a header does so for all that begin before it: they hold the same.
        if behind_comma.at > letters.at {
            continue;
        }
        behind_comma = letters;
        if !behind_comma.go_behind_comma(walk)? {
            return Ok(());
        }
        walk.entry()?;
        let body = Body {
            letters: behind_comma,
            base64: true,
            quote: quotation_mark(letters.text, start),
            drawing,
        };
        if !body.look(&mut out, walk)? {
            Body { base64: false, ..body }.look(&mut out, walk)?;
        }
    }
    Ok(())
}

/// The quotation mark before an address that begins at `start`. White space may stand between, also as references.
fn quotation_mark(text: &[u8], start: usize) -> Option<u8> {
    let mut before = text.get(start.saturating_sub(BEFORE)..start)?;
    loop {
        before = before.trim_ascii_end();
        match before.last()? {
            quote @ (b'"' | b'\'') => return Some(*quote),
            b';' => {
                let (ahead, reference) =
                    before.split_at_checked(memmem::rfind(before, REFERENCE)?)?;
                let digits = reference.get(REFERENCE.len()..reference.len() - 1)?;
                digits.iter().all(u8::is_ascii_alphanumeric).then_some(())?;
                before = ahead;
            }
            _ => return None,
        }
    }
}

/// What stands behind the comma of a `data:` URI. Base64 ends by itself. Anything else goes on to the quotation mark that closes it, or else nobody says
/// where it ends, and decoders of pictures pass over what follows.
#[derive(Clone, Copy)]
struct Body<'a> {
    letters: Letters<'a>,
    base64: bool,
    quote: Option<u8>,
    /// Whether it is part of a drawing.
    drawing: bool,
}

impl Body<'_> {
    /// Hands it over if it is a picture, and tells it if it may hold one. Says whether it was a picture.
    fn look(self, out: &mut Vec<u8>, walk: &mut Walk<'_>) -> Result<bool, Stop> {
        let glance = Extent { most: GLANCE, kept: false, text: false };
        self.decode(glance, out, walk)?;
        let wide = matches!(out.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff]));
        let text = looks_like_markup(out) || (self.drawing && (wide || is_plain(out)));
        if Part::of(out) != Part::Picture {
            // Letters that are neither markup nor within a drawing are what most of these are.
            if out.is_empty() || (!text && is_plain(out)) {
                return Ok(false);
            }
            if !text {
                self.decode(Extent { most: HEAD, ..glance }, out, walk)?;
            }
        }
        match Part::of(out) {
            Part::Picture => {
                walk.expect_picture()?;
                let all = Extent { most: usize::MAX, kept: true, text: false };
                match self.decode(all, out, walk)? {
                    Some(_) => walk.hand_over(out)?,
                    None => walk.miss(Unscannable::Limit),
                }
                return Ok(true);
            }
            Part::Container => walk.miss(Unscannable::Unsupported),
            Part::Other if text => {
                let all = Extent { most: usize::MAX, kept: true, text: true };
                match self.decode(all, out, walk)? {
                    Some(end) if self.may_hold(out, end, walk)? => {
                        walk.miss(Unscannable::Unsupported);
                    }
                    Some(_) => {}
                    None => walk.miss(Unscannable::Limit),
                }
            }
            Part::Other => {}
        }
        Ok(false)
    }

    /// Whether text out of a `data:` URI that ends at `end` may have a picture within that is not seen around it.
    fn may_hold(self, out: &[u8], end: usize, walk: &mut Walk<'_>) -> Result<bool, Stop> {
        let seen = match self.base64 {
            true => 0,
            false => {
                let text = self.letters.text.get(..end).unwrap_or(&[]);
                Letters { text, ..self.letters }.count_data(walk)?
            }
        };
        let media = sniff(out);
        Ok(matches!(out, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
            || is_wide(out, &media)
            || Letters::of(out).count_data(walk)? > seen
            || (self.drawing && memchr(b'\\', out).is_some())
            || (is_drawing(out, &media)
                && (spells_by_entities(out, walk)? || styles_may_spell(out, walk)?)))
    }

    /// Decodes it, and says where it ended, if the budget sufficed.
    fn decode(
        self,
        extent: Extent,
        out: &mut Vec<u8>,
        walk: &mut Walk<'_>,
    ) -> Result<Option<usize>, Stop> {
        let Extent { most, kept, text } = extent;
        out.clear();
        let allowed = if kept { most.min(walk.bytes_left()) } else { most };
        let (mut bits, mut count) = (0u32, 0u32);
        let mut counted = Counted(self.letters.at);
        let mut sufficed = true;
        let open = text && !self.base64 && self.quote.is_none();
        let mut percent = Percent { letters: self.letters, quote: self.quote, open };
        while let Some(byte) = percent.next() {
            counted.up_to(percent.letters.at, walk)?;
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
                sufficed = allowed == most;
                break;
            }
            out.push(decoded);
        }
        counted.all(percent.letters.at, walk)?;
        if kept {
            walk.spend(out.len())?;
        }
        Ok(sufficed.then_some(percent.letters.at))
    }
}

/// How much of a `data:` URI is decoded.
#[derive(Clone, Copy)]
struct Extent {
    most: usize,
    /// Whether it is taken from the budget: more than a look.
    kept: bool,
    /// Whether it is text, which ends where an address does in a style sheet or an attribute if no quotation mark stands around it.
    text: bool,
}

/// Whether there is nothing but text in it, of whatever coding.
fn is_plain(bytes: &[u8]) -> bool {
    !bytes.iter().any(|b| *b < 32 && !matches!(b, 9 | 10 | 12 | 13 | 27))
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

/// The bytes of an address with its percent signs taken off, up to the quotation mark that closes it.
struct Percent<'a> {
    letters: Letters<'a>,
    quote: Option<u8>,
    /// Whether it ends where an address without quotation marks does.
    open: bool,
}

impl Iterator for Percent<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let Letter { byte, raw } = self.letters.next()?;
        let ends =
            |b: u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'<' | b'>' | b')');
        if raw && (Some(byte) == self.quote || (self.open && ends(byte))) {
            return None;
        }
        let mut ahead = self.letters;
        let mut digit = || ahead.next().and_then(|digit| char::from(digit.byte).to_digit(16));
        if byte == b'%'
            && let (Some(high), Some(low)) = (digit(), digit())
        {
            self.letters = ahead;
            return Some((16 * high + low) as u8);
        }
        Some(byte)
    }
}
