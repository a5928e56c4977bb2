//! How far the hash of a JPEG's luma is from the exact one, and that the slack which is claimed for it covers that.
//!
//! A sample of the JPEGs is made and judged with every run of the tests; `tests/long tolerance` judges all of them and
//! writes a table to commit. They are made by `tests/tolerance/make_jpegs.py`, from the pictures of ../shared/data.
#![cfg(feature = "decode")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tamis::Limits;
use tamis::examine::{Asked, Examiner};
use tamis::fingerprint::{Hasher, View};
use tamis::media::{Channels, Decoder, Keep, Request, sniff};

/// What was found of the files of one kind.
#[derive(Debug, Default)]
struct Found {
    files: u32,
    /// Whose colours must be decoded from the start: grey, CMYK, RGB, and what the decoder has no luma of.
    exact: u32,
    /// Whose luma hash may be too far from the exact one to be of use.
    at_once: u32,
    /// Largest error of a coefficient, difference of a hash and slack; the last two of those hashed by luma.
    error: f64,
    distance: u32,
    slack: u32,
    /// Least slack that was left over.
    left: Option<u32>,
    violations: Vec<String>,
}

/// The 16x16 coefficients, and whether they are those of the colours.
fn coefficients(
    name: &str,
    bytes: &[u8],
    channels: Channels,
    limits: &Limits,
) -> ([[f64; 16]; 16], bool) {
    let mut kept = Keep::default();
    let request = Request { channels, ..Request::still(bytes, sniff(bytes), limits) };
    let decoded = Decoder::new().decode(&request, &mut kept);
    let decoded = decoded.unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(decoded.cut_short, None, "{name}");
    let (frame, raster) = (kept.frame().unwrap(), kept.raster().unwrap());
    let mut hasher = Hasher::new();
    hasher.start(frame.width, frame.height, frame.format, 1);
    hasher.rows(&raster);
    (hasher.finish().unwrap().coefficients(), frame.exact)
}

fn measure(directory: &Path) -> BTreeMap<String, Found> {
    let time = Duration::from_secs(100);
    let limits = Limits { memory: 1 << 30, progressive_memory: 1 << 30, time, ..Limits::default() };
    let mut examiner = Examiner::new();
    let mut all = BTreeMap::<String, Found>::new();
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "jpg"));
    paths.sort();
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let class = name.split('-').next().unwrap().to_owned();
        let found = all.entry(class).or_default();
        found.files += 1;
        let (luma, exact) = coefficients(&name, &bytes, Channels::Luma, &limits);
        if exact {
            found.exact += 1;
            continue;
        }
        let (colour, _) = coefficients(&name, &bytes, Channels::Colour, &limits);
        let pairs = luma.as_flattened().iter().zip(colour.as_flattened());
        found.error = pairs.map(|(a, b)| (a - b).abs()).fold(found.error, f64::max);

        let views = [View::AsStored];
        let exactly = Asked::exactly(&views, &limits);
        let mut hash = |asked: &Asked<'_>| {
            examiner.examine(&bytes, &sniff(&bytes), asked).unwrap().perceptual[0]
        };
        let (near, exact) = (hash(&Asked { exact: false, ..exactly }), hash(&exactly));
        assert_eq!(exact.slack, 0, "{name}");
        let distance = near.hash.distance(&exact.hash);
        if near.slack == 0 {
            assert_eq!(near.hash, exact.hash, "{name}");
            found.at_once += 1;
            continue;
        }
        found.distance = found.distance.max(distance);
        found.slack = found.slack.max(near.slack);
        match near.slack.checked_sub(distance) {
            Some(left) => found.left = Some(found.left.map_or(left, |least| least.min(left))),
            None => found.violations.push(format!("{name}: {distance} bits, slack {}", near.slack)),
        }
    }
    all
}

fn table(all: &BTreeMap<String, Found>) -> String {
    let mut out = "kind\tfiles\texact from the start\texact at once\tlargest error\tlargest distance\tlargest slack\tleast slack left\tviolations\n".to_owned();
    for (class, found) in all {
        let Found { files, exact, at_once, error, distance, slack, left, violations } = found;
        let left = left.map_or_else(|| "-".into(), |n| n.to_string());
        writeln!(
            out,
            "{class}\t{files}\t{exact}\t{at_once}\t{error:.2}\t{distance}\t{slack}\t{left}\t{}",
            violations.len()
        )
        .unwrap();
    }
    out
}

/// Nothing but what was made to deceive gets past: see the `crafted` ones in `make_jpegs.py`.
fn judge(all: &BTreeMap<String, Found>) {
    for (class, found) in all.iter().filter(|(class, _)| *class != "crafted") {
        assert!(found.violations.is_empty(), "{class}: {:#?}", found.violations);
    }
}

#[test]
fn a_sample_keeps_within_its_slack() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let data = root.join("../shared/data");
    let Some(python) = std::env::var_os("TAMIS_PYTHON").filter(|_| data.is_dir()) else {
        eprintln!(
            "SKIPPED: needs TAMIS_PYTHON, with Pillow, and ../shared/data (tests/run sets them up)"
        );
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    command.arg(root.join("tests/tolerance/make_jpegs.py")).arg(data).arg(out.path()).arg("0.08");
    assert!(command.status().unwrap().success());
    let all = measure(out.path());
    eprint!("{}", table(&all));
    assert!(all.values().map(|found| found.files).sum::<u32>() > 120);
    judge(&all);
}

/// All of them: `tests/long tolerance`.
#[test]
#[ignore = "takes minutes: tests/long tolerance"]
fn campaign() {
    let directory =
        PathBuf::from(std::env::var_os("TAMIS_TOLERANCE_DIR").expect("a directory of JPEGs"));
    let all = measure(&directory);
    let table = table(&all);
    eprint!("{table}");
    std::fs::write(std::env::var_os("TAMIS_TOLERANCE_RECORD").expect("a file to write"), table)
        .unwrap();
    assert!(all.values().map(|found| found.files).sum::<u32>() >= 2000);
    judge(&all);
}
