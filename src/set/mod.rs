//! The set: an immutable file of lists, items and entries, searched where it lies.
//!
//! `FORMAT.md` beside this file specifies every byte. In short: a *head* with a section table, then one checksum per
//! block of 4096 bytes, then the sections: tables of fixed-size records, and for each algorithm a sorted column of distinct fingerprints.
//!
//! ```text
//! open(file):
//!     read the head into memory; check magic, version, lengths, its own hash, every bound in the table
//!     map the rest without touching it
//! touch(range):
//!     for each block of the range that was not verified yet:
//!         compare its group of checksums with the root in the head, then the block with its checksum
//! look up(digest):
//!     binary search in the column of its algorithm -> row -> range of entries
//! ```
//!
//! Invariants:
//! - No number read from the data is used as an index or a length before it is checked, at the moment of use.
//! - No byte of the data is used before its block was verified, so a flipped bit is an error and never a missed match.
//! - No reference into the file leaves the crate.
//! - The writer's output depends on what was added and in which order, on nothing else.

mod block_writer;
mod blocks;
mod builder;
mod change;
mod delta;
mod estimate;
mod format;
mod interner;
mod layout;
mod map;
#[cfg(target_os = "linux")]
mod memory_file;
mod open;
mod options;
mod reader;
mod record;
pub mod refusal;
mod residency;
mod rows;
mod summary;
mod threads;
mod verify;
mod writer;

pub use builder::{BuildReport, ListId, SetBuilder};
pub use change::{Change, Withdrawal};
pub(crate) use change::{TombstoneKind, text_key};
pub use delta::Delta;
pub use estimate::Estimate;
pub(crate) use open::digest_in_head;
pub use open::open_within;
pub use options::{BuildOptions, BuildPhase, BuildProgress, OnProgress, Profile};
pub use reader::{Set, SetDigest, StoredEntry};
pub use record::{
    Entry, EntryId, List, ListKind, Opinion, Role, Severity, incident_label, incident_of,
};
pub use refusal::Refusal;
pub use residency::Residency;
pub(crate) use summary::{Summary, Traits};
pub use verify::Verification;

#[cfg(test)]
mod tests;
