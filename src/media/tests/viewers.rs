//! Files that a decoder could take for another picture than viewers show.

use std::time::Duration;

use super::*;

/// A RIFF chunk.
fn riff_chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = kind.to_vec();
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

fn webp(chunks: &[&[u8]]) -> Vec<u8> {
    riff_chunk(b"RIFF", &[&[&b"WEBP"[..]], chunks].concat().concat())
}

/// The header of an extended WebP.
fn extended(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let side = |n: u32| (n - 1).to_le_bytes();
    let body = [&[flags, 0, 0, 0][..], &side(width)[..3], &side(height)[..3]].concat();
    riff_chunk(b"VP8X", &body)
}

/// A frame that fills the canvas.
fn webp_frame(width: u32, height: u32, chunks: &[u8]) -> Vec<u8> {
    let side = |n: u32| (n - 1).to_le_bytes();
    let head = [&[0; 6][..], &side(width)[..3], &side(height)[..3], &[9, 0, 0, 0]].concat();
    riff_chunk(b"ANMF", &[&head, chunks].concat())
}

/// Why the picture is not what is shown, if it is not.
fn told(bytes: &[u8]) -> Option<Unscannable> {
    decode_with(bytes, &patient(), |_, decoded| decoded.cut_short).unwrap()
}

#[test]
fn a_webp_header_behind_the_picture_is_none() {
    let decoy =
        webp_frame(64, 96, &encode(&DynamicImage::new_rgb8(64, 96), ImageFormat::WebP)[12..]);
    let animation = riff_chunk(b"ANIM", &[0; 6]);
    let bytes = webp(&[&LOSSY[12..], &extended(2, 64, 96), &animation, &decoy]);
    assert_eq!(sniff(&bytes).class, MediaClass::Image);
    assert_eq!(stored(&bytes), stored(LOSSY));
    // In front it is one.
    let bytes = webp(&[&extended(2, 64, 96), &animation, &decoy]);
    assert_eq!(sniff(&bytes).class, MediaClass::Animation);
    assert_eq!(stored(&bytes).unwrap().3, vec![0; 64 * 96 * 3]);
}

#[test]
fn alpha_of_a_lossy_webp_counts_if_the_header_says_so() {
    let picture = &LOSSY_ALPHA[56 + 8..];
    assert_eq!(&picture[..4], b"VP8 ");
    let (opaque, with_alpha) = (webp(&[picture]), stored(LOSSY_ALPHA).unwrap());
    assert_ne!(stored(&opaque).unwrap(), with_alpha);
    for (flags, expected) in [(0, stored(&opaque)), (0x10, Ok(with_alpha))] {
        let bytes = webp(&[&extended(flags, 24, 17), &LOSSY_ALPHA[30..]]);
        assert_eq!(stored(&bytes), expected, "{flags}");
    }
    assert_eq!(stored(&webp(&[&LOSSY_ALPHA[30..]])), stored(&opaque));
}

#[test]
fn alpha_that_an_animated_webp_does_not_announce_is_told() {
    let animation = riff_chunk(b"ANIM", &[0; 6]);
    let (transparent, opaque) = (&LOSSY_ALPHA[30..], &LOSSY_ALPHA[64..]);
    for (flags, chunks, expected) in [
        (0x02, transparent, Some(Unscannable::Corrupt)),
        (0x12, transparent, None),
        (0x02, opaque, None),
    ] {
        let frame = webp_frame(24, 17, chunks);
        for count in 1..=2 {
            let frames = frame.repeat(count);
            let bytes = webp(&[&extended(flags, 24, 17), &animation, &frames]);
            let (found, decoded) = Frames::of(&bytes, 8, &patient()).unwrap();
            assert_eq!((found.0.len(), decoded.cut_short), (count, expected), "{flags}");
        }
    }
}

