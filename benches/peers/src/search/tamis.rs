//! Tamis: a set file, opened where it lies.

use std::path::Path;

use tamis::fingerprint::PdqHash;
use tamis::hamming::Code;
use tamis::index::Strategy;
use tamis::search::RadiusSearch;
use tamis::set::{Entry, List, ListKind};
use tamis::{Set, SetBuilder};

use super::{Contender, Near};
use crate::protocol::Result;

pub struct Tamis {
    set: Set,
    search: RadiusSearch,
    queries: Vec<(PdqHash, u32)>,
}

/// One list with one item, none of its entries reviewed: nothing is known of them but the code.
pub fn build(codes: &[Code], file: &str) -> Result<()> {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("drawn", ListKind::Exchange))?;
    for code in codes {
        builder.add(list, Entry::new(PdqHash(*code)).item("drawn"))?;
    }
    builder.write(Path::new(file))?;
    Ok(())
}

impl Tamis {
    pub fn open(method: &str, file: &str) -> Result<Tamis> {
        let method = match method {
            "index" => Strategy::Index,
            "scan" => Strategy::Scan,
            _ => Strategy::Auto,
        };
        let search = RadiusSearch::new().with_strategy(method);
        Ok(Tamis { set: Set::open(file)?, search, queries: Vec::new() })
    }
}

impl Contender for Tamis {
    fn near(&mut self, queries: &[Code], radius: u32, found: &mut Vec<Near>) -> Result<()> {
        self.queries.clear();
        self.queries.extend(queries.iter().map(|code| (PdqHash(*code), radius)));
        let near = self.search.within(&self.set, &self.queries)?;
        found.extend(near.iter().map(|near| Near {
            query: near.query as u32,
            row: near.row as u32,
            distance: near.distance,
        }));
        Ok(())
    }

    fn warm(&mut self) -> Result<()> {
        Ok(self.set.warm(&mut |_| {})?)
    }
}
