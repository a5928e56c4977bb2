//! The journal: which files a scan has finished, so that it can be stopped and run again.
//!
//! ```text
//! tamis-journal 1 version=0.1.0 store=<64 hex> policy=<64 hex> now=-
//! a 1234 1790000000.000000000 1790000000.000000000 /srv/uploads/one.jpg
//! b 4321 1790000001.000000000 1790000002.000000000 /srv/uploads/two%0A.jpg
//! ```
//!
//! A header says what the lines below it were judged by; they count only for a scan by the same. Another store, policy, version or `--now`
//! begins a new section, and all files are judged again. A line is the action (allow, review, block), size, time of modification and time of change of
//! the file *before* it was read, and its absolute path: a file that was changed since is judged again. In paths, bytes that are not
//! printable ASCII and `%` are written as `%XX`. No fingerprint is ever written.
//!
//! Crash safety: lines are collected for a second, then what was printed is synced, then the lines are written and synced. So a journal never
//! knows of a result that can still be lost. A last line without its line break was torn by a crash: it is cut off.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tamis::fingerprint::{Algorithm, Algorithms, digests};
use tamis::{Action, PolicyDigest};

use super::letter;
use crate::Failure;
use crate::output::remark;

const MAGIC: &str = "tamis-journal 1 ";

/// How long lines are collected before they are written.
const INTERVAL: Duration = Duration::from_secs(1);

/// ... or how many bytes of them.
const PENDING: usize = 256 << 10;

/// What files are judged by.
pub(super) struct Header {
    pub(super) store: String,
    pub(super) policy: PolicyDigest,
    pub(super) now: Option<u64>,
}

impl Header {
    fn line(&self) -> String {
        let now = self.now.map_or_else(|| "-".into(), |now| now.to_string());
        let version = env!("CARGO_PKG_VERSION");
        format!("{MAGIC}version={version} store={} policy={} now={now}", self.store, self.policy)
    }
}

/// A file's size and times, which tell whether it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    /// Seconds and nanoseconds of modification and of change. The latter cannot be set back by a program.
    times: [(i64, i64); 2],
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Stamp {
        #[cfg(unix)]
        let times = {
            use std::os::unix::fs::MetadataExt;
            [(metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec())]
        };
        #[cfg(not(unix))]
        let times = {
            let since =
                metadata.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
            let since = since.unwrap_or_default();
            [(since.as_secs() as i64, i64::from(since.subsec_nanos())), (0, 0)]
        };
        Stamp { size: metadata.len(), times }
    }
}

/// An open journal. No other scan writes to it meanwhile.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Finished files, sorted: 16 bytes each, so that ten million of them take 170 MB and not a gigabyte.
    finished: Vec<(Key, Action)>,
    pending: String,
    written: Instant,
    /// Where results go, if that can be synced.
    results: Option<File>,
}

/// The beginning of the BLAKE3 digest of a line behind its action.
type Key = [u8; 16];

