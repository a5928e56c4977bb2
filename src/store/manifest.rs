//! The manifest of a store: which sets it consists of, in which order, and what the operator has laid down for each list.
//!
//! ```text
//! JSON object
//! blake3 HEX                 of all that stands before this line
//! ```
//!
//! It is small, and replaced as a whole by renaming, so whoever reads it sees one state of the store. Nothing in it is a path: a set's name is a plain file
//! name in the store's directory. Fields that are not known are ignored; a greater number in `format` is refused.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result, complaint, shown};
use crate::files::{self, Stamp};
use crate::fingerprint::hex;
use crate::set::{Change, List, ListKind, Set};

use super::feed::Seen;
use super::log::Event;

/// The manifest's name within a store directory.
pub const MANIFEST: &str = "manifest";

/// What the `format` field says.
const FORMAT: &str = "tamis store 1";

/// Most bytes of a manifest.
const LIMIT: u64 = 1 << 20;

/// What a store consists of, and what its operator has laid down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    format: String,
    /// Grows by one with each change.
    pub version: u64,
    /// When the store was made, in seconds since 1970.
    pub created: u64,
    /// When it was last changed, or found to be up to date, in seconds since 1970.
    pub updated: u64,
    /// The sets, each laid over those before it.
    pub sets: Vec<SetRecord>,
    /// What holds for each list, by name.
    pub lists: BTreeMap<String, ListRecord>,
    /// Incidents, by their own ids; those that have ended stay until the next compaction.
    #[serde(default)]
    pub incidents: BTreeMap<String, Incident>,
    /// What the last change was, for the log, should that have been cut short.
    #[serde(default)]
    pub last_change: Option<Event>,
    /// Changes before the last that the log could not be told when they were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlogged: Vec<Event>,
}

/// A set of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SetRecord {
    /// Its name within the store's directory.
    pub file: String,
    /// Its digest: 64 hexadecimal digits.
    pub digest: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Entries in it, withdrawn or not.
    pub entries: u64,
    /// Which changes of which lists it holds.
    pub changes: Vec<ChangeRecord>,
}

/// A run of changes of one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChangeRecord {
    /// Name of the list.
    pub list: String,
    /// Number of the first; 0 if the run replaces the list.
    pub first: u64,
    /// Number of the last.
    pub last: u64,
    /// Entries of the list in the set, withdrawn or not.
    pub entries: u64,
}

/// What the operator has laid down for a list, and what is remembered of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListRecord {
    /// How far it is trusted. Holds for all of its entries, whatever the sets say that they came in.
    pub kind: ListKind,
    /// Licence or agreement; empty if none is recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agreement: String,
    /// Legal basis; empty if none is recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub legal_basis: String,
    /// Switched off as a whole by the operator: none of its entries acts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suppressed: bool,
    /// The keys that may sign its updates, as minisign writes public keys. Without any, the operator alone changes the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// How many of the keys must have signed an update.
    #[serde(default, skip_serializing_if = "crate::names::is_zero")]
    pub need: u32,
    /// Whether updates need no signature: whoever can write to where they are dropped is trusted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsigned: bool,
    /// The newest version of its feed that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<Seen>,
    /// When it was last changed or found to be up to date, in seconds since 1970.
    #[serde(default)]
    pub refreshed: u64,
    /// Numbers and digests of the changes that were taken lately, so that the same may come again and another is told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<(u64, String)>,
}

/// Emergency entries that end by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Incident {
    /// When its entries end, in seconds since 1970: the latest date that was given.
    pub expires: u64,
    /// When the first of them came, in seconds since 1970.
    pub opened: u64,
    /// Entries that came with it.
    pub entries: u64,
}

impl ListRecord {
    /// What nobody has said anything of but its kind.
    pub fn new(kind: ListKind) -> ListRecord {
        ListRecord {
            kind,
            agreement: String::new(),
            legal_basis: String::new(),
            suppressed: false,
            keys: Vec::new(),
            need: 0,
            unsigned: false,
            feed: None,
            refreshed: 0,
            recent: Vec::new(),
        }
    }

