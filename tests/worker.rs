//! A worker process gives the answers of the host's own process, and whatever becomes of it, the host lives.
//!
//! This test executable is its own worker, like any program that calls `run_worker` at its start; other first arguments make it a liar
//! that says hello as a worker does and then misbehaves. So it has a `main` of its own. The tests run one after the other, since they count
//! descriptors and children; SIGPIPE has its default effect, as it has in hosts that are not written in Rust.

#![allow(unsafe_code, reason = "signals and forks are what is tested")]
#![allow(clippy::print_stderr, reason = "tests say what they did")]

#[path = "worker/family.rs"]
mod family;
#[path = "worker/liar.rs"]
mod liar;
mod pictures;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use family::{children, descriptors, fork, is_alive, send, wait_for, zombies};
use libtest_mimic::{Arguments, Trial};
use pictures::{jpeg, png, scene};
use tamis::examine::{Asked, Examined, Examiner};
use tamis::fingerprint::View;
use tamis::media::{Unscannable, sniff};
use tamis::sandbox::{Worker, WorkerOptions, run_worker};
use tamis::store::StoreOptions;
use tamis::{Action, Context, ErrorCode, Limits, Policy, Scanner, Set, SetBuilder, Store};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[1..] {
        ["worker"] => std::process::exit(i32::from(run_worker().is_err())),
        ["liar", lie] => return liar::run(lie),
        ["host", siblings] => return host(siblings == "with-sibling"),
        _ => {}
    }
    // SAFETY: no other thread runs yet, and the default effect is a valid one.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let tests: &[(&'static str, fn())] = &[
        ("the_answers_are_those_of_the_same_process", the_answers_are_those_of_the_same_process),
        ("every_layer_that_this_system_has_holds", every_layer_that_this_system_has_holds),
        (
            "killed_over_an_upload_is_one_unscannable_upload",
            killed_over_an_upload_is_one_unscannable_upload,
        ),
        ("killed_between_uploads_is_nothing", killed_between_uploads_is_nothing),
        ("stopped_is_a_timeout", stopped_is_a_timeout),
        ("out_of_memory_is_one_unscannable_upload", out_of_memory_is_one_unscannable_upload),
        ("what_is_no_worker_is_refused", what_is_no_worker_is_refused),
        ("lies_do_no_harm", lies_do_no_harm),
        (
            "a_program_that_always_dies_is_not_started_for_ever",
            a_program_that_always_dies_is_not_started_for_ever,
        ),
        ("nothing_is_left_behind", nothing_is_left_behind),
        ("a_forked_host_has_workers_of_its_own", a_forked_host_has_workers_of_its_own),
        ("a_worker_ends_with_its_host", a_worker_ends_with_its_host),
        ("verdicts_are_the_same", verdicts_are_the_same),
    ];
    let trial = |(name, test): &(&'static str, fn())| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok(())
        })
    };
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, tests.iter().map(trial).collect()).exit();
}

fn options() -> WorkerOptions {
    WorkerOptions::new(std::env::current_exe().unwrap()).grace(Duration::from_secs(20))
}

fn liar(lie: &str) -> WorkerOptions {
    options().arguments(["liar", lie]).grace(Duration::from_millis(500))
}

/// Limits under which a busy machine does not change an answer.
fn patient() -> Limits {
    Limits::default().time(Duration::from_secs(60))
}

fn asked(limits: &Limits) -> Asked<'_> {
    Asked::exactly(View::ALL, limits)
}

fn examine(worker: &mut Worker, bytes: &[u8]) -> Result<Examined, Unscannable> {
    worker.examine(bytes, &sniff(bytes), &asked(&patient()))
}

/// The one child that this process has.
fn only_child() -> i32 {
    let children = children();
    assert_eq!(children.len(), 1, "{children:?}");
    children[0]
}

/// What this process finds in an upload.
fn expected_of(bytes: &[u8]) -> Result<Examined, Unscannable> {
    Examiner::new().examine(bytes, &sniff(bytes), &asked(&patient()))
}

