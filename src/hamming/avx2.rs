//! AVX2: eight rows at a time, population counts by table.
//!
//! AVX2 has no population count, but `vpshufb` looks up 32 nibbles at once in a table of 16 bytes. A register holds the same 16
//! bytes of two rows:
//!
//! ```text
//! for group of 8 rows:
//!     for query:
//!         count[pair] = BITS[low nibbles of pair ^ query] + BITS[high nibbles of pair ^ query]     (4 pairs, 32 bytes each)
//!         sum = the bytes of the 4 counts, added up row by row                                     (8 sums)
//!         least = min(least, sum)
//!     near = least <= radius
//! ```
//!
//! Row `i` of a group is paired with row `i + 4`, because the adding up keeps to the halves of a register: the 8 sums
//! then come out in the order of the rows. The least over the queries is within the radius exactly if
//! some query is, so one comparison serves all queries.
#![allow(unsafe_code, reason = "a kernel: calls across target features, and unaligned loads")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi8, _mm256_and_si256,
    _mm256_broadcastsi128_si256, _mm256_castsi256_ps, _mm256_cmpgt_epi32, _mm256_madd_epi16,
    _mm256_min_epu32, _mm256_movemask_ps, _mm256_packus_epi32, _mm256_sad_epu8, _mm256_set_m128i,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_xor_si256,
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

/// Number of bits of each nibble.
static BITS: [u8; 16] = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];

#[target_feature(enable = "avx2")]
fn near<const BYTES: usize>(tile: &Tile, queries: &[Code], radius: u32) -> u64 {
    let radius = _mm256_set1_epi32(radius.min(256) as i32);
    let mut near = 0;
    for (i, group) in tile.as_chunks::<8>().0.iter().enumerate() {
        let first = pairs(group, 0);
        let second = pairs(group, 1);
        let mut least = _mm256_set1_epi32(i32::MAX);
        for query in queries {
            let mut counts = differing(first, query, 0);
            if BYTES == 32 {
                for (count, more) in counts.iter_mut().zip(differing(second, query, 1)) {
                    *count = _mm256_add_epi8(*count, more);
                }
            }
            least = _mm256_min_epu32(least, sums(counts));
        }
        let outside = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(least, radius)));
        near |= u64::from(!outside as u8) << (8 * i);
    }
    near
}

/// Bytes `16 * part..` of rows `i` and `i + 4`, for `i` in 0..4.
#[inline]
#[target_feature(enable = "avx2")]
fn pairs(rows: &[Code; 8], part: usize) -> [__m256i; 4] {
    let row = |i: usize| &rows[i].as_chunks::<16>().0[part];
    [
        _mm256_set_m128i(load(row(4)), load(row(0))),
        _mm256_set_m128i(load(row(5)), load(row(1))),
        _mm256_set_m128i(load(row(6)), load(row(2))),
        _mm256_set_m128i(load(row(7)), load(row(3))),
    ]
}

/// Number of bits, 0..=8, in which each byte of the pairs differs from its byte of the query.
#[inline]
#[target_feature(enable = "avx2")]
fn differing(mut pairs: [__m256i; 4], query: &Code, part: usize) -> [__m256i; 4] {
    let bits = _mm256_broadcastsi128_si256(load(&BITS));
    let nibble = _mm256_set1_epi8(0x0f);
    let query = _mm256_broadcastsi128_si256(load(&query.as_chunks::<16>().0[part]));
    for pair in &mut pairs {
        let bytes = _mm256_xor_si256(*pair, query);
        let low = _mm256_and_si256(bytes, nibble);
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), nibble);
        let (low, high) = (_mm256_shuffle_epi8(bits, low), _mm256_shuffle_epi8(bits, high));
        *pair = _mm256_add_epi8(low, high);
    }
    pairs
}

/// Adds up the bytes of each 16-byte half: sum `i` of the answer is that of the first half of `counts[i]`, sum `i + 4` that
/// of its second half.
#[inline]
#[target_feature(enable = "avx2")]
fn sums(counts: [__m256i; 4]) -> __m256i {
    // Two 64-bit sums per half, at most 128 each, so that packing them into 32 and 16 bits loses nothing.
    let zero = _mm256_setzero_si256();
    let (a, b) = (_mm256_sad_epu8(counts[0], zero), _mm256_sad_epu8(counts[1], zero));
    let (c, d) = (_mm256_sad_epu8(counts[2], zero), _mm256_sad_epu8(counts[3], zero));
    let packed = _mm256_packus_epi32(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
    _mm256_madd_epi16(packed, _mm256_set1_epi16(1))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is valid for 16 bytes, and the load asks for no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}
