//! How far the hash of a JPEG's luma is from the exact one, and that the slack which is claimed for it covers that.
//!
//! That is proved of every view that is looked up of a still: as stored and as shown, whose slack is least when they are asked for
//! alone, and with the seven turned and mirrored ones, where the most doubtful of the eight decides for all.
//!
//! A sample of the JPEGs is made and judged with every run of the tests; `tests/long tolerance` judges all of them and
//! writes a table to commit. They are made by `tests/tolerance/make_jpegs.py`, from the pictures of ../shared/data.
#![cfg(feature = "decode")]
#![allow(clippy::print_stderr, reason = "it prints what it measured")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use tamis::Limits;
use tamis::examine::{Asked, Examiner};
use tamis::fingerprint::{Hasher, Perceptual, View};
use tamis::media::{Channels, Decoder, Keep, Request, sniff};

/// What was found of the files of one kind.
#[derive(Debug, Default)]
struct Found {
    files: u32,
    /// Whose colours must be decoded from the start: grey, CMYK, RGB, and what the decoder has no luma of.
    exact: u32,
    /// Whose luma hashes, of all views, may be too far from the exact ones to be of use.
    at_once: u32,
    /// Largest error of a coefficient, difference of a hash and slack; the last two of all views hashed by luma.
    error: f64,
    distance: u32,
    slack: u32,
    /// Least slack that was left over.
    left: Option<u32>,
    violations: Vec<String>,
    /// How many hashes by luma there were of each view.
    views: BTreeMap<View, u32>,
}

impl Found {
    fn of(paths: &[PathBuf]) -> Self {
        let time = Duration::from_secs(100);
        let limits = Limits::default().memory(1 << 30).progressive_memory(1 << 30).time(time);
        let mut examiner = Examiner::new();
        let mut found = Self::default();
        for path in paths {
            let bytes = std::fs::read(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy();
            found.files += 1;
            let (luma, exact) = coefficients(&name, &bytes, Channels::Luma, &limits);
            if exact {
                found.exact += 1;
                continue;
            }
            let (colour, _) = coefficients(&name, &bytes, Channels::Colour, &limits);
            let pairs = luma.as_flattened().iter().zip(colour.as_flattened());
            found.error = pairs.map(|(a, b)| (a - b).abs()).fold(found.error, f64::max);
            let hashes = |asked: &Asked<'_>| {
                examiner.examine(&bytes, &sniff(&bytes), asked).unwrap().perceptual
            };
            found.compare(&name, hashes, &limits);
        }
        found
    }

    /// Compares the hashes by luma with the exact ones, of both sets of views that tests ask for.
    fn compare(
        &mut self,
        name: &str,
        mut hashes: impl FnMut(&Asked<'_>) -> Vec<Perceptual>,
        limits: &Limits,
    ) {
        let all: Vec<View> = View::ALL.iter().copied().filter(of_a_still).collect();
        let exact = hashes(&Asked::exactly(&all, limits));
        assert!(exact.iter().all(|p| p.slack == 0), "{name}");
        for views in [&all[..], &[View::AsStored, View::AsShown]] {
            let near = hashes(&Asked { exact: false, ..Asked::exactly(views, limits) });
            let expected: Vec<_> = exact.iter().filter(|p| views.contains(&p.view)).collect();
            // One that is not turned is not hashed twice.
            assert!(near.len() == views.len() || near.len() == views.len() - 1, "{name}");
            assert!(near.iter().map(|p| p.view).eq(expected.iter().map(|p| p.view)), "{name}");
            if near.iter().all(|p| p.slack == 0) {
                assert!(near.iter().map(|p| p.hash).eq(expected.iter().map(|p| p.hash)), "{name}");
                self.at_once += u32::from(views.len() == all.len());
                continue;
            }
            for (near, exact) in near.iter().zip(expected) {
                let (view, slack) = (near.view, near.slack);
                let distance = near.hash.distance(&exact.hash);
                self.distance = self.distance.max(distance);
                self.slack = self.slack.max(slack);
                *self.views.entry(view).or_default() += 1;
                match slack.checked_sub(distance) {
                    Some(left) => self.left = Some(self.left.map_or(left, |least| least.min(left))),
                    None => self.violations.push(format!(
                        "{name}, {} of {}: {distance} bits, slack {slack}",
                        view.name(),
                        views.len()
                    )),
                }
            }
        }
    }
}

/// What is looked up of a still, apart from what is inside it.
fn of_a_still(view: &View) -> bool {
    matches!(view, View::AsStored | View::AsShown) || view.is_dihedral()
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

/// What is found of the files in a directory, by kind; each kind by one thread.
fn measure(directory: &Path) -> BTreeMap<String, Found> {
    let mut kinds = BTreeMap::<String, Vec<PathBuf>>::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "jpg") {
            let name = path.file_name().unwrap().to_string_lossy();
            let kind = name.split('-').next().unwrap().to_owned();
            kinds.entry(kind).or_default().push(path);
        }
    }
    // The largest first, so that no thread is left with it at the end.
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, paths)| paths.len());
    let (kinds, all) = (Mutex::new(kinds), Mutex::new(BTreeMap::new()));
    let next = || kinds.lock().unwrap().pop();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((kind, paths)) = next() {
                    let found = Found::of(&paths);
                    all.lock().unwrap().insert(kind, found);
                }
            });
        }
    });
    all.into_inner().unwrap()
}

fn table(all: &BTreeMap<String, Found>) -> String {
    let mut out = "kind\tfiles\texact from the start\texact at once\tlargest error\tlargest distance\tlargest slack\tleast slack left\tviolations\n".to_owned();
    for (class, found) in all {
        let Found { files, exact, at_once, error, distance, slack, left, violations, .. } = found;
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

/// Nothing but what was made to deceive gets past: see the `crafted` ones in `make_jpegs.py`. Every view was seen.
fn judge(all: &BTreeMap<String, Found>) {
    for view in View::ALL.iter().copied().filter(of_a_still) {
        assert!(all.values().any(|found| found.views.contains_key(&view)), "none {}", view.name());
    }
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
