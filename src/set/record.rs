//! What a set holds: lists, items and entries, in the words of the design.

use std::fmt;
use std::str::FromStr;

use blake3::hazmat::HasherExt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorCode, Result, shown};
use crate::fingerprint::{Algorithm, Fingerprint, hex};
use crate::names::named;
use crate::setters::setters;

named! {
    /// Where a list comes from, which decides how far it is trusted.
    #[non_exhaustive]
    ListKind("a kind of list") {
        /// The feed of a hash-sharing programme, vetted by it.
        Exchange = 1 "exchange",
        /// The operator's own decisions.
        Local = 2 "local",
        /// Another platform's feed. By default its matches go to review.
        Friend = 3 "friend",
        /// Referrals by authorities or the public: hints, not decisions. By default review.
        Referral = 4 "referral",
        /// Submissions that nobody has verified, such as victims' own reports. By default review.
        Submissions = 5 "submissions",
        /// The built-in test list.
        Test = 6 "test",
    }
}

/// What a kind of list may do, each right in one place. Whoever asks goes by these, so that this page tells what a list can cause: see the table in the tests below. A kind that
/// is added has no rights until it is named here.
impl ListKind {
    /// Whether it holds the operator's own decisions. Then it has no maker: the store numbers its changes, and nobody else's key may sign them.
    pub const fn is_own(self) -> bool {
        matches!(self, ListKind::Local)
    }

    /// Whether it may switch entries of other lists off, and on again. Whoever else could would undo what others list. A store takes it of one list of this kind
    /// alone, which is called `local`.
    pub const fn may_suppress(self) -> bool {
        self.is_own()
    }

    /// Whether files that are added to it, and rows that are read into it, may be exceptions: only the operator sees what was overturned here. What a whole set brings counts if
    /// the kind [may except](ListKind::may_except); a signed feed brings none, of whatever kind.
    pub const fn may_bring_exceptions(self) -> bool {
        self.is_own()
    }

    /// Whether its word is enough to block. Somebody who answers for it has looked at what others only hint at. The built-in rules go by it; an operator's own rule may say
    /// otherwise.
    pub const fn may_block(self) -> bool {
        matches!(self, ListKind::Exchange | ListKind::Local | ListKind::Test)
    }

    /// Whether its exceptions let files through. If its word is not enough to block, it is not enough for that either.
    pub const fn may_except(self) -> bool {
        self.may_block()
    }

    /// Whether its entries can be of an incident that the operator has declared, and so are spared by the breaker. A friend whose feed is flooded would spare himself.
    pub const fn may_name_incidents(self) -> bool {
        matches!(self, ListKind::Exchange | ListKind::Local)
    }

    /// Whether a change may neither add nor take away more than is plausible. The operator's own decisions are meant as they are; nobody else's are, until he says so.
    pub const fn is_bounded(self) -> bool {
        !self.is_own()
    }

    /// Whether the store is only as fresh as this list. Not so of friends, referrals and submissions, which may fall silent: they must not hold back all uploads.
    pub const fn ages_store(self) -> bool {
        matches!(self, ListKind::Exchange)
    }
}

named! {
    /// What the list says of an entry.
    #[non_exhaustive]
    Opinion("an opinion") {
        /// It belongs on the list.
        Positive = 1 "positive",
        /// It does not belong: somebody listed it by mistake. It never causes an action.
        Negative = 2 "negative",
        /// Members of the exchange disagree. Review at most.
        Disputed = 3 "disputed",
        /// A seed for investigations, not a finding. By default review.
        Seed = 4 "seed",
    }
}

named! {
    /// How grave the list says an item is.
    #[non_exhaustive]
    Severity("a severity") {
        /// The list does not say.
        Unspecified = 0 "unspecified",
        /// Low.
        Low = 1 "low",
        /// Medium.
        Medium = 2 "medium",
        /// High.
        High = 3 "high",
        /// Critical.
        Critical = 4 "critical",
    }
}

named! {
    /// What an entry is for.
    #[non_exhaustive]
    Role("a role") {
        /// It recognises listed content.
        Listed = 1 "listed",
        /// It lets one exact file through: an overturned decision. SHA-256 or BLAKE3 only.
        Exception = 2 "exception",
    }
}

/// BLAKE3's key for the context `tamis 2026-11 entry id`, which would otherwise be derived anew for every id.
pub(super) const ID_KEY: [u8; 32] = [
    172, 25, 214, 186, 222, 127, 65, 27, 79, 189, 121, 130, 50, 62, 184, 171, 30, 139, 181, 138,
    221, 47, 171, 134, 187, 128, 47, 178, 75, 39, 237, 242,
];

/// The stable identity of an entry: the first 16 bytes of BLAKE3 over list, source id, role, algorithm and fingerprint.
/// The same entry has the same id in every set, base or delta, whatever its position.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(pub [u8; 16]);

