//! Opening a set of a million entries reads its head only, and a look-up reads only what it needs.

#![allow(clippy::print_stderr, reason = "it prints what it measured")]

use std::path::Path;
use std::time::{Duration, Instant};

use tamis::fingerprint::{Algorithm, Algorithms, Fingerprint, Fingerprints, digests};
use tamis::search::{Layers, Searcher};
use tamis::set::{Entry, List, ListKind, Set, SetBuilder};

const DIGESTS: u64 = 900_000;
const CODES: u64 = 100_000;

/// The MD5 digest with that number: a file of 8 bytes, so that it can be looked up as an upload.
fn file(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

fn build(path: &Path) {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("exchange", ListKind::Exchange)).unwrap();
    let md5 = Algorithms::from_iter([Algorithm::Md5]);
    // One item for all: this is about fingerprints, not about strings.
    let entry = |fingerprint| Entry::new(fingerprint).item("drawn");
    for number in 0..DIGESTS {
        let digest = digests(&file(number), md5).iter().next().unwrap();
        builder.add(list, entry(digest)).unwrap();
    }
    let mut kept = 0;
    for number in 0u64.. {
        let random = blake3::hash(&number.to_le_bytes());
        let code = Fingerprint::new(Algorithm::Pdq, random.as_bytes()).unwrap();
        // Random bits are of more than 128 half of the time: poison.
        kept += u64::from(builder.add(list, entry(code)).is_ok());
        if kept == CODES {
            break;
        }
    }
    let report = builder.write(path).unwrap();
    assert_eq!(report.entries, DIGESTS + CODES);
}

/// Kilobytes of the mappings of that file that are in memory, as this process sees them; none if it is not mapped.
#[cfg(target_os = "linux")]
fn resident(path: &Path) -> Option<u64> {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let name = path.to_str().unwrap();
    let mut of_file = false;
    let mut total = None;
    for line in smaps.lines() {
        let first = line.split_whitespace().next().unwrap_or("");
        if !first.ends_with(':') {
            of_file = line.ends_with(name);
        } else if first == "Rss:" && of_file {
            let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            *total.get_or_insert(0) += kilobytes;
        }
    }
    total
}

#[test]
fn opening_a_million_entries_reads_none_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("million.tamis");
    let started = Instant::now();
    build(&path);
    let size = std::fs::metadata(&path).unwrap().len();
    eprintln!("built {} MB of a million entries in {:?}", size / 1_000_000, started.elapsed());

    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let started = Instant::now();
            let set = Set::open(&path).unwrap();
            let time = started.elapsed();
            assert_eq!(set.entry_count(), DIGESTS + CODES);
            time
        })
        .collect();
    times.sort();
    eprintln!("opened in {:?} (median of 20)", times[10]);
    assert!(times[10] < Duration::from_millis(50), "{times:?}");

    let set = Layers::of(Set::open(&path).unwrap()).unwrap();
    #[cfg(target_os = "linux")]
    assert_eq!(resident(&path), Some(0), "opening touched the body");

    let md5 = Algorithms::from_iter([Algorithm::Md5]);
    let mut searcher = Searcher::new();
    let mut look_up = |number| {
        let fingerprints = Fingerprints::default().digests(digests(&file(number), md5));
        searcher.digests(&set, &fingerprints, 1).unwrap().matches().unwrap().len()
    };
    assert_eq!(look_up(DIGESTS / 3), 1);
    #[cfg(target_os = "linux")]
    {
        let kilobytes = resident(&path).unwrap();
        eprintln!("after one look-up {kilobytes} KB of {} KB are resident", size / 1000);
        // Twenty steps of a binary search, each with its checksums. Where the system's cache holds the file in huge pages, each of which counts in full,
        // the first steps have one of their own.
        assert!(kilobytes > 0 && kilobytes < size / 1000 / 4, "{kilobytes}");
    }
    assert_eq!(look_up(DIGESTS), 0);
    assert_eq!(look_up(0) + look_up(DIGESTS - 1), 2);
}
