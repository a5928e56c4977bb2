//! Files that end early, at every byte.

use super::oracle::random_png;
use super::*;

/// What is handed over of `part`: how many rows from the top (or, of a bitmap, from the bottom) are those of `whole`, if
/// the others are white, but for some that were on their way.
fn rows_of(whole: &Pixels, found: &Pixels, upwards: bool, on_the_way: usize) -> usize {
    assert_eq!((whole.0, whole.1, whole.2), (found.0, found.1, found.2));
    let row = whole.0 * whole.2.bytes_per_pixel();
    let rows = whole.3.chunks(row).zip(found.3.chunks(row));
    let mut rows: Vec<_> = rows.map(|(a, b)| (a == b, b.iter().all(|c| *c == 255))).collect();
    if upwards {
        rows.reverse();
    }
    let held = rows.iter().take_while(|(same, _)| *same).count();
    let rest = rows.get(held + on_the_way..).unwrap_or(&[]);
    assert!(rest.iter().all(|(_, white)| *white), "what is missing is white");
    held
}

#[test]
fn rows_that_are_there_are_handed_over_and_the_rest_is_white() {
    let picture = DynamicImage::ImageRgb8(sample(24, 17));
    let rgba = random_png(24, 17, 8, 6, false, 7);
    let cases = [
        ("png", rgba, 17, true),
        // Its rows are packed together: of a small picture all or none come out.
        ("packed png", encode(&picture, ImageFormat::Png), 0, true),
        ("gif", encode(&picture, ImageFormat::Gif), 17, false),
        ("bmp", encode(&picture, ImageFormat::Bmp), 17, true),
        ("lossless webp", encode(&picture, ImageFormat::WebP), 0, false),
        ("lossy webp", LOSSY.to_vec(), 2, false),
    ];
    for (name, bytes, most, exactly) in cases {
        let whole = stored(&bytes).unwrap();
        let media = sniff(&bytes);
        // WebP comes in blocks of 16 rows.
        let on_the_way = if name.contains("webp") { 16 } else { 1 };
        let mut seen = std::collections::BTreeSet::new();
        let mut before = 0;
        for cut in 0..bytes.len() {
            let limits = patient();
            let mut kept = Keep::default();
            let request = Request::still(&bytes[..cut], media, &limits);
            match Decoder::new().decode(&request, &mut kept) {
                Ok(Decoded { cut_short: None, .. }) => {
                    assert_eq!(pixels(&kept), whole, "{name} cut at {cut}");
                    before = whole.1;
                }
                Ok(Decoded { cut_short: Some(reason), .. }) => {
                    assert_eq!(reason, Unscannable::Truncated, "{name} cut at {cut}");
                    let held = rows_of(&whole, &pixels(&kept), name == "bmp", on_the_way);
                    assert!(
                        held >= before || !exactly,
                        "{name} cut at {cut}: {held} rows, {before} before"
                    );
                    before = held;
                    seen.insert(held);
                }
                Err(reason) => {
                    assert!(
                        matches!(reason, Unscannable::Truncated | Unscannable::Corrupt),
                        "{name} cut at {cut}: {reason}"
                    );
                    assert!(before == 0 || !exactly, "{name} cut at {cut}: fewer bytes gave rows");
                }
            }
        }
        assert!(seen.len() >= most * 3 / 4, "{name}: {seen:?}");
    }
}

#[test]
fn interlaced_pictures_are_refined_as_far_as_they_go() {
    // Flat but for one corner: what a coarser pass says of the rest is right.
    let passes = random_png(24, 17, 8, 2, true, 3);
    let mut frame = gif_frame(0, 0, 24, 17, &[1; 24 * 17]);
    frame[9] |= 0x40;
    let gif = gif(24, 17, &[], &[frame]);
    for (name, bytes) in [("png", passes), ("gif", gif)] {
        let whole = stored(&bytes).unwrap();
        let (mut partly, mut alike) = (0, 0);
        for cut in 0..bytes.len() {
            let limits = patient();
            let outcome = decode_with(&bytes[..cut], &limits, |kept, decoded| {
                (pixels(kept), decoded.cut_short)
            });
            if let Ok((found, Some(_))) = outcome {
                partly += 1;
                alike += usize::from(found == whole);
                // The first pixel comes first.
                assert_eq!(found.3[..3], whole.3[..3], "{name} cut at {cut}");
                // Nothing is left white where a coarser pass said something else: these pictures have no white.
                if cut > bytes.len() / 2 {
                    let white = found.3.chunks(3).filter(|p| *p == [255; 3]).count();
                    assert_eq!(white, 0, "{name} cut at {cut}");
                }
            }
        }
        assert!(partly > 100, "{name}: {partly}");
        assert_eq!(alike > 100, name == "gif", "one colour is known from its first rows");
    }
}

/// Cut anywhere, under whatever name is left, it is answered and no decoder panics.
#[test]
fn every_truncation_is_answered() {
    for (name, bytes) in one_of_each() {
        for cut in 0..bytes.len() {
            let part = &bytes[..cut];
            for media in [sniff(&bytes), sniff(part)] {
                let limits = patient();
                let mut frames = Frames::default();
                let request = Request { frames: 8, ..Request::still(part, media, &limits) };
                match Decoder::new().decode(&request, &mut frames) {
                    Ok(decoded) => {
                        frames.check_last();
                        assert!(decoded.frames > 0);
                    }
                    Err(Unscannable::Truncated | Unscannable::Corrupt) => {}
                    // What is left of its magic number no longer names it.
                    Err(Unscannable::Unsupported) => assert_ne!(media.format, sniff(&bytes).format),
                    Err(other) => panic!("{name} cut at {cut}: {other}"),
                }
            }
        }
    }
}
