//! See `bodies::store::feed_contents`.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::store::feed_contents(data));
