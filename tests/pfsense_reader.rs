//! The reader model against what pfSense's own PHP made of the same bytes (fixtures/pfsense).

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pfddns::systems::pfsense::{Consequence, Dialect, Document, Seen};
use serde::Deserialize as _;
use serde_json::Value;

const DIALECTS: [(&str, Dialect); 3] = [("2.7.2", Dialect::V2_7), ("2.8", Dialect::V2_8), ("master", Dialect::V2_9)];

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/fixtures/pfsense/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn all_reader_vectors_in_all_three_versions() {
    let bytes = fixture("reader-vectors.json");
    let mut deep = serde_json::Deserializer::from_slice(&bytes);
    deep.disable_recursion_limit();
    let vectors = Vec::<Value>::deserialize(&mut deep).unwrap();
    assert_eq!(vectors.len(), 73);
    let mut wrong = Vec::new();
    for vector in &vectors {
        let bytes = STANDARD.decode(vector["input_base64"].as_str().unwrap()).unwrap();
        for (version, dialect) in DIALECTS {
            let wanted = &vector[version];
            let (accepted, seen, how) = match Document::read_as(&bytes, dialect) {
                Ok(document) => (true, Seen::of(&document, document.root()).to_json(), Value::Null),
                Err(refusal) => {
                    let how = if refusal.consequence == Consequence::Dies { "exception" } else { "refused" };
                    (false, Value::Null, how.into())
                }
            };
            // As text, so that the order of keys counts.
            let (ours, theirs) = (seen.to_string(), wanted.get("seen").cloned().unwrap_or_default().to_string());
            let same = ours == theirs;
            if accepted != wanted["accepted"] || !same || (!accepted && how != wanted["how"]) {
                wrong.push(format!("{} ({version}): {accepted} {seen} {how}", vector["name"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_captured_files_are_seen_as_pfsense_sees_them() {
    for (folder, dialect) in [
        ("2.7.2", Dialect::V2_7),
        ("2.8", Dialect::V2_8),
        ("2.8-ddns", Dialect::V2_8),
        ("master", Dialect::V2_9),
        ("master-ddns", Dialect::V2_9),
    ] {
        let bytes = fixture(&format!("{folder}/config.xml"));
        let document = Document::read_as(&bytes, dialect).unwrap();
        let wanted: Value = serde_json::from_slice(&fixture(&format!("{folder}/seen-by-pfsense.json"))).unwrap();
        assert_eq!(Seen::of(&document, document.root()).to_json().to_string(), wanted.to_string(), "{folder}");
    }
}
