//! Files that are cut, changed, longer than the picture, or of a kind that the decoder does not know.

use std::time::Duration;

use tamis::Limits;
use tamis::media::{Channels, Decoder, Keep, Request, Unscannable, sniff};

use crate::drawing::{Drawing, segment};
use crate::{Seen, decode, levels};

#[test]
fn nothing_behind_the_picture_is_looked_at() {
    let plain = Drawing::grey_in_colour(70, 41, (2, 2));
    let expected = decode(&plain.bytes(), Channels::Luma).unwrap();
    let second = Drawing::grey_in_colour(300, 200, (1, 1)).bytes();
    for (what, end) in [
        ("a second picture", [&[0xff, 0xd9][..], &second].concat()),
        ("no end marker", vec![]),
        ("the height again", [segment(0xdc, &[0, 41]), vec![0xff, 0xd9]].concat()),
        ("another scan", [segment(0xda, &[1, 1, 0, 0, 63, 0]), vec![1, 2, 3, 0xff, 0xd9]].concat()),
        ("an archive", b"\xff\xd9PK\x03\x04".to_vec()),
        ("half a marker", vec![0xff]),
    ] {
        let bytes = Drawing { end, ..plain.clone() }.bytes();
        assert_eq!(decode(&bytes, Channels::Luma).unwrap(), expected, "{what}");
    }
}

#[test]
fn what_the_decoder_does_not_know_is_unsupported() {
    let plain = Drawing::full(16, 16, &[1, 2, 3]).bytes();
    let frame = plain.windows(2).position(|w| w == b"\xff\xc0").unwrap();
    for marker in [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf] {
        let mut other = plain.clone();
        other[frame + 1] = marker;
        assert_eq!(
            decode(&other, Channels::Luma).map(|_| ()),
            Err(Unscannable::Unsupported),
            "{marker:x}"
        );
    }
    let patched = |at: usize, byte: u8| {
        let mut other = plain.clone();
        other[frame + at] = byte;
        decode(&other, Channels::Luma).map(|_| ())
    };
    assert_eq!(patched(4, 12), Err(Unscannable::Unsupported), "12 bits");
    assert_eq!(
        patched(6, 0),
        Err(Unscannable::Corrupt),
        "no height: it comes later, which no browser knows"
    );
    assert_eq!(patched(8, 0), Err(Unscannable::Corrupt), "no width");
    assert_eq!(patched(11, 0x50), Err(Unscannable::Corrupt), "sampling");
    let twice = [&plain[..frame], &plain[frame..frame + 19], &plain[frame..]].concat();
    assert_eq!(decode(&twice, Channels::Luma).map(|_| ()), Err(Unscannable::Corrupt), "two frames");
}

/// Baseline, progressive, restarts, scan by scan: cut anywhere, with and without an end marker put back.
#[test]
fn a_cut_file_is_never_taken_for_a_whole_one() {
    let photo = || {
        let picture = image::RgbImage::from_fn(70, 60, |x, y| {
            image::Rgb([(x * y % 251) as u8, (x * 3) as u8, (y * 4) as u8])
        });
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 85)
            .encode_image(&picture)
            .unwrap();
        bytes
    };
    let plain = Drawing::grey_in_colour(70, 60, (2, 2));
    for (name, bytes) in [
        ("baseline", plain.bytes()),
        ("progressive", Drawing { progressive: true, ..plain.clone() }.bytes()),
        ("restarts", Drawing { restart: 2, ..plain.clone() }.bytes()),
        (
            "progressive with restarts",
            Drawing { restart: 3, progressive: true, ..plain.clone() }.bytes(),
        ),
        ("scan by scan", Drawing::grey_in_colour(70, 60, (1, 1)).scan_by_scan().bytes()),
        ("photograph", photo()),
    ] {
        let whole = decode(&bytes, Channels::Colour).unwrap();
        assert_eq!(whole.0.cut_short, None, "{name}");
        let (mut pictures, mut first, mut missed) = (0, bytes.len(), 0);
        for cut in 0..bytes.len() - 2 {
            for end in [&b""[..], b"\xff\xd9"] {
                let part = [&bytes[..cut], end].concat();
                for channels in [Channels::Colour, Channels::Luma] {
                    match decode(&part, channels) {
                        // Nothing but the filling of the last byte was cut off.
                        Ok((Seen { cut_short: None, .. }, _, pixels))
                            if channels == Channels::Colour =>
                        {
                            assert!(pixels == whole.2, "{name} cut at {cut} passes for whole");
                            missed += 1;
                        }
                        Ok((Seen { cut_short: None, .. }, ..)) => {}
                        Ok((Seen { cut_short: Some(Unscannable::Truncated), .. }, ..)) => {
                            pictures += 1;
                            first = first.min(cut);
                        }
                        Err(
                            Unscannable::Truncated
                            | Unscannable::Corrupt
                            | Unscannable::Unsupported,
                        ) => {}
                        other => panic!("{name} cut at {cut}: {:?}", other.map(|found| found.0)),
                    }
                }
            }
        }
        eprintln!(
            "{name}: {} bytes, {pictures} pictures, the first at {first}, {missed} whole without their last bytes",
            bytes.len()
        );
        assert!(pictures > 50 && missed <= 4, "{name}");
    }
}

#[test]
fn damage_in_the_middle_is_told() {
    let bytes = Drawing::grey_in_colour(320, 240, (2, 1)).bytes();
    let middle = bytes.len() / 2;
    // Sixteen ones are no code.
    let damaged = [&bytes[..middle], &[0xff, 0, 0xff, 0, 0xff, 0], &bytes[middle..]].concat();
    let (decoded, _, pixels) = decode(&damaged, Channels::Luma).unwrap();
    assert_eq!(decoded.cut_short, Some(Unscannable::Corrupt));
    assert!(pixels[..320 * 80] == levels(320, 240, 0)[..320 * 80]);
    assert!(pixels[320 * 200..].iter().all(|p| *p == 128), "the rest is grey");
}

/// The upload before must not show through where a picture ends early.
#[test]
fn a_used_buffer_leaves_no_traces() {
    let limits = Limits::default().time(Duration::from_secs(60));
    let mut decoder = Decoder::new();
    let mut run = |bytes: &[u8]| {
        let mut kept = Keep::default();
        let request =
            Request { channels: Channels::Luma, ..Request::still(bytes, sniff(bytes), &limits) };
        let decoded = decoder.decode(&request, &mut kept);
        decoded.map(|d| {
            (
                Seen { exact: kept.frame().is_some_and(|f| f.exact), cut_short: d.cut_short },
                kept.raster()
                    .map(|r| (0..r.height()).flat_map(|y| r.row(y).to_vec()).collect::<Vec<_>>()),
            )
        })
    };
    let bytes = Drawing::grey_in_colour(320, 240, (2, 2)).bytes();
    for cut in (150..bytes.len()).step_by(7) {
        let fresh = decode(&bytes[..cut], Channels::Luma);
        run(&bytes).unwrap();
        let again = run(&bytes[..cut]);
        assert!(fresh.map(|(d, _, p)| (d, Some(p))) == again, "{cut}");
    }
}
