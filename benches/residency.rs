//! What each way of holding a set costs: opening, the first look-ups, later ones, memory. Every figure is of a process of its own.
//!
//! ```sh
//! cargo bench --bench residency                                   # a set of a million entries
//! cargo bench --bench residency -- --digests 12000000 --codes 4000000
//! ```

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tamis::fingerprint::{Algorithm, Algorithms, Fingerprint, Fingerprints, PdqHash, digests};
use tamis::search::{Layers, RadiusSearch, Searcher};
use tamis::set::{Entry, List, ListKind, Residency};
use tamis::{Set, SetBuilder};

const LOOK_UPS: u64 = 20_000;
const WAYS: [(&str, Residency); 5] = [
    ("mapped", Residency::Mapped),
    ("populated", Residency::Populated),
    ("heap", Residency::Heap),
    ("huge-pages", Residency::HugePages),
    ("sealed", Residency::Sealed),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [mode, path, way, digests] = &args[..]
        && mode == "--one"
    {
        let way = WAYS.iter().find(|(name, _)| name == way).expect("a known way").1;
        return one(Path::new(path), way, digests.parse().expect("a number"));
    }
    let number = |name: &str, default: u64| {
        let at = args.iter().position(|a| a == name);
        at.map_or(default, |i| args[i + 1].parse().expect("a number"))
    };
    // `cargo bench -- --test`: only the assertions, on a small set.
    let test = args.iter().any(|a| a == "--test");
    let (digests, codes) = if test { (2_000, 1_000) } else { (900_000, 100_000) };
    let (digests, codes) = (number("--digests", digests), number("--codes", codes));
    let runs = number("--runs", if test { 1 } else { 5 }).max(1);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("residency.tamis");
    let bytes = build(&path, digests, codes);
    println!("{} MB, {digests} SHA-256 digests, {codes} PDQ codes", bytes / 1_000_000);
    println!("medians of {runs} processes each\n{:17}  {}", "", COLUMNS.join("  "));
    let states: Vec<(&str, bool)> =
        WAYS.iter().flat_map(|(way, _)| [(*way, true), (*way, false)]).collect();
    // In turns, so that a machine whose load changes is not to the disadvantage of one of them.
    let mut measured = vec![Vec::new(); states.len()];
    for _ in 0..runs {
        for ((way, cold), of_state) in states.iter().zip(&mut measured) {
            if *cold && !drop_cache(&path) {
                continue;
            }
            of_state.push(in_a_process_of_its_own(&path, way, digests));
        }
    }
    for ((way, cold), of_state) in states.iter().zip(&measured) {
        print!("{way:10} {:6}", if *cold { "cold" } else { "cached" });
        if of_state.is_empty() {
            print!("  SKIPPED: needs `dd` with iflag=nocache");
        } else {
            for (column, name) in COLUMNS.iter().enumerate() {
                let mut values: Vec<f64> = of_state.iter().map(|run| run[column]).collect();
                values.sort_by(f64::total_cmp);
                let median = values[values.len() / 2];
                let places = usize::from(median < 10.0);
                print!("  {median:width$.places$}", width = name.len());
            }
        }
        println!();
    }
    std::fs::remove_file(path).expect("it was ours");
}

const COLUMNS: [&str; 11] = [
    "open ms",
    "of it CPU ms",
    "first digest us",
    "first code ms",
    "digest ns",
    "warm ms",
    "digest ns, warm",
    "own MB",
    "shared MB",
    "huge MB",
    "tables KB",
];

fn in_a_process_of_its_own(path: &Path, way: &str, digests: u64) -> Vec<f64> {
    let run = Command::new(std::env::current_exe().expect("it runs"))
        .args(["--one", path.to_str().expect("UTF-8"), way, &digests.to_string()])
        .output()
        .expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).expect("numbers");
    text.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

/// The digest of that number.
fn digest(number: u64) -> Fingerprints {
    let sha256 = Algorithms::from_iter([Algorithm::Sha256]);
    Fingerprints::default().digests(digests(&number.to_le_bytes(), sha256))
}

