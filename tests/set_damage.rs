//! Every damage to a small set that uses every feature: a clean error or the right answer, never a panic.

#![allow(clippy::print_stdout, reason = "tests say what they did")]

mod common;

use std::sync::Arc;

use common::{Parts, full_set, local_delta, small_delta};
use tamis::fingerprint::{Algorithm, PdqHash};
use tamis::hamming::{Code, distance};
use tamis::index::Builder;
use tamis::search::{Layers, Near, NearEntry, RadiusSearch, Strategy};
use tamis::set::{Change, Delta, Entry, EntryId, List, ListKind, StoredEntry};
use tamis::{ErrorCode, Set};

/// Everything that a set tells.
#[derive(PartialEq, Debug)]
struct Told {
    entries: Vec<StoredEntry>,
    suppressions: Vec<EntryId>,
    changes: Vec<Change>,
    /// What is taken over of a delta of the list `local`.
    taken: Option<Vec<u8>>,
}

/// What the set tells, or the first error.
fn tell(bytes: &[u8]) -> tamis::Result<Told> {
    let set = Set::from_bytes(bytes)?;
    set.lists()?;
    set.created()?;
    Ok(Told {
        suppressions: set.suppressions()?,
        changes: set.changes()?,
        taken: taken(&set)?,
        entries: set.entries().collect::<tamis::Result<_>>()?,
    })
}

/// A set that is no delta of the list `local` alone is none to be taken.
fn taken(set: &Set) -> tamis::Result<Option<Vec<u8>>> {
    match Delta::from_set(set, List::new("local", ListKind::Local)) {
        Ok(delta) => Ok(Some(delta.to_bytes()?.0)),
        Err(error) if error.code() == ErrorCode::UpdateForeign => Ok(None),
        Err(error) => Err(error),
    }
}

/// The sets that are damaged: one that uses every feature but deltas, and two deltas.
fn whole() -> [Vec<u8>; 3] {
    let sets = [full_set(), small_delta(), local_delta().to_bytes().unwrap().0];
    let told = sets.each_ref().map(|bytes| tell(bytes).unwrap());
    assert!(told[0].entries.len() >= 12 && told[0].changes.is_empty());
    assert!(told[1].changes.len() == 2 && told[1].taken.is_none());
    assert!(told[2].changes.len() == 1 && told[2].taken.as_ref() == Some(&sets[2]));
    sets
}

