//! Bytes in, pixels out: what an upload is, and what a viewer would see.
//!
//! ```text
//! bytes -> sniff -> Media { class, format }
//!       -> Decoder::decode under Limits -> Sink: frames, band by band | Unscannable
//! ```
//!
//! | file | does |
//! |---|---|
//! | `class`, `format` | names: what the policy sees, what the decoder sees |
//! | `sniff` | names an upload by its magic numbers |
//! | `frame` | what is asked of a decoder, and what it hands over |
//! | `walk`, `survey` | chunk headers; what a picture will cost, before anything is allocated |
//! | `jpeg` | JPEG, its luma alone if that is enough |
//! | `source`, `codec`, `decode` | the deadline; the decoders; what the scanner calls |
//! | `pixels`, `raster` | 8 bits over white; the rectangle handed on |

mod class;
#[cfg(feature = "decode")]
mod codec;
mod decode;
mod format;
mod frame;
#[cfg(feature = "decode")]
mod jpeg;
#[cfg(feature = "decode")]
mod pixels;
mod raster;
mod sniff;
#[cfg(feature = "decode")]
mod source;
#[cfg(feature = "decode")]
mod survey;
mod walk;

pub use class::{MediaClass, Unscannable};
pub use decode::Decoder;
pub use format::Format;
pub use frame::{Channels, Decoded, Frame, Keep, Request, Sink};
pub use raster::{PixelFormat, Raster};
pub use sniff::{Media, sniff};

#[cfg(all(test, feature = "decode"))]
mod tests;
