//! Shadow mode: the candidate is judged as if it were in force, and what is in force does not notice.

#![cfg(feature = "decode")]

mod listed;
mod pictures;

use listed::{NOW, builder, digest, reviewed, scanner_of, store_of};
use pictures::{film, hash, jpeg, png, scene};
use tamis::fingerprint::{Algorithm, View};
use tamis::policy::{Mode, Rule};
use tamis::set::{Entry, Set};
use tamis::store::{Counter, StoreOptions, StoreWriter, Terms};
use tamis::{Action, Context, Difference, Policy, Scanner, Shadow, Store, Verdict};

/// Twelve uploads: pictures of three kinds, half of one, words, nothing, a film.
fn uploads() -> Vec<Vec<u8>> {
    let mut all: Vec<_> = (0..4).map(|seed| jpeg(&scene(seed, 160, 120))).collect();
    all.extend((4..8).map(|seed| png(&scene(seed, 96, 72))));
    all.push(all[3][..all[3].len() / 2].to_vec());
    all.extend([b"words".to_vec(), Vec::new(), film()]);
    all
}

/// What a verdict says, but for the shadow.
fn told(verdict: &Verdict) -> serde_json::Value {
    let mut told = serde_json::to_value(verdict).unwrap();
    told.as_object_mut().unwrap().remove("shadow");
    told
}

fn judge(scanner: &mut Scanner, upload: &[u8]) -> Verdict {
    scanner.check(upload, &Context::at(NOW)).unwrap()
}

/// The oracle: a scanner that has the candidate in force.
#[test]
fn the_shadow_says_what_the_candidate_would_say_and_the_verdict_stays_the_same() {
    let uploads = uploads();
    let code = |at: usize| {
        hash(&scene(at as u32, if at < 4 { 160 } else { 96 }, if at < 4 { 120 } else { 72 })).hash
    };
    let live = || {
        store_of(vec![
            reviewed(code(0)),
            reviewed(code(4)),
            reviewed(digest(&uploads[1], Algorithm::Md5)),
        ])
    };
    let stores: Vec<Option<Store>> = vec![
        None,
        Some(store_of(vec![])),
        // Without any PDQ, with other digests, and with codes that the live store does not have.
        Some(store_of(vec![reviewed(digest(b"words", Algorithm::Sha512))])),
        Some(store_of(vec![
            reviewed(code(1)),
            reviewed(code(5)),
            Entry::new(code(4)),
            reviewed(digest(&uploads[1], Algorithm::Sha1)),
            reviewed(digest(&uploads[0], Algorithm::Sha256)),
        ])),
    ];
    let turned = || Policy::builder().views([View::Rot90, View::Thumbnail]).build().unwrap();
    let policies = [
        None,
        Some(Policy::builder().rule(Rule::new(Action::Review)).build().unwrap()),
        Some(Policy::builder().mode(Mode::Observe).stop_early(false).build().unwrap()),
        Some(Policy::builder().views([]).unscannable_default(Action::Block).build().unwrap()),
        Some(turned()),
    ];
    for base in [Policy::builtin(), turned()] {
        let mut alone = scanner_of(live(), base.clone());
        for (store, policy) in stores.iter().flat_map(|s| policies.iter().map(move |p| (s, p))) {
            let shadow = Shadow::default().store(store.clone()).policy(policy.clone());
            let mut both = scanner_of(live(), base.clone()).with_shadow(shadow);
            let candidate =
                (store.clone().unwrap_or_else(live), policy.clone().unwrap_or(base.clone()));
            let mut oracle = scanner_of(candidate.0, candidate.1);
            let mut counts = [0; 3];
            for upload in &uploads {
                let verdict = judge(&mut both, upload);
                assert_eq!(told(&verdict), told(&judge(&mut alone, upload)));
                let expected = judge(&mut oracle, upload);
                let beside = verdict.shadow.clone().unwrap();
                let of = |v: &Verdict| (v.enforced(), v.outcome, v.store, v.policy, v.reason());
                let said =
                    (beside.action, beside.outcome, beside.store, beside.policy, beside.reason);
                assert_eq!(said, of(&expected));
                let difference = match beside.action.cmp(&verdict.enforced()) {
                    std::cmp::Ordering::Equal => Difference::Same,
                    std::cmp::Ordering::Greater => Difference::Stricter,
                    std::cmp::Ordering::Less => Difference::Looser,
                };
                assert_eq!(beside.difference, difference);
                counts[difference as usize - 1] += 1;
                // Again, from what was kept of it.
                let replayed =
                    both.check_fingerprints(&expected.fingerprints, &Context::at(NOW)).unwrap();
                let replay =
                    oracle.check_fingerprints(&expected.fingerprints, &Context::at(NOW)).unwrap();
                assert_eq!(replayed.shadow.unwrap().action, replay.enforced());
                let replay =
                    alone.check_fingerprints(&expected.fingerprints, &Context::at(NOW)).unwrap();
                assert_eq!(replayed.action, replay.action);
            }
            let counted = both.shadow_counts();
            assert_eq!(counted.same + counted.stricter + counted.looser, 2 * uploads.len() as u64);
            assert!(counted.stricter >= counts[1] && counted.looser >= counts[2]);
            assert_eq!(counted.failed, 0);
        }
    }
}

