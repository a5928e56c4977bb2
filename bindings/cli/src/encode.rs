//! Pictures as files, and copies altered the way re-uploaders alter them: thin wrappers over the
//! `image` crate, for the demo and the tests.
//!
//! Pixels are RGB, three bytes each, row by row; a buffer that does not fit its width and height
//! is an error.

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::error::{ParameterError, ParameterErrorKind};
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageEncoder, ImageError, ImageResult, RgbImage};

/// A JPEG of a quality of 1..=100.
pub(crate) fn jpeg(rgb: &[u8], width: u32, height: u32, quality: u8) -> ImageResult<Vec<u8>> {
    check(rgb, width, height)?;
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, quality);
    encoder.write_image(rgb, width, height, ExtendedColorType::Rgb8)?;
    Ok(file)
}

/// A PNG of 24 bits a pixel, without row filters: half the size for the flat tones of the test list.
pub(crate) fn png(rgb: &[u8], width: u32, height: u32) -> ImageResult<Vec<u8>> {
    check(rgb, width, height)?;
    let mut file = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut file, CompressionType::Default, PngFilter::NoFilter);
    encoder.write_image(rgb, width, height, ExtendedColorType::Rgb8)?;
    Ok(file)
}

/// A GIF of one frame, with a palette of at most 256 colours made for it.
pub(crate) fn gif(rgb: &[u8], width: u32, height: u32) -> ImageResult<Vec<u8>> {
    check(rgb, width, height)?;
    let mut file = Vec::new();
    // The encoder writes the end of the file when it is dropped.
    GifEncoder::new(&mut file).encode(rgb, width, height, ExtendedColorType::Rgb8)?;
    Ok(file)
}

/// The pixels at another size, by a Lanczos filter.
pub(crate) fn resize(
    rgb: &[u8],
    width: u32,
    height: u32,
    new_width: u32,
    new_height: u32,
) -> ImageResult<Vec<u8>> {
    let picture = picture(rgb, width, height)?;
    Ok(imageops::resize(&picture, new_width, new_height, FilterType::Lanczos3).into_raw())
}

/// The pixels with left and right exchanged.
pub(crate) fn mirror(rgb: &[u8], width: u32, height: u32) -> ImageResult<Vec<u8>> {
    Ok(imageops::flip_horizontal(&picture(rgb, width, height)?).into_raw())
}

fn picture(rgb: &[u8], width: u32, height: u32) -> ImageResult<RgbImage> {
    check(rgb, width, height)?;
    RgbImage::from_raw(width, height, rgb.to_vec()).ok_or_else(mismatch)
}

/// The encoders panic where the length does not fit; here it is an error.
fn check(rgb: &[u8], width: u32, height: u32) -> ImageResult<()> {
    let needed = u64::from(width) * u64::from(height);
    if needed.checked_mul(3) == Some(rgb.len() as u64) { Ok(()) } else { Err(mismatch()) }
}

fn mismatch() -> ImageError {
    ImageError::Parameter(ParameterError::from_kind(ParameterErrorKind::DimensionMismatch))
}

#[cfg(test)]
mod tests {
    use super::{gif, jpeg, mirror, png, resize};
    use image::ImageFormat;

    const SIZE: (u32, u32) = (40, 30);

    /// Red grows to the right, green downwards.
    fn ramp() -> Vec<u8> {
        (0..SIZE.1)
            .flat_map(|y| (0..SIZE.0).flat_map(move |x| [(x * 6) as u8, (y * 8) as u8, 90]))
            .collect()
    }

    fn decode(file: &[u8], format: ImageFormat) -> Vec<u8> {
        assert_eq!(image::guess_format(file).unwrap(), format);
        image::load_from_memory(file).unwrap().into_rgb8().into_raw()
    }

    fn worst(a: &[u8], b: &[u8]) -> u8 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(&a, &b)| a.abs_diff(b)).max().unwrap()
    }

    #[test]
    fn files_hold_the_picture() {
        let (rgb, (w, h)) = (ramp(), SIZE);
        assert_eq!(decode(&png(&rgb, w, h).unwrap(), ImageFormat::Png), rgb);
        assert!(worst(&decode(&jpeg(&rgb, w, h, 95).unwrap(), ImageFormat::Jpeg), &rgb) < 24);
        assert!(worst(&decode(&gif(&rgb, w, h).unwrap(), ImageFormat::Gif), &rgb) < 48);
    }

    #[test]
    fn a_lower_quality_is_a_smaller_file() {
        let (rgb, (w, h)) = (ramp(), SIZE);
        assert!(jpeg(&rgb, w, h, 30).unwrap().len() < jpeg(&rgb, w, h, 95).unwrap().len());
    }

    #[test]
    fn mirror_exchanges_left_and_right() {
        let (rgb, (w, h)) = (ramp(), SIZE);
        let mirrored = mirror(&rgb, w, h).unwrap();
        assert_eq!(mirrored[..3], rgb[(w as usize - 1) * 3..w as usize * 3]);
        assert_eq!(mirror(&mirrored, w, h).unwrap(), rgb);
    }

    #[test]
    fn resize_keeps_the_picture() {
        let (rgb, (w, h)) = (ramp(), SIZE);
        let twice = resize(&rgb, w, h, w * 2, h * 2).unwrap();
        assert_eq!(twice.len(), rgb.len() * 4);
        assert!(worst(&resize(&twice, w * 2, h * 2, w, h).unwrap(), &rgb) < 8);
    }

    #[test]
    fn a_wrong_length_is_an_error() {
        let rgb = [0; 11];
        assert!(png(&rgb, 2, 2).is_err() && jpeg(&rgb, 2, 2, 90).is_err());
        assert!(gif(&rgb, 2, 2).is_err() && mirror(&rgb, 2, 2).is_err());
        assert!(resize(&rgb, 2, 2, 1, 1).is_err());
        assert!(png(&[], 0, 7).is_err() || png(&[], 0, 7).is_ok_and(|file| !file.is_empty()));
    }
}
