//! A store that takes feeds.

use std::fs;
use std::path::PathBuf;

use minisign::KeyPair;
use tamis::fingerprint::{Algorithm, Algorithms, digests};
use tamis::set::{Entry, ListKind};
use tamis::store::feed::FeedApplied;
use tamis::store::{Event, ListRecord, Manifest, StoreWriter, Terms};
use tamis::{Action, Context, Error, ErrorCode, Policy, Scanner, Store};
use tempfile::TempDir;

use crate::NOW;
use crate::maker::{Maker, public};

/// A store that subscribes to makers' lists.
pub(crate) struct Subscriber {
    pub(crate) dir: TempDir,
    pub(crate) writer: StoreWriter,
}

impl Subscriber {
    pub(crate) fn new() -> Subscriber {
        let dir = tempfile::tempdir().unwrap();
        let writer = StoreWriter::init(dir.path().join("store"), NOW).unwrap();
        Subscriber { dir, writer }
    }

    pub(crate) fn to(maker: &Maker, kind: ListKind) -> Subscriber {
        let mut subscriber = Subscriber::new();
        subscriber.pin(maker, kind, &[&maker.keys], 1);
        subscriber
    }

    pub(crate) fn pin(&mut self, maker: &Maker, kind: ListKind, keys: &[&KeyPair], need: u32) {
        let keys: Vec<_> = keys.iter().map(|pair| public(pair).to_string()).collect();
        let change = |record: &mut ListRecord| {
            (record.kind, record.keys, record.need) = (kind, keys, need);
            Ok(())
        };
        self.writer.set_list(&maker.feed.list, kind, ("trusted", ""), NOW, change).unwrap();
    }

    /// From now on the list is taken without a signature.
    pub(crate) fn unsigned(&mut self, list: &str, kind: ListKind) {
        let change = |record: &mut ListRecord| {
            record.keys.clear();
            (record.need, record.unsigned) = (0, true);
            Ok(())
        };
        self.writer.set_list(list, kind, ("", ""), NOW, change).unwrap();
    }

    pub(crate) fn take(&mut self, maker: &Maker) -> Result<FeedApplied, Error> {
        self.writer.apply_feed(maker.path(), &Terms::at(NOW))
    }

    /// The feed is refused with that code, the store is as it was, and the log says so.
    #[track_caller]
    pub(crate) fn refuses(&mut self, maker: &Maker, code: ErrorCode) {
        let (before, logged) = (self.state(), self.log().len());
        let error = self.take(maker).expect_err("refused");
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(self.state(), before);
        let log = self.log();
        let said: Vec<_> = log[logged..].iter().map(|event| event.code).collect();
        assert!(said.contains(&Some(code.number())), "{log:?}");
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    pub(crate) fn manifest(&self) -> Manifest {
        Manifest::read(&self.path()).unwrap()
    }

    pub(crate) fn state(&self) -> [u8; 32] {
        Store::open(self.path()).unwrap().snapshot().state_digest(NOW).unwrap()
    }

    pub(crate) fn log(&self) -> Vec<Event> {
        let mut events = Vec::new();
        StoreWriter::read_log(&self.path(), &mut |event| events.push(event)).unwrap();
        events
    }

    pub(crate) fn judges(&self, upload: &[u8]) -> Action {
        let mut scanner = Scanner::new(Store::open(self.path()).unwrap(), Policy::builtin());
        scanner.check(upload, &Context::at(NOW)).unwrap().action
    }

    /// Whether a copy of the store would take the feed as it is now.
    pub(crate) fn would_take(&self, maker: &Maker) -> bool {
        let copy = tempfile::tempdir().unwrap();
        for file in fs::read_dir(self.path()).unwrap().map(|file| file.unwrap()) {
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o750)).unwrap();
        }
        let mut writer = StoreWriter::open(copy.path()).unwrap();
        writer.apply_feed(maker.path(), &Terms::at(NOW)).is_ok()
    }

    /// Nothing but what a store consists of.
    pub(crate) fn is_tidy(&self) -> bool {
        let names = fs::read_dir(self.path()).unwrap();
        names.into_iter().all(|n| !n.unwrap().file_name().to_string_lossy().starts_with('.'))
    }
}

/// A reviewed entry that recognises these bytes.
pub(crate) fn of_bytes(bytes: &[u8], source: &str) -> Entry {
    let digest = digests(bytes, Algorithms::DIGESTS);
    let sha256 = digest.iter().find(|d| d.algorithm() == Algorithm::Sha256).unwrap();
    Entry::new(sha256).reviewed(true).source_id(source)
}
