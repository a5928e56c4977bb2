//! `VERDICT.md` and what serde makes of a verdict are the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::fingerprint::{Algorithm, View};
use crate::media::Format;
use crate::policy::{Cap, Cause, Idle, Matched};

/// The keys of one table of `VERDICT.md`, and whether each is always there.
fn documented(section: &str) -> BTreeMap<String, bool> {
    let text = include_str!("../VERDICT.md");
    let heading = format!("\n## {section}\n");
    let (_, table) = text.split_once(&heading).unwrap();
    let table = table.split_once("\n## ").map_or(table, |(table, _)| table);
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let keys = rows.map(|row| {
        let (key, rest) = row.split_once("` | ").unwrap();
        (key.to_owned(), rest.starts_with("always |"))
    });
    keys.collect()
}

/// The keys that some of these objects have, and whether all of them do.
fn written(objects: &[Value]) -> BTreeMap<String, bool> {
    let maps = || objects.iter().map(|object| object.as_object().unwrap());
    let keys = maps().flat_map(|map| map.keys());
    keys.map(|key| (key.clone(), maps().all(|map| map.contains_key(key)))).collect()
}

fn json(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// A reason of each cause, with all that it may say.
fn reasons() -> Vec<Reason> {
    let matched = || Matched {
        list: "gifct".into(),
        entry: EntryId([1; 16]),
        algorithm: Algorithm::Pdq,
        distance: 3,
        view: View::Frame,
        part: 7,
    };
    let (rule, cap) = ("rule 1".into(), Some(Cap::Quality));
    let why = Unscannable::Limit;
    let causes = [
        Cause::Exception { matched: matched() },
        Cause::Rule { matched: matched(), rule, line: Some(3), cap },
        Cause::Idle { matched: matched(), why: Idle::Suppressed },
        Cause::StoreTooOld,
        Cause::Unscannable { media: MediaClass::Image, why },
    ];
    for cause in &causes {
        // A cause that is not here has no example above either.
        match cause {
            Cause::Exception { .. } | Cause::Rule { .. } | Cause::Idle { .. } => {}
            Cause::StoreTooOld | Cause::Unscannable { .. } => {}
        }
    }
    let reason = |cause| Reason { action: Action::Review, set_aside: true, cause };
    causes.into_iter().map(reason).collect()
}

/// A verdict that says all that one can say, and one that says the least.
fn verdicts() -> [Verdict; 2] {
    let (store, policy) = (StoreDigest([2; 32]), PolicyDigest([3; 32]));
    let least = Match { quality: None, ..Match::new("gifct", EntryId([1; 16]), Algorithm::Md5, 0) };
    let most = Match {
        part: 1,
        slack: 2,
        quality: Some(3),
        degraded: true,
        expires: 4,
        legal_basis: Some("Art. 3".into()),
        ..least.clone()
    };
    let shadow = ShadowVerdict {
        action: Action::Block,
        outcome: Outcome::Match,
        difference: Difference::Stricter,
        reason: "block: it is listed".into(),
        store,
        policy,
    };
    let full = Verdict {
        outcome: Outcome::Match,
        action: Action::Allow,
        would_have: Some(Action::Review),
        reasons: reasons(),
        more_reasons: 1,
        matches: vec![most, least],
        more_matches: 1,
        unscannable: Some(Unscannable::Limit),
        media: Media { class: MediaClass::Image, format: Format::Png },
        examined: vec![Method::Digests, Method::Perceptual],
        complete: true,
        fingerprints: Fingerprints::default(),
        store,
        store_state: StoreState {
            version: 1,
            updated: 2,
            too_old: true,
            behind: true,
            fault: Some(ErrorCode::Io),
        },
        policy,
        shadow: Some(shadow.clone()),
        timings: Some(Timings::default()),
    };
    let plain = Verdict {
        outcome: Outcome::Clear,
        would_have: None,
        reasons: Vec::new(),
        matches: Vec::new(),
        unscannable: None,
        examined: Vec::new(),
        store_state: StoreState {
            version: 0,
            updated: 0,
            too_old: false,
            behind: false,
            fault: None,
        },
        shadow: None,
        timings: None,
        ..full.clone()
    };
    [full, plain]
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_written() {
    let [full, plain] = verdicts();
    let quiet = Reason {
        action: Action::Allow,
        set_aside: false,
        cause: Cause::Unscannable { media: MediaClass::Image, why: Unscannable::Limit },
    };
    let silent =
        full.shadow.clone().map(|shadow| ShadowVerdict { reason: String::new(), ..shadow });
    let reasons = full.reasons.iter().chain([&quiet]).map(json).collect();
    let pairs: [(&str, Vec<Value>); 6] = [
        ("The verdict", vec![json(&full), json(&plain)]),
        ("A reason", reasons),
        ("A match", full.matches.iter().map(json).collect()),
        ("The state of the store", vec![json(full.store_state), json(plain.store_state)]),
        ("The shadow", vec![json(&full.shadow), json(silent)]),
        ("The timings", vec![json(full.timings)]),
    ];
    let text = include_str!("../VERDICT.md");
    assert_eq!(text.matches("\n## ").count(), pairs.len(), "a table that nothing is compared with");
    for (section, objects) in pairs {
        assert_eq!(written(&objects), documented(section), "{section}");
    }
}

#[test]
fn sentences_stand_beside_what_they_say() {
    let [full, plain] = verdicts();
    let told = json(&full);
    for (reason, told) in full.reasons.iter().zip(told["reasons"].as_array().unwrap()) {
        assert_eq!(told["text"], reason.to_string());
    }
    assert_eq!(told["reason"], told["reasons"][0]["text"]);
    assert_eq!(told["reason"], full.reason());
    assert_eq!(json(&plain)["reasons"], json!([]));
    // The line of a rule depends on the layout of the policy file.
    let line = full.reasons.iter().position(|r| matches!(r.cause, Cause::Rule { .. })).unwrap();
    assert!(!told["reasons"][line].to_string().contains("line"), "{told}");
}
