//! `tamis doctor`, on sound and on broken deployments.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tamis::fingerprint::{Algorithms, digests};
use tamis::set::{Entry, List, ListKind, SetBuilder};

const NOW: u64 = 1_790_000_000;

struct Patient {
    dir: tempfile::TempDir,
    store: PathBuf,
}

impl Patient {
    fn new(created: u64, legal_basis: &str) -> Patient {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let store = dir.path().join("base.tamis");
        let mut builder = SetBuilder::new();
        builder.set_created(created);
        let list = List::new("one", ListKind::Exchange).legal_basis(legal_basis);
        let list = builder.add_list(list).unwrap();
        for digest in digests(b"listed", Algorithms::DIGESTS).iter() {
            builder.add(list, Entry::new(digest).reviewed(true)).unwrap();
        }
        builder.write(&store).unwrap();
        Patient { dir, store }
    }

    fn policy(&self, text: &str) -> PathBuf {
        let path = self.dir.path().join("policy.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        path
    }

    /// Status of the process, and each check's status and message.
    fn examine(
        &self,
        arguments: &[&Path],
        isa: &str,
    ) -> (Option<i32>, BTreeMap<String, (String, String)>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
        command.args(["doctor", "--json", "--now", &NOW.to_string(), "--store"]).arg(&self.store);
        for policy in arguments {
            command.arg("--policy").arg(policy);
        }
        let out = command.env("TAMIS_ISA", isa).output().unwrap();
        assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
        let mut checks = BTreeMap::new();
        for line in out.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let check: Value = serde_json::from_slice(line).unwrap();
            let text = |name: &str| check[name].as_str().unwrap().to_owned();
            checks.insert(text("check"), (text("status"), text("message")));
        }
        (out.status.code(), checks)
    }
}

fn status<'a>(checks: &'a BTreeMap<String, (String, String)>, name: &str) -> &'a str {
    &checks.get(name).unwrap_or_else(|| panic!("no check {name} in {checks:?}")).0
}

#[test]
fn a_sound_deployment_is_proved_to_block() {
    let (code, checks) = Patient::new(NOW - 3600, "law").examine(&[], "");
    assert_eq!(code, Some(0), "{checks:?}");
    for name in [
        "instructions",
        "permissions",
        "store",
        "integrity",
        "age",
        "lists",
        "policy",
        "memory",
        "limits",
        #[cfg(target_os = "linux")]
        "worker",
        "proof",
        "altered",
        "unlisted",
    ] {
        assert_eq!(status(&checks, name), "ok", "{checks:?}");
    }
    assert!(checks["lists"].1.contains("one (exchange, 5 entries)"), "{checks:?}");
}

#[test]
fn what_deserves_a_look_warns() {
    let patient = Patient::new(NOW - 8 * 86_400, "");
    let observing = patient.policy("version = 1\nmode = \"observe\"\n");
    fs::set_permissions(patient.dir.path(), fs::Permissions::from_mode(0o770)).unwrap();
    let (code, checks) = patient.examine(&[&observing], "avx3");
    assert_eq!(code, Some(0), "{checks:?}");
    for name in ["instructions", "permissions", "age", "lists", "policy"] {
        assert_eq!(status(&checks, name), "warn", "{checks:?}");
    }
    // Even then the path is proved.
    assert_eq!(status(&checks, "proof"), "ok");
    assert!(checks["proof"].1.contains("would be blocked"));
    assert!(checks["age"].1.contains("8 days"));

    for (created, word) in [(0, "does not say"), (NOW + 60, "future")] {
        let (_, checks) = Patient::new(created, "law").examine(&[], "");
        assert_eq!(status(&checks, "age"), "warn");
        assert!(checks["age"].1.contains(word), "{checks:?}");
    }
}

#[test]
fn a_policy_that_lets_listed_files_through_fails_the_proof() {
    let patient = Patient::new(NOW, "law");
    let lax = patient.policy(
        "version = 1\n[[rule]]\nname = \"all\"\nlist_kind = [\"test\"]\naction = \"allow\"\n",
    );
    let (code, checks) = patient.examine(&[&lax], "");
    assert_eq!(code, Some(2), "{checks:?}");
    assert_eq!((status(&checks, "proof"), status(&checks, "altered")), ("fail", "fail"));
    assert_eq!(status(&checks, "unlisted"), "ok");

    let blind = patient.policy("version = 1\nviews = []\n");
    let (code, checks) = patient.examine(&[&blind], "");
    assert_eq!((code, status(&checks, "altered")), (Some(0), "warn"), "{checks:?}");

    let wrong = patient.policy("version = 1\nradius = 310\n");
    let (code, checks) = patient.examine(&[&wrong], "");
    assert_eq!(
        (code, status(&checks, "policy"), status(&checks, "proof")),
        (Some(2), "fail", "fail")
    );
    assert!(checks["policy"].1.contains("line 2"));
}

#[test]
fn a_store_that_is_open_to_others_damaged_or_missing_fails() {
    let patient = Patient::new(NOW, "law");
    fs::set_permissions(&patient.store, fs::Permissions::from_mode(0o664)).unwrap();
    let (code, checks) = patient.examine(&[], "");
    assert_eq!(
        (code, status(&checks, "permissions"), status(&checks, "store")),
        (Some(2), "fail", "fail")
    );

    fs::set_permissions(&patient.store, fs::Permissions::from_mode(0o640)).unwrap();
    let mut bytes = fs::read(&patient.store).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&patient.store, bytes).unwrap();
    let (code, checks) = patient.examine(&[], "");
    assert_eq!(
        (code, status(&checks, "store"), status(&checks, "integrity")),
        (Some(2), "ok", "fail")
    );
    assert!(!checks.contains_key("age"));

    fs::remove_file(&patient.store).unwrap();
    let (code, checks) = patient.examine(&[], "");
    assert_eq!(
        (code, status(&checks, "store"), status(&checks, "proof")),
        (Some(2), "fail", "fail")
    );
}

#[test]
fn a_limited_address_space_warns_before_an_upload_ends_the_process() {
    let patient = Patient::new(NOW, "law");
    let script = "ulimit -v 180000; exec \"$0\" doctor --json --store \"$1\"";
    let out = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_tamis")])
        .arg(&patient.store)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("\"limits\"")).unwrap();
    assert!(line.contains("\"warn\"") && line.contains("ulimit -v"), "{line}");
}
