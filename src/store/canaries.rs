//! Canaries: harmless files that no entry may match. Before a base or a delta comes into force it is searched for each of them; a match refuses
//! it, and what was in force stays.
//!
//! An operator gives files that must always get through: his logo, the default avatar, the most shared pictures of last year. Some byte strings are canaries everywhere: what
//! software uploads when it means nothing.
//!
//! ```text
//! check(new, radius):
//!     for each canary, built in or given:
//!         digests:                          binary search in `new`
//!         PDQ of each of its renderings:    radius search in `new`
//!         an entry that acts is there -> refused, with the names of both
//! ```
//!
//! It is the *new set* that is searched, for each of some thousand canaries, so it costs microseconds for each, however many entries the set has.
//! Exceptions, and entries that their list itself calls negative, do nothing, so they match no canary.
//!
//! A canary of which too little can be compared (a blank picture has no PDQ code that any set takes) is a canary by its digests.
//!
//! How near is too near: at the radius at which uploads are compared, or the usual 31 bits if that is less. For a store that is the radius in its `policy.toml` ([`Canaries::radius_of_store`]).
//! If that cannot be read it is 64, the greatest radius of any. A program that looks further by a policy of its own should say so there, too.
//!
//! The file `canaries.tamis` is an ordinary set with one list, `canaries`; each canary's name is the item of its entries.

mod harmless;

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, ErrorCode, Result, shown};
use crate::files;
use crate::fingerprint::{Algorithm, Algorithms, Fingerprint, Fingerprints, PdqHash, digests};
use crate::search::RadiusSearch;
use crate::set::{
    self, BuildReport, Entry, List, ListId, ListKind, Opinion, Refusal, Residency, Role, Set,
    SetBuilder, StoredEntry,
};

use harmless::HARMLESS;

/// Name of the file within the store's directory, and of the list in it.
pub const CANARIES: &str = "canaries.tamis";
const LIST: &str = "canaries";

/// The policy of a store, put there by `tamis store init`, and its most bytes.
const POLICY: &str = "policy.toml";
const POLICY_LIMIT: u64 = 1 << 20;

/// The radius of a policy that does not say it, and the greatest that any may say: the room `policy` is out of reach here, and its tests compare them.
const USUAL_RADIUS: u32 = 31;
const GREATEST_RADIUS: u32 = 64;

/// Codes that are looked up together: enough to share a scan, few enough to hold.
const TOGETHER: usize = 256;

/// Harmless files that no entry may match. See [`CanaryBuilder`] for where they come from.
///
/// ```
/// use tamis::fingerprint::{Algorithms, Fingerprints, digests};
/// use tamis::set::{Entry, List, ListKind, Set, SetBuilder};
/// use tamis::store::{Canaries, CanaryBuilder};
/// let logo = b"the operator's logo";
/// let mut builder = CanaryBuilder::new();
/// let fingerprints = Fingerprints::default().digests(digests(logo, Algorithms::DIGESTS));
/// builder.add("logo.svg", &fingerprints)?;
/// let canaries: Canaries = builder.build()?;
///
/// let mut new = SetBuilder::new();
/// let list = new.add_list(List::new("exchange", ListKind::Exchange))?;
/// let digest = fingerprints.digests.iter().next().unwrap();
/// new.add(list, Entry::new(digest)).expect("not poison by itself");
/// let new = Set::from_bytes(&new.to_bytes()?.0)?;
/// let refused = canaries.check(&new, 31).unwrap_err();
/// assert_eq!(refused.code(), tamis::ErrorCode::UpdateCanary);
/// assert!(refused.to_string().contains("logo.svg"));
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Canaries {
    set: Option<Set>,
}

impl Canaries {
    /// Only those that are built in.
    pub fn built_in() -> Canaries {
        Canaries::default()
    }

    /// Those of a store's directory, from its `canaries.tamis`, if it has one.
    ///
    /// # Errors
    /// Those of [`Set::open`], but that there is no such file.
    pub fn of_store(directory: impl AsRef<Path>) -> Result<Canaries> {
        match set::open_within(directory.as_ref(), CANARIES, Residency::Mapped) {
            Ok(set) => Ok(Canaries { set: Some(set) }),
            Err(e) if e.code() == ErrorCode::NotFound => Ok(Canaries::built_in()),
            Err(e) => Err(e),
        }
    }

