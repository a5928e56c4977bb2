//! Pictures inside uploads: files that real programs wrote (`tests/embedded/make.py` says which), damaged indexes, budgets.

#![cfg(feature = "decode")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tamis::Limits;
use tamis::media::{Budget, Coverage, Decoder, Keep, Place, Request, Unscannable, embedded, sniff};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/embedded")
}

fn read(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn within(upload: &[u8], budget: &Budget) -> (Coverage, Vec<(Place, Vec<u8>)>) {
    let mut pictures = Vec::new();
    let coverage = embedded(upload, &sniff(upload), budget, &mut |picture| {
        pictures.push((picture.place, picture.bytes.to_vec()));
    });
    assert_eq!(coverage.pictures as usize, pictures.len());
    (coverage, pictures)
}

fn all(upload: &[u8]) -> (Coverage, Vec<Vec<u8>>) {
    let (coverage, pictures) = within(upload, &Budget::default());
    (coverage, pictures.into_iter().map(|(_, bytes)| bytes).collect())
}

type Rgb = (usize, usize, Vec<u8>);

/// Red, green and blue, whatever the layout of the file was.
fn pixels(file: &[u8]) -> Rgb {
    let (limits, mut kept) = (Limits::default(), Keep::default());
    Decoder::new()
        .decode(&Request::still(file, sniff(file), &limits), &mut kept)
        .unwrap_or_else(|reason| panic!("{:?}: {reason}", sniff(file).format));
    let raster = kept.raster().unwrap();
    let bytes = raster.format().bytes_per_pixel();
    let rows = (0..raster.height()).flat_map(|y| raster.row(y).chunks_exact(bytes));
    let rgb = rows.flat_map(|p| if bytes < 3 { [p[0]; 3] } else { [p[0], p[1], p[2]] }).collect();
    (raster.width(), raster.height(), rgb)
}

/// What `make.py` put into each file: its name, the pictures in their order, the reason for what is missed.
fn expected() -> Vec<(String, Vec<String>, Option<Unscannable>)> {
    let text = String::from_utf8(read("expected.tsv")).unwrap();
    let lines = text.lines().map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        let pictures = fields[1].split(' ').filter(|p| *p != "-").map(str::to_owned).collect();
        let missed = Some(fields[2]).filter(|m| *m != "-").map(|m| m.parse().unwrap());
        (fields[0].to_owned(), pictures, missed)
    });
    lines.collect()
}

#[test]
fn every_file_gives_the_pictures_that_were_put_into_it() {
    let files = expected();
    assert!(files.len() >= 28, "only {} files", files.len());
    for (name, pictures, missed) in files {
        let upload = read(&name);
        let (coverage, found) = within(&upload, &Budget::default());
        assert_eq!(found.len(), pictures.len(), "{name}: {coverage:?}");
        assert_eq!(coverage.missed, missed, "{name}");
        assert_eq!(coverage.complete(), missed.is_none(), "{name}");
        for (number, ((place, bytes), picture)) in found.iter().zip(&pictures).enumerate() {
            let (how, source) = picture.split_at(1);
            let source = read(source);
            if how == "=" {
                assert!(*bytes == source, "{name}: {picture} has other bytes");
            } else {
                assert_eq!(pixels(bytes), pixels(&source), "{name}: {picture}");
            }
            let thumbnail = name.starts_with("thumbnail");
            let expected = if thumbnail { Place::Thumbnail } else { Place::Member(number as u32) };
            assert_eq!(*place, expected, "{name}");
        }
    }
}

/// No byte of a ZIP's directory hides a picture, whatever it becomes. Neither does any cut within it.
#[test]
fn a_damaged_directory_hides_nothing() {
    for name in ["office.docx", "streamed.zip"] {
        let upload = read(name);
        let (_, whole) = all(&upload);
        assert_eq!(whole.len(), 5);
        let start = upload.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        for at in start..upload.len() {
            assert!(all(&upload[..at]).1 == whole, "{name}: cut at {at}");
            for flip in [1, 0x80, 0xff] {
                let mut damaged = upload.clone();
                damaged[at] ^= flip;
                assert!(all(&damaged).1 == whole, "{name}: {at} ^ {flip:#x}");
            }
        }
    }
}

/// No byte of a PDF's cross-reference table and trailer hides a picture.
#[test]
fn a_damaged_cross_reference_table_hides_nothing() {
    let upload = read("img2pdf.pdf");
    let (_, whole) = all(&upload);
    assert_eq!(whole.len(), 6);
    let start = upload.windows(5).rposition(|w| w == b"xref\n").unwrap();
    let start = upload[..start].windows(5).rposition(|w| w == b"xref\n").unwrap_or(start);
    assert!(upload.len() - start > 300);
    for at in start..upload.len() {
        assert!(all(&upload[..at]).1 == whole, "cut at {at}");
        let mut damaged = upload.clone();
        damaged[at] ^= 0x15;
        assert!(all(&damaged).1 == whole, "{at}");
    }
}

