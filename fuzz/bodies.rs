//! What each fuzz target asserts. Shared with `tests/corpus.rs`, which replays the committed corpora on a stable compiler.
//!
//! "Does not panic" is the least of it: each body also holds the code to promises that must be true of every input,
//! such as "what `verify` accepts can be read" or "nearer is never weaker".

#![allow(dead_code, unreachable_pub, reason = "each target uses one of the bodies")]

#[path = "bodies/changes.rs"]
pub mod changes;
#[path = "../tests/common/mod.rs"]
mod common;
#[path = "bodies/counters.rs"]
pub mod counters;
#[path = "bodies/store.rs"]
pub mod store;
#[cfg(feature = "worker")]
#[path = "bodies/worker.rs"]
pub mod worker;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{Parts, u32_at, u64_at};
use tamis::examine::{Asked, Examiner, MOST_SLACK};
use tamis::fingerprint::{
    Algorithm, Fingerprint, Fingerprints, Hasher, Pdq, PdqHash, Perceptual, View,
};
use tamis::fingerprint::{Digests, pdq::plain};
use tamis::hamming::{Code, Isa, distance};
use tamis::import::{self, Format, Options, Report};
use tamis::index::{self, Buffers, Builder, RadiusIndex, Strategy};
use tamis::media::{
    Budget, Decoder, Frame, Keep, MediaClass, Raster, Request, Sink, embedded, sniff,
};
use tamis::policy::{Mode, set_mode_in};
use tamis::search::{Layers, Match, RadiusSearch, Searcher};
use tamis::set::{Delta, EntryId, List, ListKind, Opinion, Severity};
use tamis::store::feed::{Feed, PublicKey, Received, Trust};
use tamis::{Action, ErrorCode, Limits, Policy, Set, SetBuilder};

/// What a target does with one input. It panics if a promise is broken.
pub type Body = fn(&[u8]);

/// Every target by its name, which is that of its folder in `corpus`.
pub const TARGETS: &[(&str, Body)] = &[
    ("set_open", set_open),
    ("radius_index", radius_index),
    ("sniff_decode", sniff_decode),
    ("embedded", pictures_inside),
    ("list_import", list_import),
    ("policy", policy),
    ("feed", feed),
    ("feed_contents", store::feed_contents),
    ("manifest", store::manifest),
    ("log", store::log),
    ("changes", changes::changes),
    ("counters", counters::counters),
    #[cfg(feature = "worker")]
    ("worker", worker::worker),
];

/// A directory of its own, in memory where there is a file system for that: thousands of files, each synced, say nothing about disks.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("room for some files")
}

/// What is said of hostile bytes is short, and fit for a terminal.
fn legible(error: &tamis::Error) {
    let said = error.to_string();
    assert!(!said.is_empty() && said.len() < 2000 && !said.contains(char::is_control), "{said:?}");
}

/// A set file. Byte 0 chooses: even, the rest is opened as it is; odd, its checksums are put right first, as a hostile
/// list maker would do.
///
/// Nothing panics; what `verify` accepts can be read in full, and every entry in it is found.
pub fn set_open(data: &[u8]) {
    let Some((mode, file)) = data.split_first() else { return };
    let set = if mode & 1 == 0 {
        Set::from_bytes(file)
    } else {
        let Some(file) = resealed(file) else { return };
        Set::from_bytes(&file)
    };
    let Ok(set) = set else { return };
    let head = set.lists().is_ok() && set.created().is_ok() && set.suppressions().is_ok();
    let entries = set.entries().filter(Result::is_ok).count() as u64 == set.entry_count();
    let set = Arc::new(set);
    let sets = Layers::new(vec![Arc::clone(&set)]);
    // None is farther than 256 bits.
    let every = |sets: &Layers| {
        let mut search = RadiusSearch::new();
        search.entries(sets, PdqHash([0x55; 32]), 256, usize::MAX, |_, _| true).is_ok()
    };
    let codes = sets.as_ref().is_ok_and(every);
    let changes = set.changes().is_ok();
    taken_over(&set);
    if set.verify(&mut |_| {}).is_err() {
        return;
    }
    assert!(
        head && entries && codes && changes,
        "verify accepts a set that cannot be read: {head} {entries} {codes} {changes}"
    );
    let sets = sets.expect("verified");
    let mut searcher = Searcher::new();
    for stored in sets.sets()[0].entries().take(64) {
        let stored = stored.expect("read a moment ago");
        let fingerprints = as_an_upload(&stored.entry.fingerprint);
        // At the time 0 nothing has expired.
        let exact = searcher.digests(&sets, &fingerprints, 0).expect("verified");
        let near = searcher.perceptual(&sets, &fingerprints, 0, 0).expect("verified");
        let matches = [exact, near].map(|found| found.matches().expect("verified")).concat();
        assert!(matches.iter().any(|m| m.entry == stored.id), "entry {} is missed", stored.id);
    }
}

