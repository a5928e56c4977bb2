//! `tamis list new`.

use serde_json::json;

use super::workshop::{PUBLIC, Settings, make_directory};
use crate::args::NewList;
use crate::output::{remark, shown};
use crate::{Exit, Failure, Output};

pub(super) fn run(arguments: &NewList, output: &mut Output) -> Result<Exit, Failure> {
    let settings = Settings {
        contact: arguments.contact.clone(),
        corrections: arguments.corrections.clone(),
        criteria: arguments.criteria.clone(),
        expires_after: arguments.expires_after,
        ..Settings::new(&arguments.name)
    };
    // The feed's own rules for its texts.
    settings.feed(1, 0).check()?;
    if arguments.name == "local" {
        return Err(Failure::new(
            "--name: every store has a list \"local\" of its own; take another name",
        ));
    }
    let dir = &arguments.dir;
    make_directory(dir)?;
    make_directory(&dir.join(PUBLIC))?;
    settings.write(dir)?;
    for (option, text) in [
        ("--contact", &settings.contact),
        ("--corrections", &settings.corrections),
        ("--criteria", &settings.criteria),
    ] {
        if text.is_empty() {
            remark(format_args!(
                "{option} is missing; subscribers will want it: put it into {}/list.json",
                shown(dir)
            ));
        }
    }
    output.object(&json!({ "list": settings.name, "dir": dir.to_string_lossy() }))?;
    output.line(format_args!("{}: the list {:?} begins here", shown(dir), settings.name))?;
    output.line("next: `tamis list add`, `tamis list keygen`, `tamis list publish --key`")?;
    Ok(Exit::SUCCESS)
}
