//! How much memory and disk this process may still take. What the system does not say is not known, and nobody is held up by it.

use std::fs;
use std::path::{Path, PathBuf};

/// The least of what the machine and the control groups of this process have left, in bytes.
pub(crate) fn memory() -> Option<u64> {
    memory_of(Path::new("/proc"), Path::new("/sys/fs/cgroup"))
}

fn memory_of(proc: &Path, groups: &Path) -> Option<u64> {
    let machine = kib(&fs::read_to_string(proc.join("meminfo")).ok()?, "MemAvailable:")?;
    Some(group(proc, groups).map_or(machine, |group| group.min(machine)))
}

/// Bytes that this process holds of the machine's memory.
pub(crate) fn held() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    kib(&status, "VmRSS:").unwrap_or_default()
}

/// A line of the kernel's that gives a number of KiB.
fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Names of the files that say what a control group may take, takes, and takes only as long as nobody else needs it.
type Names = [&'static str; 3];
const VERSION_1: Names = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "];
const VERSION_2: Names = ["memory.max", "memory.current", "inactive_file "];

/// What the narrowest of the control groups around this process has left: the limits of all of them hold.
fn group(proc: &Path, groups: &Path) -> Option<u64> {
    let list = fs::read_to_string(proc.join("self/cgroup")).ok()?;
    let mut least: Option<u64> = None;
    for line in list.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, names): (PathBuf, _) = match controllers {
            "" => (groups.to_path_buf(), VERSION_2),
            _ if controllers.split(',').any(|c| c == "memory") => {
                (groups.join("memory"), VERSION_1)
            }
            _ => continue,
        };
        // Inside a container the path may be that of the host, where only its end, or nothing of it, is seen here; the root always is.
        for directory in Path::new(path.trim_start_matches('/')).ancestors() {
            let left = left(&root.join(directory), names);
            least = least.into_iter().chain(left).min();
        }
    }
    least
}

fn left(directory: &Path, [most, used, idle]: Names) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(directory.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let statistics = read("memory.stat").unwrap_or_default();
    let idle = statistics.lines().find_map(|line| line.strip_prefix(idle)?.trim().parse().ok());
    let used = number(used)?.saturating_sub(idle.unwrap_or(0));
    Some(number(most)?.saturating_sub(used))
}

/// Bytes that may still be written to the file system that holds a file, which need not exist.
#[cfg(unix)]
pub(crate) fn disk(path: &Path) -> Option<u64> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = rustix::fs::statvfs(directory).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(not(unix))]
pub(crate) fn disk(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        /// With 8 GiB available.
        fn new(groups: &str) -> Machine {
            let machine = Machine(tempfile::tempdir().unwrap());
            machine.write("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    8388608 kB\n");
            machine.write("proc/self/cgroup", groups);
            machine
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn memory(&self) -> Option<u64> {
            memory_of(&self.0.path().join("proc"), &self.0.path().join("groups"))
        }
    }

    const GIB: u64 = 1 << 30;

    #[test]
    fn without_limits_the_machine_decides() {
        let machine = Machine::new("0::/user.slice\n");
        assert_eq!(machine.memory(), Some(8 * GIB));
        machine.write("groups/user.slice/memory.max", "max\n");
        machine.write("groups/user.slice/memory.current", "1000\n");
        assert_eq!(machine.memory(), Some(8 * GIB));
        machine.write("proc/meminfo", "MemTotal: 9 kB\n");
        assert_eq!(machine.memory(), None, "not known");
    }

    #[test]
    fn the_narrowest_group_of_version_2_counts() {
        let machine = Machine::new("0::/site/build\n");
        machine.write("groups/site/memory.max", "3221225472\n");
        machine.write("groups/site/memory.current", "2147483648\n");
        machine.write("groups/site/build/memory.max", "4294967296\n");
        machine.write("groups/site/build/memory.current", "0\n");
        assert_eq!(machine.memory(), Some(GIB));
        // Files that nobody uses make room.
        machine.write("groups/site/memory.stat", "anon 5\ninactive_file 1073741824\n");
        assert_eq!(machine.memory(), Some(2 * GIB));
        machine.write("groups/site/memory.current", "9999999999999\n");
        assert_eq!(machine.memory(), Some(0));
    }

    #[test]
    fn a_container_sees_its_limit_at_the_root() {
        let machine = Machine::new("0::/../../host/path\n");
        machine.write("groups/memory.max", "1073741824\n");
        machine.write("groups/memory.current", "0\n");
        assert_eq!(machine.memory(), Some(GIB));
    }

    #[test]
    fn version_1_is_read_too() {
        let machine = Machine::new("5:cpu,cpuacct:/a\n4:hugetlb,memory:/a/b\n1:name=systemd:/a\n");
        machine.write("groups/memory/a/memory.limit_in_bytes", "2147483648\n");
        machine.write("groups/memory/a/memory.usage_in_bytes", "1073741824\n");
        machine.write("groups/memory/a/memory.stat", "inactive_file 7\ntotal_inactive_file 24\n");
        machine.write("groups/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
        machine.write("groups/memory/a/b/memory.usage_in_bytes", "5\n");
        assert_eq!(machine.memory(), Some(GIB + 24));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_says_what_it_has() {
        assert!(memory().is_some_and(|m| m > 0));
        assert!(held() > 1 << 20);
        assert!(disk(Path::new("no-such-file")).is_some_and(|d| d > 0));
        assert_eq!(disk(Path::new("/no/such/directory/file")), None);
    }
}