/// A bitmap of 24 x 17 pixels with a header of version 4 and masks for four channels of 8 bits; its alpha by the number of the pixel in the file.
fn bmp_with_alpha(alpha: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut header = 108u32.to_le_bytes().to_vec();
    header.extend([24, 0, 0, 0, 17, 0, 0, 0, 1, 0, 32, 0, 3, 0, 0, 0]);
    header.resize(40, 0);
    // The order of the bytes is one that nothing but the masks can tell.
    header.extend([0xffu32, 0xff00, 0xff_0000, 0xff00_0000].map(u32::to_le_bytes).concat());
    header.resize(108, 0);
    // The decoder looks for pixels where the file says.
    let mut out = b"BM\0\0\0\0\0\0\0\0\x7a\0\0\0".to_vec();
    out.extend(header);
    let picture = sample(24, 17);
    for (n, pixel) in picture.rows().rev().flatten().enumerate() {
        out.extend(pixel.0);
        out.push(alpha(n));
    }
    out
}

#[test]
fn alpha_of_nothing_but_zeros_is_none() {
    let opaque = stored(&encoded(ImageFormat::Bmp)).unwrap();
    for alpha in [0, 255] {
        assert_eq!(stored(&bmp_with_alpha(|_| alpha)).unwrap(), opaque, "{alpha}");
    }
    // One pixel with alpha, and the others have none: the last of the file, at the upper right.
    let found = stored(&bmp_with_alpha(|n| if n == 24 * 17 - 1 { 255 } else { 0 })).unwrap();
    let shown: Vec<usize> = (0..24 * 17).filter(|n| found.3[3 * n..][..3] != [255; 3]).collect();
    assert_eq!(shown, [23]);
    // Rows that are missing are white, and make no alpha.
    let cut = &bmp_with_alpha(|_| 0)[..122 + 10 * 24 * 4];
    let (found, reason) =
        decode_with(cut, &patient(), |kept, d| (pixels(kept), d.cut_short)).unwrap();
    assert_eq!(reason, Some(Unscannable::Truncated));
    assert_eq!(found.3[..7 * 72], [255; 7 * 72]);
    assert_eq!(found.3[7 * 72..], opaque.3[7 * 72..]);
}

/// A bitmap of 8 x 2 pixels in run lengths, of 8 or 4 bits.
fn bmp_in_runs(bits: u8, runs: &[u8]) -> Vec<u8> {
    let mut out = b"BM\0\0\0\0\0\0\0\0\x3e\0\0\0\x28\0\0\0\x08\0\0\0\x02\0\0\0\x01\0".to_vec();
    out.extend([bits, 0, if bits == 8 { 1 } else { 2 }, 0, 0, 0]);
    out.resize(46, 0);
    // Two colours, and as many that count.
    out.extend([2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 200, 100, 50, 0]);
    out.extend(runs);
    out
}

#[test]
fn pixels_that_run_lengths_pass_over_are_told() {
    let whole = [8, 1, 0, 0, 8, 1, 0, 1];
    let cases: [(&[u8], bool); 10] = [
        (&whole, false),
        // Both rows end; then the picture does, or not even that.
        (&[8, 1, 0, 0, 8, 1, 0, 0, 0, 1], false),
        (&[8, 1, 0, 0, 8, 1, 0, 0], false),
        // Three as they are, and a byte to fill up; five in a run. Moving on by nothing.
        (&[0, 3, 1, 1, 1, 0, 0, 2, 0, 0, 5, 1, 0, 0, 8, 1, 0, 1], false),
        // A row that ends early, and the picture; the second row missing.
        (&[7, 1, 0, 0, 8, 1, 0, 1], true),
        (&[8, 1, 0, 0, 7, 1, 0, 1], true),
        (&[8, 1, 0, 1], true),
        (&[8, 1, 0, 0, 0, 1], true),
        // Moving on to the right, and down.
        (&[0, 2, 2, 0, 6, 1, 0, 0, 8, 1, 0, 1], true),
        (&[4, 1, 0, 2, 0, 1, 4, 1, 0, 1], true),
    ];
    for (runs, skips) in cases {
        let expected = skips.then_some(Unscannable::Unsupported);
        assert_eq!(told(&bmp_in_runs(8, runs)), expected, "{runs:?}");
    }
    let colour = [50, 100, 200];
    assert_eq!(stored(&bmp_in_runs(8, &whole)).unwrap().3, colour.repeat(16));
    // Two pixels a byte, and three of them filled up to two bytes.
    let packed = [0, 3, 0x11, 0x10, 5, 0x11, 0, 0, 8, 0x11, 0, 1];
    assert_eq!(stored(&bmp_in_runs(4, &packed)).unwrap().3, colour.repeat(16));
    assert_eq!(
        told(&bmp_in_runs(4, &[3, 0x11, 0, 0, 8, 0x11, 0, 1])),
        Some(Unscannable::Unsupported)
    );
}

