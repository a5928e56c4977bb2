//! The two decisions that readers of a store race for, explored by a model checker: who looks, and whose finding is put in force.
//!
//! `src/store/gate.rs` is compiled here as it stands, with the checker's atomics. What it guards is modelled: a disk whose version grows, and a place for the
//! snapshot in force that is exchanged by compare-and-swap, as `ArcSwap::rcu` does it.

use shuttle::sync::Arc;
use shuttle::sync::atomic::{self, AtomicU64, Ordering};
use shuttle::thread;

#[allow(dead_code, unreachable_pub, reason = "the model does not put anything off")]
#[path = "../src/store/gate.rs"]
mod gate;

use gate::Gate;

const THREADS: u64 = 3;

#[derive(Default)]
struct Model {
    disk: AtomicU64,
    /// Ticket and version, in one number.
    in_force: AtomicU64,
    looks: AtomicU64,
}

fn look(gate: &Gate, model: &Model) {
    let ticket = gate.ticket();
    let version = model.disk.load(Ordering::SeqCst);
    model.looks.fetch_add(1, Ordering::SeqCst);
    let new = ticket << 32 | version;
    let mut old = model.in_force.load(Ordering::SeqCst);
    while old >> 32 < ticket {
        match model.in_force.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => break,
            Err(found) => old = found,
        }
    }
}

/// Whatever the order in which threads look and finish, an older state never takes the place of a newer one, and whoever begins to look after a
/// change is published leaves it in force.
fn newest_wins() {
    let (gate, model) = (Arc::new(Gate::new()), Arc::new(Model::default()));
    let writer = {
        let model = Arc::clone(&model);
        thread::spawn(move || {
            for _ in 0..2 {
                model.disk.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let readers: Vec<_> = (0..THREADS)
        .map(|_| {
            let (gate, model) = (Arc::clone(&gate), Arc::clone(&model));
            thread::spawn(move || {
                let mut seen = 0;
                for _ in 0..2 {
                    let published = model.disk.load(Ordering::SeqCst);
                    look(&gate, &model);
                    let version = model.in_force.load(Ordering::SeqCst) & 0xFFFF_FFFF;
                    assert!(
                        version >= published,
                        "{version} is in force, {published} was published"
                    );
                    assert!(version >= seen, "version {version} after {seen}");
                    seen = version;
                }
            })
        })
        .collect();
    writer.join().unwrap();
    readers.into_iter().for_each(|reader| reader.join().unwrap());
}

/// In one interval one thread looks, and in the next one again.
fn one_looks() {
    let (gate, model) = (Arc::new(Gate::new()), Arc::new(Model::default()));
    for interval in 1..=2 {
        let readers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (gate, model) = (Arc::clone(&gate), Arc::clone(&model));
                thread::spawn(move || {
                    if gate.due(interval * 100 + thread, 50) {
                        look(&gate, &model);
                    }
                })
            })
            .collect();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        assert_eq!(model.looks.load(Ordering::SeqCst), interval);
    }
}

#[test]
fn an_older_state_never_takes_the_place_of_a_newer_one() {
    shuttle::check_random(newest_wins, 20_000);
    shuttle::check_pct(newest_wins, 5_000, 3);
}

#[test]
fn one_thread_looks_in_each_interval() {
    shuttle::check_random(one_looks, 10_000);
    shuttle::check_dfs(one_looks, Some(20_000));
}
