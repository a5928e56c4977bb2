//! What decoding a picture will cost, read from its headers before anything is allocated.
//!
//! The decoders' own limits are not enough (read in their sources): the WebP decoder bounds
//! nothing, believes the length of an EXIF chunk, and decodes a frame before it compares its size with the
//! canvas; the GIF decoder allocates a palette index per pixel outside its limit. So the structure of these
//! formats is walked here first; that of a JPEG in its own room.

use std::ops::Range;

use image::metadata::Orientation;

use super::canvas::Disposal;
use super::class::Unscannable;
use super::job::Job;
use super::sample::Shown;
use super::walk::{Chunk, GifFrames, GifStep, array, le16, png_chunks, riff_chunks};

/// Blocks and sub-blocks of a GIF that are walked through. Each is at least a byte long, so the walk comes to the end of
/// 64 MiB, whatever they are; a million take a few milliseconds, and the clock is looked at on the way.
pub(super) const GIF_STEPS: u32 = 1 << 26;

/// What a picture's headers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes that the decoder will hold besides the pixels it hands over.
    pub(super) working: u64,
    /// Whether coefficients of the whole picture are held before there is a pixel: that of a progressive JPEG has a limit of its own.
    pub(super) held_back: bool,
    /// Length of the file without what was appended to it.
    pub(super) length: usize,
}

impl Survey {
    pub(super) fn new(width: u32, height: u32, length: usize) -> Self {
        Survey { width, height, working: 0, held_back: false, length }
    }

    /// Pixels of the picture.
    pub(super) fn area(&self) -> u64 {
        area(self.width, self.height)
    }
}

fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// What a PNG's header chunk says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Png {
    pub(super) survey: Survey,
    pub(super) interlaced: bool,
    /// Whether there is an animation control chunk before the pixels.
    pub(super) animated: bool,
    /// EXIF orientation, 1 to 8.
    pub(super) orientation: u8,
}

/// Chunks between two looks at the clock: as many as a megabyte or so holds of the shortest.
const CHUNKS: usize = 1 << 16;