/// A colour profile of these tags.
fn profile(tags: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut head = vec![0; 128];
    head[12..24].copy_from_slice(b"mntrRGB XYZ ");
    head[36..40].copy_from_slice(b"acsp");
    head.extend((tags.len() as u32).to_be_bytes());
    let (mut at, mut bodies) = (head.len() + 12 * tags.len(), Vec::<u8>::new());
    for (name, body) in tags {
        head.extend(*name);
        head.extend([at as u32, body.len() as u32].map(u32::to_be_bytes).concat());
        bodies.extend(body);
        at += body.len();
    }
    head.extend(bodies);
    head
}

fn fixed(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|n| ((n * 65_536.0).round() as i32).to_be_bytes()).collect()
}

fn parametric(kind: u8, numbers: &[f64]) -> Vec<u8> {
    [&[b'p', b'a', b'r', b'a', 0, 0, 0, 0, 0, kind, 0, 0], &fixed(numbers)[..]].concat()
}

fn table(values: &[u16]) -> Vec<u8> {
    let mut out = b"curv\0\0\0\0".to_vec();
    out.extend((values.len() as u32).to_be_bytes());
    out.extend(values.iter().flat_map(|v| v.to_be_bytes()));
    out
}

/// A profile of one tone curve and a matrix of these colours.
fn matrix(curve: &[u8], [r, g, b]: [[f64; 3]; 3]) -> Vec<u8> {
    let colour = |xyz: [f64; 3]| [b"XYZ \0\0\0\0".to_vec(), fixed(&xyz)].concat();
    let curves = [b"rTRC", b"gTRC", b"bTRC"].map(|name| (name, curve.to_vec()));
    let colours = [(b"rXYZ", colour(r)), (b"gXYZ", colour(g)), (b"bXYZ", colour(b))];
    profile(&[&curves[..], &colours[..]].concat())
}

const SRGB: [[f64; 3]; 3] =
    [[0.4361, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7141]];
const P3: [[f64; 3]; 3] =
    [[0.5151, 0.2411, -0.0011], [0.292, 0.6922, 0.0419], [0.1571, 0.0667, 0.7841]];
const ADOBE: [[f64; 3]; 3] =
    [[0.6097, 0.3111, 0.0195], [0.2053, 0.6257, 0.0609], [0.1492, 0.0632, 0.7446]];
const PROPHOTO: [[f64; 3]; 3] =
    [[0.7977, 0.288, 0.0], [0.1352, 0.7119, 0.0], [0.0314, 0.0001, 0.8249]];
const LINEAR_BEGINNING: [f64; 5] = [2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045];

