//! Feeds as they arrive: what a subscriber takes, and what it refuses, each with its own code.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::fingerprint;
use minisign::KeyPair;
use tamis::fingerprint::Algorithm;
use tamis::fingerprint::{Algorithms, digests};
use tamis::set::{Delta, Entry, EntryId, List, ListKind, Opinion, Role, SetBuilder, Withdrawal};
use tamis::store::feed::{
    Accepted, Feed, FeedApplied, FeedSet, PublicKey, Received, Seen, Trust, entries,
};
use tamis::store::{Manifest, StoreWriter, Terms};
use tamis::{Action, Context, Error, ErrorCode, Policy, Scanner, Set, Store};
use tempfile::TempDir;

const NOW: u64 = 1_795_000_000;

/// A list maker: a directory, a key pair and what was published so far.
struct Maker {
    dir: TempDir,
    keys: KeyPair,
    feed: Feed,
}

impl Maker {
    fn new(list: &str) -> Maker {
        let keys = KeyPair::generate_unencrypted_keypair().unwrap();
        Maker { dir: tempfile::tempdir().unwrap(), keys, feed: Feed::new(list, 0) }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn key(&self) -> PublicKey {
        public(&self.keys)
    }

    fn trust(&self) -> Trust {
        Trust { keys: vec![self.key()], ..Trust::nobody(&self.feed.list) }
    }

    /// A change that adds one entry, in a file of the feed.
    fn change(&mut self, seed: u64) -> &mut FeedSet {
        let number = self.feed.last() + 1;
        let list = List::new(&self.feed.list, ListKind::Exchange);
        let mut delta = Delta::new(list, number).unwrap();
        delta.add(Entry::new(fingerprint(Algorithm::Sha256, seed))).unwrap();
        let change = delta.change().clone();
        let bytes = delta.to_bytes().unwrap().0;
        self.put(bytes, change.first, change.last, change.replaces)
    }

    /// A change that says what `fill` does.
    fn change_of(&mut self, replaces: bool, fill: &dyn Fn(&mut Delta)) -> &mut FeedSet {
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

    fn put(&mut self, bytes: Vec<u8>, first: u64, last: u64, replaces: bool) -> &mut FeedSet {
        let digest = Set::from_bytes(&bytes).unwrap().digest();
        let file = format!("{first}-{last}.tamis");
        tamis::set::publish_bytes(&self.path().join(&file), &bytes).unwrap();
        let bytes = bytes.len() as u64;
        let set = FeedSet { file, digest, bytes, first, last, replaces, incident: None };
        self.feed.sets.push(set);
        self.feed.sets.last_mut().unwrap()
    }

    /// The next version, signed.
    fn publish(&mut self) {
        self.feed.version += 1;
        self.write();
        sign(&self.keys, self.path(), "");
    }

    fn write(&self) {
        fs::write(self.path().join("feed.json"), self.feed.to_json()).unwrap();
    }

    fn accept(&self, trust: &Trust, seen: Option<&Seen>) -> Result<Accepted, Error> {
        Received::read(self.path())?.accept(trust, seen, NOW)
    }

    #[track_caller]
    fn refused(&self, trust: &Trust, seen: Option<&Seen>, code: ErrorCode) -> String {
        let error = self.accept(trust, seen).err().expect("refused");
        assert_eq!(error.code(), code, "{error}");
        error.to_string()
    }

    /// What becomes of the first set.
    fn fetch(&self) -> Result<Set, Error> {
        let accepted = self.accept(&self.trust(), None)?;
        let copy = self.copy();
        let fetched = accepted.fetch(&accepted.feed().sets[0], &copy);
        assert_eq!(fetched.is_ok(), copy.exists(), "a copy is left exactly if it is good");
        fetched
    }

    #[track_caller]
    fn unfit(&self, code: ErrorCode) -> String {
        let error = self.fetch().expect_err("refused");
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.to_string().contains("copy.tamis"), "{error}");
        error.to_string()
    }

    fn copy(&self) -> PathBuf {
        self.path().join("copy.tamis")
    }
}

fn public(keys: &KeyPair) -> PublicKey {
    PublicKey::from_file_text(&keys.pk.to_box().unwrap().into_string()).unwrap()
}

fn sign(keys: &KeyPair, dir: &Path, name: &str) {
    let bytes = fs::read(dir.join("feed.json")).unwrap();
    let signature = minisign::sign(None, &keys.sk, &bytes[..], Some("feed.json"), None).unwrap();
    fs::write(dir.join(format!("feed.json{name}.minisig")), signature.into_string()).unwrap();
}

#[test]
fn a_signed_feed_is_taken_and_its_set_copied() {
    let mut maker = Maker::new("neighbour");
    maker.change(1);
    maker.publish();
    let accepted = maker.accept(&maker.trust(), None).unwrap();
    assert_eq!((accepted.is_known(), accepted.signed_by()), (false, &[maker.key().id()][..]));
    assert_eq!(accepted.seen().version, 1);
    // However the files came: what counts is the copy, which nobody else may read.
    let set = maker.fetch().unwrap();
    assert_eq!(set.entry_count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(maker.copy()).unwrap().permissions().mode();
        assert_eq!(mode & 0o027, 0, "{mode:o}");
    }
    let seen = accepted.seen();
    assert!(maker.accept(&maker.trust(), Some(&seen)).unwrap().is_known());
    let written = serde_json::to_string(&seen).unwrap();
    assert_eq!(serde_json::from_str::<Seen>(&written).unwrap(), seen);
}

#[test]
fn only_pinned_keys_count_and_only_for_their_list() {
    let mut maker = Maker::new("neighbour");
    maker.change(1);
    maker.publish();
    let stranger = Maker::new("neighbour");
    let said = maker.refused(&stranger.trust(), None, ErrorCode::UpdateSignature);
    let id = maker.key().id().to_string();
    assert!(said.contains(&format!("by {id}, which is not pinned")), "{said}");
    assert!(said.contains(&stranger.key().id().to_string()), "{said}");

    let elsewhere = Trust { list: "another".into(), ..maker.trust() };
    maker.refused(&elsewhere, None, ErrorCode::UpdateForeign);
    maker.refused(&Trust::nobody("neighbour"), None, ErrorCode::InvalidArgument);

    // A changed byte, and a signature that was not made anew.
    maker.feed.contact = "other".into();
    maker.write();
    let said = maker.refused(&maker.trust(), None, ErrorCode::UpdateSignature);
    assert!(said.contains("does not fit"), "{said}");
    fs::write(maker.path().join("feed.json.minisig"), "not a signature").unwrap();
    let said = maker.refused(&maker.trust(), None, ErrorCode::UpdateSignature);
    assert!(said.contains("minisign 0.10"), "{said}");
    fs::remove_file(maker.path().join("feed.json.minisig")).unwrap();
    maker.refused(&maker.trust(), None, ErrorCode::UpdateUnsigned);
    let unsigned = Trust { unsigned: true, ..Trust::nobody("neighbour") };
    assert!(maker.accept(&unsigned, None).unwrap().signed_by().is_empty());
    let both = Trust { unsigned: true, ..maker.trust() };
    maker.refused(&both, None, ErrorCode::InvalidArgument);
}

#[test]
fn several_must_sign_where_several_are_asked_for() {
    let mut maker = Maker::new("shared");
    let others = [(); 2].map(|()| KeyPair::generate_unencrypted_keypair().unwrap());
    maker.publish();
    let mut trust = Trust { need: 2, ..maker.trust() };
    trust.keys.extend(others.iter().map(public));
    maker.refused(&trust, None, ErrorCode::UpdateSignature);
    // The same key again, under other names, is still one.
    for name in [".again", ".ZZZ"] {
        sign(&maker.keys, maker.path(), name);
    }
    let said = maker.refused(&trust, None, ErrorCode::UpdateSignature);
    assert!(said.contains("good signatures of 1 pinned keys; expected 2"), "{said}");
    // A stranger's does not count either.
    sign(&KeyPair::generate_unencrypted_keypair().unwrap(), maker.path(), ".stranger");
    maker.refused(&trust, None, ErrorCode::UpdateSignature);
    sign(&others[1], maker.path(), &format!(".{}", public(&others[1]).id()));
    let accepted = maker.accept(&trust, None).unwrap();
    assert_eq!(accepted.signed_by(), [maker.key().id(), public(&others[1]).id()]);
    maker.refused(&Trust { need: 3, ..trust.clone() }, None, ErrorCode::UpdateSignature);

    for trust in [
        Trust { need: 4, ..trust.clone() },
        Trust { need: 0, ..trust.clone() },
        Trust { keys: vec![maker.key(), maker.key()], ..trust },
    ] {
        assert_eq!(trust.check().unwrap_err().code(), ErrorCode::InvalidArgument);
    }
}

#[test]
fn nothing_older_nothing_different_nothing_over() {
    let mut maker = Maker::new("neighbour");
    maker.change(1);
    maker.publish();
    let trust = maker.trust();
    let first = maker.accept(&trust, None).unwrap().seen();
    maker.change(2);
    maker.publish();
    let second = maker.accept(&trust, Some(&first)).unwrap().seen();
    assert_eq!(second.version, 2);

    maker.feed.version = 0;
    maker.publish();
    maker.refused(&trust, Some(&second), ErrorCode::UpdateRollback);
    maker.feed.contact = "other".into();
    maker.feed.version = 1;
    maker.publish();
    maker.refused(&trust, Some(&second), ErrorCode::UpdateConflict);

    maker.feed.expires = Some(NOW);
    maker.publish();
    maker.refused(&trust, Some(&second), ErrorCode::UpdateExpired);
    maker.feed.expires = Some(NOW + 1);
    maker.publish();
    let third = maker.accept(&trust, Some(&second)).unwrap().seen();
    let again = Received::read(maker.path()).unwrap().accept(&trust, Some(&third), NOW).unwrap();
    assert!(again.is_known());
    let late = Received::read(maker.path()).unwrap().accept(&trust, Some(&third), NOW + 9);
    assert_eq!(late.err().unwrap().code(), ErrorCode::UpdateExpired);
}

#[test]
fn a_set_is_the_one_that_was_signed_or_it_is_not_taken() {
    let mut maker = Maker::new("neighbour");
    let file = maker.change(1).file.clone();
    maker.publish();
    let file = maker.path().join(file);
    let good = fs::read(&file).unwrap();
    assert!(maker.fetch().is_ok());
    fs::remove_file(maker.copy()).unwrap();

    for length in [0, good.len() - 1] {
        fs::write(&file, &good[..length]).unwrap();
        maker.unfit(ErrorCode::UpdateIncomplete);
    }
    fs::write(&file, [&good[..], b"x"].concat()).unwrap();
    maker.unfit(ErrorCode::UpdateIncomplete);
    fs::remove_file(&file).unwrap();
    let said = maker.unfit(ErrorCode::UpdateIncomplete);
    assert!(said.contains("still being copied"), "{said}");
    // One bit, in the head or far behind it.
    for at in [100, good.len() - 5] {
        let mut damaged = good.clone();
        damaged[at] ^= 1;
        fs::write(&file, &damaged).unwrap();
        maker.unfit(ErrorCode::UpdateSignature);
    }
    fs::write(&file, vec![7; good.len()]).unwrap();
    maker.unfit(ErrorCode::UpdateSignature);
    // A sound set of the same length that is not the one.
    let mut other = Maker::new("neighbour");
    let name = other.change(2).file.clone();
    fs::copy(other.path().join(name), &file).unwrap();
    maker.unfit(ErrorCode::UpdateSignature);
    #[cfg(unix)]
    {
        fs::remove_file(&file).unwrap();
        fs::write(maker.path().join("elsewhere"), &good).unwrap();
        std::os::unix::fs::symlink("elsewhere", &file).unwrap();
        maker.unfit(ErrorCode::Permissions);
    }
}

#[test]
fn a_set_speaks_of_its_list_and_says_what_the_feed_says() {
    let set = |fill: &dyn Fn(&mut SetBuilder)| {
        let mut maker = Maker::new("neighbour");
        let mut builder = SetBuilder::new();
        fill(&mut builder);
        maker.put(builder.to_bytes().unwrap().0, 1, 1, false);
        maker.publish();
        maker
    };
    let entry = || Entry::new(fingerprint(Algorithm::Sha256, 1));
    let list = |builder: &mut SetBuilder, name: &str| {
        builder.add_list(List::new(name, ListKind::Local)).unwrap()
    };
    let good = set(&|b| {
        let id = list(b, "neighbour");
        b.add(id, entry()).unwrap();
        b.set_change(id, 1, 1, false).unwrap();
    });
    assert!(good.fetch().is_ok());
    set(&|b| {
        let id = list(b, "neighbour");
        b.add(id, entry()).unwrap();
    })
    .unfit(ErrorCode::UpdateForeign);
    set(&|b| {
        let id = list(b, "another");
        b.add(id, entry()).unwrap();
        b.set_change(id, 1, 1, false).unwrap();
    })
    .unfit(ErrorCode::UpdateForeign);
    set(&|b| {
        let (mine, other) = (list(b, "neighbour"), list(b, "another"));
        b.add(other, entry()).unwrap();
        b.set_change(mine, 1, 1, false).unwrap();
    })
    .unfit(ErrorCode::UpdateForeign);
    for (first, last, replaces) in [(2, 2, false), (1, 2, false), (0, 1, true)] {
        let said = set(&|b| {
            let id = list(b, "neighbour");
            b.set_change(id, first, last, replaces).unwrap();
        })
        .unfit(ErrorCode::UpdateForeign);
        assert!(said.contains("the feed says changes 1 to 1"), "{said}");
    }
    // What is for the operator alone.
    set(&|b| {
        let id = list(b, "neighbour");
        b.set_change(id, 1, 1, false).unwrap();
        b.suppress(EntryId([1; 16]));
    })
    .unfit(ErrorCode::UpdateForeign);
    set(&|b| {
        let id = list(b, "neighbour");
        b.set_change(id, 1, 1, false).unwrap();
        b.withdraw(id, &Withdrawal::Suppression(EntryId([1; 16])));
    })
    .unfit(ErrorCode::UpdateForeign);
    set(&|b| {
        let id = list(b, "neighbour");
        b.set_change(id, 1, 1, false).unwrap();
        b.add(id, Entry { role: Role::Exception, ..entry() }).unwrap();
    })
    .unfit(ErrorCode::UpdatePoison);
}

#[test]
fn a_feed_that_is_no_feed_is_refused_whatever_lies_there() {
    let dir = tempfile::tempdir().unwrap();
    let code = || Received::read(dir.path()).err().expect("refused").code();
    assert_eq!(code(), ErrorCode::NotFound);
    let feed = dir.path().join("feed.json");
    fs::write(&feed, "{").unwrap();
    assert_eq!(code(), ErrorCode::UpdateMalformed);
    fs::write(&feed, vec![b' '; (1 << 20) + 1]).unwrap();
    assert_eq!(code(), ErrorCode::UpdateMalformed);
    fs::remove_file(&feed).unwrap();
    fs::create_dir(&feed).unwrap();
    assert_eq!(code(), ErrorCode::Permissions);
    #[cfg(unix)]
    {
        fs::remove_dir(&feed).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &feed).unwrap();
        assert_eq!(code(), ErrorCode::Permissions);
    }
}