/// A set as an update of its first list: refused with a reason, or what comes of it is sound, is the same change, and nothing more comes of that.
fn taken_over(set: &Set) {
    let Some(list) = set.lists().ok().and_then(|lists| lists.first().cloned()) else { return };
    let list = list.kind(ListKind::Local);
    let taken = match Delta::from_set(set, list.clone()) {
        Ok(delta) => delta.to_bytes().expect("small enough").0,
        Err(error) => {
            let expected = [
                ErrorCode::SetCorrupt,
                ErrorCode::InvalidArgument,
                ErrorCode::UpdateForeign,
                ErrorCode::UpdateEmptyDigest,
                ErrorCode::UpdateFlatPicture,
                ErrorCode::UpdatePoison,
            ];
            return assert!(expected.contains(&error.code()), "{error}");
        }
    };
    let sound = Set::from_bytes(&taken).expect("the builder's own");
    sound.verify(&mut |_| {}).expect("what was taken over is sound");
    assert_eq!(sound.changes().ok(), set.changes().ok());
    let again = Delta::from_set(&sound, list).expect("it was taken before");
    assert!(again.to_bytes().expect("small enough").0 == taken);
}

/// The bytes of a radius index over [`few_codes`]. Byte 0 chooses: even, the rest is written over what the builder makes of them, in pieces of three
/// bytes that say where and four that are put there; odd, it is the beginning of an index, as wide as its header says, and zeros follow.
///
/// Nothing panics; whatever is found is true and found once; a scan needs no index; `verify` accepts what the builder makes and nothing
/// else, and by that everything is found.
pub fn radius_index(data: &[u8]) {
    let Some((mode, data)) = data.split_first() else { return };
    let codes = few_codes();
    let built = Builder::new(&codes).expect("few enough").to_bytes();
    let mut bytes = built.clone();
    if mode & 1 == 0 {
        for edit in data.chunks_exact(7) {
            let at = u32_at(&[&edit[..3], &[0]].concat(), 0) as usize % (bytes.len() - 3);
            bytes[at..at + 4].copy_from_slice(&edit[3..]);
        }
    } else {
        let key_bits = data.first().map_or(8, |b| u32::from(*b) % 13);
        let offsets = (4 * ((1usize << key_bits) + 1)).next_multiple_of(64);
        bytes = data.to_vec();
        bytes.resize(64 + 16 * (offsets + 8 * codes.len()) + 64, 0);
    }
    let index = match RadiusIndex::new(&codes, &bytes, ()) {
        Ok(index) => index,
        Err(error) => return assert_eq!(error.code(), ErrorCode::SetCorrupt),
    };
    let verified = index.verify(&mut |_| {});
    assert_eq!(verified.is_ok(), bytes == built, "{verified:?}");
    let mut queries: Vec<(Code, u32)> = codes.iter().map(|code| (*code, 31)).step_by(5).collect();
    queries.extend([([0x55; 32], 64), ([0x55; 32], 95), (codes[1], 0), (codes[2], 300)]);
    let mut truth = Vec::new();
    index::scan(Isa::PORTABLE, &codes, &queries, &mut truth);
    assert!(truth.len() > codes.len());
    let mut buffers = Buffers::default();
    for isa in Isa::available() {
        for method in [Strategy::Index, Strategy::Auto] {
            let mut found = Vec::new();
            let result = index.within(isa, method, &queries, &mut buffers, &mut found);
            if let Err(error) = &result {
                assert_eq!(error.code(), ErrorCode::SetCorrupt);
                assert!(method == Strategy::Index, "so few codes are scanned");
                continue;
            }
            assert!(found.is_sorted_by(|a, b| (a.row, a.query) < (b.row, b.query)));
            for near in &found {
                let (query, radius) = queries[near.query];
                assert_eq!(distance(&codes[near.row], &query), near.distance);
                assert!(near.distance <= radius, "{near:?} for radius {radius}");
            }
            assert!(found == truth || method == Strategy::Index && verified.is_err(), "{isa}");
        }
    }
}