/// Profiles that change little, and those that make another picture.
fn profiles() -> Vec<(&'static str, Vec<u8>, bool)> {
    let srgb = |x: f64| {
        if x > 0.04045 { ((x + 0.055) / 1.055).powf(2.4) } else { x / 12.92 }
    };
    let sampled = |n: usize, f: &dyn Fn(f64) -> f64| {
        let values = (0..n).map(|i| (f(i as f64 / (n - 1) as f64) * 65_535.0) as u16);
        table(&values.collect::<Vec<_>>())
    };
    let parameters = parametric(3, &LINEAR_BEGINNING);
    let lightness = |x: f64| {
        if x > 0.08 { ((x + 0.16) / 1.16).powi(3) } else { x / 9.033 }
    };
    // Each of its treads lies where a usual curve passes.
    let stairs = |x: f64| match x {
        ..0.14 => srgb(x),
        ..0.5 => 0.09,
        ..0.78 => 0.43,
        _ => srgb(x),
    };
    // As bright as usual, and otherwise not.
    let against = [[5.0, 0.2225, -5.0], SRGB[1], [-5.0, 0.0606, 5.0]];
    let grey = |curve: Vec<u8>| profile(&[(b"kTRC", curve)]);
    let mut noisy: Vec<u16> =
        (0..1024).map(|i| (srgb(f64::from(i) / 1023.0) * 65_535.0) as u16).collect();
    noisy[700] -= 300;
    let mut spiked = noisy.clone();
    spiked[700] = 0;
    let tables = |name| profile(&[(b"rTRC", parameters.clone()), (name, vec![0; 64])]);
    let code = |curve| (b"cicp", vec![b'c', b'i', b'c', b'p', 0, 0, 0, 0, 1, curve, 0, 1]);
    vec![
        ("sRGB by parameters", matrix(&parameters, SRGB), false),
        ("sRGB by a table", matrix(&sampled(1024, &srgb), SRGB), false),
        ("Display P3", matrix(&parameters, P3), false),
        ("Adobe RGB", matrix(&table(&[563]), ADOBE), false),
        ("ProPhoto", matrix(&table(&[461]), PROPHOTO), false),
        (
            "television",
            matrix(
                &parametric(3, &[1.0 / 0.45, 1.0 / 1.099, 0.099 / 1.099, 1.0 / 4.5, 0.081]),
                SRGB,
            ),
            false,
        ),
        ("grey of gamma 2.2", grey(parametric(0, &[2.2])), false),
        ("grey of a dot gain", grey(sampled(256, &|x| x.powf(1.75))), false),
        ("a table with a little noise", matrix(&table(&noisy), SRGB), false),
        ("code points of sRGB", profile(&[code(13)]), false),
        ("no profile at all", b"nothing that a viewer knows".repeat(20), false),
        ("as long, and none", b"nothing that a viewer knows".repeat(50_000), false),
        ("a negative by a table", matrix(&sampled(256, &|x| srgb(1.0 - x)), SRGB), true),
        ("a negative by parameters", matrix(&parametric(1, &[2.2, -1.0, 1.0]), SRGB), true),
        ("a grey negative", grey(sampled(256, &|x| 1.0 - x)), true),
        ("a table with a hole", matrix(&table(&spiked), SRGB), true),
        ("gamma 8", matrix(&table(&[8 << 8]), SRGB), true),
        ("gamma 0.25", grey(parametric(0, &[0.25])), true),
        ("linear light", matrix(&table(&[]), SRGB), true),
        ("a curve of no known kind", matrix(b"wavy\0\0\0\0\0\0\0\0", SRGB), true),
        ("Apple's gamma", matrix(&table(&[461]), SRGB), false),
        ("lightness", grey(sampled(4096, &lightness)), false),
        ("red for blue", matrix(&parameters, [SRGB[2], SRGB[1], SRGB[0]]), true),
        ("red less green", matrix(&parameters, [[1.0; 3], [-1.0; 3], [0.0; 3]]), true),
        ("red against blue", matrix(&parameters, against), true),
        ("a staircase", matrix(&sampled(1024, &stairs), SRGB), true),
        ("tables", tables(b"A2B0"), true),
        ("tables of another intent", tables(b"A2B1"), true),
        ("tables of numbers", tables(b"D2B0"), true),
        ("code points of PQ", profile(&[code(16)]), true),
        (
            "as long as nothing but tables is",
            [matrix(&parameters, SRGB), vec![0; 1 << 20]].concat(),
            true,
        ),
    ]
}

/// A zlib stream that may be long.
fn long_zlib(data: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(data, 6)
}

