//! The index against the plain scan: every distribution that a list may have, every size at which something changes, every
//! instruction set, each way of finding.

use std::cell::Cell;
use std::ops::Range;

use super::*;
use crate::error::{Error, ErrorCode};
use crate::hamming::distance;

/// SplitMix64, so that every failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn code(&mut self) -> Code {
        let mut code = [0; 32];
        for word in code.as_chunks_mut::<8>().0 {
            *word = self.next().to_le_bytes();
        }
        code
    }

    /// Flips so many different bits.
    fn flipped(&mut self, mut code: Code, bits: usize) -> Code {
        let mut places: Vec<usize> = (0..256).collect();
        for i in 0..bits {
            places.swap(i, i + self.below(256 - i));
            code[places[i] / 8] ^= 1 << (places[i] % 8);
        }
        code
    }
}

/// Ways in which the codes of a list may lie.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Uniform,
    Weight128,
    Clustered,
    OneBitApart,
    LowEntropy,
    /// All chunks of the permuted code are the same few values, so that buckets are huge.
    Crowded,
}

const KINDS: [Kind; 6] = [
    Kind::Uniform,
    Kind::Weight128,
    Kind::Clustered,
    Kind::OneBitApart,
    Kind::LowEntropy,
    Kind::Crowded,
];