impl Journal {
    /// Opens or begins a journal, and reads which files are finished.
    pub(super) fn open(path: &Path, header: &Header) -> Result<Journal, Failure> {
        let cannot =
            |e: io::Error| Failure::of(path, format_args!("cannot use it as a journal: {e}"));
        // Asked before opening: opening a pipe would wait.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Failure::of(path, "not a regular file; name a new or an earlier journal"));
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::of(
                    path,
                    "another scan is writing this journal; wait for it, or name another",
                ));
            }
            // Some file systems have no locks.
            Err(TryLockError::Error(_)) => {}
        }

        let header = header.line();
        let past = Past::read(&file, &header).map_err(cannot)?;
        if past.foreign {
            return Err(Failure::of(
                path,
                "not a journal of tamis scan; it is left as it is, name another file",
            ));
        }
        #[cfg(unix)]
        {
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            file.set_permissions(private).map_err(cannot)?;
        }
        // A torn line is cut off: what is appended to it could read as another path.
        file.set_len(past.length).map_err(cannot)?;
        let mut journal = Journal {
            path: path.to_path_buf(),
            file,
            finished: past.finished,
            pending: String::new(),
            written: Instant::now(),
            results: results(),
        };
        if !past.current {
            if past.length > 0 && journal.finished.is_empty() {
                remark(format_args!(
                    "{}: written with another store, policy, --now or version of Tamis, so all files are judged again",
                    path.display()
                ));
            }
            journal.pending = format!("{header}\n");
            journal.commit()?;
        }
        Ok(journal)
    }

    /// What was decided about a file, if it is finished and unchanged.
    pub(super) fn finished(&self, path: &Path, stamp: &Stamp) -> Option<Action> {
        if self.finished.is_empty() {
            return None;
        }
        let wanted = key(rest(path, stamp).as_bytes());
        let place = self.finished.binary_search_by_key(&wanted, |(key, _)| *key).ok()?;
        self.finished.get(place).map(|(_, action)| *action)
    }

    /// Notes that a file is finished. Its result must have been written to stdout.
    pub(super) fn add(
        &mut self,
        path: &Path,
        stamp: &Stamp,
        action: Action,
    ) -> Result<(), Failure> {
        self.pending.push(letter(action));
        self.pending.push(' ');
        self.pending.push_str(&rest(path, stamp));
        self.pending.push('\n');
        if self.pending.len() < PENDING && self.written.elapsed() < INTERVAL {
            return Ok(());
        }
        self.commit()
    }

    /// Writes what is pending, for good.
    pub(super) fn commit(&mut self) -> Result<(), Failure> {
        if let Some(results) = &self.results {
            results.sync_data().map_err(|e| Failure::new(format!("cannot sync stdout: {e}")))?;
        }
        let written =
            self.file.write_all(self.pending.as_bytes()).and_then(|()| self.file.sync_data());
        self.pending.clear();
        self.written = Instant::now();
        written.map_err(|e| Failure::of(&self.path, format_args!("cannot write the journal: {e}")))
    }
}

/// What an existing journal says.
#[derive(Default)]
struct Past {
    /// It begins with something else than a header.
    foreign: bool,
    /// Its last section is by the wanted header.
    current: bool,
    /// Bytes up to the end of the last whole line.
    length: u64,
    finished: Vec<(Key, Action)>,
}

impl Past {
    fn read(mut file: &File, header: &str) -> io::Result<Past> {
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut past = Past::default();
        // A file that does not begin as a journal is not read to its end.
        let beginning = reader.fill_buf()?;
        let magic = MAGIC.as_bytes();
        if !beginning.starts_with(&magic[..magic.len().min(beginning.len())]) {
            past.foreign = true;
            return Ok(past);
        }
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                break;
            }
            past.length += read as u64;
            if line.starts_with(magic) {
                past.current = line == header.as_bytes();
            } else if past.current
                && let Some((action, rest)) = split(&line)
            {
                past.finished.push((key(rest), action));
            }
        }
        // The strongest action stands first, and stays.
        past.finished.sort_unstable_by_key(|(key, action)| (*key, std::cmp::Reverse(*action)));
        past.finished.dedup_by_key(|(key, _)| *key);
        past.finished.shrink_to_fit();
        Ok(past)
    }
}

/// A line's action, and what stands behind it.
fn split(line: &[u8]) -> Option<(Action, &[u8])> {
    let action = Action::ALL.iter().copied().find(|a| line.first() == Some(&(letter(*a) as u8)))?;
    Some((action, line.get(1..)?.strip_prefix(b" ")?))
}

/// A line behind its action.
fn rest(path: &Path, stamp: &Stamp) -> String {
    let [(modified, modified_ns), (changed, changed_ns)] = stamp.times;
    let mut out = format!("{} {modified}.{modified_ns:09} {changed}.{changed_ns:09} ", stamp.size);
    // Absolute, so that it does not matter where the next run is started. Links in it are not resolved: that would cost a system
    // call for each directory of each path.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b' '..=b'~' if *byte != b'%' => out.push(char::from(*byte)),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

fn key(rest: &[u8]) -> Key {
    let blake3 = digests(rest, Algorithms::NONE.with(Algorithm::Blake3)).get(Algorithm::Blake3);
    let mut key = [0; 16];
    if let Some(digest) = &blake3 {
        key.copy_from_slice(&digest.bytes()[..16]);
    }
    key
}

/// Stdout, if it is a file. A pipe is its reader's to keep.
#[cfg(unix)]
fn results() -> Option<File> {
    use std::os::fd::AsFd;
    let file = File::from(io::stdout().as_fd().try_clone_to_owned().ok()?);
    file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file)
}

#[cfg(not(unix))]
fn results() -> Option<File> {
    None
}

#[cfg(test)]
mod tests;
