//! Every damage to a small set that uses every feature: a clean error or the right answer, never a panic.

#![allow(clippy::print_stdout, reason = "tests say what they did")]

mod common;

use common::{Parts, full_set};
use tamis::Set;
use tamis::fingerprint::{Algorithm, PdqHash};
use tamis::set::{Entry, List, ListKind, StoredEntry};

/// Everything that the set tells, or the first error.
fn tell(bytes: &[u8]) -> tamis::Result<Vec<StoredEntry>> {
    let set = Set::from_bytes(bytes)?;
    set.lists()?;
    set.created()?;
    set.suppressions()?;
    set.entries().collect()
}

#[test]
fn every_byte_with_every_value() {
    let mut bytes = full_set();
    let whole = tell(&bytes).unwrap();
    Set::from_bytes(&bytes).unwrap().verify(&mut |_| {}).unwrap();
    assert!(whole.len() >= 12);
    let (mut errors, mut right) = (0, 0);
    for at in 0..bytes.len() {
        let good = bytes[at];
        for value in (0..=255).filter(|v| *v != good) {
            bytes[at] = value;
            match tell(&bytes) {
                Ok(told) => {
                    assert_eq!(told, whole, "byte {at} = {value} gives other answers");
                    right += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    errors += 1;
                }
            }
        }
        bytes[at] = good;
    }
    println!("{} bytes: {errors} variants refused, {right} with the right answer", bytes.len());
    // Only the padding outside the checksummed blocks may change unnoticed.
    assert!(right < 255 * 128, "{right}");
}

#[test]
fn every_truncation_and_extension() {
    let bytes = full_set();
    for length in 0..bytes.len() {
        assert!(tell(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
    for extra in 1..=512 {
        for fill in [0, 0xFF] {
            let mut longer = bytes.clone();
            longer.resize(bytes.len() + extra, fill);
            assert!(tell(&longer).is_err(), "{extra} bytes more");
        }
    }
}

/// Corruption that got past the checksums, as a hostile list maker would do it: any answer, but no panic and no loop.
#[test]
fn every_byte_of_the_contents_sealed_again() {
    let parts = Parts::of(&full_set());
    assert_eq!(
        tell(&parts.seal()).unwrap(),
        tell(&full_set()).unwrap(),
        "sealing keeps the contents"
    );
    let query = PdqHash([0x55; 32]);
    let mut refused = 0;
    let mut variants = 0;
    let mut try_out = |parts: &Parts| {
        let file = parts.seal();
        variants += 1;
        let Ok(set) = Set::from_bytes(&file) else {
            refused += 1;
            return;
        };
        let told = set.entries().all(|e| e.is_ok());
        let searched = tamis::search::query(&set, query, 256).is_ok();
        let verified = set.verify(&mut |_| {}).is_ok();
        assert!(!verified || (told && searched), "verify accepts a set that cannot be read");
        refused += usize::from(!verified);
    };
    for at in 0..parts.data.len() {
        for value in
            [0x00, 0x01, 0x7F, 0x80, 0xFF, parts.data[at] ^ 1, parts.data[at].wrapping_add(1)]
        {
            let mut damaged = parts.clone();
            damaged.data[at] = value;
            try_out(&damaged);
        }
    }
    for row in 0..parts.table.len() {
        for at in 0..32 {
            for value in [0x00, 0x01, 0x7F, 0x80, 0xFF, parts.table[row][at] ^ 1] {
                let mut damaged = parts.clone();
                damaged.table[row][at] = value;
                try_out(&damaged);
            }
        }
    }
    println!("{variants} sealed variants, {refused} refused");
}

/// A list maker's bomb: the ranges of all rows cover the same entries, so that each row would find all of them.
#[test]
fn overlapping_ranges_do_not_multiply() {
    let mut builder = tamis::SetBuilder::new();
    let list = builder.add_list(List::new("bomb", ListKind::Exchange)).unwrap();
    for seed in 0..4000 {
        builder.add(list, Entry::new(common::fingerprint(Algorithm::Pdq, seed))).unwrap();
    }
    let mut parts = Parts::of(&builder.to_bytes().unwrap().0);
    let ranges = parts.bytes_of(0x210);
    let rows = ranges.len() / 4;
    for row in 0..rows {
        let end = if row % 2 == 0 { 0 } else { 4000u32 };
        ranges[4 * row..4 * row + 4].copy_from_slice(&end.to_le_bytes());
    }
    let set = Set::from_bytes(&parts.seal()).unwrap();
    // Every code is within 256 bits of every other.
    let error = tamis::search::query(&set, PdqHash([0x55; 32]), 256).unwrap_err();
    assert_eq!(error.code(), tamis::ErrorCode::SetCorrupt, "{error}");
}

/// Another: strings longer than a builder takes. (For label sets longer than that, see `tests/crashes.rs`.)
#[test]
fn long_strings_are_not_read() {
    let mut builder = tamis::SetBuilder::new();
    let list = builder.add_list(List::new("bomb", ListKind::Exchange)).unwrap();
    let labels = vec!["a".repeat(1000), "b".repeat(1000)];
    builder
        .add(list, Entry { labels, ..Entry::new(common::fingerprint(Algorithm::Md5, 1)) })
        .unwrap();
    let mut long = Parts::of(&builder.to_bytes().unwrap().0);

    // String 1 is the first label. Let it swallow what follows, until it is longer than any string may be.
    let offsets = long.bytes_of(2);
    let start = common::u32_at(offsets, 4);
    let count = offsets.len() / 4;
    let wide = (2..count).find(|i| common::u32_at(offsets, 4 * i) - start > 1024).unwrap();
    let end = common::u32_at(offsets, 4 * wide);
    for i in 2..=wide {
        offsets[4 * i..4 * i + 4].copy_from_slice(&end.to_le_bytes());
    }
    let set = Set::from_bytes(&long.seal()).unwrap();
    let error = set.entries().find_map(Result::err).expect("a string of 2000 bytes is refused");
    assert!(error.to_string().contains("longer than 1024 bytes"), "{error}");
}
