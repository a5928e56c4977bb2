//! What a build takes of the machine at its peak, against what it was estimated to take. Measured by the kernel, so that what the allocator
//! does with growing tables counts as it does in life. Runs on Linux only.

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "it prints what it measured, and what it skips"
)]
use std::fs;
use std::process::Command;

use tamis::fingerprint::{Algorithm, Fingerprint};
use tamis::set::{BuildOptions, Entry, List, ListKind, SetBuilder};

/// Bytes of this process in memory: now, and at most so far.
fn resident() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    Some((number("VmRSS:")?, number("VmHWM:")?))
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

const SHAPES: [(&str, Make); 4] = [
    ("PDQ, with an item and a source id of its own", |n| {
        Entry::new(fingerprint(Algorithm::Pdq, n))
            .item(format!("picture-{:011x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20))
            .source_id(format!(
                "{:032x}",
                u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
            ))
            .labels(vec!["demo".into(), "terrorism".into()])
    }),
    ("MD5 alone", |n| Entry::new(fingerprint(Algorithm::Md5, n))),
    ("SHA-512 of few items", |n| {
        Entry::new(fingerprint(Algorithm::Sha512, n)).item(format!("item {}", n / 100))
    }),
    ("SHA-256, labels of its own", |n| {
        Entry::new(fingerprint(Algorithm::Sha256, n))
            .source_id(n.to_string())
            .labels(vec![format!("case {n}"), "demo".into()])
    }),
];

/// Names the shape that a process of its own is to measure: what one build leaves with the allocator must not hide what another takes.
const SHAPE: &str = "TAMIS_TEST_SHAPE";

#[test]
fn the_peak_is_what_was_estimated() {
    match std::env::var(SHAPE).ok().and_then(|shape| shape.parse::<usize>().ok()) {
        Some(shape) => measure(SHAPES[shape].0, SHAPES[shape].1),
        None if resident().is_none() => {
            println!("SKIPPED: this system does not say how much memory a process takes")
        }
        None => {
            for shape in 0..SHAPES.len() {
                let mut child = Command::new(std::env::current_exe().unwrap());
                child.args(["the_peak_is_what_was_estimated", "--exact", "--nocapture"]);
                assert!(child.env(SHAPE, shape.to_string()).status().unwrap().success());
            }
        }
    }
}

fn measure(name: &str, make: Make) {
    let dir = tempfile::tempdir().unwrap();
    let before = resident().unwrap().0;
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("l", ListKind::Exchange)).unwrap();
    for n in 0..400_000 {
        builder.add(list, make(n)).unwrap();
    }
    let estimate = builder.estimate(&BuildOptions::new());
    let report = builder.write(dir.path().join("x.tamis")).unwrap();
    let peak = resident().unwrap().1 - before;
    let mib = |bytes: u64| bytes >> 20;
    eprintln!(
        "{name}: {} MiB at the peak, estimated {}; file of {} MiB, estimated {}",
        mib(peak),
        mib(estimate.peak_memory),
        mib(report.bytes),
        mib(estimate.file_bytes),
    );
    // Beyond the estimate, every build takes some buffers.
    assert!(peak <= estimate.peak_memory + (16 << 20), "{name}: {peak}, {estimate:?}");
    assert!(peak * 2 >= estimate.peak_memory, "{name}: {peak}, {estimate:?}");
    assert!(report.bytes <= estimate.file_bytes, "{name}");
    assert!(report.bytes * 10 >= estimate.file_bytes * 9, "{name}");
}
