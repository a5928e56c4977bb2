//! The search against the plainest definition: go through all entries and compare.

use std::cmp::Reverse;
use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::fingerprint::{Algorithms, Fingerprint, Pdq, Perceptual, View, digests};
use crate::set::{Entry, EntryId, List, ListKind, Role, Set, SetBuilder};

/// A code with 128 bits, drawn from `seed`, and then `moved` pairs of bits exchanged.
fn code(seed: u8, moved: usize) -> PdqHash {
    let mut code = PdqHash::default();
    let stream = blake3::hash(&[seed]);
    for (i, byte) in stream.as_bytes()[..16].iter().enumerate() {
        // A byte and its complement have eight bits together.
        code.0[2 * i] = *byte;
        code.0[2 * i + 1] = !*byte;
    }
    for pair in 0..moved {
        code.0[2 * (pair % 16)] ^= 1 << (pair / 16);
        code.0[2 * (pair % 16) + 1] ^= 1 << (pair / 16);
    }
    code
}

fn naive(
    set: &Set,
    fingerprints: &Fingerprints,
    radius: u32,
    now: u64,
) -> Vec<(u32, EntryId, View)> {
    let mut found = Vec::new();
    for stored in set.entries().map(|e| e.unwrap()) {
        let entry = &stored.entry;
        if entry.expires != 0 && u64::from(entry.expires) <= now {
            continue;
        }
        if fingerprints.digests.iter().any(|d| d == entry.fingerprint) {
            found.push((0, stored.id, View::Bytes));
        }
        if entry.fingerprint.algorithm() == Algorithm::Pdq {
            for Perceptual { view, hash, slack, .. } in &fingerprints.perceptual {
                let listed = PdqHash::try_from(entry.fingerprint).unwrap();
                let distance = listed.distance(hash);
                if distance <= radius + slack {
                    found.push((distance, stored.id, *view));
                }
            }
        }
    }
    found.sort_unstable();
    found
}

fn search(
    set: Set,
    fingerprints: &Fingerprints,
    radius: u32,
    now: u64,
) -> Vec<(u32, EntryId, View)> {
    let sets = Layers::of(set).unwrap();
    let mut searcher = Searcher::new();
    let exact = searcher.digests(&sets, fingerprints, now).unwrap();
    let near = searcher.perceptual(&sets, fingerprints, radius, now).unwrap();
    let mut found = Vec::new();
    for part in [exact, near] {
        let matches = part.matches().unwrap();
        assert_eq!(part.is_empty().unwrap(), matches.is_empty());
        found.extend(matches.iter().map(|m| (m.distance, m.entry, m.view)));
    }
    found.sort_unstable();
    found
}

