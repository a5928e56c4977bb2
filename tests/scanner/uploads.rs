//! Uploads of every kind: broken, without pixels, read in pieces, late; and the records of them.

use std::io::Read;
use std::time::Duration;

use image::ImageFormat;
use tamis::fingerprint::{Algorithm, Fingerprints};
use tamis::media::{MediaClass, Unscannable};
use tamis::{Action, ErrorCode, Limits, Method, Outcome, Policy, Scanner, Verdict};

use crate::listed::{digest, reviewed};
use crate::pictures::{at_distance, encode, film, hash, jpeg, png, scene, turned_jpeg};
use crate::{now, scanner, unrelated, with_policy};

/// What two verdicts must share to be the same answer.
fn answer(verdict: &Verdict) -> (String, String) {
    (serde_json::to_string(verdict).unwrap(), serde_json::to_string(&verdict.fingerprints).unwrap())
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
        let limits = Limits::default().upload_bytes(bound);
        let entries = [reviewed(hash(&picture).hash), unrelated()];
        let mut scanner = scanner(entries).with_limits(limits);
        for (name, upload) in uploads() {
            let expected = scanner.check(&upload, &now()).unwrap();
            let longer = upload.len() as u64 > bound;
            assert!(!(longer && expected.complete), "{name}, {bound}");
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
fn a_deadline_cuts_decoding_short_and_nothing_else() {
    let late = now().deadline(Some(Duration::ZERO));
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
    let limits = Limits::default().time(Duration::from_secs(1));
    let context = now().deadline(Some(Duration::from_secs(1)));
    let mut scanner = scanner([unrelated()]).with_limits(limits);
    let verdict = scanner.check_reader(Slow(&upload), &context).unwrap();
    assert_eq!((verdict.outcome, verdict.unscannable), (Outcome::Clear, None));
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

/// A record that was made before an algorithm was listed cannot tell that nothing of it matches.
#[test]
fn a_replay_is_complete_only_if_the_record_covers_the_store() {
    let upload = png(&scene(1, 96, 96));
    let whole = scanner([unrelated(), reviewed(digest(b"other", Algorithm::Md5))])
        .check(&upload, &now())
        .unwrap()
        .fingerprints;
    let mut judging = scanner([unrelated(), reviewed(digest(b"other", Algorithm::Md5))]);
    let complete = |scanner: &mut Scanner, record: &Fingerprints| {
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

/// However an upload arrives, in whatever pieces, it is judged as if it had been there at once; several may be under way.
#[test]
fn pieces_that_are_pushed_give_the_same_verdict() {
    let picture = scene(1, 240, 180);
    for bound in [u64::MAX, 16_384, 100, 0] {
        let entries = [reviewed(hash(&picture).hash), unrelated()];
        let mut scanner = scanner(entries).with_limits(Limits::default().upload_bytes(bound));
        for (name, upload) in uploads() {
            let expected = scanner.check(&upload, &now()).unwrap();
            for size in [1, 7, 4096, usize::MAX] {
                if size == 1 && upload.len() > 10_000 {
                    continue;
                }
                let (mut arriving, mut other) = (scanner.begin(), scanner.begin());
                assert!(arriving.is_empty());
                for piece in upload.chunks(size) {
                    arriving.update(piece);
                    other.update(b"something else");
                }
                assert_eq!(arriving.len(), upload.len() as u64);
                let found = scanner.finish(arriving, &now()).unwrap();
                assert_eq!(answer(&found), answer(&expected), "{name} by {size}, limit {bound}");
                let nothing = scanner.finish(other, &now()).unwrap();
                assert_eq!(nothing.outcome, Outcome::Clear, "{name}");
            }
        }
    }
    // What a scanner of narrower limits has begun is not taken for all of it.
    let (_, upload) = uploads().into_iter().find(|(_, upload)| upload.len() > 100_000).unwrap();
    let mut narrow = scanner([unrelated()]).with_limits(Limits::default().upload_bytes(10));
    let mut arriving = narrow.begin();
    arriving.update(&upload);
    let verdict = scanner([unrelated()]).finish(arriving, &now()).unwrap();
    assert_eq!((verdict.action, verdict.complete), (Action::Review, false));
}
