//! The example server, started as its users start it and spoken to over loopback.

#![cfg(feature = "decode")]
#![allow(clippy::print_stderr, reason = "it prints what it measured")]

mod listed;
mod pictures;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use listed::{builder, reviewed};
use pictures::{hash, jpeg, png, scene};

/// Cargo tells tests where binaries are, but not examples: they are beside the directory of this test.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().with_file_name("examples").join("axum_upload");
    let example = example.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        example.exists(),
        "the example is not built: run `cargo build --example axum_upload` first"
    );
    example
}

/// The running example; ended when the test ends, however it ends.
struct Server {
    child: Child,
    address: SocketAddr,
    directory: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(store: &Path, directory: &Path) -> Server {
        let log = File::create(directory.join("log")).unwrap();
        let mut child = Command::new(example())
            .arg(store)
            .arg(directory)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").map(|a| a.parse().unwrap());
        let address = address.unwrap_or_else(|| panic!("{line:?}, {:?}", child.wait()));
        Server { child, address, directory: directory.to_owned() }
    }

    /// Sends a request and gives the answer's status and the rest of it.
    fn request(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: loopback\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        // A server that refuses a long body need not read all of it.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.get(9..12).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer: {end:?} {answer:?}"));
        assert_tells_nothing(&answer);
        (status, answer)
    }

    fn post(&self, file: &[u8]) -> (u16, String) {
        let mut body =
            b"--edge\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\na walk\r\n".to_vec();
        body.extend(b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../x.png\"\r\n");
        body.extend(b"Content-Type: image/png\r\n\r\n");
        body.extend(file);
        body.extend(b"\r\n--edge--\r\n");
        self.request("POST", "/upload", "multipart/form-data; boundary=edge", &body)
    }

    fn put(&self, file: &[u8]) -> (u16, String) {
        self.request("PUT", "/upload", "application/octet-stream", file)
    }

    /// What is in a folder now, sorted.
    fn files(&self, folder: &str) -> Vec<Vec<u8>> {
        let entries = fs::read_dir(self.directory.join(folder)).unwrap();
        let mut files: Vec<_> = entries.map(|e| fs::read(e.unwrap().path()).unwrap()).collect();
        files.sort();
        files
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap()
    }
}

/// No answer names a list, a reason or a distance, or holds anything as long as a fingerprint.
fn assert_tells_nothing(answer: &str) {
    let lower = answer.to_lowercase();
    for word in ["tamis", "exchange", "distance", "pdq", "sha", "md5", "blake", "entry", "match"] {
        assert!(!lower.contains(word), "the answer says {word:?}: {answer}");
    }
    let digits = lower.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max();
    assert!(digits.is_none_or(|n| n < 32), "the answer holds a fingerprint: {answer}");
}

/// Asks until the answer is yes, for at most five seconds; says how long it took.
fn within_seconds(mut yes: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !yes() {
        assert!(started.elapsed() < Duration::from_secs(5), "not within five seconds");
        std::thread::sleep(Duration::from_millis(100));
    }
    started.elapsed()
}

#[test]
fn uploads_are_judged_before_they_are_stored() {
    let dir = tempfile::tempdir().unwrap();
    let set = dir.path().join("set.tamis");
    builder([]).write(&set).unwrap();
    let server = Server::start(&set, dir.path());

    assert_eq!(server.request("GET", "/health", "text/plain", b"").0, 200);
    assert_eq!(server.request("GET", "/quarantine/", "text/plain", b"").0, 404);
    for file in tamis::store::test_files() {
        assert_eq!(server.post(file.bytes).0, 422, "{}", file.name);
        assert_eq!(server.put(file.bytes).0, 422, "{}", file.name);
    }
    // The uploader's reference leads moderators to the reason.
    let refused = server.post(tamis::store::test_files()[0].bytes).1;
    let reference = refused.split('"').rev().nth(1).unwrap();
    let log = server.log();
    let line = log.lines().find(|line| line.starts_with(reference)).expect("the log tells why");
    assert!(line.contains("block: ") && line.contains("tamis-test"), "{line}");
    assert!(server.files("stored").is_empty() && server.files("quarantine").is_empty());

    let innocent = png(&scene(1, 320, 200));
    assert_eq!(server.post(&innocent).0, 201);
    assert_eq!(server.put(b"words").0, 201);
    // Compared without being printed: a difference would be pages long.
    assert!(server.files("stored") == [b"words".to_vec(), innocent], "stored byte for byte");

    let whole = jpeg(&scene(2, 320, 200));
    let truncated = &whole[..whole.len() / 2];
    assert_eq!(server.post(truncated).0, 202);
    assert!(server.files("quarantine") == [truncated], "held byte for byte");

    let oversize = vec![b'x'; (16 << 20) + 1024];
    assert_eq!(server.post(&oversize).0, 413);
    assert_eq!(server.put(&oversize).0, 413);
    let form = b"--edge\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--edge--\r\n";
    let kind = "multipart/form-data; boundary=edge";
    assert_eq!(server.request("POST", "/upload", kind, form).0, 400);
    assert_eq!(server.files("stored").len(), 2);
    assert!(server.files("incoming").is_empty());
    assert_eq!(server.request("GET", "/health", "text/plain", b"").0, 200);
}

