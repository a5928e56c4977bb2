use std::collections::HashSet;

use super::*;
use crate::fingerprint::{Perceptual, View};
use crate::set::EntryId;

/// A code with 128 bits set, far from that of any other seed.
fn code(seed: u64) -> PdqHash {
    let mut hash = PdqHash::default();
    let mut stream = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    while hash.popcount() < 128 {
        let mut bit = [0];
        stream.fill(&mut bit);
        hash.set(usize::from(bit[0]));
    }
    hash
}

fn flipped(hash: PdqHash, bits: u32) -> PdqHash {
    // As many bits off as on, or one more, so that it stays a possible code.
    let mut out = hash;
    for on in [true, false] {
        let all = (0..256).filter(|k| (hash.0[k / 8] >> (k % 8) & 1 == 1) == on);
        let wanted = if on { bits - bits / 2 } else { bits / 2 };
        for k in all.take(wanted as usize) {
            out.0[k / 8] ^= 1 << (k % 8);
        }
    }
    assert_eq!(out.distance(&hash), bits);
    out
}

fn set_of(entries: impl IntoIterator<Item = Entry>) -> Set {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("exchange", ListKind::Exchange)).unwrap();
    for entry in entries {
        builder.add(list, entry).unwrap();
    }
    Set::from_bytes(&builder.to_bytes().unwrap().0).unwrap()
}

fn fingerprints(bytes: &[u8], codes: &[PdqHash]) -> Fingerprints {
    let view = |(hash, view): (&PdqHash, View)| Perceptual {
        hash: *hash,
        ..Perceptual::new(view, crate::fingerprint::Pdq { hash: *hash, quality: 100 })
    };
    Fingerprints {
        digests: digests(bytes, Algorithms::DIGESTS),
        perceptual: codes.iter().zip(View::ALL.iter().copied().skip(1)).map(view).collect(),
    }
}

fn refused(canaries: &Canaries, set: &Set, radius: u32) -> Option<String> {
    let error = canaries.check(set, radius).err()?;
    assert_eq!(error.code(), ErrorCode::UpdateCanary);
    Some(error.to_string())
}

fn entry_of(bytes: &[u8], algorithm: Algorithm) -> Entry {
    Entry::new(digests(bytes, Algorithms::DIGESTS).get(algorithm).unwrap())
}

#[test]
fn every_rendering_of_a_canary_is_looked_for_within_the_radius() {
    let mut builder = CanaryBuilder::new();
    for canary in 0..100 {
        let codes: Vec<_> = (0..8).map(|form| code(canary * 8 + form)).collect();
        assert_eq!(
            builder
                .add(&format!("file {canary}"), &fingerprints(&[canary as u8, 7], &codes))
                .unwrap(),
            13
        );
    }
    let canaries = builder.build().unwrap();
    assert_eq!(canaries.names().unwrap().len(), 100);
    let strangers = || (10_000..10_500).map(|seed| Entry::new(code(seed)));
    assert_eq!(refused(&canaries, &set_of(strangers()), 31), None);
    for (canary, form, distance) in [(0, 0, 0), (99, 7, 31), (57, 3, 30), (31, 7, 31)] {
        let bad = Entry::new(flipped(code(canary * 8 + form), distance));
        let id = EntryId::new("exchange", "", Role::Listed, &bad.fingerprint);
        let set = set_of(strangers().chain([bad]));
        let told = refused(&canaries, &set, 31).unwrap();
        let expected = format!(
            "entry {id} of list \"exchange\" matches the harmless file \"file {canary}\" at PDQ distance {distance};"
        );
        assert!(told.contains(&expected), "{told}");
        assert!(!told.contains(&Fingerprint::from(code(canary * 8 + form)).to_hex()));
        if distance > 0 {
            assert_eq!(refused(&canaries, &set, distance - 1), None);
        }
    }
    let far = set_of([Entry::new(flipped(code(5), 32))]);
    assert_eq!(refused(&canaries, &far, 31), None);
    for algorithm in Algorithm::DIGESTS {
        let set = set_of(strangers().chain([entry_of(&[42, 7], algorithm)]));
        let told = refused(&canaries, &set, 31).unwrap();
        assert!(told.contains("\"file 42\" by its"), "{told}");
    }
}

