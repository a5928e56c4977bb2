//! Which buckets a query opens: budgets, keys, and what that costs.

use crate::hamming::Isa;

use super::chunks::CHUNKS;

/// Largest budget of a chunk. Sixteen of them reach a radius of 95, and open 110,160 buckets: by the costs below that is worth it from 38 million
/// codes on. Nothing beyond a radius of 55 was ever measured.
pub(super) const MOST: usize = 6;

/// The first radius that no budgets reach.
pub(super) const REACH: u32 = (CHUNKS * MOST) as u32;

/// How far each chunk of the query may be from the key of a bucket that is opened, plus one; nothing is opened for 0.
pub(super) type Budgets = [u8; CHUNKS];

/// Budgets that sum to `radius + 1` and are as equal as that allows, the larger ones spread over the ring; none if one would exceed [`MOST`].
pub(super) fn even(radius: u32) -> Option<Budgets> {
    if radius >= REACH {
        return None;
    }
    let sum = radius as usize + 1;
    Some(std::array::from_fn(|i| ((i + 1) * sum / CHUNKS - i * sum / CHUNKS) as u8))
}

/// How many flips of `n` bits flip fewer than `k` of them: `n over 0` + .. + `n over k - 1`.
static FEWER: [[u16; MOST + 1]; 17] = {
    let mut fewer = [[0; MOST + 1]; 17];
    let mut n = 0;
    while n <= 16 {
        let mut k = 0;
        while k <= MOST {
            fewer[n][k] = fewer_flips(n, k) as u16;
            k += 1;
        }
        n += 1;
    }
    fewer
};

const fn fewer_flips(n: usize, k: usize) -> usize {
    let (mut sum, mut binomial, mut i) = (0, 1, 0);
    while i < k {
        sum += binomial;
        binomial = binomial * (n - if i < n { i } else { n }) / (i + 1);
        i += 1;
    }
    sum
}

/// Flips of a chunk's bits: of no bit, then all of one, of two, .. up to `MOST - 1`, each group ascending.
static FLIPS: [u16; fewer_flips(16, MOST)] = flips();

const fn flips() -> [u16; fewer_flips(16, MOST)] {
    let mut all = [0; fewer_flips(16, MOST)];
    let (mut at, mut weight) = (1, 1);
    while weight < MOST {
        // Gosper: the next greater number with as many bits.
        let mut bits = (1u32 << weight) - 1;
        while bits < 1 << 16 {
            all[at] = bits as u16;
            at += 1;
            let lowest = bits & bits.wrapping_neg();
            let carried = bits + lowest;
            bits = carried | (((bits ^ carried) >> 2) / lowest);
        }
        weight += 1;
    }
    all
}

/// The flips of exactly `distance` bits, fewer than [`MOST`], of a key of `key_bits` bits.
#[inline]
pub(super) fn flips_at(distance: usize, key_bits: u32) -> &'static [u16] {
    let start = keys_within(distance, 16);
    let count = keys_within(distance + 1, key_bits) - keys_within(distance, key_bits);
    // Ascending, so those that fit into fewer bits stand first.
    &FLIPS[start..start + count]
}

/// Number of keys within a budget.
#[inline]
pub(super) fn keys_within(budget: usize, key_bits: u32) -> usize {
    usize::from(FEWER[key_bits as usize][budget])
}

/// What things take, in picoseconds. They only choose between ways to the same answer, so they need not be right, and they are
/// constants so that the choice is the same on every day.
///
/// Where they are from: rounded by hand from runs of `cargo bench --bench index -- costs`, whose columns bear these names, and `compared` from the
/// bench `scan` with eight queries; no record of those runs was kept. `plan` is by hand, and what is said of NEON is a guess. The records that were
/// kept have a lower `compared` (0.7 ns with AVX2, 2.8 ns portable: `benches/record/2026-11-22-intel-xeon-processor.txt`) and a dearer [`FETCHED`]
/// (1.8 to 5.5 ns at a million codes: there and in `2026-11-22-bench-query.txt`), both of busy machines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Costs {
    /// Per code of a scan, to compare it with one query. To bring it from memory takes [`FETCHED`], however many the queries.
    pub(super) compared: u64,
    /// Finding the cheapest budgets. The one that no bench measures.
    pub(super) plan: u64,
    /// Per pair of offsets that is read.
    pub(super) look_up: u64,
    /// Per bucket opened: its offsets, its first line.
    pub(super) bucket: u64,
    /// Per entry of those buckets.
    pub(super) entry: u64,
    /// Per entry that passes the first test.
    pub(super) passed: u64,
    /// Per candidate, compared in full.
    pub(super) candidate: u64,
    /// What a query takes before it opens anything.
    pub(super) start: u64,
}

/// Per code of a scan, in picoseconds: to bring it from memory. The same at every radius, though at a wide one the scan reads codes twice.
const FETCHED: u64 = 1_300;

