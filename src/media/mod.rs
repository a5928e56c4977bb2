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
//! | `png`, `gif`, `webp` | by rows, and frame by frame |
//! | `colour` | whether a picture is shown in other colours than its numbers say |
//! | `whole` | BMP and TIFF, by way of the `image` crate |
//! | `rows`, `canvas`, `sample` | rows on their way; what an animation is drawn on; which of its frames are looked at |
//! | `decode` | what the scanner calls, and which decoder takes which format |
//! | `job`, `source` | what one decode may cost; the upload as decoders read it, up to the deadline |
//! | `embedded` | pictures inside an upload: thumbnails, members of archives, pictures of a PDF |
//! | `pixels`, `raster` | 8 bits over the page; the rectangle handed on |

#[cfg(feature = "decode")]
mod canvas;
mod class;
#[cfg(feature = "decode")]
mod colour;
mod decode;
mod embedded;
mod format;
mod frame;
#[cfg(feature = "decode")]
mod gif;
#[cfg(feature = "decode")]
mod job;
#[cfg(feature = "decode")]
mod jpeg;
#[cfg(feature = "decode")]
mod pixels;
#[cfg(feature = "decode")]
mod png;
mod raster;
#[cfg(feature = "decode")]
mod rows;
#[cfg(feature = "decode")]
mod sample;
mod sniff;
#[cfg(feature = "decode")]
mod source;
#[cfg(feature = "decode")]
mod survey;
mod walk;
#[cfg(feature = "decode")]
mod webp;
#[cfg(feature = "decode")]
mod whole;

pub use class::{MediaClass, Unscannable};
pub use decode::Decoder;
pub(crate) use embedded::is_more_than_text;
pub use embedded::{Budget, Coverage, Embedded, Place, embedded, is_container};
pub use format::Format;
pub use frame::{Channels, Decoded, Frame, Keep, Page, Request, Sink};
pub(crate) use raster::narrow;
pub use raster::{PixelFormat, Raster};
pub use sniff::{Media, sniff};

#[cfg(all(test, feature = "decode"))]
mod tests;
