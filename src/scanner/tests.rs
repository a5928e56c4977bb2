//! The scanner against the plainest way to judge: make a match of everything, judge all of them, and report the first.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::cmp::Reverse;
use std::collections::HashSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::fingerprint::{
    Algorithm, Algorithms, Fingerprints, Pdq, PdqHash, Perceptual, View, digests,
};
use crate::media::{Format, Media, MediaClass};
use crate::policy::tests::properties::{LABELS, LISTS, any_policy};
use crate::policy::{Mode, Policy};
use crate::search::Match;
use crate::search::group_of;
use crate::set::{Entry, EntryId, List, ListKind, Opinion, Role, Set, SetBuilder, Severity};
use crate::store::Snapshot;
use crate::{Context, Method, Outcome, Scanner, Store, StoreState, Verdict};

const FILE: &[u8] = b"the upload";

/// A code of 128 bits, `pairs` times two bits away from that of 0 pairs.
fn code(pairs: usize) -> PdqHash {
    let mut code = PdqHash::default();
    for (i, byte) in blake3::hash(b"near these").as_bytes()[..16].iter().enumerate() {
        code.0[2 * i] = *byte;
        code.0[2 * i + 1] = !*byte;
    }
    for pair in 0..pairs {
        code.0[2 * (pair % 16)] ^= 1 << (pair / 16);
        code.0[2 * (pair % 16) + 1] ^= 1 << (pair / 16);
    }
    code
}

prop_compose! {
    /// Few fingerprints, source ids and traits, so that they coincide: entries of one fingerprint, alike and not, and one entry in several sets.
    fn any_entry()(
        (digest, pairs) in (option::of(select(&Algorithm::DIGESTS[..])), prop_oneof![Just(0usize), Just(2), 0usize..40]),
        source in 0u8..5,
        (exception, reviewed, expires) in (prop::bool::weighted(0.05), any::<bool>(), prop_oneof![3 => Just(0u32), 1 => 1u32..4]),
        (opinion, severity) in (select(Opinion::ALL), select(Severity::ALL)),
        labels in subsequence(LABELS.to_vec(), 0..=3),
        (item, legal_basis, case) in ("[ab]?", "[xy]?", option::of(0u8..9)),
    ) -> Entry {
        let fingerprint = match digest {
            Some(algorithm) => digests(FILE, Algorithms::DIGESTS).get(algorithm).unwrap(),
            None => code(pairs).into(),
        };
        let may_except = matches!(digest, Some(Algorithm::Sha256 | Algorithm::Blake3));
        Entry {
            role: if exception && may_except { Role::Exception } else { Role::Listed },
            source_id: source.to_string(),
            // Labels that no rule names.
            labels: labels.into_iter().map(str::to_owned).chain(case.map(|c| format!("case {c}"))).collect(),
            item, opinion, severity, reviewed, legal_basis, expires,
            ..Entry::new(fingerprint)
        }
    }
}

type Listed = (usize, Entry, bool);

/// One set: the kind of each list, and entries with their lists, some switched off.
fn any_set() -> impl Strategy<Value = (Vec<ListKind>, Vec<Listed>)> {
    let entry = (0..LISTS.len(), any_entry(), prop::bool::weighted(0.1));
    (vec(select(ListKind::ALL), LISTS.len()), vec(entry, 0..60))
}

prop_compose! {
    fn any_fingerprints()(
        with_digests in prop::bool::weighted(0.7),
        seen in vec((select(&View::ALL[1..5]), 0u32..2, 0usize..8, 0u8..=100, prop_oneof![4 => Just(0u32), 1 => 1u32..30]), 0..6),
    ) -> Fingerprints {
        Fingerprints {
            digests: digests(FILE, if with_digests { Algorithms::DIGESTS } else { Algorithms::NONE }),
            perceptual: seen.into_iter().map(|(view, part, pairs, quality, slack)| {
                Perceptual { part, slack, ..Perceptual::new(view, Pdq { hash: code(pairs), quality }) }
            }).collect(),
        }
    }
}

/// The sets, and which entries are switched off in which.
fn built(sets: Vec<(Vec<ListKind>, Vec<Listed>)>) -> Vec<Set> {
    let build = |(kinds, listed): (Vec<ListKind>, Vec<Listed>)| {
        let mut builder = SetBuilder::new();
        let lists: Vec<_> = LISTS.iter().zip(kinds).collect();
        let ids: Vec<_> = lists
            .iter()
            .map(|(name, kind)| {
                let legal_basis = format!("of {name}");
                builder.add_list(List { legal_basis, ..List::new(**name, *kind) }).unwrap()
            })
            .collect();
        for (list, entry, suppressed) in listed {
            let Entry { source_id, role, fingerprint, .. } = &entry;
            if suppressed {
                builder.suppress(EntryId::new(LISTS[list], source_id, *role, fingerprint));
            }
            builder.add(ids[list], entry).unwrap();
        }
        Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap()
    };
    sets.into_iter().map(build).collect()
}

