//! What holds for any policy and any matches.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::fingerprint::{Algorithm, View};
use crate::media::{MediaClass, Unscannable};
use crate::policy::{Action, Ground, Mode, Policy, PolicyBuilder, Rule};
use crate::search::Match;
use crate::set::{EntryId, ListKind, Opinion, Role, Severity};

pub(crate) const LISTS: [&str; 3] = ["gifct", "local", "friends"];
pub(crate) const LABELS: [&str; 3] = ["gore", "art", "news"];

prop_compose! {
    fn any_match()(
        (list, kind, opinion) in (select(&LISTS[..]), select(ListKind::ALL), select(Opinion::ALL)),
        (severity, role) in (select(Severity::ALL), select(Role::ALL)),
        (id, algorithm) in (0u8..4, select(Algorithm::ALL)),
        distance in prop_oneof![4 => Just(0u32), 4 => 0u32..=70, 1 => any::<u32>()],
        view in select(&View::ALL[1..]),
        quality in option::of(0u8..=100),
        labels in subsequence(LABELS.to_vec(), 0..=3),
        (reviewed, suppressed, odd, degraded) in
            (any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.2)),
    ) -> Match {
        let digest = algorithm.is_digest();
        Match {
            list_kind: kind, opinion, severity, reviewed, suppressed, degraded,
            // Exceptions are rare, so that other things show.
            role: if odd { role } else { Role::Listed },
            view: if digest { View::Bytes } else { view },
            slack: if digest || !odd { 0 } else { 8 },
            quality: if digest { None } else { quality },
            labels: labels.into_iter().map(str::to_owned).collect(),
            ..Match::new(list, EntryId([id; 16]), algorithm, if digest && !odd { 0 } else { distance })
        }
    }
}

prop_compose! {
    fn any_rule()(
        action in select(Action::ALL),
        lists in prop_oneof![3 => Just(vec![]), 1 => subsequence(LISTS.to_vec(), 1..=2)],
        kinds in prop_oneof![3 => Just(vec![]), 1 => subsequence(ListKind::ALL.to_vec(), 1..=3)],
        labels in prop_oneof![3 => Just(vec![]), 1 => subsequence(LABELS.to_vec(), 1..=2)],
        opinions in prop_oneof![3 => Just(vec![]), 1 => subsequence(Opinion::ALL.to_vec(), 1..=2)],
        severity in option::weighted(0.2, select(&Severity::ALL[1..])),
        algorithms in prop_oneof![3 => Just(vec![]), 1 => subsequence(Algorithm::ALL.to_vec(), 1..=3)],
        reviewed in option::weighted(0.2, any::<bool>()),
        views in prop_oneof![3 => Just(vec![]), 1 => subsequence(View::ALL.to_vec(), 1..=4)],
        distance in option::weighted(0.6, 0u32..=64),
        name in option::of("[a-z\"\\\\ é]{1,8}"),
        why in option::weighted(0.2, "[a-z'\"#=]{1,12}"),
    ) -> Rule {
        let mut rule = Rule::new(action);
        rule = lists.into_iter().fold(rule, Rule::list);
        rule = kinds.into_iter().fold(rule, Rule::list_kind);
        rule = labels.into_iter().fold(rule, Rule::label);
        rule = opinions.into_iter().fold(rule, Rule::opinion);
        rule = algorithms.into_iter().fold(rule, Rule::algorithm);
        rule = views.into_iter().fold(rule, Rule::view);
        rule = severity.into_iter().fold(rule, Rule::severity_at_least);
        rule = reviewed.into_iter().fold(rule, Rule::reviewed);
        rule = distance.into_iter().fold(rule, Rule::max_distance);
        rule = name.into_iter().fold(rule, Rule::name);
        why.into_iter().fold(rule, Rule::why)
    }
}

prop_compose! {
    /// Policies that `build` accepts: rules that it refuses are left out one by one.
    pub(crate) fn any_policy()(
        radius in 0u32..=64,
        views in subsequence(View::ALL[1..].to_vec(), 0..=9),
        max_matches in 1usize..=9,
        block_quality in prop_oneof![1 => Just(0u8), 4 => 0u8..=100],
        stop_early in any::<bool>(),
        too_old in (0u32..200, select(vec![Action::Allow, Action::Review, Action::Block])),
        table in vec((select(MediaClass::ALL), select(Unscannable::ALL), select(Action::ALL)), 0..5),
        rules in vec(any_rule(), 0..8),
    ) -> PolicyBuilder {
        let mut builder = Policy::builder()
            .radius(radius).views(views).max_matches(max_matches)
            .block_quality(block_quality).stop_early(stop_early).max_store_age(too_old.0).too_old(too_old.1);
        for (class, why, action) in table {
            builder = builder.unscannable(class, why, action);
        }
        for rule in rules {
            let longer = builder.clone().rule(rule);
            if longer.clone().build().is_ok() {
                builder = longer;
            }
        }
        builder
    }
}

