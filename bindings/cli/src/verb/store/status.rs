//! `tamis store status`: what is in force, and what deserves a look.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tamis::store::{Census, Counter, Counters, Manifest, Snapshot, StoreOptions};

use super::breaker::{self, Counted};
use crate::output::{plain, shown};
use crate::progress::Progress;
use crate::wording::{bytes, count, grouped, rfc3339};
use crate::{Exit, Failure, Output};

/// What was found.
struct Found {
    manifest: Manifest,
    /// What is in force, or why nothing can be.
    snapshot: Result<std::sync::Arc<Snapshot>, tamis::Error>,
    census: Option<BTreeMap<String, Census>>,
    suppressed: Option<u64>,
    counted: Counted,
    now: u64,
}

pub(crate) fn run(
    store: &Path,
    quick: bool,
    now: u64,
    output: &mut Output,
) -> Result<Exit, Failure> {
    // Even a store that cannot be opened says how far it had come.
    let manifest = super::manifest(store)?;
    let snapshot = StoreOptions::new()
        .counters(false)
        .refresh_interval(None)
        .open(store)
        .map(|s| s.snapshot());
    let counted = Counted::of(store);
    let mut found = Found { manifest, snapshot, census: None, suppressed: None, counted, now };
    let census = found.count(quick);
    if let Err(error) = census {
        found.snapshot = Err(error.with_path(store));
    }
    found.object(store, output)?;
    found.lines(store, output)?;
    match &found.snapshot {
        Ok(_) => Ok(Exit::SUCCESS),
        Err(error) => Err(Failure(error.to_string())),
    }
}

impl Found {
    fn count(&mut self, quick: bool) -> tamis::Result<()> {
        let Ok(snapshot) = &self.snapshot else { return Ok(()) };
        // A writer may have been faster than the second look.
        if let Some(manifest) = snapshot.manifest() {
            self.manifest = manifest.clone();
        }
        self.suppressed = Some(snapshot.layers().suppressions()?.len() as u64);
        if !quick {
            let progress = Progress::new("counting", None);
            let census = snapshot.census(self.now);
            progress.clear();
            self.census = Some(census?);
        }
        Ok(())
    }

    /// What verdicts go by, as far as the store can be opened.
    fn updated(&self) -> u64 {
        let updated = self.snapshot.as_ref().ok().and_then(|snapshot| snapshot.updated().ok());
        updated.unwrap_or(self.manifest.updated)
    }

    fn age(&self) -> u64 {
        self.now.saturating_sub(self.updated())
    }

    fn bytes(&self) -> u64 {
        self.manifest.sets.iter().map(|set| set.bytes).sum()
    }

    fn of_list(&self, name: &str) -> Option<Census> {
        let census = self.census.as_ref()?;
        Some(census.get(name).copied().unwrap_or_default())
    }

    fn object(&self, store: &Path, output: &mut Output) -> Result<(), Failure> {
        let Found { manifest, snapshot, now, .. } = self;
        let lists: Vec<Value> = manifest
            .lists
            .iter()
            .map(|(name, list)| {
                let counted = self.of_list(name);
                json!({
                    "name": name,
                    "kind": list.kind,
                    "agreement": list.agreement,
                    "legal_basis": list.legal_basis,
                    "suppressed": list.suppressed,
                    "keys": list.keys.len(),
                    "need": list.need,
                    "unsigned": list.unsigned,
                    "feed_version": list.feed.as_ref().map(|feed| feed.version),
                    "refreshed": list.refreshed,
                    "number": manifest.last_number(name),
                    "missing": manifest.missing(name),
                    "entries": counted.map(|c| c.entries),
                    "entries_suppressed": counted.map(|c| c.suppressed),
                    "entries_expired": counted.map(|c| c.expired),
                })
            })
            .collect();
        let incidents: Vec<Value> = manifest
            .incidents
            .iter()
            .map(|(id, incident)| {
                json!({
                    "id": id,
                    "active": incident.expires > *now,
                    "opened": incident.opened,
                    "expires": incident.expires,
                    "entries": incident.entries,
                })
            })
            .collect();
        let sets: Vec<Value> = manifest
            .sets
            .iter()
            .map(|set| json!({ "file": set.file, "digest": set.digest, "bytes": set.bytes, "entries": set.entries, "changes": set.changes }))
            .collect();
        let fault = snapshot.as_ref().err();
        output.object(&json!({
            "store": store.to_string_lossy(),
            "version": manifest.version,
            "digest": snapshot.as_ref().ok().map(|s| s.digest().to_string()),
            "created": manifest.created,
            "updated": self.updated(),
            "age": self.age(),
            "last_change": manifest.last_change,
            "bytes": self.bytes(),
            "sets": sets,
            "lists": lists,
            "incidents": incidents,
            "suppressions": self.suppressed,
            "counters": self.counted.counters.as_ref().map(numbers),
            "counters_fault": self.counted.fault,
            "degraded": self.counted.counters.iter().flat_map(Counters::tripped).map(|one| breaker::object(&one)).collect::<Vec<_>>(),
            "fault": fault.map(|e| json!({ "code": e.code().number(), "message": e.to_string() })),
        }))
    }

