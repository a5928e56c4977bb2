//! `tamis list publish`.

use std::fs;
use std::path::Path;

use serde_json::json;
use tamis::files::publish_bytes;
use tamis::set::{BuildOptions, Change, Delta, List, ListKind};
use tamis::store::feed::{self, FEED_FILE, Feed, FeedSet};

use super::pending::Pending;
use super::secret::Secret;
use super::sign;
use super::workshop::Workshop;
use crate::args::PublishList;
use crate::judging::now;
use crate::output::{remark, shown};
use crate::verb::build::{Published, written};
use crate::wording::count;
use crate::{Exit, Failure, Output};

pub(super) fn run(arguments: &PublishList, output: &mut Output) -> Result<Exit, Failure> {
    let workshop = Workshop::open(&arguments.dir)?;
    let now = arguments.now.unwrap_or_else(now);
    let before = workshop.published()?;
    let pending = Pending::read(&workshop.dir, &workshop.settings.name)?;
    let joins = arguments.compact && before.as_ref().is_some_and(|feed| feed.sets.len() > 1);
    if pending.is_empty() && !joins && !arguments.renew {
        output.object(&json!({ "published": false }))?;
        output.line("nothing to publish: nothing was noted since the last time (--renew publishes new dates)")?;
        return Ok(Exit::SUCCESS);
    }
    let secret = arguments.key.as_deref().map(Secret::read).transpose()?;
    let public = workshop.public();

    let version = before.as_ref().map_or(0, |feed| feed.version) + 1;
    let mut feed = workshop.settings.feed(version, now);
    if let Some(before) = &before {
        feed.sets = if joins { vec![base(&public, before, now)?] } else { before.sets.clone() };
    }
    if !pending.is_empty() {
        feed.sets.push(change(&public, &feed, &pending, now)?);
    }
    feed.check()?;

    let text = feed.to_json();
    if let Some(secret) = &secret {
        sign::write(&sign::first(&public), secret, text.as_bytes(), now)?;
    }
    publish_bytes(&public.join(FEED_FILE), text.as_bytes())?;
    pending.clear()?;
    sweep(&public, &feed, before.as_ref(), secret.is_some());
    summarise(&public, &feed, secret.as_ref(), output)
}

/// All that a feed's sets say, as one that replaces the list.
fn base(public: &Path, before: &Feed, now: u64) -> Result<FeedSet, Failure> {
    let entries = feed::entries(public, before)?;
    let mut delta = Delta::new(list(before), before.last())?.replacing();
    for (id, entry) in entries {
        let added = delta.add(entry);
        added
            .map_err(|refusal| Failure::new(format!("entry {id}: {refusal}; withdraw it first")))?;
    }
    write(public, delta, now)
}

/// The next change: what is pending.
fn change(public: &Path, feed: &Feed, pending: &Pending, now: u64) -> Result<FeedSet, Failure> {
    let number = feed.last() + 1;
    if number > Change::GREATEST {
        return Err(Failure::new("the list's numbers are used up; begin another list"));
    }
    let mut delta = Delta::new(list(feed), number)?;
    if feed.sets.is_empty() {
        // Nothing was before: whoever takes it has the list, and nothing else of that name.
        delta = delta.replacing();
    }
    pending.say(&mut delta)?;
    Ok(FeedSet { incident: pending.incident(), ..write(public, delta, now)? })
}

/// How far subscribers trust the list is for them to say, so the kind is only a form to fill in.
fn list(feed: &Feed) -> List {
    List::new(&feed.list, ListKind::Friend)
}

/// Writes a set, reads it back, searches it for what it holds, and gives it a name that says what it is.
fn write(public: &Path, delta: Delta, now: u64) -> Result<FeedSet, Failure> {
    let change = delta.change().clone();
    let mut builder = delta.into_builder()?;
    builder.set_created(now);
    let (draft, Published { report, .. }) =
        written(builder, &BuildOptions::new(), &public.join("new.tamis"))?;
    let kind = if change.replaces { "base" } else { "change" };
    let digest = report.digest.to_string();
    let file = format!("{kind}-{:06}-{}.tamis", change.last, digest.get(..8).unwrap_or_default());
    draft.publish(&public.join(&file))?;
    Ok(FeedSet {
        file,
        digest: report.digest,
        bytes: report.bytes,
        first: change.first,
        last: change.last,
        replaces: change.replaces,
        incident: None,
    })
}

/// Removes signatures of the feed before, and sets that neither this feed nor the one before names: somebody may be copying that one just now.
fn sweep(public: &Path, feed: &Feed, before: Option<&Feed>, signed: bool) {
    let named = |name: &str| {
        let sets = feed.sets.iter().chain(before.iter().flat_map(|feed| &feed.sets));
        sets.into_iter().any(|set| set.file == name)
    };
    let first = sign::first(public);
    for entry in fs::read_dir(public).into_iter().flatten().flatten() {
        let path = entry.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let own = name.starts_with("base-") || name.starts_with("change-");
        let set = own && name.ends_with(".tamis") && !named(name);
        let signature =
            name.starts_with(FEED_FILE) && name.ends_with(".minisig") && !(signed && path == first);
        if set || signature {
            // What cannot be removed does no harm: no feed names it, and no signature fits.
            let _ = fs::remove_file(&path);
        }
    }
}

fn summarise(
    public: &Path,
    feed: &Feed,
    secret: Option<&Secret>,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let id = secret.map(|secret| secret.id().to_string());
    output.object(&json!({
        "published": true, "list": feed.list, "version": feed.version, "last": feed.last(), "sets": feed.sets,
        "expires": feed.expires, "signed_by": id,
    }))?;
    let bytes = feed.sets.iter().map(|set| set.bytes).sum();
    output.line(format_args!(
        "{}: version {} of {:?}, changes up to {}, in {} of {}",
        shown(public),
        feed.version,
        feed.list,
        feed.last(),
        count(feed.sets.len() as u64, "set"),
        crate::wording::bytes(bytes),
    ))?;
    match id {
        Some(id) => output.line(format_args!("signed by {id}"))?,
        None => remark("not signed: subscribers will not take it before `tamis list sign`"),
    }
    Ok(Exit::SUCCESS)
}
