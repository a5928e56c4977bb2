//! The store: what a platform opens.
//!
//! Today it is one set file, or a directory that holds one base (`base.tamis`), optionally with the built-in test list beside it.
//! Deltas and a manifest will join them in the directory; the interface is made for that: a [`Store`] is a handle that many threads share, a
//! [`Snapshot`] is what it held at one moment, and every upload is judged against one snapshot.
//!
//! ```text
//! refresh():
//!     has the file's identity (device, inode, size, times) changed since it was opened? no -> nothing to do
//!     open the new one and compare all of it with its checksums;
//!     if that fails, the last good snapshot stays in force and the error says why
//!     swap the snapshot; scanners see it at their next upload, and the old one goes when its last user is done
//! ```
//!
//! Invariants: no thread is started and no lock is taken, so a process may fork at any moment; a reader never waits.

mod test_list;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::{Algorithms, hex};
use crate::set::{self, Residency, Set, SetDigest};

pub use test_list::{TEST_LIST, TestFile, test_files, test_set};

/// The name of the base within a store directory.
pub const BASE: &str = "base.tamis";

/// Identifies what a store holds: BLAKE3 over the digests of its sets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreDigest(pub [u8; 32]);

impl fmt::Display for StoreDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for StoreDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreDigest({self})")
    }
}

/// How a store is opened.
///
/// ```
/// use tamis::store::StoreOptions;
/// let store = StoreOptions::new().test_list(true).open("/nowhere/at/all");
/// assert_eq!(store.unwrap_err().code(), tamis::ErrorCode::NotFound);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreOptions {
    residency: Residency,
    test_list: bool,
}

impl StoreOptions {
    /// Sets are mapped; the test list is not included.
    pub fn new() -> StoreOptions {
        StoreOptions::default()
    }

    /// Where the bytes of the base lie, now and after each refresh. [`Residency::Heap`] is for network file systems, and for wherever a file may be
    /// changed in place; [`Residency::Populated`] for servers whose first uploads should not wait for the disk.
    #[must_use]
    pub fn residency(mut self, residency: Residency) -> StoreOptions {
        self.residency = residency;
        self
    }

    /// Includes the built-in test list, whose files ([`test_files`]) lawfully prove that uploads are really judged.
    #[must_use]
    pub fn test_list(mut self, include: bool) -> StoreOptions {
        self.test_list = include;
        self
    }

    /// Opens a set file, or a directory that holds `base.tamis`.
    ///
    /// # Errors
    /// Those of [`Set::open`]; [`ErrorCode::Store`] for a directory without a base.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref().to_path_buf();
        let snapshot = self.snapshot(&path)?;
        Ok(Store {
            shared: Arc::new(Shared {
                path: Some(path),
                options: self,
                current: ArcSwap::from_pointee(snapshot),
            }),
        })
    }

    fn snapshot(&self, path: &Path) -> Result<Snapshot> {
        let file = base_of(path)?;
        // The stamp is taken first: a file that is replaced in between is opened again at the next refresh.
        let stamp = Stamp::of(&file)?;
        let base = Set::open_with(&file, self.residency)?;
        self.assemble(base, Some(stamp))
    }

    fn assemble(&self, base: Set, stamp: Option<Stamp>) -> Result<Snapshot> {
        let mut sets = vec![Arc::new(base)];
        if self.test_list {
            sets.push(Arc::new(test_set()?));
        }
        let mut hasher = blake3::Hasher::new_derive_key("tamis 2026-11 store digest");
        for set in &sets {
            hasher.update(&set.digest().0);
        }
        Ok(Snapshot { sets, digest: StoreDigest(*hasher.finalize().as_bytes()), stamp })
    }
}

/// A handle on a store. Cloning it is cheap, and all clones see the same refreshes.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    path: Option<PathBuf>,
    options: StoreOptions,
    current: ArcSwap<Snapshot>,
}

/// What [`Store::refresh`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refresh {
    /// The files are those that are open already.
    Unchanged,
    /// A new snapshot is in force.
    Replaced,
}