#[test]
fn every_one_of_many_uploads_at_once_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let set = dir.path().join("set.tamis");
    builder([]).write(&set).unwrap();
    let server = Server::start(&set, dir.path());
    let send = |uploads: &[Vec<u8>]| -> Vec<u16> {
        std::thread::scope(|scope| {
            let calls: Vec<_> =
                uploads.iter().map(|upload| scope.spawn(|| server.post(upload).0)).collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        })
    };
    // Half of them listed.
    let listed = tamis::store::test_files()[1].bytes.to_vec();
    let few: Vec<_> = (0..20)
        .map(|n| if n % 2 == 0 { png(&scene(n, 200, 150)) } else { listed.clone() })
        .collect();
    let expected: Vec<_> = (0..20).map(|n| if n % 2 == 0 { 201 } else { 422 }).collect();
    assert_eq!(send(&few), expected);

    // More than there is room for, each small to send and slow to judge: some are told to come again, at once.
    let slow =
        png(&image::RgbImage::from_fn(5000, 4000, |x, y| image::Rgb([(x / 64 + y / 64) as u8; 3])));
    let started = Instant::now();
    let answers = send(&vec![slow; 100]);
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    eprintln!(
        "100 slow uploads at once: {} stored, {} held, {} turned away, {:?}",
        count(201),
        count(202),
        count(503),
        started.elapsed()
    );
    assert_eq!(count(201) + count(202) + count(503), 100, "{answers:?}");
    assert!(count(201) > 0 && count(503) > 0, "{answers:?}");
    assert_eq!(server.files("stored").len(), 10 + count(201));
    assert_eq!(server.files("quarantine").len(), count(202));
    assert_eq!(server.put(&listed).0, 422);
}

#[test]
fn a_replaced_store_is_enforced_and_a_broken_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let set = dir.path().join("set.tamis");
    builder([]).write(&set).unwrap();
    let server = Server::start(&set, dir.path());
    let picture = scene(3, 320, 240);
    let upload = jpeg(&picture);
    assert_eq!(server.post(&upload).0, 201);

    let listed = reviewed(hash(&picture).hash);
    builder([listed]).write(&set).unwrap();
    let took = within_seconds(|| server.post(&upload).0 == 422);
    eprintln!("enforced {took:?} after the new store was published");

    tamis::files::publish_bytes(&set, b"not a set").unwrap();
    within_seconds(|| server.log().contains("the last good store stays in force"));
    assert_eq!(server.post(&upload).0, 422);
    fs::remove_file(&set).unwrap();
    within_seconds(|| server.log().matches("the last good store stays in force").count() == 2);
    assert_eq!(server.post(&upload).0, 422);
    assert_eq!(server.post(&png(&scene(4, 100, 100))).0, 201);

    builder([]).write(&set).unwrap();
    within_seconds(|| server.post(&upload).0 == 201);
}

#[test]
fn without_a_store_it_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let run =
        Command::new(example()).arg(dir.path().join("none")).arg(dir.path()).output().unwrap();
    assert!(!run.status.success() && run.stdout.is_empty(), "{run:?}");
    assert!(String::from_utf8_lossy(&run.stderr).contains("none"), "{run:?}");
}
