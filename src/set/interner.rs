//! [`Interner`]: numbers distinct texts, with as little beside their bytes as can be.
//!
//! A list of ten million rows has twenty million texts, each its own. A map of owned texts takes a hundred bytes for each; here it
//! is four for where a text ends and six to seventeen for its place in the hash table.
//!
//! ```text
//! text number n = block n / 65536, and there the bytes between ends n - 1 and n
//! table: numbers only; a text is found by its hash, and compared where it lies
//! ```
//!
//! Blocks keep growth cheap: what is full is never copied again, and ends fit in 32 bits however many texts there are.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::error::{Error, ErrorCode, Result};

/// Texts in a block. With texts of at most 1024 bytes, a block has at most 64 MiB.
const BLOCK: usize = 1 << 16;

/// Gives each distinct text a number, in order of first appearance.
#[derive(Default)]
pub(super) struct Interner {
    blocks: Vec<Block>,
    table: HashTable<u32>,
    hasher: RandomState,
    bytes: u64,
}

#[derive(Default)]
struct Block {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Interner {
    /// How many texts there are; they are numbered from 0.
    pub(super) fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.ends.len())
    }

    /// Bytes of all texts.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The number of a text, which may be new.
    ///
    /// # Errors
    /// [`ErrorCode::SetTooLarge`] if there are too many; nothing has changed then.
    pub(super) fn intern(&mut self, text: &[u8]) -> Result<u32> {
        let hash = self.hasher.hash_one(text);
        if let Some(number) = self.table.find(hash, |n| get(&self.blocks, *n) == text) {
            return Ok(*number);
        }
        let full =
            || Error::new(ErrorCode::SetTooLarge, "more than 2^32 - 1 strings; split the set");
        let number = u32::try_from(self.len()).ok().filter(|n| *n < u32::MAX).ok_or_else(full)?;
        if (number as usize).is_multiple_of(BLOCK) {
            if let Some(done) = self.blocks.last_mut() {
                done.text.shrink_to_fit();
            }
            self.blocks.push(Block::default());
        }
        if let Some(block) = self.blocks.last_mut() {
            let end = u32::try_from(block.text.len() + text.len()).map_err(|_| full())?;
            block.text.extend_from_slice(text);
            block.ends.push(end);
        }
        self.bytes += text.len() as u64;
        let rehash = |n: &u32| self.hasher.hash_one(get(&self.blocks, *n));
        self.table.insert_unique(hash, number, rehash);
        Ok(number)
    }

    /// The text of a number that [`Interner::intern`] gave; empty for any other.
    pub(super) fn get(&self, number: u32) -> &[u8] {
        get(&self.blocks, number)
    }

    /// All texts, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len() as u32).map(|number| self.get(number))
    }

    /// Frees what only [`Interner::intern`] needs.
    pub(super) fn close(&mut self) {
        self.table = HashTable::new();
    }
}

fn get(blocks: &[Block], number: u32) -> &[u8] {
    let (block, at) = (number as usize / BLOCK, number as usize % BLOCK);
    let text = blocks.get(block).and_then(|block| {
        let end = *block.ends.get(at)? as usize;
        let start = at.checked_sub(1).map_or(0, |previous| block.ends[previous] as usize);
        block.text.get(start..end)
    });
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the plainest model there is.
        #[test]
        fn numbers_are_those_of_a_map(texts in prop::collection::vec("[a-c\0é]{0,4}", 0..300)) {
            let mut interner = Interner::default();
            let mut model: HashMap<&[u8], u32> = HashMap::new();
            let mut order: Vec<&[u8]> = Vec::new();
            for text in texts.iter().map(String::as_bytes) {
                let expected = *model.entry(text).or_insert_with(|| {
                    order.push(text);
                    order.len() as u32 - 1
                });
                prop_assert_eq!(interner.intern(text).unwrap(), expected);
                prop_assert_eq!(interner.get(expected), text);
            }
            prop_assert_eq!(interner.len(), order.len());
            prop_assert_eq!(interner.bytes(), order.iter().map(|t| t.len() as u64).sum::<u64>());
            prop_assert!(interner.iter().eq(order));
            prop_assert_eq!(interner.get(interner.len() as u32), b"");
        }
    }

    #[test]
    fn texts_are_found_across_blocks_and_after_the_table_has_grown() {
        let mut interner = Interner::default();
        let count = 2 * BLOCK as u32 + 10;
        let text = |n: u32| format!("text-{n}").into_bytes();
        for round in 0..2 {
            for n in 0..count {
                assert_eq!(interner.intern(&text(n)).unwrap(), n, "round {round}");
            }
        }
        interner.close();
        assert_eq!(interner.len(), count as usize);
        for n in [0, 1, BLOCK as u32 - 1, BLOCK as u32, BLOCK as u32 + 1, count - 1] {
            assert_eq!(interner.get(n), text(n));
        }
    }
}
