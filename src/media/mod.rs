//! Bytes in, pixels out: what an upload is, and what a viewer would see.

mod class;
mod raster;

pub use class::{MediaClass, Unscannable};
pub use raster::{PixelFormat, Raster};
