//! What is compiled once per instruction set: which entries of a bucket pass the first test.
//!
//! Each set has a [`Mask`], a dozen instructions; the loop around it is one text, handed over as [`Work`] and compiled anew with each set's
//! instructions. The search waits for memory more than for anything else, so NEON is left to the compiler.
#![allow(
    unsafe_code,
    reason = "kernels: calls across target features, unaligned loads, prefetching"
)]

use crate::hamming::Isa;

/// Entries that are looked at together. A bucket's last step reads past it, which the padding of the index allows.
pub(super) const STEP: usize = 32;

/// Next chunks of as many entries.
pub(super) type Step = [u8; 2 * STEP];

/// The first test for one instruction set.
pub(super) trait Mask: Copy {
    /// The entries that differ from `chunk` in `most` bits or fewer: entry 0 is bit 0.
    fn near(self, step: &Step, chunk: u16, most: u8) -> u32;
}

/// A loop that needs a [`Mask`].
pub(super) trait Work {
    /// What it gives.
    type Output;
    /// Does it. Must be `#[inline(always)]`, or it is compiled without the instructions.
    fn run(self, mask: impl Mask) -> Self::Output;
}

/// The instructions to use. A value other than `Portable` is the proof that this CPU has all that the functions of its name are compiled with: `of`
/// looks for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kernel(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable = 0,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// The strongest that `isa` allows and that works. The portable one needs no leave: there is nothing below it. AVX-512 means other
    /// extensions here than it does to a scan.
    pub(super) fn of(isa: Isa) -> Kernel {
        #[cfg(target_arch = "x86_64")]
        {
            let avx512 = isa.name() == "avx512";
            if avx512
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512bitalg")
                && Kernel(Set::Avx512).works()
            {
                return Kernel(Set::Avx512);
            }
            let avx2 = isa.name() == "avx2" || avx512;
            if avx2 && is_x86_feature_detected!("avx2") && Kernel(Set::Avx2).works() {
                return Kernel(Set::Avx2);
            }
        }
        let _ = isa;
        Kernel(Set::Portable)
    }

    /// Whether it passes its trial: tried once in the life of a process, without a lock.
    #[cfg(target_arch = "x86_64")]
    fn works(self) -> bool {
        use std::sync::atomic::{AtomicU8, Ordering};
        // For each set: 0 untried, 1 works, 2 does not.
        static TRIED: [AtomicU8; 3] = [const { AtomicU8::new(0) }; 3];
        let tried = &TRIED[self.0 as usize];
        match tried.load(Ordering::Relaxed) {
            0 => {
                let passed = self.run(Trial(&cases()));
                tried.store(if passed { 1 } else { 2 }, Ordering::Relaxed);
                passed
            }
            known => known == 1,
        }
    }

    /// As `TAMIS_ISA` spells it.
    pub(super) fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }

    /// Does the work with these instructions.
    #[inline]
    pub(super) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            Set::Portable => work.run(Portable),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: such a value exists only where `of` found AVX2.
            Set::Avx2 => unsafe { x86::with_avx2(work) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: such a value exists only where `of` found AVX-512 F, BW and BITALG.
            Set::Avx512 => unsafe { x86::with_avx512(work) },
        }
    }
}

/// A step and the right answer, by the definition. They lie on the heap, as a set does, and no step is aligned.
#[cfg(any(test, target_arch = "x86_64"))]
struct Case {
    /// From its third byte on.
    step: Vec<u8>,
    chunk: u16,
    most: u8,
    near: u32,
}

/// Every distance in every place, and every limit.
#[cfg(any(test, target_arch = "x86_64"))]
#[inline(never)]
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for turn in 0..=16u32 {
        let chunk = 0x9E37u16.rotate_left(turn);
        // As many bits as place and turn say, somewhere in the chunk.
        let bits = |place: u32| (place + turn) % 17;
        let mut step = vec![0; 2];
        for place in 0..STEP as u32 {
            let differ = (((1u32 << bits(place)) - 1) as u16).rotate_left(place);
            step.extend((chunk ^ differ).to_le_bytes());
        }
        for most in 0..=16 {
            let near = (0..STEP as u32).filter(|place| bits(*place) <= most);
            let near = near.fold(0, |near, place| near | 1 << place);
            cases.push(Case { step: step.clone(), chunk, most: most as u8, near });
        }
    }
    cases
}

/// Whether a mask gives the right answers.
#[cfg(any(test, target_arch = "x86_64"))]
struct Trial<'c>(&'c [Case]);

#[cfg(any(test, target_arch = "x86_64"))]
impl Work for Trial<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self, mask: impl Mask) -> bool {
        // What the compiler knew of the cases it would work out itself, without the instructions that are on trial.
        std::hint::black_box(self.0).iter().all(|case| {
            let step = case.step.get(2..).and_then(|step| step.first_chunk());
            step.is_some_and(|step| mask.near(step, case.chunk, case.most) == case.near)
        })
    }
}

#[derive(Clone, Copy)]
struct Portable;

