//! The policy file: what it may say, how it complains, and the edit of its mode.

use proptest::prelude::*;

use crate::error::ErrorCode;
use crate::fingerprint::View;
use crate::media::{MediaClass, Unscannable};
use crate::policy::{Action, MAX_RULES, Mode, Policy, PolicyDigest, Rule, set_mode_in};

#[test]
fn example_spells_the_defaults() {
    let example = Policy::from_toml(Policy::EXAMPLE).unwrap();
    let observing = Policy::builder().mode(Mode::Observe).build().unwrap();
    assert_eq!(example.to_toml(), observing.to_toml());
    assert_eq!(example.digest(), observing.digest());
    assert_ne!(example.digest(), Policy::builtin().digest());
}

/// The one key of the example that does not show its default, and says so.
#[test]
fn example_without_its_mode_enforces() {
    let without = Policy::EXAMPLE.replacen("\nmode = \"observe\"\n", "\n", 1);
    assert_ne!(without, Policy::EXAMPLE);
    let policy = Policy::from_toml(&without).unwrap();
    assert_eq!(policy.mode(), Mode::Enforce);
    assert_eq!(policy.digest(), Policy::builtin().digest());
    let told =
        "Without this line the policy enforces, as Tamis does without any policy file.\nmode = ";
    assert!(Policy::EXAMPLE.contains(told));
}

#[test]
fn words_are_read_in_any_case() {
    let one = "version = 1\nmode = 'Observe'\nviews = ['AS-SHOWN', 'Dihedral']\n[unscannable]\ndefault = 'BLOCK'\n[[rule]]\nalgorithm = 'SHA-256'\nopinion = 'Seed'\naction = 'Allow'\n";
    let digest = |text: &str| Policy::from_toml(text).unwrap().digest();
    assert_eq!(digest(one), digest(&one.to_ascii_lowercase()));
}

/// Verdicts and records bear the digest: it must not change unless the policy does.
#[test]
fn digest_is_that_of_the_canonical_file() {
    for policy in [Policy::builtin(), Policy::from_toml(Policy::EXAMPLE).unwrap()] {
        let expected =
            blake3::derive_key("tamis 2026-11 policy digest", policy.to_toml().as_bytes());
        assert_eq!(policy.digest(), PolicyDigest(expected));
    }
}

#[test]
fn switched_off_rules_of_the_example_work_when_switched_on() {
    let on: String = Policy::EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(code) if !code.starts_with(' ') => format!("{code}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let policy = Policy::from_toml(&on).unwrap();
    assert_eq!(policy.rules().filter(|rule| !rule.is_built_in()).count(), 3);
}

#[test]
fn example_explains_every_key() {
    for key in [
        "version",
        "mode",
        "radius",
        "views",
        "max_matches",
        "block_quality",
        "stop_early",
        "max_store_age_hours",
        "too_old",
        "unscannable",
        "list",
        "list_kind",
        "label",
        "opinion",
        "severity",
        "algorithm",
        "reviewed",
        "view",
        "max_distance",
        "action",
        "name",
        "why",
    ] {
        assert!(Policy::EXAMPLE.contains(key), "{key}");
    }
    for name in [MediaClass::NAMES, Unscannable::NAMES, View::NAMES].concat() {
        assert!(Policy::EXAMPLE.contains(name), "{name}");
    }
}

#[test]
fn spelling_does_not_change_the_digest() {
    let one = "version = 1\nradius = 20\nmode='observe'\n[[rule]]\nlist = [\"b\", \"a\"]\naction = \"block\"\n";
    let two = "# comment\n\nmode = \"\"\"observe\"\"\"\r\nversion = 0x1\nradius=2_0\nrule = [{ action = 'block', list = ['a', \"\\u0062\"] }]";
    let (one, two) = (Policy::from_toml(one).unwrap(), Policy::from_toml(two).unwrap());
    assert_eq!(one.digest(), two.digest());
    let built = Policy::builder()
        .mode(Mode::Observe)
        .radius(20)
        .rule(Rule::new(Action::Block).list("b").list("a").list("b"))
        .build()
        .unwrap();
    assert_eq!(one.digest(), built.digest());
}

#[test]
fn every_setting_changes_the_digest() {
    let changes = [
        "",
        "mode = 'observe'",
        "radius = 30",
        "views = ['as-shown']",
        "views = []",
        "max_matches = 99",
        "block_quality = 51",
        "stop_early = false",
        "max_store_age_hours = 9",
        "too_old = 'review'",
        "unscannable.default = 'allow'",
        "unscannable.image.limit = 'block'",
        "unscannable.video.limit = 'block'",
        "rule = [{ action = 'block' }]",
        "rule = [{ action = 'review' }]",
        "rule = [{ action = 'review', name = 'n' }]",
        "rule = [{ action = 'review', why = 'n' }]",
        "rule = [{ action = 'review', list = 'n' }]",
        "rule = [{ action = 'review', label = 'n' }]",
        "rule = [{ action = 'review', list_kind = 'friend' }]",
        "rule = [{ action = 'review', opinion = 'seed' }]",
        "rule = [{ action = 'review', severity = 'low' }]",
        "rule = [{ action = 'review', algorithm = 'md5' }]",
        "rule = [{ action = 'review', reviewed = true }]",
        "rule = [{ action = 'review', view = 'dihedral' }]",
        "rule = [{ action = 'review', max_distance = 3 }]",
    ];
    let digest =
        |line: &str| Policy::from_toml(&format!("version = 1\n{line}\n")).unwrap().digest();
    let mut digests: Vec<_> = changes.into_iter().map(digest).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), changes.len());
}

