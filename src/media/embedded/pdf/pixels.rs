//! Bare pixels of a PDF, put into a picture file that says exactly the same.
//!
//! ```text
//! rows with PNG filters (predictor 10..15)  -> the zlib stream as it is, in a PNG around it: nothing is inflated
//! rows as they are                          -> inflated into a BMP, top row first
//! ```
//!
//! | colours | bits | PNG | BMP |
//! |---|---|---|---|
//! | grey, palette | 1, 2, 4, 8 | yes | all but 2 |
//! | grey | 16 | yes | |
//! | red, green, blue | 8 | yes | yes |
//! | red, green, blue | 16 | yes | |
//!
//! * A colour profile is taken by its number of components, as the decoders of picture files take it.
//! * Rows that are not there are left off. Sizes are checked against the budget before anything is inflated.
//! * `unsupported`: CMYK, spot colours, TIFF's predictor, inverted values (`/Decode [1 0]`), palettes that are streams of their own.

use super::filter::{Filter, decode};
use super::object::{Token, Tokens, hex_digit, number_of, plain, reference_of};
use super::{Pdf, Stream};
use crate::media::class::Unscannable;
use crate::media::embedded::walk::{Stop, Walk};

/// What the numbers of a pixel mean.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Space {
    Grey,
    Rgb,
    /// Red, green and blue of each entry.
    Palette(Vec<u8>),
    /// A profile of which the number of components is not known.
    Profile,
    /// Not known, or not read here; three components are likely red, green and blue.
    Unknown,
    Unsupported,
}

/// How rows were written before they were deflated.
#[derive(Clone, Copy, Debug, Default)]
struct Parameters {
    predictor: Option<usize>,
    colors: Option<usize>,
    bits: Option<usize>,
    columns: Option<usize>,
}

struct Shape {
    width: usize,
    height: usize,
    bits: usize,
    space: Space,
}

impl<'a> Pdf<'a> {
    pub(super) fn pixels(
        &mut self,
        stream: &Stream<'a>,
        data: &[u8],
        filters: &[Filter],
        walk: &mut Walk<'_>,
    ) -> Result<(), Stop> {
        walk.expect_picture()?;
        let Some(shape) = self.shape(stream, walk)? else {
            walk.miss(Unscannable::Unsupported);
            return Ok(());
        };
        let parameters = self.parameters(stream, filters.len(), walk)?;
        match (parameters.predictor.unwrap_or(1), filters.split_last()) {
            (10..=15, Some((Filter::Flate, before))) => {
                self.png(&shape, &parameters, data, before, walk)
            }
            (0 | 1, _) => self.bmp(shape, data, filters, walk),
            _ => {
                walk.miss(Unscannable::Unsupported);
                Ok(())
            }
        }
    }

    fn shape(&mut self, stream: &Stream<'a>, walk: &mut Walk<'_>) -> Result<Option<Shape>, Stop> {
        // Values that run from 0 upwards, or nothing.
        let mut values = Tokens::new(stream.decode, 0);
        let straight = matches!(
            (values.next(), values.next()),
            (None, _) | (Some(Token::ArrayOpen), Some(Token::Word(b"0" | b"0.0")))
        );
        let mut size = |value| -> Result<_, Stop> {
            Ok(number_of(self.resolve(value, walk)?).filter(|n| (1..=1 << 24).contains(n)))
        };
        let (width, height) = (size(stream.width)?, size(stream.height)?);
        let bits = size(stream.bits)?;
        let space = self.space(stream.space, walk)?;
        let (Some(width), Some(height), Some(bits), true) = (width, height, bits, straight) else {
            return Ok(None);
        };
        Ok((space != Space::Unsupported).then_some(Shape { width, height, bits, space }))
    }

    /// The parameters of the last of so many filters.
    fn parameters(
        &mut self,
        stream: &Stream<'a>,
        filters: usize,
        walk: &mut Walk<'_>,
    ) -> Result<Parameters, Stop> {
        let mut value = self.resolve(stream.parameters, walk)?;
        let mut tokens = Tokens::new(value, 0);
        if tokens.next() == Some(Token::ArrayOpen) {
            value = (0..filters)
                .map_while(|_| tokens.value())
                .nth(filters.saturating_sub(1))
                .unwrap_or(&[]);
            value = self.resolve(value, walk)?;
        }
        let mut parameters = Parameters::default();
        if reference_of(value).is_some() {
            // They are somewhere out of reach.
            parameters.predictor = Some(usize::MAX);
        }
        Tokens::new(value, 0).dictionary(|key, value| {
            // A value out of reach is none that fits.
            let number = Some(number_of(value).unwrap_or(usize::MAX));
            match &*plain(key) {
                b"Predictor" => parameters.predictor = number,
                b"Colors" => parameters.colors = number,
                b"BitsPerComponent" => parameters.bits = number,
                b"Columns" => parameters.columns = number,
                _ => {}
            }
        });
        Ok(parameters)
    }

