//! The durable DDNS switch: our keys in `custom_kea_config`, next to the operator's own, marked so that only ours are
//! removed. Needs pfSense 2.8: 2.7.2 can't store them, and pfSense's own `ddns*` tags do nothing under Kea.

use super::custom_kea::decode;
use super::dhcp::{Backend, backend, is_ha_primary, not_standby, scopes};
use super::edit::Edit;
use super::xml::Document;
use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// JSON `{}`: an interface-level tag that makes pfSense lint the whole result.
const NOTHING: &str = "e30=";
/// Our mark is stored here: Kea keeps `user-context` and does nothing with it.
const CONTEXT: &str = "user-context";
const MARK: &str = "pfddns";

/// The keys we want at each place.
#[derive(Debug, Clone, PartialEq)]
pub struct Wiring {
    /// Merged into `Dhcp4`.
    pub global: Map<String, Value>,
    /// Merged into the subnet of each interface, by its key in config.xml.
    pub interfaces: Vec<(String, Map<String, Value>)>,
}

/// The place of a custom value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Section {
    /// `<kea>`.
    Global,
    /// An interface's DHCP section.
    Interface(String),
}

impl Section {
    fn path(&self) -> String {
        match self {
            Self::Global => "kea/custom_kea_config".to_owned(),
            Self::Interface(name) => format!("dhcpd/{name}/custom_kea_config"),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Global => "the global custom Kea JSON".to_owned(),
            Self::Interface(name) => format!("the custom Kea JSON of {name}"),
        }
    }
}

/// Does this pfSense merge custom JSON into Kea's generated file? If not, its next rebuild removes the wiring.
pub fn lasts(document: &Document<'_>) -> bool {
    document.dialect().has_custom_kea()
}

/// Refuses a firewall where Kea can't be wired at all, with the reason.
pub fn check(document: &Document<'_>) -> Result<()> {
    if backend(document) == Backend::Isc {
        return Err(Error::usage("this firewall runs the ISC DHCP server, not Kea")
            .hint("switch in System > Advanced > Networking, or use the DDNS fields of its DHCP page"));
    }
    not_standby(document)
}

/// Refuses a firewall that can't store the wiring, with the reason and the alternative.
pub fn check_lasts(document: &Document<'_>) -> Result<()> {
    if lasts(document) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "pfSense {} can't store other settings for Kea's configuration; permanent DDNS needs 2.8 or later",
        document.dialect()
    ))
    .hint(
        "upgrade pfSense, or add --until-regenerated: it lasts until pfSense rebuilds that file; the same command, \
         from cron, then restores it",
    ))
}

/// The changes that add our keys. A key the operator has set to something else is a refusal, not an overwrite.
pub fn enable(document: &Document<'_>, wiring: &Wiring) -> Result<Vec<Edit>> {
    check(document)?;
    check_lasts(document)?;
    let known = scopes(document);
    let mut edits = Vec::new();
    for (name, keys) in &wiring.interfaces {
        let scope = known.iter().find(|it| it.interface == *name);
        let scope = scope.ok_or_else(|| Error::usage(format!("no DHCP section for interface {name}")))?;
        if !scope.enabled {
            return Err(
                Error::usage(format!("DHCP is off on {name}")).hint("turn it on in Services > DHCP Server first")
            );
        }
        add(document, &Section::Interface(name.clone()), keys, &mut edits)?;
    }
    if wiring.interfaces.is_empty() && !known.iter().any(|it| it.custom_kea) {
        // Alone, the global value is never linted, and a bad one leaves DHCP down.
        let first = known.iter().find(|it| it.enabled);
        let first = first.ok_or_else(|| Error::usage("DHCP is on for no interface"))?;
        edits.push(Edit::put(&Section::Interface(first.interface.clone()).path(), NOTHING));
    }
    add(document, &Section::Global, &wiring.global, &mut edits)?;
    Ok(edits)
}

/// The changes that remove what `enable` added, in any place, and nothing else.
pub fn disable(document: &Document<'_>) -> Result<Vec<Edit>> {
    let mut edits = Vec::new();
    let mut left = false;
    for scope in scopes(document) {
        left |= take_out(document, &Section::Interface(scope.interface), &mut edits)?;
    }
    let global = take_out(document, &Section::Global, &mut edits)?;
    if global && !left {
        // The operator's own global value must still be linted.
        if let Some(Edit::Remove { path }) = edits.iter().find(|it| it.path().first().is_some_and(|it| it == "dhcpd")) {
            let keep = Edit::put(&path.join("/"), NOTHING);
            let gone = Edit::Remove { path: path.clone() };
            edits.iter_mut().filter(|it| **it == gone).for_each(|it| *it = keep.clone());
        }
    }
    let alone = document.at(&["kea"]).is_some_and(|kea| document.children(kea).count() == 1);
    let gone = edits.iter().any(|it| *it == Edit::remove(&Section::Global.path()));
    if alone && gone {
        edits.retain(|it| *it != Edit::remove(&Section::Global.path()));
        // The primary of a pair sends `kea` only while it has one: without, the other one would go on sending names.
        edits.push(match is_ha_primary(document) {
            true => Edit::put(&Section::Global.path(), NOTHING),
            false => Edit::remove("kea"),
        });
    }
    Ok(edits)
}

