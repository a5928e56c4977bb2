//! What was found of an upload, by position: cheap to hold, however many entries a fingerprint has.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::Result;
use crate::fingerprint::{Algorithm, Perceptual, View};
use crate::set::{Set, Summary};

use super::degraded::{Asking, group_of};
use super::{Degraded, Layers, Match};

/// Everything that one look-up found. It holds rows of the sets' columns, each of which stands for all entries of that fingerprint, so its size does not
/// depend on how many those are.
#[derive(Debug)]
pub struct Found<'s> {
    layers: &'s Layers,
    /// Those of one row one after the other, nearest first; the rows of the last set first.
    near: Vec<Near>,
    /// In the order of view and part.
    renderings: Vec<Rendering>,
    now: u64,
    degraded: Arc<Degraded>,
}

/// A fingerprint of a set that is near a rendering of the upload. All of its entries match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Near {
    set: Reverse<u32>,
    algorithm: Algorithm,
    row: u32,
    pub(super) distance: u32,
    /// Position in [`Found::renderings`].
    pub(super) rendering: u32,
}

/// What a match tells of the side of the upload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rendering {
    pub(super) view: View,
    pub(super) part: u32,
    pub(super) slack: u32,
    pub(super) quality: Option<u8>,
}

impl Rendering {
    /// What digests see.
    pub(super) const BYTES: Rendering =
        Rendering { view: View::Bytes, part: 0, slack: 0, quality: None };
}

impl From<&Perceptual> for Rendering {
    fn from(p: &Perceptual) -> Rendering {
        Rendering { view: p.view, part: p.part, slack: p.slack, quality: Some(p.quality) }
    }
}

/// One match, by position. In the order in which matches are judged and reasons given: the nearest first, then those by a digest that nobody can forge,
/// then by entry, then by view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) distance: u32,
    pub(super) forgeable: bool,
    /// The entry's id as a number, which is compared in one step.
    pub(super) id: u128,
    pub(super) rendering: u32,
    pub(super) set: u32,
    pub(super) index: u64,
    pub(super) algorithm: Algorithm,
    pub(super) suppressed: bool,
    pub(super) degraded: bool,
}

/// An entry with all that it was found by.
pub(super) struct Sighting<'a> {
    pub(super) set: u32,
    pub(super) entry: Summary,
    /// Whether any set switches it off.
    pub(super) suppressed: bool,
    /// Whether the breaker has degraded it.
    pub(super) degraded: bool,
    /// Never empty, nearest first.
    pub(super) near: &'a [Near],
}

impl Sighting<'_> {
    pub(super) fn place(&self, near: &Near) -> Place {
        Place {
            distance: near.distance,
            forgeable: !near.algorithm.is_collision_resistant(),
            id: u128::from_be_bytes(self.entry.id.0),
            rendering: near.rendering,
            set: self.set,
            index: self.entry.index,
            algorithm: near.algorithm,
            suppressed: self.suppressed,
            degraded: self.degraded,
        }
    }
}

