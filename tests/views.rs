//! The views of an upload and the two stages of hashing, shown on uploads that the test draws.

#![cfg(feature = "decode")]

mod listed;
mod pictures;

use std::time::{Duration, Instant};

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, RgbImage};
use listed::{NOW, patient, reviewed, scanner_of, store_of};
use pictures::{at_distance, encode, hash, hash_of_file, jpeg, png, scene, turned_jpeg};
use tamis::examine::{Asked, Examiner};
use tamis::fingerprint::{Fingerprint, View};
use tamis::media::{MediaClass, Unscannable};
use tamis::policy::{Cap, Cause};
use tamis::{Action, Context, Limits, Method, Outcome, Policy, Scanner, Store, Verdict};

fn now() -> Context {
    Context::at(NOW)
}

fn store(listed: impl IntoIterator<Item = Fingerprint>) -> Store {
    store_of(listed.into_iter().map(reviewed))
}

/// A scanner of a store that lists these pictures, with time enough for a busy machine.
fn scanner<'a>(listed: impl IntoIterator<Item = &'a RgbImage>) -> Scanner {
    let store = store(listed.into_iter().map(|picture| hash(picture).hash.into()));
    scanner_of(store, Policy::builtin())
}

fn seen(verdict: &Verdict) -> Vec<(View, u32)> {
    verdict.matches.iter().map(|m| (m.view, m.part)).collect()
}

fn gif(frames: &[RgbImage]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
    for frame in frames {
        let rgba = DynamicImage::from(frame.clone()).to_rgba8();
        encoder.encode_frame(image::Frame::new(rgba)).unwrap();
    }
    drop(encoder);
    bytes
}

#[test]
fn a_later_frame_of_an_animation_is_found() {
    let frames: Vec<RgbImage> = (0..5).map(|n| scene(40 + n, 128, 96)).collect();
    let upload = gif(&frames);
    let verdict = scanner([&frames[3]]).check(&upload, &now()).unwrap();
    assert_eq!(seen(&verdict), [(View::Frame, 3)]);
    assert!(verdict.complete, "five frames are few enough to look at all");
    assert!(verdict.reason().contains("view frame 3"), "{}", verdict.reason());

    // A policy without that view looks at the first frame only, and does not claim to have seen all.
    let policy = Policy::builder().views([View::AsStored]).build().unwrap();
    let mut narrow = Scanner::new(store([hash(&frames[3]).hash.into()]), policy);
    let verdict = narrow.check(&upload, &now()).unwrap();
    assert_eq!((verdict.outcome, verdict.complete), (Outcome::Clear, false));
}

#[test]
fn of_a_long_animation_a_spread_out_sample_is_examined() {
    let frames: Vec<RgbImage> = (0..60).map(|n| scene(100 + n, 64, 48)).collect();
    let verdict = scanner([&scene(7, 64, 48)]).check(&gif(&frames), &now()).unwrap();
    assert_eq!((verdict.outcome, verdict.complete), (Outcome::Clear, false));
    let mut parts: Vec<u32> = verdict
        .fingerprints
        .perceptual
        .iter()
        .filter(|p| p.view == View::Frame)
        .map(|p| p.part)
        .collect();
    parts.sort_unstable();
    assert_eq!(parts.len() + 1, Limits::default().frames as usize);
    assert!(parts.iter().all(|p| (1..60).contains(p)) && *parts.last().unwrap() > 45, "{parts:?}");
    assert!(parts.windows(2).all(|w| w[1] - w[0] >= 5), "spread: {parts:?}");
}

/// These frames, each shown for so many milliseconds.
fn timed_gif(frames: &[(&RgbImage, u32)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
    for (frame, time) in frames {
        let rgba = DynamicImage::from((*frame).clone()).to_rgba8();
        let delay = image::Delay::from_numer_denom_ms(*time, 1);
        encoder.encode_frame(image::Frame::from_parts(rgba, 0, 0, delay)).unwrap();
    }
    drop(encoder);
    bytes
}

/// The same as an APNG, which holds what PNGs of the frames hold.
fn timed_apng(frames: &[(&RgbImage, u32)]) -> Vec<u8> {
    let first = png(frames[0].0);
    let mut out = first[..33].to_vec();
    let count = (frames.len() as u32).to_be_bytes();
    out.extend(png_chunk(b"acTL", &[count, [0; 4]].concat()));
    let mut sequence = 0u32;
    let mut numbered = |kind: &[u8; 4], body: &[u8]| {
        let chunk = png_chunk(kind, &[&sequence.to_be_bytes()[..], body].concat());
        sequence += 1;
        chunk
    };
    for (n, (frame, time)) in frames.iter().enumerate() {
        let sides = [frame.width(), frame.height(), 0, 0].map(u32::to_be_bytes).concat();
        let hundredths = ((time / 10) as u16).to_be_bytes();
        out.extend(numbered(b"fcTL", &[&sides[..], &hundredths, &[0, 100, 0, 0]].concat()));
        let still = png(frame);
        let mut at = 33;
        while let Some(head) = still.get(at..at + 8) {
            let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
            let body = &still[at + 8..at + 8 + length];
            match &head[4..] {
                b"IDAT" if n == 0 => out.extend(png_chunk(b"IDAT", body)),
                b"IDAT" => out.extend(numbered(b"fdAT", body)),
                _ => {}
            }
            at += 12 + length;
        }
    }
    out.extend(png_chunk(b"IEND", b""));
    out
}

fn png_chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let named = [&kind[..], body].concat();
    let length = (body.len() as u32).to_be_bytes();
    [&length[..], &named, &crc(&named).to_be_bytes()].concat()
}

