//! Single cases with their expected answers, and small tables that are gone through in full.

use super::{action, entry, exception};
use crate::fingerprint::{Algorithm, View};
use crate::media::{MediaClass, Unscannable};
use crate::policy::{Action, Cap, Cause, Ground, Idle, Mode, Policy, Rule};
use crate::search::Match;
use crate::set::{EntryId, ListKind, Opinion, Role};

#[test]
fn numbers_of_media_and_reasons_have_no_gaps() {
    for (i, class) in MediaClass::ALL.iter().copied().enumerate() {
        assert_eq!(class as usize, i + 1);
    }
    for (i, why) in Unscannable::ALL.iter().copied().enumerate() {
        assert_eq!(why as usize, i + 1);
    }
}

#[test]
fn defaults_of_the_design() {
    let p = Policy::builtin();
    assert_eq!((p.mode(), p.radius(), p.block_quality()), (Mode::Enforce, 31, 50));
    assert_eq!(p.views().len(), View::ALL.len() - 1);
    assert_eq!(action(&p, &[]), Action::Allow);
    for algorithm in Algorithm::DIGESTS {
        assert_eq!(action(&p, &[entry(algorithm, 0)]), Action::Block, "{algorithm}");
        // A digest is equal or it is not: anything else is a caller's mistake, for a person to see.
        assert_eq!(action(&p, &[entry(algorithm, 1)]), Action::Review, "{algorithm}");
    }
    for (distance, expected) in [
        (0, Action::Block),
        (12, Action::Block),
        (13, Action::Review),
        (31, Action::Review),
        (32, Action::Allow),
        (256, Action::Allow),
        (u32::MAX, Action::Allow),
    ] {
        assert_eq!(action(&p, &[entry(Algorithm::Pdq, distance)]), expected, "{distance}");
    }
    for (quality, expected) in [
        (None, Action::Review),
        (Some(0), Action::Review),
        (Some(49), Action::Review),
        (Some(50), Action::Block),
        (Some(100), Action::Block),
    ] {
        let m = Match { quality, ..entry(Algorithm::Pdq, 3) };
        assert_eq!(action(&p, &[m]), expected, "{quality:?}");
    }
    for kind in ListKind::ALL.iter().copied() {
        let checked = [ListKind::Friend, ListKind::Referral, ListKind::Submissions];
        let expected = if checked.contains(&kind) { Action::Review } else { Action::Block };
        let m = Match { list_kind: kind, ..entry(Algorithm::Sha256, 0) };
        assert_eq!(action(&p, &[m]), expected, "{kind}");
    }
    for (opinion, expected) in [
        (Opinion::Positive, Action::Block),
        (Opinion::Negative, Action::Allow),
        (Opinion::Disputed, Action::Review),
        (Opinion::Seed, Action::Review),
    ] {
        let m = Match { opinion, ..entry(Algorithm::Sha256, 0) };
        assert_eq!(action(&p, &[m]), expected, "{opinion}");
    }
    let m = Match { reviewed: false, ..entry(Algorithm::Sha256, 0) };
    assert_eq!(action(&p, &[m]), Action::Review);
}

/// Every combination of up to one match of each kind that the precedence distinguishes.
#[test]
fn precedence_of_the_design() {
    let p = Policy::builtin();
    let weak = |opinion| Match { opinion, ..entry(Algorithm::Sha256, 0) };
    let kinds = [
        ("exception", exception(Algorithm::Sha256)),
        ("suppressed", Match { suppressed: true, ..entry(Algorithm::Sha256, 0) }),
        ("exact", entry(Algorithm::Sha256, 0)),
        ("far", entry(Algorithm::Pdq, 20)),
        ("disputed", weak(Opinion::Disputed)),
        ("negative", weak(Opinion::Negative)),
        ("invalid", exception(Algorithm::Md5)),
    ];
    let reasons = [None, Some(Unscannable::Truncated)];
    for chosen in 0u32..1 << kinds.len() {
        for unscannable in reasons {
            let has = |name: &str| {
                kinds.iter().enumerate().any(|(i, k)| k.0 == name && chosen >> i & 1 == 1)
            };
            let matches: Vec<Match> = (0u8..)
                .zip(&kinds)
                .filter(|(i, _)| chosen >> i & 1 == 1)
                .map(|(i, k)| Match { entry: EntryId([i; 16]), ..k.1.clone() })
                .collect();
            let expected = if has("exception") {
                Action::Allow
            } else if has("exact") {
                Action::Block
            } else if has("far") || has("disputed") || unscannable.is_some() {
                Action::Review
            } else {
                Action::Allow
            };
            let judgement = p.judge(&matches, MediaClass::Image, unscannable);
            assert_eq!(judgement.action, expected, "{chosen:b} {unscannable:?}");
            assert_eq!(
                judgement.reasons.len(),
                matches.len() + usize::from(unscannable.is_some()),
                "every entry has its reason"
            );
        }
    }
}