#[test]
fn a_profile_that_makes_another_picture_is_told() {
    let rgb = DynamicImage::ImageRgb8(sample(24, 17));
    let [jpeg, webp_plain] = [ImageFormat::Jpeg, ImageFormat::WebP].map(|f| encode(&rgb, f));
    let rows: Vec<u8> = (0..17).flat_map(|_| [0; 25]).collect();
    for (name, profile, unusual) in profiles() {
        // In parts, the last one first.
        let parts: Vec<&[u8]> = profile.chunks(profile.len().div_ceil(2).min(65_000)).collect();
        let segments = parts.iter().enumerate().rev().flat_map(|(i, part)| {
            let head = [&b"ICC_PROFILE\0"[..], &[i as u8 + 1, parts.len() as u8]].concat();
            let length = (2 + head.len() + part.len()) as u16;
            [&[0xff, 0xe2][..], &length.to_be_bytes(), &head, part].concat()
        });
        let in_jpeg = [&jpeg[..2], &segments.collect::<Vec<_>>(), &jpeg[2..]].concat();
        let compressed = chunk(b"iCCP", &[b"name\0\0", &long_zlib(&profile)[..]].concat());
        let in_png = raw_png(24, 17, 8, 0, &compressed, &rows);
        let in_webp =
            webp(&[&extended(0x20, 24, 17), &riff_chunk(b"ICCP", &profile), &webp_plain[12..]]);
        let mut in_bmp = bmp_with_alpha(|_| 255);
        // A header of version 5, which is 16 bytes longer.
        in_bmp[14] = 124;
        in_bmp[10] += 16;
        in_bmp[70..74].copy_from_slice(b"DEBM");
        let place = in_bmp.len() as u32 + 16 - 14;
        let more =
            [[0; 4], place.to_le_bytes(), (profile.len() as u32).to_le_bytes(), [0; 4]].concat();
        in_bmp.splice(122..122, more);
        in_bmp.extend(&profile);
        let plain = [
            &jpeg,
            &raw_png(24, 17, 8, 0, &[], &rows),
            &webp_plain,
            &encode(&rgb, ImageFormat::Bmp),
        ]
        .map(|b| stored(b).unwrap());
        for (bytes, plain) in [in_jpeg, in_png, in_webp, in_bmp].iter().zip(plain) {
            let format = sniff(bytes).format;
            let (found, reason) =
                decode_with(bytes, &patient(), |kept, d| (pixels(kept), d.cut_short)).unwrap();
            assert_eq!(reason, unusual.then_some(Unscannable::Unsupported), "{name} in {format}");
            assert_eq!(found, plain, "{name} in {format}: as it stands");
        }
    }
}

#[test]
fn a_gamma_that_makes_another_picture_is_told() {
    let gamma = |n: u32| chunk(b"gAMA", &n.to_be_bytes());
    let icc = |profile: &[u8]| chunk(b"iCCP", &[b"name\0\0", &zlib(profile)[..]].concat());
    let usual = icc(&matrix(&table(&[563]), SRGB));
    let code = |curve| chunk(b"cICP", &[1, curve, 0, 1]);
    let negative = icc(&matrix(&parametric(1, &[2.2, -1.0, 1.0]), SRGB));
    // Checksums that do not fit, of the stream and of the chunk.
    let body = |profile: &[u8]| [b"name\0\0", &zlib(profile)[..]].concat();
    let stream = body(&matrix(&parametric(1, &[2.2, -1.0, 1.0]), SRGB));
    let torn = chunk(b"iCCP", &stream[..stream.len() - 4]);
    let wrong = chunk(b"iCCP", &[&stream[..stream.len() - 4], b"wrng"].concat());
    let mut passed_over = usual.clone();
    *passed_over.last_mut().unwrap() ^= 1;
    let primaries = |numbers: [u32; 8]| chunk(b"cHRM", &numbers.map(u32::to_be_bytes).concat());
    let srgb = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];
    let around = [31_270, 32_900, 30_000, 60_000, 15_000, 6_000, 64_000, 33_000];
    let cases = [
        (vec![gamma(45_455)], false),
        (vec![gamma(30_000)], false),
        (vec![gamma(70_000)], false),
        // None, to viewers.
        (vec![gamma(0)], false),
        (vec![gamma(29_999)], true),
        (vec![gamma(181_818)], true),
        // What is not asked by one viewer, since there is something better, is asked by another, which cannot read that.
        (vec![gamma(181_818), chunk(b"sRGB", &[0])], true),
        (vec![chunk(b"sRGB", &[9]), gamma(181_818)], true),
        (vec![chunk(b"sRGB", &[0]), gamma(45_455), primaries(srgb)], false),
        (vec![usual.clone(), gamma(181_818)], true),
        (vec![usual.clone(), gamma(45_455)], false),
        (vec![icc(b"nothing that a viewer knows")], false),
        (vec![icc(b"nothing that a viewer knows"), gamma(181_818)], true),
        (vec![negative.clone()], true),
        (vec![chunk(b"sRGB", &[0]), negative.clone()], true),
        (vec![torn], true),
        (vec![wrong], true),
        (vec![passed_over, negative], true),
        (vec![usual.clone(), usual.clone()], true),
        (vec![primaries(srgb)], false),
        (vec![primaries([0; 8])], false),
        (vec![primaries(around)], true),
        (vec![code(13)], false),
        (vec![code(16)], true),
        (vec![code(8), usual], true),
    ];
    for (n, (between, unusual)) in cases.iter().enumerate() {
        let bytes = raw_png(2, 1, 8, 0, &between.concat(), &[0, 10, 200]);
        assert_eq!(told(&bytes), unusual.then_some(Unscannable::Unsupported), "case {n}");
        let found = decode_with(&bytes, &patient(), |kept, _| pixels(kept).3);
        assert_eq!(found, Ok(vec![10, 200]), "as it stands");
    }
}

