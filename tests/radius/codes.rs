//! Codes as lists may hold them, and what is asked of them, drawn from a seed: every failure can be repeated. All of them may enter a set.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::path::Path;

use tamis::hamming::{Code, distance};
use tamis::index::Near;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }

    /// Any bits.
    pub fn stranger(&mut self) -> Code {
        let mut code = [0; 32];
        code.as_chunks_mut::<8>().0.iter_mut().for_each(|w| *w = self.next().to_le_bytes());
        code
    }

    /// 128 bits set, as in the PDQ code of any picture without ties.
    pub fn weight128(&mut self) -> Code {
        let mut code = self.stranger();
        let mut weight: u32 = code.iter().map(|b| b.count_ones()).sum();
        while weight != 128 {
            let bit = self.below(256);
            let set = code[bit / 8] >> (bit % 8) & 1 == 1;
            if set == (weight > 128) {
                code[bit / 8] ^= 1 << (bit % 8);
                weight = if set { weight - 1 } else { weight + 1 };
            }
        }
        code
    }

    /// The code with exactly so many bits flipped, whichever.
    pub fn flipped(&mut self, code: &Code, bits: usize) -> Code {
        self.flipped_where(*code, bits, |_| true)
    }

    /// The code with so many bits flipped, and no more set than before: half of them are cleared, half are set.
    pub fn moved(&mut self, code: &Code, bits: usize) -> Code {
        let once = self.flipped_where(*code, bits.div_ceil(2), |set| set);
        // A bit that was cleared must not be set again.
        let (mut left, mut other) = (bits / 2, once);
        while left > 0 {
            let bit = self.below(256);
            let (byte, mask) = (bit / 8, 1 << (bit % 8));
            if (code[byte] | other[byte]) & mask == 0 {
                other[byte] |= mask;
                left -= 1;
            }
        }
        other
    }

    fn flipped_where(&mut self, code: Code, mut bits: usize, may: impl Fn(bool) -> bool) -> Code {
        let mut other = code;
        while bits > 0 {
            let bit = self.below(256);
            let (byte, mask) = (bit / 8, 1 << (bit % 8));
            if (code[byte] ^ other[byte]) & mask == 0 && may(code[byte] & mask != 0) {
                other[byte] ^= mask;
                bits -= 1;
            }
        }
        other
    }
}

/// Ways in which the codes of a list may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Weight128,
    /// Half of them within 40 bits of a few hundredths as many centres.
    Clustered,
    /// 96 of the bits are random, the others those of one code.
    LowEntropy,
    /// Half of them share six whole chunks of the index, but for a little noise: six tables in which half of all stands in a few buckets.
    Adversarial,
    /// Real codes, of a film's frames where there are any, each many times with up to 6 bits flipped.
    Frames,
    /// All combinations of twenty bits around one code.
    OneBitApart,
}

pub const KINDS: [Kind; 6] = [
    Kind::Weight128,
    Kind::Clustered,
    Kind::LowEntropy,
    Kind::Adversarial,
    Kind::Frames,
    Kind::OneBitApart,
];

