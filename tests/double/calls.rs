//! Replays `api-vectors.json`: all recorded HTTP calls per version, status and whole bodies.

use crate::doubles::technitium::{Handle, Version};
use crate::http::{Request, call, encode, ok, send};
use crate::{answer_for, conclude, fixture, start};
use base64::Engine as _;
use serde_json::Value;

/// Calls known to differ: none.
const DEVIATIONS: [&str; 0] = [];
/// Fields whose content differs from run to run.
const VARIES: [&str; 5] = ["stackTrace", "uptimestamp", "lastModified", "lastUsedOn", "token"];

/// Collects where a recorded body and the one at hand differ. A field that only one has is a difference, unless the
/// record shows chosen fields only (`…`).
pub fn compare(want: &Value, have: &Value, path: &str, out: &mut Vec<String>) {
    match (want, have) {
        (Value::Object(w), Value::Object(h)) => {
            for (name, value) in w.iter().filter(|(name, _)| *name != "…" && !VARIES.contains(&name.as_str())) {
                if let Some(list) = name.strip_prefix("count of ") {
                    let count = h.get(list).and_then(Value::as_array).map_or(0, Vec::len);
                    if *value != count {
                        out.push(format!("{path}.{list}: {value} entries recorded, {count} here"));
                    }
                } else if value == "<absent>" {
                    if h.contains_key(name) {
                        out.push(format!("{path}.{name}: should be absent"));
                    }
                } else {
                    match h.get(name) {
                        None => out.push(format!("{path}.{name}: missing")),
                        Some(other) => compare(value, other, &format!("{path}.{name}"), out),
                    }
                }
            }
            let whole = !w.contains_key("…");
            let more = h.keys().filter(|name| whole && !w.contains_key(*name) && !VARIES.contains(&name.as_str()));
            out.extend(more.map(|name| format!("{path}.{name}: not in the record")));
        }
        (Value::Array(w), Value::Array(h)) => {
            if w.len() != h.len() {
                out.push(format!("{path}: {} entries recorded, {} here", w.len(), h.len()));
            }
            for (at, (w, h)) in w.iter().zip(h).enumerate() {
                compare(w, h, &format!("{path}[{at}]"), out);
            }
        }
        (Value::String(w), _) if w.starts_with("<made here") => {
            let bytes = base64::prelude::BASE64_STANDARD.decode(have.as_str().unwrap_or_default()).unwrap_or_default();
            if *w != format!("<made here: {} bytes>", bytes.len()) {
                out.push(format!("{path}: {w} recorded, {} bytes here", bytes.len()));
            }
        }
        (Value::String(w), _) if w.contains('<') || w.contains("192.0.2.53") => (),
        // Ports and addresses of the recorded server are its own.
        (Value::Number(_), Value::Number(_)) if path.ends_with("webServiceHttpPort") => (),
        _ if want != have => out.push(format!("{path}: recorded {want}, here {have}")),
        _ => (),
    }
}

pub fn pairs(value: &Value) -> Vec<(String, String)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// The request of a step, with the kind of authentication it asks for.
fn request(server: &Handle, step: &Value) -> Request {
    let zeros = "0".repeat(64);
    let good = ("token".to_owned(), server.token().to_owned());
    let (mut form, mut query) = (pairs(&step["form"]), pairs(&step["query"]));
    let mut json = step.get("json").cloned();
    let mut bearer = None;
    match step["auth"].as_str().unwrap() {
        "none" => (),
        "admin" if json.is_some() => query.push(good),
        "admin" => form.push(good),
        "bad" => form.push(("token".into(), zeros)),
        "query" => query.push(good),
        "bearer" => bearer = Some(good.1),
        "bearer-bad" => bearer = Some(zeros),
        "bearer-bad-form-good" => {
            bearer = Some(zeros);
            form.push(good);
        }
        "json-token" => json.as_mut().unwrap()["token"] = good.1.into(),
        other => panic!("auth {other} is not known here"),
    }
    let method = step["method"].as_str().unwrap_or("POST").to_owned();
    let body = if let Some(json) = json {
        Some(("application/json", json.to_string()))
    } else if let Some(body) = step["body"].as_str() {
        Some(("application/x-www-form-urlencoded", format!("{body}&token={}", server.token())))
    } else if matches!(method.as_str(), "GET" | "HEAD" | "DELETE") {
        query.append(&mut form);
        None
    } else {
        Some(("application/x-www-form-urlencoded", encode(&form)))
    };
    Request { method, path: step["path"].as_str().unwrap().to_owned(), query, body, bearer, source: None }
}

/// Where the answer to a step differs from the record.
fn differences(server: &Handle, step: &Value, want: &Value) -> Vec<String> {
    let (status, text) = send(server, &request(server, step)).unwrap();
    let mut out = Vec::new();
    if want["http"] != status {
        out.push(format!("http: recorded {}, here {status}", want["http"]));
    }
    match (want.get("body"), serde_json::from_str::<Value>(&text)) {
        (Some(body), Ok(have)) => {
            compare(body, &have, "", &mut out);
            let last = have.as_object().and_then(|fields| fields.keys().next_back());
            if have["status"] == "ok" && last.is_some_and(|name| name != "status") {
                out.push("status does not come last".into());
            }
        }
        (Some(_), Err(_)) => out.push("no JSON".into()),
        (None, _) if want["body_text"].as_str().unwrap_or_default() != text => out.push(format!("text: {text}")),
        (None, _) => (),
    }
    out
}

fn clean(server: &Handle) {
    let zones = ok(server, "zones/list", &[]);
    for zone in zones["zones"].as_array().unwrap().iter().filter(|zone| zone["internal"] != true) {
        ok(server, "zones/delete", &[("zone", zone["name"].as_str().unwrap())]);
    }
    ok(server, "settings/set", &[("tsigKeys", "false")]);
}

fn replay(version: Version) {
    let (server, document) = (start(version), fixture("api-vectors.json"));
    let (mut total, mut deviating) = (0, Vec::new());
    for scenario in document["scenarios"].as_array().unwrap() {
        clean(&server);
        for (at, step) in scenario["steps"].as_array().unwrap().iter().enumerate() {
            if let Some(prepare) = step.get("prepare") {
                let form = pairs(&prepare["form"]);
                let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                call(&server, prepare["path"].as_str().unwrap(), &form);
                continue;
            }
            let Some(want) = answer_for(&step["answers"], version) else { continue };
            total += 1;
            let found = differences(&server, &step["request"], want);
            if !found.is_empty() {
                let name = format!("{}, step {}", scenario["name"].as_str().unwrap(), at + 1);
                deviating.push((name, found.join("; ")));
            }
        }
    }
    assert_eq!(total, 200, "calls are missing from the fixture");
    conclude("api-vectors", version, total, &deviating, &DEVIATIONS);
}

#[test]
fn calls_as_13_6_answers_them() {
    replay(Version::V13_6);
}

#[test]
fn calls_as_14_3_answers_them() {
    replay(Version::V14_3);
}

#[test]
fn calls_as_15_2_answers_them() {
    replay(Version::V15_2);
}
