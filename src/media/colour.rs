//! Whether a picture is shown in other colours than its numbers say by themselves.
//!
//! Numbers are hashed as they stand. A colour profile or a PNG's gamma says what they mean, and viewers go by that. Of the usual ones
//! (sRGB, Display P3, Adobe RGB, what monitors and scanners have) a picture gets a tint or a little contrast. Others may say that dark
//! is light, and what people see then is another picture. Applying them all is a colour engine; here they are only judged, and
//! roughly: whose profile is unusual has its picture hashed as it stands, and that it is shown otherwise is told.
//!
//! | unusual | why |
//! |---|---|
//! | tables from device to colour (`A2B0` and the like; every CMYK profile has some) | may say anything |
//! | a tone curve that falls, or is somewhere much steeper or flatter than a gamma of 1.4 to 3.4 is there | makes a negative, or hides a picture in a step |
//! | a matrix whose red, green and blue are not about where the usual ones are | takes one channel from another |
//! | a PNG's gamma outside 0.3 to 0.7 | as the curve |
//! | a PNG's primaries (`cHRM`) far from the usual | as the matrix |
//! | code points (`cICP`, `cicp`) for another curve: PQ, HLG, linear | as the curve |
//! | a second profile; parts of one that are not all there, each once and in order; a tag twice | viewers differ in which they take |
//! | a profile of more than a megabyte, a curve of more than 65,536 points | nothing but tables is as long |
//!
//! All of it is asked, each by itself: which of several chunks a viewer goes by, and which it drops as damaged, differs from viewer to viewer. What no
//! viewer takes for a profile is none. Profiles of TIFF files are not looked at, and neither is the calibration in a bitmap's header.

use std::time::Instant;

use super::class::Unscannable;
use super::format::Format;
use super::frame::Request;
use super::jpeg;
use super::walk::{array, png_chunks, riff_chunks};

/// Most bytes of a profile that is judged.
const PROFILE: usize = 1 << 20;
/// Most entries of a profile's table of contents that are judged. Real ones have about twenty.
const TAGS: u32 = 256;
/// Most points of a tone curve that are judged. Real ones have 4096 at most.
const POINTS: usize = 1 << 16;
/// Chunks between two looks at the clock.
const CHUNKS: usize = 1 << 10;
/// A PNG's gammas that are as good as the usual 0.45455, in 100,000ths.
const GAMMA: std::ops::RangeInclusive<u32> = 30_000..=70_000;
/// Where white, red, green and blue of a PNG may lie: x and y of each, in 100,000ths. All that screens, cameras and printers are measured by lie within.
const PRIMARIES: [std::ops::RangeInclusive<u32>; 8] = [
    25_000..=45_000,
    27_000..=45_000,
    50_000..=80_000,
    20_000..=45_000,
    0..=40_000,
    45_000..=100_000,
    0..=25_000,
    0..=25_000,
];

/// Whether the picture is shown otherwise than it is decoded here.
///
/// # Errors
/// `Timeout`, if there was no time to find out: longer than the largest picture may take. What costs here is one walk over headers and one profile.
pub(super) fn is_unusual(request: &Request<'_>) -> Result<bool, Unscannable> {
    let (bytes, deadline) = (request.bytes, request.until(request.limits.pixels));
    Ok(match request.media.format {
        Format::Jpeg => of_parts(&jpeg::profile(bytes, deadline)?),
        Format::Png => return of_png(bytes, deadline),
        Format::WebP => {
            // The header that says whether there is a profile stands first or not at all.
            let extended = array(bytes, 12) == Some(*b"VP8X");
            let mut unusual = None;
            for chunk in in_time(riff_chunks(bytes, 12..bytes.len()), deadline) {
                let chunk = chunk?;
                if extended && &chunk.kind == b"ICCP" {
                    let profile = bytes.get(chunk.body).unwrap_or(&[]);
                    unusual = Some(unusual.is_some() || of_profile(profile) == Some(true));
                }
            }
            unusual == Some(true)
        }
        Format::Bmp => of_bmp(bytes) == Some(true),
        _ => false,
    })
}

/// The chunks, as long as there is time.
fn in_time<T>(
    chunks: impl Iterator<Item = T>,
    deadline: Option<Instant>,
) -> impl Iterator<Item = Result<T, Unscannable>> {
    let late = move || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    chunks.enumerate().map(move |(n, chunk)| {
        if n % CHUNKS == CHUNKS - 1 && late() { Err(Unscannable::Timeout) } else { Ok(chunk) }
    })
}

