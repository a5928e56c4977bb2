//! [`Delta`]: one change of one list, on its way to a file.

use std::path::Path;

use crate::error::{Error, ErrorCode, Result};

use super::builder::{BuildReport, ListId, SetBuilder};
use super::change::{Change, TombstoneKind, Withdrawal};
use super::reader::{Set, SetDigest, corrupt};
use super::record::{Entry, EntryId, List, ListKind, incident_label};
use super::refusal::Refusal;

/// One change of one list: what it withdraws, then what it adds. Written, it is a set that a store takes, or that a list's maker publishes.
///
/// ```
/// use tamis::fingerprint::{Algorithm, Fingerprint};
/// use tamis::set::{Delta, Entry, List, ListKind, Set, Withdrawal};
/// let mut delta = Delta::new(List::new("gifct", ListKind::Exchange), 7)?;
/// let digest = Fingerprint::from_hex(Algorithm::Md5, "0cc175b9c0f1b6a831c399e269772661")?;
/// delta.add(Entry::new(digest))?;
/// delta.withdraw(&Withdrawal::Item("listed by mistake".into()))?;
///
/// let set = Set::from_bytes(&delta.to_bytes()?.0)?;
/// assert_eq!((set.changes()?[0].first, set.changes()?[0].last), (7, 7));
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Debug)]
pub struct Delta {
    builder: SetBuilder,
    id: ListId,
    change: Change,
    kind: ListKind,
    source: Option<SetDigest>,
    incident: Option<(String, u32)>,
}

impl Delta {
    /// An empty change of a list, with its number, from 1 to 2^53 - 1. Where the store numbers the changes ([`StoreWriter::apply_next`](crate::store::StoreWriter::apply_next)),
    /// any number will do.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if the list's name or texts are not valid, or the number is not one of those.
    pub fn new(list: List, number: u64) -> Result<Delta> {
        let mut builder = SetBuilder::new();
        let (name, kind) = (list.name.clone(), list.kind);
        let id = builder.add_list(list)?;
        builder.set_change(id, number, number, false)?;
        let change = Change { list: name, first: number, last: number, replaces: false };
        Ok(Delta { builder, id, change, kind, source: None, incident: None })
    }

    /// Makes the change replace the list: whatever it does not add is withdrawn. Look at what was rejected before you apply it: of a short list the store lets a hundred entries go.
    #[must_use]
    pub fn replacing(mut self) -> Delta {
        (self.change.first, self.change.replaces) = (0, true);
        self
    }

    /// Makes it the change of an incident that the operator declares, and that ends at a time in seconds since 1970: each entry that is added from now on bears the incident's label, and
    /// ends with it if not before. The store remembers the incident, and its breaker spares these entries while it lasts, if the list is of kind local or exchange.
    ///
    /// ```
    /// # use tamis::fingerprint::{Algorithm, Fingerprint};
    /// # use tamis::set::{Delta, Entry, List, ListKind};
    /// # let list = List::new("local", ListKind::Local);
    /// let mut delta = Delta::new(list, 1)?.of_incident("parade", 1_790_000_000)?;
    /// delta.add(Entry::new(Fingerprint::from_hex(Algorithm::Md5, "0cc175b9c0f1b6a831c399e269772661")?))?;
    /// # Ok::<(), tamis::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if the name is empty, the time is none in seconds, or something was added already.
    pub fn of_incident(mut self, id: impl Into<String>, expires: u64) -> Result<Delta> {
        let id = id.into();
        let refuse = |what: &str| Err(Error::new(ErrorCode::InvalidArgument, what));
        let Some(expires) = u32::try_from(expires).ok().filter(|expires| *expires > 0) else {
            return refuse("an incident ends at a time in seconds since 1970");
        };
        if id.is_empty() {
            return refuse("an incident has a name");
        }
        if !self.builder.is_empty() {
            return refuse("an incident is declared before entries are added");
        }
        self.incident = Some((id, expires));
        Ok(self)
    }

    /// The incident, and when it ends.
    pub fn incident(&self) -> Option<(&str, u32)> {
        self.incident.as_ref().map(|(id, expires)| (id.as_str(), *expires))
    }

    /// A change that a set holds, such as a delta that was received. It becomes one of `list`, whose name must be the set's, while kind, agreement and
    /// legal basis are what the caller says of it: no maker of a list decides how far it is trusted. The set need not have been verified: what
    /// comes of it is sound.
    ///
    /// # Errors
    /// [`ErrorCode::UpdateForeign`] if the set is no delta, speaks of another list or of several, or switches entries off or on while `list` is not a
    /// local one; [`ErrorCode::UpdateEmptyDigest`],
    /// [`ErrorCode::UpdateFlatPicture`], [`ErrorCode::UpdatePoison`] for an entry that would match harmless uploads;
    /// [`ErrorCode::SetCorrupt`].
    pub fn from_set(set: &Set, list: List) -> Result<Delta> {
        let changes = set.changes()?;
        let lists = set.lists()?;
        let change = match &changes[..] {
            [change] if change.list == list.name && lists.len() == 1 => change.clone(),
            [] => return Err(foreign("it says of no list which change of it this is".into())),
            [change, ..] => {
                let found = match lists.len() {
                    1 => format!("the list {:?}", crate::error::shown(&change.list)),
                    several => format!("{several} lists"),
                };
                return Err(foreign(format!(
                    "it speaks of {found}; expected the list {:?} and no other",
                    list.name
                )));
            }
        };
        let may_suppress = list.kind.may_suppress();
        let suppressions = set.suppressions()?;
        if !suppressions.is_empty() && !may_suppress {
            return Err(foreign("it switches entries off, which is for the operator alone".into()));
        }
        let mut delta = Delta::new(list, change.last)?;
        delta.builder.set_created(set.created()?);
        for entry in set.entries() {
            let entry = entry?;
            delta.add(entry.entry).map_err(|refusal| refused(&refusal, entry.id))?;
        }
        for (at, kind, key) in set.withdrawn()? {
            match TombstoneKind::from_number(kind).filter(|_| at == 0) {
                None => return Err(corrupt(format!("a tombstone of kind {kind} of list {at}"))),
                Some(TombstoneKind::Suppression) if !may_suppress => {
                    let what = "it switches entries on again, which is for the operator alone";
                    return Err(foreign(what.into()));
                }
                Some(_) => delta.builder.tombstones.push((0, kind, key)),
            }
        }
        delta.builder.suppressions = suppressions;
        delta.change = change;
        delta.source = Some(set.digest());
        Ok(delta)
    }