fn fingerprints(codes: &[(View, PdqHash)], bytes: &[u8]) -> Fingerprints {
    Fingerprints {
        digests: digests(bytes, Algorithms::DIGESTS),
        perceptual: codes
            .iter()
            .map(|(view, hash)| Perceptual::new(*view, Pdq { hash: *hash, quality: 90 }))
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_is_missed_and_nothing_added(
        listed in prop::collection::vec((0u8..6, 0usize..20, 0u32..3, any::<bool>()), 0..200),
        asked in prop::collection::vec((0u8..7, 0usize..20, prop_oneof![3 => Just(0u32), 1 => 1u32..20]), 0..9),
        files in prop::collection::vec(0u8..6, 0..20),
        radius in prop_oneof![Just(31u32), 0u32..=64],
        now in 0u64..3,
    ) {
        let mut builder = SetBuilder::new();
        let lists = ["a", "b"].map(|name| builder.add_list(List::new(name, ListKind::Exchange)).unwrap());
        for (seed, moved, expires, second) in listed {
            let entry = Entry { expires, ..Entry::new(code(seed, moved)) };
            builder.add(lists[usize::from(second)], entry).unwrap();
        }
        for file in files {
            for digest in digests(&[file], Algorithms::DIGESTS).iter() {
                builder.add(lists[0], Entry::new(digest)).unwrap();
            }
        }
        let set = Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap();
        planted(&set, radius).unwrap();
        let views = View::ALL.iter().copied().skip(1);
        let mut fingerprints = fingerprints(&[], &[3]);
        fingerprints.perceptual.extend(views.zip(asked).map(|(view, (seed, moved, slack))| {
            Perceptual { slack, ..Perceptual::new(view, Pdq { hash: code(seed, moved), quality: 90 }) }
        }));
        let asked = fingerprints;
        let expected = naive(&set, &asked, radius, now);
        prop_assert_eq!(search(set, &asked, radius, now), expected);
    }
}

/// Where there is no index each step would be a scan of its own, and there is one in all: whoever decides what to keep is asked once of each row.
#[test]
fn the_nearest_of_a_set_without_an_index_are_found_by_one_scan() {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("l", ListKind::Exchange)).unwrap();
    for moved in 0..=20 {
        builder.add(list, Entry::new(code(1, moved))).unwrap();
    }
    let set = Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap();
    assert_eq!(set.radius_index_bytes(), 0);
    let mut search = RadiusSearch::new();
    for (radius, count, expected) in
        [(64, 100, 21), (64, 21, 21), (31, 100, 16), (64, 3, 3), (1, 9, 1), (64, 0, 0)]
    {
        let mut asked = 0;
        let keep = |_| {
            asked += 1;
            Ok(true)
        };
        let near = search.nearest(&set, code(1, 0), radius, count, keep).unwrap();
        let found: Vec<u32> = near.iter().map(|near| near.distance).collect();
        assert_eq!(found, (0..expected).map(|moved| 2 * moved).collect::<Vec<_>>());
        assert_eq!(asked, expected, "radius {radius}, {count} wanted");
    }
}

/// The sizes at which a peer's index is known to lose entries: one, and powers of two around it.
#[test]
fn sets_of_any_size_answer_for_every_entry() {
    for size in [1, 2, 3, 13, 63, 64, 65, 127, 128, 129, 255, 256, 1000] {
        for same in [false, true] {
            let mut builder = SetBuilder::new();
            let list = builder.add_list(List::new("l", ListKind::Exchange)).unwrap();
            for i in 0..size {
                // Equal codes under different source ids, or codes two bits apart from their neighbours.
                let hash = if same { code(1, 0) } else { code((i / 128) as u8, i % 128) };
                builder.add(list, Entry { source_id: i.to_string(), ..Entry::new(hash) }).unwrap();
            }
            let sets = Layers::of(Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap());
            let sets = sets.unwrap();
            assert!(planted(&sets.sets()[0], 31).unwrap() >= 2);
            let mut search = RadiusSearch::new();
            for i in 0..size {
                let hash = if same { code(1, 0) } else { code((i / 128) as u8, i % 128) };
                let found = search.entries(&sets, hash, 0, usize::MAX, |_, _| true).unwrap();
                assert_eq!(found.len(), if same { size } else { 1 }, "entry {i} of {size}");
            }
        }
    }
}

