//! [`SetBuilder`]: collects lists and entries; the writer lays them out.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;

use crate::error::{Error, ErrorCode, Result};
use crate::files::Draft;
use crate::fingerprint::Algorithm;

use super::change::{Change, Tombstone, Withdrawal};
use super::format;
use super::interner::Interner;
use super::options::{BuildOptions, BuildPhase, Meter, OnProgress};
use super::reader::SetDigest;
use super::record::{Entry, EntryId, List};
use super::refusal::{self, Refusal};
use super::rows::{Column, Record};
use super::writer;

/// A list within one builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListId(pub(super) u16);

/// What a builder wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildReport {
    /// Identifies the set.
    pub digest: SetDigest,
    /// Entries in the set.
    pub entries: u64,
    /// Entries given more than once (same list, source id, algorithm and fingerprint): the last one was kept.
    pub duplicates: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Collects lists and their entries, and writes them as a set.
///
/// The same lists and entries in the same order always give the same bytes. See [`Set`](super::Set) for an example.
#[derive(Default)]
pub struct SetBuilder {
    pub(super) created: u64,
    pub(super) lists: Vec<NamedList>,
    pub(super) strings: Interner,
    /// Sets of numbers of strings, ascending, 4 bytes each.
    pub(super) label_sets: Interner,
    /// In the order of the algorithms; those that have entries.
    pub(super) columns: Vec<Column>,
    pub(super) suppressions: Vec<EntryId>,
    pub(super) tombstones: Vec<Tombstone>,
    /// By list.
    pub(super) changes: BTreeMap<u16, Run>,
}

/// Numbers of the changes of a list: first and last, and whether they replace it.
pub(super) type Run = (u64, u64, bool);

/// A list and the numbers of its name, agreement and legal basis.
pub(super) struct NamedList {
    pub(super) list: List,
    pub(super) strings: [u32; 3],
}

impl SetBuilder {
    /// A builder with nothing in it.
    pub fn new() -> SetBuilder {
        SetBuilder::default()
    }

    /// Records when the set was made, in seconds since 1970. It is part of the set's bytes, so leave it out,
    /// or give the same, where two builds must be equal.
    pub fn set_created(&mut self, seconds: u64) {
        self.created = seconds;
    }

    /// Adds a list.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if the name is empty, longer than 255 bytes, holds control characters or is taken,
    /// if another text is longer than 1024 bytes, or if there are 4096 lists already.
    pub fn add_list(&mut self, list: List) -> Result<ListId> {
        let fault = |what: String| Err(Error::new(ErrorCode::InvalidArgument, what));
        if !refusal::is_list_name(&list.name) {
            let what = "a list's name has 1 to 255 bytes, and no character that cannot be seen";
            return fault(what.into());
        }
        if [&list.agreement, &list.legal_basis].iter().any(|text| text.len() > refusal::TEXT_LIMIT)
        {
            return fault(format!(
                "a list's agreement and legal basis have at most {} bytes each",
                refusal::TEXT_LIMIT
            ));
        }
        if self.lists.iter().any(|l| l.list.name == list.name) {
            return fault(format!("there are two lists of the name {:?}", list.name));
        }
        let id = match u16::try_from(self.lists.len()) {
            Ok(id) if u64::from(id) < format::MAX_LISTS => id,
            _ => return fault(format!("a set has at most {} lists", format::MAX_LISTS)),
        };
        let mut strings = [0; 3];
        for (number, text) in
            strings.iter_mut().zip([&list.name, &list.agreement, &list.legal_basis])
        {
            *number = self.strings.intern(text.as_bytes())?;
        }
        self.lists.push(NamedList { list, strings });
        Ok(ListId(id))
    }

    /// Adds an entry to a list, unless it is poison: a fingerprint that would match harmless uploads.
    ///
    /// # Errors
    /// [`Refusal`] with the cause. The builder can go on.
    pub fn add(&mut self, list: ListId, mut entry: Entry) -> std::result::Result<(), Refusal> {
        entry.labels.sort_unstable();
        entry.labels.dedup();
        refusal::check(&entry)?;
        self.keep(list, &entry)
    }

