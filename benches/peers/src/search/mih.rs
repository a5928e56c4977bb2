//! mih-rs: multi-index hashing with as many tables as fit the number of codes (11 of 23 or 24 bits for ten million).
//!
//! As published it takes codes of up to 64 bits. Its trait is open, though, so [`wide::Wide`] brings it one of 256.

mod wide;

use mih_rs::index::RangeSearcher;
use mih_rs::{Index, hamdist};
use tamis::hamming::Code;

use self::wide::Wide;
use super::{Contender, Near};
use crate::protocol::Result;

pub struct Mih {
    /// Borrows from the index, which is never freed: the process ends with it.
    searcher: RangeSearcher<'static, Wide>,
    index: &'static Index<Wide>,
}

impl Mih {
    pub fn new(codes: &[Code]) -> Result<Mih> {
        let index = Index::new(codes.iter().map(|code| code.into()).collect())
            .map_err(|error| error.to_string())?;
        let index: &'static Index<Wide> = Box::leak(Box::new(index));
        Ok(Mih { searcher: index.range_searcher(), index })
    }
}

impl Contender for Mih {
    fn near(&mut self, queries: &[Code], radius: u32, found: &mut Vec<Near>) -> Result<()> {
        for (query, code) in queries.iter().enumerate() {
            let code: Wide = code.into();
            for &row in self.searcher.run(code, radius as usize) {
                let distance = hamdist(code, self.index.codes()[row as usize]) as u32;
                found.push(Near { query: query as u32, row, distance });
            }
        }
        Ok(())
    }
}
