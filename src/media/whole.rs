//! BMP and TIFF, whose decoders in the `image` crate hand out whole pictures.

use std::io::BufReader;

use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder, ImageError};

use super::class::Unscannable;
use super::frame::{Decoded, Frame, Sink};
use super::job::{Job, cut_short, fill};
use super::pixels::{Layout, compact, float_mixed, from_float, mixed, narrow, narrow_mixed};
use super::raster::PixelFormat;
use super::rows::Rows;
use super::survey::Survey;
use super::walk::array;

type Outcome = Result<Decoded, Unscannable>;

/// Rows that the file does not hold stay white. It stores them from the bottom up, so that it is the top that is missing.
///
/// Alpha of nothing but zeros counts as none, as browsers take it. What run lengths pass over is black here, and the page behind it
/// in some viewers: of such a picture that is told.
pub(super) fn bmp(job: &Job<'_>, pixels: &mut Vec<u8>, sink: &mut dyn Sink) -> Outcome {
    let bytes = job.bytes();
    // It reads pixel by pixel.
    let source = BufReader::with_capacity(32 << 10, job.source(bytes));
    let decoder = BmpDecoder::new(source).map_err(|e| reason(job, &e))?;
    let survey = job.admit(header_only(&decoder, bytes))?;
    let rows = array(bytes, 10).map_or(0, u32::from_le_bytes);
    // The oldest header is 12 bytes long.
    let bits_at = if bytes.get(14) == Some(&12) { 24 } else { 28 };
    let bits = array(bytes, bits_at).map_or(1, u16::from_le_bytes).max(1);
    let row = u64::from(survey.width) * u64::from(bits) / 8;
    let decoded = run(job, pixels, sink, decoder, survey, u64::from(rows) + row)?;
    let runs = match array(bytes, 30).map_or(0, u32::from_le_bytes) {
        1 | 2 if bits_at == 28 => bytes.get(rows as usize..).unwrap_or(&[]),
        _ => return Ok(decoded),
    };
    let odd = passes_over(job, runs, survey.width, survey.height)?;
    let cut_short = decoded.cut_short.or(odd.then_some(Unscannable::Unsupported));
    Ok(Decoded { cut_short, ..decoded })
}

/// Whether run lengths leave out pixels: by going on elsewhere, or by ending a row or the picture early.
fn passes_over(
    job: &Job<'_>,
    mut runs: &[u8],
    width: u32,
    height: u32,
) -> Result<bool, Unscannable> {
    let four_bits = array(job.bytes(), 28) == Some([4, 0]);
    let (mut x, mut rows, mut steps) = (0u32, 0, 0u32);
    while rows < height {
        steps += 1;
        if steps.is_multiple_of(1 << 16) {
            job.in_time()?;
        }
        // Where the file ends in the middle, the decoder has said so.
        let Some((&[count, what], rest)) = runs.split_first_chunk() else { break };
        runs = rest;
        match (count, what) {
            (0, 0) if x < width => return Ok(true),
            (0, 0) => (x, rows) = (0, rows + 1),
            (0, 1) => return Ok(x < width || rows + 1 < height),
            (0, 2) => match runs.split_first_chunk() {
                Some((&[0, 0], rest)) => runs = rest,
                _ => return Ok(true),
            },
            (0, count) => {
                let bytes = if four_bits { count.div_ceil(2) } else { count };
                let padded = usize::from(bytes).next_multiple_of(2);
                runs = runs.get(padded..).unwrap_or(&[]);
                x = x.saturating_add(count.into());
            }
            (count, _) => x = x.saturating_add(count.into()),
        }
    }
    Ok(false)
}

