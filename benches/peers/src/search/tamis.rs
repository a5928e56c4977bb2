//! Tamis: a set file, opened where it lies.

use std::path::Path;

use tamis::fingerprint::{Fingerprint, PdqHash};
use tamis::hamming::{Code, Isa, scan_batch};
use tamis::set::{Entry, List, ListKind};
use tamis::{Set, SetBuilder};

use super::{Contender, Near};
use crate::protocol::Result;

pub struct Tamis {
    codes: Vec<Code>,
}

/// One list with one item, none of its entries reviewed: nothing is known of them but the code.
pub fn build(codes: &[Code], file: &str) -> Result<()> {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("drawn", ListKind::Exchange))?;
    for code in codes {
        builder.add(list, Entry { item: "drawn".into(), ..Entry::new(PdqHash(*code)) })?;
    }
    builder.write(Path::new(file))?;
    Ok(())
}

impl Tamis {
    pub fn open(_method: &str, file: &str) -> Result<Tamis> {
        let set = Set::open(file)?;
        let mut codes = Vec::new();
        for entry in set.entries() {
            let fingerprint: Fingerprint = entry?.entry.fingerprint;
            codes.push(PdqHash::try_from(fingerprint)?.0);
        }
        codes.dedup();
        Ok(Tamis { codes })
    }
}

impl Contender for Tamis {
    fn near(&mut self, queries: &[Code], radius: u32, found: &mut Vec<Near>) -> Result<()> {
        scan_batch(Isa::detect(), &self.codes, queries, radius, |query, row, distance| {
            found.push(Near { query: query as u32, row: row as u32, distance });
        });
        Ok(())
    }
}
