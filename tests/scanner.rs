//! The scanner's promises, each shown on uploads that the test draws and sets that it builds.

#![cfg(feature = "decode")]

mod pictures;

use std::io::Read;
use std::time::Duration;

use image::{ImageFormat, imageops};
use pictures::{
    at_distance, encode, faint_scene, film, hash, hash_of_file, jpeg, png, scene, turned_jpeg,
};
use tamis::fingerprint::{Algorithm, Algorithms, Fingerprint, PdqHash, View, digests};
use tamis::media::{MediaClass, Unscannable};
use tamis::policy::{Cap, Cause, Mode, Rule};
use tamis::set::{Entry, EntryId, List, ListKind, Role, Set, SetBuilder};
use tamis::store::StoreOptions;
use tamis::{Action, Context, ErrorCode, Limits, Method, Outcome, Policy, Scanner, Store, Verdict};

const NOW: u64 = 1_790_000_000;

fn now() -> Context {
    Context::at(NOW)
}

fn reviewed(fingerprint: impl Into<Fingerprint>) -> Entry {
    Entry { reviewed: true, ..Entry::new(fingerprint) }
}

/// A builder with the list `exchange`, holding `entries`.
fn builder(entries: impl IntoIterator<Item = Entry>) -> SetBuilder {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("exchange", ListKind::Exchange)).unwrap();
    for entry in entries {
        builder.add(list, entry).unwrap();
    }
    builder
}

fn store(builder: SetBuilder) -> Store {
    let set = Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap();
    Store::from_set(set, StoreOptions::new()).unwrap()
}

fn scanner(entries: impl IntoIterator<Item = Entry>) -> Scanner {
    Scanner::new(store(builder(entries)), Policy::builtin())
}

fn with_policy(entries: impl IntoIterator<Item = Entry>, policy: Policy) -> Scanner {
    Scanner::new(store(builder(entries)), policy)
}

/// The code of a picture that no test uploads, so that the store calls for perceptual hashes.
fn unrelated() -> Entry {
    reviewed(hash(&scene(999, 128, 128)).hash)
}

fn digest(bytes: &[u8], algorithm: Algorithm) -> Fingerprint {
    digests(bytes, Algorithms::DIGESTS).iter().find(|d| d.algorithm() == algorithm).unwrap()
}

fn json(verdict: &Verdict) -> String {
    serde_json::to_string(verdict).unwrap()
}

/// What two verdicts must share to be the same answer.
fn answer(verdict: &Verdict) -> (String, String) {
    (json(verdict), serde_json::to_string(&verdict.fingerprints).unwrap())
}

/// One upload of every kind, with its name.
fn uploads() -> Vec<(&'static str, Vec<u8>)> {
    let picture = scene(1, 240, 180);
    let whole = jpeg(&picture);
    let mut corrupt = png(&picture);
    let middle = corrupt.len() / 2;
    corrupt[middle..middle + 8].fill(0xff);
    vec![
        ("jpeg", whole.clone()),
        ("png", png(&picture)),
        ("gif", encode(&picture, ImageFormat::Gif)),
        ("webp", encode(&picture, ImageFormat::WebP)),
        ("bmp", encode(&picture, ImageFormat::Bmp)),
        ("turned jpeg", turned_jpeg(&picture, 6)),
        ("large png", png(&scene(2, 400, 300))),
        ("truncated jpeg", whole[..whole.len() / 2].to_vec()),
        ("corrupt png", corrupt),
        ("text", b"known words, repeated. ".repeat(900)),
        ("pdf", b"%PDF-1.7 and so on".to_vec()),
        ("film", film()),
        ("noise", (0..40_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8 | 0x80).collect()),
        ("empty", Vec::new()),
    ]
}

#[test]
fn an_exact_digest_of_any_algorithm_blocks() {
    let upload = b"one listed file";
    for algorithm in Algorithm::DIGESTS {
        let mut scanner = scanner([reviewed(digest(upload, algorithm))]);
        let verdict = scanner.check(upload, &now()).unwrap();
        assert_eq!(
            (verdict.outcome, verdict.action),
            (Outcome::Match, Action::Block),
            "{algorithm}"
        );
        let found = &verdict.matches[0];
        assert_eq!((found.algorithm, found.distance, found.view), (algorithm, 0, View::Bytes));
        let other = scanner.check(b"one Listed file", &now()).unwrap();
        assert_eq!((other.outcome, other.action), (Outcome::Clear, Action::Allow), "{algorithm}");
    }
}

