//! Animations against a compositor that knows alpha and has no bounds on anything.

use super::oracle::Random;
use super::*;

/// A pixel: red, green, blue and alpha, 0 to 1.
type Pixel = [f64; 4];

/// A frame as it is drawn.
#[derive(Clone)]
struct Drawn {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    pixels: Vec<Pixel>,
    /// Laid over what is there, or put in its place.
    over: bool,
    /// 0 or 1 keep, 2 clear, 3 restore.
    disposal: u8,
}

impl Drawn {
    fn random(
        random: &mut Random,
        width: u32,
        height: u32,
        first: bool,
        alphas: &[u8],
    ) -> (Self, Vec<[u8; 4]>) {
        let (left, top) = if first {
            (0, 0)
        } else {
            (2 * random.below(width / 2), 2 * random.below(height / 2))
        };
        let (w, h) = if first {
            (width, height)
        } else {
            (1 + random.below(width - left), 1 + random.below(height - top))
        };
        let raw: Vec<[u8; 4]> = (0..w * h)
            .map(|_| {
                let [r, g, b] =
                    [random.below(256) as u8, random.below(256) as u8, random.below(256) as u8];
                [r, g, b, alphas[random.below(alphas.len() as u32) as usize]]
            })
            .collect();
        let drawn = Drawn {
            left: left as usize,
            top: top as usize,
            width: w as usize,
            height: h as usize,
            pixels: raw.iter().map(|p| p.map(|c| f64::from(c) / 255.0)).collect(),
            over: random.below(2) == 1,
            disposal: random.below(4) as u8,
        };
        (drawn, raw)
    }
}

/// What a viewer shows after each frame, over a page of this level.
fn composed(width: usize, height: usize, frames: &[Drawn], page: f64) -> Vec<Vec<f64>> {
    let mut canvas = vec![[0.0; 4]; width * height];
    let mut shown = Vec::new();
    for frame in frames {
        let before = canvas.clone();
        let mut touched = Vec::new();
        for y in 0..frame.height {
            for x in 0..frame.width {
                let (cx, cy) = (x + frame.left, y + frame.top);
                if cx < width && cy < height {
                    let at = cy * width + cx;
                    touched.push(at);
                    let new = frame.pixels[y * frame.width + x];
                    canvas[at] = if frame.over { laid_over(new, canvas[at]) } else { new };
                }
            }
        }
        let over = |p: &Pixel| [0, 1, 2].map(|i| 255.0 * p[i] * p[3] + page * (1.0 - p[3]));
        shown.push(canvas.iter().flat_map(over).collect());
        for at in touched {
            match frame.disposal {
                2 => canvas[at] = [0.0; 4],
                3 => canvas[at] = before[at],
                _ => {}
            }
        }
    }
    shown
}

fn laid_over(new: Pixel, old: Pixel) -> Pixel {
    let alpha = new[3] + old[3] * (1.0 - new[3]);
    if alpha == 0.0 {
        return [0.0; 4];
    }
    let mixed = |i: usize| (new[i] * new[3] + old[i] * old[3] * (1.0 - new[3])) / alpha;
    [mixed(0), mixed(1), mixed(2), alpha]
}

/// Compares the frames handed over with what they should be; each may be off by half a level per frame laid over another.
fn compare(bytes: &[u8], width: usize, height: usize, frames: &[Drawn], slack: f64, what: &str) {
    let shown = |page| composed(width, height, frames, page);
    compare_shown(bytes, width, height, shown, slack, what);
}

/// The same against what is seen after each frame over a page.
fn compare_shown(
    bytes: &[u8],
    width: usize,
    height: usize,
    shown: impl Fn(f64) -> Vec<Vec<f64>>,
    slack: f64,
    what: &str,
) {
    let pages = [(Page::White, shown(255.0)), (Page::Black, shown(0.0))];
    for (page, expected) in &pages {
        let seen = compare_over(*page, bytes, width, height, expected, slack, what);
        let [white, black] = [0, 1].map(|n: usize| pages[n].1.iter());
        let mut frames =
            white.zip(black).enumerate().filter(|(n, _)| seen.frames.contains(&(*n as u32)));
        // It may be said once too often, and never once too seldom.
        assert!(seen.transparent || frames.all(|(_, (white, black))| white == black), "{what}");
    }
}