/// Forty codes: sixteen, one bit more of each, and some that share their first half.
fn few_codes() -> Vec<Code> {
    let mut codes: Vec<Code> = (0..16u8).map(|i| *blake3::hash(&[i]).as_bytes()).collect();
    for i in 0..16 {
        let mut near = codes[i];
        near[i] ^= 1;
        codes.push(near);
    }
    for i in 0..8 {
        let mut half = codes[0];
        half[16..].fill(17 * i);
        codes.push(half);
    }
    codes.sort_unstable();
    codes
}

/// The file with right checksums, if it has the outline of a set.
fn resealed(file: &[u8]) -> Option<Vec<u8>> {
    let sections = u32_at(file.get(..96)?, 12) as usize;
    let table_end = sections.checked_mul(32)?.checked_add(96)?;
    let data_start = usize::try_from(u64_at(file, 24)).ok()?;
    (table_end <= file.len() && data_start <= file.len()).then(|| Parts::of(file).seal())
}

/// The fingerprints of an upload that has exactly this one.
fn as_an_upload(fingerprint: &Fingerprint) -> Fingerprints {
    let bytes = fingerprint.bytes();
    let mut digests = Digests::default();
    let mut perceptual = Vec::new();
    match fingerprint.algorithm() {
        Algorithm::Md5 => digests.md5 = bytes.try_into().ok(),
        Algorithm::Sha1 => digests.sha1 = bytes.try_into().ok(),
        Algorithm::Sha256 => digests.sha256 = bytes.try_into().ok(),
        Algorithm::Sha512 => digests.sha512 = bytes.try_into().ok(),
        Algorithm::Blake3 => digests.blake3 = bytes.try_into().ok(),
        Algorithm::Pdq => {
            let hash = PdqHash(bytes.try_into().expect("32 bytes"));
            perceptual.push(Perceptual::new(View::AsStored, Pdq { hash, quality: 100 }));
        }
        other => panic!("{other} is new: say here what an upload with it has"),
    }
    Fingerprints::default().digests(digests).perceptual(perceptual)
}

/// An upload.
///
/// It is named and decoded without a panic that reaches the caller; rows are as many as the sizes say, frame by frame, and pixels
/// within the limits; the first frame is the same whether more are asked for or not; the perceptual hash of a small picture
/// is that of the oracle.
pub fn sniff_decode(data: &[u8]) {
    let limits = Limits::default()
        .upload_bytes(1 << 20)
        .width(1 << 13)
        .height(1 << 13)
        .pixels(4_000_000)
        .memory(24 << 20)
        .progressive_memory(24 << 20)
        .time(Duration::from_secs(5));
    let media = sniff(data);
    assert_eq!(media.class == MediaClass::Empty, data.is_empty());
    hashes(data, &limits);
    let mut decoder = Decoder::new();
    let mut one = Keep::default();
    let still = decoder.decode(&Request::still(data, media, &limits), &mut one);
    let mut several = Several::default();
    let request = Request { frames: 8, ..Request::still(data, media, &limits) };
    let animated = decoder.decode(&request, &mut several);
    if let Ok(decoded) = animated {
        several.check_last();
        assert_eq!(decoded.frames, several.frames);
        assert!((1..=8).contains(&decoded.frames), "{} frames", decoded.frames);
    }
    let Ok(decoded) = still else { return };
    assert!(media.class.is_picture(), "pixels of {media:?}");
    assert_eq!(decoded.frames, 1);
    let raster = one.raster().expect("every row was handed over");
    let frame = one.frame().expect("it began");
    assert!(frame.exact && (1..=8).contains(&frame.orientation));
    if animated.is_ok() {
        let first = several.first.raster().expect("every row was handed over");
        assert_eq!((first.width(), first.height()), (raster.width(), raster.height()));
        if decoded.cut_short.is_none() {
            let same = (0..raster.height()).all(|y| raster.row(y) == first.row(y));
            assert!(same, "the first frame depends on how many are asked for");
        }
    }
    examine(&raster, &limits);
}

