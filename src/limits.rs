//! What one upload may cost. One object, passed down the pipeline. What is bounded besides is a constant in its room, with its reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::setters::setters;

/// Upper bounds on the work and memory that one upload may cause.
///
/// A bound that is exceeded is never an error of the host: the upload becomes
/// `unscannable(limit)`, its exact digests are still looked up, and the policy decides.
///
/// ```
/// let limits = tamis::Limits::default().width(4096);
/// assert_eq!(limits.height, 16_384);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of an upload that are decoded. A longer one is only compared by its digests. Default 64 MiB.
    pub upload_bytes: u64,
    /// Pixels per row. Default 16,384.
    pub width: u32,
    /// Rows. Default 16,384.
    pub height: u32,
    /// Pixels in all, those of all frames that are decoded together. Default 100 million.
    pub pixels: u64,
    /// Bytes that examining may hold besides the upload itself: pixels, the decoder's own buffers, rows on their way to
    /// the hash. Default 64 MiB.
    pub memory: u64,
    /// The same for a progressive JPEG, whose coefficients must be held for the whole picture: 3 to 6 bytes a pixel.
    /// Default 128 MiB, enough for 12 megapixels of any subsampling and for 20 of the usual one.
    pub progressive_memory: u64,
    /// Frames of an animation that are hashed: the first, the last, of the others half those shown longest and half those at even instants. Default 8; 0 refuses
    /// animations.
    pub frames: u32,
    /// Pictures inside a document or archive that are examined, and thumbnails. Default 16.
    pub embedded: u32,
    /// Bytes that documents and archives may be inflated to, in all. Default 32 MiB.
    pub embedded_bytes: u64,
    /// Wall time for examining one upload, besides [`Limits::time_per_megapixel`]. Default 250 milliseconds. Looking into a document or
    /// archive may take as long as a picture of [`Limits::pixels`], whose megapixels nobody can know beforehand.
    pub time: Duration,
    /// Wall time that each megapixel of the picture adds, as its header states them. Default 50 milliseconds:
    /// progressive JPEGs, the slowest, take a third of it on an idle machine.
    pub time_per_megapixel: Duration,
}

impl Limits {
    /// The time that a picture of so many pixels may take. No sum overflows: a limit of centuries means none.
    ///
    /// ```
    /// let limits = tamis::Limits::default();
    /// assert_eq!(limits.time_for(12_000_000).as_millis(), 250 + 12 * 50);
    /// ```
    pub fn time_for(&self, pixels: u64) -> Duration {
        let nanoseconds =
            self.time_per_megapixel.as_nanos().saturating_mul(u128::from(pixels)) / 1_000_000;
        let allowance = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.time.saturating_add(allowance)
    }
}

setters! { Limits {
    upload_bytes: u64;
    width: u32;
    height: u32;
    pixels: u64;
    memory: u64;
    progressive_memory: u64;
    frames: u32;
    embedded: u32;
    embedded_bytes: u64;
    time: Duration;
    time_per_megapixel: Duration;
} }

impl Default for Limits {
    fn default() -> Self {
        Limits {
            upload_bytes: 64 << 20,
            width: 16_384,
            height: 16_384,
            pixels: 100_000_000,
            memory: 64 << 20,
            progressive_memory: 128 << 20,
            frames: 8,
            embedded: 16,
            embedded_bytes: 32 << 20,
            time: Duration::from_millis(250),
            time_per_megapixel: Duration::from_millis(50),
        }
    }
}