/// Comments and any amount of white space may stand before the keyword of an object.
#[test]
fn nothing_between_the_numbers_and_the_keyword_hides_a_picture() {
    let upload = read("img2pdf.pdf");
    let whole = all(&upload);
    assert_eq!((whole.0.missed, whole.1.len()), (None, 6));
    let text: Vec<&[u8]> = upload.split(|b| *b == b'\n').collect();
    let spaces = b" ".repeat(5000);
    let comment = [b"%".to_vec(), b"x".repeat(5000), b"\r\n".to_vec()].concat();
    for between in [&b"%x\n"[..], b" %1 0 \r", &spaces, &comment, b"\0\x0c\t"] {
        let lines = text.iter().map(|line| match line.strip_suffix(b" obj") {
            Some(numbers) => [numbers, between, b"obj"].concat(),
            None => line.to_vec(),
        });
        let spread = lines.collect::<Vec<_>>().join(&b'\n');
        assert!(spread.len() > upload.len());
        assert!(
            all(&spread) == whole,
            "{:?}",
            String::from_utf8_lossy(between.get(..9).unwrap_or(between))
        );
    }
}

/// A member that the directory leaves out, between two that it names, is found: streaming readers show it.
#[test]
fn a_member_between_the_others_is_found() {
    let upload = read("office.docx");
    let gif = read("small.gif");
    // The directory's entry for the GIF goes; count and size follow.
    let directory = upload.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let name =
        upload.windows(11).rposition(|w| w == b"image3.gif\0" || w == b"image3.gifP").unwrap();
    let begin = upload[..name].windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    let end = begin + 46 + "word/media/image3.gif".len();
    assert!(begin > directory && &upload[end..end + 4] == b"PK\x01\x02");
    let mut hidden = [&upload[..begin], &upload[end..]].concat();
    let tail = hidden.len() - 22;
    for at in [tail + 8, tail + 10] {
        hidden[at] -= 1;
    }
    let size = u32::from_le_bytes(hidden[tail + 12..tail + 16].try_into().unwrap());
    hidden[tail + 12..tail + 16].copy_from_slice(&(size - (end - begin) as u32).to_le_bytes());
    let (_, found) = all(&hidden);
    assert_eq!(found.len(), 5);
    assert!(found.contains(&gif));
}

#[test]
fn a_picture_that_breaks_off_is_handed_over_as_far_as_it_goes() {
    for name in ["no-directory.zip", "no-directory-streamed.zip"] {
        let upload = read(name);
        // The last member is deflated.
        let (coverage, found) = all(&upload[..upload.len() - 60]);
        assert_eq!((coverage.missed, found.len()), (Some(Unscannable::Truncated), 5), "{name}");
        let webp = read("small.webp");
        assert!(webp.starts_with(&found[4]) && found[4].len() > 100, "{name}");
    }
    let upload = read("pillow.pdf");
    let (coverage, found) = all(&upload[..900]);
    assert_eq!((coverage.missed, found.len()), (Some(Unscannable::Truncated), 1));
    assert!(upload.windows(found[0].len()).any(|w| w == &found[0][..]));
    let upload = read("thumbnail-le.jpg");
    let (coverage, found) = all(&upload[..600]);
    assert_eq!((coverage.missed, found.len()), (Some(Unscannable::Truncated), 1));
    assert!(read("thumbnail.jpg").starts_with(&found[0]));
}

#[test]
fn budgets_end_the_walk_and_say_so() {
    let limit = Some(Unscannable::Limit);
    for (name, many) in [("office.docx", 5), ("hidden.zip", 5), ("img2pdf.pdf", 6)] {
        let upload = read(name);
        let whole = within(&upload, &Budget::default()).1;
        for pictures in 0..=many {
            let budget = Budget { pictures, ..Budget::default() };
            let (coverage, found) = within(&upload, &budget);
            assert!(found == whole[..pictures as usize], "{name}: {pictures}");
            // Exactly as many as there are is enough.
            assert_eq!(coverage.missed, if pictures < many { limit } else { None }, "{name}");
        }
        let (coverage, found) = within(&upload, &Budget { entries: 3, ..Budget::default() });
        assert!(coverage.missed == limit && found.len() < many as usize, "{name}");
        let deadline = Some(Instant::now());
        let (coverage, found) = within(&upload, &Budget { deadline, ..Budget::default() });
        assert_eq!((coverage.missed, found.len()), (Some(Unscannable::Timeout), 0), "{name}");
        // Without bytes to inflate, what lies in the upload as it is still comes.
        let (coverage, found) = within(&upload, &Budget { bytes: 0, ..Budget::default() });
        assert_eq!((coverage.missed, found.len()), (limit, 2), "{name}");
    }
}

