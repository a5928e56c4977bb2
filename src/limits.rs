//! What one upload may cost. One object, passed down the pipeline; there is no hidden constant.

use std::time::Duration;

/// Upper bounds on the work and memory that one upload may cause.
///
/// A bound that is exceeded is never an error of the host: the upload becomes
/// `unscannable(limit)`, its exact digests are still looked up, and the policy decides.
///
/// ```
/// let limits = tamis::Limits { width: 4096, ..tamis::Limits::default() };
/// assert_eq!(limits.height, 16_384);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an upload that are decoded. A longer one is only compared by its digests. Default 64 MiB.
    pub upload_bytes: u64,
    /// Pixels per row. Default 16,384.
    pub width: u32,
    /// Rows. Default 16,384.
    pub height: u32,
    /// Pixels in all. Default 100 million.
    pub pixels: u64,
    /// Bytes of decoded pixels and of the decoder's own buffers. Default 256 MiB.
    pub decoded_bytes: u64,
    /// Frames of an animation that are decoded. Default 1, the first; more are not looked at yet, and 0 refuses animations.
    pub frames: u32,
    /// Wall time for decoding one upload. Default 2 seconds.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            upload_bytes: 64 << 20,
            width: 16_384,
            height: 16_384,
            pixels: 100_000_000,
            decoded_bytes: 256 << 20,
            frames: 1,
            time: Duration::from_secs(2),
        }
    }
}
