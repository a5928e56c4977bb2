//! `tamis scan`: trees that change, hostile names, and runs that are stopped, killed and resumed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tamis::fingerprint::{Algorithm, Algorithms, digests};
use tamis::set::{Entry, List, ListKind, SetBuilder};

/// The bytes that the sets of these tests list.
const LISTED: &[u8] = b"listed bytes\n";
/// Listed too, but nobody has reviewed it.
const UNREVIEWED: &[u8] = b"reported bytes\n";

struct Site {
    dir: tempfile::TempDir,
    store: PathBuf,
    tree: PathBuf,
}

impl Site {
    fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let (store, tree) = (dir.path().join("base.tamis"), dir.path().join("tree"));
        write_set(&store, &[LISTED]);
        fs::create_dir(&tree).unwrap();
        Site { dir, store, tree }
    }

    /// Many small files; every tenth is listed.
    fn fill(&self, files: usize) {
        for number in 0..files {
            let directory = self.tree.join(format!("{}", number % 7));
            fs::create_dir_all(&directory).unwrap();
            let bytes = match number % 10 {
                0 => LISTED.to_vec(),
                _ => format!("a note, number {number}\n").into_bytes(),
            };
            fs::write(directory.join(format!("{number}.txt")), bytes).unwrap();
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
        command.args(["scan", "--json", "--store"]).arg(&self.store).args(arguments);
        command.current_dir(self.dir.path());
        command
    }

    fn scan(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }
}

fn write_set(path: &Path, listed: &[&[u8]]) {
    let mut builder = SetBuilder::new();
    let list = builder.add_list(List::new("one", ListKind::Exchange)).unwrap();
    let sha256 = |bytes| digests(bytes, Algorithms::DIGESTS).get(Algorithm::Sha256).unwrap();
    for bytes in listed {
        builder.add(list, Entry::new(sha256(bytes)).reviewed(true)).unwrap();
    }
    builder.add(list, Entry::new(sha256(UNREVIEWED))).unwrap();
    builder.write(path).unwrap();
}

struct Run {
    code: Option<i32>,
    /// By file name, the action or `error`.
    results: BTreeMap<String, String>,
    lines: Vec<Value>,
    stderr: String,
}

impl Run {
    fn of(out: Output) -> Run {
        let lines: Vec<Value> = out
            .stdout
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        let results = lines.iter().map(|line| (text(line, "file"), action(line))).collect();
        Run {
            code: out.status.code(),
            results,
            lines,
            stderr: String::from_utf8(out.stderr).unwrap(),
        }
    }

    fn is(&self, code: i32, results: &[(&str, &str)]) {
        let expected: BTreeMap<_, _> =
            results.iter().map(|(file, action)| (file.to_string(), action.to_string())).collect();
        assert_eq!((self.code, &self.results), (Some(code), &expected), "{}", self.stderr);
        assert_eq!(self.lines.len(), results.len(), "each file once");
    }
}

fn text(line: &Value, name: &str) -> String {
    line[name].as_str().unwrap().to_owned()
}

fn action(line: &Value) -> String {
    if line.get("error").is_some() { "error".into() } else { text(line, "action") }
}

