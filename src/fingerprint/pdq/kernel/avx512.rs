//! AVX-512 with VNNI: four rows interleaved, and one instruction that multiplies four bytes and adds them to a 32-bit lane.
//!
//! ```text
//! for block of 64 columns:
//!     for quad of rows:
//!         wide[0..4] = dpbusd(wide[0..4], interleave(quad)[0..4], weights of the quad)
//!     sums += wide
//! ```
//!
//! `dpbusd` takes unsigned bytes times signed ones, weights up to 127 therefore, and its sums do not saturate before 32 bits.
//! Interleaving works within the quarters of a register; the columns are put in order once per block.
//! Rows that are missing from the last quad are the last row again at weight 0. The last block is masked: what is
//! masked is neither read nor written.
#![allow(
    unsafe_code,
    reason = "a kernel: calls across target features, and unaligned loads and stores"
)]

use std::arch::x86_64::{
    __m512i, _mm256_loadu_si256, _mm512_add_epi32, _mm512_add_pd, _mm512_cvtepi32_pd,
    _mm512_dpbusd_epi32, _mm512_loadu_pd, _mm512_mask_storeu_epi32, _mm512_maskz_loadu_epi8,
    _mm512_maskz_loadu_epi32, _mm512_mul_pd, _mm512_permutexvar_pd, _mm512_set1_epi32,
    _mm512_setr_epi64, _mm512_setzero_pd, _mm512_setzero_si512, _mm512_shuffle_f64x2,
    _mm512_shuffle_i32x4, _mm512_storeu_pd, _mm512_unpackhi_epi8, _mm512_unpackhi_epi16,
    _mm512_unpackhi_pd, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16, _mm512_unpacklo_pd,
};

use super::{ROWS, Rows};
use crate::fingerprint::pdq::horizontal::{self, Taps};
use crate::fingerprint::pdq::transform::{Samples, Transform};

/// Proof that this CPU and operating system run AVX-512 F, BW and VNNI.
#[derive(Clone, Copy, Debug)]
pub(in crate::fingerprint::pdq) struct Avx512(());

impl Avx512 {
    pub(super) fn new() -> Option<Avx512> {
        let offered = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vnni");
        offered.then_some(Avx512(()))
    }

    pub(super) fn add(self, rows: Rows<'_>, weights: &[u8], sums: &mut [i32], fresh: bool) {
        rows.assert_fit(weights, sums);
        // SAFETY: a value of this type exists only where `new` found the features.
        unsafe { add(rows, weights, sums, fresh) }
    }

    pub(super) fn along_row(
        self,
        sums: &[i32],
        taps: &Taps,
        divisors: [f64; 2],
        out: &mut [f64; 64],
    ) {
        // SAFETY: a value of this type exists only where `new` found the features.
        unsafe { along_row(sums, taps, divisors, out) }
    }

    pub(super) fn transform(self, samples: &Samples, tolerance: f64) -> Transform {
        // SAFETY: a value of this type exists only where `new` found the features.
        unsafe { transform(samples, tolerance) }
    }
}

