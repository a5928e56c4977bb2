//! Feeds that a store takes (`StoreWriter::apply_feed`), whole or not at all, and single changes without a signature.

use std::fs;
use std::path::Path;

use minisign::KeyPair;
use tamis::set::{Delta, Entry, EntryId, List, ListKind, Opinion, SetBuilder, Withdrawal};
use tamis::store::feed::{Feed, Received, entries};
use tamis::store::{Manifest, Terms};
use tamis::{Action, ErrorCode};

use crate::NOW;
use crate::maker::{Maker, public, sign};
use crate::subscriber::{Subscriber, of_bytes};

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
            delta.add(entry.expires((NOW + 60) as u32)).unwrap();
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
        |entry| entry.opinion(Opinion::Negative),
        |entry| entry.opinion(Opinion::Disputed),
        |entry| entry.reviewed(false),
        |entry| entry.expires((NOW + 2 * 86_400) as u32),
        |entry| entry.expires((NOW + 365 * 86_400) as u32),
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

    store.unsigned("neighbour", ListKind::Friend);
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
    store.unsigned("neighbour", ListKind::Exchange);
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
    store.unsigned("neighbour", ListKind::Friend);
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