/// Reads a PNG's header and the chunks before its pixels.
pub(super) fn png(job: &Job<'_>) -> Result<Png, Unscannable> {
    let bytes = job.bytes();
    let (mut animated, mut uneven, mut orientation, mut header) = (false, false, None, None);
    for (n, chunk) in png_chunks(bytes).enumerate() {
        if n % CHUNKS == CHUNKS - 1 {
            job.in_time()?;
        }
        match &chunk.kind {
            b"IHDR" if header.is_none() => header = array::<13>(bytes, chunk.body.start),
            b"acTL" => animated = true,
            b"PLTE" => uneven |= chunk.body.len() % 3 != 0,
            b"eXIf" if orientation.is_none() => orientation = bytes.get(chunk.body),
            b"IDAT" => break,
            _ => {}
        }
    }
    let [w0, w1, w2, w3, h0, h1, h2, h3, bits, color, .., interlace] =
        header.ok_or(Unscannable::Truncated)?;
    // Of a palette that ends within a colour, the decoder would look for more than it has.
    if uneven && color == 3 {
        return Err(Unscannable::Corrupt);
    }
    let channels = match color {
        0 | 3 => 1,
        2 => 3,
        4 => 2,
        _ => 4,
    };
    let (width, height) =
        (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
    let mut survey = Survey::new(width, height, bytes.len());
    // The decoder inflates into 128 KiB or four rows, and lets that grow to twice its size, and a vector to twice that;
    // then come the row expanded, over white, and white.
    let row = u64::from(width) * channels * u64::from(bits.max(8)) / 8;
    survey.working = (640 << 10) + 16 * row + 16 * u64::from(width);
    Ok(Png {
        survey,
        interlaced: interlace != 0,
        animated,
        orientation: orientation_of(orientation),
    })
}

/// The areas of the frames that an APNG's control chunks announce. When the time is over they end: ask the job.
pub(super) fn png_frames<'a>(job: &'a Job<'_>) -> impl Iterator<Item = u64> + 'a {
    let bytes = job.bytes();
    let mut chunks = 0usize;
    let in_time = move |_: &Chunk| {
        chunks += 1;
        !chunks.is_multiple_of(CHUNKS) || job.in_time().is_ok()
    };
    png_chunks(bytes).take_while(in_time).filter(|chunk| &chunk.kind == b"fcTL").map(|chunk| {
        let side = |at| array(bytes, chunk.body.start + at).map_or(0, u32::from_be_bytes);
        area(side(4), side(8))
    })
}

/// The orientation in EXIF data, 1 if they give none.
pub(super) fn orientation_of(exif: Option<&[u8]>) -> u8 {
    exif.and_then(Orientation::from_exif_chunk).map_or(1, Orientation::to_exif)
}

/// Where a GIF's pictures begin, and how large its screen is once it was grown.
#[derive(Clone, Debug)]
pub(super) struct Gif {
    pub(super) survey: Survey,
    pub(super) interlaced: bool,
    /// Header, palette and the extension that goes with the first frame: everything before it that the decoder needs.
    pub(super) head: Vec<u8>,
    /// Where the first frame's descriptor stands.
    pub(super) start: usize,
}

/// Reads a GIF's screen and its first frame.
///
/// The size is that of a screen grown to hold the first frame, as browsers grow it: a screen of one pixel must
/// not hide a picture.
pub(super) fn gif(job: &Job<'_>) -> Result<Gif, Unscannable> {
    let bytes = job.bytes();
    let screen = le16(bytes, 6).zip(le16(bytes, 8));
    let (width, height) = screen.ok_or(Unscannable::Truncated)?;
    let mut frames = GifFrames::new(bytes, GIF_STEPS).until(job.deadline());
    let pictures = frames.at();
    let first = match frames.step() {
        GifStep::Frame(first) => first,
        GifStep::Undecided => return Err(job.in_time().err().unwrap_or(Unscannable::Limit)),
        GifStep::End if frames.ran_out() => return Err(Unscannable::Truncated),
        GifStep::End => return Err(Unscannable::Corrupt),
    };
    let width = width.max(first.left + first.width);
    let height = height.max(first.top + first.height);
    if width > 0xffff || height > 0xffff {
        return Err(Unscannable::Corrupt);
    }
    let mut head = bytes.get(..pictures).ok_or(Unscannable::Truncated)?.to_vec();
    head[6..8].copy_from_slice(&(width as u16).to_le_bytes());
    head[8..10].copy_from_slice(&(height as u16).to_le_bytes());
    head.extend(frames.control());
    let mut survey = Survey::new(width, height, bytes.len());
    // The decoder's buffer and tables; rows of indexes, of colours, and white.
    survey.working = (128 << 10) + 8 * u64::from(width);
    Ok(Gif { survey, interlaced: frames.interlaced(), head, start: frames.start() })
}

/// What a WebP's chunks say.
#[derive(Clone, Debug)]
pub(super) struct WebP {
    pub(super) survey: Survey,
    /// EXIF orientation, 1 to 8.
    pub(super) orientation: u8,
    /// Nothing for an animation.
    pub(super) still: Option<WebPPicture>,
    /// Whether its header says that it has alpha.
    pub(super) transparent: bool,
    /// Whether an animation is played for ever.
    pub(super) endless: bool,
    /// Where the chunks of an animation's frames lie.
    pub(super) frames: Range<usize>,
}

/// One picture, which stands in a file or in a frame: the chunk with its pixels, and the one with its alpha before it.
#[derive(Clone, Debug)]
pub(super) struct WebPPicture {
    /// These chunks with their headers. It may reach beyond the end of the file.
    pub(super) range: Range<usize>,
    /// Where its pixels begin, behind their chunk's header.
    pixels: usize,
    pub(super) width: u32,
    pub(super) height: u32,
    lossless: bool,
    /// Whether its alpha counts.
    pub(super) alpha: bool,
}

impl WebPPicture {
    /// Bytes that decoding it takes: its pixels, and what the decoder holds.
    pub(super) fn working(&self) -> u64 {
        let area = area(self.width, self.height);
        // The bytes of a lossy picture are read into a buffer and copied; its planes are padded to blocks of 16.
        let planes =
            3 * area + 48 * u64::from(self.width + self.height) + 2 * self.range.len() as u64;
        (64 << 10)
            + match (self.lossless, self.alpha) {
                // Pixels of 4 bytes; transforms and entropy codes for blocks of 4 x 4.
                (true, _) => 5 * area,
                // Planes; pixels of 3 bytes, or of 4 and the alpha plane, itself perhaps decoded from 4 bytes.
                (_, false) => planes / 2 + area / 4 + 3 * area,
                (_, true) => planes / 2 + area / 4 + 9 * area,
            }
    }

    /// Length of that file, which begins with `head` bytes and goes on at `start` in this one, if its pixels claim `more` bytes.
    pub(super) fn length(&self, head: usize, start: usize, more: u32) -> usize {
        // Where addresses have 32 bits, a chunk that reaches beyond the file may end at the last of them.
        head.saturating_add(self.range.end - start).saturating_add(more as usize)
    }

    /// The beginning of a file that holds these chunks alone, and where in this one it goes on. A chunk of pixels that is cut
    /// off claims `more` bytes than it did, so that whatever its missing bytes are taken for, they do not run out.
    pub(super) fn head(&self, bytes: &[u8], more: u32) -> (Vec<u8>, usize) {
        let pixels = self.pixels.min(bytes.len());
        let before = bytes.get(self.range.start..pixels).unwrap_or_default();
        let length = (self.range.end - self.pixels) as u32;
        let length = length.saturating_add(more);
        // The decoder hands out all four bytes of a lossless picture if told that it has alpha, without a copy.
        let alpha = if self.alpha || self.lossless { 0x10 } else { 0 };
        let mut head = b"RIFF".to_vec();
        head.extend(length.saturating_add(22 + before.len() as u32).to_le_bytes());
        head.extend(b"WEBPVP8X\x0a\0\0\0");
        head.extend([alpha, 0, 0, 0]);
        head.extend(&(self.width - 1).to_le_bytes()[..3]);
        head.extend(&(self.height - 1).to_le_bytes()[..3]);
        head.extend(before);
        let at = head.len() - 4;
        head[at..].copy_from_slice(&length.to_le_bytes());
        (head, pixels)
    }
}

/// A frame of an animation.
#[derive(Clone, Debug)]
pub(super) struct WebPFrame {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    /// For how many milliseconds it is shown.
    time: u32,
    /// Whether it is laid over what is there, or replaces it.
    pub(super) blend: bool,
    pub(super) disposal: Disposal,
    chunks: Range<usize>,
}

impl WebPFrame {
    /// What it takes, and for how long it is seen.
    pub(super) fn shown(&self) -> Shown {
        Shown::new(area(self.width, self.height), self.time)
    }

    /// Its picture.
    ///
    /// # Errors
    /// `Truncated` if it reaches beyond the end of the file, `Corrupt` if there is none.
    pub(super) fn picture(&self, bytes: &[u8]) -> Result<WebPPicture, Unscannable> {
        if self.chunks.end > bytes.len() {
            return Err(Unscannable::Truncated);
        }
        let picture = webp_picture(bytes, self.chunks.clone(), None);
        picture.filter(|p| p.range.end <= self.chunks.end).ok_or(Unscannable::Corrupt)
    }
}

/// Walks a WebP's chunks.
///
/// # Errors
/// `Truncated` if it ends before the size of its picture, `Corrupt` if it has none.
pub(super) fn webp(bytes: &[u8]) -> Result<WebP, Unscannable> {
    let claimed = u32::from_le_bytes(array(bytes, 4).ok_or(Unscannable::Truncated)?) as usize;
    let end = claimed.saturating_add(8).min(bytes.len());
    let missing = if end == bytes.len() { Unscannable::Truncated } else { Unscannable::Corrupt };
    let (mut canvas, mut flags, mut exif, mut plays) = (None, None, None, None);
    for chunk in riff_chunks(bytes, 12..end) {
        let start = chunk.body.start;
        match &chunk.kind {
            // Behind the picture viewers pass over it.
            b"VP8X" if start == 20 => {
                canvas = le24(bytes, start + 4).zip(le24(bytes, start + 7));
                flags = bytes.get(start).copied();
            }
            b"ANIM" => plays = plays.max(le16(bytes, start + 4)),
            b"EXIF" if exif.is_none() => exif = bytes.get(chunk.body),
            _ => {}
        }
    }
    let animated = flags.is_some_and(|flags| flags & 2 != 0);
    let transparent = flags.map(|flags| flags & 0x10 != 0);
    let mut still = if animated { None } else { webp_picture(bytes, 12..end, transparent) };
    if let Some(still) = &mut still {
        // A chunk of alpha without the flag is none to browsers.
        if !still.lossless && transparent != Some(true) {
            (still.alpha, still.range.start) = (false, still.pixels - 8);
        }
    }
    let canvas = canvas.map(|(width, height)| (width + 1, height + 1));
    let picture = still.as_ref().map(|still| (still.width, still.height));
    let (width, height) = canvas.or(picture).ok_or(missing)?;
    if !animated && picture.is_none() {
        return Err(missing);
    }
    if picture.is_some_and(|picture| picture != (width, height)) {
        return Err(Unscannable::Corrupt);
    }
    let mut survey = Survey::new(width, height, end);
    survey.working = still.as_ref().map_or(0, WebPPicture::working);
    let (orientation, transparent) = (orientation_of(exif), transparent == Some(true));
    let endless = plays == Some(0);
    Ok(WebP { survey, orientation, still, transparent, endless, frames: 12..end })
}

/// The frames of an animation among the chunks in `range`. The last one's may reach beyond the end of the file.
pub(super) fn webp_frames(
    bytes: &[u8],
    range: Range<usize>,
) -> impl Iterator<Item = WebPFrame> + '_ {
    riff_chunks(bytes, range).filter(|chunk| &chunk.kind == b"ANMF").map_while(|chunk| {
        let start = chunk.body.start;
        let field = |i: usize| le24(bytes, start + 3 * i);
        let flags = *bytes.get(start + 15)?;
        Some(WebPFrame {
            left: 2 * field(0)?,
            top: 2 * field(1)?,
            width: 1 + field(2)?,
            height: 1 + field(3)?,
            time: field(4)?,
            blend: flags & 2 == 0,
            disposal: if flags & 1 == 0 { Disposal::Keep } else { Disposal::Clear },
            // The frame's pixels are chunks of their own behind its 16 bytes of header.
            chunks: start + 16..chunk.body.end,
        })
    })
}