/// Four rows, and their weights, the first in the lowest byte.
#[derive(Clone, Copy, Default)]
struct Quad<'a> {
    rows: [&'a [u8]; 4],
    weights: i32,
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn add(rows: Rows<'_>, weights: &[u8], sums: &mut [i32], fresh: bool) {
    let mut quads = [Quad::default(); ROWS / 4];
    for (i, (quad, weights)) in quads.iter_mut().zip(weights.chunks(4)).enumerate() {
        quad.rows = std::array::from_fn(|j| rows.row((4 * i + j).min(rows.count - 1)));
        let mut bytes = [0; 4];
        bytes[..weights.len()].copy_from_slice(weights);
        quad.weights = i32::from_le_bytes(bytes);
    }
    let quads = &quads[..weights.len().div_ceil(4)];
    for (block, sums) in sums.chunks_mut(64).enumerate() {
        let (first, count) = (64 * block, sums.len());
        let mask = first_lanes(count);
        let mut wide = [_mm512_setzero_si512(); 4];
        for quad in quads {
            let [a, b, c, d] = quad.rows.map(|row| load(&row[first..][..count]));
            let weights = _mm512_set1_epi32(quad.weights);
            let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
            wide[0] = _mm512_dpbusd_epi32(wide[0], _mm512_unpacklo_epi16(ab, cd), weights);
            wide[1] = _mm512_dpbusd_epi32(wide[1], _mm512_unpackhi_epi16(ab, cd), weights);
            let (ab, cd) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
            wide[2] = _mm512_dpbusd_epi32(wide[2], _mm512_unpacklo_epi16(ab, cd), weights);
            wide[3] = _mm512_dpbusd_epi32(wide[3], _mm512_unpackhi_epi16(ab, cd), weights);
        }
        for (i, new) in ordered(wide).into_iter().enumerate() {
            let mask = (mask >> (16 * i)) as u16;
            let place = sums.as_mut_ptr().wrapping_add(16 * i);
            let old = if fresh {
                _mm512_setzero_si512()
            } else {
                // SAFETY: the mask lets through the lanes that are in `sums`; no alignment is asked for.
                unsafe { _mm512_maskz_loadu_epi32(mask, place) }
            };
            let sum = _mm512_add_epi32(new, old);
            // SAFETY: the mask lets through the lanes that are in `sums`; no alignment is asked for.
            unsafe { _mm512_mask_storeu_epi32(place, mask, sum) };
        }
    }
}

/// Quarter `q` of vector `v` holds the columns `16 q + 4 v` to `16 q + 4 v + 3`: transposed, the columns are in order.
#[inline]
#[target_feature(enable = "avx512f")]
fn ordered([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (low_ab, high_ab) =
        (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0xee>(a, b));
    let (low_cd, high_cd) =
        (_mm512_shuffle_i32x4::<0x44>(c, d), _mm512_shuffle_i32x4::<0xee>(c, d));
    [
        _mm512_shuffle_i32x4::<0x88>(low_ab, low_cd),
        _mm512_shuffle_i32x4::<0xdd>(low_ab, low_cd),
        _mm512_shuffle_i32x4::<0x88>(high_ab, high_cd),
        _mm512_shuffle_i32x4::<0xdd>(high_ab, high_cd),
    ]
}

#[target_feature(enable = "avx512f,avx512bw")]
fn along_row(sums: &[i32], taps: &Taps, divisors: [f64; 2], out: &mut [f64; 64]) {
    horizontal::along_row(sums, taps, divisors, out, |sums, starts, weights, out| {
        eight_dots(sums, starts, weights, out);
    });
}

/// A register of eight lanes a sample; they are added up across samples, in the order of [`horizontal::dot`].
#[inline]
#[target_feature(enable = "avx512f")]
fn eight_dots(sums: &[i32], starts: &[u32; 8], weights: &[f64], out: &mut [f64; 8]) {
    assert!(starts.iter().all(|start| *start as usize + weights.len() <= sums.len()));
    let mut lanes = [_mm512_setzero_pd(); 8];
    for (i, weights) in weights.as_chunks::<8>().0.iter().enumerate() {
        // SAFETY: the reference is valid for 64 bytes, and the load asks for no alignment.
        let weights = unsafe { _mm512_loadu_pd(weights.as_ptr()) };
        for (lanes, start) in lanes.iter_mut().zip(starts) {
            // SAFETY: chunk `i` of eight is inside `weights`, and so many sums are there from `start` on, as asserted.
            let place = unsafe { sums.as_ptr().add(*start as usize + 8 * i) };
            // SAFETY: the eight sums from `place` on are inside `sums`, as said above, and the load asks for no alignment.
            let sums = _mm512_cvtepi32_pd(unsafe { _mm256_loadu_si256(place.cast()) });
            *lanes = _mm512_add_pd(*lanes, _mm512_mul_pd(sums, weights));
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let halves = |a, b| {
        let (low, high) = (_mm512_shuffle_f64x2::<0x44>(a, b), _mm512_shuffle_f64x2::<0xee>(a, b));
        _mm512_add_pd(low, high)
    };
    let quarters = |ab, cd| {
        let (low, high) =
            (_mm512_shuffle_f64x2::<0x88>(ab, cd), _mm512_shuffle_f64x2::<0xdd>(ab, cd));
        _mm512_add_pd(low, high)
    };
    let abcd = quarters(halves(a, b), halves(c, d));
    let efgh = quarters(halves(e, f), halves(g, h));
    let aebfcgdh = _mm512_add_pd(_mm512_unpacklo_pd(abcd, efgh), _mm512_unpackhi_pd(abcd, efgh));
    let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    let abcdefgh = _mm512_permutexvar_pd(order, aebfcgdh);
    // SAFETY: the reference is valid for 64 bytes, and the store asks for no alignment.
    unsafe { _mm512_storeu_pd(out.as_mut_ptr(), abcdefgh) };
}

#[target_feature(enable = "avx512f,avx512bw")]
fn transform(samples: &Samples, tolerance: f64) -> Transform {
    Transform::of(samples, tolerance)
}

/// A mask of the first `count` of 64 lanes.
#[inline]
fn first_lanes(count: usize) -> u64 {
    assert!((1..=64).contains(&count));
    u64::MAX >> (64 - count)
}

/// Up to 64 bytes, at least one, and zeros after them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8]) -> __m512i {
    // SAFETY: the mask lets through as many bytes as the slice has; no alignment is asked for.
    unsafe { _mm512_maskz_loadu_epi8(first_lanes(bytes.len()), bytes.as_ptr().cast()) }
}
