//! `custom_kea_config`: the operator's JSON, which pfSense 2.8 and later merges into Kea's generated file.
//! That merge is pfSense's `array_merge_override_recursive`; `tests/pfsense_custom.rs` holds it against what pfSense wrote.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// PHP's `base64_decode` without strict mode: other characters are skipped.
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
