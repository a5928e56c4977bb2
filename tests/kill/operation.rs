//! The stores that are changed, and the changes, each the same every time.

#![allow(unreachable_pub, reason = "a part of one test")]

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use tamis::fingerprint::{Algorithm, Algorithms, Fingerprint, digests};
use tamis::set::{Delta, Entry, EntryId, List, ListKind, Role, Withdrawal};
use tamis::store::feed::{FEED_FILE, Feed, FeedSet};
use tamis::store::{LOCAL, ListRecord, MANIFEST, StoreWriter, Terms};
use tamis::{ErrorCode, Result};

/// The list that is not the operator's own.
const FEED: &str = "feed";

/// Before anything of a test happens.
const EARLY: u64 = 1_790_000_000;

/// What is done to the store, as one process does it: open it for writing, change it, and close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Add,
    Revoke,
    Suppress,
    Import,
    /// Two changes at once, from a feed beside the store.
    Feed,
    Compact,
    SetList,
}

/// What the store is like before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A base of fifty entries and two deltas.
    Usual,
    /// As many deltas as there may be: with the next one they are merged.
    Full,
    /// Nothing but the operator's own list and an empty one.
    Bare,
    /// The writer before was killed: its last line is missing in the log, another is cut short, and drafts and sets of nobody lie about.
    Littered,
    /// A change of the list has not come yet.
    Gap,
}

impl Operation {
    pub const ALL: [Operation; 7] = [
        Operation::Add,
        Operation::Revoke,
        Operation::Suppress,
        Operation::Import,
        Operation::Feed,
        Operation::Compact,
        Operation::SetList,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Operation::Add => "add",
            Operation::Revoke => "revoke",
            Operation::Suppress => "suppress",
            Operation::Import => "import",
            Operation::Feed => "feed",
            Operation::Compact => "compact",
            Operation::SetList => "set-list",
        }
    }

    pub fn from_name(name: &str) -> Operation {
        Operation::ALL.iter().copied().find(|operation| operation.name() == name).unwrap()
    }

    /// An upload about which the states before and after differ, if they differ about any.
    pub fn probe(self) -> &'static [u8] {
        match self {
            Operation::Add | Operation::Feed => b"upload new",
            Operation::Revoke => b"upload 4",
            Operation::Suppress => b"upload 6",
            Operation::Import => b"upload 70",
            Operation::Compact | Operation::SetList => b"upload 7",
        }
    }

    /// The number of its change, in the store as it is.
    pub fn number(self, writer: &StoreWriter) -> u64 {
        let list = match self {
            Operation::Add | Operation::Suppress => LOCAL,
            _ => FEED,
        };
        writer.manifest().last_number(list) + 1
    }

    /// Does it. What needs no store is done before `begins` is called. `ends` is called when the store is closed.
    pub fn run(
        self,
        store: &Path,
        number: u64,
        begins: impl FnOnce(),
        ends: impl FnOnce(),
    ) -> Result<()> {
        let delta = self.delta(number);
        let dropped = store.with_file_name("dropped");
        if self == Operation::Feed {
            drop_feed(&dropped, number);
        }
        let terms = Terms::at(EARLY + 100).reason("a test");
        begins();
        let done = StoreWriter::open(store).and_then(|mut writer| match (self, delta) {
            (_, Some(delta)) => writer.apply(delta, &terms).map(drop),
            (Operation::Feed, None) => writer.apply_feed(&dropped, &terms).map(drop),
            (Operation::Compact, None) => writer.compact(terms.now, &mut |_| Ok(())).map(drop),
            (_, None) => {
                let what = ("switched off", "a test");
                writer.set_list(FEED, ListKind::Exchange, what, terms.now, |record| {
                    record.suppressed = true;
                    Ok(())
                })
            }
        });
        ends();
        done
    }

    fn delta(self, number: u64) -> Option<Delta> {
        let local = || Delta::new(List::new(LOCAL, ListKind::Local), number).unwrap();
        let feed = || Delta::new(List::new(FEED, ListKind::Exchange), number).unwrap();
        Some(match self {
            Operation::Add => {
                let mut delta = local();
                add(&mut delta, "new");
                delta
            }
            Operation::Revoke => {
                let mut delta = feed();
                delta.withdraw(&Withdrawal::Item("item 4".into())).unwrap();
                delta.withdraw(&Withdrawal::Entry(id("5"))).unwrap();
                delta
            }
            Operation::Suppress => {
                let mut delta = local();
                for algorithm in ALGORITHMS {
                    delta.suppress(id_of("6", algorithm)).unwrap();
                }
                delta
            }
            Operation::Import => {
                let mut delta = feed().replacing();
                for number in 10..75 {
                    add(&mut delta, &number.to_string());
                }
                delta
            }
            Operation::Feed | Operation::Compact | Operation::SetList => return None,
        })
    }
}

