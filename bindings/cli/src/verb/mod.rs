//! The verbs.

pub(crate) mod bench_query;
pub(crate) mod bench_set;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod hash;
pub(crate) mod info;
pub(crate) mod list;
pub(crate) mod policy;
pub(crate) mod query;
pub(crate) mod scan;
pub(crate) mod store;
pub(crate) mod test_files;
pub(crate) mod verify;
