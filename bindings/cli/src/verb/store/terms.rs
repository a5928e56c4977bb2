//! `tamis store terms`: what the operator lays down for a list.

use serde_json::json;
use tamis::store::ListRecord;

use super::{in_force, unknown_list};
use crate::args::ListTerms;
use crate::output::{plain, shown};
use crate::{Exit, Failure, Output, interrupt};

pub(super) fn run(arguments: &ListTerms, output: &mut Output) -> Result<Exit, Failure> {
    interrupt::abandon(Vec::new(), super::NOTHING);
    let ListTerms { writing, list: name, kind, grounds, reason } = arguments;
    if kind.is_none() && !grounds.are_given() {
        return Err(Failure::new("nothing to lay down: give --kind, --agreement or --legal-basis"));
    }
    let mut writer = super::open(writing)?;
    let Some(list) = writer.manifest().lists.get(name) else {
        return Err(unknown_list(writer.manifest(), name));
    };
    let before = (writer.manifest().version, list.kind);
    let what = ("its terms were laid down", reason.as_str());
    in_force(writer.set_list(name, before.1, what, writing.now(), |list| {
        list.kind = kind.unwrap_or(list.kind);
        grounds.lay_down(&mut list.agreement, &mut list.legal_basis);
        Ok(())
    }))?;
    let manifest = writer.manifest();
    let Some(list) = manifest.lists.get(name) else { return Ok(Exit::SUCCESS) };
    output.object(&json!({
        "store": writing.store().to_string_lossy(),
        "version": manifest.version,
        "changed": manifest.version != before.0,
        "list": name,
        "kind": list.kind,
        "agreement": list.agreement,
        "legal_basis": list.legal_basis,
    }))?;
    let version = manifest.version;
    output.line(format_args!(
        "{}: version {version}: the list {:?} is of kind {}",
        shown(writing.store()),
        plain(name),
        list.kind
    ))?;
    grounds_of(list, output)?;
    Ok(Exit::SUCCESS)
}

/// By what right a list is held and acted on, as far as that was laid down.
pub(super) fn grounds_of(list: &ListRecord, output: &mut Output) -> Result<(), Failure> {
    for (what, text) in [("agreement", &list.agreement), ("legal basis", &list.legal_basis)] {
        if !text.is_empty() {
            output.line(format_args!("  {what}: {}", plain(text)))?;
        }
    }
    Ok(())
}
