//! Plans of every format there ever was, read as today's. Format 1 (0.1.0 before its release) named a change or a check
//! without its subject; nothing else differs.

use super::{FORMAT, Plan};
use serde_json::Value;

/// The subject of each change and check of format 1. Later ones are always written with theirs.
const SUBJECTS: [(&str, &str); 10] = [
    ("keys", "store-key forget-key mark-current retire store-is key-stored key-not-stored current-is retired-is"),
    (
        "servers",
        "add-server-key remove-server-key grant revoke set-rules settle server-has-key server-lacks-key granted \
         not-granted rules-are",
    ),
    (
        "probes",
        "probe forget-probe probe-refusals probe-d2 forget-d2-probe key-accepted key-refused unsigned-refused \
         probes-gone",
    ),
    ("files", "remove-backups config-is file-is"),
    ("d2", "install-d2 restore-d2 replace-d2 drain d2-file-uses d2-runs"),
    ("service", "put-script restore-script remove-script start-d2 stop-d2 script-stands d2-up"),
    ("wiring", "rewire-dhcp dhcp-sends dhcp-file-has dhcp-uses"),
    ("firewall", "edit-firewall restore-firewall firewall-says firewall-is dhcp-runs resolver-runs"),
    ("heal", "heal"),
    ("bypass", "open-zone begin-bypass end-bypass"),
];

/// Reads a plan. The error says why it can't be read.
pub(super) fn plan(bytes: &[u8]) -> Result<Plan, String> {
    let words = |error: serde_json::Error| error.to_string();
    // Today's format is read from its text: errors then name line and column.
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else {
        return serde_json::from_slice(bytes).map_err(words);
    };
    match value.get("format").and_then(Value::as_u64) {
        Some(1) => serde_json::from_value(upgraded(&mut value)).map_err(words),
        Some(format) if format != u64::from(FORMAT) => Err(unknown(&value)),
        Some(_) => serde_json::from_slice(bytes).map_err(words),
        None => Err(unknown(&value)),
    }
}

/// Why a plan or journal of such a format can't be read.
pub(super) fn unknown(value: &Value) -> String {
    match value.get("format") {
        None => "it names no format".to_owned(),
        Some(it) if it.as_u64().is_some_and(|it| it > u64::from(FORMAT)) => {
            format!("format {it} is of a newer pfddns; this one reads {FORMAT} and older")
        }
        Some(it) => format!("format {it} is unknown; this pfddns reads {FORMAT} and older"),
    }
}

/// A plan of format 1 as one of today.
pub(super) fn upgraded(value: &mut Value) -> Value {
    if let Some(format) = value.get_mut("format") {
        *format = FORMAT.into();
    }
    for place in ["given", "steps"] {
        if let Some(part) = value.get_mut(place) {
            name_subjects(part);
        }
    }
    std::mem::take(value)
}

fn name_subjects(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(name_subjects),
        Value::Object(map) => {
            let name = ["change", "check"].iter().find_map(|it| map.get(*it).and_then(Value::as_str));
            let has = |names: &str, name| names.split_whitespace().any(|it| it == name);
            let subject = name.and_then(|name| SUBJECTS.iter().find(|(_, names)| has(names, name)));
            if let Some((subject, _)) = subject {
                map.insert("of".into(), (*subject).into());
            }
            map.values_mut().for_each(name_subjects);
        }
        _ => {}
    }
}
