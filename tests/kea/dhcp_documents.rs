//! What `kea lint` says of DHCP documents against `kea-dhcp4 -t`, as far as names are concerned: same verdict, same place.

use crate::each_version;
use crate::harness::{Kea, KeaHome, real, write};
use pfddns::systems::kea::Version;
use pfddns::systems::kea::daemon::apply;
use pfddns::systems::kea::lint::{Checked, Severity, check::syntax};
use pfddns::systems::kea::lint::{Context, lint};
use pfddns::systems::kea::text::Document;
use pfddns::world::Host;
use pfddns::world::local::Local;
use std::process::Command;

each_version!(names_in_dhcp_documents_are_judged_as_kea_dhcp4_does);

/// Members of `Dhcp4`, of each other place (`subnet`, `shared`, `pool`, `ddns`), or the whole document.
#[rustfmt::skip]
const MISTAKES: [(&str, &str); 70] = [
    ("global", ""), ("global", "/* x */"), ("global", r#""user-context":{"a":1,"a":2}"#), ("global", r#""valid-lifetime":1"#),
    ("global", r#""user-context":{"dhcp-ddns":{"qualifying-suffix":"a"},"ddns-ttl":1}"#),
    ("global", r#""client-classes":[{"name":"c","user-context":{"ddns-conflict-resolution-mode":"x"}}]"#),
    ("global", r#""ddns-conflict-resolution-mode":"check-with-dhcid""#), ("global", r#""ddns-conflict-resolution-mode":"CHECK-with-dhcid""#),
    ("global", r#""ddns-conflict-resolution-mode":"nonsense""#), ("global", r#""ddns-use-conflict-resolution":true"#),
    ("global", r#""ddns-use-conflict-resolution":true,"ddns-conflict-resolution-mode":"check-with-dhcid""#),
    ("global", r#""ddns-conflict-resolution-mode":"check-with-dhcid","ddns-use-conflict-resolution":true"#),
    ("global", r#""ddns-ttl-percent":0.5"#), ("global", r#""ddns-ttl-percent":1"#), ("global", r#""ddns-ttl-percent":-0.5"#),
    ("global", r#""ddns-ttl":600"#), ("global", r#""ddns-ttl":-1"#), ("global", r#""ddns-ttl":4294967296"#),
    ("global", r#""ddns-ttl-min":600,"ddns-ttl-max":700"#), ("global", r#""ddns-ttl-min":800,"ddns-ttl-max":700"#),
    ("global", r#""ddns-ttl":600,"ddns-ttl-percent":0.5"#), ("global", r#""ddns-ttl":600,"ddns-ttl-min":5"#),
    ("global", r#""ddns-ttl-percent":0.5,"ddns-ttl-min":5"#), ("global", r#""ddns-replace-client-name":"sometimes""#),
    ("global", r#""ddns-replace-client-name":"ALWAYS""#), ("global", r#""ddns-replace-client-name":true"#),
    ("global", r#""ddns-qualifying-suffix":"""#), ("global", r#""ddns-qualifying-suffix":7"#), ("global", r#""ddns-send-updates":"true""#),
    ("global", r#""ddns-override-client-update":1"#), ("global", r#""hostname-char-set":"""#), ("global", r#""ddns-update-on-renew":null"#),
    ("subnet", r#""ddns-ttl":5"#), ("subnet", r#""ddns-send-updates":false"#), ("subnet", r#""ddns-replace-client-name":"x""#),
    ("shared", r#""ddns-conflict-resolution-mode":"check-with-dhcid""#), ("shared", r#""ddns-send-updates":0"#),
    ("pool", r#""ddns-conflict-resolution-mode":"check-with-dhcid""#), ("pool", r#""ddns-qualifying-suffix":"x.""#),
    ("ddns", r#""server-port":0"#), ("ddns", r#""server-port":65536"#), ("ddns", r#""server-port":-1"#), ("ddns", r#""server-port":"53001""#),
    ("ddns", r#""server-ip":"x""#), ("ddns", r#""server-ip":"""#), ("ddns", r#""server-ip":"::1""#), ("ddns", r#""sender-ip":"zz""#),
    ("ddns", r#""sender-ip":"""#), ("ddns", r#""sender-port":65536"#), ("ddns", r#""ncr-protocol":"tcp""#), ("ddns", r#""ncr-protocol":"SCTP""#),
    ("ddns", r#""ncr-format":"XML""#), ("ddns", r#""max-queue-size":-1"#), ("ddns", r#""max-queue-size":4294967296"#),
    ("ddns", r#""qualifying-suffix":"x.""#), ("ddns", r#""override-no-update":true"#), ("ddns", r#""hostname-char-replacement":"x""#),
    ("ddns", r#""always-include-fqdn":true"#), ("ddns", r#""allow-client-update":true"#), ("ddns", r#""comment":"c","user-context":{}"#),
    ("whole", r#"{"Dhcp4":{"dhcp-ddns":{}}}"#), ("whole", r#"{"Dhcp4":{"dhcp-ddns":{"server-port":53001}}}"#),
    ("whole", r#"{"Dhcp4":{"dhcp-ddns":null}}"#), ("whole", r#"{"Dhcp4":{"dhcp-ddns":[]}}"#), ("whole", r#"{"Dhcp4":{"dhcp-ddns":{"enable-updates":{}}}}"#),
    ("whole", r#"{"Dhcp4":{"dhcp-ddns":{"enable-updates":TRUE}}}"#), ("whole", r#"{"Dhcp4":{"dhcp-ddns":{"enable-updates":true}}"#),
    ("whole", r#"{"Dhcp4":{"dhcp-ddns":{"enable-updates":true}}}}"#), ("whole", r#"{"Dhcp4":{"dhcp-ddns":{"enable-updates":true,},},}"#),
    ("whole", r#"{,"Dhcp4":{"dhcp-ddns":{"enable-updates":true}}}"#),
];

fn document(place: &str, text: &str) -> String {
    let at = |here: &str, before: &str, after: &str| match place == here && !text.is_empty() {
        true => format!("{before}{text}{after}"),
        false => String::new(),
    };
    let comma = if text.starts_with("/*") { "" } else { "," };
    format!(
        r#"{{"Dhcp4":{{"valid-lifetime":7200,{} "dhcp-ddns":{{"enable-updates":true{}}},"subnet4":[{{"id":1,"subnet":"192.0.2.0/24"{}{}}}]{}}}}}"#,
        at("global", "", comma),
        at("ddns", ",", ""),
        at("subnet", ",", ""),
        at("pool", r#","pools":[{"pool":"192.0.2.1-192.0.2.9","#, "}]"),
        at("shared", r#","shared-networks":[{"name":"s","#, "}]"),
    )
}

fn names_in_dhcp_documents_are_judged_as_kea_dhcp4_does(kea: Kea) {
    let Some(home) = real(kea.home()) else { return };
    let version = apply::program_version(&Host::Local(Local), &home.d2).unwrap();
    let mut wrong = Vec::new();
    for (place, mistake) in MISTAKES {
        let text = if place == "whole" { mistake.to_owned() } else { document(place, mistake) };
        let (theirs, ours) = (theirs(&home, &text), ours(&text, version));
        let agree = match &theirs {
            None => ours.is_empty(),
            Some(place) if place.is_empty() => !ours.is_empty(),
            Some(place) => ours.first() == Some(place),
        };
        if !agree {
            wrong.push(format!("{text}\n   daemon {theirs:?}\n   we     {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), MISTAKES.len(), wrong.join("\n"));
}

/// `None` if the daemon takes it, else the `line:column` it names, empty if it names none.
fn theirs(home: &KeaHome, text: &str) -> Option<String> {
    let path = home.folder().join("t.conf");
    write(&path, text, 0o600);
    let out = Command::new(&home.dhcp4).env_clear().arg("-t").arg(&path).output().unwrap();
    if out.status.success() {
        return None;
    }
    let printed = String::from_utf8_lossy(&[out.stderr, out.stdout].concat()).into_owned();
    let line = printed.lines().find(|it| it.contains("failed with") || it.contains("rror encountered"));
    let place = line.and_then(|it| it.split("t.conf:").nth(1)).unwrap_or_default();
    let numbers: Vec<&str> = place.split(|it: char| !it.is_ascii_digit()).take(2).collect();
    Some(if numbers.len() == 2 { numbers.join(":") } else { String::new() })
}

/// The places of our errors.
fn ours(text: &str, version: Version) -> Vec<String> {
    let found = match Document::scan(text.as_bytes(), "t.conf", &|_| None).and_then(Document::whole) {
        Err(error) => vec![syntax(&error)],
        Ok(document) => {
            lint(None, &[&document], &Context { against: Checked::new(version), zones: &[], reserved: &[] })
        }
    };
    let errors = found.iter().filter(|it| it.severity == Severity::Error);
    errors.map(|it| it.place.trim_start_matches("t.conf:").to_owned()).collect()
}