#[test]
fn differences_are_counted_where_all_processes_see_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut writer = StoreWriter::init(&path, NOW).unwrap();
    let mut delta = writer.delta("local").unwrap();
    delta.add(reviewed(digest(b"listed", Algorithm::Sha256))).unwrap();
    delta.add(reviewed(digest(b"both", Algorithm::Sha256))).unwrap();
    writer.apply_next(delta, &Terms::at(NOW)).unwrap();
    let store = Store::open(&path).unwrap();
    let candidate = store_of(vec![
        reviewed(digest(b"both", Algorithm::Sha1)),
        reviewed(digest(b"new", Algorithm::Sha1)),
    ]);
    let shadow = Shadow::default().store(Some(candidate)).policy(None);
    let mut scanner = scanner_of(store.clone(), Policy::builtin()).with_shadow(shadow);
    for upload in [&b"listed"[..], b"both", b"new", b"neither", b"neither"] {
        judge(&mut scanner, upload);
    }
    let counts = scanner.shadow_counts();
    assert_eq!((counts.same, counts.stricter, counts.looser, counts.failed), (3, 1, 1, 0));
    let counters = store.counters().unwrap();
    let counted = [Counter::ShadowSame, Counter::ShadowStricter, Counter::ShadowLooser]
        .map(|counter| counters.count(counter));
    assert_eq!(counted, [3, 1, 1]);
    assert_eq!(counters.count(Counter::Checks), 5, "the shadow's judgement is no check");
    assert_eq!((counters.count(Counter::Matches), counters.count(Counter::Blocked)), (2, 2));
}

#[test]
fn a_damaged_candidate_harms_nothing() {
    let listed = || vec![reviewed(digest(b"listed", Algorithm::Sha256))];
    let mut bytes = builder(listed()).to_bytes().unwrap().0;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let damaged = Store::from_set(Set::from_bytes(&bytes).unwrap(), StoreOptions::new()).unwrap();
    assert!(
        scanner_of(damaged.clone(), Policy::builtin()).check(b"listed", &Context::at(NOW)).is_err()
    );
    let shadow = Shadow::default().store(Some(damaged)).policy(None);
    let mut scanner = scanner_of(store_of(listed()), Policy::builtin()).with_shadow(shadow);
    let verdict = judge(&mut scanner, b"listed");
    assert_eq!((verdict.action, verdict.shadow), (Action::Block, None));
    assert_eq!(scanner.shadow_counts().failed, 1);
}

/// What the shadow leaves open is as in force, also after the scanner was given another policy.
#[test]
fn a_scanner_takes_another_policy_and_so_does_its_shadow() {
    let upload = b"words".to_vec();
    let store = store_of(vec![reviewed(digest(&upload, Algorithm::Sha256))]);
    let candidate = store_of(vec![reviewed(digest(&upload, Algorithm::Sha256))]);
    let shadow = Shadow::default().store(Some(candidate)).policy(None);
    let mut scanner = scanner_of(store, Policy::builtin()).with_shadow(shadow);
    assert_eq!(scanner.check(&upload, &Context::at(NOW)).unwrap().action, Action::Block);
    let lenient = Policy::builder().rule(Rule::new(Action::Review)).build().unwrap();
    scanner.set_policy(lenient.clone());
    let verdict = scanner.check(&upload, &Context::at(NOW)).unwrap();
    assert_eq!((verdict.action, verdict.policy), (Action::Review, lenient.digest()));
    let shadow = verdict.shadow.unwrap();
    assert_eq!((shadow.difference, shadow.policy), (Difference::Same, lenient.digest()));
}