fn unscannable() -> impl Strategy<Value = Option<Unscannable>> {
    option::of(select(Unscannable::ALL))
}

/// The definition of the room's docs, word by word and distance by distance.
fn literal(policy: &Policy, m: &Match) -> Action {
    if m.suppressed || m.role == Role::Exception || m.opinion == Opinion::Negative {
        return Action::Allow;
    }
    let nearest = m.distance.saturating_sub(m.slack);
    let farthest = if m.algorithm.is_digest() { m.distance } else { policy.radius() };
    if nearest > farthest {
        return Action::Allow;
    }
    let first = |x: u32| {
        let mut rules = policy.rules();
        rules
            .find(|r| r.selects(m) && r.max_distance.is_none_or(|max| x <= max))
            .map_or(Action::Review, Rule::action)
    };
    let strongest = if m.algorithm.is_digest() {
        first(m.distance)
    } else {
        (nearest..=farthest).map(first).max().unwrap_or(Action::Review)
    };
    let poor = !m.algorithm.is_digest() && m.quality.is_none_or(|q| q < policy.block_quality());
    let tripped = !m.algorithm.is_digest() && m.degraded;
    if m.opinion == Opinion::Disputed || poor || m.slack > 0 || tripped {
        strongest.min(Action::Review)
    } else {
        strongest
    }
}

fn enforced(policy: &Policy, matches: &[Match], unscannable: Option<Unscannable>) -> Action {
    policy.judge(matches, MediaClass::Image, unscannable).action
}

