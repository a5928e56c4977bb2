//! `tamis store revoke`: entries that this store's own lists no longer hold.

use tamis::set::{Delta, Entry, EntryId, Withdrawal};
use tamis::store::Terms;

use super::{NOTHING, entries_on, held, in_force, own_list, tell, unknown_list};
use crate::args::Revoke;
use crate::output::plain;
use crate::{Exit, Failure, Output, interrupt};

pub(super) fn run(arguments: &Revoke, output: &mut Output) -> Result<Exit, Failure> {
    interrupt::abandon(Vec::new(), NOTHING);
    let Revoke { writing, list_all, list, reason, .. } = arguments;
    let manifest = own_list(writing, list)?;
    let Some(record) = manifest.lists.get(list) else {
        return Err(unknown_list(&manifest, list));
    };
    let delta = Delta::new(record.list(list), 1)?;
    let mut delta = if *list_all { delta.replacing() } else { delta };
    let withdrawals = withdrawals(arguments);
    for withdrawal in &withdrawals {
        delta.withdraw(withdrawal)?;
    }
    // Before the lock is taken: it may take seconds, and tells only how many there are.
    let mut found = vec![0u64; withdrawals.len()];
    let mut all = 0;
    let snapshot = held::snapshot(writing.store())?;
    held::each_entry(writing.store(), &snapshot, &mut |name, id, entry| {
        if name != list {
            return;
        }
        let mut any = *list_all;
        for (found, withdrawal) in found.iter_mut().zip(&withdrawals) {
            let this = names(withdrawal, id, entry);
            *found += u64::from(this);
            any |= this;
        }
        all += u64::from(any);
    })?;
    drop(snapshot);
    let idle = withdrawals.iter().zip(&found).find(|(_, found)| **found == 0);
    if let Some((withdrawal, _)) = idle {
        return Err(Failure::new(format!(
            "the list {:?} has no {}; {NOTHING}",
            plain(list),
            described(withdrawal)
        )));
    }

    let mut writer = super::open(writing)?;
    let terms = Terms::at(writing.now()).reason(reason).force(true);
    let applied = in_force(writer.apply_next(delta, &terms))?;
    let what = format!("withdrew {}", entries_on(all, list));
    tell(writing, list, &applied, &what, output)?;
    Ok(Exit::SUCCESS)
}

fn withdrawals(arguments: &Revoke) -> Vec<Withdrawal> {
    let what = &arguments.what;
    let entries = what.entry.iter().copied().map(Withdrawal::Entry);
    let items = what.item.iter().cloned().map(Withdrawal::Item);
    let sources = what.source.iter().cloned().map(Withdrawal::Source);
    entries.chain(items).chain(sources).collect()
}

/// Whether an entry is one of those that are withdrawn.
fn names(withdrawal: &Withdrawal, id: EntryId, entry: &Entry) -> bool {
    match withdrawal {
        Withdrawal::Entry(entry) => *entry == id,
        Withdrawal::Item(item) => *item == entry.item,
        Withdrawal::Source(source) => *source == entry.source_id,
        _ => false,
    }
}

fn described(withdrawal: &Withdrawal) -> String {
    match withdrawal {
        Withdrawal::Entry(id) => format!("entry {id}"),
        Withdrawal::Item(item) => format!("entry of the item {:?}", plain(item)),
        Withdrawal::Source(source) => format!("entry with the source id {:?}", plain(source)),
        _ => "such entry".into(),
    }
}
