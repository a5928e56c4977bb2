//! What `strace` sees of an operation, and what it does to it.

#![allow(unreachable_pub, reason = "a part of one test")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Files that the operation asks for, in vain, so that its beginning and end show among its calls.
pub const BEGINS: &str = "/nowhere/the-operation-begins";
pub const ENDS: &str = "/nowhere/the-operation-ends";

/// Longer than any operation takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Calls that read, write or name files, and may fail.
const FILES: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "creat",
    "read",
    "pread64",
    "readv",
    "write",
    "pwrite64",
    "writev",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "ftruncate",
    "fallocate",
    "flock",
    "fcntl",
    "mkdir",
    "mkdirat",
    "stat",
    "fstat",
    "lstat",
    "newfstatat",
    "statx",
    "lseek",
    "close",
    "getdents64",
    "fchmod",
    "fchmodat",
];

/// Those that a signal may interrupt.
pub const MADE_AGAIN: &[&str] = &[
    "open",
    "openat",
    "read",
    "pread64",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "ftruncate",
    "flock",
    "close",
];

const ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EDQUOT", "EINTR"];

/// What happens at a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub call: String,
    /// Which of the calls of this name that the process makes, from 1.
    pub when: usize,
    /// The error that it returns; none: the process is killed as it makes it.
    pub error: Option<&'static str>,
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Status(i32),
    Killed,
    /// It was ended by us, since it never did so itself.
    Stuck,
    /// By a signal that is not ours.
    Signal(i32),
}

impl Point {
    pub fn action(&self) -> &'static str {
        self.error.unwrap_or("SIGKILL")
    }

    /// All points of calls that were made so many times before the operation and within it.
    pub fn all(calls: &BTreeMap<String, (usize, usize)>) -> Vec<Point> {
        let mut points = Vec::new();
        for (call, (before, within)) in calls {
            for when in before + 1..=before + within {
                let point = |error| Point { call: call.clone(), when, error };
                points.push(point(None));
                if FILES.contains(&&call[..]) {
                    points.extend(ERRORS.map(|error| point(Some(error))));
                }
            }
        }
        points
    }
}

/// The program that is traced: this executable, as a writer.
pub struct Traced<'a> {
    /// Where the trace is written, and what the program says on stderr.
    pub directory: &'a Path,
    pub arguments: Vec<&'a std::ffi::OsStr>,
}

impl Traced<'_> {
    /// The calls of the operation, by name: how many its process made before it, and how many within it.
    pub fn calls(&self) -> BTreeMap<String, (usize, usize)> {
        let (end, trace) = self.run(&["-f"]);
        assert_eq!(end, End::Status(0), "{trace}\n{}", self.said());
        let mut calls: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        // 0 before, 1 within, 2 after.
        let (mut part, mut main) = (0, None);
        for line in trace.lines() {
            let Some((process, call)) = line.split_once(' ') else { continue };
            // Points are counted in each thread, and the first does all that matters.
            if *main.get_or_insert(process) != process {
                continue;
            }
            let Some((name, rest)) = call.trim_start().split_once('(') else { continue };
            if name.starts_with(['<', '+', '-']) {
                continue;
            }
            if rest.contains(ENDS) {
                part = 2;
            }
            let counts = calls.entry(name.to_owned()).or_default();
            match part {
                0 => counts.0 += 1,
                1 => counts.1 += 1,
                _ => {}
            }
            if rest.contains(BEGINS) {
                part = 1;
            }
        }
        assert_eq!(part, 2, "the operation does not show in the trace:\n{trace}");
        calls.retain(|_, counts| counts.1 > 0);
        calls
    }

    /// Runs it with something happening at a point. Says whether that did happen.
    pub fn with(&self, point: &Point) -> (End, bool) {
        let Point { call, when, error } = point;
        let trace = format!("--trace={call}");
        let inject = |action: &str| format!("--inject={call}:{action}:when={when}");
        let (end, trace) = match error {
            // With --seccomp-bpf, strace 6.1 sends no signals.
            None => self.run(&["-f", "--signal=none", &trace, &inject("signal=SIGKILL")]),
            Some(error) => {
                let inject = inject(&format!("error={error}"));
                self.run(&["-f", "--seccomp-bpf", "--signal=none", &trace, &inject])
            }
        };
        (end, end == End::Killed || trace.contains("(INJECTED)"))
    }

    /// What it said on stderr.
    pub fn said(&self) -> String {
        fs::read_to_string(self.stderr()).unwrap_or_default()
    }

    fn stderr(&self) -> PathBuf {
        self.directory.join("stderr")
    }

    fn run(&self, options: &[&str]) -> (End, String) {
        let trace = self.directory.join("trace");
        let _ = fs::remove_file(&trace);
        let mut child = Command::new("strace")
            .args(options)
            .arg("-o")
            .arg(&trace)
            .arg("--")
            .arg(std::env::current_exe().unwrap())
            .args(&self.arguments)
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.stderr()).unwrap())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let end = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break match (status.code(), status.signal()) {
                    (Some(code), _) => End::Status(code),
                    (None, Some(9)) => End::Killed,
                    (None, signal) => End::Signal(signal.unwrap_or_default()),
                };
            }
            if started.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                break End::Stuck;
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        (end, fs::read_to_string(&trace).unwrap_or_default())
    }
}

/// Why nothing can be traced here, if so.
pub fn missing() -> Option<String> {
    let probe = Command::new("strace")
        .args([
            "-f",
            "--seccomp-bpf",
            "--trace=openat",
            "--inject=openat:error=ENOENT:when=9999",
            "-o",
            "/dev/null",
        ])
        .args(["--", "true"])
        .output();
    match probe {
        Err(error) => Some(format!("strace cannot be run ({error}); tests/run installs it")),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Some(format!("strace may not trace here: {}", said.trim()))
        }
        Ok(_) => None,
    }
}