/// Viewers gather the parts by their numbers, and some stop when they have as many as there should be.
#[test]
fn a_profile_in_parts_that_do_not_fit_is_told() {
    let jpeg = encoded(ImageFormat::Jpeg);
    let usual = matrix(&table(&[563]), SRGB);
    let (first, second) = usual.split_at(100);
    let with = |parts: &[([u8; 2], &[u8])]| {
        let segments = parts.iter().flat_map(|(numbers, part)| {
            let length = (2 + 14 + part.len()) as u16;
            [&[0xff, 0xe2][..], &length.to_be_bytes(), b"ICC_PROFILE\0", numbers, part].concat()
        });
        told(&[&jpeg[..2], &segments.collect::<Vec<_>>(), &jpeg[2..]].concat())
    };
    assert_eq!(with(&[([1, 1], &usual)]), None);
    assert_eq!(with(&[([2, 2], second), ([1, 2], first)]), None);
    let odd = Some(Unscannable::Unsupported);
    assert_eq!(with(&[([1, 1], &usual), ([0, 1], &[0; 40])]), odd);
    assert_eq!(with(&[([1, 1], &usual), ([1, 1], &usual)]), odd);
    assert_eq!(with(&[([1, 2], &usual)]), odd);
    assert_eq!(with(&[([1, 2], first), ([2, 1], second)]), odd);
}

/// Each of them may inflate to a megabyte, and only one is.
#[test]
fn many_profiles_take_no_longer_than_one() {
    let profile = chunk(b"iCCP", &[b"name\0\0", &long_zlib(&vec![0; 1 << 20])[..]].concat());
    let bytes = raw_png(2, 1, 8, 0, &profile.repeat(5_000), &[0, 10, 200]);
    let started = std::time::Instant::now();
    assert_eq!(told(&bytes), Some(Unscannable::Unsupported));
    let took = started.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[test]
fn the_clock_runs_while_chunks_and_blocks_are_passed_over() {
    let limits = Limits {
        time: Duration::from_millis(1),
        time_per_megapixel: Duration::ZERO,
        ..Limits::default()
    };
    let blocks = gif(3, 3, &vec![0; 32 << 20], &[]);
    assert_eq!(decode_with(&blocks, &limits, |_, _| ()), Err(Unscannable::Timeout));
    let frame = gif_frame(0, 0, 3, 3, &[1; 9]);
    let behind = gif(3, 3, &[], &[frame, vec![0; 32 << 20]]);
    assert_eq!(decode_with(&behind, &limits, |_, _| ()), Err(Unscannable::Timeout));
    let chunks = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"tEXt", &[]).repeat(2 << 20)].concat();
    assert_eq!(decode_with(&chunks, &limits, |_, _| ()), Err(Unscannable::Timeout));
    // Frames of which there is no end.
    let control = chunk(b"acTL", &[0, 0, 0, 9, 0, 0, 0, 0]);
    let mut film = raw_png(2, 1, 8, 0, &control, &[0, 10, 20]);
    film.extend(chunk(b"tEXt", &[]).repeat(2 << 20));
    assert_eq!(decode_with(&film, &limits, |_, _| ()), Err(Unscannable::Timeout));
}
