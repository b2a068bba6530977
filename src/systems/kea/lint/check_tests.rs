//! Against the recorded verdicts of three daemons, `fixtures/kea/d2-check-vectors.json`.

use super::super::against::Named;
use super::*;
use crate::systems::kea::Version;
use serde_json::Value as Json;
use std::io::Write as _;

/// What the daemons' `-t` passes and we do not: traps that lose updates or keep the daemon from starting.
const HARSHER: [(&str, &str); 12] = [
    ("domain no trailing dot", "no-final-dot"),
    ("domain ..", "bad-domain"),
    ("domain dup dot", "domain-twice"),
    ("domain dup dot", "no-final-dot"),
    ("domain dup case", "domain-twice"),
    ("dup key name trailing dot", "key-same-name"),
    ("dup key name case", "key-same-name"),
    ("cs /tmp/x", "socket-folder"),
    ("cs /var/run/kea/x", "socket-folder"),
    ("cs path 120 chars", "socket-long"),
    ("cs empty name", "socket-name"),
    ("secret-file is dir", "secret-file"),
];

fn vectors() -> Vec<Json> {
    serde_json::from_str(include_str!("../../../../fixtures/kea/d2-check-vectors.json")).unwrap()
}

/// The files the vectors name, as they were when the daemons saw them.
fn load(file: &str) -> Option<Vec<u8>> {
    match file {
        "/dir/inc.json" => Some(b"\"tsig-keys\": []".to_vec()),
        "/dir/inc2.json" => {
            Some(br#"{"name":"k","algorithm":"HMAC-SHA256","secret":"LSWXnfkKZjdPJI5QxlpnfQ=="}"#.to_vec())
        }
        "/dir/loop.json" => Some(b"<?include \"/dir/loop.json\"?>".to_vec()),
        _ => None,
    }
}

fn look(file: &str) -> Named {
    match file {
        "/dir/secnl" | "/dir/sec" => Named::File(0o600),
        "/dir/sec777" => Named::File(0o777),
        "/tmp/k" => Named::NotAFile,
        _ => Named::Missing,
    }
}

/// `line:column` of a daemon's message: `FILE:1.14-25: …` or `… (FILE:1:98)`, the first one named.
fn place_of(message: &str) -> Option<String> {
    let at = message.split("FILE:").nth(1)?;
    let numbers: Vec<&str> = at.split(|char: char| !char.is_ascii_digit()).take(2).collect();
    Some(numbers.join(":"))
}

/// Errors of ours for a vector: place and code.
fn errors(config: &str, version: Version) -> Vec<(String, String)> {
    let document = match Document::scan(config.as_bytes(), "FILE", &load) {
        Ok(document) => document,
        Err(error) => {
            let place = place_of(error.what()).unwrap_or_default();
            return vec![(place, format!("syntax: {}", error.what()))];
        }
    };
    let against = Checked {
        version,
        socket_folder: Some("/run/kea"),
        socket_folder_mode: Some(0o750),
        log_folder: Some("/var/log/kea"),
        hooks_folder: None,
        guess_folders: false,
        look: &look,
    };
    let found = d2(&document, &against);
    let errors = found.iter().filter(|it| it.severity == Severity::Error);
    errors.map(|it| (it.place.replace("FILE:", ""), it.code.to_owned())).collect()
}

#[test]
fn what_a_daemon_rejects_is_an_error_at_the_same_place() {
    let mut wrong = Vec::new();
    let (mut rejected, mut placed, mut aborted, mut accepted) = (0, 0, 0, 0);
    for vector in vectors() {
        for version in ["2.2.0", "2.6.3", "3.0.4"] {
            let (name, verdict) = (vector["name"].as_str().unwrap(), &vector[version]);
            let ours = errors(vector["config"].as_str().unwrap(), Version::parse(version).unwrap());
            let message = verdict["message"].as_str().unwrap();
            if verdict["exit"] != 0 {
                rejected += 1;
                // A signal, as the shell or as Python shows it.
                aborted += usize::from([134, -6].iter().any(|code| verdict["exit"] == *code));
                let place = place_of(message);
                placed += usize::from(place.is_some());
                if !place.as_ref().map_or(!ours.is_empty(), |place| ours.iter().any(|it| &it.0 == place)) {
                    wrong.push(format!("{version} `{name}`: wanted {message}\n    got {ours:?}"));
                }
                continue;
            }
            accepted += 1;
            if !ours.iter().all(|it| HARSHER.contains(&(name, it.1.as_str()))) {
                wrong.push(format!("{version} `{name}`: accepted there, here {ours:?}"));
            }
        }
    }
    let text = format!(
        "{} configurations, three Keas: {rejected} rejections ({aborted} of them aborts, {placed} with a place) and {accepted} \
         acceptances, judged otherwise here or at another place: {}\n",
        vectors().len(),
        wrong.len()
    );
    let _ = std::io::stderr().write_all(text.as_bytes());
    assert!(wrong.is_empty(), "{} of {rejected}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rejected > 150 && placed > 100 && aborted > 0, "{text}");
}
