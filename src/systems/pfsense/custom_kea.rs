//! `custom_kea_config`: JSON of the operator's that pfSense 2.8 and later merges into what it writes for Kea.
//! A model of that merge (pfSense's `array_merge_override_recursive`), so that the result is known before anything is saved.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// What pfSense's generator ends with.
#[derive(Debug, Clone, PartialEq)]
pub enum Generated {
    /// This configuration is written and Kea is started with it.
    Written(Value),
    /// PHP stops with a type error after Kea was killed: DHCP is down.
    Fatal,
}

/// The custom values of one configuration; `None` where there is no tag.
#[derive(Debug, Clone, Default)]
pub struct Custom<'a> {
    /// `<kea><custom_kea_config>`.
    pub global: Option<&'a str>,
    /// For each `subnet4` entry of the base, in order: the interface's tag.
    pub interfaces: Vec<Option<&'a str>>,
    /// For each of those, the tags of its reservations in order.
    pub reservations: Vec<Vec<Option<&'a str>>>,
}

/// When pfSense runs `kea-dhcp4 -t` on its result, and falls back to one without any custom value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lints {
    /// The first weeks of the feature (2.8 in March 2025).
    Always,
    /// Only if an interface, pool or reservation has custom JSON; the global value alone is never checked.
    WithScopes,
}

/// What pfSense writes from `base` (its configuration without custom values). `valid` stands for `kea-dhcp4 -t`.
pub fn generate(base: &Value, custom: &Custom<'_>, lints: Lints, valid: impl Fn(&Value) -> bool) -> Generated {
    let mut made = base.clone();
    let mut scoped = false;
    let subnets = made.pointer_mut("/Dhcp4/subnet4").and_then(Value::as_array_mut);
    for (n, subnet) in subnets.into_iter().flatten().enumerate() {
        let own = custom.reservations.get(n).map(Vec::as_slice).unwrap_or_default();
        if let Some(reservations) = subnet.get_mut("reservations").and_then(Value::as_array_mut) {
            for (reservation, tag) in reservations.iter_mut().zip(own) {
                match merge_tag(reservation, *tag) {
                    Some(merged) => scoped |= merged,
                    None => return Generated::Fatal,
                }
            }
        }
        match merge_tag(subnet, custom.interfaces.get(n).copied().flatten()) {
            Some(merged) => scoped |= merged,
            None => return Generated::Fatal,
        }
    }
    if let Some(tag) = custom.global {
        let dhcp4 = made.get_mut("Dhcp4");
        match (dhcp4, array(tag)) {
            (Some(dhcp4), Some(added)) => *dhcp4 = merge(std::mem::take(dhcp4), added),
            // Presence alone merges: an empty or broken value leaves nothing of the configuration.
            (Some(dhcp4), None) => *dhcp4 = Value::Null,
            _ => {}
        }
    }
    let linted = lints == Lints::Always || scoped;
    if linted && !valid(&made) { Generated::Written(base.clone()) } else { Generated::Written(made) }
}

/// Merges a tag below the global level; `None` is PHP's type error, `Some(false)` an absent or empty tag.
fn merge_tag(into: &mut Value, tag: Option<&str>) -> Option<bool> {
    match tag {
        None | Some("") => Some(false),
        Some(tag) => {
            *into = merge(std::mem::take(into), array(tag)?);
            Some(true)
        }
    }
}

/// The tag's JSON as PHP holds it, if it is an array there (a JSON object or list).
fn array(tag: &str) -> Option<Value> {
    let value: Value = serde_json::from_slice(&decode(tag)).ok()?;
    (value.is_object() || value.is_array()).then(|| php(value))
}

/// PHP's `base64_decode` without strict mode: what is not of the alphabet is skipped.
pub fn decode(tag: &str) -> Vec<u8> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient);
    let mut letters: String = tag.chars().filter(|it| it.is_ascii_alphanumeric() || matches!(it, '+' | '/')).collect();
    if letters.len() % 4 == 1 {
        letters.pop();
    }
    engine.decode(letters).unwrap_or_default()
}

/// An empty object becomes an empty list, as PHP knows no difference.
fn php(value: Value) -> Value {
    match value {
        Value::Object(map) if map.is_empty() => Value::Array(Vec::new()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, it)| (key, php(it))).collect()),
        Value::Array(list) => Value::Array(list.into_iter().map(php).collect()),
        other => other,
    }
}

/// Maps merge by key, scalars override; members of lists are appended if they are arrays, else replace by position.
pub fn merge(base: Value, custom: Value) -> Value {
    match (base, custom) {
        (Value::Object(mut base), Value::Object(custom)) => {
            for (key, value) in custom {
                put(&mut base, key, value);
            }
            Value::Object(base)
        }
        (Value::Array(mut base), Value::Array(custom)) => {
            for (at, value) in custom.into_iter().enumerate() {
                match base.get_mut(at) {
                    Some(old) if !is_array(&value) => *old = value,
                    _ => base.push(value),
                }
            }
            Value::Array(base)
        }
        // A list merged with a map is a map with numbers for keys.
        (Value::Array(base), custom @ Value::Object(_)) if base.is_empty() => custom,
        (Value::Array(base), custom @ Value::Object(_)) => merge(numbered(base), custom),
        (base @ Value::Object(_), Value::Array(custom)) => merge(base, numbered(custom)),
        (_, custom) => custom,
    }
}

fn put(base: &mut Map<String, Value>, key: String, value: Value) {
    let old = base.get_mut(&key);
    match (old, key.parse::<u64>().is_ok(), is_array(&value)) {
        (Some(old), false, true) if is_array(old) => *old = merge(std::mem::take(old), value),
        (Some(_), true, true) => {
            let next = base.keys().filter_map(|it| it.parse::<u64>().ok()).max().map_or(0, |it| it + 1);
            base.insert(next.to_string(), value);
        }
        (Some(old), _, _) => *old = value,
        (None, _, _) => drop(base.insert(key, value)),
    }
}

fn numbered(list: Vec<Value>) -> Value {
    Value::Object(list.into_iter().enumerate().map(|(n, it)| (n.to_string(), it)).collect())
}

fn is_array(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_wiring_vectors_in_all_three_versions() {
        let text = include_str!("../../../fixtures/pfsense/wiring-vectors.json");
        let vectors: Vec<Value> = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.len(), 20);
        let tag = |vector: &Value, key: &str| vector[key].as_str().map(str::to_owned);
        for vector in &vectors {
            let (global, interface, reservation) =
                (tag(vector, "global_custom"), tag(vector, "interface_custom"), tag(vector, "reservation_custom"));
            let custom = Custom {
                global: global.as_deref(),
                interfaces: vec![interface.as_deref()],
                reservations: vec![vec![reservation.as_deref()]],
            };
            for version in ["2.7.2", "2.8", "master"] {
                let base = &vectors[0][version]["kea_dhcp4_conf"];
                let lints = if version == "2.8" { Lints::Always } else { Lints::WithScopes };
                // 2.7.2 does not look at the tags.
                let custom = if version == "2.7.2" { &Custom::default() } else { &custom };
                let fails = vector["lint_fails"] == true;
                let made = generate(base, custom, lints, |_| !fails);
                let wanted = match vector[version]["result"].as_str() {
                    Some("written") => Generated::Written(vector[version]["kea_dhcp4_conf"].clone()),
                    _ => Generated::Fatal,
                };
                assert_eq!(made, wanted, "{} {version}", vector["name"]);
            }
        }
    }
}
