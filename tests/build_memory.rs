//! What a build takes of the machine at its peak, against what it was estimated to take. Measured by the kernel, so that what the allocator
//! does with growing tables counts as it does in life: this file holds one test, and runs on Linux only.

#![allow(clippy::print_stderr, reason = "it prints what it measured")]

use std::fs;

use tamis::fingerprint::{Algorithm, Fingerprint};
use tamis::set::{BuildOptions, Entry, List, ListKind, SetBuilder};

/// Bytes of this process in memory: now, and at most since [`forget`].
fn resident() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    Some((number("VmRSS:")?, number("VmHWM:")?))
}

/// Makes the peak what is held now.
fn forget() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

type Make = fn(u64) -> Entry;

fn fingerprint(algorithm: Algorithm, n: u64) -> Fingerprint {
    let mut bytes = vec![0; algorithm.width()];
    blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut bytes);
    if algorithm == Algorithm::Pdq {
        // Half of the bits are set: a code that no rule refuses.
        for i in 0..16 {
            bytes[16 + i] = !bytes[i];
        }
    }
    Fingerprint::new(algorithm, &bytes).unwrap()
}

#[test]
fn the_peak_is_what_was_estimated() {
    let shapes: [(&str, Make); 4] = [
        ("PDQ, with an item and a source id of its own", |n| Entry {
            item: format!("picture-{:011x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20),
            source_id: format!(
                "{:032x}",
                u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
            ),
            labels: vec!["demo".into(), "terrorism".into()],
            ..Entry::new(fingerprint(Algorithm::Pdq, n))
        }),
        ("MD5 alone", |n| Entry::new(fingerprint(Algorithm::Md5, n))),
        ("SHA-512 of few items", |n| Entry {
            item: format!("item {}", n / 100),
            ..Entry::new(fingerprint(Algorithm::Sha512, n))
        }),
        ("SHA-256, labels of its own", |n| Entry {
            source_id: n.to_string(),
            labels: vec![format!("case {n}"), "demo".into()],
            ..Entry::new(fingerprint(Algorithm::Sha256, n))
        }),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tamis");
    for (name, make) in shapes {
        let before = match resident() {
            Some((now, _)) if forget() => now,
            _ => {
                return println!(
                    "SKIPPED: this system does not say how much memory a process takes"
                );
            }
        };
        let mut builder = SetBuilder::new();
        let list = builder.add_list(List::new("l", ListKind::Exchange)).unwrap();
        for n in 0..400_000 {
            builder.add(list, make(n)).unwrap();
        }
        let options = BuildOptions::new();
        let estimate = builder.estimate(&options);
        let report = builder.write(&path).unwrap();
        let (after, peak) = resident().unwrap();
        let peak = peak - before;
        let mib = |bytes: u64| bytes >> 20;
        eprintln!(
            "{name}: {} MiB at the peak, estimated {}; file {} MiB, estimated {}; {} MiB kept",
            mib(peak),
            mib(estimate.peak_memory),
            mib(report.bytes),
            mib(estimate.file_bytes),
            mib(after.saturating_sub(before)),
        );
        // Every build takes some buffers; the allocator gives and takes a little.
        let most = estimate.peak_memory + (16 << 20);
        assert!(peak <= most, "{name}: {} MiB, estimated {}", mib(peak), mib(most));
        assert!(
            peak * 2 >= estimate.peak_memory,
            "{name}: {} MiB, estimated {}",
            mib(peak),
            mib(most)
        );
        assert!(report.bytes <= estimate.file_bytes, "{name}");
        assert!(report.bytes * 10 >= estimate.file_bytes * 9, "{name}");
    }
}
