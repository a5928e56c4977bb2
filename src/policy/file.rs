//! The policy file: TOML to policy, policy to canonical TOML, and the one edit that Tamis makes.
//!
//! The file is read from the parser's table of positions rather than through serde, so that every
//! complaint can name line, column, key, what was found and what was expected. Nothing is guessed:
//! an unknown key is a typing mistake in something that decides what is blocked.

use std::fmt::{Display, Write as _};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use crate::error::{Error, ErrorCode, Result, shown};
use crate::fingerprint::View;
use crate::media::{MediaClass, Unscannable};
use crate::policy::builder::BYTES_FAULT;
use crate::policy::read::{Source, Table, Value};
use crate::policy::{
    Action, MAX_MATCHES, MAX_RADIUS, MAX_RULES, MAX_STORE_AGE, Mode, Policy, PolicyBuilder, Rule,
};

/// Bytes of the longest policy file that is read.
const MAX_BYTES: usize = 1 << 20;

/// The word for the seven turned and mirrored views.
const DIHEDRAL: &str = "dihedral";

impl Policy {
    /// Reads a policy from the text of a policy file. [`Policy::EXAMPLE`] explains every key.
    ///
    /// # Errors
    /// [`ErrorCode::Policy`], with line and column, for text that is not TOML or longer than 1 MiB, for an unknown key, a value of
    /// the wrong type or out of range, and for rules that [`PolicyBuilder::build`] refuses.
    ///
    /// ```
    /// use tamis::policy::Policy;
    /// let error = Policy::from_toml("version = 1\nradius = 310\n").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "line 2, column 10: `radius`: expected a whole number from 0 to 64, found 310"
    /// );
    /// ```
    pub fn from_toml(text: &str) -> Result<Policy> {
        let source = Source(text);
        if text.len() > MAX_BYTES {
            let at = (0..=MAX_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            return Err(source.error(at, format_args!("the file is longer than {MAX_BYTES} bytes")));
        }
        let keys = source.parse()?;
        let root = Table::root(source, &keys);
        // Before anything else, since a later version may have other keys.
        root.require("version", "version = 1")?.whole(1..=1)?;
        root.only(&[
            "version",
            "mode",
            "radius",
            "views",
            "max_matches",
            "block_quality",
            "stop_early",
            "max_store_age_hours",
            "too_old",
            "unscannable",
            "rule",
        ])?;

        let mut builder = Policy::builder();
        if let Some(value) = root.get("mode") {
            builder = builder.mode(value.word()?);
        }
        if let Some(value) = root.get("radius") {
            builder = builder.radius(value.whole(0..=MAX_RADIUS)?);
        }
        if let Some(value) = root.get("views") {
            builder = builder.views(views(value, false)?);
        }
        if let Some(value) = root.get("max_matches") {
            builder = builder.max_matches(value.whole(1..=MAX_MATCHES)?);
        }
        if let Some(value) = root.get("block_quality") {
            builder = builder.block_quality(value.whole(0..=100)?);
        }
        if let Some(value) = root.get("stop_early") {
            builder = builder.stop_early(value.flag()?);
        }
        if let Some(value) = root.get("max_store_age_hours") {
            builder = builder.max_store_age(value.whole(0..=MAX_STORE_AGE)?);
        }
        if let Some(value) = root.get("too_old") {
            builder = builder.too_old(value.word()?);
        }
        if let Some(value) = root.get("unscannable") {
            builder = unscannable(value, builder)?;
        }
        let expected = "[[rule]] with two brackets";
        let rules = root.get("rule").map_or(Ok(Vec::new()), |value| value.array(expected))?;
        if let Some(surplus) = rules.get(MAX_RULES) {
            return Err(surplus.error(format_args!("expected at most {MAX_RULES} rules")));
        }
        for value in &rules {
            builder = builder.rule(rule(value.table(expected)?)?);
        }
        match builder.rule_fault() {
            None => builder.build(),
            Some(fault) => {
                let at = rules.get(fault.rule).map(|value| value.table(expected)).transpose()?;
                let key = at.and_then(|table| table.get(fault.key?));
                Err(match key {
                    Some(key) => key.error(fault.message),
                    None => at.unwrap_or(root).error(fault.message),
                })
            }
        }
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// Those of [`Policy::from_toml`], with the path; [`ErrorCode::NotFound`], [`ErrorCode::Permissions`] or [`ErrorCode::Io`] if it
    /// cannot be read; [`ErrorCode::InvalidArgument`] if it is not a regular file.
    pub fn load(path: impl AsRef<Path>) -> Result<Policy> {
        let path = path.as_ref();
        // Asked of the path, not of the open file: opening a pipe would wait for its writer.
        let kind = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
        if !kind.is_file() {
            let text = "expected a policy file, found a directory or device";
            return Err(Error::new(ErrorCode::InvalidArgument, text).with_path(path));
        }
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io("read", path, e))?;
        text_of(&bytes).and_then(Policy::from_toml).map_err(|e| e.with_path(path))
    }

    /// The policy as a file in its one canonical spelling: every setting, keys in a fixed order, values
    /// sorted, no comments. Reading it back gives the same policy.
    pub fn to_toml(&self) -> String {
        let mut out = format!(
            "version = 1\nmode = \"{}\"\nradius = {}\nviews = {}\nmax_matches = {}\nblock_quality = {}\nstop_early = {}\nmax_store_age_hours = {}\ntoo_old = \"{}\"\n",
            self.mode(),
            self.radius(),
            spelled_views(self.views()),
            self.max_matches(),
            self.block_quality(),
            self.stop_early(),
            self.max_store_age(),
            self.too_old(),
        );
        out.push_str("\n[unscannable]\ndefault = \"review\"\n");
        for class in MediaClass::ALL.iter().copied() {
            let rows = Unscannable::ALL.iter().map(|&why| (why, self.unscannable(class, why)));
            let mut rows = rows.filter(|row| row.1 != Action::Review).peekable();
            if rows.peek().is_some() {
                line(&mut out, format_args!("\n[unscannable.{class}]"));
            }
            for (why, action) in rows {
                line(&mut out, format_args!("{why} = \"{action}\""));
            }
        }
        for rule in &self.settings.rules {
            write_rule(&mut out, rule);
        }
        out
    }
}

/// The text of a policy file with its mode set, and every other byte as it was.
///
/// # Errors
/// Those of [`Policy::from_toml`], if the text was not a valid policy to begin with.
///
/// ```
/// use tamis::policy::{Mode, set_mode_in};
/// let text = "version = 1\nmode = 'observe' # until Monday\n";
/// assert_eq!(set_mode_in(text, Mode::Enforce)?, "version = 1\nmode = \"enforce\" # until Monday\n");
/// # Ok::<(), tamis::Error>(())
/// ```
pub fn set_mode_in(text: &str, mode: Mode) -> Result<String> {
    let mut wanted = Policy::from_toml(text)?;
    wanted.settings.mode = mode;
    let wanted = wanted.sealed();
    let keys = Source(text).parse()?;
    let (keep, insert, rest) = match (keys.get("mode"), keys.get("version")) {
        (Some(value), _) => (value.span().start, format!("\"{mode}\""), value.span().end),
        (None, Some(version)) => {
            // A new line below the version's, with the line ending that the file uses.
            let after = text.get(version.span().end..).unwrap_or_default();
            let (at, insert) = match after.find('\n') {
                Some(newline) => {
                    let ending = if after[..newline].ends_with('\r') { "\r\n" } else { "\n" };
                    let at = version.span().end + newline + 1;
                    (at, format!("mode = \"{mode}\"{ending}"))
                }
                None => (text.len(), format!("\nmode = \"{mode}\"\n")),
            };
            (at, insert, at)
        }
        (None, None) => (0, String::new(), 0),
    };
    let before = text.get(..keep).unwrap_or_default();
    let after = text.get(rest..).unwrap_or_default();
    let edited = [before, insert.as_str(), after].concat();
    // The file decides what is blocked: never hand back an edit that says anything else.
    match Policy::from_toml(&edited) {
        Ok(policy) if policy.digest() == wanted.digest() => Ok(edited),
        _ => Err(Error::new(
            ErrorCode::Internal,
            format!("cannot set the mode; write mode = \"{mode}\" into the file by hand"),
        )),
    }
}

/// The bytes as text, or where they stop being text.
fn text_of(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|e| {
        let valid = bytes.get(..e.valid_up_to()).unwrap_or_default();
        let valid = std::str::from_utf8(valid).unwrap_or_default();
        Source(valid).error(valid.len(), "not UTF-8 text; save the file as UTF-8")
    })
}