#[test]
fn unscannable_defaults_nest() {
    let text = "version = 1\n[unscannable]\ndefault = 'allow'\n[unscannable.image]\ndefault = 'block'\ntruncated = 'review'\n";
    let p = Policy::from_toml(text).unwrap();
    assert_eq!(p.unscannable(MediaClass::Image, Unscannable::Truncated), Action::Review);
    assert_eq!(p.unscannable(MediaClass::Image, Unscannable::Corrupt), Action::Block);
    assert_eq!(p.unscannable(MediaClass::Video, Unscannable::Corrupt), Action::Allow);
}

/// A bad file, where the complaint points, and words that it holds.
#[rustfmt::skip]
const BAD: &[(&str, usize, usize, &str)] = &[
    ("", 1, 1, "no `version`; expected version = 1"),
    ("mode = 'observe'\n", 1, 1, "no `version`"),
    ("version = 2\nnew = 1\n", 1, 11, "`version`: expected a whole number from 1 to 1, found 2"),
    ("version = '1'\n", 1, 11, "expected a whole number from 1 to 1, found a string"),
    ("version = 1\nradios = 3\n", 2, 1, "unknown key `radios`; expected one of version, mode"),
    ("version = 1\nz = 1\na = 2\n", 2, 1, "unknown key `z`"),
    ("version = 1\nversion = 1\n", 2, 1, "duplicate key"),
    ("version = 1\nmode = observe\n", 2, 8, "string values must be quoted"),
    ("version = 1\nmode = 'off'\n", 2, 8, "\"off\" is not a mode; expected observe or enforce"),
    ("version = 1\nmode = true\n", 2, 8, "expected a string, found true or false"),
    ("version = 1\n  radius = 65\n", 2, 12, "expected a whole number from 0 to 64, found 65"),
    ("version = 1\nradius = -1\n", 2, 10, "found -1"),
    ("version = 1\nradius = 31.0\n", 2, 10, "found a fraction"),
    ("version = 1\nradius = 99999999999999999999999999\n", 2, 10, "expected a whole number from 0 to 64"),
    ("version = 1\nviews = ['as-shown', 'sideways']\n", 2, 22, "\"sideways\" is not a view; expected bytes, as-stored"),
    ("version = 1\nviews = ['bytes']\n", 2, 10, "bytes is the view of digests"),
    ("version = 1\nviews = ['dihedral', 'rot90']\n", 2, 22, "\"rot90\" stands here twice"),
    ("version = 1\nmax_matches = 0\n", 2, 15, "expected a whole number from 1 to 100000"),
    ("version = 1\nblock_quality = 101\n", 2, 17, "expected a whole number from 0 to 100"),
    ("version = 1\nstop_early = 'yes'\n", 2, 14, "expected true or false, found a string"),
    ("version = 1\nmax_store_age_hours = -1\n", 2, 23, "expected a whole number from 0 to 87600, found -1"),
    ("version = 1\ntoo_old = 'panic'\n", 2, 11, "expected allow, review or block"),
    ("version = 1\nunscannable = 'review'\n", 2, 15, "expected a table such as [unscannable]"),
    ("version = 1\n[unscannable]\nimage = 'review'\n", 3, 9, "expected a table such as [unscannable.image]"),
    ("version = 1\n[unscannable]\ndefault = 'hold'\n", 3, 11, "\"hold\" is not an action; expected allow, review or block"),
    ("version = 1\n[unscannable.picture]\n", 2, 14, "unknown key `picture`"),
    ("version = 1\n[unscannable.image]\nbroken = 'review'\n", 3, 1, "unknown key `broken`; expected one of default, unsupported"),
    ("version = 1\n[rule]\naction = 'block'\n", 2, 1, "expected [[rule]] with two brackets, found a table"),
    ("version = 1\nrule = [1]\n", 2, 9, "expected [[rule]] with two brackets, found a whole number"),
    ("version = 1\n\n[[rule]]\nlist = 'a'\n", 3, 1, "no `action`"),
    ("version = 1\n[[rule]]\naction = 'block'\nmin_distance = 3\n", 4, 1, "unknown key `min_distance`"),
    ("version = 1\n[[rule]]\naction = 'block'\nlist_kind = 'friends'\n", 4, 13, "\"friends\" is not a kind of list; expected exchange"),
    ("version = 1\n[[rule]]\naction = 'block'\nopinion = 'good'\n", 4, 11, "is not an opinion"),
    ("version = 1\n[[rule]]\naction = 'block'\nopinion = 'negative'\n", 4, 11, "a negative entry was listed by mistake and never acts"),
    ("version = 1\n[[rule]]\naction = 'block'\nopinion = ['positive', 'disputed']\n", 4, 11, "a disputed entry is for review at most"),
    ("version = 1\n[[rule]]\naction = 'block'\nseverity = 'severe'\n", 4, 12, "is not a severity"),
    ("version = 1\n[[rule]]\naction = 'block'\nseverity = 'unspecified'\n", 4, 12, "every entry is at least unspecified"),
    ("version = 1\n[[rule]]\naction = 'block'\nalgorithm = ['md5', 'md6']\n", 4, 21, "\"md6\" is not an algorithm"),
    ("version = 1\n[[rule]]\naction = 'block'\nalgorithm = ['md5', 'MD5']\n", 4, 21, "\"md5\" stands here twice"),
    ("version = 1\n[[rule]]\naction = 'block'\nalgorithm = 'md5'\nmax_distance = 3\n", 5, 16, "a digest is equal or it is not"),
    ("version = 1\n[[rule]]\naction = 'block'\nalgorithm = 'md5'\nview = 'rot90'\n", 5, 8, "a digest's view is always bytes"),
    ("version = 1\n[[rule]]\naction = 'block'\nalgorithm = 'pdq'\nview = 'bytes'\n", 5, 8, "bytes is the view of digests"),
    ("version = 1\nviews = ['as-shown']\n[[rule]]\naction = 'block'\nview = 'dihedral'\n", 5, 8, "none is looked up"),
    ("version = 1\nradius = 20\n[[rule]]\naction = 'block'\nmax_distance = 21\n", 5, 16, "21 is beyond the radius of 20"),
    ("version = 1\n[[rule]]\naction = 'block'\nmax_distance = 65\n", 4, 16, "expected a whole number from 0 to 64"),
    ("version = 1\n[[rule]]\naction = 'block'\nlabel = []\n", 4, 9, "expected at least one value; remove the line"),
    ("version = 1\n[[rule]]\naction = 'block'\nlabel = ['']\n", 4, 9, "expected a text that is not empty"),
    ("version = 1\n[[rule]]\naction = 'block'\nlabel = [['a']]\n", 4, 10, "expected a string, found an array"),
    ("version = 1\n[[rule]]\naction = 'block'\nlist = ['a', 'b', 'a']\n", 4, 19, "\"a\" stands here twice"),
    ("version = 1\n[[rule]]\naction = 'block'\nwhy = \"two\\nlines\"\n", 4, 7, "expected one line without control characters"),
    ("version = 1\n[[rule]]\naction = 'block'\nname = 'a name that is so long that no reason can hold it'\n", 4, 8, "expected at most 40 characters"),
    ("version = 1\n[[rule]]\naction = 'block'\nreviewed = 1\n", 4, 12, "expected true or false, found a whole number"),
    ("version = 1\n[[rule]]\naction = ['block']\n", 3, 10, "expected a string, found an array"),
    ("version = 1\n[[rule]]\naction = 'block'\n\n[[rule]]\nlist = 'a'\naction = 'block'\n", 5, 1, "it can never apply, since rule 1 (line 2) takes all that it selects"),
    ("version = 1\n[[rule]]\nlist = ['a', 'b']\nmax_distance = 9\naction = 'block'\n[[rule]]\nlist = 'b'\nmax_distance = 9\nseverity = 'low'\naction = 'allow'\n", 6, 1, "it can never apply, since rule 1 (line 2)"),
    ("version = 1\n[[rule]]\nseverity = 'high'\naction = 'block'\n[[rule]]\nseverity = 'high'\naction = 'allow'\n", 5, 1, "it can never apply, since rule 1 (line 2)"),
    ("version = 1\n[[rule]]\nmax_distance = 0\naction = 'block'\n[[rule]]\nalgorithm = 'md5'\naction = 'allow'\n", 5, 1, "it can never apply, since rule 1 (line 2)"),
    ("version = 1\nmode = \"ä\nradius = 3", 2, 10, "not TOML: invalid basic string"),
    ("\u{feff}version = 1\nmode = 1\n", 2, 8, "expected a string"),
    ("\u{feff}wersion = 1\nversion = 1\n", 1, 1, "unknown key `wersion`"),
    ("version = 1\r\nmode = 1\r\n", 2, 8, "expected a string"),
    ("version = 1\nwhy = '''ß''' ; mode\n", 2, 15, "not TOML"),
];

