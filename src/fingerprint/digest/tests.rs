//! Published vectors, splits, readers and the JSON form.

use super::*;

/// The digests of what a reader gives, and the first `most` bytes.
fn read(reader: impl Read, most: u64) -> (Digests, Vec<u8>, u64) {
    let (mut digester, mut kept) = (Digester::new(Algorithms::DIGESTS), Vec::new());
    let total = digester.update_from(reader, most, &mut kept).unwrap();
    (digester.finish(), kept, total)
}

/// From the algorithms' publications (RFC 1321, FIPS 180-4 with its examples). BLAKE3 publishes the empty input and
/// counted bytes, see below; its other two were made with the Python package `blake3`.
fn published() -> Vec<(Vec<u8>, [&'static str; 5])> {
    vec![
        (
            Vec::new(),
            [
                "d41d8cd98f00b204e9800998ecf8427e",
                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
                "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            ],
        ),
        (
            b"abc".to_vec(),
            [
                "900150983cd24fb0d6963f7d28e17f72",
                "a9993e364706816aba3e25717850c26c9cd0d89d",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
                "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
            ],
        ),
        (
            vec![b'a'; 1_000_000],
            [
                "7707d6ae4e027c70eea2a935c2296f21",
                "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
                "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
                "616f575a1b58d4c9797d4217b9730ae5e6eb319d76edef6549b46f4efe31ff8b",
            ],
        ),
    ]
}

#[test]
fn published_vectors() {
    let mut reused = Digester::new(Algorithms::DIGESTS);
    for (bytes, expected) in published() {
        let found = digests(&bytes, Algorithms::DIGESTS);
        let hex: Vec<_> = found.iter().map(|digest| digest.to_hex()).collect();
        assert_eq!(hex, expected);
        assert_eq!(read(&bytes[..], 0), (found, Vec::new(), bytes.len() as u64));
        reused.update(&bytes);
        assert_eq!(reused.finish(), found);
    }
}

#[test]
fn blake3_of_the_published_counted_bytes() {
    let bytes: Vec<u8> = (0..1024u32).map(|i| (i % 251) as u8).collect();
    let found = digests(&bytes, Algorithms::NONE.with(Algorithm::Blake3));
    let expected = "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7";
    assert_eq!(found.get(Algorithm::Blake3).map(|d| d.to_hex()).as_deref(), Some(expected));
}

#[test]
fn every_split_is_the_whole() {
    let bytes: Vec<u8> = (0..300u32).map(|i| (i % 251) as u8).collect();
    let whole = digests(&bytes, Algorithms::DIGESTS);
    let mut digester = Digester::new(Algorithms::DIGESTS);
    for split in 0..=bytes.len() {
        digester.update(&bytes[..split]);
        digester.update(&bytes[split..]);
        assert_eq!(digester.finish(), whole, "split at {split}");
    }
}

#[test]
fn lengths_around_the_blocks() {
    let bytes: Vec<u8> = (0..2 * READ as u32 + 9).map(|i| (i % 251) as u8).collect();
    for length in [BLOCK - 1, BLOCK, BLOCK + 1, READ - 1, READ, READ + 1, 2 * READ, 2 * READ + 9] {
        let bytes = &bytes[..length];
        let mut one_by_one = Digester::new(Algorithms::DIGESTS);
        bytes.chunks(1000).for_each(|piece| one_by_one.update(piece));
        let expected = one_by_one.finish();
        assert_eq!(digests(bytes, Algorithms::DIGESTS), expected, "{length}");
        // Three bytes at a time, as a pipe may give them.
        struct Drip<'a>(&'a [u8]);
        impl Read for Drip<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let n = out.len().min(3);
                self.0.read(&mut out[..n])
            }
        }
        for most in [0, length - 1, length + 1] {
            let whole = (expected, bytes[..most.min(length)].to_vec(), length as u64);
            assert_eq!(read(bytes, most as u64), whole, "{most} of {length}");
        }
        let beginning = (expected, bytes[..READ.min(length) - 2].to_vec(), length as u64);
        assert_eq!(read(Drip(bytes), READ.min(length) as u64 - 2), beginning, "{length}");
    }
}

#[test]
fn only_what_was_asked_for() {
    for bits in 0u32..32 {
        let wanted: Algorithms =
            (0..5).filter(|i| bits >> i & 1 == 1).map(|i| Algorithm::DIGESTS[i]).collect();
        assert_eq!(digests(b"x", wanted).algorithms(), wanted);
        assert_eq!(digests(b"x", wanted.with(Algorithm::Pdq)).algorithms(), wanted);
    }
}

#[test]
fn a_failing_reader_leaves_nothing_behind() {
    struct Broken(bool);
    impl Read for Broken {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("broken"));
            }
            out[0] = 7;
            Ok(1)
        }
    }
    struct Liar;
    impl Read for Liar {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            Ok(out.len() + 1)
        }
    }
    let mut digester = Digester::new(Algorithms::DIGESTS);
    for most in [0, u64::MAX] {
        assert!(digester.update_from(Broken(false), most, &mut Vec::new()).is_err());
        let error = digester.update_from(Liar, most, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "the reader claims 65537 bytes; it was asked for 65536");
    }
    assert_eq!(digester.finish(), digests(b"", Algorithms::DIGESTS));
}

#[test]
fn json_by_name_and_back() {
    let some = digests(b"abc", Algorithms::NONE.with(Algorithm::Md5).with(Algorithm::Blake3));
    let json = serde_json::to_string(&some).unwrap();
    assert_eq!(
        json,
        r#"{"md5":"900150983cd24fb0d6963f7d28e17f72","blake3":"6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"}"#
    );
    assert_eq!(serde_json::from_str::<Digests>(&json).unwrap(), some);
    for bad in [r#"{"md5":"00"}"#, r#"{"crc":"00"}"#, r#"{"md5":"g"}"#] {
        assert!(serde_json::from_str::<Digests>(bad).is_err(), "{bad}");
    }
    let pdq = format!(r#"{{"pdq":"{}"}}"#, "0".repeat(64));
    assert!(serde_json::from_str::<Digests>(&pdq).is_err());
}
