//! Updates that a store must not take: each is refused with its code, the state before it stays in force, and the log says so.
//!
//! | bad update | code | tested |
//! |---|---|---|
//! | blank picture's hash | `UpdateFlatPicture` | here |
//! | digest of the empty file | `UpdateEmptyDigest` | here |
//! | a placeholder for a digest, a code of too many bits, an exception by somebody else | `UpdatePoison` | here |
//! | a canary's fingerprint | `UpdateCanary` | here; all kinds of canaries: src/store/canaries/tests.rs |
//! | tenfold growth | `UpdateGrowth` | here |
//! | half removed | `UpdateShrinkage` | here |
//! | giant counts | `UpdateMalformed` | here; on the level of sets: tests/set_damage.rs |
//! | damaged | `UpdateMalformed` | here |
//! | truncated | `UpdateIncomplete` | here |
//! | the same number, other contents | `UpdateConflict` | here |
//! | comes too late | `UpdateStale` | here |
//! | of another list, of several, of none | `UpdateForeign` | here |
//! | switches entries off or on | `UpdateForeign` | here |
//! | a list that is not taken unsigned | `UpdateUnsigned` | here |
//! | URL "/" | a row that is rejected; nothing is left to apply | here |
//! | wrong key, too few keys, another list's key | `UpdateSignature` | tests/feed.rs |
//! | roll-back, replayed | `UpdateRollback` | tests/feed.rs |
//! | expired | `UpdateExpired` | tests/feed.rs |

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::{Parts, fingerprint};
use tamis::fingerprint::{Algorithm, Algorithms, Fingerprint, Fingerprints, digests};
use tamis::import::{self, Format, Options};
use tamis::set::{Delta, Entry, EntryId, List, ListKind, Role, SetBuilder, Withdrawal};
use tamis::store::{CANARIES, CanaryBuilder, Event, LOCAL, StoreOptions, StoreWriter, Terms};
use tamis::{Action, Context, ErrorCode, Policy, Scanner};

const NOW: u64 = 1_790_000_000;

/// The list that updates come for.
const FEED: &str = "feed";

/// Entries that it has before, besides those of the uploads.
const ENTRIES: u64 = 300;

/// The hash of a flat picture, with as many bits as that of any other.
const BLANK: &str = "000001e6bf8e3e1ce000c0fc303f38c9773f47bfcff3037e633cfc609faf10f8";

fn of_upload(upload: &str) -> Entry {
    let digest = digests(upload.as_bytes(), Algorithms::DIGESTS);
    let digest = digest.iter().find(|d| d.algorithm() == Algorithm::Sha256).unwrap();
    Entry::new(digest).reviewed(true)
}

/// The update of that number, with what `fill` puts into it.
fn update(number: u64, replaces: bool, fill: impl FnOnce(&mut Delta)) -> Vec<u8> {
    let mut delta = Delta::new(List::new(FEED, ListKind::Exchange), number).unwrap();
    if replaces {
        delta = delta.replacing();
    }
    fill(&mut delta);
    delta.to_bytes().unwrap().0
}

fn with(number: u64, seeds: std::ops::Range<u64>) -> Vec<u8> {
    update(number, false, |delta| add(delta, seeds))
}

fn add(delta: &mut Delta, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        delta.add(Entry::new(fingerprint(Algorithm::Sha256, seed))).unwrap();
    }
}

/// An update with a fingerprint that no builder takes: whoever made it did not use ours.
fn poisoned(poison: &Fingerprint) -> Vec<u8> {
    let algorithm = poison.algorithm();
    let placeholder = fingerprint(algorithm, 4711);
    let good = update(3, false, |delta| delta.add(Entry::new(placeholder)).unwrap());
    let mut parts = Parts::of(&good);
    let held = parts.bytes_of(0x100 + algorithm as u32);
    assert_eq!(held, placeholder.bytes());
    held.copy_from_slice(poison.bytes());
    parts.seal()
}

