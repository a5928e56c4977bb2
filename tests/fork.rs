//! Servers open the store, judge a little, and then fork their workers (PHP-FPM, gunicorn): nothing may hang or be lost then.

#![cfg(all(unix, feature = "decode"))]
#![allow(unsafe_code, reason = "`fork` is unsafe, and forking is what is tested")]
#![allow(clippy::print_stderr, reason = "it prints what it measured")]

mod listed;
mod pictures;

use std::path::Path;
use std::time::{Duration, Instant};

use listed::{builder, reviewed};
use pictures::{hash, jpeg, png, scene};
use tamis::fingerprint::{Algorithms, digests};
use tamis::store::{LOCAL, StoreWriter, Terms};
use tamis::{Action, Context, Policy, Scanner, Store};

/// Runs `work` in a child. The child ends without running anything of the parent's: 0 if `work` returned, 1 if it panicked.
fn fork(work: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child runs `work` and ends by `_exit`. `work` allocates, which glibc, musl and macOS allow after a
    // fork, and takes no lock that another thread of this process could hold.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "{}", std::io::Error::last_os_error());
    if child == 0 {
        let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err();
        // SAFETY: ends the process at once and has no precondition.
        unsafe { libc::_exit(i32::from(status)) }
    }
    child
}

/// Waits until all children have ended, or ends them when the time is over. How many ended well.
fn wait_for(mut children: Vec<libc::pid_t>, time: Duration) -> usize {
    let started = Instant::now();
    let mut well = 0;
    while !children.is_empty() && started.elapsed() < time {
        children.retain(|child| {
            let mut status = 0;
            // SAFETY: `status` is a valid place for one int, and `child` is a child of this process that was not waited for yet.
            let ended = unsafe { libc::waitpid(*child, &mut status, libc::WNOHANG) } == *child;
            well += usize::from(ended && status == 0);
            !ended
        });
        std::thread::sleep(Duration::from_millis(5));
    }
    for child in children {
        // SAFETY: the child was not waited for, so the number is still its own.
        unsafe { libc::kill(child, libc::SIGKILL) };
        let mut status = 0;
        // SAFETY: as above.
        unsafe { libc::waitpid(child, &mut status, 0) };
    }
    well
}

/// Twenty uploads, with what is to be done about each.
fn uploads() -> Vec<(Vec<u8>, Action)> {
    let mut all: Vec<_> = (0..8).map(|seed| (png(&scene(seed, 160, 120)), Action::Allow)).collect();
    all.extend((0..8).map(|seed| (jpeg(&scene(100 + seed, 160, 120)), Action::Block)));
    let whole = jpeg(&scene(50, 160, 120));
    all.push((whole[..whole.len() / 2].to_vec(), Action::Review));
    all.push((b"words".to_vec(), Action::Allow));
    all.push((Vec::new(), Action::Allow));
    all.push((pictures::film(), Action::Allow));
    assert_eq!(all.len(), 20);
    all
}

fn publish(path: &Path) {
    let listed = (0..8).map(|seed| reviewed(hash(&scene(100 + seed, 160, 120)).hash));
    builder(listed).write(path).unwrap();
}

fn judge_all(scanner: &mut Scanner, uploads: &[(Vec<u8>, Action)]) {
    for (number, (upload, action)) in uploads.iter().enumerate() {
        let verdict = scanner.check(upload, &Context::at(1)).unwrap();
        assert_eq!(verdict.action, *action, "upload {number}");
    }
}

#[cfg(feature = "rayon")]
fn judge_batch(store: &Store, uploads: &[(Vec<u8>, Action)]) {
    let bytes: Vec<&[u8]> = uploads.iter().map(|(upload, _)| &upload[..]).collect();
    let batch = tamis::batch::Batch::new(store.clone(), Policy::builtin()).with_jobs(2);
    let verdicts = batch.check_many(&bytes, &Context::at(1)).unwrap();
    for (verdict, (_, action)) in verdicts.iter().zip(uploads) {
        assert_eq!(verdict.as_ref().unwrap().action, *action);
    }
}

#[test]
fn workers_that_are_forked_from_a_warm_parent_judge_as_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    publish(&path);
    let store = Store::open(&path).unwrap();
    let uploads = uploads();
    let mut scanner = Scanner::new(store.clone(), Policy::builtin());
    judge_all(&mut scanner, &uploads);
    // A pool before the fork must leave nothing behind that the children would wait for.
    #[cfg(feature = "rayon")]
    judge_batch(&store, &uploads);

    let started = Instant::now();
    let children: Vec<_> = (0..20)
        .map(|number| {
            let (scanner, store, uploads) = (&mut scanner, &store, &uploads);
            fork(move || {
                // The parent's scanner is as good as one's own, and so is its store.
                judge_all(scanner, uploads);
                store.refresh().unwrap();
                judge_all(&mut Scanner::new(store.clone(), Policy::builtin()), uploads);
                #[cfg(feature = "rayon")]
                if number % 4 == 0 {
                    judge_batch(store, uploads);
                }
                let _ = number;
            })
        })
        .collect();
    assert_eq!(wait_for(children, Duration::from_secs(30)), 20, "within 30 seconds");
    eprintln!("20 children judged 20 uploads twice each in {:?}", started.elapsed());
    judge_all(&mut scanner, &uploads);
}

