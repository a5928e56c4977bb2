//! `store trust` and `store watch`: from a maker's feed to a verdict.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tamis::store::StoreWriter;

use super::list::{maker, names_in, ok};
use super::{Bench, Run};

/// A list `neighbour` with the first test picture on it, published and signed; an empty `store`; an empty `drop`.
fn neighbours() -> Bench {
    let bench = Bench::new();
    maker(&bench);
    ok(&bench, &["test-files", "files"]);
    ok(&bench, &["list", "add", "maker", "files/tamis-test-1.png", "--reviewed"]);
    ok(&bench, &["list", "publish", "maker", "--key", "maker.key"]);
    StoreWriter::init(bench.path("store"), 1_790_000_000).unwrap();
    std::fs::create_dir(bench.path("drop")).unwrap();
    bench
}

impl Bench {
    fn trust(&self, more: &[&str]) -> Run {
        self.run(&[&["store", "trust", "store", "--list", "neighbour"], more].concat())
    }

    /// What `rsync` would do.
    fn deliver(&self) {
        let target = self.path("drop/neighbour");
        std::fs::create_dir_all(&target).unwrap();
        for name in names_in(self, "maker/public") {
            std::fs::copy(self.path(&format!("maker/public/{name}")), target.join(name)).unwrap();
        }
    }

    fn watch_once(&self) -> Run {
        self.run(&["store", "watch", "drop", "--store", "store", "--once", "--json"])
    }

    fn check(&self, file: &str) -> i32 {
        self.run(&["check", file, "--store", "store"]).status
    }

    /// What the store refused, by its codes.
    fn refusals(&self) -> Vec<u32> {
        let mut codes = Vec::new();
        StoreWriter::read_log(&self.path("store"), &mut |event| codes.extend(event.code)).unwrap();
        codes
    }
}