    fn space(&mut self, value: &'a [u8], walk: &mut Walk<'_>) -> Result<Space, Stop> {
        let value = self.resolve(value, walk)?;
        if reference_of(value).is_some() {
            return Ok(Space::Unknown);
        }
        let mut tokens = Tokens::new(value, 0);
        let first = match tokens.next() {
            Some(Token::ArrayOpen) => tokens.next(),
            first => first,
        };
        let Some(Token::Name(name)) = first else { return Ok(Space::Unsupported) };
        Ok(match &*plain(name) {
            b"DeviceGray" | b"CalGray" | b"G" => Space::Grey,
            b"DeviceRGB" | b"CalRGB" | b"RGB" => Space::Rgb,
            b"ICCBased" => {
                let profile = self.resolve(tokens.value().unwrap_or(&[]), walk)?;
                let mut components = None;
                Tokens::new(profile, 0).dictionary(|key, value| {
                    if *plain(key) == *b"N" {
                        components = number_of(value);
                    }
                });
                match components {
                    Some(1) => Space::Grey,
                    Some(3) => Space::Rgb,
                    Some(_) => Space::Unsupported,
                    None => Space::Profile,
                }
            }
            b"Indexed" | b"I" => {
                // The base's components follow from the palette's length.
                let last = tokens.value().and_then(|_| tokens.value()).and_then(number_of);
                let lookup = self.resolve(tokens.value().unwrap_or(&[]), walk)?;
                palette(last, lookup).map_or(Space::Unsupported, Space::Palette)
            }
            _ => Space::Unsupported,
        })
    }

    /// The zlib stream as it is, in a PNG.
    fn png(
        &mut self,
        shape: &Shape,
        parameters: &Parameters,
        data: &[u8],
        before: &[Filter],
        walk: &mut Walk<'_>,
    ) -> Result<(), Stop> {
        let colors = parameters.colors.unwrap_or(1);
        let kind = match (&shape.space, colors) {
            (Space::Grey | Space::Profile, 1) => 0,
            (Space::Rgb | Space::Profile | Space::Unknown, 3) => 2,
            (Space::Palette(_), 1) => 3,
            _ => u8::MAX,
        };
        let depth = match (kind, shape.bits) {
            (0, 1 | 2 | 4 | 8 | 16) | (2, 8 | 16) | (3, 1 | 2 | 4 | 8) => shape.bits as u8,
            _ => 0,
        };
        let rows_agree = parameters.bits.unwrap_or(8) == shape.bits
            && parameters.columns.unwrap_or(1) == shape.width;
        if depth == 0 || !rows_agree {
            walk.miss(Unscannable::Unsupported);
            return Ok(());
        }
        let zlib = decode(data, before, usize::MAX, &mut self.inflater, walk)?;
        let length = zlib.bytes.len();
        let fits = length <= walk.bytes_left() && i32::try_from(length).is_ok();
        let broken = if fits { zlib.broken } else { Some(Unscannable::Limit) };
        if let Some(reason) = broken {
            walk.miss(reason);
        }
        if broken == Some(Unscannable::Limit) {
            return Ok(());
        }
        walk.spend(length)?;
        let mut head = Vec::with_capacity(13);
        head.extend(be32(shape.width));
        head.extend(be32(shape.height));
        head.extend([depth, kind, 0, 0, 0]);
        let mut file = Vec::with_capacity(length + 1024);
        file.extend(b"\x89PNG\r\n\x1a\n");
        chunk(&mut file, b"IHDR", &head);
        if let Space::Palette(colours) = &shape.space {
            // A PNG may not have more than its depth can name.
            chunk(&mut file, b"PLTE", colours.get(..3 << depth).unwrap_or(colours));
        }
        chunk(&mut file, b"IDAT", &zlib.bytes);
        chunk(&mut file, b"IEND", &[]);
        walk.hand_over(&file)
    }

