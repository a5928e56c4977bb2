//! What a JPEG holds and what it will cost: its segments, walked before anything is allocated.
//!
//! ```text
//! up to the first scan:   frame size and sampling; the tables, copied into a short head of our own making
//! behind it:              where the entropy-coded data ends; for pictures in several scans, what each scan adds
//! ```
//!
//! The decoder is not shown the upload's own head but one made here, because it is not to be trusted with the rest:
//! it copies profiles, EXIF and XMP, which nobody reads here, and it names colours differently from the library that
//! browsers use. The same picture must not look one way to people and another to the filter. So:
//!
//! * A JFIF marker means YCbCr, whatever an Adobe marker or the components' names say. Then the Adobe marker counts,
//!   then the names `R`, `G`, `B`.
//! * The usual Huffman tables stand in for missing ones, as they do in a browser.
//! * A first coefficient whose difference has more than 11 bits is in no picture of 8 bits. This decoder adds what it is told, others wrap
//!   it: a Huffman table that can say so is refused.
//! * A quantization table that changes behind the first scan is refused if a component uses it. Some decoders take the tables when
//!   a component's first scan begins, this one takes all when the first scan of any does, others at the end.
//! * The entropy-coded data of a picture in one scan ends at the first marker that is not a restart: nothing behind it
//!   (a height given late, a second picture) is looked at.

use std::ops::Range;

use super::markers::Markers;
use crate::limits::Limits;
use crate::media::class::Unscannable;
use crate::media::job::Job;
use crate::media::survey::Survey;
use crate::media::walk::be16;

/// Most bytes of tables. Real files have under 4 KiB.
const HEAD: usize = 64 << 10;
/// Rows and columns of a block.
const BLOCK: u64 = 8;
/// Most bits of the difference between two first coefficients, in samples of 8 bits.
const DC_BITS: u8 = 11;
/// Fewest bytes of a JFIF marker that counts as one in a browser.
const JFIF: usize = 14;

/// Passes over its pixels that a picture may ask for, in multiples of `Limits::pixels`. The usual progressive scripts have 10
/// scans; an empty scan costs a few bytes of file and a full pass of work.
const PASSES: u64 = 12;

/// What a JPEG's segments say.
#[derive(Clone, Debug)]
pub(super) struct Jpeg {
    pub(super) survey: Survey,
    pub(super) components: u8,
    pub(super) progressive: bool,
    /// The first component has all rows and columns, in a sampling whose luma the decoder hands over rightly.
    pub(super) luma_alone: bool,
    /// Passes over the picture; no more than are allowed.
    pub(super) scans: u64,
    /// Every coefficient of every component is sent, to its last bit, and no scan has fewer restart markers than it needs.
    pub(super) covered: bool,
    /// What the decoder reads up to the first scan's data.
    pub(super) head: Vec<u8>,
    /// Where the rest lies, up to the end of the entropy-coded data.
    pub(super) body: Range<usize>,
    /// EXIF orientation.
    pub(super) orientation: u8,
}

/// A frame header.
struct Frame {
    progressive: bool,
    height: u32,
    width: u32,
    components: Vec<Component>,
    /// Units between restart markers; 0 for none.
    interval: u64,
    /// A scan has fewer restart markers than it needs.
    short: bool,
}

/// The quantization tables that are in force.
type Tables = [Option<[u16; 64]>; 4];

struct Component {
    name: u8,
    /// Number of its quantization table.
    table: u8,
    h: u64,
    v: u64,
    /// Bit below which each coefficient is still unknown; 255 while nothing of it was sent.
    unknown: [u8; 64],
}