/// The same as a WebP.
fn timed_webp(frames: &[(&RgbImage, u32)]) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], body: &[u8]| {
        [&kind[..], &(body.len() as u32).to_le_bytes(), body].concat()
    };
    let sides = |picture: &RgbImage| {
        [picture.width(), picture.height()].map(|side| (side - 1).to_le_bytes())
    };
    let [width, height] = sides(frames[0].0);
    // Flags: an animation.
    let head = [&[2, 0, 0, 0][..], &width[..3], &height[..3]].concat();
    let mut body = [&b"WEBP"[..], &chunk(b"VP8X", &head), &chunk(b"ANIM", &[0; 6])].concat();
    for (frame, time) in frames {
        let [width, height] = sides(frame);
        let time = time.to_le_bytes();
        let place = [&[0; 6][..], &width[..3], &height[..3], &time[..3], &[2]].concat();
        let still = encode(frame, image::ImageFormat::WebP);
        body.extend(chunk(b"ANMF", &[&place[..], &still[12..]].concat()));
    }
    chunk(b"RIFF", &body)
}

/// Nobody sees what is shown for a fiftieth of a second; what stays for minutes must not hide behind it.
#[test]
fn the_frames_that_are_shown_longest_are_examined() {
    let (listed, other) = (scene(1, 64, 48), scene(2, 64, 48));
    for (at, frames) in [(7, 9), (1, 9), (17, 40), (30, 40)] {
        let film: Vec<_> =
            (0..frames).map(|n| if n == at { (&listed, 655_000) } else { (&other, 20) }).collect();
        for upload in [timed_gif(&film), timed_apng(&film), timed_webp(&film)] {
            let format = tamis::media::sniff(&upload).format;
            let verdict = scanner([&listed]).check(&upload, &now()).unwrap();
            assert_eq!(seen(&verdict), [(View::Frame, at)], "{at} of {frames}, {format}");
            assert_eq!(verdict.unscannable, None, "a sample is no fault of the upload");
            assert!(!verdict.complete);
        }
    }
}

/// Frames that cannot be composed or decoded within the limits are not passed over in silence.
#[test]
fn frames_out_of_reach_are_told() {
    let (listed, other) = (scene(1, 400, 300), scene(2, 400, 300));
    let film = [(&other, 100), (&listed, 100)];
    let upload = timed_gif(&film);
    for upload in [&upload, &timed_webp(&film)] {
        let whole = scanner([&listed]).check(upload, &now()).unwrap();
        assert_eq!((whole.outcome, whole.complete), (Outcome::Match, true));
        // The canvas and what is saved of it take 720,000 bytes, one picture without them less; two have 240,000 pixels.
        for limits in [patient().memory(1_780_000), patient().pixels(200_000)] {
            let mut scanner = scanner([&listed]).with_limits(limits);
            let verdict = scanner.check(upload, &now()).unwrap();
            assert_eq!((verdict.unscannable, verdict.complete), (Some(Unscannable::Limit), false));
            assert_eq!((verdict.outcome, verdict.action), (Outcome::Unscannable, Action::Review));
        }
    }
    // Whoever wants one frame only has not been kept from the others.
    let policy = Policy::builder().views([View::AsStored]).build().unwrap();
    let mut narrow =
        Scanner::new(store([hash(&listed).hash.into()]), policy).with_limits(patient());
    let verdict = narrow.check(&upload, &now()).unwrap();
    assert_eq!((verdict.unscannable, verdict.complete), (None, false));
}

/// What is missed inside an archive is for the policy to judge; the built-in one lets it pass.
#[test]
fn an_archive_that_cannot_be_looked_into_is_what_the_policy_makes_of_it() {
    let broken = zip("inner.zip", &zip("a.png", &png(&scene(1, 64, 64))));
    let verdict = scanner([&scene(2, 64, 64)]).check(&broken, &now()).unwrap();
    assert_eq!((verdict.outcome, verdict.action), (Outcome::Unscannable, Action::Allow));
    assert_eq!((verdict.unscannable, verdict.complete), (Some(Unscannable::Unsupported), false));
    let strict = Policy::builder()
        .unscannable(MediaClass::Archive, Unscannable::Unsupported, Action::Block)
        .build()
        .unwrap();
    let mut strict = Scanner::new(store([hash(&scene(2, 64, 64)).hash.into()]), strict);
    assert_eq!(strict.check(&broken, &now()).unwrap().action, Action::Block);
}

