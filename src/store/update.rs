//! Taking a change into a store.
//!
//! ```text
//! apply(delta):
//!     check it, and lay it with the sets that are there (staging.rs)
//!     publish the manifest
//!     too many sets? merge the uppermost (compact.rs)
//! ```
//!
//! What is refused leaves the store as it was, and an event in the log.

use crate::error::{Error, ErrorCode, Result};
use crate::set::Delta;

use super::log::{self, Event};
use super::manifest::ListRecord;
use super::staging::{Staging, Taken};
use super::writer::StoreWriter;

/// Radius of the queries by which a new set is searched for its own entries before it comes into force.
pub(super) const RADIUS: u32 = 31;

/// The circumstances of a change.
///
/// ```
/// let terms = tamis::store::Terms::at(1_790_000_000).reason("court order 7/26");
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Terms {
    /// The time, in seconds since 1970.
    pub now: u64,
    /// Why, for the log.
    pub reason: String,
    /// Take it even if its list grows or shrinks beyond the bounds.
    pub force: bool,
    /// Somebody waits until an update has arrived in full: one that has not is no refusal, and does not stand in the log.
    pub waiting: bool,
    /// What is laid down for its list from this change on; otherwise it stays as it is.
    pub list: Option<ListRecord>,
}

impl Terms {
    /// Those of a change at a time in seconds since 1970, about which there is nothing to say.
    pub fn at(now: u64) -> Terms {
        Terms { now, ..Terms::default() }
    }

    /// Gives a reason.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Terms {
        self.reason = reason.into();
        self
    }

    /// Lifts the bounds on growth and shrinkage.
    #[must_use]
    pub fn force(mut self, force: bool) -> Terms {
        self.force = force;
        self
    }

    /// Says that what has not arrived in full is waited for.
    #[must_use]
    pub fn waiting(mut self, waiting: bool) -> Terms {
        self.waiting = waiting;
        self
    }

    /// Whether this error says that an update has not arrived in full, and somebody waits until it has.
    pub(super) fn wait_for(&self, error: &Error) -> bool {
        self.waiting && error.code() == ErrorCode::UpdateIncomplete
    }

    /// Lays down what holds for the list, new or known, if and when the change is taken. What is remembered of a known list stays.
    #[must_use]
    pub fn list(mut self, record: ListRecord) -> Terms {
        self.list = Some(record);
        self
    }
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The store's version now.
    pub version: u64,
    /// Whether anything changed: not if the very same had been applied before.
    pub changed: bool,
    /// The number of the change among those of its list.
    pub number: u64,
    /// Entries that it brought.
    pub entries: u64,
}

impl StoreWriter {
    /// Takes a change that this store numbers: the next of its list. If it was read from a set that was taken before, or replaces the
    /// list by what that holds already, it only [confirms](StoreWriter::confirm) the list.
    ///
    /// # Errors
    /// As for [`StoreWriter::apply`]; [`ErrorCode::UpdateForeign`] if the list's maker numbers its changes.
    pub fn apply_next(&mut self, mut delta: Delta, terms: &Terms) -> Result<Applied> {
        let name = delta.change().list.clone();
        if self.manifest.lists.get(&name).is_some_and(|list| list.has_maker()) {
            let what = format!(
                "the list {name:?} is its maker's: it takes signed updates; to switch entries of it off, use `tamis store suppress`"
            );
            return Err(Error::new(ErrorCode::UpdateForeign, what));
        }
        let source = delta.source().map(|digest| digest.to_string());
        let list = self.manifest.lists.get(&name);
        let recent = list.map(|list| &list.recent[..]).unwrap_or_default();
        let taken = recent.iter().rfind(|(_, digest)| source.as_ref() == Some(digest));
        // What replaced the list long ago may do so again.
        let stands =
            |number| !delta.change().replaces || number == self.manifest.last_number(&name);
        if let Some((number, _)) = taken.cloned().filter(|(number, _)| stands(*number)) {
            self.confirm(&name, terms)?;
            let version = self.manifest.version;
            return Ok(Applied { version, changed: false, number, entries: 0 });
        }
        delta.set_number(self.manifest.last_number(&name).saturating_add(1))?;
        self.apply_as(delta, terms, true)
    }

