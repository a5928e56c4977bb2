//! What a store keeps and takes in: its manifest, its log, the sets behind a feed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tamis::ErrorCode;
use tamis::set::{Change, Delta, List, ListKind, Role, Set, SetDigest};
use tamis::store::feed::{self, Feed, FeedSet};
use tamis::store::{Event, MANIFEST, Manifest, Store, StoreWriter, Terms};

use super::{legible, resealed, scratch};

/// A store in an empty directory of its own.
fn store_in(dir: &Path) -> StoreWriter {
    StoreWriter::init(dir.join("store"), 1).expect("an empty directory")
}

/// A manifest. Byte 0 chooses: even, the rest is read as it is; odd, it gets the line with its checksum first.
///
/// An error is of the store's kind and fit for a terminal. A manifest survives being written out; what it says of missing changes is what its runs, gone through one by
/// one, leave out; and a store of it can be opened and changed.
pub fn manifest(data: &[u8]) {
    let Some((mode, text)) = data.split_first() else { return };
    let sealed = (mode & 1 == 1).then(|| {
        let text = [text, b"\n"].concat();
        let sum = blake3::hash(&text).to_hex();
        [&text[..], b"blake3 ", sum.as_bytes(), b"\n"].concat()
    });
    let manifest = match Manifest::parse(sealed.as_deref().unwrap_or(text)) {
        Ok(manifest) => manifest,
        Err(error) => {
            assert_eq!(error.code(), ErrorCode::Store);
            return legible(&error);
        }
    };
    let bytes = manifest.to_bytes().expect("it was as long");
    let again = Manifest::parse(&bytes).expect("its own bytes");
    assert_eq!(again, manifest);
    assert_eq!(again.to_bytes().expect("it was as long"), bytes);
    manifest.lists.keys().for_each(|list| misses_what_it_says(&manifest, list));
    if manifest.sets.is_empty() {
        can_be_changed(&manifest, &bytes);
    }
}

fn misses_what_it_says(manifest: &Manifest, list: &str) {
    let (last, missing) = (manifest.last_number(list), manifest.missing(list));
    assert!(missing.iter().all(|(from, to)| 1 <= *from && from <= to && *to < last), "{missing:?}");
    assert!(missing.is_sorted_by(|a, b| a.1 + 1 < b.0), "{missing:?}");
    assert!(!manifest.holds(list, last + 1, last + 1));
    // The naive way goes through all numbers.
    if last > 100 {
        return;
    }
    let mut held = BTreeSet::new();
    for change in manifest.sets.iter().flat_map(|set| &set.changes).filter(|c| c.list == list) {
        // A run that replaces the list leaves nothing before it to be missed.
        held.extend(change.first.max(1)..=change.last);
    }
    assert_eq!(held.last().copied().unwrap_or(0), last);
    for number in 1..=last {
        let is_missing = missing.iter().any(|(from, to)| (*from..=*to).contains(&number));
        assert_eq!(is_missing, !held.contains(&number), "change {number} of {list:?}");
        assert_eq!(manifest.holds(list, number, number), !is_missing);
    }
}

fn can_be_changed(manifest: &Manifest, bytes: &[u8]) {
    let dir = scratch();
    let path = store_in(dir.path()).directory().to_path_buf();
    fs::write(path.join(MANIFEST), bytes).expect("room for it");
    let snapshot = Store::open(&path).expect("it names no set").snapshot();
    assert_eq!(snapshot.version(), manifest.version);
    assert!(snapshot.updated().is_ok() && snapshot.state_digest(2).is_ok());
    assert_eq!(snapshot.census(2).expect("no set").len(), manifest.lists.len());
    let mut writer = StoreWriter::open(&path).expect("it was opened to be read");
    let known = manifest.lists.contains_key("one more");
    match writer.set_list("one more", ListKind::Friend, ("known", ""), 2, |_| Ok(())) {
        Ok(()) => {
            let grown = manifest.version + u64::from(!known);
            assert_eq!(Manifest::read(&path).expect("its own").version, grown);
        }
        Err(error) => {
            legible(&error);
            assert_eq!(Manifest::read(&path).expect("it stays").version, manifest.version);
        }
    }
}

/// A store's log.
///
/// Whatever stands in it, every whole line is read and nothing else; what is appended stands behind that, whole; what the manifest knows is told once, and what is refused
/// again and again is not told each time.
pub fn log(data: &[u8]) {
    let dir = scratch();
    let path = store_in(dir.path()).directory().to_path_buf();
    fs::write(path.join("log"), data).expect("room for it");
    let events = || {
        let mut events = Vec::new();
        StoreWriter::read_log(&path, &mut |event| events.push(event)).expect("it can be read");
        events
    };
    let told: Vec<Event> = events();
    let lines = data.split(|byte| *byte == b'\n');
    let whole: Vec<Event> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(told, whole);

    let mut writer = StoreWriter::open(&path).expect("only its log is odd");
    let made_up = events();
    let knows = told.iter().any(|event| event.version == 1 && event.event != "refused");
    assert!(made_up.starts_with(&told));
    assert_eq!(made_up.len(), told.len() + usize::from(!knows));

    let mut refuse = |at| {
        let stranger = List::new("nobody's", ListKind::Friend);
        let delta = Delta::new(stranger, 1).expect("a good list");
        let refused = writer.apply(delta, &Terms::at(at)).expect_err("the store does not know it");
        assert_eq!(refused.code(), ErrorCode::UpdateForeign);
    };
    refuse(5);
    let once = events();
    assert!(once.starts_with(&made_up) && once.len() <= made_up.len() + 1);
    let code = Some(ErrorCode::UpdateForeign.number());
    let line = once.iter().rfind(|event| event.code == code && event.list == "nobody's");
    assert!(line.is_some_and(|event| event.event == "refused"), "{line:?}");
    refuse(6);
    assert!(events() == once || line.is_some_and(|event| event.at == 6));

    let before = events();
    writer.set_list("friend", ListKind::Friend, ("known", "why"), 7, |_| Ok(())).expect("a change");
    let after = events();
    assert!(after.starts_with(&before) && after.len() == before.len() + 1);
    let last = after.last().expect("the change");
    assert_eq!((last.version, &*last.event, &*last.reason), (2, "list", "why"));
}

