//! The policy in sentences.

use crate::media::{MediaClass, Unscannable};
use crate::policy::{Action, Mode, Policy};

#[test]
fn built_in_policy_in_sentences() {
    assert_eq!(Policy::builtin().explain(), include_str!("builtin.txt"));
}

#[test]
fn everything_that_differs_is_said() {
    let text = "version = 1\nmode = 'observe'\nradius = 10\nviews = ['as-shown', 'rot90']\nblock_quality = 0\nstop_early = false\n\
        [unscannable]\ndefault = 'allow'\n[unscannable.image]\nlimit = 'block'\ntruncated = 'block'\ncorrupt = 'review'\n\
        [[rule]]\nname = 'crisis'\nwhy = 'the incident of May'\nlist = ['a', 'b']\nlist_kind = 'exchange'\nlabel = 'x'\n\
        opinion = 'positive'\nseverity = 'high'\nalgorithm = ['pdq', 'sha1']\nreviewed = true\nview = ['bytes', 'rot90']\n\
        max_distance = 7\naction = 'block'\n";
    let explained = Policy::from_toml(text).unwrap().explain();
    for words in [
        "This policy observes: nothing is held back.",
        "Even an upload that is blocked by them is examined further.",
        "up to a distance of 10 of 256 bits, as shown and as rot90.",
        "  1. Block matches of entries of list \"a\" or \"b\", of a list of kind exchange, with label \"x\", whose opinion is \
         positive, of severity high or higher, that a human has reviewed, by SHA-1 or PDQ, of the bytes or as rot90, \
         at distance 7 or nearer (rule 1 \"crisis\", line 13). Why: the incident of May",
        "  - image: block if truncated or limit; review if corrupt; allow if unsupported, timeout, decoder-panic, worker-died or colours.",
        "  - any other kind of upload: allow, whatever the reason.",
    ] {
        assert!(explained.contains(words), "{words}\n{explained}");
    }
    assert!(!explained.contains("PDQ quality"), "{explained}");
    let blind = Policy::builder().views([]).build().unwrap().explain();
    assert!(blind.contains("altered copies of listed pictures are not recognised"), "{blind}");
}

#[test]
fn every_class_is_accounted_for() {
    let policy = Policy::builder()
        .mode(Mode::Observe)
        .unscannable(MediaClass::Video, Unscannable::Limit, Action::Block)
        .unscannable(MediaClass::Image, Unscannable::Limit, Action::Block)
        .unscannable(MediaClass::Pdf, Unscannable::Limit, Action::Allow)
        .build()
        .unwrap();
    let explained = policy.explain();
    let rest = "unsupported, truncated, corrupt, timeout, decoder-panic, worker-died or colours";
    for words in [
        format!("  - image and video: block if limit; review if {rest}."),
        "  - archive and pdf: review if timeout, decoder-panic or worker-died; allow if unsupported, truncated, corrupt, limit or colours.".to_owned(),
    ] {
        assert!(explained.contains(&words), "{explained}");
    }
    assert!(explained.contains("  - any other kind of upload: review, whatever the reason."));
}