    /// Takes a change. Its list must be known ([`StoreWriter::set_list`]), or laid down with it ([`Terms::list`]).
    ///
    /// # Errors
    /// One of the `Update…` codes if it is refused; [`ErrorCode::Io`] and its kin: in both cases the store is as it was.
    /// [`ErrorCode::Durability`]: the change is in force, but may be lost if the power fails.
    pub fn apply(&mut self, delta: Delta, terms: &Terms) -> Result<Applied> {
        self.apply_as(delta, terms, false)
    }

    /// `ours`: this store has numbered it, so that nobody asks for the number again.
    fn apply_as(&mut self, delta: Delta, terms: &Terms, ours: bool) -> Result<Applied> {
        let (list, number) = (delta.change().list.clone(), delta.change().last);
        let applied = self.take(delta, terms, ours);
        if applied.as_ref().is_err_and(|error| terms.wait_for(error)) {
            self.sweep();
            return applied;
        }
        self.settle(&list, &format!("number {number}"), terms.now, applied)
    }

    fn take(&mut self, delta: Delta, terms: &Terms, ours: bool) -> Result<Applied> {
        let (list, number) = (delta.change().list.clone(), delta.change().last);
        let mut staging = Staging::new(self, terms);
        let taken = staging.take(delta, ours)?;
        staging.check_bounds()?;
        let manifest = staging.manifest;
        let applied =
            Applied { version: self.manifest.version, changed: false, number, entries: 0 };
        match taken {
            Taken::Already => Ok(applied),
            Taken::Same => {
                self.confirm(&list, terms)?;
                let (version, number) = (self.manifest.version, self.manifest.last_number(&list));
                Ok(Applied { version, number, ..applied })
            }
            Taken::Laid { entries, what } => {
                self.publish(manifest, changed(list, what, terms))?;
                Ok(Applied { version: self.manifest.version, changed: true, entries, ..applied })
            }
        }
    }

    /// What is left to do after a change was taken or refused.
    pub(super) fn settle<T>(
        &mut self,
        list: &str,
        what: &str,
        now: u64,
        applied: Result<T>,
    ) -> Result<T> {
        match &applied {
            // The change is in force, whatever becomes of this; it is tried again with the next one.
            Ok(_) => drop(self.merge_uppermost(now)),
            Err(error) if error.code() == ErrorCode::Durability => {}
            Err(error) => {
                self.sweep();
                if error.code() != ErrorCode::Stopped {
                    self.log_refusal(list, what, error, now);
                }
            }
        }
        applied
    }

    /// Records that the list was found to be up to date, and what the terms lay down for it.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if the store does not know it; [`ErrorCode::Io`] and its kin; [`ErrorCode::Durability`].
    pub fn confirm(&mut self, name: &str, terms: &Terms) -> Result<()> {
        self.delta(name)?;
        let Some(record) = Staging::new(self, terms).laid_down(name) else { return Ok(()) };
        let record = ListRecord { refreshed: terms.now, ..record };
        let mut manifest = self.manifest.clone();
        manifest.lists.insert(name.to_owned(), record);
        self.publish(manifest, confirmed(name, terms))
    }
}

/// The line of the log for changes that were taken.
pub(super) fn changed(list: String, what: String, terms: &Terms) -> Event {
    let (event, at, reason) = (log::CHANGE.into(), terms.now, terms.reason.clone());
    Event { event, at, list, what, reason, ..Event::default() }
}

/// The line of the log for a list that was found to be up to date.
fn confirmed(list: &str, terms: &Terms) -> Event {
    let what = "found to be up to date".into();
    Event { event: log::CONFIRM.into(), ..changed(list.to_owned(), what, terms) }
}

pub(super) fn counted_entries(entries: u64) -> String {
    if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") }
}
