//! NEON: one half of a row per register, `cnt` for its bytes and `addlv` for their sum.
//!
//! NEON has a population count of bytes and a sum across the register, so nothing needs to be transposed.
//!
//! Minimal on purpose: no machine of the project has NEON. It was compiled for aarch64, and the tests of this room passed on it
//! under an emulator; it has not run on silicon, and its speed is not known.
#![allow(unsafe_code, reason = "a kernel: calls across target features, and unaligned loads")]

use std::arch::aarch64::{uint8x16_t, vaddlvq_u8, vcntq_u8, veorq_u8, vld1q_u8};
use std::arch::is_aarch64_feature_detected;

use super::scan::{Code, Tile};

/// Proof that this CPU and operating system run NEON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn new() -> Option<Neon> {
        is_aarch64_feature_detected!("neon").then_some(Neon(()))
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

#[target_feature(enable = "neon")]
fn near<const BYTES: usize>(tile: &Tile, queries: &[Code], radius: u32) -> u64 {
    let mut near = 0;
    for query in queries {
        let (query, _) = query[..BYTES].as_chunks::<16>();
        for (i, row) in tile.iter().enumerate() {
            let (row, _) = row.as_chunks::<16>();
            let mut sum = 0;
            for (row, query) in row.iter().zip(query) {
                let differing = vcntq_u8(veorq_u8(load(row), load(query)));
                sum += u32::from(vaddlvq_u8(differing));
            }
            near |= u64::from(sum <= radius) << i;
        }
    }
    near
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: the reference is valid for 16 bytes, and the load asks for no alignment.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}