    /// Adds an entry, poison or not, because it comes from a set that had taken it; its labels are sorted. What is poison may change from one version of
    /// Tamis to the next, and merging must lose nothing.
    ///
    /// # Errors
    /// [`Refusal`], only for want of room.
    pub(crate) fn keep(&mut self, list: ListId, entry: &Entry) -> std::result::Result<(), Refusal> {
        let Some(name) = self.lists.get(usize::from(list.0)).map(|l| l.list.name.as_str()) else {
            return Err(Refusal::UnknownList);
        };
        let full = |_| Refusal::TooManyStrings;
        let item = match (entry.item.as_str(), entry.source_id.as_str()) {
            ("", "") => {
                let id = EntryId::new(name, &entry.source_id, entry.role, &entry.fingerprint);
                self.strings.intern(id.to_string().as_bytes())
            }
            ("", source) => self.strings.intern(source.as_bytes()),
            (item, _) => self.strings.intern(item.as_bytes()),
        };
        let mut labels = Vec::with_capacity(entry.labels.len());
        for label in &entry.labels {
            labels.push(self.strings.intern(label.as_bytes()).map_err(full)?);
        }
        labels.sort_unstable();
        let labels: Vec<u8> = labels.into_iter().flat_map(u32::to_le_bytes).collect();
        let mut record = Record {
            sequence: 0,
            item: item.map_err(full)?,
            source_id: self.strings.intern(entry.source_id.as_bytes()).map_err(full)?,
            labels: self.label_sets.intern(&labels).map_err(full)?,
            legal_basis: self.strings.intern(entry.legal_basis.as_bytes()).map_err(full)?,
            first_seen: entry.first_seen,
            last_seen: entry.last_seen,
            expires: entry.expires,
            list: list.0,
            role: entry.role,
            opinion: entry.opinion,
            severity: entry.severity,
            reviewed: entry.reviewed,
            quality: entry.quality.unwrap_or(format::NO_QUALITY),
        };
        let column = self.column(entry.fingerprint.algorithm());
        // The writer refuses a column in which this is not true.
        record.sequence = u32::try_from(column.len()).unwrap_or(u32::MAX);
        column.push(&entry.fingerprint, record);
        Ok(())
    }

    fn column(&mut self, algorithm: Algorithm) -> &mut Column {
        let at = self.columns.partition_point(|column| column.algorithm < algorithm);
        if self.columns.get(at).is_none_or(|column| column.algorithm != algorithm) {
            self.columns.insert(at, Column::new(algorithm));
        }
        &mut self.columns[at]
    }

    /// An entry by its number over all columns.
    pub(super) fn record_mut(&mut self, mut entry: usize) -> &mut Record {
        let mut at = 0;
        while at + 1 < self.columns.len() && entry >= self.columns[at].len() {
            entry -= self.columns[at].len();
            at += 1;
        }
        self.columns[at].record_mut(entry)
    }

    pub(super) fn column_of(&self, algorithm: Algorithm) -> Option<&Column> {
        self.columns.iter().find(|column| column.algorithm == algorithm)
    }

    /// Switches an entry off, in whichever set it is. Survives every refresh of its list.
    pub fn suppress(&mut self, entry: EntryId) {
        self.suppressions.push(entry);
    }

    /// Says that the set holds the changes `first..=last` of a list, which makes it a delta. If they replace the list, `first` counts as 0.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if there is no such list, or no such run of changes: they are numbered from 1 to 2^53 - 1.
    pub fn set_change(
        &mut self,
        list: ListId,
        first: u64,
        last: u64,
        replaces: bool,
    ) -> Result<()> {
        let first = if replaces { 0 } else { first };
        let fault = |what: String| Err(Error::new(ErrorCode::InvalidArgument, what));
        if usize::from(list.0) >= self.lists.len() {
            return fault("the changes are of a list that was not added to this builder".into());
        }
        if last == 0 || first > last || last > Change::GREATEST || (first == 0 && !replaces) {
            return fault(format!(
                "changes {first} to {last} cannot be: they are numbered from 1 to {}",
                Change::GREATEST
            ));
        }
        self.changes.insert(list.0, (first, last, replaces));
        Ok(())
    }