/// Walks a JPEG's segments.
///
/// # Errors
/// `Truncated` if there is no scan data, `Unsupported` for what the decoder does not know (arithmetic coding, lossless, 12 bits,
/// three-fold sampling), `Corrupt` where the order or length of segments makes no sense, `Limit` for absurd tables and for
/// more passes than `Limits::pixels` allows, `Timeout`.
pub(super) fn survey(job: &Job<'_>) -> Result<Jpeg, Unscannable> {
    let (bytes, limits) = (job.bytes(), job.request.limits);
    let mut markers = Markers::new(bytes, job.deadline());
    let mut head = vec![0xff, 0xd8];
    let mut frame: Option<Frame> = None;
    let (mut jfif, mut adobe, mut orientation) = (false, None, None);
    let (mut at, mut frame_at, mut interval) = (2, 0, 0);
    let mut tables = Tables::default();
    let (mut frame, body) = loop {
        let (marker, start) = markers.next(at)?.ok_or(Unscannable::Truncated)?;
        if matches!(marker, 0x01 | 0xd0..=0xd7) {
            at = start;
            continue;
        }
        if matches!(marker, 0xd8 | 0xd9) {
            return Err(Unscannable::Corrupt);
        }
        let body = markers.segment(start).ok_or(Unscannable::Truncated)?;
        at = start + 2 + body.len();
        match marker {
            0xc0..=0xc2 if frame.is_none() => {
                let header = frame_header(marker, body)?;
                job.allow(header.area().min(limits.pixels));
                markers.deadline = job.deadline();
                frame = Some(header);
            }
            0xc0..=0xc2 => return Err(Unscannable::Corrupt),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Err(Unscannable::Unsupported),
            0xc4 => huffman_tables(body)?,
            0xdb => quantization_tables(body, |number, table| {
                tables[usize::from(number & 3)] = Some(table);
                Ok(())
            })?,
            0xdd => interval = be16(body, 0).unwrap_or(0),
            0xe0 => jfif |= body.len() >= JFIF && body.starts_with(b"JFIF\0"),
            0xe1 if orientation.is_none() => orientation = exif_orientation(body),
            0xee if body.len() >= 12 && body.starts_with(b"Adobe") => adobe = Some(body[11]),
            _ => {}
        }
        // Tables, the frame and the scan; nothing else is of use to the decoder.
        if matches!(marker, 0xc0..=0xc2 | 0xc4 | 0xda | 0xdb | 0xdd) {
            if head.len() + body.len() > HEAD {
                return Err(Unscannable::Limit);
            }
            if marker == 0xda {
                let frame = frame.take().ok_or(Unscannable::Corrupt)?;
                head.extend(colours(&frame, jfif, adobe));
                // Asks for the usual Huffman tables where the file has none.
                if !frame.progressive {
                    head.extend(b"\xff\xe0\0\x07AVI1\0");
                }
                head.extend([0xff, marker]);
                head.extend(&bytes[start..at]);
                let ycbcr = jfif || adobe.is_some_and(|transform| transform != 0);
                if ycbcr && frame.components.iter().map(|c| c.name).eq(*b"RGB") {
                    // What would be seen in other colours than people see is not looked at.
                    if frame.progressive || body.first() != Some(&3) {
                        return Err(Unscannable::Unsupported);
                    }
                    rename(&mut head, frame_at, &frame);
                }
                break (frame, body);
            }
            head.extend([0xff, marker]);
            if matches!(marker, 0xc0..=0xc2) {
                frame_at = head.len();
            }
            head.extend(&bytes[start..at]);
        }
    };

    let covered = usize::from(body.first().copied().unwrap_or(0));
    let held_back = frame.progressive || covered < frame.components.len();
    frame.interval = interval.into();
    frame.known(held_back)?;
    let mut rest = Rest { end: at, scans: 1, copied: 0 };
    rest.scan(&mut markers, at, body, &mut frame)?;
    if held_back {
        rest.walk(&mut markers, &mut frame, &tables, limits)?;
    }
    if rest.end == at {
        return Err(Unscannable::Truncated);
    }
    let working = frame.working(held_back).saturating_add(rest.copied);
    let survey =
        Survey { working, held_back, ..Survey::new(frame.width, frame.height, bytes.len()) };
    Ok(Jpeg {
        survey,
        components: frame.components.len() as u8,
        progressive: frame.progressive,
        luma_alone: frame.luma_alone(),
        scans: rest.scans,
        covered: !frame.short && frame.components.iter().all(|c| c.unknown == [0; 64]),
        head,
        body: at..rest.end,
        orientation: orientation.unwrap_or(1),
    })
}

/// The segments behind the first scan's header.
struct Rest {
    end: usize,
    scans: u64,
    /// Bytes of profiles and comments between scans, which the decoder copies.
    copied: u64,
}

impl Rest {
    /// Passes over a scan whose data starts at `at`.
    fn scan(
        &mut self,
        markers: &mut Markers<'_>,
        at: usize,
        header: &[u8],
        frame: &mut Frame,
    ) -> Result<(), Unscannable> {
        let (end, restarts) = markers.end_of_scan(at)?;
        self.end = end;
        frame.scan(header, restarts);
        Ok(())
    }

