//! Pictures are made here, by `image`'s encoders or byte by byte; nothing is read from the repository.

mod ambiguous;
mod animations;
mod cut;
mod hostile;
mod oracle;
mod pictures;
mod shared;
mod sniffing;
mod transparent;
mod viewers;

use image::{DynamicImage, ExtendedColorType, ImageFormat, RgbImage};

use super::{Decoded, Decoder, Frame, Keep, MediaClass, Page, PixelFormat, Raster, Request, Sink};
use super::{Unscannable, sniff};
use crate::limits::Limits;

/// A picture with structure in every direction, so that a wrong turn or channel shows.
fn sample(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let r = (x * 255 / width.max(2)) as u8;
        let g = (y * 255 / height.max(2)) as u8;
        let b = (128.0 + 100.0 * (f64::from(x * x + 3 * y) / 40.0).sin()) as u8;
        image::Rgb([r, g, b])
    })
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut out, format).expect("the encoder takes this picture");
    out.into_inner()
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    encode(&DynamicImage::ImageRgb8(sample(24, 17)), format)
}

fn png(pixels: &[u8], width: u32, height: u32, color: ExtendedColorType) -> Vec<u8> {
    use image::ImageEncoder;
    let mut out = Vec::new();
    image::codecs::png::PngEncoder::new(&mut out)
        .write_image(pixels, width, height, color)
        .expect("the encoder takes these pixels");
    out
}

/// One of each format that is always decoded: a small picture.
fn one_of_each() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = vec![
        ("jpeg", encoded(ImageFormat::Jpeg)),
        ("png", encoded(ImageFormat::Png)),
        ("gif", encoded(ImageFormat::Gif)),
        ("webp", encoded(ImageFormat::WebP)),
        ("bmp", encoded(ImageFormat::Bmp)),
    ];
    if cfg!(feature = "tiff") {
        all.push(("tiff", encoded(ImageFormat::Tiff)));
    }
    all
}

type Pixels = (usize, usize, PixelFormat, Vec<u8>);

fn pixels(kept: &Keep) -> Pixels {
    let raster = kept.raster().expect("every row was handed over");
    let all = (0..raster.height()).flat_map(|y| raster.row(y).iter().copied()).collect();
    (raster.width(), raster.height(), raster.format(), all)
}

fn decode_with<T>(
    bytes: &[u8],
    limits: &Limits,
    look: impl FnOnce(&Keep, Decoded) -> T,
) -> Result<T, Unscannable> {
    let mut kept = Keep::default();
    let decoded = Decoder::new().decode(&Request::still(bytes, sniff(bytes), limits), &mut kept)?;
    Ok(look(&kept, decoded))
}

/// The default limits, but for the time: machines that run tests are busy.
fn patient() -> Limits {
    Limits { time: std::time::Duration::MAX, ..Limits::default() }
}

/// The pixels as stored, under default limits. The first frame's; all rows of it.
fn stored(bytes: &[u8]) -> Result<Pixels, Unscannable> {
    stored_over(bytes, Page::White).map(|(pixels, _)| pixels)
}

/// The same over another page, and whether that is seen.
fn stored_over(bytes: &[u8], page: Page) -> Result<(Pixels, bool), Unscannable> {
    let (limits, mut kept) = (patient(), Keep::default());
    let request = Request { page, ..Request::still(bytes, sniff(bytes), &limits) };
    let decoded = Decoder::new().decode(&request, &mut kept)?;
    assert_eq!((decoded.frames, decoded.cut_short), (1, None));
    Ok((pixels(&kept), decoded.transparent))
}

const PAGES: [Page; 2] = [Page::White, Page::Black];

/// Every frame that is handed over, and a check that each comes whole, row by row, before the next begins.
#[derive(Default)]
struct Frames(Vec<(Frame, Vec<u8>)>);

impl Frames {
    /// Decodes up to `frames` frames.
    fn of(bytes: &[u8], frames: u32, limits: &Limits) -> Result<(Self, Decoded), Unscannable> {
        Self::over(Page::White, bytes, frames, limits)
    }

    fn over(
        page: Page,
        bytes: &[u8],
        frames: u32,
        limits: &Limits,
    ) -> Result<(Self, Decoded), Unscannable> {
        let mut found = Frames::default();
        let request = Request { frames, page, ..Request::still(bytes, sniff(bytes), limits) };
        let decoded = Decoder::new().decode(&request, &mut found)?;
        found.check_last();
        assert_eq!(decoded.frames as usize, found.0.len());
        Ok((found, decoded))
    }

