//! Changes of several lists in any order, repeated, merged at any time, against the plainest definition.

use std::collections::{BTreeMap, BTreeSet};

use tamis::fingerprint::{
    Algorithm, Digests, Fingerprint, Fingerprints, Pdq, PdqHash, Perceptual, View,
};
use tamis::search::Searcher;
use tamis::set::{Delta, Entry, EntryId, List, ListKind, Set, Withdrawal};
use tamis::store::{LOCAL, Store, StoreOptions, StoreWriter, Terms};
use tamis::{Error, ErrorCode};

use super::{common, legible, scratch};

/// Two lists of others, the operator's own, and one more that he made, which switches nothing off.
const LISTS: [(&str, ListKind); 4] = [
    ("feed", ListKind::Exchange),
    (LOCAL, ListKind::Local),
    ("neighbour", ListKind::Friend),
    ("own", ListKind::Local),
];

/// Entries that a list may have. They share six fingerprints, four items and three source ids.
const KEYS: u8 = 12;

/// Changes and compactions in one input: more are slower, not deeper.
const STEPS: usize = 24;

/// What one change says.
#[derive(Clone, Debug, Default)]
struct Change {
    replaces: bool,
    /// By key, how grave it is called, so that a later entry of the same id can be told from an earlier one.
    adds: BTreeMap<u8, u8>,
    withdraws: Vec<What>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Entry(u8),
    Item(u8),
    Source(u8),
    /// An entry of a list of others, by the list's place.
    Suppress(usize, u8),
    Lift(usize, u8),
}

/// Half of them perceptual; the same in every list.
fn fingerprint(key: u8) -> Fingerprint {
    let algorithm = if (key / 2).is_multiple_of(2) { Algorithm::Sha256 } else { Algorithm::Pdq };
    common::fingerprint(algorithm, u64::from(key / 2))
}

/// The item of an entry is not in its id: one that is added again may be of another.
fn item(key: u8, grave: u8) -> String {
    format!("item {}", key.wrapping_add(grave) % 4)
}

fn source(key: u8) -> String {
    format!("source {}", key % 3)
}

fn entry(key: u8, grave: u8) -> Entry {
    let entry = Entry::new(fingerprint(key)).item(item(key, grave)).source_id(source(key));
    entry.labels(vec![format!("said {grave}")])
}

fn id(list: usize, key: u8) -> EntryId {
    let entry = entry(key, 0);
    EntryId::new(LISTS[list].0, &entry.source_id, entry.role, &entry.fingerprint)
}

fn list_of(list: usize) -> List {
    let (name, kind) = LISTS[list];
    List::new(name, kind)
}

/// The change as its maker publishes it.
fn published(list: usize, number: u64, change: &Change) -> Vec<u8> {
    let mut delta = Delta::new(list_of(list), number).expect("a good list");
    if change.replaces {
        delta = delta.replacing();
    }
    for (key, grave) in &change.adds {
        delta.add(entry(*key, *grave)).expect("a good entry");
    }
    for what in &change.withdraws {
        match *what {
            What::Entry(key) => delta.withdraw(&Withdrawal::Entry(id(list, key))),
            What::Item(key) => delta.withdraw(&Withdrawal::Item(item(key, 0))),
            What::Source(key) => delta.withdraw(&Withdrawal::Source(source(key))),
            What::Suppress(of, key) => delta.suppress(id(of, key)),
            What::Lift(of, key) => delta.withdraw(&Withdrawal::Suppression(id(of, key))),
        }
        .expect("a list that may");
    }
    delta.to_bytes().expect("small enough").0
}

/// The definition: go through the changes of each list by number.
#[derive(Debug, Default, PartialEq)]
struct Naive {
    /// By list and key, how grave.
    entries: BTreeMap<(usize, u8), u8>,
    /// By list and key.
    off: BTreeSet<(usize, u8)>,
}