#[test]
fn distance_decides_up_to_the_radius_and_no_further() {
    let upload = png(&scene(1, 300, 200));
    let code = hash_of_file(&upload);
    assert_eq!((code.quality, code.hash.popcount()), (100, 128));
    let expected = [
        (0, Action::Block),
        (12, Action::Block),
        (13, Action::Review),
        (31, Action::Review),
        (32, Action::Allow),
    ];
    for (distance, action) in expected {
        let mut scanner = scanner([reviewed(at_distance(code.hash, distance))]);
        let verdict = scanner.check(&upload, &now()).unwrap();
        let found: Vec<_> = verdict.matches.iter().map(|m| (m.distance, m.view)).collect();
        let planted = [(distance, View::AsStored)];
        assert_eq!(found, if distance < 32 { &planted[..] } else { &[] });
        assert_eq!(verdict.action, action, "{distance}");
        let outcome = if distance < 32 { Outcome::Match } else { Outcome::Clear };
        assert_eq!((verdict.outcome, verdict.complete), (outcome, true), "{distance}");
    }
}

/// What was done to the listed picture, and the view under which it is recognised: the upload, turned back.
type Turned = (fn(&image::RgbImage) -> image::RgbImage, View);

#[test]
fn turned_and_mirrored_copies_match_under_their_view() {
    let turns: [Turned; 8] = [
        (image::RgbImage::clone, View::AsStored),
        // `image` turns clockwise, and the view turns counter-clockwise.
        (imageops::rotate90, View::Rot90),
        (imageops::rotate180, View::Rot180),
        (imageops::rotate270, View::Rot270),
        (imageops::flip_vertical, View::FlipX),
        (imageops::flip_horizontal, View::FlipY),
        (|p| imageops::flip_horizontal(&imageops::rotate90(p)), View::FlipPlus1),
        (|p| imageops::flip_vertical(&imageops::rotate90(p)), View::FlipMinus1),
    ];
    let listed = scene(3, 320, 240);
    let mut scanner = scanner([reviewed(hash(&listed).hash)]);
    let narrow = Policy::builder().views([View::AsStored]).build().unwrap();
    let mut narrow = with_policy([reviewed(hash(&listed).hash)], narrow);
    for (turn, view) in turns {
        let upload = png(&turn(&listed));
        let verdict = scanner.check(&upload, &now()).unwrap();
        let found: Vec<_> = verdict.matches.iter().map(|m| (m.view, m.distance)).collect();
        // The forms come from one pass over the picture and are near the hash of the turned picture, not equal to it: where a side's
        // blur is of an even width, an exact mirror image is as far as a re-encoded copy.
        let [(found, distance)] = found[..] else { panic!("{view}: {found:?}") };
        assert!(found == view && distance <= 20, "{view}: {found} at {distance}");
        let expected = if distance <= 12 { Action::Block } else { Action::Review };
        assert_eq!(verdict.action, expected, "{view}");
        // A policy that looks only at the picture as stored does not see the others.
        let verdict = narrow.check(&upload, &now()).unwrap();
        assert_eq!(verdict.outcome == Outcome::Match, view == View::AsStored, "{view}");
        assert_eq!(verdict.fingerprints.perceptual.len(), 1);
    }
}

#[test]
fn a_jpeg_matches_as_its_exif_shows_it() {
    let stored = scene(4, 320, 200);
    // Orientation 6: viewers turn it clockwise.
    let shown = imageops::rotate90(&stored);
    let upload = turned_jpeg(&stored, 6);
    let listed = [reviewed(hash(&shown).hash)];
    let only_shown = Policy::builder().views([View::AsShown]).build().unwrap();
    let verdict = with_policy(listed.clone(), only_shown).check(&upload, &now()).unwrap();
    let found: Vec<_> = verdict.matches.iter().map(|m| m.view).collect();
    assert_eq!((found, verdict.action), (vec![View::AsShown], Action::Block));
    // Among all views an entry is reported once, under the nearest.
    let verdict = scanner(listed).check(&upload, &now()).unwrap();
    assert_eq!((verdict.matches.len(), verdict.action), (1, Action::Block));
    assert!(verdict.fingerprints.perceptual.iter().any(|p| p.view == View::AsShown));
    // Without the tag there is no such view.
    let verdict = scanner([unrelated()]).check(&jpeg(&stored), &now()).unwrap();
    assert_eq!(verdict.fingerprints.perceptual.len(), 8);
}

