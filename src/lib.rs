//! Tamis recognises **known** illegal pictures, videos and links before an upload is stored.

pub mod error;
pub mod fingerprint;
pub mod import;
mod limits;
pub mod media;
pub mod search;
pub mod set;

pub use error::{Error, ErrorCode, Result};
pub use limits::Limits;