    /// The list as sets name it.
    pub fn list(&self, name: &str) -> List {
        List {
            name: name.to_owned(),
            kind: self.kind,
            agreement: self.agreement.clone(),
            legal_basis: self.legal_basis.clone(),
        }
    }

    /// Whether its changes are numbered by its maker, and not by this store.
    pub fn has_maker(&self) -> bool {
        !self.keys.is_empty() || self.unsigned
    }
}

impl SetRecord {
    /// What there is to say of a set of that name.
    pub(super) fn of(file: String, set: &Set) -> Result<SetRecord> {
        let mut entries: BTreeMap<u32, u64> = BTreeMap::new();
        set.each_summary(|entry| {
            *entries.entry(entry.traits.list).or_default() += 1;
            Ok(())
        })?;
        let run = |change: Change| -> Result<ChangeRecord> {
            let position = set.list_named(&change.list)?;
            let entries = position.and_then(|list| entries.get(&list)).copied().unwrap_or(0);
            let Change { list, first, last, .. } = change;
            Ok(ChangeRecord { list, first, last, entries })
        };
        Ok(SetRecord {
            file,
            digest: set.digest().to_string(),
            bytes: set.size(),
            entries: set.entry_count(),
            changes: set.changes()?.into_iter().map(run).collect::<Result<_>>()?,
        })
    }

    /// The run of changes of a list, if it holds any.
    pub fn change(&self, list: &str) -> Option<&ChangeRecord> {
        self.changes.iter().find(|change| change.list == list)
    }
}

/// A manifest as it was read, with what tells whether it is still the one in its place.
pub(super) struct Opened {
    pub(super) manifest: Manifest,
    pub(super) stamp: Stamp,
    /// Kept open, so that no other file can look like it.
    pub(super) file: File,
}

impl Manifest {
    pub(super) fn new(now: u64) -> Manifest {
        Manifest {
            format: FORMAT.to_owned(),
            version: 0,
            created: now,
            updated: now,
            sets: Vec::new(),
            lists: BTreeMap::new(),
            incidents: BTreeMap::new(),
            last_change: None,
            unlogged: Vec::new(),
        }
    }

    /// Reads the manifest of a store without its sets. For those who only want to know; a [`Store`](super::Store) reads it for itself.
    ///
    /// # Errors
    /// [`ErrorCode::Store`] if there is none or it is damaged; [`ErrorCode::Permissions`]; [`ErrorCode::Io`].
    pub fn read(directory: &Path) -> Result<Manifest> {
        Manifest::open(directory).map(|opened| opened.manifest)
    }

    pub(super) fn open(directory: &Path) -> Result<Opened> {
        let path = directory.join(MANIFEST);
        let (file, _) = files::open_within(directory, MANIFEST).map_err(|e| match e.code() {
            ErrorCode::NotFound if directory.is_dir() => Error::new(
                ErrorCode::Store,
                "this directory is no store: it holds no manifest; make one with `tamis store init DIRECTORY`",
            )
            .with_path(directory),
            _ => e,
        })?;
        let stamp = Stamp::of_open(&file, &path)?;
        let mut bytes = Vec::new();
        let read =
            std::io::Read::read_to_end(&mut std::io::Read::take(&file, LIMIT + 1), &mut bytes);
        read.map_err(|e| Error::io("read", &path, e))?;
        let manifest = Manifest::parse(&bytes).map_err(|e| e.with_path(&path))?;
        Ok(Opened { manifest, stamp, file })
    }

