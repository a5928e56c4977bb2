//! PDQ codes drawn by seed: the same on every machine, for sets and for the queries that are asked of them.
//!
//! ```text
//! random bits    four numbers of SplitMix64, each as 8 bytes, the lowest first
//! below(n)       the upper 64 bits of a number times n
//! flip(k, of)    k times: bits below(256) are drawn until one is of that sort and was not flipped yet (bit b: byte b / 8, value 2 ^ (b % 8))
//!
//! uniform        random bits
//! weight128      random bits, of which so many set ones, or clear ones, are flipped that 128 are set
//! clustered      codes / 200 centres of weight128 are drawn first. Then, in turn, one code near a centre, one of weight128. Near:
//!                centre below(centres), distance d = below(41); of the centre's bits, d/2 rounded up that are set and d/2 rounded down that are clear are flipped
//! ```
//!
//! A code that the builder would refuse as poison, or that was drawn before, is drawn again. All come from one stream of numbers, which begins with the seed.
//! Why weight128 is uniform among codes of 128 bits: random bits of a given weight are, and to flip a random bit keeps them so.

use std::collections::HashSet;

use tamis::fingerprint::PdqHash;
use tamis::set::{Entry, refusal};

use crate::Failure;
use crate::args::CodeKind;
use crate::drawing::noise::{Random, finalise};

/// Farthest that a clustered code is from its centre, in bits.
const SPREAD: u64 = 40;
/// Codes for each centre; half of them are near it.
const PER_CENTRE: u64 = 200;

/// Draws codes without any rule but their weight.
pub(in crate::verb) struct Draw(Random);

impl Draw {
    pub(in crate::verb) fn new(seed: u64) -> Draw {
        Draw(Random::new(seed))
    }

    /// A number below `n`.
    pub(in crate::verb) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.0.next()) * u128::from(n)) >> 64) as u64
    }

    /// Every code is as likely as any other.
    fn uniform(&mut self) -> PdqHash {
        let mut code = PdqHash::default();
        for word in code.0.as_chunks_mut().0 {
            *word = self.0.next().to_le_bytes();
        }
        code
    }

    /// As [`Draw::uniform`], of the codes that have 128 bits set.
    pub(in crate::verb) fn balanced(&mut self) -> PdqHash {
        let code = self.uniform();
        let weight = code.popcount();
        self.flip(code, weight.abs_diff(128), |set| set == (weight > 128))
    }

    /// The code with so many different bits flipped, each of which is `eligible`, set or clear as it was.
    pub(in crate::verb) fn flip(
        &mut self,
        code: PdqHash,
        bits: u32,
        eligible: impl Fn(bool) -> bool,
    ) -> PdqHash {
        let mut flipped = code;
        let mut left = bits;
        while left > 0 {
            let bit = self.below(256) as usize;
            let (byte, mask) = (bit / 8, 1 << (bit % 8));
            let fresh = (flipped.0[byte] ^ code.0[byte]) & mask == 0;
            if fresh && eligible(code.0[byte] & mask != 0) {
                flipped.0[byte] ^= mask;
                left -= 1;
            }
        }
        flipped
    }

    /// At most [`SPREAD`] bits from the centre, every distance as likely. The weight is that of the centre, or one less.
    fn near(&mut self, centre: PdqHash) -> PdqHash {
        let distance = self.below(SPREAD + 1) as u32;
        let cleared = self.flip(centre, distance.div_ceil(2), |set| set);
        let mut code = self.flip(centre, distance / 2, |set| !set);
        for ((byte, cleared), centre) in code.0.iter_mut().zip(cleared.0).zip(centre.0) {
            *byte ^= cleared ^ centre;
        }
        code
    }
}

/// Draws distinct codes that a set takes.
pub(super) struct Codes {
    draw: Draw,
    kind: CodeKind,
    centres: Vec<PdqHash>,
    /// A number of each code so far. Two codes of the same number are taken for the same.
    seen: HashSet<u64>,
}

impl Codes {
    /// For so many codes.
    pub(super) fn new(kind: CodeKind, count: u64, seed: u64) -> Result<Codes, Failure> {
        let mut draw = Draw::new(seed);
        let centres = match kind {
            CodeKind::Clustered => {
                (0..count.div_ceil(PER_CENTRE)).map(|_| draw.balanced()).collect()
            }
            CodeKind::Uniform | CodeKind::Weight128 => Vec::new(),
        };
        let mut seen = HashSet::new();
        seen.try_reserve(count as usize)
            .map_err(|_| Failure::new("there is no memory for so many codes"))?;
        Ok(Codes { draw, kind, centres, seen })
    }

