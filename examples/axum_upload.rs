//! An upload handler as a fediverse server or a forum would write it: every file is judged before it is stored.
//!
//! ```text
//! cargo run --release --example axum_upload -- STORE DIRECTORY [ADDRESS]
//! curl -F file=@picture.jpg http://127.0.0.1:PORT/upload          multipart, as browsers send it
//! curl -T picture.jpg http://127.0.0.1:PORT/upload                the bare bytes
//! ```
//!
//! | verdict | answer | the file |
//! |---|---|---|
//! | allow | 201 | in `DIRECTORY/stored` |
//! | review | 202 | in `DIRECTORY/quarantine`, which nobody serves, until a person decides |
//! | block | 422 | nowhere |
//! | an error | 503 | nowhere: an error is never an allow |
//!
//! What the uploader is told holds a reference and nothing of the match: neither list nor fingerprint nor distance, or answers
//! would teach how to get past. Moderators find the reasons under the reference in the log.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example; its log is stderr")]

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, Multipart, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router, body::Bytes};
use serde_json::{Value, json};
use tamis::store::{Refresh, StoreOptions};
use tamis::{Action, Context, Policy, Scanner, Store};
use tokio::sync::oneshot;

/// Longest request. Whatever is longer is refused with 413 while it is being read.
const BODY_LIMIT: usize = 16 << 20;
/// Uploads that may wait for a worker. Beyond it the answer is 503 at once: better than a queue that nobody waits for.
const QUEUE: usize = 32;
/// From the whole upload's arrival to its verdict. What is cut short is `unscannable(timeout)`: held for review.
const DEADLINE: Duration = Duration::from_secs(5);

type Answer = (StatusCode, Json<Value>);

/// One upload on its way to a worker.
struct Job {
    bytes: Bytes,
    arrived: Instant,
    answer: oneshot::Sender<Answer>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (store, directory, address) = match arguments.as_slice() {
        [store, directory] => (store, directory, "127.0.0.1:0"),
        [store, directory, address] => (store, directory, address.as_str()),
        _ => return Err("expected: axum_upload STORE DIRECTORY [ADDRESS]".into()),
    };
    // Without a store the server does not start: it would let everything through. The built-in test list stays in, so that
    // anyone may prove that uploads are judged.
    let store = StoreOptions::new().test_list(true).open(store)?;
    let directory = PathBuf::from(directory);
    for folder in ["incoming", "stored", "quarantine"] {
        fs::create_dir_all(directory.join(folder))?;
    }
    keep_fresh(store.clone());
    let jobs = start_workers(&store, &directory)?;

    let app = Router::new()
        .route("/upload", post(upload_form).put(upload_bytes))
        .route("/health", get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(jobs);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        println!("listening on {}", listener.local_addr()?);
        axum::serve(listener, app).await
    })?;
    Ok(())
}

/// A form with a field `file`, as browsers send it. The name that the uploader gave the file is not used for anything.
async fn upload_form(
    State(jobs): State<SyncSender<Job>>,
    mut form: Multipart,
) -> Result<Answer, MultipartError> {
    while let Some(field) = form.next_field().await? {
        if field.name() == Some("file") {
            return Ok(judge(&jobs, field.bytes().await?).await);
        }
    }
    let message = json!({ "message": "expected a multipart form with a field named file" });
    Ok((StatusCode::BAD_REQUEST, Json(message)))
}

/// The bare bytes as the body.
async fn upload_bytes(State(jobs): State<SyncSender<Job>>, body: Bytes) -> Answer {
    judge(&jobs, body).await
}

/// Hands the upload to a worker and waits for its answer without holding a thread.
async fn judge(jobs: &SyncSender<Job>, bytes: Bytes) -> Answer {
    let (answer, answered) = oneshot::channel();
    if jobs.try_send(Job { bytes, arrived: Instant::now(), answer }).is_err() {
        return unavailable();
    }
    // A worker that gave up dropped the other end.
    answered.await.unwrap_or_else(|_| unavailable())
}