#[test]
fn only_a_flawless_exception_excepts() {
    let p = Policy::builtin();
    let listed = entry(Algorithm::Sha256, 0);
    let lets_through = |m: Match| action(&p, &[listed.clone(), m]) == Action::Allow;
    for algorithm in Algorithm::ALL.iter().copied() {
        let strong = matches!(algorithm, Algorithm::Sha256 | Algorithm::Blake3);
        assert_eq!(lets_through(exception(algorithm)), strong, "{algorithm}");
    }
    let good = exception(Algorithm::Blake3);
    assert!(!lets_through(Match { distance: 1, ..good.clone() }));
    assert!(!lets_through(Match { suppressed: true, ..good.clone() }));
    assert!(!lets_through(Match { role: Role::Listed, ..good.clone() }));
    for opinion in [Opinion::Negative, Opinion::Disputed, Opinion::Seed] {
        assert!(!lets_through(Match { opinion, ..good.clone() }), "{opinion}");
    }
    for kind in ListKind::ALL.iter().copied() {
        let trusted = [ListKind::Local, ListKind::Exchange, ListKind::Test].contains(&kind);
        assert_eq!(lets_through(Match { list_kind: kind, ..good.clone() }), trusted, "{kind}");
    }
    // An exception that is not valid is no listing either.
    assert_eq!(action(&p, &[exception(Algorithm::Md5)]), Action::Allow);
    assert_eq!(action(&p, &[exception(Algorithm::Pdq)]), Action::Allow);
}

#[test]
fn first_rule_decides_and_the_operators_come_first() {
    let p = Policy::builder()
        .rule(Rule::new(Action::Review).label("art"))
        .rule(Rule::new(Action::Block).label("gore").algorithm(Algorithm::Pdq))
        .rule(Rule::new(Action::Allow).list("friends").list("gifct").reviewed(false))
        .build()
        .unwrap();
    let labelled = |labels: &[&str], distance| Match {
        labels: labels.iter().map(|l| (*l).to_owned()).collect(),
        ..entry(Algorithm::Pdq, distance)
    };
    assert_eq!(action(&p, &[labelled(&["art", "gore"], 3)]), Action::Review);
    assert_eq!(action(&p, &[labelled(&["gore"], 30)]), Action::Block);
    assert_eq!(action(&p, &[labelled(&["Gore"], 30)]), Action::Review);
    let unreviewed = Match { reviewed: false, ..entry(Algorithm::Md5, 0) };
    assert_eq!(action(&p, std::slice::from_ref(&unreviewed)), Action::Allow);
    let elsewhere = Match { list: "other".into(), ..unreviewed };
    assert_eq!(action(&p, &[elsewhere]), Action::Review);
}

#[test]
fn severity_selects_from_there_on() {
    use crate::set::Severity;
    let p = Policy::builder()
        .rule(Rule::new(Action::Block).severity_at_least(Severity::High))
        .rule(Rule::new(Action::Allow))
        .build()
        .unwrap();
    for severity in Severity::ALL.iter().copied() {
        let m = Match { severity, ..entry(Algorithm::Pdq, 30) };
        let expected = if severity >= Severity::High { Action::Block } else { Action::Allow };
        assert_eq!(action(&p, &[m]), expected, "{severity}");
    }
}

#[test]
fn a_milder_rule_for_nearer_matches_does_not_help_them() {
    let p = Policy::builder()
        .rule(Rule::new(Action::Allow).max_distance(5))
        .rule(Rule::new(Action::Block).max_distance(20))
        .build()
        .unwrap();
    let decision = p.action_for(&entry(Algorithm::Pdq, 3));
    assert_eq!(decision.action, Action::Block);
    // The rule that is named is the one that gave the action; among equals, the one for nearer matches.
    assert!(matches!(decision.ground, Ground::Rule(rule, None) if rule.to_string() == "rule 2"));
    let decision = Policy::builtin();
    let decision = decision.action_for(&Match { reviewed: false, ..entry(Algorithm::Pdq, 3) });
    assert!(
        matches!(decision.ground, Ground::Rule(rule, None) if rule.to_string().contains("not reviewed"))
    );
    let two = Policy::builder()
        .rule(Rule::new(Action::Block).max_distance(4))
        .rule(Rule::new(Action::Block).max_distance(8))
        .build()
        .unwrap();
    let decision = two.action_for(&entry(Algorithm::Pdq, 3));
    assert!(matches!(decision.ground, Ground::Rule(rule, None) if rule.to_string() == "rule 1"));
    let far = entry(Algorithm::Pdq, 21);
    assert_eq!(action(&p, &[far]), Action::Review);
    // A digest has no greater distance, so the first rule has the last word.
    assert_eq!(action(&p, &[entry(Algorithm::Md5, 0)]), Action::Allow);
}

