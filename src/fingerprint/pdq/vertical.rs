//! Weighted sums of rows: the only loop that reads the pixels, and nine tenths of the time.

use crate::media::Raster;

/// Largest sum of weights for which the products of a group of rows fit in 16 bits.
const GROUP: u32 = u16::MAX as u32 / u8::MAX as u32;

/// `out[c] = sum of weights[i] * row(first + i)[c]`, on the raw interleaved bytes.
///
/// Rows are taken in groups, whose sums are made in 16 bits: eight lanes to a vector on the narrowest CPU.
/// The caller sees to it that the whole sum fits in 32 bits, that the rows exist and that `out` is one row long.
pub(super) fn weighted_sum(raster: &Raster<'_>, first: usize, weights: &[u32], out: &mut [u32]) {
    out.fill(0);
    let mut y = 0;
    while y < weights.len() {
        let rest = &weights[y..];
        let row = first + y;
        y += if fits::<8>(rest) {
            add_group::<8>(raster, row, rest, out)
        } else if fits::<4>(rest) {
            add_group::<4>(raster, row, rest, out)
        } else if fits::<2>(rest) {
            add_group::<2>(raster, row, rest, out)
        } else if fits::<1>(rest) {
            add_group::<1>(raster, row, rest, out)
        } else {
            add_heavy(raster.row(row), rest[0], out)
        };
    }
}

fn fits<const N: usize>(weights: &[u32]) -> bool {
    weights.len() >= N && weights[..N].iter().sum::<u32>() <= GROUP
}

fn add_group<const N: usize>(
    raster: &Raster<'_>,
    first: usize,
    weights: &[u32],
    out: &mut [u32],
) -> usize {
    let n = out.len();
    let rows: [&[u8]; N] = std::array::from_fn(|i| &raster.row(first + i)[..n]);
    let weights: [u16; N] = std::array::from_fn(|i| weights[i] as u16);
    for (c, out) in out.iter_mut().enumerate() {
        let mut sum = 0u16;
        for (row, weight) in rows.iter().zip(weights) {
            sum = sum.wrapping_add(u16::from(row[c]).wrapping_mul(weight));
        }
        *out += u32::from(sum);
    }
    N
}

/// One row whose weight is beyond 16 bits: the last sample only, of a large picture.
fn add_heavy(row: &[u8], weight: u32, out: &mut [u32]) -> usize {
    for (out, value) in out.iter_mut().zip(row) {
        *out += weight * u32::from(*value);
    }
    1
}