/// An upload, examined by luma and exactly under every view.
///
/// Whatever is found is bounded and in order; what is hashed by luma has a slack within the bound, what is hashed exactly has none.
fn hashes(data: &[u8], limits: &Limits) {
    for exact in [false, true] {
        let asked = Asked { exact, ..Asked::exactly(&View::ALL[1..], limits) };
        let Ok(found) = Examiner::new().examine(data, &sniff(data), &asked) else { continue };
        let most = if exact { 0 } else { MOST_SLACK };
        assert!(found.perceptual.iter().all(|p| p.slack <= most && p.quality <= 100));
        assert!(found.perceptual.is_sorted_by_key(|p| (p.view, p.part)));
        assert!(found.missed.is_none() || !found.complete || found.size.is_some());
    }
}

/// Takes every frame, and keeps the first.
#[derive(Default)]
struct Several {
    first: Keep,
    frames: u32,
    last: Option<u32>,
    missing: usize,
}

impl Several {
    fn check_last(&self) {
        assert_eq!(self.missing, 0, "rows are missing of frame {:?}", self.last);
    }
}

impl Sink for Several {
    fn begin(&mut self, frame: &Frame) {
        self.check_last();
        assert!(self.last < Some(frame.index), "frame {} after {:?}", frame.index, self.last);
        (self.last, self.missing) = (Some(frame.index), frame.height);
        self.frames += 1;
        self.first.begin(frame);
    }

    fn rows(&mut self, band: &Raster<'_>) {
        assert!(band.height() > 0 && band.height() <= self.missing);
        self.missing -= band.height();
        self.first.rows(band);
    }
}

fn examine(raster: &Raster<'_>, limits: &Limits) {
    let (width, height) = (raster.width(), raster.height());
    assert!(width > 0 && height > 0 && (width * height) as u64 <= limits.pixels);
    let row = width * raster.format().bytes_per_pixel();
    assert!((0..height).all(|y| raster.row(y).len() == row) && raster.row(height).is_empty());
    let mut hasher = Hasher::new();
    let (one, eight) = (hasher.hash(raster), hasher.hash_dihedral(raster));
    assert!(one.quality <= 100 && one.hash.popcount() <= 128);
    // The oracle takes its time.
    if width * height <= 1 << 14 {
        assert_eq!(one, plain::hash(raster), "{width} x {height}");
        assert_eq!(eight, plain::hash_dihedral(raster), "{width} x {height}");
    }
}

