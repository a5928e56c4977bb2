//! `tamis store verify`: whether all of a store is as it should be. Every fault is told, not only the first, and nothing is changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;
use tamis::set::Set;
use tamis::store::{CANARIES, Manifest, STATE, SetRecord, Store, StoreWriter};

use crate::output::{plain, shown};
use crate::verb::verify::prove;
use crate::wording::{bytes, cannot_read, count, grouped};
use crate::{Exit, Failure, Output};

/// Tells what was found as it is found.
struct Report<'a> {
    output: &'a mut Output,
    faults: u64,
}

impl Report<'_> {
    fn tell(&mut self, part: &str, found: Result<String, String>) -> Result<(), Failure> {
        self.faults += u64::from(found.is_err());
        let (mark, text) = match &found {
            Ok(text) => ("ok  ", text),
            Err(text) => ("FAIL", text),
        };
        self.output.object(&json!({ "part": part, "sound": found.is_ok(), "message": text }))?;
        self.output.line(format_args!("{mark}  {}: {}", plain(part), plain(text)))
    }
}

pub(crate) fn run(store: &Path, output: &mut Output) -> Result<Exit, Failure> {
    if !store.is_dir() {
        super::manifest(store)?;
    }
    let mut report = Report { output, faults: 0 };
    let manifest = match Manifest::read(store) {
        Ok(manifest) => manifest,
        Err(error) => {
            report.tell("manifest", Err(error.to_string()))?;
            return Err(Failure::of(store, "the store is not sound: it has no usable manifest"));
        }
    };
    let version = manifest.version;
    report.tell("manifest", Ok(format!("version {version}, as its checksum says")))?;
    for (part, found) in modes(store) {
        report.tell(&part, found)?;
    }
    report.tell("names", names(store, &manifest))?;
    for record in &manifest.sets {
        let found = set(store, record).map_err(|error| error.to_string());
        report.tell(&record.file, found)?;
    }
    // As a whole, as a reader takes it.
    let opened = Store::open(store).and_then(|store| {
        let snapshot = store.snapshot();
        let suppressions = snapshot.layers().suppressions()?.len() as u64;
        Ok(format!(
            "opens: {}, {}",
            count(snapshot.entry_count(), "entry"),
            count(suppressions, "suppression")
        ))
    });
    report.tell("store", opened.map_err(|error| error.to_string()))?;
    report.tell("log", log(store, &manifest))?;

    let faults = report.faults;
    output.object(&json!({
        "store": store.to_string_lossy(),
        "sound": faults == 0,
        "version": version,
        "faults": faults,
    }))?;
    if faults > 0 {
        let what = format_args!("the store is not sound: {}", count(faults, "fault"));
        return Err(Failure::of(store, what));
    }
    output.line(format_args!("{}: sound", shown(store)))?;
    Ok(Exit::SUCCESS)
}

/// One set: the file that the manifest means, all of it.
fn set(store: &Path, record: &SetRecord) -> tamis::Result<String> {
    let path = store.join(&record.file);
    let set = Set::open(&path)?;
    let wrong = |what: String| {
        let what = format!("it is not the set that the manifest names: {what}");
        Err(tamis::Error::new(tamis::ErrorCode::SetCorrupt, what).with_path(&path))
    };
    if set.digest().to_string() != record.digest {
        return wrong(format!("its digest is {}, expected {}", set.digest(), record.digest));
    }
    let sound = prove(&set).map_err(|error| error.with_path(&path))?;
    if (set.size(), set.entry_count()) != (record.bytes, record.entries) {
        return wrong(format!(
            "{} bytes and {} entries, expected {} and {}",
            set.size(),
            set.entry_count(),
            record.bytes,
            record.entries
        ));
    }
    let found = set.changes()?.into_iter().map(|c| (c.list, c.first, c.last));
    let said = record.changes.iter().map(|c| (c.list.clone(), c.first, c.last));
    if !found.eq(said) {
        return wrong("it holds other changes".into());
    }
    Ok(format!(
        "{}, {}; {} answered",
        bytes(set.size()),
        count(set.entry_count(), "entry"),
        count(sound.proof.planted, "planted query")
    ))
}

/// What lies in the directory against what the manifest names.
fn names(store: &Path, manifest: &Manifest) -> Result<String, String> {
    let entries = fs::read_dir(store).map_err(|error| cannot_read(&error))?;
    let mut there = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(|error| cannot_read(&error))?;
        there.insert(entry.file_name().to_string_lossy().into_owned());
    }
    let named: BTreeSet<String> = manifest.sets.iter().map(|set| set.file.clone()).collect();
    if let Some(missing) = named.difference(&there).next() {
        return Err(format!(
            "{missing} is missing: restore it from a copy, or make the store anew"
        ));
    }
    // Of the version before, or left by a writer that died: the next writer removes what nobody needs.
    let spare = there.iter().filter(|name| name.ends_with(".tamis") && !named.contains(*name));
    let spare = spare.filter(|name| *name != CANARIES).count() as u64;
    let spare = match spare {
        0 => String::new(),
        n => format!("; {} of versions before, which the next writers remove", count(n, "set")),
    };
    Ok(format!("{} named, all there{spare}", count(named.len() as u64, "set")))
}

/// The log must tell of this version, or lack only the last change, which the next writer appends.
fn log(store: &Path, manifest: &Manifest) -> Result<String, String> {
    let (mut events, mut last) = (0, 0);
    StoreWriter::read_log(store, &mut |event| {
        events += 1;
        last = event.version.max(last);
    })
    .map_err(|error| error.to_string())?;
    let events = count(events, "event");
    match manifest.version.checked_sub(last) {
        Some(0) => Ok(format!("{events}, up to this version")),
        Some(1) => {
            Ok(format!("{events}; the last change is not in it yet, the next writer appends it"))
        }
        _ => Err(format!(
            "{events}, up to version {}, and the store is at {}: it was cut or belongs to another store; keep it, and note since when",
            grouped(last),
            grouped(manifest.version)
        )),
    }
}

/// Who may read and write what. Sets and the manifest are looked at when they are opened.
#[cfg(unix)]
fn modes(store: &Path) -> Vec<(String, Result<String, String>)> {
    use std::os::unix::fs::MetadataExt;

    let look = |name: &str, forbidden: u32, chmod: &str| {
        let path = if name == "." { store.to_path_buf() } else { store.join(name) };
        let mode = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {
                return Err("a link; a store's files lie in its directory themselves".to_owned());
            }
            Ok(metadata) => metadata.mode() & 0o7777,
            Err(error) if name != "." && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok("not there yet".to_owned());
            }
            Err(error) => return Err(cannot_read(&error)),
        };
        match mode & forbidden {
            0 => Ok(format!("mode {mode:04o}")),
            _ => Err(format!(
                "mode {mode:04o}: others may read or write it; run `chmod {chmod} {}`",
                shown(&path)
            )),
        }
    };
    let files = [
        (".", 0o027, "g-w,o-rwx"),
        ("log", 0o027, "g-w,o-rwx"),
        ("lock", 0o027, "g-w,o-rwx"),
        ("compacting", 0o027, "g-w,o-rwx"),
        // A policy is no secret, but it decides.
        (crate::judging::POLICY, 0o022, "go-w"),
        // The workers write there.
        (STATE, 0o007, "o-rwx"),
    ];
    files.map(|(name, forbidden, chmod)| (name.to_owned(), look(name, forbidden, chmod))).into()
}

#[cfg(not(unix))]
fn modes(_: &Path) -> Vec<(String, Result<String, String>)> {
    let _ = STATE;
    Vec::new()
}
