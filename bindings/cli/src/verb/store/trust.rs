//! `tamis store trust`: whose signatures a list's updates need.

use std::path::Path;

use serde_json::json;
use tamis::set::ListKind;
use tamis::store::feed::{self, PublicKey};
use tamis::store::{LOCAL, ListRecord};
use tamis::{Error, ErrorCode};

use super::terms::grounds_of;
use super::{NOTHING, in_force, manifest, open};
use crate::args::Trust;
use crate::output::{plain, remark, shown};
use crate::verb::list::public_key;
use crate::wording::rfc3339;
use crate::{Exit, Failure, Output, interrupt};

pub(super) fn run(arguments: &Trust, output: &mut Output) -> Result<Exit, Failure> {
    interrupt::abandon(Vec::new(), NOTHING);
    let writing = &arguments.writing;
    let manifest = manifest(writing.store())?;
    let store = writing.store();
    let state = State { store, version: manifest.version, changed: false };
    let Some(name) = &arguments.list else {
        if !arguments.keys.is_empty() || arguments.unsigned || !arguments.remove.is_empty() {
            return Err(Failure::new("which list is it about? name it with --list"));
        }
        let mut shown_any = false;
        for (name, record) in manifest.lists.iter().filter(|(_, record)| record.has_maker()) {
            state.show(name, record, output)?;
            shown_any = true;
        }
        if !shown_any {
            output.line(format_args!("{}: no list has pinned keys", shown(store)))?;
        }
        return Ok(Exit::SUCCESS);
    };
    let changes = !arguments.keys.is_empty()
        || !arguments.remove.is_empty()
        || arguments.unsigned
        || arguments.need.is_some()
        || arguments.kind.is_some()
        || arguments.grounds.are_given();
    if !changes {
        let Some(record) = manifest.lists.get(name) else {
            return Err(Failure::new(format!(
                "the store does not know the list {:?}; pin a key to subscribe to it",
                plain(name)
            )));
        };
        state.show(name, record, output)?;
        return Ok(Exit::SUCCESS);
    }
    if name == LOCAL || arguments.kind.is_some_and(ListKind::is_own) {
        return Err(Failure::new(
            "a local list is the operator's own, and nobody else's: take another name or kind",
        ));
    }
    let keys = arguments.keys.iter().map(|text| public_key(text)).collect::<Result<Vec<_>, _>>()?;
    let mut writer = open(writing)?;
    let (before, held) = (writer.manifest().version, writer.manifest().last_number(name));
    let known = writer.manifest().lists.get(name);
    if let Some(record) = known
        && !record.has_maker()
        && record.feed.is_none()
        && held > 0
    {
        return Err(Failure::new(format!(
            "this store numbers the changes of the list {:?} itself, up to {held}; a maker's numbers would not fit them: subscribe under another name, or withdraw the list first",
            plain(name)
        )));
    }
    let new = known.is_none();
    let kind = arguments.kind.unwrap_or(ListKind::Friend);
    let words = words(arguments, &keys);
    let what = (words.as_str(), arguments.reason.as_str());
    in_force(writer.set_list(name, kind, what, writing.now(), |record| {
        lay_down(arguments, name, &keys, record)
    }))?;
    let manifest = writer.manifest();
    let Some(record) = manifest.lists.get(name) else { return Ok(Exit::SUCCESS) };
    let version = manifest.version;
    State { store, version, changed: version != before }.show(name, record, output)?;
    if record.unsigned {
        remark(format_args!(
            "{:?} is taken unsigned: whoever can write to where it arrives says what is on it",
            plain(name)
        ));
    } else if record.keys.is_empty() {
        remark(format_args!(
            "{:?} has no key any more: nothing of its maker is taken; what is on it stays until it is withdrawn",
            plain(name)
        ));
    } else if new && record.kind == ListKind::Friend {
        remark(format_args!(
            "{:?} is a friend's list: its matches go to review; --kind changes that",
            plain(name)
        ));
    }
    Ok(Exit::SUCCESS)
}