/// A store that subscribes to makers' lists.
struct Subscriber {
    dir: TempDir,
    writer: StoreWriter,
}

impl Subscriber {
    fn new() -> Subscriber {
        let dir = tempfile::tempdir().unwrap();
        let writer = StoreWriter::init(dir.path().join("store"), NOW).unwrap();
        Subscriber { dir, writer }
    }

    fn to(maker: &Maker, kind: ListKind) -> Subscriber {
        let mut subscriber = Subscriber::new();
        subscriber.pin(maker, kind, &[&maker.keys], 1);
        subscriber
    }

    fn pin(&mut self, maker: &Maker, kind: ListKind, keys: &[&KeyPair], need: u32) {
        let keys: Vec<_> = keys.iter().map(|pair| public(pair).to_string()).collect();
        let change = |record: &mut tamis::store::ListRecord| {
            (record.kind, record.keys, record.need) = (kind, keys, need);
            Ok(())
        };
        self.writer.set_list(&maker.feed.list, kind, ("trusted", ""), NOW, change).unwrap();
    }

    fn take(&mut self, maker: &Maker) -> Result<FeedApplied, Error> {
        self.writer.apply_feed(maker.path(), &Terms::at(NOW))
    }

    /// The feed is refused with that code, the store is as it was, and the log says so.
    #[track_caller]
    fn refuses(&mut self, maker: &Maker, code: ErrorCode) {
        let (before, logged) = (self.state(), self.log().len());
        let error = self.take(maker).expect_err("refused");
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(self.state(), before);
        let log = self.log();
        let said: Vec<_> = log[logged..].iter().map(|event| event.code).collect();
        assert!(said.contains(&Some(code.number())), "{log:?}");
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    fn manifest(&self) -> Manifest {
        Manifest::read(&self.path()).unwrap()
    }

    fn state(&self) -> [u8; 32] {
        Store::open(self.path()).unwrap().snapshot().state_digest(NOW).unwrap()
    }

    fn log(&self) -> Vec<tamis::store::Event> {
        let mut events = Vec::new();
        StoreWriter::read_log(&self.path(), &mut |event| events.push(event)).unwrap();
        events
    }

    fn judges(&self, upload: &[u8]) -> Action {
        let mut scanner = Scanner::new(Store::open(self.path()).unwrap(), Policy::builtin());
        scanner.check(upload, &Context::at(NOW)).unwrap().action
    }

    /// Nothing but what a store consists of.
    /// Whether a copy of the store would take the feed as it is now.
    fn would_take(&self, maker: &Maker) -> bool {
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

    fn is_tidy(&self) -> bool {
        let names = fs::read_dir(self.path()).unwrap();
        names.into_iter().all(|n| !n.unwrap().file_name().to_string_lossy().starts_with('.'))
    }
}

/// A reviewed entry that recognises these bytes.
fn of_bytes(bytes: &[u8], source: &str) -> Entry {
    let digest = digests(bytes, Algorithms::DIGESTS);
    let sha256 = digest.iter().find(|d| d.algorithm() == Algorithm::Sha256).unwrap();
    Entry { reviewed: true, source_id: source.into(), ..Entry::new(sha256) }
}

#[test]
fn what_a_maker_lists_is_judged_as_far_as_its_subscriber_trusts_it() {
    let mut maker = Maker::new("neighbour");
    maker.change_of(true, &|delta| delta.add(of_bytes(b"listed", "a")).unwrap());
    maker.publish();
    // The maker calls its list an exchange's; what counts is what the subscriber says.
    let mut friend = Subscriber::to(&maker, ListKind::Friend);
    let mut member = Subscriber::to(&maker, ListKind::Exchange);
    assert_eq!(friend.judges(b"listed"), Action::Allow);
    let applied = friend.take(&maker).unwrap();
    assert_eq!((applied.sets, applied.entries, applied.feed), (1, 1, 1));
    assert_eq!(applied.signed_by, [maker.key().id()]);
    member.take(&maker).unwrap();
    assert_eq!(
        (friend.judges(b"listed"), member.judges(b"listed")),
        (Action::Review, Action::Block)
    );

    // The same again changes nothing.
    let version = friend.manifest().version;
    assert_eq!(friend.take(&maker).unwrap().sets, 0);
    assert_eq!(friend.manifest().version, version);

    // But that it is the newest, which is written down once an hour.
    for (later, changes) in [(3599, 0), (3600, 1), (7000, 1), (7200, 2)] {
        let taken = friend.writer.apply_feed(maker.path(), &Terms::at(NOW + later)).unwrap();
        assert_eq!((taken.sets, taken.version), (0, version + changes), "{later}");
        let refreshed = friend.manifest().lists["neighbour"].refreshed;
        assert_eq!(refreshed, NOW + changes * 3600, "{later}");
    }

    maker.change_of(false, &|delta| {
        delta.withdraw(&Withdrawal::Source("a".into())).unwrap();
        delta.add(of_bytes(b"another", "b")).unwrap();
    });
    maker.publish();
    assert_eq!(friend.take(&maker).unwrap().sets, 1);
    assert_eq!(
        (friend.judges(b"listed"), friend.judges(b"another")),
        (Action::Allow, Action::Review)
    );
    let record = &friend.manifest().lists["neighbour"];
    assert_eq!((record.feed.as_ref().unwrap().version, record.refreshed), (2, NOW));
    assert!(friend.is_tidy());
}

#[test]
fn a_base_is_for_newcomers_and_changes_for_the_others() {
    let mut maker = Maker::new("neighbour");
    for (number, text) in [b"one", b"two"].iter().enumerate() {
        maker.change_of(false, &|delta| {
            delta.add(of_bytes(*text, &number.to_string())).unwrap();
        });
    }
    maker.publish();
    let mut old = Subscriber::to(&maker, ListKind::Friend);
    assert_eq!(old.take(&maker).unwrap().sets, 2);

    let whole = entries(maker.path(), &maker.feed).unwrap();
    assert_eq!(whole.len(), 2);
    maker.change_of(true, &|delta| {
        whole.values().for_each(|entry| delta.add(entry.clone()).unwrap());
    });
    maker.change_of(false, &|delta| delta.add(of_bytes(b"three", "3")).unwrap());
    maker.publish();
    assert_eq!(entries(maker.path(), &maker.feed).unwrap().len(), 3);
    assert_eq!(old.take(&maker).unwrap().sets, 1, "the base holds nothing new");
    let mut new = Subscriber::to(&maker, ListKind::Friend);
    assert_eq!(new.take(&maker).unwrap().sets, 2);
    assert_eq!(old.state(), new.state());
    // Who has missed what was joined takes the base.
    let mut late = Subscriber::to(&maker, ListKind::Friend);
    late.take(&maker).unwrap();
    maker.change_of(false, &|delta| {
        delta.withdraw(&Withdrawal::Source("3".into())).unwrap();
    });
    let whole = entries(maker.path(), &maker.feed).unwrap();
    maker.change_of(true, &|delta| {
        whole.values().for_each(|entry| delta.add(entry.clone()).unwrap());
    });
    maker.publish();
    assert_eq!(late.take(&maker).unwrap().sets, 1);
    assert_eq!((late.judges(b"three"), late.judges(b"one")), (Action::Allow, Action::Review));
}

#[test]
fn what_a_store_refuses_leaves_it_as_it_was_and_stands_in_the_log() {
    let mut maker = Maker::new("neighbour");
    maker.change(1);
    maker.publish();
    let mut store = Subscriber::new();
    store.refuses(&maker, ErrorCode::UpdateForeign);
    let stranger = Maker::new("neighbour");
    store.pin(&maker, ListKind::Friend, &[&stranger.keys], 1);
    store.refuses(&maker, ErrorCode::UpdateSignature);
    store.pin(&maker, ListKind::Friend, &[&maker.keys, &stranger.keys], 2);
    store.refuses(&maker, ErrorCode::UpdateSignature);
    store.pin(&maker, ListKind::Friend, &[&maker.keys], 1);

    // A signature by a key that is pinned to another list.
    let other = Maker::new("another");
    store.pin(&other, ListKind::Friend, &[&maker.keys], 1);
    let mut forged = Maker::new("neighbour");
    forged.change(9);
    forged.publish();
    store.refuses(&forged, ErrorCode::UpdateSignature);

    let first = fs::read(maker.path().join("feed.json")).unwrap();
    let signature = fs::read(maker.path().join("feed.json.minisig")).unwrap();
    store.take(&maker).unwrap();
    let second = maker.change(2).file.clone();
    maker.change(3);
    maker.publish();
    // One file of two is missing: nothing of it, and no word about it.
    let path = maker.path().join(&second);
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    store.refuses(&maker, ErrorCode::UpdateIncomplete);
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    store.refuses(&maker, ErrorCode::UpdateIncomplete);
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 4;
    fs::write(&path, damaged).unwrap();
    store.refuses(&maker, ErrorCode::UpdateSignature);
    fs::write(&path, &whole).unwrap();
    assert_eq!(store.take(&maker).unwrap().sets, 2);

    // Replayed: the first feed with its good signature.
    fs::write(maker.path().join("feed.json"), first).unwrap();
    fs::write(maker.path().join("feed.json.minisig"), signature).unwrap();
    store.refuses(&maker, ErrorCode::UpdateRollback);
    maker.feed.version -= 1;
    maker.feed.contact = "somebody else".into();
    maker.publish();
    store.refuses(&maker, ErrorCode::UpdateConflict);
    // Another change under a number that was taken, in a feed with a new version.
    let mut rewritten = Maker {
        feed: Feed::new("neighbour", 5),
        keys: maker.keys.clone(),
        ..Maker::new("neighbour")
    };
    rewritten.change(7);
    rewritten.publish();
    store.refuses(&rewritten, ErrorCode::UpdateConflict);
    maker.feed.expires = Some(NOW - 1);
    maker.publish();
    store.refuses(&maker, ErrorCode::UpdateExpired);
    assert!(store.is_tidy());
}

/// All changes of a feed come into force with one version of the store, or none does; and the bounds hold for all of them together.
#[test]
fn a_feed_is_taken_whole_or_not_at_all() {
    let mut maker = Maker::new("neighbour");
    let many = |from: usize, to: usize| {
        move |delta: &mut Delta| {
            for number in from..to {
                delta.add(of_bytes(format!("upload {number}").as_bytes(), "s")).unwrap();
            }
        }
    };
    maker.change_of(true, &many(0, 1000));
    maker.publish();
    let mut store = Subscriber::to(&maker, ListKind::Exchange);
    let version = store.manifest().version;
    store.take(&maker).unwrap();
    assert_eq!(store.manifest().version, version + 1);

    // Each of these by itself would be within the bounds: 150 of 1,000 entries.
    let gone = |from: usize| {
        move |delta: &mut Delta| {
            for number in from..from + 150 {
                let entry = of_bytes(format!("upload {number}").as_bytes(), "s");
                let id = EntryId::new("neighbour", "s", entry.role, &entry.fingerprint);
                delta.withdraw(&Withdrawal::Entry(id)).unwrap();
            }
        }
    };
    maker.change_of(false, &many(2000, 2001));
    maker.change_of(false, &gone(0));
    maker.change_of(false, &gone(150));
    maker.publish();
    store.refuses(&maker, ErrorCode::UpdateShrinkage);
    assert_eq!(store.judges(b"upload 2000"), Action::Allow, "the first of them is not in force");
    assert!(store.is_tidy());
    let taken = store.writer.apply_feed(maker.path(), &Terms::at(NOW).force(true)).unwrap();
    assert_eq!((taken.sets, store.manifest().version), (3, version + 2));
    assert_eq!(store.judges(b"upload 2000"), Action::Block);
    assert_eq!(store.judges(b"upload 299"), Action::Allow);

    // Nor is it switched off without a withdrawal.
    let sets = maker.feed.sets.len();
    maker.change_of(false, &|delta| {
        for number in 300..700 {
            let entry = of_bytes(format!("upload {number}").as_bytes(), "s");
            delta.add(Entry { expires: (NOW + 60) as u32, ..entry }).unwrap();
        }
    });
    maker.publish();
    store.refuses(&maker, ErrorCode::UpdateShrinkage);
    maker.feed.sets.truncate(sets);

    // Nor weakened in steps, in whatever way, nor exchanged for another list of the same size.
    let again = |from: usize, weaken: fn(Entry) -> Entry| {
        move |delta: &mut Delta| {
            for number in from..from + 150 {
                delta.add(weaken(of_bytes(format!("upload {number}").as_bytes(), "s"))).unwrap();
            }
        }
    };
    let ways: [fn(Entry) -> Entry; 5] = [
        |entry| Entry { opinion: Opinion::Negative, ..entry },
        |entry| Entry { opinion: Opinion::Disputed, ..entry },
        |entry| Entry { reviewed: false, ..entry },
        |entry| Entry { expires: (NOW + 2 * 86_400) as u32, ..entry },
        |entry| Entry { expires: (NOW + 365 * 86_400) as u32, ..entry },
    ];
    for weaken in ways {
        maker.change_of(false, &again(300, weaken));
        maker.publish();
        assert!(store.would_take(&maker), "one step");
        maker.change_of(false, &again(450, weaken));
        maker.publish();
        store.refuses(&maker, ErrorCode::UpdateShrinkage);
        // A withdrawal and a weakening add up, too.
        maker.feed.sets.pop();
        maker.change_of(false, &gone(450));
        maker.publish();
        store.refuses(&maker, ErrorCode::UpdateShrinkage);
        maker.feed.sets.truncate(sets);
    }
    maker.change_of(false, &|delta| {
        gone(300)(delta);
        gone(450)(delta);
        many(5000, 5300)(delta);
    });
    maker.publish();
    store.refuses(&maker, ErrorCode::UpdateShrinkage);
    maker.feed.sets.truncate(sets);

    // Nor does it grow in steps.
    for step in 0..3 {
        maker.change_of(false, &many(10_000 + step * 6_000, 16_000 + step * 6_000));
    }
    maker.publish();
    store.refuses(&maker, ErrorCode::UpdateGrowth);
    assert_eq!(store.judges(b"upload 10000"), Action::Allow);
}

/// A file that is not what was signed costs its head, and what is too much for the store's disk not even that.
#[test]
fn nothing_is_copied_that_is_too_much_or_not_the_one() {
    let mut maker = Maker::new("neighbour");
    let file = maker.change(1).file.clone();
    let path = maker.path().join(file);
    let good = fs::read(&path).unwrap();
    let sparse = |maker: &mut Maker, bytes: u64| {
        fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
        maker.feed.sets[0].bytes = bytes;
        maker.publish();
    };
    let mut store = Subscriber::to(&maker, ListKind::Friend);
    sparse(&mut maker, 1 << 40);
    store.refuses(&maker, ErrorCode::UpdateGrowth);
    // Within the bound: to copy it would take longer than a moment.
    let other = {
        let mut other = Maker::new("neighbour");
        let file = other.change(2).file.clone();
        fs::read(other.path().join(file)).unwrap()
    };
    for head in [vec![0; 4096], good.clone(), other] {
        fs::write(&path, head).unwrap();
        sparse(&mut maker, (4 << 30) - 1);
        let started = std::time::Instant::now();
        store.refuses(&maker, ErrorCode::UpdateSignature);
        assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
    }
    fs::write(&path, &good).unwrap();
    sparse(&mut maker, good.len() as u64);
    assert_eq!(store.take(&maker).unwrap().sets, 1);

    let unsigned = |record: &mut tamis::store::ListRecord| {
        record.keys.clear();
        (record.need, record.unsigned) = (0, true);
        Ok(())
    };
    store.writer.set_list("neighbour", ListKind::Friend, ("", ""), NOW, unsigned).unwrap();
    for (bytes, code) in
        [(1 << 40, ErrorCode::UpdateGrowth), ((4 << 30) - 1, ErrorCode::UpdateMalformed)]
    {
        fs::write(&path, vec![0; 4096]).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
        let refused = store.writer.apply_unsigned(&path, &Terms::at(NOW)).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
    assert!(store.is_tidy());
}

/// A manifest whose memory of a feed is no digest is damaged, and not one that has seen nothing.
#[test]
fn what_was_seen_is_a_digest_or_the_manifest_is_damaged() {
    let mut maker = Maker::new("neighbour");
    maker.change(1);
    maker.publish();
    let mut store = Subscriber::to(&maker, ListKind::Friend);
    store.take(&maker).unwrap();
    let bytes = store.manifest().to_bytes().unwrap();
    let digest = store.manifest().lists["neighbour"].feed.unwrap().digest.to_string();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(Manifest::parse(text.as_bytes()).is_ok() && text.contains(&digest));
    let body = text.split_inclusive('\n').next().unwrap().replace(&digest, "none");
    let text = format!("{body}blake3 {}\n", blake3::hash(body.as_bytes()));
    assert_eq!(Manifest::parse(text.as_bytes()).unwrap_err().code(), ErrorCode::Store);
}

/// Whoever may add files to where a feed arrives cannot hide its signatures behind others.
#[test]
fn junk_signatures_hide_no_good_one() {
    let mut maker = Maker::new("neighbour");
    maker.change_of(true, &|delta| delta.add(of_bytes(b"listed", "a")).unwrap());
    maker.publish();
    let second = KeyPair::generate_unencrypted_keypair().unwrap();
    let named = format!(".{}", public(&second).id());
    sign(&second, maker.path(), &named);
    let mut store = Subscriber::to(&maker, ListKind::Friend);
    store.pin(&maker, ListKind::Friend, &[&maker.keys, &second], 2);
    let good = fs::read(maker.path().join("feed.json.minisig")).unwrap();
    for number in 0..100 {
        let stranger = KeyPair::generate_unencrypted_keypair().unwrap();
        sign(&stranger, maker.path(), &format!(".0{number}"));
    }
    fs::write(maker.path().join("feed.json.minisig"), &good).unwrap();
    let before = Received::read(maker.path()).unwrap().fingerprint();
    assert_eq!(store.take(&maker).unwrap().signed_by.len(), 2);
    let signature = maker.path().join(format!("feed.json{named}.minisig"));
    fs::write(&signature, "another, under the same name").unwrap();
    let other = Received::read(maker.path()).unwrap().fingerprint();
    assert_ne!(before, other, "what is exchanged beyond the first ones is noticed");
    fs::remove_file(signature).unwrap();
    let after = Received::read(maker.path()).unwrap().fingerprint();
    assert!(
        after != before && after != other,
        "what comes or goes beyond the first ones is noticed"
    );
}

/// A list that was taken piece by piece, and lacks one, is completed by its feed, however many pieces came after that.
#[test]
fn a_feed_fills_the_gap_of_a_list_that_was_taken_unsigned() {
    let mut maker = Maker::new("neighbour");
    let mut files = Vec::new();
    for number in 0..40 {
        let upload = format!("upload {number}");
        let set = maker.change_of(false, &|delta| {
            delta.add(of_bytes(upload.as_bytes(), "s")).unwrap();
        });
        files.push(set.file.clone());
    }
    maker.publish();
    let mut store = Subscriber::to(&maker, ListKind::Exchange);
    let unsigned = |record: &mut tamis::store::ListRecord| {
        record.keys.clear();
        (record.need, record.unsigned) = (0, true);
        Ok(())
    };
    store.writer.set_list("neighbour", ListKind::Exchange, ("", ""), NOW, unsigned).unwrap();
    for (number, file) in files.iter().enumerate().filter(|(number, _)| *number != 3) {
        let path = maker.path().join(file);
        let taken = store.writer.apply_unsigned(&path, &Terms::at(NOW));
        assert!(taken.unwrap().changed, "{number}");
    }
    assert_eq!(store.manifest().missing("neighbour"), [(4, 4)]);
    assert!(
        !store.manifest().holds("neighbour", 4, 4) && !store.manifest().holds("neighbour", 0, 9)
    );
    assert!(
        store.manifest().holds("neighbour", 5, 40) && !store.manifest().holds("neighbour", 41, 41)
    );
    assert_eq!(store.judges(b"upload 3"), Action::Allow);
    assert_eq!(store.take(&maker).unwrap().sets, 1);
    assert!(store.manifest().missing("neighbour").is_empty());
    assert_eq!(store.judges(b"upload 3"), Action::Block);
}

/// Whoever was away for long takes more changes at once than a store may hold sets.
#[test]
fn many_changes_are_joined_on_their_way() {
    let mut maker = Maker::new("neighbour");
    maker.change(1);
    maker.publish();
    let mut store = Subscriber::to(&maker, ListKind::Exchange);
    store.take(&maker).unwrap();
    let upload = |number: usize| format!("upload {number}");
    for number in 0..300 {
        maker.change_of(false, &|delta| {
            delta.add(of_bytes(upload(number).as_bytes(), "s")).unwrap();
            if let Some(before) = number.checked_sub(100) {
                let entry = of_bytes(upload(before).as_bytes(), "s");
                let id = EntryId::new("neighbour", "s", entry.role, &entry.fingerprint);
                delta.withdraw(&Withdrawal::Entry(id)).unwrap();
            }
        });
    }
    maker.publish();
    let version = store.manifest().version;
    let taken = store.writer.apply_feed(maker.path(), &Terms::at(NOW).force(true)).unwrap();
    assert_eq!(taken.sets, 300);
    // The feed, and what merging makes of it.
    assert!(store.manifest().version <= version + 2);
    assert!(store.manifest().sets.len() < 128);
    for number in 0..300 {
        let expected = if number < 200 { Action::Allow } else { Action::Block };
        assert_eq!(store.judges(upload(number).as_bytes()), expected, "{number}");
    }
    assert!(store.is_tidy());
    assert_eq!(store.take(&maker).unwrap().sets, 0);
}

/// A feed that ended says nothing any more, not even what it said before: whoever holds back all later ones shows it for ever.
#[test]
fn the_feed_that_was_taken_ends_too() {
    let mut maker = Maker::new("neighbour");
    maker.change_of(true, &|delta| delta.add(of_bytes(b"listed", "a")).unwrap());
    maker.feed.expires = Some(NOW + 10);
    maker.publish();
    let mut store = Subscriber::to(&maker, ListKind::Exchange);
    store.take(&maker).unwrap();
    assert_eq!(store.take(&maker).unwrap().sets, 0, "once more, in time");
    let late = store.writer.apply_feed(maker.path(), &Terms::at(NOW + 10)).unwrap_err();
    assert_eq!(late.code(), ErrorCode::UpdateExpired);
    assert_eq!(store.judges(b"listed"), Action::Block, "what was taken stays in force");
}

#[test]
fn a_single_change_is_taken_unsigned_only_where_the_operator_says_so() {
    let mut maker = Maker::new("neighbour");
    let first = maker.change_of(false, &|d| d.add(of_bytes(b"listed", "a")).unwrap()).file.clone();
    let first = maker.path().join(first);
    let mut store = Subscriber::to(&maker, ListKind::Friend);
    let take = |store: &mut Subscriber, path: &Path| {
        store.writer.apply_unsigned(path, &Terms::at(NOW)).map_err(|e| e.code())
    };
    assert_eq!(take(&mut store, &first), Err(ErrorCode::UpdateUnsigned));
    let unsigned = |record: &mut tamis::store::ListRecord| {
        record.keys.clear();
        (record.need, record.unsigned) = (0, true);
        Ok(())
    };
    store.writer.set_list("neighbour", ListKind::Friend, ("", ""), NOW, unsigned).unwrap();
    assert!(take(&mut store, &first).unwrap().changed);
    assert!(!take(&mut store, &first).unwrap().changed);
    assert_eq!(store.judges(b"listed"), Action::Review);
    let good = fs::read(&first).unwrap();
    fs::write(&first, &good[..good.len() - 9]).unwrap();
    assert_eq!(take(&mut store, &first), Err(ErrorCode::UpdateIncomplete));
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("neighbour", ListKind::Friend)).unwrap();
    builder.set_change(list, 2, 2, false).unwrap();
    builder.suppress(EntryId([1; 16]));
    fs::write(&first, builder.to_bytes().unwrap().0).unwrap();
    assert_eq!(take(&mut store, &first), Err(ErrorCode::UpdateForeign));
    let mut other = Maker::new("local");
    let file = other.change(3).file.clone();
    assert_eq!(take(&mut store, &other.path().join(file)), Err(ErrorCode::UpdateUnsigned));
    assert!(store.is_tidy());
}

#[test]
fn keys_change_by_overlap_and_a_lost_one_is_taken_away() {
    let mut maker = Maker::new("neighbour");
    maker.change(1);
    maker.publish();
    let mut store = Subscriber::to(&maker, ListKind::Friend);
    store.take(&maker).unwrap();
    let new = KeyPair::generate_unencrypted_keypair().unwrap();
    // The maker signs with both for a while; subscribers pin the new key whenever they get to it.
    let mut late = Subscriber::to(&maker, ListKind::Friend);
    maker.change(2);
    maker.publish();
    sign(&new, maker.path(), ".new");
    late.take(&maker).unwrap();
    store.pin(&maker, ListKind::Friend, &[&maker.keys, &new], 1);
    store.take(&maker).unwrap();
    store.pin(&maker, ListKind::Friend, &[&new], 1);
    // From now on by the new one alone.
    let old = std::mem::replace(&mut maker.keys, new);
    fs::remove_file(maker.path().join("feed.json.new.minisig")).unwrap();
    maker.change(3);
    maker.publish();
    store.take(&maker).unwrap();
    late.refuses(&maker, ErrorCode::UpdateSignature);
    // Whoever finds the old key convinces nobody who has let go of it.
    let mut thief = Maker { keys: old, feed: maker.feed.clone(), ..Maker::new("neighbour") };
    thief.publish();
    store.refuses(&thief, ErrorCode::UpdateSignature);
}
