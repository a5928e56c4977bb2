//! The `tamis` executable.

#[cfg_attr(not(test), expect(dead_code, reason = "used by `demo` and `test-files`, to come"))]
mod drawing;
#[cfg_attr(not(test), expect(dead_code, reason = "used by `demo`, to come"))]
mod encode;

fn main() {}
