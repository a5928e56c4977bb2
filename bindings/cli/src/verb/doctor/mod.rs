//! tamis doctor: does this machine, with this store and this policy, really stop an upload?
//!
//! Each check is `ok`, `warn` or `fail`, with one sentence that says what was found and, unless it is ok, what to do. Checks that need an open
//! store are left out when it does not open: that failure is the one to mend first. The last checks are the proof: files of the built-in
//! test list go through the whole path and must be stopped, a picture that nobody listed must not.

mod machine;
mod place;
mod proof;
mod store;

use std::path::Path;

use serde::Serialize;
use tamis::Policy;
use tamis::policy::Mode;
use tamis::store::Manifest;

use crate::judging::now;
use crate::verb::store::breaker::Counted;
use crate::{Exit, Failure, Output};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warn,
    Fail,
}

/// What one check found.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Check {
    check: &'static str,
    status: Status,
    message: String,
}

impl Check {
    fn ok(check: &'static str, message: impl Into<String>) -> Check {
        Check { check, status: Status::Ok, message: message.into() }
    }

    fn warn(check: &'static str, message: impl Into<String>) -> Check {
        Check { check, status: Status::Warn, message: message.into() }
    }

    fn fail(check: &'static str, message: impl Into<String>) -> Check {
        Check { check, status: Status::Fail, message: message.into() }
    }
}

/// Prints checks as they are made, and counts them.
struct Report<'a> {
    output: &'a mut Output,
    warned: u32,
    failed: u32,
}

impl Report<'_> {
    fn tell(&mut self, check: &Check) -> Result<(), Failure> {
        self.warned += u32::from(check.status == Status::Warn);
        self.failed += u32::from(check.status == Status::Fail);
        self.output.object(check)?;
        let mark = match check.status {
            Status::Ok => "ok  ",
            Status::Warn => "WARN",
            Status::Fail => "FAIL",
        };
        let name = check.check;
        for (i, line) in wrapped(&crate::output::plain(&check.message), 80).iter().enumerate() {
            match i {
                0 => self.output.line(format_args!("{mark}  {name:<12}  {line}"))?,
                _ => self.output.line(format_args!("{:20}{line}", ""))?,
            }
        }
        self.output.flush()
    }
}

pub(crate) fn run(judging: &crate::args::Judging, output: &mut Output) -> Result<Exit, Failure> {
    if judging.store_is_piped() {
        return Err(Failure::new("the doctor examines files: give the path of a store, not stdin"));
    }
    let mut report = Report { output, warned: 0, failed: 0 };
    report.tell(&machine::version())?;
    report.tell(&machine::instructions())?;

    let policy = read_policy(judging.policy_file().as_deref());
    // Before the store is opened, which makes a new file where the old one is damaged; and of nothing but a store.
    let counted = Manifest::read(&judging.store).is_ok().then(|| Counted::of(&judging.store));
    let opened = judging.store();
    // Of what is not there, one complaint is enough.
    if judging.store.exists() {
        report.tell(&place::permissions(&judging.store))?;
        report.tell(&place::file_system(&judging.store))?;
    }
    let time = judging.now.unwrap_or_else(now);
    let mut sound = None;
    match &opened {
        Err(failure) => report.tell(&Check::fail("store", failure.to_string()))?,
        Ok(store) => {
            let snapshot = store.snapshot();
            report.tell(&store::opens(&snapshot))?;
            let integrity = store::integrity(&snapshot);
            report.tell(&integrity)?;
            if integrity.status == Status::Ok {
                report.tell(&store::age(&snapshot, time))?;
                report.tell(&store::lists(&snapshot, time))?;
                sound = Some(snapshot);
            }
            if let Some(counted) = &counted {
                report.tell(&store::counters(counted))?;
            }
        }
    }
    for check in &policy.1 {
        report.tell(check)?;
    }
    let size = sound.iter().flat_map(|snapshot| snapshot.sets()).map(|set| set.size()).sum();
    report.tell(&machine::memory(size))?;
    report.tell(&machine::address_space(size))?;
    report.tell(&machine::worker())?;
    if let (Some(_), Some(policy)) = (&sound, &policy.0) {
        for check in proof::proof(&judging.store, policy, time) {
            report.tell(&check)?;
        }
    } else {
        let why = "not tried, since the store or the policy cannot be used: mend that first";
        report.tell(&Check::fail("proof", why))?;
    }

    let (warned, failed) = (report.warned, report.failed);
    output.line(match (failed, warned) {
        (0, 0) => "\nAll is well: uploads of listed files are stopped here.".to_owned(),
        (0, n) => format!(
            "\nIt works; {n} {} a look.",
            if n == 1 { "thing deserves" } else { "things deserve" }
        ),
        (n, _) => format!(
            "\n{n} {}: do not rely on this yet.",
            if n == 1 { "check failed" } else { "checks failed" }
        ),
    })?;
    Ok(if failed > 0 { Exit::ERROR } else { Exit::SUCCESS })
}

/// The policy, and what is to be said of it.
fn read_policy(path: Option<&Path>) -> (Option<Policy>, Vec<Check>) {
    let Some(path) = path else {
        let message = "the built-in policy, which enforces; `tamis policy example > policy.toml` begins one of your own";
        return (Some(Policy::builtin()), vec![Check::ok("policy", message)]);
    };
    let policy = match Policy::load(path) {
        Ok(policy) => policy,
        Err(error) => return (None, vec![Check::fail("policy", error.to_string())]),
    };
    let shown = path.display();
    let check = match policy.mode() {
        Mode::Enforce => Check::ok("policy", format!("{shown} is valid and enforces")),
        Mode::Observe => Check::warn(
            "policy",
            format!(
                "{shown} only observes, so nothing is stopped; run `tamis policy mode {shown} enforce` when you are ready"
            ),
        ),
    };
    (Some(policy), [Some(check), place::policy_file(path)].into_iter().flatten().collect())
}

/// Lines of at most `width` characters, broken at spaces where there are any.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in text.split(' ') {
        let more = word.chars().count();
        if length > 0 && length + 1 + more > width {
            lines.push(String::new());
            length = 0;
        }
        if let Some(line) = lines.last_mut() {
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
        }
        length += more;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_messages_are_broken_at_spaces() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("endlessword a b", 4), ["endlessword", "a b"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
