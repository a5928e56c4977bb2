//! What is seen through a picture, and whether that is said.

use super::oracle::by_image;
use super::*;

/// A picture with this alpha.
fn with_alpha(alpha: impl Fn(u32, u32) -> u8) -> DynamicImage {
    let opaque = sample(24, 17);
    DynamicImage::ImageRgba8(image::RgbaImage::from_fn(24, 17, |x, y| {
        let image::Rgb([r, g, b]) = *opaque.get_pixel(x, y);
        image::Rgba([r, g, b, alpha(x, y)])
    }))
}

#[test]
fn every_format_shows_the_page_through_what_is_transparent() {
    let mut formats = vec![ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp];
    if cfg!(feature = "tiff") {
        formats.push(ImageFormat::Tiff);
    }
    for format in formats {
        // Nothing, one corner, all of it.
        let corner = |x: u32, y: u32| if (x, y) == (23, 16) { 0 } else { 255 };
        let checked = |x: u32, y: u32| if (x + y).is_multiple_of(3) { 255 } else { 0 };
        let cases = [with_alpha(|_, _| 255), with_alpha(corner), with_alpha(checked)];
        for (n, picture) in cases.iter().enumerate() {
            let bytes = encode(picture, format);
            for page in PAGES {
                let found = stored_over(&bytes, page).unwrap();
                assert_eq!(found, by_image(&bytes, page), "{format:?} {n} {page:?}");
                assert_eq!(found.1, n > 0, "{format:?} {n}");
            }
        }
    }
}

#[cfg(feature = "tiff")]
#[test]
fn wide_channels_show_the_page_too() {
    let floats = |alpha: fn(u32) -> f32| {
        let pixel = |x, _| image::Rgba([1.0, 1.0, 1.0, alpha(x)]);
        DynamicImage::ImageRgba32F(image::Rgba32FImage::from_fn(256, 2, pixel))
    };
    let levels: Vec<u8> = (0..=255u8).flat_map(|level| [level; 3]).collect();
    let bytes = encode(&floats(|x| x as f32 / 255.0), ImageFormat::Tiff);
    let (found, transparent) = stored_over(&bytes, Page::Black).unwrap();
    assert_eq!((found.3, transparent), (levels.repeat(2), true));
    let (found, transparent) = stored_over(&bytes, Page::White).unwrap();
    assert_eq!((found.3, transparent), (vec![255; 256 * 6], true));
    assert!(!stored_over(&encode(&floats(|_| 1.0), ImageFormat::Tiff), Page::Black).unwrap().1);
    let words = |alpha: fn(u32) -> u16| {
        let pixel = |x: u32, y: u32| image::Rgba([x as u16 * 200, y as u16, 9, alpha(x)]);
        let picture = image::ImageBuffer::from_fn(256, 2, pixel);
        encode(&DynamicImage::ImageRgba16(picture), ImageFormat::Tiff)
    };
    for (bytes, transparent) in [(words(|x| x as u16 * 257), true), (words(|_| 65_535), false)] {
        for page in PAGES {
            let found = stored_over(&bytes, page).unwrap();
            assert_eq!(found, by_image(&bytes, page));
            assert_eq!(found.1, transparent);
        }
    }
}

/// A GIF's frame with index 3 transparent, and this disposal.
fn frame(disposal: u8, left: u16, side: u16, index: u8) -> Vec<u8> {
    let control = [0x21, 0xf9, 4, disposal << 2 | 1, 0, 0, 3, 0];
    let pixels = vec![index; usize::from(side) * usize::from(side)];
    [&control[..], &gif_frame(left, 0, side, side, &pixels)].concat()
}

#[test]
fn an_animation_shows_the_page_until_a_frame_covers_it() {
    let (keep, clear, restore) = (1, 2, 3);
    let whole = |disposal| frame(disposal, 0, 4, 1);
    let hole = |disposal| frame(disposal, 0, 4, 3);
    let part = |disposal| frame(disposal, 1, 2, 2);
    for (what, frames, transparent) in [
        ("one that covers all", vec![whole(keep), whole(keep)], false),
        ("holes over a picture", vec![whole(keep), hole(keep), part(keep)], false),
        ("a part of it comes back", vec![whole(keep), part(restore), hole(keep)], false),
        ("a part of it is cleared", vec![whole(keep), part(clear), hole(keep)], true),
        ("all of it is cleared", vec![whole(clear), part(keep)], true),
        ("cleared and covered again", vec![whole(clear), whole(keep)], false),
        ("the page comes back", vec![whole(clear), whole(restore), part(keep)], true),
        ("it begins with a hole", vec![hole(keep), whole(keep)], true),
        ("it begins with a part", vec![part(keep), whole(keep)], true),
    ] {
        let bytes = gif(4, 4, &[], &frames);
        for page in PAGES {
            let (found, decoded) = Frames::over(page, &bytes, 8, &patient()).unwrap();
            assert_eq!(found.0.len(), frames.len(), "{what}");
            assert_eq!(decoded.transparent, transparent, "{what}");
        }
    }
}

/// Rows that a file does not hold are the page, as browsers have it.
#[test]
fn what_is_missing_is_the_page() {
    let rows: Vec<u8> = [&[0][..], &[9; 3 * 40]].concat().repeat(30);
    let whole = raw_png(40, 30, 8, 2, &[], &rows);
    let cut = &whole[..whole.len() / 2];
    for (page, level) in [(Page::White, 255), (Page::Black, 0)] {
        let (frames, decoded) = Frames::over(page, cut, 1, &patient()).unwrap();
        assert_eq!(decoded.cut_short, Some(Unscannable::Truncated));
        let pixels = &frames.0[0].1;
        assert_eq!((pixels[0], pixels[pixels.len() - 1]), (9, level));
    }
}
