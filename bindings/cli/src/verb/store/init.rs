//! `tamis store init`: an empty store, with a policy that observes.

use std::fs;
use std::path::Path;

use serde_json::json;
use tamis::Policy;
use tamis::files::publish_bytes;
use tamis::store::{MANIFEST, StoreWriter};

use super::in_force;
use crate::judging::POLICY;
use crate::output::shown;
use crate::wording::cannot_make;
use crate::{Exit, Failure, Output};

pub(super) fn run(dir: &Path, now: u64, output: &mut Output) -> Result<Exit, Failure> {
    // The library says the same; but then there would be a policy file already.
    if dir.join(MANIFEST).exists() {
        return Err(Failure::of(dir, "there is a store already; it was not touched"));
    }
    make(dir)?;
    let policy = dir.join(POLICY);
    // Before the manifest: a store whose policy is missing enforces, which nobody has decided yet.
    let written = policy.symlink_metadata().is_err();
    if written {
        publish_bytes(&policy, Policy::EXAMPLE.as_bytes())?;
        set_mode(&policy, 0o640)?;
    }
    let made = in_force(StoreWriter::init(dir, now));
    if made.is_err() && written && !dir.join(MANIFEST).exists() {
        // If it cannot be removed, it is there for the next attempt.
        let _ = fs::remove_file(&policy);
    }
    let writer = made?;
    let mode = Policy::load(&policy)?.mode();
    output.object(&json!({
        "store": dir.to_string_lossy(),
        "version": writer.manifest().version,
        "policy": policy.to_string_lossy(),
        "policy_written": written,
        "mode": mode,
    }))?;
    let (name, policy) = (shown(dir), shown(&policy));
    output.line(format_args!("{name}: an empty store"))?;
    output.line(match written {
        true => format!("{policy}: a policy that {mode}s: nothing is held back yet"),
        false => format!("{policy}: was there already, and {mode}s"),
    })?;
    output.line(format_args!(
        "\nNext:\n  \
         chgrp -R GROUP {name} && chmod g+s {name}    # the group of the processes that check uploads\n  \
         tamis store add {name} FILE --reason TEXT    # or: tamis store import {name} LIST --list NAME\n  \
         tamis check FILE --store {name}\n  \
         tamis doctor --store {name}\n  \
         tamis policy mode {policy} enforce    # when you are ready"
    ))?;
    Ok(Exit::SUCCESS)
}

/// The directory, readable by its group and writable by its owner alone.
fn make(dir: &Path) -> Result<(), Failure> {
    if dir.is_dir() {
        return Ok(());
    }
    if dir.is_file() {
        return Err(Failure::of(dir, "a file; give the name of a directory, empty or new"));
    }
    fs::create_dir(dir).map_err(|error| Failure::of(dir, cannot_make(&error)))?;
    // The group of the directory is that of all that is made in it.
    set_mode(dir, 0o2750)
}

/// Whatever the umask: the processes that check uploads are in the group, and read.
#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set.map_err(|error| Failure::of(path, format_args!("cannot set its mode {mode:04o}: {error}")))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<(), Failure> {
    Ok(())
}