#[test]
fn too_little_detail_never_blocks() {
    let faint = faint_scene(5, 256, 256, 14);
    let code = hash(&faint);
    assert!((1..50).contains(&code.quality) && code.hash.popcount() >= 96, "{code:?}");
    let verdict = scanner([reviewed(code.hash)]).check(&png(&faint), &now()).unwrap();
    assert_eq!((verdict.matches[0].distance, verdict.action), (0, Action::Review));
    let Cause::Rule { cap, .. } = &verdict.reasons[0].cause else { panic!("{verdict:?}") };
    assert_eq!(*cap, Some(Cap::Quality));
    // Its exact digest still does.
    let upload = png(&faint);
    let listed = [reviewed(code.hash), reviewed(digest(&upload, Algorithm::Sha1))];
    assert_eq!(scanner(listed).check(&upload, &now()).unwrap().action, Action::Block);
}

#[test]
fn a_broken_picture_is_reviewed_unless_its_digest_is_listed() {
    let all = uploads();
    for (name, reason) in
        [("corrupt png", Unscannable::Corrupt), ("truncated jpeg", Unscannable::Truncated)]
    {
        let upload = &all.iter().find(|(n, _)| *n == name).unwrap().1;
        let verdict = scanner([unrelated()]).check(upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.action), (Outcome::Unscannable, Action::Review));
        assert_eq!((verdict.unscannable, verdict.complete), (Some(reason), false), "{name}");
        // What there is of it was hashed.
        assert_eq!(verdict.examined, [Method::Digests, Method::Perceptual]);

        let listed = [unrelated(), reviewed(digest(upload, Algorithm::Md5))];
        let thorough = Policy::builder().stop_early(false).build().unwrap();
        let verdict = with_policy(listed.clone(), thorough).check(upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.action), (Outcome::Match, Action::Block), "{name}");
        assert_eq!((verdict.unscannable, verdict.complete), (Some(reason), false), "{name}");
        // The built-in policy does not even decode it, and says that it did not examine everything.
        let verdict = scanner(listed).check(upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.action), (Outcome::Match, Action::Block), "{name}");
        assert_eq!((verdict.unscannable, verdict.complete), (None, false), "{name}");
    }
}

#[test]
fn what_has_no_pixels_is_clear_and_a_film_is_not_complete() {
    let mut scanner = scanner([unrelated()]);
    let mut all = uploads();
    all.push(("zip", [&b"PK\x05\x06"[..], &[0; 18]].concat()));
    let without_pixels = [
        ("text", MediaClass::Text, true),
        ("pdf", MediaClass::Pdf, true),
        ("noise", MediaClass::Unknown, true),
        ("empty", MediaClass::Empty, true),
        ("film", MediaClass::Video, false),
        ("zip", MediaClass::Archive, true),
    ];
    for (name, class, complete) in without_pixels {
        let upload = &all.iter().find(|(n, _)| *n == name).unwrap().1;
        let verdict = scanner.check(upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.action), (Outcome::Clear, Action::Allow), "{name}");
        assert_eq!(verdict.examined, [Method::Digests], "{name}");
        assert_eq!((verdict.media.class, verdict.complete), (class, complete), "{name}");
    }
    let verdict = scanner.check(&all[0].1, &now()).unwrap();
    assert_eq!(verdict.examined, [Method::Digests, Method::Perceptual]);
}

