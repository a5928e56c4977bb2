//! `tamis policy`: what a policy does, whether it is valid, and whether it acts.

use std::path::Path;

use serde_json::json;
use tamis::Policy;
use tamis::policy::{Mode, set_mode_in};

use crate::args::PolicyVerb;
use crate::output::shown;
use crate::replace::replace;
use crate::wording::{self, count};
use crate::{Exit, Failure, Output};

pub(crate) fn run(policy: &PolicyVerb, output: &mut Output) -> Result<Exit, Failure> {
    match policy {
        PolicyVerb::Explain { file } => explain(file.as_deref(), output),
        PolicyVerb::Check { file } => check(file, output),
        PolicyVerb::Example => {
            output.raw(Policy::EXAMPLE.as_bytes())?;
            Ok(Exit::SUCCESS)
        }
        PolicyVerb::Mode { file, mode: None } => {
            let mode = Policy::load(file)?.mode();
            output.object(&json!({ "file": file.to_string_lossy(), "mode": mode }))?;
            output.line(mode)?;
            Ok(Exit::SUCCESS)
        }
        PolicyVerb::Mode { file, mode: Some(mode) } => switch(file, *mode, output),
    }
}

fn explain(file: Option<&Path>, output: &mut Output) -> Result<Exit, Failure> {
    let policy = file.map_or_else(|| Ok(Policy::builtin()), Policy::load)?;
    let text = policy.explain();
    output.object(&json!({
        "file": file.map(Path::to_string_lossy),
        "mode": policy.mode(),
        "digest": policy.digest(),
        "explanation": text,
    }))?;
    output.line(text.trim_end())?;
    Ok(Exit::SUCCESS)
}

fn check(file: &Path, output: &mut Output) -> Result<Exit, Failure> {
    let policy = match Policy::load(file) {
        Ok(policy) => policy,
        Err(error) => {
            let error = error.to_string();
            let name = file.to_string_lossy();
            output.object(&json!({ "file": name, "valid": false, "error": error }))?;
            return Err(Failure(error));
        }
    };
    let rules = policy.rules().filter(|rule| !rule.is_built_in()).count() as u64;
    output.object(&json!({
        "file": file.to_string_lossy(),
        "valid": true,
        "mode": policy.mode(),
        "rules": rules,
        "digest": policy.digest(),
    }))?;
    output.line(format_args!(
        "{}: valid; it {}s, with {} of its own before the built-in ones",
        shown(file),
        policy.mode(),
        count(rules, "rule"),
    ))?;
    Ok(Exit::SUCCESS)
}

fn switch(file: &Path, mode: Mode, output: &mut Output) -> Result<Exit, Failure> {
    let before = Policy::load(file)?.mode();
    if before != mode {
        let read = |e| Failure::of(file, wording::cannot_read(&e));
        let text = std::fs::read_to_string(file).map_err(read)?;
        let text = set_mode_in(&text, mode).map_err(|e| Failure::from(e.with_path(file)))?;
        replace(file, text.as_bytes())?;
    }
    output.object(&json!({ "file": file.to_string_lossy(), "mode": mode, "before": before }))?;
    let what = match (before == mode, mode) {
        (true, Mode::Observe) => "it observes already; nothing to do",
        (true, Mode::Enforce) => "it enforces already; nothing to do",
        (false, Mode::Observe) => {
            "it observes from now on: nothing is held back, verdicts say what would have been done"
        }
        (false, Mode::Enforce) => "it enforces from now on: what it blocks is refused",
    };
    output.line(format_args!("{}: {what}", shown(file)))?;
    if before != mode {
        output.line("Processes that have the policy open act by it when they load it again.")?;
    }
    Ok(Exit::SUCCESS)
}
