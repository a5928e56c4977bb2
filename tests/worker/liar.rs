//! A worker that was taken over: it greets as one does, and then says what it likes.

use std::io::{Read, Write, stdin, stdout};
use std::time::Duration;

use serde_json::{Value, json};
use tamis::media::Unscannable::{self, Timeout, WorkerDied};

/// Each lie, and what the host makes of it.
pub(crate) const LIES: [(&str, Result<(), Unscannable>); 19] = [
    // It may lie about the picture: this is what cannot be known.
    ("fine", Ok(())),
    ("reason", Err(Unscannable::Corrupt)),
    ("dies", Err(WorkerDied)),
    ("early", Err(WorkerDied)),
    ("silent", Err(Timeout)),
    ("half", Err(Timeout)),
    ("half and dies", Err(WorkerDied)),
    ("long", Err(WorkerDied)),
    ("as long as may be", Err(WorkerDied)),
    ("slowly", Err(Timeout)),
    ("no text", Err(WorkerDied)),
    ("deep", Err(WorkerDied)),
    ("no reason", Err(WorkerDied)),
    ("number", Err(WorkerDied)),
    ("quality", Err(WorkerDied)),
    ("slack", Err(WorkerDied)),
    ("hash", Err(WorkerDied)),
    ("many", Err(WorkerDied)),
    ("size", Err(WorkerDied)),
];

fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes(), body].concat()
}

fn read(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    if stdin().read_exact(&mut bytes).is_err() {
        std::process::exit(0);
    }
    bytes
}

fn message() -> Value {
    let length = u32::from_le_bytes(read(4).try_into().unwrap());
    serde_json::from_slice(&read(length as usize)).unwrap()
}

fn say(bytes: &[u8]) {
    stdout().write_all(bytes).and_then(|()| stdout().flush()).unwrap();
}

fn picture() -> Value {
    json!({ "view": "as-stored", "hash": "0f".repeat(32), "quality": 100 })
}

/// An answer that could be true but for what is changed in it.
fn answer(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut examined =
        json!({ "perceptual": [picture()], "complete": true, "missed": null, "size": [160, 120] });
    change(&mut examined);
    frame(json!({ "Ok": examined }).to_string().as_bytes())
}

pub(crate) fn run(lie: &str) {
    read(8);
    message();
    let layers = json!({ "limits": true, "landlock": true, "seccomp": true });
    let version = if lie == "old" { "0.0.1\u{1b}[2J" } else { env!("CARGO_PKG_VERSION") };
    let hello = json!({ "version": version, "layers": layers });
    say(b"tamis-wk");
    if lie == "rude" {
        say(&u32::MAX.to_le_bytes());
    }
    say(&frame(hello.to_string().as_bytes()));
    loop {
        let question = message();
        if lie == "early" {
            // In the middle of the upload, and before its end is read.
            read(100);
            say(&answer(|_| ()));
            std::thread::sleep(Duration::from_secs(600));
        }
        read(question["length"].as_u64().unwrap() as usize);
        respond(lie);
    }
}

fn respond(lie: &str) {
    let whole = answer(|_| ());
    let forever = || std::thread::sleep(Duration::from_secs(600));
    match lie {
        "fine" => say(&whole),
        "reason" => say(&frame(br#"{"Err":"corrupt"}"#)),
        "dies" => std::process::abort(),
        "silent" => forever(),
        "half" => {
            say(&whole[..whole.len() / 2]);
            forever();
        }
        "half and dies" => {
            say(&whole[..whole.len() / 2]);
            std::process::exit(0);
        }
        "long" => {
            say(&u32::MAX.to_le_bytes());
            flood();
        }
        "as long as may be" => {
            say(&100_000u32.to_le_bytes());
            flood();
        }
        "slowly" => {
            for byte in whole {
                say(&[byte]);
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        "no text" => say(&frame(&[0xff; 40])),
        "deep" => say(&frame(&[b'['; 10_000])),
        "no reason" => say(&frame(br#"{"Err":"bored"}"#)),
        "number" => say(&answer(|a| a["size"] = json!([1e300, 7]))),
        "quality" => say(&answer(|a| a["perceptual"][0]["quality"] = json!(101))),
        "slack" => {
            say(&answer(|a| a["perceptual"][0]["slack"] = json!(tamis::examine::MOST_SLACK + 1)))
        }
        "hash" => say(&answer(|a| a["perceptual"][0]["hash"] = json!("0f0f"))),
        "many" => say(&answer(|a| a["perceptual"] = vec![picture(); 5000].into())),
        "size" => say(&answer(|a| a["size"] = json!([u32::MAX, 1]))),
        other => panic!("{other}"),
    }
}

fn flood() {
    loop {
        say(&[b'['; 1 << 16]);
    }
}
