//! Each kernel against the portable one, once per process and before it hashes anything: a compiler, an emulator or a CPU
//! that gets an instruction wrong costs speed then, and no hash is wrong.

use std::sync::atomic::{AtomicU8, Ordering};

use super::{Kernel, ROWS, Rows};
use crate::fingerprint::pdq::axis::Axis;
use crate::fingerprint::pdq::horizontal::{MARGIN, Taps};
use crate::media::PixelFormat;

/// What is known of a kernel.
const UNKNOWN: u8 = 0;
const RIGHT: u8 = 1;
const WRONG: u8 = 2;

/// Bytes a row: around the blocks of all kernels, with tails of all kinds.
const LENGTHS: [usize; 8] = [1, 15, 31, 33, 64, 97, 129, 200];

/// Whether the kernel gives the bits of the portable one. Tried at the first call and kept for the life of the process. No
/// lock is taken, so a fork at any moment is safe: threads that come first together each come to the same verdict.
pub(super) fn passed(kernel: Kernel) -> bool {
    static VERDICTS: [AtomicU8; 2] = [const { AtomicU8::new(UNKNOWN) }; 2];
    let verdict = match kernel {
        Kernel::Portable => return true,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2(_) => &VERDICTS[0],
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512(_) => &VERDICTS[1],
        #[cfg(target_arch = "aarch64")]
        Kernel::Neon(_) => &VERDICTS[0],
    };
    if verdict.load(Ordering::Relaxed) == UNKNOWN {
        let right = answers(kernel) == answers(Kernel::Portable);
        verdict.store(if right { RIGHT } else { WRONG }, Ordering::Relaxed);
    }
    verdict.load(Ordering::Relaxed) == RIGHT
}

/// What the kernel makes of rows, sums and samples on the heap that end where their last value does, as bits.
pub(super) fn answers(kernel: Kernel) -> Vec<u64> {
    let mut answers = Vec::new();
    let mut state = 0;
    added(kernel, &mut state, &mut answers);
    dotted(kernel, &mut state, &mut answers);
    let mut samples = Box::new([[0.0; 64]; 64]);
    for sample in samples.as_flattened_mut() {
        *sample = (random(&mut state) >> 40) as f64 * (255.0 / (1 << 24) as f64);
    }
    let transform = kernel.transform(&samples, 1e-3);
    answers.extend(transform.coefficients.as_flattened().iter().map(|c| c.to_bits()));
    answers.extend(transform.quality.map(u64::from));
    answers
}

/// White at the largest weights, where a lane would saturate, and noise at all weights over sums that are there already.
fn added(kernel: Kernel, state: &mut u64, answers: &mut Vec<u64>) {
    let mut weights = [127; ROWS];
    for (i, length) in LENGTHS.into_iter().enumerate() {
        let count = ROWS - i % 4;
        let stride = length + i % 3;
        let mut bytes = vec![255; (count - 1) * stride + length];
        let mut sums = vec![0; length];
        for fresh in [true, false] {
            let rows = Rows::new(&bytes, stride, length, count);
            kernel.add(rows, &weights[..count], &mut sums, fresh);
            answers.extend(sums.iter().map(|sum| *sum as u64));
            bytes.fill_with(|| random(state) as u8);
            weights.fill_with(|| random(state) as u8 & 127);
            weights[i] = 127;
        }
        weights = [127; ROWS];
    }
}

/// An even window, which cuts the last sample, and an odd one; a few chunks of weights, and one.
fn dotted(kernel: Kernel, state: &mut u64, answers: &mut Vec<u64>) {
    let mut taps = Taps::default();
    for (width, format) in [(700, PixelFormat::Rgb8), (300, PixelFormat::Grey8)] {
        taps.prepare(Axis::new(width, false), format);
        let mut sums = vec![0; width * format.bytes_per_pixel() + MARGIN];
        sums.fill_with(|| (random(state) >> 33) as i32);
        let mut out = [0.0; 64];
        kernel.along_row(&sums, &taps, [7.0, 3.0], &mut out);
        answers.extend(out.map(f64::to_bits));
    }
}

/// SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