#[test]
fn without_views_no_picture_is_decoded() {
    let picture = scene(1, 320, 240);
    let whole = png(&picture);
    for upload in [&whole[..], &whole[..whole.len() / 2]] {
        let policy = Policy::builder().views([]).build().unwrap();
        let mut blind = Scanner::new(store([hash(&picture).hash.into()]), policy);
        let verdict = blind.check(upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.action), (Outcome::Clear, Action::Allow));
        assert_eq!((verdict.examined, verdict.complete), (vec![Method::Digests], false));
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// A ZIP with one stored member, as plain as the format allows.
fn zip(name: &str, member: &[u8]) -> Vec<u8> {
    let crc = crc(member);
    let size = (member.len() as u32).to_le_bytes();
    let common: Vec<u8> = [
        &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &crc.to_le_bytes(),
        &size,
        &size,
        &(name.len() as u16).to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    let mut out = [b"PK\x03\x04", &common[..], name.as_bytes(), member].concat();
    let at = out.len() as u32;
    let entry = [b"PK\x01\x02\x14\x00", &common[..], &[0; 10], &[0; 4], name.as_bytes()].concat();
    out.extend(&entry);
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend((entry.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

#[test]
fn a_picture_in_an_archive_is_found_and_one_two_levels_down_is_not() {
    let listed = scene(5, 320, 240);
    for member in [png(&listed), jpeg(&listed)] {
        let upload = zip("holiday.bin", &member);
        let verdict = scanner([&listed]).check(&upload, &now()).unwrap();
        assert_eq!(seen(&verdict), [(View::Embedded, 0)]);
        assert_eq!((verdict.action, verdict.complete), (Action::Block, true));
        assert_eq!(verdict.examined, [Method::Digests, Method::Perceptual]);
        // One level down and no further, and it says so.
        let verdict = scanner([&listed]).check(&zip("inner.zip", &upload), &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.complete), (Outcome::Unscannable, false));
    }
    // A turned photograph in an archive is found as it is stored and as it is shown.
    let upload = zip("p.jpg", &turned_jpeg(&listed, 6));
    let shown = image::imageops::rotate90(&listed);
    for picture in [&listed, &shown] {
        let verdict = scanner([picture]).check(&upload, &now()).unwrap();
        assert_eq!(seen(&verdict), [(View::Embedded, 0)]);
    }
    // What holds no pictures was compared by its digests, completely.
    let verdict = scanner([&listed]).check(&zip("a.txt", b"words"), &now()).unwrap();
    assert_eq!((verdict.outcome, verdict.complete), (Outcome::Clear, true));
    assert_eq!(verdict.examined, [Method::Digests]);
    // The policy may switch it off; then the archive was not looked into.
    let policy = Policy::builder().views([View::AsStored]).build().unwrap();
    let mut narrow = Scanner::new(store([hash(&listed).hash.into()]), policy);
    let verdict = narrow.check(&zip("holiday.bin", &png(&listed)), &now()).unwrap();
    assert_eq!((verdict.outcome, verdict.complete), (Outcome::Clear, false));
}

/// A PDF with one picture and nothing else.
fn pdf(version: &str, picture: &[u8]) -> Vec<u8> {
    let head = format!(
        "{version}\n1 0 obj<</Subtype/Image/Filter/DCTDecode/Length {}>>stream\n",
        picture.len()
    );
    [head.as_bytes(), picture, b"\nendstream\nendobj\n"].concat()
}

/// What readers of documents and archives open is looked into, whatever the file begins with.
#[test]
fn a_file_of_two_kinds_is_examined_as_both() {
    let (listed, dot) = (scene(5, 320, 240), scene(6, 80, 60));
    let (inner, plain) = (jpeg(&listed), gif(std::slice::from_ref(&dot)));
    let archive = zip("a.jpg", &inner);
    let small = png(&scene(6, 12, 12));
    assert!(small.len() < 1000);
    for (upload, class) in [
        ([&plain[..], &archive].concat(), MediaClass::Image),
        ([&jpeg(&dot)[..], &archive, &[b' '; 60_000]].concat(), MediaClass::Image),
        ([&b"ten bytes \x01"[..], &archive].concat(), MediaClass::Unknown),
        ([&b"words\n"[..], &pdf("%PDF-1.4", &inner), &archive].concat(), MediaClass::Pdf),
        ([&small[..], b"\n", &pdf("%PDF-1.4", &inner)].concat(), MediaClass::Image),
        (pdf("%PDF 1.4", &inner), MediaClass::Pdf),
    ] {
        let verdict = scanner([&listed]).check(&upload, &now()).unwrap();
        assert_eq!(verdict.media.class, class);
        assert_eq!(seen(&verdict).first(), Some(&(View::Embedded, 0)), "{class}");
        assert_eq!((verdict.action, verdict.complete), (Action::Block, true), "{class}");
        // What is not listed passes, as the parts by themselves do.
        let verdict = scanner([&scene(9, 320, 240)]).check(&upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.complete), (Outcome::Clear, true), "{class}");
        // A policy that does not look inside does not claim to have seen all.
        let policy = Policy::builder().views([View::AsStored]).build().unwrap();
        let mut narrow = Scanner::new(store([hash(&listed).hash.into()]), policy);
        assert!(!narrow.check(&upload, &now()).unwrap().complete, "{class}");
    }
    // What cannot be read of it is told, and a picture is held back for that; so is text, of which by itself nothing is told.
    let words = b"nothing but words. ".repeat(500);
    for before in [&plain[..], &words] {
        let locked = [before, &zip("a.zip", &archive)].concat();
        let verdict = scanner([&scene(9, 320, 240)]).check(&locked, &now()).unwrap();
        assert_eq!(
            (verdict.unscannable, verdict.action),
            (Some(Unscannable::Unsupported), Action::Review)
        );
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let n = three.iter().fold(0, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[(n >> (18 - 6 * place) & 63) as usize]);
            out.push(if place <= three.len() { letter } else { '=' });
        }
    }
    out
}

fn svg(body: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\">{body}</svg>")
        .into_bytes()
}

#[test]
fn a_picture_written_into_a_drawing_is_found() {
    let listed = scene(5, 320, 240);
    let picture = jpeg(&listed);
    let text = base64(&picture);
    let lines = text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap());
    let lines: Vec<_> = lines.collect();
    let percent: String = picture.iter().map(|byte| format!("%{byte:02X}")).collect();
    let letters: String = "data:".chars().map(|c| format!("&#x{:04x};", u32::from(c))).collect();
    let image = |address: String| svg(&format!("<image href=\"{address}\"/>"));
    for (upload, what) in [
        (image(format!("data:image/jpeg;base64,{text}")), "plain"),
        (image(format!("DATA:text/plain; charset=x ; Base64 ,{text}")), "another type"),
        (image(format!("data:;base64,{}", lines.join("\n  "))), "lines"),
        (image(format!("data:image/jpeg;base64,{}", lines.join("&#10;"))), "references to breaks"),
        (image(format!("data:image/jpeg;base64,{}", text.replace('/', "%2f"))), "percent signs"),
        (image(format!("data:image/jpeg,{percent}")), "all percent signs"),
        (image(format!("data:image/jpeg;base64;x=1,{text}")), "a parameter behind"),
        (image(format!("data:image/jpeg; base64 ;x=1,{text}")), "white space around"),
        (svg(&format!("<image href='data:image/jpeg;x=\";base64,{text}'/>")), "a quotation mark"),
        (image(format!("data:image/jpeg;x=&#34;;base64,{text}")), "a reference to one"),
        (image(format!("{letters}image/jpeg;base64,{text}")), "references"),
        (image(format!("d&#9;ata&#58;image/jpeg;base64&#x2C;{text}")), "a tab within"),
        (svg(&format!("<style>a{{fill:url('data:image/jpeg;base64,{text}')}}</style>")), "style"),
        (
            [
                b"<!-- ".to_vec(),
                vec![b'x'; 9000],
                b" -->".to_vec(),
                image(format!("data:,data:;base64,{text}")),
            ]
            .concat(),
            "far behind",
        ),
        ([&b"<!-- \xe9 -->"[..], &image(format!("data:;base64,{text}"))].concat(), "latin-1"),
        (format!("![a picture](data:image/jpeg;base64,{text})").into_bytes(), "markdown"),
        (image(format!("data:image/jpeg;base64;x=1,{text}")), "base64 as any parameter"),
        (
            image(format!("data:image/jpeg;x=&#34;;base64,{text}")),
            "a quotation mark by a reference",
        ),
        (
            svg(&format!("<image href='data:image/jpeg;x=\";base64,{text}'/>")),
            "a quotation mark within others",
        ),
        (svg(&format!("<image href=' &#32;data:image/jpeg,{percent}'/>")), "white space in front"),
        (
            svg(&format!("<image href='data:image/bmp,{}'/>", quoted_bmp(&listed))),
            "a bitmap with a quotation mark in it",
        ),
        (image(format!("data:{},{text}", "y".repeat(5000))), "a long header"),
        (image(format!("data&#{:0>30};;base64,{text}", 58)), "many zeros"),
    ] {
        let verdict = scanner([&listed]).check(&upload, &now()).unwrap();
        assert_eq!(verdict.media.class, MediaClass::Text, "{what}");
        assert_eq!(seen(&verdict), [(View::Embedded, 0)], "{what}");
        assert_eq!((verdict.action, verdict.complete), (Action::Block, true), "{what}");
        let verdict = scanner([&scene(9, 320, 240)]).check(&upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.complete), (Outcome::Clear, true), "{what}");
        assert_eq!(verdict.examined, [Method::Digests, Method::Perceptual], "{what}");
    }
}

