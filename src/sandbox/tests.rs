//! What a confined process may still do. Each attempt is made in a process of its own: this test executable, started again.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::confine::{confine, grant, landlock};

/// Names the attempt in the process that is to make it.
const ATTEMPT: &str = "TAMIS_SANDBOX_ATTEMPT";
const SIGABRT: i32 = 6;
const SIGXCPU: i32 = 24;
const SIGSYS: i32 = 31;

/// What is tried, and whether a process that is not confined succeeds with it.
fn attempt(what: &str) -> bool {
    // Never closed: in a debug build std asks the system before it closes, which is not allowed either.
    let null: &File = Box::leak(Box::new(File::options().write(true).open("/dev/null").unwrap()));
    let parent = rustix::process::getppid().unwrap();
    let (what, confined) = what.split_once(' ').unwrap_or((what, ""));
    if confined == "confined" {
        confine(64 << 20);
    }
    match what {
        "compute" => vec![1u8; 1 << 20].iter().map(|b| u64::from(*b)).sum::<u64>() == 1 << 20,
        "read-file" => File::open("/etc/passwd").is_ok(),
        "make-file" => tempfile::tempfile().is_ok(),
        "list" => std::fs::read_dir("/").is_ok(),
        "socket" => std::net::UdpSocket::bind("127.0.0.1:0").is_ok(),
        "unix-socket" => std::os::unix::net::UnixStream::pair().is_ok(),
        "process" => Command::new("/bin/true").status().is_ok(),
        "thread" => std::thread::spawn(|| ()).join().is_ok(),
        "signal" => rustix::process::test_kill_process(parent).is_ok(),
        "executable" => memmap2::MmapMut::map_anon(4096).unwrap().make_exec().is_ok(),
        "leaked" => rustix::io::write(null, b"x").is_ok(),
        "raise" => rustix::process::setrlimit(
            rustix::process::Resource::Nofile,
            rustix::process::getrlimit(rustix::process::Resource::Nofile),
        )
        .is_ok(),
        "spin" => {
            if !confined.is_empty() {
                grant(Duration::ZERO);
            }
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(if confined.is_empty() { 0 } else { 60 })
            {
            }
            true
        }
        // Landlock by itself, where the kernel has it.
        "landlock" => {
            !landlock()
                || File::open("/etc/passwd").is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
        }
        "allocate" => std::hint::black_box(vec![1u8; 256 << 20]).len() == 256 << 20,
        other => panic!("{other}"),
    }
}

/// Makes the attempt that the environment names; without one there is nothing to do.
#[test]
fn attempt_in_a_process_of_its_own() {
    if let Ok(what) = std::env::var(ATTEMPT) {
        // Whatever the harness would do afterwards may not be allowed any more.
        std::process::exit(if attempt(&what) { 0 } else { 1 });
    }
}

fn outcome(what: &str) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "sandbox::tests::attempt_in_a_process_of_its_own"])
        .env(ATTEMPT, what)
        // A worker has no environment, so nothing opens files for a backtrace before `abort`.
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

const ATTEMPTS: [&str; 11] = [
    "read-file",
    "make-file",
    "list",
    "socket",
    "unix-socket",
    "process",
    "thread",
    "signal",
    "executable",
    "leaked",
    "raise",
];

#[test]
fn what_succeeds_outside_is_the_end_of_a_confined_process() {
    for what in ["compute", "allocate", "landlock"].iter().chain(&ATTEMPTS) {
        assert_eq!(outcome(what).code(), Some(0), "{what}: not confined");
    }
    assert_eq!(outcome("compute confined").code(), Some(0));
    assert_eq!(
        outcome("allocate confined").signal(),
        Some(SIGABRT),
        "no memory, and `abort` may say so"
    );
    assert_eq!(
        outcome("spin confined").signal(),
        Some(SIGXCPU),
        "the CPU time that was granted is over"
    );
    if !cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
        return;
    }
    for what in ATTEMPTS {
        assert_eq!(outcome(&format!("{what} confined")).signal(), Some(SIGSYS), "{what}");
    }
}