/// What was seen of an animation.
struct Seen {
    frames: Vec<u32>,
    transparent: bool,
}

fn compare_over(
    page: Page,
    bytes: &[u8],
    width: usize,
    height: usize,
    expected: &[Vec<f64>],
    slack: f64,
    what: &str,
) -> Seen {
    let (found, decoded) = Frames::over(page, bytes, 8, &patient()).unwrap();
    assert_eq!(decoded.cut_short, None, "{what}");
    let wanted: Vec<u32> = match expected.len() {
        n @ 0..=8 => (0..n as u32).collect(),
        n => (0..7).map(|i| (i * n / 7) as u32).chain([n as u32 - 1]).collect(),
    };
    assert_eq!(found.indexes(), wanted, "{what}");
    assert_eq!(decoded.all_frames, expected.len() <= 8, "{what}");
    for (frame, pixels) in &found.0 {
        assert_eq!((frame.width, frame.height, frame.format), (width, height, PixelFormat::Rgb8));
        let slack = 0.5 + slack * f64::from(frame.index) + 1e-6;
        for (at, (found, expected)) in
            pixels.iter().zip(&expected[frame.index as usize]).enumerate()
        {
            let off = (f64::from(*found) - expected).abs();
            assert!(
                off <= slack,
                "{what}: frame {} byte {at}: {found}, not {expected}",
                frame.index
            );
        }
    }
    // The first frame by itself, without a canvas.
    let (first, transparent) = stored_over(bytes, page).unwrap();
    assert_eq!(first.3, found.0[0].1, "{what}");
    assert!(decoded.transparent || !transparent, "{what}");
    Seen { frames: found.indexes(), transparent: decoded.transparent }
}

/// An APNG of 8-bit RGBA frames; with a hidden plain picture if asked for.
fn apng(width: u32, height: u32, frames: &[(Drawn, Vec<[u8; 4]>)], hidden: bool) -> Vec<u8> {
    let mut control = (frames.len() as u32).to_be_bytes().to_vec();
    control.extend([0; 4]);
    let mut between = chunk(b"acTL", &control);
    let mut sequence = 0u32;
    let mut after = Vec::new();
    for (i, (frame, raw)) in frames.iter().enumerate() {
        let mut body = sequence.to_be_bytes().to_vec();
        sequence += 1;
        for n in [frame.width, frame.height, frame.left, frame.top] {
            body.extend((n as u32).to_be_bytes());
        }
        body.extend([0, 1, 0, 10]);
        body.extend([[0, 0, 1, 2][usize::from(frame.disposal)], u8::from(frame.over)]);
        let control = chunk(b"fcTL", &body);
        if i == 0 && !hidden {
            between.extend(control);
        } else {
            after.extend(control);
            let rows: Vec<u8> = raw
                .chunks(frame.width)
                .flat_map(|row| std::iter::once(0).chain(row.iter().flatten().copied()))
                .collect();
            let mut data = sequence.to_be_bytes().to_vec();
            sequence += 1;
            data.extend(zlib(&rows));
            after.extend(chunk(b"fdAT", &data));
        }
    }
    let plain = if hidden { vec![[9; 4]; (width * height) as usize] } else { frames[0].1.clone() };
    let rows: Vec<u8> = plain
        .chunks(width as usize)
        .flat_map(|row| std::iter::once(0).chain(row.iter().flatten().copied()))
        .collect();
    let mut png = raw_png(width, height, 8, 6, &between, &rows);
    let end = png.len() - 12;
    png.splice(end..end, after);
    png
}

