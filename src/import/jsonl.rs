//! JSON Lines: one object per line.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::error::Category;

use crate::error::Result;
use crate::import::report::{Cause, Problem, Report};
use crate::import::row::{Field, Row, Value};
use crate::import::{Lines, Options, Sink, text_of};
use crate::set::Entry;

pub(super) fn read(lines: &mut Lines<'_>, options: &Options, sink: &mut Sink<'_>) -> Result<()> {
    let mut bytes = Vec::new();
    while let Some(line) = lines.next(&mut bytes)? {
        match text_of(&bytes, line.too_long).map(str::trim) {
            Ok("") => sink.report.blank += 1,
            text => {
                let entry = text.and_then(|text| entry(text, options, sink.report));
                sink.row(line.number, entry);
            }
        }
        bytes.clear();
    }
    Ok(())
}

fn entry(
    text: &str,
    options: &Options,
    report: &mut Report,
) -> std::result::Result<Entry, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let object = Object { report }
        .deserialize(&mut deserializer)
        .and_then(|row| deserializer.end().map(|()| row));
    match object {
        Ok(row) => row?.entry(options),
        Err(error) => {
            // Only syntax errors are sentences without the row's own text in them.
            let found = match error.classify() {
                Category::Data | Category::Io => String::new(),
                Category::Syntax | Category::Eof => format!(": {error}"),
            };
            let found = found.replace(" at line 1 column ", " at character ");
            let message = format!("expected one JSON object on the line{found}");
            Err(Problem::new(Cause::BadJson, message))
        }
    }
}

/// Reads an object into a row without building the fields that are ignored.
struct Object<'r> {
    report: &'r mut Report,
}

/// A row, or the first thing that is wrong with an object that is well-formed JSON.
type Checked = std::result::Result<Row<'static>, Problem>;

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Checked;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Checked, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Checked, A::Error> {
        let mut row = Row::default();
        let mut problem = None;
        while let Some(name) = map.next_key::<String>()? {
            let Some(field) = Field::from_name(&name) else {
                self.report.ignore_column(&name);
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let found = match value_of(field, map.next_value()?) {
                Ok(value) if row.is_absent(field) => {
                    row.set(field, value);
                    continue;
                }
                Ok(_) => Problem::new(
                    Cause::DuplicateField,
                    format!("{}: the object has this field twice", field.name()),
                ),
                Err(found) => found,
            };
            problem.get_or_insert(found);
        }
        Ok(problem.map_or(Ok(row), Err))
    }
}

/// Strings and numbers are texts, `null` is absent; `reviewed` may be a boolean and `labels` an array of strings.
fn value_of(field: Field, json: Json) -> std::result::Result<Value<'static>, Problem> {
    let found = match json {
        Json::Null => return Ok(Value::Absent),
        Json::String(text) => return Ok(Value::Text(text.into())),
        Json::Number(number) => return Ok(Value::Text(number.to_string().into())),
        Json::Bool(truth) if field == Field::Reviewed => {
            return Ok(Value::Text(if truth { "true" } else { "false" }.into()));
        }
        Json::Array(array) if field == Field::Labels => {
            let texts = array.into_iter().map(|label| match label {
                Json::String(text) => Some(text),
                _ => None,
            });
            match texts.collect() {
                Some(texts) => return Ok(Value::Texts(texts)),
                None => "an array that holds something else than strings",
            }
        }
        Json::Bool(_) => "true or false",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    };
    let expected = if field == Field::Labels { "an array of strings" } else { "a string" };
    let message = format!("{}: expected {expected}, found {found}", field.name());
    Err(Problem::new(Cause::BadValue, message))
}
