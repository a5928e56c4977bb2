//! Pixels as a viewer sees them.

use super::*;
use crate::media::pixels::{from_float, mixed, narrow, narrow_mixed};

#[test]
fn lossless_formats_give_the_pixels_back() {
    let picture = sample(24, 17);
    let expected = (24, 17, PixelFormat::Rgb8, picture.clone().into_raw());
    for (name, bytes) in one_of_each() {
        let found = stored(&bytes).unwrap();
        match name {
            // Lossy, or 256 colours: what the decoder gives, and near to what went in.
            "jpeg" | "gif" => {
                let decoded = image::load_from_memory(&bytes).unwrap().into_rgb8();
                assert_eq!(found.3, decoded.into_raw(), "{name}");
                let difference = difference(&found.3, &expected.3);
                assert!(difference < 16.0, "{name}: {difference:.2}");
            }
            _ => assert_eq!(found, expected, "{name}"),
        }
    }
}

/// Mean absolute difference of two rows of pixels.
fn difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

#[test]
fn grey_stays_grey() {
    let grey = DynamicImage::ImageRgb8(sample(20, 10)).to_luma8();
    let expected = (20, 10, PixelFormat::Grey8, grey.clone().into_raw());
    let grey = DynamicImage::ImageLuma8(grey);
    assert_eq!(stored(&encode(&grey, ImageFormat::Png)).unwrap(), expected);
    let jpeg = stored(&encode(&grey, ImageFormat::Jpeg)).unwrap();
    assert_eq!(jpeg.2, PixelFormat::Grey8);
    assert!(difference(&jpeg.3, &expected.3) < 8.0);
}

#[test]
fn sixteen_bits_are_scaled_and_alpha_lies_over_white() {
    let words: Vec<u16> = (0..=65_535u16).collect();
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
    // The same 65,536 words as a picture of one, two, three and four channels.
    let l16 = stored(&png(&bytes, 256, 256, ExtendedColorType::L16)).unwrap();
    let plain = |w: u16| (f64::from(w) / 257.0).round() as u8;
    assert_eq!((l16.2, l16.3), (PixelFormat::Grey8, words.iter().map(|w| plain(*w)).collect()));

    let rgb16 = stored(&png(&bytes[..196_608 / 2], 128, 128, ExtendedColorType::Rgb16)).unwrap();
    assert_eq!(rgb16.3, words[..49_152].iter().map(|w| plain(*w)).collect::<Vec<_>>());

    let over = |c: u16, a: u16, full: f64| {
        let (c, a) = (f64::from(c) / full, f64::from(a) / full);
        ((c * a + 1.0 - a) * 255.0).round() as u8
    };
    // Spread the alpha values: multiply by an odd number.
    let mixed: Vec<u16> = words.iter().map(|w| w.wrapping_mul(40_503)).collect();
    let bytes: Vec<u8> = mixed.iter().flat_map(|w| w.to_ne_bytes()).collect();
    let la16 = stored(&png(&bytes, 128, 256, ExtendedColorType::La16)).unwrap();
    assert_eq!(la16.3, mixed.chunks(2).map(|p| over(p[0], p[1], 65_535.0)).collect::<Vec<_>>());
    let rgba16 = stored(&png(&bytes, 128, 128, ExtendedColorType::Rgba16)).unwrap();
    let expected = mixed.chunks(4).flat_map(|p| [0, 1, 2].map(|i| over(p[i], p[3], 65_535.0)));
    assert_eq!(rgba16.3, expected.collect::<Vec<_>>());

    // Every pair of level and alpha in 8 bits.
    let pairs: Vec<u8> = (0..=255).flat_map(|c| (0..=255).flat_map(move |a| [c, a])).collect();
    let la8 = stored(&png(&pairs, 256, 256, ExtendedColorType::La8)).unwrap();
    let byte = |c: u8, a: u8| over(c.into(), a.into(), 255.0);
    assert_eq!(la8.3, pairs.chunks(2).map(|p| byte(p[0], p[1])).collect::<Vec<_>>());
    let rgba: Vec<u8> = pairs.chunks(2).flat_map(|p| [p[0], 255 - p[0], p[1], p[1]]).collect();
    let expected = rgba.chunks(4).flat_map(|p| [0, 1, 2].map(|i| byte(p[i], p[3])));
    let expected: Vec<u8> = expected.collect();
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let picture = image::RgbaImage::from_raw(256, 256, rgba.clone()).unwrap();
        let found = stored(&encode(&DynamicImage::ImageRgba8(picture), format)).unwrap();
        assert_eq!((found.2, &found.3), (PixelFormat::Rgb8, &expected), "{format:?}");
    }
}