    fn lines(&self, store: &Path, output: &mut Output) -> Result<(), Failure> {
        let Found { manifest, snapshot, now, .. } = self;
        output.line(format_args!("{}: version {}", shown(store), manifest.version))?;
        let (updated, age) = (rfc3339(self.updated()), distance(self.age()));
        output.line(format_args!("  up to date at {updated}, {age} ago"))?;
        if let Some(event) = &manifest.last_change {
            let mut line = format!("  last change   {}", plain(&event.event));
            for part in [&event.list, &event.what].into_iter().filter(|part| !part.is_empty()) {
                line.push_str(&format!(", {}", plain(part)));
            }
            output.line(line)?;
        }
        match snapshot {
            Ok(snapshot) => output.line(format_args!("  digest        {}", snapshot.digest()))?,
            Err(error) => {
                output.line(format_args!("  FAULT         {}", plain(&error.to_string())))?
            }
        }
        let held: u64 = manifest.sets.iter().map(|set| set.entries).sum();
        output.line(format_args!(
            "  sets          {} of {}, {}",
            grouped(manifest.sets.len() as u64),
            count(held, "entry"),
            bytes(self.bytes())
        ))?;
        for (position, set) in manifest.sets.iter().enumerate() {
            let base = position == 0 && set.changes.iter().all(|change| change.first == 0);
            let what = if base { "base " } else { "delta" };
            let entries = count(set.entries, "entry");
            output.line(format_args!(
                "    {what}  {}  {entries}, {}",
                set.file,
                bytes(set.bytes)
            ))?;
        }
        output.line(format_args!("  lists         {}", grouped(manifest.lists.len() as u64)))?;
        for name in manifest.lists.keys() {
            self.list(name, output)?;
        }
        if let Some(suppressed) = self.suppressed.filter(|n| *n > 0) {
            output.line(format_args!("  suppressed    {}", count(suppressed, "entry")))?;
        }
        if !manifest.incidents.is_empty() {
            let all = grouped(manifest.incidents.len() as u64);
            output.line(format_args!("  incidents     {all}"))?;
        }
        for (id, incident) in &manifest.incidents {
            let end = rfc3339(incident.expires);
            let end = match incident.expires > *now {
                true => format!("active until {end}"),
                false => format!("ended {end}"),
            };
            let entries = count(incident.entries, "entry");
            output.line(format_args!("    {}: {entries}, {end}", plain(id)))?;
        }
        if let Some(fault) = &self.counted.fault {
            output.line(format_args!("  FAULT         {}", plain(fault)))?;
        }
        let Some(counters) = &self.counted.counters else { return Ok(()) };
        let of = |counter| grouped(counters.count(counter));
        output.line(format_args!(
            "  judged        {}: {} blocked, {} sent to review",
            count(counters.count(Counter::Checks), "upload"),
            of(Counter::Blocked),
            of(Counter::Reviewed),
        ))?;
        let would = [Counter::WouldHaveBlocked, Counter::WouldHaveReviewed];
        if would.iter().any(|counter| counters.count(*counter) > 0) {
            let [blocked, reviewed] = would.map(of);
            output.line(format_args!(
                "    while observing, would have blocked {blocked} and sent {reviewed} to review"
            ))?;
        }
        let shadow = [Counter::ShadowSame, Counter::ShadowStricter, Counter::ShadowLooser];
        if shadow.iter().any(|counter| counters.count(*counter) > 0) {
            let [same, stricter, looser] = shadow.map(of);
            output.line(format_args!(
                "    the shadow judged {same} alike, {stricter} more strictly, {looser} less"
            ))?;
        }
        breaker::lines(&counters.tripped(), "  ", output)
    }

    fn list(&self, name: &str, output: &mut Output) -> Result<(), Failure> {
        let Some(list) = self.manifest.lists.get(name) else { return Ok(()) };
        let mut line = format!("    {} ({})", plain(name), list.kind);
        if let Some(census) = self.of_list(name) {
            line.push_str(&format!(": {}", count(census.entries, "entry")));
            for (number, what) in [(census.suppressed, "suppressed"), (census.expired, "expired")] {
                if number > 0 {
                    line.push_str(&format!(", {} {what}", grouped(number)));
                }
            }
        }
        if list.suppressed {
            line.push_str("; SWITCHED OFF as a whole");
        }
        if !list.keys.is_empty() {
            let keys = count(list.keys.len() as u64, "key");
            line.push_str(&format!("; signed by {} of {keys}", list.need));
        }
        if list.unsigned {
            line.push_str("; takes unsigned updates");
        }
        if let Some(feed) = &list.feed {
            line.push_str(&format!("; version {} of its feed", feed.version));
        }
        output.line(line)?;
        if list.refreshed > 0 {
            let age = distance(self.now.saturating_sub(list.refreshed));
            output.line(format_args!("      up to date {age} ago"))?;
        }
        for (first, last) in self.manifest.missing(name) {
            let which =
                if first == last { format!("{first}") } else { format!("{first} to {last}") };
            output.line(format_args!(
                "      MISSING changes {which}: what they say is not in force"
            ))?;
        }
        Ok(())
    }
}

/// All numbers that are counted.
fn numbers(counters: &Counters) -> Value {
    let numbers = Counter::ALL.iter().map(|&c| (c.name().to_owned(), counters.count(c).into()));
    Value::Object(numbers.into_iter().collect())
}

/// A distance in time in the unit that suits it.
fn distance(seconds: u64) -> String {
    match seconds {
        0..120 => count(seconds, "second"),
        120..7_200 => count(seconds / 60, "minute"),
        7_200..172_800 => count(seconds / 3_600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}