/// The decoder bounds neither the size of a JPEG inside a strip nor the work of LZW codes that make no pixels, so the former is
/// refused and so is LZW of far more bytes than it makes.
#[cfg(feature = "tiff")]
pub(super) fn tiff(job: &Job<'_>, pixels: &mut Vec<u8>, sink: &mut dyn Sink) -> Outcome {
    let bytes = job.bytes();
    let compressions = compressions(bytes).unwrap_or_default();
    if compressions.iter().any(|c| ![1, 2, 3, 4, 5, 8, 32_773, 32_946].contains(c)) {
        return Err(Unscannable::Unsupported);
    }
    let decoder = image::codecs::tiff::TiffDecoder::new(job.source(bytes));
    let decoder = decoder.map_err(|e| reason(job, &e))?;
    let mut survey = header_only(&decoder, bytes);
    // It decodes into a buffer of its own and copies.
    survey.working = decoder.total_bytes();
    if compressions.contains(&5) && bytes.len() as u64 > 4 * survey.working + (64 << 10) {
        return Err(Unscannable::Limit);
    }
    run(job, pixels, sink, decoder, job.admit(survey)?, 0)
}

/// The compressions that a TIFF's first directory names; more than one if it names it again.
#[cfg(feature = "tiff")]
fn compressions(bytes: &[u8]) -> Option<Vec<u16>> {
    let little = bytes.first() == Some(&b'I');
    let number = |at: usize, length: usize| {
        let digits = bytes.get(at..at.checked_add(length)?)?.iter();
        let value = |n: u64, b: &u8| n << 8 | u64::from(*b);
        Some(if little { digits.rev().fold(0, value) } else { digits.fold(0, value) })
    };
    let big = number(2, 2)? == 43;
    let (first, count, entry, value) = if big { (8, 8, 20, 12) } else { (4, 2, 12, 8) };
    let directory = usize::try_from(number(first, if big { 8 } else { 4 })?).ok()?;
    let mut found = Vec::new();
    for n in 0..usize::try_from(number(directory, count)?.min(1 << 16)).ok()? {
        let at = directory.checked_add(count)?.checked_add(n * entry)?;
        match number(at, 2) {
            Some(259) => found.push(number(at.checked_add(value)?, 2)? as u16),
            Some(_) => {}
            None => break,
        }
    }
    Some(found)
}

/// For decoders that read no more than a header at first and bound the rest themselves.
fn header_only(decoder: &impl ImageDecoder, bytes: &[u8]) -> Survey {
    let (width, height) = decoder.dimensions();
    Survey::new(width, height, bytes.len())
}

/// Decodes into the reused buffer. Rows that were there before the decoder stopped count if it came past `first_row` bytes
/// of the file; with 0 none do.
fn run(
    job: &Job<'_>,
    pixels: &mut Vec<u8>,
    sink: &mut dyn Sink,
    mut decoder: impl ImageDecoder,
    survey: Survey,
    first_row: u64,
) -> Outcome {
    // A decoder that sees another picture than the survey did would escape its bounds.
    if decoder.dimensions() != (survey.width, survey.height) {
        return Err(Unscannable::Corrupt);
    }
    let color = decoder.color_type();
    let orientation = decoder.orientation().map_or(1, |o| o.to_exif());
    let raw = decoder.total_bytes();
    if !job.affords(&survey, raw.saturating_add(survey.working)) {
        return Err(Unscannable::Limit);
    }
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(job.request.limits.width);
    limits.max_image_height = Some(job.request.limits.height);
    limits.max_alloc = job.request.limits.memory.checked_sub(raw);
    decoder.set_limits(limits).map_err(|e| reason(job, &e))?;
    // Filled, since decoders may leave pixels untouched: those of the upload before must not show through.
    let raw = usize::try_from(raw).map_err(|_| Unscannable::Limit)?;
    fill(pixels, raw, if first_row > 0 { 255 } else { 0 })?;
    let zeros_are_none = first_row > 0 && color == ColorType::Rgba8;
    if zeros_are_none {
        // Rows that are missing must not pass for rows with alpha.
        each_alpha(pixels, |alpha| *alpha = 0);
    }
    // A small file has been read into a buffer by now.
    job.in_time()?;
    let stopped = decoder.read_image(pixels).err().map(|e| reason(job, &e));
    let partly = first_row > 0 && first_row <= survey.length as u64;
    let decoded = cut_short(stopped, partly)?;
    if zeros_are_none && pixels.iter().skip(3).step_by(4).all(|alpha| *alpha == 0) {
        each_alpha(pixels, |alpha| *alpha = 255);
    }
    let transparent = !is_opaque(pixels, color);
    let format = flatten(pixels, color, job.page().level())?;
    let (width, height) = (survey.width as usize, survey.height as usize);
    let frame = Frame { index: 0, width, height, format, orientation, exact: true };
    let mut rows = Rows::new(sink, frame, job.page());
    rows.push(pixels);
    // The buffer was made to this size; a mismatch would be a defect of this room.
    if rows.fill() { Ok(Decoded { transparent, ..decoded }) } else { Err(Unscannable::Corrupt) }
}

