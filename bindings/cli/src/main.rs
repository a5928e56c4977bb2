//! The `tamis` executable.
fn main() {}