/// Gives its bytes in pieces of odd sizes, and is interrupted now and then.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(5) {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let n = [1, 7, 333, 4097, 16_385][self.1 % 5].min(self.0.len()).min(buf.len());
        buf[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

/// An upload longer than the limit gets the same answer from memory, from a reader in any pieces, and from a file.
#[test]
fn bytes_reader_and_file_give_the_same_verdict_at_any_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("upload");
    let picture = scene(1, 240, 180);
    for bound in [u64::MAX, 40_000, 20_000, 16_384, 5000, 100, 3, 0] {
        let limits = Limits { upload_bytes: bound, ..Limits::default() };
        let entries = [reviewed(hash(&picture).hash), unrelated()];
        let mut scanner = scanner(entries).with_limits(limits);
        for (name, upload) in uploads() {
            let expected = scanner.check(&upload, &now()).unwrap();
            if expected.media.class.is_picture() && upload.len() as u64 > bound {
                assert_eq!(expected.unscannable, Some(Unscannable::Limit), "{name}, {bound}");
                assert_eq!(expected.action, Action::Review, "{name}, {bound}");
            }
            let expected = answer(&expected);
            let pieces = scanner.check_reader(Pieces(&upload, 0), &now()).unwrap();
            assert_eq!(answer(&pieces), expected, "{name} in pieces, limit {bound}");
            let whole = scanner.check_reader(&upload[..], &now()).unwrap();
            assert_eq!(answer(&whole), expected, "{name} read, limit {bound}");
            std::fs::write(&path, &upload).unwrap();
            let file = scanner.check_path(&path, &now()).unwrap();
            assert_eq!(answer(&file), expected, "{name} from a file, limit {bound}");
        }
    }
}

#[test]
fn an_upload_that_cannot_be_read_is_an_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    let mut scanner = scanner([unrelated()]);
    assert_eq!(scanner.check_reader(Broken, &now()).unwrap_err().code(), ErrorCode::Io);
    let dir = tempfile::tempdir().unwrap();
    let directory = scanner.check_path(dir.path(), &now()).unwrap_err();
    assert_eq!(directory.code(), ErrorCode::InvalidArgument);
    let missing = scanner.check_path(dir.path().join("none"), &now()).unwrap_err();
    assert_eq!(missing.code(), ErrorCode::NotFound);
}

#[test]
fn replayed_fingerprints_give_the_same_matches() {
    let picture = scene(1, 240, 180);
    let code = hash(&picture).hash;
    let near = [0, 9, 20, 31].map(|d| reviewed(at_distance(code, d)));
    let text = reviewed(digest(&uploads()[9].1, Algorithm::Sha512));
    let mut scanner = scanner(near.into_iter().chain([text]));
    let mut matches = 0;
    for (name, upload) in uploads() {
        let first = scanner.check(&upload, &now()).unwrap();
        let kept = serde_json::to_string(&first.fingerprints).unwrap();
        let kept = serde_json::from_str(&kept).unwrap();
        let again = scanner.check_fingerprints(&kept, &now()).unwrap();
        assert_eq!(again.matches, first.matches, "{name}");
        assert_eq!(again.fingerprints, first.fingerprints, "{name}");
        if first.unscannable.is_none() {
            assert_eq!((again.action, again.outcome), (first.action, first.outcome), "{name}");
            assert_eq!(
                (&again.reasons, &again.examined),
                (&first.reasons, &first.examined),
                "{name}"
            );
        }
        matches += first.matches.len();
    }
    // Four entries for each of the lossless copies, and the text.
    assert!(matches > 4 * 3, "{matches}");
}

#[test]
fn an_entry_matches_until_it_expires() {
    let picture = scene(6, 200, 200);
    let upload = png(&picture);
    for fingerprint in [digest(&upload, Algorithm::Sha256), hash(&picture).hash.into()] {
        let entry = Entry { expires: NOW as u32, ..reviewed(fingerprint) };
        let mut scanner = scanner([entry]);
        for (time, action) in [
            (0, Action::Block),
            (NOW - 1, Action::Block),
            (NOW, Action::Allow),
            (NOW + 1, Action::Allow),
            (u32::MAX.into(), Action::Allow),
        ] {
            let verdict = scanner.check(&upload, &Context::at(time)).unwrap();
            assert_eq!(verdict.action, action, "{fingerprint:?} at {time}");
            assert_eq!(verdict.matches.len(), usize::from(action == Action::Block));
        }
    }
}

