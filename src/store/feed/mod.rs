//! Feeds: how a list travels from its maker to its subscribers.
//!
//! A feed is a directory of plain files that any web host can serve and any tool can copy: `feed.json`, which says what the list is and
//! which *sets* it consists of; signatures of exactly those bytes, in minisign's format; and the sets. How it arrives is nobody's business here: there is no network.
//!
//! ```text
//! feed.json                   the list's name, a version that only grows, contact, criteria; for each set its name, digest, length and the
//!                             numbers of the changes in it
//! feed.json.minisig           a signature of feed.json
//! feed.json.KEYID.minisig     more of them, where several people must agree
//! *.tamis                     the sets: a base that replaces the list, or its first change; then one change after the other
//!
//! Received::read(dir):        read feed.json and the signatures; keep the rules of both; believe nothing
//! accept(trust, seen, now):   of the list that the keys are pinned to?                       else UpdateForeign
//!                             signed by at least `need` different pinned keys?               else UpdateUnsigned, UpdateSignature
//!                             not older than what was seen?                                  else UpdateRollback
//!                             the same as what was seen, if the version is the same?         else UpdateConflict
//!                             not over?                                                      else UpdateExpired
//! fetch(set, path):           all there, as long as the feed says?                           else UpdateIncomplete: wait
//!                             copy it; is the copy's digest the one that was signed, and every byte covered by it?   else UpdateSignature
//!                             does it change that list and no other, by those numbers, and grant no exceptions?      else UpdateForeign, UpdatePoison
//! ```
//!
//! Invariants:
//! - A signature covers `feed.json`; that holds the digests of the sets; a set's digest covers its checksums, and they every byte. So
//!   nothing of a set is used that was not signed, and none of it has to be read to check a signature.
//! - What is checked is what is applied: sets are copied before they are checked, and the copy is applied.
//! - A key is worth nothing but for the list that it is pinned to, and a signature counts once however often it is there.
//! - What the maker says of the list's kind, agreement and legal basis is not believed: those are the subscriber's own.
//!
//! # Which signatures
//!
//! Those that minisign makes by default since version 0.10: Ed25519 over the BLAKE2b of the file. The older kind (`minisign -l`), over the
//! file itself, is not taken: nothing says by which of the two rules a signature was meant, so one rule is safer than two.

mod apply;
mod contents;
mod file;
mod key;
mod received;
mod whole;

pub use apply::{FeedApplied, trust};
pub use file::{Feed, FeedSet};
pub use key::{KeyId, PublicKey};
pub use received::{Accepted, FEED_FILE, FeedDigest, Received, Seen, Trust, open_set};
pub use whole::entries;
