//! Entries from the command line: files that are fingerprinted here, fingerprints as they are, rows of lists, and what is said of them all.
//!
//! ```text
//! file          -> SHA-256 of its bytes; if it is a picture, PDQ of it as stored
//! ALG:HEX       -> that fingerprint
//! list          -> its rows, as `tamis build` reads them; here one bad row is an error, since these are few and each is meant
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};
use tamis::fingerprint::{Algorithm, Fingerprint};
use tamis::import::{self, Format, Options};
use tamis::set::{Entry, Severity, refusal};

use crate::Failure;
use crate::args::{ListFormat, Sources};
use crate::moment::Moment;
use crate::output::{plain, remark};
use crate::verb::hash;
use crate::wording::cannot_read;

/// What the command line says of all entries that it adds.
#[derive(Debug, Default, Args)]
pub(crate) struct Said {
    /// The listed thing that they are fingerprints of; entries with the same one belong together.
    #[arg(long, value_name = "NAME")]
    item: Option<String>,
    /// Your own id of them.
    #[arg(long, value_name = "ID")]
    source_id: Option<String>,
    /// A label. May be given several times.
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// A human has reviewed what is listed.
    #[arg(long)]
    reviewed: bool,
    /// How grave it is: low, medium, high or critical.
    #[arg(long)]
    severity: Option<Severity>,
    /// They belong to this emergency, and end with it: needs --expires.
    #[arg(long, value_name = "ID", requires = "expires")]
    incident: Option<String>,
    /// When they end: a date, RFC 3339, seconds since 1970, or how long from now, such as 48h or 7d.
    #[arg(long, value_name = "WHEN")]
    expires: Option<Moment>,
}

impl Said {
    fn ends(&self, now: u64) -> Result<Option<u32>, Failure> {
        let Some(moment) = self.expires else { return Ok(None) };
        moment.end(now).map(Some).map_err(|what| Failure(format!("--expires: {what}")))
    }

    fn say(&self, entry: &mut Entry, ends: Option<u32>) {
        if let Some(item) = &self.item {
            entry.item.clone_from(item);
        }
        if let Some(source) = &self.source_id {
            entry.source_id.clone_from(source);
        }
        entry.labels.extend(self.label.iter().cloned());
        if let Some(incident) = &self.incident {
            entry.labels.push(format!("incident:{incident}"));
        }
        entry.labels.sort_unstable();
        entry.labels.dedup();
        entry.reviewed |= self.reviewed;
        entry.severity = self.severity.unwrap_or(entry.severity);
        entry.expires = ends.unwrap_or(entry.expires);
    }
}

/// All entries of the sources, each with what is said of it. Anything that cannot be one is an error: nothing is left out silently.
pub(crate) fn collect(sources: &Sources, said: &Said, now: u64) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for file in &sources.files {
        entries.extend(of_file(file)?);
    }
    for text in &sources.fingerprint {
        entries.push(Entry::new(fingerprint(text)?));
    }
    for list in &sources.from_list {
        of_list(list, sources, &mut entries)?;
    }
    let ends = said.ends(now)?;
    for entry in &mut entries {
        said.say(entry, ends);
        refusal::check(entry).map_err(|refusal| {
            let what = entry.fingerprint;
            Failure::new(format!("{}:{}: {refusal}", what.algorithm(), plain(&what.to_hex())))
        })?;
    }
    if entries.is_empty() {
        return Err(Failure::new("nothing to add: name files, --fingerprint or --from-list"));
    }
    Ok(entries)
}

/// The entries of a file's own bytes.
fn of_file(path: &Path) -> Result<Vec<Entry>, Failure> {
    let (sha256, pdq) = hash::fingerprints(path)?;
    let mut entries = vec![Entry::new(sha256)];
    match pdq {
        Ok((code, quality)) => {
            let entry = Entry { quality: Some(quality), ..Entry::new(code) };
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

/// `sha256:2c26...`.
fn fingerprint(text: &str) -> Result<Fingerprint, Failure> {
    let Some((algorithm, hex)) = text.split_once(':') else {
        return Err(Failure::new("--fingerprint: expected ALGORITHM:HEX, such as sha256:2c26..."));
    };
    let about = |e: tamis::Error| Failure::new(format!("--fingerprint: {e}"));
    let algorithm: Algorithm = algorithm.parse().map_err(about)?;
    Fingerprint::from_hex(algorithm, hex).map_err(about)
}

fn of_list(path: &Path, sources: &Sources, entries: &mut Vec<Entry>) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|e| Failure::of(path, cannot_read(&e)))?;
    let format = match sources.format {
        Some(ListFormat::Csv) => Format::Csv,
        Some(ListFormat::Jsonl) => Format::JsonLines,
        Some(ListFormat::Hex) => Format::Hex,
        None => {
            let extension = path.extension().and_then(|extension| extension.to_str());
            Format::detect(extension, &bytes).ok_or_else(|| {
                Failure::of(
                    path,
                    "cannot tell the list's format; name it with --format csv, jsonl or hex",
                )
            })?
        }
    };
    let options = Options { algorithm: sources.algorithm, ..Options::default() };
    rows(path, &bytes, format, &options, &mut |_, entry| entries.push(entry))
}

/// Gives every row to `take`; the first bad one is an error.
fn rows(
    path: &Path,
    bytes: &[u8],
    format: Format,
    options: &Options,
    take: &mut dyn FnMut(u64, Entry),
) -> Result<(), Failure> {
    let mut first = None;
    let mut row = 0;
    let mut accept = |entry| {
        refusal::check(&entry)?;
        row += 1;
        take(row, entry);
        Ok(())
    };
    let mut reject = |rejection: &import::Rejection| {
        first.get_or_insert_with(|| {
            format!("line {}: {}: {}", rejection.line, rejection.cause, rejection.message)
        });
    };
    let read = import::read(bytes, format, options, &mut accept, &mut reject);
    let report = read.map_err(|e| Failure::from(e.with_path(path)))?;
    match first {
        None => Ok(()),
        Some(first) => Err(Failure::of(
            path,
            format_args!(
                "{} of {} rows are rejected, so nothing was taken; the first: {first}",
                report.rejected_rows(),
                report.rows
            ),
        )),
    }
}

/// An entry as a row of JSON Lines, which [`of_row`] reads.
pub(crate) fn row_of(entry: &Entry) -> Value {
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
pub(crate) fn of_row(path: &Path, row: &str) -> Result<Entry, Failure> {
    let mut entry = None;
    rows(path, row.as_bytes(), Format::JsonLines, &Options::default(), &mut |_, found| {
        entry = Some(found);
    })?;
    entry.ok_or_else(|| Failure::of(path, "a row that is none; expected a JSON object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_being_a_row() {
        let mut entry = Entry::new(fingerprint(&format!("sha256:{}", "a7".repeat(32))).unwrap());
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
