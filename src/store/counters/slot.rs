//! A slot: what is counted of one entry or one list.
//!
//! ```text
//! words:  0, 1  whom it is of: 16 bytes; 0 = nobody
//!         2     hour (high 32 bits, hours since 1970), baseline (low 32 bits)
//!         3     when it tripped, in seconds since 1970; 0 = it has not
//!         4     matches, repeats included
//!         5     of an entry: 1 + the number of the slot of its list, for display
//!         6     distinct uploads in the hour when it tripped
//!         7     not used
//!         8, 9  of an entry: the id of one that matched, for display; 0 = none
//!         10 .. the bitmap: in each word the hour's low 16 bits, then 48 bits
//! ```
//!
//! # Distinct uploads: linear counting
//!
//! Each upload has a bit, chosen by a keyed hash. With `m` bits of which `z` are zero, `m ln(m / z)` uploads were seen, give or take 2 % at the
//! breaker's floor and 5 % at four uploads per bit. A repeated upload changes nothing.
//!
//! # Why no count is lost when the hour ends
//!
//! Nothing is cleared: every word bears the hour that it is of, so whoever sets a bit in a word of an earlier hour replaces the whole word, in one
//! compare-and-swap, and whoever counts skips words of other hours. Changing the hour and the baseline is one compare-and-swap too. A process that dies at any
//! point leaves nothing half done and nobody waiting. What may be missed: a bit that a late process sets for the hour that has just ended does not reach
//! that hour's share of the baseline; it counts for the new hour.
//!
//! Loops: within one hour a word of 48 bits changes 49 times at most, so a compare-and-swap that is tried [`TRIES`] times fails only if somebody else writes garbage to the file without
//! end; then the count is lost, and nobody waits.

use std::sync::atomic::{AtomicU64, Ordering::*};

use super::super::breaker;

/// Words before the bitmap.
pub(super) const HEAD: usize = 10;

/// Bits of the bitmap in each of its words.
const BITS: usize = 48;

const TRIES: usize = 1024;

/// Uploads per bit up to which counting is good.
const LOAD: u32 = 4;

/// Hours after which a slot of which nothing was heard is given to somebody else: a week. Its baseline has sunk to nothing by then.
const IDLE: u32 = 7 * 24;

#[derive(Clone, Copy)]
pub(super) struct Slot<'a> {
    head: &'a [AtomicU64; HEAD],
    bitmap: &'a [AtomicU64],
}

/// What became of an attempt to have a slot for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It is his.
    Yes,
    /// It is somebody else's.
    No,
    /// It is nobody's: behind it there is nothing.
    End,
}

