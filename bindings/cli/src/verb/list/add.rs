//! `tamis list add` and `tamis list withdraw`: what the next publication will say.

use serde_json::json;
use tamis::files::draft_path;
use tamis::store::feed;

use super::NOTHING;
use super::entries::collect;
use super::pending::{Gone, Pending};
use super::workshop::Workshop;
use crate::args::{AddToList, WithdrawFromList};
use crate::judging::now;
use crate::output::{plain, shown};
use crate::wording::count;
use crate::{Exit, Failure, Output, interrupt};

pub(super) fn add(arguments: &AddToList, output: &mut Output) -> Result<Exit, Failure> {
    let drafts = arguments.sources.rejects.as_deref().map(draft_path);
    interrupt::abandon(drafts.into_iter().collect(), NOTHING);
    let workshop = Workshop::open(&arguments.dir)?;
    let entries = collect(arguments, &workshop.settings.name, now(), output)?;
    let mut pending = Pending::read(&workshop.dir, &workshop.settings.name)?;
    for entry in entries {
        let id = pending.id(&entry);
        let algorithm = entry.fingerprint.algorithm();
        output.object(&json!({ "noted": "add", "entry": id, "algorithm": algorithm.name(), "item": entry.item, "labels": entry.labels }))?;
        output.line(format_args!("{id}  {algorithm:<7} {}", plain(&entry.item)))?;
        pending.add(entry);
    }
    interrupt::commit();
    pending.write()?;
    summarise(&workshop, &pending, output)
}

pub(super) fn withdraw(arguments: &WithdrawFromList, output: &mut Output) -> Result<Exit, Failure> {
    interrupt::abandon(Vec::new(), NOTHING);
    let workshop = Workshop::open(&arguments.dir)?;
    let mut pending = Pending::read(&workshop.dir, &workshop.settings.name)?;
    let listed = match workshop.published()? {
        Some(feed) => feed::entries(workshop.public(), &feed)?,
        None => Default::default(),
    };
    let what = &arguments.what;
    let gone = what.entry.iter().copied().map(Gone::Entry);
    let gone = gone.chain(what.item.iter().cloned().map(Gone::Item));
    for gone in gone.chain(what.source.iter().cloned().map(Gone::Source)) {
        let (kind, name) = match &gone {
            Gone::Entry(id) => ("entry", id.to_string()),
            Gone::Item(name) => ("item", name.clone()),
            Gone::Source(id) => ("source id", id.clone()),
        };
        let name = plain(&name);
        let found = listed.iter().filter(|(id, entry)| gone.is(**id, entry)).count();
        let noted = pending.count(&gone);
        if found + noted == 0 {
            return Err(Failure::of(
                &arguments.dir,
                format_args!(
                    "there is no {kind} {name:?} on the list, published or pending; {NOTHING}"
                ),
            ));
        }
        output.object(
            &json!({ "noted": "withdraw", kind: name, "published": found, "pending": noted }),
        )?;
        let found = count(found as u64, "published entry");
        output.line(format_args!("{kind} {name}: {found}, {noted} pending"))?;
        pending.withdraw(gone);
    }
    interrupt::commit();
    pending.write()?;
    summarise(&workshop, &pending, output)
}

fn summarise(workshop: &Workshop, pending: &Pending, output: &mut Output) -> Result<Exit, Failure> {
    output.line(format_args!(
        "{}: pending are {} and {}; `tamis list publish` publishes them",
        shown(&workshop.dir),
        count(pending.adds() as u64, "entry"),
        count(pending.withdrawals() as u64, "withdrawal"),
    ))?;
    Ok(Exit::SUCCESS)
}