fn codes(kind: Kind, count: usize, random: &mut Random) -> Vec<Code> {
    let centres: Vec<Code> = (0..count / 200 + 1).map(|_| random.code()).collect();
    let mut codes: Vec<Code> = (0..count)
        .map(|i| match kind {
            Kind::Uniform => random.code(),
            Kind::Weight128 => random.flipped([0; 32], 128),
            Kind::Clustered => {
                let (centre, bits) = (centres[random.below(centres.len())], random.below(41));
                random.flipped(centre, bits)
            }
            Kind::OneBitApart => {
                let mut code = [0x5A; 32];
                code[i / 8 % 32] ^= 1 << (i % 8);
                code[..4].copy_from_slice(&((i / 256) as u32).to_be_bytes());
                code
            }
            Kind::LowEntropy => {
                let bits = random.below(6);
                random.flipped([0xF0; 32], bits)
            }
            Kind::Crowded => {
                let mut code = [0; 32];
                code[24..].copy_from_slice(&random.next().to_le_bytes());
                let bits = random.below(4);
                random.flipped(code, bits)
            }
        })
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Own codes with 0, 1, 29..=33 and 63..=65 bits flipped, and strangers.
fn queries(codes: &[Code], random: &mut Random) -> Vec<Code> {
    let mut queries = vec![random.code(), [0; 32], [0xFF; 32]];
    for bits in [0, 1, 29, 30, 31, 32, 33, 63, 64, 65] {
        if !codes.is_empty() {
            let own = codes[random.below(codes.len())];
            queries.push(random.flipped(own, bits));
        }
    }
    queries
}

fn plain(codes: &[Code], queries: &[(Code, u32)]) -> Vec<Near> {
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

const RADII: [u32; 12] = [0, 1, 10, 15, 16, 30, 31, 32, 55, 64, 95, 96];

fn compare(kind: Kind, count: usize, radii: &[u32], random: &mut Random) -> usize {
    let codes = codes(kind, count, random);
    let bytes = Builder::new(&codes).unwrap().to_bytes();
    assert_eq!(bytes.len() as u64, Builder::length(codes.len()));
    let index = RadiusIndex::new(&codes, &bytes, ()).unwrap();
    let asked = queries(&codes, random);
    let mut buffers = Buffers::default();
    let mut matches = 0;
    for radius in radii {
        let mut asked: Vec<(Code, u32)> = asked.iter().map(|code| (*code, *radius)).collect();
        // In one call the radii may differ.
        asked[0].1 = 31;
        let expected = plain(&codes, &asked);
        matches += expected.len();
        for isa in Isa::available() {
            for strategy in [Strategy::Auto, Strategy::Index, Strategy::Scan] {
                let mut found = Vec::new();
                index.within(isa, strategy, &asked, &mut buffers, &mut found).unwrap();
                assert!(
                    found == expected,
                    "{kind:?} {count} radius {radius} {isa} {strategy:?}: {} found, {} expected",
                    found.len(),
                    expected.len()
                );
            }
        }
    }
    matches
}

#[test]
fn nothing_is_missed_and_nothing_added_in_small_sets() {
    let mut random = Random(1);
    let mut sizes = vec![0, 1, 2, 3, 13, 31, 32, 33, 255, 256, 257, 1023, 1024, 1025];
    sizes.extend([4000, 4095, 4096, 4097]);
    for kind in KINDS {
        for size in &sizes {
            compare(kind, *size, &RADII, &mut random);
        }
    }
}

#[test]
fn nothing_is_missed_and_nothing_added_in_larger_sets() {
    let mut random = Random(2);
    for kind in KINDS {
        // From 2^16 codes on a key has 12 bits.
        for (size, radii) in [(65_535, [31, 64]), (65_537, [0, 40]), (100_000, [30, 31])] {
            let matches = compare(kind, size, &radii, &mut random);
            assert!(matches > 0, "{kind:?} {size}");
        }
    }
}

/// Where keys are whole chunks: 2^20 codes and more.
#[test]
fn whole_chunks_as_keys() {
    let mut random = Random(3);
    assert!(compare(Kind::Weight128, 1 << 20, &[31], &mut random) > 0);
}

#[test]
fn equal_codes_are_all_found() {
    let codes = vec![[0x3C; 32]; 5000];
    let bytes = Builder::new(&codes).unwrap().to_bytes();
    let index = RadiusIndex::new(&codes, &bytes, ()).unwrap();
    for strategy in [Strategy::Auto, Strategy::Index] {
        let mut found = Vec::new();
        let asked = [([0x3C; 32], 31)];
        index.within(Isa::PORTABLE, strategy, &asked, &mut Buffers::default(), &mut found).unwrap();
        assert_eq!(found, plain(&codes, &asked));
    }
}

/// Counts what is used and refuses some of it.
struct Watched {
    codes: Cell<usize>,
    index: Cell<usize>,
    refuse: Option<fn(&Range<usize>) -> bool>,
}

impl Touch for &Watched {
    fn codes(&self, range: Range<usize>) -> Result<()> {
        self.codes.set(self.codes.get() + range.len());
        Ok(())
    }

    fn index(&self, range: Range<usize>) -> Result<()> {
        self.index.set(self.index.get() + range.len());
        match self.refuse {
            Some(refuse) if refuse(&range) => Err(Error::new(ErrorCode::SetCorrupt, "refused")),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_query_uses_little_and_a_refusal_is_an_error() {
    let mut random = Random(4);
    let codes = codes(Kind::Uniform, 200_000, &mut random);
    let bytes = Builder::new(&codes).unwrap().to_bytes();
    let ask = |refuse| {
        let watched = Watched { codes: Cell::new(0), index: Cell::new(0), refuse };
        let index = RadiusIndex::new(&codes, &bytes, &watched).unwrap();
        let mut found = Vec::new();
        let asked = [(codes[7], 31)];
        let isa = Isa::PORTABLE;
        let result = index.within(isa, Strategy::Auto, &asked, &mut Buffers::default(), &mut found);
        (result.map(|()| found), watched.codes.get(), watched.index.get())
    };
    let (found, of_codes, of_index) = ask(None);
    assert_eq!(found.unwrap()[0], Near { query: 0, row: 7, distance: 0 });
    assert!(of_codes <= 50 * 32, "{of_codes} bytes of the codes");
    assert!(of_index <= bytes.len() / 400, "{of_index} of {} bytes", bytes.len());
    let (refused, ..) = ask(Some(|range| range.len() == 8));
    assert_eq!(refused.unwrap_err().code(), ErrorCode::SetCorrupt);
    let (refused, ..) = ask(Some(|range| range.len() > 64));
    assert_eq!(refused.unwrap_err().code(), ErrorCode::SetCorrupt);
}

/// Bytes of any kind are an error or a wrong answer, never a panic.
#[test]
fn hostile_bytes_are_harmless() {
    let mut random = Random(5);
    let codes = codes(Kind::Uniform, 3000, &mut random);
    let good = Builder::new(&codes).unwrap().to_bytes();
    let asked: Vec<(Code, u32)> = (0..4).map(|i| (codes[i * 700], 31)).collect();
    let mut errors = 0;
    for round in 0..400 {
        let mut bytes = good.clone();
        match round % 4 {
            0 => (0..200).for_each(|_| {
                let at = 64 + random.below(bytes.len() - 64);
                bytes[at] = random.next() as u8;
            }),
            // No offset fits the next.
            1 => {
                for table in 0..16 {
                    let at = 64 + table * Builder::table_length(codes.len()) as usize;
                    for (key, offset) in
                        bytes[at..at + 4 * 257].as_chunks_mut::<4>().0.iter_mut().enumerate()
                    {
                        *offset = if key % 2 == 0 { 0 } else { codes.len() as u32 }.to_le_bytes();
                    }
                }
            }
            2 => bytes[64..].fill(random.next() as u8),
            _ => {
                let at = 64 + random.below(bytes.len() - 64);
                bytes[at..].fill(0xFF);
            }
        }
        let index = RadiusIndex::new(&codes, &bytes, ()).unwrap();
        for isa in Isa::available() {
            for strategy in [Strategy::Auto, Strategy::Index] {
                let mut found = Vec::new();
                let result =
                    index.within(isa, strategy, &asked, &mut Buffers::default(), &mut found);
                errors += usize::from(result.is_err());
                for near in found {
                    assert_eq!(distance(&codes[near.row], &asked[near.query].0), near.distance);
                }
            }
        }
        assert!(index.verify(&mut |_| {}).is_err());
    }
    assert!(errors > 100);
    for bytes in [&good[..0], &good[..63], &good[..good.len() - 1]] {
        assert!(RadiusIndex::new(&codes, bytes, ()).is_err());
    }
    assert!(RadiusIndex::new(&codes[1..], &good, ()).is_err());
    for at in 0..8 {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        assert!(RadiusIndex::new(&codes, &bytes, ()).is_err(), "byte {at}");
    }
}

#[test]
fn a_sound_index_is_verified() {
    let mut random = Random(6);
    let codes = codes(Kind::Clustered, 20_000, &mut random);
    let mut bytes = Builder::new(&codes).unwrap().to_bytes();
    let mut tables = 0;
    RadiusIndex::new(&codes, &bytes, ()).unwrap().verify(&mut |done| tables = done).unwrap();
    assert_eq!(tables, Builder::TABLES);
    for at in [64, 5000, bytes.len() / 2, bytes.len() - 1] {
        bytes[at] ^= 1;
        let fault = RadiusIndex::new(&codes, &bytes, ()).unwrap().verify(&mut |_| {}).unwrap_err();
        assert_eq!(fault.code(), ErrorCode::SetCorrupt, "{at}");
        bytes[at] ^= 1;
    }
}

/// Remembers what was used.
#[derive(Default)]
struct Recorder {
    codes: std::cell::RefCell<Vec<Range<usize>>>,
    index: std::cell::RefCell<Vec<Range<usize>>>,
}

impl Touch for &Recorder {
    fn codes(&self, range: Range<usize>) -> Result<()> {
        self.codes.borrow_mut().push(range);
        Ok(())
    }

    fn index(&self, range: Range<usize>) -> Result<()> {
        self.index.borrow_mut().push(range);
        Ok(())
    }
}

/// Everything that was not touched may be damaged: the answer must not come from it.
#[test]
fn what_is_not_touched_decides_nothing() {
    let mut random = Random(7);
    for kind in [Kind::Uniform, Kind::Clustered] {
        let codes = codes(kind, 30_000, &mut random);
        let bytes = Builder::new(&codes).unwrap().to_bytes();
        for asked in queries(&codes, &mut random) {
            for (isa, strategy) in
                Isa::available().flat_map(|i| [(i, Strategy::Auto), (i, Strategy::Index)])
            {
                let ask = |codes: &[Code], bytes: &[u8]| {
                    let (recorder, mut found) = (Recorder::default(), Vec::new());
                    let index = RadiusIndex::new(codes, bytes, &recorder).unwrap();
                    let asked = [(asked, 31), (asked, 40)];
                    index
                        .within(isa, strategy, &asked, &mut Buffers::default(), &mut found)
                        .unwrap();
                    (found, recorder)
                };
                let (found, recorder) = ask(&codes, &bytes);
                let damage = |bytes: &mut [u8], touched: &[Range<usize>], random: &mut Random| {
                    let mut kept = vec![false; bytes.len()];
                    touched.iter().for_each(|range| kept[range.clone()].fill(true));
                    for (byte, kept) in bytes.iter_mut().zip(kept) {
                        if !kept {
                            *byte = random.next() as u8;
                        }
                    }
                };
                let (mut other_codes, mut other_bytes) = (codes.clone(), bytes.clone());
                damage(other_codes.as_flattened_mut(), &recorder.codes.borrow(), &mut random);
                damage(&mut other_bytes, &recorder.index.borrow(), &mut random);
                assert!(ask(&other_codes, &other_bytes).0 == found, "{kind:?} {isa} {strategy:?}");
            }
        }
    }
}

/// Buckets that hold nearly everything: the index alone would read many times what a scan does, and gives up long before.
#[test]
fn work_is_bounded() {
    let mut random = Random(8);
    let codes = codes(Kind::Crowded, 100_000, &mut random);
    let bytes = Builder::new(&codes).unwrap().to_bytes();
    let asked: Vec<(Code, u32)> = (0..9).map(|i| (codes[i * 11_111], 31)).collect();
    for isa in Isa::available() {
        let read = [Strategy::Auto, Strategy::Index].map(|strategy| {
            let watched = Watched { codes: Cell::new(0), index: Cell::new(0), refuse: None };
            let index = RadiusIndex::new(&codes, &bytes, &watched).unwrap();
            let mut found = Vec::new();
            index.within(isa, strategy, &asked, &mut Buffers::default(), &mut found).unwrap();
            assert!(found == plain(&codes, &asked));
            watched.index.get() + watched.codes.get()
        });
        let scan = size_of_val(codes.as_slice());
        assert!(read[0] <= asked.len() * scan, "{isa}: {} bytes, {scan} in a scan", read[0]);
        assert!(read[1] > 2 * read[0], "{isa}: the set is no trial: {read:?}");
    }
}

/// A table in which every bucket is the whole table.
#[test]
fn buckets_that_overlap_are_an_error() {
    let mut random = Random(9);
    let codes = codes(Kind::Uniform, 5000, &mut random);
    let mut bytes = Builder::new(&codes).unwrap().to_bytes();
    let asked = (codes[0], 31);
    let chunks = chunks::chunks(&codes[0]);
    for (table, chunk) in chunks.iter().enumerate() {
        let at = 64 + table * Builder::table_length(codes.len()) as usize;
        for bit in 0..8 {
            let key = usize::from(*chunk & 0xFF) ^ 1 << bit;
            bytes[at + 4 * key..][..4].copy_from_slice(&0u32.to_le_bytes());
            bytes[at + 4 * key + 4..][..4].copy_from_slice(&5000u32.to_le_bytes());
        }
    }
    let index = RadiusIndex::new(&codes, &bytes, ()).unwrap();
    let mut found = Vec::new();
    let isa = Isa::PORTABLE;
    let result = index.within(isa, Strategy::Index, &[asked], &mut Buffers::default(), &mut found);
    assert_eq!(result.unwrap_err().code(), ErrorCode::SetCorrupt);
}

/// Bytes of the codes and of the index that one query touches, and that the answer is right.
fn touched(codes: &[Code], bytes: &[u8], asked: (Code, u32), strategy: Strategy) -> [usize; 2] {
    let watched = Watched { codes: Cell::new(0), index: Cell::new(0), refuse: None };
    let index = RadiusIndex::new(codes, bytes, &watched).unwrap();
    let (isa, mut found) = (Isa::PORTABLE, Vec::new());
    index.within(isa, strategy, &[asked], &mut Buffers::default(), &mut found).unwrap();
    assert!(found == plain(codes, &[asked]));
    [watched.codes.get(), watched.index.get()]
}

/// Codes of which half share their first few chunks with `base`.
fn crowded(count: usize, base: &Code, chunks: usize, random: &mut Random) -> Vec<Code> {
    let mut shared = [0u8; 32];
    for bit in 0..256 {
        let mut one = [0; 32];
        one[bit / 8] = 1 << (bit % 8);
        if chunks::chunks(&one)[..chunks].iter().any(|chunk| *chunk != 0) {
            shared[bit / 8] |= 1 << (bit % 8);
        }
    }
    let mut codes = codes(Kind::Uniform, count, random);
    for code in codes.iter_mut().step_by(2) {
        code.iter_mut().zip(base).zip(shared).for_each(|((c, b), s)| *c = *c & !s | b & s);
    }
    codes.sort_unstable();
    codes
}

/// Half of the codes share four of their chunks: the cheapest budgets avoid the buckets in which they crowd.
#[test]
fn planning_avoids_crowded_buckets() {
    let mut random = Random(10);
    let base = random.code();
    let codes = crowded(200_000, &base, 4, &mut random);
    let bytes = Builder::new(&codes).unwrap().to_bytes();
    let index = RadiusIndex::new(&codes, &bytes, ()).unwrap();
    let chunks = chunks::chunks(&base);
    // What even budgets would open for the base itself: of the four tables alone, half of all codes in each.
    let even: usize =
        (0..4).map(|t| index.bucket(t, index.layout.key(chunks[t])).unwrap().1 as usize).sum();
    assert!(even >= 4 * codes.len() / 2);
    let [of_codes, of_index] = touched(&codes, &bytes, (base, 31), Strategy::Auto);
    assert!(
        of_index < even * layout::ENTRY / 4,
        "{of_index} bytes of the index, {even} entries with even budgets"
    );
    assert!(
        of_codes < size_of_val(codes.as_slice()) / 100,
        "{of_codes} bytes of the codes: it was scanned for"
    );
}

/// Half of all codes stand in one bucket, in each of so many tables that no budgets avoid all of them, and the chunk after their key is the query's,
/// too. What passes the first test is then held and paid for in parts of the bucket, not when it has been read.
#[test]
fn a_crowded_bucket_is_held_and_paid_for_in_parts() {
    let mut random = Random(12);
    let base = random.code();
    let mut codes = crowded(100_000, &base, 7, &mut random);
    for code in codes.iter_mut().step_by(400) {
        *code = random.flipped(base, 20);
    }
    codes.sort_unstable();
    let bytes = Builder::new(&codes).unwrap().to_bytes();
    let index = RadiusIndex::new(&codes, &bytes, ()).unwrap();
    let asked = (base, 31);
    for isa in Isa::available() {
        // Forced, it reads such a bucket to the end, and finds what stands anywhere in it.
        let (mut buffers, mut found) = (Buffers::default(), Vec::new());
        index.within(isa, Strategy::Index, &[asked], &mut buffers, &mut found).unwrap();
        assert!(found.len() == 250 && found == plain(&codes, &[asked]), "{isa}");
        let held = buffers.passed.capacity();
        assert!(held <= 2 * stages::PASSED, "{isa}: room for {held} entries of a bucket");

        // Enough to open such a bucket, not enough for all that passes in it.
        let (costs, scan_cost) = (plan::Costs::of(isa), 800_000_000);
        let mut job = index.job(&costs, scan_cost, 0, &base, 31);
        let (mut buckets, mut passed, mut sum) = (Vec::new(), Vec::new(), 0);
        index.open(&costs, &mut job, &mut buckets).unwrap();
        while !job.scan && !job.range.is_empty() {
            passed.clear();
            let (index, cost, job) = (&index, costs.passed, &mut job);
            let sweep = stages::Sweep { index, cost, job, buckets: &buckets, passed: &mut passed };
            kernel::Kernel::of(isa).run(sweep).unwrap();
            sum += passed.len() as u64;
        }
        let most = scan_cost / 4 / costs.passed + kernel::STEP as u64;
        assert!(job.scan && (1000..=most).contains(&sum), "{isa}: {sum} passed, {most} paid for");
    }
}

/// What is said before is what is done, where buckets are filled evenly; and a scan reads nothing of the index but its header.
#[test]
fn what_opens_the_index_is_known_before() {
    let mut random = Random(13);
    let codes = codes(Kind::Uniform, 20_000, &mut random);
    let bytes = Builder::new(&codes).unwrap().to_bytes();
    let index = RadiusIndex::new(&codes, &bytes, ()).unwrap();
    let mut opened = [0; 3];
    for radius in [0, 7, 15, 31, 47, 63, 95, 96, 256] {
        let ways = [Strategy::Auto, Strategy::Index, Strategy::Scan];
        for (strategy, opened) in ways.into_iter().zip(&mut opened) {
            let [_, of_index] = touched(&codes, &bytes, (random.code(), radius), strategy);
            let opens = index.opens(Isa::PORTABLE, strategy, radius);
            assert_eq!(opens, of_index > layout::HEADER, "{strategy:?} {radius}");
            *opened += usize::from(opens);
        }
    }
    assert!((2..7).contains(&opened[0]) && opened[1..] == [7, 0], "{opened:?}");
}

#[test]
fn buffers_give_back_all_their_memory() {
    let mut random = Random(14);
    let codes = codes(Kind::Uniform, 5000, &mut random);
    let bytes = Builder::new(&codes).unwrap().to_bytes();
    let index = RadiusIndex::new(&codes, &bytes, ()).unwrap();
    let (mut buffers, mut found) = (Buffers::default(), Vec::new());
    let asked: Vec<(Code, u32)> = (0..100).map(|i| (codes[i], [20, 96][i % 2])).collect();
    index.within(Isa::PORTABLE, Strategy::Index, &asked, &mut buffers, &mut found).unwrap();
    assert!(buffers.jobs.capacity() > 0 && buffers.scans.capacity() >= 50);
    buffers.shrink_to(0);
    let Buffers { jobs, passed, scans, .. } = &buffers;
    assert_eq!([jobs.capacity(), passed.capacity(), scans.capacity()], [0; 3]);
}

/// A few thousand codes that are all near the query: cheap to open, dear to look at. What passes the first test, and then what passes the second, is counted.
#[test]
fn a_query_that_finds_too_much_gives_up_on_the_way() {
    let mut random = Random(11);
    let centre = random.code();
    for (crowd, bits) in [(12_000, 24), (2_000, 4)] {
        let mut codes = codes(Kind::Uniform, 100_000, &mut random);
        codes.extend((0..crowd).map(|_| random.flipped(centre, bits)));
        codes.sort_unstable();
        codes.dedup();
        let bytes = Builder::new(&codes).unwrap().to_bytes();
        let [of_codes, of_index] = touched(&codes, &bytes, (centre, 31), Strategy::Auto);
        let offsets = 8 * 16 * 137 * 2;
        assert!(
            of_index > offsets,
            "{crowd}: {of_index} bytes of the index: it gave up before it had read a bucket"
        );
        assert_eq!(
            of_codes,
            size_of_val(codes.as_slice()),
            "{crowd}: a scan, and no code looked at one by one"
        );
        let [of_codes, _] = touched(&codes, &bytes, (centre, 31), Strategy::Index);
        assert!(of_codes < size_of_val(codes.as_slice()), "{crowd}: forced, it does not scan");
    }
}
