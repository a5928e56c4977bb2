//! Writes the seed corpora: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`. Files that a fuzzer added stay.
//! The names of those it writes begin with `seed-`.

#[path = "seeds/store.rs"]
mod store;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageBuffer, ImageFormat, RgbaImage};
use tamis::Policy;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Larger files only slow a fuzzer down.
const LIMIT: usize = 8 << 10;

fn main() -> Result<()> {
    sets()?;
    indexes()?;
    pictures()?;
    containers()?;
    lists()?;
    policies()?;
    feeds()?;
    store::feed_contents()?;
    store::manifests()?;
    store::logs()?;
    store::changes()?;
    store::counters()?;
    store::messages()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn write(target: &str, name: &str, bytes: &[u8]) -> Result<()> {
    if bytes.len() > LIMIT {
        return Err(
            format!("{target}/{name}: {} bytes, expected at most {LIMIT}", bytes.len()).into()
        );
    }
    let folder = root().join("fuzz/corpus").join(target);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(format!("seed-{name}")), bytes)?)
}

/// The name and the path of every file in the folders below one.
fn files(folder: &str) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for kind in ["good", "bad"] {
        for entry in fs::read_dir(root().join(folder).join(kind))? {
            let path = entry?.path();
            files.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path));
        }
    }
    files.sort();
    Ok(files)
}

/// Sealing mends these, which makes them the same set as a good one.
const MENDED: [&str; 3] = ["checksum-flipped", "digest-flipped", "padding-not-zero"];

/// The good sets as they are; all sets to be sealed again, which leaves the faults that checksums do not show.
fn sets() -> Result<()> {
    for (name, path) in files("tests/sets")? {
        let Some(stem) = name.strip_suffix(".tamis") else { continue };
        // Those of a single change are a number away from a good delta, which a fuzzer finds by itself.
        if MENDED.contains(&stem) || stem.starts_with("change-") {
            continue;
        }
        let bytes = fs::read(&path)?;
        if path.components().any(|part| part.as_os_str() == "good") {
            write("set_open", &format!("{stem}-raw"), &[&[0], &bytes[..]].concat())?;
        }
        write("set_open", &format!("{stem}-sealed"), &[&[1], &bytes[..]].concat())?;
    }
    Ok(())
}

/// Edits of a sound index of forty codes with keys of eight bits, and beginnings of others: header, offsets of table 0, its entries.
fn indexes() -> Result<()> {
    // Of table 0: the first offset, the last, the first next chunk, something amid its entries, the last row. Where table 1 begins.
    let (first, last, chunk, row, end, second) = (64, 64 + 4 * 256, 1152, 1312, 1468, 1472);
    let edits: [(&str, &[(usize, u32)]); 10] = [
        ("sound", &[]),
        ("key-bits", &[(0, 9)]),
        ("count", &[(4, 41)]),
        ("first-offset", &[(first, 1)]),
        ("last-offset", &[(last, 41)]),
        ("backwards", &[(first + 400, u32::MAX)]),
        ("wide-bucket", &[(first, 0), (first + 4, 40), (first + 8, 0)]),
        ("next-chunk", &[(chunk, 0)]),
        ("rows", &[(row, 40), (end, u32::MAX)]),
        ("second-table", &[(second, 40), (second + 4, 0)]),
    ];
    for (name, edits) in edits {
        let mut bytes = vec![0];
        for (at, value) in edits {
            bytes.extend(&(*at as u32).to_le_bytes()[..3]);
            bytes.extend(value.to_le_bytes());
        }
        write("radius_index", &format!("edit-{name}"), &bytes)?;
    }
    // Two keys to a table, all codes in the first: every bucket that is opened is full.
    for (name, key_bits, offsets) in
        [("empty", 1u32, [0u32, 0, 0]), ("full", 1, [0, 40, 40]), ("over", 2, [0, 40, 80])]
    {
        let mut bytes = vec![1];
        bytes.extend([key_bits, 40].map(u32::to_le_bytes).concat());
        bytes.resize(1 + 64, 0);
        bytes.extend(offsets.map(u32::to_le_bytes).concat());
        write("radius_index", &format!("raw-{name}"), &bytes)?;
    }
    Ok(())
}

