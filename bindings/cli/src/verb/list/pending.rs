//! What was noted since the last publication: `pending.jsonl`, one thing a line, an entry as lists write it or `{"withdraw":{...}}`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tamis::files::publish_bytes;
use tamis::set::{Delta, Entry, EntryId, Withdrawal, incident_of};

use super::entries::{of_row, row_of};
use crate::{Failure, wording};

const PENDING: &str = "pending.jsonl";

/// A line that withdraws. Exactly one of the three.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Gone {
    Entry(EntryId),
    Item(String),
    Source(String),
}

#[derive(Serialize, Deserialize)]
struct Line {
    withdraw: Gone,
}

/// Additions and withdrawals in the order in which they were noted.
pub(super) struct Pending {
    path: PathBuf,
    list: String,
    adds: BTreeMap<EntryId, Entry>,
    gone: Vec<Gone>,
}

impl Gone {
    pub(super) fn is(&self, id: EntryId, entry: &Entry) -> bool {
        match self {
            Gone::Entry(gone) => *gone == id,
            Gone::Item(item) => !item.is_empty() && *item == entry.item,
            Gone::Source(source) => !source.is_empty() && *source == entry.source_id,
        }
    }

    fn withdrawal(&self) -> Withdrawal {
        match self.clone() {
            Gone::Entry(id) => Withdrawal::Entry(id),
            Gone::Item(item) => Withdrawal::Item(item),
            Gone::Source(source) => Withdrawal::Source(source),
        }
    }
}

impl Pending {
    pub(super) fn read(dir: &Path, list: &str) -> Result<Pending, Failure> {
        let path = dir.join(PENDING);
        let mut pending = Pending {
            path: path.clone(),
            list: list.into(),
            adds: BTreeMap::new(),
            gone: Vec::new(),
        };
        let text = match fs::read_to_string(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(pending),
            text => text.map_err(|e| Failure::of(&path, wording::cannot_read(&e)))?,
        };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str::<Line>(line) {
                Ok(line) => pending.withdraw(line.withdraw),
                Err(_) => pending.add(of_row(&path, line)?),
            }
        }
        Ok(pending)
    }

    /// Adds an entry, in the place of one of the same id.
    pub(super) fn add(&mut self, entry: Entry) {
        self.adds.insert(self.id(&entry), entry);
    }

    pub(super) fn id(&self, entry: &Entry) -> EntryId {
        EntryId::new(&self.list, &entry.source_id, entry.role, &entry.fingerprint)
    }

    /// Withdraws what was published, and what was noted before.
    pub(super) fn withdraw(&mut self, gone: Gone) {
        self.adds.retain(|id, entry| !gone.is(*id, entry));
        if !self.gone.contains(&gone) {
            self.gone.push(gone);
        }
    }

    /// How many of the noted entries it would withdraw.
    pub(super) fn count(&self, gone: &Gone) -> usize {
        self.adds.iter().filter(|(id, entry)| gone.is(**id, entry)).count()
    }

    pub(super) fn adds(&self) -> usize {
        self.adds.len()
    }

    pub(super) fn withdrawals(&self) -> usize {
        self.gone.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.adds.is_empty() && self.gone.is_empty()
    }

    /// The emergency that all noted entries belong to, if they belong to one.
    pub(super) fn incident(&self) -> Option<String> {
        let of = |entry: &Entry| {
            let mut labels = entry.labels.iter();
            labels.find_map(|label| incident_of(label)).map(str::to_owned)
        };
        let mut incidents = self.adds.values().map(of);
        let first = incidents.next()??;
        incidents.all(|other| other.as_ref() == Some(&first)).then_some(first)
    }

    /// Says all of it in a change, which withdraws before it adds.
    pub(super) fn say(&self, delta: &mut Delta) -> Result<(), Failure> {
        for gone in &self.gone {
            delta.withdraw(&gone.withdrawal())?;
        }
        for (id, entry) in &self.adds {
            let added = delta.add(entry.clone());
            added.map_err(|refusal| {
                Failure::of(&self.path, format_args!("entry {id}: {refusal}"))
            })?;
        }
        Ok(())
    }

    /// Replaces the file: all that was noted, withdrawals first.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let mut text = String::new();
        for gone in &self.gone {
            let line = serde_json::to_string(&Line { withdraw: gone.clone() });
            text.push_str(&line.map_err(|e| Failure::of(&self.path, e))?);
            text.push('\n');
        }
        for entry in self.adds.values() {
            text.push_str(&row_of(entry).to_string());
            text.push('\n');
        }
        Ok(publish_bytes(&self.path, text.as_bytes())?)
    }

    /// Nothing is pending any more.
    pub(super) fn clear(mut self) -> Result<(), Failure> {
        self.adds.clear();
        self.gone.clear();
        self.write()
    }
}
