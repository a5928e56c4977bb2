//! Tamis (French for sieve) recognises **known** terrorist, violent-extremist and otherwise illegal pictures and files
//! before an upload is stored, inside the platform's own process: no network, no server, no machine learning.
//!
//! An upload's fingerprints, exact digests of its bytes and the perceptual hash PDQ of its pixels, are looked up in a
//! memory-mapped *set* of fingerprints that exchanges publish or that the operator made, and the operator's *policy* turns matches into a
//! *verdict*: allow, review or block, with reasons.
//!
//! ```
//! use std::time::SystemTime;
//! use tamis::{Action, Context, Policy, Scanner, Store, store::StoreOptions};
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("base.tamis");
//! # tamis::SetBuilder::new().write(&path)?;
//! // The built-in test list stands beside whatever the set holds.
//! let store = StoreOptions::new().test_list(true).open(&path)?;
//! let mut scanner = Scanner::new(store, Policy::builtin());
//!
//! let upload = tamis::store::test_files()[1].bytes;
//! let verdict = scanner.check(upload, &Context::at_time(SystemTime::now()))?;
//! match verdict.action {
//!     Action::Block => println!("refused"),
//!     Action::Review => println!("held back until a person decides"),
//!     Action::Allow => println!("stored"),
//! }
//! // For moderators and logs, never for uploaders: reasons say what is listed.
//! println!("{}", verdict.reason());
//! if let Some(code) = verdict.store_state.fault {
//!     println!("judged by the last good state of the store: {code:?}");
//! }
//! # assert_eq!(verdict.action, Action::Block);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The types
//!
//! - [`Set`]: an immutable file of lists, items and entries; [`SetBuilder`] makes one, [`import`] feeds it from lists.
//! - [`Store`]: what a platform opens; shared by all threads; refreshed in place.
//! - [`Policy`]: the operator's table from matches to actions. A pure function.
//! - [`Scanner`]: the whole pipeline, one per thread. It takes a [`Context`] and gives a [`Verdict`]. An [`Upload`] is one that arrives in pieces.
//! - [`Limits`]: what one upload may cost.
//!
//! A store is a directory that one process changes, [`store::StoreWriter`], and that all others follow by themselves: a change is in force within 200 milliseconds. [`store`] says how.
//!
//! An upload server needs no more than these. A moderation page adds [`store::StoreWriter`], [`store::Terms`], [`set::Delta`] and [`set::Entry`]. The rest is for tools and for
//! other interfaces: [`media`] and [`examine`] hash pictures, [`search`] looks codes up, [`hamming`] and [`index`] are how.
//!
//! # At the start of a server
//!
//! A store that is empty, or a policy that observes, lets everything through, as it should. Whoever wants to know asks:
//!
//! ```
//! # use std::time::SystemTime;
//! # use tamis::{Action, Context, Policy, Scanner, Store, store::StoreOptions};
//! # let set = tamis::Set::from_bytes(&tamis::SetBuilder::new().to_bytes()?.0)?;
//! # let store = Store::from_set(set, StoreOptions::new().test_list(true))?;
//! if store.snapshot().entry_count() == 0 {
//!     eprintln!("the store is empty");
//! }
//! let mut scanner = Scanner::new(store, Policy::builtin()).with_counting(false);
//! for file in tamis::store::test_files() {
//!     let verdict = scanner.check(file.bytes, &Context::at_time(SystemTime::now()))?;
//!     assert_eq!(verdict.enforced(), Action::Block, "{}", file.name);
//! }
//! # Ok::<(), tamis::Error>(())
//! ```
//!
//! # Features
//!
//! | feature | what |
//! |---|---|
//! | `decode` (default) | pictures; without it, digests only |
//! | `rayon` | [`batch`]: many uploads in threads |
//! | `tiff` | TIFF pictures |
//! | `worker` | [`sandbox`]: pictures are decoded in a process of their own |
//!
//! # Caveats
//!
//! - **An error is not an `allow`.** [`Scanner::check`] gives a verdict for every upload; it returns an error only when the store
//!   is damaged or the upload cannot be read. Do not store the upload then.
//! - **A store that vanished is no error**, and changes no action by itself: the last good state is in force, and [`Verdict::store_state`] says so. Raise an alarm. When it has grown older
//!   than the policy allows (`max_store_age_hours`), the policy's `too_old` decides.
//! - **Mapped files.** A set is mapped, so that many processes share it. Replace it by renaming a new file over it
//!   ([`SetBuilder::write`] does); never write into it and never cut it while it is open: a process that touches a page that is gone is ended by SIGBUS.
//!   On a network file system use [`set::Residency::Sealed`] or [`set::Residency::Heap`].
//! - **Fork.** Opening starts no thread and holds no lock, so a server may open a store and then fork its workers. The feature `rayon` starts threads only within
//!   a batch call, and they are gone when it returns.
//! - **What waits, and how long.** A check takes the CPU for as long as [`Limits::time_for`] allows, and longer for the digests of a long upload: nothing bounds these but the upload's length. Besides, it may wait for the disk
//!   where a part of the store is looked at for the first time, and, once in a refresh interval, for the opening of what has changed. An asynchronous host calls it on a thread for
//!   blocking work; one that wants no waiting for the disk at all turns the interval off ([`store::StoreOptions::refresh_interval`]), calls [`Store::refresh`] from a thread of its own, and opens with
//!   [`set::Residency::Populated`]. A [`Scanner`] may move between threads, and is used by one at a time.
//! - **Panics** end at the decoders, as `unscannable(decoder-panic)`. Anything else that panics is a defect; a scanner that was unwound through is to be dropped.
//! - **Memory.** Decoders may fail to allocate, and then the process ends: that cannot be caught. [`Limits`] keep them far from it.

#[cfg(feature = "rayon")]
pub mod batch;
pub mod error;
pub mod examine;
pub mod files;
pub mod fingerprint;
pub mod hamming;
pub mod import;
pub mod index;
mod limits;
pub mod media;
mod names;
pub mod policy;
#[cfg(feature = "worker")]
pub mod sandbox;
mod scanner;
pub mod search;
pub mod set;
mod setters;
pub mod store;
mod verdict;

pub use error::{Error, ErrorCode, Result, plain};
pub use limits::Limits;
pub use policy::{Action, Policy, PolicyDigest};
pub use scanner::{Context, Scanner, Shadow, ShadowCounts, Upload};
pub use search::Match;
pub use set::{Set, SetBuilder};
pub use store::Store;
pub use verdict::{Difference, Method, Outcome, ShadowVerdict, StoreState, Timings, Verdict};

/// The README's example must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