#[test]
fn apng_is_composed_as_browsers_do() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let (width, height) = (4 + random.below(20), 4 + random.below(20));
        let count = 1 + random.below(20);
        let hidden = random.below(2) == 1;
        let frames: Vec<_> = (0..count)
            .map(|i| {
                Drawn::random(
                    &mut random,
                    width,
                    height,
                    i == 0 && !hidden,
                    &[0, 1, 100, 200, 255, 255],
                )
            })
            .collect();
        let bytes = apng(width, height, &frames, hidden);
        assert_eq!(sniff(&bytes).class, MediaClass::Animation);
        let drawn: Vec<_> = frames.into_iter().map(|f| f.0).collect();
        let (width, height) = (width as usize, height as usize);
        let shown = |page| {
            let mut shown = composed(width, height, &drawn, page);
            if hidden {
                // The plain picture comes first and leaves nothing for the frames.
                let grey = 9.0 * 9.0 / 255.0 + page * 246.0 / 255.0;
                shown.insert(0, vec![grey; 3 * width * height]);
            }
            shown
        };
        compare_shown(&bytes, width, height, shown, 0.5, &format!("seed {seed}"));
    }
}

#[test]
fn frames_that_are_not_looked_at_are_told() {
    // A long comment of tiny blocks does not hide the frame behind it.
    let frame = |index: u8| gif_frame(0, 0, 3, 3, &[index; 9]);
    let comment = [b"\x21\xfe", &b"\x01x".repeat(1 << 22)[..], b"\0"].concat();
    let bytes = gif(3, 3, &[], &[frame(0), comment, frame(1)]);
    let (found, decoded) = Frames::of(&bytes, 8, &patient()).unwrap();
    assert_eq!((found.indexes(), decoded.all_frames), (vec![0, 1], true));
    assert_eq!(found.0[1].1, [255, 0, 0].repeat(9));
    // More blocks than are walked through, so that more frames may follow.
    let endless = vec![0; super::super::survey::GIF_STEPS as usize];
    let bytes = gif(3, 3, &[], &[frame(0), frame(1), endless, frame(2)]);
    let limits = Limits { upload_bytes: u64::MAX, ..patient() };
    let (found, decoded) = Frames::of(&bytes, 8, &limits).unwrap();
    assert_eq!((found.indexes(), decoded.all_frames), (vec![0, 1], false));
    // An APNG that announces fewer frames than it has.
    let mut random = Random(3);
    let frames: Vec<_> = (0..4).map(|i| Drawn::random(&mut random, 4, 4, i == 0, &[255])).collect();
    let whole = apng(4, 4, &frames, false);
    for announced in 1..=4u32 {
        let mut bytes = whole.clone();
        let at = bytes.windows(4).position(|w| w == b"acTL").unwrap();
        bytes[at + 4..at + 8].copy_from_slice(&announced.to_be_bytes());
        let (found, decoded) = Frames::of(&bytes, 8, &patient()).unwrap();
        assert_eq!((found.0.len() as u32, decoded.all_frames), (announced, announced == 4));
    }
}

#[test]
fn the_last_frame_of_an_animation_that_is_played_once_is_not_out_of_reach_unsaid() {
    let frame = |index: u8| gif_frame(0, 0, 3, 3, &[index; 9]);
    let frames: Vec<_> = (0..4).map(frame).collect();
    // Three frames are within the limits.
    let limits = Limits { pixels: 3 * (9 + 4096), ..patient() };
    let plays =
        |name: &[u8; 11], count: u8| [&[0x21, 0xff, 11][..], name, &[3, 1, count, 0, 0]].concat();
    let limit = Some(Unscannable::Limit);
    for (before, expected) in [
        (plays(b"NETSCAPE2.0", 0), None),
        (plays(b"ANIMEXTS1.0", 0), None),
        (plays(b"NETSCAPE2.0", 1), limit),
        ([plays(b"NETSCAPE2.0", 0), plays(b"NETSCAPE2.0", 1)].concat(), limit),
        ([plays(b"NETSCAPE2.0", 1), plays(b"NETSCAPE2.0", 0)].concat(), limit),
        // In a comment it is none.
        ([&[0x21, 0xfe, 18][..], &plays(b"NETSCAPE2.0", 0)[..18], &[0]].concat(), limit),
        (Vec::new(), limit),
    ] {
        let (found, decoded) = Frames::of(&gif(3, 3, &before, &frames), 8, &limits).unwrap();
        assert_eq!((found.indexes(), decoded.all_frames), (vec![0, 1, 2], false));
        assert_eq!(decoded.cut_short, expected, "{before:?}");
    }
}

