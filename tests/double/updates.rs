//! Replays `update-vectors.json`: 110 messages per version; answer, signature, serial steps, records.

use crate::doubles::technitium::{Handle, Version};
use crate::http::{call, ok};
use crate::tsig::{self, Key};
use crate::{answer_for, conclude, fixture, start, wire};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};

/// Cases known to differ: none.
const DEVIATIONS: [&str; 0] = [];
const RCODES: [&str; 11] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
    "NOTZONE",
];

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn pairs(value: &Value) -> Vec<(&str, &str)> {
    value.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

/// The zone of a case, as new, with what is in it before and with its rules.
fn prepare(server: &Handle, document: &Value, case: &Value) {
    let name = text(case, "zone");
    let acl = text(&document["zones"]["example.test"], "updateNetworkACL");
    let rules = match &document["zones"][name] {
        Value::Null => {
            json!({"update": "UseSpecifiedNetworkACL", "updateNetworkACL": acl, "updateSecurityPolicies": ""})
        }
        rules => rules.clone(),
    };
    let kind = case["ztype"].as_str().unwrap_or("Primary");
    ok(server, "zones/create", &[("zone", name), ("type", kind), ("forwarder", "this-server"), ("protocol", "Udp")]);
    if let Some(child) = case["child"].as_str() {
        ok(server, "zones/create", &[("zone", child)]);
    }
    if case["given"].as_array().is_some_and(|given| !given.is_empty()) {
        ok(server, "zones/options/set", &[("zone", name), ("update", "Allow")]);
        let (message, _) = wire::build(&json!({"zone": name, "update": case["given"]}), 7);
        let answer = wire::exchange(server.dns(), Ipv4Addr::LOCALHOST.into(), false, &message).unwrap();
        assert_eq!(answer[3] & 15, 0, "what a case starts from was refused");
    }
    for record in case["given_api"].as_array().into_iter().flatten() {
        let form = [vec![("zone", name)], pairs(record)].concat();
        ok(server, "zones/records/add", &form);
    }
    let policies = case["policies"].as_str().unwrap_or(text(&rules, "updateSecurityPolicies"));
    ok(server, "zones/options/set", &[("zone", name), ("update", "Deny"), ("updateSecurityPolicies", policies)]);
    let (mode, acl) = (text(&rules, "update"), text(&rules, "updateNetworkACL"));
    ok(server, "zones/options/set", &[("zone", name), ("update", mode), ("updateNetworkACL", acl)]);
    if !case["options"].is_null() {
        ok(server, "zones/options/set", &[vec![("zone", name)], pairs(&case["options"])].concat());
    }
}

/// Serial and rows of a zone as its listing shows them.
fn snapshot(server: &Handle, zone: &str) -> (Option<i64>, Vec<String>) {
    let answer = call(server, "zones/records/get", &[("domain", zone), ("zone", zone), ("listZone", "true")]);
    if answer["status"] != "ok" {
        return (None, vec![format!("! 0 listing failed {}", text(&answer, "errorMessage"))]);
    }
    let (mut serial, mut rows) = (None, Vec::new());
    for record in answer["response"]["records"].as_array().unwrap() {
        let data = &record["rData"];
        if record["type"] == "SOA" {
            serial = data["serial"].as_i64();
            continue;
        }
        let fields = ["ipAddress", "ptrName", "text", "cname", "nameServer", "value"];
        let value =
            fields.iter().find_map(|name| data[*name].as_str().map(str::to_owned)).unwrap_or_else(|| sorted(data));
        rows.push(format!("{} {} {} {value}", text(record, "name"), record["ttl"], text(record, "type")));
    }
    (serial, rows)
}

/// An object as Python's `json.dumps(…, sort_keys=True)` writes it, which is how the fixtures were made.
fn sorted(data: &Value) -> String {
    let mut fields: Vec<(&String, &Value)> = data.as_object().unwrap().iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    let parts: Vec<String> = fields.into_iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", parts.join(", "))
}

fn difference(from: &[String], other: &[String]) -> Vec<String> {
    let mut rows: Vec<String> = from.iter().filter(|row| !other.contains(row)).cloned().collect();
    rows.sort();
    rows
}

/// Runs one case; gives what was seen in the words of the fixtures.
fn run(server: &Handle, case: &Value, want: &Value) -> Value {
    let zone = text(case, "zone");
    let (serial_before, before) = snapshot(server, zone);
    let (message, mac) = wire::build(case, 0x1234);
    let source: IpAddr = case["source"].as_str().unwrap_or("127.0.0.10").parse().unwrap();
    let answer = wire::exchange(server.dns(), source, case["transport"] == "tcp", &message);
    let (serial_after, after) = snapshot(server, zone);
    let mut have = json!({"answered": answer.is_some()});
    if let Some(answer) = &answer {
        have["rcode"] = RCODES[usize::from(answer[3] & 15)].into();
        have["tsig"] = tsig::of_answer(answer, Key::of(&case["key"]).as_ref(), &mac);
        if wire::records(answer).iter().any(|record| record.rtype == 41) {
            have["edns"] = true.into();
        }
    }
    have["serial_steps"] = serial_after.zip(serial_before).map(|(after, before)| after - before).into();
    have["added"] = difference(&after, &before).into();
    have["removed"] = difference(&before, &after).into();
    let added = have["added"].as_array().map_or(0, Vec::len);
    if added >= 40 && want["added"].as_array().is_some_and(|rows| rows.len() == 1) {
        have["added"] = json!([format!("{added} records")]);
    }
    have
}

/// Where two objects differ, either way.
fn differences(want: &Value, have: &Value) -> Option<String> {
    let (want, have) = (want.as_object().unwrap(), have.as_object().unwrap());
    let names = want.keys().chain(have.keys().filter(|name| !want.contains_key(*name)));
    let null = Value::Null;
    let differing = names.filter(|name| want.get(*name) != have.get(*name)).map(|name| {
        let (w, h) = (want.get(name).unwrap_or(&null), have.get(name).unwrap_or(&null));
        format!("{name}: recorded {w}, here {h}")
    });
    let all: Vec<String> = differing.collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn replay(version: Version) {
    let (server, document) = (start(version), fixture("update-vectors.json"));
    let row = |(name, key): (&String, &Value)| format!("{name}|{}|{}", text(key, "secret"), text(key, "algorithm"));
    let keys: Vec<String> = document["keys"].as_object().unwrap().iter().map(row).collect();
    ok(&server, "settings/set", &[("tsigKeys", &keys.join("|"))]);
    let (mut total, mut deviating) = (0, Vec::new());
    for case in document["cases"].as_array().unwrap() {
        let Some(want) = answer_for(&case["answers"], version) else { continue };
        total += 1;
        prepare(&server, &document, case);
        if let Some(why) = differences(want, &run(&server, case, want)) {
            deviating.push((text(case, "name").to_owned(), why));
        }
        for zone in [&case["child"], &case["zone"]].into_iter().filter_map(Value::as_str) {
            ok(&server, "zones/delete", &[("zone", zone)]);
        }
    }
    assert_eq!(total, 110, "messages are missing from the fixture");
    conclude("update-vectors", version, total, &deviating, &DEVIATIONS);
}

#[test]
fn updates_as_13_6_answers_them() {
    replay(Version::V13_6);
}

#[test]
fn updates_as_14_3_answers_them() {
    replay(Version::V14_3);
}

#[test]
fn updates_as_15_2_answers_them() {
    replay(Version::V15_2);
}