    /// How near no entry may come to a canary of a store: the radius in its `policy.toml`, or 31 if that is less or there is none; 64 if it cannot be read. Changes that were
    /// taken before the policy looked further are not compared again; `tamis store canary` does that when it adds a file.
    pub fn radius_of_store(directory: impl AsRef<Path>) -> u32 {
        // A pipe in its place cannot be read, and keeps nobody waiting.
        let file = match files::open_unwaiting(&directory.as_ref().join(POLICY)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return USUAL_RADIUS,
            Err(_) => return GREATEST_RADIUS,
        };
        let mut text = String::new();
        let read = file.take(POLICY_LIMIT).read_to_string(&mut text);
        let policy = read.ok().and_then(|_| toml::from_str::<toml::Table>(&text).ok());
        let radius = match policy.as_ref().map(|policy| policy.get("radius")) {
            Some(None) => return USUAL_RADIUS,
            Some(Some(radius)) => radius.as_integer().and_then(|radius| u32::try_from(radius).ok()),
            None => None,
        };
        radius.unwrap_or(GREATEST_RADIUS).clamp(USUAL_RADIUS, GREATEST_RADIUS)
    }

    /// A builder that begins with these but for the files of some names. How many files it left out is told, too.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`].
    pub fn to_builder_without(&self, names: &[String]) -> Result<(CanaryBuilder, usize)> {
        let mut builder = CanaryBuilder::new();
        let mut out = BTreeSet::new();
        for stored in self.entries() {
            let entry = stored?.entry;
            if names.contains(&entry.item) {
                out.insert(entry.item);
            } else {
                builder.keep(entry)?;
            }
        }
        Ok((builder, out.len()))
    }

    /// Names of those that were given, each once.
    ///
    /// # Errors
    /// [`ErrorCode::SetCorrupt`].
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> =
            self.entries().map(|stored| Ok(stored?.entry.item)).collect::<Result<_>>()?;
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Refuses a set, new or changed, that would match a canary: by a digest, or by PDQ within `radius` bits (inclusive).
    ///
    /// # Errors
    /// [`ErrorCode::UpdateCanary`], which names the entry and the canary; [`ErrorCode::SetCorrupt`] if either set is damaged.
    pub fn check(&self, new: &Set, radius: u32) -> Result<()> {
        for (name, bytes) in HARMLESS {
            for digest in digests(bytes, Algorithms::DIGESTS).iter() {
                by_digest(new, &digest, name)?;
            }
        }
        let mut search = RadiusSearch::new();
        let mut codes: Vec<(PdqHash, String)> = Vec::new();
        for stored in self.entries() {
            let stored = stored?;
            match code_of(&stored.entry.fingerprint) {
                None => by_digest(new, &stored.entry.fingerprint, &stored.entry.item)?,
                Some(code) => {
                    codes.push((code, stored.entry.item));
                    if codes.len() == TOGETHER {
                        by_pdq(new, &mut search, &codes, radius)?;
                        codes.clear();
                    }
                }
            }
        }
        by_pdq(new, &mut search, &codes, radius)
    }

    fn entries(&self) -> impl Iterator<Item = Result<StoredEntry>> + '_ {
        self.set.iter().flat_map(Set::entries)
    }
}

/// Refuses the set if an entry that acts has this digest.
fn by_digest(new: &Set, digest: &Fingerprint, canary: &str) -> Result<()> {
    match new.row_of(digest)? {
        Some(row) => refuse_row(new, digest.algorithm(), row, 0, canary),
        None => Ok(()),
    }
}

/// Refuses the set if an entry that acts is near one of these codes.
fn by_pdq(
    new: &Set,
    search: &mut RadiusSearch,
    canaries: &[(PdqHash, String)],
    radius: u32,
) -> Result<()> {
    let queries: Vec<_> = canaries.iter().map(|(code, _)| (*code, radius)).collect();
    for near in search.within(new, &queries)? {
        if let Some((_, name)) = canaries.get(near.query) {
            refuse_row(new, Algorithm::Pdq, near.row as u64, near.distance, name)?;
        }
    }
    Ok(())
}

