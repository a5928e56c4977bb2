//! What a worker does to itself before it sees an upload: it limits its resources and gives up every right that examining does not need.
//!
//! Each layer stands alone: where a system lacks one the others hold, and the hello says which do.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::options::Layers;

/// Gives up what is not needed for examining uploads in `memory` bytes beyond those of now.
pub(super) fn confine(memory: u64) -> Layers {
    // In this order: Landlock hides the file that tells the address space, the limits forbid the one that Landlock opens for
    // itself, and the filter forbids all of that.
    let address_space = address_space().map(|now| now.saturating_add(memory));
    let landlock = landlock();
    let limits = limit(address_space);
    Layers { limits, landlock, seccomp: seccomp() }
}

/// Limits memory, and forbids files, further processes and core dumps, which would hold uploads.
fn limit(address_space: Option<u64>) -> bool {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    // Of no use to root, and stdin, stdout and stderr are open already.
    let _ = lower(Resource::Nproc, 0);
    // `poll` refuses more descriptors than this, so it cannot be less.
    let mut all = address_space.is_some_and(|most| lower(Resource::As, most));
    for (resource, most) in [(Resource::Core, 0), (Resource::Fsize, 0), (Resource::Nofile, 3)] {
        all &= lower(resource, most);
    }
    all
}

/// Lowers a limit for good. One that is lower already stays.
fn lower(resource: Resource, most: u64) -> bool {
    let maximum = getrlimit(resource).maximum.map_or(most, |old| old.min(most));
    setrlimit(resource, Rlimit { current: Some(maximum), maximum: Some(maximum) }).is_ok()
}

/// Bytes of address space that the process has now, where the system tells.
fn address_space() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().next()?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

/// Grants CPU time for one more upload, in whole seconds. It is what ends a worker that computes for ever and whose host is gone.
pub(super) fn grant(time: Duration) {
    let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or(0);
    let until = used.saturating_add(time.as_secs()).saturating_add(2);
    let maximum = getrlimit(Resource::Cpu).maximum;
    let current = Some(maximum.map_or(until, |most| most.min(until)));
    let _ = setrlimit(Resource::Cpu, Rlimit { current, maximum });
}

/// Denies all files, all network, and signals to others, as far as this kernel knows how to.
#[cfg(target_os = "linux")]
pub(super) fn landlock() -> bool {
    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
    // Best effort is the crate's default: what the kernel does not know is left out.
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(ABI::V6)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    restricted.is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn landlock() -> bool {
    false
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn seccomp() -> bool {
    super::filter::install().is_ok()
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn seccomp() -> bool {
    false
}