#[test]
fn what_does_not_act_matches_no_canary() {
    let mut builder = CanaryBuilder::new();
    builder.add("logo", &fingerprints(b"logo", &[code(1)])).unwrap();
    let canaries = builder.build().unwrap();
    let exception = || Entry { role: Role::Exception, ..entry_of(b"logo", Algorithm::Sha256) };
    let negative = || Entry { opinion: Opinion::Negative, ..Entry::new(code(1)) };
    assert_eq!(refused(&canaries, &set_of([exception(), negative()]), 31), None);
    // Beside them one of the same fingerprint that does.
    let acts = Entry { source_id: "other".into(), ..entry_of(b"logo", Algorithm::Sha256) };
    assert!(refused(&canaries, &set_of([exception(), negative(), acts]), 31).is_some());
}

#[test]
fn what_is_harmless_everywhere_needs_no_file() {
    let names: HashSet<_> = HARMLESS.iter().map(|(name, _)| name).collect();
    let bytes: HashSet<_> = HARMLESS.iter().map(|(_, bytes)| bytes).collect();
    assert_eq!((names.len(), bytes.len()), (HARMLESS.len(), HARMLESS.len()));
    let canaries = Canaries::built_in();
    for (at, (name, bytes)) in HARMLESS.iter().enumerate() {
        let algorithm = Algorithm::DIGESTS[at % Algorithm::DIGESTS.len()];
        let told = refused(&canaries, &set_of([entry_of(bytes, algorithm)]), 0).unwrap();
        assert!(told.contains(&shown(name)), "{told}");
    }
    assert_eq!(
        refused(&canaries, &set_of([entry_of(b"something else", Algorithm::Md5)]), 31),
        None
    );
}

/// Transcribed with an error, they would protect nothing.
#[cfg(feature = "decode")]
#[test]
fn the_pictures_among_them_are_pictures() {
    use crate::examine::{Asked, Examiner};
    let limits = crate::Limits::default();
    let mut pictures = 0;
    for (name, bytes) in HARMLESS {
        let media = crate::media::sniff(bytes);
        if media.class.is_picture() {
            let asked = Asked::exactly(&[View::AsStored], &limits);
            let examined = Examiner::new().examine(bytes, &media, &asked);
            // Viewers show the one without a palette; the decoder rightly finds nothing to show.
            let shown = examined.is_ok_and(|e| e.size == Some((1, 1)));
            assert!(shown || name.contains("without a palette"), "{name}");
            pictures += 1;
        }
    }
    assert_eq!(pictures, 9);
}

#[test]
fn canaries_are_kept_in_the_store_and_can_be_added_to() {
    let dir = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o750)).unwrap();
    }
    assert!(Canaries::of_store(dir.path()).unwrap().names().unwrap().is_empty());
    let path = dir.path().join(CANARIES);
    let mut builder = CanaryBuilder::new();
    // Of the second copy of one file, both names are kept; of a blank picture only the digests.
    builder.add("b", &fingerprints(b"one", &[code(1)])).unwrap();
    builder.add("a", &fingerprints(b"one", &[code(1)])).unwrap();
    assert_eq!(builder.add("blank", &fingerprints(b"blank", &[PdqHash::default()])).unwrap(), 5);
    assert_eq!(builder.add("empty", &fingerprints(b"", &[])).unwrap(), 0);
    builder.write(&path).unwrap();
    let canaries = Canaries::of_store(dir.path()).unwrap();
    assert_eq!(canaries.names().unwrap(), ["a", "b", "blank"]);
    let (mut more, _) = canaries.to_builder_without(&[]).unwrap();
    more.add("c", &fingerprints(b"c", &[])).unwrap();
    more.write(&path).unwrap();
    let canaries = Canaries::of_store(dir.path()).unwrap();
    assert_eq!(canaries.names().unwrap(), ["a", "b", "blank", "c"]);
    assert!(refused(&canaries, &set_of([Entry::new(flipped(code(1), 20))]), 31).is_some());
    crate::files::publish_bytes(&path, b"not a set").unwrap();
    assert_eq!(Canaries::of_store(dir.path()).unwrap_err().code(), ErrorCode::SetForeign);
}

