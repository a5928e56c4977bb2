//! Magic numbers.

use proptest::prelude::*;

use super::*;
use crate::media::{Format, Media};

/// File starts and what they are.
fn starts() -> Vec<(&'static [u8], MediaClass, Format)> {
    use MediaClass::*;
    vec![
        (b"", Empty, Format::Empty),
        (b"\xff\xd8\xff", Image, Format::Jpeg),
        (b"\xff\xd8", Unknown, Format::Unknown),
        (b"\x89PNG\r\n\x1a\n", Image, Format::Png),
        (b"GIF87a", Image, Format::Gif),
        (b"RIFF\0\0\0\0WEBPVP8 ", Image, Format::WebP),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0", Animation, Format::WebP),
        (b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Image, Format::Bmp),
        (b"BM is not always a bitmap", Text, Format::Text),
        (b"II*\0\x08\0\0\0", Image, Format::Tiff),
        (b"MM\0*\0\0\0\x08", Image, Format::Tiff),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1miaf", Image, Format::Avif),
        (b"\0\0\0\x1cftypavis\0\0\0\0msf1miaf", Animation, Format::Avif),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avifmiaf", Image, Format::Avif),
        (b"\0\0\0\x18ftypmif1\0\0\0\0heicmiaf", Image, Format::Heic),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Image, Format::Heic),
        (b"\0\0\0\x14ftypisom\0\0\x02\0isom", Video, Format::Mp4),
        (b"\0\0\0\x14ftypqt  \0\0\x02\0qt  ", Video, Format::Mov),
        (b"\0\0\0\x08wide\0\0\0\0mdat", Video, Format::Mov),
        (b"\0\0\0\x14ftyp3gp5\0\0\x02\0isom", Video, Format::ThreeGp),
        (b"\0\0\0\x14ftypM4A \0\0\x02\0isom", Audio, Format::M4a),
        (b"\xff\x0a\0\0", Image, Format::Jxl),
        (b"\0\0\0\x0cJXL \r\n\x87\n", Image, Format::Jxl),
        (b"\0\0\0\x0cjP  \r\n\x87\n", Image, Format::Jp2),
        (b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0", Image, Format::Ico),
        // Browsers do not ask for the reserved byte, nor for fewer than 256 pictures.
        (b"\0\0\x01\0\x01\0\x10\x10\0\x01\x01\0\x20\0\x02\0\0\0\x16\0\0\0ab", Image, Format::Ico),
        (b"\0\0\x02\0\x01\x01\x10\x10\0\0\x01\0\x20\0\x02\0\0\0\x16\0\0\0ab", Image, Format::Ico),
        (b"\0\0\x01\0\x01\0\x10\x10\0\x01\x01\0\x20\0\x03\0\0\0\x16\0\0\0ab", Unknown, Format::Unknown),
        (b"8BPS\0\x01", Image, Format::Psd),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", Video, Format::WebM),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", Video, Format::Matroska),
        (b"RIFF\0\0\0\0AVI LIST", Video, Format::Avi),
        (b"RIFF\0\0\0\0WAVEfmt ", Audio, Format::Wav),
        (b"FLV\x01\x05", Video, Format::Flv),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", Video, Format::Asf),
        (b"\0\0\x01\xba\x44", Video, Format::MpegPs),
        (b"OggS\0\x02 ....... \x01vorbis", Audio, Format::Ogg),
        (b"OggS\0\x02 ....... \x80theora", Video, Format::Ogg),
        (b"fLaC\0\0\0\x22", Audio, Format::Flac),
        (b"ID3\x04\0\0", Audio, Format::Mp3),
        (b"\xff\xfb\x90\x64", Audio, Format::Mp3),
        (b"\xff\xf1\x50\x80", Audio, Format::Aac),
        (b"%PDF-1.7\n", Pdf, Format::Pdf),
        (b"\x01junk in front\x02%PDF-1.4", Pdf, Format::Pdf),
        (b"PK\x03\x04\x14\0", Archive, Format::Zip),
        (b"Rar!\x1a\x07\x01\0", Archive, Format::Rar),
        (b"7z\xbc\xaf\x27\x1c", Archive, Format::SevenZip),
        (b"\x1f\x8b\x08\0", Archive, Format::Gzip),
        (b"\xfd7zXZ\0", Archive, Format::Xz),
        (b"\x28\xb5\x2f\xfd\x24", Archive, Format::Zstd),
        (b"BZh91AY&SY", Archive, Format::Bzip2),
        (b"plain words\r\n", Text, Format::Text),
        (b"\xef\xbb\xbfplain words", Text, Format::Text),
        (b"\xff\xfep\0l\0", Text, Format::Text),
        ("{\"naïve\": 1}".as_bytes(), Text, Format::Text),
        (b"<!doctype html><svg>", Text, Format::Text),
        (b"<svg xmlns='x'/>", Text, Format::Svg),
        (b"\xef\xbb\xbf\n<?xml version='1.0'?><!-- a --><!DOCTYPE svg [<!ENTITY a 'b>'>]>\n<svg>", Text, Format::Svg),
        (b"<svgx>", Text, Format::Text),
        (b"latin-1 caf\xe9", Unknown, Format::Unknown),
        (b"cut char \xc3", Unknown, Format::Unknown),
        (b"\x00\x01\x02\x03", Unknown, Format::Unknown),
    ]
}

