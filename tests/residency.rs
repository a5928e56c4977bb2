//! Wherever the bytes of a set lie: the same answers, the same damage found, no claim of a file that takes the host down.

#![allow(clippy::print_stderr, reason = "tests say what they did")]

mod common;

use std::path::Path;

use common::{fingerprint, full_set, u32_at, u64_at};
use tamis::fingerprint::{Algorithm, PdqHash};
use tamis::set::{Entry, List, ListKind, Residency, StoredEntry, publish_bytes};
use tamis::{ErrorCode, Set, SetBuilder, search};

const ALL: [Residency; 4] =
    [Residency::Mapped, Residency::Populated, Residency::Heap, Residency::HugePages];

fn tell(set: &Set) -> tamis::Result<Vec<StoredEntry>> {
    set.entries().collect()
}

/// A set of several parts and huge pages, whose size is a multiple of neither.
fn large() -> Vec<u8> {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("digests", ListKind::Friend)).unwrap();
    for seed in 0..60_000 {
        let entry =
            Entry { item: "one".into(), ..Entry::new(fingerprint(Algorithm::Sha512, seed)) };
        builder.add(list, entry).unwrap();
    }
    let bytes = builder.to_bytes().unwrap().0;
    assert!(bytes.len() > 6 << 20 && !bytes.len().is_multiple_of(4096), "{}", bytes.len());
    bytes
}

#[test]
fn answers_do_not_depend_on_where_the_bytes_lie() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    for bytes in [full_set(), large(), SetBuilder::new().to_bytes().unwrap().0] {
        publish_bytes(&path, &bytes).unwrap();
        let told = Set::from_bytes(&bytes).unwrap();
        let entries = tell(&told).unwrap();
        for residency in ALL {
            let set = Set::open_with(&path, residency).unwrap();
            assert_eq!((set.digest(), set.size()), (told.digest(), bytes.len() as u64));
            assert_eq!(tell(&set).unwrap(), entries, "{residency:?}");
            for code in [[0x55; 32], [0xF0; 32]] {
                let find = |set| search::query(set, PdqHash(code), 140).unwrap().len();
                assert_eq!(find(&set), find(&told), "{residency:?}");
            }
            set.verify(&mut |_| {}).unwrap();
            // Warming says how far it is, in bytes of the file, and may be repeated.
            for _ in 0..2 {
                let mut done = vec![0];
                set.warm(&mut |bytes| done.push(bytes)).unwrap();
                assert!(done.is_sorted_by(|a, b| a < b), "{done:?}");
                assert_eq!(done.last(), Some(&set.size()));
            }
            assert_eq!(tell(&set).unwrap(), entries, "{residency:?}, warm");
        }
    }
    assert_eq!(Set::open(&path).unwrap().digest(), Set::load(&path).unwrap().digest());
}

/// Who reads the whole file finds the damage when it opens it; who maps it, when it is touched or warmed.
#[test]
fn damage_is_found_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    let bytes = large();
    let head = 96 + 32 * u32_at(&bytes, 12) as usize + 16 * u32_at(&bytes, 16) as usize;
    let checksums = head.next_multiple_of(64);
    let data = u64_at(&bytes, 24) as usize;
    let part = 4 << 20;
    let places =
        [checksums, data - 4096, data, data + 4095, part - 1, part, part + 1, bytes.len() - 1];
    for at in places {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        if (head..data).contains(&at) && at >= checksums + 16 * (bytes.len() - data).div_ceil(4096)
        {
            continue; // Padding, which `verify` looks at and nothing else.
        }
        publish_bytes(&path, &damaged).unwrap();
        for residency in ALL {
            let error = match Set::open_with(&path, residency) {
                Ok(set) => {
                    assert_eq!(residency, Residency::Mapped, "byte {at}");
                    let error = set.warm(&mut |_| {}).expect_err("it is damaged");
                    // Entries lie before their ranges, which only a look-up reads.
                    assert!(at == bytes.len() - 1 || tell(&set).is_err(), "byte {at}");
                    error
                }
                Err(error) => error,
            };
            assert_eq!(error.code(), ErrorCode::SetCorrupt, "byte {at}, {residency:?}: {error}");
            assert_eq!(error.path(), Some(path.as_path()), "{error}");
        }
    }
}

