//! Random numbers and smooth noise, in integers only.
//!
//! Coordinates are fixed point with 16 fractional bits: one lattice cell is `1 << 16`. Values of
//! the noise are centred on zero and lie in `-32_768..=32_767` for one octave.

/// A SplitMix64 generator: the same seed gives the same numbers on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        finalise(self.0)
    }

    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = (i64::from(high) - i64::from(low) + 1).max(1) as u64;
        // The upper half of a product: no division, and a bias far below what a picture shows.
        let offset = ((self.next() >> 32) * span) >> 32;
        low + offset as i32
    }

    /// True once in `n` draws on average.
    pub(super) fn one_in(&mut self, n: i32) -> bool {
        self.between(1, n) == 1
    }
}

/// The output function of SplitMix64; also serves as a hash of a position.
pub(crate) fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// An octave counts in full while a pixel spans at most this much of its lattice...
const WHOLE: i64 = 0x4000;
/// ...and no longer from here on.
const FADED: i64 = 0xC000;

/// A torus of 256 x 256 random values, interpolated between neighbours.
pub(super) struct Noise {
    lattice: Box<[u8; 1 << 16]>,
}

impl Noise {
    pub(super) fn new(random: &mut Random) -> Self {
        let mut lattice = Box::new([0; 1 << 16]);
        for values in lattice.as_chunks_mut().0 {
            *values = random.next().to_le_bytes();
        }
        Self { lattice }
    }

    /// One octave at a point, smooth in both directions.
    pub(super) fn octave(&self, x: i64, y: i64) -> i32 {
        let (column, row) = ((x >> 16) as u8, (y >> 16) as u8);
        let (right, below) = (column.wrapping_add(1), row.wrapping_add(1));
        let at = |row: u8, column: u8| {
            i32::from(self.lattice[usize::from(row) << 8 | usize::from(column)]) * 257
        };
        let (s, t) = (smooth(x), smooth(y));
        let lerp = |a: i32, b: i32, t: i32| a + (((b - a) * t) >> 14);
        let upper = lerp(at(row, column), at(row, right), s);
        let lower = lerp(at(below, column), at(below, right), s);
        lerp(upper, lower, t) - 32_768
    }

    /// Up to `octaves` octaves, each at twice the frequency and half the strength of the one
    /// before.
    ///
    /// `span` is how much of the lattice one pixel covers. Octaves too fine for the pixels fade
    /// out instead of flickering, so that a small drawing looks like a large one made smaller.
    /// Each octave is also turned by about 37 degrees, so that the lattice does not show.
    pub(super) fn fractal(&self, x: i64, y: i64, octaves: u32, span: i64) -> i32 {
        let (mut x, mut y, mut sum) = (x, y, 0);
        for octave in 0..octaves {
            let share = (FADED - (span << octave)).clamp(0, FADED - WHOLE) as i32;
            if share == 0 {
                break;
            }
            sum += ((self.octave(x, y) >> octave) * (share >> 4)) / ((FADED - WHOLE) >> 4) as i32;
            (x, y) = ((x * 205 - y * 154) >> 7, (x * 154 + y * 205) >> 7);
            x += 0x5_1234;
        }
        sum
    }

    /// A rough line: the fractal along one row of the lattice, for skylines.
    pub(super) fn line(&self, x: i64, row: i64, octaves: u32) -> i32 {
        let mut sum = 0;
        for octave in 0..octaves {
            let shift = i64::from(octave);
            sum += self.octave((x << shift) + (shift << 18), (row * 16 + shift) << 16) >> octave;
        }
        sum
    }
}

/// The fraction of a coordinate through `3t^2 - 2t^3`, in 14 bits.
fn smooth(position: i64) -> i32 {
    let t = ((position & 0xFFFF) >> 2) as i32;
    (((t * t) >> 14) * (3 * 16_384 - 2 * t)) >> 14
}