/// A picture that is fine, and what is to be found in it.
fn sample() -> (Vec<u8>, Result<Examined, Unscannable>) {
    let bytes = png(&scene(7, 160, 120));
    let expected = expected_of(&bytes);
    assert!(expected.as_ref().unwrap().perceptual.len() >= 8);
    (bytes, expected)
}

/// Uploads of every kind, and whatever hostile files are at hand.
fn uploads() -> Vec<(PathBuf, Vec<u8>)> {
    let picture = scene(1, 240, 180);
    let whole = jpeg(&picture);
    let mut found: Vec<(PathBuf, Vec<u8>)> = vec![
        ("cut".into(), whole[..whole.len() / 2].to_vec()),
        ("jpeg".into(), whole),
        ("png".into(), png(&picture)),
        ("turned".into(), pictures::turned_jpeg(&picture, 6)),
        ("large".into(), png(&scene(2, 2000, 1500))),
        ("film".into(), pictures::film()),
        ("empty".into(), Vec::new()),
    ];
    found.extend(tamis::store::test_files().iter().map(|f| (f.name.into(), f.bytes.to_vec())));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut directories = vec![root.join("fuzz/corpus/sniff_decode"), root.join("tests/crashes")];
    match std::env::var_os("TAMIS_HOSTILE_DIR") {
        Some(directory) => directories.push(directory.into()),
        None => eprintln!(
            "skipped: hostile files, since TAMIS_HOSTILE_DIR is not set (tests/run makes them)"
        ),
    }
    for entry in directories.iter().filter_map(|d| d.read_dir().ok()).flatten() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found
}

fn the_answers_are_those_of_the_same_process() {
    let uploads = uploads();
    let (mut worker, mut examiner) = (Worker::new(options()), Examiner::new());
    let (limits, mut pictures) = (patient(), 0);
    for (name, bytes) in &uploads {
        let media = sniff(bytes);
        for exact in [false, true] {
            let asked = Asked { exact, ..asked(&limits) };
            let expected = examiner.examine(bytes, &media, &asked);
            pictures += usize::from(expected.is_ok());
            assert_eq!(worker.examine(bytes, &media, &asked), expected, "{}", name.display());
        }
    }
    eprintln!("{} uploads, {pictures} answers with pictures", uploads.len());
    assert!(pictures > 10);
    // A deadline that is over is one for the worker too.
    let (bytes, _) = sample();
    let asked = Asked { deadline: Some(Instant::now()), ..asked(&limits) };
    assert_eq!(worker.examine(&bytes, &sniff(&bytes), &asked), Err(Unscannable::Timeout));
}

fn every_layer_that_this_system_has_holds() {
    let layers = Worker::new(options()).start().unwrap();
    eprintln!("{layers:?}");
    assert!(layers.limits || !cfg!(target_os = "linux"));
    let known = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
    assert_eq!(layers.seccomp, cfg!(target_os = "linux") && known);
    if let Ok(modules) = std::fs::read_to_string("/sys/kernel/security/lsm") {
        assert_eq!(layers.landlock, modules.split(',').any(|m| m == "landlock"));
    }
}

fn killed_over_an_upload_is_one_unscannable_upload() {
    let (bytes, expected) = sample();
    // Larger than the pipe, so that the host is in the middle of sending it.
    let mut large = bytes.clone();
    large.resize(8 << 20, 0);
    let mut worker = Worker::new(options());
    for upload in [&bytes, &large] {
        assert_eq!(examine(&mut worker, &bytes), expected);
        let child = only_child();
        // A child that stands still has not read its upload when it is killed.
        send(child, libc::SIGSTOP);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            send(child, libc::SIGKILL);
        });
        assert_eq!(examine(&mut worker, upload), Err(Unscannable::WorkerDied));
        killer.join().unwrap();
        assert!(!is_alive(child));
        assert_eq!(examine(&mut worker, upload), expected_of(upload));
        assert_ne!(only_child(), child);
    }
}

