//! `custom_kea_config`: a model of what pfSense makes of it, from the program's own merge, against what pfSense wrote.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use pfddns::systems::pfsense::custom_kea::{decode, merge};
use serde_json::Value;

/// What pfSense's generator ends with.
#[derive(Debug, Clone, PartialEq)]
enum Generated {
    /// This configuration is written and Kea is started with it.
    Written(Value),
    /// PHP stops with a type error after Kea was killed: DHCP is down.
    Fatal,
}

/// The custom values of one configuration; `None` where there is no tag.
#[derive(Debug, Clone, Default)]
struct Custom<'a> {
    /// `<kea><custom_kea_config>`.
    global: Option<&'a str>,
    /// For each `subnet4` entry of the base, in order: the interface's tag.
    interfaces: Vec<Option<&'a str>>,
    /// For each of those, the tags of its reservations in order.
    reservations: Vec<Vec<Option<&'a str>>>,
}

/// When pfSense runs `kea-dhcp4 -t` on its result, and falls back to one without any custom value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lints {
    /// The first weeks of the feature (2.8 in March 2025).
    Always,
    /// Only if an interface, pool or reservation has custom JSON; the global value alone is never checked.
    WithScopes,
}

/// What pfSense writes from `base` (its configuration without custom values). `valid` plays the part of `kea-dhcp4 -t`.
fn generate(base: &Value, custom: &Custom<'_>, lints: Lints, valid: impl Fn(&Value) -> bool) -> Generated {
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

/// An empty object becomes an empty list, as PHP knows no difference.
fn php(value: Value) -> Value {
    match value {
        Value::Object(map) if map.is_empty() => Value::Array(Vec::new()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, it)| (key, php(it))).collect()),
        Value::Array(list) => Value::Array(list.into_iter().map(php).collect()),
        other => other,
    }
}

#[test]
fn all_wiring_vectors_in_all_three_versions() {
    let text = include_str!("../fixtures/pfsense/wiring-vectors.json");
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
