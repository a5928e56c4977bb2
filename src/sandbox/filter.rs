//! The filter of system calls: what is not listed here ends the worker with SIGSYS.
//!
//! Listed is what an allocator, a clock, two pipes and an orderly death need. Whatever the host had left open is out of reach, since
//! reading is for stdin and writing for stdout and stderr; memory never becomes executable; signals go to the worker itself.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Allowed with any arguments.
const FREE: &[c_long] = &[
    // Memory. `mmap` and `mprotect` are below.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Waiting, time, chance.
    libc::SYS_clock_gettime,
    libc::SYS_futex,
    libc::SYS_getrandom,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    // Who am I, and who asks.
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    // The end, orderly or by `abort`.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
];

/// Number of an argument, how it is compared, and with what.
type Condition = (u8, SeccompCmpOp, u64);

/// Installs it, for all threads of the process. It cannot be taken off again.
pub(super) fn install() -> Result<(), seccompiler::Error> {
    seccompiler::apply_filter_all_threads(&program()?)
}

fn program() -> Result<BpfProgram, BackendError> {
    let own = u64::from(std::process::id());
    let number = |number: libc::c_int| number as u64;
    // A call is allowed if all conditions of one of its rows hold.
    let rows: &[(c_long, &[Condition])] = &[
        (libc::SYS_read, &[(0, Eq, 0)]),
        (libc::SYS_write, &[(0, Eq, 1)]),
        (libc::SYS_write, &[(0, Eq, 2)]),
        (libc::SYS_writev, &[(0, Eq, 2)]),
        (
            libc::SYS_mmap,
            &[
                (2, MaskedEq(number(libc::PROT_EXEC)), 0),
                (3, MaskedEq(number(libc::MAP_ANONYMOUS)), number(libc::MAP_ANONYMOUS)),
            ],
        ),
        (libc::SYS_mprotect, &[(2, MaskedEq(number(libc::PROT_EXEC)), 0)]),
        // Only its own limit of CPU time, which moves with every upload.
        (libc::SYS_prlimit64, &[(0, Eq, 0), (1, Eq, u64::from(libc::RLIMIT_CPU))]),
        (libc::SYS_tgkill, &[(0, Eq, own), (2, Eq, number(libc::SIGABRT))]),
    ];
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        FREE.iter().map(|call| (*call, Vec::new())).collect();
    for (call, conditions) in rows {
        let conditions = conditions
            .iter()
            .map(|(argument, how, value)| {
                SeccompCondition::new(*argument, Dword, how.clone(), *value)
            })
            .collect::<Result<Vec<_>, _>>()?;
        rules.entry(*call).or_default().push(SeccompRule::new(conditions)?);
    }
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?
        .try_into()
}