fn build(path: &PathBuf, digests: u64, codes: u64) -> u64 {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("bench", ListKind::Exchange)).expect("a good name");
    let entry = |fingerprint| Entry::new(fingerprint).item("drawn");
    for number in 0..digests {
        let fingerprint = digest(number).digests.iter().next().expect("one was asked for");
        builder.add(list, entry(fingerprint)).expect("not poison");
    }
    let mut kept = 0;
    for number in 0u64.. {
        if kept == codes {
            break;
        }
        let random = blake3::hash(&number.to_le_bytes());
        let code = Fingerprint::new(Algorithm::Pdq, random.as_bytes()).expect("32 bytes");
        // Those of more than 128 bits are poison.
        kept += u64::from(builder.add(list, entry(code)).is_ok());
    }
    builder.write(path).expect("room for it").bytes
}

/// Makes the kernel forget the file.
fn drop_cache(path: &Path) -> bool {
    let input = format!("if={}", path.display());
    Command::new("dd")
        .args([&input, "iflag=nocache", "count=0"])
        .output()
        .is_ok_and(|out| out.status.success())
}

fn one(path: &Path, way: Residency, digests: u64) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let started = Instant::now();
    let set = Layers::of(Set::open_with(path, way).expect("just written")).expect("undamaged");
    let open = started.elapsed();
    let open_on_cpu = on_cpu();
    let mut searcher = Searcher::new();
    let mut look_up = |number: u64| {
        let fingerprints = digest(number);
        let started = Instant::now();
        let found = searcher.digests(&set, &fingerprints, 1).expect("undamaged");
        assert_eq!(found.matches().expect("undamaged").len(), 1);
        started.elapsed()
    };
    let first = look_up(digests / 3);
    let started = Instant::now();
    let mut search = RadiusSearch::new();
    let near = search.within(&set.sets()[0], &[(PdqHash([0x55; 32]), 31)]).expect("undamaged");
    assert!(near.len() < 2);
    let first_code = started.elapsed();
    let mut draw = 1u64;
    // Medians: a busy machine interrupts some look-ups, and changes the others little.
    let mut many = || {
        let mut times: Vec<Duration> = (0..LOOK_UPS)
            .map(|_| {
                draw = draw
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                look_up((draw >> 33) % digests)
            })
            .collect();
        times.sort();
        times[times.len() / 2].as_nanos() as f64
    };
    let before = many();
    let started = Instant::now();
    set.sets()[0].warm(&mut |_| {}).expect("undamaged");
    let warm = started.elapsed();
    many();
    let after = many();
    let memory = Memory::of_this_process();
    let megabytes = |kilobytes: u64| kilobytes as f64 / 1024.0;
    let figures = [
        ms(open),
        ms(open_on_cpu),
        ms(first) * 1e3,
        ms(first_code),
        before,
        ms(warm),
        after,
        megabytes(memory.private),
        megabytes(memory.shared),
        megabytes(memory.huge),
        memory.tables as f64,
    ];
    println!("{}", figures.map(|f| f.to_string()).join(" "));
}

/// How long this process, which has one thread, has run so far; zero where the system does not tell.
fn on_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split_whitespace().next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// In kilobytes; zeros where the system does not tell.
#[derive(Default)]
struct Memory {
    private: u64,
    shared: u64,
    huge: u64,
    tables: u64,
}

impl Memory {
    fn of_this_process() -> Memory {
        let mut memory = Memory::default();
        let read = |file| std::fs::read_to_string(file).unwrap_or_default();
        for line in read("/proc/self/smaps_rollup").lines().chain(read("/proc/self/status").lines())
        {
            let mut words = line.split_whitespace();
            let field = match words.next() {
                Some("Anonymous:") => &mut memory.private,
                Some("AnonHugePages:" | "FilePmdMapped:" | "ShmemPmdMapped:") => &mut memory.huge,
                // Sealed memory is shared by those that were forked later, not by all.
                Some("RssFile:" | "RssShmem:") => &mut memory.shared,
                Some("VmPTE:") => &mut memory.tables,
                _ => continue,
            };
            *field += words.next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
        memory
    }
}