#[test]
fn every_byte_with_every_value() {
    for mut bytes in whole() {
        let whole = tell(&bytes).unwrap();
        Set::from_bytes(&bytes).unwrap().verify(&mut |_| {}).unwrap();
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
}

#[test]
fn every_truncation_and_extension() {
    for bytes in whole() {
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
}

/// Every entry with a PDQ code: none is farther than 256 bits.
fn entries_near(set: &Arc<Set>, code: PdqHash) -> tamis::Result<Vec<NearEntry>> {
    let sets = Layers::new(vec![Arc::clone(set)])?;
    RadiusSearch::new().entries(&sets, code, 256, usize::MAX, |_, _| true)
}

/// Corruption that got past the checksums, as a hostile list maker would do it: any answer, but no panic and no loop.
#[test]
fn every_byte_of_the_contents_sealed_again() {
    for bytes in whole() {
        let parts = Parts::of(&bytes);
        assert_eq!(
            tell(&parts.seal()).unwrap(),
            tell(&bytes).unwrap(),
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
            let set = Arc::new(set);
            let told = set.entries().all(|e| e.is_ok()) && set.changes().is_ok();
            let searched = entries_near(&set, query).is_ok();
            let verified = set.verify(&mut |_| {}).is_ok();
            assert!(!verified || (told && searched), "verify accepts a set that cannot be read");
            refused += usize::from(!verified);
            // What comes of a delta that was taken is sound, whatever it was before.
            if let Ok(Some(taken)) = taken(&set) {
                let taken = Set::from_bytes(&taken).unwrap();
                taken.verify(&mut |_| {}).unwrap();
                assert_eq!(taken.changes().unwrap(), set.changes().unwrap());
            }
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
}

/// Counts of the sections of a delta that no builder writes are refused by the head alone, before anything is read or made room for.
#[test]
fn giant_deltas_are_refused_at_open() {
    const TOMBSTONES: u32 = 0x600;
    const CHANGES: u32 = 0x700;
    let parts = Parts::of(&small_delta());
    for (id, element) in [(TOMBSTONES, 24u64), (CHANGES, 32)] {
        let row = parts.section(id).0;
        for count in [u64::MAX, u64::MAX / element, 1 << 59, u64::from(u32::MAX) + 1, 4097] {
            // With the length that belongs to the count, as far as there is one, and with that of the file.
            for length in [count.wrapping_mul(element), common::u64_at(&parts.table[row], 16)] {
                let mut giant = parts.clone();
                giant.table[row][16..24].copy_from_slice(&length.to_le_bytes());
                giant.table[row][24..32].copy_from_slice(&count.to_le_bytes());
                let error = Set::from_bytes(&giant.seal()).unwrap_err();
                assert_eq!(error.code(), ErrorCode::SetCorrupt, "{error}");
            }
        }
    }
    // All of it is there.
    let mut many = parts;
    let (row, range) = many.section(CHANGES);
    many.data.resize(range.start + 4097 * 32, 0);
    many.table[row][16..24].copy_from_slice(&(4097 * 32u64).to_le_bytes());
    many.table[row][24..32].copy_from_slice(&4097u64.to_le_bytes());
    let error = Set::from_bytes(&many.seal()).unwrap_err();
    assert!(error.to_string().contains("changes of 4097 lists"), "{error}");
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
    let error = entries_near(&Arc::new(set), PdqHash([0x55; 32])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SetCorrupt, "{error}");
}

/// Another: strings longer than a builder takes. (For label sets longer than that, see `tests/crashes.rs`.)
#[test]
fn long_strings_are_not_read() {
    let mut builder = tamis::SetBuilder::new();
    let list = builder.add_list(List::new("bomb", ListKind::Exchange)).unwrap();
    let labels = vec!["a".repeat(1000), "b".repeat(1000)];
    builder.add(list, Entry::new(common::fingerprint(Algorithm::Md5, 1)).labels(labels)).unwrap();
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

/// The section of the radius index.
const RADIUS_INDEX: u32 = 0x310;

/// Codes with radii.
type Queries = Vec<(PdqHash, u32)>;

/// The smallest set that has an index, its codes, and queries of which all but the last find something.
fn indexed() -> (Vec<u8>, Vec<Code>, Queries) {
    let mut builder = tamis::SetBuilder::new();
    let list = builder.add_list(List::new("drawn", ListKind::Exchange)).unwrap();
    let mut codes = Vec::new();
    for seed in 0..Builder::LEAST as u64 {
        let fingerprint = common::fingerprint(Algorithm::Pdq, seed);
        codes.push(fingerprint.bytes().try_into().unwrap());
        builder.add(list, Entry::new(fingerprint)).unwrap();
    }
    codes.sort_unstable();
    let mut queries = Queries::new();
    for (number, radius) in [(5, 31), (1000, 31), (2222, 10), (4000, 55)] {
        let mut query: Code = codes[number];
        (0..radius.min(31) as usize).for_each(|k| query[k] ^= 1 << (k % 8));
        queries.push((PdqHash(query), radius));
    }
    queries.push((PdqHash([0x55; 32]), 31));
    (builder.to_bytes().unwrap().0, codes, queries)
}

fn search(set: &Set, queries: &[(PdqHash, u32)], strategy: Strategy) -> tamis::Result<Vec<Near>> {
    Ok(RadiusSearch::new().with_strategy(strategy).within(set, queries)?.to_vec())
}

/// A flipped bit in the index is an error or changes nothing.
#[test]
fn any_damage_to_the_radius_index_is_noticed_where_it_matters() {
    let (mut bytes, _, queries) = indexed();
    let set = Set::from_bytes(&bytes).unwrap();
    let right = search(&set, &queries, Strategy::Scan).unwrap();
    assert_eq!(right.len(), queries.len() - 1);
    let small = *right.iter().find(|near| near.query == 2).unwrap();
    // Asked by itself, it is the first query.
    let mut alone = small;
    alone.query = 0;
    assert_eq!(search(&set, &queries, Strategy::Index).unwrap(), right);
    let index = Parts::of(&bytes).section(RADIUS_INDEX).1;
    let start = common::u64_at(&bytes, 24) as usize;
    let (mut errors, mut unchanged) = (0, 0);
    // 421 is a prime, so every byte of the layout's groups of 4 and 64 is met; all of the header is.
    let sampled = (start + index.start + 64..start + index.end).step_by(421);
    for (number, at) in (start + index.start..start + index.start + 64).chain(sampled).enumerate() {
        bytes[at] ^= 1 << (number % 8);
        // All of them read most of the index, the one of radius 10 little.
        let (queries, right) = if number % 2 == 0 {
            (&queries[..], right.clone())
        } else {
            (&queries[2..3], vec![alone])
        };
        let answer = Set::from_bytes(&bytes).and_then(|s| search(&s, queries, Strategy::Index));
        match answer {
            Ok(found) => {
                assert_eq!(found, right, "byte {at} gives another answer");
                unchanged += 1;
            }
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::SetCorrupt, "byte {at}: {error}");
                errors += 1;
            }
        }
        if number % 16 == 0 {
            let verified = Set::from_bytes(&bytes).and_then(|s| s.verify(&mut |_| {}));
            assert!(verified.is_err(), "byte {at}");
        }
        bytes[at] ^= 1 << (number % 8);
    }
    println!("{errors} of {} refused by a search", errors + unchanged);
    assert!(errors > 300 && unchanged > 300, "{errors} {unchanged}");
}

/// An index that was made to deceive, with checksums that hold: it may hide codes, but nothing is found that is not there, and `verify` refuses it.
#[test]
fn a_forged_radius_index_adds_nothing() {
    let (bytes, codes, queries) = indexed();
    let parts = Parts::of(&bytes);
    let index = parts.section(RADIUS_INDEX).1;
    let right = search(&Set::from_bytes(&bytes).unwrap(), &queries, Strategy::Scan).unwrap();
    let (mut refused, mut hidden) = (0, 0);
    for number in 0..150usize {
        let mut forged = parts.clone();
        // Offsets of some table, or entries anywhere, or the header.
        let table = 64 + number % 16 * Builder::table_length(codes.len()) as usize;
        let places = match number % 5 {
            0 => table..table + 4 * 257,
            1 => 0..8,
            _ => 64..index.len(),
        };
        if number % 10 == 9 {
            // Every bucket is empty.
            forged.data[index.start + 64..index.end].fill(0);
        }
        for k in 0..[1, 30, 3000][number % 3] {
            let random = common::fingerprint(Algorithm::Blake3, (number * 5000 + k) as u64);
            let at = places.start + common::u32_at(random.bytes(), 0) as usize % places.len();
            forged.data[index.start + at] = random.bytes()[5];
        }
        if forged.data == parts.data {
            continue;
        }
        let Ok(set) = Set::from_bytes(&forged.seal()) else { continue };
        assert!(set.verify(&mut |_| {}).is_err(), "{number}");
        assert_eq!(search(&set, &queries, Strategy::Scan).unwrap(), right);
        for method in [Strategy::Index, Strategy::Auto] {
            match search(&set, &queries, method) {
                Err(error) => {
                    assert_eq!(error.code(), ErrorCode::SetCorrupt);
                    refused += 1;
                }
                Ok(found) => {
                    hidden += usize::from(found.len() < right.len());
                    for near in found {
                        let (query, radius) = queries[near.query];
                        assert_eq!(distance(&codes[near.row], &query.0), near.distance);
                        assert!(near.distance <= radius);
                    }
                }
            }
        }
    }
    println!("{refused} searches refused, {hidden} with less than all");
    // Those whose buckets are all empty hide everything.
    assert!(refused > 10 && hidden > 0, "the forgeries reach the search: {refused} {hidden}");
}

/// A code is compared with its checksum before it is compared with an upload.
#[test]
fn a_flipped_bit_in_a_code_that_is_found_is_an_error() {
    let (bytes, _, queries) = indexed();
    let right = search(&Set::from_bytes(&bytes).unwrap(), &queries, Strategy::Scan).unwrap();
    let column = Parts::of(&bytes).section(0x110).1.start;
    let data_start = common::u64_at(&bytes, 24) as usize;
    for near in right {
        let mut damaged = bytes.clone();
        damaged[data_start + column + 32 * near.row + 7] ^= 0x20;
        let set = Set::from_bytes(&damaged).unwrap();
        for strategy in [Strategy::Index, Strategy::Auto, Strategy::Scan] {
            let error = search(&set, &queries[near.query..=near.query], strategy).unwrap_err();
            assert_eq!(error.code(), ErrorCode::SetCorrupt, "{strategy:?} {error}");
        }
        // What is looked up by digest alone has nothing to do with it.
        assert!(search(&set, &[], Strategy::Auto).unwrap().is_empty());
    }
}