impl<'s> Found<'s> {
    /// Nothing yet, by renderings of which [`Found::push`] speaks by their positions. `now` is in seconds since 1970.
    pub(super) fn new(
        layers: &'s Layers,
        renderings: impl IntoIterator<Item = Rendering>,
        now: u64,
    ) -> Found<'s> {
        let renderings = renderings.into_iter().collect();
        Found { layers, near: Vec::new(), renderings, now, degraded: Arc::default() }
    }

    /// The same, its [`Match::degraded`] as these say.
    #[must_use]
    pub fn with_degraded(mut self, degraded: Arc<Degraded>) -> Found<'s> {
        self.degraded = degraded;
        self
    }

    /// `set` and `rendering` are positions in what was given at first. Rows are fewer than 2^32 in every set.
    pub(super) fn push(
        &mut self,
        set: usize,
        algorithm: Algorithm,
        row: u64,
        distance: u32,
        rendering: usize,
    ) {
        self.near.push(Near {
            set: Reverse(set as u32),
            algorithm,
            row: row as u32,
            distance,
            rendering: rendering as u32,
        });
    }

    /// To be called when everything is in: what is asked of it relies on the order.
    pub(super) fn sorted(mut self) -> Found<'s> {
        if self.near.is_empty() {
            return self;
        }
        let key = |r: &Rendering| (r.view, r.part);
        let mut order: Vec<usize> = (0..self.renderings.len()).collect();
        order.sort_by_key(|at| key(&self.renderings[*at]));
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new as u32;
        }
        self.renderings = order.iter().map(|at| self.renderings[*at]).collect();
        for near in &mut self.near {
            near.rendering = place[near.rendering as usize];
        }
        self.near.sort_unstable();
        // Of two hashes of one and the same rendering, as a caller may give them, the first counts.
        let seen = |near: &Near| key(&self.renderings[near.rendering as usize]);
        self.near
            .dedup_by(|b, a| Near { rendering: a.rendering, ..*b } == *a && seen(a) == seen(b));
        self
    }

    /// Whether no entry matches.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt), here and in all that follows, if a set turns out to be damaged where it is read.
    pub fn is_empty(&self) -> Result<bool> {
        let mut empty = true;
        self.visit(|_| {
            empty = false;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(empty)
    }

    /// Every match in full, each pair of entry and rendering once: nearest first, then by entry and view. For those who judge by themselves: it takes
    /// some microseconds and half a kilobyte for each.
    ///
    /// # Errors
    /// As for [`Found::is_empty`].
    pub fn matches(&self) -> Result<Vec<Match>> {
        let mut places = Vec::new();
        self.each_entry(|seen| {
            places.extend(seen.near.iter().map(|near| seen.place(near)));
            Ok(())
        })?;
        places.sort_unstable_by_key(|p| (p.distance, p.id, p.rendering));
        places.iter().map(|place| self.full(place)).collect()
    }

    /// Calls `each` once for every entry that was found and is in force at the time.
    pub(super) fn each_entry(
        &self,
        mut each: impl FnMut(&Sighting<'_>) -> Result<()>,
    ) -> Result<()> {
        self.visit(|seen| each(seen).map(ControlFlow::Continue))
    }

    /// As [`Found::each_entry`], until `each` breaks off.
    ///
    /// An entry may stand in several sets, and is one entry all the same: what the last of them says of it holds, be it that it has expired.
    fn visit(&self, mut each: impl FnMut(&Sighting<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
        let Some(Near { set: Reverse(first), .. }) = self.near.last() else { return Ok(()) };
        let mut later = HashSet::new();
        let mut asking = Asking::new(&self.degraded, self.layers, self.now);
        for near in
            self.near.chunk_by(|a, b| (a.set, a.algorithm, a.row) == (b.set, b.algorithm, b.row))
        {
            let Near { set: Reverse(set), algorithm, row, .. } = near[0];
            for entry in self.set(&near[0]).summaries(algorithm, u64::from(row))? {
                let entry = entry?;
                if !later.is_empty() && later.contains(&entry.id) {
                    continue;
                }
                if set > *first {
                    later.insert(entry.id);
                }
                if !self.is_in_force(&entry) || self.layers.withdrawn(set as usize, &entry)? {
                    continue;
                }
                let suppressed = self.layers.off(set as usize, &entry)?;
                let degraded =
                    asking.degrades(set, self.set(&near[0]), (algorithm, row), &entry)?;
                if each(&Sighting { set, entry, suppressed, degraded, near })?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    pub(super) fn set(&self, near: &Near) -> &'s Set {
        &self.layers.sets()[near.set.0 as usize]
    }

    fn is_in_force(&self, entry: &Summary) -> bool {
        entry.expires == 0 || u64::from(entry.expires) > self.now
    }

    pub(super) fn full(&self, place: &Place) -> Result<Match> {
        let set = &self.layers.sets()[place.set as usize];
        let stored = set.entry(place.index)?;
        let lists = set.lists()?;
        let list = self.layers.terms(&lists[stored.list]);
        let legal_basis = [&stored.entry.legal_basis, &list.legal_basis];
        let rendering = self.renderings[place.rendering as usize];
        Ok(Match {
            list: list.name.clone(),
            list_kind: list.kind,
            item: stored.entry.item,
            entry: stored.id,
            group: group_of(&list.name, &stored.entry.fingerprint),
            source_id: stored.entry.source_id,
            algorithm: place.algorithm,
            distance: place.distance,
            view: rendering.view,
            part: rendering.part,
            slack: rendering.slack,
            quality: rendering.quality,
            labels: stored.entry.labels,
            opinion: stored.entry.opinion,
            severity: stored.entry.severity,
            reviewed: stored.entry.reviewed,
            role: stored.entry.role,
            suppressed: place.suppressed,
            degraded: place.degraded,
            expires: stored.entry.expires,
            legal_basis: legal_basis.into_iter().find(|b| !b.is_empty()).cloned(),
        })
    }
}
