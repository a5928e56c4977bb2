//! Arguments about entries, for every verb that adds or withdraws some: where they come from, what is said of them all, and which are withdrawn.

use std::path::PathBuf;

use clap::Args;
use tamis::fingerprint::{Algorithm, Fingerprint};
use tamis::import::Format;
use tamis::set::{Entry, EntryId, Severity, incident_label};

use super::values::words;
use crate::Failure;
use crate::lists;
use crate::moment::Moment;

/// What is said by `--severity`; to say nothing, leave it out.
const GRAVE: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// Where entries come from.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// Files to list; `-` is stdin.
    #[arg(value_name = "FILE", required_unless_present_any = ["fingerprint", "from"])]
    pub(crate) files: Vec<PathBuf>,
    /// A fingerprint to list, such as md5:0cc175b9c0f1b6a831c399e269772661; may be given several times.
    #[arg(long, value_name = "ALG:HEX", value_parser = fingerprint)]
    pub(crate) fingerprint: Vec<Fingerprint>,
    /// A list whose rows are added: CSV, JSON Lines or bare hexadecimal digits, as for `tamis build`; `-` is stdin; may be given several times.
    #[arg(long, value_name = "LIST")]
    pub(crate) from: Vec<PathBuf>,
    /// Format of --from. Default: by name and contents.
    #[arg(long, requires = "from", value_parser = words(&Format::ALL, Format::name))]
    pub(crate) format: Option<Format>,
    /// Algorithm of --from, if it holds only fingerprints.
    #[arg(long, requires = "from", value_parser = words(&Algorithm::ALL, Algorithm::name))]
    pub(crate) algorithm: Option<Algorithm>,
    /// Also write every rejected row of --from to this file, as JSON Lines.
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) rejects: Option<PathBuf>,
}

impl Sources {
    /// Refuses, before anything is read, what cannot be read or written as it is named.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        lists::stdin_once(self.files.iter().chain(&self.from))?;
        lists::check(&self.from, self.rejects.as_deref())
    }
}

/// What is said of everything that is added.
#[derive(Debug, Args)]
pub(crate) struct Said {
    /// A label; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Vec<String>,
    /// The item that all of this belongs to, but for rows that name one. Entries of one item belong together.
    #[arg(long, value_name = "NAME")]
    pub(crate) item: Option<String>,
    /// Your own id for it, such as a report's, but for rows that have one.
    #[arg(long, value_name = "ID")]
    pub(crate) source_id: Option<String>,
    /// How grave it is, but for rows that say so themselves.
    #[arg(long, value_parser = words(&GRAVE, Severity::name))]
    pub(crate) severity: Option<Severity>,
    /// The incident that this belongs to; it ends by itself.
    #[arg(long, value_name = "ID", requires = "expires")]
    pub(crate) incident: Option<String>,
    /// When it ends: a date, RFC 3339, seconds since 1970, or how long from now, such as 48h or 7d. Rows that end earlier still do.
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<Moment>,
}

impl Said {
    /// When it ends, in seconds since 1970; 0: never.
    pub(crate) fn ends(&self, now: u64) -> Result<u32, Failure> {
        if self.incident.as_deref() == Some("") {
            return Err(Failure::new("--incident: give it a name"));
        }
        let ends = self.expires.map_or(Ok(0), |moment| moment.end(now));
        ends.map_err(|what| Failure(format!("--expires: {what}")))
    }

    /// Says it of an entry that has said all that it says itself. `ends` is what [`Said::ends`] gave.
    pub(crate) fn overlay(&self, entry: &mut Entry, ends: u32) {
        let fill = |own: &mut String, said: &Option<String>| {
            if let Some(said) = said
                && own.is_empty()
            {
                own.clone_from(said);
            }
        };
        fill(&mut entry.item, &self.item);
        fill(&mut entry.source_id, &self.source_id);
        entry.labels.extend(self.label.iter().cloned());
        entry.labels.extend(self.incident.as_deref().map(incident_label));
        entry.labels.sort_unstable();
        entry.labels.dedup();
        if let Some(severity) = self.severity
            && entry.severity == Severity::Unspecified
        {
            entry.severity = severity;
        }
        if ends != 0 && (entry.expires == 0 || entry.expires > ends) {
            entry.expires = ends;
        }
    }
}

/// Entries that are withdrawn. Whether any must be named is for the verb to say, which may know others.
#[derive(Debug, Args)]
pub(crate) struct Withdrawn {
    /// An entry, by its id; may be given several times.
    #[arg(long, value_name = "ID")]
    pub(crate) entry: Vec<EntryId>,
    /// All entries of an item; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) item: Vec<String>,
    /// All entries with a source id of the list; may be given several times.
    #[arg(long, visible_alias = "source-id", value_name = "ID")]
    pub(crate) source: Vec<String>,
}

/// A fingerprint with the name of its algorithm before it.
fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    let (algorithm, digits) = text
        .split_once(':')
        .ok_or("expected ALGORITHM:HEX, such as md5:0cc175b9c0f1b6a831c399e269772661")?;
    let algorithm = algorithm.parse::<Algorithm>().map_err(|e| e.to_string())?;
    Fingerprint::from_hex(algorithm, digits.trim()).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_says_itself_stands() {
        let said = Said {
            label: vec!["b".into(), "a".into()],
            item: Some("all".into()),
            source_id: Some("report".into()),
            severity: Some(Severity::Low),
            incident: Some("parade".into()),
            expires: Some(Moment::At(500)),
        };
        let ends = said.ends(100).unwrap();
        let bare = Entry::new(fingerprint(&format!("sha256:{}", "a7".repeat(32))).unwrap());
        let mut entry = bare.clone();
        said.overlay(&mut entry, ends);
        assert_eq!((entry.item.as_str(), entry.source_id.as_str()), ("all", "report"));
        assert_eq!((entry.severity, entry.expires), (Severity::Low, 500));
        assert_eq!(entry.labels, ["a", "b", "incident:parade"]);

        let own = bare
            .item("own")
            .source_id("7")
            .severity(Severity::High)
            .expires(400)
            .labels(vec!["b".into()]);
        let mut entry = own.clone();
        said.overlay(&mut entry, ends);
        assert_eq!(entry, own.labels(vec!["a".into(), "b".into(), "incident:parade".into()]));
        let mut later = entry.expires(600);
        said.overlay(&mut later, ends);
        assert_eq!(later.expires, 500, "the earlier end holds");
        assert!(Said { incident: Some(String::new()), ..said }.ends(100).is_err());
    }
}
