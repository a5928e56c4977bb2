//! Which instruction set the kernels use: a value that proves that this CPU has it.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::portable;
use super::scan::{Code, Tile, scan_batch};
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

/// An instruction set that this CPU has. No value of another one can be made, so holding one is the
/// proof that its kernels may run. Ordered by strength, `Isa::PORTABLE` lowest.
///
/// ```
/// use tamis::hamming::Isa;
/// assert!(Isa::available().any(|isa| isa == Isa::detect()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isa(Kernel);

/// The kernels of this architecture, weakest first. Each but the first holds its own proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kernel {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

/// The environment variable that can lower the instruction set.
const VARIABLE: &str = "TAMIS_ISA";

/// The values of [`VARIABLE`], on every architecture.
const NAMES: [&str; 4] = ["portable", "avx2", "avx512", "neon"];

impl Isa {
    /// The kernels that need no particular instructions.
    pub const PORTABLE: Isa = Isa(Kernel::Portable);

    /// The strongest instruction set of this CPU whose kernels pass [`Isa::self_test`], no stronger than the
    /// environment variable `TAMIS_ISA` asks for.
    ///
    /// The choice is made at the first call and kept for the life of the process. There is no lock here: threads that come first together each make
    /// the same choice. But to read the environment, the first call waits for std's own lock of it. A process that forks while another of its threads
    /// changes the environment should call this before.
    pub fn detect() -> Isa {
        // 0 until chosen, then 1 + the position in `available`.
        static CHOSEN: AtomicUsize = AtomicUsize::new(0);
        let chosen = CHOSEN.load(Ordering::Relaxed).checked_sub(1);
        if let Some(isa) = chosen.and_then(|position| Isa::available().nth(position)) {
            return isa;
        }
        let isa = Isa::choose(Isa::requested().unwrap_or(None), Isa::self_test);
        let position = Isa::available().position(|other| other == isa).unwrap_or(0);
        CHOSEN.store(1 + position, Ordering::Relaxed);
        isa
    }

    /// The instruction sets of this CPU that Tamis has kernels for, weakest first, tested or not.
    pub fn available() -> impl DoubleEndedIterator<Item = Isa> {
        #[cfg(target_arch = "x86_64")]
        let more = [Avx2::new().map(Kernel::Avx2), Avx512::new().map(Kernel::Avx512)];
        #[cfg(target_arch = "aarch64")]
        let more = [Neon::new().map(Kernel::Neon)];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let more: [Option<Kernel>; 0] = [];
        std::iter::once(Isa::PORTABLE).chain(more.into_iter().flatten().map(Isa))
    }

    /// What `TAMIS_ISA` asks for now: nothing if it is unset or empty.
    ///
    /// # Errors
    ///
    /// A sentence for the operator if the value is unknown, or names instructions that this CPU lacks. [`Isa::detect`]
    /// ignores such a value.
    pub fn requested() -> Result<Option<Isa>, String> {
        match std::env::var_os(VARIABLE) {
            Some(value) if !value.is_empty() => Isa::named(&value.to_string_lossy()).map(Some),
            _ => Ok(None),
        }
    }

    /// The instruction set's name, as `TAMIS_ISA` spells it.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kernel::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon(_) => "neon",
        }
    }

    /// Whether the kernels answer as the plain method does, on a few hundred rows on the heap with distances planted
    /// around several radii. Takes a fraction of a millisecond.
    pub fn self_test(self) -> bool {
        let (codes, queries) = planted();
        [0, 30, 31, 128, 255, 256].into_iter().all(|radius| {
            let mut expected = Vec::new();
            for (row, code) in codes.iter().enumerate() {
                for (query, other) in queries.iter().enumerate() {
                    let distance = code.iter().zip(other).map(|(a, b)| (a ^ b).count_ones()).sum();
                    if distance <= radius {
                        expected.push((query, row, distance));
                    }
                }
            }
            let mut found = Vec::with_capacity(expected.len());
            scan_batch(self, &codes, &queries, radius, |query, row, distance| {
                found.push((query, row, distance));
            });
            found == expected
        })
    }

    /// See the [room](super) for what `near` is.
    #[inline]
    pub(super) fn near<const BYTES: usize>(
        self,
        tile: &Tile,
        queries: &[Code],
        radius: u32,
    ) -> u64 {
        match self.0 {
            Kernel::Portable => portable::near::<BYTES>(tile, queries, radius),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(proof) => proof.near::<BYTES>(tile, queries, radius),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(proof) => proof.near::<BYTES>(tile, queries, radius),
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon(proof) => proof.near::<BYTES>(tile, queries, radius),
        }
    }

    /// The strongest available one that `works` and is not stronger than `most`. The portable one needs no leave:
    /// there is nothing below it.
    pub(super) fn choose(most: Option<Isa>, works: impl Fn(Isa) -> bool) -> Isa {
        Isa::available()
            .rev()
            .filter(|isa| most.is_none_or(|most| *isa <= most))
            .find(|isa| works(*isa))
            .unwrap_or(Isa::PORTABLE)
    }

    /// The available instruction set of that name.
    pub(super) fn named(name: &str) -> Result<Isa, String> {
        match Isa::available().find(|isa| isa.name() == name) {
            Some(isa) => Ok(isa),
            None if NAMES.contains(&name) => Err(format!(
                "{VARIABLE} is {name:?}, which this CPU does not have; it is ignored. Unset it, or set it to portable"
            )),
            None => Err(format!(
                "{VARIABLE} is {name:?}, expected one of {}; it is ignored",
                NAMES.join(", ")
            )),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Rows and queries for [`Isa::self_test`]: four tiles and a tail; two rows of three are a query with 0..=256 bits flipped,
/// the third is unrelated. Three is odd, so that each place of a tile comes to hold a planted row.
pub(super) fn planted() -> (Vec<Code>, Vec<Code>) {
    let mut state = 0u64;
    let mut random = || {
        let mut code: Code = [0; 32];
        for word in code.as_chunks_mut::<8>().0 {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *word = (mixed ^ (mixed >> 31)).to_le_bytes();
        }
        code
    };
    let queries: Vec<Code> = (0..3).map(|_| random()).collect();
    let flips = [0, 1, 29, 30, 31, 32, 127, 128, 129, 254, 255, 256];
    let codes = (0..4 * 64 + 45)
        .map(|row| {
            let mut code = random();
            if row % 3 != 0 {
                code = queries[row / 2 % queries.len()];
                for flip in 0..flips[row / 3 % flips.len()] {
                    // An odd step visits each of the 256 bits once.
                    let bit = (row + 37 * flip) % 256;
                    code[bit / 8] ^= 1 << (bit % 8);
                }
            }
            code
        })
        .collect();
    (codes, queries)
}
