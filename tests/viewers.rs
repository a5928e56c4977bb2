//! Files that people see otherwise than a decoder takes them: what can be told of them is.

#![cfg(feature = "decode")]

#[allow(dead_code, reason = "a part of it is used here")]
mod drawing;
mod listed;
mod pictures;

use drawing::{Drawing, segment};
use listed::{NOW, patient, reviewed, scanner_of, store_of};
use pictures::{hash, jpeg, scene};
use tamis::media::{Channels, Decoder, Keep, Request, Unscannable, sniff};
use tamis::{Action, Context, Outcome, Policy};

/// The pixels, if nothing is to be told of them.
fn decoded(bytes: &[u8]) -> Result<Vec<u8>, Unscannable> {
    let limits = patient();
    let request =
        Request { channels: Channels::Colour, ..Request::still(bytes, sniff(bytes), &limits) };
    let mut kept = Keep::default();
    let decoded = Decoder::new().decode(&request, &mut kept)?;
    assert_eq!(decoded.cut_short, None);
    let raster = kept.raster().unwrap();
    Ok((0..raster.height()).flat_map(|y| raster.row(y).iter().copied()).collect())
}

/// Where a marker stands for the `n`th time.
fn marker(bytes: &[u8], marker: u8, n: usize) -> usize {
    let mut found = (0..bytes.len() - 1).filter(|at| bytes[*at..*at + 2] == [0xff, marker]);
    found.nth(n).unwrap()
}

fn with(bytes: &[u8], at: usize, what: &[u8]) -> Vec<u8> {
    [&bytes[..at], what, &bytes[at..]].concat()
}

/// A quantization table in 8 or in 16 bits.
fn quantizers(number: u8, wide: bool, step: u8) -> Vec<u8> {
    let value = if wide { &[0, step][..] } else { &[step] };
    segment(0xdb, &[&[u8::from(wide) << 4 | number][..], &value.repeat(64)].concat())
}

#[test]
fn quantization_tables_may_not_change_between_scans() {
    for progressive in [false, true] {
        // The second component comes first, as it does where the first one's table is to be exchanged.
        let drawing = Drawing { progressive, ..Drawing::full(40, 24, &[1, 2, 3]) };
        let drawing = Drawing { scans: vec![vec![1], vec![0], vec![2]], ..drawing };
        let plain = drawing.bytes();
        let expected = decoded(&plain).unwrap();
        let last = 2 + if progressive { 3 } else { 0 };
        for scan in 1..=last {
            let name = format!("progressive {progressive}, before scan {scan}");
            let at = marker(&plain, 0xda, scan);
            for (number, wide, step, fits) in [
                // The same again, in whatever width; one that nothing uses.
                (0, false, 8, true),
                (0, true, 8, true),
                (1, false, 1, true),
                (0, false, 255, false),
                (0, false, 0, false),
                (0, true, 9, false),
            ] {
                let bytes = with(&plain, at, &quantizers(number, wide, step));
                let outcome =
                    if fits { Ok(expected.clone()) } else { Err(Unscannable::Unsupported) };
                assert!(decoded(&bytes) == outcome, "{name}: table {number} of {step}");
            }
            // Two tables in one segment.
            let two = [&quantizers(2, false, 1)[4..], &quantizers(0, false, 1)[4..]].concat();
            let bytes = with(&plain, at, &segment(0xdb, &two));
            assert!(decoded(&bytes) == Err(Unscannable::Unsupported), "{name}: two");
        }
        // Before the first scan the last one counts, everywhere.
        let at = marker(&plain, 0xda, 0);
        let twice = with(&plain, 2, &quantizers(0, false, 200));
        assert!(decoded(&twice).as_ref() == Ok(&expected));
        assert!(decoded(&with(&plain, at, &quantizers(0, false, 7))).unwrap() != expected);
    }
}

