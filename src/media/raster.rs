//! A borrowed rectangle of pixels: what the decoders hand over and what the perceptual hash reads.

use crate::error::{Error, ErrorCode, Result};

/// How the bytes of a [`Raster`] are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// One byte a pixel: luma.
    Grey8,
    /// Three bytes a pixel: red, green, blue.
    Rgb8,
    /// Four bytes a pixel: red, green, blue, and an alpha that nobody looks at.
    Rgba8,
    /// Two bytes a pixel: luma of 16 bits in the byte order of this machine.
    Grey16,
    /// Six bytes a pixel: red, green, blue of 16 bits each in the byte order of this machine.
    Rgb16,
}

impl PixelFormat {
    /// Bytes of one pixel.
    pub fn bytes_per_pixel(self) -> usize {
        match self {
            PixelFormat::Grey8 => 1,
            PixelFormat::Grey16 => 2,
            PixelFormat::Rgb8 => 3,
            PixelFormat::Rgba8 => 4,
            PixelFormat::Rgb16 => 6,
        }
    }
}

/// 16 bits to 8: `c * 255 / 65535`, rounded. (Dropping the low byte would darken by up to one level.)
pub(crate) fn narrow(c: u16) -> u8 {
    ((u32::from(c) * 255 + 32_895) >> 16) as u8
}

/// A rectangle of pixels that somebody else owns.
///
/// ```
/// use tamis::media::{PixelFormat, Raster};
/// let pixels = [0u8; 4 * 2 * 3];
/// let raster = Raster::new(&pixels, 4, 2, PixelFormat::Rgb8)?;
/// assert_eq!(raster.row(1).len(), 12);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Raster<'a> {
    data: &'a [u8],
    width: usize,
    height: usize,
    stride: usize,
    format: PixelFormat,
}

impl<'a> Raster<'a> {
    /// Rows that follow each other without gaps.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if `data` is shorter than the rows need.
    pub fn new(data: &'a [u8], width: usize, height: usize, format: PixelFormat) -> Result<Self> {
        let stride = width.saturating_mul(format.bytes_per_pixel());
        Self::with_stride(data, width, height, stride, format)
    }

    /// Rows that start `stride` bytes apart.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if a row is longer than `stride` or `data` is shorter than the rows need.
    pub fn with_stride(
        data: &'a [u8],
        width: usize,
        height: usize,
        stride: usize,
        format: PixelFormat,
    ) -> Result<Self> {
        let row = width.checked_mul(format.bytes_per_pixel());
        let need = match (row, height) {
            (Some(_), 0) => Some(0),
            (Some(row), _) if row <= stride => {
                stride.checked_mul(height - 1).and_then(|n| n.checked_add(row))
            }
            _ => None,
        };
        match need {
            Some(need) if need <= data.len() => Ok(Raster { data, width, height, stride, format }),
            _ => Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "{width} x {height} pixels of {format:?} with a stride of {stride} bytes do not fit in {} bytes",
                    data.len()
                ),
            )),
        }
    }

    /// Pixels per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Layout of a pixel.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Bytes from the start of a row to the start of the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The bytes from the first pixel on, at least to the last one.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.data
    }

    /// The rectangle of `width` by `height` pixels whose first one is at column `x` of row `y`. Nothing is copied.
    ///
    /// ```
    /// use tamis::media::{PixelFormat, Raster};
    /// let pixels: Vec<u8> = (0..20).collect();
    /// let raster = Raster::new(&pixels, 5, 4, PixelFormat::Grey8)?;
    /// let inner = raster.crop(1, 2, 3, 2)?;
    /// assert_eq!((inner.row(0), inner.row(1)), (&[11, 12, 13][..], &[16, 17, 18][..]));
    /// # Ok::<(), tamis::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if the rectangle leaves the picture.
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Result<Raster<'a>> {
        let inside = |start: usize, length: usize, side: usize| {
            start.checked_add(length).is_some_and(|end| end <= side)
        };
        if !inside(x, width, self.width) || !inside(y, height, self.height) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "{width} x {height} pixels from column {x} of row {y} leave a picture of {} x {}",
                    self.width, self.height
                ),
            ));
        }
        // Without pixels there may be no data at that place.
        let start = if width == 0 || height == 0 {
            0
        } else {
            y * self.stride + x * self.format.bytes_per_pixel()
        };
        Ok(Raster { data: &self.data[start..], width, height, ..*self })
    }

    /// Row `y`, without padding. Empty when there is no such row.
    pub fn row(&self, y: usize) -> &'a [u8] {
        if y >= self.height {
            return &[];
        }
        let start = y * self.stride;
        &self.data[start..start + self.width * self.format.bytes_per_pixel()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_stays_inside() {
        let pixels: Vec<u8> = (0..60).collect();
        let raster = Raster::with_stride(&pixels, 4, 5, 13, PixelFormat::Rgb8);
        assert!(raster.is_err());
        let raster = Raster::with_stride(&pixels[..60], 4, 4, 13, PixelFormat::Rgb8).unwrap();
        let inner = raster.crop(1, 1, 3, 3).unwrap();
        assert_eq!((inner.row(0), inner.row(2)), (&pixels[16..25], &pixels[42..51]));
        assert!(inner.row(3).is_empty());
        let corner = inner.crop(2, 2, 1, 1).unwrap();
        assert_eq!(corner.row(0), &pixels[48..51]);
        for (x, y, width, height) in [
            (0, 0, 5, 1),
            (4, 0, 1, 1),
            (0, 4, 1, 1),
            (0, 0, 1, 5),
            (1, usize::MAX, 1, 2),
            (usize::MAX, 0, 2, 1),
        ] {
            let error = raster.crop(x, y, width, height).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
        }
        for (x, y, width, height) in [(4, 4, 0, 0), (4, 0, 0, 4), (0, 4, 4, 0)] {
            let empty = raster.crop(x, y, width, height).unwrap();
            assert_eq!((empty.width(), empty.height()), (width, height));
            assert!(empty.row(0).is_empty());
        }
        let none = Raster::new(&[], 9, 0, PixelFormat::Grey16).unwrap();
        assert_eq!(none.crop(5, 0, 4, 0).unwrap().width(), 4);
    }

    #[test]
    fn sixteen_bits_are_rounded_to_eight() {
        for c in 0..=u16::MAX {
            assert_eq!(narrow(c), (f64::from(c) * 255.0 / 65535.0).round() as u8, "{c}");
        }
    }
}
