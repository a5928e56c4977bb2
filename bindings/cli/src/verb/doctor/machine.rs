//! What this machine and this process can do.

use std::fs;

use tamis::Limits;
use tamis::fingerprint::Hasher;
use tamis::hamming::Isa;
use tamis::sandbox::{Layers, Worker};

use super::Check;
use crate::room;
use crate::wording::bytes;

pub(super) fn version() -> Check {
    let version = env!("CARGO_PKG_VERSION");
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    if cfg!(debug_assertions) {
        let message =
            format!("tamis {version} on {arch} {os}, a debug build: slow, build it with --release");
        return Check::warn("version", message);
    }
    Check::ok("version", format!("tamis {version} on {arch} {os}"))
}

pub(super) fn instructions() -> Check {
    let name = "instructions";
    let (sound, unsound): (Vec<Isa>, Vec<Isa>) = Isa::available().partition(|isa| isa.self_test());
    let names = |isas: &[Isa]| isas.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ");
    if !unsound.is_empty() {
        let bad = names(&unsound);
        return Check::fail(
            name,
            format!(
                "the kernels for {bad} give wrong answers on this CPU: do not rely on this machine; they are not used, but a CPU that errs here may err elsewhere"
            ),
        );
    }
    // Made anew, so that its kernel proves itself here as it does in a scanner.
    let (isa, hashing) = (Isa::detect(), Hasher::new().kernel());
    let message = format!(
        "{isa} is used for scans, {} by the radius index, {hashing} for hashing pictures; self-tests passed: {}",
        tamis::index::kernel(isa),
        names(&sound)
    );
    match Isa::requested() {
        Err(complaint) => Check::warn(name, format!("{complaint}. {message}")),
        Ok(Some(asked)) if Some(asked) != sound.last().copied() => Check::warn(
            name,
            format!(
                "TAMIS_ISA lowers the instruction set, which costs speed; unset it if that is not meant. {message}"
            ),
        ),
        Ok(_) => Check::ok(name, message),
    }
}

/// Whether the set can stay in memory, and an upload be decoded beside it.
pub(super) fn memory(set: u64) -> Check {
    let Some(free) = room::memory() else {
        return Check::warn(
            "memory",
            "this system does not say how much memory is available; compare it with the size of the set yourself",
        );
    };
    let decoding = per_upload();
    let found = match set {
        0 => format!("{} available", bytes(free)),
        _ => format!("{} available, the set has {}", bytes(free), bytes(set)),
    };
    if free < decoding {
        let need = bytes(decoding);
        return Check::warn(
            "memory",
            format!("{found}; one large upload may take {need}: free memory, or lower the limits"),
        );
    }
    if free < set.saturating_add(decoding) {
        return Check::warn(
            "memory",
            format!(
                "{found}: it does not stay in memory, and searches wait for the disk; free memory, or split the set"
            ),
        );
    }
    Check::ok("memory", found)
}

/// Whether the limits of this process leave room for one upload.
pub(super) fn address_space(set: u64) -> Check {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(limit) = address_limit(&limits) else {
        return Check::ok("limits", "the address space of this process is not limited");
    };
    // 64 MiB for the executable and its threads' stacks.
    let need = set.saturating_add(per_upload()).saturating_add(64 << 20);
    let found = format!("the address space is limited to {} (ulimit -v)", bytes(limit));
    if limit < need {
        return Check::warn(
            "limits",
            format!(
                "{found}; one upload may need {}: run `ulimit -v {}`, or lower the limits of Tamis, else a large upload can end the process",
                bytes(need),
                need.div_ceil(1024)
            ),
        );
    }
    Check::ok("limits", found)
}

/// Whether a worker process can be had, for those who want one, and what holds it.
pub(super) fn worker() -> Check {
    let started = crate::judging::worker().and_then(|options| Ok(Worker::new(options).start()?));
    let layers = match started {
        Ok(layers) => layers,
        Err(failure) => {
            return Check::warn("worker", format!("--worker does not work here: {failure}"));
        }
    };
    let all = [
        (layers.limits, "limits on memory and CPU time"),
        (layers.landlock, "Landlock (no files, no network)"),
        (layers.seccomp, "a filter of system calls"),
    ];
    let names = |held: bool| {
        let names: Vec<_> = all.iter().filter(|(h, _)| *h == held).map(|(_, name)| *name).collect();
        names.join(", ")
    };
    if layers.all() {
        return Check::ok(
            "worker",
            format!("--worker decodes in a child process held by {}", names(true)),
        );
    }
    let held = if layers == Layers::default() { "nothing".to_owned() } else { names(true) };
    Check::warn(
        "worker",
        format!(
            "--worker decodes in a child process held by {held}, but this system does not offer {}; a child that dies is contained all the same",
            names(false)
        ),
    )
}

/// What one upload may take at most, by the default limits.
fn per_upload() -> u64 {
    let limits = Limits::default();
    limits.upload_bytes.saturating_add(limits.progressive_memory)
}

/// The soft limit in bytes; none if there is none.
fn address_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_kernel_are_read() {
        let head = "Limit                     Soft Limit           Hard Limit           Units\n";
        let line = |soft| {
            format!("{head}Max address space         {soft}           unlimited            bytes\n")
        };
        assert_eq!(address_limit(&line("1048576")), Some(1 << 20));
        assert_eq!(address_limit(&line("unlimited")), None);
        assert_eq!(address_limit(""), None);
    }
}
