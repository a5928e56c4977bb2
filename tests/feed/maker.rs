//! A list maker: makes feeds, signs them, and looks at what becomes of them.

use std::fs;
use std::path::{Path, PathBuf};

use minisign::KeyPair;
use tamis::fingerprint::Algorithm;
use tamis::set::{Delta, Entry, List, ListKind};
use tamis::store::feed::{Accepted, Feed, FeedSet, PublicKey, Received, Seen, Trust};
use tamis::{Error, ErrorCode, Set};
use tempfile::TempDir;

use crate::NOW;
use crate::common::fingerprint;

/// A list maker: a directory, a key pair and what was published so far.
pub(crate) struct Maker {
    pub(crate) dir: TempDir,
    pub(crate) keys: KeyPair,
    pub(crate) feed: Feed,
}

impl Maker {
    pub(crate) fn new(list: &str) -> Maker {
        let keys = KeyPair::generate_unencrypted_keypair().unwrap();
        Maker { dir: tempfile::tempdir().unwrap(), keys, feed: Feed::new(list, 0) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn key(&self) -> PublicKey {
        public(&self.keys)
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust { keys: vec![self.key()], ..Trust::nobody(&self.feed.list) }
    }

    /// A change that adds one entry, in a file of the feed.
    pub(crate) fn change(&mut self, seed: u64) -> &mut FeedSet {
        let number = self.feed.last() + 1;
        let list = List::new(&self.feed.list, ListKind::Exchange);
        let mut delta = Delta::new(list, number).unwrap();
        delta.add(Entry::new(fingerprint(Algorithm::Sha256, seed))).unwrap();
        let change = delta.change().clone();
        let bytes = delta.to_bytes().unwrap().0;
        self.put(bytes, change.first, change.last, change.replaces)
    }

    /// A change that says what `fill` does.
    pub(crate) fn change_of(&mut self, replaces: bool, fill: &dyn Fn(&mut Delta)) -> &mut FeedSet {
        // A base says again what was said up to now; a change is the next.
        let number = self.feed.last() + u64::from(!replaces || self.feed.last() == 0);
        let mut delta = Delta::new(List::new(&self.feed.list, ListKind::Exchange), number).unwrap();
        if replaces {
            self.feed.sets.clear();
            delta = delta.replacing();
        }
        fill(&mut delta);
        let change = delta.change().clone();
        let bytes = delta.to_bytes().unwrap().0;
        self.put(bytes, change.first, change.last, change.replaces)
    }

    pub(crate) fn put(
        &mut self,
        bytes: Vec<u8>,
        first: u64,
        last: u64,
        replaces: bool,
    ) -> &mut FeedSet {
        let digest = Set::from_bytes(&bytes).unwrap().digest();
        let file = format!("{first}-{last}.tamis");
        tamis::files::publish_bytes(&self.path().join(&file), &bytes).unwrap();
        let bytes = bytes.len() as u64;
        let set = FeedSet { file, digest, bytes, first, last, replaces, incident: None };
        self.feed.sets.push(set);
        self.feed.sets.last_mut().unwrap()
    }

    /// The next version, signed.
    pub(crate) fn publish(&mut self) {
        self.feed.version += 1;
        self.write();
        sign(&self.keys, self.path(), "");
    }

    pub(crate) fn write(&self) {
        fs::write(self.path().join("feed.json"), self.feed.to_json()).unwrap();
    }

    pub(crate) fn accept(&self, trust: &Trust, seen: Option<&Seen>) -> Result<Accepted, Error> {
        Received::read(self.path())?.accept(trust, seen, NOW)
    }

    #[track_caller]
    pub(crate) fn refused(&self, trust: &Trust, seen: Option<&Seen>, code: ErrorCode) -> String {
        let error = self.accept(trust, seen).err().expect("refused");
        assert_eq!(error.code(), code, "{error}");
        error.to_string()
    }

    /// What becomes of the first set.
    pub(crate) fn fetch(&self) -> Result<Set, Error> {
        let accepted = self.accept(&self.trust(), None)?;
        let copy = self.copy();
        let fetched = accepted.fetch(&accepted.feed().sets[0], &copy);
        assert_eq!(fetched.is_ok(), copy.exists(), "a copy is left exactly if it is good");
        fetched
    }

    #[track_caller]
    pub(crate) fn unfit(&self, code: ErrorCode) -> String {
        let error = self.fetch().expect_err("refused");
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.to_string().contains("copy.tamis"), "{error}");
        error.to_string()
    }

    pub(crate) fn copy(&self) -> PathBuf {
        self.path().join("copy.tamis")
    }
}

pub(crate) fn public(keys: &KeyPair) -> PublicKey {
    PublicKey::from_file_text(&keys.pk.to_box().unwrap().into_string()).unwrap()
}

pub(crate) fn sign(keys: &KeyPair, dir: &Path, name: &str) {
    let bytes = fs::read(dir.join("feed.json")).unwrap();
    let signature = minisign::sign(None, &keys.sk, &bytes[..], Some("feed.json"), None).unwrap();
    fs::write(dir.join(format!("feed.json{name}.minisig")), signature.into_string()).unwrap();
}
