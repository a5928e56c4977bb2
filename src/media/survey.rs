//! What decoding a picture will cost, read from its headers before anything is allocated.
//!
//! The decoders' own limits are not enough (read in their sources): the WebP decoder bounds
//! nothing, believes the length of an EXIF chunk, and decodes a frame before it compares its size with the
//! canvas; the GIF decoder allocates a palette index per pixel outside its limit. So the structure of these
//! formats is walked here first; that of a JPEG in its own room.

use super::class::Unscannable;
use super::walk::{GifFrames, GifStep, array, le16, png_chunks, riff_chunks};

/// What a picture's headers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes that the decoder will hold besides the pixels it hands over.
    pub(super) working: u64,
    /// Pixels that the decoder will pass over.
    pub(super) work: u64,
    /// Length of the file without what was appended to it.
    pub(super) length: usize,
}

impl Survey {
    fn new(width: u32, height: u32, length: usize) -> Self {
        Survey { width, height, work: area(width, height), working: 0, length }
    }

    /// Pixels of the picture.
    pub(super) fn area(&self) -> u64 {
        area(self.width, self.height)
    }
}

fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// What a PNG's header chunk says, and whether its plain picture is hidden.
#[derive(Clone, Copy, Debug)]
pub(super) struct Png {
    pub(super) survey: Survey,
    /// Bytes of a pixel as the decoder hands it over: palettes expanded, a transparent colour turned into alpha.
    pub(super) pixel_bytes: u64,
    /// The picture in `IDAT` is not a frame of the animation: viewers show the first frame instead.
    pub(super) hidden: bool,
}

/// Reads a PNG's header and the kinds of the chunks before its pixels.
pub(super) fn png(bytes: &[u8]) -> Result<Png, Unscannable> {
    let (mut animated, mut framed, mut keyed) = (false, false, 0);
    let mut header = None;
    for chunk in png_chunks(bytes) {
        match &chunk.kind {
            b"IHDR" if header.is_none() => header = array::<10>(bytes, chunk.body.start),
            b"acTL" => animated = true,
            b"fcTL" => framed = true,
            b"tRNS" => keyed = 1,
            b"IDAT" => break,
            _ => {}
        }
    }
    let [w0, w1, w2, w3, h0, h1, h2, h3, bits, color] = header.ok_or(Unscannable::Truncated)?;
    let channels = match color {
        0 => 1 + keyed,
        2 | 3 => 3 + keyed,
        4 => 2,
        _ => 4,
    };
    let hidden = animated && !framed;
    let (width, height) =
        (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
    let mut survey = Survey::new(width, height, bytes.len());
    // Canvas, previous canvas, a copy of it, the frame, and the hidden picture itself.
    survey.working = if hidden { survey.work.saturating_mul(20) } else { 0 };
    Ok(Png { survey, pixel_bytes: channels * if bits == 16 { 2 } else { 1 }, hidden })
}

/// Reads a GIF's screen and its first frame.
///
/// The size is that of a screen grown to hold the first frame, as browsers grow it: a screen of one pixel must
/// not hide a picture.
pub(super) fn gif(bytes: &[u8]) -> Result<Survey, Unscannable> {
    let screen = le16(bytes, 6).zip(le16(bytes, 8));
    let (width, height) = screen.ok_or(Unscannable::Truncated)?;
    let mut frames = GifFrames::new(bytes, u32::MAX);
    let GifStep::Frame(frame) = frames.step() else {
        let reason = if frames.ran_out() { Unscannable::Truncated } else { Unscannable::Corrupt };
        return Err(reason);
    };
    let width = width.max(frame.left + frame.width);
    let height = height.max(frame.top + frame.height);
    if width > 0xffff || height > 0xffff {
        return Err(Unscannable::Corrupt);
    }
    let mut survey = Survey::new(width, height, bytes.len());
    // A palette index per pixel; and the frame's own colours when it is narrower than the screen.
    let apart = if frame.left == 0 && frame.width == width { 0 } else { 4 };
    survey.working = area(frame.width, frame.height) * (1 + apart);
    Ok(survey)
}

/// Walks a WebP's chunks.
///
/// # Errors
/// `Truncated` if a chunk, or the file, is shorter than it claims; `Corrupt` if a frame is larger than its canvas.
pub(super) fn webp(bytes: &[u8]) -> Result<Survey, Unscannable> {
    let claimed = u32::from_le_bytes(array(bytes, 4).ok_or(Unscannable::Truncated)?) as usize;
    let end = claimed.saturating_add(8);
    if end > bytes.len() {
        return Err(Unscannable::Truncated);
    }
    let bytes = bytes.get(..end).unwrap_or(bytes);
    let mut canvas = None;
    let mut largest = (0, 0);
    let (mut animated, mut alpha, mut lossless) = (false, false, false);
    for chunk in riff_chunks(bytes, 12..end) {
        if chunk.body.end > end {
            return Err(Unscannable::Truncated);
        }
        let start = chunk.body.start;
        match &chunk.kind {
            b"VP8X" if canvas.is_none() => {
                let side =
                    |at| array(bytes, at).map(|[a, b, c]| 1 + u32::from_le_bytes([a, b, c, 0]));
                canvas = side(start + 4).zip(side(start + 7));
            }
            // The frame's pixels are a chunk of their own behind its 16 bytes of header.
            b"ANMF" => {
                for part in riff_chunks(bytes, start + 16..chunk.body.end) {
                    if part.body.end > chunk.body.end {
                        return Err(Unscannable::Truncated);
                    }
                    largest = webp_frame(bytes, &part.kind, part.body.start, largest)?;
                }
                animated = true;
            }
            b"ALPH" => alpha = true,
            kind => {
                lossless |= kind == b"VP8L";
                largest = webp_frame(bytes, kind, start, largest)?;
            }
        }
    }
    let (width, height) = canvas.unwrap_or(largest);
    if width == 0 || height == 0 {
        return Err(Unscannable::Truncated);
    }
    if largest.0 > width || largest.1 > height {
        return Err(Unscannable::Corrupt);
    }
    let mut survey = Survey::new(width, height, end);
    // Bytes per pixel: planes 2, an alpha plane 5 (it may be a lossless picture), a canvas 4, a frame 4.
    let per_pixel = match (animated, lossless, alpha) {
        (true, ..) => 15,
        (_, true, _) => 4,
        (.., true) => 7,
        _ => 2,
    };
    survey.working = per_pixel * survey.work;
    Ok(survey)
}

/// The greater of `largest` and the size that a `VP8 ` or `VP8L` chunk announces.
fn webp_frame(
    bytes: &[u8],
    kind: &[u8; 4],
    start: usize,
    largest: (u32, u32),
) -> Result<(u32, u32), Unscannable> {
    let size = match kind {
        b"VP8 " => {
            let side = |at| le16(bytes, at).map(|n| n & 0x3fff);
            side(start + 6).zip(side(start + 8))
        }
        b"VP8L" => array(bytes, start + 1)
            .map(u32::from_le_bytes)
            .map(|n| (1 + (n & 0x3fff), 1 + (n >> 14 & 0x3fff))),
        _ => Some((0, 0)),
    };
    let (width, height) = size.ok_or(Unscannable::Truncated)?;
    Ok((largest.0.max(width), largest.1.max(height)))
}
