//! Who may do what: modes, users, groups.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;

use tamis::store::{LOCAL, MANIFEST};

use crate::{Bench, Run, set_mode};

/// Whoever makes a store, its group can enter it and its workers can count.
#[test]
fn a_new_store_has_its_modes_whatever_the_umask() {
    let bench = Bench::new();
    let script = "umask 077; exec \"$0\" store init s";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_tamis")]).current_dir(bench.dir.path());
    let made = Run::of(command.output().unwrap());
    assert_eq!((made.status, made.err.as_str()), (0, ""));
    let mode = |name: &str| bench.path(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("s"), mode("s/state")), (0o2750, 0o2770));
    assert_eq!((mode("s/manifest"), mode("s/policy.toml")), (0o640, 0o640));
}

/// Workers may look, and no more.
#[test]
fn who_may_only_read_cannot_change_anything() {
    let bench = Bench::with_store();
    bench.write("file", "file");
    bench.store(&["add", "s", "file"]);
    let group = std::fs::metadata(bench.path("s")).unwrap().gid();
    set_mode(bench.dir.path(), 0o755);
    // Another user may not be able to reach the executable where it was built.
    let copy = bench.path("tamis");
    std::fs::copy(env!("CARGO_BIN_EXE_tamis"), &copy).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(&copy);
        command.args(arguments).current_dir(bench.dir.path()).uid(65_534).gid(group);
        command.output().ok().map(Run::of)
    };
    let Some(looked) = run(&["store", "status", "s"]) else {
        eprintln!("SKIPPED: only root can run a process as another user");
        return;
    };
    assert_eq!(looked.status, 0, "{}", looked.err);
    assert_eq!(run(&["check", "file", "--store", "s"]).unwrap().status, 1);
    let manifest = std::fs::read(bench.path("s").join(MANIFEST)).unwrap();
    for verb in [
        &["store", "add", "s", "file", "--wait", "0"][..],
        &["store", "compact", "s"],
        &["store", "revoke", "s", "--list", LOCAL, "--list-all", "--reason", "x"],
        &["store", "suppress", "s", "--list", LOCAL, "--reason", "x"],
    ] {
        let refused = run(verb).unwrap();
        assert_eq!(refused.status, 2);
        assert!(refused.err.contains("permission denied"), "{}", refused.err);
    }
    assert_eq!(std::fs::read(bench.path("s").join(MANIFEST)).unwrap(), manifest);
}
