//! A feed's directory as it arrived, and how it becomes one that may be applied.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result, shown};
use crate::files::{self, open_unfollowed, publish};
use crate::names::digest_of;
use crate::set::{Set, SetDigest, digest_in_head};

use super::contents;
use super::file::{FEED_LIMIT, Feed, FeedSet};
use super::key::{KeyId, PublicKey, Signature};

/// The name of a feed's signed file.
pub const FEED_FILE: &str = "feed.json";

/// What the name of a signature ends with; minisign's own ending.
const SIGNATURE_ENDING: &str = ".minisig";

/// Most signatures that are looked at, besides those that bear the name of a pinned key. More are no mistake of a friend, but whoever brings the feed may be none.
const MOST_SIGNATURES: usize = 64;

/// Most bytes of one: four lines, of which the comments may be long.
const SIGNATURE_LIMIT: u64 = 8 << 10;

/// What a subscriber has agreed on for one list: whose signatures it takes, and how many of them it wants.
///
/// ```
/// use tamis::store::feed::{PublicKey, Trust};
/// let key: PublicKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".parse()?;
/// let trust = Trust { keys: vec![key], need: 1, ..Trust::nobody("neighbour") };
/// trust.check()?;
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The list that the keys are pinned to. They are worth nothing for any other.
    pub list: String,
    /// The pinned keys.
    pub keys: Vec<PublicKey>,
    /// How many different ones of them must have signed.
    pub need: u32,
    /// Take the list without any signature. Whoever can write to where it arrives then says what is on it.
    pub unsigned: bool,
}

impl Trust {
    /// No keys, so that nothing is taken.
    pub fn nobody(list: impl Into<String>) -> Trust {
        Trust { list: list.into(), keys: Vec::new(), need: 1, unsigned: false }
    }

    /// Whether it can ever be satisfied, and says one thing only.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`]: no key, a key pinned twice, more signatures wanted than there are keys, or keys for a list that is taken unsigned.
    pub fn check(&self) -> Result<()> {
        let fault = |what: String| Err(Error::new(ErrorCode::InvalidArgument, what));
        let list = shown(&self.list);
        if self.unsigned {
            return match self.keys.is_empty() {
                true => Ok(()),
                false => fault(format!(
                    "list {list:?} is taken unsigned, so keys mean nothing; remove them, or ask for signatures"
                )),
            };
        }
        for (i, key) in self.keys.iter().enumerate() {
            if self.keys[..i].iter().any(|earlier| earlier.same_key(key)) {
                return fault(format!("key {} is pinned twice for list {list:?}", key.id()));
            }
        }
        let count = self.keys.len();
        if count == 0 {
            return fault(format!("list {list:?} has no key; pin at least one"));
        }
        if self.need == 0 || self.need as usize > count {
            return fault(format!(
                "list {list:?} has {count} keys, so it can ask for 1 to {count} signatures and not for {}",
                self.need
            ));
        }
        Ok(())
    }
}

/// What a subscriber remembers of the last feed that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its version.
    pub version: u64,
    /// BLAKE3 of its `feed.json`.
    pub digest: FeedDigest,
}

digest_of! {
    /// BLAKE3 of the bytes of a `feed.json`.
    FeedDigest
}

/// A feed's directory as it arrived: read, well-formed, and nothing of it believed.
///
/// [`Received::accept`] makes it one that may be applied.
pub struct Received {
    dir: PathBuf,
    feed: Feed,
    bytes: Vec<u8>,
    signatures: Vec<SignatureFile>,
    /// Names of signatures in `dir` that were too many to be read, and what tells each from what it becomes.
    beyond: Vec<(String, Stamp)>,
}

/// A signature beside a `feed.json`.
struct SignatureFile {
    name: String,
    /// None if the file is not a signature.
    signature: Option<Signature>,
}