#[test]
fn bad_files_are_refused_where_they_are_bad() {
    for (text, line, column, words) in BAD {
        let error = Policy::from_toml(text).unwrap_err();
        let message = error.to_string();
        assert_eq!(error.code(), ErrorCode::Policy, "{text:?}");
        assert!(
            message.starts_with(&format!("line {line}, column {column}: ")),
            "{text:?}: {message}"
        );
        assert!(message.contains(words), "{text:?}: {message}");
    }
}

#[test]
fn rules_that_add_something_are_not_called_unreachable() {
    let rules = [
        "max_distance = 9\naction = 'block'",
        "list = 'a'\naction = 'block'",
        "list = ['a', 'b']\nseverity = 'high'\naction = 'block'",
        "severity = 'low'\nreviewed = false\naction = 'block'",
        "reviewed = false\naction = 'review'",
        "label = 'x'\nalgorithm = 'pdq'\nmax_distance = 20\naction = 'block'",
        "label = 'x'\naction = 'review'",
        // As far as the radius is not beyond it.
        "max_distance = 31\naction = 'allow'",
    ];
    let text = rules.iter().fold("version = 1\n".to_owned(), |t, r| t + "[[rule]]\n" + r + "\n");
    assert_eq!(Policy::from_toml(&text).unwrap().rules().filter(|r| !r.is_built_in()).count(), 8);
}

