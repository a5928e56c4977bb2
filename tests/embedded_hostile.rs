//! Containers made to hurt whoever looks inside: memory, time and panics. Nothing is timed here; work is bounded by the budget, and
//! what proves it is that the walk says `limit`.

#![cfg(feature = "decode")]
#![allow(unsafe_code, reason = "an allocator that counts can only be written with `unsafe`")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;

use tamis::media::{Budget, Coverage, Unscannable, embedded, sniff};

/// The system's allocator, with a count of each thread's bytes and their peak.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: isize) {
    LIVE.set(LIVE.get() + bytes);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

// SAFETY: every call is handed on to `System` unchanged, which keeps the contract; counting touches two cells of the thread,
// which need no destructor and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `alloc`, which is the same for `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: `pointer` came from `System` by `alloc` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The walk, the promises that hold for every input, and the most bytes that it held.
fn walk(upload: &[u8], budget: &Budget) -> (Coverage, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let (mut pictures, mut copied) = (0, 0);
    let coverage = embedded(upload, &sniff(upload), budget, &mut |picture| {
        pictures += 1;
        assert!(sniff(picture.bytes).class.is_picture());
        if !upload.as_ptr_range().contains(&picture.bytes.as_ptr()) {
            copied += picture.bytes.len() as u64;
        }
    });
    assert_eq!(coverage.pictures, pictures);
    assert!(pictures <= budget.pictures);
    // Each PNG or BMP has a frame of at most 1078 bytes.
    assert!(copied <= budget.bytes + 1078 * u64::from(pictures), "{copied} bytes");
    (coverage, (PEAK.get() - before) as usize)
}

fn files() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/embedded");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| !name.ends_with(".py") && !name.ends_with(".tsv"))
        .collect();
    files.sort();
    assert!(files.len() > 30);
    files
}

const LIMIT: Option<Unscannable> = Some(Unscannable::Limit);
/// The inflater's tables and what else a walk needs, whatever the upload is.
const FIXED: usize = 64 << 10;

#[test]
fn cuts_and_changed_bytes_have_an_answer() {
    let small = Budget { pictures: 3, bytes: 1500, entries: 12, ..Budget::default() };
    for (name, file) in files() {
        // All of a small file, every third byte of a larger one.
        for at in (0..file.len()).step_by(if file.len() < 2500 { 1 } else { 3 }) {
            let budget = if at % 2 == 0 { Budget::default() } else { small };
            let (_, peak) = walk(&file[..at], &budget);
            assert!(peak < FIXED + (1 << 18), "{name} cut at {at}: {peak} bytes");
            let mut damaged = file.clone();
            for value in [file[at] ^ (1 << (at % 8)), [0, 0xff][at / 2 % 2]] {
                damaged[at] = value;
                let (_, peak) = walk(&damaged, &budget);
                // A changed size may claim more, but never more than is there to be inflated.
                assert!(peak < FIXED + (1 << 18), "{name}: {value} at {at}: {peak} bytes");
            }
        }
    }
}

/// Deflate: `head` as it is, then about `zeros` zeros at thirteen bits for 258 of them.
fn bomb(head: &[u8], zeros: usize) -> Vec<u8> {
    let length = head.len() as u16;
    let mut out = vec![0];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(head);
    // A last block with fixed codes (1, then 1 of 2 bits), a literal 0, then nothing but the longest match at distance 1.
    let mut bits = vec![1u8, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0];
    let again = [1u8, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0];
    // Eight matches end where a byte does, so after the first few bits the bytes repeat.
    for _ in 0..16 {
        bits.extend(again);
    }
    let byte = |bits: &[u8]| bits.iter().rev().fold(0u8, |byte, bit| byte << 1 | bit);
    let bytes: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    out.extend(&bytes[..2]);
    let period = &bytes[2..15];
    for _ in 0..zeros / (8 * 258) {
        out.extend(period);
    }
    out
}