/// Which places hold all keys we want; a drift shows as false.
pub fn state(document: &Document<'_>, wiring: &Wiring) -> Result<Vec<(Section, bool)>> {
    let places = wiring.interfaces.iter().map(|(name, keys)| (Section::Interface(name.clone()), keys));
    places
        .chain([(Section::Global, &wiring.global)])
        .map(|(place, keys)| {
            let have = value(document, &place)?.unwrap_or_default();
            let holds = keys.iter().all(|(key, wanted)| have.get(key).is_some_and(|it| contains(it, wanted)));
            Ok((place, holds))
        })
        .collect()
}

/// The custom value at a place; `None` if there is no tag or an empty one.
pub fn value(document: &Document<'_>, place: &Section) -> Result<Option<Map<String, Value>>> {
    let path = place.path();
    let path: Vec<&str> = path.split('/').collect();
    let Some(id) = document.at(&path) else { return Ok(None) };
    let text = document.text(id).unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice(&decode(&text)) {
        Ok(Value::Object(map)) => Ok(Some(map)),
        _ => Err(Error::new(format!("{} (config.xml line {}) is not a JSON object", place.text(), document.line(id)))
            .hint("correct it in pfSense's web interface: with this value DHCP may not start")),
    }
}

fn add(document: &Document<'_>, place: &Section, keys: &Map<String, Value>, edits: &mut Vec<Edit>) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let before = value(document, place)?;
    let mut map = before.clone().unwrap_or_default();
    let mut added = marks(&map);
    join(&mut map, keys, "", &mut added, place)?;
    if before.as_ref() == Some(&map) {
        return Ok(());
    }
    let context = map.entry(CONTEXT).or_insert_with(|| json!({}));
    let Some(context) = context.as_object_mut() else {
        return Err(Error::new(format!("{} has a {CONTEXT} that is not an object", place.text())));
    };
    context.insert(MARK.to_owned(), Value::from(added));
    edits.push(Edit::put(&place.path(), encode(&map)?.as_str()));
    Ok(())
}

/// Adds what is missing and notes its JSON pointer.
fn join(
    into: &mut Map<String, Value>,
    keys: &Map<String, Value>,
    at: &str,
    added: &mut Vec<String>,
    place: &Section,
) -> Result<()> {
    for (key, wanted) in keys {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        match (into.get_mut(key), wanted) {
            (None, _) => {
                into.insert(key.clone(), wanted.clone());
                added.push(pointer);
            }
            (Some(there), wanted) if there == wanted => {}
            (Some(Value::Object(there)), Value::Object(wanted)) => join(there, wanted, &pointer, added, place)?,
            // Ours from an earlier run: may be renewed.
            (Some(there), wanted) if ours(&pointer, added) => *there = wanted.clone(),
            (Some(_), _) => {
                return Err(Error::new(format!(
                    "{} already sets {} to something else",
                    place.text(),
                    pointer.trim_start_matches('/')
                ))
                .hint("remove it there, or give the same value in pfddns.toml"));
            }
        }
    }
    Ok(())
}

fn ours(pointer: &str, added: &[String]) -> bool {
    added.iter().any(|it| pointer == it || pointer.strip_prefix(it.as_str()).is_some_and(|rest| rest.starts_with('/')))
}

/// The keys that we added at this place, from our mark.
fn marks(map: &Map<String, Value>) -> Vec<String> {
    let list = map.get(CONTEXT).and_then(|it| it.get(MARK)).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Removes our keys; true if a value of the operator stays.
fn take_out(document: &Document<'_>, place: &Section, edits: &mut Vec<Edit>) -> Result<bool> {
    let Some(before) = value(document, place)? else { return Ok(false) };
    let mut map = before.clone();
    for pointer in marks(&before) {
        remove_pointer(&mut map, &pointer);
    }
    if let Some(Value::Object(context)) = map.get_mut(CONTEXT) {
        context.shift_remove(MARK);
        if context.is_empty() {
            map.shift_remove(CONTEXT);
        }
    }
    if map.is_empty() && (map != before || *place != Section::Global) {
        edits.push(Edit::remove(&place.path()));
        return Ok(false);
    }
    if map != before {
        edits.push(Edit::put(&place.path(), encode(&map)?.as_str()));
    }
    Ok(true)
}

fn remove_pointer(map: &mut Map<String, Value>, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    let key = key.replace("~1", "/").replace("~0", "~");
    if parent.is_empty() {
        map.shift_remove(&key);
        return;
    }
    let mut parts = parent.trim_start_matches('/').split('/');
    let first = parts.next().and_then(|it| map.get_mut(&it.replace("~1", "/").replace("~0", "~")));
    let parent =
        parts.try_fold(first, |at, part| at.map(|it| it.get_mut(part.replace("~1", "/").replace("~0", "~").as_str())));
    if let Some(Some(Value::Object(parent))) = parent {
        parent.shift_remove(&key);
    }
}

fn contains(have: &Value, wanted: &Value) -> bool {
    match (have, wanted) {
        (Value::Object(have), Value::Object(wanted)) => {
            wanted.iter().all(|(key, it)| have.get(key).is_some_and(|have| contains(have, it)))
        }
        (have, wanted) => have == wanted,
    }
}

/// Indented, as a person would want to read it in the web interface; base64 without line breaks.
fn encode(map: &Map<String, Value>) -> Result<String> {
    let text = serde_json::to_string_pretty(map).map_err(|error| Error::new(format!("custom Kea JSON: {error}")))?;
    Ok(STANDARD.encode(text))
}

#[cfg(test)]
#[path = "ddns_tests.rs"]
mod tests;
