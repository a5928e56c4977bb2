//! [`SetBuilder`]: collects lists and entries; the writer lays them out.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::Fingerprint;

use super::format;
use super::publish::publish;
use super::reader::SetDigest;
use super::record::{Entry, EntryId, List, Opinion, Role, Severity};
use super::refusal::{self, Refusal};
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
    pub(super) lists: Vec<List>,
    pub(super) strings: Interner<str>,
    pub(super) label_sets: Interner<[u32]>,
    pub(super) entries: Vec<Pending>,
    pub(super) suppressions: Vec<EntryId>,
}

/// An entry as the builder keeps it: strings and label sets by number.
pub(super) struct Pending {
    pub(super) fingerprint: Fingerprint,
    pub(super) id: EntryId,
    pub(super) list: u16,
    pub(super) role: Role,
    pub(super) opinion: Opinion,
    pub(super) severity: Severity,
    pub(super) reviewed: bool,
    pub(super) quality: Option<u8>,
    pub(super) item: u32,
    pub(super) source_id: u32,
    pub(super) labels: u32,
    pub(super) legal_basis: u32,
    pub(super) first_seen: u32,
    pub(super) last_seen: u32,
    pub(super) expires: u32,
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
        if list.name.is_empty() || list.name.len() > 255 || list.name.chars().any(char::is_control)
        {
            return fault("a list's name has 1 to 255 bytes and no control characters".into());
        }
        if [&list.agreement, &list.legal_basis].iter().any(|text| text.len() > refusal::TEXT_LIMIT)
        {
            return fault(format!(
                "a list's agreement and legal basis have at most {} bytes each",
                refusal::TEXT_LIMIT
            ));
        }
        if self.lists.iter().any(|l| l.name == list.name) {
            return fault(format!("there are two lists of the name {:?}", list.name));
        }
        let id = match u16::try_from(self.lists.len()) {
            Ok(id) if u64::from(id) < format::MAX_LISTS => id,
            _ => return fault(format!("a set has at most {} lists", format::MAX_LISTS)),
        };
        for string in [&list.name, &list.agreement, &list.legal_basis] {
            self.strings.intern(string.as_str())?;
        }
        self.lists.push(list);
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
        let Some(name) = self.lists.get(usize::from(list.0)).map(|l| l.name.as_str()) else {
            return Err(Refusal::UnknownList);
        };
        let id = EntryId::new(name, &entry.source_id, entry.role, &entry.fingerprint);
        let item = match (entry.item.as_str(), entry.source_id.as_str()) {
            ("", "") => self.strings.intern(id.to_string().as_str()),
            ("", source) => self.strings.intern(source),
            (item, _) => self.strings.intern(item),
        };
        let full = |_| Refusal::TooManyStrings;
        let mut labels = Vec::with_capacity(entry.labels.len());
        for label in &entry.labels {
            labels.push(self.strings.intern(label.as_str()).map_err(full)?);
        }
        labels.sort_unstable();
        self.entries.push(Pending {
            fingerprint: entry.fingerprint,
            id,
            list: list.0,
            role: entry.role,
            opinion: entry.opinion,
            severity: entry.severity,
            reviewed: entry.reviewed,
            quality: entry.quality,
            item: item.map_err(full)?,
            source_id: self.strings.intern(entry.source_id.as_str()).map_err(full)?,
            labels: self.label_sets.intern(labels.as_slice()).map_err(full)?,
            legal_basis: self.strings.intern(entry.legal_basis.as_str()).map_err(full)?,
            first_seen: entry.first_seen,
            last_seen: entry.last_seen,
            expires: entry.expires,
        });
        Ok(())
    }

    /// The numbers of a list's name, agreement and legal basis.
    pub(super) fn list_strings(&self, list: &List) -> [u32; 3] {
        [&list.name, &list.agreement, &list.legal_basis]
            .map(|string| self.strings.number(string.as_str()).unwrap_or_default())
    }

    /// Switches an entry off, in whichever set it is. Survives every refresh of its list.
    pub fn suppress(&mut self, entry: EntryId) {
        self.suppressions.push(entry);
    }

    /// Number of entries added so far, duplicates included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no entry has been added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the set and publishes it at `path`: readers see the old file or the new one, never half of it.
    ///
    /// # Errors
    /// [`ErrorCode::SetTooLarge`], or [`ErrorCode::Io`] and its kin; then the old file is as it was.
    pub fn write(self, path: impl AsRef<Path>) -> Result<BuildReport> {
        let path = path.as_ref();
        publish(path, |file| writer::write(self, file).map_err(|e| e.with_path(path)))
    }

    /// The set's bytes, in memory.
    ///
    /// # Errors
    /// [`ErrorCode::SetTooLarge`].
    pub fn to_bytes(self) -> Result<(Vec<u8>, BuildReport)> {
        let mut out = std::io::Cursor::new(Vec::new());
        let report = writer::write(self, &mut out)?;
        Ok((out.into_inner(), report))
    }
}

impl fmt::Debug for SetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetBuilder")
            .field("lists", &self.lists)
            .field("entries", &self.entries.len())
            .finish()
    }
}

/// Gives each distinct value a number, in order of first appearance.
pub(super) struct Interner<T: ?Sized> {
    numbers: HashMap<Arc<T>, u32>,
    pub(super) values: Vec<Arc<T>>,
}

impl<T: ?Sized> Default for Interner<T> {
    fn default() -> Self {
        Interner { numbers: HashMap::new(), values: Vec::new() }
    }
}

impl<T: ?Sized + Eq + std::hash::Hash> Interner<T>
where
    for<'a> Arc<T>: From<&'a T>,
{
    pub(super) fn number(&self, value: &T) -> Option<u32> {
        self.numbers.get(value).copied()
    }

    pub(super) fn intern(&mut self, value: &T) -> Result<u32> {
        if let Some(number) = self.numbers.get(value) {
            return Ok(*number);
        }
        let number =
            u32::try_from(self.values.len()).ok().filter(|n| *n < u32::MAX).ok_or_else(|| {
                Error::new(ErrorCode::SetTooLarge, "more than 2^32 - 1 strings; split the set")
            })?;
        let value: Arc<T> = Arc::from(value);
        self.numbers.insert(Arc::clone(&value), number);
        self.values.push(value);
        Ok(number)
    }
}