/// An upload with pictures inside. Byte 0 chooses the budget.
///
/// Every picture that is handed over is one; pictures and copied bytes keep to the budget; a complete answer does not change with a
/// greater one.
pub fn pictures_inside(data: &[u8]) {
    let Some((&choice, upload)) = data.split_first() else { return };
    let small = Budget {
        pictures: u32::from(choice & 7),
        bytes: u64::from(choice >> 3) << 8,
        ..Budget::default()
    };
    let large = Budget { pictures: 64, bytes: 16 << 20, ..Budget::default() };
    let media = sniff(upload);
    let look = |budget: &Budget| {
        let (mut found, mut copied) = (Vec::new(), 0);
        let coverage = embedded(upload, &media, budget, &mut |picture| {
            assert!(sniff(picture.bytes).class.is_picture());
            if !upload.as_ptr_range().contains(&picture.bytes.as_ptr()) {
                copied += picture.bytes.len() as u64;
            }
            found.push(blake3::hash(picture.bytes));
        });
        assert_eq!(coverage.pictures as usize, found.len());
        assert!(coverage.pictures <= budget.pictures);
        assert!(copied <= budget.bytes + 1078 * u64::from(coverage.pictures));
        (coverage, found)
    };
    let (few, some) = look(&small);
    let (_, all) = look(&large);
    assert!(!few.complete() || some == all, "a greater budget changes a complete answer");
}

/// A list. Byte 0 chooses the format (bits 0 and 1; 3: by its beginning) and the options.
///
/// The report adds up; rows come in order; messages are fit for a terminal; how the bytes arrive makes no difference; and what is
/// accepted makes a set that verifies.
pub fn list_import(data: &[u8]) {
    let Some((&choice, list)) = data.split_first() else { return };
    let format = match Format::ALL.get(usize::from(choice & 3)) {
        Some(format) => *format,
        None => match Format::detect(None, list) {
            Some(format) => format,
            None => return,
        },
    };
    let options = Options::default()
        .reviewed(choice & 4 != 0)
        .exceptions(choice & 8 != 0)
        .algorithm(Algorithm::ALL.get(usize::from(choice >> 4 & 7)).copied())
        .opinion(if choice & 128 != 0 { Opinion::Disputed } else { Opinion::Positive });

    let mut builder = SetBuilder::new();
    let id = builder.add_list(List::new("fuzzed", ListKind::Local)).expect("a good name");
    let (mut taken, mut refused, mut line) = (0, 0, 0);
    let report = import::read(
        list,
        format,
        &options,
        &mut |entry| builder.add(id, entry).map(|()| taken += 1),
        &mut |rejection| {
            refused += 1;
            assert!(rejection.line > line, "line {} after line {line}", rejection.line);
            line = rejection.line;
            assert!(!rejection.message.is_empty());
            assert!(!rejection.to_string().contains(char::is_control), "{rejection:?}");
        },
    );
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            assert_eq!(error.code(), ErrorCode::List, "{error}");
            return;
        }
    };
    assert_eq!(report.rows, report.accepted + report.rejected_rows());
    assert_eq!((report.accepted, report.rejected_rows()), (taken, refused));
    assert!(!report.to_string().contains(char::is_control), "{report}");
    assert_eq!(read_in_drips(list, format, &options), report);

    let (bytes, built) = builder.to_bytes().expect("small enough");
    assert_eq!(built.entries + built.duplicates, taken);
    let set = Set::from_bytes(&bytes).expect("the builder's own");
    let verified = set.verify(&mut |_| {}).expect("what was accepted makes a sound set");
    assert_eq!(verified.entries, built.entries);
}

/// The report when at most seven bytes arrive at a time.
fn read_in_drips(list: &[u8], format: Format, options: &Options) -> Report {
    struct Drips<'a>(&'a [u8]);
    impl Read for Drips<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let room = out.len().min(7);
            self.0.read(&mut out[..room])
        }
    }
    let accept = &mut |entry| tamis::set::refusal::check(&entry);
    import::read(Drips(list), format, options, accept, &mut |_| {}).expect("it was read before")
}