    /// The rows as they are, in a BMP.
    fn bmp(
        &mut self,
        shape: Shape,
        data: &[u8],
        filters: &[Filter],
        walk: &mut Walk<'_>,
    ) -> Result<(), Stop> {
        let Shape { width, height, bits, mut space } = shape;
        let guessed = matches!(space, Space::Profile | Space::Unknown);
        let samples = if guessed || space == Space::Rgb { 3 } else { 1 };
        if !matches!((samples, bits), (1, 1 | 4 | 8) | (3, 8)) {
            walk.miss(Unscannable::Unsupported);
            return Ok(());
        }
        // Sizes are at most 2^24 and a pixel has at most 24 bits: a row in bits fits 32 bits, the file's size 64.
        let row = (width * samples * bits).div_ceil(8);
        let stride = row.next_multiple_of(4);
        if stride as u64 * height as u64 + 1078 > walk.bytes_left() as u64 {
            walk.miss(Unscannable::Limit);
            return Ok(());
        }
        let whole = row * height;
        // One byte more tells four components from three.
        let decoded = decode(data, filters, whole + 1, &mut self.inflater, walk)?;
        let there = decoded.bytes.len();
        let mut row = row;
        if guessed && there > whole {
            walk.miss(Unscannable::Unsupported);
            return Ok(());
        }
        if guessed && there < whole {
            if space != Space::Profile || there != width * height {
                walk.miss(Unscannable::Unsupported);
                return Ok(());
            }
            (space, row) = (Space::Grey, width);
        }
        let rows = (there / row).min(height);
        let broken = decoded.broken.or((rows < height).then_some(Unscannable::Truncated));
        if let Some(reason) = broken {
            walk.miss(reason);
        }
        if rows == 0 || broken == Some(Unscannable::Limit) {
            return Ok(());
        }
        let mut file = match decoded.bytes {
            std::borrow::Cow::Owned(bytes) => bytes,
            std::borrow::Cow::Borrowed(bytes) => bytes.get(..rows * row).unwrap_or(bytes).to_vec(),
        };
        let depth = if space == Space::Grey || samples == 1 { bits } else { 24 };
        let colours = match &space {
            Space::Palette(colours) => bgr0(colours.chunks_exact(3).take(1 << depth)),
            Space::Grey => {
                let levels = (1usize << depth) - 1;
                let greys: Vec<u8> =
                    (0..=levels).flat_map(|level| [(level * 255 / levels) as u8; 3]).collect();
                bgr0(greys.chunks_exact(3))
            }
            _ => Vec::new(),
        };
        let stride = row.next_multiple_of(4);
        let begin = 54 + colours.len();
        file.resize(begin + stride * rows, 0);
        walk.spend(file.len().saturating_sub(there))?;
        // From the last row, so that none is overwritten before it has moved.
        for y in (0..rows).rev() {
            let to = begin + y * stride;
            file.copy_within(y * row..(y + 1) * row, to);
            if let Some(moved) = file.get_mut(to..to + stride) {
                moved[row..].fill(0);
                if depth == 24 {
                    moved[..row].chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
                }
            }
            walk.work(stride)?;
        }
        let header = bmp_header(file.len(), begin, width, rows, depth, colours.len() / 4);
        file[..54].copy_from_slice(&header);
        file[54..begin].copy_from_slice(&colours);
        walk.hand_over(&file)
    }
}

/// Red, green and blue of each entry, if the base has one or three components.
fn palette(last: Option<usize>, lookup: &[u8]) -> Option<Vec<u8>> {
    let entries = last.filter(|last| *last < 256)? + 1;
    let bytes = match Tokens::new(lookup, 0).next()? {
        Token::Text(text) => unescaped(text),
        Token::Hex(digits) => {
            let digits: Vec<u8> = digits.iter().filter_map(|d| hex_digit(*d)).collect();
            digits.chunks(2).map(|pair| pair[0] * 16 + pair.get(1).unwrap_or(&0)).collect()
        }
        _ => return None,
    };
    // Some writers put a line end behind it.
    match bytes.len() / entries {
        1 => Some(bytes.iter().take(entries).flat_map(|grey| [*grey; 3]).collect()),
        3 => Some(bytes.into_iter().take(3 * entries).collect()),
        _ => None,
    }
}

/// A text's bytes.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            // A line end that is not part of the text.
            Some(b'\r') => {
                rest.next_if_eq(&b'\n');
            }
            Some(b'\n') | None => {}
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = rest.next_if(|d| (b'0'..=b'7').contains(d)) else { break };
                    value = value * 8 + u32::from(digit - b'0');
                }
                out.push(value as u8);
            }
            Some(other) => out.push(other),
        }
    }
    out
}

fn be32(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes()
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], body: &[u8]) {
    file.extend(be32(body.len()));
    file.extend(kind);
    file.extend(body);
    let mut crc = crc32fast::Hasher::new();
    crc.update(kind);
    crc.update(body);
    file.extend(crc.finalize().to_be_bytes());
}

/// Blue, green, red and an empty byte of each colour.
fn bgr0<'c>(colours: impl Iterator<Item = &'c [u8]>) -> Vec<u8> {
    colours.flat_map(|colour| [colour[2], colour[1], colour[0], 0]).collect()
}

fn bmp_header(
    size: usize,
    begin: usize,
    width: usize,
    height: usize,
    depth: usize,
    colours: usize,
) -> [u8; 54] {
    let le = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let mut header = [0; 54];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"BM");
    put(2, &le(size));
    put(10, &le(begin));
    put(14, &le(40));
    put(18, &le(width));
    // A negative height: the top row is the first.
    put(22, &(height as u32).wrapping_neg().to_le_bytes());
    put(26, &[1, 0, depth as u8, 0]);
    put(46, &le(colours));
    header
}
