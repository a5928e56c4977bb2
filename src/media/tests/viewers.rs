//! Files that a decoder could take for another picture than viewers show.

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
