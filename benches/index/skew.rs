//! Sets that are hard for an index: what the slowest queries take, against the plain scan, in turns.

use std::time::Instant;

use tamis::hamming::{Code, Isa};

use super::drawn::{KINDS, Kind, Random, drawn_frames, plain, query, real};
use super::{Asker, Indexed};

/// Prints a line for each kind of set and instruction set.
pub(super) fn print(count: usize, queries: usize) {
    let mut random = Random(super::LISTED);
    let frames = match real() {
        Some((frames, _)) => frames,
        None => {
            println!("SKIPPED: no ../shared/data; the frames are drawn");
            drawn_frames(&mut random)
        }
    };
    println!(
        "{count} codes, microseconds\n{:12} {:>6} {:9} {:>10} {:>10} {:>10} {:>10} {:>9} {:>9}",
        "codes",
        "radius",
        "isa",
        "auto p50",
        "scan p50",
        "auto p99",
        "scan p99",
        "p99 ratio",
        "matches"
    );
    for kind in KINDS {
        let set = Indexed::new(kind.codes(count, &frames, &mut random));
        for radius in [31, 55] {
            // A query that is within the radius of all takes a hundred times as long as others.
            let queries = if kind == Kind::OneBitApart { queries.div_ceil(5) } else { queries };
            let asked: Vec<_> =
                (0..queries).map(|_| (query(&set.codes, &mut random), radius)).collect();
            compare(kind, &set, &asked);
        }
    }
}

fn compare(kind: Kind, set: &Indexed, asked: &[(Code, u32)]) {
    for isa in Isa::available() {
        let mut ways = [Asker::new(set, isa, true), Asker::new(set, isa, false)];
        let mut times = [Vec::new(), Vec::new()];
        let mut matches = 0;
        for (turn, query) in asked.chunks(1).enumerate() {
            if turn < 4 {
                let truth = plain(&set.codes, query);
                ways.iter_mut().for_each(|way| assert!(way.ask(query) == truth, "{kind:?} {isa}"));
            }
            // Each goes first in half of the turns.
            for way in [turn % 2, 1 - turn % 2] {
                let started = Instant::now();
                let found = ways[way].ask(query).len();
                times[way].push(started.elapsed());
                matches += found;
            }
            assert!(ways[0].found == ways[1].found, "{kind:?} {isa}");
        }
        let at = |way: usize, part: f64| {
            let mut times = times[way].clone();
            times.sort_unstable();
            times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6
        };
        println!(
            "{:12} {:6} {:9} {:10.1} {:10.1} {:10.1} {:10.1} {:9.2} {:9}",
            format!("{kind:?}"),
            asked[0].1,
            isa.name(),
            at(0, 0.5),
            at(1, 0.5),
            at(0, 0.99),
            at(1, 0.99),
            at(0, 0.99) / at(1, 0.99),
            matches / 2,
        );
    }
}
