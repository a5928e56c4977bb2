//! Where the store and the policy lie, and who may change them.

use std::fs;
use std::path::{Path, PathBuf};

use tamis::store::MANIFEST;

use super::Check;
use crate::wording::cannot_read;

/// File systems whose files may change, or go, under a map.
const NETWORK: [&str; 13] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "ceph",
    "lustre",
    "afs",
    "glusterfs",
    "gpfs",
    "beegfs",
    "virtiofs",
];

/// The set file, and the directory that it lies in.
fn file_and_directory(store: &Path) -> std::io::Result<(PathBuf, PathBuf)> {
    let store = store.canonicalize()?;
    if store.is_dir() {
        return Ok((store.join(MANIFEST), store));
    }
    let directory = store.parent().unwrap_or(Path::new("/")).to_path_buf();
    Ok((store, directory))
}

#[cfg(unix)]
pub(super) fn permissions(store: &Path) -> Check {
    use std::os::unix::fs::MetadataExt;
    let name = "permissions";
    let found = file_and_directory(store).and_then(|(file, directory)| {
        Ok((fs::metadata(file)?, fs::metadata(&directory)?, directory))
    });
    let (file, folder, directory) = match found {
        Ok(found) => found,
        Err(error) => {
            let file = if store.is_dir() { store.join(MANIFEST) } else { store.to_path_buf() };
            return Check::fail(name, format!("{}: {}", file.display(), cannot_read(&error)));
        }
    };
    let (mode, folder_mode) = (file.mode() & 0o777, folder.mode() & 0o7777);
    let directory = directory.display();
    let message = format!(
        "mode {mode:04o}, owner uid {}; its directory {folder_mode:04o}, owner uid {}",
        file.uid(),
        folder.uid()
    );
    if let Err(error) = file_and_directory(store).and_then(|(file, _)| fs::File::open(file)) {
        return Check::fail(name, format!("{message}: {}", cannot_read(&error)));
    }
    if mode & 0o027 != 0 {
        return Check::fail(
            name,
            format!(
                "{message}: only the owner may write it and only a group of its own read it; run `chmod 0640 {}`",
                store.display()
            ),
        );
    }
    // Whoever may write to the directory may put another file in the place of this one, unless it is sticky.
    if folder_mode & 0o022 != 0 && folder_mode & 0o1000 == 0 {
        return Check::warn(
            name,
            format!(
                "{message}: others may put another set in its place; run `chmod 0750 {directory}`"
            ),
        );
    }
    // The owner of `/proc/self` is the user of this process.
    let me = fs::metadata("/proc/self").map_or(0, |process| process.uid());
    if ![0, me].contains(&file.uid()) && file.uid() != folder.uid() {
        return Check::warn(
            name,
            format!(
                "{message}: user {} may change what is stopped; if that is not meant, run `chown {} {}`",
                file.uid(),
                folder.uid(),
                store.display()
            ),
        );
    }
    Check::ok(name, message)
}

#[cfg(not(unix))]
pub(super) fn permissions(_: &Path) -> Check {
    Check::warn(
        "permissions",
        "not checked on this system: see to it that only the operator may write the store",
    )
}

/// What is to be said of the policy's file; nothing if all is well.
#[cfg(unix)]
pub(super) fn policy_file(path: &Path) -> Option<Check> {
    use std::os::unix::fs::MetadataExt;
    let mode = fs::metadata(path).ok()?.mode() & 0o777;
    (mode & 0o022 != 0).then(|| {
        Check::warn(
            "policy",
            format!(
                "mode {mode:04o}: others may change what is stopped; run `chmod go-w {}`",
                path.display()
            ),
        )
    })
}

#[cfg(not(unix))]
pub(super) fn policy_file(_: &Path) -> Option<Check> {
    None
}

/// Sets are mapped, which needs a file system that keeps a file as it is while it is open.
pub(super) fn file_system(store: &Path) -> Check {
    let name = "file-system";
    let (Ok(path), Ok(mounts)) = (store.canonicalize(), fs::read_to_string("/proc/mounts")) else {
        return Check::warn(
            name,
            "unknown; if it is a network file system, open the store with `Residency::Sealed` or `Heap`",
        );
    };
    let Some(kind) = kind_of(&mounts, &path) else {
        return Check::warn(
            name,
            "no mounted file system holds this path; expected one in /proc/mounts",
        );
    };
    let foreign = kind.strip_prefix("fuse.").is_some_and(|_| kind != "fuse.ntfs-3g");
    if foreign || NETWORK.contains(&kind.as_str()) {
        return Check::warn(
            name,
            format!(
                "{kind}: a map of such a file may fail while it is used; copy the set to a local disk, or open the store with `Residency::Sealed` or `Heap`"
            ),
        );
    }
    Check::ok(name, format!("{kind}, local"))
}

/// The type of the file system that holds an absolute path; of several mounted at one place, the last.
fn kind_of(mounts: &str, path: &Path) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        let (Some(place), Some(kind)) = (fields.next(), fields.next()) else { continue };
        let place = unescaped(place);
        let depth = Path::new(&place).components().count();
        if path.starts_with(&place) && best.is_none_or(|(deepest, _)| depth >= deepest) {
            best = Some((depth, kind));
        }
    }
    best.map(|(_, kind)| kind.to_owned())
}

/// The kernel writes spaces, tabs, line breaks and backslashes as octal numbers.
fn unescaped(place: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(place.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_and_latest_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\nhost:/x /srv nfs4 rw 0 0\n/dev/b /srv/a\\040b xfs rw 0 0\ntmpfs /srv/a\\040b tmpfs rw 0 0\n";
        let kind = |path: &str| kind_of(mounts, Path::new(path)).unwrap();
        assert_eq!(kind("/etc/x"), "ext4");
        assert_eq!(kind("/srv/x"), "nfs4");
        assert_eq!(kind("/srvx"), "ext4");
        assert_eq!(kind("/srv/a b/x"), "tmpfs");
        assert_eq!(kind_of("", Path::new("/")), None);
    }
}
