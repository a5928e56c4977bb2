//! A directory for the demo's files: one that is kept, or one that is removed at the end.

use std::fs::{self, DirBuilder};
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::wording::cannot_make;

pub(super) struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    /// The given directory, made if it does not exist; or a new one of its own among the temporary files.
    pub(super) fn new(keep: Option<&Path>) -> Result<Folder, Failure> {
        if let Some(path) = keep {
            if !path.is_dir() {
                private()
                    .recursive(true)
                    .create(path)
                    .map_err(|e| Failure::of(path, cannot_make(&e)))?;
            }
            return Ok(Folder { path: path.to_path_buf(), kept: true });
        }
        let parent = std::env::temp_dir();
        for number in 0..100 {
            let path = parent.join(format!("tamis-demo-{}-{number}", std::process::id()));
            // Fails if there is anything of that name, even a link that somebody laid there.
            match private().create(&path) {
                Ok(()) => return Ok(Folder { path, kept: false }),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Failure::of(&path, cannot_make(&e))),
            }
        }
        Err(Failure::new(format!(
            "{}: 100 directories tamis-demo-* are left there; remove them, or use --keep",
            parent.display()
        )))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed from the temporary files does no harm there.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn private() -> DirBuilder {
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