impl Naive {
    fn apply(&mut self, list: usize, change: &Change) {
        let local = LISTS[list].0 == LOCAL;
        if change.replaces {
            self.entries.retain(|(of, _), _| *of != list);
            if local {
                self.off.clear();
            }
        }
        for what in &change.withdraws {
            self.entries.retain(|(of, key), grave| {
                *of != list
                    || match *what {
                        What::Entry(gone) => *key != gone,
                        What::Item(gone) => item(*key, *grave) != item(gone, 0),
                        What::Source(gone) => source(*key) != source(gone),
                        What::Suppress(..) | What::Lift(..) => true,
                    }
            });
            if let What::Lift(of, key) = *what {
                self.off.remove(&(of, key));
            }
        }
        for what in &change.withdraws {
            if let What::Suppress(of, key) = *what {
                self.off.insert((of, key));
            }
        }
        self.entries.extend(change.adds.iter().map(|(key, grave)| ((list, *key), *grave)));
    }
}

/// All that was told, what of it the store has, and the bytes of the input that are left.
struct Story<'a> {
    bytes: &'a [u8],
    /// By list, in the order of their numbers, which begin at 1; and whether the store has taken each.
    changes: [Vec<(Change, bool)>; LISTS.len()],
    writer: StoreWriter,
    store: Store,
}

impl Story<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    /// Byte 0: how many entries it adds (bits 0 and 1), what it withdraws (2 and 3), whether it replaces the list (6 and 7, both). Two bytes follow for each entry and one
    /// for what is withdrawn.
    fn change(&mut self, list: usize) -> Change {
        let shape = self.byte();
        let mut change = Change { replaces: shape >> 6 == 3, ..Change::default() };
        for _ in 0..shape & 3 {
            let (key, grave) = (self.byte() % KEYS, self.byte());
            change.adds.insert(key, grave);
        }
        for _ in 0..shape >> 2 & 3 {
            let what = self.byte();
            let (kind, key) = (what / KEYS, what % KEYS);
            // The lists of others stand at even places.
            let of = usize::from(kind / 8 % 2) * 2;
            let local = LISTS[list].0 == LOCAL;
            change.withdraws.push(match kind % 5 {
                0 => What::Entry(key),
                1 => What::Item(key),
                3 if local => What::Suppress(of, key),
                4 if local => What::Lift(of, key),
                _ => What::Source(key),
            });
        }
        change
    }

    /// Hands a change to the store, be it for the first time or not.
    fn hand_over(&mut self, list: usize, at: usize) {
        let Some((change, taken)) = self.changes[list].get(at).cloned() else { return };
        let bytes = published(list, at as u64 + 1, &change);
        let set = Set::from_bytes(&bytes).expect("the builder's own");
        let delta = Delta::from_set(&set, list_of(list)).expect("the list is its own");
        match self.writer.apply(delta, &Terms::at(2).force(true)) {
            Ok(applied) => {
                assert!(!(taken && applied.changed), "the same change is taken twice");
                self.changes[list][at].1 = true;
            }
            Err(error) => self.refused(list, at, &error),
        }
    }

    /// Of a change that does nothing any more, since a later one has replaced the list, or was taken before.
    fn refused(&self, list: usize, at: usize, error: &Error) {
        legible(error);
        let replaced =
            self.changes[list][at + 1..].iter().any(|(later, taken)| *taken && later.replaces);
        assert_eq!(error.code(), ErrorCode::UpdateStale, "{error}");
        assert!(replaced || self.changes[list][at].1, "a change is lost: {error}");
    }

    fn merge(&mut self) {
        self.writer.compact(2, &mut |_| Ok(())).expect("nobody else is at it");
    }

    /// Whether the store says what the definition makes of the changes that it has taken.
    fn check(&self) {
        let mut naive = Naive::default();
        for (list, changes) in self.changes.iter().enumerate() {
            changes.iter().filter(|(_, taken)| *taken).for_each(|(c, _)| naive.apply(list, c));
        }
        self.store.refresh().expect("the writer's own");
        let snapshot = self.store.snapshot();
        let mut said = Naive::default();
        let each = snapshot.each_entry(&mut |_, list, found, entry| {
            let list = LISTS.iter().position(|(name, _)| *name == list).expect("one of them");
            let key = (0..KEYS).find(|key| id(list, *key) == found).expect("one of them");
            let grave = entry.labels[0].strip_prefix("said ").and_then(|grave| grave.parse().ok());
            let before = said.entries.insert((list, key), grave.expect("its own label"));
            assert_eq!(before, None, "an entry comes once");
            Ok(())
        });
        each.expect("the writer's own");
        let everything = (0..LISTS.len()).flat_map(|list| (0..KEYS).map(move |key| (list, key)));
        said.off = everything
            .clone()
            .filter(|(list, key)| {
                snapshot.layers().suppresses(id(*list, *key)).expect("the writer's own")
            })
            .collect();
        assert_eq!(said, naive);

        let mut searcher = Searcher::new();
        let mut matched = BTreeMap::new();
        for (list, key) in everything {
            let fingerprints = as_an_upload(&fingerprint(key));
            let layers = snapshot.layers();
            let exact = searcher.digests(layers, &fingerprints, 2).and_then(|f| f.matches());
            let near = searcher.perceptual(layers, &fingerprints, 31, 2).and_then(|f| f.matches());
            let matches = [exact, near].map(|found| found.expect("the writer's own")).concat();
            let found: Vec<_> = matches.iter().filter(|m| m.entry == id(list, key)).collect();
            assert!(found.len() < 2, "an entry matches twice: {found:?}");
            if let Some(found) = found.first() {
                assert_eq!(found.suppressed, naive.off.contains(&(list, key)));
                matched.insert((list, key), found.labels[0].clone());
            }
        }
        let expected = naive.entries.iter().map(|(key, grave)| (*key, format!("said {grave}")));
        assert_eq!(matched, expected.collect());
    }
}

