//! The proof: uploads go through the whole path, with the operator's own store and policy.

use std::path::Path;

use tamis::policy::Mode;
use tamis::store::{StoreOptions, test_files};
use tamis::{Action, Context, Policy, Scanner, Verdict};

use super::Check;
use crate::{Failure, drawing, encode};

const SIZE: (u32, u32) = (640, 480);

pub(super) fn proof(store: &Path, policy: &Policy, now: u64) -> Vec<Check> {
    let scanner = StoreOptions::new().test_list(true).counters(false).open(store);
    let mut scanner = match scanner {
        Ok(store) => Scanner::new(store, policy.clone()),
        Err(error) => return vec![Check::fail("proof", error.to_string())],
    };
    let context = Context::at(now);
    let observes = policy.mode() == Mode::Observe;
    let mut judge =
        |bytes: &[u8]| -> Result<Verdict, Failure> { Ok(scanner.check(bytes, &context)?) };
    let checks = [
        ("proof", listed(&mut judge, observes)),
        ("altered", altered(&mut judge, policy)),
        ("unlisted", unlisted(&mut judge)),
    ];
    checks
        .into_iter()
        .map(|(name, check)| check.unwrap_or_else(|failure| Check::fail(name, failure.to_string())))
        .collect()
}

/// What is done with an upload, or would be if the policy did not only observe.
fn enforced(verdict: &Verdict) -> Action {
    verdict.would_have.unwrap_or(verdict.action)
}

/// The files of the test list must be blocked.
fn listed(
    judge: &mut impl FnMut(&[u8]) -> Result<Verdict, Failure>,
    observes: bool,
) -> Result<Check, Failure> {
    let files = test_files();
    for file in files {
        let verdict = judge(file.bytes)?;
        if enforced(&verdict) != Action::Block {
            return Ok(Check::fail(
                "proof",
                format!(
                    "{} is answered with {}, expected block: look for a rule in the policy that weakens exact matches (`tamis policy explain`)",
                    file.name,
                    enforced(&verdict)
                ),
            ));
        }
    }
    let would = if observes { "would be" } else { "are" };
    Ok(Check::ok("proof", format!("the {} files of the test list {would} blocked", files.len())))
}

/// A picture of the test list, saved anew, is another file; only its pixels tell. It must be held back.
fn altered(
    judge: &mut impl FnMut(&[u8]) -> Result<Verdict, Failure>,
    policy: &Policy,
) -> Result<Check, Failure> {
    let [width, height] = drawing::TEST_SIZE;
    let copy = encode::jpeg(&drawing::draw_test(1), width, height, 75).map_err(encoder)?;
    let verdict = judge(&copy)?;
    Ok(match enforced(&verdict) {
        Action::Allow if policy.views().is_empty() => Check::warn(
            "altered",
            "the policy looks up no view of pictures (`views`), so a picture that was saved anew passes",
        ),
        Action::Allow => Check::fail(
            "altered",
            "a test picture that was saved anew passes, expected block or review: look for a rule in the policy that weakens PDQ matches (`tamis policy explain`)",
        ),
        action => Check::ok(
            "altered",
            format!("a test picture that was saved anew is recognised by its pixels: {action}"),
        ),
    })
}

/// A picture that nobody listed must pass.
fn unlisted(judge: &mut impl FnMut(&[u8]) -> Result<Verdict, Failure>) -> Result<Check, Failure> {
    // Far from the seeds that anybody would try with the demo.
    let rgb = drawing::draw(0xD0C7_0000_0000_0001, SIZE.0, SIZE.1);
    let picture = encode::jpeg(&rgb, SIZE.0, SIZE.1, 85).map_err(encoder)?;
    let verdict = judge(&picture)?;
    Ok(match enforced(&verdict) {
        Action::Allow => Check::ok("unlisted", "a picture that nobody listed passes"),
        action => Check::fail(
            "unlisted",
            format!(
                "a picture that nobody listed is answered with {action} ({}): ordinary uploads would be stopped; look at the radius and the lists",
                verdict.reason()
            ),
        ),
    })
}

fn encoder(error: image::ImageError) -> Failure {
    Failure::new(format!("a drawn picture cannot be encoded: {error}"))
}
