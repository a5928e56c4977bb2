//! Pixels as a viewer sees them: 8 bits, no transparency.
//!
//! All of it is integer arithmetic with one rounding, so that a picture has the same pixels everywhere.

use super::raster::PixelFormat;
pub(super) use super::raster::narrow;

/// How a decoder leaves the pixels of a row: channels, alpha last, of 8 bits or of 16 in big-endian order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    L8,
    La8,
    Rgb8,
    Rgba8,
    /// Four bytes, the last of which says nothing.
    Rgbx8,
    L16,
    La16,
    Rgb16,
    Rgba16,
}

impl Layout {
    /// The same picture without alpha, in 8 bits.
    pub(super) fn format(self) -> PixelFormat {
        match self {
            Layout::L8 | Layout::La8 | Layout::L16 | Layout::La16 => PixelFormat::Grey8,
            _ => PixelFormat::Rgb8,
        }
    }

    /// Bytes of a pixel.
    pub(super) fn bytes(self) -> usize {
        match self {
            Layout::L8 => 1,
            Layout::La8 | Layout::L16 => 2,
            Layout::Rgb8 => 3,
            Layout::Rgba8 | Layout::Rgbx8 | Layout::La16 => 4,
            Layout::Rgb16 => 6,
            Layout::Rgba16 => 8,
        }
    }

    /// Whether nothing is seen through the pixels of `row`.
    pub(super) fn is_opaque(self, row: &[u8]) -> bool {
        // All of them are looked at, and none by itself: that is as fast as reading them.
        fn full<const N: usize, const A: usize>(row: &[u8]) -> bool {
            let alphas = row.as_chunks::<N>().0.iter().flat_map(|pixel| &pixel[N - A..]);
            alphas.fold(255, |all, byte| all & byte) == 255
        }
        match self {
            Layout::L8 | Layout::Rgb8 | Layout::Rgbx8 | Layout::L16 | Layout::Rgb16 => true,
            Layout::La8 => full::<2, 1>(row),
            Layout::Rgba8 => full::<4, 1>(row),
            Layout::La16 => full::<4, 2>(row),
            Layout::Rgba16 => full::<8, 2>(row),
        }
    }

    /// The pixels of `row` over a page of this level, into `out` of this layout's [`format`](Self::format).
    pub(super) fn over_page(self, row: &[u8], out: &mut [u8], page: u8) {
        self.lay(row, out, |_| page);
    }

    /// The pixels of `row` over those of `out`.
    pub(super) fn over(self, row: &[u8], out: &mut [u8]) {
        self.lay(row, out, |c| c);
    }

    #[inline(always)]
    fn lay(self, row: &[u8], out: &mut [u8], under: impl Fn(u8) -> u8 + Copy) {
        match self {
            Layout::L8 | Layout::Rgb8 => {
                let n = row.len().min(out.len());
                out[..n].copy_from_slice(&row[..n]);
            }
            Layout::La8 => each(row, out, |[l, a]: &[u8; 2], [d]| *d = mixed(*l, *a, under(*d))),
            Layout::Rgba8 => each(row, out, |[r, g, b, a]: &[u8; 4], d: &mut [u8; 3]| {
                *d = match *a {
                    // Most pictures with alpha are opaque all over.
                    255 => [*r, *g, *b],
                    0 => d.map(under),
                    a => [
                        mixed(*r, a, under(d[0])),
                        mixed(*g, a, under(d[1])),
                        mixed(*b, a, under(d[2])),
                    ],
                }
            }),
            Layout::Rgbx8 => each(row, out, |[r, g, b, _]: &[u8; 4], d| *d = [*r, *g, *b]),
            Layout::L16 => each(row, out, |l: &[u8; 2], [d]| *d = narrow(u16::from_be_bytes(*l))),
            Layout::La16 => each(row, out, |p: &[u8; 4], [d]| {
                *d = narrow_mixed(word(p, 0), word(p, 1), under(*d));
            }),
            Layout::Rgb16 => each(row, out, |p: &[u8; 6], d: &mut [u8; 3]| {
                *d = [narrow(word(p, 0)), narrow(word(p, 1)), narrow(word(p, 2))];
            }),
            Layout::Rgba16 => each(row, out, |p: &[u8; 8], d: &mut [u8; 3]| {
                let a = word(p, 3);
                for (i, d) in d.iter_mut().enumerate() {
                    *d = narrow_mixed(word(p, i), a, under(*d));
                }
            }),
        }
    }
}

#[inline(always)]
fn each<const IN: usize, const OUT: usize>(
    row: &[u8],
    out: &mut [u8],
    convert: impl Fn(&[u8; IN], &mut [u8; OUT]),
) {
    for (from, to) in row.as_chunks::<IN>().0.iter().zip(out.as_chunks_mut::<OUT>().0) {
        convert(from, to);
    }
}

/// Channel `i` of 16 bits.
fn word<const N: usize>(pixel: &[u8; N], i: usize) -> u16 {
    u16::from_be_bytes([pixel[2 * i], pixel[2 * i + 1]])
}

/// A channel over what is under it: `(c * a + under * (255 - a)) / 255`, rounded.
pub(super) fn mixed(c: u8, a: u8, under: u8) -> u8 {
    by_255(u32::from(c) * u32::from(a) + u32::from(under) * u32::from(255 - a)) as u8
}

/// A 16-bit channel over what is under it, in 8 bits, rounded once.
pub(super) fn narrow_mixed(c: u16, a: u16, under: u8) -> u8 {
    const FULL: u64 = 65_535 * 65_535;
    let n = u64::from(c) * u64::from(a) * 255 + u64::from(under) * 65_535 * u64::from(65_535 - a);
    ((n + FULL / 2) / FULL) as u8
}

/// Rounds `n / 255` to the nearest integer for `n <= 255 * 255`. There are no ties: 255 is odd.
fn by_255(n: u32) -> u32 {
    let n = n + 128;
    (n + (n >> 8)) >> 8
}

/// A float channel, 0 to 1, in 8 bits. What is no number is black.
pub(super) fn from_float(c: f32) -> u8 {
    // `as` saturates and turns NaN into 0.
    (c * 255.0 + 0.5) as u8
}

/// A float channel over a page of this level, in 8 bits.
pub(super) fn float_mixed(c: f32, a: f32, page: u8) -> u8 {
    let a = a.clamp(0.0, 1.0);
    from_float(c.clamp(0.0, 1.0) * a + f32::from(page) / 255.0 * (1.0 - a))
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
