//! The counters' file, which whoever may write to `state/` may write anything into.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use tamis::set::EntryId;
use tamis::store::{COUNTERS, Counter, Counters, Noted};

use super::scratch;

/// Of which something is counted.
const GROUPS: u8 = 8;
const LISTS: [&str; 2] = ["gifct", "local"];

/// Seconds since 1970.
const NOW: u64 = 1_790_000_000;

/// Bytes of the file's head that are magic, version, length and key; their sum follows.
const SIGNED: usize = 64;
const KEY: std::ops::Range<usize> = 32..SIGNED;

/// A sound file in which something was counted: its length, and the words of it that are not zero, with their places.
struct Sound {
    bytes: u64,
    words: Vec<(u64, [u8; 8])>,
}

/// The same at each run: its key is not drawn, so that groups have their places.
fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let dir = scratch();
        let path = dir.path().join(COUNTERS);
        drop(Counters::open(dir.path()).expect("an empty directory"));
        let mut bytes = fs::read(&path).expect("it was just made");
        bytes[KEY].fill(7);
        let sum = blake3::derive_key("tamis 2026-11 head of counters", &bytes[..SIGNED]);
        bytes[SIGNED..SIGNED + 32].copy_from_slice(&sum);
        fs::write(&path, &bytes).expect("room for it");
        let counters = Counters::open(dir.path()).expect("a sound head");
        for group in 0..GROUPS {
            note(&counters, group, NOW, u32::from(group));
        }
        let bytes = fs::read(&path).expect("it is there still");
        assert_eq!(bytes[KEY], [7; 32], "the head is none that is taken: say here what it is now");
        let words = bytes.as_chunks::<8>().0.iter().enumerate();
        let words = words.filter(|(_, word)| **word != [0; 8]);
        let words = words.map(|(at, word)| (8 * at as u64, *word)).collect();
        Sound { bytes: bytes.len() as u64, words }
    })
}

fn id(group: u8) -> EntryId {
    EntryId([group + 1; 16])
}

fn note(counters: &Counters, group: u8, now: u64, upload: u32) {
    let list = LISTS[usize::from(group) % LISTS.len()];
    let noted = Noted { group: id(group), entry: id(group), list, incident: false };
    counters.note(now, &upload.to_le_bytes(), [noted]);
}

/// Edits of a sound file, of twelve bytes each: what is edited, where, and the word that is put there. Byte 0 of the input says how many threads count meanwhile (bits 0
/// and 1), for how many uploads (2 to 5), and by how many hours later than the file was made (6 and 7).
///
/// Nothing panics or waits; no list is named that nobody counted for; what is reset acts again, all of it; and in a file that nobody edited, every count is right.
pub fn counters(data: &[u8]) {
    let Some((&shape, edits)) = data.split_first() else { return };
    let sound = sound();
    let dir = scratch();
    let path = dir.path().join(COUNTERS);
    let file = File::create(&path).and_then(|file| file.set_len(sound.bytes).map(|()| file));
    let file = file.expect("room for it");
    for (at, word) in &sound.words {
        file.write_all_at(word, *at).expect("room for it");
    }
    let mut edited = false;
    let mut edit = |edit: &[u8; 12]| {
        let (place, word) = edit.split_at(4);
        let number = u64::from(u32::from_le_bytes([place[1], place[2], 0, 0]));
        let at = match place[0] {
            // Anywhere; in the head; a word that means something, or one of the bitmap behind it.
            0..=31 => {
                u64::from(u32::from_le_bytes([place[1], place[2], place[3], 0])) * 8 % sound.bytes
            }
            32..=47 => (number % 96) & !7,
            kind => {
                let (at, _) = sound.words[number as usize % sound.words.len()];
                at + 8 * u64::from(kind & 15)
            }
        };
        if at + 8 <= sound.bytes {
            file.write_all_at(word, at).expect("room for it");
            edited = true;
        }
    };
    let (before, after) = edits.as_chunks().0.split_at(edits.len() / 24);
    before.iter().for_each(&mut edit);
    // One of a later version is refused.
    let Ok(counters) = Counters::open(dir.path()) else { return };
    // Those that come while it is open, past the look at its head.
    after.iter().for_each(&mut edit);

    let (threads, uploads) = (u32::from(shape & 3) + 1, u32::from(shape >> 2 & 15));
    let now = NOW + 3600 * u64::from(shape >> 6);
    let (checks, degraded) = (counters.count(Counter::Checks), counters.degraded());
    let matches = (0..GROUPS).map(|group| counters.matches_of(id(group))).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let counters = &counters;
            scope.spawn(move || {
                for upload in 0..uploads {
                    counters.add(Counter::Checks);
                    for group in 0..GROUPS {
                        note(counters, group, now, 1000 + 100 * thread + upload);
                    }
                }
            });
        }
    });
    let noted = u64::from(threads * uploads);
    if !edited {
        assert!(degraded.is_empty());
        assert_eq!(counters.count(Counter::Checks), checks + noted);
        assert_eq!(counters.count(Counter::Overflow), 0);
        for (group, before) in (0..GROUPS).zip(matches) {
            assert_eq!(counters.matches_of(id(group)), before + noted);
            let distinct = noted + u64::from(now == NOW);
            let found = u64::from(counters.distinct_of(id(group)));
            // An estimate, since some uploads share a bit.
            assert!(found.abs_diff(distinct) <= 2 + distinct / 4, "{found} for {distinct}");
            let list = LISTS[usize::from(group) % LISTS.len()];
            // Nor does it matter on which side of the bound those are that are near it.
            let trips = counters.is_tripped(id(group), list);
            assert!((36..=44).contains(&distinct) || trips == (distinct > 40), "{distinct}");
        }
    }
    for tripped in counters.tripped() {
        assert!(tripped.list.is_empty() || LISTS.contains(&&*tripped.list), "{tripped:?}");
        assert!(tripped.when != 0 && tripped.baseline >= 0.0 && tripped.baseline.is_finite());
        assert!(tripped.entry.is_some() || !tripped.list.is_empty());
    }
    let _ = counters.degraded();
    assert!((0..GROUPS).all(|group| counters.distinct_of(id(group)) <= 4 * 48 * 1024));
    counters.reset_all();
    assert!(counters.tripped().is_empty() && counters.reset_all() == 0);
    assert!(counters.degraded().is_empty(), "what is reset acts again");
    assert!(counters.refresh().is_ok());
    // Nobody but a replacement, which has the same length, takes its place.
    assert_eq!(fs::metadata(&path).map(|file| file.len()).ok(), Some(sound.bytes));
}
