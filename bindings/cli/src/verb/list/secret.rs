//! Secret keys, in minisign's own files.

use std::io::{self, IsTerminal};
use std::path::Path;

use minisign::{PublicKey, SecretKey, SecretKeyBox};
use tamis::store::feed::{self, KeyId};

use crate::Failure;
use crate::wording::cannot_read;

/// Where scripts put the password.
const PASSWORD: &str = "TAMIS_KEY_PASSWORD";

/// A key pair that can sign.
pub(super) struct Secret {
    key: SecretKey,
    public: feed::PublicKey,
}

impl Secret {
    /// Reads a secret key, and asks for its password if it has one.
    pub(super) fn read(path: &Path) -> Result<Secret, Failure> {
        let text = std::fs::read_to_string(path).map_err(|e| Failure::of(path, cannot_read(&e)))?;
        let open = || SecretKeyBox::from_string(&text);
        let wrong = |e: minisign::PError| {
            Failure::of(path, format_args!("not usable as a secret key of minisign: {e}"))
        };
        let key = match open().and_then(SecretKeyBox::into_unencrypted_secret_key) {
            Ok(key) => key,
            // The crate says it in words only; a key that is neither fails below.
            Err(error) if error.to_string().contains("encrypted") => {
                let password = password(&format!("password of {}: ", path.display()))?;
                open().and_then(|key| key.into_secret_key(Some(password))).map_err(wrong)?
            }
            Err(error) => return Err(wrong(error)),
        };
        let public =
            PublicKey::from_secret_key(&key).and_then(|key| key.to_box()).map_err(wrong)?;
        let public = feed::PublicKey::from_file_text(&public.into_string())?;
        Ok(Secret { key, public })
    }

    pub(super) fn public(&self) -> feed::PublicKey {
        self.public
    }

    pub(super) fn id(&self) -> KeyId {
        self.public.id()
    }

    /// The text of a signature file.
    pub(super) fn sign(&self, bytes: &[u8], now: u64) -> Result<String, Failure> {
        let trusted = format!("timestamp:{now}\tfile:{}\thashed", feed::FEED_FILE);
        let untrusted = format!("signature by {}", self.id());
        let signed = minisign::sign(None, &self.key, bytes, Some(&trusted), Some(&untrusted));
        Ok(signed.map_err(|e| Failure::new(format!("cannot sign: {e}")))?.into_string())
    }
}

/// The password, from the environment or from the terminal.
pub(super) fn password(prompt: &str) -> Result<String, Failure> {
    if let Ok(password) = std::env::var(PASSWORD) {
        return Ok(password);
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::new(format!(
            "the key has a password and there is no terminal to ask for it; give it in {PASSWORD}"
        )));
    }
    rpassword::prompt_password(prompt)
        .map_err(|e| Failure::new(format!("cannot ask for the password: {e}")))
}