/// Changes the alpha of pixels of four bytes.
fn each_alpha(pixels: &mut [u8], change: impl FnMut(&mut u8)) {
    pixels.iter_mut().skip(3).step_by(4).for_each(change);
}

fn reason(job: &Job<'_>, error: &ImageError) -> Unscannable {
    match (job.gave_up(), error) {
        (Unscannable::Timeout, _) => Unscannable::Timeout,
        (_, ImageError::Unsupported(_)) => Unscannable::Unsupported,
        (_, ImageError::Limits(_)) => Unscannable::Limit,
        (otherwise, _) => otherwise,
    }
}

/// Whether nothing is seen through any pixel.
fn is_opaque(pixels: &[u8], color: ColorType) -> bool {
    // Alpha that is full has the same bytes in either order.
    match color {
        ColorType::La8 => Layout::La8.is_opaque(pixels),
        ColorType::Rgba8 => Layout::Rgba8.is_opaque(pixels),
        ColorType::La16 => Layout::La16.is_opaque(pixels),
        ColorType::Rgba16 => Layout::Rgba16.is_opaque(pixels),
        ColorType::Rgba32F => pixels.as_chunks::<16>().0.iter().all(|p| float(*p, 3) >= 1.0),
        _ => true,
    }
}

/// Brings any colour type to 8 bits over a page of this level, in place.
fn flatten(pixels: &mut Vec<u8>, color: ColorType, page: u8) -> Result<PixelFormat, Unscannable> {
    match color {
        ColorType::L8 | ColorType::Rgb8 => {}
        ColorType::La8 => compact(pixels, |[l, a]| [mixed(l, a, page)]),
        ColorType::Rgba8 => compact(pixels, |[r, g, b, a]| [r, g, b].map(|c| mixed(c, a, page))),
        ColorType::L16 => compact(pixels, |p: [u8; 2]| [narrow(word(p, 0))]),
        ColorType::La16 => {
            compact(pixels, |p: [u8; 4]| [narrow_mixed(word(p, 0), word(p, 1), page)])
        }
        ColorType::Rgb16 => compact(pixels, |p: [u8; 6]| [0, 1, 2].map(|i| narrow(word(p, i)))),
        ColorType::Rgba16 => {
            compact(pixels, |p: [u8; 8]| {
                [0, 1, 2].map(|i| narrow_mixed(word(p, i), word(p, 3), page))
            });
        }
        ColorType::Rgb32F => {
            compact(pixels, |p: [u8; 12]| [0, 1, 2].map(|i| from_float(float(p, i))))
        }
        ColorType::Rgba32F => {
            compact(pixels, |p: [u8; 16]| {
                [0, 1, 2].map(|i| float_mixed(float(p, i), float(p, 3), page))
            });
        }
        _ => return Err(Unscannable::Unsupported),
    }
    Ok(if color.has_color() { PixelFormat::Rgb8 } else { PixelFormat::Grey8 })
}

/// Channel `i` of 16 bits, in the machine's order as the decoders leave it.
fn word<const N: usize>(pixel: [u8; N], i: usize) -> u16 {
    u16::from_ne_bytes([pixel[2 * i], pixel[2 * i + 1]])
}

/// Channel `i` of 32 bits.
fn float<const N: usize>(pixel: [u8; N], i: usize) -> f32 {
    f32::from_ne_bytes([pixel[4 * i], pixel[4 * i + 1], pixel[4 * i + 2], pixel[4 * i + 3]])
}