impl Received {
    /// Reads `feed.json` and the signatures beside it. The sets are not touched.
    ///
    /// # Errors
    /// [`ErrorCode::UpdateMalformed`]; [`ErrorCode::NotFound`], [`ErrorCode::Io`] and their kin.
    pub fn read(dir: impl AsRef<Path>) -> Result<Received> {
        let dir = dir.as_ref();
        let path = dir.join(FEED_FILE);
        let bytes = read_small(&path, FEED_LIMIT)?;
        let mut names = signatures(dir)?;
        let beyond = names.split_off(names.len().min(MOST_SIGNATURES));
        let beyond = beyond.into_iter().map(|name| (name.clone(), stamp(&dir.join(&name))));
        let beyond = beyond.collect();
        let files = names.into_iter().map(|name| (name.clone(), read_signature(dir, &name)));
        let received = Received::from_parts(dir, bytes, files.collect());
        received.map(|received| Received { beyond, ..received }).map_err(|e| e.with_path(&path))
    }

    /// The same of a `feed.json` and of signature files, by name, that are in memory already; its sets would be in `dir`.
    ///
    /// # Errors
    /// [`ErrorCode::UpdateMalformed`]. Never panics, whatever the bytes.
    pub fn from_parts(
        dir: impl Into<PathBuf>,
        bytes: Vec<u8>,
        signatures: Vec<(String, Vec<u8>)>,
    ) -> Result<Received> {
        let feed = Feed::parse(&bytes)?;
        let signatures = signatures.into_iter().take(MOST_SIGNATURES);
        let signatures = signatures.map(|(name, bytes)| SignatureFile::of(name, &bytes)).collect();
        Ok(Received { dir: dir.into(), feed, bytes, signatures, beyond: Vec::new() })
    }

    /// Reads those of the signatures beyond the first ones that are named after one of these keys, as `tamis list sign` names them.
    fn read_named_after(&mut self, keys: &[PublicKey]) {
        for key in keys {
            let name = format!("{FEED_FILE}.{}{SIGNATURE_ENDING}", key.id());
            if let Some(at) = self.beyond.iter().position(|(other, _)| *other == name) {
                self.beyond.swap_remove(at);
                let bytes = read_signature(&self.dir, &name);
                self.signatures.push(SignatureFile::of(name, &bytes));
            }
        }
    }

