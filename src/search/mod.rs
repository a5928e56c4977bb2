//! Search: which entries of a set an upload matches.

mod matches;

pub use matches::Match;
