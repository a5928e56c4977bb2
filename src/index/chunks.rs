//! The fixed permutation of a code's bits, and the chunks that it is cut into.

use crate::hamming::Code;

/// Chunks of a code. They stand on a ring: after the last comes the first.
pub(super) const CHUNKS: usize = 16;

/// A code cut into chunks of 16 bits, after the permutation.
pub(super) type Chunks = [u16; CHUNKS];

/// Chunk `c` alone, by the definition: its bit `j` is bit `(c + 3 j) mod 16` of row `j`, where row `j` is the big-endian number in bytes `2 j` and
/// `2 j + 1` of the code.
///
/// The rows of a PDQ hash are those of a cosine transform, whose neighbours resemble each other from picture to picture. Cut
/// along rows or columns, some keys are far more common than others; a diagonal takes one bit of each row, three columns
/// from the last, and evens that out. The distance between two codes is the same before and after.
#[inline(always)]
pub(super) fn chunk(code: &Code, c: usize) -> u16 {
    code.as_chunks::<2>().0.iter().enumerate().fold(0, |chunk, (j, row)| {
        chunk | (u16::from_be_bytes(*row) >> ((c + 3 * j) % 16) & 1) << j
    })
}

/// All chunks at once, which takes as long as three or four by [`chunk`].
///
/// Each row is turned by `3 j`, and the square of 16 x 16 bits is transposed: blocks of 8 x 8 bits first, then of 4, 2 and 1.
#[inline(always)]
pub(super) fn chunks(code: &Code) -> Chunks {
    let mut rows: Chunks = [0; CHUNKS];
    for (j, (row, bytes)) in rows.iter_mut().zip(code.as_chunks::<2>().0).enumerate() {
        *row = u16::from_be_bytes(*bytes).rotate_right(3 * j as u32 % 16);
    }
    swap::<8, 0x00FF>(&mut rows);
    swap::<4, 0x0F0F>(&mut rows);
    swap::<2, 0x3333>(&mut rows);
    swap::<1, 0x5555>(&mut rows);
    rows
}

/// Exchanges the upper `STEP` columns of each group of `2 STEP` in a row with the lower ones in the row `STEP` further on.
#[inline(always)]
fn swap<const STEP: usize, const LOWER: u16>(rows: &mut Chunks) {
    for group in rows.chunks_exact_mut(2 * STEP) {
        let (upper, lower) = group.split_at_mut(STEP);
        for (a, b) in upper.iter_mut().zip(lower) {
            let exchanged = ((*a >> STEP) ^ *b) & LOWER;
            *a ^= exchanged << STEP;
            *b ^= exchanged;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(code: &Code) -> Chunks {
        std::array::from_fn(|c| chunk(code, c))
    }

    /// The definition in words, for a few bits: it is fixed by the format.
    #[test]
    fn bits_stand_where_the_format_has_them() {
        // Byte, its bit; chunk, its bit.
        for (byte, bit, at, to) in [
            (1, 0, 0, 0),
            (0, 7, 15, 0),
            (3, 3, 0, 1),
            (3, 0, 13, 1),
            (31, 0, 3, 15),
            (30, 0, 11, 15),
        ] {
            let mut code = [0; 32];
            code[byte] = 1 << bit;
            let expected = std::array::from_fn(|c| if c == at { 1 << to } else { 0 });
            assert_eq!(chunks(&code), expected, "byte {byte}, bit {bit}");
            assert_eq!(plain(&code), expected, "byte {byte}, bit {bit}");
        }
    }

    #[test]
    fn the_transposition_is_the_definition() {
        for bit in 0..256 {
            let mut code = [0; 32];
            code[bit / 8] = 1 << (bit % 8);
            assert_eq!(chunks(&code), plain(&code), "bit {bit}");
            assert_eq!(chunks(&code).iter().map(|c| c.count_ones()).sum::<u32>(), 1);
        }
        for seed in 0u32..1000 {
            let code = *blake3::hash(&seed.to_le_bytes()).as_bytes();
            assert_eq!(chunks(&code), plain(&code));
        }
    }
}