#[test]
fn a_friends_list_is_taken_and_leads_to_review() {
    let bench = neighbours();
    bench.deliver();
    let run = bench.watch_once();
    assert_eq!(run.status, 2, "nobody is trusted yet");
    assert!(run.err.contains("tamis store trust STORE KEY"), "{}", run.err);
    assert_eq!(bench.refusals(), [64]);
    assert_eq!(bench.check("files/tamis-test-1.png"), 0);

    let run = bench.trust(&["maker.pub"]);
    assert_eq!(run.status, 0, "{}", run.err);
    assert!(run.err.contains("a friend's list"), "{}", run.err);
    let run = bench.watch_once();
    assert_eq!(run.status, 0, "{}{}", run.out, run.err);
    let applied = &run.objects()[0];
    assert_eq!(
        (&applied["list"], &applied["feed_version"], &applied["entries"]),
        (&"neighbour".into(), &1.into(), &2.into())
    );
    let status = bench.run(&["store", "status", "store", "--json"]).objects();
    assert_eq!(applied["version"], status[0]["version"]);
    assert_eq!(bench.check("files/tamis-test-1.png"), 3, "a friend's list leads to review");
    // The same again is nothing.
    let run = bench.watch_once();
    assert_eq!((run.status, run.objects().len()), (0, 1));
    // It is the operator who decides how far it is trusted.
    assert_eq!(bench.trust(&["--kind", "exchange", "--agreement", "MoU"]).status, 0);
    assert_eq!(bench.check("files/tamis-test-1.png"), 1);

    // What the maker withdraws is gone.
    ok(
        &bench,
        &["list", "add", "maker", "files/tamis-test-2.jpg", "--reviewed", "--item", "second"],
    );
    let listed = ok(&bench, &["list", "publish", "maker", "--key", "maker.key", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["last"], 2);
    bench.deliver();
    assert_eq!(bench.watch_once().status, 0);
    assert_eq!(bench.check("files/tamis-test-2.jpg"), 1);
    ok(&bench, &["list", "withdraw", "maker", "--item", "second"]);
    ok(&bench, &["list", "publish", "maker", "--key", "maker.key"]);
    bench.deliver();
    assert_eq!(bench.watch_once().status, 0);
    assert_eq!(bench.check("files/tamis-test-2.jpg"), 0);
    assert_eq!(bench.refusals(), [64]);
}

#[test]
fn what_is_refused_says_why_each_with_its_own_code() {
    let bench = neighbours();
    ok(&bench, &["list", "keygen", "-W", "stranger"]);
    assert_eq!(bench.trust(&["maker.pub"]).status, 0);
    bench.deliver();
    assert_eq!(bench.watch_once().status, 0);
    let (old_feed, old_signature) =
        (bench.read("drop/neighbour/feed.json"), bench.read("drop/neighbour/feed.json.minisig"));
    let publish = |key: &str, more: &[&str]| {
        ok(&bench, &[&["list", "publish", "maker", "--renew", "--key", key], more].concat());
        bench.deliver();
    };
    let refused = |code: u32| {
        let run = bench.watch_once();
        assert_eq!(run.status, 2, "{code}: {}{}", run.out, run.err);
        assert_eq!(run.objects()[0]["code"], code, "{}", run.out);
        assert_eq!(bench.refusals().last(), Some(&code));
    };
    publish("stranger.key", &[]);
    refused(60);
    std::fs::remove_file(bench.path("drop/neighbour/feed.json.minisig")).unwrap();
    refused(72);
    publish("maker.key", &[]);
    assert_eq!(bench.watch_once().status, 0);
    bench.write("drop/neighbour/feed.json", &old_feed);
    bench.write("drop/neighbour/feed.json.minisig", &old_signature);
    refused(61);
    // One that ended long ago.
    let settings = String::from_utf8(bench.read("maker/list.json")).unwrap();
    bench.write(
        "maker/list.json",
        settings.replace("\"criteria\"", "\"expires_after\": 1,\n  \"criteria\""),
    );
    publish("maker.key", &["--now", "1000"]);
    refused(63);
    bench.write("drop/neighbour/feed.json", "{\"format\":");
    refused(73);
    // A set that is cut short: nobody looks again, so that is a refusal.
    ok(&bench, &["list", "add", "maker", "files/tamis-test-2.jpg"]);
    publish("maker.key", &[]);
    let set =
        names_in(&bench, "drop/neighbour").into_iter().find(|n| n.starts_with("change-")).unwrap();
    let set = bench.path(&format!("drop/neighbour/{set}"));
    let whole = std::fs::read(&set).unwrap();
    std::fs::write(&set, &whole[..100]).unwrap();
    refused(74);
    std::fs::write(&set, &whole).unwrap();
    assert_eq!(bench.watch_once().status, 0);
    assert_eq!(bench.check("files/tamis-test-2.jpg"), 3);
}

#[test]
fn keys_are_pinned_shown_exchanged_and_let_go_of() {
    let bench = neighbours();
    for name in ["second", "third"] {
        ok(&bench, &["list", "keygen", "-W", name]);
    }
    let id = |name: &str| {
        let text = String::from_utf8(bench.read(&format!("{name}.pub"))).unwrap();
        text.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    bench.trust(&[]).fails_with("does not know the list");
    bench.trust(&["--need", "2", "maker.pub"]).fails_with("1 keys");
    bench.trust(&["maker.key"]).fails_with("not a public key");
    bench.trust(&["--kind", "local", "maker.pub"]).fails_with("operator's own");
    bench.run(&["store", "trust", "store", "maker.pub"]).fails_with("--list");
    bench
        .run(&["store", "trust", "store", "maker.pub", "--list", "local"])
        .fails_with("operator's own");
    assert!(ok(&bench, &["store", "trust", "store"]).contains("no list has pinned keys"));

    assert_eq!(bench.trust(&["maker.pub", "second.pub", "--need", "2"]).status, 0);
    bench.deliver();
    assert_eq!(bench.watch_once().objects()[0]["code"], 60, "one of two");
    ok(&bench, &["list", "sign", "maker", "--key", "second.key"]);
    bench.deliver();
    let run = bench.watch_once();
    assert_eq!(
        run.objects()[0]["signed_by"].as_array().unwrap().len(),
        2,
        "{}{}",
        run.out,
        run.err
    );

    let shown = ok(&bench, &["store", "trust", "store", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["need"], &shown["kind"]), (&2.into(), &"friend".into()));
    assert_eq!(shown["keys"][1]["id"], id("second"));
    let status = bench.run(&["store", "status", "store", "--json"]).objects();
    assert_eq!((&shown["version"], &shown["changed"]), (&status[0]["version"], &false.into()));
    assert_eq!(shown["store"], "store");
    let run = bench.trust(&["--agreement", "by telephone", "--json"]);
    let version = shown["version"].as_u64().unwrap() + 1;
    let changed = &run.objects()[0];
    assert_eq!((&changed["version"], &changed["changed"]), (&version.into(), &true.into()));
    let run = bench.trust(&["--agreement", "by telephone", "--json"]);
    let same = &run.objects()[0];
    assert_eq!((&same["version"], &same["changed"]), (&version.into(), &false.into()));
    bench.trust(&["third.pub", "--replace", "0000000000000000"]).fails_with("pinned are");
    bench.trust(&["--remove", &id("second")]).fails_with("1 keys");
    let text = String::from_utf8(bench.read("third.pub")).unwrap();
    let third = text.lines().nth(1).unwrap();
    let run =
        bench.trust(&[third, "--replace", &id("second"), "--need", "1", "--reason", "she left"]);
    assert!(
        run.status == 0 && run.out.contains(&format!("1 of {}, {}", id("maker"), id("third"))),
        "{}",
        run.out
    );
    let run = bench.trust(&["--remove", &id("maker"), "--remove", &id("third")]);
    assert!(run.status == 0 && run.err.contains("no key any more"), "{}{}", run.out, run.err);
    ok(&bench, &["list", "publish", "maker", "--renew", "--key", "maker.key"]);
    bench.deliver();
    assert_eq!(bench.watch_once().objects()[0]["code"], 64);
    assert_eq!(bench.check("files/tamis-test-1.png"), 3, "what is on the list stays");
}

#[test]
fn single_sets_are_taken_where_the_operator_says_so() {
    let bench = neighbours();
    let set =
        names_in(&bench, "maker/public").into_iter().find(|n| n.starts_with("base-")).unwrap();
    std::fs::copy(bench.path(&format!("maker/public/{set}")), bench.path("drop/one.tamis"))
        .unwrap();
    assert_eq!(bench.trust(&["maker.pub"]).status, 0);
    assert_eq!(bench.watch_once().objects()[0]["code"], 72);
    let run = bench.trust(&["--unsigned"]);
    assert!(run.status == 0 && run.err.contains("taken unsigned"), "{}", run.err);
    let run = bench.watch_once();
    assert_eq!(
        (run.status, &run.objects()[0]["entries"]),
        (0, &2.into()),
        "{}{}",
        run.out,
        run.err
    );
    assert_eq!(bench.check("files/tamis-test-1.png"), 3);
}

/// Who stays waits for the rest of a set that is still arriving; who looks once refuses it.
#[cfg(unix)]
#[test]
fn what_is_still_arriving_is_refused_only_by_who_does_not_stay() {
    let bench = neighbours();
    assert_eq!(bench.trust(&["--unsigned"]).status, 0);
    let set =
        names_in(&bench, "maker/public").into_iter().find(|n| n.starts_with("base-")).unwrap();
    let whole = bench.read(&format!("maker/public/{set}"));
    bench.write("drop/one.tamis", &whole[..whole.len() / 2]);
    let arguments = ["store", "watch", "drop", "--store", "store", "--json", "--poll", "1"];
    let mut command = bench.command(&arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watcher = Watcher(command.spawn().unwrap());
    let remarks = lines(watcher.0.stderr.take().unwrap());
    let said = lines(watcher.0.stdout.take().unwrap());
    while !next(&remarks).contains("one.tamis") {}
    bench.write("drop/one.tamis", &whole);
    let applied: Value = serde_json::from_str(&next(&said)).unwrap();
    assert_eq!(applied["entries"], 2);
    assert_eq!(bench.refusals(), [] as [u32; 0]);
    drop(watcher);

    bench.write("drop/two.tamis", &whole[..whole.len() / 2]);
    let run = bench.watch_once();
    assert_eq!((run.status, &run.objects()[0]["code"]), (2, &74.into()), "{}", run.out);
    assert_eq!(bench.refusals(), [74]);
}

/// Lines as they are said.
fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, said) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    said
}

fn next(said: &Receiver<String>) -> String {
    said.recv_timeout(Duration::from_secs(60)).expect("it says something")
}

/// A watcher that is ended whatever happens.
struct Watcher(Child);

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a canary kept out comes in as soon as the operator lets go of the canary, and not before.
#[cfg(unix)]
#[test]
fn a_watcher_tries_again_what_a_canary_kept_out() {
    let bench = neighbours();
    assert_eq!(bench.trust(&["maker.pub"]).status, 0);
    ok(&bench, &["store", "canary", "store", "files/tamis-test-1.png"]);
    bench.deliver();
    let mut command =
        bench.command(&["store", "watch", "drop", "--store", "store", "--json", "--poll", "1"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut watcher = Watcher(command.spawn().unwrap());
    let said = lines(watcher.0.stdout.take().unwrap());
    let next = || serde_json::from_str::<Value>(&next(&said)).unwrap();
    assert_eq!(next()["code"], 65);
    std::thread::sleep(Duration::from_secs(3));
    assert!(said.try_recv().is_err(), "told again");
    ok(&bench, &["store", "canary", "store", "--remove", "tamis-test-1.png"]);
    assert_eq!(next()["feed_version"], 1);
    assert_eq!(bench.check("files/tamis-test-1.png"), 3);
}

#[cfg(unix)]
#[test]
fn a_watcher_applies_what_comes_and_refuses_it_once() {
    let bench = neighbours();
    assert_eq!(bench.trust(&["maker.pub"]).status, 0);
    let mut command =
        bench.command(&["store", "watch", "drop", "--store", "store", "--json", "--poll", "1"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watcher = Watcher(command.spawn().unwrap());
    let said = lines(watcher.0.stdout.take().unwrap());
    let next = || serde_json::from_str::<Value>(&next(&said)).unwrap();
    bench.deliver();
    assert_eq!(next()["feed_version"], 1);
    ok(&bench, &["list", "add", "maker", "files/tamis-test-2.jpg"]);
    ok(&bench, &["list", "publish", "maker", "--key", "maker.key"]);
    bench.deliver();
    assert_eq!(next()["feed_version"], 2);
    assert_eq!(bench.check("files/tamis-test-2.jpg"), 3);
    // Junk is refused, and told once, however often it is touched.
    std::fs::create_dir(bench.path("drop/junk")).unwrap();
    bench.write("drop/junk/feed.json", "junk");
    assert_eq!(next()["code"], 73);
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        bench.write("drop/junk/readme", format!("{:?}", until - Instant::now()));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(said.try_recv().is_err(), "told again");
    assert_eq!(bench.refusals(), [73]);
    assert!(bench.path("drop/junk/feed.json").exists(), "what others dropped is theirs");
    // An orderly end.
    super::interrupt(&watcher.0);
    assert_eq!(watcher.0.wait().unwrap().code(), Some(0));
}