/// The words of a value, each once.
fn words<T: FromStr<Err = Error> + PartialEq + Display>(value: Value<'_>) -> Result<Vec<T>> {
    each_once(value, |element| Ok(vec![element.word()?]))
}

/// The texts of a value, each once.
fn texts(value: Value<'_>) -> Result<Vec<String>> {
    each_once(value, |element| Ok(vec![element.text()?.to_owned()]))
}

/// The views of a value, each once; `dihedral` stands for seven of them.
fn views(value: Value<'_>, bytes: bool) -> Result<Vec<View>> {
    each_once(value, |element| match element.text()? {
        text if text.eq_ignore_ascii_case(DIHEDRAL) => {
            Ok(View::ALL.iter().copied().filter(|v| v.is_dihedral()).collect())
        }
        _ => match element.word()? {
            View::Bytes if !bytes => Err(element.error(BYTES_FAULT)),
            view => Ok(vec![view]),
        },
    })
}

fn each_once<T: PartialEq + Display>(
    value: Value<'_>,
    read: impl Fn(Value<'_>) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for element in value.one_or_many() {
        for one in read(element)? {
            if all.contains(&one) {
                let name = one.to_string();
                return Err(element.error(format_args!("{:?} stands here twice", shown(&name))));
            }
            all.push(one);
        }
    }
    Ok(all)
}

