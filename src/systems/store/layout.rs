//! How TSIG keys are stored in the fields of one secret: a field per key, named like the key without its dot, and
//! `current`. Fields of other shapes belong to others: never read as keys, never written.

use super::{Edit, StoredKey};
use crate::error::{Error, Result};
use crate::model::{Algorithm, KeyName};
use crate::secret::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use zeroize::Zeroize as _;

/// The field that names the current key.
const CURRENT: &str = "current";

/// All fields of the secret at one version. Wiped when dropped, as far as the JSON library lets us.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Fields(pub(super) Map<String, Value>);

impl Drop for Fields {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Fields {
    /// Our keys, in the order of the fields. A field that is clearly ours and can't be read is an error.
    pub(super) fn keys(&self) -> Result<Vec<StoredKey>> {
        self.0.iter().filter_map(|(field, value)| key(field, value).transpose()).collect()
    }

    /// The current key. It is an error if that key is missing or retired.
    pub(super) fn current(&self) -> Result<Option<KeyName>> {
        let name = match self.0.get(CURRENT) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(name)) => KeyName::new(name).map_err(|_| bad(CURRENT, "is not the name of a key"))?,
            Some(_) => return Err(bad(CURRENT, "is not the name of a key")),
        };
        match self.keys()?.iter().find(|it| it.name == name) {
            Some(key) if key.retired.is_none() => Ok(Some(name)),
            Some(_) => Err(bad(CURRENT, &format!("names key {name}, which is retired"))),
            None => Err(bad(CURRENT, &format!("names key {name}, which does not exist"))),
        }
    }

    /// The TSIG secret in this field, if the field is a key.
    pub(super) fn secret(&self, field: &str) -> Result<Option<Secret>> {
        let field = field.strip_suffix('.').unwrap_or(field);
        let Some(value) = self.0.get(field) else { return Ok(None) };
        Ok(key(field, value)?.map(|key| key.secret))
    }

    /// The merge patch (RFC 7396) these edits are, and all fields after it. Edits that make no sense are refused.
    pub(super) fn edited(&self, edits: &[Edit<'_>]) -> Result<(Self, Self)> {
        let mut after = self.clone();
        for edit in edits {
            for (field, value) in after.step(edit)? {
                merge(&mut after.0, &field, value);
            }
        }
        after.current()?;
        Ok((Self(difference(&self.0, &after.0)), after))
    }

    /// One edit as fields of a merge patch.
    fn step(&self, edit: &Edit<'_>) -> Result<Vec<(String, Value)>> {
        let field = |name: &KeyName| name.without_dot().to_owned();
        let known = |name: &KeyName| match self.keys()?.iter().any(|it| &it.name == name) {
            true => Ok(field(name)),
            false => Err(Error::new(format!("key {name} is not in the store")).hint("see `pfddns tsig status`")),
        };
        Ok(match edit {
            Edit::Add(key) => {
                let field = field(&key.name);
                if field == CURRENT || self.0.contains_key(&field) {
                    let what = format!("a key can't be stored as {}: the store has a field of that name", key.name);
                    return Err(Error::new(what).hint("names of keys are never used twice; use another name"));
                }
                vec![(field, value(key))]
            }
            Edit::Current(name) => vec![(CURRENT.into(), known(name)?.into())],
            Edit::Retire(name, when) => vec![(known(name)?, json!({ "retired": when.to_string() }))],
            Edit::Restore(name) => vec![(known(name)?, json!({ "retired": null }))],
            Edit::Forget(name) => {
                let mut gone = vec![(known(name)?, Value::Null)];
                if self.current().ok().flatten().as_ref() == Some(name) {
                    gone.push((CURRENT.into(), Value::Null));
                }
                gone
            }
        })
    }
}

fn bad(field: &str, what: &str) -> Error {
    Error::new(format!("field `{field}` of the secret {what}")).hint("repair this field in the store by hand")
}

/// One field as a key; `None` if it is foreign.
fn key(field: &str, value: &Value) -> Result<Option<StoredKey>> {
    let text = |member: &str| value.get(member).and_then(Value::as_str);
    let (Some(algorithm), Some(secret), Some(created)) = (text("algorithm"), text("secret"), text("created")) else {
        return Ok(None);
    };
    let name = match KeyName::new(field) {
        Ok(name) if name.without_dot() == field => name,
        _ => return Ok(None),
    };
    let time = |text: &str| text.parse::<Timestamp>();
    let retired = match value.get("retired") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(time(text).map_err(|_| bad(field, "has a `retired` that is not a time"))?),
        Some(_) => return Err(bad(field, "has a `retired` that is not a time")),
    };
    Ok(Some(StoredKey {
        name,
        algorithm: Algorithm::parse(algorithm)
            .ok_or_else(|| bad(field, "has an `algorithm` that is not known here"))?,
        created: time(created).map_err(|_| bad(field, "has a `created` that is not a time"))?,
        retired,
        secret: Secret::new(secret),
    }))
}

fn value(key: &StoredKey) -> Value {
    let mut value = json!({
        "algorithm": key.algorithm.name(),
        "secret": key.secret.expose(),
        "created": key.created.to_string(),
    });
    if let (Some(when), Some(members)) = (key.retired, value.as_object_mut()) {
        members.insert("retired".into(), when.to_string().into());
    }
    value
}

/// The merge patch from `old` to `new`: only what differs, `null` for what is gone.
fn difference(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let gone = old.keys().filter(|field| !new.contains_key(*field)).map(|field| (field.clone(), Value::Null));
    let changed = new.iter().filter(|(field, value)| old.get(*field) != Some(*value)).map(|(field, value)| {
        let value = match (old.get(field), value) {
            (Some(Value::Object(old)), Value::Object(new)) => Value::Object(difference(old, new)),
            _ => value.clone(),
        };
        (field.clone(), value)
    });
    gone.chain(changed).collect()
}

/// Applies one field of a merge patch; two levels are all that our patches have.
fn merge(fields: &mut Map<String, Value>, field: &str, value: Value) {
    match (fields.get_mut(field), value) {
        (_, Value::Null) => drop(fields.shift_remove(field)),
        (Some(Value::Object(old)), Value::Object(new)) => {
            for (member, value) in new {
                if value.is_null() { drop(old.shift_remove(&member)) } else { drop(old.insert(member, value)) }
            }
        }
        (_, value) => drop(fields.insert(field.to_owned(), value)),
    }
}
