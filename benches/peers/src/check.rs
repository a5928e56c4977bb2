//! The whole path: the bytes of an upload to a verdict.

use std::time::Duration;

use tamis::fingerprint::{Algorithm, Algorithms, PdqHash, digests};
use tamis::set::{Entry, List, ListKind};
use tamis::store::StoreOptions;
use tamis::{Context, Limits, Policy, Scanner, Set, SetBuilder, Store};

use crate::protocol::{Reply, Result, measure};

/// A scanner whose store holds the codes, 32 bytes each.
pub fn scanner(codes: &[u8]) -> Result<Scanner> {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("peers", ListKind::Exchange))?;
    for code in codes.as_chunks().0 {
        builder.add(list, Entry::new(PdqHash(*code)).reviewed(true))?;
    }
    let set = Set::from_bytes(&builder.to_bytes()?.0)?;
    let store = Store::from_set(set, StoreOptions::new())?;
    // A busy machine must not turn a long decode into another verdict.
    let limits = Limits::default().time(Duration::from_secs(60));
    Ok(Scanner::new(store, Policy::builtin()).with_limits(limits))
}

/// Answers `OUTCOME REASON DISTANCES`: the reason why it could not be examined, the distances of the matches, `-` where there are none.
pub fn check(scanner: &mut Scanner, upload: &[u8], times: usize) -> Result<Reply> {
    let context = Context::at(1_790_000_000);
    let (verdict, reply) = measure(times, || Ok(scanner.check(upload, &context)?))?;
    let outcome = format!("{:?}", verdict.outcome).to_lowercase();
    let reason = verdict.unscannable.map_or("-".into(), |r| format!("{r:?}").to_lowercase());
    let distances: Vec<_> = verdict.matches.iter().map(|m| m.distance.to_string()).collect();
    let distances = if distances.is_empty() { "-".into() } else { distances.join(",") };
    Ok(reply.with_answer(format_args!("{outcome} {reason} {distances}")))
}

/// The digests that [`check`] computes besides: the list holds none, so BLAKE3 alone, for the evidence.
pub fn digest(upload: &[u8], times: usize) -> Result<Reply> {
    let wanted = Algorithms::NONE.with(Algorithm::Blake3);
    let (found, reply) = measure(times, || Ok(digests(upload, wanted)))?;
    Ok(reply.with_answer(found.get(Algorithm::Blake3).is_some()))
}
