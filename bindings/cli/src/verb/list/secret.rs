//! Secret keys, in minisign's own files.

use std::io::{self, IsTerminal};
use std::path::Path;

use ct_codecs::{Base64, Decoder};
use minisign::{PublicKey, SecretKey, SecretKeyBox};
use tamis::store::feed::{self, KeyId};

use crate::Failure;
use crate::output::shown;
use crate::wording::cannot_read;

/// Where scripts put the password.
const PASSWORD: &str = "TAMIS_KEY_PASSWORD";

/// How a key without a password says so: instead of the function that makes a key of one.
const UNENCRYPTED: [u8; 2] = [0, 0];

/// A key pair that can sign.
pub(super) struct Secret {
    key: SecretKey,
    public: feed::PublicKey,
}

impl Secret {
    /// Reads a secret key, and asks for its password if it has one.
    pub(super) fn read(path: &Path) -> Result<Secret, Failure> {
        let text = std::fs::read_to_string(path).map_err(|e| Failure::of(path, cannot_read(&e)))?;
        let wrong = |e: minisign::PError| {
            Failure::of(path, format_args!("not usable as a secret key of minisign: {e}"))
        };
        let bytes = text.lines().nth(1).map(|key| Base64::decode_to_vec(key.trim(), None));
        let Some(Ok(bytes)) = bytes else {
            return Err(Failure::of(
                path,
                "not a secret key; expected the file NAME.key that `tamis list keygen` or `minisign -G` wrote",
            ));
        };
        let key = if bytes.get(2..4) == Some(&UNENCRYPTED) {
            // The tool writes no checksum into such a key, so the crate's reader of boxes, which wants one, cannot be used. Every signature is verified.
            SecretKey::from_bytes(&bytes).map_err(wrong)?
        } else {
            let password = password(&format!("password of {}: ", shown(path)))?;
            SecretKeyBox::from_string(&text)
                .and_then(|key| key.into_secret_key(Some(password)))
                .map_err(wrong)?
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
