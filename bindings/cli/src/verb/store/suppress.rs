//! `tamis store suppress`: the operator switches entries off, whoever listed them.

use std::collections::BTreeSet;

use serde_json::json;
use tamis::set::{EntryId, ListKind, Withdrawal};
use tamis::store::{LOCAL, Terms};

use super::{NOTHING, held, in_force, unknown_list};
use crate::args::Suppress;
use crate::output::{plain, remark, shown};
use crate::wording::count;
use crate::{Exit, Failure, Output, interrupt};

pub(super) fn run(arguments: &Suppress, output: &mut Output) -> Result<Exit, Failure> {
    interrupt::abandon(Vec::new(), NOTHING);
    if arguments.reason.trim().is_empty() {
        return Err(Failure::new("--reason: say why; it is what the log will tell"));
    }
    match &arguments.list {
        Some(list) => whole_list(arguments, list, output),
        None => entries(arguments, output),
    }
}

fn whole_list(arguments: &Suppress, name: &str, output: &mut Output) -> Result<Exit, Failure> {
    let Suppress { writing, lift, reason, .. } = arguments;
    let off = !lift;
    let mut writer = super::open(writing)?;
    if !writer.manifest().lists.contains_key(name) {
        return Err(unknown_list(writer.manifest(), name));
    }
    let before = writer.manifest().version;
    let what = if off { "switched off as a whole" } else { "switched on again" };
    let set = writer.set_list(name, ListKind::Local, (what, reason), writing.now(), |list| {
        list.suppressed = off;
        Ok(())
    });
    in_force(set)?;
    let version = writer.manifest().version;
    let changed = version != before;
    output.object(&json!({
        "store": writing.store().to_string_lossy(),
        "version": version,
        "changed": changed,
        "list": name,
        "suppressed": off,
    }))?;
    let what = match (changed, off) {
        (true, _) => what,
        (false, true) => "is switched off already",
        (false, false) => "is not switched off",
    };
    output.line(format_args!(
        "{}: version {version}: the list {:?} {}{what}",
        shown(writing.store()),
        plain(name),
        if changed { "is " } else { "" },
    ))?;
    Ok(Exit::SUCCESS)
}

fn entries(arguments: &Suppress, output: &mut Output) -> Result<Exit, Failure> {
    let Suppress { writing, lift, reason, .. } = arguments;
    let wanted: BTreeSet<EntryId> = arguments.entries.iter().copied().collect();
    let snapshot = held::snapshot(writing.store())?;
    if !lift {
        let mut missing = wanted.clone();
        held::each_entry(writing.store(), &snapshot, &mut |_, id, _| {
            missing.remove(&id);
        })?;
        for id in missing {
            remark(format_args!(
                "entry {id} is not in the store; it is suppressed all the same, should a list ever bring it"
            ));
        }
    }
    drop(snapshot);

    let mut writer = super::open(writing)?;
    // Under the lock nobody else suppresses or lifts.
    let off = held::snapshot(writing.store())?.layers().suppressions()?;
    let mut delta = writer.delta(LOCAL)?;
    let mut changed = 0u64;
    for id in wanted {
        match (off.contains(&id), lift) {
            (true, true) => delta.withdraw(&Withdrawal::Suppression(id))?,
            (false, false) => delta.suppress(id)?,
            (true, false) => {
                remark(format_args!("entry {id} is suppressed already"));
                continue;
            }
            (false, true) => {
                remark(format_args!("entry {id} is not suppressed"));
                continue;
            }
        }
        changed += 1;
    }
    if changed > 0 {
        in_force(writer.apply_next(delta, &Terms::at(writing.now()).reason(reason)))?;
    }
    let version = writer.manifest().version;
    output.object(&json!({
        "store": writing.store().to_string_lossy(),
        "version": version,
        "changed": changed > 0,
        "list": LOCAL,
        "suppressed": !lift,
        "entries": changed,
    }))?;
    let what = if *lift { "switched on again" } else { "switched off" };
    output.line(format_args!(
        "{}: version {version}: {} {what}",
        shown(writing.store()),
        count(changed, "entry"),
    ))?;
    Ok(Exit::SUCCESS)
}
