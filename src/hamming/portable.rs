//! The kernel that needs nothing: whole-word population counts.

use super::scan::{Code, Tile};

/// See the [room](super) for what `near` is.
pub(super) fn near<const BYTES: usize>(tile: &Tile, queries: &[Code], radius: u32) -> u64 {
    let mut near = 0;
    for query in queries {
        for (i, row) in tile.iter().enumerate() {
            near |= u64::from(differing::<BYTES>(row, query) <= radius) << i;
        }
    }
    near
}

/// Number of bits in which the first `BYTES` bytes differ.
#[inline(always)]
pub(super) fn differing<const BYTES: usize>(a: &Code, b: &Code) -> u32 {
    let (a, _) = a[..BYTES].as_chunks::<8>();
    let (b, _) = b[..BYTES].as_chunks::<8>();
    a.iter()
        .zip(b)
        .map(|(a, b)| (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b)).count_ones())
        .sum()
}