fn built(fill: impl FnOnce(&mut SetBuilder)) -> Vec<u8> {
    let mut builder = SetBuilder::new();
    fill(&mut builder);
    builder.to_bytes().unwrap().0
}

/// A store that takes the list as it comes, two changes of it, and a reader that looks at once.
struct Victim {
    directory: tempfile::TempDir,
    writer: StoreWriter,
    reader: Scanner,
}

impl Victim {
    fn new() -> Victim {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let mut writer = StoreWriter::init(&path, NOW).unwrap();
        for list in [FEED, "signed", "another"] {
            let what = ("subscribed", "");
            writer
                .set_list(list, ListKind::Exchange, what, NOW, |record| {
                    record.unsigned = list != "signed";
                    Ok(())
                })
                .unwrap();
        }
        let logo = digests(b"harmless", Algorithms::DIGESTS);
        let mut canaries = CanaryBuilder::new();
        canaries.add("logo", &Fingerprints::default().digests(logo)).unwrap();
        canaries.write(path.join(CANARIES)).unwrap();
        let options = StoreOptions::new().refresh_interval(Some(std::time::Duration::ZERO));
        let reader = Scanner::new(options.open(&path).unwrap(), Policy::builtin());
        let mut victim = Victim { directory, writer, reader };
        let first = update(1, false, |delta| {
            add(delta, 0..ENTRIES);
            delta.add(of_upload("listed")).unwrap();
        });
        assert!(victim.take(&first).is_ok());
        assert!(victim.take(&with(2, 900..901)).is_ok());
        victim
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    fn take(&mut self, bytes: &[u8]) -> Result<bool, ErrorCode> {
        let path = self.directory.path().join("dropped.tamis");
        tamis::files::publish_bytes(&path, bytes).unwrap();
        let applied = self.writer.apply_unsigned(&path, &Terms::at(NOW));
        applied.map(|applied| applied.changed).map_err(|e| e.code())
    }

    fn state(&self) -> ([u8; 32], tamis::store::StoreDigest) {
        let store = StoreOptions::new().open(self.store()).unwrap();
        (store.snapshot().state_digest(NOW).unwrap(), store.snapshot().digest())
    }

    fn log(&self) -> Vec<Event> {
        let mut events = Vec::new();
        StoreWriter::read_log(&self.store(), &mut |event| events.push(event)).unwrap();
        events
    }

    fn judges(&mut self, upload: &[u8]) -> Action {
        let verdict = self.reader.check(upload, &Context::at(NOW)).unwrap();
        assert_eq!(self.reader.store().fault(), None);
        verdict.action
    }

    /// Drops it, and looks at everything that must not have changed.
    #[track_caller]
    fn refuses(&mut self, name: &str, bytes: &[u8], expected: ErrorCode) {
        let (state, log) = (self.state(), self.log().len());
        let names = names(&self.store());
        assert_eq!(self.take(bytes), Err(expected), "{name}");
        assert_eq!(self.state(), state, "{name}");
        assert_eq!(names, self::names(&self.store()), "{name}: something lies about");
        for (upload, action) in
            [(&b"listed"[..], Action::Block), (b"harmless", Action::Allow), (b"", Action::Allow)]
        {
            assert_eq!(self.judges(upload), action, "{name}");
        }
        let events = self.log();
        let [event] = &events[log..] else { panic!("{name}: {:?}", &events[log..]) };
        assert_eq!((&event.event[..], event.code), ("refused", Some(expected.number())), "{name}");
        assert_eq!(event.version, self.writer.manifest().version, "{name}");
        assert!(!event.what.is_empty(), "{name}");
    }
}

fn names(directory: &Path) -> BTreeSet<std::ffi::OsString> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn bad_updates_are_refused_each_with_its_code() {
    let blank = Fingerprint::from_hex(Algorithm::Pdq, BLANK).unwrap();
    let zeros = Fingerprint::new(Algorithm::Sha256, &[0; 32]).unwrap();
    let crowded = Fingerprint::new(Algorithm::Pdq, &[0xF7; 32]).unwrap();
    let empty = digests(b"", Algorithms::DIGESTS);
    let empty: Vec<Fingerprint> = empty.iter().collect();
    let good = with(3, 1000..1001);

    let mut bad: Vec<(&str, Vec<u8>, ErrorCode)> = vec![
        ("blank picture", poisoned(&blank), ErrorCode::UpdateFlatPicture),
        ("placeholder", poisoned(&zeros), ErrorCode::UpdatePoison),
        ("code of too many bits", poisoned(&crowded), ErrorCode::UpdatePoison),
        ("exception", exception(), ErrorCode::UpdatePoison),
        ("canary", of_harmless(), ErrorCode::UpdateCanary),
        ("tenfold growth", with(3, 1000..1000 + ENTRIES * 10 + 10_000), ErrorCode::UpdateGrowth),
        ("half removed", half_removed(), ErrorCode::UpdateShrinkage),
        ("all removed", update(3, true, |_| {}), ErrorCode::UpdateShrinkage),
        ("other contents", with(2, 950..951), ErrorCode::UpdateConflict),
        ("no change of any list", built(|_| {}), ErrorCode::UpdateForeign),
        ("of two lists", of_two_lists(), ErrorCode::UpdateForeign),
        ("switches off", switches_off(), ErrorCode::UpdateForeign),
        ("switches on", switches_on(), ErrorCode::UpdateForeign),
        ("of a signed list", of_list("signed"), ErrorCode::UpdateUnsigned),
        ("of the operator's list", of_list(LOCAL), ErrorCode::UpdateUnsigned),
        ("of an unknown list", of_list("stranger"), ErrorCode::UpdateUnsigned),
        ("no set", b"feed,3,block everything\n".repeat(40), ErrorCode::UpdateMalformed),
        ("cut in half", good[..good.len() / 2].to_vec(), ErrorCode::UpdateIncomplete),
        ("without its last byte", good[..good.len() - 1].to_vec(), ErrorCode::UpdateIncomplete),
    ];
    for digest in &empty {
        bad.push(("empty file", poisoned(digest), ErrorCode::UpdateEmptyDigest));
    }
    assert_eq!(empty.len(), 5);
    for (at, byte) in [(good.len() - 3, 1), (good.len() / 2, 0x80), (130, 4)] {
        let mut damaged = good.clone();
        damaged[at] ^= byte;
        bad.push(("damaged", damaged, ErrorCode::UpdateMalformed));
    }
    // Counts that a reader would multiply and make room for.
    for giant in [u64::MAX, 1 << 61, 1 << 40] {
        let mut parts = Parts::of(&good);
        let (row, _) = parts.section(0x006);
        parts.table[row][24..32].copy_from_slice(&giant.to_le_bytes());
        bad.push(("giant count", parts.seal(), ErrorCode::UpdateMalformed));
    }

    let mut victim = Victim::new();
    for (name, bytes, code) in &bad {
        victim.refuses(name, bytes, *code);
    }
    // What makes a list grow or shrink is taken if the operator means it; the good one is taken after all of that.
    assert_eq!(victim.take(&good), Ok(true));
    assert_eq!(victim.take(&good), Ok(false), "replayed as it was: nothing to do");
    assert_eq!(victim.judges(b"listed"), Action::Block);
}

#[test]
fn what_comes_too_late_is_refused() {
    let mut victim = Victim::new();
    let whole = update(9, true, |delta| {
        add(delta, 0..ENTRIES);
        delta.add(of_upload("listed")).unwrap();
    });
    assert_eq!(victim.take(&whole), Ok(true));
    victim.refuses("made void", &with(7, 1000..1001), ErrorCode::UpdateStale);
    victim.writer.compact(NOW, &mut |_| Ok(())).unwrap();
    victim.refuses("below the watermark", &with(8, 1000..1001), ErrorCode::UpdateStale);
    assert_eq!(victim.take(&with(10, 1000..1001)), Ok(true));
}

/// Such a row would match every page of a site, were links looked up. It is no fingerprint, and so never becomes an entry.
#[test]
fn a_link_to_everything_is_no_row() {
    let mut victim = Victim::new();
    let before = victim.state();
    let mut delta = victim.writer.delta(LOCAL).unwrap();
    for (format, text) in [
        (Format::Csv, "algorithm,fingerprint\nurl,/\nsha256,/\n,/\n"),
        (Format::JsonLines, "{\"algorithm\":\"url\",\"fingerprint\":\"/\"}\n{\"url\":\"/\"}\n"),
        (Format::Hex, "/\n"),
    ] {
        let mut rejected = 0;
        let report = import::read(
            text.as_bytes(),
            format,
            &Options::default(),
            &mut |entry| delta.add(entry),
            &mut |_| rejected += 1,
        )
        .unwrap();
        assert!(report.rows > 0);
        assert_eq!((report.accepted, rejected), (0, report.rows), "{report:?}");
    }
    assert!(delta.is_empty());
    assert_eq!(victim.state(), before);
    assert_eq!(victim.judges(b"/"), Action::Allow);
}

/// The codes tell apart what an operator has to do.
#[test]
fn no_two_kinds_of_refusal_share_a_code() {
    let codes: Vec<ErrorCode> = ErrorCode::ALL
        .iter()
        .copied()
        .filter(|code| format!("{code:?}").starts_with("Update"))
        .collect();
    let numbers: BTreeSet<u32> = codes.iter().map(|code| code.number()).collect();
    assert_eq!(numbers.len(), codes.len());
    assert!(codes.len() >= 13 && numbers.iter().all(|number| (60..90).contains(number)));
}

fn exception() -> Vec<u8> {
    update(3, false, |delta| {
        delta.add(of_upload("listed").role(Role::Exception)).unwrap();
    })
}

fn of_harmless() -> Vec<u8> {
    update(3, false, |delta| delta.add(of_upload("harmless")).unwrap())
}

fn half_removed() -> Vec<u8> {
    update(3, true, |delta| {
        add(delta, 0..ENTRIES / 2);
        delta.add(of_upload("listed")).unwrap();
    })
}

fn of_two_lists() -> Vec<u8> {
    built(|builder| {
        for name in [FEED, "another"] {
            let list = builder.add_list(List::new(name, ListKind::Exchange)).unwrap();
            builder.set_change(list, 3, 3, false).unwrap();
            builder.add(list, Entry::new(fingerprint(Algorithm::Md5, 1))).unwrap();
        }
    })
}

fn listed() -> EntryId {
    EntryId::new(FEED, "", Role::Listed, &of_upload("listed").fingerprint)
}

fn switches_off() -> Vec<u8> {
    built(|builder| {
        let list = builder.add_list(List::new(FEED, ListKind::Exchange)).unwrap();
        builder.set_change(list, 3, 3, false).unwrap();
        builder.suppress(listed());
    })
}

fn switches_on() -> Vec<u8> {
    built(|builder| {
        let list = builder.add_list(List::new(FEED, ListKind::Exchange)).unwrap();
        builder.set_change(list, 3, 3, false).unwrap();
        builder.withdraw(list, &Withdrawal::Suppression(listed()));
    })
}

fn of_list(name: &str) -> Vec<u8> {
    let kind = if name == LOCAL { ListKind::Local } else { ListKind::Exchange };
    let mut delta = Delta::new(List::new(name, kind), 1).unwrap();
    add(&mut delta, 1000..1001);
    delta.to_bytes().unwrap().0
}