/// Every match in the order in which they are found: go through all entries and compare.
fn all_matches(
    snapshot: &Snapshot,
    fingerprints: &Fingerprints,
    radius: u32,
    now: u64,
) -> Vec<Match> {
    let mut found = Vec::new();
    for (number, set) in snapshot.sets().iter().enumerate() {
        for stored in set.entries().map(Result::unwrap) {
            let entry = &stored.entry;
            let list = &set.lists().unwrap()[stored.list];
            let expired = entry.expires != 0 && u64::from(entry.expires) <= now;
            let algorithm = entry.fingerprint.algorithm();
            let bytes = (View::Bytes, 0, 0, None, 0);
            let mut seen = Vec::new();
            if fingerprints.digests.iter().any(|d| d == entry.fingerprint) {
                seen.push(bytes);
            }
            for p in fingerprints.perceptual.iter().filter(|_| algorithm == Algorithm::Pdq) {
                let distance = p.hash.distance(&PdqHash::try_from(entry.fingerprint).unwrap());
                if distance <= radius + p.slack {
                    seen.push((p.view, p.part, p.slack, Some(p.quality), distance));
                }
            }
            for (view, part, slack, quality, distance) in seen {
                let legal_basis = [&entry.legal_basis, &list.legal_basis];
                let m = Match {
                    list_kind: list.kind,
                    item: entry.item.clone(),
                    source_id: entry.source_id.clone(),
                    view,
                    part,
                    slack,
                    quality,
                    labels: entry.labels.clone(),
                    opinion: entry.opinion,
                    severity: entry.severity,
                    reviewed: entry.reviewed,
                    role: entry.role,
                    suppressed: snapshot
                        .sets()
                        .iter()
                        .any(|set| set.suppressions().unwrap().contains(&stored.id)),
                    expires: entry.expires,
                    group: group_of(&list.name, &entry.fingerprint),
                    legal_basis: legal_basis.into_iter().find(|b| !b.is_empty()).cloned(),
                    ..Match::new(&list.name, stored.id, algorithm, distance)
                };
                found.push((number, expired, m));
            }
        }
    }
    // What the last set says of an entry holds, be it that it has expired; of two hashes of one rendering the first.
    found.sort_by_key(|(set, _, m)| (m.distance, m.entry, m.view, m.part, Reverse(*set)));
    found.dedup_by_key(|(_, _, m)| (m.distance, m.entry, m.view, m.part));
    found.into_iter().filter(|(_, expired, _)| !expired).map(|(_, _, m)| m).collect()
}

