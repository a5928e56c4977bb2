//! What host and worker process say to each other.

use std::time::{Duration, Instant};

use tamis::examine::{Asked, Examiner, MOST_SLACK};
use tamis::fingerprint::{Fingerprints, View};
use tamis::media::{Unscannable, sniff};
use tamis::sandbox::heard;
use tamis::store::StoreOptions;
use tamis::{Context, Limits, Policy, Scanner, Set, Store};

use super::common;

/// A message that one side hears of the other. Byte 0 chooses which (bits 0 and 1: an answer, an upload for an honest worker, a question, a greeting) and what was asked
/// (2: exactly; 3 to 7: how many frames and pictures inside, and which views). The message's length and its JSON follow, or the upload.
///
/// Nothing panics. What is taken is what was said, whole; an answer is within what was asked, and can be judged; and what an honest worker finds is taken.
pub fn worker(data: &[u8]) {
    let Some((&choice, said)) = data.split_first() else { return };
    let limits = Limits::default()
        .upload_bytes(1 << 20)
        .width(1 << 12)
        .height(1 << 12)
        .pixels(1_000_000)
        .memory(24 << 20)
        .progressive_memory(24 << 20)
        .frames(u32::from(choice >> 3 & 7))
        .embedded(u32::from(choice >> 5 & 3))
        .time(Duration::from_secs(5));
    let views = &View::ALL[1 + usize::from(choice >> 6)..];
    let exact = choice & 4 != 0;
    let started = Instant::now();
    let asked = Asked { views, exact, limits: &limits, started, deadline: None };
    match choice & 3 {
        0 => answered(said, &asked),
        1 => {
            let answer = Examiner::new().examine(said, &sniff(said), &asked);
            let frame = heard::said(&answer).expect("it can be written");
            assert_eq!(heard::answer(&frame, &asked), Some(answer), "an honest worker is killed");
        }
        2 => survives(said, heard::question),
        _ => {
            survives(said, heard::orders);
            survives(said, heard::hello);
        }
    }
}

/// What is taken is taken once more when it is written out, and says the same.
fn survives(said: &[u8], again: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    if let Some(anew) = again(said) {
        assert_eq!(again(&anew), Some(anew.clone()), "{}", String::from_utf8_lossy(&anew));
    }
}

fn answered(said: &[u8], asked: &Asked<'_>) {
    let Some(answer) = heard::answer(said, asked) else { return };
    let anew = heard::said(&answer).expect("it can be written");
    assert_eq!(heard::answer(&anew, asked).as_ref(), Some(&answer));
    let examined = match answer {
        Ok(examined) => examined,
        Err(reason) => return assert_ne!(reason, Unscannable::WorkerDied, "the dead do not speak"),
    };
    let pictures = 1 + asked.limits.frames as usize + asked.limits.embedded as usize;
    assert!(examined.perceptual.len() <= 2 * asked.views.len() * pictures);
    for found in &examined.perceptual {
        assert!(asked.views.contains(&found.view) && found.quality <= 100);
        assert!(found.slack <= if asked.exact { 0 } else { MOST_SLACK });
    }
    let fingerprints = Fingerprints::default().perceptual(examined.perceptual);
    let set = Set::from_bytes(&common::full_set()).expect("a sound set");
    let store = Store::from_set(set, StoreOptions::new().counters(false)).expect("a sound set");
    let mut scanner = Scanner::new(store, Policy::builtin());
    let judged = scanner.check_fingerprints(&fingerprints, &Context::at(0));
    let verdict = judged.expect("the store is sound");
    let named = |m: &tamis::Match| fingerprints.perceptual.iter().any(|p| p.view == m.view);
    assert!(verdict.matches.iter().all(named), "a match of a view that nobody hashed");
}
