//! The thumbnail in a photograph's EXIF block.
//!
//! ```text
//! JPEG: APP1 segments before the scan, whatever lies between segments, that begin with "Exif\0\0";  PNG: eXIf;  WebP: EXIF;  TIFF: the file itself
//! block: byte order, 42, offset of directory 0 -> its length -> offset of directory 1
//! directory 1: tag 0x0201 offset, tag 0x0202 length -> a JPEG
//! ```
//!
//! * Two directories are read and no further link is followed, so that there can be no loop.
//! * Written here and not taken from a crate: it is two directories of twelve-byte entries, and the crates that read all of EXIF
//!   have all of EXIF to get wrong (RUSTSEC-2021-0143 was an endless loop in one of them).
//! * One thumbnail is handed over, the first: programs write one, and a file of hundreds would be decoded for each. A second is `limit`.
//! * A thumbnail of bare pixels, which cameras stopped writing long ago, is `unsupported`; so is the second page of a TIFF.

use std::ops::Range;

use memchr::memmem;

use super::Place;
use super::walk::{Stop, Walk};
use crate::media::class::Unscannable;
use crate::media::walk::{array, be16, png_chunks, riff_chunks};

const PREFIX: &[u8] = b"Exif\0\0";

pub(super) fn of_jpeg(bytes: &[u8], walk: &mut Walk<'_>) -> Result<(), Stop> {
    let (mark, mut at) = (memmem::Finder::new(b"\xff"), 2usize);
    loop {
        let Some([first, marker]) = array(bytes, at) else { return Ok(()) };
        match (first, marker) {
            // Fill bytes; what is no marker, or one without a length.
            (0xff, 0xff) => at += 1,
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
            // The scan or the end.
            (0xff, 0xd9 | 0xda) => return Ok(()),
            // Decoders pass over stray bytes between segments, and so does what shows the thumbnail.
            (0..0xff, _) => {
                walk.entry()?;
                let Some(next) = walk.find(bytes, at, &mark)? else { return Ok(()) };
                at = next;
            }
            _ => {
                walk.entry()?;
                let Some(length) = be16(bytes, at + 2) else { return Ok(()) };
                let end = at + 2 + (length as usize).max(2);
                if marker == 0xe1
                    && let Some(block) = body(bytes, at + 4..end).strip_prefix(PREFIX)
                {
                    thumbnail(block, walk)?;
                }
                at = end;
            }
        }
        walk.work(2)?;
    }
}

pub(super) fn of_png(bytes: &[u8], walk: &mut Walk<'_>) -> Result<(), Stop> {
    for chunk in png_chunks(bytes) {
        walk.entry()?;
        if &chunk.kind == b"eXIf" {
            thumbnail(body(bytes, chunk.body), walk)?;
        }
    }
    Ok(())
}

pub(super) fn of_webp(bytes: &[u8], walk: &mut Walk<'_>) -> Result<(), Stop> {
    for chunk in riff_chunks(bytes, 12..bytes.len()) {
        walk.entry()?;
        if &chunk.kind == b"EXIF" {
            let block = body(bytes, chunk.body);
            // Some writers keep the prefix that only JPEG needs.
            thumbnail(block.strip_prefix(PREFIX).unwrap_or(block), walk)?;
        }
    }
    Ok(())
}

pub(super) fn of_tiff(bytes: &[u8], walk: &mut Walk<'_>) -> Result<(), Stop> {
    thumbnail(bytes, walk)
}

/// As much of `range` as there is.
fn body(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range.start..range.end.min(bytes.len())).unwrap_or(&[])
}

fn thumbnail(block: &[u8], walk: &mut Walk<'_>) -> Result<(), Stop> {
    match second_directory(block) {
        None => Ok(()),
        Some(Thumbnail::Jpeg { offset, length }) => {
            let whole = offset.saturating_add(length);
            let picture = body(block, offset..whole);
            if whole > block.len() {
                walk.miss(Unscannable::Truncated);
            }
            if picture.starts_with(b"\xff\xd8\xff") {
                if walk.coverage().pictures > 0 {
                    return Err(walk.stop(Unscannable::Limit));
                }
                walk.hand_over_from(Place::Thumbnail, picture)
            } else {
                walk.miss(Unscannable::Corrupt);
                Ok(())
            }
        }
        Some(Thumbnail::Pixels) => {
            walk.miss(Unscannable::Unsupported);
            Ok(())
        }
    }
}

enum Thumbnail {
    Jpeg { offset: usize, length: usize },
    Pixels,
}

fn second_directory(block: &[u8]) -> Option<Thumbnail> {
    let little = match &array::<4>(block, 0)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = array(block, at)?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = array(block, at)?;
        let value = if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        usize::try_from(value).ok()
    };
    let first = long(4)?;
    let link = first.checked_add(2)?.checked_add(12 * usize::from(short(first)?))?;
    let second = long(link).filter(|second| *second != 0)?;
    let (mut offset, mut length, mut pixels) = (None, None, false);
    for entry in 0..usize::from(short(second)?) {
        let at = second.checked_add(2)?.checked_add(12 * entry)?;
        let value_at = at.checked_add(8)?;
        // Type 3 is a number of 16 bits, 4 one of 32.
        let value = || match short(at.checked_add(2)?)? {
            3 => short(value_at).map(usize::from),
            4 => long(value_at),
            _ => None,
        };
        match short(at) {
            Some(0x0201) => offset = value(),
            Some(0x0202) => length = value(),
            Some(0x0111) => pixels = true,
            Some(_) => {}
            None => break,
        }
    }
    match (offset, length) {
        (Some(offset), Some(length)) => Some(Thumbnail::Jpeg { offset, length }),
        // Without a length: as far as the block goes. The decoder stops at the end marker.
        (Some(offset), None) => {
            Some(Thumbnail::Jpeg { offset, length: block.len().saturating_sub(offset) })
        }
        _ => pixels.then_some(Thumbnail::Pixels),
    }
}