fn excepts(policy: &Policy, m: &Match) -> bool {
    matches!(policy.action_for(m).ground, Ground::Exception)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn one_pass_equals_the_definition(policy in any_policy(), matches in vec(any_match(), 1..8)) {
        let policy = policy.build().unwrap();
        for m in &matches {
            prop_assert_eq!(policy.action_for(m).action, literal(&policy, m), "{:?} {}", m, policy.explain());
        }
    }

    #[test]
    fn nearer_is_never_weaker(policy in any_policy(), m in any_match()) {
        let policy = policy.build().unwrap();
        let mut before = Action::Block;
        for distance in 0..=70 {
            let action = policy.action_for(&Match { algorithm: Algorithm::Pdq, distance, ..m.clone() }).action;
            prop_assert!(action <= before, "{} at {}: {}", action, distance, policy.explain());
            before = action;
        }
    }

    #[test]
    fn built_in_policy_blocks_only_what_it_should(m in any_match(), why in unscannable()) {
        let policy = Policy::builtin();
        let doubtful = !m.reviewed
            || m.opinion != Opinion::Positive
            || matches!(m.list_kind, ListKind::Friend | ListKind::Referral | ListKind::Submissions);
        if doubtful {
            prop_assert!(enforced(&policy, std::slice::from_ref(&m), why) < Action::Block);
        }
        // And it does block what is beyond doubt.
        if !doubtful && !m.suppressed && m.role == Role::Listed && m.distance == 0
            && (m.algorithm.is_digest() || m.slack == 0 && !m.degraded && m.quality.is_some_and(|q| q >= 50))
        {
            prop_assert_eq!(enforced(&policy, &[m], why), Action::Block);
        }
    }

    #[test]
    fn caps_hold_for_any_policy(policy in any_policy(), m in any_match()) {
        let policy = policy.build().unwrap();
        let action = policy.action_for(&m).action;
        if m.opinion == Opinion::Disputed
            || (m.algorithm == Algorithm::Pdq && m.quality.is_none_or(|q| q < policy.block_quality()))
        {
            prop_assert!(action < Action::Block);
        }
        if m.suppressed || m.opinion == Opinion::Negative || m.role == Role::Exception {
            prop_assert_eq!(action, Action::Allow);
        }
    }

    #[test]
    fn exceptions_are_exact_and_let_nothing_else_through(
        policy in any_policy(), matches in vec(any_match(), 0..5), e in any_match(), why in unscannable(),
    ) {
        let policy = policy.build().unwrap();
        let rest: Vec<Match> = matches.into_iter().filter(|m| !excepts(&policy, m)).collect();
        let without = enforced(&policy, &rest, why);
        let e = Match { role: Role::Exception, ..e };
        let with = enforced(&policy, &[rest.as_slice(), std::slice::from_ref(&e)].concat(), why);
        if excepts(&policy, &e) {
            prop_assert!(matches!(e.algorithm, Algorithm::Sha256 | Algorithm::Blake3) && e.distance == 0);
            prop_assert_eq!(with, Action::Allow);
        } else {
            prop_assert_eq!(with, without);
        }
        // Without a valid exception, the action is the strongest of the parts.
        let parts = rest.iter().map(|m| enforced(&policy, std::slice::from_ref(m), None)).max();
        let alone = why.map(|why| policy.unscannable(MediaClass::Image, why));
        prop_assert_eq!(without, parts.max(alone).unwrap_or(Action::Allow));
    }

    #[test]
    fn one_more_match_never_weakens_and_suppression_takes_one_away(
        policy in any_policy(), matches in vec(any_match(), 1..6), index: prop::sample::Index, why in unscannable(),
    ) {
        let policy = policy.build().unwrap();
        let index = index.index(matches.len());
        let mut fewer = matches.clone();
        let m = fewer.remove(index);
        let (all, rest) = (enforced(&policy, &matches, why), enforced(&policy, &fewer, why));
        if !excepts(&policy, &m) {
            prop_assert!(all >= rest);
        }
        let mut suppressed = matches;
        suppressed[index].suppressed = true;
        prop_assert_eq!(enforced(&policy, &suppressed, why), rest);
    }

    #[test]
    fn order_and_bound_do_not_change_the_action(
        policy in any_policy(), (matches, shuffled) in vec(any_match(), 0..8).prop_flat_map(|m| (Just(m.clone()), Just(m).prop_shuffle())),
        why in unscannable(),
    ) {
        let policy = policy.build().unwrap();
        let one = policy.judge(&matches, MediaClass::Image, why);
        let two = policy.judge(&shuffled, MediaClass::Image, why);
        prop_assert_eq!(one.action, two.action);
        let entries: BTreeSet<EntryId> = matches.iter().map(|m| m.entry).collect();
        prop_assert_eq!(one.reasons.len() + one.omitted, entries.len() + usize::from(why.is_some()));
        prop_assert!(one.reasons.len() <= policy.max_matches());
        // The first reason stands for the action.
        prop_assert_eq!(one.reasons.first().map_or(Action::Allow, |r| r.action), one.action);
        let again = policy.judge(&matches, MediaClass::Image, why);
        prop_assert_eq!(one, again);
    }

    #[test]
    fn observing_allows_and_says_what_enforcing_does(
        policy in any_policy(), matches in vec(any_match(), 0..6), why in unscannable(),
    ) {
        let enforcing = policy.clone().mode(Mode::Enforce).build().unwrap().judge(&matches, MediaClass::Image, why);
        let observing = policy.mode(Mode::Observe).build().unwrap().judge(&matches, MediaClass::Image, why);
        prop_assert_eq!(enforcing.would_have, None);
        prop_assert_eq!(observing.action, Action::Allow);
        prop_assert_eq!(observing.would_have, Some(enforcing.action));
        prop_assert_eq!(observing.reasons, enforcing.reasons);
    }

    #[test]
    fn stopping_early_never_changes_the_action(
        policy in any_policy(), digests in vec(any_match(), 0..4), others in vec(any_match(), 0..4), why in unscannable(),
    ) {
        let policy = policy.build().unwrap();
        let digests: Vec<Match> = digests.into_iter().filter(|m| m.algorithm.is_digest()).collect();
        let others: Vec<Match> = others.into_iter().filter(|m| !m.algorithm.is_digest()).collect();
        if policy.decided_by_digests(&digests) {
            let whole = [digests.as_slice(), others.as_slice()].concat();
            prop_assert_eq!(enforced(&policy, &digests, None), enforced(&policy, &whole, why));
        }
    }

    #[test]
    fn canonical_file_reads_back_as_the_same_policy(policy in any_policy(), matches in vec(any_match(), 0..6)) {
        let policy = policy.build().unwrap();
        let text = policy.to_toml();
        let again = Policy::from_toml(&text).unwrap();
        prop_assert_eq!(again.to_toml(), text);
        prop_assert_eq!(again.digest(), policy.digest());
        let (one, two) = (policy.judge(&matches, MediaClass::Image, None), again.judge(&matches, MediaClass::Image, None));
        prop_assert_eq!(serde_json::to_value(one).unwrap(), serde_json::to_value(two).unwrap());
        for rule in again.rules() {
            prop_assert!(policy.explain().contains(&rule.designation()));
        }
    }
}