#[test]
fn what_a_drawing_may_hide_is_told_and_a_plain_one_is_clear() {
    let listed = scene(5, 320, 240);
    let address = format!("data:image/jpeg;base64,{}", base64(&jpeg(&listed)));
    let inner = svg(&format!("<image href=\"{address}\"/>"));
    let entity =
        [b"<!DOCTYPE svg [<!ENTITY a \"da\"><!ENTITY b \"ta:\">]>".to_vec(), svg("&a;&b;")]
            .concat();
    let wide: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(String::from_utf8(inner.clone()).unwrap().encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let nested = svg(&format!("<image href=\"data:image/svg+xml;base64,{}\"/>", base64(&inner)));
    let document =
        svg(&format!("<a href=\"data:application/pdf;base64,{}\"/>", base64(b"%PDF-1.4\n")));
    let plain = String::from_utf8(inner.clone()).unwrap();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let prefixed = plain
        .replace("<svg xmlns", "<x:svg xmlns:x")
        .replace("</svg", "</x:svg")
        .replace("<image", "<x:image");
    let declared = "<!DOCTYPE x [<!ENTITY a \"da\"><!ENTITY b \"ta:\">]>";
    let late = format!("<!--{}-->{declared}<svg>&a;&b;</svg>", "x".repeat(5000));
    let sheet = format!("svg{{background-image:url({address})}}");
    let style = |text: &str| svg(&format!("<style>{text}</style>"));
    let import = format!("@import url(\"data:text/css;base64,{}\");", base64(sheet.as_bytes()));
    let by_percent = plain.replace("data:", "d%61ta:").replace('<', "%3C").replace('"', "'");
    let escaped = sheet.replace("data:", "d\\61 ta:");
    for (upload, what) in [
        (entity, "entity"),
        (wide, "UTF-16"),
        (nested, "nested"),
        (document, "PDF"),
        (utf16(&plain), "UTF-16 without a mark"),
        (plain.encode_utf16().flat_map(u16::to_be_bytes).collect(), "and in the other order"),
        ([vec![0xff, 0xfe], utf16(&prefixed)].concat(), "UTF-16 with a prefix"),
        (late.into_bytes(), "entities far behind"),
        (
            format!("{declared}<s:svg xmlns:s='http://www.w3.org/2000/svg'>&a;&b;</s:svg>")
                .into_bytes(),
            "entities and a prefix",
        ),
        (
            b"<!DOCTYPE html [<!ENTITY a \"]>\">]><svg>&a;</svg>".to_vec(),
            "entities and a misleading type",
        ),
        (style(&sheet.replace("data:", "da<!-- -->ta:")), "a comment in a style sheet"),
        (
            style(&format!("<![CDATA[{}]]>ta:,)", sheet.replace("data:", "da"))),
            "a section in a style sheet",
        ),
        (style(&escaped), "escapes in a style sheet"),
        (svg(&format!("<g style=\"fill:url(d&#92;61ta:,{})\"/>", "x")), "escapes in a style"),
        (style(&import), "a style sheet in an address"),
        (
            svg(&format!("<image href=\"data:image/svg+xml,{by_percent}\"/>")),
            "nested by percent signs",
        ),
    ] {
        let verdict = scanner([&listed]).check(&upload, &now()).unwrap();
        assert_eq!(verdict.unscannable, Some(Unscannable::Unsupported), "{what}");
        assert_eq!((verdict.action, verdict.complete), (Action::Review, false), "{what}");
    }
    let icon = svg("<title>It&#8217;s data: yes, no</title><path d=\"M0 0h9v9z\"/>");
    let namespaces = b"<!DOCTYPE svg [<!ENTITY ns_svg \"http://www.w3.org/2000/svg\">]>".to_vec();
    let style = format!(
        "<style>a{{background:url(data:image/svg+xml;base64,{})}}</style>",
        base64(&icon_plain())
    );
    for (upload, what) in [
        (icon.clone(), "icon"),
        ([namespaces, icon].concat(), "namespaces"),
        (svg(&style), "an icon within"),
        (
            svg(
                "<use href=\"data:image/svg+xml,%3Csvg xmlns=%27http://www.w3.org/2000/svg%27/%3E\"/>",
            ),
            "percent signs",
        ),
        (b"data: {\"a\": 1}\n".repeat(100_000), "a log"),
        (
            b"data: 12, 13 and so on, with numbers 1 2 3 4 5 6 7 8 9\n".repeat(40_000),
            "a log of numbers",
        ),
        (
            svg(&format!(
                "<image href=\"data:image/svg+xml;base64,{}\"/>",
                base64(&svg("<title>Caf&#233;</title>"))
            )),
            "a reference within an icon",
        ),
        (
            svg(
                "<style type=\"text/css\"> <![CDATA[ .st0{fill:#FFF} ]]> </style><g style='fill:none'/>",
            ),
            "an ordinary style sheet",
        ),
        (
            svg(
                "<style>@import url('https://fonts.example/css?family=a');a&gt;b{fill:red}</style><style/>",
            ),
            "fonts from elsewhere",
        ),
        (
            svg(&format!(
                "<style>@font-face{{src:url(data:font/woff;base64,{})}}\nb{{fill:url(data:,x)}}</style>",
                base64(
                    &[
                        b"wOFF\0\x01\0\0".to_vec(),
                        (0..5000u32).map(|n| ((n * n) >> 3) as u8).collect()
                    ]
                    .concat()
                )
            )),
            "a font within",
        ),
    ] {
        let verdict = scanner([&listed]).check(&upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.action), (Outcome::Clear, Action::Allow), "{what}");
        assert_eq!((verdict.examined, verdict.complete), (vec![Method::Digests], true), "{what}");
    }
}

