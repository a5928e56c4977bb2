//! Files, whatever is in them: publishing one, opening one that is to be trusted, telling one from another.
//!
//! Sets, manifests, feeds, keys, policies, counters and lists of pending changes all need the same three things, and a fault in one of them is the same fault everywhere.
//!
//! ```text
//! publish(path, write):                         readers see the old file or the new one; a crash leaves one of the two
//!     open the directory                        a failure up to the rename changes nothing:
//!     create the draft beside it, and lock it   the old file is in force, and the draft is removed
//!     write, sync, rename it over the old one
//!     sync the directory                        a failure here is `ErrorCode::Durability`: the new file is in force,
//!                                               and may be gone after a power failure
//!
//! open(path):                                   what is opened is checked, not what bears the name
//!     ask what it is; open it without waiting for anybody
//!     is it a regular file? whose? who may write to it, who may read it?
//! ```
//!
//! Invariants:
//! - What is put in place is whole and on the disk before it has its name.
//! - Nobody publishes another's draft: it is locked for as long as it is open.
//! - No call fails because a signal came: it is made again.
//! - Nothing is opened that could keep the caller waiting, and no check is made on a name when it can be made on the open file.

mod access;
mod identity;
mod publish;

use std::io;

pub(crate) use access::{
    names, open_checked, open_unfollowed, open_unwaiting, open_within, status_of,
};
pub(crate) use identity::{Identity, Stamp};
pub(crate) use publish::sync_directory;
pub use publish::{Draft, draft_path, publish, publish_bytes, retire};

/// Makes a call again when a signal interrupted it.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
