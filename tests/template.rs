//! templates/pfddns.toml against the configuration's types: it parses with every option set, and lists every option.
//! pfddns.toml(5) is made from it by packaging/ci/generated.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use pfddns::config::Config;
use serde_json::Value;
use std::path::Path;

const TEMPLATE: &str = include_str!("../templates/pfddns.toml");

/// What the configuration's types answer to a key they do not know, which names the ones they do.
fn known(section: &str) -> Vec<String> {
    let text = format!("version = \"v1\"\n{section}\nno-such-option = 1\n");
    let error = Config::parse(Path::new("t"), &text).unwrap_err().to_string();
    let error = error.lines().next().unwrap();
    assert!(error.contains("unknown field `no-such-option`"), "{section}: {error}");
    let names: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
    assert!(!names.is_empty(), "{error}");
    names.into_iter().map(str::to_owned).collect()
}

/// The template with every option at its default switched on, and its spelt-out alternatives still comments.
fn switched_on() -> String {
    let on = TEMPLATE.lines().map(|line| match line.strip_prefix('#') {
        Some(option) if option.starts_with(|first: char| first.is_ascii_lowercase()) => option,
        _ => line,
    });
    on.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_template_parses_as_it_is_and_with_every_option_on() {
    Config::parse(Path::new("pfddns.toml"), TEMPLATE).unwrap();
    let on = switched_on();
    assert_ne!(on, TEMPLATE);
    Config::parse(Path::new("pfddns.toml"), &on).unwrap();
}

/// What the published schema says against this file.
fn against_schema(text: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(include_str!("../packaging/schema/pfddns.toml.json")).unwrap();
    let file: Value = toml::from_str(text).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    schema.iter_errors(&file).map(|it| format!("{}: {it}", it.instance_path())).collect()
}

#[test]
fn the_published_schema_takes_what_the_program_takes() {
    for good in [TEMPLATE, &switched_on(), "version = \"v1\""] {
        assert_eq!(against_schema(good), [""; 0]);
    }
    for bad in
        ["", "version = \"v2\"", "version = \"v1\"\n[d2]\nlisten = 1", "version = \"v1\"\n[[zone]]\nsources = []"]
    {
        assert!(!against_schema(bad).is_empty() && Config::parse(Path::new("t"), bad).is_err(), "{bad}");
    }
}

#[test]
fn the_published_schema_refuses_a_wrong_key_everywhere() {
    for (_, section) in SECTIONS {
        let section = format!("version = \"v1\"\n{section}\n");
        assert_eq!(against_schema(&section), [""; 0], "{section}");
        assert!(!against_schema(&format!("{section}no-such-option = 1\n")).is_empty(), "{section}");
    }
}

const SECTIONS: [(&str, &str); 12] = [
    ("", ""),
    ("[site]", "[site]"),
    ("[key]", "[key]"),
    ("[store]", "[store]\ntype = \"file\""),
    ("[store]", "[store]\ntype = \"vault\"\nurl = \"u\"\ntoken-file = \"t\""),
    ("[d2]", "[d2]"),
    ("[pfsense]", "[pfsense]"),
    ("[ssh]", "[ssh]"),
    (
        "[[server]]",
        "[[server]]\ntype = \"technitium\"\nname = \"n\"\ndns = \"127.0.0.1:53\"\nurl = \"u\"\ntoken-file = \"t\"",
    ),
    (
        "[[server]]",
        "[[server]]\ntype = \"bind\"\nname = \"n\"\ndns = \"127.0.0.1:53\"\ninclude-file = \"i\"\nrndc = []",
    ),
    ("[[zone]]", "[[zone]]\nname = \"z\"\nsources = []"),
    ("[[subnet]]", "[[subnet]]\nnetwork = \"10.0.0.0/8\"\nsources = []"),
];

#[test]
fn the_template_names_every_option() {
    let lines: Vec<&str> = TEMPLATE.lines().map(|line| line.trim_start_matches(['#', ' '])).collect();
    for (heading, probe) in SECTIONS {
        for name in known(probe) {
            let option = lines.iter().any(|line| line.starts_with(&format!("{name} = ")));
            let table = lines.iter().any(|line| *line == format!("[{name}]") || *line == format!("[[{name}]]"));
            assert!(option || table, "{heading}: `{name}` is not in templates/pfddns.toml");
        }
    }
}