fn plain(snapshot: &Snapshot, policy: &Policy, asked: &Fingerprints, now: u64) -> Verdict {
    let mut matches = all_matches(snapshot, asked, policy.radius(), now);
    let exact = matches.iter().all(|m| m.slack == 0);
    let forgeable = |m: &Match| !m.algorithm.is_collision_resistant();
    matches.sort_by_key(|m| (m.distance, forgeable(m), m.entry, m.view));
    let judgement = policy.judge(&matches, MediaClass::Unknown, None);
    let outcome = if matches.is_empty() { Outcome::Clear } else { Outcome::Match };
    matches.sort_by_key(|m| (m.distance, m.entry, m.view));
    let mut reported = HashSet::new();
    matches.retain(|m| reported.insert(m.entry));
    let more_matches = matches.len().saturating_sub(policy.max_matches());
    matches.truncate(policy.max_matches());
    let given = asked.digests.algorithms();
    let covers =
        |a| if a == Algorithm::Pdq { !asked.perceptual.is_empty() } else { given.contains(a) };
    let examined = [
        (!given.is_empty()).then_some(Method::Digests),
        (!asked.perceptual.is_empty()).then_some(Method::Perceptual),
    ];
    Verdict {
        outcome,
        action: judgement.action,
        would_have: judgement.would_have,
        reasons: judgement.reasons,
        more_reasons: judgement.omitted,
        matches,
        more_matches,
        unscannable: None,
        media: Media { class: MediaClass::Unknown, format: Format::Unknown },
        examined: examined.into_iter().flatten().collect(),
        complete: exact && snapshot.algorithms().iter().all(covers),
        fingerprints: asked.clone(),
        store: snapshot.digest(),
        store_state: StoreState {
            version: 0,
            updated: 0,
            too_old: false,
            behind: false,
            fault: None,
        },
        policy: policy.digest(),
        shadow: None,
        timings: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_verdict_is_what_judging_every_match_in_full_gives(
        sets in vec(any_set(), 1..4),
        asked in any_fingerprints(),
        policy in any_policy(),
        observe in any::<bool>(),
        most in prop_oneof![3 => 1usize..9, 1 => 9usize..200, 1 => Just(100_000usize)],
        now in 0u64..4,
    ) {
        let mode = if observe { Mode::Observe } else { Mode::Enforce };
        let policy = policy.mode(mode).max_matches(most).build().unwrap();
        let store = Store::of_sets(built(sets));
        let expected = plain(&store.snapshot(), &policy, &asked, now);
        let mut scanner = Scanner::new(store, policy);
        let verdict = scanner.check_fingerprints(&asked, &Context::at(now)).unwrap();
        prop_assert_eq!(&verdict.reasons, &expected.reasons);
        prop_assert_eq!(&verdict.matches, &expected.matches);
        let json = |verdict: &Verdict| serde_json::to_string(verdict).unwrap();
        prop_assert_eq!(json(&verdict), json(&expected));
    }
}

/// Gives some honest bytes, and then claims one more than it has room for.
struct Liar(&'static [u8]);

impl std::io::Read for Liar {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match std::io::Read::read(&mut self.0, out)? {
            0 => Ok(out.len() + 1),
            n => Ok(n),
        }
    }
}

#[test]
fn a_reader_that_claims_more_than_it_was_asked_for_is_an_error() {
    let set = Set::from_bytes(&SetBuilder::new().to_bytes().unwrap().0).unwrap();
    let store = Store::from_set(set, crate::store::StoreOptions::new().test_list(true)).unwrap();
    let mut scanner = Scanner::new(store, Policy::builtin());
    let (context, listed) = (Context::at(1_790_000_000), crate::store::test_files()[0].bytes);
    for honest in [&b""[..], listed] {
        let error = scanner.check_reader(Liar(honest), &context).unwrap_err();
        assert_eq!(error.code(), crate::ErrorCode::Io);
        assert!(error.to_string().contains("the reader claims"), "{error}");
        // The next upload is judged as if nothing had been.
        let verdict = scanner.check_reader(listed, &context).unwrap();
        assert_eq!(verdict.action, crate::Action::Block);
    }
}

/// Names of a file and of a pipe that nobody writes to.
#[cfg(unix)]
fn file_and_pipe() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (file, pipe) = (dir.path().join("file"), dir.path().join("pipe"));
    std::fs::write(&file, FILE).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    (dir, file, pipe)
}

/// What `work` gives, if it does not wait for ever.
#[cfg(unix)]
fn at_once<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, waited) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    waited.recv_timeout(std::time::Duration::from_secs(60)).expect("it waits for a pipe's writer")
}

#[test]
#[cfg(unix)]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    let (_dir, _, pipe) = file_and_pipe();
    let opened = at_once(move || crate::files::open_unwaiting(&pipe).unwrap().metadata().unwrap());
    assert!(!opened.is_file());
}

#[test]
#[cfg(unix)]
fn a_file_that_is_exchanged_for_a_pipe_is_read_or_refused() {
    use std::fs::{hard_link, rename};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let (dir, file, pipe) = file_and_pipe();
    let upload = dir.path().join("upload");
    hard_link(&file, &upload).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let flipping = std::thread::spawn({
        let (upload, next, stop) = (upload.clone(), dir.path().join("next"), Arc::clone(&stop));
        move || {
            for kind in [&pipe, &file].into_iter().cycle() {
                hard_link(kind, &next).unwrap();
                rename(&next, &upload).unwrap();
                if stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    });
    let (read, refused) = at_once(move || {
        let set = Set::from_bytes(&SetBuilder::new().to_bytes().unwrap().0).unwrap();
        let store = Store::from_set(set, crate::store::StoreOptions::new()).unwrap();
        let mut scanner = Scanner::new(store, Policy::builtin());
        let (mut read, mut refused) = (0, 0);
        let started = std::time::Instant::now();
        while started.elapsed().as_secs() < 1 || read == 0 || refused == 0 {
            match scanner.check_path(&upload, &Context::at(1_790_000_000)) {
                // Nothing was read of a pipe, as if it were an empty file.
                Ok(verdict) => {
                    assert_eq!(verdict.media.format, Format::Text);
                    read += 1;
                }
                Err(error) => {
                    assert_eq!(error.code(), crate::ErrorCode::InvalidArgument);
                    refused += 1;
                }
            }
        }
        (read, refused)
    });
    stop.store(true, Ordering::Relaxed);
    flipping.join().unwrap();
    assert!(read > 0 && refused > 0);
}
