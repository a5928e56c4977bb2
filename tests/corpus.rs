//! Replays the committed corpora of the fuzz targets through the targets' own bodies: what a fuzzer once
//! reached stays reached without one. `fuzz/README.md` says how they are made.

#![allow(clippy::print_stdout, reason = "tests say what they did")]
#![cfg(feature = "decode")]

#[path = "../fuzz/bodies.rs"]
mod bodies;

use std::fs;
use std::path::{Path, PathBuf};

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_file_of_the_corpora_keeps_the_promises() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let (mut bytes, mut folders) = (0, files(&corpora).len());
    for (target, body) in bodies::TARGETS.iter().copied() {
        let files = files(&corpora.join(target));
        assert!(files.len() >= 10, "{target}: only {} files", files.len());
        for path in files {
            let data = fs::read(&path).unwrap();
            bytes += data.len();
            let kept = std::panic::catch_unwind(|| body(&data)).is_ok();
            assert!(kept, "{} breaks the promise above", path.display());
        }
        folders -= 1;
    }
    let without = usize::from(cfg!(not(feature = "worker")));
    assert_eq!(folders, without, "a corpus without a target");
    assert!(bytes < 500_000, "{bytes} bytes: run `cargo fuzz cmin`, or drop large files");
}
