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
}

impl PixelFormat {
    /// Bytes of one pixel.
    pub fn bytes_per_pixel(self) -> usize {
        match self {
            PixelFormat::Grey8 => 1,
            PixelFormat::Rgb8 => 3,
        }
    }
}

/// A rectangle of 8-bit pixels that somebody else owns.
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

    /// Row `y`, without padding. Empty when there is no such row.
    pub fn row(&self, y: usize) -> &'a [u8] {
        if y >= self.height {
            return &[];
        }
        let start = y * self.stride;
        &self.data[start..start + self.width * self.format.bytes_per_pixel()]
    }
}