/// A bitmap by percent signs, but for the first byte of the size that it claims, which is a quotation mark.
fn quoted_bmp(picture: &RgbImage) -> String {
    let mut bytes = Vec::new();
    let encoder = image::codecs::bmp::BmpEncoder::new(&mut bytes);
    let (width, height) = picture.dimensions();
    let mut encoder = encoder;
    encoder.encode(picture, width, height, image::ExtendedColorType::Rgb8).unwrap();
    bytes[2] = b'"';
    let coded = |(n, byte): (usize, &u8)| match n {
        2 => "\"".to_owned(),
        _ => format!("%{byte:02X}"),
    };
    bytes.iter().enumerate().map(coded).collect()
}

/// Saved pages and logs have much that looks like what is looked for: nobody is to look at each.
#[test]
fn text_that_no_browser_draws_is_not_held_back() {
    let listed = scene(5, 320, 240);
    let small = |n: u32| base64(&png(&scene(n, 16, 16)));
    let images = |count: u32| -> String {
        (0..count).map(|n| format!("<img src=\"data:image/png;base64,{}\">", small(n))).collect()
    };
    let page = format!("<!DOCTYPE html><html><body><svg></svg>{}</body></html>", images(17));
    let verdict = scanner([&listed]).check(page.as_bytes(), &now()).unwrap();
    assert_eq!((verdict.outcome, verdict.action), (Outcome::Clear, Action::Allow));
    assert!(!verdict.complete);
    // A drawing is shown as one picture.
    let drawing = svg(&images(17).replace("<img src", "<image href").replace("\">", "\"/>"));
    let verdict = scanner([&listed]).check(&drawing, &now()).unwrap();
    assert_eq!((verdict.unscannable, verdict.action), (Some(Unscannable::Limit), Action::Review));
    // What is found in such text counts as ever.
    let address = format!("data:image/jpeg;base64,{}", base64(&jpeg(&listed)));
    let page = format!("<html><img src=\"{address}\">{}</html>", images(17));
    let verdict = scanner([&listed]).check(page.as_bytes(), &now()).unwrap();
    assert_eq!(verdict.action, Action::Block);
}

