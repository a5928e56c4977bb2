//! What decoding a picture will cost, read from its headers before anything is allocated.
//!
//! The decoders' own limits are not enough (read in their sources): the JPEG decoder bounds neither its
//! coefficients nor its scans, and it paints what is missing from a short file grey; the WebP decoder bounds
//! nothing, believes the length of an EXIF chunk, and decodes a frame before it compares its size with the
//! canvas; the GIF decoder allocates a palette index per pixel outside its limit. So the structure of these
//! four formats is walked here first.

use super::class::Unscannable;
use super::walk::{GifFrames, GifStep, array, be16, le16, png_chunks, riff_chunks};

/// Passes over its pixels that a JPEG may ask for, in multiples of `Limits::pixels`. The usual progressive
/// scripts have 10 scans; an empty scan costs a few bytes of file and a full pass of work.
const JPEG_PASSES: u64 = 12;

/// What a picture's headers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes that the decoder will hold besides the pixels it hands over.
    pub(super) working: u64,
    /// Pixels that the decoder will pass over, counting repeated passes; a JPEG's may exceed its area.
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

    /// Whether the repeated passes stay within what `pixels` allows.
    pub(super) fn work_fits(&self, pixels: u64) -> bool {
        self.work <= pixels.saturating_mul(JPEG_PASSES)
    }
}

fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Where the parts of a JPEG frame header say the pixels are.
struct JpegFrame {
    width: u32,
    height: u32,
    components: u32,
    progressive: bool,
    /// Coefficients of all components, padded to whole blocks.
    coefficients: u64,
}

/// Walks a JPEG's segments up to its end marker.
///
/// ```text
/// after each segment: pass over bytes until 0xff and a marker
///   frame header -> size and coefficients        scan header -> one more pass
///   end marker   -> complete                     end of file -> truncated
/// ```
///
/// Inside a scan a 0xff is followed by 0 or a restart marker; neither starts a segment.
///
/// # Errors
/// `Truncated` without an end marker (a viewer shows the rest grey; that is not the whole picture),
/// `Corrupt` without a frame or a scan.
pub(super) fn jpeg(bytes: &[u8]) -> Result<Survey, Unscannable> {
    let mut frame: Option<JpegFrame> = None;
    let (mut scans, mut in_scan, mut held_back) = (0u64, false, false);
    let mut at = 2usize;
    let end = loop {
        let rest = bytes.get(at..).unwrap_or(&[]);
        at += rest.iter().position(|b| *b == 0xff).ok_or(Unscannable::Truncated)?;
        // Fill bytes may stand before a marker; ahead of the first scan the decoder takes zeros for them too.
        let fill = |b: &u8| *b == 0xff || (!in_scan && *b == 0);
        let rest = bytes.get(at + 1..).unwrap_or(&[]);
        let skipped = rest.iter().position(|b| !fill(b)).ok_or(Unscannable::Truncated)?;
        let marker = rest.get(skipped).copied().unwrap_or(0);
        at += 2 + skipped;
        match marker {
            0xd9 => break at,
            // A stuffed zero or a restart: more of the same scan.
            0 | 0xd0..=0xd7 if in_scan => continue,
            _ => {}
        }
        let length = be16(bytes, at).ok_or(Unscannable::Truncated)? as usize;
        let body = bytes.get(at + 2..at + length.max(2)).ok_or(Unscannable::Truncated)?;
        match marker {
            0xc0..=0xc2 => frame = Some(jpeg_frame(marker, body).ok_or(Unscannable::Corrupt)?),
            0xda => {
                let frame = frame.as_ref().ok_or(Unscannable::Corrupt)?;
                let covered = body.first().copied().map_or(0, u32::from);
                // Coefficients are kept for the whole picture if one scan does not complete it.
                held_back |= frame.progressive || covered < frame.components;
                scans += 1;
                in_scan = true;
            }
            _ => {}
        }
        at += length.max(2);
    };
    let frame = frame.filter(|_| scans > 0).ok_or(Unscannable::Corrupt)?;
    let mut survey = Survey::new(frame.width, frame.height, end);
    // The decoder copies the file before it starts.
    survey.working = end as u64 + if held_back { 2 * frame.coefficients } else { 0 };
    survey.work = area(frame.width, frame.height).saturating_mul(scans);
    Ok(survey)
}

fn jpeg_frame(marker: u8, body: &[u8]) -> Option<JpegFrame> {
    let (height, width) = (be16(body, 1)?, be16(body, 3)?);
    let components = u32::from(*body.get(5)?);
    let sampling =
        |i: u32| body.get(7 + 3 * i as usize).map(|s| (u64::from(s >> 4), u64::from(s & 15)));
    let (mut h_max, mut v_max, mut blocks) = (1, 1, 0);
    for i in 0..components {
        let (h, v) = sampling(i)?;
        (h_max, v_max, blocks) = (h_max.max(h), v_max.max(v), blocks + h * v);
    }
    let units = u64::from(width).div_ceil(8 * h_max) * u64::from(height).div_ceil(8 * v_max);
    let coefficients = units * blocks * 64;
    Some(JpegFrame { width, height, components, progressive: marker == 0xc2, coefficients })
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
