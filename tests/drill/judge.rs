//! A process that judges uploads all the time, as a web server's worker does.

#![allow(unreachable_pub, reason = "a part of one test")]

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use image::RgbImage;
use tamis::fingerprint::{Algorithm, Algorithms, PdqHash, digests};
use tamis::set::Entry;
use tamis::{Action, Context, Limits, Policy, Scanner, Store};

use super::pictures::{jpeg, scene};
use super::{PATIENCE, now};

pub const FEED: &str = "feed";

pub const NOW: u64 = 1_790_000_000;

/// A file that is listed from the beginning, unless nothing is.
pub const LISTED: &str = "listed from the beginning";

/// How many cores all processes may use together. Pictures are what takes time: between two of them the others are judged, so that a change is soon noticed.
const CORES: f64 = 1.0;

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ClearPicture,
    ClearText,
    Listed,
    NewText,
    NewPicture,
}

/// In this order, again and again.
const ROUND: [Kind; 6] = [
    Kind::ClearPicture,
    Kind::NewText,
    Kind::ClearText,
    Kind::NewPicture,
    Kind::Listed,
    Kind::NewText,
];

impl Kind {
    pub fn from_name(name: &str) -> Kind {
        ROUND.into_iter().find(|kind| format!("{kind:?}") == name).expect("a kind")
    }
}

/// Does so until its standard input ends, and then tells.
pub fn run(store: &Path, processes: u64, new: u64) {
    let store = Store::open(store).unwrap();
    let before = store.snapshot().version();
    let bare = store.snapshot().entry_count() == 0;
    // What is judged here must not depend on how busy the machine is.
    let limits = Limits::default().time(Duration::from_secs(600));
    let mut scanner = Scanner::new(store, Policy::builtin()).with_limits(limits);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stopped.store(true, Ordering::Relaxed);
    });
    let pictures = [11, 12, 13].map(|seed| jpeg(&scene(seed, 640, 480)));
    let new_picture = jpeg(&new_picture());
    let context = Context::at(NOW);
    let (mut checks, mut first) = (Vec::new(), None);
    let started = Instant::now();
    let mut rested = started;
    for (number, kind) in ROUND.into_iter().cycle().enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let begins = number <= 2 * ROUND.len();
        let is_picture = matches!(kind, Kind::ClearPicture | Kind::NewPicture);
        if is_picture && !begins && Instant::now() < rested {
            continue;
        }
        let texts =
            [format!("clear {number}"), new_text(number as u64 / 3 * 2 % new.next_multiple_of(2))];
        let upload = match kind {
            Kind::ClearPicture => &pictures[number % 3][..],
            Kind::ClearText => texts[0].as_bytes(),
            Kind::Listed => LISTED.as_bytes(),
            Kind::NewText => texts[1].as_bytes(),
            Kind::NewPicture => &new_picture,
        };
        let (began, clock) = (now(), Instant::now());
        let verdict = scanner.check(upload, &context).unwrap();
        let took = clock.elapsed();
        let after = verdict.store_state.version > before;
        let expected = match kind {
            Kind::ClearPicture | Kind::ClearText => false,
            Kind::Listed => !bare,
            Kind::NewText => after,
            Kind::NewPicture => after && new > 1,
        };
        let blocked = verdict.action == Action::Block;
        assert_eq!(blocked, expected, "{kind:?} {number}: {verdict:?}");
        assert!(blocked || verdict.action == Action::Allow, "{kind:?}: {verdict:?}");
        assert_eq!(scanner.store().fault(), None);
        if blocked && after && kind != Kind::Listed && first.is_none() {
            first = Some(now());
            println!("first");
        }
        // The first few touch the store for the first time.
        if number > 2 * ROUND.len() {
            checks.push((began, kind, took));
        }
        if number == 2 * ROUND.len() {
            println!("ready");
        }
        let waited = started.elapsed() > PATIENCE * 20;
        assert!(!waited, "nobody ends this");
        let pause = took.mul_f64(processes as f64 / CORES - 1.0);
        if is_picture && !begins {
            rested = Instant::now() + pause;
        }
        std::thread::sleep(pause.clamp(Duration::from_millis(2), Duration::from_millis(150)));
    }
    let mut told = String::new();
    if let Some(at) = first {
        told.push_str(&format!("blocked {at}\n"));
    }
    for (began, kind, took) in checks {
        told.push_str(&format!("check {began} {kind:?} {}\n", took.as_nanos()));
    }
    print!("{told}");
}

pub fn new_text(number: u64) -> String {
    format!("new {number}")
}

pub fn new_picture() -> RgbImage {
    scene(4711, 640, 480)
}

pub fn of_text(text: &str) -> Entry {
    let digests = digests(text.as_bytes(), Algorithms::DIGESTS);
    let digest = digests.iter().find(|digest| digest.algorithm() == Algorithm::Sha256).unwrap();
    Entry::new(digest).reviewed(true)
}

/// A code with half of its bits set, as a picture's has.
pub fn code(random: &mut u64) -> PdqHash {
    let mut next = || {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        random.wrapping_mul(0x2545_F491_4F6C_DD1D)
    };
    let mut code = PdqHash([0; 32]);
    for chunk in code.0.chunks_mut(8) {
        chunk.copy_from_slice(&next().to_le_bytes());
    }
    while code.popcount() != 128 {
        let bit = (next() >> 56) as usize;
        let set = code.0[bit / 8] >> (bit % 8) & 1 == 1;
        if set == (code.popcount() > 128) {
            code.0[bit / 8] ^= 1 << (bit % 8);
        }
    }
    code
}
