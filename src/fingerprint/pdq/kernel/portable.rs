//! The kernel that needs nothing: sums in 16 bits, which the compiler spreads over eight lanes on the narrowest CPU.
//!
//! ```text
//! for group of rows whose weights add up to at most 257:
//!     for block of columns:  narrow = sum over the group of weight * row          16 bits: 257 * 255 = 65535
//!                            sums += narrow                                       32 bits
//! ```

use super::Rows;

/// Largest sum of weights for which the products of a group of rows fit in 16 bits.
pub(super) const GROUP: u16 = u16::MAX / u8::MAX as u16;

/// Columns whose sums stay in registers while the rows of a group pass.
const BLOCK: usize = 32;

/// See the [module](super).
pub(super) fn add(rows: Rows<'_>, weights: &[u8], sums: &mut [i32], fresh: bool) {
    if fresh {
        sums.fill(0);
    }
    let mut first = 0;
    while first < weights.len() {
        let count = group(&weights[first..]);
        let group = &weights[first..first + count];
        for (block, sums) in sums.chunks_mut(BLOCK).enumerate() {
            let mut narrow = [0u16; BLOCK];
            for (i, weight) in group.iter().enumerate() {
                let row = &rows.row(first + i)[block * BLOCK..];
                if let Some(row) = row.first_chunk::<BLOCK>() {
                    add_row(&mut narrow, row, *weight);
                } else {
                    add_row(&mut narrow, row, *weight);
                }
            }
            for (sum, narrow) in sums.iter_mut().zip(narrow) {
                *sum += i32::from(narrow);
            }
        }
        first += count;
    }
}

#[inline(always)]
fn add_row(narrow: &mut [u16; BLOCK], row: &[u8], weight: u8) {
    for (sum, value) in narrow.iter_mut().zip(row) {
        *sum = sum.wrapping_add(u16::from(*value).wrapping_mul(u16::from(weight)));
    }
}

/// How many of the weights, at least the first, add up to no more than [`GROUP`].
pub(super) fn group(weights: &[u8]) -> usize {
    let mut sum = 0;
    let fits = |weight: &&u8| {
        sum += u16::from(**weight);
        sum <= GROUP
    };
    weights.iter().take_while(fits).count()
}
