//! What matches: digests, distances, views, detail.

use image::imageops;
use tamis::fingerprint::{Algorithm, PdqHash, View};
use tamis::policy::{Cap, Cause};
use tamis::set::{List, ListKind, SetBuilder};
use tamis::{Action, Method, Outcome, Policy};

use crate::listed::{digest, reviewed};
use crate::pictures::{
    at_distance, faint_scene, hash, hash_of_file, jpeg, png, scene, turned_jpeg,
};
use crate::{now, scanner, unrelated, with_policy};

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
fn each_view_alone_finds_an_upright_picture_or_none_does() {
    let picture = scene(1, 240, 180);
    let listed = hash(&picture).hash;
    let of_a_still = |v: &View| v.is_dihedral() || matches!(v, View::AsStored | View::AsShown);
    for view in View::ALL.iter().copied().filter(of_a_still) {
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