/// What was handed over and is not a part of the upload was counted.
#[test]
fn no_budget_of_bytes_is_exceeded() {
    for (name, ..) in expected() {
        let upload = read(&name);
        for bytes in (0..12_000).step_by(397) {
            let budget = Budget { bytes, ..Budget::default() };
            let (mut copied, mut largest) = (0, 0);
            let _ = embedded(&upload, &sniff(&upload), &budget, &mut |picture| {
                if !upload.as_ptr_range().contains(&picture.bytes.as_ptr()) {
                    copied += picture.bytes.len() as u64;
                    largest = largest.max(picture.bytes.len() as u64);
                }
            });
            // The frame of a PNG with its palette.
            assert!(largest <= bytes + 1024, "{name}: {largest} of {bytes}");
            assert!(copied <= bytes + 16 * 1024, "{name}: {copied} of {bytes}");
        }
    }
}

#[test]
fn other_archives_are_said_not_to_be_looked_into() {
    for (upload, missed) in [
        (&b"Rar!\x1a\x07\x01\0"[..], Some(Unscannable::Unsupported)),
        (b"\x1f\x8b\x08\0\0\0\0\0", Some(Unscannable::Unsupported)),
        (b"PK\x03\x04 and no member", Some(Unscannable::Corrupt)),
        (b"only text", None),
        (b"", None),
    ] {
        assert_eq!(all(upload).0.missed, missed, "{:?}", String::from_utf8_lossy(upload));
    }
}

/// The formats that the pictures of these files have, so that a loss of one in `make.py` shows.
#[test]
fn the_files_cover_the_formats() {
    let formats: BTreeSet<_> = expected()
        .iter()
        .flat_map(|(name, ..)| all(&read(name)).1)
        .map(|picture| sniff(&picture).format.name())
        .collect();
    assert_eq!(formats, ["bmp", "gif", "jp2", "jpeg", "png", "webp"].into());
}

/// The segments of a photograph with a thumbnail: what stands before its EXIF, the EXIF, and what follows.
fn around_exif(upload: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let name = upload.windows(6).position(|w| w == b"Exif\0\0").unwrap();
    let start = name - 4;
    let length = usize::from(u16::from_be_bytes([upload[start + 2], upload[start + 3]]));
    let (before, rest) = upload.split_at(start);
    let (exif, behind) = rest.split_at(2 + length);
    assert!(exif.starts_with(b"\xff\xe1"));
    (before, exif, behind)
}

/// What decoders pass over between two segments of a JPEG hides no thumbnail.
#[test]
fn stray_bytes_before_a_segment_hide_nothing() {
    for name in ["thumbnail-le.jpg", "thumbnail-be.jpg"] {
        let upload = read(name);
        let (before, exif, behind) = around_exif(&upload);
        let expected = all(&upload);
        assert_eq!((expected.0.complete(), expected.1.len()), (true, 1));
        for stray in
            [&b"\0"[..], b"a", b"stray bytes", b"\xff", b"\xff\0", b"a\xff\0b", b"\xff\x01"]
        {
            // A segment first, so that the start of the file is what it was.
            let comment = b"\xff\xfe\0\x04ab";
            let file = [before, comment, stray, exif, behind].concat();
            assert!(all(&file) == expected, "{name}: {stray:x?}");
        }
    }
}

/// A file of a hundred thumbnails would be decoded a hundred times; programs write one.
#[test]
fn a_second_thumbnail_is_not_handed_over() {
    let upload = read("thumbnail-le.jpg");
    let (before, exif, behind) = around_exif(&upload);
    for copies in [2, 100] {
        let (coverage, found) = all(&[before, &exif.repeat(copies), behind].concat());
        assert_eq!((coverage.missed, found), (Some(Unscannable::Limit), all(&upload).1));
    }
}

/// What is not wanted is neither handed over nor said to be missed.
#[test]
fn what_is_not_wanted_is_not_looked_for() {
    let rar = (String::from("rar"), b"Rar!\x1a\x07\x01\0".to_vec());
    let files: Vec<_> =
        expected().into_iter().map(|(name, ..)| (name.clone(), read(&name))).collect();
    for (name, upload) in files.into_iter().chain([rar]) {
        let whole = within(&upload, &Budget::default());
        let nothing = (Coverage::default(), Vec::new());
        let thumbnail = name.starts_with("thumbnail");
        let without = within(&upload, &Budget { thumbnails: false, ..Budget::default() });
        assert!(without == if thumbnail { nothing.clone() } else { whole.clone() }, "{name}");
        let without = within(&upload, &Budget { members: false, ..Budget::default() });
        assert!(without == if thumbnail { whole } else { nothing }, "{name}");
    }
}
