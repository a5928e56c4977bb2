//! The algorithm of the [room](super), the same for every instruction set.

use super::Isa;
use super::portable::differing;

/// A 256-bit code: a PDQ hash as the set file stores it.
pub type Code = [u8; 32];

/// What a kernel answers for: as many rows as a mask has bits.
pub(super) type Tile = [Code; 64];

/// Number of bits in which two codes differ, 0..=256.
#[inline]
pub fn distance(a: &Code, b: &Code) -> u32 {
    differing::<32>(a, b)
}

/// Calls `sink(row, distance)` for every row of `codes` with `distance <= radius`, rows ascending.
///
/// `radius` is in bits and inclusive; above 256 it means 256, which every row satisfies. The calls are the same on every `isa`.
/// Nothing is allocated.
#[inline]
pub fn scan(isa: Isa, codes: &[Code], query: &Code, radius: u32, mut sink: impl FnMut(usize, u32)) {
    scan_batch(isa, codes, std::slice::from_ref(query), radius, |_, row, distance| {
        sink(row, distance);
    });
}

/// Calls `sink(query, row, distance)` for every query and every row with `distance <= radius`, where
/// `query` and `row` are positions in `queries` and `codes`.
///
/// The codes are read from memory once, however many queries there are. The order is the same on every `isa`: rows
/// ascending, and for one row the queries ascending. `radius` is as for [`scan`]. Nothing is allocated.
///
/// ```
/// use tamis::hamming::{Isa, scan_batch};
/// let codes = [[0xff; 32], [0x00; 32]];
/// let mut near = Vec::new();
/// scan_batch(Isa::detect(), &codes, &[[0x00; 32], [0xff; 32]], 31, |query, row, distance| {
///     near.push((query, row, distance));
/// });
/// assert_eq!(near, [(1, 0, 0), (0, 1, 0)]);
/// ```
pub fn scan_batch(
    isa: Isa,
    codes: &[Code],
    queries: &[Code],
    radius: u32,
    mut sink: impl FnMut(usize, usize, u32),
) {
    if queries.is_empty() {
        return;
    }
    let mut examine = |first: usize, rows: &[Code], near: u64| {
        let mut left = near;
        while left != 0 {
            let row = left.trailing_zeros() as usize;
            left &= left - 1;
            for (query, code) in queries.iter().enumerate() {
                let distance = distance(&rows[row], code);
                if distance <= radius {
                    sink(query, first + row, distance);
                }
            }
        }
    };
    let (tiles, tail) = codes.as_chunks::<64>();
    for (i, tile) in tiles.iter().enumerate() {
        let near = near_rows(isa, tile, queries, radius);
        if near != 0 {
            examine(i * 64, tile, near);
        }
    }
    if !tail.is_empty() {
        let mut tile: Tile = [[0; 32]; 64];
        tile[..tail.len()].copy_from_slice(tail);
        let real = (1 << tail.len()) - 1;
        examine(codes.len() - tail.len(), tail, near_rows(isa, &tile, queries, radius) & real);
    }
}

/// The rows that may be within the radius of some query: steps 1 and 3 of the [room](super)'s method.
#[inline]
fn near_rows(isa: Isa, tile: &Tile, queries: &[Code], radius: u32) -> u64 {
    match isa.near::<16>(tile, queries, radius) {
        0 => 0,
        _ => isa.near::<32>(tile, queries, radius),
    }
}
