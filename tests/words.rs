//! What messages, help, README, templates and packages tell the operator to type: each command and each long option is
//! one that the program has.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use clap::CommandFactory as _;
use pfddns::cli::Cli;
use std::fs;
use std::path::{Path, PathBuf};

/// What begins like a command and is none: the first line of the sealed store, and a crate of `cargo tree`.
const NO_COMMANDS: [&str; 2] = ["pfddns sealed store 1", "pfddns v0.1.0"];

/// Files whose words an operator reads. The man page and the completions are made from some of them.
fn texts() -> Vec<PathBuf> {
    fn walk(path: &Path, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| walk(&entry.unwrap().path(), found));
        } else {
            found.push(path.to_owned());
        }
    }
    let mut found = Vec::new();
    for place in ["src", "templates", "README.md", "packaging/freebsd", "packaging/linux", "packaging/CHANGELOG.md"] {
        walk(Path::new(place), &mut found);
    }
    found
}

/// Commands in a text: quoted as `…` or '…', or alone at the start of an indented line or of an example. Where several
/// are joined, each.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.replace("\\n", "\n").replace("\\|", "|");
        let alone = line.lines().map(str::trim_start).filter(|it| it.starts_with("pfddns "));
        found.extend(alone.map(str::to_owned));
        for quote in ['`', '\''] {
            let inside = line.split(quote).skip(1).step_by(2).filter(|it| it.starts_with("pfddns "));
            found.extend(inside.map(str::to_owned));
        }
    }
    let each = found.iter().flat_map(|it| it.split("&& ")).filter(|it| it.starts_with("pfddns "));
    each.filter(|it| !NO_COMMANDS.iter().any(|no| it.starts_with(no))).map(str::to_owned).collect()
}

/// What of a command the program does not know.
fn unknown(command: &str) -> Option<String> {
    let root = Cli::command();
    let mut at = &root;
    let mut words = command.split_whitespace().skip(1).map(|it| it.trim_matches(|it: char| "\"`',;.()[]".contains(it)));
    while let Some(word) = words.next() {
        // From here on: another program, an alternative, or words about the command.
        if ["|", ">", "#", "<"].contains(&word) {
            return None;
        }
        if let Some(long) = word.strip_prefix("--") {
            let named = |it: &clap::Command| it.get_arguments().find(|it| it.get_long() == Some(long)).cloned();
            match named(at).or_else(|| named(&root)) {
                None => return Some(word.to_owned()),
                Some(option) if option.get_action().takes_values() => _ = words.next(),
                Some(_) => {}
            }
        } else if at.has_subcommands() && word.starts_with(|it: char| it.is_ascii_lowercase()) {
            match at.find_subcommand(word) {
                Some(next) => at = next,
                None => return Some(word.to_owned()),
            }
        }
    }
    None
}

#[test]
fn every_command_that_a_text_names_is_one_of_the_program() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in texts() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for command in commands(&text) {
            seen += 1;
            if let Some(word) = unknown(&command) {
                wrong.push(format!("{}: `{command}`: no `{word}`", path.display()));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(seen > 100, "only {seen} commands were found: the texts are written otherwise now");
}

#[test]
fn a_command_that_is_not_there_is_seen() {
    let text = "  pfddns init   looks around\nsays `pfddns tsig import`, then 'pfddns plan --all'\n  pfddns plan rotate --out F";
    let found = commands(text);
    let unknown: Vec<_> = found.iter().filter_map(|it| unknown(it)).collect();
    assert_eq!(unknown, ["init", "import", "--all"], "{found:?}");
}
