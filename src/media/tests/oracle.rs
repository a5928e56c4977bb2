//! Still pictures of every kind against the `image` crate's decoders, and plain arithmetic for what lies over white.

use super::*;

/// Numbers from a seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, n: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(n)) as u32
    }

    pub(super) fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.below(256) as u8).collect()
    }
}

/// What `image` decodes, in 8 bits over a page, by floating-point arithmetic; and whether the page is seen.
pub(super) fn by_image(bytes: &[u8], page: Page) -> (Pixels, bool) {
    let picture = image::load_from_memory(bytes).expect("image decodes it");
    let grey = !picture.color().has_color();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let wide = picture.color().bytes_per_pixel() > picture.color().channel_count();
    let page = f64::from(u8::from(page == Page::White));
    let over = |c: f64, a: f64| ((c * a + page * (1.0 - a)) * 255.0).round() as u8;
    let transparent = picture.to_rgba16().pixels().any(|p| p.0[3] < 65_535);
    let channels = if grey { 1 } else { 3 };
    let all: Vec<u8> = if wide {
        let pixels = picture.into_rgba16();
        let scaled = |n: u16| f64::from(n) / 65_535.0;
        pixels
            .pixels()
            .flat_map(|p| {
                p.0[..channels].iter().map(|c| over(scaled(*c), scaled(p.0[3]))).collect::<Vec<_>>()
            })
            .collect()
    } else {
        let pixels = picture.into_rgba8();
        let scaled = |n: u8| f64::from(n) / 255.0;
        pixels
            .pixels()
            .flat_map(|p| {
                p.0[..channels].iter().map(|c| over(scaled(*c), scaled(p.0[3]))).collect::<Vec<_>>()
            })
            .collect()
    };
    let format = if grey { PixelFormat::Grey8 } else { PixelFormat::Rgb8 };
    ((width, height, format, all), transparent)
}

/// A PNG of random filtered rows; its passes, if it is interlaced.
pub(super) fn random_png(
    width: u32,
    height: u32,
    bits: u8,
    color: u8,
    interlaced: bool,
    seed: u64,
) -> Vec<u8> {
    const ADAM7: [[u32; 4]; 7] = [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
    ];
    let mut random = Random(seed);
    let channels = [1, 0, 3, 1, 2, 0, 4][usize::from(color)];
    let passes: &[[u32; 4]] = if interlaced { &ADAM7 } else { &[[0, 0, 1, 1]] };
    let mut rows = Vec::new();
    for [left, top, dx, dy] in passes {
        let across = width.saturating_sub(*left).div_ceil(*dx);
        let down = height.saturating_sub(*top).div_ceil(*dy);
        if across > 0 {
            for _ in 0..down {
                rows.push(random.below(5) as u8);
                rows.extend(
                    random.bytes((across * channels * u32::from(bits)).div_ceil(8) as usize),
                );
            }
        }
    }
    let mut between = Vec::new();
    if color == 3 {
        // All indexes have a colour; some of them an alpha.
        between.extend(chunk(b"PLTE", &random.bytes(3 << bits)));
        if seed.is_multiple_of(2) {
            between.extend(chunk(b"tRNS", &random.bytes(1 << (bits - 1))));
        }
    } else if color < 3 && seed.is_multiple_of(3) {
        let key: Vec<u8> = (0..channels)
            .flat_map(|_| (random.below(1 << u32::from(bits).min(16)) as u16).to_be_bytes())
            .collect();
        between.extend(chunk(b"tRNS", &key));
    }
    let mut png = raw_png(width, height, bits, color, &between, &rows);
    png[28] = u8::from(interlaced);
    // The check sum of the header was made without that.
    let header = chunk(b"IHDR", &png[16..29]);
    png[8..33].copy_from_slice(&header);
    png
}

#[test]
fn every_kind_of_png() {
    let kinds: [(u8, &[u8]); 5] =
        [(0, &[1, 2, 4, 8, 16]), (2, &[8, 16]), (3, &[1, 2, 4, 8]), (4, &[8, 16]), (6, &[8, 16])];
    let mut seed = 0;
    for (color, depths) in kinds {
        for bits in depths {
            for (width, height) in [(1, 1), (2, 1), (1, 9), (3, 5), (8, 8), (17, 9), (40, 23)] {
                for interlaced in [false, true] {
                    for _ in 0..3 {
                        seed += 1;
                        let png = random_png(width, height, *bits, color, interlaced, seed);
                        for page in PAGES {
                            assert_eq!(
                                stored_over(&png, page),
                                Ok(by_image(&png, page)),
                                "{width} x {height}, colour {color}, {bits} bits, interlaced {interlaced}, seed {seed}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn large_pictures_come_in_bands_and_whole() {
    // Wider and higher than any buffer of a decoder.
    for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp] {
        // The encoder of GIFs takes its time.
        let (width, height) = if format == ImageFormat::Gif { (500, 300) } else { (2100, 1300) };
        let bytes = encode(&DynamicImage::ImageRgb8(sample(width, height)), format);
        let limits = Limits { time: std::time::Duration::MAX, ..Limits::default() };
        let (frames, decoded) = Frames::of(&bytes, 8, &limits).unwrap();
        assert!(decoded.all_frames && decoded.cut_short.is_none());
        assert_eq!(frames.indexes(), [0]);
        assert_eq!(frames.0[0].1, by_image(&bytes, Page::White).0.3, "{format:?}");
    }
}

#[test]
fn webp_with_every_alpha() {
    let picture =
        image::RgbaImage::from_fn(60, 50, |x, y| image::Rgba([x as u8, 3, y as u8, (x * y) as u8]));
    let lossless = encode(&DynamicImage::ImageRgba8(picture), ImageFormat::WebP);
    for webp in [&lossless[..], LOSSY, LOSSY_ALPHA] {
        for page in PAGES {
            assert_eq!(stored_over(webp, page), Ok(by_image(webp, page)));
        }
        let turned = stored(&with_header(webp)).unwrap();
        assert_eq!(turned, stored(webp).unwrap(), "behind an extended header");
    }
}

/// The file with an extended header, if it has none.
fn with_header(webp: &[u8]) -> Vec<u8> {
    if &webp[12..16] == b"VP8L" { with_orientation(webp, 1) } else { webp.to_vec() }
}

#[test]
fn what_is_no_picture_never_reaches_the_png_decoder() {
    let plain = encoded(ImageFormat::Png);
    // Texts that inflate to more than there is memory for, and a profile; all would be read before the pixels.
    let mut body = b"Comment\0\0".to_vec();
    body.extend(zlib(&[b'x'; 60_000]));
    let others = [chunk(b"zTXt", &body), chunk(b"eXIf", &[0; 70_000]), chunk(b"abCd", b"?")];
    // One profile: a second one is told.
    let bomb = [chunk(b"iCCP", &body), others.concat().repeat(40)].concat();
    for at in [33, plain.len() - 12] {
        let stuffed = [&plain[..at], &bomb, &plain[at..]].concat();
        assert_eq!(stored(&stuffed), stored(&plain));
    }
    // A chunk that must be understood, and is not.
    let unknown = [&plain[..33], &chunk(b"CgBI", &[0; 4]), &plain[33..]].concat();
    assert_eq!(stored(&unknown), Err(Unscannable::Corrupt));
    // Browsers show pictures with wrong check sums.
    let mut wrong = plain.clone();
    let at = wrong.len() - 13;
    wrong[at] ^= 1;
    assert_eq!(stored(&wrong), stored(&plain));
}