    /// Reads a manifest's bytes.
    ///
    /// # Errors
    /// [`ErrorCode::Store`], with what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Manifest> {
        if bytes.len() as u64 > LIMIT {
            return Err(damaged(format!("longer than {LIMIT} bytes")));
        }
        let ends = bytes.strip_suffix(b"\n").and_then(|rest| {
            let at = rest.iter().rposition(|b| *b == b'\n')? + 1;
            rest.split_at_checked(at)
        });
        let Some((body, last)) = ends else { return Err(damaged("it is cut short".into())) };
        let sum = format!("blake3 {}", hex(blake3::hash(body).as_bytes()));
        if last != sum.as_bytes() {
            return Err(damaged("it does not have the checksum in its last line".into()));
        }
        let manifest: Manifest =
            serde_json::from_slice(body).map_err(|e| damaged(complaint(&e)))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest's bytes, which [`Manifest::parse`] reads.
    ///
    /// # Errors
    /// [`ErrorCode::Store`] if they would be too many.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check()?;
        let json = serde_json::to_string(self);
        let mut text = json.map_err(|e| Error::new(ErrorCode::Internal, e.to_string()))?;
        text.push('\n');
        let sum = hex(blake3::hash(text.as_bytes()).as_bytes());
        text.push_str(&format!("blake3 {sum}\n"));
        if text.len() as u64 > LIMIT {
            return Err(Error::new(
                ErrorCode::Store,
                format!(
                    "the manifest would be longer than {LIMIT} bytes; a store has room for some hundreds of lists; use several stores"
                ),
            ));
        }
        Ok(text.into_bytes())
    }

    fn check(&self) -> Result<()> {
        if self.format != FORMAT {
            return Err(damaged(format!(
                "its format is {:?}; expected {FORMAT:?}; a newer Tamis may know it",
                shown(&self.format)
            )));
        }
        if self.version > Change::GREATEST {
            let most = Change::GREATEST;
            return Err(damaged(format!(
                "its version is {}; expected at most {most}",
                self.version
            )));
        }
        let mut names = HashSet::new();
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for set in &self.sets {
            if !is_plain(&set.file) || !names.insert(&set.file) {
                return Err(damaged(format!("{:?} cannot name a set of it", shown(&set.file))));
            }
            for ChangeRecord { list, first, last: end, .. } in &set.changes {
                let before = last.get(list.as_str()).copied();
                // A run that replaces the list makes all before it void.
                let follows = *first == 0 || before.is_none_or(|before| before < *first);
                // The whole list up to a number may lie over what was taken under that number by itself.
                let ascends =
                    before.is_none_or(|before| before < *end || *first == 0 && before == *end);
                // Of a list a set holds one run: there is no telling which of several is meant.
                let other =
                    set.change(list).is_none_or(|run| (run.first, run.last) != (*first, *end));
                if other
                    || first > end
                    || *end == 0
                    || *end > Change::GREATEST
                    || !follows
                    || !ascends
                {
                    return Err(damaged(format!(
                        "changes {first} to {end} of list {:?} are out of order",
                        shown(list)
                    )));
                }
                if !self.lists.contains_key(list) {
                    return Err(damaged(format!("it does not know the list {:?}", shown(list))));
                }
                last.insert(list, *end);
            }
        }
        Ok(())
    }

    /// The number of the last change of a list; 0 if there is none.
    pub fn last_number(&self, list: &str) -> u64 {
        let numbers = self.sets.iter().filter_map(|set| set.change(list)).map(|c| c.last);
        numbers.max().unwrap_or(0)
    }

    /// Whether all changes of a list are there whose numbers lie in a run: from 0 on for one that replaces the list.
    pub fn holds(&self, list: &str, first: u64, last: u64) -> bool {
        let apart = |(from, to): &(u64, u64)| *to < first || last < *from;
        last <= self.last_number(list) && self.missing(list).iter().all(apart)
    }

    /// The numbers of changes of a list that are missing before the last: ranges, first and last.
    pub fn missing(&self, list: &str) -> Vec<(u64, u64)> {
        let mut expected = 1;
        let mut missing = Vec::new();
        for change in self.sets.iter().filter_map(|set| set.change(list)) {
            if change.first > expected {
                missing.push((expected, change.first - 1));
            }
            if change.first == 0 {
                missing.clear();
            }
            expected = change.last + 1;
        }
        missing
    }
}

/// Whether a text is a plain name of a file that is not hidden.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn damaged(what: String) -> Error {
    Error::new(
        ErrorCode::Store,
        format!("the manifest cannot be used: {what}; restore it, or make the store anew"),
    )
}
