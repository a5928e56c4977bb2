//! Pixels as a viewer sees them: 8 bits, no transparency.
//!
//! All of it is integer arithmetic with one rounding, so that a picture has the same pixels everywhere.

pub(super) use super::raster::narrow;

/// Rounds `n / 255` to the nearest integer for `n <= 255 * 255`. There are no ties: 255 is odd.
fn by_255(n: u32) -> u32 {
    let n = n + 128;
    (n + (n >> 8)) >> 8
}

/// A channel over white: `(c * a + 255 * (255 - a)) / 255`, rounded.
pub(super) fn over_white(c: u8, a: u8) -> u8 {
    (255 - by_255(u32::from(255 - c) * u32::from(a))) as u8
}

/// A 16-bit channel over white, in 8 bits, rounded once.
pub(super) fn narrow_over_white(c: u16, a: u16) -> u8 {
    const FULL: u64 = 65_535 * 65_535;
    let n = FULL - u64::from(65_535 - c) * u64::from(a);
    ((n * 255 + FULL / 2) / FULL) as u8
}

/// A float channel, 0 to 1, in 8 bits. What is no number is black.
pub(super) fn from_float(c: f32) -> u8 {
    // `as` saturates and turns NaN into 0.
    (c * 255.0 + 0.5) as u8
}

/// A float channel over white, in 8 bits.
pub(super) fn float_over_white(c: f32, a: f32) -> u8 {
    let a = a.clamp(0.0, 1.0);
    from_float(c.clamp(0.0, 1.0) * a + (1.0 - a))
}

/// Replaces every `IN` bytes by `OUT <= IN` bytes, in place.
pub(super) fn compact<const IN: usize, const OUT: usize>(
    pixels: &mut Vec<u8>,
    convert: impl Fn([u8; IN]) -> [u8; OUT],
) {
    const { assert!(OUT <= IN) };
    let count = pixels.len() / IN;
    for i in 0..count {
        let mut from = [0; IN];
        from.copy_from_slice(&pixels[i * IN..][..IN]);
        pixels[i * OUT..][..OUT].copy_from_slice(&convert(from));
    }
    pixels.truncate(count * OUT);
}