    /// The digest of the set that it was read from, if it was.
    pub fn source(&self) -> Option<SetDigest> {
        self.source
    }

    /// Which change of which list it is.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// Gives it another number: for whoever numbers the changes.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if it is not within 1 to 2^53 - 1.
    pub(crate) fn set_number(&mut self, number: u64) -> Result<()> {
        self.builder.set_change(self.id, number, number, false)?;
        self.change.last = number;
        if !self.change.replaces {
            self.change.first = number;
        }
        Ok(())
    }

    /// Adds an entry, which takes the place of one of the same id.
    ///
    /// # Errors
    /// [`Refusal`] with the cause. The delta can go on.
    pub fn add(&mut self, mut entry: Entry) -> std::result::Result<(), Refusal> {
        if let Some((incident, expires)) = &self.incident {
            let label = incident_label(incident);
            if !entry.labels.contains(&label) {
                entry.labels.push(label);
            }
            if entry.expires == 0 || entry.expires > *expires {
                entry.expires = *expires;
            }
        }
        self.builder.add(self.id, entry)
    }

    /// Withdraws what the list said before this change.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if a suppression is lifted in another list than a local one, or if the name of the item or the source id is empty:
    /// entries without one have nothing in common.
    pub fn withdraw(&mut self, what: &Withdrawal) -> Result<()> {
        match what {
            Withdrawal::Suppression(_) => self.only_local()?,
            Withdrawal::Item(text) | Withdrawal::Source(text) if text.is_empty() => {
                let what = "an empty text names neither an item nor a source id to withdraw";
                return Err(Error::new(ErrorCode::InvalidArgument, what));
            }
            _ => {}
        }
        self.builder.withdraw(self.id, what);
        Ok(())
    }

    /// Switches an entry off, of whatever list it is. An item may have others, one for each of its fingerprints, which stay: to let one exact file through whatever lists it, add it as an exception
    /// ([`Role::Exception`](super::Role::Exception)).
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if this is no list of kind local: only the operator may do that. A store takes it of the list `local` alone.
    pub fn suppress(&mut self, entry: EntryId) -> Result<()> {
        self.only_local()?;
        self.builder.suppress(entry);
        Ok(())
    }

    fn only_local(&self) -> Result<()> {
        if self.kind.may_suppress() {
            return Ok(());
        }
        let what = "only a local list switches entries off: the operator decides on it";
        Err(Error::new(ErrorCode::InvalidArgument, what))
    }

    /// Number of entries added so far, duplicates included.
    pub fn len(&self) -> usize {
        self.builder.len()
    }

    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        let builder = &self.builder;
        builder.is_empty()
            && builder.tombstones.is_empty()
            && builder.suppressions.is_empty()
            && !self.change.replaces
    }

    /// The set's bytes.
    ///
    /// # Errors
    /// [`ErrorCode::SetTooLarge`].
    pub fn to_bytes(self) -> Result<(Vec<u8>, BuildReport)> {
        self.into_builder()?.to_bytes()
    }

    /// Publishes it as a set file.
    ///
    /// # Errors
    /// As for [`SetBuilder::write`].
    pub fn write(self, path: impl AsRef<Path>) -> Result<BuildReport> {
        self.into_builder()?.write(path)
    }

    /// The builder of its set, for options of building.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] never, unless there is a defect: the change was checked when it was made.
    pub fn into_builder(mut self) -> Result<SetBuilder> {
        let Change { first, last, replaces, .. } = self.change;
        self.builder.set_change(self.id, first, last, replaces)?;
        Ok(self.builder)
    }
}

fn foreign(what: String) -> Error {
    Error::new(ErrorCode::UpdateForeign, format!("the update is refused: {what}"))
}

/// The refusal of an entry as that of all of the update: it is not for us to choose from what somebody signed.
fn refused(refusal: &Refusal, entry: EntryId) -> Error {
    let code = match refusal {
        Refusal::EmptyInput(_) => ErrorCode::UpdateEmptyDigest,
        Refusal::FlatPicture => ErrorCode::UpdateFlatPicture,
        _ => ErrorCode::UpdatePoison,
    };
    Error::new(code, format!("the update is refused: entry {entry}: {refusal}"))
}

#[cfg(test)]
mod tests;
