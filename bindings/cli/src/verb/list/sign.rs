//! `tamis list sign`, and where signatures go.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tamis::files::publish_bytes;
use tamis::store::feed::{self, FEED_FILE, Received};

use super::secret::Secret;
use super::workshop::feed_dir;
use crate::args::SignList;
use crate::judging::now;
use crate::output::shown;
use crate::{Exit, Failure, Output};

/// The first signature, by the name that minisign gives it.
const FIRST: &str = "feed.json.minisig";

pub(super) fn run(arguments: &SignList, output: &mut Output) -> Result<Exit, Failure> {
    let dir = feed_dir(&arguments.dir);
    let received = Received::read(&dir)?;
    let path = dir.join(FEED_FILE);
    let bytes = fs::read(&path).map_err(|e| Failure::of(&path, crate::wording::cannot_read(&e)))?;
    let feed = received.feed();
    for named in &feed.sets {
        feed::open_set(&dir, feed, named)
            .map_err(|e| Failure::new(format!("{e} (nothing was signed)")))?;
    }
    let secret = Secret::read(&arguments.key)?;
    let target = target(&dir, &received, &secret, arguments.out.as_deref())?;
    write(&target, &secret, &bytes, now())?;
    let (version, id) = (feed.version, secret.id());
    output.object(&json!({ "signed": path.to_string_lossy(), "list": feed.list, "version": version, "by": id.to_string(), "signature": target.to_string_lossy() }))?;
    output.line(format_args!(
        "{}: version {version} of {:?}, signed by {id}",
        shown(&target),
        feed.list
    ))?;
    Ok(Exit::SUCCESS)
}

/// Where the signature goes: to the one that the same key made before, else to the first place that is free.
fn target(
    dir: &Path,
    received: &Received,
    secret: &Secret,
    name: Option<&str>,
) -> Result<PathBuf, Failure> {
    if let Some(name) = name {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name != FIRST && (name.is_empty() || name.len() > 64 || !name.chars().all(plain)) {
            return Err(Failure::new(
                "--out: expected letters, digits, '.', '_' and '-', or feed.json.minisig",
            ));
        }
        let name = if name == FIRST { FIRST.into() } else { format!("{FEED_FILE}.{name}.minisig") };
        return Ok(dir.join(name));
    }
    let own = received.signatures().find(|(_, id)| *id == Some(secret.id()));
    let first_is_free = received.signatures().all(|(name, _)| name != FIRST);
    Ok(dir.join(match own {
        Some((name, _)) => name.to_owned(),
        None if first_is_free => FIRST.to_owned(),
        None => format!("{FEED_FILE}.{}.minisig", secret.id()),
    }))
}

/// Signs `feed.json`'s bytes, and looks whether the signature holds.
pub(super) fn write(target: &Path, secret: &Secret, bytes: &[u8], now: u64) -> Result<(), Failure> {
    let text = secret.sign(bytes, now)?;
    let signatures = vec![(FIRST.to_owned(), text.clone().into_bytes())];
    let signed = Received::from_parts("", bytes.to_vec(), signatures)?;
    if signed.signers(&[secret.public()]).is_empty() {
        return Err(Failure::new(
            "the signature that was made does not hold; is the secret key damaged?",
        ));
    }
    Ok(publish_bytes(target, text.as_bytes())?)
}

/// Where `publish` puts its own.
pub(super) fn first(dir: &Path) -> PathBuf {
    dir.join(FIRST)
}
