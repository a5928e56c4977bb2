//! Radius search over the PDQ codes of a set: by its index if it has one and that is the cheaper way, else by a scan.
//!
//! Here it is decided by what there is, and by [`Strategy::Scan`], which does not so much as open the index: its answer does not depend on a sound
//! one. What each query costs either way is weighed in one other place, [`RadiusIndex`](crate::index::RadiusIndex).

use std::collections::HashMap;

use crate::error::Result;
use crate::fingerprint::{Algorithm, PdqHash};
use crate::hamming::{Code, Isa};
use crate::index::{self, Buffers, Near, RadiusIndex, Strategy, Touch};
use crate::set::{List, Set, StoredEntry};

use super::Layers;

/// What is kept of a buffer from call to call, in elements: one upload that is near a whole list must not hold its memory for ever.
const KEPT: usize = 1 << 14;

/// Radii that [`RadiusSearch::nearest`] tries, if it need not find all, before the one that is asked for, as far as the index answers them: there
/// each costs a fraction of the next. A scan costs the same at each, so then there is only one. From 15 on all sixteen chunks have the same budget:
/// 1, 2, 3, 4. By hand, no record.
const STEPS: [u32; 5] = [7, 15, 31, 47, 63];

/// Finds rows of sets, and their entries, by PDQ code. Reuses its buffers from call to call.
///
/// ```
/// use tamis::fingerprint::PdqHash;
/// use tamis::search::RadiusSearch;
/// use tamis::set::{Entry, List, ListKind, Set, SetBuilder};
/// # let hash = PdqHash(std::array::from_fn(|i| if i % 2 == 0 { 0x99 } else { 0x6A }));
/// let mut builder = SetBuilder::new();
/// let list = builder.add_list(List::new("local", ListKind::Local))?;
/// builder.add(list, Entry::new(hash)).expect("not poison");
/// let set = Set::from_bytes(&builder.to_bytes()?.0)?;
///
/// let mut asked = hash;
/// asked.0[5] ^= 0b101;
/// let mut search = RadiusSearch::new();
/// let near = search.within(&set, &[(asked, 31)])?;
/// assert_eq!((near[0].row, near[0].distance), (0, 2));
/// assert!(search.within(&set, &[(asked, 1)])?.is_empty());
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Debug)]
pub struct RadiusSearch {
    strategy: Strategy,
    isa: Isa,
    buffers: Buffers,
    asked: Vec<(Code, u32)>,
    near: Vec<Near>,
}

impl Default for RadiusSearch {
    fn default() -> RadiusSearch {
        RadiusSearch::new()
    }
}

impl RadiusSearch {
    /// With empty buffers, [`Strategy::Auto`] and [`Isa::detect`].
    pub fn new() -> RadiusSearch {
        RadiusSearch {
            strategy: Strategy::Auto,
            isa: Isa::detect(),
            buffers: Buffers::default(),
            asked: Vec::new(),
            near: Vec::new(),
        }
    }

    /// Searches by this strategy from now on.
    #[must_use]
    pub fn with_strategy(mut self, strategy: Strategy) -> RadiusSearch {
        self.strategy = strategy;
        self
    }

    /// Uses these instructions from now on.
    #[must_use]
    pub fn with_isa(mut self, isa: Isa) -> RadiusSearch {
        self.isa = isa;
        self
    }

    /// Every row of the set within the radius (inclusive, in bits) of one of the queries, which are codes with radii; sorted by row, then query.
    /// Queries that are asked together are looked up side by side, and if they must be scanned for, share one pass.
    ///
    /// A row is the position of a code among the distinct PDQ codes of this one set; it may have several entries.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt) if the set turns out to be damaged where it is read.
    pub fn within(&mut self, set: &Set, queries: &[(PdqHash, u32)]) -> Result<&[Near]> {
        self.trim();
        self.asked.extend(queries.iter().map(|(hash, radius)| (hash.0, *radius)));
        if queries.is_empty() {
            return Ok(&self.near);
        }
        match self.index(set)? {
            Some(index) => {
                let Self { isa, strategy, asked, buffers, near, .. } = self;
                index.within(*isa, *strategy, asked, buffers, near)?;
            }
            None => index::scan(self.isa, set.pdq_codes()?, &self.asked, &mut self.near),
        }
        Ok(&self.near)
    }

