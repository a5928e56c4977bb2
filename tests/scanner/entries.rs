//! What a match does: entries that end, are switched off or are exceptions, rules and modes; and how matches are reported.

use tamis::fingerprint::{Algorithm, Fingerprint};
use tamis::policy::{Cause, Mode, Rule};
use tamis::set::{Entry, EntryId, List, ListKind, Role};
use tamis::{Action, Context, Outcome, Policy, Scanner};

use crate::listed::{NOW, builder, digest, reviewed, store};
use crate::pictures::{at_distance, hash, png, scene};
use crate::{now, scanner, with_policy};

#[test]
fn an_entry_matches_until_it_expires() {
    let picture = scene(6, 200, 200);
    let upload = png(&picture);
    for fingerprint in [digest(&upload, Algorithm::Sha256), hash(&picture).hash.into()] {
        let entry = reviewed(fingerprint).expires(NOW as u32);
        let mut scanner = scanner([entry]);
        for (time, action) in [
            (0, Action::Block),
            (NOW - 1, Action::Block),
            (NOW, Action::Allow),
            (NOW + 1, Action::Allow),
            (u32::MAX.into(), Action::Allow),
        ] {
            let verdict = scanner.check(&upload, &Context::at(time)).unwrap();
            assert_eq!(verdict.action, action, "{fingerprint:?} at {time}");
            assert_eq!(verdict.matches.len(), usize::from(action == Action::Block));
        }
    }
}

#[test]
fn a_suppressed_entry_is_shown_and_does_not_act() {
    let picture = scene(6, 200, 200);
    let upload = png(&picture);
    let code: Fingerprint = hash(&picture).hash.into();
    let mut suppressing = builder([reviewed(code)]);
    suppressing.suppress(EntryId::new("exchange", "", Role::Listed, &code));
    let verdict =
        Scanner::new(store(suppressing), Policy::builtin()).check(&upload, &now()).unwrap();
    assert_eq!((verdict.outcome, verdict.action), (Outcome::Match, Action::Allow));
    assert!(verdict.matches[0].suppressed);
    // It does not hide its neighbour.
    let other = reviewed(code).source_id("2");
    let mut suppressing = builder([reviewed(code), other]);
    suppressing.suppress(EntryId::new("exchange", "", Role::Listed, &code));
    let verdict =
        Scanner::new(store(suppressing), Policy::builtin()).check(&upload, &now()).unwrap();
    assert_eq!((verdict.matches.len(), verdict.action), (2, Action::Block));
}

#[test]
fn an_exception_lets_exactly_one_file_through() {
    let picture = scene(7, 200, 200);
    let upload = png(&picture);
    let mut same_pixels = upload.clone();
    same_pixels.push(0);
    for algorithm in [Algorithm::Sha256, Algorithm::Blake3] {
        let mut both =
            builder([reviewed(hash(&picture).hash), reviewed(digest(&upload, Algorithm::Md5))]);
        let local = both.add_list(List::new("local", ListKind::Local)).unwrap();
        let exception = Entry::new(digest(&upload, algorithm)).role(Role::Exception);
        both.add(local, exception).unwrap();
        let mut scanner = Scanner::new(store(both), Policy::builtin());
        let verdict = scanner.check(&upload, &now()).unwrap();
        assert_eq!(
            (verdict.outcome, verdict.action),
            (Outcome::Match, Action::Allow),
            "{algorithm}"
        );
        assert_eq!(verdict.matches.len(), 3, "{algorithm}");
        let verdict = scanner.check(&same_pixels, &now()).unwrap();
        assert_eq!(verdict.action, Action::Block, "{algorithm}");
    }
}

#[test]
fn observing_says_what_it_would_have_done() {
    let picture = scene(7, 200, 200);
    let observe = Policy::builder().mode(Mode::Observe).build().unwrap();
    let mut scanner = with_policy([reviewed(hash(&picture).hash)], observe);
    let verdict = scanner.check(&png(&picture), &now()).unwrap();
    assert_eq!((verdict.outcome, verdict.action), (Outcome::Match, Action::Allow));
    assert_eq!(verdict.would_have, Some(Action::Block));
    let verdict = scanner.check(b"words", &now()).unwrap();
    assert_eq!((verdict.action, verdict.would_have), (Action::Allow, Some(Action::Allow)));
}

#[test]
fn a_rule_of_the_operator_stands_before_the_built_in_ones() {
    let picture = scene(1, 200, 200);
    let far = reviewed(at_distance(hash(&picture).hash, 24));
    let strict = Policy::builder().rule(Rule::new(Action::Block).list("exchange").max_distance(24));
    let mut scanner = with_policy([far], strict.build().unwrap());
    assert_eq!(scanner.check(&png(&picture), &now()).unwrap().action, Action::Block);
}

#[test]
fn the_report_is_bounded_and_the_judgement_is_not() {
    let picture = scene(8, 200, 200);
    let upload = png(&picture);
    let code: Fingerprint = hash(&picture).hash.into();
    let mut ids: Vec<_> = (0..500)
        .map(|n| format!("row {n}"))
        .map(|source| (EntryId::new("exchange", &source, Role::Listed, &code), source))
        .collect();
    ids.sort();
    // Only the entry that is reported last, if at all, may block.
    let last = ids.last().unwrap().clone();
    let entries = ids
        .iter()
        .map(|(id, source)| Entry::new(code).source_id(source.clone()).reviewed(*id == last.0));
    let entries: Vec<_> = entries.collect();
    for (most, listed) in [(1, 1), (100, 100), (499, 499), (500, 500), (1000, 500)] {
        let policy = Policy::builder().max_matches(most).build().unwrap();
        let verdict = with_policy(entries.clone(), policy).check(&upload, &now()).unwrap();
        assert_eq!(verdict.action, Action::Block, "{most}");
        assert_eq!((verdict.matches.len(), verdict.more_matches), (listed, 500 - listed), "{most}");
        let expected: Vec<_> = ids.iter().take(listed).map(|(id, _)| *id).collect();
        assert_eq!(verdict.entries().collect::<Vec<_>>(), expected, "{most}");
        let Cause::Rule { matched, .. } = &verdict.reasons[0].cause else { panic!("{verdict:?}") };
        assert_eq!(matched.entry, last.0, "{most}: the reason names what decided");
    }
}

#[test]
fn matches_are_in_the_same_order_however_the_set_was_built() {
    let picture = scene(9, 200, 200);
    let upload = png(&picture);
    let code = hash(&picture).hash;
    let mut entries: Vec<Entry> = (0..60)
        .map(|n| {
            Entry::new(at_distance(code, [0, 4, 12, 13, 30][n % 5])).source_id(format!("row {n}"))
        })
        .chain(Algorithm::DIGESTS.map(|a| Entry::new(digest(&upload, a))))
        .collect();
    let first = scanner(entries.clone()).check(&upload, &now()).unwrap();
    assert_eq!(first.matches.len(), 65);
    let order: Vec<_> = first.matches.iter().map(|m| (m.distance, m.entry)).collect();
    assert!(order.is_sorted(), "{order:?}");
    for step in 1..6 {
        entries.rotate_left(11);
        entries.swap(step, 40);
        let again = scanner(entries.clone()).check(&upload, &now()).unwrap();
        assert_eq!(again.matches, first.matches);
        assert_eq!(again.reasons, first.reasons);
    }
}
