//! Digits alone.

use super::*;

#[test]
fn bare_hex_takes_the_algorithm_from_the_length_or_the_caller() {
    let list = format!(
        "{MD5}\n{}\n{}\n{}\n{}\nabc\n{MD5} x\n",
        SHA1.to_uppercase(),
        "3".repeat(128),
        "4".repeat(64),
        "é".repeat(16)
    );
    let read = read_all(&list, Format::Hex);
    let algorithms: Vec<_> = read.entries.iter().map(|e| e.fingerprint.algorithm()).collect();
    assert_eq!(algorithms, [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha512]);
    assert_eq!(
        read.causes(),
        [(4, "ambiguous-algorithm"), (5, "not-hex"), (6, "wrong-length"), (7, "wrong-length")]
    );
    for algorithm in [Algorithm::Sha256, Algorithm::Blake3] {
        let options = Options { algorithm: Some(algorithm), ..Options::default() };
        let read = try_read(list.as_bytes(), Format::Hex, &options).unwrap();
        assert_eq!(read.entries.len(), 1);
        assert_eq!(read.entries[0].fingerprint.algorithm(), algorithm);
    }
}
