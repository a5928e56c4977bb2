//! What is written or compiled once per instruction set: the sums that read the pixels, and the arithmetic of one picture.
//!
//! ```text
//! add(rows, weights, sums, fresh):   sums[c] = (0 if fresh else sums[c]) + sum over i of weights[i] * rows[i][c]
//! ```
//!
//! `add` is written anew in each file, and exact in each: it adds whole numbers, and every file says why none of its
//! sums overflows. The dot products in [`along_row`](super::horizontal::along_row) are written three times (portable, AVX2, AVX-512), in the one order of
//! [`dot`](super::horizontal::dot). [`Transform::of`] is one text for all, compiled with more instructions. Rust neither reorders nor fuses
//! operations on `f64`, so all of them have the same bits.
//!
//! A kernel proves it once per process before it is used: see [`trial`].

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;
mod trial;

#[cfg(target_arch = "x86_64")]
use self::{avx2::Avx2, avx512::Avx512};
#[cfg(target_arch = "aarch64")]
use neon::Neon;

use super::horizontal::{Taps, along_row};
use super::transform::{Samples, Transform};
use crate::hamming::Isa;
use crate::media::Raster;

/// Most rows in one call of [`Kernel::add`].
pub(super) const ROWS: usize = 16;

/// Largest weight of a row in one call of [`Kernel::add`]: a signed byte.
pub(super) const MAX_WEIGHT: u16 = 127;

/// Up to [`ROWS`] rows of bytes, at least one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    bytes: &'a [u8],
    stride: usize,
    count: usize,
    length: usize,
}

impl<'a> Rows<'a> {
    /// `count` rows of a raster of 8 bits a channel, from row `first` on.
    pub(super) fn of(raster: &Raster<'a>, first: usize, count: usize) -> Self {
        assert!(first + count <= raster.height());
        let length = raster.width() * raster.format().bytes_per_pixel();
        Rows::new(&raster.bytes()[first * raster.stride()..], raster.stride(), length, count)
    }

    /// `count` rows of `length` bytes, `stride` bytes apart. Rows that are not there end in a panic: left out of a hash, they would make it a wrong one.
    pub(super) fn new(bytes: &'a [u8], stride: usize, length: usize, count: usize) -> Self {
        let rows = Rows { bytes, stride, count, length };
        assert!((1..=ROWS).contains(&count) && rows.start(count - 1) + length <= bytes.len());
        rows
    }

    /// What the arithmetic of the kernels rests on: one weight per row, none of more than a signed byte, and one sum per byte of a row. Their loads
    /// rest on nothing: they take slices.
    #[inline]
    fn assert_fit(&self, weights: &[u8], sums: &[i32]) {
        assert!(weights.len() == self.count && sums.len() == self.length);
        assert!(weights.iter().all(|weight| u16::from(*weight) <= MAX_WEIGHT));
    }

    /// Where row `i` starts.
    fn start(&self, i: usize) -> usize {
        i * self.stride
    }

    fn row(&self, i: usize) -> &'a [u8] {
        &self.bytes[self.start(i)..][..self.length]
    }

    /// The same rows without their first `count` bytes.
    #[allow(dead_code, reason = "the portable kernel alone has no tails")]
    fn skip_columns(&self, count: usize) -> Self {
        Rows { bytes: &self.bytes[count..], length: self.length - count, ..*self }
    }
}

/// The instructions to use. No value of a set that this CPU lacks can be made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

impl Default for Kernel {
    fn default() -> Self {
        Kernel::of(Isa::detect())
    }
}

impl Kernel {
    /// The strongest kernel that `isa` allows and that passes its [`trial`].
    pub(super) fn of(isa: Isa) -> Self {
        Kernel::strongest(isa, trial::passed)
    }

    /// The strongest kernel that `isa` allows and that `works`. The portable one needs no leave: there is nothing below
    /// it. AVX-512 means other extensions here than it does to the search, so that a CPU may have one and not the other.
    fn strongest(isa: Isa, works: impl Fn(Kernel) -> bool) -> Self {
        let offered: [Option<Kernel>; 2] = match isa.name() {
            #[cfg(target_arch = "x86_64")]
            "avx512" => [Avx512::new().map(Kernel::Avx512), Avx2::new().map(Kernel::Avx2)],
            #[cfg(target_arch = "x86_64")]
            "avx2" => [Avx2::new().map(Kernel::Avx2), None],
            #[cfg(target_arch = "aarch64")]
            "neon" => [Neon::new().map(Kernel::Neon), None],
            _ => [None, None],
        };
        offered.into_iter().flatten().find(|kernel| works(*kernel)).unwrap_or(Kernel::Portable)
    }

    /// Spelled as [`Isa::name`] does.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kernel::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon(_) => "neon",
        }
    }

    /// See the [module](self). There is one weight per row, at most [`MAX_WEIGHT`], and one sum per byte of a row. The
    /// caller sees to it that no sum exceeds 31 bits.
    pub(super) fn add(self, rows: Rows<'_>, weights: &[u8], sums: &mut [i32], fresh: bool) {
        match self {
            Kernel::Portable => portable::add(rows, weights, sums, fresh),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(proof) => proof.add(rows, weights, sums, fresh),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(proof) => proof.add(rows, weights, sums, fresh),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon(proof) => proof.add(rows, weights, sums, fresh),
        }
    }

    /// The 64 samples of a row, from the sums of its columns: see [`along_row`].
    pub(super) fn along_row(
        self,
        sums: &[i32],
        taps: &Taps,
        divisors: [f64; 2],
        out: &mut [f64; 64],
    ) {
        match self {
            Kernel::Portable => along_row(sums, taps, divisors, out, portable::eight_dots),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(proof) => proof.along_row(sums, taps, divisors, out),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(proof) => proof.along_row(sums, taps, divisors, out),
            // NEON is part of the baseline: the compiler uses it everywhere.
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon(_) => along_row(sums, taps, divisors, out, portable::eight_dots),
        }
    }

    /// Everything that is computed from the samples and asks for many operations.
    pub(super) fn transform(self, samples: &Samples, tolerance: f64) -> Transform {
        match self {
            Kernel::Portable => Transform::of(samples, tolerance),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(proof) => proof.transform(samples, tolerance),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(proof) => proof.transform(samples, tolerance),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon(_) => Transform::of(samples, tolerance),
        }
    }
}
