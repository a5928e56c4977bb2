//! Hamming distances between 256-bit codes, and scans of a column of codes.
//! It imports nothing of the crate.
//!
//! ```
//! use tamis::hamming::{Code, Isa, scan};
//! let codes: Vec<Code> = vec![[0x00; 32], [0x0f; 32], [0x01; 32]];
//! let mut near = Vec::new();
//! scan(Isa::detect(), &codes, &[0; 32], 32, |row, distance| near.push((row, distance)));
//! assert_eq!(near, [(0, 0), (2, 32)]);
//! ```
//!
//! # The plain method
//!
//! ```text
//! for row in codes, ascending:
//!     for query in queries, in order:
//!         d = number of bits in which row and query differ
//!         if d <= radius: sink(query, row, d)
//! ```
//!
//! This is the specification: every kernel makes exactly these calls in exactly this order. `tests.rs` holds them to it.
//!
//! # What was added, and why it loses nothing
//!
//! ```text
//! for tile of 64 rows:
//!     if near<16>(tile, queries, radius) = {}: continue           (1) (2)
//!     for row in near<32>(tile, queries, radius), ascending:      (3)
//!         for query in queries: as in the plain method
//! ```
//!
//! `near<B>(tile, queries, radius)` is the set of rows whose first B bytes differ from those of at least one query in
//! `radius` bits or fewer. It is the only thing that is written once per instruction set.
//!
//! 1. *Half of the code first.* The first 16 bytes of a row cannot differ in more bits than the whole row, so a
//!    row outside `near<16>` is outside the radius. For two unrelated codes the half alone differs in 64 +- 6 bits: at
//!    radius 31 one pair in 480 million goes on (the sum of `128 over k` for k up to 31, over 2^128), and does half of the arithmetic. At 55 one in
//!    15 does, so nearly every tile is looked at again.
//! 2. *All queries while the tile is hot.* `near` answers for all queries at once: the codes come from memory
//!    once whatever the number of queries, and what a kernel prepares of a tile is shared by all of them.
//! 3. *Whole code second.* Only a tile that holds some candidate is looked at again, over all 32 bytes, so that a set
//!    whose codes share their first half costs about three times the usual, not the price of one scalar
//!    distance per row. A row outside `near<32>` is outside the radius of every query, and each row inside is measured
//!    again for each query, since the sink wants its distance.
//! 4. *The tail is a tile.* Fewer than 64 last rows are copied into a tile of zeros, and the bits of
//!    the rows that do not exist are cleared. No kernel has a tail of its own, and no load leaves its tile.
//!
//! The kernels say in their own files how they count.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod isa;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod scan;
#[cfg(test)]
mod tests;

pub use isa::Isa;
pub use scan::{Code, distance, scan, scan_batch};