/// Work is counted by the bytes that are read, and the clock is looked at on the way.
#[test]
fn references_of_megabytes_end_with_the_time() {
    let examined = |addresses: usize, time: Duration| {
        let mut bytes = b"<svg xmlns=\"x\">".to_vec();
        bytes.extend(b"data:,".repeat(addresses));
        bytes.extend(b"&#");
        bytes.resize(bytes.len() + (16 << 20), b'0');
        bytes.extend(b"1;</svg>");
        let limits = Limits::default().time(time).time_per_megapixel(Duration::ZERO);
        let media = tamis::media::sniff(&bytes);
        let start = Instant::now();
        let asked = Asked::exactly(View::ALL, &limits);
        let examined = Examiner::new().examine(&bytes, &media, &asked).unwrap();
        (start.elapsed(), examined.missed)
    };
    let (one, missed) = examined(1, Duration::from_secs(600));
    assert_eq!(missed, None);
    let (many, missed) = examined(170, Duration::from_millis(50));
    assert_eq!(missed, Some(Unscannable::Timeout));
    assert!(many < 4 * one + Duration::from_millis(500), "{one:?}, {many:?}");
}

fn icon_plain() -> Vec<u8> {
    svg("<path d=\"M0 0h9v9z\"/>")
}

/// A JPEG whose EXIF holds another picture as its thumbnail.
fn with_thumbnail(picture: &RgbImage, thumbnail: &RgbImage) -> Vec<u8> {
    let small = jpeg(thumbnail);
    let mut tiff = b"MM\0\x2a\0\0\0\x08".to_vec();
    // No entries in the first directory; the second follows at 14.
    tiff.extend(b"\0\0\0\0\0\x0e");
    tiff.extend(b"\0\x02\x02\x01\0\x04\0\0\0\x01");
    tiff.extend(44u32.to_be_bytes());
    tiff.extend(b"\x02\x02\0\x04\0\0\0\x01");
    tiff.extend((small.len() as u32).to_be_bytes());
    tiff.extend([0; 4]);
    assert_eq!(tiff.len(), 44);
    tiff.extend(&small);
    let body = [b"Exif\0\0", &tiff[..]].concat();
    let mut out = b"\xff\xd8\xff\xe1".to_vec();
    out.extend(((body.len() + 2) as u16).to_be_bytes());
    out.extend(body);
    out.extend(&jpeg(picture)[2..]);
    out
}

#[test]
fn the_thumbnail_of_a_photograph_is_found() {
    let (picture, thumbnail) = (scene(1, 400, 300), scene(2, 160, 120));
    let upload = with_thumbnail(&picture, &thumbnail);
    let verdict = scanner([&thumbnail]).check(&upload, &now()).unwrap();
    assert_eq!(seen(&verdict), [(View::Thumbnail, 0)]);
    let verdict = scanner([&picture]).check(&upload, &now()).unwrap();
    assert_eq!(seen(&verdict), [(View::AsStored, 0)]);
    // Even if the picture itself cannot be read.
    let end = upload.len() - jpeg(&picture).len() + 300;
    let verdict = scanner([&thumbnail]).check(&upload[..end], &now()).unwrap();
    assert_eq!(seen(&verdict), [(View::Thumbnail, 0)]);
    assert!(verdict.unscannable.is_some() && !verdict.complete);
}

/// Drawings with centred symmetry are near-ties: each frame is decoded again, and none may get lost at the deadline.
#[test]
fn frames_that_are_replayed_are_all_there_or_missed() {
    let frame = |n: u32| {
        RgbImage::from_fn(96, 96, |x, y| {
            let (dx, dy) = (x.abs_diff(95 - x), y.abs_diff(95 - y));
            image::Rgb([((dx * n + dy * 3) % 251) as u8; 3])
        })
    };
    let upload = gif(&(2..10).map(frame).collect::<Vec<_>>());
    for microseconds in (0..40_000).step_by(400) {
        let time = std::time::Duration::from_micros(microseconds);
        let limits = Limits::default().time(time).time_per_megapixel(std::time::Duration::ZERO);
        let mut hurried = scanner([&scene(9, 64, 64)]).with_limits(limits);
        let verdict = hurried.check(&upload, &now()).unwrap();
        let frames = verdict.fingerprints.perceptual.iter().filter(|p| p.view == View::Frame);
        let all = frames.count() == 7;
        assert!(all || !verdict.complete, "{microseconds} us: {:?}", verdict.unscannable);
    }
}

