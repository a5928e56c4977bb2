//! Inputs of the benchmarks. Everything is drawn with whole numbers from a named seed, so that every machine measures the same bytes.

#![allow(dead_code, unreachable_pub, reason = "each benchmark uses a part of it")]

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use tamis::hamming::Code;
use tamis::media::{PixelFormat, Raster};

/// The picture that stands for an upload.
pub const UPLOAD: u64 = 0x7461_6d69_7301;
/// A picture that no set holds.
pub const STRANGER: u64 = 0x7461_6d69_7302;
/// Codes and digests that stand for a list.
pub const LISTED: u64 = 0x7461_6d69_7303;
/// Queries.
pub const QUERIES: u64 = 0x7461_6d69_7304;

/// xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `bound`, which is small.
    pub fn below(&mut self, bound: usize) -> usize {
        (((self.next() >> 32) * bound as u64) >> 32) as usize
    }
}

/// RGB pixels.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

/// The sizes that are measured: a thumbnail, a frame of a film, a photograph of 12 megapixels.
pub const SIZES: [(&str, usize, usize); 3] =
    [("512x512", 512, 512), ("1920x1080", 1920, 1080), ("4000x3000", 4000, 3000)];

impl Picture {
    /// Something with the statistics of a photograph: detail at every scale, soft colours, hard edges, grain.
    pub fn draw(seed: u64, width: usize, height: usize) -> Picture {
        let mut random = Random::new(seed);
        let mut luma = vec![128 << 8; width * height];
        let side = width.min(height);
        for (parts, amplitude) in [(3, 90), (7, 60), (15, 45), (40, 30), (110, 20)] {
            add_noise(&mut random, &mut luma, width, (side / parts).max(2), amplitude);
        }
        let [mut red, mut blue] = [0, 1].map(|_| vec![0; width * height]);
        for plane in [&mut red, &mut blue] {
            add_noise(&mut random, plane, width, side / 5, 50);
        }
        for _ in 0..24 {
            add_disc(&mut random, &mut luma, width, height);
        }
        let mut rgb = Vec::with_capacity(3 * width * height);
        for i in 0..width * height {
            let grain = (random.next() >> 60) as i32 - 8;
            let luma = (luma[i] >> 8) + grain;
            let (red, blue) = (red[i] >> 8, blue[i] >> 8);
            rgb.extend(
                [luma + red, luma - (red + blue) / 3, luma + blue].map(|c| c.clamp(0, 255) as u8),
            );
        }
        Picture { width, height, rgb }
    }

    pub fn raster(&self) -> Raster<'_> {
        Raster::new(&self.rgb, self.width, self.height, PixelFormat::Rgb8)
            .expect("as many bytes as pixels")
    }

    /// As a JPEG file.
    pub fn jpeg(&self, quality: u8) -> Vec<u8> {
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, quality)
            .write_image(&self.rgb, self.width as u32, self.height as u32, ExtendedColorType::Rgb8)
            .expect("a picture of a usual size");
        file
    }
}

/// Adds values in 1/256 between random points of a grid of `cell` pixels, straight from one point to the next.
fn add_noise(random: &mut Random, plane: &mut [i32], width: usize, cell: usize, amplitude: i32) {
    let (columns, rows) = (width / cell + 2, plane.len() / width / cell + 2);
    let mut point = || (random.below(2 * amplitude as usize + 1) as i32 - amplitude) << 8;
    let grid: Vec<i32> = (0..columns * rows).map(|_| point()).collect();
    for (y, line) in plane.chunks_exact_mut(width).enumerate() {
        let above = &grid[y / cell * columns..][..columns];
        let below = &grid[(y / cell + 1) * columns..][..columns];
        let at = |x: usize| above[x] + (below[x] - above[x]) / cell as i32 * (y % cell) as i32;
        for (x, pixels) in line.chunks_mut(cell).enumerate() {
            let mut value = at(x);
            let step = (at(x + 1) - value) / cell as i32;
            for pixel in pixels {
                *pixel += value;
                value += step;
            }
        }
    }
}

/// Adds a disc with a hard edge somewhere.
fn add_disc(random: &mut Random, plane: &mut [i32], width: usize, height: usize) {
    let (x, y) = (random.below(width) as i64, random.below(height) as i64);
    let radius = (random.below(height / 8) + height / 40) as i64;
    let level = (random.below(161) as i32 - 80) << 8;
    for row in (y - radius).max(0)..(y + radius).min(height as i64) {
        let half = (radius * radius - (row - y) * (row - y)).isqrt();
        let (left, right) = ((x - half).max(0), (x + half).min(width as i64));
        let line = row as usize * width;
        for pixel in &mut plane[line + left as usize..line + right as usize] {
            *pixel += level;
        }
    }
}

/// Random codes of which 128 bits are set, as in the PDQ hash of any picture without ties.
pub fn codes(seed: u64, count: usize) -> Vec<Code> {
    let mut random = Random::new(seed);
    (0..count).map(|_| code(&mut random)).collect()
}

fn code(random: &mut Random) -> Code {
    let mut code: Code = [0; 32];
    code.as_chunks_mut::<8>().0.iter_mut().for_each(|word| *word = random.next().to_le_bytes());
    let mut weight: u32 = code.iter().map(|b| b.count_ones()).sum();
    // Bits that are too many or too few are turned over at random places: all codes remain equally likely.
    while weight != 128 {
        let bit = random.below(256);
        let set = code[bit / 8] >> (bit % 8) & 1 == 1;
        if set == (weight > 128) {
            code[bit / 8] ^= 1 << (bit % 8);
            weight = if set { weight - 1 } else { weight + 1 };
        }
    }
    code
}

/// The code with `pairs` set bits cleared and as many others set: 2 `pairs` bits away, and still of weight 128.
pub fn altered(code: &Code, pairs: usize) -> Code {
    let bits = |value: u8| (0..256).filter(move |bit| code[bit / 8] >> (bit % 8) & 1 == value);
    let mut other = *code;
    for bit in bits(1).take(pairs).chain(bits(0).take(pairs)) {
        other[bit / 8] ^= 1 << (bit % 8);
    }
    other
}
