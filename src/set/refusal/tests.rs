//! Each guard rail at both sides of its bound.

use md5::Digest as _;

use super::*;
use crate::fingerprint::hex;
use crate::set::{List, ListKind, SetBuilder};

fn digest(algorithm: Algorithm, bytes: &[u8]) -> Entry {
    Entry::new(Fingerprint::new(algorithm, bytes).unwrap())
}

/// A code with the first `bits` bits set.
fn pdq(bits: usize) -> Entry {
    let mut code = PdqHash::default();
    for bit in 0..bits {
        code.0[bit / 8] |= 1 << (bit % 8);
    }
    Entry::new(code)
}

fn good() -> Entry {
    digest(Algorithm::Sha256, &[7; 32])
}

fn cause(entry: &Entry) -> &'static str {
    check(entry).err().map_or("taken", Refusal::name)
}

#[test]
fn digests_of_nothing_are_those_that_the_hashers_give() {
    let real: [(Algorithm, Vec<u8>); 5] = [
        (Algorithm::Md5, md5::Md5::digest([]).to_vec()),
        (Algorithm::Sha1, sha1::Sha1::digest([]).to_vec()),
        (Algorithm::Sha256, sha2::Sha256::digest([]).to_vec()),
        (Algorithm::Sha512, sha2::Sha512::digest([]).to_vec()),
        (Algorithm::Blake3, blake3::hash(&[]).as_bytes().to_vec()),
    ];
    for (algorithm, mut bytes) in real {
        assert_eq!(
            check(&digest(algorithm, &bytes)),
            Err(Refusal::EmptyInput(algorithm)),
            "{algorithm} of nothing is {}",
            hex(&bytes)
        );
        bytes[0] ^= 1;
        assert_eq!(check(&digest(algorithm, &bytes)), Ok(()));
    }
}

#[test]
fn placeholders_are_refused_for_every_digest() {
    for algorithm in Algorithm::DIGESTS {
        for byte in [0, 0xFF] {
            let mut bytes = vec![byte; algorithm.width()];
            assert_eq!(cause(&digest(algorithm, &bytes)), "all-equal-bits");
            *bytes.last_mut().unwrap() ^= 0x10;
            assert_eq!(cause(&digest(algorithm, &bytes)), "taken");
        }
    }
}

#[test]
fn pdq_codes_need_96_to_128_bits() {
    for (bits, expected) in [
        (0, "pdq-too-few-bits"),
        (95, "pdq-too-few-bits"),
        (96, "taken"),
        (128, "taken"),
        (129, "pdq-too-many-bits"),
        (256, "pdq-too-many-bits"),
    ] {
        assert_eq!(cause(&pdq(bits)), expected, "{bits} bits");
    }
}

#[test]
fn quality_counts_for_pdq_only() {
    let with = |entry: Entry, quality| Entry { quality: Some(quality), ..entry };
    assert_eq!(cause(&with(pdq(128), 49)), "low-quality");
    assert_eq!(cause(&with(pdq(128), 50)), "taken");
    assert_eq!(cause(&with(pdq(128), 100)), "taken");
    assert_eq!(cause(&with(good(), 0)), "taken");
    assert_eq!(cause(&with(good(), 101)), "quality-range");
    assert_eq!(cause(&with(pdq(128), 255)), "quality-range");
}

#[test]
fn exceptions_need_sha256_or_blake3() {
    for algorithm in Algorithm::DIGESTS {
        let entry =
            Entry { role: Role::Exception, ..digest(algorithm, &vec![7; algorithm.width()]) };
        let expected = match algorithm {
            Algorithm::Sha256 | Algorithm::Blake3 => "taken",
            _ => "exception-algorithm",
        };
        assert_eq!(cause(&entry), expected, "{algorithm}");
    }
    assert_eq!(cause(&Entry { role: Role::Exception, ..pdq(128) }), "exception-algorithm");
}

#[test]
fn texts_are_bounded_and_plain() {
    type Put = fn(&mut Entry, String);
    let fields: [Put; 4] = [
        |e, text| e.item = text,
        |e, text| e.source_id = text,
        |e, text| e.legal_basis = text,
        |e, text| e.labels = vec!["fine".into(), text],
    ];
    for put in fields {
        for (text, expected) in [
            ("é".repeat(512), "taken"),
            ("é".repeat(512) + "x", "field-too-long"),
            ("a\0b".into(), "bad-text"),
            ("a\nb".into(), "bad-text"),
            ("\u{7f}".into(), "bad-text"),
            ("\u{85}".into(), "bad-text"),
            ("日本 ; \" , ü".into(), "taken"),
        ] {
            let mut entry = good();
            put(&mut entry, text);
            assert_eq!(cause(&entry), expected);
        }
    }
    let labels = |n: usize| Entry { labels: (0..n).map(|i| i.to_string()).collect(), ..good() };
    assert_eq!(cause(&labels(64)), "taken");
    assert_eq!(cause(&labels(65)), "too-many-labels");
}

/// A list that looks like another must be that other.
#[test]
fn a_list_is_called_what_one_can_see() {
    for name in ["gifct", "voisinage é", "日本", &"x".repeat(255)] {
        SetBuilder::new().add_list(List::new(name, ListKind::Friend)).unwrap();
    }
    for name in
        ["", "gif\u{200b}ct", "gifct\u{202e}", "a\u{2028}b", "a\nb", "\u{ad}", &"x".repeat(256)]
    {
        let refused = SetBuilder::new().add_list(List::new(name, ListKind::Friend)).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidArgument, "{name:?}");
    }
}
