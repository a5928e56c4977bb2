use std::cell::RefCell;

use proptest::prelude::*;

use super::*;
use crate::set::format::section;

/// A set whose strings fill some hundred blocks, with the byte at `damaged` of the data flipped.
fn blocks(damaged: Option<u64>) -> Blocks {
    let data: Vec<u8> = (0..300 * BLOCK as u32 + 77).flat_map(|i| [(i % 251) as u8]).collect();
    let length = data.len() as u64;
    let mut head = Head::plan(&[(section::STRINGS, length, length)]).unwrap();
    let checksums: Vec<u8> = data.chunks(BLOCK).flat_map(checksum).collect();
    let mut file = head.seal(&checksums);
    file.resize(head.checksums_start as usize, 0);
    file.extend(checksums);
    file.resize(head.data_start as usize, 0);
    file.extend(data);
    if let Some(at) = damaged {
        file[(head.data_start + at) as usize] ^= 1;
    }
    Blocks::new(head, Bytes::copy(&file).unwrap()).unwrap()
}

#[test]
fn what_is_touched_is_verified_and_nothing_else() {
    let at = 70 * BLOCK as u64 + 5;
    let length = blocks(None).head.data_length;
    for range in [0..0, at..at, at..at + 1, at - 5..at, 0..length, length - 1..length] {
        let good = blocks(None);
        assert_eq!(good.data(range.clone()).unwrap(), good.raw(range.clone()).unwrap());
        let bad = blocks(Some(at));
        let block = at / BLOCK as u64;
        let within =
            range.start / BLOCK as u64 <= block && range.end.div_ceil(BLOCK as u64) > block;
        assert_eq!(bad.touch(range.clone()).is_err(), within, "{range:?}");
        assert_eq!(bad.data(range.clone()).is_err(), within, "{range:?}");
        let raw = bad.raw(range.clone()).unwrap();
        assert_eq!(raw != good.raw(range.clone()).unwrap(), range.contains(&at), "{range:?}");
    }
    #[allow(clippy::reversed_empty_ranges, reason = "it must be refused")]
    for range in [0..length + 1, length + 1..length + 1, 5..4, 0..u64::MAX, u64::MAX..u64::MAX] {
        for blocks in [blocks(None), warm(blocks(None))] {
            assert!(blocks.touch(range.clone()).is_err(), "{range:?}");
            assert!(blocks.raw(range.clone()).is_err(), "{range:?}");
        }
    }
}

fn warm(blocks: Blocks) -> Blocks {
    blocks.warm(&mut |_| {}).unwrap();
    assert!(blocks.warm.load(Ordering::Relaxed));
    blocks
}

#[test]
fn what_is_damaged_never_counts_as_warm() {
    let last = blocks(None).head.data_length - 1;
    for at in [0, 255 * BLOCK as u64, 256 * BLOCK as u64, last] {
        let blocks = blocks(Some(at));
        for _ in 0..2 {
            assert!(blocks.warm(&mut |_| {}).is_err());
            assert!(blocks.verify_all(&mut |_| {}).is_err());
            assert!(!blocks.warm.load(Ordering::Relaxed));
            assert!(blocks.touch(at..at + 1).is_err());
        }
    }
    assert!(warm(blocks(None)).verify_all(&mut |_| {}).is_ok());
}

proptest! {
    /// Against the plainest model there is: a vector of truth values.
    #[test]
    fn a_bitmap_is_a_vector_of_bits(ranges in prop::collection::vec((0usize..300, 0usize..150), 1..12)) {
        let bitmap = Bitmap::new(300).unwrap();
        let mut model = [false; 300];
        for (start, length) in ranges {
            let range = start..(start + length).min(300);
            prop_assert_eq!(bitmap.all_set(range.clone()), model[range.clone()].iter().all(|bit| *bit));
            let asked = RefCell::new(Vec::new());
            bitmap.each_clear(range.clone(), |bit| { asked.borrow_mut().push(bit); Ok(()) }).unwrap();
            let clear: Vec<_> = range.clone().filter(|bit| !model[*bit]).collect();
            prop_assert_eq!(asked.into_inner(), clear);
            model[range].fill(true);
        }
    }
}
