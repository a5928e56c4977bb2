//! Entries that are added to a list: of files that are fingerprinted here, of fingerprints as they are, of rows.
//!
//! ```text
//! file          -> SHA-256 of its bytes; if it is a picture, PDQ of it as stored
//! ALG:HEX       -> that fingerprint
//! list          -> its rows, as `tamis build` reads them; here one bad row is an error, since these are few and each is meant
//! ```

use std::path::Path;

use serde_json::{Value, json};
use tamis::import::{self, Format, Options, Rejection};
use tamis::set::{Entry, Severity, refusal};

use super::NOTHING;
use crate::args::AddToList;
use crate::lists::list::Reading;
use crate::lists::rows;
use crate::output::{plain, remark};
use crate::verb::hash;
use crate::wording::count;
use crate::{Failure, Output};

/// All entries that are to be added to a list, each with what is said of it. Anything that cannot be one is an error: nothing is left out silently.
pub(super) fn collect(
    arguments: &AddToList,
    list: &str,
    now: u64,
    output: &mut Output,
) -> Result<Vec<Entry>, Failure> {
    let AddToList { sources, said, reviewed, .. } = arguments;
    sources.check()?;
    let ends = said.ends(now)?;
    let mut entries = Vec::new();
    for file in &sources.files {
        entries.extend(of_file(file)?);
    }
    entries.extend(sources.fingerprint.iter().copied().map(Entry::new));
    for entry in &mut entries {
        entry.reviewed = *reviewed;
        said.overlay(entry, ends);
        refusal::check(entry).map_err(|refusal| {
            let what = entry.fingerprint;
            Failure::new(format!(
                "{}:{}: {refusal} ({NOTHING})",
                what.algorithm(),
                plain(&what.to_hex())
            ))
        })?;
    }
    let reading = Reading {
        format: sources.format,
        algorithm: sources.algorithm,
        reviewed: *reviewed,
        // What lets files through is for each operator to say.
        exceptions: false,
        allow_empty: None,
        nothing: NOTHING,
    };
    let mut take = |mut entry: Entry| {
        said.overlay(&mut entry, ends);
        refusal::check(&entry)?;
        entries.push(entry);
        Ok(())
    };
    match rows::read(sources, list, &reading, &mut take, output)? {
        0 => Ok(entries),
        rejected => Err(Failure::new(format!(
            "{} rejected; mend or remove what is wrong with the list ({NOTHING})",
            match rejected {
                1 => "1 row is".to_owned(),
                n => format!("{} are", count(n, "row")),
            }
        ))),
    }
}

/// The entries of a file's own bytes.
fn of_file(path: &Path) -> Result<Vec<Entry>, Failure> {
    let (sha256, pdq) = hash::fingerprints(path)?;
    let mut entries = vec![Entry::new(sha256)];
    match pdq {
        Ok((code, quality)) => {
            let entry = Entry::new(code).quality(Some(quality));
            match refusal::check(&entry) {
                Ok(()) => entries.push(entry),
                Err(refusal) => remark(format_args!(
                    "{}: listed by its digest alone: {refusal}",
                    path.display()
                )),
            }
        }
        Err(why) => remark(format_args!("{}: listed by its digest alone: {why}", path.display())),
    }
    Ok(entries)
}

/// An entry as a row of JSON Lines, which [`of_row`] reads.
pub(super) fn row_of(entry: &Entry) -> Value {
    let mut row = json!({
        "algorithm": entry.fingerprint.algorithm().name(),
        "fingerprint": entry.fingerprint.to_hex(),
        "opinion": entry.opinion.name(),
        "reviewed": entry.reviewed,
    });
    let mut say = |name: &str, value: Value| {
        if let Some(object) = row.as_object_mut() {
            object.insert(name.into(), value);
        }
    };
    for (name, text) in [
        ("item", &entry.item),
        ("source_id", &entry.source_id),
        ("legal_basis", &entry.legal_basis),
    ] {
        if !text.is_empty() {
            say(name, text.as_str().into());
        }
    }
    for (name, date) in [
        ("first_seen", entry.first_seen),
        ("last_seen", entry.last_seen),
        ("expires", entry.expires),
    ] {
        if date != 0 {
            say(name, date.into());
        }
    }
    if !entry.labels.is_empty() {
        say("labels", entry.labels.clone().into());
    }
    if entry.severity != Severity::Unspecified {
        say("severity", entry.severity.name().into());
    }
    if let Some(quality) = entry.quality {
        say("quality", quality.into());
    }
    row
}

/// The entry that a row of JSON Lines is; `path` is for messages.
pub(super) fn of_row(path: &Path, row: &str) -> Result<Entry, Failure> {
    let (mut found, mut wrong) = (None, None);
    let mut accept = |entry| {
        refusal::check(&entry)?;
        found = Some(entry);
        Ok(())
    };
    let mut reject = |rejection: &Rejection| {
        wrong = Some(format!("{}: {}", rejection.cause, rejection.message));
    };
    let options = Options::default();
    import::read(row.as_bytes(), Format::JsonLines, &options, &mut accept, &mut reject)
        .map_err(|e| Failure::from(e.with_path(path)))?;
    found.ok_or_else(|| {
        let wrong = wrong.unwrap_or_else(|| "expected a JSON object".into());
        Failure::of(path, format_args!("a row that is no entry: {wrong}"))
    })
}

#[cfg(test)]
mod tests {
    use tamis::fingerprint::{Algorithm, Fingerprint};

    use super::*;

    #[test]
    fn an_entry_survives_being_a_row() {
        let digest = Fingerprint::from_hex(Algorithm::Sha256, &"a7".repeat(32)).unwrap();
        let mut entry = Entry::new(digest);
        let path = Path::new("x");
        assert_eq!(of_row(path, &row_of(&entry).to_string()).unwrap(), entry);
        entry.labels = vec!["a;b".into(), "incident:x".into()];
        (entry.item, entry.source_id, entry.legal_basis) = ("i".into(), "s".into(), "l".into());
        (entry.first_seen, entry.last_seen, entry.expires) = (1, 2, 3);
        (entry.severity, entry.reviewed, entry.quality) = (Severity::High, true, Some(77));
        entry.opinion = tamis::set::Opinion::Disputed;
        assert_eq!(of_row(path, &row_of(&entry).to_string()).unwrap(), entry);
    }
}