impl Kind {
    /// So many codes or, since equal ones count once, a few less; sorted. `frames` are those that [`Kind::Frames`] repeats.
    pub fn codes(self, count: usize, frames: &[Code], random: &mut Random) -> Vec<Code> {
        let centres: Vec<Code> = (0..count / 200 + 1).map(|_| random.weight128()).collect();
        let base = random.weight128();
        let places: Vec<usize> = {
            let mut places: Vec<usize> = (0..256).collect();
            (0..255).for_each(|i| places.swap(i, i + random.below(256 - i)));
            places
        };
        let mut code = |i: usize| match self {
            Kind::Weight128 => random.weight128(),
            Kind::Clustered if i.is_multiple_of(2) => random.weight128(),
            Kind::Clustered => {
                let bits = random.below(41);
                let centre = *random.pick(&centres);
                random.moved(&centre, bits)
            }
            Kind::LowEntropy => {
                let from = random.weight128();
                limited(mixed(&base, &from, &places[..96]))
            }
            Kind::Adversarial if i.is_multiple_of(2) => random.weight128(),
            Kind::Adversarial => {
                let from = random.weight128();
                let bits = random.below(7);
                let shared = mixed(&from, &base, &crowded());
                limited(random.flipped(&shared, bits))
            }
            Kind::Frames => {
                let bits = random.below(7);
                let frame = *random.pick(frames);
                limited(random.flipped(&frame, bits))
            }
            Kind::OneBitApart => {
                let mut code = base;
                for (k, place) in places[..20].iter().enumerate() {
                    let (byte, mask) = (place / 8, 1 << (place % 8));
                    if i >> k & 1 == 1 {
                        code[byte] ^= mask;
                    }
                }
                limited(code)
            }
        };
        let mut codes: Vec<Code> = (0..count).map(&mut code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// `one` with the bits of `other` at these places.
fn mixed(one: &Code, other: &Code, places: &[usize]) -> Code {
    let mut code = *one;
    for place in places {
        let mask = 1 << (place % 8);
        code[place / 8] = code[place / 8] & !mask | other[place / 8] & mask;
    }
    code
}

/// The bits of chunks 0 to 5 of the index's permutation, as `src/index/chunks.rs` defines it.
fn crowded() -> Vec<usize> {
    (0..6).flat_map(chunk_places).collect()
}

/// Where the bits of a chunk stand in the code: bit `8 i + k` is bit `k` of byte `i`.
pub fn chunk_places(chunk: usize) -> impl Iterator<Item = usize> {
    (0..16).map(move |j| {
        let bit = (chunk + 3 * j) % 16;
        // A row is a big-endian number of two bytes.
        16 * j + if bit < 8 { 8 + bit } else { bit - 8 }
    })
}

/// No more than 128 bits set, as a set demands: the last ones go.
pub fn limited(mut code: Code) -> Code {
    let mut weight: u32 = code.iter().map(|b| b.count_ones()).sum();
    for bit in (0..256usize).rev() {
        let (byte, mask) = (bit / 8, 1 << (bit % 8));
        if weight > 128 && code[byte] & mask != 0 {
            code[byte] ^= mask;
            weight -= 1;
        }
    }
    code
}

/// What is within the radius of which query: the definition, in the order of the answer.
pub fn plain(codes: &[Code], queries: &[(Code, u32)]) -> Vec<Near> {
    let mut found = Vec::new();
    for (row, code) in codes.iter().enumerate() {
        for (query, (other, radius)) in queries.iter().enumerate() {
            let distance = distance(code, other);
            if distance <= *radius {
                found.push(Near { query, row, distance });
            }
        }
    }
    found
}

/// Own codes with 0 to 40 bits flipped, most of them with 30, 31 or 32, and every eighth time a stranger.
pub fn query(codes: &[Code], random: &mut Random) -> Code {
    planted(codes, random).map_or_else(|| random.stranger(), |(code, ..)| code)
}

/// A query, the row that it was made of, and the distance; none every eighth time.
pub fn planted(codes: &[Code], random: &mut Random) -> Option<(Code, usize, u32)> {
    let row = random.below(codes.len());
    let bits = match random.below(8) {
        0 => return None,
        1..=4 => 30 + random.below(3),
        _ => random.below(41),
    };
    Some((random.flipped(&codes[row], bits), row, bits as u32))
}

/// The codes of the frames of the reference's films, and of 8,600 pictures; none where that data is absent.
pub fn real() -> Option<(Vec<Code>, Vec<Code>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let mut frames = Vec::new();
    for entry in std::fs::read_dir(data.join("threatexchange/vpdq-hashes")).ok()? {
        let text = std::fs::read_to_string(entry.ok()?.path()).ok()?;
        let hashes = text.lines().filter_map(|line| line.split(',').nth(2));
        frames.extend(hashes.map(|hex| parsed(hex).expect("a frame's hash")));
    }
    let text = std::fs::read_to_string(data.join("pictures/pictures.jsonl")).ok()?;
    let mut pictures = Vec::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("a picture");
        if row["q"].as_u64() >= Some(50) {
            pictures.push(parsed(row["pdq"].as_str().expect("a hash")).expect("a picture's hash"));
        }
    }
    for codes in [&mut frames, &mut pictures] {
        // In the order of a set: directories have none.
        codes.sort_unstable();
        codes.dedup();
    }
    Some((frames, pictures))
}

fn parsed(hex: &str) -> Option<Code> {
    hex.parse::<tamis::fingerprint::PdqHash>().ok().map(|hash| hash.0)
}

/// What stands for the frames of a film where the real ones are absent: thirty seconds of it, each frame 4 bits from the one before.
pub fn drawn_frames(random: &mut Random) -> Vec<Code> {
    let mut frames = vec![random.weight128()];
    for _ in 1..900 {
        let next = random.moved(&frames[frames.len() - 1], 4);
        frames.push(next);
    }
    frames
}