impl<'a> Slot<'a> {
    /// None if there are fewer words than a head.
    pub(super) fn new(words: &'a [AtomicU64]) -> Option<Slot<'a>> {
        let (head, bitmap) = words.split_first_chunk()?;
        Some(Slot { head, bitmap })
    }

    /// Its part of the words behind the head, split at `at`: for what stands between head and bitmap.
    pub(super) fn with_text(self, at: usize) -> (&'a [AtomicU64], Slot<'a>) {
        let (text, bitmap) = self.bitmap.split_at_checked(at).unwrap_or((&[], self.bitmap));
        (text, Slot { bitmap, ..self })
    }

    /// Whether the slot is `whose`, without changing it.
    pub(super) fn is_of(&self, whose: [u64; 2]) -> Claim {
        match (self.head[0].load(Acquire), self.head[1].load(Acquire)) {
            (0, _) => Claim::End,
            both if both == (whose[0], whose[1]) => Claim::Yes,
            _ => Claim::No,
        }
    }

    /// Takes the slot for `whose` if it is his already or nobody's. A process that died half-way left the first word, and the next that means the same completes it.
    pub(super) fn claim(&self, whose: [u64; 2]) -> Claim {
        for (word, wanted) in self.head.iter().zip(whose) {
            match word.load(Acquire) {
                held if held == wanted => {}
                0 => match word.compare_exchange(0, wanted, AcqRel, Acquire) {
                    Ok(_) => {}
                    Err(held) if held == wanted => {}
                    Err(_) => return Claim::No,
                },
                _ => return Claim::No,
            }
        }
        Claim::Yes
    }

    /// Whether it may be given to somebody else: nothing was heard of its owner for a week, and it has not tripped.
    pub(super) fn is_idle(&self, hour: u32) -> bool {
        let (held, _) = unpack(self.head[2].load(Acquire));
        self.head[3].load(Acquire) == 0 && hour.saturating_sub(held) >= IDLE
    }

    /// Gives an idle slot to `whose`. If the old owner turns up in this very moment, his upload may be counted for the new one, or the slot
    /// is nobody's until it is idle again.
    pub(super) fn take_over(&self, whose: [u64; 2], hour: u32) -> Claim {
        let [first, second] = [self.head[0].load(Acquire), self.head[1].load(Acquire)];
        if self.head[1].compare_exchange(second, 0, AcqRel, Acquire).is_err() {
            return Claim::No;
        }
        self.head[2].store(pack(hour, 0), Release);
        for word in [4, 5, 6, 8, 9] {
            self.head[word].store(0, Release);
        }
        if self.head[0].compare_exchange(first, whose[0], AcqRel, Acquire).is_err() {
            return Claim::No;
        }
        self.claim(whose)
    }

    pub(super) fn owner(&self) -> Option<[u64; 2]> {
        let owner = [self.head[0].load(Acquire), self.head[1].load(Acquire)];
        (owner[0] != 0 && owner[1] != 0).then_some(owner)
    }

    /// One more match by an upload of this hash: how many distinct uploads there were in the hour, and how many would be too many; none if
    /// this upload was counted before.
    pub(super) fn note(&self, hash: u64, hour: u32, floor: u32) -> Option<(u32, u32)> {
        self.head[4].fetch_add(1, Relaxed);
        let (hour, baseline) = self.at(hour);
        let new = self.set(hash, hour);
        new.then(|| (self.distinct(hour), breaker::bound(baseline, floor, self.ceiling())))
    }

    /// The hour and the baseline now. Ends the hour that the slot is in if it has passed.
    fn at(&self, hour: u32) -> (u32, u32) {
        let mut seen = self.head[2].load(Acquire);
        for _ in 0..TRIES {
            let (held, baseline) = unpack(seen);
            // A clock that is a little behind counts for the later hour.
            if held == hour || Some(held) == hour.checked_add(1) {
                break;
            }
            let next = match hour.checked_sub(held) {
                Some(passed) => breaker::baseline_after(baseline, self.distinct(held), passed),
                // The clock was wrong, then or now.
                None => baseline,
            };
            match self.head[2].compare_exchange(seen, pack(hour, next), AcqRel, Acquire) {
                Ok(_) => return (hour, next),
                Err(other) => seen = other,
            }
        }
        unpack(seen)
    }

    /// Whether the bit of this hash was not set yet.
    fn set(&self, hash: u64, hour: u32) -> bool {
        let bit = ((u128::from(hash) * (self.bitmap.len() * BITS) as u128) >> 64) as usize;
        let Some(word) = self.bitmap.get(bit / BITS) else { return false };
        let mask = 1 << (bit % BITS);
        let mut seen = word.load(Relaxed);
        for _ in 0..TRIES {
            let ahead = tag(seen).wrapping_sub(hour as u16);
            let new = if ahead <= 1 { seen | mask } else { u64::from(hour as u16) << BITS | mask };
            if new == seen {
                return false;
            }
            match word.compare_exchange_weak(seen, new, AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(other) => seen = other,
            }
        }
        false
    }

    /// About how many distinct uploads there were in that hour.
    pub(super) fn distinct(&self, hour: u32) -> u32 {
        let bits = (self.bitmap.len() * BITS) as u32;
        let ones = self
            .bitmap
            .iter()
            .map(|word| word.load(Acquire))
            .filter(|word| tag(*word) == hour as u16)
            .map(|word| (word & ((1 << BITS) - 1)).count_ones())
            .sum::<u32>();
        let zeros = f64::from(bits.saturating_sub(ones).max(1));
        (f64::from(bits) * (f64::from(bits) / zeros).ln()) as u32
    }

    /// How many distinct uploads can be counted well. More than that are too many, whatever is usual.
    pub(super) fn ceiling(&self) -> u32 {
        (self.bitmap.len() * BITS) as u32 * LOAD
    }

    /// Whether it trips now, and not before.
    pub(super) fn trip(&self, now: u64, count: u32) -> bool {
        if self.head[3].compare_exchange(0, now.max(1), AcqRel, Acquire).is_err() {
            return false;
        }
        self.head[6].store(u64::from(count), Release);
        true
    }

    /// Takes the flag away if there is one, and starts the count afresh; what was counted is what is usual from now on.
    pub(super) fn reset(&self) -> bool {
        let tripped = self.head[3].swap(0, AcqRel) != 0;
        let mut seen = self.head[2].load(Acquire);
        for _ in 0..TRIES {
            let (hour, baseline) = unpack(seen);
            let usual = baseline.max(breaker::as_baseline(self.distinct(hour)));
            match self.head[2].compare_exchange(seen, pack(hour, usual), AcqRel, Acquire) {
                Ok(_) => break,
                Err(other) => seen = other,
            }
        }
        for word in self.bitmap {
            word.store(0, Release);
        }
        tripped
    }

    pub(super) fn tripped(&self) -> Option<u64> {
        Some(self.head[3].load(Acquire)).filter(|when| *when != 0)
    }

    pub(super) fn matches(&self) -> u64 {
        self.head[4].load(Relaxed)
    }

    pub(super) fn hour(&self) -> u32 {
        unpack(self.head[2].load(Acquire)).0
    }

    /// In uploads per hour.
    pub(super) fn baseline(&self) -> f64 {
        f64::from(unpack(self.head[2].load(Acquire)).1) / breaker::UNIT
    }

    /// Distinct uploads in the hour when it tripped.
    pub(super) fn count_at_trip(&self) -> u64 {
        self.head[6].load(Relaxed)
    }

    /// Notes an entry for display, unless there is one.
    pub(super) fn show(&self, entry: [u64; 2]) {
        if self.shown().is_none() {
            self.head[8].store(entry[0], Release);
            self.head[9].store(entry[1], Release);
        }
    }

    /// The entry that is shown. Half written, it names nobody.
    pub(super) fn shown(&self) -> Option<[u64; 2]> {
        let entry = [self.head[8].load(Acquire), self.head[9].load(Acquire)];
        (entry[0] != 0 && entry[1] != 0).then_some(entry)
    }

    pub(super) fn set_list(&self, slot: usize) {
        self.head[5].store(slot as u64 + 1, Relaxed);
    }

    /// The number of the slot of its list. To be checked: others may have written it.
    pub(super) fn list(&self) -> Option<usize> {
        usize::try_from(self.head[5].load(Relaxed)).ok()?.checked_sub(1)
    }
}

fn tag(word: u64) -> u16 {
    (word >> BITS) as u16
}

fn pack(hour: u32, baseline: u32) -> u64 {
    u64::from(hour) << 32 | u64::from(baseline)
}

fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: usize) -> Vec<AtomicU64> {
        (0..count).map(|_| AtomicU64::new(0)).collect()
    }

    /// A hash whose bit in a small slot is `seed`.
    fn spread(seed: u64) -> u64 {
        seed * (u64::MAX / (32 * BITS) as u64) + 1_000_000
    }

    fn hash(seed: u64) -> u64 {
        u64::from_le_bytes(blake3::hash(&seed.to_le_bytes()).as_bytes()[..8].try_into().unwrap())
    }

    #[test]
    fn distinct_uploads_are_counted_well_up_to_the_ceiling() {
        for bitmap in [32, 1024] {
            let words = words(HEAD + bitmap);
            let slot = Slot::new(&words).unwrap();
            let mut noted = 0;
            for count in [1, 10, 40, 41, 400, 1000, 3000, 6000, 100_000, 190_000u64] {
                if count > u64::from(slot.ceiling()) {
                    break;
                }
                for seed in noted..count {
                    slot.note(hash(seed), 7, 40);
                    assert!(slot.note(hash(seed), 7, 40).is_none(), "a repeat counts once");
                }
                noted = count;
                let error = (f64::from(slot.distinct(7)) / count as f64 - 1.0).abs();
                // Three standard deviations, and one upload for rounding.
                let load = count as f64 / (bitmap * BITS) as f64;
                let deviation = ((load.exp() - load - 1.0) * (bitmap * BITS) as f64).sqrt();
                assert!(error <= (3.0 * deviation + 1.0) / count as f64, "{count}: {error}");
            }
            assert_eq!(slot.matches(), 2 * noted);
        }
    }

    #[test]
    fn hours_end_and_the_clock_may_go_wrong() {
        let words = words(HEAD + 32);
        let slot = Slot::new(&words).unwrap();
        let many = |from: u64, hour| {
            (from..from + 30).fold(None, |last, s| slot.note(spread(s), hour, 40).or(last))
        };
        assert_eq!(many(0, 500_000), Some((30, 40)));
        assert_eq!(many(0, 500_001), Some((30, 40)), "the next hour counts by itself");
        assert_eq!(slot.hour(), 500_001);
        assert!((1.2..1.3).contains(&slot.baseline()), "{}", slot.baseline());
        // A process that has not noticed yet, and one whose clock was set back for good.
        assert_eq!(many(30, 500_000).unwrap().0, slot.distinct(500_001));
        assert!(slot.distinct(500_001) > 55);
        many(0, 400_000);
        assert_eq!((slot.hour(), slot.distinct(400_000)), (400_000, 30));
        // The same low 16 bits, seven years later.
        many(100, 400_000 + (1 << 16));
        assert!(slot.baseline() < 0.1);
        many(0, u32::MAX);
        many(0, 0);
        assert_eq!((slot.hour(), slot.distinct(0)), (0, 30));
    }

    #[test]
    fn what_was_counted_when_it_was_reset_is_usual() {
        let words = words(HEAD + 32);
        let slot = Slot::new(&words).unwrap();
        let note = |seed| slot.note(spread(seed), 9, 40);
        assert!((0..100).all(|seed| note(seed).is_some_and(|(_, bound)| bound == 40)));
        assert!(slot.trip(9 * 3600, 41) && !slot.trip(9 * 3600, 41));
        assert_eq!((slot.tripped(), slot.count_at_trip()), (Some(9 * 3600), 41));
        assert!(slot.reset() && !slot.reset());
        assert_eq!((slot.tripped(), slot.distinct(9)), (None, 0));
        let (count, bound) = note(1000).unwrap();
        assert_eq!(count, 1);
        assert!((950..1050).contains(&bound), "{bound}");
    }

    #[test]
    fn a_slot_has_one_owner_until_it_is_idle() {
        let words = words(HEAD + 32);
        let slot = Slot::new(&words).unwrap();
        assert_eq!(slot.is_of([1, 2]), Claim::End);
        words[0].store(1, Release);
        assert_eq!((slot.is_of([1, 2]), slot.owner()), (Claim::No, None), "half claimed");
        assert_eq!(slot.claim([1, 2]), Claim::Yes);
        assert_eq!(slot.claim([1, 3]), Claim::No);
        assert_eq!(slot.claim([2, 2]), Claim::No);
        slot.note(hash(1), 1000, 40);
        assert!(!slot.is_idle(1000 + IDLE - 1) && !slot.is_idle(0) && slot.is_idle(1000 + IDLE));
        slot.trip(1, 1);
        assert!(!slot.is_idle(1000 + IDLE), "what has tripped stays");
        slot.reset();
        assert_eq!(slot.take_over([5, 6], 1000 + IDLE), Claim::Yes);
        assert_eq!((slot.owner(), slot.matches()), (Some([5, 6]), 0));
        assert_eq!(slot.distinct(slot.hour()), 0);
    }
}
