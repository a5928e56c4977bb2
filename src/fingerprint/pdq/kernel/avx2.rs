//! AVX2: two rows interleaved, so that one instruction multiplies and adds both.
//!
//! ```text
//! for block of 32 columns:
//!     for group of rows whose weights add up to at most 257:
//!         for pair (a, b) of rows of the group:
//!             low, high += maddubs(interleave(a, b), weights of a and b)      16 bits: 257 * 255 = 65535
//!         wide += low, high                                                   32 bits
//!     sums += wide
//! ```
//!
//! `maddubs` takes unsigned bytes times signed ones and saturates at 32767, so the weights of a pair add up to at most 128
//! (128 * 255 = 32640): rows that together weigh more stay alone, paired with themselves at weight 0.
//! Interleaving works within the halves of a register; the columns are put in order once per block.
#![allow(
    unsafe_code,
    reason = "a kernel: calls across target features, and unaligned loads and stores"
)]

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_pd,
    _mm256_cvtepi32_pd, _mm256_loadu_pd, _mm256_loadu_si256, _mm256_maddubs_epi16, _mm256_mul_pd,
    _mm256_permute2f128_pd, _mm256_permute2x128_si256, _mm256_permute4x64_pd, _mm256_set1_epi16,
    _mm256_setzero_pd, _mm256_setzero_si256, _mm256_storeu_pd, _mm256_storeu_si256,
    _mm256_unpackhi_epi8, _mm256_unpackhi_epi16, _mm256_unpackhi_pd, _mm256_unpacklo_epi8,
    _mm256_unpacklo_epi16, _mm256_unpacklo_pd,
};

use super::portable::{self, group};
use super::{ROWS, Rows};
use crate::fingerprint::pdq::horizontal::{self, Taps};
use crate::fingerprint::pdq::transform::{Samples, Transform};

/// Largest sum of two weights whose products fit in a signed 16-bit lane.
const PAIR: u8 = (i16::MAX / u8::MAX as i16) as u8;

/// Proof that this CPU and operating system run AVX2.
#[derive(Clone, Copy, Debug)]
pub(in crate::fingerprint::pdq) struct Avx2(());

impl Avx2 {
    pub(super) fn new() -> Option<Avx2> {
        is_x86_feature_detected!("avx2").then_some(Avx2(()))
    }

    pub(super) fn add(self, rows: Rows<'_>, weights: &[u8], sums: &mut [i32], fresh: bool) {
        rows.assert_fit(weights, sums);
        // SAFETY: a value of this type exists only where `new` found the feature.
        unsafe { add(rows, weights, sums, fresh) }
    }

    pub(super) fn along_row(
        self,
        sums: &[i32],
        taps: &Taps,
        divisors: [f64; 2],
        out: &mut [f64; 64],
    ) {
        // SAFETY: a value of this type exists only where `new` found the feature.
        unsafe { along_row(sums, taps, divisors, out) }
    }

    pub(super) fn transform(self, samples: &Samples, tolerance: f64) -> Transform {
        // SAFETY: a value of this type exists only where `new` found the feature.
        unsafe { transform(samples, tolerance) }
    }
}

/// Two rows of a group in blocks, and their weights as `maddubs` wants them, the first in the low byte.
#[derive(Clone, Copy, Default)]
struct Pair<'a> {
    rows: [&'a [[u8; 32]]; 2],
    weights: i16,
    /// The last one of its group.
    last: bool,
}

fn pairs<'a>(rows: &Rows<'a>, weights: &[u8], pairs: &mut [Pair<'a>; ROWS]) -> usize {
    let blocks = |row: usize| rows.row(row).as_chunks().0;
    let (mut row, mut count) = (0, 0);
    while row < weights.len() {
        let end = row + group(&weights[row..]);
        while row < end {
            let both = row + 1 < end && weights[row] + weights[row + 1] <= PAIR;
            let other = row + usize::from(both);
            pairs[count] = Pair {
                rows: [blocks(row), blocks(other)],
                weights: i16::from_le_bytes([weights[row], if both { weights[other] } else { 0 }]),
                last: other + 1 == end,
            };
            row = other + 1;
            count += 1;
        }
    }
    count
}

