//! The set: an immutable file of lists, items and entries.

mod record;

pub use record::{Entry, EntryId, List, ListKind, Opinion, Role, Severity};
