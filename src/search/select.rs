//! The choice of what is reported of everything that was found, by the ranks that the caller gives.
//!
//! ```text
//! select(most, rank):
//!     for each entry found:
//!         rank each of its matches; the caller is asked once for each *kind* of match
//!         offer its first match by rank  to `foremost`, which keeps the first `most` by rank, then in the order of matches
//!         offer its nearest match        to `nearest`, which keeps the first `most` by distance, entry and view
//!     make the matches that were kept; count the entries
//! ```
//!
//! Two matches are of one kind if they differ in nothing that a rule may select by: only in item, ids, legal basis and dates. So every match found is
//! ranked, yet full matches, a dozen strings each, are made only of one match of each kind and of those that are kept.
//!
//! Why whoever judges the selection comes to the same action, the same reasons and the same report as by all matches:
//! - The first by rank is in it, so the strongest action and an exception are.
//! - A reason is an entry by its first match in the order of rank. `foremost` holds the first `most` of these. What else is in the selection
//!   stands behind them in that order, or is of an entry that is told already.
//! - A reported match is an entry by its nearest match. `nearest` holds the first `most` of these, and the same is true of the others.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use crate::error::Result;
use crate::fingerprint::Algorithm;
use crate::set::{Set, Traits};

use super::Match;
use super::found::{Found, Near, Place, Sighting};

/// What can be reported of all that was found.
pub(crate) struct Selection {
    /// The matches that come first by rank, and the nearest ones. In the order in which a policy gives its reasons where it ranks equal.
    pub(crate) matches: Vec<Match>,
    /// How many entries were found: all of them were ranked.
    pub(crate) entries: usize,
    /// Whether the distance of every match found is exact: see [`Match::slack`].
    pub(crate) exact: bool,
}

impl Found<'_> {
    /// Ranks every match, and selects the first `most` entries by rank, the greatest rank first, and the `most` nearest.
    ///
    /// `rank` is asked once for each kind of match. It may look at everything but item, entry, source id, legal basis and expiry, and at no other
    /// labels than those in `labels`.
    ///
    /// # Errors
    /// As for [`Found::is_empty`].
    pub(crate) fn select<R: Ord + Copy>(
        &self,
        most: usize,
        labels: &BTreeSet<&str>,
        rank: impl FnMut(&Match) -> R,
    ) -> Result<Selection> {
        // The first by rank must be there, even if nothing is reported.
        let mut foremost = Least::new(most.max(1));
        let mut nearest = Least::new(most);
        let mut entries = 0;
        let mut ranking = Ranking {
            found: self,
            rank,
            ranks: HashMap::new(),
            labels: LabelSets { named: labels, numbers: HashMap::new(), known: HashMap::new() },
            recent: [None; RECENT],
            exact: true,
        };
        self.each_entry(|seen| {
            entries += 1;
            let (rank, first) = ranking.first(seen)?;
            foremost.offer((Reverse(rank), seen.place(&first)));
            let place = seen.place(&seen.near[0]);
            nearest.offer((place.distance, place.id, place));
            Ok(())
        })?;
        let mut places: Vec<Place> = foremost.heap.into_iter().map(|(_, place)| place).collect();
        places.extend(nearest.heap.into_iter().map(|(_, _, place)| place));
        places.sort_unstable();
        places.dedup();
        let matches = places.iter().map(|place| self.full(place)).collect::<Result<_>>()?;
        Ok(Selection { matches, entries, exact: ranking.exact })
    }
}

/// Label sets whose numbers are remembered.
const REMEMBERED: usize = 1 << 12;

/// What two matches have in common that are ranked alike. Labels are numbered by [`LabelSets`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    set: u32,
    traits: Traits,
    suppressed: bool,
    degraded: bool,
    algorithm: Algorithm,
    distance: u32,
    rendering: u32,
}

/// What is asked of an entry (its nearest match also says which row it is of; traits; suppressed, degraded), and the answer.
type Answer<R> = ((Near, Traits, [bool; 2]), (R, Near));

/// A power of two: places for recent answers.
const RECENT: usize = 64;

/// The ranks that were asked for.
struct Ranking<'f, R, F> {
    found: &'f Found<'f>,
    rank: F,
    ranks: HashMap<Kind, R>,
    labels: LabelSets<'f>,
    /// Entries that were ranked a moment ago, as far as it matters, with the answers: entries of one fingerprint are often alike, and looking
    /// here is ten times faster than in `ranks`.
    recent: [Option<Answer<R>>; RECENT],
    exact: bool,
}

impl<R: Ord + Copy, F: FnMut(&Match) -> R> Ranking<'_, R, F> {
    /// The greatest rank among the matches of an entry, with the first of those that have it.
    fn first(&mut self, seen: &Sighting<'_>) -> Result<(R, Near)> {
        let mut traits = seen.entry.traits;
        let set = self.found.set(&seen.near[0]);
        traits.labels = self.labels.number(seen.set, set, traits.labels)?;
        let this = (seen.near[0], traits, [seen.suppressed, seen.degraded]);
        let recent = traits.mixed() as usize % RECENT;
        if let Some((other, first)) = self.recent[recent]
            && other == this
        {
            return Ok(first);
        }
        let mut first = (self.rank(seen, traits, &seen.near[0])?, seen.near[0]);
        for near in &seen.near[1..] {
            let rank = self.rank(seen, traits, near)?;
            if rank > first.0 {
                first = (rank, *near);
            }
        }
        self.recent[recent] = Some((this, first));
        Ok(first)
    }

    fn rank(&mut self, seen: &Sighting<'_>, traits: Traits, near: &Near) -> Result<R> {
        let place = seen.place(near);
        let Place { set, suppressed, degraded, algorithm, distance, rendering, .. } = place;
        let kind = Kind { set, traits, suppressed, degraded, algorithm, distance, rendering };
        match self.ranks.entry(kind) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(new) => {
                let full = self.found.full(&place)?;
                self.exact &= full.slack == 0;
                Ok(*new.insert((self.rank)(&full)))
            }
        }
    }
}

/// Numbers sets of labels by those labels in them that are named.
struct LabelSets<'a> {
    named: &'a BTreeSet<&'a str>,
    /// By set and label set; what was read lately, since every entry may have a label set of its own.
    numbers: HashMap<(u32, u32), u32>,
    known: HashMap<Vec<String>, u32>,
}

impl LabelSets<'_> {
    fn number(&mut self, position: u32, set: &Set, labels: u32) -> Result<u32> {
        if self.named.is_empty() {
            return Ok(0);
        }
        if self.numbers.len() >= REMEMBERED {
            self.numbers.clear();
        }
        match self.numbers.entry((position, labels)) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(new) => {
                let mut named = set.labels(labels)?;
                named.retain(|label| self.named.contains(label.as_str()));
                let next = self.known.len() as u32;
                Ok(*new.insert(*self.known.entry(named).or_insert(next)))
            }
        }
    }
}

/// The least `most` of what is offered.
struct Least<T> {
    most: usize,
    heap: BinaryHeap<T>,
}

impl<T: Ord> Least<T> {
    fn new(most: usize) -> Least<T> {
        Least { most, heap: BinaryHeap::new() }
    }

    fn offer(&mut self, value: T) {
        if self.heap.len() < self.most {
            self.heap.push(value);
        } else if let Some(mut greatest) = self.heap.peek_mut()
            && value < *greatest
        {
            *greatest = value;
        }
    }
}
