//! `add`: single files and hashes, incidents.

use serde_json::Value;

use super::{NOW, of_list, sha256};
use crate::Bench;

const HOUR: u64 = 3600;

/// The first hash of a crisis.
#[test]
fn one_single_hash_in_an_empty_store_is_found() {
    let bench = Bench::with_store();
    let fingerprint = format!("sha256:{}", sha256(b"the one"));
    bench.store(&["add", "s", "--fingerprint", &fingerprint]);
    assert_eq!((bench.judged(b"the one"), bench.judged(b"another")), (1, 0));

    let bench = Bench::with_store();
    assert_eq!(bench.run(&["test-files", "files"]).status, 0);
    let hashed = bench.run(&["hash", "--json", "files/tamis-test-1.png"]).objects();
    let code = hashed[0]["pdq"]["hash"].as_str().unwrap().to_owned();
    bench.store(&["add", "s", "--fingerprint", &format!("pdq:{code}"), "--severity", "high"]);
    let run = bench.run(&["check", "files/tamis-test-1.png", "--store", "s", "--json"]);
    assert_eq!((run.status, &run.objects()[0]["matches"][0]["distance"]), (1, &0.into()));
    let query = ["query", "s", "--json", "--pdq", &code];
    assert_eq!(bench.run(&query).objects()[0]["severity"], "high");

    // A picture is blocked by its pixels alone.
    bench.store(&["add", "s", "files/tamis-test-1.png"]);
    let mut altered = bench.read("files/tamis-test-1.png");
    altered.extend(b"other bytes behind the picture");
    assert_eq!(bench.judged(&altered), 1);
}

#[test]
fn an_incident_ends_by_itself() {
    let bench = Bench::with_store();
    let now = NOW.to_string();
    bench.write("video", "video");
    bench.write("calm", "calm");
    bench.list("urgent.csv", &[(b"row", "positive")]);
    bench.store(&["add", "s", "calm", "--now", &now]);
    let incident = ["--incident", "buffalo", "--expires", "48h", "--now", &now];
    bench.store(&[&["add", "s", "video", "--from", "urgent.csv"], &incident[..]].concat());
    let at = |hours: u64| NOW + hours * HOUR;
    let both = |at| (bench.judged_at(b"video", at), bench.judged_at(b"row", at));
    assert_eq!((both(at(0)), both(at(48) - 1), both(at(48))), ((1, 1), (1, 1), (0, 0)));
    let verdict = bench.run(&["check", "video", "--store", "s", "--json", "--now", &now]);
    assert_eq!(verdict.objects()[0]["matches"][0]["labels"][0], "incident:buffalo");

    let incident = |at| bench.status(at)["incidents"][0].clone();
    assert_eq!(
        (&incident(at(1))["active"], &incident(at(1))["entries"]),
        (&true.into(), &6.into())
    );
    assert_eq!(incident(at(49))["active"], false);
    let ended = at(49).to_string();
    bench.last(&["compact", "s", "--now", &ended]);
    assert_eq!((both(at(1)), both(at(49))), ((1, 1), (0, 0)), "a compacted incident ends as well");
    assert_eq!(incident(at(49)), Value::Null);
    assert_eq!(bench.judged_at(b"calm", at(500)), 1);
    assert_eq!(of_list(&bench.status(at(49)), "local")["entries_expired"], 6);
}

#[test]
fn a_picture_that_resembles_others_is_listed_by_its_digests_only() {
    let bench = Bench::with_store();
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(64, 64, image::Rgb([250, 250, 250]))
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    bench.write("blank.png", png.get_ref());
    let run = bench.run(&["store", "add", "s", "blank.png", "--json"]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.err.contains("its PDQ is not taken: "), "{}", run.err);
    assert!(run.err.contains("Only exact copies"), "{}", run.err);
    assert_eq!(run.objects()[0]["entries"].as_array().unwrap().len(), 5);
    assert_eq!(bench.judged(png.get_ref()), 1);
    bench.write("empty", "");
    bench.refuses(&["add", "s", "empty"], "every empty upload");
    bench.write("short", "GIF89a");
    let short = bench.run(&["store", "add", "s", "short"]);
    assert!(short.status == 0 && short.err.contains("it has no PDQ"), "{}", short.err);
}
