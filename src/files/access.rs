//! Who may write to a file, and who may read it: the checks that are made before it is used, on the file that was opened and not on its name.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Component, Path};

use crate::error::{Error, ErrorCode, Result};

#[cfg(unix)]
use super::uninterrupted;

/// What lies there. Of a directory it is looked at who may do what in it, of a file only when it is opened.
pub(crate) fn status_of(path: &Path) -> Result<Metadata> {
    let metadata = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
    if metadata.is_dir() {
        check_mode(&metadata, path)?;
    }
    Ok(metadata)
}

/// The names of what lies in a directory, but for those that are no text: no writer gave them.
///
/// Not by the standard library, which panics if a directory cannot be closed: that the disk is broken must not look like a defect of the host.
#[cfg(unix)]
pub(crate) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let opened = File::open(directory)?;
    let mut names = Vec::new();
    // Not `read_from`, which opens it once more, and does not try again when that is interrupted.
    for entry in rustix::fs::Dir::new(opened)? {
        if let Ok(name) = entry?.file_name().to_str() {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// As above; other systems have no such trouble.
#[cfg(not(unix))]
pub(crate) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let names =
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
    names.filter_map(io::Result::transpose).collect()
}

/// Opens a file for reading, after checking that nobody else may write to it or is given its secrets. Follows symbolic links: the operator names
/// this file.
pub(crate) fn open_checked(path: &Path) -> Result<(File, Metadata)> {
    // Asked before opening: with some devices, to open them is to do something.
    let metadata = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
    check_kind(&metadata, path)?;
    let file = open_unwaiting(path).map_err(|e| Error::io("open", path, e))?;
    let metadata = file.metadata().map_err(|e| Error::io("examine", path, e))?;
    check_kind(&metadata, path)?;
    check_mode(&metadata, path)?;
    Ok((file, metadata))
}

/// Opens a file for reading. Of a pipe that nobody writes to it opens the end, and does not wait for the other.
pub(crate) fn open_unwaiting(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }
    options.read(true).open(path)
}

/// Opens the file of that plain name in a directory, and follows no symbolic link: what is meant is a file that lies in the directory. It must belong to root, to the owner of the
/// directory, or to this process's user.
pub(crate) fn open_within(directory: &Path, name: &str) -> Result<(File, Metadata)> {
    let path = directory.join(name);
    let mut parts = Path::new(name).components();
    // The text too: a path forgives `name/` and `./name`.
    let plain = match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) => part == name && !name.contains('\0'),
        _ => false,
    };
    if !plain {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            "not a plain file name; a store names only files that lie in its directory",
        )
        .with_path(&path));
    }
    let (file, metadata, owner) = unlinked(directory, name, &path)?;
    check_kind(&metadata, &path)?;
    check_owner(&metadata, owner, &path)?;
    check_mode(&metadata, &path)?;
    Ok((file, metadata))
}

/// The file, opened without following a link or waiting for anybody, and the owner of its directory, which was checked.
#[cfg(unix)]
fn unlinked(directory: &Path, name: &str, path: &Path) -> Result<(File, Metadata, u32)> {
    use std::os::unix::fs::MetadataExt;

    let opened = enter(directory)?;
    let of_directory = opened.metadata().map_err(|e| Error::io("examine", directory, e))?;
    check_mode(&of_directory, directory)?;
    let file = unfollowed(&opened, name, path)?;
    let metadata = file.metadata().map_err(|e| Error::io("examine", path, e))?;
    Ok((file, metadata, of_directory.uid()))
}

#[cfg(unix)]
fn enter(directory: &Path) -> Result<File> {
    use rustix::fs::{Mode, OFlags};

    // A directory that may be entered but not listed is good enough.
    #[cfg(target_os = "linux")]
    let entered = OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    let entered = OFlags::RDONLY;
    let flags = entered | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = uninterrupted(|| Ok(rustix::fs::open(directory, flags, Mode::empty())?));
    Ok(File::from(opened.map_err(|e| Error::io("open", directory, e))?))
}

#[cfg(unix)]
fn unfollowed(directory: &File, name: &str, path: &Path) -> Result<File> {
    use rustix::fs::{Mode, OFlags, openat};
    use rustix::io::Errno;

    // NONBLOCK: opening a FIFO would wait for a writer.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = uninterrupted(|| Ok(openat(directory, name, flags, Mode::empty())?));
    Ok(File::from(file.map_err(|e| match Errno::from_io_error(&e) {
        // FreeBSD says MLINK.
        Some(Errno::LOOP | Errno::MLINK) => link(path),
        // A socket.
        Some(Errno::NXIO) => not_regular("a socket or a pipe", path),
        _ => Error::io("open", path, e),
    })?))
}