fn killed_between_uploads_is_nothing() {
    let (bytes, expected) = sample();
    let mut worker = Worker::new(options());
    for _ in 0..5 {
        assert_eq!(examine(&mut worker, &bytes), expected);
        send(only_child(), libc::SIGKILL);
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn stopped_is_a_timeout() {
    let (bytes, expected) = sample();
    let mut worker = Worker::new(options().grace(Duration::from_millis(500)));
    assert_eq!(examine(&mut worker, &bytes), expected);
    let child = only_child();
    send(child, libc::SIGSTOP);
    let limits = patient().time(Duration::from_millis(50)).time_per_megapixel(Duration::ZERO);
    let started = Instant::now();
    assert_eq!(worker.examine(&bytes, &sniff(&bytes), &asked(&limits)), Err(Unscannable::Timeout));
    assert!(started.elapsed() >= Duration::from_millis(550), "it was given its time");
    assert!(!is_alive(child), "a stopped child is ended too");
    assert_eq!(examine(&mut worker, &bytes), expected);
}

fn out_of_memory_is_one_unscannable_upload() {
    let (bytes, expected) = sample();
    // A progressive JPEG of 9 megapixels, by its header. Where there is room for its pixels, but not for the coefficients that the decoder takes
    // besides without asking, the worker aborts; with less room it says so, with more it answers.
    let mut bomb = jpeg(&scene(3, 160, 120));
    let place = |bytes: &[u8], marker| bytes.windows(2).position(|w| w == [0xff, marker]).unwrap();
    let (frame, scan) = (place(&bomb, 0xc0), place(&bomb, 0xda));
    bomb[frame + 1] = 0xc2;
    bomb[frame + 5..frame + 9]
        .copy_from_slice(&[3000u16.to_be_bytes(), 3000u16.to_be_bytes()].concat());
    // The first scan of a progressive one holds the first coefficient only.
    let components = usize::from(bomb[scan + 4]);
    bomb[scan + 6 + 2 * components] = 0;
    let limits = patient().memory(4 << 30).progressive_memory(4 << 30);
    let mut died = 0;
    for room in (8..=128).step_by(8) {
        let mut worker = Worker::new(options().memory(room << 20));
        match worker.examine(&bomb, &sniff(&bomb), &asked(&limits)) {
            Err(Unscannable::WorkerDied) => died += 1,
            Err(Unscannable::Limit) => {}
            answer => {
                let expected = Examiner::new().examine(&bomb, &sniff(&bomb), &asked(&limits));
                assert_eq!(answer, expected, "{room} MiB");
            }
        }
        // The next upload has a worker again, if it is one that fits.
        if room >= 16 {
            assert_eq!(examine(&mut worker, &bytes), expected, "{room} MiB");
        }
    }
    eprintln!("{died} of 16 workers died");
    assert!((1..16).contains(&died));
    let mut worker = Worker::new(options().memory(45 << 20));
    assert_eq!(examine(&mut worker, &bytes), expected);
    // An upload that is too large for the worker to hold is a limit: it says so, and lives.
    let child = only_child();
    let mut large = bytes;
    large.resize(56 << 20, 0);
    assert_eq!(examine(&mut worker, &large), Err(Unscannable::Limit));
    assert_eq!(only_child(), child);
    let mut worker = Worker::new(options().memory(128 << 20));
    assert_eq!(examine(&mut worker, &large), expected_of(&large));
}

fn what_is_no_worker_is_refused() {
    let start = |options: WorkerOptions| {
        let mut worker = Worker::new(options.clone());
        let (bytes, _) = sample();
        let code = worker.start().unwrap_err().code();
        let limits = patient().time(Duration::from_millis(200)).time_per_megapixel(Duration::ZERO);
        let found = worker.examine(&bytes, &sniff(&bytes), &asked(&limits));
        assert_eq!(found, Err(Unscannable::WorkerDied), "{options:?}");
        code
    };
    let shell = |text: &str| {
        let sh = WorkerOptions::new("/bin/sh").arguments(["-c", text]);
        sh.grace(Duration::from_millis(300))
    };
    assert_eq!(start(WorkerOptions::new("/nonexistent/tamis")), ErrorCode::NotFound);
    assert_eq!(start(WorkerOptions::new("/etc/passwd")), ErrorCode::Permissions);
    for text in [
        "exit 0",
        "echo hello",
        "printf tamis-wk",
        "cat",
        "cat /dev/zero",
        "kill -9 $$",
        "exec 1>&-; sleep 600",
    ] {
        assert_eq!(start(shell(text)), ErrorCode::Worker, "{text}");
    }
    assert_eq!(start(liar("old")), ErrorCode::Worker);
    assert_eq!(start(liar("rude")), ErrorCode::Worker);
    let error = Worker::new(liar("old")).start().unwrap_err().to_string();
    assert!(error.contains("0.0.1"), "{error}");
    assert_eq!(children(), [0; 0]);
}

fn lies_do_no_harm() {
    let (bytes, _) = sample();
    let mut large = bytes.clone();
    large.resize(8 << 20, 0);
    let limits = patient().time(Duration::from_millis(200)).time_per_megapixel(Duration::ZERO);
    for (lie, expected) in liar::LIES {
        let before = family::peak_memory();
        let mut worker = Worker::new(liar(lie));
        worker.start().unwrap();
        let started = Instant::now();
        // An answer that comes before the upload was read is seen only if the upload is longer than the pipe.
        for upload in [&large, &bytes].into_iter().take(if lie == "early" { 1 } else { 2 }) {
            let found = worker.examine(upload, &sniff(upload), &asked(&limits)).map(|_| ());
            assert_eq!(found, expected, "{lie}");
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{lie}");
        let grown = family::peak_memory() - before;
        assert!(grown < 32 << 20, "{lie}: the host took {} MiB more", grown >> 20);
    }
    assert_eq!(children(), [0; 0]);
}

fn a_program_that_always_dies_is_not_started_for_ever() {
    let (bytes, _) = sample();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("starts");
    let script = format!("echo >> '{}'", log.display());
    let mut worker = Worker::new(WorkerOptions::new("/bin/sh").arguments(["-c", &script]));
    for _ in 0..300 {
        assert_eq!(examine(&mut worker, &bytes), Err(Unscannable::WorkerDied));
    }
    assert_eq!(std::fs::read(&log).unwrap().len(), 100);
    let error = worker.start().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Worker);
    assert!(error.to_string().contains("within a minute"), "{error}");
}

fn nothing_is_left_behind() {
    let (bytes, expected) = sample();
    let before = descriptors();
    let mut worker = Worker::new(options());
    let mut most = 0;
    for number in 0..1000 {
        if number % 50 == 49 {
            send(only_child(), libc::SIGKILL);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(examine(&mut worker, &bytes), expected);
        most = most.max(descriptors());
    }
    assert_eq!(most, before + 3, "three ends of pipes");
    assert_eq!(children().len(), 1);
    drop(worker);
    assert_eq!(descriptors(), before);
    assert_eq!((children().len(), zombies()), (0, 0));
}

fn a_forked_host_has_workers_of_its_own() {
    let (bytes, expected) = sample();
    let mut worker = Worker::new(options());
    assert_eq!(examine(&mut worker, &bytes), expected);
    let child = only_child();
    let forked: Vec<_> = (0..8)
        .map(|_| {
            let (worker, bytes, expected) = (&mut worker, &bytes, &expected);
            fork(move || {
                for _ in 0..20 {
                    assert_eq!(&examine(worker, bytes), expected);
                }
                assert_ne!(only_child(), child);
                // A scanner that was never used here leaves the parent's alone too.
                let mut none = Worker::new(options());
                std::mem::swap(worker, &mut none);
                drop(none);
            })
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(examine(&mut worker, &bytes), expected);
    }
    assert_eq!(wait_for(forked, Duration::from_secs(60)), 8);
    assert_eq!(only_child(), child, "the parent's own was left alone");
    assert_eq!(examine(&mut worker, &bytes), expected);
}

/// A host that starts a worker, says its number and waits to be killed; with a forked sibling that keeps the pipes open.
fn host(sibling: bool) {
    let (bytes, expected) = sample();
    let mut worker = Worker::new(options());
    assert_eq!(examine(&mut worker, &bytes), expected);
    let child = only_child();
    let sibling = if sibling { fork(|| std::thread::sleep(Duration::from_secs(60))) } else { 0 };
    std::fs::write("/dev/stdout", format!("{child} {sibling}\n")).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

fn a_worker_ends_with_its_host() {
    use std::io::BufRead;
    for (argument, time) in [("alone", 2), ("with-sibling", 20)] {
        let mut host = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["host", argument])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(host.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut numbers = line.split_whitespace().map(|n| n.parse::<i32>().unwrap());
        let (worker, sibling) = (numbers.next().unwrap(), numbers.next().unwrap());
        assert!(is_alive(worker));
        host.kill().unwrap();
        host.wait().unwrap();
        let killed = Instant::now();
        while is_alive(worker) {
            assert!(killed.elapsed() < Duration::from_secs(time), "{argument}: {worker} lives on");
            std::thread::sleep(Duration::from_millis(20));
        }
        if sibling != 0 {
            send(sibling, libc::SIGKILL);
        }
    }
}

fn verdicts_are_the_same() {
    let set = Set::from_bytes(&SetBuilder::new().to_bytes().unwrap().0).unwrap();
    let store = Store::from_set(set, StoreOptions::new().test_list(true)).unwrap();
    let scanner = || Scanner::new(store.clone(), Policy::builtin()).with_limits(patient());
    let mut here = scanner();
    let mut there = scanner().with_worker(options()).unwrap();
    let text = |verdict: &tamis::Verdict| serde_json::to_string(verdict).unwrap();
    let context = Context::at(1_790_000_000);
    let uploads = uploads();
    for (name, upload) in &uploads {
        let (here, there) =
            (here.check(upload, &context).unwrap(), there.check(upload, &context).unwrap());
        assert_eq!(text(&here), text(&there), "{}", name.display());
    }
    #[cfg(feature = "rayon")]
    {
        let bytes: Vec<&[u8]> = uploads.iter().map(|(_, bytes)| &bytes[..]).collect();
        let batch = tamis::batch::Batch::new(store.clone(), Policy::builtin())
            .with_limits(patient())
            .with_jobs(2);
        let verdicts = batch.clone().with_worker(options()).check_many(&bytes, &context).unwrap();
        for (verdict, upload) in verdicts.iter().zip(&bytes) {
            assert_eq!(
                text(verdict.as_ref().unwrap()),
                text(&here.check(upload, &context).unwrap())
            );
        }
        let error =
            batch.with_worker(WorkerOptions::new("/nonexistent")).check_many(&bytes, &context);
        assert_eq!(error.unwrap_err().code(), ErrorCode::NotFound);
    }
    // A worker that dies is a picture for people to look at, if the store holds hashes to compare it with; the digests are compared.
    let mut dying = scanner().with_worker(liar("dies")).unwrap();
    let verdict = dying.check(&sample().0, &context).unwrap();
    assert_eq!(
        (verdict.unscannable, verdict.action),
        (Some(Unscannable::WorkerDied), Action::Review)
    );
    assert!(!verdict.complete);
    let listed = tamis::store::test_files()[0].bytes;
    assert_eq!(dying.check(listed, &context).unwrap().action, Action::Block);
    let error = scanner().with_worker(WorkerOptions::new("/nonexistent")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
}
