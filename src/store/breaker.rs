//! The rule of the breaker: when an entry matches too many uploads to be right. Pure arithmetic; what is counted, and where, is the business of
//! [`super::counters`].
//!
//! A poisoned entry, or one whose picture has become a joke that everybody passes on, would make the filter take down what is harmless. Nobody
//! can tell that from one upload, but from many: listed content comes back by ones and twos, popular content by hundreds.
//!
//! ```text
//! noted(group, upload), for all entries of a list with one fingerprint of which a perceptual match calls for a block, and which are not of an active incident;
//! and for their list, unless the upload matched a group of it that has tripped:
//!     count upload among the hour's distinct uploads
//!     if that is new, and the distinct uploads of this hour > clamp(10 x baseline, floor, ceiling): trip
//! at the end of an hour:
//!     baseline += (distinct uploads of the hour - baseline) / 24, once for each hour that went by
//! tripped: perceptual matches of these entries (or of all entries of the list) lead to review at most, until an operator resets it
//! reset: the flag is taken away; what was counted is usual from now on, and sinks back to what is
//! ```
//!
//! By fingerprint and not by entry: a list may give one code a thousand source ids, and what matches one of them matches all.
//!
//! What an attacker cannot do with it: exact digests never trip and are never degraded, so whoever floods a platform with altered copies does not
//! get the listed file through, and his copies still wait for a person; the same upload again and again counts once; an incident's
//! entries stay as they are for as long as it lasts. What he can do: turn blocks of *altered* copies of one entry into reviews, by sending more than 40 different
//! ones within an hour; the operator sees it in the status, and answers with an incident or a reset.

/// Distinct uploads of one entry within one hour that are never too many, in uploads. A listed picture that is passed around on a platform for which
/// Tamis is made comes back a few times an hour; forty people who were wrongly blocked are enough to call a person.
pub(super) const ENTRY_FLOOR: u32 = 40;

/// The same for all entries of a list together. Ten entries at their floor.
pub(super) const LIST_FLOOR: u32 = 400;

/// How many times what is usual is too much. Days differ from nights by less.
const JUMP: u32 = 10;

/// Hours over which the baseline is an average: a day, so that the time of day does not matter.
const MEMORY: f64 = 24.0;

/// Baselines are kept in 256ths of an upload per hour.
pub(super) const UNIT: f64 = 256.0;

/// How many distinct uploads within an hour are too many above `baseline` (in [`UNIT`]ths). `ceiling` is what can be counted well.
pub(super) fn bound(baseline: u32, floor: u32, ceiling: u32) -> u32 {
    let usual = f64::from(baseline) / UNIT;
    let many = (usual * f64::from(JUMP)).ceil();
    // Baselines are below 2^24 uploads, so ten of them fit.
    (many as u32).max(floor).min(ceiling)
}

/// The baseline after an hour with `count` distinct uploads, and `hours - 1` more with none.
pub(super) fn baseline_after(baseline: u32, count: u32, hours: u32) -> u32 {
    let before = f64::from(baseline) / UNIT;
    let after = before + (f64::from(count) - before) / MEMORY;
    let idle = hours.saturating_sub(1).min(1 << 16) as i32;
    // To the nearest: rounding down would lose one upload a day for ever.
    (after * (1.0 - 1.0 / MEMORY).powi(idle) * UNIT).round() as u32
}

/// A count as a baseline.
pub(super) fn as_baseline(count: u32) -> u32 {
    (f64::from(count) * UNIT) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_ten_times_what_is_usual_and_never_below_the_floor() {
        assert_eq!(bound(0, ENTRY_FLOOR, 6000), 40);
        assert_eq!(bound(as_baseline(4), ENTRY_FLOOR, 6000), 40);
        assert_eq!(bound(as_baseline(4) + 1, ENTRY_FLOOR, 6000), 41);
        assert_eq!(bound(as_baseline(100), ENTRY_FLOOR, 6000), 1000);
        assert_eq!(bound(as_baseline(601), ENTRY_FLOOR, 6000), 6000);
        assert_eq!(bound(u32::MAX, ENTRY_FLOOR, 6000), 6000);
        assert_eq!(bound(0, LIST_FLOOR, 6000), 400);
    }

    #[test]
    fn the_baseline_follows_slowly_and_forgets() {
        let steady = (0..24 * 14).fold(0, |baseline, _| baseline_after(baseline, 30, 1));
        assert!((29.9..=30.1).contains(&(f64::from(steady) / UNIT)), "{steady}");
        let flooded = baseline_after(as_baseline(1), 2400, 1);
        assert!(
            bound(flooded, ENTRY_FLOOR, 6000) < 1100,
            "one hour's flood does not count as usual"
        );
        assert_eq!(baseline_after(flooded, 0, 24 * 30), 0);
        assert_eq!(baseline_after(as_baseline(9), 9, 1), as_baseline(9));
        assert_eq!(baseline_after(0, 0, u32::MAX), 0);
        let idle = (0..5).fold(as_baseline(50), |baseline, _| baseline_after(baseline, 0, 1));
        assert!(idle.abs_diff(baseline_after(as_baseline(50), 0, 5)) <= 3);
    }
}