/// A file of nothing that claims a terabyte, with a head that is in order: 16 MB on the disk.
#[test]
fn a_sparse_terabyte_is_an_error() {
    use std::io::Write;

    const CLAIM: u64 = 1 << 40;
    let small = full_set();
    let sections = u32_at(&small, 12) as usize;
    let end = u64_at(&small, 32).next_multiple_of(64);
    let data_length = end + CLAIM;
    let blocks = data_length.div_ceil(4096);
    let roots = blocks.div_ceil(256);
    let mut rest = small[96..96 + 32 * sections].to_vec();
    // A section that this version does not know and need not understand.
    rest.extend([0x600u32, 0].iter().flat_map(|n| n.to_le_bytes()));
    rest.extend([end, CLAIM, 1].iter().flat_map(|n| n.to_le_bytes()));
    rest.resize(rest.len() + 16 * roots as usize, 0);
    let mut header = small[..64].to_vec();
    let data_start =
        ((96 + rest.len() as u64).next_multiple_of(64) + 16 * blocks).next_multiple_of(4096);
    header[12..16].copy_from_slice(&(sections as u32 + 1).to_le_bytes());
    header[16..20].copy_from_slice(&(roots as u32).to_le_bytes());
    header[24..32].copy_from_slice(&data_start.to_le_bytes());
    header[32..40].copy_from_slice(&data_length.to_le_bytes());
    let digest = *blake3::Hasher::new().update(&header).update(&rest).finalize().as_bytes();

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("claim.tamis");
    publish_bytes(&path, &[&header[..], &digest, &rest].concat()).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    if let Err(error) = file.set_len(data_start + data_length).and_then(|()| file.flush()) {
        eprintln!("SKIPPED: this file system takes no sparse file of a terabyte: {error}");
        return;
    }
    for residency in ALL {
        let error = match Set::open_with(&path, residency) {
            Ok(set) => {
                assert_eq!(residency, Residency::Mapped);
                assert_eq!(set.size(), data_start + data_length);
                assert_eq!(tell(&set).unwrap_err().code(), ErrorCode::SetCorrupt);
                set.warm(&mut |_| {}).unwrap_err()
            }
            Err(error) => error,
        };
        let code = error.code();
        assert!(
            matches!(code, ErrorCode::SetCorrupt | ErrorCode::SetTooLarge),
            "{residency:?}: {error}"
        );
        assert_eq!(error.path(), Some(path.as_path()));
    }
}

/// Sums of the fields of the maps of this process for which `of` is true, in kilobytes.
#[cfg(target_os = "linux")]
fn maps(field: &str, of: impl Fn(&str) -> bool) -> u64 {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut counts = false;
    let mut total = 0;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some(first) if !first.ends_with(':') => counts = of(line),
            Some(first) if counts && first.strip_suffix(':') == Some(field) => {
                total += words.next().unwrap().parse::<u64>().unwrap();
            }
            _ => {}
        }
    }
    total
}

#[cfg(target_os = "linux")]
fn of_file(field: &str, path: &Path) -> u64 {
    let name = path.canonicalize().unwrap();
    maps(field, |line| line.ends_with(name.to_str().unwrap()))
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_populated_or_warmed_is_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    publish_bytes(&path, &large()).unwrap();
    let mapped = Set::open(&path).unwrap();
    assert_eq!(of_file("Rss", &path), 0, "opening touched the body");
    let whole = mapped.size().div_ceil(4096) * 4;
    mapped.warm(&mut |_| {}).unwrap();
    assert_eq!(of_file("Rss", &path), whole);
    drop(mapped);
    let populated = Set::open_with(&path, Residency::Populated).unwrap();
    assert_eq!(of_file("Rss", &path), whole);
    assert_eq!(of_file("Anonymous", &path), 0, "it is shared");
    eprintln!("{} of {whole} KB of the file are in huge pages", of_file("FilePmdMapped", &path));
    drop(populated);
    for residency in [Residency::Heap, Residency::HugePages] {
        let _set = Set::open_with(&path, residency).unwrap();
        assert_eq!(of_file("Size", &path), 0, "{residency:?}: the file is not mapped");
    }
}

/// A look-up in a file that was cut ends the process. Warming does not: the pages are asked for first.
#[cfg(target_os = "linux")]
#[test]
fn warming_a_file_that_was_cut_is_an_error() {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    if version < (5, 14) {
        eprintln!("SKIPPED: Linux {version:?} has no MADV_POPULATE_READ");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    publish_bytes(&path, &large()).unwrap();
    let set = Set::open(&path).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(5 << 20).unwrap();
    let error = set.warm(&mut |_| {}).unwrap_err();
    assert_eq!((error.code(), error.path()), (ErrorCode::Io, Some(path.as_path())), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_copy_in_huge_pages_is_in_huge_pages_and_read_only() {
    let modes = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    let modes = modes.unwrap_or_default();
    if modes.is_empty() || modes.contains("[never]") {
        eprintln!("SKIPPED: this system has no transparent huge pages: {modes:?}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    publish_bytes(&path, &large()).unwrap();
    // A map of its own, read-only, of whole huge pages: nothing else in this process is like it.
    let size = std::fs::metadata(&path).unwrap().len();
    let size = size.next_multiple_of(2 << 20);
    let ours = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ends = words[0].split_once('-').unwrap();
        let [start, end] = [ends.0, ends.1].map(|n| u64::from_str_radix(n, 16).unwrap());
        words.len() == 5 && words[1] == "r--p" && end - start == size
    };
    assert_eq!(maps("Rss", ours), 0);
    let set = Set::open_with(&path, Residency::HugePages).unwrap();
    let (rss, huge) = (maps("Rss", ours), maps("AnonHugePages", ours));
    eprintln!("{huge} of {rss} KB of the copy are in huge pages");
    assert_eq!(rss, size >> 10);
    if huge == 0 {
        // The kernel is free to have none just now. On a machine with memory to spare that would be a fault of ours.
        let free = std::fs::read_to_string("/proc/meminfo").unwrap();
        let free =
            free.lines().find_map(|l| l.strip_prefix("MemFree:")?.trim().strip_suffix(" kB"));
        let free: u64 = free.unwrap().parse().unwrap();
        assert!(free < 1 << 20, "{free} KB are free, and none of it became huge pages");
        eprintln!("SKIPPED: {free} KB are free");
    }
    assert_eq!(set.entry_count(), 60_000);
}