fn zlib(deflate: &[u8]) -> Vec<u8> {
    [b"\x78\x9c", deflate].concat()
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";

/// A member's header and data, and its entry in the directory.
fn member(at: usize, method: u8, data: &[u8], claimed: u32) -> (Vec<u8>, Vec<u8>) {
    let length = (data.len() as u32).to_le_bytes();
    let fields =
        [&[method, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &length, &claimed.to_le_bytes(), &[1, 0, 0, 0]]
            .concat();
    let local = [b"PK\x03\x04\x14\0\0\0", &fields[..], b"a", data].concat();
    let entry =
        [b"PK\x01\x02\x14\0\x14\0\0\0", &fields[..], &[0; 10], &(at as u32).to_le_bytes(), b"a"];
    (local, entry.concat())
}

fn archive(members: &[u8], entries: &[u8], count: u16) -> Vec<u8> {
    let (size, start) =
        ((entries.len() as u32).to_le_bytes(), (members.len() as u32).to_le_bytes());
    let count = count.to_le_bytes();
    [members, entries, b"PK\x05\x06\0\0\0\0", &count, &count, &size, &start, &[0, 0]].concat()
}

#[test]
fn the_bomb_inflates_to_what_it_says() {
    let zeros = 100 * 8 * 258;
    let (local, entry) = member(0, 8, &bomb(PNG, zeros), 0);
    let upload = archive(&local, &entry, 1);
    let mut lengths = Vec::new();
    let coverage = embedded(&upload, &sniff(&upload), &Budget::default(), &mut |picture| {
        assert!(picture.bytes.starts_with(PNG) && picture.bytes[20..].iter().all(|b| *b == 0));
        lengths.push(picture.bytes.len());
    });
    // It has no end mark.
    assert_eq!(coverage.missed, Some(Unscannable::Truncated));
    assert!(lengths[0].abs_diff(zeros) < 600, "{lengths:?}");
}

#[test]
fn a_bomb_costs_the_budget_and_no_more() {
    let gigabyte = bomb(PNG, 1 << 30);
    for claimed in [0, 100, u32::MAX] {
        let (local, entry) = member(0, 8, &gigabyte, claimed);
        for upload in [archive(&local, &entry, 1), local] {
            for bytes in [3 << 20, 4 << 20, (4 << 20) + 1, 7_654_321] {
                let budget = Budget { bytes, ..Budget::default() };
                let (coverage, peak) = walk(&upload, &budget);
                assert_eq!((coverage.pictures, coverage.missed), (0, LIMIT));
                // Half as much again for the moment in which the buffer grows.
                assert!(peak < bytes as usize / 2 * 3 + FIXED, "{peak} of {bytes} bytes");
            }
        }
    }
    // One that is no picture is put aside after its first bytes.
    let (local, entry) = member(0, 8, &bomb(b"words", 1 << 30), 0);
    let (coverage, peak) = walk(&archive(&local, &entry, 1), &Budget::default());
    assert!(coverage.complete() && peak < FIXED + (128 << 10), "{peak} bytes");

    for dictionary in [
        "/Filter[/FlateDecode/DCTDecode]",
        "/Type/EmbeddedFile/Filter/FlateDecode",
        "/Filter[/Fl/Fl/Fl/DCT]",
        "/Subtype/Image/Width 4000000/Height 4000000/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/Fl",
        "/Subtype/Image/Width 1000/Height 1000/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/Fl",
        "/Subtype/Image/Width 1/Height 3000000/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/Fl",
    ] {
        let upload = [
            format!("%PDF-1.4\n1 0 obj<<{dictionary}>>stream\n").as_bytes(),
            &zlib(&gigabyte),
            b"\nendstream",
        ]
        .concat();
        let budget = Budget { bytes: 2 << 20, ..Budget::default() };
        let (coverage, peak) = walk(&upload, &budget);
        assert_eq!((coverage.pictures, coverage.missed), (0, LIMIT), "{dictionary}");
        assert!(peak < (4 << 20) + FIXED, "{dictionary}: {peak} bytes");
    }
}

/// One letter of ASCII85 stands for four zeros.
#[test]
fn text_costs_the_budget_and_no_more() {
    for filters in ["/A85/DCT", "/A85/A85/DCT", "/A85/Fl/DCT"] {
        for bytes in [1 << 20, 2 << 20, (2 << 20) + 1, 3_456_789] {
            let head = format!("%PDF-1.4\n1 0 obj<</Filter[{filters}]>>stream\n").into_bytes();
            let upload = [head, b"z".repeat(4 << 20), b"~>\nendstream".to_vec()].concat();
            let (coverage, peak) = walk(&upload, &Budget { bytes, ..Budget::default() });
            assert_eq!((coverage.pictures, coverage.missed), (0, LIMIT), "{filters}");
            assert!(peak < 2 * bytes as usize + FIXED, "{filters}: {peak} of {bytes} bytes");
        }
    }
}

/// A reference of megabytes stands for one letter, and is read again for each address that reaches so far.
#[test]
fn one_letter_of_megabytes_is_counted() {
    let zeros = vec![b'0'; 8 << 20];
    for end in ["1;", ""] {
        let upload = [b"<svg>", &b"data:,".repeat(300)[..], b"&#", &zeros, end.as_bytes()].concat();
        let started = std::time::Instant::now();
        let deadline = started.checked_add(std::time::Duration::from_millis(20));
        let (coverage, _) = walk(&upload, &Budget { deadline, ..Budget::default() });
        let took = started.elapsed();
        assert_eq!(coverage.missed, Some(tamis::media::Unscannable::Timeout));
        assert!(took < std::time::Duration::from_millis(500), "{took:?}");
    }
}

/// A thousand entries for the same bytes, as in the archives that inflate to petabytes without an inner archive.
#[test]
fn overlapping_members_share_one_budget() {
    let (local, _) = member(0, 8, &bomb(PNG, 1 << 26), 0);
    let entries: Vec<u8> = (0..1000).flat_map(|_| member(0, 8, &bomb(PNG, 1 << 26), 0).1).collect();
    let budget = Budget { bytes: 1 << 20, ..Budget::default() };
    let (coverage, peak) = walk(&archive(&local, &entries, 1000), &budget);
    assert_eq!((coverage.pictures, coverage.missed), (0, LIMIT));
    assert!(peak < (2 << 20) + FIXED, "{peak} bytes");

    // Members that each hold all that follow: a stored block quotes the next header, then its blocks go on.
    let header = member(0, 8, b"", 0).0;
    let block = |bytes: &[u8]| {
        let length = bytes.len() as u16;
        [&[0], &length.to_le_bytes()[..], &(!length).to_le_bytes(), bytes].concat()
    };
    let prefix = block(&header);
    let quoting = [&header[..], &block(PNG), &prefix[..5]].concat();
    let nested = [&quoting.repeat(5000)[..], &header, &bomb(PNG, 1 << 26)].concat();
    let (coverage, peak) = walk(&nested, &budget);
    assert_eq!((coverage.pictures, coverage.missed), (0, LIMIT));
    assert!(peak < (2 << 20) + FIXED, "{peak} bytes");

    // Blocks that hold nothing: what is read counts where nothing is written.
    let (local, entry) = member(0, 8, &[0, 0, 0, 0xff, 0xff].repeat(1 << 20), 0);
    let (coverage, _) = walk(&archive(&local, &entry, 1), &budget);
    assert_eq!(coverage.missed, LIMIT);
}

#[test]
fn a_million_headers_end_at_the_budget() {
    for (start, part) in [
        ("%PDF-1.4\n", "1 0 obj\n"),
        ("%PDF-1.4\n", "1 0 obj<<>>"),
        // Dictionaries, texts and comments that each begin within the one before and never end.
        ("%PDF-1.4\n", "1 0 obj<<"),
        ("%PDF-1.4\n", "1 0 obj<</A("),
        ("%PDF-1.4\n", "1 0 obj<</A["),
        ("%PDF-1.4\n", "1 0 obj<</A 1%"),
        ("%PDF-1.4\n", "1 0 obj<</A<"),
        ("%PDF-1.4\n", "1 0 obj<<>>%"),
        // One word as long as the file, and words without numbers.
        ("%PDF-1.4\n", "1obj"),
        ("%PDF-1.4\n", "obj "),
        ("%PDF-1.4\n", "obj%"),
        // Images that are none, that have no end, and that point to what is nowhere.
        ("%PDF-1.4\n", "1 0 obj<</Filter/DCT>>stream\n"),
        ("%PDF-1.4\n", "1 0 obj<</Subtype/Image/Filter 9 0 R/Width 8 0 R>>stream\n"),
        ("%PDF-1.4\n", "1 0 obj<</Filter[/A85/DCT]>>stream\n"),
        ("%PDF-1.4\n", "1 0 obj<</Filter[/Fl/DCT]>>stream\nx\x01"),
        // Addresses that begin within each other, and such that hold something.
        ("words ", "data:,%"),
        ("<svg>&#10;", "data:,%&#37;"),
        ("words ", "data:;base64,AAAA"),
        ("", "PK\x03\x04"),
        ("", "PK\x03\x04\x14\0\0\0\x08\0aaaaaaaaaaaa\0\0\0\0"),
        ("", "PK\x03\x04\x14\0\x08\0\0\0aaaaaaaaaaaa\0\0\0\0"),
    ] {
        let upload = [start, &part.repeat(1_000_000)].concat().into_bytes();
        let (coverage, peak) = walk(&upload, &Budget::default());
        assert_eq!((coverage.pictures, coverage.missed), (0, LIMIT), "{part:?}");
        assert!(peak < (64 << 20) + FIXED, "{part:?}: {peak} bytes");
    }
    // A JPEG of a million segments, and one of a million stray bytes between marks that are none.
    for part in [&b"\xff\xe1\0\x02"[..], b"a\xff\0"] {
        let upload = [&b"\xff\xd8\xff\xe0\0\x02"[..], &part.repeat(1_000_000)].concat();
        assert_eq!(walk(&upload, &Budget::default()).0.missed, LIMIT);
    }
}

/// A JPEG with this EXIF block.
fn with_exif(block: &[u8]) -> Vec<u8> {
    let length = (block.len() as u16 + 8).to_be_bytes();
    [b"\xff\xd8\xff\xe1", &length[..], b"Exif\0\0", block, b"\xff\xd9"].concat()
}

#[test]
fn exif_that_loops_or_points_away_ends() {
    let number = u32::to_le_bytes;
    let entry = |tag: u16, value: u32| {
        [&tag.to_le_bytes()[..], &[4, 0, 1, 0, 0, 0], &number(value)].concat()
    };
    // An empty first directory at 8, then the second at 14.
    let block = |first: u32, second: u32, entries: &[Vec<u8>]| {
        let count = (entries.len() as u16).to_le_bytes();
        let start = [b"II*\0", &number(first)[..], &[0, 0], &number(second), &count].concat();
        [start, entries.concat(), number(14).to_vec(), b"\xff\xd8\xff\xd9".to_vec()].concat()
    };
    let jpeg = |offset, length| [entry(0x201, offset), entry(0x202, length)];
    let missed = |block: &[u8]| {
        let (coverage, _) = walk(&with_exif(block), &Budget::default());
        (coverage.pictures, coverage.missed)
    };
    let (good, truncated) = ((1, None), Some(Unscannable::Truncated));
    let corrupt = Some(Unscannable::Corrupt);
    assert_eq!(missed(&block(8, 14, &jpeg(44, 4))), good);
    // Without a length it goes as far as the block.
    assert_eq!(missed(&block(8, 14, &[entry(0x201, 32)])), good);
    assert_eq!(missed(&block(8, 14, &jpeg(44, 5))), (1, truncated));
    assert_eq!(missed(&block(8, 14, &jpeg(44, u32::MAX))), (1, truncated));
    assert_eq!(missed(&block(8, 14, &jpeg(u32::MAX, u32::MAX))), (0, corrupt));
    assert_eq!(missed(&block(8, 14, &jpeg(0, 4))), (0, corrupt));
    assert_eq!(missed(&block(8, 14, &[entry(0x111, 0)])), (0, Some(Unscannable::Unsupported)));
    // The second directory is the first, itself, or nowhere; the first is nowhere.
    for (first, second) in [(8, 8), (8, 0), (8, u32::MAX), (u32::MAX, 14), (0, 14), (14, 14)] {
        let (pictures, _) = missed(&block(first, second, &jpeg(44, 4)));
        assert!(pictures <= 1, "{first} {second}");
    }
    // 65,535 entries, of which the block has none.
    let mut many = block(8, 14, &[]);
    many[14..16].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(missed(&many), (0, None));
}

/// What is longer than 256 KiB is put aside, so that the clock is looked at; it hides no picture behind it, and it is said.
#[test]
fn a_dictionary_has_a_limit() {
    let jpeg = &b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"[..];
    let picture = [b"\n1 0 obj<</Filter/DCT>>stream\n", jpeg, b"\nendstream\n"].concat();
    let file = |filler: &str| [b"%PDF-1.4\n", filler.as_bytes(), &picture].concat();
    let missed = |filler: &str| walk(&file(filler), &Budget::default()).0;
    let complete = Coverage { pictures: 1, missed: None };
    let limit = Coverage { pictures: 1, missed: LIMIT };
    // The lengths of what stands in the dictionary: just within the limit, and beyond.
    for (begin, part, end) in [
        ("2 0 obj<<", "/A 1 ", ">>endobj"),
        ("2 0 obj<</A[", "1 ", "]>>endobj"),
        ("2 0 obj<</A(", "letters ", ")>>endobj"),
        ("2 0 obj<</A<", "41", ">>>endobj"),
        ("2 0 obj<<", "%comment\n", ">>endobj"),
        ("2 0 obj<<>>", "        ", "endobj"),
    ] {
        for (bytes, expected) in [((256 << 10) - 100, complete), (300 << 10, limit)] {
            let filler = format!("{begin}{}{end}", part.repeat(bytes / part.len()));
            assert_eq!(missed(&filler), expected, "{begin} {bytes}");
        }
    }
    // Three that begin in each other and go on to the end: each costs its own 256 KiB and not the file.
    let open = "2 0 obj<</A 1 ".repeat(3) + &"/A 1 ".repeat(1 << 20);
    assert_eq!(missed(&open), limit);
    // A value that is referred to.
    let long = format!("3 0 obj[{}]endobj", "/Fl ".repeat(100_000));
    let coverage =
        missed(&format!("2 0 obj<</Subtype/Image/Filter 3 0 R>>stream\nendstream {long}"));
    assert_eq!(coverage.missed, LIMIT);
}

/// A panic ends the walk and not the caller. The only one that can be caused here is that of whoever is called with a picture.
#[test]
fn a_panic_is_an_answer() {
    let upload = files().into_iter().find(|(name, _)| name == "office.docx").unwrap().1;
    let coverage = embedded(&upload, &sniff(&upload), &Budget::default(), &mut |_| {
        std::panic::panic_any("not handled on purpose")
    });
    assert_eq!(coverage, Coverage { pictures: 1, missed: Some(Unscannable::DecoderPanic) });
}
