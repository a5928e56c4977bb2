//! Answers `peers.py` and `search.py`: see `protocol` for the form, here for the commands. Words are separated by tabs.
//!
//! ```text
//! hash HASHER PIXELS WIDTH HEIGHT TIMES   PDQ of raw pixels in a file
//! decode DECODER JPEG TIMES               answers the PDQ of what was decoded
//! list CODES                              makes a list of the 32-byte codes in a file
//! check UPLOAD TIMES                      judges an upload against that list
//! digest UPLOAD TIMES                     the part of it that is not about pixels
//! draw KIND COUNT ASKED CODES RANKS QUERIES   draws codes to search and queries to ask
//! ```
//! And `build`, `open`, `near`: see `search`.

mod check;
#[path = "../../common/mod.rs"]
mod common;
mod decode;
mod hash;
mod protocol;
mod search;

use std::fs;

fn main() -> protocol::Result<()> {
    let mut scanner = None;
    let mut searched = search::Search::default();
    protocol::serve(|words| match *words {
        ["hash", hasher, file, width, height, times] => {
            hash::hash(hasher, &fs::read(file)?, width.parse()?, height.parse()?, times.parse()?)
        }
        ["decode", decoder, file, times] => {
            decode::decode(decoder, &fs::read(file)?, times.parse()?)
        }
        ["list", file] => {
            let list = check::scanner(&fs::read(file)?)?;
            let entries = list.store().snapshot().entry_count();
            scanner = Some(list);
            Ok(protocol::Reply::default().with_answer(entries))
        }
        ["check", file, times] => {
            check::check(scanner.as_mut().ok_or("no list yet")?, &fs::read(file)?, times.parse()?)
        }
        ["digest", file, times] => check::digest(&fs::read(file)?, times.parse()?),
        ["draw", kind, count, asked, codes, ranks, queries] => {
            search::drawn::draw(kind, count.parse()?, asked.parse()?, [codes, ranks, queries])
        }
        _ => searched.run(words),
    })
}
