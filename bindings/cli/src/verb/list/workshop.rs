//! The list maker's directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tamis::ErrorCode;
use tamis::files::publish_bytes;
use tamis::store::feed::{FEED_FILE, Feed, Received};

use crate::Failure;

/// The served part.
pub(super) const PUBLIC: &str = "public";

const SETTINGS: &str = "list.json";
const LOCK: &str = ".lock";

/// What `format` says.
const FORMAT: &str = "tamis list 1";

/// What the maker says of the list: `list.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) format: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) contact: String,
    #[serde(default)]
    pub(super) corrections: String,
    #[serde(default)]
    pub(super) criteria: String,
    /// Days after which a publication ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_after: Option<u32>,
}

impl Settings {
    pub(super) fn new(name: &str) -> Settings {
        let none = String::new;
        Settings {
            format: FORMAT.into(),
            name: name.into(),
            contact: none(),
            corrections: none(),
            criteria: none(),
            expires_after: None,
        }
    }

    /// The beginning of a feed that says the same.
    pub(super) fn feed(&self, version: u64, now: u64) -> Feed {
        let mut feed = Feed::new(&self.name, version);
        feed.created = now;
        feed.contact.clone_from(&self.contact);
        feed.corrections.clone_from(&self.corrections);
        feed.criteria.clone_from(&self.criteria);
        feed.expires = self.expires_after.map(|days| now.saturating_add(u64::from(days) * 86_400));
        feed
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|e| Failure::of(dir, e))? + "\n";
        Ok(publish_bytes(&dir.join(SETTINGS), text.as_bytes())?)
    }
}

/// The directory, held by one process.
pub(super) struct Workshop {
    pub(super) dir: PathBuf,
    pub(super) settings: Settings,
    _lock: File,
}

impl Workshop {
    pub(super) fn open(dir: &Path) -> Result<Workshop, Failure> {
        let path = dir.join(SETTINGS);
        let bytes = fs::read(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Failure::of(
                dir,
                "this is no list's directory: it holds no list.json; make one with `tamis list new`",
            ),
            _ => Failure::of(&path, crate::wording::cannot_read(&e)),
        })?;
        let settings: Settings =
            serde_json::from_slice(&bytes).map_err(|e| Failure::of(&path, e))?;
        if settings.format != FORMAT {
            let what = format!("format is {:?}; expected {FORMAT:?}", settings.format);
            return Err(Failure::of(&path, what));
        }
        Ok(Workshop { dir: dir.to_path_buf(), settings, _lock: lock(dir)? })
    }

    pub(super) fn public(&self) -> PathBuf {
        self.dir.join(PUBLIC)
    }

    /// What was published last, if anything was.
    pub(super) fn published(&self) -> Result<Option<Feed>, Failure> {
        let feed = match Received::read(self.public()) {
            Ok(received) => received.feed().clone(),
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if feed.list == self.settings.name {
            return Ok(Some(feed));
        }
        let (name, own) = (&feed.list, &self.settings.name);
        Err(Failure::of(
            &self.dir,
            format_args!(
                "list.json says {own:?} and public/feed.json {name:?}; a list keeps its name: begin another with `tamis list new`"
            ),
        ))
    }
}

/// The feed in a directory that is a list's or a feed's own.
pub(super) fn feed_dir(dir: &Path) -> PathBuf {
    let public = dir.join(PUBLIC);
    if !dir.join(FEED_FILE).exists() && public.is_dir() { public } else { dir.to_path_buf() }
}

/// Makes a directory that is the owner's and the group's.
pub(super) fn make_directory(path: &Path) -> Result<(), Failure> {
    let cannot = |e| Failure::of(path, crate::wording::cannot_make(&e));
    fs::create_dir(path).map_err(cannot)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o750)).map_err(cannot)?;
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, Failure> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|e| Failure::of(&path, crate::wording::cannot_write(&e)))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::of(
            dir,
            "another process is changing this list; try again when it is done",
        )),
        Err(TryLockError::Error(e)) => Err(Failure::of(&path, format_args!("cannot lock it: {e}"))),
    }
}