fn as_an_upload(fingerprint: &Fingerprint) -> Fingerprints {
    let hash: [u8; 32] = fingerprint.bytes().try_into().expect("32 bytes");
    match fingerprint.algorithm() {
        Algorithm::Pdq => {
            let hash = Pdq { hash: PdqHash(hash), quality: 100 };
            Fingerprints::default().perceptual(vec![Perceptual::new(View::AsStored, hash)])
        }
        _ => {
            let mut digests = Digests::default();
            digests.sha256 = Some(hash);
            Fingerprints::default().digests(digests)
        }
    }
}

/// A story: changes of four lists that are told, handed to a store in another order, and again, and merged in between. Each step begins with a byte: bits 0 to 2 choose
/// (to 4: tell a change of the list that bits 3 and 4 name, and hand it over unless bit 7 is set; 5: hand over one that was told, by the next byte; 6: merge; 7: nothing).
///
/// After each step the entries, those that are switched off, and what a search finds are as the definition has it; and so they are at last, with everything handed over
/// and merged into one set.
pub fn changes(data: &[u8]) {
    let dir = scratch();
    let mut writer = StoreWriter::init(dir.path().join("store"), 1).expect("an empty directory");
    for (name, kind) in LISTS {
        writer.set_list(name, kind, ("known", ""), 1, |_| Ok(())).expect("a good name");
    }
    let options = StoreOptions::new().refresh_interval(None).counters(false);
    let store = options.open(writer.directory()).expect("the writer's own");
    let mut story = Story { bytes: data, changes: Default::default(), writer, store };
    for _ in 0..STEPS {
        if story.bytes.is_empty() {
            break;
        }
        let step = story.byte();
        let list = usize::from(step >> 3 & 3);
        match step & 7 {
            0..=4 => {
                let change = story.change(list);
                story.changes[list].push((change, false));
                if step & 0x80 == 0 {
                    story.hand_over(list, story.changes[list].len() - 1);
                }
            }
            5 => {
                let which = usize::from(story.byte());
                if !story.changes[list].is_empty() {
                    story.hand_over(list, which % story.changes[list].len());
                }
            }
            6 => story.merge(),
            _ => continue,
        }
        story.check();
    }
    for list in 0..LISTS.len() {
        for at in (0..story.changes[list].len()).rev() {
            story.hand_over(list, at);
        }
    }
    story.check();
    story.merge();
    story.check();
    assert!(story.writer.manifest().sets.len() <= 1, "no change is missing");
}