#[test]
fn the_integer_formulas_round_like_exact_arithmetic() {
    for c in 0..=255u8 {
        for a in 0..=255u8 {
            let exact = (f64::from(c) * f64::from(a) + 255.0 * f64::from(255 - a)) / 255.0;
            assert_eq!(mixed(c, a, 255), exact.round() as u8, "{c} {a}");
        }
    }
    for c in 0..=65_535u16 {
        assert_eq!(narrow(c), (f64::from(c) * 255.0 / 65_535.0).round() as u8);
        for page in [0, 255] {
            assert_eq!(narrow_mixed(c, 65_535, page), narrow(c));
            assert_eq!(narrow_mixed(c, 0, page), page);
        }
    }
    assert_eq!([-1.0, 0.0, 0.5, 1.0, 9.0, f32::NAN].map(from_float), [0, 0, 128, 255, 255, 0]);
}

#[test]
fn palettes_and_single_bits_are_expanded() {
    // Two rows of eight pixels of one bit.
    let one_bit = raw_png(8, 2, 1, 0, &[], &[0, 0b1010_0101, 0, 0b1111_0000]);
    let expected = [255, 0, 255, 0, 0, 255, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0].to_vec();
    assert_eq!(stored(&one_bit), Ok((8, 2, PixelFormat::Grey8, expected)));
    // Two bits of grey; a palette of four, one of them half transparent.
    let two_bits = raw_png(4, 1, 2, 0, &[], &[0, 0b00_01_10_11]);
    assert_eq!(stored(&two_bits).unwrap().3, [0, 85, 170, 255]);
    let palette =
        [chunk(b"PLTE", &[0, 0, 0, 10, 20, 30, 255, 0, 0, 0, 0, 255]), chunk(b"tRNS", &[255, 128])]
            .concat();
    let indexed = raw_png(4, 1, 2, 3, &palette, &[0, 0b11_01_10_00]);
    let half = [10, 20, 30].map(|c| mixed(c, 128, 255));
    let expected = [[0, 0, 255], half, [255, 0, 0], [0, 0, 0]].concat();
    assert_eq!(stored(&indexed), Ok((4, 1, PixelFormat::Rgb8, expected)));
    // One level of grey made transparent.
    let keyed = raw_png(2, 1, 8, 0, &chunk(b"tRNS", &[0, 7]), &[0, 7, 8]);
    assert_eq!(stored(&keyed), Ok((2, 1, PixelFormat::Grey8, vec![255, 8])));
}

#[test]
fn a_gif_shows_its_first_frame_on_its_canvas_over_white() {
    let (red, green, white) = ([255, 0, 0], [0, 255, 0], [255, 255, 255]);
    let first = gif_frame(1, 0, 1, 2, &[1, 2]);
    let second = gif_frame(0, 0, 3, 2, &[3; 6]);
    let expected = [white, red, white, white, green, white].concat();
    assert_eq!(
        stored(&gif(3, 2, &[], &[first.clone(), second])),
        Ok((3, 2, PixelFormat::Rgb8, expected))
    );
    // A transparent index.
    let control = b"\x21\xf9\x04\x01\0\0\x02\0";
    let found = stored(&gif(3, 2, control, std::slice::from_ref(&first))).unwrap();
    assert_eq!(found.3, [white, red, white, white, white, white].concat());
    // A screen of one pixel, or none, must not hide the frame; browsers grow it.
    for side in [0, 1] {
        let found = stored(&gif(side, side, &[], std::slice::from_ref(&first))).unwrap();
        assert_eq!(found, (2, 2, PixelFormat::Rgb8, [white, red, white, green].concat()));
    }
    let mut none = Limits { frames: 0, ..Limits::default() };
    let animated = gif(3, 2, &[], &[first.clone(), first]);
    assert_eq!(decode_with(&animated, &none, |_, _| ()), Err(Unscannable::Limit));
    none.frames = 1;
    let frames = decode_with(&animated, &none, |_, decoded| (decoded.frames, decoded.all_frames));
    assert_eq!(frames, Ok((1, false)));
}

#[test]
fn no_pixel_of_the_upload_before_shows_through() {
    // Index 9 is transparent: the decoder leaves that pixel alone.
    let hole = gif(2, 1, b"\x21\xf9\x04\x01\0\0\x09\0", &[gif_frame(0, 0, 2, 1, &[9, 1])]);
    let noise = encoded(ImageFormat::Png);
    let mut decoder = Decoder::new();
    let mut decoded = |bytes: &[u8]| {
        let mut kept = Keep::default();
        let limits = Limits::default();
        decoder.decode(&Request::still(bytes, sniff(bytes), &limits), &mut kept).unwrap();
        pixels(&kept)
    };
    let fresh = decoded(&hole);
    decoded(&noise);
    assert_eq!(fresh, decoded(&hole));
}

