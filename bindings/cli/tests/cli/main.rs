//! The real executable, run as a user or a script would run it.

#![allow(clippy::print_stderr, reason = "a test that cannot run here says so")]

mod bad_input;
mod bench;
mod build;
mod check;
mod completions;
mod guard_rails;
mod hash;
mod list;
mod messages;
mod policy;
mod query;
mod store;
mod subscribe;
#[cfg(unix)]
mod worker;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::{Child, ChildStdin};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The rows of the built-in test list, in the repository.
const TEST_LIST: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/store/test_list/tamis-test.jsonl");

/// A directory of one test, with the executable at hand.
struct Bench {
    dir: TempDir,
}

/// What a run said.
struct Run {
    status: i32,
    out: String,
    err: String,
}

impl Bench {
    fn new() -> Bench {
        Bench { dir: tempfile::tempdir().unwrap() }
    }

    /// With `base.tamis`, made of the test list as reviewed entries, and the list's files in `files`.
    fn with_set() -> Bench {
        let bench = Bench::new();
        let run = bench.run(&["build", "-o", "base.tamis", "--list", "known", TEST_LIST]);
        assert_eq!((run.status, run.err.as_str()), (0, ""));
        assert_eq!(bench.run(&["test-files", "files"]).status, 0);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// The names in the directory, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
        command.args(arguments).current_dir(self.dir.path()).stdin(Stdio::null());
        command.env_remove("RUST_BACKTRACE");
        command
    }

    fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    fn run_with_stdin(&self, arguments: &[&str], stdin: &[u8]) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses its arguments does not read.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        Run::of(child.wait_with_output().unwrap())
    }

    /// A verb that has begun to read a thousand rows from its standard input, and waits for more; and the draft of the rows that it
    /// rejects, which appears once it listens to Ctrl-C.
    #[cfg(unix)]
    fn piped(&self, arguments: &[&str], rejects: &str) -> (Child, ChildStdin, PathBuf) {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let rows: String = (0..1000).map(|i| format!("{i:032x}\n")).collect();
        stdin.write_all(rows.as_bytes()).unwrap();
        let draft = self.draft(rejects, &child);
        while !draft.exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        (child, stdin, draft)
    }

    /// The draft of that file by that process.
    #[cfg(unix)]
    fn draft(&self, name: &str, process: &Child) -> PathBuf {
        let ours = tamis::files::draft_path(&self.path(name));
        let name = ours.file_name().unwrap().to_str().unwrap();
        let ours = std::process::id().to_string();
        self.path(&name.replace(&ours, &process.id().to_string()))
    }
}

/// Ctrl-C.
#[cfg(unix)]
fn interrupt(process: &Child) {
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
}

impl Run {
    fn of(output: Output) -> Run {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let run = Run {
            status: output.status.code().expect("ended by a signal"),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        assert!(!run.err.contains("panicked") && !run.err.contains("backtrace"), "{}", run.err);
        run
    }

    /// stdout as JSON Lines.
    fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The run failed, and said so in one line that holds `words`.
    #[track_caller]
    fn fails_with(&self, words: &str) {
        assert_eq!(self.status, 2, "{}{}", self.out, self.err);
        assert!(self.err.contains(words), "expected {words:?} in {:?}", self.err);
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        assert!(self.err.starts_with("tamis: ") && self.err.ends_with('\n'));
    }
}

/// Copies a file with the mode that a set must have.
fn copy_as_set(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
    set_mode(to, 0o640);
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