#[test]
fn names_every_format() {
    for (bytes, class, format) in starts() {
        assert_eq!(sniff(bytes), Media { class, format }, "{}", bytes.escape_ascii());
    }
    let mut tar = vec![b'a'; 600];
    tar[100] = 0;
    tar[257..262].copy_from_slice(b"ustar");
    assert_eq!(sniff(&tar).format, Format::Tar);
    let mut ts = vec![0u8; 600];
    for at in [0, 188, 376] {
        ts[at] = 0x47;
    }
    assert_eq!(sniff(&ts).format, Format::MpegTs);
}

#[test]
fn text_may_be_cut_in_a_character_by_the_prefix_but_not_by_the_file() {
    let mut text = vec![b'a'; 4095];
    text.extend("é and more".as_bytes());
    assert_eq!(sniff(&text).format, Format::Text);
    assert_eq!(sniff(&text[..4096]).format, Format::Unknown);
}

#[test]
fn the_picture_wins_in_a_mixture() {
    for (name, picture) in one_of_each() {
        let mixed = [&picture[..], b"PK\x03\x04 %PDF-1.4 <svg>"].concat();
        assert_eq!(sniff(&mixed).format, sniff(&picture).format, "{name}");
        assert_eq!(stored(&mixed), stored(&picture), "{name}");
    }
}

#[test]
fn tells_stills_from_animations() {
    let frame = gif_frame(0, 0, 1, 1, &[1]);
    let comment = b"\x21\xfe\x03abc\0".repeat(500);
    assert_eq!(sniff(&gif(1, 1, &comment, std::slice::from_ref(&frame))).class, MediaClass::Image);
    assert_eq!(
        sniff(&gif(1, 1, &comment, &[frame.clone(), frame.clone()])).class,
        MediaClass::Animation
    );
    // More blocks than the walk takes: animated, until proven otherwise.
    let endless = b"\x21\xfe\0".repeat(70_000);
    assert_eq!(sniff(&gif(1, 1, &endless, &[frame])).class, MediaClass::Animation);

    let control = chunk(b"acTL", &[0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(sniff(&raw_png(1, 1, 8, 0, &[], &[0, 9])).class, MediaClass::Image);
    assert_eq!(sniff(&raw_png(1, 1, 8, 0, &control, &[0, 9])).class, MediaClass::Animation);
    let mut late = raw_png(1, 1, 8, 0, &[], &[0, 9]);
    late.extend(&control);
    assert_eq!(sniff(&late).class, MediaClass::Image);
    let many = chunk(b"teSt", &[]).repeat(70_000);
    assert_eq!(sniff(&raw_png(1, 1, 8, 0, &many, &[0, 9])).class, MediaClass::Animation);
}

#[test]
fn bitmaps_have_headers_of_every_length_that_decoders_take() {
    for length in 0..200u32 {
        let bytes = [&b"BM"[..], &[0; 12], &length.to_le_bytes(), &[0; 200]].concat();
        let steps = (16..=64).step_by(4).any(|n| n == length);
        let taken = steps || [12, 42, 46, 108, 124].contains(&length);
        assert_eq!(sniff(&bytes).format == Format::Bmp, taken, "{length}");
    }
}

#[test]
fn a_compatible_brand_makes_a_picture_of_a_film() {
    let file = |major: &str, brands: &[&str]| {
        let length = 16 + 4 * brands.len() as u32;
        let start = [&length.to_be_bytes()[..], b"ftyp", major.as_bytes(), &[0; 4]].concat();
        let media = sniff(&[start, brands.concat().into_bytes(), vec![0; 40]].concat());
        (media.class, media.format)
    };
    for major in ["isom", "mp42", "M4A ", "qt  ", "3gp4"] {
        let picture = file(major, &["avif", "mif1", "miaf"]);
        assert_eq!(picture, (MediaClass::Image, Format::Avif), "{major}");
        assert_eq!(file(major, &["avif", "avis"]), (MediaClass::Animation, Format::Avif));
        assert_eq!(file(major, &["mif1", "heic"]), (MediaClass::Image, Format::Heic));
        assert_eq!(file(major, &["hevc", "heic"]), (MediaClass::Animation, Format::Heic));
        assert!(!file(major, &["isom", "iso2", "avc1"]).0.is_picture(), "{major}");
    }
}

#[test]
fn each_format_has_a_name_of_its_own() {
    let formats: std::collections::HashSet<_> = starts().iter().map(|s| s.2).collect();
    let names: std::collections::HashSet<_> = formats.iter().map(|format| format.name()).collect();
    assert_eq!(names.len(), formats.len());
    for format in formats {
        assert_eq!(serde_json::to_string(&format).unwrap(), format!("\"{format}\""));
    }
}

proptest! {
    #[test]
    fn any_bytes_have_a_name(start in 0usize..60, rest in prop::collection::vec(any::<u8>(), 0..300)) {
        let starts = starts();
        let start = starts.get(start).map_or(&b""[..], |s| s.0);
        let bytes = [start, &rest].concat();
        let media = sniff(&bytes);
        prop_assert_eq!(media.class == MediaClass::Empty, bytes.is_empty());
        let limits = Limits { pixels: 1 << 20, ..Limits::default() };
        let outcome = decode_with(&bytes, &limits, |kept, _| pixels(kept).3.len());
        prop_assert_ne!(outcome, Err(Unscannable::DecoderPanic));
        if !media.class.is_picture() {
            prop_assert_eq!(outcome, Err(Unscannable::Unsupported));
        }
    }
}