/// A Huffman table of codes of five bits for these symbols.
fn huffman(class_and_number: u8, symbols: &[u8]) -> Vec<u8> {
    let mut body = vec![class_and_number, 0, 0, 0, 0, symbols.len() as u8];
    body.resize(17, 0);
    body.extend(symbols);
    segment(0xc4, &body)
}

#[test]
fn differences_that_no_picture_has_are_refused() {
    let all: Vec<u8> = (0..=15).collect();
    for progressive in [false, true] {
        let scans = vec![vec![0], vec![1], vec![2]];
        let drawing = Drawing { progressive, scans, ..Drawing::full(40, 24, &[1, 2, 3]) };
        let plain = drawing.bytes();
        let expected = decoded(&plain).unwrap();
        for scan in 0..3 {
            let at = marker(&plain, 0xda, scan);
            for (class_and_number, symbols, fits) in [
                (0x01, &all[..12], true),
                (0x01, &all[12..13], false),
                (0x03, &all[..], false),
                // Other coefficients have runs of zeros besides.
                (0x11, &all[..], true),
            ] {
                let bytes = with(&plain, at, &huffman(class_and_number, symbols));
                let outcome = if fits { Ok(expected.clone()) } else { Err(Unscannable::Corrupt) };
                assert!(decoded(&bytes) == outcome, "before scan {scan}: {class_and_number:#x}");
            }
            let two = [&huffman(0x11, &all)[4..], &huffman(0x01, &[15])[4..]].concat();
            let bytes = with(&plain, at, &segment(0xc4, &two));
            assert!(decoded(&bytes) == Err(Unscannable::Corrupt), "before scan {scan}: two");
        }
    }
}

/// A profile whose tone curve is a table, behind the head of a JPEG.
fn with_curve(picture: &[u8], table: &[u16]) -> Vec<u8> {
    let mut profile = vec![0; 128];
    profile[12..24].copy_from_slice(b"mntrGRAYXYZ ");
    profile[36..40].copy_from_slice(b"acsp");
    profile.extend(1u32.to_be_bytes());
    profile.extend(b"kTRC");
    profile.extend([144, 12 + 2 * table.len() as u32].map(u32::to_be_bytes).concat());
    profile.extend(b"curv\0\0\0\0");
    profile.extend((table.len() as u32).to_be_bytes());
    profile.extend(table.iter().flat_map(|v| v.to_be_bytes()));
    with(picture, 2, &segment(0xe2, &[&b"ICC_PROFILE\0\x01\x01"[..], &profile].concat()))
}

#[test]
fn a_picture_in_unusual_colours_is_compared_and_told() {
    let (listed, other) = (scene(7, 320, 240), scene(8, 320, 240));
    let mut scanner = scanner_of(store_of([reviewed(hash(&listed).hash)]), Policy::builtin());
    let mut judge = |bytes: &[u8]| {
        let verdict = scanner.check(bytes, &Context::at(NOW)).unwrap();
        (verdict.outcome, verdict.unscannable, verdict.complete, verdict.action)
    };
    // In steps of 257, as light as 2.2 has them, and the other way round.
    let rising: Vec<u16> = (0..=255u32)
        .map(|i| (f64::from(i) / 255.0).powf(2.2) * 65_535.0)
        .map(|v| v as u16)
        .collect();
    let falling: Vec<u16> = rising.iter().rev().copied().collect();
    let told = Some(Unscannable::Colours);
    let plain = judge(&jpeg(&other));
    assert_eq!((plain.0, plain.1, plain.2), (Outcome::Clear, None, true));
    assert_eq!(judge(&with_curve(&jpeg(&other), &rising)), plain);
    let shown_otherwise = judge(&with_curve(&jpeg(&other), &falling));
    assert_eq!(shown_otherwise, (Outcome::Unscannable, told, false, Action::Review));
    // What it is as it stands is compared all the same.
    let found = judge(&with_curve(&jpeg(&listed), &falling));
    assert_eq!((found.0, found.1, found.3), (Outcome::Match, told, Action::Block));
}
