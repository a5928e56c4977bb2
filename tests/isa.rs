//! The same answer everywhere: all verdicts are equal on every instruction set and for every number of threads.

#![cfg(feature = "decode")]
#![allow(clippy::print_stderr, reason = "it prints what it measured")]

mod listed;
mod pictures;

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use image::{ImageFormat, imageops};
use listed::{builder, reviewed, set};
use pictures::{at_distance, encode, faint_scene, film, hash, jpeg, png, scene, turned_jpeg};
use tamis::fingerprint::{Algorithms, digests};
use tamis::hamming::Isa;
use tamis::set::Entry;
use tamis::store::StoreOptions;
use tamis::{Context, Policy, Scanner, Store, Verdict};

/// Names the file that a child writes its verdicts to.
const CHILD: &str = "TAMIS_TEST_VERDICTS";

fn uploads() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for seed in 0..4 {
        // Odd sizes, so that no vector divides a row.
        let picture = scene(seed, 131 + 97 * seed, 203 + 31 * seed);
        all.push(jpeg(&picture));
        all.push(png(&imageops::rotate90(&picture)));
        all.push(encode(&imageops::flip_horizontal(&picture), ImageFormat::Gif));
        all.push(encode(
            &imageops::resize(&picture, 97, 75, imageops::Triangle),
            ImageFormat::WebP,
        ));
        all.push(turned_jpeg(&picture, 2 + seed as u8));
        all.push(jpeg(&picture)[..900].to_vec());
    }
    all.push(png(&faint_scene(7, 256, 256, 14)));
    all.push(png(&image::RgbImage::from_pixel(300, 200, image::Rgb([9, 9, 9]))));
    all.push(film());
    all.push(b"listed words".to_vec());
    all
}

fn store() -> Store {
    let mut entries: Vec<Entry> =
        digests(b"listed words", Algorithms::DIGESTS).iter().map(reviewed).collect();
    for seed in 0..3 {
        let code = hash(&scene(seed, 131 + 97 * seed, 203 + 31 * seed)).hash;
        for distance in 0..40 {
            let reviewed = distance % 2 == 0;
            entries.push(Entry::new(at_distance(code, distance)).reviewed(reviewed));
        }
    }
    Store::from_set(set(builder(entries)), StoreOptions::new().test_list(true)).unwrap()
}

/// One line per verdict, with the fingerprints, which the verdict's own JSON leaves out.
fn lines<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> String {
    let mut out = String::new();
    for verdict in verdicts {
        let json = serde_json::to_string(verdict).unwrap();
        let fingerprints = serde_json::to_string(&verdict.fingerprints).unwrap();
        writeln!(out, "{json} {fingerprints}").unwrap();
    }
    out
}

fn judge() -> String {
    let mut scanner = Scanner::new(store(), Policy::builtin());
    let context = Context::at(1_790_000_000);
    let verdicts: Vec<_> =
        uploads().iter().map(|upload| scanner.check(upload, &context).unwrap()).collect();
    assert!(verdicts.iter().map(|v| v.matches.len()).sum::<usize>() > 100);
    lines(&verdicts)
}

/// Does nothing but in a child of the test below.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let text = format!("{}\n{}", Isa::detect().name(), judge());
    std::fs::write(path, text).unwrap();
}

/// What a child with that instruction set judges.
fn judged_by(isa: Isa, path: &Path) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child"])
        .env("TAMIS_ISA", isa.name())
        .env(CHILD, path)
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    let text = std::fs::read_to_string(path).unwrap();
    let (used, verdicts) = text.split_once('\n').unwrap();
    assert_eq!(used, isa.name(), "the child must really use what it was told to");
    verdicts.to_owned()
}

#[test]
fn verdicts_are_equal_on_every_instruction_set() {
    let dir = tempfile::tempdir().unwrap();
    let expected = judged_by(Isa::PORTABLE, &dir.path().join("portable"));
    assert_eq!(expected.lines().count(), uploads().len());
    for isa in Isa::available() {
        let found = judged_by(isa, &dir.path().join(isa.name()));
        for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "upload {number} by {}", isa.name());
        }
        assert_eq!(found.len(), expected.len());
        eprintln!("{}: {} verdicts as by portable code", isa.name(), expected.lines().count());
    }
}

#[cfg(feature = "rayon")]
#[test]
fn verdicts_are_equal_for_every_number_of_threads() {
    let expected = judge();
    for jobs in [1, 2, 7] {
        let batch = tamis::batch::Batch::new(store(), Policy::builtin()).with_jobs(jobs);
        let verdicts = batch.check_many(&uploads(), &Context::at(1_790_000_000)).unwrap();
        let verdicts: Vec<_> = verdicts.into_iter().map(Result::unwrap).collect();
        assert_eq!(lines(&verdicts), expected, "{jobs} threads");
    }
}