#[test]
fn builder_refuses_what_the_file_refuses() {
    let bad = [
        (Policy::builder().radius(65), "radius is 65"),
        (Policy::builder().max_matches(0), "max_matches is 0"),
        (Policy::builder().block_quality(101), "block_quality is 101"),
        (Policy::builder().views([View::Bytes]), "bytes is the view of digests"),
        (
            Policy::builder().rule(Rule::new(Action::Block).list("")),
            "rule 1: list: expected a text",
        ),
        (
            Policy::builder()
                .rule(Rule::new(Action::Allow))
                .rule(Rule::new(Action::Block).name("x")),
            "rule 2: it can never apply, since rule 1 takes all",
        ),
    ];
    for (builder, words) in bad {
        let error = builder.build().unwrap_err();
        assert_eq!(error.code(), ErrorCode::Policy);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn too_long_or_too_many() {
    let long = format!("version = 1\n#{}", "é".repeat(1 << 20));
    let error = Policy::from_toml(&long).unwrap_err().to_string();
    assert!(
        error.starts_with("line 2, column ") && error.contains("longer than 1048576"),
        "{error}"
    );

    let rule = |i: usize| format!("[[rule]]\nlist = 'l{i}'\naction = 'block'\n");
    let rules = |n: usize| (0..n).fold("version = 1\n".to_owned(), |text, i| text + &rule(i));
    assert!(Policy::from_toml(&rules(MAX_RULES)).is_ok());
    let error = Policy::from_toml(&rules(MAX_RULES + 1)).unwrap_err().to_string();
    assert_eq!(error, "line 3002, column 1: `rule`: expected at most 1000 rules");
    let many = (0..=MAX_RULES)
        .fold(Policy::builder(), |b, i| b.rule(Rule::new(Action::Block).list(i.to_string())));
    assert!(many.build().unwrap_err().to_string().contains("at most 1000"));
}

#[test]
fn load_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("policy.toml");
    assert_eq!(Policy::load(&path).unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(Policy::load(dir.path()).unwrap_err().code(), ErrorCode::InvalidArgument);
    std::fs::write(&path, Policy::EXAMPLE).unwrap();
    assert_eq!(Policy::load(&path).unwrap().mode(), Mode::Observe);
    std::fs::write(&path, b"version = 1\nmode = \"\xff\"\n").unwrap();
    let error = Policy::load(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("policy.toml: line 2, column 9: not UTF-8 text; save the file as UTF-8"),
        "{error}"
    );
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(Policy::load(&path).unwrap_err().to_string().contains("longer than"));
}

#[test]
fn setting_the_mode_keeps_everything_else() {
    let cases = [
        (
            "version = 1\nmode = \"observe\" # note\n# end",
            "version = 1\nmode = \"enforce\" # note\n# end",
        ),
        ("mode='''observe'''\nversion=1", "mode=\"enforce\"\nversion=1"),
        ("version = 1", "version = 1\nmode = \"enforce\"\n"),
        (
            "# a\nversion = 1 # b\n\n[unscannable]\n",
            "# a\nversion = 1 # b\nmode = \"enforce\"\n\n[unscannable]\n",
        ),
        ("version = 1\r\nradius = 3\r\n", "version = 1\r\nmode = \"enforce\"\r\nradius = 3\r\n"),
        (
            "\u{feff}'version' = 1\n\"mode\" = 'observe'\n",
            "\u{feff}'version' = 1\n\"mode\" = \"enforce\"\n",
        ),
        (
            "version = 1\n[[rule]]\nname = 'mode'\naction = 'review'\n",
            "version = 1\nmode = \"enforce\"\n[[rule]]\nname = 'mode'\naction = 'review'\n",
        ),
    ];
    for (before, after) in cases {
        assert_eq!(set_mode_in(before, Mode::Enforce).unwrap(), after);
        assert_eq!(set_mode_in(after, Mode::Enforce).unwrap(), after);
    }
    assert!(set_mode_in("version = 1\nmode = 3\n", Mode::Enforce).is_err());
    let enforced = set_mode_in(Policy::EXAMPLE, Mode::Enforce).unwrap();
    assert_eq!(Policy::from_toml(&enforced).unwrap().digest(), Policy::builtin().digest());
    assert_eq!(set_mode_in(&enforced, Mode::Observe).unwrap(), Policy::EXAMPLE);
}

/// What a policy file is made of, so that random texts get past the parser.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "version",
        "mode",
        "radius",
        "views",
        "unscannable",
        "rule",
        "[[rule]]",
        "[unscannable.image]",
        "action",
        "list",
        "label",
        "max_distance",
        "=",
        "= 1\n",
        "= 'block'\n",
        "= ['a', 'b']\n",
        "\n",
        "\r\n",
        "\"",
        "'''",
        "[",
        "]",
        "{",
        "}",
        ",",
        "1",
        "0x",
        "true",
        "1979-05-27",
        "1e9",
        "inf",
        "#",
        "\u{feff}",
        "é",
        "\0",
        "version = 1\n",
        "action = 'block'\n",
        "[[rule]]\naction = 'review'\n",
        "view = 'dihedral'\n",
        ".",
        "a.b = ",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..20).prop_map(|w| w.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_text_panics_and_every_complaint_has_a_place(
        text in prop_oneof![pieces(), pieces().prop_map(|t| format!("version = 1\n{t}")), ".*"],
    ) {
        match Policy::from_toml(&text) {
            Ok(policy) => {
                prop_assert_eq!(Policy::from_toml(&policy.to_toml()).unwrap().digest(), policy.digest());
                for mode in Mode::ALL.iter().copied() {
                    let edited = set_mode_in(&text, mode).unwrap();
                    prop_assert_eq!(Policy::from_toml(&edited).unwrap().mode(), mode);
                }
            }
            Err(error) => {
                let message = error.to_string();
                prop_assert_eq!(error.code(), ErrorCode::Policy);
                prop_assert!(message.starts_with("line ") && message.contains(", column "), "{}", message);
                prop_assert!(!message.contains(char::is_control), "{:?}", message);
                prop_assert!(set_mode_in(&text, Mode::Observe).is_err());
            }
        }
    }

    #[test]
    fn damaged_examples_do_not_panic(at: prop::sample::Index, cut in 0usize..40, put in "[ -~\n]{0,6}") {
        let mut text = Policy::EXAMPLE.replace("\n#[", "\n[").replace("\n#a", "\na");
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, &put);
        if let Err(error) = Policy::from_toml(&text) {
            prop_assert!(error.to_string().starts_with("line "));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = Policy::from_toml(&text);
    }
}
