//! What goes through the pipes. The module docs above have the order; here is the form, and what an answer may claim.

use std::borrow::Cow;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::options::Layers;
use crate::error::{Error, ErrorCode, Result};
use crate::examine::{Asked, Examined, MOST_SLACK};
use crate::fingerprint::{Perceptual, View};
use crate::limits::Limits;
use crate::media::{Media, Unscannable};

/// What each direction begins with, so that a program that is no worker is noticed by its first words.
pub(super) const MAGIC: [u8; 8] = *b"tamis-wk";
/// Bytes of a message's length.
pub(super) const PREFIX: usize = 4;
/// Longest orders or hello.
pub(super) const GREETING_MOST: usize = 4 << 10;
/// Longest question that a worker takes from its host.
pub(super) const QUESTION_MOST: usize = 64 << 10;
/// The version that host and worker must share.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The host's first message.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) version: String,
    /// [`WorkerOptions::memory`](super::WorkerOptions::memory).
    pub(super) memory: u64,
}

/// The worker's first message, when it is confined.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) version: String,
    pub(super) layers: Layers,
}

/// One upload, whose bytes follow.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question<'a> {
    pub(super) length: u64,
    pub(super) media: Media,
    pub(super) views: Cow<'a, [View]>,
    pub(super) exact: bool,
    pub(super) limits: Cow<'a, Limits>,
    /// What has passed since [`Asked::started`].
    pub(super) passed: Duration,
    /// What is left until the caller's own deadline.
    pub(super) left: Option<Duration>,
}

/// What the worker found.
pub(super) type Answer = std::result::Result<Examined, Unscannable>;

/// Appends a message to `out`.
pub(super) fn append(message: &impl Serialize, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    out.extend([0; PREFIX]);
    serde_json::to_writer(&mut *out, message).map_err(unwritable)?;
    let length = u32::try_from(out.len() - start - PREFIX).map_err(unwritable)?;
    out[start..start + PREFIX].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::Internal, format!("a message of the worker cannot be written: {error}"))
}

/// The length in a prefix, if it is within the bound.
pub(super) fn length(prefix: &[u8], most: usize) -> Option<usize> {
    let length = u32::from_le_bytes(prefix.try_into().ok()?);
    usize::try_from(length).ok().filter(|length| *length <= most)
}

/// A message's contents.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// The answer that a message is, if it can be one to what was asked.
pub(super) fn answer(body: &[u8], asked: &Asked<'_>) -> Option<Answer> {
    let answer: Answer = parse(body)?;
    let plausible = match &answer {
        Ok(examined) => is_plausible(examined, asked),
        Err(reason) => *reason != Unscannable::WorkerDied,
    };
    plausible.then_some(answer)
}

/// Most hashes that an answer may hold: each view of the picture, of its frames and of what is embedded, stored and shown.
fn most_hashes(asked: &Asked<'_>) -> usize {
    let pictures = 1 + u64::from(asked.limits.frames) + u64::from(asked.limits.embedded);
    let pictures = usize::try_from(pictures).unwrap_or(usize::MAX);
    asked.views.len().saturating_mul(2).saturating_mul(pictures)
}

/// Longest answer to a question. A hash takes some 150 bytes.
pub(super) fn answer_most(asked: &Asked<'_>) -> usize {
    most_hashes(asked).saturating_mul(256).saturating_add(1 << 10).min(16 << 20)
}

/// Whether that can be what was found of what was asked. It may still be a lie; it cannot be one that does harm.
fn is_plausible(examined: &Examined, asked: &Asked<'_>) -> bool {
    // Taken apart field by field, so that whoever adds one has to say here what it may hold.
    let Examined { perceptual, complete: _, missed, size } = examined;
    perceptual.len() <= most_hashes(asked)
        && perceptual.iter().all(|found| {
            let Perceptual { view, part: _, hash: _, quality, slack } = found;
            let most = if asked.exact { 0 } else { MOST_SLACK };
            asked.views.contains(view) && *quality <= 100 && *slack <= most
        })
        && *missed != Some(Unscannable::WorkerDied)
        && size.is_none_or(|(width, height)| {
            width <= asked.limits.width && height <= asked.limits.height
        })
}