/// The first picture among the chunks in `range`. `alpha` is what the file's header says; nothing leaves it to the picture.
fn webp_picture(bytes: &[u8], range: Range<usize>, alpha: Option<bool>) -> Option<WebPPicture> {
    let mut transparency = None;
    for chunk in riff_chunks(bytes, range) {
        let start = chunk.body.start;
        let end = chunk.body.end;
        match &chunk.kind {
            b"ALPH" if transparency.is_none() => transparency = Some(start - 8),
            b"VP8 " => {
                let side = |at| le16(bytes, at).map(|n| n & 0x3fff).filter(|n| *n > 0);
                let (width, height) = (side(start + 6)?, side(start + 8)?);
                let range = transparency.unwrap_or(start - 8)..end;
                let alpha = transparency.is_some();
                let pixels = start;
                return Some(WebPPicture { range, pixels, width, height, lossless: false, alpha });
            }
            b"VP8L" => {
                let n = array(bytes, start + 1).map(u32::from_le_bytes)?;
                let (width, height) = (1 + (n & 0x3fff), 1 + (n >> 14 & 0x3fff));
                let alpha = alpha.unwrap_or(n >> 28 & 1 == 1);
                return Some(WebPPicture {
                    range: start - 8..end,
                    pixels: start,
                    width,
                    height,
                    lossless: true,
                    alpha,
                });
            }
            _ => {}
        }
    }
    None
}

/// A little-endian number of 24 bits at `at`.
fn le24(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_picture_without_end_does_not_wrap() {
        let cut = WebPPicture {
            range: 20..usize::MAX,
            pixels: 28,
            width: 8,
            height: 8,
            lossless: false,
            alpha: false,
        };
        assert_eq!(cut.length(58, 28, 32), usize::MAX);
        let whole = WebPPicture { range: 20..100, ..cut };
        assert_eq!(whole.length(58, 28, 32), 58 + 72 + 32);
    }
}
