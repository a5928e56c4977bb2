//! Wherever the bytes of a set lie: the same answers, the same damage found, no claim of a file that takes the host down.

#![allow(clippy::print_stderr, reason = "tests say what they did")]

mod common;

use std::path::Path;

use common::{fingerprint, full_set, u32_at, u64_at};
use tamis::files::publish_bytes;
use tamis::fingerprint::{Algorithm, PdqHash};
use tamis::search::{Near, RadiusSearch};
use tamis::set::{Entry, List, ListKind, Residency, StoredEntry};
use tamis::{ErrorCode, Set, SetBuilder};

fn tell(set: &Set) -> tamis::Result<Vec<StoredEntry>> {
    set.entries().collect()
}

/// A set of several parts and huge pages, whose size is a multiple of neither.
fn large() -> Vec<u8> {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("digests", ListKind::Friend)).unwrap();
    for seed in 0..60_000 {
        let entry = Entry::new(fingerprint(Algorithm::Sha512, seed)).item("one");
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
        for residency in Residency::AVAILABLE.iter().copied() {
            let set = Set::open_with(&path, residency).unwrap();
            assert_eq!((set.digest(), set.size()), (told.digest(), bytes.len() as u64));
            assert_eq!(tell(&set).unwrap(), entries, "{residency:?}");
            for code in [[0x55; 32], [0xF0; 32]] {
                let find = |set: &Set| -> Vec<Near> {
                    RadiusSearch::new().within(set, &[(PdqHash(code), 140)]).unwrap().to_vec()
                };
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
        for residency in Residency::AVAILABLE.iter().copied() {
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
    for residency in Residency::AVAILABLE.iter().copied() {
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
    for residency in [Residency::Heap, Residency::HugePages, Residency::Sealed] {
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

/// A fingerprint does not belong in the memory dump of a crashed host.
#[cfg(target_os = "linux")]
#[test]
fn no_residency_is_written_to_core_dumps() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    let bytes = large();
    publish_bytes(&path, &bytes).unwrap();
    let flagged = || {
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut size = 0;
        let mut flagged = 0;
        for line in smaps.lines() {
            match line.split_once(':') {
                Some(("Size", kilobytes)) => {
                    size = kilobytes.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap();
                }
                Some(("VmFlags", flags)) if flags.split_whitespace().any(|f| f == "dd") => {
                    flagged += size;
                }
                _ => {}
            }
        }
        flagged
    };
    let least = bytes.len() as u64 >> 10;
    // Other tests open and close sets meanwhile.
    if std::env::var_os("TAMIS_ALONE").is_none() {
        alone("no_residency_is_written_to_core_dumps");
        return;
    }
    // The kernel's own pages.
    let before = flagged();
    for residency in Residency::AVAILABLE.iter().copied() {
        let set = Set::open_with(&path, residency).unwrap();
        let more = flagged() - before;
        assert!((least..least + 2048).contains(&more), "{residency:?}: {more} KB");
        drop(set);
        assert_eq!(flagged(), before, "{residency:?}");
    }
    let _set = Set::from_bytes(&bytes).unwrap();
    assert!(flagged() - before >= least);
}

/// Runs one test of this executable in a process of its own.
#[cfg(target_os = "linux")]
fn alone(test: &str) {
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("TAMIS_ALONE", "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    let failed = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && told.contains("1 passed"), "{told}{failed}");
}

/// What `/proc` says of a sealed copy: shared memory without a name, that nobody may make writable, and no descriptor that is left open.
#[cfg(target_os = "linux")]
#[test]
fn a_sealed_copy_cannot_be_made_writable() {
    if std::env::var_os("TAMIS_ALONE").is_none() {
        alone("a_sealed_copy_cannot_be_made_writable");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    publish_bytes(&path, &large()).unwrap();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    let set = Set::open_with(&path, Residency::Sealed).unwrap();
    assert_eq!(descriptors(), before, "the descriptor is closed");
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let copy = smaps.split_once("memfd:tamis-set").expect("it is mapped");
    assert!(!copy.1.contains("memfd:tamis-set"), "it is mapped once");
    let mode = copy.0.lines().last().unwrap().split_whitespace().nth(1).unwrap();
    let flags = copy.1.lines().find_map(|line| line.strip_prefix("VmFlags:")).unwrap();
    let has = |flag| flags.split_whitespace().any(|f| f == flag);
    assert!(!has("wr") && mode.starts_with("r--"), "{mode} {flags}");
    if mode == "r--p" {
        eprintln!(
            "SKIPPED: this kernel gives no shared map of sealed memory, so the private one is used"
        );
    } else {
        assert!(!has("mw"), "{flags}");
    }
    let whole = set.size().div_ceil(4096) * 4;
    assert_eq!(maps("Rss", |line| line.contains("memfd:tamis-set")), whole, "all of it is at hand");
    let huge = maps("ShmemPmdMapped", |line| line.contains("memfd:tamis-set"));
    eprintln!("{huge} of {whole} KB of the copy are in huge pages");
}

/// As a host does that decrypts a set: it comes in pieces, interrupted, and must end where it says.
#[test]
fn a_set_may_come_in_a_stream() {
    use std::io::{self, Read};

    /// Hands out some bytes at a time, and is interrupted before each of them.
    struct Pieces<'a>(&'a [u8], bool);

    impl Read for Pieces<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let size = room.len().min(70_001);
            self.0.read(&mut room[..size])
        }
    }

    let copies =
        |residency: &&Residency| !matches!(residency, Residency::Mapped | Residency::Populated);
    for residency in Residency::AVAILABLE.iter().filter(copies).copied() {
        for bytes in [full_set(), large(), SetBuilder::new().to_bytes().unwrap().0] {
            let open = |bytes: &[u8]| Set::from_reader(Pieces(bytes, false), residency);
            let set = open(&bytes).unwrap();
            assert_eq!(tell(&set).unwrap(), tell(&Set::from_bytes(&bytes).unwrap()).unwrap());
            set.verify(&mut |_| {}).unwrap();
            let code = |bytes: &[u8]| open(bytes).map(|set| set.size()).unwrap_err().code();
            for cut in [1, 95, 96, 97, bytes.len() / 2, bytes.len() - 1] {
                let expected = if cut < bytes.len() { ErrorCode::SetTruncated } else { continue };
                assert_eq!(code(&bytes[..cut]), expected, "{residency:?}, {cut} bytes");
            }
            assert_eq!(code(&[&bytes[..], b"more"].concat()), ErrorCode::SetTruncated);
            assert_eq!(code(b""), ErrorCode::SetForeign);
            let mut damaged = bytes.clone();
            *damaged.last_mut().unwrap() ^= 1;
            assert_eq!(code(&damaged), ErrorCode::SetCorrupt);
        }
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the key does not fit"))
            }
        }
        let start = &full_set()[..500];
        let error = Set::from_reader(start.chain(Broken), residency).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Io);
        assert!(error.to_string().contains("the key does not fit"), "{error}");
    }
    let error = Set::from_reader(&full_set()[..], Residency::Mapped).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
}

/// Beyond that limit the kernel ends a process that makes a file longer, and sealed memory is a file.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_the_size_of_files_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    match std::env::var_os("TAMIS_ALONE") {
        None => {
            let own = std::env::current_exe().unwrap();
            let run = std::process::Command::new("sh")
                .args([
                    "-c",
                    "ulimit -f 16 && exec \"$0\" --exact a_limit_on_the_size_of_files_is_an_error",
                ])
                .arg(own)
                .env("TAMIS_ALONE", "1")
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&run.stdout);
            assert!(run.status.success() && told.contains("1 passed"), "{:?} {told}", run.status);
        }
        Some(_) => {
            let error = Set::from_reader(&large()[..], Residency::Sealed).unwrap_err();
            assert_eq!(error.code(), ErrorCode::SetTooLarge, "{error}");
            publish_bytes(&path, &full_set()).unwrap();
            Set::open_with(&path, Residency::Sealed).unwrap();
        }
    }
}