#[test]
fn caps_hold_against_rules_that_block_everything() {
    let p = Policy::builder().rule(Rule::new(Action::Block)).build().unwrap();
    let disputed = Match { opinion: Opinion::Disputed, ..entry(Algorithm::Sha256, 0) };
    let flat = Match { quality: Some(49), ..entry(Algorithm::Pdq, 0) };
    let degraded = Match { degraded: true, ..entry(Algorithm::Pdq, 0) };
    let digest = Match { degraded: true, ..entry(Algorithm::Md5, 0) };
    assert_eq!(p.action_for(&digest).action, Action::Block, "the breaker is about likeness");
    let all = [(&disputed, Cap::Disputed), (&flat, Cap::Quality), (&degraded, Cap::Breaker)];
    for (m, cap) in all {
        let decision = p.action_for(m);
        assert_eq!(decision.action, Action::Review);
        assert!(matches!(decision.ground, Ground::Rule(_, Some(c)) if c == cap));
    }
    let negative = Match { opinion: Opinion::Negative, ..entry(Algorithm::Sha256, 0) };
    let suppressed = Match { suppressed: true, ..entry(Algorithm::Sha256, 0) };
    let beyond = entry(Algorithm::Pdq, 32);
    for (m, idle) in [
        (&negative, Idle::Negative),
        (&suppressed, Idle::Suppressed),
        (&beyond, Idle::BeyondRadius),
    ] {
        let decision = p.action_for(m);
        assert_eq!(decision.action, Action::Allow);
        assert!(matches!(decision.ground, Ground::Idle(why) if why == idle));
    }
    // A view that is not looked up is judged if it is found all the same.
    let narrow = Policy::builder().views([View::AsShown]).build().unwrap();
    assert_eq!(action(&narrow, &[entry(Algorithm::Pdq, 0)]), Action::Block);
}

#[test]
fn unscannable_table_and_matches_both_count() {
    let p = Policy::builder()
        .unscannable_default(Action::Allow)
        .unscannable(MediaClass::Image, Unscannable::Limit, Action::Block)
        .unscannable(MediaClass::Video, Unscannable::Timeout, Action::Review)
        .build()
        .unwrap();
    for class in MediaClass::ALL.iter().copied() {
        for why in Unscannable::ALL.iter().copied() {
            let expected = match (class, why) {
                (MediaClass::Image, Unscannable::Limit) => Action::Block,
                (MediaClass::Video, Unscannable::Timeout) => Action::Review,
                _ => Action::Allow,
            };
            assert_eq!(p.judge(&[], class, Some(why)).action, expected, "{class} {why}");
            let container = matches!(class, MediaClass::Archive | MediaClass::Pdf);
            let grave = ["timeout", "decoder-panic", "worker-died"].contains(&why.name());
            let built_in = if container && !grave { Action::Allow } else { Action::Review };
            assert_eq!(Policy::builtin().unscannable(class, why), built_in);
            let far = [entry(Algorithm::Pdq, 31)];
            assert_eq!(p.judge(&far, class, Some(why)).action, expected.max(Action::Review));
        }
    }
}

#[test]
fn digests_decide_early_only_when_nothing_can_change_it() {
    let p = Policy::builtin();
    let exact = entry(Algorithm::Md5, 0);
    assert!(p.decided_by_digests(std::slice::from_ref(&exact)));
    assert!(!p.decided_by_digests(&[]));
    assert!(!p.decided_by_digests(&[entry(Algorithm::Pdq, 0)]));
    assert!(!p.decided_by_digests(&[Match { reviewed: false, ..exact.clone() }]));
    assert!(!p.decided_by_digests(&[exact.clone(), exception(Algorithm::Sha256)]));
    assert!(p.decided_by_digests(&[exact.clone(), exception(Algorithm::Md5)]));
    let observing = Policy::builder().mode(Mode::Observe).build().unwrap();
    assert!(observing.decided_by_digests(std::slice::from_ref(&exact)));
    let thorough = Policy::builder().stop_early(false).build().unwrap();
    assert!(!thorough.decided_by_digests(&[exact]));
}

