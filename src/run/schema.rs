//! The published schemas (JSON Schema 2020-12): pfddns.toml, a saved plan, and each document of `--json`.

use super::Shown;
use super::document::{Document, FORMAT};
use crate::config;
use crate::error::{Error, Result};
use crate::plan::Plan;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The schema of this name; without a name, the names.
pub(super) fn schema(name: Option<&str>) -> Result<Shown> {
    let all = all();
    let Some(name) = name else {
        return Ok(Shown::text(all.iter().map(|(name, _)| format!("{name}\n")).collect::<String>()));
    };
    let found = all.iter().find(|(it, _)| it == name);
    let hint = "`pfddns schema` lists their names";
    let (_, schema) = found.ok_or_else(|| Error::usage(format!("no document is called `{name}`")).hint(hint))?;
    Ok(Shown::text(format!("{schema:#}\n")))
}

fn all() -> Vec<(String, Value)> {
    let writes = || SchemaSettings::draft2020_12().for_serialize().into_generator();
    let any = writes().into_root_schema_for::<Document>().to_value();
    let kinds = any["oneOf"].as_array().into_iter().flatten();
    let name = |kind: &Value| kind["properties"]["document"]["const"].as_str().unwrap_or_default().to_owned();
    let documents = kinds.map(|kind| (name(kind), one(kind, &any)));
    let written = writes().into_root_schema_for::<Plan>().to_value();
    let files = [("pfddns.toml".to_owned(), config::schema().to_value()), ("plan-file".to_owned(), written)];
    files.into_iter().chain(documents).collect()
}

/// The schema of one kind of document: `format` is added, and of all parts it brings those that it refers to.
fn one(kind: &Value, any: &Value) -> Value {
    let mut schema = json!({ "$schema": any["$schema"], "title": kind["properties"]["document"]["const"] });
    kind.as_object().into_iter().flatten().for_each(|(key, value)| schema[key] = value.clone());
    schema["properties"]["format"] = json!({ "const": FORMAT });
    schema["required"].as_array_mut().into_iter().for_each(|it| it.push("format".into()));
    let (mut parts, mut text, mut before) = (Map::new(), schema.to_string(), usize::MAX);
    while parts.len() != before {
        before = parts.len();
        let used = |name: &str| text.contains(&format!("\"#/$defs/{name}\""));
        let all = any["$defs"].as_object().into_iter().flatten();
        parts = all.filter(|(name, _)| used(name)).map(|(name, part)| (name.clone(), part.clone())).collect();
        text = format!("{schema}{}", Value::from(parts.clone()));
    }
    schema["$defs"] = parts.into();
    schema
}