impl Costs {
    pub(super) fn of(isa: Isa) -> Costs {
        let index = Costs {
            compared: 0,
            plan: 20_000_000,
            look_up: 8_000,
            bucket: 50_000,
            entry: 300,
            passed: 9_000,
            candidate: 60_000,
            start: 300_000,
        };
        match isa.name() {
            "avx512" => Costs { compared: 600, ..index },
            "avx2" => Costs { compared: 1_200, ..index },
            "neon" => Costs { compared: 1_500, ..index },
            _ => Costs { compared: 5_800, entry: 600, ..index },
        }
    }

    /// A query that opens so many buckets with so many entries.
    pub(super) fn opening(&self, buckets: u64, entries: u64) -> u64 {
        self.start + self.buckets(buckets, entries)
    }

    /// So many buckets with so many entries.
    pub(super) fn buckets(&self, buckets: u64, entries: u64) -> u64 {
        buckets * self.bucket + entries.saturating_mul(self.entry)
    }

    /// The share of one of `queries` in a scan of so many codes for all of them.
    pub(super) fn scan(&self, codes: usize, queries: usize) -> u64 {
        let code = self.compared.max(FETCHED / queries.max(1) as u64);
        (codes as u64).saturating_mul(code)
    }
}

/// The cheapest budgets of at most `most` for a radius, where `cost[i][b]` is what budget `b` costs on chunk `i`; none if no sum reaches the radius.
///
/// ```text
/// least[0][0] = 0
/// least[i + 1][s] = min over b of least[i][s - b] + cost[i][b]
/// ```
pub(super) fn cheapest(
    radius: u32,
    cost: &[[u64; MOST + 1]; CHUNKS],
    most: usize,
) -> Option<(Budgets, u64)> {
    if radius >= REACH {
        return None;
    }
    let sum = radius as usize + 1;
    let mut least = [[u64::MAX; CHUNKS * MOST + 1]; CHUNKS + 1];
    let mut taken = [[0u8; CHUNKS * MOST + 1]; CHUNKS];
    least[0][0] = 0;
    for i in 0..CHUNKS {
        for s in 0..=sum {
            for b in 0..=most.min(MOST).min(s) {
                let total = least[i][s - b].saturating_add(cost[i][b]);
                if total < least[i + 1][s] {
                    least[i + 1][s] = total;
                    taken[i][s] = b as u8;
                }
            }
        }
    }
    let total = least[CHUNKS][sum];
    let mut budgets = [0; CHUNKS];
    let mut s = sum;
    for i in (0..CHUNKS).rev() {
        budgets[i] = taken[i][s];
        s -= usize::from(budgets[i]);
    }
    (total < u64::MAX).then_some((budgets, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flips_are_all_keys_of_a_distance_each_once() {
        for key_bits in [1, 2, 8, 13, 16] {
            for distance in 0..MOST {
                let mut expected: Vec<u16> = (0..1u32 << key_bits)
                    .map(|k| k as u16)
                    .filter(|k| k.count_ones() as usize == distance)
                    .collect();
                expected.sort_unstable();
                assert_eq!(flips_at(distance, key_bits), expected, "{key_bits} {distance}");
            }
            for budget in 0..=MOST {
                let all: usize = (0..budget).map(|d| flips_at(d, key_bits).len()).sum();
                assert_eq!(keys_within(budget, key_bits), all);
            }
        }
    }

    #[test]
    fn even_budgets_sum_to_one_more_than_the_radius() {
        for radius in 0..96 {
            let budgets = even(radius).unwrap();
            assert_eq!(budgets.iter().map(|b| u32::from(*b)).sum::<u32>(), radius + 1);
            assert!(budgets.iter().max().unwrap() - budgets.iter().min().unwrap() <= 1);
        }
        assert_eq!(even(96), None);
        assert_eq!(even(u32::MAX), None);
        assert_eq!(cheapest(u32::MAX, &[[0; MOST + 1]; CHUNKS], MOST), None);
    }

    /// Against all ways to spend a small sum, with costs that favour some chunks.
    #[test]
    fn no_budgets_are_cheaper_than_the_cheapest() {
        for seed in 0u64..20 {
            let cost: [[u64; MOST + 1]; CHUNKS] = std::array::from_fn(|i| {
                let base = u64::from(blake3::hash(&[seed as u8, i as u8]).as_bytes()[0]) + 1;
                std::array::from_fn(|b| base * (b * b * b) as u64)
            });
            for radius in [0, 1, 2, 3, 31, 64, 95] {
                let (budgets, total) = cheapest(radius, &cost, MOST).unwrap();
                let priced: u64 = budgets.iter().zip(&cost).map(|(b, c)| c[usize::from(*b)]).sum();
                assert_eq!(priced, total);
                assert_eq!(budgets.iter().map(|b| u32::from(*b)).sum::<u32>(), radius + 1);
                // These costs are convex, so exchanging one unit between two chunks would find anything better.
                for (i, j) in (0..CHUNKS).flat_map(|i| (0..CHUNKS).map(move |j| (i, j))) {
                    let (from, to) = (usize::from(budgets[i]), usize::from(budgets[j]));
                    if i != j && from > 0 && to < MOST {
                        let changed = total - cost[i][from] - cost[j][to]
                            + cost[i][from - 1]
                            + cost[j][to + 1];
                        assert!(changed >= total);
                    }
                }
            }
        }
    }
}
