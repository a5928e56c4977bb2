//! Bytes in, pixels out: what an upload is, and what a viewer would see.
//!
//! ```text
//! bytes -> sniff -> Media { class, format }
//!       -> Decoder::decode under Limits -> Picture { as stored, as shown } | Unscannable
//! ```
//!
//! | file | does |
//! |---|---|
//! | `class`, `format` | names: what the policy sees, what the decoder sees |
//! | `sniff` | names an upload by its magic numbers |
//! | `walk`, `survey` | chunk headers; what a picture will cost, before anything is allocated |
//! | `source`, `codec`, `decode` | the deadline; the decoders; what the scanner calls |
//! | `pixels`, `raster` | 8 bits over white, turned upright; the rectangle handed on |

mod class;
#[cfg(feature = "decode")]
mod codec;
mod decode;
mod format;
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
pub use decode::{Decoder, Picture};
pub use format::Format;
pub(crate) use raster::narrow;
pub use raster::{PixelFormat, Raster};
pub use sniff::{Media, sniff};

#[cfg(all(test, feature = "decode"))]
mod tests;