#[test]
fn a_suppressed_entry_is_shown_and_does_not_act() {
    let picture = scene(6, 200, 200);
    let upload = png(&picture);
    let code: Fingerprint = hash(&picture).hash.into();
    let mut suppressing = builder([reviewed(code)]);
    suppressing.suppress(EntryId::new("exchange", "", Role::Listed, &code));
    let verdict =
        Scanner::new(store(suppressing), Policy::builtin()).check(&upload, &now()).unwrap();
    assert_eq!((verdict.outcome, verdict.action), (Outcome::Match, Action::Allow));
    assert!(verdict.matches[0].suppressed);
    // It does not hide its neighbour.
    let other = Entry { source_id: "2".into(), ..reviewed(code) };
    let mut suppressing = builder([reviewed(code), other]);
    suppressing.suppress(EntryId::new("exchange", "", Role::Listed, &code));
    let verdict =
        Scanner::new(store(suppressing), Policy::builtin()).check(&upload, &now()).unwrap();
    assert_eq!((verdict.matches.len(), verdict.action), (2, Action::Block));
}

#[test]
fn an_exception_lets_exactly_one_file_through() {
    let picture = scene(7, 200, 200);
    let upload = png(&picture);
    let mut same_pixels = upload.clone();
    same_pixels.push(0);
    for algorithm in [Algorithm::Sha256, Algorithm::Blake3] {
        let mut both =
            builder([reviewed(hash(&picture).hash), reviewed(digest(&upload, Algorithm::Md5))]);
        let local = both.add_list(List::new("local", ListKind::Local)).unwrap();
        let exception = Entry { role: Role::Exception, ..Entry::new(digest(&upload, algorithm)) };
        both.add(local, exception).unwrap();
        let mut scanner = Scanner::new(store(both), Policy::builtin());
        let verdict = scanner.check(&upload, &now()).unwrap();
        assert_eq!(
            (verdict.outcome, verdict.action),
            (Outcome::Match, Action::Allow),
            "{algorithm}"
        );
        assert_eq!(verdict.matches.len(), 3, "{algorithm}");
        let verdict = scanner.check(&same_pixels, &now()).unwrap();
        assert_eq!(verdict.action, Action::Block, "{algorithm}");
    }
}

#[test]
fn observing_says_what_it_would_have_done() {
    let picture = scene(7, 200, 200);
    let observe = Policy::builder().mode(Mode::Observe).build().unwrap();
    let mut scanner = with_policy([reviewed(hash(&picture).hash)], observe);
    let verdict = scanner.check(&png(&picture), &now()).unwrap();
    assert_eq!((verdict.outcome, verdict.action), (Outcome::Match, Action::Allow));
    assert_eq!(verdict.would_have, Some(Action::Block));
    let verdict = scanner.check(b"words", &now()).unwrap();
    assert_eq!((verdict.action, verdict.would_have), (Action::Allow, Some(Action::Allow)));
}

#[test]
fn the_report_is_bounded_and_the_judgement_is_not() {
    let picture = scene(8, 200, 200);
    let upload = png(&picture);
    let code: Fingerprint = hash(&picture).hash.into();
    let mut ids: Vec<_> = (0..500)
        .map(|n| format!("row {n}"))
        .map(|source| (EntryId::new("exchange", &source, Role::Listed, &code), source))
        .collect();
    ids.sort();
    // Only the entry that is reported last, if at all, may block.
    let last = ids.last().unwrap().clone();
    let entries = ids.iter().map(|(id, source)| Entry {
        source_id: source.clone(),
        reviewed: *id == last.0,
        ..Entry::new(code)
    });
    let entries: Vec<_> = entries.collect();
    for (most, listed) in [(1, 1), (100, 100), (499, 499), (500, 500), (1000, 500)] {
        let policy = Policy::builder().max_matches(most).build().unwrap();
        let verdict = with_policy(entries.clone(), policy).check(&upload, &now()).unwrap();
        assert_eq!(verdict.action, Action::Block, "{most}");
        assert_eq!((verdict.matches.len(), verdict.more_matches), (listed, 500 - listed), "{most}");
        let expected: Vec<_> = ids.iter().take(listed).map(|(id, _)| *id).collect();
        assert_eq!(verdict.entries().collect::<Vec<_>>(), expected, "{most}");
        let Cause::Rule { matched, .. } = &verdict.reasons[0].cause else { panic!("{verdict:?}") };
        assert_eq!(matched.entry, last.0, "{most}: the reason names what decided");
    }
}