#[test]
fn what_cannot_be_a_canary_is_refused() {
    let mut builder = CanaryBuilder::new();
    let good = fingerprints(b"x", &[code(1)]);
    for name in ["", "two\nlines", &"x".repeat(1025)] {
        assert_eq!(builder.add(name, &good).unwrap_err().code(), ErrorCode::InvalidArgument);
    }
    let mut near = good.clone();
    near.perceptual[0].slack = 3;
    assert_eq!(builder.add("x", &near).unwrap_err().code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_change_that_would_match_a_canary_leaves_the_store_as_it_was() {
    use crate::set::Delta;
    use crate::store::{StoreWriter, Terms};
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("store");
    let mut writer = StoreWriter::init(&directory, 1).unwrap();
    let mut builder = CanaryBuilder::new();
    builder.add("logo", &fingerprints(b"logo", &[code(1)])).unwrap();
    builder.write(directory.join(CANARIES)).unwrap();
    let version = writer.manifest().version;
    for (number, bad) in [
        Entry::new(flipped(code(1), 31)),
        entry_of(b"logo", Algorithm::Md5),
        entry_of(b"{}", Algorithm::Sha1),
    ]
    .into_iter()
    .enumerate()
    {
        let mut delta = writer.delta("local").unwrap();
        delta.add(Entry::new(code(2))).unwrap();
        delta.add(bad).unwrap();
        let error = writer.apply_next(delta, &Terms::at(2 + number as u64)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UpdateCanary);
        assert_eq!(writer.manifest().version, version);
    }
    let mut events = Vec::new();
    StoreWriter::read_log(&directory, &mut |event| events.push(event)).unwrap();
    let refused = events.iter().filter(|e| e.code == Some(ErrorCode::UpdateCanary.number()));
    assert_eq!(refused.count(), 3);
    let mut delta: Delta = writer.delta("local").unwrap();
    delta.add(Entry::new(code(2))).unwrap();
    assert!(writer.apply_next(delta, &Terms::at(9)).unwrap().changed);
}

/// What a policy may look up, a canary is compared with.
#[test]
fn canaries_are_compared_as_far_as_the_policy_of_the_store_looks() {
    use crate::store::{LOCAL, StoreWriter, Terms};

    assert_eq!(
        (USUAL_RADIUS, GREATEST_RADIUS),
        (crate::policy::Policy::builtin().radius(), crate::policy::MAX_RADIUS)
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut writer = StoreWriter::init(&path, 1).unwrap();
    let mut builder = CanaryBuilder::new();
    builder.add("logo", &fingerprints(b"logo", &[code(1)])).unwrap();
    builder.write(path.join(CANARIES)).unwrap();
    let mut take = |distance: u32| {
        let mut delta = writer.delta(LOCAL).unwrap();
        delta.add(Entry::new(flipped(code(1), distance))).unwrap();
        writer.apply_next(delta, &Terms::at(2)).map(|_| ()).map_err(|e| e.code())
    };
    let policy = path.join("policy.toml");
    let refused = Err(ErrorCode::UpdateCanary);
    assert_eq!((take(31), take(32)), (refused, Ok(())), "without a policy");
    for (text, near, far) in [
        ("version = 1\nradius = 64\n", 64, 65),
        ("version = 1\nradius = 40\n", 40, 42),
        ("version = 1\nradius = 12\n", 31, 34),
        ("version = 1\n", 31, 36),
        ("version = 1\nradius = 310\n", 64, 66),
        ("radius = 12, or so", 64, 67),
    ] {
        std::fs::write(&policy, text).unwrap();
        assert_eq!((take(near), take(far)), (refused, Ok(())), "{text:?}");
    }
    std::fs::remove_file(&policy).unwrap();
    std::fs::create_dir(&policy).unwrap();
    assert_eq!((take(64), take(68)), (refused, Ok(())), "it cannot be read");
}