fn refuse_row(
    new: &Set,
    algorithm: Algorithm,
    row: u64,
    distance: u32,
    canary: &str,
) -> Result<()> {
    for summary in new.summaries(algorithm, row)? {
        let StoredEntry { id, list, entry } = new.entry(summary?.index)?;
        if entry.role == Role::Exception || entry.opinion == Opinion::Negative {
            continue;
        }
        let lists = new.lists()?;
        let list = lists.get(list).map_or("", |list| list.name.as_str());
        let how = match algorithm {
            Algorithm::Pdq => format!("at PDQ distance {distance}"),
            digest => format!("by its {digest} digest"),
        };
        return Err(Error::new(
            ErrorCode::UpdateCanary,
            format!(
                "entry {id} of list {:?} matches the harmless file {:?} {how}; ask the list's maker about it, or take the file from the canaries if it is not harmless",
                shown(list),
                shown(canary),
            ),
        ));
    }
    Ok(())
}

fn code_of(fingerprint: &Fingerprint) -> Option<PdqHash> {
    let code = (fingerprint.algorithm() == Algorithm::Pdq).then(|| fingerprint.bytes());
    code.and_then(|code| code.try_into().ok()).map(PdqHash)
}

/// Makes [`Canaries`] of the fingerprints of files: those that [`Verdict::fingerprints`](crate::Verdict::fingerprints) holds after a check
/// [with exact hashes](crate::Scanner::with_exact_hashes) by a policy that looks all views up, so that an entry which
/// resembles the file's mirror image is found too.
#[derive(Debug)]
pub struct CanaryBuilder {
    set: SetBuilder,
    list: Option<ListId>,
}

impl Default for CanaryBuilder {
    fn default() -> CanaryBuilder {
        CanaryBuilder::new()
    }
}

impl CanaryBuilder {
    /// A builder with nothing in it.
    pub fn new() -> CanaryBuilder {
        CanaryBuilder { set: SetBuilder::new(), list: None }
    }

    /// Adds a harmless file under a name for messages, by all digests and perceptual hashes that are given. How many of them
    /// can be compared.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if the name is empty, longer than 1024 bytes or holds control characters, or if a perceptual hash is not exact.
    pub fn add(&mut self, name: &str, fingerprints: &Fingerprints) -> Result<usize> {
        let fault = |what| Err(Error::new(ErrorCode::InvalidArgument, what));
        if name.is_empty() {
            return fault("a canary has no name; give the file's");
        }
        if fingerprints.perceptual.iter().any(|p| p.slack > 0) {
            return fault(
                "a canary's hash is not exact; compute it with `Scanner::with_exact_hashes`",
            );
        }
        let entry = |fingerprint| Entry { item: name.to_owned(), ..Entry::new(fingerprint) };
        let mut kept = 0;
        for digest in fingerprints.digests.iter() {
            kept += usize::from(self.keep(entry(digest))?);
        }
        for p in &fingerprints.perceptual {
            let hash = Entry { quality: Some(p.quality), ..entry(p.hash.into()) };
            kept += usize::from(self.keep(hash)?);
        }
        Ok(kept)
    }

    /// Whether it can be compared: what no set takes cannot be matched by any.
    fn keep(&mut self, mut entry: Entry) -> Result<bool> {
        let list = match self.list {
            Some(list) => list,
            None => self.set.add_list(List::new(LIST, ListKind::Test))?,
        };
        self.list = Some(list);
        // So that two canaries with one fingerprint are two entries.
        entry.source_id.clone_from(&entry.item);
        match self.set.add(list, entry) {
            Ok(()) => Ok(true),
            Err(
                refusal @ (Refusal::FieldTooLong(..)
                | Refusal::BadText(_)
                | Refusal::TooManyStrings),
            ) => Err(Error::new(ErrorCode::InvalidArgument, format!("a canary's name: {refusal}"))),
            Err(_) => Ok(false),
        }
    }

    /// Publishes them as a store's `canaries.tamis`, or wherever `path` says.
    ///
    /// # Errors
    /// As for [`SetBuilder::write`].
    pub fn write(self, path: impl AsRef<Path>) -> Result<BuildReport> {
        self.set.write(path)
    }

    /// The canaries, in memory.
    ///
    /// # Errors
    /// As for [`SetBuilder::to_bytes`].
    pub fn build(self) -> Result<Canaries> {
        Ok(Canaries { set: Some(Set::from_bytes(&self.set.to_bytes()?.0)?) })
    }
}

#[cfg(test)]
mod tests;
