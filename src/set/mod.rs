//! The set: an immutable file of lists, items and entries.

mod record;
pub mod refusal;

pub use record::{Entry, EntryId, List, ListKind, Opinion, Role, Severity};
pub use refusal::Refusal;
