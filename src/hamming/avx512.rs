//! AVX-512 with VPOPCNTDQ: eight rows at a time, one instruction per population count.
//!
//! Counting within a row would leave four sums per row to add across the register. Instead a tile is transposed once:
//! vector `j` of a group holds word `j` of eight rows, and the sums of eight rows come out side by side, ready
//! to be compared. With BYTES = 16 the sixteen vectors of a tile fit in the registers while the queries pass.
//!
//! ```text
//! for group of 8 rows:  word[0..BYTES/8] = transpose(group)
//! for query:            for group: least[group] = min(least[group], sum over j of popcount(word[j] ^ query.word[j]))
//! near = least <= radius
//! ```
//!
//! The least over the queries is within the radius exactly if some query is, so one comparison per group serves all queries.
#![allow(unsafe_code, reason = "a kernel: calls across target features, and unaligned loads")]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_cmple_epu64_mask, _mm512_loadu_si512, _mm512_min_epu32,
    _mm512_permutex2var_epi64, _mm512_popcnt_epi64, _mm512_set1_epi64, _mm512_setr_epi64,
    _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_xor_si512,
};

use super::scan::{Code, Tile};

/// Proof that this CPU and operating system run AVX-512 F and VPOPCNTDQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn new() -> Option<Avx512> {
        let offered =
            is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq");
        offered.then_some(Avx512(()))
    }

    /// See the [room](super) for what `near` is.
    #[inline]
    pub(super) fn near<const BYTES: usize>(
        self,
        tile: &Tile,
        queries: &[Code],
        radius: u32,
    ) -> u64 {
        // SAFETY: a value of this type exists only where `new` found both features.
        unsafe { near::<BYTES>(tile, queries, radius) }
    }
}

#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn near<const BYTES: usize>(tile: &Tile, queries: &[Code], radius: u32) -> u64 {
    let (groups, _) = tile.as_chunks::<8>();
    let mut words = [[_mm512_setzero_si512(); 4]; 8];
    for (words, group) in words.iter_mut().zip(groups) {
        *words = transpose(group);
    }
    // 257 and more is outside every radius. The sums fit in 32 bits, and 32-bit minima are cheaper.
    let mut least = [_mm512_set1_epi64(i64::from(u32::MAX)); 8];
    for query in queries {
        let (query, _) = query[..BYTES].as_chunks::<8>();
        for (least, words) in least.iter_mut().zip(&words) {
            let mut sum = _mm512_setzero_si512();
            for (word, query) in words.iter().zip(query) {
                let query = _mm512_set1_epi64(i64::from_le_bytes(*query));
                let count = _mm512_popcnt_epi64(_mm512_xor_si512(*word, query));
                sum = _mm512_add_epi64(sum, count);
            }
            *least = _mm512_min_epu32(*least, sum);
        }
    }
    let radius = _mm512_set1_epi64(i64::from(radius.min(256)));
    let mut near = 0;
    for (i, least) in least.into_iter().enumerate() {
        near |= u64::from(_mm512_cmple_epu64_mask(least, radius)) << (8 * i);
    }
    near
}

/// Vector `j` of the answer holds word `j` of the eight rows, in the order of the rows.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: &[Code; 8]) -> [__m512i; 4] {
    let (pairs, _) = rows.as_flattened().as_chunks::<64>();
    // Each loaded vector is two rows of four words; `low` takes words 0 and 1 of four rows, `high` words 2 and 3.
    let low = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
    let high = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
    let (a, b, c, d) = (load(&pairs[0]), load(&pairs[1]), load(&pairs[2]), load(&pairs[3]));
    let low = [_mm512_permutex2var_epi64(a, low, b), _mm512_permutex2var_epi64(c, low, d)];
    let high = [_mm512_permutex2var_epi64(a, high, b), _mm512_permutex2var_epi64(c, high, d)];
    // The first half of both vectors, then the second half of both.
    [
        _mm512_shuffle_i64x2::<0x44>(low[0], low[1]),
        _mm512_shuffle_i64x2::<0xee>(low[0], low[1]),
        _mm512_shuffle_i64x2::<0x44>(high[0], high[1]),
        _mm512_shuffle_i64x2::<0xee>(high[0], high[1]),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the reference is valid for 64 bytes, and the load asks for no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}