#[test]
fn matches_are_in_the_same_order_however_the_set_was_built() {
    let picture = scene(9, 200, 200);
    let upload = png(&picture);
    let code = hash(&picture).hash;
    let mut entries: Vec<Entry> = (0..60)
        .map(|n| Entry {
            source_id: format!("row {n}"),
            ..Entry::new(at_distance(code, [0, 4, 12, 13, 30][n % 5]))
        })
        .chain(Algorithm::DIGESTS.map(|a| Entry::new(digest(&upload, a))))
        .collect();
    let first = scanner(entries.clone()).check(&upload, &now()).unwrap();
    assert_eq!(first.matches.len(), 65);
    let order: Vec<_> = first.matches.iter().map(|m| (m.distance, m.entry)).collect();
    assert!(order.is_sorted(), "{order:?}");
    for step in 1..6 {
        entries.rotate_left(11);
        entries.swap(step, 40);
        let again = scanner(entries.clone()).check(&upload, &now()).unwrap();
        assert_eq!(again.matches, first.matches);
        assert_eq!(again.reasons, first.reasons);
    }
}

#[test]
fn a_deadline_cuts_decoding_short_and_nothing_else() {
    let late = Context { deadline: Some(Duration::ZERO), ..now() };
    for (name, upload) in uploads().into_iter().take(7) {
        let verdict = scanner([unrelated()]).check(&upload, &late).unwrap();
        assert_eq!(
            (verdict.outcome, verdict.action),
            (Outcome::Unscannable, Action::Review),
            "{name}"
        );
        assert_eq!((verdict.unscannable, verdict.complete), (Some(Unscannable::Timeout), false));
        let listed = [unrelated(), reviewed(digest(&upload, Algorithm::Sha256))];
        let verdict = scanner(listed).check(&upload, &late).unwrap();
        assert_eq!((verdict.outcome, verdict.action), (Outcome::Match, Action::Block), "{name}");
    }
    let verdict = scanner([unrelated()]).check(b"words", &late).unwrap();
    assert_eq!((verdict.outcome, verdict.complete), (Outcome::Clear, true));
}

#[test]
fn a_damaged_store_is_an_error_and_never_an_allow() {
    let picture = scene(1, 200, 200);
    let upload = png(&picture);
    let code = hash(&picture).hash;
    let bytes =
        builder([reviewed(code), reviewed(digest(b"x", Algorithm::Md5))]).to_bytes().unwrap().0;
    let at = bytes.windows(32).position(|w| w == code.0).expect("the code is in the file");
    for bit in 0..8 {
        let mut damaged = bytes.clone();
        damaged[at + 5] ^= 1 << bit;
        let set = Set::from_bytes(&damaged).expect("opening reads the head only");
        let store = Store::from_set(set, StoreOptions::new()).unwrap();
        let mut scanner = Scanner::new(store, Policy::builtin());
        // It is an error each time, not only the first.
        for _ in 0..2 {
            assert_eq!(scanner.check(&upload, &now()).unwrap_err().code(), ErrorCode::SetCorrupt);
            let read = scanner.check_reader(&upload[..], &now());
            assert_eq!(read.unwrap_err().code(), ErrorCode::SetCorrupt);
        }
    }
}

#[test]
fn a_rule_of_the_operator_stands_before_the_built_in_ones() {
    let picture = scene(1, 200, 200);
    let far = reviewed(at_distance(hash(&picture).hash, 24));
    let strict = Policy::builder().rule(Rule::new(Action::Block).list("exchange").max_distance(24));
    let mut scanner = with_policy([far], strict.build().unwrap());
    assert_eq!(scanner.check(&png(&picture), &now()).unwrap().action, Action::Block);
}

#[test]
fn codes_of_poison_weight_never_enter() {
    let code = hash(&scene(1, 200, 200)).hash;
    let mut heavy = code;
    let clear = (0..256).find(|k| heavy.0[k / 8] >> (k % 8) & 1 == 0).unwrap();
    heavy.0[clear / 8] ^= 1 << (clear % 8);
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("exchange", ListKind::Exchange)).unwrap();
    let refused = builder.add(list, reviewed(heavy)).unwrap_err();
    assert_eq!(refused.name(), "pdq-too-many-bits");
    assert!(builder.add(list, reviewed(at_distance(code, 1))).is_ok());
    assert!(builder.add(list, reviewed(PdqHash::default())).is_err());
}

