//! templates/pfddns.toml against the configuration's types: it parses with every option set, and lists every option.
//! pfddns.toml(5) is made from it by packaging/ci/generated.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use pfddns::config::Config;
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

#[test]
fn the_template_names_every_option() {
    let lines: Vec<&str> = TEMPLATE.lines().map(|line| line.trim_start_matches(['#', ' '])).collect();
    let sections = [
        ("", ""),
        ("[site]", "[site]"),
        ("[key]", "[key]"),
        ("[store]", "[store]\ntype = \"file\""),
        ("[store]", "[store]\ntype = \"vault\"\nurl = \"u\"\ntoken-file = \"t\""),
        ("[d2]", "[d2]"),
        ("[[server]]", "[[server]]\ntype = \"technitium\""),
        ("[[server]]", "[[server]]\ntype = \"bind\""),
        ("[[zone]]", "[[zone]]"),
        ("[[subnet]]", "[[subnet]]"),
    ];
    for (heading, probe) in sections {
        for name in known(probe) {
            let option = lines.iter().any(|line| line.starts_with(&format!("{name} = ")));
            let table = lines.iter().any(|line| *line == format!("[{name}]") || *line == format!("[[{name}]]"));
            assert!(option || table, "{heading}: `{name}` is not in templates/pfddns.toml");
        }
    }
}