    /// What it says of itself. Do not act on it before [`Received::accept`].
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Identifies the feed, and the signatures that arrived with it: what was refused once need not be looked at again.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("tamis 2026-11 received feed");
        hasher.update(&self.bytes);
        for file in &self.signatures {
            hasher.update(file.name.as_bytes());
            hasher.update(file.signature.as_ref().map_or(&[0; 32], |s| &s.digest));
        }
        for (name, (length, written)) in &self.beyond {
            hasher.update(name.as_bytes());
            hasher.update(&length.to_le_bytes());
            hasher.update(&written.as_nanos().to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    /// Which of `keys` have signed it.
    pub fn signers(&self, keys: &[PublicKey]) -> Vec<KeyId> {
        let mut signers: Vec<&PublicKey> = Vec::new();
        for key in keys {
            let signed = || {
                self.signatures
                    .iter()
                    .filter_map(|file| file.signature.as_ref())
                    .any(|signature| signature.is_by(key, &self.bytes))
            };
            if !signers.iter().any(|known| known.same_key(key)) && signed() {
                signers.push(key);
            }
        }
        signers.into_iter().map(PublicKey::id).collect()
    }

    /// The names of the signature files, and whose they claim to be; none where the file is not a signature that is understood.
    pub fn signatures(&self) -> impl Iterator<Item = (&str, Option<KeyId>)> {
        self.signatures.iter().map(|file| (&*file.name, file.signature.as_ref().map(|s| s.id)))
    }

    /// Checks it against what the subscriber trusts and remembers, at the time `now`, in seconds since 1970.
    ///
    /// # Errors
    /// - [`ErrorCode::UpdateForeign`]: of another list than the keys are pinned to.
    /// - [`ErrorCode::UpdateUnsigned`], [`ErrorCode::UpdateSignature`]: no signature, or not enough by pinned keys over exactly these bytes.
    /// - [`ErrorCode::UpdateRollback`]: older than what was seen. [`ErrorCode::UpdateConflict`]: something else under the same version.
    /// - [`ErrorCode::UpdateExpired`].
    /// - [`ErrorCode::InvalidArgument`] if the trust itself is not sound ([`Trust::check`]).
    pub fn accept(mut self, trust: &Trust, seen: Option<&Seen>, now: u64) -> Result<Accepted> {
        self.read_named_after(&trust.keys);
        let path = self.dir.join(FEED_FILE);
        self.check(trust, seen, now).map_err(|e| e.with_path(&path))
    }

    fn check(self, trust: &Trust, seen: Option<&Seen>, now: u64) -> Result<Accepted> {
        let refused = |code, what: String| Err(Error::new(code, what));
        let feed = &self.feed;
        if feed.list != trust.list {
            return refused(
                ErrorCode::UpdateForeign,
                format!(
                    "it is of list {:?}; expected {:?}, which its place and keys are pinned to",
                    shown(&feed.list),
                    shown(&trust.list)
                ),
            );
        }
        trust.check()?;
        let signed_by = if trust.unsigned { Vec::new() } else { self.enough_signers(trust)? };
        let digest = FeedDigest(*blake3::hash(&self.bytes).as_bytes());
        let known = match seen {
            Some(seen) if feed.version < seen.version => {
                return refused(
                    ErrorCode::UpdateRollback,
                    format!(
                        "version {}; version {} was seen before, and nothing older is taken",
                        feed.version, seen.version
                    ),
                );
            }
            Some(seen) if feed.version == seen.version && digest != seen.digest => {
                return refused(
                    ErrorCode::UpdateConflict,
                    format!(
                        "another version {} was seen before; its maker must publish a version {}, and should know why there are two",
                        feed.version,
                        feed.version.saturating_add(1)
                    ),
                );
            }
            Some(seen) => feed.version == seen.version,
            None => false,
        };
        // Also of the very feed that was taken: whoever holds back all later ones shows this one for ever.
        if let Some(expires) = feed.expires.filter(|expires| *expires <= now) {
            let stays = if known { "; what was taken of it stays in force" } else { "" };
            return refused(
                ErrorCode::UpdateExpired,
                format!(
                    "it ended at {expires} and it is {now} (seconds since 1970); fetch a newer one, or ask its maker for it{stays}"
                ),
            );
        }
        let seen = Seen { version: feed.version, digest };
        Ok(Accepted { dir: self.dir, feed: self.feed, seen, signed_by, known })
    }

    fn enough_signers(&self, trust: &Trust) -> Result<Vec<KeyId>> {
        let signers = self.signers(&trust.keys);
        if signers.len() >= trust.need as usize {
            return Ok(signers);
        }
        let pinned: Vec<String> = trust.keys.iter().map(|key| key.id().to_string()).collect();
        let pinned = pinned.join(", ");
        if self.signatures.is_empty() {
            return Err(Error::new(
                ErrorCode::UpdateUnsigned,
                format!(
                    "there is no signature beside it; expected {} by {pinned}, in {FEED_FILE}{SIGNATURE_ENDING}",
                    trust.need
                ),
            ));
        }
        let found: Vec<String> = self
            .signatures
            .iter()
            .map(|file| format!("{} {}", shown(&file.name), file.judgement(&signers, &trust.keys)))
            .collect();
        Err(Error::new(
            ErrorCode::UpdateSignature,
            format!(
                "good signatures of {} pinned keys; expected {} of {pinned}. Found: {}",
                signers.len(),
                trust.need,
                found.join("; ")
            ),
        ))
    }
}

impl SignatureFile {
    fn of(name: String, bytes: &[u8]) -> SignatureFile {
        SignatureFile { name, signature: str::from_utf8(bytes).ok().and_then(Signature::decode) }
    }

    /// What became of it, as a clause.
    fn judgement(&self, signers: &[KeyId], pinned: &[PublicKey]) -> String {
        match &self.signature {
            None => "is not a signature that is understood (sign with minisign 0.10 or newer, without -l)".into(),
            Some(s) if signers.contains(&s.id) => format!("by {} is good", s.id),
            Some(s) if pinned.iter().any(|key| key.id() == s.id) => {
                format!("by {} does not fit: the file was changed or not signed anew", s.id)
            }
            Some(s) => format!("is by {}, which is not pinned", s.id),
        }
    }
}

/// A feed that the subscriber's own rules allow to apply.
pub struct Accepted {
    dir: PathBuf,
    feed: Feed,
    seen: Seen,
    signed_by: Vec<KeyId>,
    known: bool,
}

impl Accepted {
    /// What it says.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// What to remember once it is applied.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// The pinned keys that signed it; none where the list is taken unsigned.
    pub fn signed_by(&self) -> &[KeyId] {
        &self.signed_by
    }

    /// Whether it is the very one that was seen last: there is nothing to apply.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Copies one of its sets to `path`, opens the copy and checks all of it: length, digest, every byte, and that it
    /// changes what the feed says and nothing else.
    ///
    /// Nothing is copied of a file whose head does not bear the digest that was signed. A copy, because what is checked must be what is applied: the directory belongs to others, who may write into it at any moment.
    ///
    /// # Errors
    /// [`ErrorCode::UpdateIncomplete`] if the file is not there or not as long as the feed says; [`ErrorCode::UpdateSignature`] if it is not the
    /// file that was signed; [`ErrorCode::UpdateForeign`], [`ErrorCode::UpdatePoison`] for what is in it; [`ErrorCode::SetVersion`],
    /// [`ErrorCode::SetSection`] if it takes a newer Tamis. Nothing is left at `path` then.
    pub fn fetch(&self, set: &FeedSet, path: &Path) -> Result<Set> {
        let source = self.dir.join(&set.file);
        let is_named = |digest| is_the_one(digest, set);
        copy(&source, set.bytes, path, is_named, altered)?;
        examine(&self.feed.list, set, path).map_err(|error| {
            // The error is what matters; a leftover is unnamed by any manifest.
            let _ = fs::remove_file(path);
            Error::new(error.code(), unpathed(&error)).with_path(&source)
        })
    }
}

/// Opens a set of a feed where it lies, and checks all of it, as [`Accepted::fetch`] checks its copy. For list makers, who own the directory;
/// subscribers, who do not, fetch.
///
/// # Errors
/// As for [`Accepted::fetch`], and those of [`Set::open`].
pub fn open_set(dir: impl AsRef<Path>, feed: &Feed, named: &FeedSet) -> Result<Set> {
    let path = dir.as_ref().join(&named.file);
    let length =
        open_unfollowed(&path)?.metadata().map_err(|e| Error::io("examine", &path, e))?.len();
    if length != named.bytes {
        return incomplete(&path, length, named.bytes);
    }
    examine(&feed.list, named, &path).map_err(|e| e.with_path(&path))
}

fn incomplete<T>(path: &Path, found: u64, expected: u64) -> Result<T> {
    let what = format!("{found} bytes; the feed says {expected}; is it still being copied?");
    Err(Error::new(ErrorCode::UpdateIncomplete, what).with_path(path))
}

fn examine(list: &str, named: &FeedSet, path: &Path) -> Result<Set> {
    let set = Set::open(path).map_err(altered)?;
    is_the_one(set.digest(), named)?;
    set.warm(&mut |_| {}).map_err(altered)?;
    contents::check(&set, list, named)?;
    Ok(set)
}

/// What it means that a set which a feed names is none.
fn altered(error: Error) -> Error {
    match error.code() {
        ErrorCode::SetForeign | ErrorCode::SetTruncated | ErrorCode::SetCorrupt => Error::new(
            ErrorCode::UpdateSignature,
            format!("it is not the file that the feed names; copy it again: {}", unpathed(&error)),
        ),
        _ => error,
    }
}

fn is_the_one(found: SetDigest, named: &FeedSet) -> Result<()> {
    if found == named.digest {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::UpdateSignature,
        format!("its digest is {found}; the feed names {}: copy it again", named.digest),
    ))
}

/// The message alone: the copy's name means nothing to anybody.
fn unpathed(error: &Error) -> String {
    error.message().to_owned()
}

/// Copies and opens a set that came without a feed, if `check` lets its length pass. What is cut short may still be growing.
pub(super) fn fetch_alone(
    from: &Path,
    to: &Path,
    check: impl FnOnce(u64) -> Result<()>,
) -> Result<Set> {
    let length =
        open_unfollowed(from)?.metadata().map_err(|e| Error::io("examine", from, e))?.len();
    check(length).map_err(|e| e.with_path(from))?;
    let coded = |error: Error| {
        let code = match error.code() {
            ErrorCode::SetTruncated => ErrorCode::UpdateIncomplete,
            ErrorCode::SetForeign | ErrorCode::SetCorrupt => ErrorCode::UpdateMalformed,
            code => code,
        };
        Error::new(code, unpathed(&error)).with_path(from)
    };
    copy(from, length, to, |_| Ok(()), coded)?;
    let opened = Set::open(to).and_then(|set| set.warm(&mut |_| {}).map(|()| set));
    opened.map_err(|error| {
        let _ = fs::remove_file(to);
        coded(error)
    })
}

/// Copies a file of so many bytes if it begins as a set does, and `is_right` says so of the digest in its head; `meaning` is what a head means that is none.
fn copy(
    from: &Path,
    bytes: u64,
    to: &Path,
    is_right: impl FnOnce(SetDigest) -> Result<()>,
    meaning: impl FnOnce(Error) -> Error,
) -> Result<()> {
    let mut file = open_unfollowed(from).map_err(|error| match error.code() {
        ErrorCode::NotFound => {
            let what = "the feed names it, and it is not there; is it still being copied?";
            Error::new(ErrorCode::UpdateIncomplete, what).with_path(from)
        }
        _ => error,
    })?;
    let found = file.metadata().map_err(|e| Error::io("examine", from, e))?.len();
    if found != bytes {
        return incomplete(from, found, bytes);
    }
    let right = digest_in_head(&mut file, from).map_err(meaning).and_then(is_right);
    right.map_err(|e| e.with_path(from))?;
    file.seek(SeekFrom::Start(0)).map_err(|e| Error::io("read", from, e))?;
    let copied = publish(to, |out| {
        let copied = io::copy(&mut file.take(bytes), out);
        let copied = copied.map_err(|e| Error::io("copy", from, e))?;
        if copied == bytes { Ok(()) } else { incomplete(from, copied, bytes) }
    });
    match copied {
        // It is there to be read now, and need not outlive a power failure; the code would say that the change is in force.
        Err(e) if e.code() == ErrorCode::Durability => Ok(()),
        copied => copied,
    }
}

/// The names of the signature files beside `feed.json`: minisign's own first, then by name.
fn signatures(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for name in files::names(dir).map_err(|e| Error::io("read", dir, e))? {
        let between = name.strip_prefix(FEED_FILE).and_then(|n| n.strip_suffix(SIGNATURE_ENDING));
        if between.is_some_and(|between| between.is_empty() || between.starts_with('.')) {
            names.push(name);
        }
    }
    // It is the shortest.
    let own = FEED_FILE.len() + SIGNATURE_ENDING.len();
    names.sort_by(|a, b| (a.len() != own, a).cmp(&(b.len() != own, b)));
    Ok(names)
}

/// A file's length, and when it was last written to, since 1970.
type Stamp = (u64, Duration);

fn stamp(path: &Path) -> Stamp {
    let Ok(metadata) = path.symlink_metadata() else { return Stamp::default() };
    let written = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    (metadata.len(), written.unwrap_or_default())
}

/// One that cannot be read is one that does not count; the others may be enough.
fn read_signature(dir: &Path, name: &str) -> Vec<u8> {
    read_small(&dir.join(name), SIGNATURE_LIMIT).unwrap_or_default()
}

/// A file of at most `limit` bytes, whole.
fn read_small(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open_unfollowed(path)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
    if bytes.len() as u64 > limit {
        let what = format!("longer than {limit} bytes");
        return Err(Error::new(ErrorCode::UpdateMalformed, what).with_path(path));
    }
    Ok(bytes)
}