#[test]
fn a_clear_jpeg_is_hashed_by_its_luma_and_a_near_one_exactly() {
    let picture = scene(1, 640, 480);
    let upload = jpeg(&picture);
    let exact = hash_of_file(&upload);
    let clear = scanner([&scene(2, 640, 480)]).check(&upload, &now()).unwrap();
    assert_eq!((clear.outcome, clear.complete), (Outcome::Clear, true));
    let stored = clear.fingerprints.perceptual[0];
    assert!(stored.slack > 0 && stored.hash.distance(&exact.hash) <= stored.slack, "{stored:?}");

    // Whatever the distance, the verdict is that of the exact hash.
    for distance in [0, 2, 12, 14, 30, 32, 34, 38, 40, 60] {
        let listed = at_distance(exact.hash, distance);
        let patient =
            || Scanner::new(store([listed.into()]), Policy::builtin()).with_limits(patient());
        let (mut judging, mut exactly) = (patient(), patient().with_exact_hashes(true));
        let verdict = judging.check(&upload, &now()).unwrap();
        let expected = exactly.check(&upload, &now()).unwrap();
        assert_eq!(verdict.matches, expected.matches, "{distance}");
        assert_eq!((verdict.outcome, verdict.action), (expected.outcome, expected.action));
        assert_eq!(
            verdict.matches.iter().map(|m| m.distance).min(),
            (distance <= 31).then_some(distance)
        );
        assert!(expected.fingerprints.perceptual.iter().all(|p| p.slack == 0));
    }
}

/// Room for the luma, not for the colour: what is near is for a person to decide.
#[test]
fn a_picture_too_large_to_be_hashed_exactly_is_reviewed_if_anything_is_near() {
    let picture = scene(1, 1024, 768);
    let upload = jpeg(&picture);
    let exact = hash_of_file(&upload).hash;
    // Luma takes 768 KiB, colour 2,304, and what is needed besides more than 1 MiB.
    let limits = patient().memory(3 << 20);
    for (distance, outcome, action) in [
        (0, Outcome::Match, Action::Review),
        (30, Outcome::Match, Action::Review),
        (100, Outcome::Clear, Action::Allow),
    ] {
        let listed = at_distance(exact, distance).into();
        let mut scanner =
            Scanner::new(store([listed]), Policy::builtin()).with_limits(limits.clone());
        let verdict = scanner.check(&upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.action), (outcome, action), "{distance}");
        if outcome == Outcome::Match {
            let found = &verdict.matches[0];
            assert!(found.slack > 0 && found.distance.abs_diff(distance) <= found.slack);
            assert_eq!((verdict.unscannable, verdict.complete), (Some(Unscannable::Limit), false));
            let mut caps = verdict.reasons.iter().filter_map(|r| match &r.cause {
                Cause::Rule { cap, .. } => *cap,
                _ => None,
            });
            let may_block = found.distance.saturating_sub(found.slack) <= 12;
            assert_eq!(caps.next_back(), may_block.then_some(Cap::Approximate));
        }
    }
}

#[test]
fn a_record_by_luma_misses_nothing_when_it_is_replayed() {
    let upload = jpeg(&scene(1, 640, 480));
    let exact = hash_of_file(&upload).hash;
    let record = scanner([&scene(2, 640, 480)]).check(&upload, &now()).unwrap().fingerprints;
    for distance in [0, 14, 30] {
        let mut later =
            Scanner::new(store([at_distance(exact, distance).into()]), Policy::builtin());
        let verdict = later.check_fingerprints(&record, &now()).unwrap();
        // What is near by a hash that is not exact leads to review at most.
        assert_eq!((verdict.outcome, verdict.action), (Outcome::Match, Action::Review));
        assert!(!verdict.complete);
    }
}

#[test]
fn a_picture_that_is_cut_short_is_looked_up_as_far_as_it_goes() {
    let picture = scene(1, 640, 480);
    for whole in [jpeg(&picture), png(&picture)] {
        let upload = &whole[..whole.len() * 98 / 100];
        let verdict = scanner([&picture]).check(upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.complete), (Outcome::Match, false));
        assert_eq!(verdict.unscannable, Some(Unscannable::Truncated));
        assert_eq!(verdict.matches[0].slack, 0, "it was hashed exactly all the same");
        let verdict = scanner([&scene(9, 640, 480)]).check(upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.action), (Outcome::Unscannable, Action::Review));
    }
}

/// A centred drawing has half of its coefficients zero in truth: its bits are the reference's rounding.
#[test]
fn a_symmetric_drawing_is_hashed_as_the_reference_does() {
    let (side, middle) = (400i32, 199.5f64);
    let drawing = RgbImage::from_fn(side as u32, side as u32, |x, y| {
        let (dx, dy) = ((f64::from(x) - middle).abs(), (f64::from(y) - middle).abs());
        let ring = (((dx * dx + dy * dy).sqrt() / 23.0) as u32).is_multiple_of(2);
        if dx.max(dy) < 60.0 {
            image::Rgb([200, 30, 40])
        } else {
            image::Rgb([if ring { 250 } else { 20 }; 3])
        }
    });
    let listed = hash(&drawing);
    let verdict = scanner([&drawing]).check(&png(&drawing), &now()).unwrap();
    assert_eq!(verdict.matches.first().map(|m| m.distance), Some(0), "quality {}", listed.quality);
}