#[test]
fn an_apng_shows_what_browsers_show() {
    let control = chunk(b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]);
    let frame_control = |sequence: u8| {
        let mut body = vec![0, 0, 0, sequence];
        body.extend([0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0]);
        chunk(b"fcTL", &body)
    };
    let plain = [control.clone(), frame_control(0)].concat();
    let part = raw_png(2, 1, 8, 0, &plain, &[0, 10, 20]);
    assert_eq!(stored(&part), Ok((2, 1, PixelFormat::Grey8, vec![10, 20])));
    // The plain picture is no frame: viewers show it, or the frame behind it.
    let mut hidden = raw_png(2, 1, 8, 2, &control, &[0, 1, 1, 1, 2, 2, 2]);
    hidden.truncate(hidden.len() - 12);
    hidden.extend(frame_control(0));
    let mut data = vec![0, 0, 0, 1];
    data.extend(zlib(&[0, 10, 20, 30, 40, 50, 60]));
    hidden.extend(chunk(b"fdAT", &data));
    let cut = hidden.len() - 21;
    hidden.extend(chunk(b"IEND", &[]));
    let (seen, decoded) = Frames::of(&hidden, 8, &patient()).unwrap();
    assert_eq!((seen.indexes(), decoded.all_frames), (vec![0, 1], true));
    assert_eq!([&seen.0[0].1, &seen.0[1].1], [&[1, 1, 1, 2, 2, 2], &[10, 20, 30, 40, 50, 60]]);
    let (seen, decoded) = Frames::of(&hidden[..cut], 8, &patient()).unwrap();
    assert_eq!((seen.indexes(), decoded.all_frames), (vec![0], false));
    assert_eq!(decoded.cut_short, Some(Unscannable::Truncated));
    let (seen, decoded) = Frames::of(&hidden, 1, &patient()).unwrap();
    assert_eq!((seen.indexes(), decoded.all_frames), (vec![0], false));
}

#[test]
fn exif_orientation_is_told_and_turns_nothing() {
    let picture = DynamicImage::ImageRgb8(sample(50, 37));
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let plain = encode(&picture, format);
        let upright = image::load_from_memory(&plain).unwrap();
        for orientation in 0..=10u8 {
            let bytes = with_orientation(&plain, orientation.into());
            let (stored, found) = decode_with(&bytes, &Limits::default(), |kept, _| {
                (pixels(kept).3, kept.frame().unwrap().orientation)
            })
            .unwrap();
            assert_eq!(stored, upright.as_bytes(), "as stored is never turned");
            let expected = if (1..=8).contains(&orientation) { orientation } else { 1 };
            assert_eq!(found, expected, "{format:?}");
        }
    }
}

#[test]
fn buffers_are_reused_and_large_ones_given_back() {
    let limits = Limits::default();
    let small = encoded(ImageFormat::Bmp);
    let large = encode(&DynamicImage::new_rgb8(3000, 2000), ImageFormat::Bmp);
    let rows = encoded(ImageFormat::Png);
    let mut decoder = Decoder::new();
    let mut decode = |bytes: &[u8]| {
        let mut kept = Keep::default();
        decoder.decode(&Request::still(bytes, sniff(bytes), &limits), &mut kept).unwrap();
        (decoder.pixels.capacity(), decoder.pixels.as_ptr())
    };
    let warm = decode(&small);
    assert_eq!(decode(&small), warm);
    assert!(decode(&large).0 >= 18_000_000);
    assert!(decode(&small).0 < 10_000);
    assert!(decode(&large).0 >= 18_000_000);
    assert_eq!(decode(&rows).0, 0, "a decoder that needs none keeps none that large");
}

#[test]
fn bitmaps_may_run_downwards() {
    let mut bytes = encoded(ImageFormat::Bmp);
    let upwards = stored(&bytes).unwrap();
    bytes[22..26].copy_from_slice(&(-17i32).to_le_bytes());
    let downwards = stored(&bytes).unwrap();
    let flipped: Vec<u8> = upwards.3.chunks(24 * 3).rev().flatten().copied().collect();
    assert_eq!(downwards.3, flipped);
}

#[test]
fn an_animated_webp_shows_its_first_frame_over_white() {
    let still = encoded(ImageFormat::WebP);
    let pixels = &still[12..];
    // A frame of 24 x 17 at (2, 2) on a canvas of 30 x 20; the alpha flag is not set.
    let mut frame = vec![1, 0, 0, 1, 0, 0, 23, 0, 0, 16, 0, 0, 9, 0, 0, 2];
    frame.extend(pixels);
    let mut body =
        b"WEBPVP8X\x0a\0\0\0\x02\0\0\0\x1d\0\0\x13\0\0ANIM\x06\0\0\0\0\0\0\xff\0\0".to_vec();
    for _ in 0..2 {
        body.extend(b"ANMF");
        body.extend((frame.len() as u32).to_le_bytes());
        body.extend(&frame);
    }
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    assert_eq!(sniff(&file).class, MediaClass::Animation);
    let mut expected = image::RgbImage::from_pixel(30, 20, image::Rgb([255; 3]));
    image::imageops::replace(&mut expected, &sample(24, 17), 2, 2);
    assert_eq!(stored(&file), Ok((30, 20, PixelFormat::Rgb8, expected.into_raw())));
    // The second frame is cut off; the first is all there.
    let cut = &file[..file.len() - 1];
    assert_eq!(stored(cut), stored(&file));
    assert_eq!(stored(&file[..200]), Err(Unscannable::Truncated));
}