    /// Bytes of memory that telling so many codes apart takes.
    pub(super) fn memory(count: u64) -> u64 {
        let slots = (count.saturating_mul(8) / 7).checked_next_power_of_two().unwrap_or(u64::MAX);
        slots.saturating_mul(9).saturating_add(count / PER_CENTRE * size_of::<PdqHash>() as u64)
    }

    pub(super) fn next(&mut self) -> PdqHash {
        loop {
            let code = self.candidate();
            if refusal::check(&Entry::new(code)).is_ok() && self.seen.insert(number(&code)) {
                return code;
            }
        }
    }

    fn candidate(&mut self) -> PdqHash {
        match self.kind {
            CodeKind::Uniform => self.draw.uniform(),
            CodeKind::Clustered if self.seen.len().is_multiple_of(2) => {
                let centre = self.draw.below(self.centres.len() as u64) as usize;
                self.draw.near(self.centres.get(centre).copied().unwrap_or_default())
            }
            CodeKind::Weight128 | CodeKind::Clustered => self.draw.balanced(),
        }
    }
}

/// 64 bits that tell codes apart.
fn number(code: &PdqHash) -> u64 {
    let words = code.0.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
    words.fold(0, |number, word| finalise(number ^ word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(kind: CodeKind, count: u64, seed: u64) -> Vec<PdqHash> {
        let mut codes = Codes::new(kind, count, seed).unwrap();
        (0..count).map(|_| codes.next()).collect()
    }

    /// The stream is part of what users compare: a change of it is a change of every set.
    #[test]
    fn the_first_codes_are_those_of_every_version() {
        for (kind, first) in [
            (CodeKind::Uniform, "c15c0289ec2d0a9167ec8e65a18debbe5e5532fbeea293f80bc942ee9086c171"),
            (
                CodeKind::Weight128,
                "c15c0289ec2d0a9167ec8e65a18debbe7e5532fbeea293f80bc942ee9186c171",
            ),
            (
                CodeKind::Clustered,
                "0eee71262685f5b62f7acd9aa98c2796ac9c8549d25bce265262f4b4b24154d5",
            ),
        ] {
            assert_eq!(drawn(kind, 1000, 1)[0].to_string(), first, "{kind:?}");
        }
    }

    #[test]
    fn codes_are_distinct_and_of_the_weight_that_was_asked_for() {
        for (kind, weights) in [
            (CodeKind::Uniform, 96..=128),
            (CodeKind::Weight128, 128..=128),
            (CodeKind::Clustered, 127..=128),
        ] {
            let codes = drawn(kind, 20_000, 3);
            assert!(codes.iter().all(|code| weights.contains(&code.popcount())), "{kind:?}");
            assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len(), "{kind:?}");
            assert_ne!(codes[..9], drawn(kind, 20_000, 4)[..9], "{kind:?}");
        }
    }

    #[test]
    fn half_of_the_clustered_codes_are_near_a_centre_at_every_distance() {
        let mut codes = Codes::new(CodeKind::Clustered, 20_000, 5).unwrap();
        let mut at = [0u32; SPREAD as usize + 1];
        for i in 0..20_000 {
            let code = codes.next();
            let nearest = codes.centres.iter().map(|centre| centre.distance(&code)).min().unwrap();
            match at.get_mut(nearest as usize) {
                Some(at) => *at += 1,
                None => assert_eq!(i % 2, 1, "{nearest} bits from every centre"),
            }
        }
        // A centre itself can be drawn only once, and one bit from it are only 128 codes.
        assert_eq!((at.len(), at.iter().sum::<u32>()), (41, 10_000));
        assert!(at[2..].iter().all(|n| (150..400).contains(n)) && at[0] <= 100, "{at:?}");
    }

    #[test]
    fn every_bit_is_drawn_as_often() {
        for kind in [CodeKind::Uniform, CodeKind::Weight128] {
            let codes = drawn(kind, 20_000, 6);
            let mut set = [0u32; 256];
            for code in &codes {
                for (bit, set) in set.iter_mut().enumerate() {
                    *set += u32::from(code.0[bit / 8] >> (bit % 8) & 1);
                }
            }
            // Half of them or, since codes of more than 128 bits are refused, a little less; five standard deviations.
            let expected = codes.iter().map(PdqHash::popcount).sum::<u32>() / 256;
            assert!(set.iter().all(|n| n.abs_diff(expected) < 360), "{kind:?}: {set:?}");
        }
    }
}
