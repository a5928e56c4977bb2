//! Tamis: a set file, opened where it lies, and its radius index.

use std::fs;
use std::path::Path;

use tamis::fingerprint::PdqHash;
use tamis::hamming::{Code, Isa};
use tamis::index::{self, Buffers, Builder, Method, RadiusIndex};
use tamis::set::{Entry, List, ListKind};
use tamis::{Set, SetBuilder};

use super::{Contender, Near};
use crate::protocol::Result;

pub struct Tamis {
    /// Borrows what is never freed: the process ends with it.
    index: RadiusIndex<'static, ()>,
    set: Set,
    method: Method,
    queries: Vec<(Code, u32)>,
    found: Vec<index::Near>,
    buffers: Buffers,
}

/// One list with one item, none of its entries reviewed: nothing is known of them but the code.
pub fn build(codes: &[Code], file: &str) -> Result<()> {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("drawn", ListKind::Exchange))?;
    for code in codes {
        builder.add(list, Entry { item: "drawn".into(), ..Entry::new(PdqHash(*code)) })?;
    }
    builder.write(Path::new(file))?;
    let codes = distinct(&Set::open(file)?)?;
    fs::write(beside(file), Builder::new(&codes)?.to_bytes())?;
    Ok(())
}

/// Until the set file holds its index.
fn beside(file: &str) -> String {
    format!("{file}.index")
}

fn distinct(set: &Set) -> Result<Vec<Code>> {
    let mut codes = Vec::new();
    for entry in set.entries() {
        codes.push(PdqHash::try_from(entry?.entry.fingerprint)?.0);
    }
    codes.dedup();
    Ok(codes)
}

impl Tamis {
    pub fn open(method: &str, file: &str) -> Result<Tamis> {
        let method = match method {
            "index" => Method::Index,
            "scan" => Method::Scan,
            _ => Method::Auto,
        };
        let set = Set::open(file)?;
        let codes = distinct(&set)?.leak();
        let index = RadiusIndex::new(codes, fs::read(beside(file))?.leak(), ())?;
        let (queries, found, buffers) = (Vec::new(), Vec::new(), Buffers::default());
        Ok(Tamis { index, set, method, queries, found, buffers })
    }
}

impl Contender for Tamis {
    fn near(&mut self, queries: &[Code], radius: u32, found: &mut Vec<Near>) -> Result<()> {
        self.queries.clear();
        self.queries.extend(queries.iter().map(|code| (*code, radius)));
        self.found.clear();
        let isa = Isa::detect();
        self.index.within(isa, self.method, &self.queries, &mut self.buffers, &mut self.found)?;
        found.extend(self.found.iter().map(|near| Near {
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