/// Makes the record what the arguments say, or says why not.
fn lay_down(
    arguments: &Trust,
    name: &str,
    new: &[PublicKey],
    record: &mut ListRecord,
) -> tamis::Result<()> {
    let fault = |what: String| Err(Error::new(ErrorCode::InvalidArgument, what));
    record.kind = arguments.kind.unwrap_or(record.kind);
    arguments.grounds.lay_down(&mut record.agreement, &mut record.legal_basis);
    if arguments.unsigned {
        record.keys.clear();
        (record.need, record.unsigned) = (0, true);
        return Ok(());
    }
    let mut keys =
        record.keys.iter().map(|key| key.parse()).collect::<tamis::Result<Vec<PublicKey>>>()?;
    for id in arguments.remove.iter().chain(&arguments.replace) {
        let before = keys.len();
        keys.retain(|key| !key.id().to_string().eq_ignore_ascii_case(id) && key.to_string() != *id);
        if keys.len() == before {
            let pinned: Vec<_> = keys.iter().map(|key| key.id().to_string()).collect();
            return fault(format!(
                "no key {:?} is pinned to the list; pinned are: {}",
                plain(id),
                pinned.join(", ")
            ));
        }
    }
    for key in new {
        if !keys.contains(key) {
            keys.push(*key);
        }
    }
    if !new.is_empty() {
        record.unsigned = false;
    }
    record.need = arguments.need.unwrap_or(record.need.max(1));
    record.keys = keys.iter().map(PublicKey::to_string).collect();
    if record.unsigned {
        if arguments.need.is_some() {
            return fault("the list is taken unsigned; pin keys to ask for signatures".into());
        }
        record.need = 0;
        return Ok(());
    }
    if keys.is_empty() {
        // The last one was let go of.
        record.need = 0;
        return match arguments.remove.is_empty() {
            true => fault("the list has no keys yet; give at least one, or --unsigned".into()),
            false => Ok(()),
        };
    }
    feed::Trust { list: name.into(), keys, need: record.need, unsigned: false }.check()
}

/// What is done, for the log.
fn words(arguments: &Trust, keys: &[PublicKey]) -> String {
    let mut words = Vec::new();
    if !keys.is_empty() {
        let ids: Vec<_> = keys.iter().map(|key| key.id().to_string()).collect();
        words.push(format!("pinned {}", ids.join(", ")));
    }
    let gone: Vec<_> =
        arguments.remove.iter().chain(&arguments.replace).map(|id| plain(id)).collect();
    if !gone.is_empty() {
        words.push(format!("let go of {}", gone.join(", ")));
    }
    if let Some(need) = arguments.need {
        words.push(format!("needs {need}"));
    }
    if arguments.unsigned {
        words.push("taken unsigned".into());
    }
    if let Some(kind) = arguments.kind {
        words.push(format!("of kind {kind}"));
    }
    if words.is_empty() { "its terms were laid down".into() } else { words.join("; ") }
}

/// What is said of the store with each list.
struct State<'a> {
    store: &'a Path,
    version: u64,
    changed: bool,
}

impl State<'_> {
    fn show(&self, name: &str, record: &ListRecord, output: &mut Output) -> Result<(), Failure> {
        let keys =
            record.keys.iter().map(|key| key.parse()).collect::<tamis::Result<Vec<PublicKey>>>()?;
        let ids: Vec<_> = keys.iter().map(|key| key.id().to_string()).collect();
        let version = record.feed.as_ref().map(|feed| feed.version);
        output.object(&json!({
        "store": self.store.to_string_lossy(), "version": self.version, "changed": self.changed,
        "list": name, "kind": record.kind, "unsigned": record.unsigned, "need": record.need,
        "keys": keys.iter().zip(&ids).map(|(key, id)| json!({"id": id, "key": key})).collect::<Vec<_>>(),
        "agreement": record.agreement, "legal_basis": record.legal_basis,
        "feed_version": version, "refreshed": record.refreshed,
    }))?;
        let signed = match (record.unsigned, ids.is_empty()) {
            (true, _) => "taken unsigned".to_owned(),
            (_, true) => "no keys: nothing of a maker is taken".to_owned(),
            _ => format!("{} of {}", record.need, ids.join(", ")),
        };
        output.line(format_args!("{} ({}): {signed}", plain(name), record.kind))?;
        if let Some(version) = version {
            output.line(format_args!(
                "  feed version {version}, taken {}",
                rfc3339(record.refreshed)
            ))?;
        }
        grounds_of(record, output)
    }
}
