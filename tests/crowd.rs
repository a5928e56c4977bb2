//! A fingerprint that is listed very often costs no match for each entry: memory is counted, so that it is the same everywhere.

#![allow(unsafe_code, reason = "an allocator that counts can only be written with `unsafe`")]
#![allow(clippy::print_stderr, reason = "it prints what it measured")]

mod counting;
mod listed;

use counting::{live, peak_of};
use listed::store_of;
use tamis::fingerprint::{
    Algorithm, Algorithms, Fingerprint, Fingerprints, Pdq, PdqHash, Perceptual, View, digests,
};
use tamis::set::Entry;
use tamis::{Action, Context, Policy, Scanner};

const CROWD: usize = 200_000;

/// No two alike, all of them within 18 bits of each other, and with bits enough for a picture that is not flat.
fn code(number: usize) -> PdqHash {
    let mut code = [0x55; 32];
    for bit in (0..18).filter(|bit| number >> bit & 1 == 1) {
        code[bit] ^= 1;
    }
    PdqHash(code)
}

/// Every hundredth entry may block; the rest may lead to review.
fn scanner(fingerprint: impl Fn(usize) -> Fingerprint, policy: Policy) -> Scanner {
    let entry = |number| {
        Entry::new(fingerprint(number))
            .source_id(format!("case {number}"))
            // A label of its own for every entry: no rule names it, though one may name the other.
            .labels(vec![format!("case {number}"), "terror".to_owned()])
            .reviewed(number % 100 == 0)
    };
    Scanner::new(store_of((0..CROWD).map(entry)), policy)
}

/// The one test of this file: another would allocate beside it.
#[test]
fn a_crowd_of_entries_is_judged_without_a_match_for_each() {
    let file = digests(b"known", Algorithms::NONE.with(Algorithm::Sha256));
    let digest = file.get(Algorithm::Sha256).unwrap();
    let seen = |hash| vec![Perceptual::new(View::AsStored, Pdq { hash, quality: 100 })];
    let by_digest = Fingerprints::default().digests(file);
    let by_code = |hash| Fingerprints::default().perceptual(seen(hash));

    let builtin = Policy::builtin;
    // Its labels are read, of every entry, to know which of them it names.
    let named = || {
        Policy::from_toml("version = 1\n[[rule]]\nlabel = 'terror'\naction = 'block'\n").unwrap()
    };

    // A hundred matches and reasons take what they take; then 0 bytes for an entry under a fingerprint that many have, and some dozens for a
    // fingerprint that is found: its row, in the search and in what was found, both in vectors that grow by doubling.
    let middle = code(0b10_1010_1010_1010_1010);
    type Listed = Box<dyn Fn(usize) -> Fingerprint>;
    for (name, asked, fingerprint, policy, each) in [
        ("one digest", &by_digest, Box::new(move |_| digest) as Listed, builtin(), 0),
        (
            "one digest, a rule that names a label",
            &by_digest,
            Box::new(move |_| digest),
            named(),
            0,
        ),
        ("one code", &by_code(code(0)), Box::new(|_| code(0).into()), builtin(), 0),
        ("a cluster of codes", &by_code(middle), Box::new(|n| code(n).into()), builtin(), 160),
    ] {
        let mut scanner = scanner(fingerprint, policy);
        let context = Context::at(1_790_000_000);
        let before = live();
        let peak = peak_of(|| {
            let verdict = scanner.check_fingerprints(asked, &context).unwrap();
            assert_eq!(verdict.action, Action::Block, "{name}: {}", verdict.reason());
            assert_eq!((verdict.matches.len(), verdict.more_matches), (100, CROWD - 100), "{name}");
            assert_eq!((verdict.reasons.len(), verdict.more_reasons), (100, CROWD - 100), "{name}");
            assert!(verdict.reasons.iter().all(|r| r.action == Action::Block), "{name}");
        });
        let kept = live() - before;
        eprintln!("{name}: {} KiB at the peak, {} KiB kept", peak >> 10, kept >> 10);
        assert!(peak <= (512 << 10) + CROWD * each, "{name}: {peak}");
        assert!(kept <= 1 << 20, "{name}: {kept}");
    }
}
