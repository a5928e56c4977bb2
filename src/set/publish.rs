//! Publishing a file so that readers see the old one or the new one, never half of it, and a crash leaves one of the two:
//! write a temporary file beside it, sync it, rename it over the old one, sync the directory.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result};

/// A temporary file that is removed unless it is published.
struct Draft {
    path: PathBuf,
    published: bool,
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // There is nobody to tell, and a leftover draft does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The name under which a file is written before it is published: in the same directory, so that renaming is atomic,
/// and hidden, so that nobody takes it for a set.
pub fn draft_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.draft", std::process::id()))
}

/// Writes a file by `write` and publishes it at `path`, with mode 0640 less the process's umask.
///
/// An error after the rename (when the directory cannot be synced) is reported too: the new file is then in place,
/// but may be lost if the power fails.
///
/// # Errors
/// [`ErrorCode::Io`] and its kin; a full disk leaves the old file as it was and nothing beside it.
pub fn publish<T>(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<T>) -> Result<T> {
    if path.is_dir() {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            "a directory; expected the name of a file",
        )
        .with_path(path));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o640);
    }
    let draft = draft_path(path);
    // Left by a process of the same number that was killed: nobody writes to it any more.
    let _ = fs::remove_file(&draft);
    let file = options.open(&draft).map_err(|e| Error::io("create", &draft, e))?;
    let mut draft = Draft { path: draft, published: false };

    let mut writer = BufWriter::with_capacity(1 << 20, file);
    let out = write(&mut writer).map_err(|e| e.with_path(path))?;
    let file = writer.into_inner().map_err(|e| Error::io("write", path, e.into_error()))?;
    file.sync_all().map_err(|e| Error::io("sync", path, e))?;
    fs::rename(&draft.path, path).map_err(|e| Error::io("rename its draft to", path, e))?;
    draft.published = true;

    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    sync_directory(directory)?;
    Ok(out)
}

/// Waits until the disk knows the names in a directory.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(directory)
        .and_then(|d| d.sync_all())
        .map_err(|e| Error::io("sync", directory, e))?;
    Ok(())
}

/// Publishes a small file whose contents are at hand.
///
/// # Errors
/// As for [`publish`].
pub fn publish_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    publish(path, |writer| writer.write_all(bytes).map_err(|e| Error::io("write", path, e)))
}
