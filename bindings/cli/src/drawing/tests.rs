//! The drawings are stable, scale-free and different from each other.

use super::{TEST_SIZE, draw, draw_test, tiny_bomb};
use crate::encode;

const PNG: &[u8] = include_bytes!("../../../../src/store/test_list/tamis-test-1.png");
const JPEG: &[u8] = include_bytes!("../../../../src/store/test_list/tamis-test-2.jpg");
const GIF: &[u8] = include_bytes!("../../../../src/store/test_list/tamis-test-3.gif");
const TEXT: &[u8] = include_bytes!("../../../../src/store/test_list/tamis-test-4.txt");

/// Mean absolute difference of two pictures of equal size, in thousandths of a level.
fn difference(a: &[u8], b: &[u8]) -> u64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
    sum * 1_000 / a.len() as u64
}

fn decode(bytes: &[u8]) -> Vec<u8> {
    let picture = image::load_from_memory(bytes).unwrap().into_rgb8();
    assert_eq!([picture.width(), picture.height()], TEST_SIZE);
    picture.into_raw()
}

#[test]
fn one_seed_is_the_same_bytes_and_another_seed_another_picture() {
    let picture = draw(7, 96, 72);
    assert_eq!(picture.len(), 96 * 72 * 3);
    assert_eq!(picture, draw(7, 96, 72));
    let others = [1, 2, 3, 4, 5, 6, 8, u64::MAX];
    for other in others {
        assert!(difference(&picture, &draw(other, 96, 72)) > 12_000, "seed {other}");
    }
}

/// The bytes of one picture, fixed: a change here changes the test list, the vectors and every
/// figure that was measured on drawn pictures.
#[test]
fn drawings_do_not_change() {
    let sum = draw(1, 160, 120).iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    });
    assert_eq!(sum, 0x3849_C62D_DF31_B776, "FNV-1a is now {sum:#x}");
}

#[test]
fn a_scene_is_the_same_at_every_size() {
    for seed in 1..=6 {
        let large = draw(seed, 512, 384);
        let reduced = encode::resize(&large, 512, 384, 64, 48).unwrap();
        let small = draw(seed, 256, 192);
        let small = encode::resize(&small, 256, 192, 64, 48).unwrap();
        assert!(
            difference(&reduced, &small) < 5_000,
            "seed {seed}: {}",
            difference(&reduced, &small)
        );
    }
}

#[test]
fn any_size_is_drawn() {
    for (width, height) in [(1, 1), (1, 400), (400, 1), (3, 5), (200, 50)] {
        assert_eq!(draw(11, width, height).len(), (width * height * 3) as usize);
    }
    assert!(draw(11, 0, 9).is_empty() && draw(11, 9, 0).is_empty());
}

#[test]
fn no_seed_overflows() {
    // Overflow checks are on in tests.
    for seed in (0..60).map(|n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) {
        let _ = draw(seed, 64, 48);
    }
}

#[test]
fn the_committed_test_list_is_what_is_drawn() {
    assert!(decode(PNG) == draw_test(1), "the PNG differs from the drawing");
    assert!(difference(&decode(JPEG), &draw_test(2)) < 6_000);
    assert!(difference(&decode(GIF), &draw_test(3)) < 9_000);
    for file in [PNG, JPEG, GIF] {
        assert!(file.len() <= 60 * 1024);
    }
    assert!(TEXT.len() <= 120 && TEXT.is_ascii() && TEXT.ends_with(b"\n"));
}

#[test]
fn the_bomb_is_small_and_claims_much() {
    let bomb = tiny_bomb();
    assert_eq!(bomb.len(), 35);
    let reader =
        image::ImageReader::new(std::io::Cursor::new(&bomb)).with_guessed_format().unwrap();
    assert_eq!(reader.format(), Some(image::ImageFormat::Gif));
    assert_eq!(reader.into_dimensions().unwrap(), (65_535, 65_535));
}