#[test]
fn each_view_alone_finds_an_upright_picture_or_none_does() {
    let picture = scene(1, 240, 180);
    let listed = hash(&picture).hash;
    let of_a_still = |v: &View| v.is_dihedral() || matches!(v, View::AsStored | View::AsShown);
    for view in View::ALL.into_iter().filter(of_a_still) {
        let policy = Policy::builder().views([view]).build().unwrap();
        let verdict =
            with_policy([reviewed(listed)], policy).check(&png(&picture), &now()).unwrap();
        // An upright picture is shown as it is stored; turned, it is another picture.
        let seen = matches!(view, View::AsStored | View::AsShown);
        assert_eq!(verdict.action == Action::Block, seen, "{view}");
        assert_eq!(verdict.matches.iter().map(|m| m.view).next(), seen.then_some(view));
        assert_eq!(verdict.fingerprints.perceptual.len(), 1, "{view}");
        assert!(verdict.examined.contains(&Method::Perceptual) && verdict.complete);
    }
}

/// A record that was made before an algorithm was listed cannot tell that nothing of it matches.
#[test]
fn a_replay_is_complete_only_if_the_record_covers_the_store() {
    let upload = png(&scene(1, 96, 96));
    let whole = scanner([unrelated(), reviewed(digest(b"other", Algorithm::Md5))])
        .check(&upload, &now())
        .unwrap()
        .fingerprints;
    let mut judging = scanner([unrelated(), reviewed(digest(b"other", Algorithm::Md5))]);
    let complete = |scanner: &mut Scanner, record: &tamis::fingerprint::Fingerprints| {
        let verdict = scanner.check_fingerprints(record, &now()).unwrap();
        (verdict.complete, verdict.examined)
    };
    assert_eq!(complete(&mut judging, &whole), (true, vec![Method::Digests, Method::Perceptual]));
    let mut without_md5 = whole.clone();
    without_md5.digests.md5 = None;
    assert!(!complete(&mut judging, &without_md5).0);
    let mut without_pixels = whole.clone();
    without_pixels.perceptual.clear();
    assert_eq!(complete(&mut judging, &without_pixels), (false, vec![Method::Digests]));
    assert_eq!(complete(&mut judging, &Default::default()), (false, Vec::new()));
}

/// Someone on a slow line must not end in the review queue for it.
#[test]
fn time_is_counted_from_when_the_upload_is_there() {
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            std::thread::sleep(Duration::from_millis(400));
            let half = self.0.len().div_ceil(2);
            self.0.read(&mut buf[..half.max(1)])
        }
    }
    let upload = jpeg(&scene(1, 96, 96));
    let limits = Limits { time: Duration::from_secs(1), ..Limits::default() };
    let context = Context { deadline: Some(Duration::from_secs(1)), ..now() };
    let mut scanner = scanner([unrelated()]).with_limits(limits);
    let verdict = scanner.check_reader(Slow(&upload), &context).unwrap();
    assert_eq!((verdict.outcome, verdict.unscannable), (Outcome::Clear, None));
}

/// Threads may share stores and sets, and be given scanners.
#[test]
fn the_types_may_cross_threads() {
    fn shared<T: Send + Sync>() {}
    fn given<T: Send>() {}
    shared::<(Store, Set, Policy, Limits, Context, Verdict, tamis::Error)>();
    given::<(Scanner, SetBuilder)>();
}

/// A time in milliseconds lies after the end of everything that ends: it would let all of that through.
#[test]
fn a_time_that_is_none_in_seconds_is_refused() {
    let set = tamis::Set::from_bytes(&tamis::SetBuilder::new().to_bytes().unwrap().0).unwrap();
    let store = Store::from_set(set, Default::default()).unwrap();
    let mut scanner = Scanner::new(store, Policy::builtin());
    assert!(scanner.check(b"words", &Context::at(u32::MAX.into())).is_ok());
    let milliseconds = Context::at(1_790_000_000_000);
    for refused in [
        scanner.check(b"words", &milliseconds),
        scanner.check_reader(&b"words"[..], &milliseconds),
        scanner.check_fingerprints(&Default::default(), &milliseconds),
    ] {
        assert_eq!(refused.unwrap_err().code(), tamis::ErrorCode::InvalidArgument);
    }
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_790_000_000_999);
    assert_eq!(Context::at_time(time).now, 1_790_000_000);
    assert_eq!(Context::at_time(std::time::UNIX_EPOCH - std::time::Duration::from_secs(9)).now, 0);
}