fn unavailable() -> Answer {
    let message = json!({ "message": "the upload cannot be checked now; try again later" });
    (StatusCode::SERVICE_UNAVAILABLE, Json(message))
}

/// Decoding and hashing keep a core busy for milliseconds, which would stall every other connection of an async thread.
/// So a fixed number of plain threads does it, each with its own scanner, whose buffers it reuses.
fn start_workers(store: &Store, directory: &Path) -> io::Result<SyncSender<Job>> {
    let (jobs, queue) = sync_channel(QUEUE);
    let queue = Arc::new(Mutex::new(queue));
    for number in 0..thread::available_parallelism()?.get() {
        let (store, directory, queue) = (store.clone(), directory.to_owned(), Arc::clone(&queue));
        let work = move || {
            // A panic would be a defect. It costs one upload a 503 and not the site its worker: begin again.
            while catch_unwind(AssertUnwindSafe(|| work(&store, &directory, &queue))).is_err() {}
        };
        thread::Builder::new().name(format!("worker-{number}")).spawn(work)?;
    }
    Ok(jobs)
}

fn work(store: &Store, directory: &Path, queue: &Mutex<Receiver<Job>>) {
    // For rules of your own: `Policy::load(path)?`, once, in `main`.
    let mut scanner = Scanner::new(store.clone(), Policy::builtin());
    // The lock is held only until a job comes. Nothing can be half done under it, so poison means nothing.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(job) = next() {
        // Its client may have gone while it waited.
        if job.answer.is_closed() {
            continue;
        }
        // Where operators can find what happened; random, so that it tells nothing of the file.
        let reference = format!("{:016x}", RandomState::new().hash_one(job.arrived));
        let answer = settle(&mut scanner, directory, &job, &reference).unwrap_or_else(|error| {
            eprintln!("{reference}: not stored: {error}");
            unavailable()
        });
        // A client that has gone does not want it.
        let _ = job.answer.send(answer);
    }
}

/// Judges one upload and puts it where its verdict says. Any error: it is nowhere.
fn settle(
    scanner: &mut Scanner,
    directory: &Path,
    job: &Job,
    reference: &str,
) -> Result<Answer, Box<dyn Error>> {
    let context = Context::at(UNIX_EPOCH.elapsed()?.as_secs())
        .reference(Some(reference.to_owned()))
        // The wait in the queue counts.
        .deadline(Some(DEADLINE.saturating_sub(job.arrived.elapsed())));
    let verdict = scanner.check(&job.bytes, &context)?;
    if verdict.action != Action::Allow {
        eprintln!("{reference}: {}", verdict.reason());
    }
    let (status, message, folder) = match verdict.action {
        Action::Allow => (StatusCode::CREATED, "stored", Some("stored")),
        Action::Review => (StatusCode::ACCEPTED, "held until it is checked", Some("quarantine")),
        Action::Block => (StatusCode::UNPROCESSABLE_ENTITY, "this file is not accepted", None),
    };
    if let Some(folder) = folder {
        store_file(directory, folder, reference, &job.bytes)?;
    }
    Ok((status, Json(json!({ "message": message, "reference": reference }))))
}

/// Written aside and renamed, so that nobody is ever served half a file.
fn store_file(directory: &Path, folder: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = directory.join("incoming").join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&draft)?;
    let stored = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&draft, directory.join(folder).join(name)));
    if stored.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&draft);
    }
    stored
}

/// Looks every second whether the store was replaced. A thread, not a task: it reads files. If the new one is
/// bad, the last good one stays in force, and the log says so once per cause.
fn keep_fresh(store: Store) {
    thread::spawn(move || {
        let mut told = String::new();
        loop {
            thread::sleep(Duration::from_secs(1));
            let now = match store.refresh() {
                Ok(Refresh::Unchanged) => String::new(),
                Ok(_) => {
                    format!("the store was replaced: {} entries", store.snapshot().entry_count())
                }
                Err(error) => format!("the last good store stays in force: {error}"),
            };
            if !now.is_empty() && now != told {
                eprintln!("{now}");
            }
            told = now;
        }
    });
}
