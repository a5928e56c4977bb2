//! `tamis store add`: files, fingerprints and rows, as one change.

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use tamis::files::draft_path;
use tamis::fingerprint::{Algorithm, Fingerprint};
use tamis::set::{Delta, Entry, EntryId, Role, incident_label};
use tamis::store::{ListRecord, Terms};

use super::{NOTHING, entries_on, in_force, own_list, tell, unknown_list};
use crate::args::Add;
use crate::lists::list::Reading;
use crate::lists::rows;
use crate::output::{plain, remark, shown};
use crate::upload::Opener;
use crate::verb::hash::{Bench, Hashed, Lack};
use crate::wording::{cannot_read, rfc3339};
use crate::{Exit, Failure, Output, interrupt};

/// What is added, and when it ends.
struct Said<'a> {
    arguments: &'a Add,
    ends: u32,
}

pub(super) fn run(arguments: &Add, output: &mut Output) -> Result<Exit, Failure> {
    let drafts = arguments.sources.rejects.as_deref().map(draft_path);
    interrupt::abandon(drafts.into_iter().collect(), NOTHING);
    arguments.sources.check()?;
    let now = arguments.writing.now();
    let said = Said { arguments, ends: arguments.said.ends(now)? };
    let manifest = own_list(&arguments.writing, &arguments.list)?;
    let Some(record) = manifest.lists.get(&arguments.list) else {
        return Err(unknown_list(&manifest, &arguments.list));
    };
    if arguments.exception && !record.kind.may_bring_exceptions() {
        return Err(Failure::new(format!(
            "--exception: only lists of kind local let files through, and {:?} is of kind {}",
            plain(&arguments.list),
            record.kind
        )));
    }
    let mut delta = Delta::new(record.list(&arguments.list), 1)?;
    if let Some(incident) = &arguments.said.incident {
        delta = delta.of_incident(incident, said.ends.into())?;
    }
    add_files(&said, &mut delta, output)?;
    for fingerprint in &arguments.sources.fingerprint {
        let entry = said.entry(*fingerprint, String::new());
        let name = format!("--fingerprint {}", fingerprint.algorithm());
        let refused = |refusal| Failure::new(format!("{name}: {refusal} ({NOTHING})"));
        let told = told(&arguments.list, &entry);
        delta.add(entry).map_err(refused)?;
        output.object(&json!({ "file": null, "entries": [told] }))?;
    }
    add_rows(&said, record, &mut delta, output)?;

    let terms = Terms::at(now).reason(&arguments.reason);
    let mut writer = super::open(&arguments.writing)?;
    let applied = in_force(writer.apply_next(delta, &terms))?;
    let what = match (&arguments.said.incident, said.ends) {
        (Some(incident), ends) => format!(
            "added {}, until {} ({:?})",
            entries_on(applied.entries, &arguments.list),
            rfc3339(ends.into()),
            plain(&incident_label(incident))
        ),
        (None, 0) => format!("added {}", entries_on(applied.entries, &arguments.list)),
        (None, ends) => format!(
            "added {}, until {}",
            entries_on(applied.entries, &arguments.list),
            rfc3339(ends.into())
        ),
    };
    tell(&arguments.writing, &arguments.list, &applied, &what, output)?;
    Ok(Exit::SUCCESS)
}

impl Said<'_> {
    /// The entry of a fingerprint.
    fn entry(&self, fingerprint: Fingerprint, item: String) -> Entry {
        let mut entry = Entry::new(fingerprint).item(item);
        if self.arguments.exception {
            entry.role = Role::Exception;
        }
        entry.reviewed = !self.arguments.unreviewed;
        self.arguments.said.overlay(&mut entry, self.ends);
        entry
    }
}

/// How an entry is told of: the id is what `revoke` and `suppress` take.
fn told(list: &str, entry: &Entry) -> Value {
    let id = EntryId::new(list, &entry.source_id, entry.role, &entry.fingerprint);
    json!({ "entry": id, "algorithm": entry.fingerprint.algorithm() })
}

