//! What pfSense has in memory after reading: strings, maps in file order, lists.

use super::document::{Document, Id, Kind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A value of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// A string.
    Text(String),
    /// Named values in order. Never empty: an element without children is the empty string.
    Map(Vec<(String, Seen)>),
    /// The members of a list tag; may be empty.
    List(Vec<Seen>),
}

impl Seen {
    /// The value of an element.
    pub fn of(document: &Document<'_>, id: Id) -> Self {
        if document.kind(id) != Kind::Elements {
            return Self::Text(document.text(id).unwrap_or_default());
        }
        let mut map: Vec<(String, Self)> = Vec::new();
        for child in document.children(id) {
            let name = document.name(child);
            if !document.node(child).is_some_and(|it| it.list) {
                map.push((name.to_owned(), Self::of(document, child)));
                continue;
            }
            let at = map.iter().position(|(it, _)| it == name).unwrap_or_else(|| {
                map.push((name.to_owned(), Self::List(Vec::new())));
                map.len() - 1
            });
            if let Some((_, Self::List(members))) = map.get_mut(at)
                && !document.is_dropped(child)
            {
                members.push(Self::of(document, child));
            }
        }
        Self::Map(map)
    }

    /// The value of this key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.iter().find(|(it, _)| it == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// As JSON, for reports and comparisons.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::List(members) => Value::Array(members.iter().map(Self::to_json).collect()),
            Self::Map(map) => {
                Value::Object(map.iter().map(|(key, it)| (key.clone(), it.to_json())).collect::<Map<_, _>>())
            }
        }
    }
}

impl From<&str> for Seen {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
