//! Feeds as they arrive: what a subscriber takes, and what it refuses, each with its own code. Here what is said of a feed by itself, in
//! `feed/store.rs` what a store makes of it.

mod common;
#[path = "feed/maker.rs"]
mod maker;
#[path = "feed/store.rs"]
mod store;
#[path = "feed/subscriber.rs"]
mod subscriber;

use std::fs;

use common::fingerprint;
use maker::{Maker, public, sign};
use minisign::KeyPair;
use tamis::ErrorCode;
use tamis::fingerprint::Algorithm;
use tamis::set::{Entry, EntryId, List, ListKind, Role, SetBuilder, Withdrawal};
use tamis::store::feed::{Received, Seen, Trust};

const NOW: u64 = 1_795_000_000;

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
        b.add(id, entry().role(Role::Exception)).unwrap();
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
