//! `tamis list lint`: a feed, looked at as a subscriber does, and as people do.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tamis::set::{Delta, List, ListKind};
use tamis::store::StoreOptions;
use tamis::store::feed::{self, Feed, PublicKey, Received, Trust};
use tamis::{Context, ErrorCode, Policy, Scanner, Store};

use super::workshop::feed_dir;
use crate::args::LintList;
use crate::judging::now;
use crate::output::{plain, shown};
use crate::verb::verify::prove;
use crate::wording::count;
use crate::{Exit, Failure, Output};

/// Says what is wrong as it is found.
struct Findings<'o> {
    output: &'o mut Output,
    faults: u64,
}

impl Findings<'_> {
    fn fault(&mut self, code: &str, what: impl std::fmt::Display) -> Result<(), Failure> {
        self.faults += 1;
        let what = plain(&what.to_string());
        self.output.object(&json!({ "fault": code, "what": what }))?;
        self.output.line(format_args!("{code}: {what}"))
    }

    fn error(&mut self, error: &tamis::Error) -> Result<(), Failure> {
        self.fault(code_of(error.code()), error)
    }
}

/// The word for a subscriber's refusal.
fn code_of(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::UpdateSignature => "signature",
        ErrorCode::UpdateUnsigned => "unsigned",
        ErrorCode::UpdateExpired => "expired",
        ErrorCode::UpdateForeign => "foreign",
        ErrorCode::UpdateFlatPicture => "flat-picture",
        ErrorCode::UpdateEmptyDigest => "empty-digest",
        ErrorCode::UpdatePoison => "poison",
        ErrorCode::UpdateMalformed => "malformed",
        ErrorCode::UpdateIncomplete => "incomplete",
        ErrorCode::Permissions => "permissions",
        ErrorCode::NotFound => "missing",
        ErrorCode::SetVersion | ErrorCode::SetSection => "too-new",
        _ => "broken",
    }
}

pub(super) fn run(arguments: &LintList, output: &mut Output) -> Result<Exit, Failure> {
    let dir = feed_dir(&arguments.dir);
    let now = arguments.now.unwrap_or_else(now);
    let keys = arguments.keys.iter().map(|text| public_key(text)).collect::<Result<Vec<_>, _>>()?;
    let canaries = crate::verb::store::canary::files(&arguments.canaries)?;
    let mut findings = Findings { output, faults: 0 };
    let feed = match Received::read(&dir) {
        Ok(received) => Some(look(received, &keys, now, &mut findings)?),
        Err(error) => {
            findings.error(&error)?;
            None
        }
    };
    if let Some(feed) = &feed {
        for named in &feed.sets {
            if let Err(error) = set(&dir, feed, named, &canaries, &mut findings)? {
                findings.error(&error)?;
            }
        }
    }
    let faults = findings.faults;
    let sets = feed.map_or(0, |feed| feed.sets.len() as u64);
    output.object(&json!({ "feed": dir.to_string_lossy(), "faults": faults, "sets": sets }))?;
    let mut exit = Exit::SUCCESS;
    if faults > 0 {
        exit.note_error();
        output.line(format_args!("{}: {}", shown(&dir), count(faults, "fault")))?;
    } else {
        output.line(format_args!(
            "{}: nothing is wrong with it and its {}",
            shown(&dir),
            count(sets, "set")
        ))?;
    }
    Ok(exit)
}

/// The feed itself: its texts, its dates, its signatures.
fn look(
    received: Received,
    keys: &[PublicKey],
    now: u64,
    findings: &mut Findings<'_>,
) -> Result<Feed, Failure> {
    let feed = received.feed().clone();
    for (code, text, what) in [
        ("no-contact", &feed.contact, "who answers for the list, and how to reach them"),
        ("no-corrections", &feed.corrections, "where to say that an entry is wrong"),
        ("no-criteria", &feed.criteria, "what is listed, and what is not"),
    ] {
        if text.is_empty() {
            findings.fault(
                code,
                format_args!("it does not say {what}; put it into list.json and publish"),
            )?;
        }
    }
    if feed.sets.is_empty() {
        findings.fault("empty", "it names no sets; add entries and publish")?;
    }
    let names: Vec<String> = received.signatures().map(|(name, _)| name.to_owned()).collect();
    if names.is_empty() {
        findings
            .fault("unsigned", "there is no signature beside it; `tamis list sign` makes one")?;
    }
    for (name, id) in received.signatures() {
        match id {
            Some(id) => {
                findings.output.line(format_args!("{}: says that it is by {id}", plain(name)))?
            }
            None => findings
                .fault("signature", format_args!("{name} is not a signature that is understood"))?,
        }
    }
    let signers = received.signers(keys);
    for key in keys.iter().filter(|key| !signers.contains(&key.id())) {
        findings.fault("signature", format_args!("there is no good signature by {}", key.id()))?;
    }
    // The rest as a subscriber does who takes it for the first time.
    let trust = Trust { unsigned: true, ..Trust::nobody(&feed.list) };
    if let Err(error) = received.accept(&trust, None, now) {
        findings.error(&error)?;
    }
    Ok(feed)
}

/// One set: all that a subscriber would check, whether it finds what it holds, and whether it matches what it must not.
fn set(
    dir: &Path,
    feed: &Feed,
    named: &feed::FeedSet,
    canaries: &[PathBuf],
    findings: &mut Findings<'_>,
) -> Result<Result<(), tamis::Error>, Failure> {
    let opened = feed::open_set(dir, feed, named).and_then(|set| {
        // Poison is refused by the same rules as in a store.
        Delta::from_set(&set, List::new(&feed.list, ListKind::Friend))?;
        prove(&set)?;
        Ok(set)
    });
    let set = match opened {
        Ok(set) => set,
        Err(error) => return Ok(Err(error.with_path(&dir.join(&named.file)))),
    };
    if canaries.is_empty() {
        return Ok(Ok(()));
    }
    let store = Store::from_set(set, StoreOptions::new())?;
    let mut scanner = Scanner::new(store, Policy::builtin()).with_exact_hashes(true);
    for path in canaries {
        let bytes =
            fs::read(path).map_err(|e| Failure::of(path, crate::wording::cannot_read(&e)))?;
        let verdict = scanner.check(&bytes, &Context::at(0))?;
        if let Some(found) = verdict.matches.first() {
            let what = format!(
                "entry {} matches {}, {} bits away",
                found.entry,
                shown(path),
                found.distance
            );
            findings.fault("canary", what)?;
        }
    }
    Ok(Ok(()))
}

/// A public key, or a file that holds one.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, Failure> {
    let path = Path::new(text);
    if !path.exists() {
        return text.parse().map_err(|e| {
            Failure::new(format!("there is no file {:?}, and it is no key: {e}", plain(text)))
        });
    }
    let text =
        fs::read_to_string(path).map_err(|e| Failure::of(path, crate::wording::cannot_read(&e)))?;
    PublicKey::from_file_text(&text).map_err(|e| Failure::of(path, e))
}