#[test]
fn a_match_tells_what_the_list_says_and_who_suppressed_it() {
    let hash = code(1, 0);
    let mut base = SetBuilder::new();
    let list = List { legal_basis: "the list's".into(), ..List::new("l", ListKind::Friend) };
    let list = base.add_list(list).unwrap();
    let entry =
        Entry { item: "item".into(), labels: vec!["x".into()], reviewed: true, ..Entry::new(hash) };
    base.add(list, entry).unwrap();
    let own = Entry { source_id: "own".into(), legal_basis: "its own".into(), ..Entry::new(hash) };
    base.add(list, own).unwrap();
    let mut other = SetBuilder::new();
    let id = EntryId::new("l", "", Role::Listed, &Fingerprint::from(hash));
    other.suppress(id);

    let sets = [base, other]
        .map(|b| std::sync::Arc::new(Set::from_bytes(&b.to_bytes().unwrap().0).unwrap()));
    let sets = Layers::new(sets.into()).unwrap();
    let asked = fingerprints(&[(View::Rot90, code(1, 1))], b"");
    let matches = Searcher::new().perceptual(&sets, &asked, 31, 0).unwrap().matches().unwrap();
    assert_eq!(matches.len(), 2);
    let first = matches.iter().find(|m| m.entry == id).unwrap();
    assert!(first.suppressed && first.reviewed);
    assert_eq!((first.list.as_str(), first.item.as_str(), first.distance), ("l", "item", 2));
    assert_eq!(
        (first.view, first.quality, first.list_kind),
        (View::Rot90, Some(90), ListKind::Friend)
    );
    assert_eq!(
        (first.labels.as_slice(), first.legal_basis.as_deref()),
        (&["x".to_owned()][..], Some("the list's"))
    );
    let second = matches.iter().find(|m| m.entry != id).unwrap();
    assert_eq!((second.suppressed, second.legal_basis.as_deref()), (false, Some("its own")));
}

#[test]
fn what_is_selected_is_first_by_rank_or_nearest_and_all_is_counted() {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("l", ListKind::Exchange)).unwrap();
    for number in 0..300 {
        // Ten distances; the label says nothing but for a tenth of them, and that is not a tenth of the distances.
        let (hash, label) = (code(1, number % 10), if number % 11 == 0 { "odd" } else { "even" });
        let labels = vec![label.to_owned(), format!("case {number}")];
        let entry = Entry { source_id: number.to_string(), labels, ..Entry::new(hash) };
        builder.add(list, entry).unwrap();
    }
    let sets = Layers::of(Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap()).unwrap();
    let asked = fingerprints(&[(View::AsStored, code(1, 0)), (View::Rot90, code(1, 5))], b"");
    let found = Searcher::new().perceptual(&sets, &asked, 31, 0).unwrap();
    let mut all = found.matches().unwrap();
    assert_eq!(all.len(), 600);

    for most in [0, 1, 7, 299, 300, 301, 100_000] {
        let mut asked = 0;
        let rank = |m: &Match| (m.labels.contains(&"odd".to_owned()), m.view == View::Rot90);
        let labels = ["odd"].into();
        let selection = found
            .select(most, &labels, |m| {
                asked += 1;
                rank(m)
            })
            .unwrap();
        // Two labels, ten distances by one view and six by the other: nobody is asked about cases.
        assert_eq!((asked, selection.entries, selection.exact), (32, 300, true), "{most}");

        let mut expected = Vec::new();
        for by_rank in [true, false] {
            all.sort_by_key(|m| (by_rank.then(|| Reverse(rank(m))), m.distance, m.entry, m.view));
            let mut told = HashSet::new();
            let firsts = all.iter().filter(|m| told.insert(m.entry));
            expected.extend(firsts.take(most.max(by_rank.into())).cloned());
        }
        expected.sort_by_key(|m| (m.distance, m.entry, m.view));
        expected.dedup();
        assert_eq!(selection.matches, expected, "{most}");
    }
}

/// The search refuses to answer from a damaged column rather than to miss something.
#[test]
fn a_flipped_bit_in_the_codes_is_an_error() {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("l", ListKind::Exchange)).unwrap();
    for seed in 0..200 {
        builder.add(list, Entry::new(code(seed, 0))).unwrap();
    }
    let mut bytes = builder.to_bytes().unwrap().0;
    let at =
        bytes.windows(32).position(|w| w == code(7, 0).0).expect("the code stands in the file");
    bytes[at] ^= 0x10;
    let set = Set::from_bytes(&bytes).unwrap();
    let mut search = RadiusSearch::new();
    let error = search.within(&set, &[(code(7, 0), 31)]).unwrap_err();
    assert_eq!(error.code(), crate::ErrorCode::SetCorrupt);
    assert_eq!(planted(&set, 31).unwrap_err().code(), crate::ErrorCode::SetCorrupt);
}
