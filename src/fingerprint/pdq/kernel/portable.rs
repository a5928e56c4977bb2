//! The kernel that needs nothing: sums in 16 bits, which the compiler spreads over eight lanes on the narrowest CPU.
//!
//! ```text
//! for group of rows whose weights add up to at most 257:
//!     for block of columns:  narrow = sum over the group of weight * row          16 bits: 257 * 255 = 65535
//!                            sums += narrow                                       32 bits
//! ```

use super::Rows;
use crate::fingerprint::pdq::horizontal::dot;

/// Largest sum of weights for which the products of a group of rows fit in 16 bits.
pub(super) const GROUP: u16 = u16::MAX / u8::MAX as u16;

/// Columns whose sums stay in the nearest cache while the rows of a group pass.
const BLOCK: usize = 512;

/// See the [module](super).
pub(super) fn add(rows: Rows<'_>, weights: &[u8], sums: &mut [i32], fresh: bool) {
    rows.assert_fit(weights, sums);
    if fresh {
        sums.fill(0);
    }
    for (block, sums) in sums.chunks_mut(BLOCK).enumerate() {
        let columns = block * BLOCK..block * BLOCK + sums.len();
        let row = |i: usize| &rows.row(i)[columns.clone()];
        let mut narrow = [0; BLOCK];
        let narrow = &mut narrow[..sums.len()];
        let mut first = 0;
        while first < weights.len() {
            let end = first + group(&weights[first..]);
            narrow.fill(0);
            while first + 4 <= end {
                let rows = [row(first), row(first + 1), row(first + 2), row(first + 3)];
                add_four(rows, weights[first..].first_chunk().unwrap_or(&[0; 4]), narrow);
                first += 4;
            }
            while first < end {
                add_one(row(first), weights[first], narrow);
                first += 1;
            }
            for (sum, narrow) in sums.iter_mut().zip(&*narrow) {
                *sum += i32::from(*narrow);
            }
        }
    }
}

fn add_four([a, b, c, d]: [&[u8]; 4], weights: &[u8; 4], narrow: &mut [u16]) {
    let [wa, wb, wc, wd] = weights.map(u16::from);
    for ((((sum, a), b), c), d) in narrow.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        let times = |value: &u8, weight: u16| u16::from(*value).wrapping_mul(weight);
        let (ab, cd) =
            (times(a, wa).wrapping_add(times(b, wb)), times(c, wc).wrapping_add(times(d, wd)));
        *sum = sum.wrapping_add(ab.wrapping_add(cd));
    }
}

fn add_one(row: &[u8], weight: u8, narrow: &mut [u16]) {
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

/// See [`along_row`](crate::fingerprint::pdq::horizontal::along_row).
pub(super) fn eight_dots(sums: &[i32], starts: &[u32; 8], weights: &[f64], out: &mut [f64; 8]) {
    for (start, out) in starts.iter().zip(out) {
        *out = dot(sums, *start, weights);
    }
}