impl EntryId {
    /// The id of an entry of `list` (by name) with the list's own `source_id` (may be empty).
    pub fn new(list: &str, source_id: &str, role: Role, fingerprint: &Fingerprint) -> EntryId {
        let mut hasher = blake3::Hasher::new_from_context_key(&ID_KEY);
        for part in [list.as_bytes(), source_id.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(&[role as u8, fingerprint.algorithm() as u8]);
        hasher.update(fingerprint.bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        EntryId(id)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryId({self})")
    }
}

impl FromStr for EntryId {
    type Err = Error;

    /// 32 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self> {
        // An id is as wide as an MD5 digest, and is written the same way.
        let parsed = Fingerprint::from_hex(Algorithm::Md5, text).map_err(|_| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!("{:?} is not an entry id; expected 32 hexadecimal digits", shown(text)),
            )
        })?;
        let mut id = [0; 16];
        id.copy_from_slice(parsed.bytes());
        Ok(EntryId(id))
    }
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A list: where entries come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct List {
    /// Short name, unique within a store: `gifct`, `local`. Never empty, at most 255 bytes.
    pub name: String,
    /// How far it is trusted.
    pub kind: ListKind,
    /// Licence or agreement under which the operator holds the list; empty if none is recorded.
    pub agreement: String,
    /// Legal basis for acting on its matches; empty if none is recorded. An entry may have its own.
    pub legal_basis: String,
}

impl List {
    /// A list of that name and kind, with no agreement or legal basis recorded.
    pub fn new(name: impl Into<String>, kind: ListKind) -> List {
        List { name: name.into(), kind, agreement: String::new(), legal_basis: String::new() }
    }
}

setters! { List {
    kind: ListKind;
    agreement: into String;
    legal_basis: into String;
} }

/// One fingerprint of one item, with all that the list says of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Entry {
    /// The fingerprint.
    pub fingerprint: Fingerprint,
    /// Listed content, or an exception.
    pub role: Role,
    /// The listed thing that this is a fingerprint of. Empty: the entry is an item of its own.
    pub item: String,
    /// The list's own id of the entry; may be empty.
    pub source_id: String,
    /// The list's labels, sorted, each once.
    pub labels: Vec<String>,
    /// What the list says of it.
    pub opinion: Opinion,
    /// How grave the list says it is.
    pub severity: Severity,
    /// Whether a human has reviewed the listed item.
    pub reviewed: bool,
    /// PDQ quality, 0..=100. Give it whenever it is known: it is what refuses pictures that are too plain to be told apart.
    pub quality: Option<u8>,
    /// Legal basis, where it differs from the list's; empty otherwise.
    pub legal_basis: String,
    /// When the list first saw it, in seconds since 1970; 0 if unknown.
    pub first_seen: u32,
    /// When the list last saw it, in seconds since 1970; 0 if unknown.
    pub last_seen: u32,
    /// From when on it no longer matches, in seconds since 1970; 0 if never.
    pub expires: u32,
}

impl Entry {
    /// A listed fingerprint with an opinion of `positive` and nothing else known.
    ///
    /// ```
    /// use tamis::fingerprint::{Algorithm, Fingerprint};
    /// use tamis::set::Entry;
    /// let digest = Fingerprint::from_hex(Algorithm::Md5, "0cc175b9c0f1b6a831c399e269772661")?;
    /// let entry = Entry::new(digest).reviewed(true);
    /// assert!(entry.labels.is_empty());
    /// # Ok::<(), tamis::Error>(())
    /// ```
    pub fn new(fingerprint: impl Into<Fingerprint>) -> Entry {
        Entry {
            fingerprint: fingerprint.into(),
            role: Role::Listed,
            item: String::new(),
            source_id: String::new(),
            labels: Vec::new(),
            opinion: Opinion::Positive,
            severity: Severity::Unspecified,
            reviewed: false,
            quality: None,
            legal_basis: String::new(),
            first_seen: 0,
            last_seen: 0,
            expires: 0,
        }
    }
}

setters! { Entry {
    role: Role;
    item: into String;
    source_id: into String;
    labels: Vec<String>;
    opinion: Opinion;
    severity: Severity;
    reviewed: bool;
    quality: Option<u8>;
    legal_basis: into String;
    first_seen: u32;
    last_seen: u32;
    expires: u32;
} }

/// What the labels of entries begin with that belong to an incident.
const INCIDENT: &str = "incident:";

/// The label of entries that belong to an incident.
///
/// ```
/// assert_eq!(tamis::set::incident_label("parade"), "incident:parade");
/// assert_eq!(tamis::set::incident_of("incident:parade"), Some("parade"));
/// ```
pub fn incident_label(incident: &str) -> String {
    format!("{INCIDENT}{incident}")
}

/// The incident that a label names, if it names one.
pub fn incident_of(label: &str) -> Option<&str> {
    label.strip_prefix(INCIDENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_kind_of_list_may_do() {
        let rights = |kind: ListKind| {
            let rights = [
                (kind.is_own(), "own"),
                (kind.may_suppress(), "suppress"),
                (kind.may_bring_exceptions(), "bring"),
                (kind.may_block(), "block"),
                (kind.may_except(), "except"),
                (kind.may_name_incidents(), "incidents"),
                (kind.is_bounded(), "bounded"),
                (kind.ages_store(), "ages"),
            ];
            let named: Vec<_> = rights.iter().filter(|(has, _)| *has).map(|(_, n)| *n).collect();
            (kind.name(), named.join(" "))
        };
        let table = [
            ("exchange", "block except incidents bounded ages"),
            ("local", "own suppress bring block except incidents"),
            ("friend", "bounded"),
            ("referral", "bounded"),
            ("submissions", "bounded"),
            ("test", "block except bounded"),
        ];
        assert_eq!(
            ListKind::ALL.iter().copied().map(rights).collect::<Vec<_>>(),
            table.map(|(kind, text)| (kind, text.to_owned()))
        );
    }
}