/// Every format that is decoded, in every layout of pixels that its encoder writes.
fn pictures() -> Result<()> {
    let picture = RgbaImage::from_fn(33, 20, |x, y| {
        let value = x * 7 + y * 11 + (x ^ y) * 3;
        image::Rgba([value as u8, (value / 3 + 9 * y) as u8, !value as u8, (x * 8) as u8])
    });
    let whole = DynamicImage::ImageRgba8(picture.clone());
    let layouts = [
        ("l8", DynamicImage::ImageLuma8(whole.to_luma8())),
        ("la8", DynamicImage::ImageLumaA8(whole.to_luma_alpha8())),
        ("rgb8", DynamicImage::ImageRgb8(whole.to_rgb8())),
        ("rgba8", whole.clone()),
        ("l16", DynamicImage::ImageLuma16(whole.to_luma16())),
        ("la16", DynamicImage::ImageLumaA16(whole.to_luma_alpha16())),
        ("rgb16", DynamicImage::ImageRgb16(whole.to_rgb16())),
        ("rgba16", DynamicImage::ImageRgba16(whole.to_rgba16())),
    ];
    let formats = [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
    ];
    for format in formats {
        for (layout, picture) in &layouts {
            let mut file = Cursor::new(Vec::new());
            // Not every format has every layout.
            if picture.write_to(&mut file, format).is_ok() {
                let name = format!("{layout}.{}", format.extensions_str()[0]);
                write("sniff_decode", &name, file.get_ref())?;
            }
        }
    }
    let mut animation = Vec::new();
    let second = ImageBuffer::from_fn(33, 20, |x, y| *picture.get_pixel(32 - x, 19 - y));
    GifEncoder::new(&mut animation).encode_frames([Frame::new(picture), Frame::new(second)])?;
    write("sniff_decode", "animation.gif", &animation)?;
    // A JPEG whose EXIF says: turn me by a quarter.
    let mut jpeg = Cursor::new(Vec::new());
    layouts[2].1.write_to(&mut jpeg, ImageFormat::Jpeg)?;
    let exif =
        b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let turned = [&jpeg.get_ref()[..2], exif, &jpeg.get_ref()[2..]].concat();
    write("sniff_decode", "turned.jpg", &turned)?;
    for (name, bytes) in [
        ("magic.mp4", &b"\0\0\0\x18ftypisom\0\0\0\0isomiso2"[..]),
        ("magic.avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"),
        ("magic.zip", b"PK\x03\x04\x14\0\0\0\0\0"),
        ("magic.pdf", b"%PDF-1.7\n"),
        ("magic.svg", b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("magic.webm", b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x84webm"),
        ("magic.ogg", b"OggS\0\x02\0\0\0\0\0\0\0\0"),
    ] {
        write("sniff_decode", name, bytes)?;
    }
    Ok(())
}

/// The containers of the tests, with a large budget; the largest would take too much of the corpus.
fn containers() -> Result<()> {
    for entry in fs::read_dir(root().join("tests/embedded"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let container =
            name.starts_with("thumbnail-") || name.ends_with("pdf") || name.ends_with("zip");
        let bytes = fs::read(&path)?;
        if container && bytes.len() < 4000 {
            write("embedded", &name, &[&[0xff], &bytes[..]].concat())?;
        }
    }
    Ok(())
}

/// The lists of the tests, each in its own format; some with other options.
fn lists() -> Result<()> {
    for (name, path) in files("tests/lists")? {
        let format = match path.extension().and_then(|e| e.to_str()) {
            Some("csv") => 0,
            Some("jsonl") => 1,
            _ => 2,
        };
        let list = fs::read(&path)?;
        // The options of the list makers: none; reviewed, exceptions allowed; and the format by its beginning.
        for (options, choice) in [("plain", format | 0x70), ("own", format | 0x7c), ("any", 0x73)] {
            if list.len() < LIMIT {
                write(
                    "list_import",
                    &format!("{name}-{options}"),
                    &[&[choice], &list[..]].concat(),
                )?;
            }
        }
    }
    Ok(())
}

/// The example as it is and with its rules switched on, and one short file for each thing that a policy can say.
fn policies() -> Result<()> {
    write("policy", "example", Policy::EXAMPLE.as_bytes())?;
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(code) if !code.starts_with(' ') => format!("{code}\n"),
        Some(_) => String::new(),
        None => format!("{line}\n"),
    };
    let switched_on: String = Policy::EXAMPLE.lines().map(uncommented).collect();
    write("policy", "example-switched-on", switched_on.as_bytes())?;
    for (name, text) in [
        ("empty", ""),
        ("mode", "mode = 'observe' # until Monday\r\n"),
        ("radius", "radius = 310"),
        ("no-views", "views = []"),
        ("views", "views = ['dihedral', \"as-shown\"]"),
        ("table", "unscannable.image.limit = 'block'\nunscannable.default = 'allow'"),
        (
            "inline",
            "rule = [{ action = 'block', list = ['a', \"\\u0062\"] }, { action = 'allow' }]",
        ),
        (
            "distances",
            "[[rule]]\naction = 'review'\nmax_distance = 5\n[[rule]]\naction = 'block'\nmax_distance = 20\n",
        ),
        ("covered", "[[rule]]\naction = 'block'\n[[rule]]\naction = 'review'\nlist = 'local'\n"),
        (
            "selectors",
            "[[rule]]\naction = 'block'\nlist_kind = ['friend', 'local']\nopinion = 'positive'\nseverity = 'high'\nreviewed = true\nview = ['as-stored', 'dihedral']\nalgorithm = 'pdq'\nlabel = 'gore'\nname = 'n'\nwhy = '''w'''\n",
        ),
        ("unknown-key", "raduis = 3"),
        ("numbers", "radius = 0x1_0\nmax_matches = 1e3\nblock_quality = -1"),
    ] {
        write("policy", name, format!("version = 1\n{text}").as_bytes())?;
    }
    Ok(())
}

/// Feeds of each shape, with signatures and keys behind them.
fn feeds() -> Result<()> {
    let set = |number: u64, more: &str| {
        format!(
            r#"{{"file":"{number}.tamis","digest":"{number:064x}","bytes":4096,"first":{number},"last":{number}{more}}}"#
        )
    };
    let feed = |more: &str, sets: &[String]| {
        format!(
            r#"{{"format":"tamis feed 1","list":"neighbour","version":7{more},"sets":[{}]}}"#,
            sets.join(",")
        )
    };
    let base = set(9, r#","replaces":true"#).replace(r#""first":9"#, r#""first":0"#);
    let signature = "\0untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1633700835\tfile:test\tprehashed\n\
        wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==\n";
    let key = "\0untrusted comment: minisign public key E7620F1842B4E81F\n\
        RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n";
    let words = r#","created":1790000000,"expires":1800000000,"contact":"a","corrections":"b","criteria":"c","later":[1,{}]"#;
    for (name, text) in [
        ("empty", feed("", &[])),
        ("one", feed(words, &[set(1, "")])),
        ("three", feed("", &[set(1, ""), set(2, r#","incident":"parade""#), set(3, "")])),
        ("base", feed("", &[base.clone()])),
        ("base-and-change", feed("", &[base.clone(), set(10, "")])),
        ("two-bases", feed("", &[base.clone(), base])),
        ("gap", feed("", &[set(1, ""), set(3, "")])),
        ("no-first", feed("", &[set(2, "")])),
        ("path", feed("", &[set(1, "").replace("1.tamis", "../1.tamis")])),
        (
            "giant",
            feed(
                "",
                &[set(9_007_199_254_740_991, "")
                    .replace(r#""first":9007199254740991"#, r#""first":1"#)],
            ),
        ),
        ("beyond", feed("", &[set(1, "").replace("4096", "18446744073709551615")])),
        ("foreign-format", feed("", &[]).replace("feed 1", "feed 2")),
        ("signed", feed("", &[set(1, "")]) + signature),
        ("beside-a-key", feed("", &[]) + key),
        ("only-a-key", key.to_owned()),
        ("only-a-signature", signature.to_owned()),
    ] {
        write("feed", name, text.as_bytes())?;
    }
    Ok(())
}