/// Opens a regular file, whoever may write to it, and follows no symbolic link at its end: of a directory in which others put files that are
/// checked in other ways. A pipe is refused and not waited for.
pub(crate) fn open_unfollowed(path: &Path) -> Result<File> {
    #[cfg(unix)]
    let file = {
        let directory = path.parent().filter(|p| !p.as_os_str().is_empty());
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        unfollowed(&enter(directory.unwrap_or(Path::new(".")))?, name, path)?
    };
    #[cfg(not(unix))]
    let file = {
        let metadata = std::fs::symlink_metadata(path).map_err(|e| Error::io("open", path, e))?;
        if metadata.is_symlink() {
            return Err(link(path));
        }
        File::open(path).map_err(|e| Error::io("open", path, e))?
    };
    if !file.metadata().map_err(|e| Error::io("examine", path, e))?.is_file() {
        let what = "not a regular file, and nothing else is taken here";
        return Err(Error::new(ErrorCode::Permissions, what).with_path(path));
    }
    Ok(file)
}

#[cfg(not(unix))]
fn unlinked(_: &Path, _: &str, path: &Path) -> Result<(File, Metadata, u32)> {
    let metadata = std::fs::symlink_metadata(path).map_err(|e| Error::io("open", path, e))?;
    if metadata.is_symlink() {
        return Err(link(path));
    }
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let metadata = file.metadata().map_err(|e| Error::io("examine", path, e))?;
    Ok((file, metadata, 0))
}

fn link(path: &Path) -> Error {
    Error::new(ErrorCode::Permissions, "a symbolic link; put the file itself in its place")
        .with_path(path)
}

fn not_regular(kind: &str, path: &Path) -> Error {
    Error::new(ErrorCode::Permissions, format!("{kind}; expected a regular file")).with_path(path)
}

fn check_kind(metadata: &Metadata, path: &Path) -> Result<()> {
    match metadata.file_type() {
        kind if kind.is_file() => Ok(()),
        kind if kind.is_dir() => Err(not_regular("a directory", path)),
        _ => Err(not_regular("a device, a socket or a pipe", path)),
    }
}

/// Who owns a file can give himself leave to write to it. Root can anyway; the owner of the directory could put another file there; and this process's
/// user harms only himself. In a container whose users the system does not know, file and directory belong to the same nobody.
#[cfg(unix)]
fn check_owner(metadata: &Metadata, of_directory: u32, path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let own = rustix::process::geteuid().as_raw();
    let owner = metadata.uid();
    if [0, of_directory, own].contains(&owner) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::Permissions,
        format!(
            "it belongs to user {owner}, who could change it while it is in use; run `chown {of_directory}` on it, the owner of its directory"
        ),
    )
    .with_path(path))
}

#[cfg(not(unix))]
fn check_owner(_: &Metadata, _: u32, _: &Path) -> Result<()> {
    Ok(())
}

/// Refuses files that the group or the world may write to, or the world may read: what a store holds is confidential.
#[cfg(unix)]
fn check_mode(metadata: &Metadata, path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let mode = metadata.mode() & 0o777;
    let fault = match mode {
        m if m & 0o020 != 0 => "its group may write to it",
        m if m & 0o002 != 0 => "everybody may write to it",
        m if m & 0o004 != 0 => "everybody may read it, and what a store holds is confidential",
        _ => return Ok(()),
    };
    let fix = if metadata.is_dir() { "chmod 0750" } else { "chmod 0640" };
    Err(Error::new(
        ErrorCode::Permissions,
        format!("mode {mode:04o}: {fault}; run `{fix}` on it (a group of its own may read it)"),
    )
    .with_path(path))
}

/// Other systems have no such modes.
#[cfg(not(unix))]
fn check_mode(_: &Metadata, _: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_who_is_nobody_here_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, b"").unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        let own = rustix::process::geteuid().as_raw();
        // The file is this process's own, whoever has the directory.
        check_owner(&metadata, own.wrapping_add(1), &path).unwrap();
        // As root, make it somebody's.
        if own == 0 {
            std::os::unix::fs::chown(&path, Some(4711), None).unwrap();
            let metadata = std::fs::metadata(&path).unwrap();
            check_owner(&metadata, 4711, &path).unwrap();
            let refused = check_owner(&metadata, 4712, &path).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::Permissions);
            assert!(refused.to_string().contains("user 4711"), "{refused}");
        }
    }
}