/// The parts of a JPEG's profile.
fn of_parts(parts: &[jpeg::ProfilePart<'_>]) -> bool {
    let in_order = |(place, (number, count, _)): (usize, &(u8, u8, &[u8]))| {
        usize::from(*number) == place + 1 && usize::from(*count) == parts.len()
    };
    let bytes = parts.iter().flat_map(|(.., part)| *part).copied();
    let whole: Vec<u8> = bytes.take(PROFILE + 1).collect();
    !parts.iter().enumerate().all(in_order) || of_profile(&whole) == Some(true)
}

fn of_png(bytes: &[u8], deadline: Option<Instant>) -> Result<bool, Unscannable> {
    let mut profiles = 0u32;
    for chunk in in_time(png_chunks(bytes), deadline) {
        let chunk = chunk?;
        let body = bytes.get(chunk.body).unwrap_or(&[]);
        let unusual = match &chunk.kind {
            b"gAMA" => {
                let value = array(body, 0).map_or(0, u32::from_be_bytes);
                value != 0 && !GAMMA.contains(&value)
            }
            b"cHRM" => {
                let values = body.as_chunks::<4>().0.iter().map(|n| u32::from_be_bytes(*n));
                values.clone().any(|n| n != 0)
                    && values.zip(&PRIMARIES).any(|(n, usual)| !usual.contains(&n))
            }
            b"cICP" => array(body, 0).is_some_and(|code| !is_usual_code(code)),
            b"iCCP" => {
                // One is looked at, so that no more is inflated.
                profiles += 1;
                profiles > 1 || of_compressed(body) == Some(true)
            }
            b"IDAT" => break,
            _ => false,
        };
        if unusual {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The contents of an `iCCP` chunk: a name, a zero, the method (0), a zlib stream. What comes out of it counts, however it ends: viewers stop where
/// the profile does.
fn of_compressed(body: &[u8]) -> Option<bool> {
    let name = body.iter().take(80).position(|b| *b == 0)?;
    let stream = body.get(name + 2..)?;
    // Blocks may be empty, so what is read is bounded as well as what comes out.
    let most = stream.get(..PROFILE).unwrap_or(stream);
    match miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(most, PROFILE) {
        Ok(profile) => of_profile(&profile),
        Err(error) => {
            let longer = error.status == miniz_oxide::inflate::TINFLStatus::HasMoreOutput
                || most.len() < stream.len();
            of_profile(&error.output).map(|unusual| unusual || longer)
        }
    }
}

/// The profile at the end of a bitmap whose header is of version 5.
fn of_bmp(bytes: &[u8]) -> Option<bool> {
    if (array(bytes, 14)?, array(bytes, 70)?) != ([124, 0, 0, 0], *b"DEBM") {
        return None;
    }
    let number = |at| array(bytes, at).map(|n| u32::from_le_bytes(n) as usize);
    let start = number(126)?.checked_add(14)?;
    let length = number(130)?;
    of_profile(bytes.get(start..start.checked_add(length)?)?)
}

/// Whether a profile is unusual; nothing if it is none.
fn of_profile(profile: &[u8]) -> Option<bool> {
    if array(profile, 36)? != *b"acsp" {
        return None;
    }
    let count = u32::from_be_bytes(array(profile, 128)?);
    let mut unusual = count > TAGS || profile.len() > PROFILE;
    let mut names = Vec::new();
    for entry in profile.get(132..)?.as_chunks::<12>().0.iter().take(count.min(TAGS) as usize) {
        let [s0, s1, s2, s3, o0, o1, o2, o3, l0, l1, l2, l3] = *entry;
        let name = [s0, s1, s2, s3];
        // So each curve is judged once.
        if names.contains(&name) {
            return Some(true);
        }
        names.push(name);
        let start = u32::from_be_bytes([o0, o1, o2, o3]) as usize;
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let end = start.saturating_add(length);
        // What lies outside is no part of it to any viewer.
        let Some(tag) = profile.get(start..end) else { continue };
        unusual |= match &name {
            [b'A' | b'D', b'2', b'B', _] => true,
            b"rTRC" | b"gTRC" | b"bTRC" | b"kTRC" => !is_usual_curve(tag).unwrap_or(false),
            b"rXYZ" => !is_within(tag, [0.25..=0.85, 0.1..=0.45, -0.05..=0.25]),
            b"gXYZ" => !is_within(tag, [0.05..=0.5, 0.4..=0.85, -0.05..=0.3]),
            b"bXYZ" => !is_within(tag, [0.0..=0.35, -0.1..=0.2, 0.4..=1.1]),
            b"cicp" => array(tag, 8).is_some_and(|code| !is_usual_code(code)),
            _ => false,
        };
    }
    Some(unusual)
}

/// Code points of ITU-T H.273 for the primaries and the curves of television, film and monitors, or for none in particular. Primaries by themselves (10) are none of these:
/// red and blue have no brightness then.
fn is_usual_code([primaries, curve]: [u8; 2]) -> bool {
    matches!(primaries, 1 | 2 | 4..=9 | 11 | 12 | 22) && matches!(curve, 1 | 2 | 4..=6 | 13..=15)
}

/// Whether a primary colour lies about where the usual ones do: X, Y, which is its share of the brightness of white, and Z.
fn is_within(tag: &[u8], usual: [std::ops::RangeInclusive<f64>; 3]) -> bool {
    let places = [8, 12, 16];
    places.iter().zip(usual).all(|(at, usual)| fixed(tag, *at).is_some_and(|n| usual.contains(&n)))
}

/// A number of 16 bits before and 16 behind the point.
fn fixed(tag: &[u8], at: usize) -> Option<f64> {
    Some(f64::from(i32::from_be_bytes(array(tag, at)?)) / 65_536.0)
}

/// Whether a tone curve rises, about as usual ones do; nothing if it cannot be read.
fn is_usual_curve(tag: &[u8]) -> Option<bool> {
    match &array(tag, 0)? {
        b"curv" => {
            let count = u32::from_be_bytes(array(tag, 8)?) as usize;
            if count > POINTS {
                return Some(false);
            }
            let table = tag.get(12..12 + 2 * count)?.as_chunks::<2>().0;
            let at = |i: usize| table.get(i).map_or(0.0, |v| f64::from(u16::from_be_bytes(*v)));
            Some(match count {
                0 => rises_as_usual(|x| x),
                1 => rises_as_usual(|x| x.powf(at(0) / 256.0)),
                _ => {
                    let rises = (0..count)
                        .map(|i| looks(at(i) / 65_535.0))
                        .try_fold(0.0, |most, e| (e >= most - NOISE).then_some(e.max(most)));
                    rises.is_some()
                        && rises_as_usual(|x| {
                            let place = x * (count - 1) as f64;
                            let (below, part) = (place.floor() as usize, place.fract());
                            (at(below) * (1.0 - part) + at((below + 1).min(count - 1)) * part)
                                / 65_535.0
                        })
                }
            })
        }
        b"para" => {
            let kind = u16::from_be_bytes(array(tag, 8)?);
            let length = *[1, 3, 4, 5, 7].get(usize::from(kind))?;
            let mut p = [0.0; 7];
            for (i, value) in p.iter_mut().take(length).enumerate() {
                *value = fixed(tag, 12 + 4 * i)?;
            }
            let [g, a, b, c, d, e, f] = p;
            let power = move |x: f64| (a * x + b).max(0.0).powf(g);
            Some(rises_as_usual(|x| match kind {
                0 => x.powf(g),
                1 if a * x + b >= 0.0 => power(x),
                1 => 0.0,
                2 if a * x + b >= 0.0 => power(x) + c,
                2 => c,
                3 if x >= d => power(x),
                4 if x >= d => power(x) + e,
                3 => c * x,
                _ => c * x + f,
            }))
        }
        _ => None,
    }
}

/// How much a curve of measured points may fall before it rises again: four of 256 shades.
const NOISE: f64 = 1.0 / 64.0;

/// How bright a share of the light of white looks, in equal shades.
fn looks(light: f64) -> f64 {
    light.max(0.0).powf(1.0 / 2.2)
}

/// Whether a curve takes black to black and white to white, and is nowhere much steeper or flatter than usual ones: in a step a picture can be hidden that is
/// shown strongly and stored faintly, beside another one that is stored strongly and shown faintly.
fn rises_as_usual(curve: impl Fn(f64) -> f64) -> bool {
    let at = |i: u32| curve(f64::from(i) / 32.0);
    let steady = |i: u32| {
        let rise = 32.0 * (looks(at(i + 1)) - looks(at(i)));
        match i {
            // Near black usual curves differ most, and some begin flat.
            0..2 => (0.0..=4.0).contains(&rise),
            2..8 => (1.0 / 3.0..=3.0).contains(&rise),
            _ => (0.5..=2.0).contains(&rise),
        }
    };
    at(0) <= 0.02 && (0.98..=1.02).contains(&at(32)) && (0..32).all(steady)
}
