//! Pictures are made here, by `image`'s encoders or byte by byte; nothing is read from the repository.

mod hostile;
mod pictures;
mod shared;
mod sniffing;

use image::{DynamicImage, ExtendedColorType, ImageFormat, RgbImage};

use super::{Decoder, MediaClass, PixelFormat, Unscannable, sniff};
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

fn pixels(raster: &super::Raster<'_>) -> Pixels {
    let all = (0..raster.height()).flat_map(|y| raster.row(y).iter().copied()).collect();
    (raster.width(), raster.height(), raster.format(), all)
}

fn decode_with<T>(
    bytes: &[u8],
    limits: &Limits,
    look: impl FnOnce(Picture<'_>) -> T,
) -> Result<T, Unscannable> {
    Decoder::new().decode(bytes, &sniff(bytes), limits, None).map(look)
}

/// The pixels as stored, under default limits.
fn stored(bytes: &[u8]) -> Result<Pixels, Unscannable> {
    decode_with(bytes, &Limits::default(), |picture| pixels(&picture.as_stored()))
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

/// The same JPEG with an EXIF orientation.
fn with_orientation(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    exif.extend(orientation.to_be_bytes());
    exif.extend([0, 0, 0, 0, 0, 0]);
    let mut out = jpeg[..2].to_vec();
    out.extend([0xff, 0xe1]);
    out.extend((exif.len() as u16 + 2).to_be_bytes());
    out.extend(exif);
    out.extend(&jpeg[2..]);
    out
}
