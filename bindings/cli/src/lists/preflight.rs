//! Whether a build can succeed on this machine, found out before it takes an hour and the last of the memory.
//!
//! ```text
//! before reading:  the beginning of each list, built for show; what that takes, times the list's length
//! before writing:  what the builder says, which now knows everything
//! ```
//!
//! Small builds are not looked at, and what cannot be known, such as the length of a pipe, holds nothing up.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use tamis::import;
use tamis::set::{BuildOptions, Estimate, List, ListKind, Profile, SetBuilder};

use super::list::{self, Reading};
use crate::wording::bytes;
use crate::{Failure, room};

/// Bytes of a list that speak for the rest of it.
const SAMPLE: u64 = 1 << 20;

/// What is less than that is not worth refusing.
const BIG: u64 = 256 << 20;

/// What every build takes, and a process.
const ALWAYS: u64 = 32 << 20;

/// What a build takes of the machine.
#[derive(Clone, Copy, Default)]
struct Need {
    memory: u64,
    disk: u64,
}

/// What a machine has left; `None`: not known.
#[derive(Clone, Copy)]
struct Room {
    memory: Option<u64>,
    disk: Option<u64>,
}

/// A set that is to be written, as the user asked for it.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) target: &'a Path,
    /// Build it even so.
    pub(crate) force: bool,
    /// What else the user can do where there is no room.
    pub(crate) instead: &'static str,
}

/// Refuses lists that are too long for this machine.
pub(crate) fn before_taking(
    wish: Wish<'_>,
    options: &BuildOptions,
    lists: &[PathBuf],
    reading: &Reading,
) -> Result<(), Failure> {
    let samples = lists.iter().filter_map(|path| sample(path, reading));
    before_filling(wish, options, samples, 0)
}

/// Refuses a set that is too large for this machine, told by builders that hold a part of it, and how many times larger the whole is. `besides` is
/// memory that is needed besides the builder's.
pub(crate) fn before_filling(
    wish: Wish<'_>,
    options: &BuildOptions,
    samples: impl IntoIterator<Item = (SetBuilder, f64)>,
    besides: u64,
) -> Result<(), Failure> {
    let besides = Need { memory: besides, disk: 0 };
    let (mut asked, mut small) = (besides, besides);
    let least = options.clone().profile(Profile::Small);
    for (builder, factor) in samples {
        for (need, options) in [(&mut asked, options), (&mut small, &least)] {
            let Estimate { file_bytes, peak_memory, .. } = builder.estimate(options);
            need.memory = need.memory.saturating_add((peak_memory as f64 * factor) as u64);
            need.disk = need.disk.saturating_add((file_bytes as f64 * factor) as u64);
        }
    }
    check(asked, small, wish)
}

/// Refuses to write a set that this machine has no room for.
pub(crate) fn before_writing(
    wish: Wish<'_>,
    builder: &SetBuilder,
    options: &BuildOptions,
) -> Result<(), Failure> {
    let need = |options: &BuildOptions| {
        let Estimate { file_bytes, peak_memory, .. } = builder.estimate(options);
        Need { memory: peak_memory, disk: file_bytes }
    };
    let least = options.clone().profile(Profile::Small);
    check(need(options), need(&least), wish)
}

/// A builder with what stands in the beginning of a list, and how many times longer the list is.
fn sample(path: &Path, reading: &Reading) -> Option<(SetBuilder, f64)> {
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok().filter(|m| m.is_file())?;
    let mut beginning = Vec::new();
    file.take(SAMPLE).read_to_end(&mut beginning).ok()?;
    let format = list::format(path, &beginning, reading).ok()?;
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("sample", ListKind::Local)).ok()?;
    let mut accept = |entry| builder.add(list, entry);
    let options = list::options(reading);
    let length = beginning.len().max(1) as f64;
    let read = import::read(Cursor::new(beginning), format, &options, &mut accept, &mut |_| {});
    read.ok()?;
    Some((builder, metadata.len() as f64 / length))
}

fn check(need: Need, small: Need, wish: Wish<'_>) -> Result<(), Failure> {
    if wish.force {
        return Ok(());
    }
    let room = Room {
        // What this process holds already is part of what it needs.
        memory: room::memory().map(|left| left.saturating_add(room::held())),
        disk: room::disk(wish.target),
    };
    complaint(need, small, room, wish.instead)
        .map_or(Ok(()), |what| Err(Failure::of(wish.target, what)))
}

fn complaint(need: Need, small: Need, room: Room, instead: &str) -> Option<String> {
    let always = |memory: u64| memory.saturating_add(ALWAYS);
    let lacks = |need: u64, room: Option<u64>| need >= BIG && room.is_some_and(|room| room < need);
    let fits =
        |need: Need| !lacks(always(need.memory), room.memory) && !lacks(need.disk, room.disk);
    let small = if fits(small) { "--profile small takes less, " } else { "" };
    let what = if lacks(always(need.memory), room.memory) {
        let (need, room) = (bytes(always(need.memory)), bytes(room.memory.unwrap_or_default()));
        format!(
            "building it needs about {need} of memory, and {room} can be had: free some, {small}or {instead}"
        )
    } else if lacks(need.disk, room.disk) {
        let (need, room) = (bytes(need.disk), bytes(room.disk.unwrap_or_default()));
        format!(
            "the set needs about {need} beside the old one, and its disk has {room} left: free some, {small}or write it elsewhere"
        )
    } else {
        return None;
    };
    Some(format!("{what}; --force tries all the same (nothing was published)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn need(memory: u64, disk: u64) -> Need {
        Need { memory, disk }
    }

    fn room(memory: u64, disk: u64) -> Room {
        Room { memory: Some(memory), disk: Some(disk) }
    }

    #[test]
    fn a_build_that_fits_or_is_small_or_unknown_goes_on() {
        let large = need(2 * GIB, 3 * GIB);
        for (need, room) in [
            (large, room(3 * GIB, 3 * GIB)),
            (large, Room { memory: None, disk: None }),
            (need(100 << 20, 100 << 20), room(0, 0)),
        ] {
            assert_eq!(complaint(need, need, room, "wait"), None);
        }
    }

    #[test]
    fn a_complaint_says_how_much_and_what_to_do() {
        let large = need(2_000_000_000, 3_000_000_000);
        let memory = complaint(large, large, room(GIB, 9 * GIB), "wait").unwrap();
        assert!(memory.contains("about 2.0 GB of memory, and 1.1 GB can be had"), "{memory}");
        assert!(memory.contains("or wait;"), "{memory}");
        assert!(memory.contains("--force") && !memory.contains("--profile small"), "{memory}");
        let disk =
            complaint(large, need(2_000_000_000, GIB), room(9 * GIB, 2 * GIB), "wait").unwrap();
        assert!(disk.contains("about 3.0 GB") && disk.contains("has 2.1 GB left"), "{disk}");
        assert!(disk.contains("--profile small") && disk.contains("--force"), "{disk}");
    }
}
