//! Weighted sums of rows: the only loop that reads the pixels, and most of the time.

use crate::media::Raster;

/// Largest sum of weights for which the products of a group of rows fit in 16 bits.
const GROUP: u32 = u16::MAX as u32 / u8::MAX as u32;

/// `out[c] = sum of weights[i] * row(first + i)[c]`, on the raw interleaved bytes.
///
/// Rows are taken in groups, whose sums are made in 16 bits in `narrow`: eight lanes to a vector on the narrowest CPU.
/// The caller sees to it that the whole sum fits in 32 bits, that the rows exist and that both buffers are one row long.
pub(super) fn weighted_sum(
    raster: &Raster<'_>,
    first: usize,
    weights: &[u32],
    narrow: &mut [u16],
    out: &mut [u32],
) {
    out.fill(0);
    let mut row = first;
    let mut rest = weights;
    while let Some(&weight) = rest.first() {
        if weight > GROUP {
            // The last sample only, of a large picture.
            add_heavy(raster.row(row), weight, out);
            row += 1;
            rest = &rest[1..];
            continue;
        }
        let (group, others) = rest.split_at(group_length(rest));
        narrow.fill(0);
        let (pairs, single) = group.as_chunks::<2>();
        for &[a, b] in pairs {
            add_two(raster.row(row), raster.row(row + 1), a as u16, b as u16, narrow);
            row += 2;
        }
        for &weight in single {
            add_two(raster.row(row), raster.row(row), weight as u16, 0, narrow);
            row += 1;
        }
        for (out, sum) in out.iter_mut().zip(&*narrow) {
            *out += u32::from(*sum);
        }
        rest = others;
    }
}

/// How many of the weights, at least the first, add up to no more than [`GROUP`].
fn group_length(weights: &[u32]) -> usize {
    let mut sum = 0;
    weights
        .iter()
        .take_while(|weight| {
            sum += **weight;
            sum <= GROUP
        })
        .count()
}

fn add_two(a: &[u8], b: &[u8], weight_a: u16, weight_b: u16, sums: &mut [u16]) {
    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
        let products =
            u16::from(*a).wrapping_mul(weight_a).wrapping_add(u16::from(*b).wrapping_mul(weight_b));
        *sum = sum.wrapping_add(products);
    }
}

fn add_heavy(row: &[u8], weight: u32, out: &mut [u32]) {
    for (out, value) in out.iter_mut().zip(row) {
        *out += weight * u32::from(*value);
    }
}
