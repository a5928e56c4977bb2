//! AVX2: 32 rows at a time, population counts by table.
//!
//! AVX2 has no population count, but `vpshufb` looks up 32 nibbles at once in a table of 16 bytes. A tile is transposed once, so
//! that vector `j` holds byte `j` of 32 rows. All of its bytes then meet the same byte of the query, and
//! one table per value of a query nibble, `DIFFERING[q][x] = popcount(q ^ x)`, gives the number of differing
//! bits without an exclusive-or and with nothing to add across the register:
//!
//! ```text
//! column[0..BYTES] = transpose(tile)
//! for query: sum = sum over j of  DIFFERING[low nibble of query[j]][low nibbles of column[j]]
//!                               + DIFFERING[high nibble of query[j]][high nibbles of column[j]]
//!            least = min(least, sum)
//! near = least <= radius
//! ```
//!
//! Sums are bytes and saturate: 256 counts as 255, which adds rows to `near` at radius 255 and changes nothing else.
//! The least over the queries is within the radius exactly if some query is, so one comparison serves all queries.
#![allow(unsafe_code, reason = "a kernel: calls across target features, and unaligned loads")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi8, _mm256_adds_epu8, _mm256_and_si256,
    _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8,
    _mm256_set_m128i, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_srli_epi16, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
};

use super::scan::{Code, Tile};

/// Proof that this CPU and operating system run AVX2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn new() -> Option<Avx2> {
        is_x86_feature_detected!("avx2").then_some(Avx2(()))
    }

    /// See the [room](super) for what `near` is.
    #[inline]
    pub(super) fn near<const BYTES: usize>(
        self,
        tile: &Tile,
        queries: &[Code],
        radius: u32,
    ) -> u64 {
        // SAFETY: a value of this type exists only where `new` found the feature.
        unsafe { near::<BYTES>(tile, queries, radius) }
    }
}

/// `DIFFERING[q][x]`: number of bits in which the nibbles `q` and `x` differ.
static DIFFERING: [[u8; 16]; 16] = {
    let mut table = [[0; 16]; 16];
    let mut i = 0;
    while i < 256 {
        table[i / 16][i % 16] = ((i / 16) ^ (i % 16)).count_ones() as u8;
        i += 1;
    }
    table
};

/// One byte of 64 rows, its nibbles apart: `low[0]` is of rows 0..32, `low[1]` of rows 32..64.
#[derive(Clone, Copy)]
struct Column {
    low: [__m256i; 2],
    high: [__m256i; 2],
}

#[target_feature(enable = "avx2")]
fn near<const BYTES: usize>(tile: &Tile, queries: &[Code], radius: u32) -> u64 {
    let zero = _mm256_setzero_si256();
    let mut columns = [Column { low: [zero; 2], high: [zero; 2] }; BYTES];
    let nibble = _mm256_set1_epi8(0x0f);
    let (halves, _) = tile.as_chunks::<32>();
    for (half, rows) in halves.iter().enumerate() {
        for (part, columns) in columns.chunks_exact_mut(16).enumerate() {
            for (column, bytes) in columns.iter_mut().zip(transpose(rows, part)) {
                column.low[half] = _mm256_and_si256(bytes, nibble);
                column.high[half] = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), nibble);
            }
        }
    }
    let mut least = [_mm256_set1_epi8(-1); 2];
    for query in queries {
        // Both halves in one loop, so that they share the look-up of the tables.
        let (mut first, mut second) = (zero, zero);
        for (column, byte) in columns.iter().zip(query) {
            let low = broadcast(&DIFFERING[usize::from(byte & 15)]);
            let high = broadcast(&DIFFERING[usize::from(byte >> 4)]);
            first = _mm256_adds_epu8(first, differing(column, 0, low, high));
            second = _mm256_adds_epu8(second, differing(column, 1, low, high));
        }
        least = [_mm256_min_epu8(least[0], first), _mm256_min_epu8(least[1], second)];
    }
    if queries.is_empty() {
        // At radius 255 and above the initial `least` would pass for a distance.
        return 0;
    }
    let radius = _mm256_set1_epi8(radius.min(255) as u8 as i8);
    let [first, second] = least.map(|least| {
        let within = _mm256_cmpeq_epi8(_mm256_min_epu8(least, radius), least);
        u64::from(_mm256_movemask_epi8(within) as u32)
    });
    first | second << 32
}

/// Number of bits, 0..=8, in which a column's byte of 32 rows differs from the query byte whose tables are given.
#[inline]
#[target_feature(enable = "avx2")]
fn differing(column: &Column, half: usize, low: __m256i, high: __m256i) -> __m256i {
    let low = _mm256_shuffle_epi8(low, column.low[half]);
    let high = _mm256_shuffle_epi8(high, column.high[half]);
    _mm256_add_epi8(low, high)
}

/// Vector `j` of the answer holds byte `16 * part + j` of the 32 rows, in the order of the rows.
///
/// In each half of the registers 16 rows of 16 bytes are transposed. Write the place of a byte as `rrrrcccc`, the row and then the
/// column in binary. Interleaving vector `i` with vector `i + 8` moves the byte to the place with these
/// bits rotated left by one, so four rounds exchange rows and columns.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: &[Code; 32], part: usize) -> [__m256i; 16] {
    let mut vectors = [_mm256_setzero_si256(); 16];
    for (i, vector) in vectors.iter_mut().enumerate() {
        let (low, _) = rows[i].as_chunks::<16>();
        let (high, _) = rows[i + 16].as_chunks::<16>();
        *vector = _mm256_set_m128i(load(&high[part]), load(&low[part]));
    }
    for _ in 0..4 {
        let before = vectors;
        for i in 0..8 {
            vectors[2 * i] = _mm256_unpacklo_epi8(before[i], before[i + 8]);
            vectors[2 * i + 1] = _mm256_unpackhi_epi8(before[i], before[i + 8]);
        }
    }
    vectors
}

/// The table in both halves of a register, since `vpshufb` looks up within halves.
#[inline]
#[target_feature(enable = "avx2")]
fn broadcast(table: &[u8; 16]) -> __m256i {
    _mm256_broadcastsi128_si256(load(table))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is valid for 16 bytes, and the load asks for no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}
