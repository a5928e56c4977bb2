//! See `bodies::sniff_decode`.
#![no_main]

#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(
    init: {
        // libFuzzer's hook would end the process at a panic inside a decoder, which the library catches and answers
        // with `decoder-panic`. With this one, only a panic that reaches the target is a crash.
        std::panic::set_hook(Box::new(|panic| eprintln!("panic: {panic}")));
    },
    |data: &[u8]| bodies::sniff_decode(data)
);