/// The palette of the frames below, and where it ends.
const COLOURS: [[u8; 4]; 5] =
    [[0, 0, 0, 255], [255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0; 4]];

#[test]
fn gif_is_composed_as_browsers_do() {
    for seed in 0..80 {
        let mut random = Random(seed);
        let (width, height) = (4 + random.below(20), 4 + random.below(20));
        let count = 2 + random.below(20);
        let mut drawn = Vec::new();
        let frames: Vec<Vec<u8>> = (0..count)
            .map(|i| {
                let (mut frame, _) = Drawn::random(&mut random, width, height, i == 0, &[255]);
                // Index 4 is the transparent one, or has no colour.
                let indexes: Vec<u8> = frame.pixels.iter().map(|_| random.below(5) as u8).collect();
                frame.pixels = indexes
                    .iter()
                    .map(|i| COLOURS[usize::from(*i)].map(|c| f64::from(c) / 255.0))
                    .collect();
                frame.over = true;
                // Beyond the right and lower edge too; the first one grows the screen.
                if i > 0 && random.below(4) == 0 {
                    frame.left += 3;
                    frame.top += 2;
                }
                let interlaced = random.below(3) == 0;
                let mut out = vec![0x21, 0xf9, 4, frame.disposal << 2 | 1, 0, 0, 4, 0];
                let ordered: Vec<u8> = if interlaced {
                    let rows: Vec<&[u8]> = indexes.chunks(frame.width).collect();
                    let order = [(0, 8), (4, 8), (2, 4), (1, 2)];
                    let order = order
                        .into_iter()
                        .flat_map(|(first, step)| (first..frame.height).step_by(step));
                    order.flat_map(|y| rows[y].to_vec()).collect()
                } else {
                    indexes
                };
                let [x, y, w, h] =
                    [frame.left, frame.top, frame.width, frame.height].map(|n| n as u16);
                let mut picture = gif_frame(x, y, w, h, &ordered);
                picture[9] |= u8::from(interlaced) << 6;
                out.extend(picture);
                if random.below(3) == 0 {
                    out.extend(b"\x21\xfe\x03abc\x00\x21\x42\x01x\x00");
                }
                drawn.push(frame);
                out
            })
            .collect();
        let application =
            b"\x21\xff\x0bXMP DataXMP\x05abcde\x00\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0";
        let bytes = gif(width as u16, height as u16, application, &frames);
        compare(&bytes, width as usize, height as usize, &drawn, 0.0, &format!("seed {seed}"));
    }
}

#[test]
fn webp_is_composed_as_browsers_do() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let (width, height) = (4 + random.below(20), 4 + random.below(20));
        let count = 1 + random.below(20);
        let frames: Vec<_> = (0..count)
            .map(|_| Drawn::random(&mut random, width, height, false, &[0, 1, 100, 200, 255, 255]))
            .collect();
        let mut body = b"VP8X\x0a\0\0\0\x12\0\0\0".to_vec();
        body.extend(&(width - 1).to_le_bytes()[..3]);
        body.extend(&(height - 1).to_le_bytes()[..3]);
        // The colour of the background is a hint that no browser takes.
        body.extend(b"ANIM\x06\0\0\0\x11\x22\x33\x44\0\0");
        let mut drawn = Vec::new();
        for (mut frame, raw) in frames {
            frame.disposal = if frame.disposal == 3 { 2 } else { frame.disposal };
            let (w, h) = (frame.width as u32, frame.height as u32);
            let picture = image::RgbaImage::from_raw(w, h, raw.concat()).unwrap();
            let still = encode(&DynamicImage::ImageRgba8(picture), ImageFormat::WebP);
            let mut part = Vec::new();
            for n in [frame.left as u32 / 2, frame.top as u32 / 2, w - 1, h - 1, 40] {
                part.extend(&n.to_le_bytes()[..3]);
            }
            part.push(u8::from(!frame.over) << 1 | u8::from(frame.disposal == 2));
            part.extend(&still[12..]);
            body.extend(b"ANMF");
            body.extend((part.len() as u32).to_le_bytes());
            body.extend(part);
            drawn.push(frame);
        }
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((body.len() as u32 + 4).to_le_bytes());
        bytes.extend(b"WEBP");
        bytes.extend(body);
        compare(&bytes, width as usize, height as usize, &drawn, 0.5, &format!("seed {seed}"));
    }
}