impl Store {
    /// Opens a set file, or a directory that holds `base.tamis`, with the default options.
    ///
    /// # Errors
    /// As for [`StoreOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        StoreOptions::new().open(path)
    }

    /// A store of one set that is open already; it has nothing to refresh.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] if the built-in test list is asked for and damaged.
    pub fn from_set(set: Set, options: StoreOptions) -> Result<Store> {
        let snapshot = options.assemble(set, None)?;
        Ok(Store {
            shared: Arc::new(Shared {
                path: None,
                options,
                current: ArcSwap::from_pointee(snapshot),
            }),
        })
    }

    /// What the store holds now. Keep it for as long as one upload is judged.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.current.load_full()
    }

    /// Looks whether the files were replaced, and opens the new ones. Costs a system call or three when they were not. New
    /// files are compared with their checksums before they come into force, which takes as long as reading them.
    ///
    /// # Errors
    /// As for [`Store::open`]. The last good snapshot then stays in force.
    pub fn refresh(&self) -> Result<Refresh> {
        let Some(path) = &self.shared.path else { return Ok(Refresh::Unchanged) };
        if self.shared.current.load().stamp == Some(Stamp::of(&base_of(path)?)?) {
            return Ok(Refresh::Unchanged);
        }
        let snapshot = self.shared.options.snapshot(path)?;
        for set in &snapshot.sets {
            // At the first opening damage would show when it is touched; here there is a good snapshot to lose.
            set.warm(&mut |_| {})?;
        }
        self.shared.current.store(Arc::new(snapshot));
        Ok(Refresh::Replaced)
    }

    /// The path it was opened from; none for a store made from a set.
    pub fn path(&self) -> Option<&Path> {
        self.shared.path.as_deref()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.shared.path)
            .field("digest", &self.snapshot().digest)
            .finish()
    }
}

/// What a store held at one moment. Immutable.
#[derive(Debug)]
pub struct Snapshot {
    sets: Vec<Arc<Set>>,
    digest: StoreDigest,
    stamp: Option<Stamp>,
}

impl Snapshot {
    /// The sets, the base first.
    pub fn sets(&self) -> &[Arc<Set>] {
        &self.sets
    }

    /// Identifies the contents.
    pub fn digest(&self) -> StoreDigest {
        self.digest
    }

    /// The algorithms that have entries in any set.
    pub fn algorithms(&self) -> Algorithms {
        self.sets.iter().flat_map(|set| set.algorithms().iter()).collect()
    }

    /// Number of entries in all sets.
    pub fn entry_count(&self) -> u64 {
        self.sets.iter().map(|set| set.entry_count()).sum()
    }

    /// When the base was built, in seconds since 1970; 0 if it does not say.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`].
    pub fn created(&self) -> Result<u64> {
        self.sets.first().map_or(Ok(0), |base| base.created())
    }

    /// The digest of the base.
    pub fn base_digest(&self) -> Option<SetDigest> {
        self.sets.first().map(|base| base.digest())
    }
}

/// The base's file, for a set file or a store directory.
fn base_of(path: &Path) -> Result<PathBuf> {
    let metadata = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
    if !metadata.is_dir() {
        return Ok(path.to_path_buf());
    }
    set::check_mode(&metadata, path)?;
    let base = path.join(BASE);
    if base.exists() {
        return Ok(base);
    }
    Err(Error::new(
        ErrorCode::Store,
        format!(
            "this directory holds no {BASE}; make one with `tamis build -o DIRECTORY/{BASE} LIST`"
        ),
    )
    .with_path(path))
}

/// What tells one version of a file from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    identity: [i64; 6],
}

impl Stamp {
    fn of(path: &Path) -> Result<Stamp> {
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("examine", path, e))?;
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            [
                metadata.dev() as i64,
                metadata.ino() as i64,
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ]
        };
        #[cfg(not(unix))]
        let identity = {
            let modified =
                metadata.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
            [0, 0, modified.map_or(0, |t| t.as_nanos() as i64), 0, 0, 0]
        };
        Ok(Stamp { size: metadata.len(), identity })
    }
}

#[cfg(test)]
mod tests;