/// Workers that were forked before an entry was listed block it, each by itself, without being told.
#[test]
fn what_is_added_after_the_fork_is_in_force_in_every_child() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut writer = StoreWriter::init(&path, 1).unwrap();
    let mut scanner = Scanner::new(Store::open(&path).unwrap(), Policy::builtin());
    let upload = b"not known yet";
    let blocks = move |scanner: &mut Scanner| {
        scanner.check(upload, &Context::at(2)).unwrap().action == Action::Block
    };
    assert!(!blocks(&mut scanner));
    let children: Vec<_> = (0..8)
        .map(|_| {
            let scanner = &mut scanner;
            fork(move || {
                while !blocks(scanner) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            })
        })
        .collect();
    let mut delta = writer.delta(LOCAL).unwrap();
    for digest in digests(upload, Algorithms::DIGESTS).iter() {
        delta.add(reviewed(digest)).unwrap();
    }
    writer.apply_next(delta, &Terms::at(2)).unwrap();
    assert_eq!(wait_for(children, Duration::from_secs(60)), 8, "within a minute");
    std::thread::sleep(Duration::from_millis(250));
    assert!(blocks(&mut scanner));
}

/// A child has its parent's lock, but neither its place: it changes nothing, and removes nothing of what the parent has written since.
#[test]
fn a_writer_does_not_work_in_a_child() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut writer = StoreWriter::init(&path, 1).unwrap();
    fn add(writer: &mut StoreWriter, upload: &[u8]) -> tamis::Result<()> {
        let mut delta = writer.delta(LOCAL).unwrap();
        for digest in digests(upload, Algorithms::DIGESTS).iter() {
            delta.add(reviewed(digest)).unwrap();
        }
        writer.apply_next(delta, &Terms::at(2)).map(drop)
    }
    add(&mut writer, b"first").unwrap();
    add(&mut writer, b"second").unwrap();
    let (told, mut tell) = std::io::pipe().unwrap();
    let child = fork(|| {
        std::io::Read::read_exact(&mut { told }, &mut [0]).unwrap();
        for refused in [add(&mut writer, b"child"), writer.compact(2, &mut |_| Ok(())).map(drop)] {
            assert_eq!(refused.unwrap_err().code(), tamis::ErrorCode::StoreLocked);
        }
    });
    add(&mut writer, b"before").unwrap();
    std::io::Write::write_all(&mut tell, &[0]).unwrap();
    assert_eq!(wait_for(vec![child], Duration::from_secs(30)), 1);
    assert_eq!(
        StoreWriter::open(&path).map(drop).unwrap_err().code(),
        tamis::ErrorCode::StoreLocked,
        "the parent's lock holds"
    );
    add(&mut writer, b"after").unwrap();
    let mut scanner = Scanner::new(Store::open(&path).unwrap(), Policy::builtin());
    for (upload, action) in
        [("child", Action::Allow), ("before", Action::Block), ("after", Action::Block)]
    {
        assert_eq!(
            scanner.check(upload.as_bytes(), &Context::at(3)).unwrap().action,
            action,
            "{upload}"
        );
    }
}

/// The inode of the one map of a sealed copy in this process, and its memory that is this process's alone, in kilobytes.
#[cfg(target_os = "linux")]
fn sealed_copy() -> (String, u64) {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut lines = smaps.lines().skip_while(|line| !line.contains("memfd:tamis-set"));
    let inode = lines.next().unwrap().split_whitespace().nth(4).unwrap().to_owned();
    let own = lines.find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    (inode, own.trim().strip_suffix(" kB").unwrap().parse().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn a_sealed_set_is_one_copy_for_all_workers_whatever_happens_to_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("set.tamis");
    publish(&path);
    let set = tamis::Set::open_with(&path, tamis::set::Residency::Sealed).unwrap();
    let store = Store::from_set(set, Default::default()).unwrap();
    let uploads = uploads();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
    let copy = sealed_copy();
    assert_eq!(copy.1, 0);
    let children: Vec<_> = (0..4)
        .map(|_| {
            let (store, uploads, copy) = (&store, &uploads, &copy);
            fork(move || {
                judge_all(&mut Scanner::new(store.clone(), Policy::builtin()), uploads);
                assert_eq!(sealed_copy(), *copy);
            })
        })
        .collect();
    assert_eq!(wait_for(children, Duration::from_secs(30)), 4, "within 30 seconds");
}

/// The control: a child that fails, and one that hangs, are seen.
#[test]
fn a_failing_and_a_hanging_child_are_noticed() {
    let children = vec![
        fork(|| {}),
        fork(|| std::panic::resume_unwind(Box::new("fails"))),
        fork(|| std::thread::sleep(Duration::from_secs(600))),
    ];
    assert_eq!(wait_for(children, Duration::from_secs(2)), 1);
}