/// A picture of which each pixel has these four channels.
fn rgba(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> DynamicImage {
    image::RgbaImage::from_fn(width, height, |x, y| image::Rgba(pixel(x, y))).into()
}

fn written(picture: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// The picture in grey.
fn grey(picture: &RgbImage) -> RgbImage {
    DynamicImage::ImageLuma8(DynamicImage::from(picture.clone()).to_luma8()).to_rgb8()
}

/// All that there is of it stands in the alpha of a white picture.
#[test]
fn a_picture_that_is_seen_on_a_dark_page_only_is_found() {
    use image::ImageFormat::{Bmp, Png, WebP};
    let listed = grey(&scene(5, 320, 240));
    let ghost = rgba(320, 240, |x, y| [255, 255, 255, listed.get_pixel(x, y).0[0]]);
    let mut uploads: Vec<_> = [Png, WebP, Bmp].map(|format| written(&ghost, format)).into();
    uploads.push(written(&ghost.to_luma_alpha8().into(), Png));
    for upload in &uploads {
        let verdict = scanner([&listed]).check(upload, &now()).unwrap();
        assert_eq!((seen(&verdict), verdict.action), (vec![(View::OverBlack, 0)], Action::Block));
        assert_eq!((verdict.matches[0].distance, verdict.complete), (0, true));
        assert!(verdict.reason().contains("over-black"), "{}", verdict.reason());
        // What is not listed is clear, and all of it was looked at.
        let verdict = scanner([&scene(9, 320, 240)]).check(upload, &now()).unwrap();
        assert_eq!((verdict.outcome, verdict.complete), (Outcome::Clear, true));
    }
    let upload = &uploads[0];
    // Turned and mirrored forms are among it, and what EXIF says.
    let mirrored = image::imageops::flip_horizontal(&listed);
    let verdict = scanner([&mirrored]).check(upload, &now()).unwrap();
    assert_eq!(seen(&verdict), [(View::OverBlack, 0)]);
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = [&upload[..33], &png_chunk(b"eXIf", exif), &upload[33..]].concat();
    let shown = image::imageops::rotate90(&listed);
    let policy = Policy::builder().views([View::OverBlack]).build().unwrap();
    let mut only = Scanner::new(store([hash(&shown).hash.into()]), policy).with_limits(patient());
    assert_eq!(seen(&only.check(&turned, &now()).unwrap()), [(View::OverBlack, 0)]);
    assert_eq!(only.check(upload, &now()).unwrap().outcome, Outcome::Clear);
    // In an archive it keeps the name of the place.
    let verdict = scanner([&listed]).check(&zip("a.png", upload), &now()).unwrap();
    assert_eq!((seen(&verdict), verdict.complete), (vec![(View::Embedded, 0)], true));
    // The policy may leave it out.
    let policy = Policy::builder().views([View::AsStored]).build().unwrap();
    let mut narrow = Scanner::new(store([hash(&listed).hash.into()]), policy);
    assert_eq!(narrow.check(upload, &now()).unwrap().outcome, Outcome::Clear);
}

/// Over white one picture, over black another: neither is a cover for the other.
#[test]
fn a_picture_with_two_faces_is_found_by_either() {
    let (dark, light) = (grey(&scene(5, 320, 240)), grey(&scene(6, 320, 240)));
    let faces = rgba(320, 240, |x, y| {
        let over_black = u32::from(dark.get_pixel(x, y).0[0]) / 2;
        let over_white = 128 + u32::from(light.get_pixel(x, y).0[0]) / 2;
        let alpha = 255 - (over_white - over_black);
        let level = (over_black * 255 / alpha.max(1)) as u8;
        [level, level, level, alpha as u8]
    });
    let upload = written(&faces, image::ImageFormat::Png);
    for (listed, view) in [(&light, View::AsStored), (&dark, View::OverBlack)] {
        let verdict = scanner([listed]).check(&upload, &now()).unwrap();
        assert_eq!((seen(&verdict), verdict.action), (vec![(view, 0)], Action::Block));
    }
}

#[test]
fn logos_with_soft_edges_are_clear() {
    // A ring whose edges fade.
    let logo = |[r, g, b]: [u8; 3]| {
        rgba(300, 200, |x, y| {
            let (dx, dy) = (f64::from(x) - 130.0, f64::from(y) - 90.0);
            let from_ring = ((dx * dx + dy * dy).sqrt() - 60.0).abs();
            [r, g, b, ((25.0 - from_ring) * 40.0).clamp(0.0, 255.0) as u8]
        })
    };
    let listed = [scene(1, 300, 200), scene(2, 300, 200)];
    for (colour, over_black) in [([0, 0, 0], 0), ([255, 255, 255], 8), ([20, 90, 160], 8)] {
        for format in [image::ImageFormat::Png, image::ImageFormat::WebP] {
            let upload = written(&logo(colour), format);
            let verdict = scanner(&listed).check(&upload, &now()).unwrap();
            assert_eq!((verdict.outcome, verdict.action), (Outcome::Clear, Action::Allow));
            assert_eq!((verdict.unscannable, verdict.complete), (None, true));
            let hashes = verdict.fingerprints.perceptual.iter();
            let found = hashes.filter(|p| p.view == View::OverBlack).count();
            assert_eq!(found, over_black, "of black on black there is nothing to look up");
        }
    }
    // Nothing is seen through a picture whose alpha is full.
    let opaque =
        written(&DynamicImage::from(scene(3, 300, 200)).to_rgba8().into(), image::ImageFormat::Png);
    let verdict = scanner(&listed).check(&opaque, &now()).unwrap();
    assert!(verdict.fingerprints.perceptual.iter().all(|p| p.view != View::OverBlack));
}