fn add_files(said: &Said<'_>, delta: &mut Delta, output: &mut Output) -> Result<(), Failure> {
    let (mut opener, mut bench) = (Opener::default(), Bench::new());
    for file in &said.arguments.sources.files {
        let about = |what: String| Failure::of(file, format_args!("{what} ({NOTHING})"));
        let reader = opener.open(file).map_err(about)?;
        let hashed = hash(&mut bench, reader).map_err(about)?;
        add_file(said, file, &hashed, delta, output)?;
    }
    Ok(())
}

fn hash(bench: &mut Bench, reader: impl Read) -> Result<Hashed, String> {
    bench.hash(reader).map_err(|error| cannot_read(&error))
}

/// All digests of a file, and the PDQ of the picture as it is stored, as entries of one item.
fn add_file(
    said: &Said<'_>,
    file: &Path,
    hashed: &Hashed,
    delta: &mut Delta,
    output: &mut Output,
) -> Result<(), Failure> {
    let Add { list, exception, .. } = said.arguments;
    let crate::args::Said { item, source_id, .. } = &said.arguments.said;
    let digests = hashed.digests.iter().filter(|digest| {
        // Only with these can nobody make a second file that is let through, too.
        !exception || digest.algorithm().may_except()
    });
    let digests: Vec<_> = digests.collect();
    // The same file is the same item, and its name is nobody's business.
    let named = hashed.digests.get(Algorithm::Sha256).map(|digest| {
        let role = if *exception { Role::Exception } else { Role::Listed };
        EntryId::new(list, source_id.as_deref().unwrap_or_default(), role, &digest).to_string()
    });
    let item = item.clone().or(named).unwrap_or_default();
    let mut entries = Vec::new();
    for digest in digests {
        let entry = said.entry(digest, item.clone());
        entries.push(told(list, &entry));
        let refused = |refusal| Failure::of(file, format_args!("{refusal} ({NOTHING})"));
        delta.add(entry).map_err(refused)?;
    }
    let mut quality = None;
    let mut missing = None;
    match &hashed.pdq {
        _ if *exception => {}
        Some(pdq) if hashed.reason.is_none() => {
            quality = Some(pdq.quality);
            let entry = said.entry(pdq.hash.into(), item.clone());
            let entry = entry.quality(quality);
            let told = told(list, &entry);
            match delta.add(entry) {
                Ok(()) => entries.push(told),
                Err(refusal) => {
                    missing = Some(refusal.name());
                    remark(format_args!(
                        "{}: its PDQ is not taken: {refusal}. Only exact copies of it will be recognised",
                        shown(file)
                    ));
                }
            }
        }
        _ => {
            missing = hashed.reason.map(Lack::name);
            // Of what is no picture nobody expects one.
            if hashed.is_picture() {
                remark(format_args!(
                    "{}: it has no PDQ: {}. Only exact copies of it will be recognised",
                    shown(file),
                    hashed.why()
                ));
            }
        }
    }
    let algorithms: Vec<_> =
        entries.iter().filter_map(|told| told["algorithm"].as_str().map(str::to_owned)).collect();
    output.object(&json!({
        "file": file.to_string_lossy(),
        "item": item,
        "entries": entries,
        "quality": quality,
        "without_pdq": missing,
    }))?;
    let quality = quality.filter(|_| missing.is_none());
    let quality = quality.map(|quality| format!(" (quality {quality})")).unwrap_or_default();
    output.line(format_args!("{}: {}{quality}", shown(file), algorithms.join(", ")))?;
    output.line(format_args!("  item {}", plain(&item)))
}

/// The rows of the lists that `--from` names.
fn add_rows(
    said: &Said<'_>,
    record: &ListRecord,
    delta: &mut Delta,
    output: &mut Output,
) -> Result<(), Failure> {
    let arguments = said.arguments;
    let reading = Reading {
        format: arguments.sources.format,
        algorithm: arguments.sources.algorithm,
        reviewed: !arguments.unreviewed,
        exceptions: record.kind.may_bring_exceptions(),
        allow_empty: None,
        nothing: NOTHING,
    };
    let mut take = |mut entry: Entry| {
        arguments.said.overlay(&mut entry, said.ends);
        delta.add(entry)
    };
    rows::read(&arguments.sources, &arguments.list, &reading, &mut take, output)?;
    Ok(())
}