    /// Goes from scan to scan, as long as the decoder may. What is cut in the middle of a segment ends before it.
    fn walk(
        &mut self,
        markers: &mut Markers<'_>,
        frame: &mut Frame,
        tables: &Tables,
        limits: &Limits,
    ) -> Result<(), Unscannable> {
        let mut at = self.end;
        loop {
            if self.scans.saturating_mul(frame.area()) > limits.pixels.saturating_mul(PASSES) {
                return Err(Unscannable::Limit);
            }
            let Some((marker, start)) = markers.next(at)? else { return Ok(()) };
            let Some(body) = (marker != 0xd9).then(|| markers.segment(start)).flatten() else {
                return Ok(());
            };
            at = start + 2 + body.len();
            match marker {
                0xda => {
                    self.scan(markers, at, body, frame)?;
                    self.scans += 1;
                    at = self.end;
                }
                0xc4 => huffman_tables(body)?,
                0xdb => quantization_tables(body, |number, table| {
                    let same = tables[usize::from(number & 3)] == Some(table);
                    let used = frame.components.iter().any(|c| c.table == number);
                    if used && !same { Err(Unscannable::Unsupported) } else { Ok(()) }
                })?,
                0xdd => frame.interval = be16(body, 0).unwrap_or(0).into(),
                0xe1 | 0xe2 | 0xed => self.copied += body.len() as u64,
                _ => {}
            }
        }
    }
}

