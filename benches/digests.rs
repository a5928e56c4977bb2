//! Digests of one mebibyte: each algorithm alone, and all five in one pass.

mod common;

use common::{LISTED, Random};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tamis::fingerprint::{Algorithm, Algorithms, Digester, Fingerprint, digests};

fn digesting(c: &mut Criterion) {
    let mut random = Random::new(LISTED);
    let bytes: Vec<u8> = (0..1 << 17).flat_map(|_| random.next().to_le_bytes()).collect();
    let mut group = c.benchmark_group("digests of 1 MiB");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let each = Algorithm::DIGESTS.map(|a| (a.name(), Algorithms::NONE.with(a)));
    for (name, wanted) in each.into_iter().chain([("all five", Algorithms::DIGESTS)]) {
        // Published digests of "abc", so that what is timed is the algorithm it claims to be.
        for digest in digests(b"abc", wanted).iter() {
            assert_eq!(digest, published(digest.algorithm()));
        }
        let mut digester = Digester::new(wanted);
        let mut run = || {
            digester.update(black_box(&bytes));
            digester.finish()
        };
        let expected = digests(&bytes, wanted);
        assert_eq!(expected.algorithms(), wanted);
        assert_eq!(run(), expected);
        assert_eq!(run(), expected, "a digester is as new after it has finished");
        group.bench_function(name, |b| b.iter(&mut run));
    }
}

/// The digest of "abc", from RFC 1321, FIPS 180-4 and the BLAKE3 reference.
fn published(algorithm: Algorithm) -> Fingerprint {
    let hex = match algorithm {
        Algorithm::Md5 => "900150983cd24fb0d6963f7d28e17f72",
        Algorithm::Sha1 => "a9993e364706816aba3e25717850c26c9cd0d89d",
        Algorithm::Sha256 => "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        Algorithm::Sha512 => {
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        }
        Algorithm::Blake3 => "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        other => panic!("{other} is not a digest"),
    };
    Fingerprint::from_hex(algorithm, hex).expect("as many digits as it has")
}

criterion_group!(benches, digesting);
criterion_main!(benches);