#[test]
fn an_animation_too_large_to_compose_shows_its_first_frame() {
    let mut random = Random(1);
    let frames: Vec<_> =
        (0..4).map(|i| Drawn::random(&mut random, 400, 40, i == 0, &[255])).collect();
    let frames: Vec<_> = frames
        .iter()
        .map(|(frame, raw)| {
            let mut picture = vec![0x21, 0xf9, 4, 4, 0, 0, 0, 0];
            let indexes: Vec<u8> = raw.iter().map(|p| p[0] % 4).collect();
            let [x, y, w, h] = [frame.left, frame.top, frame.width, frame.height].map(|n| n as u16);
            picture.extend(gif_frame(x, y, w, h, &indexes));
            picture
        })
        .collect();
    let bytes = gif(400, 40, &[], &frames);
    let canvas = 2 * 3 * 400 * 40;
    let enough = (1 << 20) + (128 << 10) + 80 * 400 + canvas;
    let outcome = |memory| {
        let limits = Limits { memory, ..Limits::default() };
        Frames::of(&bytes, 8, &limits).map(|(f, d)| (f.indexes(), d.all_frames, f.0[0].1.clone()))
    };
    let whole = outcome(enough).unwrap();
    assert_eq!((whole.0.as_slice(), whole.1), ([0, 1, 2, 3].as_slice(), true));
    let first = outcome(enough - canvas / 2).unwrap();
    assert_eq!((first.0.as_slice(), first.1), ([0].as_slice(), false));
    assert_eq!(first.2, whole.2);
    // Pixels of all frames on the way count.
    let limits = Limits { pixels: 400 * 40, ..Limits::default() };
    let (found, decoded) = Frames::of(&bytes, 8, &limits).unwrap();
    assert_eq!((found.indexes(), decoded.all_frames), (vec![0], false));
}

#[test]
fn an_animation_that_breaks_off_gives_what_it_has() {
    let frame = |index: u8| gif_frame(0, 0, 3, 3, &[index; 9]);
    let bytes = gif(3, 3, &[], &[frame(0), frame(1), frame(2)]);
    let second = bytes.len() - 1 - frame(2).len();
    // In the middle of the third frame; right behind the second.
    for (cut, frames, reason) in [(second + 14, 2, Some(Unscannable::Truncated)), (second, 2, None)]
    {
        let (found, decoded) = Frames::of(&bytes[..cut], 8, &Limits::default()).unwrap();
        assert!(found.0.len() >= frames, "cut at {cut}");
        assert_eq!(decoded.cut_short, reason, "cut at {cut}");
        assert_eq!(found.0[1].1, [255, 0, 0].repeat(9));
    }
    // A frame whose data are too short is shown as far as it goes, and the next one follows.
    let short = gif_frame(0, 0, 3, 3, &[3; 4]);
    let bytes = gif(3, 3, &[], &[frame(0), short, frame(2)]);
    let (found, decoded) = Frames::of(&bytes, 8, &Limits::default()).unwrap();
    assert_eq!((found.indexes(), decoded.cut_short), (vec![0, 1, 2], Some(Unscannable::Corrupt)));
    assert_eq!(found.0[1].1, [[0, 0, 255].repeat(3), vec![0; 18]].concat());
    // An animation that makes no sense leaves its plain picture.
    let mut random = Random(5);
    let frames: Vec<_> = (0..2).map(|i| Drawn::random(&mut random, 4, 4, i == 0, &[255])).collect();
    let mut bytes = apng(4, 4, &frames, false);
    let at = bytes.windows(4).position(|w| w == b"fcTL").unwrap();
    bytes[at + 7] = 9;
    let plain = stored(&bytes).unwrap();
    assert_eq!(plain.3, frames[0].1.iter().flat_map(|p| [p[0], p[1], p[2]]).collect::<Vec<_>>());
}