#[test]
fn reasons_are_ordered_and_bounded_and_everything_is_judged() {
    let p = Policy::builder().max_matches(3).build().unwrap();
    let far: Vec<Match> = (13u8..20)
        .map(|d| Match { entry: EntryId([d; 16]), ..entry(Algorithm::Pdq, d.into()) })
        .collect();
    let last = [far.clone(), vec![entry(Algorithm::Sha256, 0)]].concat();
    let judgement = p.judge(&last, MediaClass::Image, Some(Unscannable::Corrupt));
    assert_eq!(
        (judgement.action, judgement.reasons.len(), judgement.omitted),
        (Action::Block, 3, 6)
    );
    let actions: Vec<Action> = judgement.reasons.iter().map(|r| r.action).collect();
    assert_eq!(actions, [Action::Block, Action::Review, Action::Review]);
    assert!(judgement.reasons[1].to_string().contains("distance 13"));
    assert!(judgement.reasons[2].to_string().contains("distance 14"));

    let all = Policy::builtin().judge(&last, MediaClass::Image, Some(Unscannable::Corrupt));
    let text = all.reasons.last().map(ToString::to_string);
    assert_eq!(text.as_deref(), Some("review: the image could not be examined in full: corrupt"));

    let good = Match { entry: EntryId([1; 16]), ..exception(Algorithm::Blake3) };
    let excepted = [last, vec![good]].concat();
    let judgement = p.judge(&excepted, MediaClass::Image, None);
    assert_eq!(judgement.action, Action::Allow);
    assert!(judgement.reasons[0].to_string().starts_with("allow: exception, BLAKE3 equal to"));
    assert!(judgement.reasons[1].set_aside && !judgement.reasons[0].set_aside);
    assert!(judgement.reasons[1].to_string().ends_with("set aside by an exception"));
}

#[test]
fn one_entry_found_by_many_views_is_one_reason() {
    let p = Policy::builder().max_matches(2).build().unwrap();
    let seen = |id, distance, view| Match {
        entry: EntryId([id; 16]),
        view,
        ..entry(Algorithm::Pdq, distance)
    };
    let symmetric = View::ALL.iter().copied().skip(1).map(|view| seen(1, 20, view));
    let mut matches: Vec<Match> = symmetric.collect();
    matches.push(seen(1, 4, View::AsShown));
    matches.extend([seen(2, 30, View::Rot90), seen(3, 30, View::Rot90)]);
    let judgement = p.judge(&matches, MediaClass::Image, None);
    assert_eq!((judgement.action, judgement.omitted), (Action::Block, 1));
    let texts: Vec<String> = judgement.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    // The strongest of the ten, then the first of the next entry.
    assert!(texts[0].starts_with("block: PDQ at distance 4 (view as-shown)"), "{texts:?}");
    assert!(texts[1].contains(&EntryId([2; 16]).to_string()), "{texts:?}");
}

#[test]
fn unknown_quality_never_blocks() {
    let p = Policy::builder().block_quality(0).build().unwrap();
    for (quality, expected) in [(None, Action::Review), (Some(0), Action::Block)] {
        let m = Match { quality, ..entry(Algorithm::Pdq, 0) };
        assert_eq!(action(&p, &[m]), expected, "{quality:?}");
    }
    assert!(p.explain().contains("review at most if the picture's quality is unknown"));
}

#[test]
fn reasons_say_what_people_and_programs_need() {
    let file = "version = 1\n[[rule]]\naction = \"block\"\nlist = \"x\"\n\n[[rule]]\nname = \"crisis\"\naction = \"block\"\n";
    let p = Policy::from_toml(file).unwrap();
    let id = entry(Algorithm::Md5, 0).entry;
    let m = Match { quality: Some(7), view: View::Rot90, ..entry(Algorithm::Pdq, 20) };
    let judgement = p.judge(&[m], MediaClass::Image, None);
    let text = format!(
        "review: PDQ at distance 20 (view rot90) from entry {id} of list \"gifct\", by rule 2 \"crisis\"; \
         review at most, since the picture has too little detail for a block or its quality is unknown"
    );
    assert_eq!(judgement.reasons[0].to_string(), text);
    assert!(matches!(judgement.reasons[0].cause, Cause::Rule { line: Some(6), .. }));
    assert_eq!(
        serde_json::to_value(&judgement).unwrap(),
        serde_json::json!({
            "action": "review", "omitted": 0,
            "reasons": [{
                "action": "review", "cause": "rule", "list": "gifct", "entry": id.to_string(),
                "algorithm": "pdq", "distance": 20, "view": "rot90", "rule": "rule 2 \"crisis\"", "cap": "quality",
                "text": text
            }]
        })
    );
    for (algorithm, warned) in Algorithm::DIGESTS.into_iter().zip([true, true, false, false, false])
    {
        let reason = Policy::builtin().judge(&[entry(algorithm, 0)], MediaClass::Image, None);
        let text = reason.reasons[0].to_string();
        assert_eq!(text.contains("collisions can be made"), warned, "{text}");
        assert!(text.contains("by built-in rule \"exact digest\""), "{text}");
    }
    // A list's name is foreign text.
    let m = Match { list: "a\u{1b}[31m\n".into(), ..entry(Algorithm::Md5, 0) };
    let text = Policy::builtin().judge(&[m], MediaClass::Image, None).reasons[0].to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
}
