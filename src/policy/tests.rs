//! Tests of the policy: the judgement against a literal transcription of the design, the properties
//! that hold for any policy, and the file.

#![allow(clippy::unwrap_used, reason = "tests")]

mod explained;
mod file;
mod judgement;
pub(crate) mod properties;

use crate::fingerprint::Algorithm;
use crate::policy::{Action, Mode, Policy};
use crate::search::Match;
use crate::set::{EntryId, Role};

fn entry(algorithm: Algorithm, distance: u32) -> Match {
    Match::new("gifct", EntryId([0xa5; 16]), algorithm, distance)
}

fn exception(algorithm: Algorithm) -> Match {
    Match { role: Role::Exception, ..entry(algorithm, 0) }
}

fn action(policy: &Policy, matches: &[Match]) -> Action {
    assert_eq!(policy.mode(), Mode::Enforce);
    policy.judge(matches, crate::media::MediaClass::Image, None).action
}
