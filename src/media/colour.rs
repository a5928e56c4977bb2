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
//! | a tone curve that falls, that is far from a gamma of 1.2 to 3.4, or that has steps | makes a negative, hides nearly everything, or shows what the numbers hide |
//! | a matrix, or a PNG's primaries (`cHRM`), whose red, green and blue are not about the usual ones | takes one channel from another |
//! | a PNG's gamma outside 0.3 to 0.7 | as the curve |
//! | code points (`cICP`, `cicp`) for another curve: PQ, HLG, linear | as the curve |
//! | a profile of more than a megabyte | nothing but tables is as long |
//!
//! A PNG may say it in four ways, and viewers do not agree which of them counts, nor what is too broken to count: one unusual is enough, and so
//! is a second profile. Of a JPEG the parts of a profile must be as many as they say, each once.
//!
//! What no viewer takes for a profile is none. Profiles of TIFF files are not looked at, and neither is the calibration in a bitmap's header.

use std::time::Instant;

use super::format::Format;
use super::frame::Request;
use super::jpeg;
use super::walk::{array, png_chunks, riff_chunks};

/// Most bytes of a profile that is judged.
const PROFILE: usize = 1 << 20;
/// Most entries of a profile's table of contents that are judged. Real ones have about twenty.
const TAGS: u32 = 256;
/// Chunks between two looks at the clock.
const CHUNKS: usize = 1 << 16;
/// A PNG's gammas that are as good as the usual 0.45455, in 100,000ths.
const GAMMA: std::ops::RangeInclusive<u32> = 30_000..=70_000;

/// Whether the picture is shown otherwise than it is decoded here. If there is no time to find out, there is none to decode it.
pub(super) fn is_unusual(request: &Request<'_>) -> bool {
    // The longest that any picture of the limits may take.
    let (bytes, deadline) = (request.bytes, request.until(request.limits.pixels));
    match request.media.format {
        Format::Jpeg => of_parts(&jpeg::profile(bytes, deadline)),
        Format::Png => of_png(bytes, deadline),
        Format::WebP => {
            // The header that says whether there is a profile stands first or not at all.
            let extended = array(bytes, 12) == Some(*b"VP8X");
            let chunks = in_time(riff_chunks(bytes, 12..bytes.len()), deadline);
            let mut profiles = chunks.filter(|chunk| extended && &chunk.kind == b"ICCP");
            let profile = profiles.next().and_then(|chunk| bytes.get(chunk.body));
            profile.and_then(of_profile) == Some(true)
        }
        Format::Bmp => of_bmp(bytes) == Some(true),
        _ => false,
    }
}

/// The chunks that there is time for.
fn in_time<T>(
    chunks: impl Iterator<Item = T>,
    deadline: Option<Instant>,
) -> impl Iterator<Item = T> {
    let late = move || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    chunks.enumerate().take_while(move |(n, _)| n % CHUNKS < CHUNKS - 1 || !late()).map(|(_, c)| c)
}

/// The parts of a JPEG's profile, each with its number and with how many there are.
fn of_parts(parts: &[([u8; 2], &[u8])]) -> bool {
    let mut sorted = parts.to_vec();
    sorted.sort_by_key(|(numbers, _)| *numbers);
    let regular = |(n, ([number, count], _)): (usize, &([u8; 2], &[u8]))| {
        usize::from(*number) == n + 1 && usize::from(*count) == parts.len()
    };
    if !sorted.iter().enumerate().all(regular) {
        return true;
    }
    let bytes = sorted.iter().flat_map(|(_, part)| *part).copied();
    let whole: Vec<u8> = bytes.take(PROFILE + 1).collect();
    of_profile(&whole) == Some(true)
}

fn of_png(bytes: &[u8], deadline: Option<Instant>) -> bool {
    let (mut profiles, mut unusual) = (0u32, false);
    for chunk in in_time(png_chunks(bytes), deadline) {
        let body = bytes.get(chunk.body).unwrap_or(&[]);
        match &chunk.kind {
            b"gAMA" => {
                let value = array(body, 0).map_or(0, u32::from_be_bytes);
                unusual |= value != 0 && !GAMMA.contains(&value);
            }
            b"cHRM" => unusual |= !are_usual_primaries(body).unwrap_or(true),
            b"cICP" => unusual |= body.get(1).is_some_and(|curve| !is_usual_code(*curve)),
            b"iCCP" => {
                profiles += 1;
                // Each may inflate to a megabyte.
                unusual |= profiles > 1 || of_compressed(body) == Some(true);
            }
            b"IDAT" => break,
            _ => {}
        }
        if unusual {
            break;
        }
    }
    unusual
}