    /// Withdraws what a list said before this set. Entries that this set adds stay. Has an effect only on a list with [changes](SetBuilder::set_change).
    pub fn withdraw(&mut self, list: ListId, what: &Withdrawal) {
        let (kind, key) = what.tombstone();
        self.tombstones.push((u32::from(list.0), kind as u32, key));
    }

    /// Puts a tombstone of another set into this one.
    pub(crate) fn bury(&mut self, list: ListId, kind: u32, key: [u8; 16]) {
        self.tombstones.push((u32::from(list.0), kind, key));
    }

    /// Number of entries added so far, duplicates included.
    pub fn len(&self) -> usize {
        self.columns.iter().map(Column::len).sum()
    }

    /// Whether no entry has been added.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Writes the set and publishes it at `path`: readers see the old file or the new one, never half of it.
    ///
    /// # Errors
    /// [`ErrorCode::SetTooLarge`], or [`ErrorCode::Io`] and its kin; then the old file is as it was.
    pub fn write(self, path: impl AsRef<Path>) -> Result<BuildReport> {
        self.write_with(path, &BuildOptions::new(), &mut |_| ControlFlow::Continue(()))
    }

    /// Like [`SetBuilder::write`], as the options say. `progress` is called between the parts of the work, on this thread, and may stop it.
    ///
    /// # Errors
    /// As for [`SetBuilder::write`]; [`ErrorCode::Stopped`] if `progress` asked to stop: nothing is left behind.
    pub fn write_with(
        self,
        path: impl AsRef<Path>,
        options: &BuildOptions,
        progress: &mut OnProgress<'_>,
    ) -> Result<BuildReport> {
        let path = path.as_ref();
        let mut draft = Draft::of(path)?;
        let report = self.write_to(&mut draft, options, progress)?;
        draft.publish(path)?;
        // It is in place: too late to stop.
        let _ = Meter::new(progress).at(BuildPhase::Publishing, 1.0);
        Ok(report)
    }

    /// Writes the set as a draft, for those who publish it only when they have proved it ([`search::prove`](crate::search::prove)), or name it by what is in it.
    ///
    /// ```
    /// use tamis::files::Draft;
    /// use tamis::search::prove;
    /// use tamis::set::{BuildOptions, Set, SetBuilder};
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("base.tamis");
    /// let mut draft = Draft::of(&path)?;
    /// let builder = SetBuilder::new();
    /// builder.write_to(&mut draft, &BuildOptions::new(), &mut |_| std::ops::ControlFlow::Continue(()))?;
    /// prove(&Set::open(draft.path())?, 31, true, &mut |_| {})?;
    /// draft.publish(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`SetBuilder::write_with`].
    pub fn write_to(
        self,
        draft: &mut Draft,
        options: &BuildOptions,
        progress: &mut OnProgress<'_>,
    ) -> Result<BuildReport> {
        let mut meter = Meter::new(progress);
        draft.write(|file| {
            let report = writer::write(self, options, &mut meter, file)?;
            meter.at(BuildPhase::Publishing, 0.0)?;
            Ok(report)
        })
    }

    /// The set's bytes, in memory.
    ///
    /// # Errors
    /// [`ErrorCode::SetTooLarge`].
    pub fn to_bytes(self) -> Result<(Vec<u8>, BuildReport)> {
        self.to_bytes_with(&BuildOptions::new(), &mut |_| ControlFlow::Continue(()))
    }

    /// Like [`SetBuilder::to_bytes`], as the options say.
    ///
    /// # Errors
    /// [`ErrorCode::SetTooLarge`]; [`ErrorCode::Stopped`] if `progress` asked to stop.
    pub fn to_bytes_with(
        self,
        options: &BuildOptions,
        progress: &mut OnProgress<'_>,
    ) -> Result<(Vec<u8>, BuildReport)> {
        let mut out = std::io::Cursor::new(Vec::new());
        let mut meter = Meter::new(progress);
        let report = writer::write(self, options, &mut meter, &mut out)?;
        let _ = meter.at(BuildPhase::Publishing, 1.0);
        Ok((out.into_inner(), report))
    }
}

impl fmt::Debug for SetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetBuilder")
            .field("lists", &self.lists.iter().map(|l| &l.list).collect::<Vec<_>>())
            .field("entries", &self.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
