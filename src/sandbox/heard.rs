//! What each side makes of bytes that the other may have sent, for those who fuzz it (`fuzz/bodies/worker.rs`): it is no part of the interface, and may change with any version.
//!
//! A message is one here as it goes through the pipe: its length, and so many bytes.

use super::message::{self, Answer, GREETING_MOST, Hello, Orders, PREFIX, QUESTION_MOST, Question};
use crate::error::Result;
use crate::examine::Asked;

/// The answer that a host takes from a worker.
pub fn answer(said: &[u8], asked: &Asked<'_>) -> Option<Answer> {
    message::answer(body(said, message::answer_most(asked))?, asked)
}

/// The same as the worker sends it.
///
/// # Errors
/// [`ErrorCode::Internal`](crate::ErrorCode::Internal) never, unless there is a defect.
pub fn said(answer: &Answer) -> Result<Vec<u8>> {
    let mut said = Vec::new();
    message::append(answer, &mut said).map(|()| said)
}

/// What a worker takes from its host, written anew.
pub fn question(said: &[u8]) -> Option<Vec<u8>> {
    anew(&message::parse::<Question<'static>>(body(said, QUESTION_MOST)?)?)
}

/// As above, of the first message.
pub fn orders(said: &[u8]) -> Option<Vec<u8>> {
    anew(&message::parse::<Orders>(body(said, GREETING_MOST)?)?)
}

/// What a host takes from a worker as its first message, written anew.
pub fn hello(said: &[u8]) -> Option<Vec<u8>> {
    anew(&message::parse::<Hello>(body(said, GREETING_MOST)?)?)
}

fn anew(message: &impl serde::Serialize) -> Option<Vec<u8>> {
    let mut anew = Vec::new();
    message::append(message, &mut anew).ok().map(|()| anew)
}

/// What follows the length, if all of it is there and nothing else.
fn body(said: &[u8], most: usize) -> Option<&[u8]> {
    let (prefix, body) = said.split_at_checked(PREFIX)?;
    (message::length(prefix, most)? == body.len()).then_some(body)
}
