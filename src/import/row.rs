//! Field values by name to an entry: the one reading of fields that CSV and JSON Lines share.

use std::borrow::Cow;

use crate::error::{Error, shown};
use crate::fingerprint::{Algorithm, Fingerprint};
use crate::import::Options;
use crate::import::date;
use crate::import::report::{Cause, Problem};
use crate::set::{Entry, Role, Severity};

/// The fields that are known, by the names that the module documentation lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Algorithm,
    Fingerprint,
    Item,
    Labels,
    Opinion,
    Reviewed,
    Severity,
    Quality,
    SourceId,
    LegalBasis,
    FirstSeen,
    LastSeen,
    Expires,
    Role,
}

impl Field {
    pub(super) const ALL: [Field; 14] = [
        Field::Algorithm,
        Field::Fingerprint,
        Field::Item,
        Field::Labels,
        Field::Opinion,
        Field::Reviewed,
        Field::Severity,
        Field::Quality,
        Field::SourceId,
        Field::LegalBasis,
        Field::FirstSeen,
        Field::LastSeen,
        Field::Expires,
        Field::Role,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Field::Algorithm => "algorithm",
            Field::Fingerprint => "fingerprint",
            Field::Item => "item",
            Field::Labels => "labels",
            Field::Opinion => "opinion",
            Field::Reviewed => "reviewed",
            Field::Severity => "severity",
            Field::Quality => "quality",
            Field::SourceId => "source_id",
            Field::LegalBasis => "legal_basis",
            Field::FirstSeen => "first_seen",
            Field::LastSeen => "last_seen",
            Field::Expires => "expires",
            Field::Role => "role",
        }
    }

    /// The field of that name, in any case and with spaces around it.
    pub(super) fn from_name(name: &str) -> Option<Field> {
        let name = name.trim();
        Field::ALL.iter().copied().find(|field| field.name().eq_ignore_ascii_case(name))
    }
}

/// What a row says of one field.
#[derive(Clone, Debug, Default)]
pub(super) enum Value<'a> {
    /// Nothing: the default of the field applies, as it does for an empty text.
    #[default]
    Absent,
    Text(Cow<'a, str>),
    /// A JSON array of strings.
    Texts(Vec<String>),
}

/// One row: a value per field.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    values: [Value<'a>; Field::ALL.len()],
}

impl<'a> Row<'a> {
    pub(super) fn is_absent(&self, field: Field) -> bool {
        matches!(self.values[field as usize], Value::Absent)
    }

    pub(super) fn set(&mut self, field: Field, value: Value<'a>) {
        self.values[field as usize] = value;
    }

    /// The field's text without surrounding spaces; empty if it is absent.
    fn text(&self, field: Field) -> Result<&str, Problem> {
        match &self.values[field as usize] {
            Value::Absent => Ok(""),
            Value::Text(text) => Ok(text.trim()),
            Value::Texts(_) => Err(Problem::new(
                Cause::BadValue,
                format!("{}: expected one string, found an array", field.name()),
            )),
        }
    }

    fn required(&self, field: Field) -> Result<&str, Problem> {
        let text = self.text(field)?;
        if text.is_empty() {
            let message = format!("the row has no {}", field.name());
            return Err(Problem::new(Cause::MissingField, message));
        }
        Ok(text)
    }

    /// Parses a field that has a default.
    fn parsed<T: std::str::FromStr<Err = Error>>(
        &self,
        field: Field,
        default: T,
    ) -> Result<T, Problem> {
        match self.text(field)? {
            "" => Ok(default),
            text => text.parse().map_err(|error| {
                Problem::new(Cause::BadValue, format!("{}: {error}", field.name()))
            }),
        }
    }

    fn labels(&self) -> Vec<String> {
        let tidy = |label: &str| Some(label.trim().to_owned()).filter(|label| !label.is_empty());
        let mut labels: Vec<String> = match &self.values[Field::Labels as usize] {
            Value::Absent => Vec::new(),
            Value::Text(text) => text.split(';').filter_map(tidy).collect(),
            Value::Texts(texts) => texts.iter().filter_map(|text| tidy(text)).collect(),
        };
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    fn reviewed(&self, default: bool) -> Result<bool, Problem> {
        let text = self.text(Field::Reviewed)?;
        let is = |words: [&str; 3]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        match text {
            "" => Ok(default),
            _ if is(["true", "yes", "1"]) => Ok(true),
            _ if is(["false", "no", "0"]) => Ok(false),
            _ => Err(Problem::new(
                Cause::BadValue,
                format!("reviewed: expected true or false, found {:?}", shown(text)),
            )),
        }
    }

    fn quality(&self) -> Result<Option<u8>, Problem> {
        let text = self.text(Field::Quality)?;
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse() {
            Ok(quality @ 0..=100) => Ok(Some(quality)),
            _ => Err(Problem::new(
                Cause::BadValue,
                format!("quality: expected a whole number from 0 to 100, found {:?}", shown(text)),
            )),
        }
    }

    fn date(&self, field: Field) -> Result<u32, Problem> {
        match self.text(field)? {
            "" => Ok(0),
            text => date::seconds(field.name(), text),
        }
    }

    fn role(&self, options: &Options) -> Result<Role, Problem> {
        let role = self.parsed(Field::Role, Role::Listed)?;
        if role == Role::Exception && !options.exceptions {
            return Err(Problem::new(
                Cause::ExceptionNotAllowed,
                "role: only the operator's own list may let files through",
            ));
        }
        Ok(role)
    }

    /// The entry that the row says.
    pub(super) fn entry(&self, options: &Options) -> Result<Entry, Problem> {
        let algorithm = self.required(Field::Algorithm)?;
        let algorithm: Algorithm = algorithm
            .parse()
            .map_err(|error: Error| Problem::new(Cause::UnknownAlgorithm, error.to_string()))?;
        Ok(Entry {
            fingerprint: fingerprint(algorithm, self.required(Field::Fingerprint)?)?,
            role: self.role(options)?,
            item: self.text(Field::Item)?.to_owned(),
            source_id: self.text(Field::SourceId)?.to_owned(),
            labels: self.labels(),
            opinion: self.parsed(Field::Opinion, options.opinion)?,
            severity: self.parsed(Field::Severity, Severity::Unspecified)?,
            reviewed: self.reviewed(options.reviewed)?,
            quality: self.quality()?,
            legal_basis: self.text(Field::LegalBasis)?.to_owned(),
            first_seen: self.date(Field::FirstSeen)?,
            last_seen: self.date(Field::LastSeen)?,
            expires: self.date(Field::Expires)?,
        })
    }
}

/// A fingerprint from its digits, with a problem that tells a wrong length from a wrong character.
pub(super) fn fingerprint(algorithm: Algorithm, text: &str) -> Result<Fingerprint, Problem> {
    if let Some(other) = text.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(Problem::new(
            Cause::NotHex,
            format!(
                "{algorithm}: {:?} holds {:?}, which is not a hexadecimal digit",
                shown(text),
                shown(other.encode_utf8(&mut [0; 4]))
            ),
        ));
    }
    Fingerprint::from_hex(algorithm, text)
        .map_err(|error| Problem::new(Cause::WrongLength, error.to_string()))
}