impl Mask for Portable {
    #[inline(always)]
    fn near(self, step: &Step, chunk: u16, most: u8) -> u32 {
        let near = |entry: &[u8; 2]| {
            (u16::from_le_bytes(*entry) ^ chunk).count_ones() as u16 <= u16::from(most)
        };
        // The compiler makes vectors of the first loop, which is nearly always the last.
        let entries = step.as_chunks::<2>().0;
        if !entries.iter().fold(false, |any, entry| any | near(entry)) {
            return 0;
        }
        entries.iter().enumerate().fold(0, |mask, (i, entry)| mask | u32::from(near(entry)) << i)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm_setr_epi8, _mm256_add_epi8, _mm256_and_si256, _mm256_broadcastsi128_si256,
        _mm256_cmpgt_epi16, _mm256_loadu_si256, _mm256_maddubs_epi16, _mm256_movemask_epi8,
        _mm256_packs_epi16, _mm256_permute4x64_epi64, _mm256_set1_epi8, _mm256_set1_epi16,
        _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_xor_si256, _mm512_cmple_epu16_mask,
        _mm512_loadu_si512, _mm512_popcnt_epi16, _mm512_set1_epi16, _mm512_xor_si512,
    };

    use super::{Mask, Step, Work};

    #[target_feature(enable = "avx2")]
    pub(super) fn with_avx2<W: Work>(work: W) -> W::Output {
        work.run(Avx2)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bitalg")]
    pub(super) fn with_avx512<W: Work>(work: W) -> W::Output {
        work.run(Avx512)
    }

    #[derive(Clone, Copy)]
    struct Avx2;

    impl Mask for Avx2 {
        #[inline(always)]
        fn near(self, step: &Step, chunk: u16, most: u8) -> u32 {
            // SAFETY: a value of this type is made in `with_avx2` only.
            unsafe { near_avx2(step, chunk, most) }
        }
    }

    #[derive(Clone, Copy)]
    struct Avx512;

    impl Mask for Avx512 {
        #[inline(always)]
        fn near(self, step: &Step, chunk: u16, most: u8) -> u32 {
            // SAFETY: a value of this type is made in `with_avx512` only.
            unsafe { near_avx512(step, chunk, most) }
        }
    }

    /// ```text
    /// for half of 16 entries:
    ///     nibbles = ONES[low nibbles of entries ^ chunk] + ONES[high nibbles]     bits that differ, byte by byte, at most 8
    ///     far     = nibbles[0] + nibbles[1] > most                               in 16 bits: all ones or zeros
    /// near = not the sign bits of far, packed to 32 bytes
    /// ```
    ///
    /// Counts are at most 16 and `most` is too, so a signed compare does; packing with signed saturation keeps all ones and zeros as they are.
    /// Entries that the bucket does not have are read as well, from what follows it or from the padding of the index; whoever calls drops their bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn near_avx2(step: &Step, chunk: u16, most: u8) -> u32 {
        let chunk = _mm256_set1_epi16(chunk as i16);
        let most = _mm256_set1_epi16(i16::from(most));
        let (halves, _) = step.as_chunks::<32>();
        let far = [far(&halves[0], chunk, most), far(&halves[1], chunk, most)];
        // Packing works within halves of the register, so its middle quarters are then exchanged.
        let far = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi16(far[0], far[1]));
        !_mm256_movemask_epi8(far) as u32
    }

    /// All ones for each of sixteen entries that differ in more than `most` bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn far(entries: &[u8; 32], chunk: __m256i, most: __m256i) -> __m256i {
        // SAFETY: the reference is valid for 32 bytes, and the load asks for no alignment.
        let entries = unsafe { _mm256_loadu_si256(entries.as_ptr().cast()) };
        let differ = _mm256_xor_si256(entries, chunk);
        let ones = _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
        let ones = _mm256_broadcastsi128_si256(ones);
        let nibble = _mm256_set1_epi8(15);
        let low = _mm256_and_si256(differ, nibble);
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(differ), nibble);
        let bytes =
            _mm256_add_epi8(_mm256_shuffle_epi8(ones, low), _mm256_shuffle_epi8(ones, high));
        _mm256_cmpgt_epi16(_mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1)), most)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bitalg")]
    fn near_avx512(step: &Step, chunk: u16, most: u8) -> u32 {
        // SAFETY: the reference is valid for 64 bytes, and the load asks for no alignment.
        let step = unsafe { _mm512_loadu_si512(step.as_ptr().cast()) };
        let differ = _mm512_xor_si512(step, _mm512_set1_epi16(chunk as i16));
        let most = _mm512_set1_epi16(i16::from(most));
        _mm512_cmple_epu16_mask(_mm512_popcnt_epi16(differ), most)
    }
}

/// Asks for the cache line of a byte that will be read soon; harmless where there is no such byte.
#[inline(always)]
pub(super) fn prefetch(bytes: &[u8], at: usize) {
    let address = bytes.as_ptr().wrapping_add(at);
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64. A prefetch changes nothing that a program could see, and no address makes it fault.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a prefetch changes nothing that a program could see, and no address makes it fault.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mask_of_this_machine_works() {
        let mut tried = 0;
        for isa in Isa::available() {
            let kernel = Kernel::of(isa);
            assert!(kernel.run(Trial(&cases())), "{kernel:?}");
            tried += usize::from(kernel != Kernel(Set::Portable));
        }
        assert_eq!(
            tried,
            Isa::available().filter(|isa| ["avx2", "avx512"].contains(&isa.name())).count()
        );
    }

    #[derive(Clone, Copy)]
    struct Wrong;

    impl Mask for Wrong {
        fn near(self, step: &Step, chunk: u16, most: u8) -> u32 {
            // Right but for one place.
            Portable.near(step, chunk, most) ^ u32::from(most == 7) << 19
        }
    }

    #[test]
    fn a_wrong_mask_fails_the_trial() {
        assert!(Trial(&cases()).run(Portable));
        assert!(!Trial(&cases()).run(Wrong));
    }
}
