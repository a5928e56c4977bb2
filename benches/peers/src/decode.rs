//! JPEG decoders that a Rust library could stand on.

use std::io::Cursor;

use image::ImageDecoder;
use tamis::fingerprint::pdq;
use tamis::media::{PixelFormat, Raster};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use crate::protocol::{Reply, Result, measure};

/// Decoded pixels: one byte each or three.
struct Pixels {
    data: Vec<u8>,
    width: usize,
    height: usize,
}

/// Decodes so many times, into a new buffer each time as they all do by themselves. Answers the PDQ of the pixels.
pub fn decode(decoder: &str, jpeg: &[u8], times: usize) -> Result<Reply> {
    let (pixels, reply) = match decoder {
        "image" => measure(times, || image(jpeg)),
        "zune-luma" => measure(times, || zune(jpeg, ColorSpace::Luma)),
        "zune-rgb" => measure(times, || zune(jpeg, ColorSpace::RGB)),
        "jpeg-decoder" => measure(times, || jpeg_decoder(jpeg)),
        #[cfg(feature = "turbojpeg")]
        "turbojpeg-grey" => measure(times, || turbo(jpeg, turbojpeg::PixelFormat::GRAY)),
        #[cfg(feature = "turbojpeg")]
        "turbojpeg-rgb" => measure(times, || turbo(jpeg, turbojpeg::PixelFormat::RGB)),
        _ => Err("no such decoder".into()),
    }?;
    let Pixels { data, width, height } = pixels;
    let format = if data.len() == width * height { PixelFormat::Grey8 } else { PixelFormat::Rgb8 };
    Ok(reply.with_answer(pdq(&Raster::new(&data, width, height, format)?).hash))
}

fn image(jpeg: &[u8]) -> Result<Pixels> {
    let decoder = image::codecs::jpeg::JpegDecoder::new(Cursor::new(jpeg))?;
    let (width, height) = decoder.dimensions();
    let mut data = vec![0; usize::try_from(decoder.total_bytes())?];
    decoder.read_image(&mut data)?;
    Ok(Pixels { data, width: width as usize, height: height as usize })
}

fn zune(jpeg: &[u8], colors: ColorSpace) -> Result<Pixels> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(colors);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    let data = decoder.decode()?;
    let (width, height) = decoder.dimensions().ok_or("no size")?;
    Ok(Pixels { data, width, height })
}

fn jpeg_decoder(jpeg: &[u8]) -> Result<Pixels> {
    let mut decoder = jpeg_decoder::Decoder::new(jpeg);
    let data = decoder.decode()?;
    let info = decoder.info().ok_or("no size")?;
    Ok(Pixels { data, width: info.width.into(), height: info.height.into() })
}

#[cfg(feature = "turbojpeg")]
fn turbo(jpeg: &[u8], format: turbojpeg::PixelFormat) -> Result<Pixels> {
    let turbojpeg::Image { pixels, width, height, .. } = turbojpeg::decompress(jpeg, format)?;
    Ok(Pixels { data: pixels, width, height })
}
