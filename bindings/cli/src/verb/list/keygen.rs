//! `tamis list keygen`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use minisign::KeyPair;
use serde_json::json;
use tamis::store::feed::PublicKey;

use super::secret::password;
use crate::args::Keygen;
use crate::output::{remark, shown};
use crate::wording::cannot_write;
use crate::{Exit, Failure, Output};

pub(super) fn run(arguments: &Keygen, output: &mut Output) -> Result<Exit, Failure> {
    let name = |ending: &str| {
        let mut name = arguments.name.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    let (public, secret) = (name(".pub"), name(".key"));
    // Before anybody thinks of a password.
    for path in [&public, &secret] {
        if path.symlink_metadata().is_ok() {
            return Err(Failure::of(path, "it exists; a key is never replaced: give another name"));
        }
    }
    let failed = |e: minisign::PError| Failure::new(format!("cannot make a key: {e}"));
    let pair = if arguments.without_password {
        KeyPair::generate_unencrypted_keypair()
    } else {
        let first = password("password of the new key: ")?;
        if first.is_empty() {
            return Err(Failure::new("the password is empty; give one, or -W for a key without"));
        }
        if first != password("once more: ")? {
            return Err(Failure::new("the passwords differ; nothing was written"));
        }
        KeyPair::generate_encrypted_keypair(Some(first))
    }
    .map_err(failed)?;
    let public_text = pair.pk.to_box().map_err(failed)?.into_string();
    let key = PublicKey::from_file_text(&public_text)?;
    let comment = format!("tamis list secret key {}", key.id());
    let secret_text = pair.sk.to_box(Some(&comment)).map_err(failed)?.into_string();
    create(&secret, secret_text.as_bytes(), 0o600)?;
    create(&public, public_text.as_bytes(), 0o644)?;
    if arguments.without_password {
        remark(format_args!(
            "{}: not encrypted: whoever reads it can sign for you",
            secret.display()
        ));
    }
    output.object(&json!({ "key": key, "id": key.id().to_string(), "public": public.to_string_lossy(), "secret": secret.to_string_lossy() }))?;
    output.line(format_args!(
        "{}: public key {}, for your subscribers",
        shown(&public),
        key.id()
    ))?;
    output.line(format_args!("  {key}"))?;
    output
        .line(format_args!("{}: secret key; keep it, and a copy of it offline", shown(&secret)))?;
    Ok(Exit::SUCCESS)
}

fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|e| Failure::of(path, cannot_write(&e)))
}
