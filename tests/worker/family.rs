//! This process and its children, as the system sees them.

use std::fs;
use std::time::{Duration, Instant};

/// The state and the parent of a process.
fn state(process: i32) -> Option<(char, i32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses, and may hold any character.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn children_with(wanted: impl Fn(char) -> bool) -> Vec<i32> {
    let own = std::process::id() as i32;
    let numbers = fs::read_dir("/proc").unwrap();
    let numbers = numbers.filter_map(|e| e.unwrap().file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|n| state(*n).is_some_and(|(s, parent)| parent == own && wanted(s))).collect()
}

/// Children that were not waited for, dead ones among them.
pub(crate) fn children() -> Vec<i32> {
    children_with(|_| true)
}

pub(crate) fn zombies() -> usize {
    children_with(|state| state == 'Z').len()
}

/// Whether it is there and not merely waiting to be waited for.
pub(crate) fn is_alive(process: i32) -> bool {
    state(process).is_some_and(|(state, _)| state != 'Z')
}

/// Open descriptors of this process.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The most memory that this process ever had resident, in bytes.
pub(crate) fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

pub(crate) fn send(process: i32, signal: i32) {
    // SAFETY: has no precondition.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}

/// Runs `work` in a child, which then ends without running anything of the parent's: with 0, or 1 if it panicked.
pub(crate) fn fork(work: impl FnOnce()) -> i32 {
    // SAFETY: the child ends by `_exit`. `work` allocates, which glibc, musl and macOS allow after a fork, and takes no lock that
    // another thread could hold: only one thread runs tests.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
        // SAFETY: has no precondition.
        unsafe { libc::_exit(i32::from(failed)) }
    }
    child
}

/// Waits for children to end; how many ended well. What is left when the time is over is ended.
pub(crate) fn wait_for(mut children: Vec<i32>, time: Duration) -> usize {
    let started = Instant::now();
    let mut well = 0;
    while !children.is_empty() {
        let over = started.elapsed() > time;
        children.retain(|child| {
            let mut status = 0;
            if over {
                send(*child, libc::SIGKILL);
            }
            // SAFETY: `status` is a place for one int.
            let ended = unsafe { libc::waitpid(*child, &mut status, libc::WNOHANG) } == *child;
            well += usize::from(ended && status == 0);
            !ended
        });
        std::thread::sleep(Duration::from_millis(5));
    }
    well
}
