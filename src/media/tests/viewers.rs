//! Files that a decoder could take for another picture than viewers show.

use std::time::{Duration, Instant};

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

/// A profile of one tone curve and a matrix whose colours are this bright, and else as those of sRGB.
fn matrix(curve: &[u8], [r, g, b]: [f64; 3]) -> Vec<u8> {
    colours(curve, [[0.4361, r, 0.0139], [0.3851, g, 0.0971], [0.1431, b, 0.7141]])
}

/// A profile of one tone curve and a matrix.
fn colours(curve: &[u8], [r, g, b]: [[f64; 3]; 3]) -> Vec<u8> {
    let colour = |xyz: [f64; 3]| [b"XYZ \0\0\0\0".to_vec(), fixed(&xyz)].concat();
    let curves = [b"rTRC", b"gTRC", b"bTRC"].map(|name| (name, curve.to_vec()));
    let colours = [(b"rXYZ", colour(r)), (b"gXYZ", colour(g)), (b"bXYZ", colour(b))];
    profile(&[&curves[..], &colours[..]].concat())
}

const SRGB: [f64; 3] = [0.2225, 0.7169, 0.0606];
const LINEAR_BEGINNING: [f64; 5] = [2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045];

/// Profiles that change little, and those that make another picture.
fn profiles() -> Vec<(&'static str, Vec<u8>, bool)> {
    let srgb = |x: f64| {
        if x > 0.04045 { ((x + 0.055) / 1.055).powf(2.4) } else { x / 12.92 }
    };
    let lightness = |x: f64| {
        if x > 0.08 { ((100.0 * x + 16.0) / 116.0).powi(3) } else { 100.0 * x / 903.3 }
    };
    // Flat, with a step in the middle.
    let stairs = |x: f64| match x {
        x if x < 0.14 => x.powf(1.2),
        x if x < 0.5 => 0.0945,
        x if x < 0.78 => 0.432,
        x => x.powf(1.6).max(0.432),
    };
    let step = |at: f64| move |x: f64| srgb(if x > at { (x + 0.12).min(1.0) } else { x });
    let sampled = |n: usize, f: &dyn Fn(f64) -> f64| {
        let values = (0..n).map(|i| (f(i as f64 / (n - 1) as f64) * 65_535.0) as u16);
        table(&values.collect::<Vec<_>>())
    };
    let parameters = parametric(3, &LINEAR_BEGINNING);
    let grey = |curve: Vec<u8>| profile(&[(b"kTRC", curve)]);
    let mut noisy: Vec<u16> =
        (0..1024).map(|i| (srgb(f64::from(i) / 1023.0) * 65_535.0) as u16).collect();
    noisy[700] -= 300;
    let mut spiked = noisy.clone();
    spiked[700] = 0;
    let comb: Vec<u16> = noisy
        .iter()
        .enumerate()
        .map(|(n, v)| v.saturating_sub(if n % 2 == 0 { 0 } else { 1000 }))
        .collect();
    let tables = |name| profile(&[(b"rTRC", parameters.clone()), (name, vec![0; 64])]);
    let of = |primaries, curve| {
        (b"cicp", vec![b'c', b'i', b'c', b'p', 0, 0, 0, 0, primaries, curve, 0, 1])
    };
    let code = |curve| of(1, curve);
    vec![
        ("sRGB by parameters", matrix(&parameters, SRGB), false),
        ("sRGB by a table", matrix(&sampled(1024, &srgb), SRGB), false),
        (
            "Display P3",
            colours(
                &parameters,
                [[0.5151, 0.2412, -0.0011], [0.292, 0.6922, 0.0419], [0.1571, 0.0666, 0.7841]],
            ),
            false,
        ),
        (
            "Adobe RGB",
            colours(
                &table(&[563]),
                [[0.6097, 0.3111, 0.0195], [0.2053, 0.6257, 0.0609], [0.1492, 0.0632, 0.7446]],
            ),
            false,
        ),
        (
            "ProPhoto",
            colours(
                &table(&[461]),
                [[0.7977, 0.288, 0.0], [0.1352, 0.7119, 0.0], [0.0313, 0.0001, 0.8249]],
            ),
            false,
        ),
        (
            "Rec. 2020",
            colours(
                &parameters,
                [[0.6734, 0.279, -0.0019], [0.1657, 0.6753, 0.03], [0.1251, 0.0456, 0.7969]],
            ),
            false,
        ),
        ("the lightness of CIELAB", matrix(&sampled(1024, &lightness), SRGB), false),
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
        ("gamma 1.2", grey(parametric(0, &[1.2])), true),
        ("stairs", matrix(&sampled(1025, &stairs), SRGB), true),
        ("a step", matrix(&sampled(1024, &step(0.5)), SRGB), true),
        ("a step in the dark", matrix(&sampled(1024, &step(0.04)), SRGB), true),
        ("a table of which each second point is dark", matrix(&table(&comb), SRGB), true),
        ("more points than any", matrix(&sampled((1 << 16) + 1, &srgb), SRGB), true),
        (
            "a curve twice",
            profile(&[(b"kTRC", parametric(0, &[2.2])), (b"kTRC", parametric(0, &[2.2]))]),
            true,
        ),
        (
            "red against blue",
            colours(
                &parameters,
                [[5.0, 0.2225, -5.0], [0.3851, 0.7169, 0.0971], [-5.0, 0.0606, 5.0]],
            ),
            true,
        ),
        ("linear light", matrix(&table(&[]), SRGB), true),
        ("a curve of no known kind", matrix(b"wavy\0\0\0\0\0\0\0\0", SRGB), true),
        ("red for blue", matrix(&parameters, [0.0606, 0.7169, 0.2225]), true),
        ("red less green", matrix(&parameters, [1.0, -1.0, 0.0]), true),
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

/// A zlib stream of more than a stored block takes.
fn long_zlib(data: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(data, 6)
}

#[test]
fn a_profile_that_makes_another_picture_is_told() {
    let rgb = DynamicImage::ImageRgb8(sample(24, 17));
    let [jpeg, webp_plain] = [ImageFormat::Jpeg, ImageFormat::WebP].map(|f| encode(&rgb, f));
    let rows: Vec<u8> = (0..17).flat_map(|_| [0; 25]).collect();
    for (name, profile, unusual) in profiles() {
        // In parts.
        let parts: Vec<&[u8]> = profile.chunks(profile.len().div_ceil(2).min(65_000)).collect();
        let segments = parts.iter().enumerate().flat_map(|(i, part)| {
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
            assert_eq!(reason, unusual.then_some(Unscannable::Colours), "{name} in {format}");
            assert_eq!(found, plain, "{name} in {format}: as it stands");
        }
    }
}

#[test]
fn a_gamma_that_makes_another_picture_is_told() {
    let gamma = |n: u32| chunk(b"gAMA", &n.to_be_bytes());
    let icc = |profile: &[u8]| chunk(b"iCCP", &[b"name\0\0", &zlib(profile)[..]].concat());
    let usual = icc(&matrix(&table(&[563]), SRGB));
    let of = |primaries, curve| chunk(b"cICP", &[primaries, curve, 0, 1]);
    let code = |curve| of(1, curve);
    let primaries = |numbers: [u32; 8]| chunk(b"cHRM", &numbers.map(u32::to_be_bytes).concat());
    let negative_profile = matrix(&parametric(1, &[2.2, -1.0, 1.0]), SRGB);
    let negative = icc(&negative_profile);
    let mut damaged = usual.clone();
    *damaged.last_mut().unwrap() ^= 1;
    // Its check sum missing, or a wrong one.
    let without_end = |less: usize, profile: &[u8]| {
        let stream = zlib(profile);
        let (kept, end) = stream.split_at(stream.len() - 4);
        let end: Vec<u8> = end[less..].iter().map(|byte| !byte).collect();
        chunk(b"iCCP", &[b"name\0\0", kept, &end].concat())
    };
    let cases = [
        (vec![gamma(45_455)], false),
        (vec![of(12, 13)], false),
        // X, Y and Z by themselves: red and blue have no brightness.
        (vec![of(10, 13)], true),
        (vec![gamma(30_000)], false),
        (vec![gamma(70_000)], false),
        // None, to viewers.
        (vec![gamma(0)], false),
        (vec![gamma(29_999)], true),
        (vec![gamma(181_818)], true),
        // Whatever else there is: viewers differ in what they go by.
        (vec![gamma(181_818), chunk(b"sRGB", &[0])], true),
        (vec![chunk(b"sRGB", &[9]), gamma(181_818)], true),
        (vec![usual.clone(), gamma(181_818)], true),
        (vec![usual.clone(), gamma(45_455), chunk(b"sRGB", &[0])], false),
        (vec![chunk(b"sRGB", &[0]), negative.clone()], true),
        (vec![usual.clone(), negative.clone()], true),
        (vec![damaged, negative.clone()], true),
        (vec![usual.clone(), usual.clone()], true),
        (vec![primaries([31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000])], false),
        (vec![primaries([34_570, 35_850, 73_470, 26_530, 15_960, 84_040, 3_660, 10])], false),
        (vec![primaries([0; 8])], false),
        // Green for red, blue for green, red for blue; a white that is nearly blue.
        (vec![primaries([31_270, 32_900, 30_000, 60_000, 15_000, 6_000, 64_000, 33_000])], true),
        (vec![primaries([16_000, 8_000, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000])], true),
        (vec![without_end(4, &negative_profile)], true),
        (vec![without_end(0, &negative_profile)], true),
        (vec![without_end(4, &matrix(&table(&[563]), SRGB))], false),
        (vec![icc(b"nothing that a viewer knows"), gamma(181_818)], true),
        (vec![code(13)], false),
        (vec![code(16)], true),
        (vec![code(8), usual], true),
    ];
    for (n, (between, unusual)) in cases.iter().enumerate() {
        let bytes = raw_png(2, 1, 8, 0, &between.concat(), &[0, 10, 200]);
        assert_eq!(told(&bytes), unusual.then_some(Unscannable::Colours), "case {n}");
        let found = decode_with(&bytes, &patient(), |kept, _| pixels(kept).3);
        assert_eq!(found, Ok(vec![10, 200]), "as it stands");
    }
}

#[test]
fn parts_of_a_profile_that_viewers_put_together_in_several_ways_are_told() {
    let picture = encoded(ImageFormat::Jpeg);
    let usual = matrix(&table(&[563]), SRGB);
    let (front, back) = usual.split_at(usual.len() / 2);
    let with = |parts: &[(u8, u8, &[u8])]| {
        let segments = parts.iter().flat_map(|(number, count, part)| {
            let body = [&b"ICC_PROFILE\0"[..], &[*number, *count], part].concat();
            [&[0xff, 0xe2][..], &(2 + body.len() as u16).to_be_bytes(), &body].concat()
        });
        told(&[&picture[..2], &segments.collect::<Vec<_>>(), &picture[2..]].concat())
    };
    assert_eq!(with(&[(1, 1, &usual)]), None);
    assert_eq!(with(&[(1, 2, front), (2, 2, back)]), None);
    assert_eq!(with(&[(1, 1, b"nothing that a viewer knows")]), None);
    let junk: &[u8] = &[b'x'; 40];
    let cases: [&[(u8, u8, &[u8])]; 7] = [
        &[(1, 1, &usual), (0, 1, junk)],
        &[(0, 1, junk), (1, 1, &usual)],
        &[(2, 2, back), (1, 2, front)],
        &[(1, 2, front)],
        &[(1, 1, &usual), (1, 1, &usual)],
        &[(1, 2, front), (2, 3, back)],
        &[(0, 0, &usual)],
    ];
    for (n, parts) in cases.iter().enumerate() {
        assert_eq!(with(parts), Some(Unscannable::Colours), "case {n}");
    }
    assert_eq!(with(&[(0, 1, junk); 257]), Some(Unscannable::Colours));
}

#[test]
fn a_profile_behind_much_else_is_told_however_short_the_time() {
    // The first look at the clock comes before the profile does.
    let negative = matrix(&parametric(1, &[2.2, -1.0, 1.0]), SRGB);
    let body = [&b"ICC_PROFILE\0\x01\x01"[..], &negative].concat();
    let profile = [&[0xff, 0xe2][..], &(2 + body.len() as u16).to_be_bytes(), &body].concat();
    let other = [&[0xff, 0xef, 0xff, 0xff][..], &[0; 65_533]].concat().repeat(3);
    let picture = encoded(ImageFormat::Jpeg);
    let bytes = [&picture[..2], &other, &profile, &picture[2..]].concat();
    let limits = Limits::default();
    let request = Request::still(&bytes, sniff(&bytes), &limits);
    let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
    // The first pass over a large picture took a second.
    let late = Request { started: ago(1), ..request };
    assert_eq!(crate::media::colour::is_unusual(&late), Ok(true));
    let too_late = Request { started: ago(60), ..request };
    assert_eq!(crate::media::colour::is_unusual(&too_late), Err(Unscannable::Timeout));
}

#[test]
fn profiles_are_not_inflated_one_after_the_other() {
    let zeros = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 1 << 20], 9);
    let one = chunk(b"iCCP", &[b"name\0\0", &zeros[..]].concat());
    let time = |count| {
        let bytes = raw_png(2, 1, 8, 0, &one.repeat(count), &[0, 10, 200]);
        let start = Instant::now();
        assert_eq!(told(&bytes), (count > 1).then_some(Unscannable::Colours));
        start.elapsed()
    };
    time(1);
    let (few, many) = (time(2), time(5000));
    // Each inflated would take some milliseconds: fifteen seconds and more.
    assert!(many < 100 * few + Duration::from_secs(2), "{few:?}, {many:?}");
}

#[test]
fn the_clock_runs_while_chunks_and_blocks_are_passed_over() {
    let limits = Limits {
        time: Duration::from_millis(1),
        time_per_megapixel: Duration::ZERO,
        ..Limits::default()
    };
    let least = |bytes: &[u8], limits: &Limits| {
        let once = |_| {
            let start = Instant::now();
            let outcome = decode_with(bytes, limits, |_, _| ());
            assert!(limits.time > Duration::from_secs(1) || outcome == Err(Unscannable::Timeout));
            start.elapsed()
        };
        (0..5).map(once).min().unwrap()
    };
    // One look at the end would come after all of it was read.
    let ends_early = |bytes: &[u8]| {
        let (early, whole) = (least(bytes, &limits), least(bytes, &patient()));
        assert!(4 * early < whole, "{early:?} of {whole:?}");
    };
    let blocks = gif(3, 3, &vec![0; 32 << 20], &[]);
    ends_early(&blocks);
    let frame = gif_frame(0, 0, 3, 3, &[1; 9]);
    let behind = gif(3, 3, &[], &[frame, vec![0; 32 << 20]]);
    ends_early(&behind);
    let chunks = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"tEXt", &[]).repeat(2 << 20)].concat();
    ends_early(&chunks);
    // Frames of which there is no end.
    let control = chunk(b"acTL", &[0, 0, 0, 9, 0, 0, 0, 0]);
    let mut film = raw_png(2, 1, 8, 0, &control, &[0, 10, 20]);
    film.extend(chunk(b"tEXt", &[]).repeat(2 << 20));
    ends_early(&film);
}