/// Whether the red, green and blue of a `cHRM` chunk are about where they usually are. Zeros say nothing.
fn are_usual_primaries(body: &[u8]) -> Option<bool> {
    let number = |n: usize| Some(f64::from(u32::from_be_bytes(array(body, 4 * n)?)) / 100_000.0);
    let (red, green) = (number(2)?, [number(4)?, number(5)?]);
    let blue = [number(6)?, number(7)?];
    let none = body.iter().take(32).all(|byte| *byte == 0);
    let usual = red > 0.5 && green[0] < 0.4 && green[1] > 0.45 && blue[0] < 0.25 && blue[1] < 0.25;
    Some(none || usual)
}

/// The contents of an `iCCP` chunk: a name, a zero, the method (0), a zlib stream.
fn of_compressed(body: &[u8]) -> Option<bool> {
    let name = body.iter().take(80).position(|b| *b == 0)?;
    let stream = body.get(name + 2..)?;
    // What some viewers refuse for its end or its checksum, others take.
    match miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(stream, PROFILE) {
        Ok(profile) => of_profile(&profile),
        Err(error) => {
            let longer = error.status == miniz_oxide::inflate::TINFLStatus::HasMoreOutput;
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
    for entry in profile.get(132..)?.as_chunks::<12>().0.iter().take(count.min(TAGS) as usize) {
        let [s0, s1, s2, s3, o0, o1, o2, o3, l0, l1, l2, l3] = *entry;
        let start = u32::from_be_bytes([o0, o1, o2, o3]) as usize;
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let end = start.saturating_add(length);
        // What lies outside is no part of it to any viewer.
        let Some(tag) = profile.get(start..end) else { continue };
        unusual |= match &[s0, s1, s2, s3] {
            [b'A' | b'D', b'2', b'B', _] => true,
            b"rTRC" | b"gTRC" | b"bTRC" | b"kTRC" => !is_usual_curve(tag).unwrap_or(false),
            b"rXYZ" => !lies_within(tag, [(0.25, 0.85), (0.1, 0.45), (-0.05, 0.25)]),
            b"gXYZ" => !lies_within(tag, [(0.05, 0.5), (0.4, 0.85), (-0.05, 0.3)]),
            b"bXYZ" => !lies_within(tag, [(0.0, 0.35), (-0.1, 0.2), (0.4, 1.1)]),
            b"cicp" => tag.get(9).is_some_and(|curve| !is_usual_code(*curve)),
            _ => false,
        };
    }
    Some(unusual)
}

/// Code points of ITU-T H.273 for the curves of television and of monitors, or for none in particular.
fn is_usual_code(curve: u8) -> bool {
    matches!(curve, 1 | 2 | 4..=6 | 13..=15)
}

/// Whether a colour of three numbers lies between these.
fn lies_within(tag: &[u8], bounds: [(f64, f64); 3]) -> bool {
    let within = |(n, (least, most)): (usize, (f64, f64))| {
        fixed(tag, 8 + 4 * n).is_some_and(|number| (least..=most).contains(&number))
    };
    bounds.into_iter().enumerate().all(within)
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
            let table =
                tag.get(12..12usize.checked_add(count.checked_mul(2)?)?)?.as_chunks::<2>().0;
            let at = |i: usize| table.get(i).map_or(0.0, |v| f64::from(u16::from_be_bytes(*v)));
            Some(match count {
                0 => rises_as_usual(|x| x),
                1 => rises_as_usual(|x| x.powf(at(0) / 256.0)),
                _ => {
                    let rises =
                        table.iter().map(|v| u16::from_be_bytes(*v)).try_fold(0, |most, v| {
                            (v >= most || most - v < 1024).then_some(most.max(v))
                        });
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

/// Steps of which each must rise by about as much as the others, to the eye.
const STEPS: u32 = 16;

fn rises_as_usual(curve: impl Fn(f64) -> f64) -> bool {
    let mut most = 0.0;
    let rises = (0..=64).all(|i| {
        let x = f64::from(i) / 64.0;
        let y = curve(x);
        let rises = y >= most - 1.0 / 64.0;
        most = y.max(most);
        rises && (x.powf(3.4) - 0.02..=x.powf(1.2) + 0.02).contains(&y)
    });
    let seen = |i: u32| curve(f64::from(i) / f64::from(STEPS)).max(0.0).powf(1.0 / 2.2);
    rises
        && (1..STEPS).all(|i| {
            let step = (seen(i + 1) - seen(i)) * f64::from(STEPS);
            (1.0 / 3.0..=3.0).contains(&step)
        })
}