fn end(mut child: Child, within: Duration) -> Option<i32> {
    let until = Instant::now() + within;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("the scan hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_is_not_clear_is_printed_and_all_if_asked_for() {
    let site = Site::new();
    fs::write(site.tree.join("a"), LISTED).unwrap();
    fs::write(site.tree.join("b"), UNREVIEWED).unwrap();
    fs::write(site.tree.join("c"), "fine").unwrap();
    fs::write(site.tree.join("empty"), "").unwrap();
    let run = site.scan(&["tree"]);
    run.is(1, &[("tree/a", "block"), ("tree/b", "review")]);
    assert!(
        run.stderr.contains("4 files") && run.stderr.contains("1 blocked, 1 for review, 2 clear"),
        "{}",
        run.stderr
    );
    let all = site.scan(&["tree", "--all"]);
    all.is(
        1,
        &[("tree/a", "block"), ("tree/b", "review"), ("tree/c", "allow"), ("tree/empty", "allow")],
    );

    // The same object that `check` prints.
    let mut check = Command::new(env!("CARGO_BIN_EXE_tamis"));
    check
        .args(["check", "--json", "tree/a", "--store"])
        .arg(&site.store)
        .current_dir(site.dir.path());
    let check: Value = serde_json::from_slice(&check.output().unwrap().stdout).unwrap();
    assert_eq!(run.lines.iter().find(|line| line["file"] == "tree/a"), Some(&check));

    fs::remove_file(site.tree.join("a")).unwrap();
    site.scan(&["tree"]).is(3, &[("tree/b", "review")]);
    fs::remove_file(site.tree.join("b")).unwrap();
    site.scan(&["tree"]).is(0, &[]);
    // For people: one line per file.
    fs::write(site.tree.join("a\x1b[2J\n"), LISTED).unwrap();
    let mut people = Command::new(env!("CARGO_BIN_EXE_tamis"));
    people.args(["scan", "tree", "--store"]).arg(&site.store).current_dir(site.dir.path());
    let people = String::from_utf8(people.output().unwrap().stdout).unwrap();
    assert!(people.starts_with("BLOCK   tree/a?[2J?  SHA-256 equal"), "{people}");
    assert_eq!(people.lines().count(), 1);
}

#[test]
fn links_pipes_and_sockets_are_left_out_and_nothing_hangs() {
    let site = Site::new();
    fs::write(site.tree.join("a"), LISTED).unwrap();
    symlink(".", site.tree.join("loop")).unwrap();
    symlink("a", site.tree.join("link")).unwrap();
    symlink("nowhere", site.tree.join("dangling")).unwrap();
    let pipe = site.tree.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(site.tree.join("socket")).unwrap();
    let mut command = site.command(&["tree", "--all"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    assert_eq!(end(child, Duration::from_secs(20)), Some(1));
    let (mut out, mut err) = (String::new(), String::new());
    stdout.read_to_string(&mut out).unwrap();
    stderr.read_to_string(&mut err).unwrap();
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(err.contains("5 left out"), "{err}");

    // One that the user names is a mistake; a link that the user names is followed.
    site.scan(&["tree/pipe", "/dev/null"]).is(2, &[("tree/pipe", "error"), ("/dev/null", "error")]);
    site.scan(&["tree/link"]).is(1, &[("tree/link", "block")]);
}

#[test]
fn a_file_named_twice_or_within_a_named_directory_is_judged_once() {
    let site = Site::new();
    fs::create_dir(site.tree.join("sub")).unwrap();
    fs::write(site.tree.join("sub/a"), LISTED).unwrap();
    let run = site.scan(&["tree/sub/a", "tree/sub/a"]);
    run.is(1, &[("tree/sub/a", "block")]);
    assert!(run.stderr.contains("judged once"), "{}", run.stderr);
    site.scan(&["tree/sub", "tree", "tree/../tree/sub/a"]).is(1, &[("tree/sub/a", "block")]);
    site.scan(&["tree", "nowhere"]).is(1, &[("tree/sub/a", "block"), ("nowhere", "error")]);
    site.scan(&["nowhere"]).is(2, &[("nowhere", "error")]);
}

#[test]
fn names_that_are_not_text_are_exact_in_json() {
    let site = Site::new();
    let name = OsStr::from_bytes(b"\xFFname\n");
    fs::write(site.tree.join(name), LISTED).unwrap();
    let run = site.scan(&["tree", "--journal", "j"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(run.lines[0]["file"], "tree/\u{FFFD}name\n");
    assert_eq!(run.lines[0]["file_bytes"], "747265652fff6e616d650a");
    site.scan(&["tree", "--journal", "j"]).is(1, &[]);
}

#[test]
fn what_cannot_be_read_is_reported_and_tried_again() {
    let site = Site::new();
    fs::create_dir(site.tree.join("closed")).unwrap();
    fs::write(site.tree.join("closed/a"), LISTED).unwrap();
    fs::write(site.tree.join("secret"), LISTED).unwrap();
    let mode = |path: &str, mode| {
        fs::set_permissions(site.tree.join(path), fs::Permissions::from_mode(mode)).unwrap()
    };
    mode("secret", 0);
    mode("closed", 0);
    // Even root cannot read this one from its beginning.
    if Path::new("/proc/self/mem").exists() {
        site.scan(&["/proc/self/mem"]).is(2, &[("/proc/self/mem", "error")]);
    }
    if fs::read(site.tree.join("secret")).is_ok() {
        mode("closed", 0o700);
        return skip("root reads everything");
    }
    let run = site.scan(&["tree", "--journal", "j"]);
    run.is(2, &[("tree/closed", "error"), ("tree/secret", "error")]);
    mode("closed", 0o700);
    mode("secret", 0o600);
    site.scan(&["tree", "--journal", "j"])
        .is(1, &[("tree/closed/a", "block"), ("tree/secret", "block")]);
}

#[allow(clippy::print_stderr, reason = "a test that skips says so")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

#[test]
fn any_number_of_threads_gives_the_same_results() {
    let site = Site::new();
    site.fill(300);
    let sorted = |jobs| {
        let run = site.scan(&["tree", "--all", "--jobs", jobs]);
        let mut lines: Vec<String> = run.lines.iter().map(ToString::to_string).collect();
        lines.sort();
        (run.code, lines)
    };
    let one = sorted("1");
    assert_eq!((one.0, one.1.len()), (Some(1), 300));
    assert_eq!(sorted("2"), one);
    assert_eq!(sorted("7"), one);
}

#[test]
fn finished_files_are_not_judged_again_unless_something_changed() {
    let site = Site::new();
    let again = || site.scan(&["tree", "--all", "--journal", "j"]);
    fs::write(site.tree.join("a"), LISTED).unwrap();
    fs::write(site.tree.join("b"), "fine").unwrap();
    again().is(1, &[("tree/a", "block"), ("tree/b", "allow")]);
    // The status is that of the whole scan.
    let run = again();
    run.is(1, &[]);
    assert!(run.stderr.contains("2 files judged before"), "{}", run.stderr);
    let journal = fs::metadata(site.dir.path().join("j")).unwrap();
    assert_eq!(journal.permissions().mode() & 0o777, 0o600);

    // A changed file, even of the same length and with its old time of modification.
    let old = fs::metadata(site.tree.join("b")).unwrap().modified().unwrap();
    fs::write(site.tree.join("b"), "FINE").unwrap();
    fs::File::options().write(true).open(site.tree.join("b")).unwrap().set_modified(old).unwrap();
    again().is(1, &[("tree/b", "allow")]);
    fs::write(site.tree.join("new"), "new").unwrap();
    again().is(1, &[("tree/new", "allow")]);

    // Another store: everything.
    write_set(&site.store, &[LISTED, b"FINE"]);
    let run = again();
    run.is(1, &[("tree/a", "block"), ("tree/b", "block"), ("tree/new", "allow")]);
    assert!(run.stderr.contains("another store"), "{}", run.stderr);
    again().is(1, &[]);
    // Another policy: everything.
    fs::write(site.dir.path().join("p.toml"), "version = 1\nmode = \"observe\"\n").unwrap();
    let run = site.scan(&["tree", "--journal", "j", "--policy", "p.toml"]);
    run.is(0, &[("tree/a", "allow"), ("tree/b", "allow")]);
    assert!(run.stderr.contains("2 would have been blocked"), "{}", run.stderr);
}

#[test]
fn a_file_that_is_no_journal_is_refused() {
    let site = Site::new();
    fs::write(site.dir.path().join("j"), "my notes\n").unwrap();
    let run = site.scan(&["tree", "--journal", "j"]);
    run.is(2, &[]);
    assert_eq!(run.stderr.lines().count(), 1);
    assert_eq!(fs::read(site.dir.path().join("j")).unwrap(), b"my notes\n");
}

/// Starts a scan that has to wait for its reader, reads until the journal holds some files, and gives the lines read so far.
fn half_way(site: &Site) -> (Child, BufReader<std::process::ChildStdout>, Vec<String>) {
    let mut command = site.command(&["tree", "--all", "--journal", "j"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::with_capacity(256, child.stdout.take().unwrap());
    let mut lines = Vec::new();
    let journal =
        || fs::read_to_string(site.dir.path().join("j")).map_or(0, |text| text.lines().count());
    while journal() < 20 {
        let mut line = String::new();
        assert!(
            reader.read_line(&mut line).unwrap() > 0,
            "the scan ended before it could be stopped"
        );
        lines.push(line);
        std::thread::sleep(Duration::from_millis(5));
    }
    (child, reader, lines)
}

/// Adds the whole lines that are left in the pipe.
fn drain(mut reader: impl Read, lines: &mut Vec<String>) {
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    let whole = rest.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    lines.extend(String::from_utf8(rest[..whole].to_vec()).unwrap().lines().map(str::to_owned));
}

const MANY: usize = 3000;

fn files_of(lines: &[String]) -> BTreeMap<String, String> {
    let values = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    values.map(|line| (text(&line, "file"), action(&line))).collect()
}

#[test]
fn a_killed_scan_loses_no_result() {
    let site = Site::new();
    site.fill(MANY);
    let (mut child, reader, mut lines) = half_way(&site);
    // SIGKILL: nothing can be tidied up.
    child.kill().unwrap();
    child.wait().unwrap();
    drain(reader, &mut lines);
    let first = files_of(&lines);
    assert!(!first.is_empty() && first.len() < MANY, "{} files before the kill", first.len());

    // What a crash can leave at the end.
    use std::io::Write;
    let mut journal = fs::File::options().append(true).open(site.dir.path().join("j")).unwrap();
    journal.write_all(b"a 12 1.0 1.0 /torn").unwrap();

    let second = site.scan(&["tree", "--all", "--journal", "j"]);
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.results.len() < MANY, "the journal was of no use");
    let mut union = first;
    union.extend(second.results);
    let whole = site.scan(&["tree", "--all"]).results;
    assert_eq!(whole.len(), MANY);
    assert_eq!(union, whole);
    site.scan(&["tree", "--all", "--journal", "j"]).is(1, &[]);
}

#[test]
fn an_interrupted_scan_finishes_what_it_has_begun() {
    let site = Site::new();
    site.fill(MANY);
    let (child, reader, mut lines) = half_way(&site);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let reading = std::thread::spawn(move || {
        drain(reader, &mut lines);
        lines
    });
    let out = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(out.stderr).unwrap();
    // Files were blocked before it was stopped.
    assert_eq!(out.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("run the same command again"), "{stderr}");
    let first = files_of(&reading.join().unwrap());
    assert!(first.len() < MANY);

    let second = site.scan(&["tree", "--all", "--journal", "j"]);
    // No file twice, none missing.
    assert_eq!(first.len() + second.results.len(), MANY);
    let mut union = first;
    union.extend(second.results);
    assert_eq!(union, site.scan(&["tree", "--all"]).results);
}

#[test]
fn files_that_vanish_and_grow_during_the_scan_do_no_harm() {
    let site = Site::new();
    site.fill(MANY);
    let (child, reader, mut lines) = half_way(&site);
    for number in 0..MANY {
        let path = site.tree.join(format!("{}/{number}.txt", number % 7));
        if number % 2 == 0 {
            fs::remove_file(path).unwrap();
        } else {
            fs::write(path, [b'x'; 5000]).unwrap();
        }
    }
    drain(reader, &mut lines);
    let out = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("0 errors"), "{stderr}");
    assert!(lines.iter().all(|line| !line.contains("\"error\"")));
}

#[test]
fn a_reader_that_goes_away_ends_the_scan() {
    let site = Site::new();
    site.fill(500);
    let mut command = site.command(&["tree", "--all", "--journal", "j"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(out.stderr).unwrap();
    assert!(matches!(out.status.code(), Some(1 | 2)), "{stderr}");
    assert!(stderr.contains("stdout was closed"), "{stderr}");
    // None of the results was read, so none is journalled as printed.
    let again = site.scan(&["tree", "--all", "--journal", "j"]);
    assert_eq!(again.results.len(), 500);
}

#[test]
fn a_store_that_is_damaged_ends_the_scan() {
    let site = Site::new();
    site.fill(50);
    let mut bytes = fs::read(&site.store).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&site.store, bytes).unwrap();
    let run = site.scan(&["tree"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("tamis verify"), "{}", run.stderr);
    assert!(run.stderr.lines().count() <= 4, "{}", run.stderr);
}