#[target_feature(enable = "avx2")]
fn add(rows: Rows<'_>, weights: &[u8], sums: &mut [i32], fresh: bool) {
    let mut list = [Pair::default(); ROWS];
    let count = pairs(&rows, weights, &mut list);
    let list = &list[..count];
    let (blocks, tail) = sums.as_chunks_mut::<32>();
    let zero = _mm256_setzero_si256();
    for (block, sums) in blocks.iter_mut().enumerate() {
        let mut wide = [zero; 4];
        let (mut low, mut high) = (zero, zero);
        for pair in list {
            let [a, b] = pair.rows.map(|row| load(&row[block]));
            let weights = _mm256_set1_epi16(pair.weights);
            low = _mm256_add_epi16(low, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), weights));
            high =
                _mm256_add_epi16(high, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), weights));
            if pair.last {
                wide = [
                    _mm256_add_epi32(wide[0], _mm256_unpacklo_epi16(low, zero)),
                    _mm256_add_epi32(wide[1], _mm256_unpackhi_epi16(low, zero)),
                    _mm256_add_epi32(wide[2], _mm256_unpacklo_epi16(high, zero)),
                    _mm256_add_epi32(wide[3], _mm256_unpackhi_epi16(high, zero)),
                ];
                (low, high) = (zero, zero);
            }
        }
        let [a, b, c, d] = wide;
        let ordered = [
            _mm256_permute2x128_si256::<0x20>(a, b),
            _mm256_permute2x128_si256::<0x20>(c, d),
            _mm256_permute2x128_si256::<0x31>(a, b),
            _mm256_permute2x128_si256::<0x31>(c, d),
        ];
        for (sums, new) in sums.as_chunks_mut::<8>().0.iter_mut().zip(ordered) {
            store(sums, if fresh { new } else { _mm256_add_epi32(new, loaded(sums)) });
        }
    }
    if !tail.is_empty() {
        let columns = 32 * blocks.len();
        portable::add(rows.skip_columns(columns), weights, tail, fresh);
    }
}

#[target_feature(enable = "avx2")]
fn along_row(sums: &[i32], taps: &Taps, divisors: [f64; 2], out: &mut [f64; 64]) {
    horizontal::along_row(sums, taps, divisors, out, |sums, starts, weights, out| {
        let (starts, out) = (starts.as_chunks::<4>().0, out.as_chunks_mut::<4>().0);
        for (starts, out) in starts.iter().zip(out) {
            four_dots(sums, starts, weights, out);
        }
    });
}

/// Two registers of four lanes a sample; they are added up across samples, in the order of [`horizontal::dot`].
#[inline]
#[target_feature(enable = "avx2")]
fn four_dots(sums: &[i32], starts: &[u32; 4], weights: &[f64], out: &mut [f64; 4]) {
    assert!(starts.iter().all(|start| *start as usize + weights.len() <= sums.len()));
    let mut lanes = [[_mm256_setzero_pd(); 2]; 4];
    for (i, weights) in weights.as_chunks::<4>().0.iter().enumerate() {
        // SAFETY: the reference is valid for 32 bytes, and the load asks for no alignment.
        let weights = unsafe { _mm256_loadu_pd(weights.as_ptr()) };
        for (lanes, start) in lanes.iter_mut().zip(starts) {
            // SAFETY: chunk `i` of four is inside `weights`, and so many sums are there from `start` on, as asserted.
            let place = unsafe { sums.as_ptr().add(*start as usize + 4 * i) };
            // SAFETY: the four sums from `place` on are inside `sums`, as said above, and the load asks for no alignment.
            let sums = _mm256_cvtepi32_pd(unsafe { _mm_loadu_si128(place.cast()) });
            let half = &mut lanes[i % 2];
            *half = _mm256_add_pd(*half, _mm256_mul_pd(sums, weights));
        }
    }
    let [a, b, c, d] = lanes.map(|[low, high]| _mm256_add_pd(low, high));
    let halves = |a, b| {
        let (low, high) =
            (_mm256_permute2f128_pd::<0x20>(a, b), _mm256_permute2f128_pd::<0x31>(a, b));
        _mm256_add_pd(low, high)
    };
    let (ab, cd) = (halves(a, b), halves(c, d));
    let acbd = _mm256_add_pd(_mm256_unpacklo_pd(ab, cd), _mm256_unpackhi_pd(ab, cd));
    let abcd = _mm256_permute4x64_pd::<0xd8>(acbd);
    // SAFETY: the reference is valid for 32 bytes, and the store asks for no alignment.
    unsafe { _mm256_storeu_pd(out.as_mut_ptr(), abcd) };
}

#[target_feature(enable = "avx2")]
fn transform(samples: &Samples, tolerance: f64) -> Transform {
    Transform::of(samples, tolerance)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the reference is valid for 32 bytes, and the load asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn loaded(sums: &[i32; 8]) -> __m256i {
    // SAFETY: the reference is valid for 32 bytes, and the load asks for no alignment.
    unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(sums: &mut [i32; 8], new: __m256i) {
    // SAFETY: the reference is valid for 32 bytes, and the store asks for no alignment.
    unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), new) }
}