impl Frame {
    fn area(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    fn sampling(&self) -> (u64, u64) {
        let max = |of: fn(&Component) -> u64| self.components.iter().map(of).max().unwrap_or(1);
        (max(|c| c.h), max(|c| c.v))
    }

    /// Bytes that the decoder holds besides the pixels that it hands over, as read from its source: tables, one row of
    /// units of each component before and after it is widened to all columns, and what it holds back.
    fn working(&self, held_back: bool) -> u64 {
        let (h, v) = self.sampling();
        let columns = u64::from(self.width).next_multiple_of(BLOCK * h);
        let unit_row = columns * BLOCK * v * 2;
        let rows = 3 * unit_row * self.components.len() as u64 + 16 * columns;
        let held = if held_back { 2 * self.coefficients() } else { 0 };
        // The decoder itself, its tables, our head of the file.
        (256 << 10) + rows + held
    }

    /// Coefficients of all components, padded to whole blocks.
    fn coefficients(&self) -> u64 {
        let (h, v) = self.sampling();
        let units =
            u64::from(self.width).div_ceil(BLOCK * h) * u64::from(self.height).div_ceil(BLOCK * v);
        units * self.components.iter().map(|c| c.h * c.v).sum::<u64>() * 64
    }

    /// Refuses what the decoder puts together wrongly, without a word: luma with fewer columns than another component, and
    /// pictures in several scans that are not progressive, but subsampled or with restart markers.
    fn known(&self, held_back: bool) -> Result<(), Unscannable> {
        let (h, v) = self.sampling();
        let narrow = self.components.len() > 1 && self.components[0].h < h;
        let apart = held_back && !self.progressive && (h * v > 1 || self.interval > 0);
        if narrow || apart { Err(Unscannable::Unsupported) } else { Ok(()) }
    }

    /// Of a picture with half the rows of colour but all columns the decoder takes twice the rows of luma.
    fn luma_alone(&self) -> bool {
        let max = self.sampling();
        max != (1, 2) && self.components.first().is_some_and(|c| (c.h, c.v) == max)
    }

    /// Units of a scan: blocks if it holds one component.
    fn units(&self, names: &[u8]) -> u64 {
        let (h, v) = self.sampling();
        let (own_h, own_v) = match self.components.iter().find(|c| names == [c.name]) {
            Some(alone) => (alone.h, alone.v),
            None => (1, 1),
        };
        let blocks =
            |side: u32, own: u64, most: u64| (u64::from(side) * own).div_ceil(BLOCK * most);
        blocks(self.width, own_h, h) * blocks(self.height, own_v, v)
    }

    /// Notes which coefficients a scan sends, and whether it has as many restart markers as it needs.
    fn scan(&mut self, body: &[u8], restarts: u64) {
        let count = usize::from(body.first().copied().unwrap_or(0));
        let names: Vec<u8> = body.iter().skip(1).step_by(2).take(count).copied().collect();
        self.short |= self.interval > 0 && restarts < (self.units(&names) - 1) / self.interval;
        let parameters = body.get(1 + 2 * count..).and_then(|p| p.first_chunk::<3>());
        let Some(&[first, last, bits]) = parameters else { return };
        let (first, last, low) =
            if self.progressive { (first, last, bits & 15) } else { (0, 63, 0) };
        for name in names {
            let component = self.components.iter_mut().find(|c| c.name == name);
            let range = usize::from(first)..=usize::from(last.min(63));
            if let Some(unknown) = component.and_then(|c| c.unknown.get_mut(range)) {
                unknown.fill(low);
            }
        }
    }
}

fn frame_header(marker: u8, body: &[u8]) -> Result<Frame, Unscannable> {
    let short = Unscannable::Corrupt;
    let (height, width) = (be16(body, 1).ok_or(short)?, be16(body, 3).ok_or(short)?);
    if body[0] != 8 {
        return Err(Unscannable::Unsupported);
    }
    let count = usize::from(*body.get(5).ok_or(short)?);
    if width == 0 || height == 0 || !(1..=4).contains(&count) || body.len() != 6 + 3 * count {
        return Err(Unscannable::Corrupt);
    }
    let mut components = Vec::with_capacity(count);
    for c in body[6..].chunks_exact(3) {
        let (h, v) = (c[1] >> 4, c[1] & 15);
        match (h, v) {
            // In a scan by itself the only component is not subsampled, whatever it says.
            (1..=4, 1..=4) if h != 3 => {}
            (1..=4, 1..=4) => return Err(Unscannable::Unsupported),
            _ => return Err(Unscannable::Corrupt),
        }
        let (h, v) = (h.into(), v.into());
        components.push(Component { name: c[0], table: c[2], h, v, unknown: [255; 64] });
    }
    Ok(Frame { progressive: marker == 0xc2, height, width, components, interval: 0, short: false })
}

/// Refuses Huffman tables of first coefficients that no picture of 8 bits needs. What is malformed is left to the decoder, which
/// reads as far.
fn huffman_tables(mut body: &[u8]) -> Result<(), Unscannable> {
    while let Some(([class, counts @ ..], rest)) = body.split_first_chunk::<17>() {
        let length = counts.iter().map(|n| usize::from(*n)).sum();
        let (symbols, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        if class >> 4 == 0 && symbols.iter().any(|bits| *bits > DC_BITS) {
            return Err(Unscannable::Corrupt);
        }
        body = rest;
    }
    Ok(())
}

/// Calls `each` with the number and the values of each quantization table in a segment. What is cut is left to the decoder.
fn quantization_tables(
    mut body: &[u8],
    mut each: impl FnMut(u8, [u16; 64]) -> Result<(), Unscannable>,
) -> Result<(), Unscannable> {
    while let Some((&info, rest)) = body.split_first() {
        let bytes = if info >> 4 == 0 { 1 } else { 2 };
        let Some((values, rest)) = rest.split_at_checked(64 * bytes) else { break };
        let mut table = [0; 64];
        for (value, bytes) in table.iter_mut().zip(values.chunks_exact(bytes)) {
            *value = bytes.iter().fold(0, |n, b| n << 8 | u16::from(*b));
        }
        each(info & 15, table)?;
        body = rest;
    }
    Ok(())
}

/// An Adobe marker that tells the decoder the colours as browsers understand them, or none.
fn colours(frame: &Frame, jfif: bool, adobe: Option<u8>) -> Vec<u8> {
    let transform = match (frame.components.len(), adobe) {
        (3, Some(0)) if !jfif => 0,
        (4, Some(1..)) => 2,
        _ => return Vec::new(),
    };
    [&b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"[..], &[transform]].concat()
}

/// Calls components `R`, `G`, `B` something else in the frame at `frame_at` and in the scan at the end of the head: the
/// decoder would take them for red, green and blue against better knowledge. Later scans keep their names, so only a
/// picture in one scan can be helped. A scan header of a wrong length stays as it is: the decoder refuses it.
fn rename(head: &mut [u8], frame_at: usize, frame: &Frame) {
    let names: Vec<u8> = frame.components.iter().map(|c| c.name).collect();
    let scan = 3 + 2 * names.len();
    let scan_at = head.len() - scan.min(head.len());
    if head[scan_at - 1..scan_at] != [3] {
        return;
    }
    for (i, name) in names.iter().enumerate() {
        head[frame_at + 8 + 3 * i] = i as u8 + 1;
        if let Some(named) = (0..3).map(|n| scan_at + 2 * n).find(|at| head[*at] == *name) {
            head[named] = i as u8 + 1;
        }
    }
}

/// Reads the orientation from an EXIF segment: 1 to 8, or nothing.
fn exif_orientation(body: &[u8]) -> Option<u8> {
    let exif = body.strip_prefix(b"Exif\0")?.get(1..)?;
    image::metadata::Orientation::from_exif_chunk(exif).map(image::metadata::Orientation::to_exif)
}