    /// The index of a set, unless there is none or it is not to be used.
    fn index<'s>(&self, set: &'s Set) -> Result<Option<RadiusIndex<'s, impl Touch + use<'s>>>> {
        if self.strategy == Strategy::Scan { Ok(None) } else { set.radius_index() }
    }

    /// Forgets what was found, and gives back what memory it took beyond the usual.
    pub(super) fn trim(&mut self) {
        self.near.clear();
        self.near.shrink_to(KEPT);
        self.asked.clear();
        self.asked.shrink_to(KEPT);
        self.buffers.shrink_to(KEPT);
    }

    /// The `count` rows nearest to a code, of those within the radius for which `keep(row)` is true: nearest first, then by row. `keep`
    /// is where tombstones and lists are looked at. It is asked of no row beyond the last that it keeps, but of some rows more than once where the
    /// index is used.
    ///
    /// # Errors
    /// As for [`RadiusSearch::within`], and those of `keep`.
    pub(super) fn nearest(
        &mut self,
        set: &Set,
        query: PdqHash,
        radius: u32,
        count: usize,
        mut keep: impl FnMut(u64) -> Result<bool>,
    ) -> Result<&[Near]> {
        if count == 0 {
            self.trim();
            return Ok(&self.near);
        }
        let index = self.index(set)?.filter(|_| count < usize::MAX);
        let (isa, strategy) = (self.isa, self.strategy);
        let opened = |step: &u32| {
            *step < radius && index.as_ref().is_some_and(|index| index.opens(isa, strategy, *step))
        };
        for step in STEPS.into_iter().filter(opened).chain([radius]) {
            self.within(set, &[(query, step)])?;
            self.near.sort_unstable_by_key(|near| (near.distance, near.row));
            let mut kept = 0;
            for at in 0..self.near.len() {
                if kept == count {
                    break;
                }
                if keep(self.near[at].row as u64)? {
                    self.near[kept] = self.near[at];
                    kept += 1;
                }
            }
            self.near.truncate(kept);
            // What is farther than this step is farther than all of these.
            if kept == count {
                break;
            }
        }
        Ok(&self.near)
    }

    /// The entries within the radius that stand in sets laid over each other, of those that `keep` keeps, no more than the nearest `count` of them: nearest
    /// first, then in the order of sets. Those that have expired or are switched off are among them: this is for inspection.
    ///
    /// # Errors
    /// As for [`RadiusSearch::within`].
    pub fn entries(
        &mut self,
        layers: &Layers,
        code: PdqHash,
        radius: u32,
        count: usize,
        mut keep: impl FnMut(&List, &StoredEntry) -> bool,
    ) -> Result<Vec<NearEntry>> {
        let mut found = Vec::new();
        for (position, set) in layers.sets().iter().enumerate() {
            let lists = set.lists()?;
            let mut kept = HashMap::new();
            let rows = self.nearest(set, code, radius, count, |row| {
                let mut entries = Vec::new();
                let later = layers.ids_above(position, Algorithm::Pdq, row)?;
                for summary in set.summaries(Algorithm::Pdq, row)? {
                    let summary = summary?;
                    if later.contains(&summary.id) || layers.withdrawn(position, &summary)? {
                        continue;
                    }
                    let stored = set.entry(summary.index)?;
                    let Some(list) = lists.get(stored.list) else { continue };
                    let list = layers.terms(list);
                    if keep(list, &stored) {
                        let suppressed = layers.off(position, &summary)?;
                        let list = list.clone();
                        entries.push(NearEntry { list, stored, distance: 0, suppressed });
                    }
                }
                let any = !entries.is_empty();
                kept.insert(row, entries);
                Ok(any)
            })?;
            for near in rows {
                let entries = kept.remove(&(near.row as u64)).unwrap_or_default();
                let distance = near.distance;
                found.extend(entries.into_iter().map(|entry| NearEntry { distance, ..entry }));
            }
        }
        // Stable: at the same distance entries stay in the order of their sets.
        found.sort_by_key(|near| near.distance);
        found.truncate(count);
        Ok(found)
    }
}

/// An entry that is near a code.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NearEntry {
    /// Its list, as the operator has it.
    pub list: List,
    /// The entry, as its set has it.
    pub stored: StoredEntry,
    /// In bits.
    pub distance: u32,
    /// Whether it is switched off, by itself or with its list.
    pub suppressed: bool,
}