/// A feed with a change of this number and the next. What came before them is a base, for whoever has not got all of it.
fn drop_feed(directory: &Path, number: u64) {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir(directory).unwrap();
    let mut feed = Feed::new(FEED, EARLY);
    feed.version = 1;
    let mut put = |number: u64, replaces: bool, adds: &[&str]| {
        let delta = Delta::new(List::new(FEED, ListKind::Exchange), number).unwrap();
        let mut delta = if replaces { delta.replacing() } else { delta };
        adds.iter().for_each(|text| add(&mut delta, text));
        let change = delta.change().clone();
        let (bytes, report) = delta.to_bytes().unwrap();
        let file = format!("{number}.tamis");
        fs::write(directory.join(&file), &bytes).unwrap();
        feed.sets.push(FeedSet {
            file,
            digest: report.digest,
            bytes: bytes.len() as u64,
            first: change.first,
            last: change.last,
            replaces,
            incident: None,
        });
    };
    if number > 1 {
        let before: Vec<String> = (0..29).map(|number: u32| number.to_string()).collect();
        put(number - 1, true, &before.iter().map(String::as_str).collect::<Vec<_>>());
    }
    put(number, false, &["new"]);
    put(number + 1, false, &["newer"]);
    fs::write(directory.join(FEED_FILE), feed.to_json()).unwrap();
}

impl Shape {
    pub const ALL: [Shape; 5] =
        [Shape::Usual, Shape::Full, Shape::Bare, Shape::Littered, Shape::Gap];

    pub fn name(self) -> &'static str {
        match self {
            Shape::Usual => "usual",
            Shape::Full => "full",
            Shape::Bare => "bare",
            Shape::Littered => "littered",
            Shape::Gap => "gap",
        }
    }

    pub fn make(self, store: &Path) {
        let mut writer = StoreWriter::init(store, EARLY).unwrap();
        let kept = ("subscribed", "");
        let unsigned = |record: &mut ListRecord| {
            record.unsigned = true;
            Ok(())
        };
        writer.set_list(FEED, ListKind::Exchange, kept, EARLY, unsigned).unwrap();
        if self == Shape::Bare {
            return;
        }
        let mut apply = |list: &str, number: u64, adds: std::ops::Range<u32>| {
            let kind = if list == LOCAL { ListKind::Local } else { ListKind::Exchange };
            let mut delta = Delta::new(List::new(list, kind), number).unwrap();
            for number in adds {
                add(&mut delta, &number.to_string());
            }
            if number > 1 {
                delta.withdraw(&Withdrawal::Item(format!("item {}", 30 + number))).unwrap();
            }
            writer.apply(delta, &Terms::at(EARLY + number)).unwrap();
            if number == 1 && list == FEED {
                writer.compact(EARLY + 1, &mut |_| Ok(())).unwrap();
            }
        };
        // Two entries each.
        apply(FEED, 1, 0..25);
        apply(FEED, 2, 25..27);
        apply(LOCAL, 1, 40..42);
        match self {
            Shape::Full => (3..9).for_each(|number| apply(FEED, number, 0..1)),
            Shape::Gap => apply(FEED, 5, 27..29),
            _ => {}
        }
        drop(writer);
        if self == Shape::Littered {
            litter(store);
        }
    }
}

fn litter(store: &Path) {
    let log = fs::read_to_string(store.join("log")).unwrap();
    let mut lines: Vec<&str> = log.lines().collect();
    let last = lines.pop().unwrap();
    fs::write(store.join("log"), format!("{}\n{}", lines.join("\n"), &last[..20])).unwrap();
    for name in [
        ".new-4000000.tamis",
        ".new.tamis.4000000.draft",
        ".compacted.tamis.4000000.draft",
        ".manifest.4000000.draft",
        "00000009-0123abcd.tamis",
    ] {
        fs::write(store.join(name), b"half of").unwrap();
        fs::set_permissions(store.join(name), fs::Permissions::from_mode(0o640)).unwrap();
    }
    fs::write(store.join("lock"), b"4000000\n").unwrap();
}

const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Pdq];

/// Every upload is listed twice: by its digest, and by a code, so that an index is written.
fn fingerprint(upload: &str, algorithm: Algorithm) -> Fingerprint {
    let bytes = format!("upload {upload}");
    if algorithm != Algorithm::Pdq {
        return digests(bytes.as_bytes(), Algorithms::DIGESTS)
            .iter()
            .find(|digest| digest.algorithm() == algorithm)
            .unwrap();
    }
    // Half of the bits are set, as in a real one.
    let half = blake3::hash(bytes.as_bytes());
    let mut code = [0; 32];
    for (at, byte) in half.as_bytes()[..16].iter().enumerate() {
        (code[at], code[31 - at]) = (*byte, !byte);
    }
    Fingerprint::new(Algorithm::Pdq, &code).unwrap()
}

fn add(delta: &mut Delta, upload: &str) {
    for algorithm in ALGORITHMS {
        let entry = Entry::new(fingerprint(upload, algorithm))
            .reviewed(true)
            .item(format!("item {upload}"));
        delta.add(entry).unwrap();
    }
}

fn id(upload: &str) -> EntryId {
    id_of(upload, Algorithm::Sha256)
}

fn id_of(upload: &str, algorithm: Algorithm) -> EntryId {
    EntryId::new(FEED, "", Role::Listed, &fingerprint(upload, algorithm))
}

/// A copy of a store, with the modes of its files.
pub fn copy(from: &Path, to: &Path) {
    fs::DirBuilder::new().mode(0o750).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::DirBuilder::new().mode(0o770).create(&target).unwrap();
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
    assert!(to.join(MANIFEST).exists());
}

/// What the writer's process says of its operation, as its exit status.
pub fn status_of(done: &Result<()>) -> i32 {
    done.as_ref().map_or_else(|error| 10 + error.code().number() as i32, |()| 0)
}

/// The error that such a status tells of.
pub fn error_of(status: i32) -> Option<ErrorCode> {
    ErrorCode::ALL.iter().copied().find(|code| 10 + code.number() as i32 == status)
}
