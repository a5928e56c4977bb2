//! NEON: bytes times a byte, added to 16-bit lanes in one instruction.
//!
//! ```text
//! for block of 16 columns:
//!     for group of rows whose weights add up to at most 257:
//!         low, high += row * weight                                           16 bits: 257 * 255 = 65535
//!         wide += low, high                                                   32 bits
//!     sums += wide
//! ```
//!
//! No machine of the project has NEON: it was compiled for aarch64, and its speed is not known.
#![allow(
    unsafe_code,
    reason = "a kernel: calls across target features, and unaligned loads and stores"
)]

use std::arch::aarch64::{
    int32x4_t, uint8x16_t, uint32x4_t, vaddq_s32, vaddw_high_u16, vaddw_u16, vdup_n_u8,
    vdupq_n_s32, vdupq_n_u8, vdupq_n_u16, vdupq_n_u32, vget_low_u8, vget_low_u16, vld1q_s32,
    vld1q_u8, vmlal_high_u8, vmlal_u8, vreinterpretq_s32_u32, vst1q_s32,
};
use std::arch::is_aarch64_feature_detected;

use super::Rows;
use super::portable::{self, group};

/// Proof that this CPU and operating system run NEON.
#[derive(Clone, Copy, Debug)]
pub(in crate::fingerprint::pdq) struct Neon(());

impl Neon {
    pub(super) fn new() -> Option<Neon> {
        is_aarch64_feature_detected!("neon").then_some(Neon(()))
    }

    pub(super) fn add(self, rows: Rows<'_>, weights: &[u8], sums: &mut [i32], fresh: bool) {
        rows.assert_fit(weights, sums);
        // SAFETY: a value of this type exists only where `new` found the feature.
        unsafe { add(rows, weights, sums, fresh) }
    }
}

#[target_feature(enable = "neon")]
fn add(rows: Rows<'_>, weights: &[u8], sums: &mut [i32], fresh: bool) {
    let (blocks, tail) = sums.as_chunks_mut::<16>();
    for (block, sums) in blocks.iter_mut().enumerate() {
        let mut wide = [vdupq_n_u32(0); 4];
        let mut first = 0;
        while first < weights.len() {
            let end = first + group(&weights[first..]);
            wide = add_group(&rows, block, first, &weights[first..end], wide);
            first = end;
        }
        for (sums, new) in sums.as_chunks_mut::<4>().0.iter_mut().zip(wide) {
            let new = vreinterpretq_s32_u32(new);
            let old = if fresh { vdupq_n_s32(0) } else { loaded(sums) };
            store(sums, vaddq_s32(new, old));
        }
    }
    if !tail.is_empty() {
        let columns = 16 * blocks.len();
        portable::add(rows.skip_columns(columns), weights, tail, fresh);
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn add_group(
    rows: &Rows<'_>,
    block: usize,
    first: usize,
    weights: &[u8],
    wide: [uint32x4_t; 4],
) -> [uint32x4_t; 4] {
    let (mut low, mut high) = (vdupq_n_u16(0), vdupq_n_u16(0));
    for (i, weight) in weights.iter().enumerate() {
        let row = load(&rows.row(first + i).as_chunks().0[block]);
        low = vmlal_u8(low, vget_low_u8(row), vdup_n_u8(*weight));
        high = vmlal_high_u8(high, row, vdupq_n_u8(*weight));
    }
    [
        vaddw_u16(wide[0], vget_low_u16(low)),
        vaddw_high_u16(wide[1], low),
        vaddw_u16(wide[2], vget_low_u16(high)),
        vaddw_high_u16(wide[3], high),
    ]
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: the reference is valid for 16 bytes, and the load asks for no alignment.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn loaded(sums: &[i32; 4]) -> int32x4_t {
    // SAFETY: the reference is valid for 16 bytes, and the load asks for no alignment.
    unsafe { vld1q_s32(sums.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store(sums: &mut [i32; 4], new: int32x4_t) {
    // SAFETY: the reference is valid for 16 bytes, and the store asks for no alignment.
    unsafe { vst1q_s32(sums.as_mut_ptr(), new) }
}
