//! Codes of pictures without content, which a list must not hold.
//!
//! A constant grey or a straight gradient has no frequency that PDQ looks at: its code is the reference's rounding noise. Listed by
//! mistake, it would match every empty scan of that size. Most such codes have few bits, and the set builder
//! refuses anything below 96 bits. The others are in a table: noise has no shape by which to know it. (Nearness to a pattern
//! whose 16 rows are equal or opposite was tried: it misses most of these codes and takes flags and bar codes for flat.)
//!
//! The table holds common sizes only. For the others the quality helps, which is below 50 for each of these pictures from 64
//! pixels a side on: a list that states it is refused by it, and an upload with such a quality is never blocked.

use super::flat_codes::FLAT;
use crate::fingerprint::PdqHash;

/// Whether the reference library gives this code to a constant or a straight gradient of a common size.
///
/// It knows codes of 96 to 128 bits; fewer bits are a sign of a flat picture by themselves.
pub(crate) fn is_flat(hash: &PdqHash) -> bool {
    let (upper, lower) = hash.0.split_at(16);
    let half = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
    FLAT.binary_search(&[half(upper), half(lower)]).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::pdq;
    use crate::media::{PixelFormat, Raster};

    #[test]
    fn the_table_is_sorted_and_within_bounds() {
        assert!(FLAT.is_sorted_by(|a, b| a < b));
        for [upper, lower] in FLAT {
            let bits = upper.count_ones() + lower.count_ones();
            assert!((96..=128).contains(&bits), "{upper:032x}{lower:032x}: {bits} bits");
        }
    }

    #[test]
    fn our_own_flat_pictures_are_known() {
        let mut known = 0;
        for (width, height) in
            [(5, 5), (64, 64), (100, 100), (256, 256), (512, 512), (640, 480), (480, 640)]
        {
            let across = |x: usize, _: usize| (x * 255 / (width - 1)) as u8;
            let down = |_: usize, y: usize| (y * 255 / (height - 1)) as u8;
            let flat = |x: usize, y: usize| {
                [across(x, y), 255 - across(x, y), down(x, y), 255 - down(x, y), 0, 17, 255]
            };
            for n in 0..7 {
                let pixels: Vec<u8> =
                    (0..width * height).map(|i| flat(i % width, i / width)[n]).collect();
                let found = pdq(&Raster::new(&pixels, width, height, PixelFormat::Grey8).unwrap());
                assert!(
                    found.quality < 50 || width < 64,
                    "{width}x{height} {n}: {}",
                    found.quality
                );
                assert!(
                    found.hash.popcount() < 96 || is_flat(&found.hash),
                    "{width}x{height} {n}: {}",
                    found.hash
                );
                known += u32::from(is_flat(&found.hash));
            }
        }
        assert!(known >= 14, "{known}");
    }

    #[test]
    fn photographs_are_not_flat() {
        let hash =
            "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22".parse().unwrap();
        assert!(!is_flat(&hash));
    }
}
