//! See `bodies::worker`.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(
    init: {
        // As in `sniff_decode`: a panic inside a decoder is caught and answered.
        std::panic::set_hook(Box::new(|panic| eprintln!("panic: {panic}")));
    },
    |data: &[u8]| bodies::worker::worker(data)
);
