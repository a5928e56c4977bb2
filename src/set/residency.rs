//! [`Residency`]: where the bytes of an open set lie; [`Set::warm`]: all of it in memory, and known to be sound.
//!
//! Two things make the first look-ups of a fresh process slower than later ones: pages that are not in memory, or not yet in the process's page tables, and
//! blocks that were not yet compared with their checksums. Both are done once, for all of the file, by the same pass:
//!
//! ```text
//! for each part of 4 MiB of the file:
//!     bring it in: for a map, one call that fills the page tables (MADV_POPULATE_READ); for a copy, one read
//!     compare its groups of checksums and its blocks with their checksums, while the cache holds them
//! remember that all was verified: from here on a look-up does not even visit the bitmap of verified blocks
//! ```
//!
//! The third cost stays: at ten million entries each random access misses the TLB, and the processor walks the page tables. Huge pages shorten the walk. Linux
//! has them for private memory that asks for them, and on ext4 since 6.16 for mapped files, too, where all processes share them.

use crate::error::Result;
use crate::names::named;

use super::reader::Set;

named! {
    /// Where the bytes of an open set lie. The README's "Memory and cold files" has the figures.
    ///
    /// | | opening | memory of each process | first look-up | page tables |
    /// |---|---|---|---|---|
    /// | `Mapped` | reads the head only | none of its own | waits for the disk; verifies what it touches | walked page by page, unless the file's pages are huge |
    /// | `Populated` | reads and verifies all | none of its own | as later ones | huge pages where the file system has them |
    /// | `Heap` | reads, copies and verifies all | the size of the file | as later ones | walked page by page |
    /// | `HugePages` | as `Heap` | the size of the file, to the next 2 MiB | as later ones | huge pages where the system has them |
    /// | `Sealed` | as `Heap` | the size of the file, one copy for a process and all that are forked from it later | as later ones | as the system gives |
    ///
    /// A process that opens a set and then forks shares a copy of each kind with its children, since nobody writes to it. What each is safe from:
    ///
    /// | | the file is replaced by `rename`, or removed | written into, in place | cut, in place | a stray write of the host | in a core dump |
    /// |---|---|---|---|---|---|
    /// | `Mapped` | safe | what is not verified yet is an error; what is, may be wrong | SIGBUS | faults at once: read-only | no (Linux) |
    /// | `Populated` | safe | may be wrong | SIGBUS | as above | no (Linux) |
    /// | `Heap`, `HugePages` | safe | safe | safe | as above, unless the host makes the memory writable | no (Linux) |
    /// | `Sealed` | safe | safe | safe | as above; no other process can change it either, not even one that was forked | no (Linux) |
    #[derive(Default)]
    #[non_exhaustive]
    Residency ("a residency") {
        /// A map of the file, read when it is needed: the default. All processes share one copy, which the system may drop and read again as memory gets
        /// scarce. For programs that end soon, for small machines, and wherever other processes keep the file warm anyway.
        #[default]
        Mapped = 1 "mapped",
        /// A map of the file, all of it read, verified and entered in this process's page tables at once: [`Residency::Mapped`] and [`Set::warm`]. For
        /// servers. Opening takes as long as hashing the file once, and reading it, if nobody did before.
        ///
        /// Where the file system can, the file is read in huge pages, shared by all processes; what is in memory in small pages already stays so. `FilePmdMapped`
        /// in `/proc/PID/smaps` says how much of a map is in huge pages.
        Populated = 2 "populated",
        /// A copy in ordinary memory of this process, which nothing that happens to the file can harm: for network file systems, and wherever a file may be
        /// changed or cut in place. While it is read, the system's cache may hold the file a second time.
        Heap = 3 "heap",
        /// As [`Residency::Heap`], in huge pages, where the system has them (Linux, with `/sys/kernel/mm/transparent_hugepage/enabled` at `madvise` or `always`);
        /// otherwise in ordinary ones, without a word. `AnonHugePages` in `/proc/PID/smaps` says how much became huge. For servers with few processes and memory
        /// to spare, where `Populated` does not get huge pages.
        HugePages = 4 "huge-pages",
        /// A copy in memory that the kernel has sealed (Linux: `memfd_create`, and seals against writing, cutting, growing and unsealing): nothing that happens to
        /// the file can harm it, and nobody can change it, this process and its children included. For servers that open a set and then fork their workers: all
        /// share the one copy. A new version of the set is a new copy, made when the store is refreshed.
        ///
        /// The memory counts as shared (`RssShmem` in `/proc/PID/status`), may be swapped out, and is free when the last process is done with it. Where there is no such
        /// memory: [`ErrorCode::Unsupported`](crate::ErrorCode::Unsupported).
        Sealed = 5 "sealed",
    }
}

impl Residency {
    /// All that this system has.
    pub const AVAILABLE: &[Residency] = &[
        Residency::Mapped,
        Residency::Populated,
        Residency::Heap,
        Residency::HugePages,
        #[cfg(target_os = "linux")]
        Residency::Sealed,
    ];
}

impl Set {
    /// Brings all of the set into memory, and compares what was not compared yet with its checksums, so that no later look-up has to wait for either. Takes as
    /// long as hashing the file, and reading it, if it is not in memory; when all was verified before, it only brings back what the system has dropped.
    /// `progress` is called now and then with the number of bytes of the file done.
    ///
    /// What passed is not compared again: of a mapped set, pages that the system drops and reads again are taken on trust. Whether its maker kept the rules of the format is
    /// for [`Set::verify`].
    ///
    /// ```
    /// # use tamis::{Set, SetBuilder};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("base.tamis");
    /// # SetBuilder::new().write(&path)?;
    /// let set = Set::open(&path)?;
    /// set.warm(&mut |bytes| eprintln!("{bytes} of {} bytes", set.size()))?;
    /// # Ok::<(), tamis::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`](crate::ErrorCode::SetCorrupt), naming the first fault found; [`ErrorCode::Io`](crate::ErrorCode::Io) if the file cannot be read.
    pub fn warm(&self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        self.blocks().warm(progress)
    }
}