/// Sets behind a feed: byte 0 chooses, two bytes are the length of the first set, which follows, and the rest is the second. The feed tells the truth about them unless
/// bits of byte 0 say otherwise: 0 puts their checksums right first, 1 makes it lie about their lengths, 2 and 3 about the numbers of their changes, 4 about their digests.
///
/// What its maker and a subscriber make of it is the same: refused with a reason and nothing changed, or taken in full, all of it sound and nothing that is for the operator alone.
pub fn feed_contents(data: &[u8]) {
    let [flags, low, high, rest @ ..] = data else { return };
    let lie = |bit: u8| u64::from(flags >> bit & 1);
    let cut = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
    let dir = scratch();
    let place = dir.path().join("feed");
    fs::create_dir(&place).expect("room for it");
    let mut feed: Option<Feed> = None;
    let mut sound = true;
    for (number, bytes) in (1..).zip([&rest[..cut], &rest[cut..]]) {
        if bytes.is_empty() {
            continue;
        }
        let sealed = if lie(0) == 1 { resealed(bytes) } else { None };
        let bytes = sealed.as_deref().unwrap_or(bytes);
        let set = Set::from_bytes(bytes).ok();
        let change = set.as_ref().and_then(|set| set.changes().ok()?.first().cloned());
        let nobodys =
            Change { list: "neighbour".into(), first: number, last: number, replaces: false };
        let change = change.unwrap_or(nobodys);
        sound = sound && set.as_ref().is_some_and(|set| set.verify(&mut |_| {}).is_ok());
        let digest = set.map_or([0; 32], |set| set.digest().0);
        let named = FeedSet {
            file: format!("{number}.tamis"),
            digest: SetDigest(if lie(4) == 1 { *blake3::hash(&digest).as_bytes() } else { digest }),
            bytes: bytes.len() as u64 + lie(1),
            first: change.first,
            last: change.last.saturating_add(lie(2)),
            replaces: change.replaces != (lie(3) == 1),
            incident: None,
        };
        let path = place.join(&named.file);
        fs::write(&path, bytes).expect("room for it");
        // Sets are confidential, and what everybody may read is refused.
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("its owner");
        feed.get_or_insert_with(|| Feed::new(change.list, 1)).sets.push(named);
    }
    let Some(feed) = feed else { return };
    fs::write(place.join(feed::FEED_FILE), feed.to_json()).expect("room for it");
    let refused = |error: &tamis::Error| {
        assert!(error.code().is_refusal(), "{error}");
        legible(error);
    };
    let whole = feed::entries(&place, &feed);
    whole.iter().for_each(|entries| {
        assert!(entries.values().all(|entry| entry.role == Role::Listed), "an exception");
    });
    whole.as_ref().err().into_iter().for_each(refused);
    let mut opened = true;
    for named in &feed.sets {
        let set = feed::open_set(&place, &feed, named);
        opened = opened && set.is_ok();
        set.err().iter().for_each(refused);
    }

    let mut writer = store_in(dir.path());
    let subscribe = |list: &mut tamis::store::ListRecord| {
        list.unsigned = true;
        Ok(())
    };
    // Not every text that a set may hold is a name.
    let terms = ("subscribed", "");
    if writer.set_list(&feed.list, ListKind::Friend, terms, 1, subscribe).is_err() {
        return;
    }
    let version = writer.manifest().version;
    match writer.apply_feed(&place, &Terms::at(2)) {
        Err(error) => {
            refused(&error);
            assert_eq!((writer.manifest().version, writer.manifest().sets.len()), (version, 0));
        }
        Ok(applied) => {
            assert!(opened, "a subscriber takes what its maker cannot open");
            let whole = whole.expect("a subscriber takes it");
            let snapshot = Store::open(writer.directory()).expect("the writer's own").snapshot();
            let mut stands = BTreeMap::new();
            let each = snapshot.each_entry(&mut |_, list, id, entry| {
                assert_eq!(list, feed.list);
                assert!(stands.insert(id, entry.clone()).is_none(), "an entry comes once");
                Ok(())
            });
            each.expect("the writer's own");
            assert!(!sound || stands == whole, "{stands:?}\n{whole:?}");
            assert!(stands.values().all(|entry| entry.role == Role::Listed), "an exception");
            assert!(snapshot.layers().suppressions().expect("the writer's own").is_empty());
            for set in snapshot.sets() {
                set.verify(&mut |_| {}).expect("what is taken is sound");
            }
            let again = writer.apply_feed(&place, &Terms::at(3)).expect("the very same");
            assert_eq!((again.sets, again.version), (0, applied.version));
        }
    }
}
