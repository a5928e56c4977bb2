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
