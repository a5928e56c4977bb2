//! Files of which viewers show different pictures: none of them passes as whole, or it is read as those that show it do.

use super::*;

const CORRUPT: Option<Unscannable> = Some(Unscannable::Corrupt);

/// A control extension with these sub-blocks.
fn control(blocks: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0x21, 0xf9];
    for block in blocks {
        out.push(block.len() as u8);
        out.extend(*block);
    }
    out.push(0);
    out
}

fn first(bytes: &[u8]) -> Result<(Vec<u8>, Option<Unscannable>), Unscannable> {
    decode_with(bytes, &patient(), |kept, decoded| (pixels(kept).3, decoded.cut_short))
}

fn film(frames: &[Vec<u8>]) -> (Frames, Decoded) {
    Frames::of(&gif(3, 3, &[], frames), 8, &patient()).unwrap()
}

#[test]
fn an_index_beyond_the_palette_is_told_and_black() {
    let mut indexes = vec![1u8; 9];
    let whole = first(&gif(3, 3, &[], &[gif_frame(0, 0, 3, 3, &indexes)])).unwrap();
    assert_eq!(whole, ([255, 0, 0].repeat(9), None));
    for (at, index) in [(0, 4), (5, 200), (8, 255)] {
        indexes[at] = index;
        for interlaced in [0, 0x40] {
            let mut frame = gif_frame(0, 0, 3, 3, &indexes);
            frame[9] |= interlaced;
            let (found, cut_short) = first(&gif(3, 3, &[], &[frame.clone()])).unwrap();
            assert_eq!(cut_short, CORRUPT, "{index} at {at}");
            assert!(found.chunks(3).any(|pixel| pixel == [0, 0, 0]));
            // The frames behind it are looked at all the same.
            let (frames, decoded) =
                film(&[gif_frame(0, 0, 3, 3, &[2; 9]), frame, gif_frame(0, 0, 3, 3, &[3; 9])]);
            assert_eq!((frames.indexes(), decoded.cut_short), (vec![0, 1, 2], CORRUPT));
            assert_eq!(frames.0[2].1, [0, 0, 255].repeat(9));
        }
        indexes[at] = 1;
    }
    // The transparent one needs no colour.
    indexes[3] = 77;
    let frame = [control(&[&[1, 0, 0, 77]]), gif_frame(0, 0, 3, 3, &indexes)].concat();
    let (found, cut_short) = first(&gif(3, 3, &[], &[frame])).unwrap();
    assert_eq!((&found[9..12], cut_short), (&[255, 255, 255][..], None));
}

#[test]
fn a_frame_of_no_size_with_data_is_told() {
    for (width, height) in [(0, 0), (0, 3), (3, 0)] {
        let empty = gif_frame(0, 0, width, height, &[1; 9]);
        let red = gif_frame(0, 0, 3, 3, &[1; 9]);
        let alone = first(&gif(3, 3, &[], std::slice::from_ref(&empty)));
        assert_eq!(alone, Err(Unscannable::Corrupt), "{width} x {height}");
        let (frames, decoded) = film(&[empty.clone(), red.clone()]);
        assert_eq!((frames.indexes(), decoded.cut_short), (vec![1], CORRUPT));
        let (frames, decoded) = film(&[red.clone(), empty, red.clone()]);
        assert_eq!((frames.indexes(), decoded.cut_short), (vec![0, 2], CORRUPT));
        // Without data it shows nothing anywhere.
        let mut nothing = gif_frame(0, 0, width, height, &[]);
        nothing.truncate(11);
        nothing.push(0);
        let (frames, decoded) = film(&[red, nothing]);
        assert_eq!((frames.0.len(), decoded.cut_short), (2, None));
    }
}

#[test]
fn a_control_extension_of_another_shape_is_read_by_its_first_bytes() {
    let frame = gif_frame(0, 0, 3, 3, &[0, 1, 0, 1, 0, 1, 0, 1, 0]);
    let usual = [1 | 2 << 2, 0, 0, 0];
    let longer = [1 | 2 << 2, 0, 0, 0, 9];
    let expected = first(&gif(3, 3, &[], &[[control(&[&usual]), frame.clone()].concat()])).unwrap();
    assert_eq!((&expected.0[..6], expected.1), (&[255, 255, 255, 255, 0, 0][..], None));
    for blocks in [&[&usual[..], b"x"][..], &[&usual, &[0, 0, 0, 3]], &[&longer]] {
        let odd = [control(blocks), frame.clone()].concat();
        assert_eq!(
            first(&gif(3, 3, &[], std::slice::from_ref(&odd))),
            Ok(expected.clone()),
            "{blocks:?}"
        );
        // What the decoder cannot go on behind ends an animation, and says so; nothing passes unseen.
        let next = gif_frame(0, 0, 1, 1, &[2]);
        let (frames, decoded) = film(&[next.clone(), odd, next]);
        match decoded.cut_short {
            None => assert_eq!(&frames.0[2].1[3..6], [255; 3], "{blocks:?}: not cleared"),
            cut_short => assert_eq!((frames.indexes(), cut_short), (vec![0], CORRUPT)),
        }
    }
    for blocks in [&[&usual[..3]][..], &[], &[b"x", &usual]] {
        let odd = [control(blocks), frame.clone()].concat();
        assert_eq!(
            first(&gif(3, 3, &[], std::slice::from_ref(&odd))),
            Err(Unscannable::Corrupt),
            "{blocks:?}"
        );
        let (frames, decoded) = film(&[frame.clone(), odd]);
        assert_eq!((frames.indexes(), decoded.cut_short), (vec![0], CORRUPT), "{blocks:?}");
    }
}

/// libpng passes over a tRNS of another length; others read its beginning.
#[test]
fn transparency_of_a_wrong_length_is_none() {
    // Grey 0 and 1, of one bit: without transparency black and white.
    let grey = |length: usize| raw_png(2, 1, 1, 0, &chunk(b"tRNS", &vec![0; length]), &[0, 0x40]);
    // Black and white.
    let rows = [0, 0, 0, 0, 255, 255, 255];
    let colour = |length: usize| raw_png(2, 1, 8, 2, &chunk(b"tRNS", &vec![0; length]), &rows);
    for length in 0..10 {
        let seen = stored(&grey(length)).unwrap().3;
        assert_eq!(seen[0] == 255, length == 2, "grey, {length} bytes");
        let seen = stored(&colour(length)).unwrap().3;
        assert_eq!(seen[0] == 255, length == 6, "colour, {length} bytes");
    }
    let palette = chunk(b"PLTE", &[0, 0, 0, 9, 9, 9]);
    for length in 0..5usize {
        let between = [palette.clone(), chunk(b"tRNS", &vec![0; length])].concat();
        let seen = rgb_of(stored(&raw_png(2, 1, 8, 3, &between, &[0, 0, 1])).unwrap());
        let expected = match length {
            1 => [255, 255, 255, 9, 9, 9],
            2 => [255; 6],
            _ => [0, 0, 0, 9, 9, 9],
        };
        assert_eq!(seen, expected, "a palette of two, {length} bytes");
    }
    // A second one that fits is the first that counts.
    let both = [chunk(b"tRNS", &[0; 4]), chunk(b"tRNS", &[0, 0])].concat();
    assert_eq!(stored(&raw_png(2, 1, 1, 0, &both, &[0, 0x40])).unwrap().3[0], 255);
}

fn rgb_of(pixels: Pixels) -> Vec<u8> {
    assert_eq!(pixels.2, PixelFormat::Rgb8);
    pixels.3
}