/// The `[unscannable]` tables. A class's own default outranks the general one, a reason's own row both.
fn unscannable(value: Value<'_>, mut builder: PolicyBuilder) -> Result<PolicyBuilder> {
    let table = value.table("a table such as [unscannable]")?;
    table.only(&[&["default"], MediaClass::NAMES].concat())?;
    if let Some(default) = table.get("default") {
        builder = builder.unscannable_default(default.word()?);
    }
    for class in MediaClass::ALL.iter().copied() {
        let Some(value) = table.get(class.name()) else { continue };
        let rows = value.table(&format!("a table such as [unscannable.{class}]"))?;
        rows.only(&[&["default"], Unscannable::NAMES].concat())?;
        let default = rows.get("default").map(Value::word).transpose()?;
        for why in Unscannable::ALL.iter().copied() {
            let row = rows.get(why.name()).map(Value::word).transpose()?;
            if let Some(action) = row.or(default) {
                builder = builder.unscannable(class, why, action);
            }
        }
    }
    Ok(builder)
}

/// One `[[rule]]`.
fn rule(table: Table<'_>) -> Result<Rule> {
    table.only(&[
        "name",
        "why",
        "list",
        "list_kind",
        "label",
        "opinion",
        "severity",
        "algorithm",
        "reviewed",
        "view",
        "max_distance",
        "action",
    ])?;
    let action = table.require("action", "action = \"allow\", \"review\" or \"block\"")?;
    let mut rule = Rule::new(action.word()?);
    rule.line = Some(table.line());
    rule.name = table.get("name").map(|v| v.text().map(str::to_owned)).transpose()?;
    rule.why = table.get("why").map(|v| v.text().map(str::to_owned)).transpose()?;
    rule.list = selected(table, "list", texts)?;
    rule.list_kind = selected(table, "list_kind", words)?;
    rule.label = selected(table, "label", texts)?;
    rule.opinion = selected(table, "opinion", words)?;
    rule.severity = table.get("severity").map(Value::word).transpose()?;
    rule.algorithm = selected(table, "algorithm", words)?;
    rule.reviewed = table.get("reviewed").map(Value::flag).transpose()?;
    rule.view = selected(table, "view", |value| views(value, true))?;
    rule.max_distance = table.get("max_distance").map(|v| v.whole(0..=MAX_RADIUS)).transpose()?;
    Ok(rule)
}

/// The values of a selector; none if it is not given, which selects everything.
fn selected<T>(
    table: Table<'_>,
    key: &'static str,
    read: impl FnOnce(Value<'_>) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let Some(value) = table.get(key) else { return Ok(Vec::new()) };
    let values = read(value)?;
    // An empty array would select everything, which is the opposite of what it looks like.
    if values.is_empty() {
        return Err(value.error("expected at least one value; remove the line to select all"));
    }
    Ok(values)
}

fn write_rule(out: &mut String, rule: &Rule) {
    out.push_str("\n[[rule]]\n");
    let texts = [("name", &rule.name), ("why", &rule.why)];
    for (key, text) in texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?))) {
        line(out, format_args!("{key} = {}", quoted(text)));
    }
    selector(out, "list", &rule.list);
    selector(out, "list_kind", &rule.list_kind);
    selector(out, "label", &rule.label);
    selector(out, "opinion", &rule.opinion);
    if let Some(severity) = rule.severity {
        line(out, format_args!("severity = \"{severity}\""));
    }
    selector(out, "algorithm", &rule.algorithm);
    if let Some(reviewed) = rule.reviewed {
        line(out, format_args!("reviewed = {reviewed}"));
    }
    if !rule.view.is_empty() {
        line(out, format_args!("view = {}", spelled_views(&rule.view)));
    }
    if let Some(distance) = rule.max_distance {
        line(out, format_args!("max_distance = {distance}"));
    }
    line(out, format_args!("action = \"{}\"", rule.action));
}

fn selector(out: &mut String, key: &str, values: &[impl ToString]) {
    if !values.is_empty() {
        line(out, format_args!("{key} = {}", array(values)));
    }
}

/// Views as an array; all seven turned and mirrored ones by their common word.
fn spelled_views(views: &[View]) -> String {
    let every = View::ALL.iter().copied().filter(|v| v.is_dihedral()).all(|v| views.contains(&v));
    let mut words: Vec<&str> =
        views.iter().filter(|v| !(every && v.is_dihedral())).map(|v| v.name()).collect();
    if every {
        words.push(DIHEDRAL);
    }
    array(&words)
}

fn array(values: &[impl ToString]) -> String {
    let values: Vec<String> = values.iter().map(|v| quoted(&v.to_string())).collect();
    format!("[{}]", values.join(", "))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn line(out: &mut String, text: impl Display) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}
