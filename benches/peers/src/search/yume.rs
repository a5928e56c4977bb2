//! yume-pdq's matcher: a scan of 2048 codes at a time for eight queries at once.

use generic_array::GenericArray;
use generic_array::typenum::{U8, U32, U2048};
use tamis::hamming::Code;
use yume_pdq::alignment::{Align8, calloc_generic_array_2d};
use yume_pdq::matching::{CpuMatcher, PDQMatcher};

use super::{Contender, Near};
use crate::protocol::Result;

const BLOCK: usize = 2048;
const LANES: usize = 8;

type Block = Align8<GenericArray<GenericArray<u8, U32>, U2048>>;

pub struct Yume {
    blocks: Vec<Box<Block>>,
    count: usize,
}

impl Yume {
    pub fn new(codes: &[Code]) -> Yume {
        let blocks = codes.chunks(BLOCK).map(|codes| {
            let mut block = calloc_generic_array_2d::<u8, Align8<_>, U2048, U32>();
            for (place, code) in block.iter_mut().zip(codes) {
                place.copy_from_slice(code);
            }
            block
        });
        Yume { blocks: blocks.collect(), count: codes.len() }
    }
}

impl Contender for Yume {
    fn near(&mut self, queries: &[Code], radius: u32, found: &mut Vec<Near>) -> Result<()> {
        let threshold = u8::try_from(radius)?;
        for (group, some) in queries.chunks(LANES).enumerate() {
            // It knows no fewer than eight: those that are missing are far from everything listed.
            let mut needles = GenericArray::<GenericArray<u8, U32>, U8>::default();
            needles.iter_mut().for_each(|needle| needle.fill(0xFF));
            for (needle, query) in needles.iter_mut().zip(some) {
                needle.copy_from_slice(query);
            }
            let mut matcher = CpuMatcher::<U2048>::new(&needles, threshold);
            for (number, block) in self.blocks.iter().enumerate() {
                matcher.find(block, |place, lane| -> Option<()> {
                    let row = number * BLOCK + place;
                    if lane < some.len() && row < self.count {
                        let distance = block[place]
                            .iter()
                            .zip(&some[lane])
                            .map(|(a, b)| (a ^ b).count_ones())
                            .sum();
                        found.push(Near {
                            query: (group * LANES + lane) as u32,
                            row: row as u32,
                            distance,
                        });
                    }
                    None
                });
            }
        }
        Ok(())
    }
}