    fn check_last(&self) {
        if let Some((frame, pixels)) = self.0.last() {
            assert_eq!(pixels.len(), frame.row_bytes() * frame.height, "{frame:?} is not whole");
        }
    }

    fn indexes(&self) -> Vec<u32> {
        self.0.iter().map(|(frame, _)| frame.index).collect()
    }
}

impl Sink for Frames {
    fn begin(&mut self, frame: &Frame) {
        self.check_last();
        self.0.push((*frame, Vec::new()));
    }

    fn rows(&mut self, band: &Raster<'_>) {
        let (frame, pixels) = self.0.last_mut().expect("a frame has begun");
        assert_eq!((band.width(), band.format()), (frame.width, frame.format));
        assert!(band.height() > 0);
        (0..band.height()).for_each(|y| pixels.extend_from_slice(band.row(y)));
    }
}

/// A PNG chunk with its check sum.
fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u32).to_be_bytes().to_vec();
    let mut crc = !0u32;
    for byte in kind.iter().chain(body) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    out.extend(kind);
    out.extend(body);
    out.extend((!crc).to_be_bytes());
    out
}

/// A zlib stream of one stored block.
fn zlib(data: &[u8]) -> Vec<u8> {
    let (mut a, mut b) = (1u32, 0u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let length = u16::try_from(data.len()).expect("one stored block");
    let mut out = vec![0x78, 0x01, 1];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(data);
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// A PNG from its header fields, the chunks between header and pixels, and its filtered rows.
fn raw_png(width: u32, height: u32, bits: u8, color: u8, between: &[u8], rows: &[u8]) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([bits, color, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    out.extend(chunk(b"IHDR", &header));
    out.extend(between);
    out.extend(chunk(b"IDAT", &zlib(rows)));
    out.extend(chunk(b"IEND", &[]));
    out
}

/// A GIF frame of `indices` in codes of 9 bits: a clear code before each pixel keeps the table empty.
fn gif_frame(left: u16, top: u16, width: u16, height: u16, indices: &[u8]) -> Vec<u8> {
    let mut out = vec![0x2c];
    for n in [left, top, width, height] {
        out.extend(n.to_le_bytes());
    }
    out.extend([0, 8]);
    let (mut bits, mut count, mut data) = (0u32, 0, Vec::new());
    let codes = indices.iter().flat_map(|i| [256, u32::from(*i)]).chain([257]);
    for code in codes {
        bits |= code << count;
        count += 9;
        while count >= 8 {
            data.push(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    }
    data.push(bits as u8);
    for block in data.chunks(255) {
        out.push(block.len() as u8);
        out.extend(block);
    }
    out.push(0);
    out
}

/// A GIF of these frames, with a palette of four colours: black, red, green, blue.
fn gif(width: u16, height: u16, before: &[u8], frames: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"GIF89a".to_vec();
    out.extend(width.to_le_bytes());
    out.extend(height.to_le_bytes());
    out.extend([0x81, 0, 0]);
    out.extend([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]);
    out.extend(before);
    frames.iter().for_each(|frame| out.extend(frame));
    out.push(b';');
    out
}

/// The same JPEG, PNG or WebP with an EXIF orientation.
fn with_orientation(picture: &[u8], orientation: u16) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    exif.extend(orientation.to_be_bytes());
    exif.extend([0, 0, 0, 0, 0, 0]);
    match picture {
        [0xff, ..] => {
            let mut out = picture[..2].to_vec();
            out.extend([0xff, 0xe1]);
            out.extend((exif.len() as u16 + 8).to_be_bytes());
            out.extend(b"Exif\0\0");
            out.extend(exif);
            out.extend(&picture[2..]);
            out
        }
        [0x89, ..] => [&picture[..33], &chunk(b"eXIf", &exif), &picture[33..]].concat(),
        _ => {
            let n = u32::from_le_bytes(picture[21..25].try_into().unwrap());
            let mut body = b"WEBPVP8X\x0a\0\0\0".to_vec();
            // There is EXIF; and alpha, if the picture says so.
            body.extend([0x08 | ((n >> 28 & 1) as u8 * 0x10), 0, 0, 0]);
            body.extend(&(n & 0x3fff).to_le_bytes()[..3]);
            body.extend(&(n >> 14 & 0x3fff).to_le_bytes()[..3]);
            body.extend(&picture[12..]);
            body.extend(b"EXIF");
            body.extend((exif.len() as u32).to_le_bytes());
            body.extend(&exif);
            let mut out = b"RIFF".to_vec();
            out.extend((body.len() as u32).to_le_bytes());
            out.extend(body);
            out
        }
    }
}

/// A lossy WebP of 64 x 96 pixels, made with Pillow (quality 20); `image` has no encoder for one.
#[rustfmt::skip]
const LOSSY: &[u8] = &[
    0x52, 0x49, 0x46, 0x46, 0xba, 0x01, 0x00, 0x00, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x20, 0xae, 0x01, 0x00, 0x00,
    0x30, 0x0c, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x00, 0x60, 0x00, 0x3f, 0x29, 0x82, 0xb3, 0x53, 0xb2, 0xb7, 0x24, 0xa2, 0xb5,
    0x57, 0x0c, 0xfa, 0xe0, 0x25, 0x09, 0x6c, 0x6b, 0xf0, 0x9f, 0xb7, 0xfc, 0x78, 0x12, 0xff, 0xfc, 0xbe, 0xe8, 0x82, 0xd3,
    0x8c, 0x82, 0xfd, 0xf2, 0x58, 0xcd, 0xf0, 0xf0, 0xf4, 0xe7, 0xff, 0xdb, 0xa7, 0xfe, 0xd5, 0xd7, 0xee, 0x07, 0x00, 0x07,
    0xf5, 0x5f, 0x69, 0xbf, 0xe0, 0x1e, 0xb0, 0x1e, 0x7f, 0x80, 0x45, 0xf4, 0xa1, 0xe9, 0x52, 0xe1, 0x04, 0xbe, 0x54, 0xd2,
    0x03, 0x28, 0xff, 0x62, 0x14, 0x87, 0x82, 0x8b, 0xe5, 0xe1, 0x57, 0xc0, 0x75, 0xa7, 0xf9, 0x55, 0x29, 0x41, 0x1b, 0xec,
    0x2e, 0xbc, 0x9a, 0xbf, 0x41, 0x40, 0x00, 0xfe, 0xed, 0x59, 0x10, 0x37, 0xa3, 0xfc, 0x8d, 0xc1, 0xa2, 0xf7, 0x1d, 0x1c,
    0x1f, 0x0f, 0x3e, 0xbc, 0xe0, 0x89, 0x99, 0x52, 0x33, 0x3b, 0x2f, 0xd9, 0x4e, 0xfa, 0x44, 0x92, 0x1a, 0x43, 0x4c, 0x90,
    0x96, 0x5e, 0x89, 0x3d, 0xfc, 0x9e, 0x8e, 0x80, 0x6a, 0x59, 0xbd, 0x0b, 0x5c, 0x70, 0x93, 0x71, 0x62, 0x4a, 0xdb, 0x47,
    0xa9, 0xa4, 0xf8, 0x6d, 0x57, 0x34, 0x53, 0x30, 0xdc, 0xc0, 0xec, 0xc1, 0xd2, 0x07, 0x38, 0xba, 0x56, 0xe3, 0x28, 0x42,
    0x7e, 0x59, 0xe6, 0xab, 0x00, 0x3f, 0x22, 0x09, 0x71, 0x39, 0x7c, 0x33, 0xac, 0xee, 0xd7, 0x35, 0xa7, 0xa3, 0x45, 0xa3,
    0x9f, 0x22, 0x98, 0xa3, 0xb2, 0xb7, 0x7c, 0xdc, 0xae, 0x45, 0xbd, 0xf6, 0x4b, 0x39, 0xc8, 0xa7, 0x8b, 0x7d, 0xd2, 0xe1,
    0x67, 0xd5, 0x0e, 0x41, 0x4f, 0x58, 0x58, 0x09, 0x02, 0x34, 0x64, 0x5c, 0x35, 0x67, 0x0a, 0x0a, 0x63, 0xf3, 0xa7, 0xdd,
    0x5a, 0x90, 0x90, 0xb6, 0x4e, 0x34, 0xf9, 0xe4, 0x04, 0xc4, 0x33, 0x22, 0xc1, 0x4d, 0xee, 0x22, 0xae, 0x2f, 0xa9, 0x31,
    0xa0, 0x86, 0x6f, 0x7f, 0xad, 0x82, 0xa7, 0x2b, 0x54, 0x52, 0x7f, 0x84, 0xdc, 0x4e, 0xe2, 0x47, 0x8a, 0x6b, 0xe9, 0xdf,
    0x1f, 0xf3, 0x55, 0x5e, 0x69, 0x59, 0xfe, 0x95, 0x5d, 0xff, 0x39, 0x1a, 0x81, 0x60, 0x2b, 0x7b, 0x85, 0x7e, 0xd1, 0xf6,
    0x06, 0x03, 0x59, 0xc7, 0x39, 0x0a, 0x1d, 0xc0, 0xec, 0x9c, 0x9f, 0x7c, 0xe4, 0xce, 0x88, 0xcd, 0x78, 0x4b, 0x25, 0x3c,
    0x57, 0x1f, 0x8f, 0xbf, 0x08, 0x12, 0xb0, 0xa6, 0xbc, 0x79, 0x7e, 0x87, 0xb1, 0x1e, 0x61, 0x49, 0x30, 0xfd, 0x92, 0x61,
    0x97, 0xe7, 0xd0, 0xf3, 0x5b, 0x03, 0x75, 0x63, 0x78, 0x27, 0x5b, 0x97, 0x99, 0x15, 0x3b, 0xbd, 0x3f, 0x8a, 0x51, 0x4f,
    0x62, 0x05, 0xaf, 0xb2, 0x56, 0x77, 0xeb, 0x77, 0xc7, 0xc4, 0x17, 0x2a, 0x07, 0xd7, 0xcc, 0xa3, 0x07, 0xab, 0xd8, 0x81,
    0xc8, 0x23, 0x29, 0x35, 0x58, 0x4a, 0x6f, 0xfe, 0x8a, 0xe2, 0x46, 0x7d, 0x61, 0x62, 0xb0, 0x73, 0x5d, 0xe1, 0x09, 0x90,
    0xb4, 0xab, 0xc1, 0xd7, 0xc5, 0xb0, 0xfa, 0x83, 0xa5, 0x01, 0xcb, 0xd5, 0x48, 0x8c, 0xfc, 0xec, 0x7b, 0xd2, 0x2c, 0x42,
    0x0d, 0x31, 0x7a, 0x1d, 0x06, 0xae, 0xfb, 0x51, 0x10, 0x00,
];

/// A lossy WebP of 24 x 17 pixels with alpha, made likewise.
#[rustfmt::skip]
const LOSSY_ALPHA: &[u8] = &[
    0x52, 0x49, 0x46, 0x46, 0xaa, 0x00, 0x00, 0x00, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x58, 0x0a, 0x00, 0x00, 0x00,
    0x10, 0x00, 0x00, 0x00, 0x17, 0x00, 0x00, 0x10, 0x00, 0x00, 0x41, 0x4c, 0x50, 0x48, 0x1a, 0x00, 0x00, 0x00, 0x01, 0xb9,
    0x8c, 0xe8, 0x7f, 0x80, 0x48, 0x80, 0xc4, 0x66, 0xc4, 0xff, 0x8b, 0x49, 0xe6, 0x88, 0x09, 0x98, 0x80, 0x0e, 0x1b, 0x37,
    0x8d, 0x86, 0xfb, 0x00, 0x56, 0x50, 0x38, 0x20, 0x6a, 0x00, 0x00, 0x00, 0x30, 0x04, 0x00, 0x9d, 0x01, 0x2a, 0x18, 0x00,
    0x11, 0x00, 0x3f, 0x39, 0x86, 0xb7, 0x54, 0x2f, 0x29, 0x25, 0x23, 0x30, 0x18, 0x0c, 0x01, 0xe0, 0x27, 0x09, 0x6a, 0x69,
    0xce, 0x53, 0x56, 0x46, 0x1f, 0x00, 0x0d, 0x86, 0x92, 0xfa, 0x0e, 0x09, 0xf4, 0x00, 0x00, 0xfe, 0xdd, 0x0e, 0x3f, 0xaf,
    0x7e, 0x17, 0xfc, 0x4b, 0x78, 0xc3, 0x8a, 0xdc, 0x02, 0x4a, 0x6a, 0x2f, 0x12, 0x3e, 0x10, 0xd2, 0x82, 0x4f, 0xbd, 0x4f,
    0x9d, 0x09, 0x59, 0x65, 0x37, 0x48, 0xd2, 0x86, 0x7d, 0xca, 0x1a, 0x23, 0x90, 0x5d, 0x64, 0x19, 0xdf, 0x41, 0xf9, 0x9f,
    0xb0, 0xfc, 0xfe, 0xd1, 0x5c, 0xd0, 0x87, 0x49, 0x45, 0x17, 0xff, 0x80, 0xc7, 0x03, 0x1c, 0x00, 0x00, 0x00,
];
