//! PDQ of raw pixels, by Tamis and by the crates that hash too.

use std::fmt::Write;

use pdqhash::image::{DynamicImage, RgbImage};
use tamis::fingerprint::Hasher;
use tamis::media::{PixelFormat, Raster};

use crate::protocol::{Reply, Result, measure};

/// Hashes so many times. Answers the hash; for `tamis-dihedral` all eight, with commas.
///
/// `tamis-luma` and `tamis-rectangle` want one byte a pixel, all others three. The rectangle is the one in the middle with
/// five eighths of each side, two fifths of the area.
pub fn hash(
    hasher: &str,
    pixels: &[u8],
    width: usize,
    height: usize,
    times: usize,
) -> Result<Reply> {
    match hasher {
        "tamis" => tamis(&Raster::new(pixels, width, height, PixelFormat::Rgb8)?, times),
        "tamis-luma" => tamis(&Raster::new(pixels, width, height, PixelFormat::Grey8)?, times),
        "tamis-rectangle" => {
            let plane = Raster::new(pixels, width, height, PixelFormat::Grey8)?;
            let part = |side: usize| side * 5 / 8;
            let (x, y) = ((width - part(width)) / 2, (height - part(height)) / 2);
            tamis(&plane.crop(x, y, part(width), part(height))?, times)
        }
        "tamis-dihedral" => {
            let raster = Raster::new(pixels, width, height, PixelFormat::Rgb8)?;
            let mut hasher = Hasher::new();
            let (forms, reply) = measure(times, || Ok(hasher.hash_dihedral(&raster)))?;
            Ok(reply.with_answer(forms.hashes.map(|h| h.to_string()).join(",")))
        }
        "pdqhash-crate" => {
            let image = dynamic(pixels, width, height)?;
            let (found, reply) = measure(times, || Ok(pdqhash::generate_pdq_full_size(&image)))?;
            Ok(reply.with_answer(hexadecimal(&found.0)))
        }
        "pdqhash-crate-thumbnail" => {
            let image = dynamic(pixels, width, height)?;
            let (found, reply) = measure(times, || Ok(pdqhash::generate_pdq(&image)))?;
            Ok(reply.with_answer(hexadecimal(&found.ok_or("too small")?.0)))
        }
        #[cfg(feature = "yume")]
        "yume" if (width, height) == (512, 512) => yume(pixels, times),
        _ => Err("no such hasher for this size".into()),
    }
}

fn tamis(raster: &Raster<'_>, times: usize) -> Result<Reply> {
    let mut hasher = Hasher::new();
    let (found, reply) = measure(times, || Ok(hasher.hash(raster)))?;
    Ok(reply.with_answer(found.hash))
}

fn dynamic(rgb: &[u8], width: usize, height: usize) -> Result<DynamicImage> {
    let image = RgbImage::from_raw(width as u32, height as u32, rgb.to_vec());
    Ok(DynamicImage::ImageRgb8(image.ok_or("too few pixels")?))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// It hashes 512x512 luma values in `f32` and nothing else. Making them is not timed, in its favour.
#[cfg(feature = "yume")]
fn yume(rgb: &[u8], times: usize) -> Result<Reply> {
    use generic_array::GenericArray;
    use generic_array::sequence::Flatten;
    use yume_pdq::alignment::{Align64, calloc_generic_array_2d};

    let mut kernel = yume_pdq::kernel::smart_kernel();
    let mut luma = calloc_generic_array_2d::<f32, Align64<_>, _, _>();
    for (value, pixel) in luma.iter_mut().flatten().zip(rgb.as_chunks::<3>().0) {
        let [red, green, blue] = pixel.map(f32::from);
        *value = 0.299 * red + 0.587 * green + 0.114 * blue;
    }
    let (mut hash, mut compressed) = (GenericArray::default(), Box::default());
    let (mut row, mut floats) = (GenericArray::default(), GenericArray::default());
    let ((), reply) = measure(times, || {
        yume_pdq::hash(&mut kernel, &luma, &mut hash, &mut compressed, &mut row, &mut floats);
        Ok(())
    })?;
    Ok(reply.with_answer(hexadecimal(&hash.flatten())))
}