/// A policy file.
///
/// An error is of the policy's kind and says something. A policy survives being written out, can be explained, keeps all but its
/// mode when that is edited, and is never milder to a nearer match.
pub fn policy(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let policy = match Policy::from_toml(text) {
        Ok(policy) => policy,
        Err(error) => {
            assert_eq!(error.code(), ErrorCode::Policy);
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let again = Policy::from_toml(&policy.to_toml()).expect("its own text");
    assert_eq!(again.digest(), policy.digest());
    assert_eq!(again.to_toml(), policy.to_toml());
    assert!(!policy.explain().is_empty());
    let back = set_mode_in(text, Mode::Enforce)
        .and_then(|text| set_mode_in(&text, policy.mode()))
        .and_then(|text| Policy::from_toml(&text));
    assert_eq!(back.expect("only the mode was edited").digest(), policy.digest());

    for m in derived_matches(text) {
        let mut previous = Action::Block;
        for distance in 0..=policy.radius() + 1 {
            let mut m = m.clone();
            m.distance = distance;
            let judged = policy.judge(&[m], MediaClass::Image, None);
            let action = judged.would_have.unwrap_or(judged.action);
            assert!(action <= previous, "a match at {distance} fares worse than a nearer one");
            assert!(!judged.reasons.is_empty() && !judged.reasons[0].to_string().is_empty());
            previous = action;
        }
        assert_eq!(previous, Action::Allow, "beyond the radius nothing acts");
    }
}

/// PDQ matches whose fields depend on the text, with names that stand in it, so that its rules select some of them.
fn derived_matches(text: &str) -> Vec<Match> {
    let mut words: Vec<&str> = text.split(['"', '\'']).filter(|w| w.len() < 40).collect();
    words.push("local");
    let seed = blake3::hash(text.as_bytes());
    let matches = seed.as_bytes().chunks_exact(8).map(|bytes| {
        let pick = |at: usize, among: usize| usize::from(bytes[at]) % among;
        let list = words[pick(0, words.len())];
        let mut m = Match::new(list, EntryId([bytes[0]; 16]), Algorithm::Pdq, 0);
        m.labels = vec![words[pick(1, words.len())].to_owned()];
        m.list_kind = ListKind::ALL[pick(2, ListKind::ALL.len())];
        m.opinion = Opinion::ALL[pick(3, Opinion::ALL.len())];
        m.severity = Severity::ALL[pick(4, Severity::ALL.len())];
        m.view = View::ALL[1 + pick(5, View::ALL.len() - 1)];
        m.quality = Some(pick(6, 101) as u8);
        m.reviewed = bytes[7] & 1 == 1;
        m
    });
    matches.collect()
}

/// A feed: its `feed.json`, and behind a NUL a signature file or a public key.
///
/// An error is of the feed's kind and fit for a terminal. A feed keeps the rules, survives being written out, and is not accepted on the word of a
/// signature that nobody made; a key survives being written out.
pub fn feed(data: &[u8]) {
    let (text, beside) = match data.iter().position(|byte| *byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[][..]),
    };
    if let Some(key) = str::from_utf8(beside).ok().and_then(|t| PublicKey::from_file_text(t).ok()) {
        assert_eq!(key.to_string().parse::<PublicKey>().expect("its own text"), key);
    }
    let signatures = vec![("feed.json.minisig".into(), beside.to_vec())];
    let received = match Received::from_parts("nowhere", text.to_vec(), signatures) {
        Ok(received) => received,
        Err(error) => {
            assert_eq!(error.code(), ErrorCode::UpdateMalformed);
            return legible(&error);
        }
    };
    let feed = received.feed().clone();
    assert_eq!(Feed::parse(feed.to_json().as_bytes()).expect("its own text"), feed);
    let mut next = 1;
    for (i, set) in feed.sets.iter().enumerate() {
        assert!(set.first == next || (i == 0 && set.first == 0 && set.replaces), "{set:?}");
        assert!(set.first <= set.last && !set.file.contains('/') && !set.file.starts_with('.'));
        next = set.last + 1;
    }
    assert_eq!(feed.last(), next - 1);
    let key: PublicKey = FUZZED_KEY.parse().expect("a key");
    let trust = Trust { keys: vec![key], ..Trust::nobody(&feed.list) };
    let refused = received.accept(&trust, None, 0).err().expect("nobody has signed it");
    assert_eq!(refused.code(), ErrorCode::UpdateSignature);
    assert!(!refused.to_string().contains(char::is_control), "{refused}");
}

/// That of minisign's own example. Its secret half is nowhere here.
const FUZZED_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
